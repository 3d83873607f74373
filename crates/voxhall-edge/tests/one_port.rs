//! TLS and plain text on one port, host names, and what clients may not do to it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::extract::{ConnectInfo, Extension, Request};
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::TlsConnector;
use voxhall_edge::{Limits, Listener, LocalAuthority, Peer, Sites};

struct Server {
    address: SocketAddr,
    tls: TlsConnector,
    stop: oneshot::Sender<()>,
    served: JoinHandle<()>,
    _state: tempfile::TempDir,
}

async fn start(sites: Sites, limits: Limits) -> Server {
    let state = tempfile::tempdir().unwrap();
    let authority = LocalAuthority::open(state.path(), SystemTime::now()).unwrap();
    let identity = authority.identity(&[], SystemTime::now()).unwrap();
    let listener = Listener::bind("127.0.0.1:0".parse().unwrap(), &identity, limits)
        .await
        .unwrap();
    let address = listener.address();
    let mut roots = RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_file(authority.certificate_file()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let (stop, stopped) = oneshot::channel();
    let served = tokio::spawn(listener.serve(sites, async {
        let _ = stopped.await;
    }));
    Server {
        address,
        tls: TlsConnector::from(Arc::new(config)),
        stop,
        served,
        _state: state,
    }
}

fn who() -> Router {
    Router::new()
        .route(
            "/",
            get(
                |ConnectInfo(address): ConnectInfo<SocketAddr>, Extension(peer): Extension<Peer>| async move {
                    assert_eq!(address, peer.address, "said in two ways");
                    format!("tls={}", peer.tls)
                },
            ),
        )
        .route(
            "/body",
            post(|body: String| async move { body.len().to_string() }),
        )
}

impl Server {
    async fn plain(&self) -> TcpStream {
        TcpStream::connect(self.address).await.unwrap()
    }

    async fn secure(&self) -> io::Result<tokio_rustls::client::TlsStream<TcpStream>> {
        let name = ServerName::try_from("localhost").unwrap();
        self.tls.connect(name, self.plain().await).await
    }
}

/// Everything the server says until it closes; an abrupt end counts as one.
async fn until_end(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

async fn ask(mut stream: impl AsyncRead + AsyncWrite + Unpin, host: &str) -> String {
    let request = format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    until_end(&mut stream).await
}

#[tokio::test]
async fn tls_and_plain_text_share_a_port() {
    let server = start(Sites::new(who()), Limits::default()).await;
    let plain = ask(server.plain().await, "localhost").await;
    assert!(
        plain.starts_with("HTTP/1.1 200") && plain.ends_with("tls=false"),
        "{plain}"
    );
    let secure = ask(server.secure().await.unwrap(), "localhost").await;
    assert!(
        secure.starts_with("HTTP/1.1 200") && secure.ends_with("tls=true"),
        "{secure}"
    );
}

#[tokio::test]
async fn hosts_are_told_apart_whatever_their_port_and_case() {
    let voice = Router::new().route("/", get(|| async { "voice" }));
    let server = start(Sites::new(who()).with_host("voice.lan", voice), Limits::default()).await;
    for host in ["voice.lan", "voice.lan:443", "VOICE.lan"] {
        assert!(ask(server.plain().await, host).await.ends_with("voice"), "{host}");
    }
    assert!(ask(server.plain().await, "api.lan").await.ends_with("tls=false"));
}

#[tokio::test]
async fn garbage_ends_its_own_connection_alone() {
    let server = start(Sites::new(who()), Limits::default()).await;
    for garbage in [
        &b"\x16\x03\x01\xff\xffnot a hello at all"[..],
        b"\0\0\0\0\r\n\r\n",
        b"GET\r\n\r\n",
    ] {
        let mut stream = server.plain().await;
        stream.write_all(garbage).await.unwrap();
        stream.shutdown().await.unwrap();
        assert!(!until_end(&mut stream).await.contains("200 OK"));
    }
    assert!(ask(server.plain().await, "localhost").await.contains("200 OK"));
}

#[tokio::test]
async fn slow_clients_are_cut() {
    let brief = Duration::from_millis(50);
    let limits = Limits {
        handshake: brief,
        head: brief,
        request: brief,
        linger: brief,
        ..Limits::default()
    };
    let server = start(Sites::new(who()), limits).await;
    let begun: [&[u8]; 4] = [
        b"",
        b"\x16\x03",
        b"GET / HTTP/1.1\r\nHost: localh",
        b"POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\nhalf",
    ];
    for part in begun {
        let mut stream = server.plain().await;
        stream.write_all(part).await.unwrap();
        let answer = tokio::time::timeout(Duration::from_secs(10), until_end(&mut stream)).await;
        assert!(!answer.expect("the server closes").contains("200 OK"));
    }
}

#[tokio::test]
async fn heads_and_bodies_have_a_limit() {
    let server = start(Sites::new(who()), Limits::default()).await;
    let mut stream = server.plain().await;
    let head = format!(
        "GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n",
        "x".repeat(64 * 1024)
    );
    let _ = stream.write_all(head.as_bytes()).await;
    assert!(!until_end(&mut stream).await.contains("200 OK"));

    let mut stream = server.plain().await;
    let body = "x".repeat(300 * 1024);
    let head = format!(
        "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await.unwrap();
    let _ = stream.write_all(body.as_bytes()).await;
    let mut status = [0; 12];
    stream.read_exact(&mut status).await.unwrap();
    assert_eq!(&status, b"HTTP/1.1 413");
}

/// Reads one answer, head and body; the connection may go on.
async fn answer(stream: &mut (impl AsyncRead + Unpin)) -> String {
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        answer.push(stream.read_u8().await.unwrap());
    }
    let head = String::from_utf8(answer).unwrap();
    let length = head.split_once("content-length: ").map_or("0", |(_, rest)| rest);
    let length = length.split_once("\r\n").map_or(length, |(length, _)| length);
    let mut body = vec![0; length.parse().unwrap()];
    stream.read_exact(&mut body).await.unwrap();
    head + std::str::from_utf8(&body).unwrap()
}

#[tokio::test]
async fn who_is_refused_before_the_body_came_can_send_it_and_ask_again() {
    let (refused, mut refusals) = tokio::sync::mpsc::channel(1);
    let refuse = post(move || {
        let refused = refused.clone();
        async move {
            refused.send(()).await.unwrap();
            StatusCode::UNAUTHORIZED
        }
    });
    let server = start(Sites::new(who().route("/refused", refuse)), Limits::default()).await;
    let mut stream = server.secure().await.unwrap();
    let head = b"POST /refused HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n\r\n";
    stream.write_all(head).await.unwrap();
    refusals.recv().await.unwrap();
    // The server has every chance to end the connection in the middle of the request.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    stream.write_all(b"body").await.unwrap();
    assert!(answer(&mut stream).await.starts_with("HTTP/1.1 401"));
    assert!(ask(stream, "localhost").await.ends_with("tls=true"));
}

#[tokio::test]
async fn who_sends_too_much_hears_so_and_a_goodbye() {
    let server = start(Sites::new(who()), Limits::default()).await;
    let body = "x".repeat(16 << 20);
    let too_long_a_body = format!(
        "POST /body HTTP/1.1\r\nHost: localhost\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    let too_long_a_head = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {body}\r\n\r\n");
    for (request, status) in [(too_long_a_body, "413"), (too_long_a_head, "431")] {
        let mut stream = server.secure().await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(&format!("HTTP/1.1 {status}")), "{answer}");
    }
}

#[tokio::test]
async fn tls_never_ends_without_a_goodbye() {
    let brief = Limits {
        head: Duration::from_millis(50),
        ..Limits::default()
    };
    let server = start(Sites::new(who().route("/upgrade", get(leave_at_once))), brief).await;
    let upgrade =
        "GET /upgrade HTTP/1.1\r\nHost: localhost\r\nConnection: upgrade\r\nUpgrade: silence\r\n\r\n";
    for (request, starts) in [
        // Idle for too long, before and after a request; not HTTP; a socket that its handler drops.
        ("", ""),
        ("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "HTTP/1.1 200"),
        ("GET / HTTP/1.1\r\nHost: loc", ""),
        ("never heard of it\r\n\r\n", "HTTP/1.1 400"),
        (upgrade, "HTTP/1.1 101"),
    ] {
        let mut stream = server.secure().await.unwrap();
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        // A connection that is cut is an error.
        stream.read_to_string(&mut answer).await.unwrap();
        assert!(answer.starts_with(starts), "{request:?} {answer:?}");
    }
}

async fn leave_at_once(mut request: Request) -> Response {
    let upgrade = hyper::upgrade::on(&mut request);
    tokio::spawn(async move { drop(upgrade.await.unwrap()) });
    Response::builder()
        .status(StatusCode::SWITCHING_PROTOCOLS)
        .header("upgrade", "silence")
        .header("connection", "upgrade")
        .body(axum::body::Body::empty())
        .unwrap()
}

#[tokio::test]
async fn connections_above_the_limit_wait_for_a_free_slot() {
    let limits = Limits {
        connections: 1,
        ..Limits::default()
    };
    let server = start(Sites::new(who()), limits).await;
    let mut first = server.plain().await;
    first
        .write_all(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        .await
        .unwrap();
    first.read_exact(&mut [0; 12]).await.unwrap();
    let second = server.plain().await;
    let mut waiting = Box::pin(ask(second, "localhost"));
    assert!(
        tokio::time::timeout(Duration::from_millis(50), &mut waiting)
            .await
            .is_err()
    );
    drop(first);
    assert!(waiting.await.contains("200 OK"));
}

#[tokio::test]
async fn stopping_lets_a_running_request_end_and_frees_the_port() {
    let (entered, mut running) = tokio::sync::mpsc::channel(1);
    let (finish, finished) = tokio::sync::watch::channel(false);
    let slow = get(move || {
        let (entered, mut finished) = (entered.clone(), finished.clone());
        async move {
            entered.send(()).await.unwrap();
            finished.wait_for(|done| *done).await.unwrap();
            "done"
        }
    });
    let server = start(Sites::new(Router::new().route("/", slow)), Limits::default()).await;
    let answer = tokio::spawn(ask(server.plain().await, "localhost"));
    running.recv().await.unwrap();
    let idle = server.plain().await;
    server.stop.send(()).unwrap();
    finish.send(true).unwrap();
    assert!(answer.await.unwrap().ends_with("done"));
    server.served.await.unwrap();
    assert!(TcpStream::connect(server.address).await.is_err());
    drop(idle);
}

#[tokio::test]
async fn a_port_in_use_is_named_with_what_to_do() {
    let server = start(Sites::new(who()), Limits::default()).await;
    let state = tempfile::tempdir().unwrap();
    let authority = LocalAuthority::open(state.path(), SystemTime::now()).unwrap();
    let identity = authority.identity(&[], SystemTime::now()).unwrap();
    let error = Listener::bind(server.address, &identity, Limits::default())
        .await
        .unwrap_err();
    let port = server.address.port().to_string();
    assert!(
        error.to_string().contains(&port) && error.to_string().contains("choose another"),
        "{error}"
    );
}
