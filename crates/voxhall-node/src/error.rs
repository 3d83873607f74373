//! Why a node cannot be started or kept running.

/// What went wrong with a node.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Ready would have no address to carry.
    #[error(
        "a media node needs at least one media address that clients can reach; give one with --media-address"
    )]
    NoMediaAddress,
    /// Nobody would carry media.
    #[error("a media node needs at least one worker; give --workers 1 or more")]
    NoWorkers,
    /// The workers' ports would run past 65535.
    #[error(
        "{workers} workers do not fit above UDP port {first}; choose a lower --media-port or fewer workers"
    )]
    MediaPortRange {
        /// The first worker's port.
        first: u16,
        /// How many ports are needed.
        workers: usize,
    },
    /// A worker cannot be started.
    #[error(transparent)]
    Worker(voxhall_sfu::Error),
    /// The switchboard cannot be reached.
    #[error("the node cannot reach the switchboard: {0}")]
    Switchboard(#[from] voxhall_switchboard::Error),
}
