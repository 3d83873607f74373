//! Whatever stands in the body of whatever request: it is answered soon, is no fault of the server, and ends nothing.

use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::{Request, header};
use http_body_util::BodyExt as _;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;
use voxhall_control::{ControlConfig, Limits};

use crate::commands::{MINSTREL, register};
use crate::harness::{ADMIN_TOKEN, EXP, GUILD, PRIVATE, Server, TEXT, TURBULENCE, VOICE};

/// The same requests every time.
const SEED: u64 = 0x_5eed;
/// How many requests each operation gets.
const ROUNDS: usize = 16;
/// After so many requests the world begins anew: some of them are good and leave little of it.
const REQUESTS_PER_WORLD: usize = 80;
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How deep bodies are made.
const DEEPEST: usize = 8;

/// Texts that mean something somewhere, or should mean nothing.
const TEXTS: [&str; 24] = [
    "",
    "a",
    "play",
    "_errors",
    "a.b._errors.0",
    "..",
    "\u{0}",
    "ü🎻",
    "2999-01-01T00:00:00+00:00",
    "9999-99-99T99:99:99Z",
    "https://example.com/x.png",
    "data:image/png;base64,AAAA",
    "@everyone",
    "<@138397087229280257>",
    "4294967296",
    "18446744073709551616",
    "-1",
    "en-GB",
    GUILD,
    TEXT,
    VOICE[0],
    TURBULENCE,
    EXP,
    MINSTREL,
];

/// Something that can be asked of the server.
struct Operation {
    method: String,
    path: String,
    schema: Value,
}

/// All operations that take a body, but those that delete.
fn operations() -> Vec<Operation> {
    let paths = voxhall_control::openapi()["paths"].as_object().unwrap();
    let mut all = Vec::new();
    for (path, methods) in paths {
        for (method, operation) in methods.as_object().unwrap() {
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            if !schema.is_null() && method != "delete" {
                all.push(Operation {
                    method: method.to_ascii_uppercase(),
                    path: path.clone(),
                    schema: schema.clone(),
                });
            }
        }
    }
    all
}

/// What requests are made of.
struct Maker {
    random: StdRng,
    /// A message of the text channel, and a command.
    message: String,
    command: String,
}

impl Maker {
    fn one_in(&mut self, many: u32) -> bool {
        self.random.random_ratio(1, many)
    }

    fn text(&mut self) -> String {
        match self.random.random_range(0..40) {
            0 => "x".repeat(self.random.random_range(0..5000)),
            1 => "a.".repeat(if self.one_in(8) { 50_000 } else { 50 }),
            2 => self.message.clone(),
            3 => (0..8).map(|_| self.random.random::<char>()).collect(),
            _ => (*TEXTS.choose(&mut self.random).unwrap()).to_owned(),
        }
    }

    /// A name that a client made up. Some look like paths.
    fn key(&mut self) -> String {
        match self.random.random_range(0..8) {
            0 => "a.".repeat(50_000),
            1 => self.text(),
            _ => {
                let keys = ["a", "a._errors", "a.b", "_errors", "de", ".", ""];
                (*keys.choose(&mut self.random).unwrap()).to_owned()
            }
        }
    }

    fn number(&mut self) -> Value {
        match self.random.random_range(0..8) {
            0 => json!(self.random.random::<u64>()),
            1 => json!(self.random.random::<i64>()),
            2 => json!(self.random.random::<f64>() * 1e300),
            3 => json!(-1),
            _ => json!(self.random.random_range(0..20)),
        }
    }

    fn anything(&mut self, depth: usize) -> Value {
        match self.random.random_range(0..if depth < DEEPEST { 8 } else { 5 }) {
            0 => Value::Null,
            1 => json!(self.random.random::<bool>()),
            2 => self.number(),
            3 | 4 => json!(self.text()),
            5 => (0..self.random.random_range(0..4))
                .map(|_| self.anything(depth + 1))
                .collect(),
            _ => {
                let fields = (0..self.random.random_range(0..4))
                    .map(|_| (self.text(), self.anything(depth + 1)))
                    .collect::<Map<_, _>>();
                fields.into()
            }
        }
    }

    /// Something of this shape, mostly.
    fn of(&mut self, schema: &Value, depth: usize) -> Value {
        if depth > DEEPEST || self.one_in(40) {
            return self.anything(depth);
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let pointer = reference.trim_start_matches('#');
            let target = voxhall_control::openapi().pointer(pointer).unwrap();
            return self.of(target, depth);
        }
        for choice in ["anyOf", "oneOf", "enum"] {
            if let Some(one) = schema[choice]
                .as_array()
                .and_then(|all| all.choose(&mut self.random))
            {
                return if choice == "enum" {
                    one.clone()
                } else {
                    self.of(one, depth + 1)
                };
            }
        }
        let kind = match &schema["type"] {
            Value::Array(kinds) => kinds.choose(&mut self.random).cloned(),
            kind => Some(kind.clone()),
        };
        match kind.as_ref().and_then(Value::as_str) {
            Some("object") => self.object(schema, depth),
            Some("array") => {
                let many = if depth < 3 && self.one_in(20) {
                    300
                } else {
                    self.random.random_range(0..4)
                };
                (0..many).map(|_| self.of(&schema["items"], depth + 1)).collect()
            }
            Some("string") => json!(self.text()),
            Some("integer" | "number") => self.number(),
            Some("boolean") => json!(self.random.random::<bool>()),
            Some("null") => Value::Null,
            _ => self.anything(depth),
        }
    }

    fn object(&mut self, schema: &Value, depth: usize) -> Value {
        let mut fields = Map::new();
        for (name, shape) in schema["properties"].as_object().into_iter().flatten() {
            let required = schema["required"]
                .as_array()
                .is_some_and(|all| all.contains(&json!(name)));
            if required || self.random.random() {
                fields.insert(name.clone(), self.of(shape, depth + 1));
            }
        }
        if schema["additionalProperties"].is_object() {
            for _ in 0..self.random.random_range(0..4) {
                fields.insert(self.key(), self.of(&schema["additionalProperties"], depth + 1));
            }
        }
        if self.one_in(20) {
            fields.insert(self.key(), self.anything(depth + 1));
        }
        fields.into()
    }

    /// A path with something in the place of each name, mostly something that exists.
    fn path(&mut self, template: &str) -> String {
        let steps = template.split('/').map(|step| {
            let Some(name) = step.strip_prefix('{').and_then(|step| step.strip_suffix('}')) else {
                return step.to_owned();
            };
            if self.one_in(12) {
                let odd = [
                    "5",
                    "-1",
                    "@me",
                    "%00",
                    "%FF",
                    "18446744073709551616",
                    "@original",
                ];
                return (*odd.choose(&mut self.random).unwrap()).to_owned();
            }
            let known: &[&str] = match name {
                "guild" | "role" => &[GUILD],
                "channel" => &[TEXT, VOICE[0], PRIVATE],
                "application" | "webhook" => &[MINSTREL],
                "message" => &[&self.message],
                "command" => &[&self.command],
                _ => &[TURBULENCE, EXP, MINSTREL, "@me"],
            };
            (*known.choose(&mut self.random).unwrap()).to_owned()
        });
        steps.collect::<Vec<_>>().join("/")
    }

    /// The same bytes, some of them changed.
    fn damaged(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        for _ in 0..self.random.random_range(1..5) {
            let at = self.random.random_range(0..=bytes.len());
            match self.random.random_range(0..4) {
                0 => bytes.truncate(at),
                1 => bytes.insert(at, self.random.random()),
                2 => {
                    let part = bytes[at..].to_vec();
                    bytes.extend(part);
                }
                _ => {
                    if let Some(byte) = bytes.get_mut(at) {
                        *byte = self.random.random();
                    }
                }
            }
        }
        bytes
    }

    /// A body and its type.
    fn body(&mut self, schema: &Value) -> (&'static str, Vec<u8>) {
        let value = self.of(schema, 0);
        let (kind, bytes) = if self.one_in(4) {
            let kind = "multipart/form-data; boundary=\"edge\"";
            let head = "--edge\r\nContent-Disposition: form-data; name=\"payload_json\"\r\n\r\n";
            (kind, format!("{head}{value}\r\n--edge--\r\n").into_bytes())
        } else {
            ("application/json", value.to_string().into_bytes())
        };
        if self.one_in(6) {
            (kind, self.damaged(bytes))
        } else {
            (kind, bytes)
        }
    }
}

/// A world in which there is something to name.
async fn world(maker: &mut Maker) -> Server {
    let limits = Limits {
        rest: None,
        ..Limits::dev()
    };
    let server = Server::configured(ControlConfig {
        limits,
        dev: true,
        ..ControlConfig::default()
    })
    .await;
    let path = format!("/api/v10/channels/{TEXT}/messages");
    let said = json!({"content": "hi"});
    let (_, message) = server.ask("POST", &path, &server.token("minstrel"), said).await;
    message["id"].as_str().unwrap().clone_into(&mut maker.message);
    let commands = register(&server, json!([{"name": "play", "description": "d"}])).await;
    commands[0]["id"].as_str().unwrap().clone_into(&mut maker.command);
    server
}

#[tokio::test]
async fn is_answered_and_ends_nothing() {
    let operations = operations();
    assert!(operations.len() > 40, "only {} operations", operations.len());
    let mut maker = Maker {
        random: StdRng::seed_from_u64(SEED),
        message: String::new(),
        command: String::new(),
    };
    let mut server = world(&mut maker).await;
    let mut router = server.control.router();
    let mut good = 0;
    for number in 0..operations.len() * ROUNDS {
        if number % REQUESTS_PER_WORLD == 0 {
            server = world(&mut maker).await;
            router = server.control.router();
        }
        let operation = &operations[number % operations.len()];
        let path = maker.path(&operation.path);
        let token = match operation.path.starts_with("/admin") {
            true => ADMIN_TOKEN.to_owned(),
            false => server.token(
                ["Exp", "Exp", "minstrel", "turbulence"]
                    .choose(&mut maker.random)
                    .unwrap(),
            ),
        };
        let (kind, body) = maker.body(&operation.schema);
        let shown = String::from_utf8_lossy(&body[..body.len().min(2000)]).into_owned();
        let what = format!("request {number}: {} {path} as {kind}: {shown}", operation.method);
        let request = Request::builder()
            .method(operation.method.as_str())
            .uri(&path)
            .header(header::HOST, "voice.example:8443")
            .header(header::CONTENT_TYPE, kind)
            .header(header::AUTHORIZATION, token)
            .body(Body::from(body))
            .unwrap();
        let begin = Instant::now();
        let answer = tokio::spawn(router.clone().oneshot(request)).await;
        let (head, answer) = answer.unwrap_or_else(|_| panic!("{what}")).unwrap().into_parts();
        let answer = answer.collect().await.unwrap().to_bytes();
        let took = begin.elapsed();
        assert!(took < PATIENCE, "{took:?} for {what}");
        assert!(!head.status.is_server_error(), "{} for {what}", head.status);
        if head.status.is_client_error() {
            let error: Value = serde_json::from_slice(&answer).unwrap_or_else(|_| panic!("{what}"));
            assert!(error["code"].is_number(), "{error} for {what}");
        } else {
            good += 1;
        }
    }
    let (status, _) = server.ask("GET", "/api/v10/gateway", "", Value::Null).await;
    assert_eq!(status, 200);
    let share = good * 100 / (operations.len() * ROUNDS);
    assert!(share >= 5, "only {share} % of them go past the reading of bodies");
}
