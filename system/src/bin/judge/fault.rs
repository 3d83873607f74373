//! What is done to a bot while it plays, through `/dev`, and by what it must be seen to have happened.

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use voxhall_protocol::ids::UserId;
use voxhall_system::{Server, wire};

/// How long datagrams are impaired, and for how long nothing is expected of what is heard.
const IMPAIRED: Duration = Duration::from_secs(2);
/// How long the voice server is away.
const AWAY: Duration = Duration::from_secs(1);
/// How long heartbeats of the main Gateway and of the voice gateway find no answer, at [`HEARTBEAT`].
const UNANSWERED: (Duration, Duration) = (Duration::from_secs(4), Duration::from_secs(9));
/// How often the server asks for a heartbeat: what takes the libraries a minute to notice takes them seconds.
pub const HEARTBEAT: &str = "--heartbeat-interval=2000";

/// By what it is known that a fault took hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// The voice connection was not ready for a time.
    VoiceLost,
    /// The main Gateway was away, and the session was resumed.
    Resumed,
    /// The main Gateway was away, and a new session was begun.
    Renewed,
    /// Packets are missing in what arrives.
    PacketsLost,
    /// Nothing: nobody may notice.
    None,
}

/// A fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What happens, for people.
    pub name: String,
    /// The requests that bring it about.
    steps: Vec<Step>,
    /// By what it shows.
    pub sign: Sign,
    /// How long it stands; what is heard before its end counts for nothing.
    pub stands: Duration,
}

/// A request below `/dev/users/{user}`.
type Step = (&'static str, &'static str, Value);

impl Fault {
    fn new(name: impl Into<String>, sign: Sign, steps: &[Step]) -> Self {
        Self {
            name: name.into(),
            steps: steps.to_vec(),
            sign,
            stands: Duration::ZERO,
        }
    }

    fn lasting(self, stands: Duration) -> Self {
        Self { stands, ..self }
    }

    fn voice_closed(code: u16) -> Self {
        let steps = [("POST", "/voice/close", json!({"code": code}))];
        Self::new(
            format!("voice socket closed with {code}"),
            Sign::VoiceLost,
            &steps,
        )
    }

    fn datagrams(what: &'static str, sign: Sign) -> Self {
        let impaired = json!({what: 10, "seed": 7, "for_ms": IMPAIRED.as_millis() as u64});
        Self::new(
            format!("datagrams: {what} 10 %"),
            sign,
            &[("PUT", "/voice/datagrams", impaired)],
        )
        .lasting(IMPAIRED)
    }

    /// All kinds, each once. `elsewhere` is another name of the voice gateway.
    pub fn all(elsewhere: &str) -> Vec<Self> {
        let broken = json!({});
        vec![
            Self::voice_closed(4006),
            Self::voice_closed(4009),
            Self::voice_closed(4014),
            Self::voice_closed(4015),
            Self::new(
                "voice socket broken off",
                Sign::VoiceLost,
                &[("POST", "/voice/close", broken.clone())],
            ),
            Self::new(
                "voice socket broken off, resume refused",
                Sign::VoiceLost,
                &[
                    ("PUT", "/voice/resume", json!({"times": 1})),
                    ("POST", "/voice/close", broken.clone()),
                ],
            ),
            Self::new(
                "voice token expired",
                Sign::VoiceLost,
                &[("POST", "/voice/expire", Value::Null)],
            ),
            Self::new(
                "voice server away, then back",
                Sign::VoiceLost,
                &[("POST", "/voice/away", json!({"for_ms": AWAY.as_millis() as u64}))],
            )
            .lasting(AWAY),
            Self::new(
                "moved to another voice server",
                Sign::VoiceLost,
                &[("POST", "/voice/move", json!({"endpoint": elsewhere}))],
            ),
            Self::new(
                "media worker crashed",
                Sign::None,
                &[("POST", "/voice/crash", Value::Null)],
            ),
            Self::datagrams("drop", Sign::PacketsLost),
            Self::datagrams("duplicate", Sign::None),
            Self::datagrams("corrupt", Sign::PacketsLost),
            Self::new(
                "voice heartbeats not answered",
                Sign::VoiceLost,
                &[(
                    "PUT",
                    "/voice/heartbeats",
                    json!({"for_ms": UNANSWERED.1.as_millis() as u64}),
                )],
            )
            .lasting(UNANSWERED.1),
            Self::new(
                "main Gateway closed with 4000",
                Sign::Resumed,
                &[("POST", "/gateway/close", json!({"code": 4000}))],
            ),
            Self::new(
                "main Gateway broken off",
                Sign::Resumed,
                &[("POST", "/gateway/close", broken.clone())],
            ),
            Self::new(
                "main Gateway broken off, resume refused",
                Sign::Renewed,
                &[
                    ("PUT", "/gateway/resume", json!({"times": 1})),
                    ("POST", "/gateway/close", broken),
                ],
            ),
            Self::new(
                "main Gateway heartbeats not answered",
                Sign::Resumed,
                &[(
                    "PUT",
                    "/gateway/heartbeats",
                    json!({"for_ms": UNANSWERED.0.as_millis() as u64}),
                )],
            )
            .lasting(UNANSWERED.0),
        ]
    }

    /// Brings it about.
    pub async fn strike(&self, server: &Server, user: UserId) -> Result<()> {
        let token = format!("Bearer {}", server.admin_token()?.trim());
        for (method, path, body) in &self.steps {
            let path = format!("/dev/users/{user}{path}");
            let answer = wire::try_rest(server.world.address(), method, &path, &token, body).await;
            let (status, answer) = answer.context("the server did not answer")?;
            ensure!(status == 204, "{method} {path} was answered {status}: {answer}");
        }
        Ok(())
    }
}
