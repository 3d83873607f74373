//! What `voxhall serve` says when it runs: its addresses, what to try, and how client libraries learn to trust it.

use std::net::IpAddr;
use std::path::Path;

use voxhall_control::dev::DevWorld;

use crate::state::{DEFAULT_FOLDER, ServerFile};
use crate::wiring::Server;

/// The whole of it.
pub fn text(server: &Server, state: &Path) -> String {
    let mut text = addresses(&server.file, server.authority_is_new);
    if let Some(world) = &server.world {
        text += &to_try(world, state);
    }
    if let Some(ca) = &server.file.ca {
        text += &trust(&ca.display().to_string());
    }
    text
}

fn addresses(file: &ServerFile, authority_is_new: bool) -> String {
    let ServerFile {
        api,
        gateway,
        voice_endpoint,
        ..
    } = file;
    let media: Vec<_> = file.media.iter().map(ToString::to_string).collect();
    let media = media.join(", ");
    let new = if authority_is_new { " (made just now)" } else { "" };
    let certificate = match &file.ca {
        Some(ca) => format!("  certificate    {}{new}\n", ca.display()),
        None => String::new(),
    };
    let page = page(api);
    format!(
        "Voxhall is running.
  page           {page}
  REST           {api}/v10
  main Gateway   {gateway}
  voice gateway  wss://{voice_endpoint}
  media (UDP)    {media}
{certificate}"
    )
}

/// The address to open in a browser. On its own machine plain text will do: there, browsers let a page without TLS use
/// microphone and camera, and nobody has to trust a certificate first.
fn page(api: &str) -> String {
    let host = api.trim_start_matches("https://").trim_end_matches("/api");
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let here = name.trim_matches(['[', ']']).parse::<IpAddr>();
    let here = here.is_ok_and(|address| address.is_loopback()) || name == "localhost";
    format!("{}://{host}/", if here { "http" } else { "https" })
}

/// Commands that work as they stand, for this program as it was started.
fn to_try(world: &DevWorld, state: &Path) -> String {
    let program = std::env::args().next().unwrap_or_else(|| "voxhall".to_owned());
    let state = match state.to_str() {
        Some(DEFAULT_FOLDER) => String::new(),
        _ => format!(" --state {}", state.display()),
    };
    let music = world
        .voice_channels
        .last()
        .map(ToString::to_string)
        .unwrap_or_default();
    let callee = world
        .users
        .last()
        .map(|user| user.name.as_str())
        .unwrap_or_default();
    format!(
        "
Try, in other terminals:
  {program} join {music}{state}
  {program} record heard.wav --channel {music} --seconds 10{state}
  {program} play heard.wav{state}
  {program} call --answer --record call.wav{state}
  {program} call {callee} --ring --play heard.wav{state}
  {program} doctor{state}
"
    )
}

/// The one setting by which each client library trusts the local authority.
fn trust(ca: &str) -> String {
    format!(
        "
To trust the certificate:
  discord.js, oceanic.js, eris   NODE_EXTRA_CA_CERTS={ca}
  discord.py, py-cord            SSL_CERT_FILE={ca}
  serenity, songbird             SSL_CERT_FILE={ca}  (crate feature `native`)
  twilight                       SSL_CERT_FILE={ca}
  voxhall-client                 Trust::CaFile(\"{ca}\")
  curl                           curl --cacert {ca}
"
    )
}

#[cfg(test)]
mod tests {
    use super::page;

    #[test]
    fn the_page_of_this_machine_needs_no_certificate() {
        assert_eq!(page("https://127.0.0.1:8443/api"), "http://127.0.0.1:8443/");
        assert_eq!(page("https://[::1]:8443/api"), "http://[::1]:8443/");
        assert_eq!(page("https://localhost:8443/api"), "http://localhost:8443/");
        assert_eq!(page("https://voice.lan:8443/api"), "https://voice.lan:8443/");
        assert_eq!(page("https://192.0.2.7:8443/api"), "https://192.0.2.7:8443/");
    }
}
