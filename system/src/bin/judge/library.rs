//! The foreign libraries: how their programs are run, and what they can do.

/// A foreign client library.
#[derive(Debug)]
pub struct Library {
    /// What people call it.
    pub name: &'static str,
    /// The variable by which its runtime is told to trust a certificate.
    pub ca_variable: &'static str,
    /// What its bot plays when it is not told what.
    pub hz: f32,
    /// Whether it can hear others.
    pub listens: bool,
    /// The program that joins, plays, moves and leaves: with its arguments, relative to `interop/`.
    pub visit: &'static [&'static str],
    /// The program that is commanded.
    pub commands: &'static [&'static str],
    /// The program that plays a queue.
    pub queue: Option<&'static [&'static str]>,
}

/// All of them.
pub static LIBRARIES: [Library; 3] = [
    Library {
        name: "discord.js",
        ca_variable: "NODE_EXTRA_CA_CERTS",
        hz: 440.0,
        listens: true,
        visit: &["node", "discordjs/visit.mjs"],
        commands: &["node", "discordjs/commands.mjs"],
        queue: Some(&["node", "discordjs/queue.mjs"]),
    },
    Library {
        name: "discord.py",
        ca_variable: "SSL_CERT_FILE",
        hz: 550.0,
        listens: false,
        visit: &["discordpy/.venv/bin/python", "discordpy/visit.py"],
        commands: &["discordpy/.venv/bin/python", "discordpy/commanded.py"],
        queue: None,
    },
    Library {
        name: "songbird",
        ca_variable: "SSL_CERT_FILE",
        hz: 660.0,
        listens: true,
        visit: &["songbird/target/debug/voxhall-interop-songbird", "visit"],
        commands: &["songbird/target/debug/voxhall-interop-songbird", "commands"],
        queue: None,
    },
];
