//! Whom TLS connections trust, and how the mistakes around reaching a server read.
#![cfg(feature = "gateway")]

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use voxhall_client::{Account, Error, Rest, Trust};
use voxhall_protocol::Token;

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

fn trust_in(authority: &Authority) -> Trust {
    Trust::Certificates(vec![authority.der().clone()])
}

/// Serves one HTTP answer after another over TLS; returns the address of the API.
async fn serve(authority: &Authority, answer: &'static str) -> String {
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, authority).unwrap();
    let chain = vec![CertificateDer::from(certificate)];
    let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(chain, key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(mut stream) = acceptor.accept(stream).await else {
                continue;
            };
            let mut request = [0; 4_096];
            let read = stream.read(&mut request).await;
            if read.is_ok() {
                let _ = stream.write_all(answer.as_bytes()).await;
            }
        }
    });
    format!("https://localhost:{port}/api")
}

fn rest(api: &str, trust: &Trust) -> Rest {
    Rest::new(
        api,
        &Token::from("token"),
        Account::VOICE_BOT,
        trust.tls_config().unwrap(),
    )
    .unwrap()
}

const GATEWAY: &str = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 27\r\n\r\n{\"url\":\"wss://gateway:443\"}";
const UNAUTHORIZED: &str = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\n\r\n";
const NOT_HERE: &str = "HTTP/1.1 404 Not Found\r\ncontent-length: 9\r\n\r\n<html></>";
const BROKEN: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n[]";

#[tokio::test]
async fn a_trusted_server_is_spoken_to() {
    let authority = authority();
    let api = serve(&authority, GATEWAY).await;
    assert_eq!(
        rest(&api, &trust_in(&authority)).gateway_url().await.unwrap(),
        "wss://gateway:443"
    );
}

#[tokio::test]
async fn another_authority_is_refused_with_the_way_out() {
    let api = serve(&authority(), GATEWAY).await;
    let error = rest(&api, &trust_in(&authority()))
        .gateway_url()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::NotTrusted { .. }), "{error}");
    assert!(error.to_string().contains("--ca FILE"), "{error}");
}

#[tokio::test]
async fn a_server_that_is_not_there_is_said_to_be_so() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    drop(listener);
    let error = rest(&format!("http://{address}/api"), &trust_in(&authority()))
        .gateway_url()
        .await
        .unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn refusals_and_nonsense_are_told_apart() {
    let authority = authority();
    let trust = trust_in(&authority);
    let ask = async |answer| {
        rest(&serve(&authority, answer).await, &trust)
            .gateway_url()
            .await
            .unwrap_err()
    };
    assert!(matches!(ask(UNAUTHORIZED).await, Error::WrongToken));
    assert!(matches!(
        ask(NOT_HERE).await,
        Error::Refused {
            status: 404,
            code: 0,
            ..
        }
    ));
    assert!(matches!(ask(BROKEN).await, Error::BadAnswer { .. }));
}
