//! The bots' side of the contract in ../../README.md.

use std::num::NonZeroU64;

use serenity::all::{ClientBuilder, GatewayIntents, GuildId, HttpBuilder};

pub fn setting(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("the judge sets {name}"))
}

pub fn id(name: &str) -> NonZeroU64 {
    setting(name).parse().expect("an id")
}

pub fn guild() -> GuildId {
    GuildId::from(id("GUILD"))
}

pub fn say(event: &str) {
    println!(r#"{{"event":"{event}"}}"#);
}

/// A client of the judge's server.
pub fn client(intents: GatewayIntents) -> ClientBuilder {
    // The library's own rate limiter does not know of a proxy and would wait for nothing.
    let http = HttpBuilder::new(setting("TOKEN"))
        .proxy(setting("BASE"))
        .ratelimiter_disabled(true)
        .build();
    ClientBuilder::new_with_http(http, intents)
}
