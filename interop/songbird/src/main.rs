//! Bots on serenity and songbird; the argument says which. See ../../README.md for the contract.

mod commands;
mod judged;
mod sound;
mod visit;

#[tokio::main]
async fn main() {
    match std::env::args().nth(1).as_deref() {
        Some("visit") => visit::run().await,
        Some("commands") => commands::run().await,
        other => panic!("there is no bot called {other:?}"),
    }
}
