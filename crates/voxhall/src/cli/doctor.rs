//! `voxhall doctor`: are the ports and the certificate reachable as they are handed out?

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::StreamExt as _;
use hyper::{Method, StatusCode};
use tokio::net::UdpSocket;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite;
use voxhall_client::{Address, Trust};
use voxhall_protocol::gateway::ServerMessage;
use voxhall_protocol::ping::{self, KeepAlive};
use voxhall_protocol::voice::{self, VoiceVersion};

use crate::http::Dialer;
use crate::output;
use crate::state::{DEFAULT_FOLDER, ServerFile};

/// How long each step may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// Check that a running server is reachable as its clients are told
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  voxhall doctor --state voxhall-state")]
pub struct Args {
    /// The state folder of the server
    #[arg(long, value_name = "DIR", env = "VOXHALL_STATE", default_value = DEFAULT_FOLDER)]
    state: PathBuf,

    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// What was looked at, and what was found.
#[derive(Debug, serde::Serialize)]
struct Finding {
    what: &'static str,
    at: String,
    healthy: bool,
    /// What was found; for a fault, what is wrong.
    found: String,
    /// What to do about a fault.
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Args {
    /// Looks at everything and says what was found; fails if something is not as it should be.
    pub async fn run(self) -> Result<()> {
        let server = ServerFile::read(&self.state)?;
        let findings = examine(&server).await?;
        if self.json {
            output::json(&findings)?;
        } else {
            let told: String = findings.iter().map(told).collect();
            output::print(&told)?;
        }
        let faults = findings.iter().filter(|finding| !finding.healthy).count();
        ensure!(
            faults == 0,
            "{faults} of {} checks failed; what to do stands with each",
            findings.len()
        );
        Ok(())
    }
}

async fn examine(server: &ServerFile) -> Result<Vec<Finding>> {
    let trust = server.ca.clone().map_or(Trust::System, Trust::CaFile);
    let dialer = Dialer::new(&trust)?;
    let mut findings = vec![
        finding("REST", &server.api, rest(&dialer, server).await),
        finding("readiness", &server.api, readiness(&dialer, server).await),
        finding(
            "main Gateway",
            &server.gateway,
            main_gateway(&dialer, server).await,
        ),
        finding(
            "voice gateway",
            &server.voice_endpoint,
            voice_gateway(&dialer, server).await,
        ),
    ];
    for address in &server.media {
        findings.push(finding(
            "media (UDP)",
            &address.to_string(),
            media(*address).await,
        ));
    }
    Ok(findings)
}

/// REST answers over TLS with the handed-out authority, and names the Gateway that is handed out.
async fn rest(dialer: &Dialer, server: &ServerFile) -> Result<String> {
    let address: Address = format!("{}/v10/gateway", server.api).parse()?;
    let answer = dialer.request(Method::GET, &address, None, None).await?;
    ensure!(
        answer.status == StatusCode::OK,
        "it answers {} to GET /gateway",
        answer.status
    );
    let named = answer.body["url"].as_str().unwrap_or_default();
    let (named, expected) = (named.parse::<Address>()?, server.gateway.parse::<Address>()?);
    ensure!(
        named.authority() == expected.authority(),
        "it sends clients to {named}, not to {expected}; check --public-host"
    );
    Ok(format!("trusted, and names {named}"))
}

async fn readiness(dialer: &Dialer, server: &ServerFile) -> Result<String> {
    let address: Address = server.api.parse()?;
    let answer = dialer
        .request(Method::GET, &address.with_path("/readyz"), None, None)
        .await?;
    ensure!(
        answer.status == StatusCode::OK,
        "it takes no new sessions, because it is being stopped"
    );
    Ok("takes new sessions".to_owned())
}

async fn main_gateway(dialer: &Dialer, server: &ServerFile) -> Result<String> {
    let address: Address = format!("{}/?v=10&encoding=json", server.gateway).parse()?;
    let text = first_message(dialer, &address).await?;
    match ServerMessage::decode(text.as_bytes())? {
        ServerMessage::Hello(_) => Ok("says Hello".to_owned()),
        other => bail!("it begins with {:?} in place of Hello", other.opcode()),
    }
}

async fn voice_gateway(dialer: &Dialer, server: &ServerFile) -> Result<String> {
    let version = VoiceVersion::LATEST;
    let address = Address::voice(&server.voice_endpoint, version.number(), true)?;
    let text = first_message(dialer, &address).await?;
    match voice::decode_server_text(version, &text)?.message {
        voice::Message::Hello(_) => Ok(format!("says Hello to version {}", version.number())),
        other => bail!("it begins with {other:?} in place of Hello"),
    }
}

/// Opens a WebSocket and reads what the server says first.
async fn first_message(dialer: &Dialer, address: &Address) -> Result<String> {
    let opened = async {
        let stream = dialer.connect(address).await?;
        let (mut socket, _) = tokio_tungstenite::client_async(address.to_string(), stream)
            .await
            .context("it opens no WebSocket")?;
        match socket.next().await.context("it closes without a word")?? {
            tungstenite::Message::Text(text) => Ok(text.to_string()),
            other => bail!("it begins with {other:?}"),
        }
    };
    timeout(PATIENCE, opened)
        .await
        .context("it does not answer within 5 s")?
}

/// The media port answers the UDP ping.
async fn media(address: SocketAddr) -> Result<String> {
    /// A lost datagram is no fault yet.
    const TRIES: u32 = 3;
    let socket = UdpSocket::bind("0.0.0.0:0")
        .await
        .context("no UDP socket can be opened here")?;
    socket.connect(address).await.context("there is no way to it")?;
    for sequence in 0..TRIES {
        let sequence = sequence.to_be_bytes();
        socket
            .send(&ping::request(sequence))
            .await
            .context("nothing can be sent to it")?;
        let mut answer = [0; 64];
        match timeout(PATIENCE / TRIES, socket.recv(&mut answer)).await {
            Ok(Ok(length)) if KeepAlive::parse(&answer[..length]) == Some(KeepAlive::Pong(sequence)) => {
                return Ok("answers pings".to_owned());
            }
            Ok(Err(error)) => return Err(error).context("nobody listens there"),
            Ok(Ok(_)) | Err(_) => {}
        }
    }
    bail!("it does not answer pings")
}

fn finding(what: &'static str, at: &str, outcome: Result<String>) -> Finding {
    let (healthy, found, fix) = match outcome {
        Ok(found) => (true, found, None),
        Err(error) => (false, crate::sentence(&error), Some(fix(what, at, &error))),
    };
    Finding {
        what,
        at: at.to_owned(),
        healthy,
        found,
        fix,
    }
}

fn fix(what: &str, at: &str, error: &anyhow::Error) -> String {
    let distrusted = error
        .chain()
        .any(|cause| cause.to_string().contains("invalid peer certificate"));
    match what {
        _ if distrusted => {
            "give the server a certificate for this name: start it with --public-host, --voice-host or \
                            --tls-cert, and check the clocks"
                .to_owned()
        }
        "media (UDP)" => format!(
            "let UDP to {at} through the firewall, forward the port, or hand out another address with --media-address"
        ),
        _ => format!(
            "check that the server runs, that the name leads to this machine, and that the firewall lets TCP to {at} \
             through"
        ),
    }
}

fn told(finding: &Finding) -> String {
    let mark = if finding.healthy { "ok    " } else { "FAULT " };
    let mut text = format!(
        "{mark} {:<14} {:<34} {}\n",
        finding.what, finding.at, finding.found
    );
    if let Some(fix) = &finding.fix {
        text += &format!("       {:<14} do: {fix}\n", "");
    }
    text
}
