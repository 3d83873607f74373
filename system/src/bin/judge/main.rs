//! The judge of foreign clients: runs the bots of `interop/` against servers, commands them, and listens to them.
//!
//! Prints a line per client and check; ends non-zero if one failed. Arguments choose some libraries or stories by name.

mod bot;
mod commands;
mod fault;
mod library;
mod queue;
mod sound;
mod told;
mod visit;

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context as _, Result};
use voxhall_system::Server;

use library::{LIBRARIES, Library};

/// For the next line of a bot; five seconds of sound and slow log-ins are in it.
const PATIENCE: Duration = Duration::from_secs(40);

/// What a bot is judged by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Story {
    /// Joins, plays, listens, moves, leaves.
    Visit,
    /// Does what messages and slash commands tell it.
    Commands,
    /// Plays on through faults.
    Queue,
}

impl Story {
    const ALL: [Self; 3] = [Self::Visit, Self::Commands, Self::Queue];

    const fn name(self) -> &'static str {
        match self {
            Self::Visit => "visit",
            Self::Commands => "commands",
            Self::Queue => "queue",
        }
    }

    fn is_told_by(self, library: &Library) -> bool {
        self != Self::Queue || library.queue.is_some()
    }

    /// What the server is started with besides.
    const fn server(self) -> &'static [&'static str] {
        match self {
            Self::Visit | Self::Commands => &[],
            Self::Queue => queue::SERVER,
        }
    }

    async fn judge(self, library: &Library) -> Result<()> {
        let server = Server::start_with(self.server())?;
        let outcome = match self {
            Self::Visit => visit::judge(library, &server.world).await,
            Self::Commands => commands::judge(library, &server.world).await,
            Self::Queue => queue::judge(library, &server).await,
        };
        outcome.with_context(|| format!("the server's log:\n{}", server.log()))
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    let names: Vec<String> = std::env::args().skip(1).collect();
    let unknown = names.iter().find(|name| {
        Story::ALL.iter().all(|story| story.name() != *name)
            && LIBRARIES.iter().all(|library| library.name != *name)
    });
    if let Some(name) = unknown {
        println!("interop: there is neither a library nor a story called {name:?}");
        return ExitCode::FAILURE;
    }
    let (mut passed, mut failed) = (0, 0);
    for (library, story) in chosen(&names) {
        match story.judge(library).await {
            Ok(()) => passed += 1,
            Err(error) => {
                failed += 1;
                println!("{}, {}: FAILED: {error:#}", library.name, story.name());
            }
        }
    }
    println!("interop: {passed} passed, {failed} failed");
    if failed == 0 && passed > 0 {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

/// Every story that each library tells, out of those that were named; a kind of which none was named counts as all.
fn chosen(names: &[String]) -> impl Iterator<Item = (&'static Library, Story)> {
    let named = |name: &str| names.iter().any(|given| given == name);
    let any_library = !LIBRARIES.iter().any(|library| named(library.name));
    let any_story = !Story::ALL.iter().any(|story| named(story.name()));
    let libraries = LIBRARIES
        .iter()
        .filter(move |library| any_library || named(library.name));
    libraries.flat_map(move |library| {
        let told = Story::ALL.into_iter().filter(|story| story.is_told_by(library));
        told.filter(move |story| any_story || named(story.name()))
            .map(move |story| (library, story))
    })
}
