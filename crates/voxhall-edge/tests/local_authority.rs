//! The local authority: made once, never replaced silently, its certificates accepted and renewed.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, SystemTime};

use voxhall_edge::{Error, Identity, LocalAuthority};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

fn leaf(folder: &Path) -> String {
    fs::read_to_string(folder.join("server.pem")).unwrap()
}

#[test]
fn a_second_start_keeps_authority_and_certificate() {
    let state = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let first = LocalAuthority::open(state.path(), now).unwrap();
    assert!(first.is_new());
    first.identity(&["voice.lan".to_owned()], now).unwrap();
    let (ca, server) = (fs::read(first.certificate_file()).unwrap(), leaf(state.path()));

    let second = LocalAuthority::open(state.path(), now).unwrap();
    assert!(!second.is_new());
    second.identity(&["voice.lan".to_owned()], now).unwrap();
    assert_eq!(fs::read(second.certificate_file()).unwrap(), ca);
    assert_eq!(leaf(state.path()), server);
}

#[test]
fn a_new_name_or_a_near_end_renews_the_certificate_alone() {
    let state = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let authority = LocalAuthority::open(state.path(), now).unwrap();
    authority.identity(&[], now).unwrap();
    let first = leaf(state.path());

    authority
        .identity(&["192.0.2.7".to_owned(), "2001:db8::1".to_owned()], now)
        .unwrap();
    let second = leaf(state.path());
    assert_ne!(first, second);
    authority.identity(&[], now + 300 * DAY).unwrap();
    assert_eq!(leaf(state.path()), second);
    authority.identity(&[], now + 340 * DAY).unwrap();
    assert_ne!(leaf(state.path()), second);
    assert!(!LocalAuthority::open(state.path(), now).unwrap().is_new());
}

#[test]
fn half_an_authority_is_an_error() {
    for lost in ["ca.pem", "ca-key.pem"] {
        let state = tempfile::tempdir().unwrap();
        LocalAuthority::open(state.path(), SystemTime::now()).unwrap();
        fs::remove_file(state.path().join(lost)).unwrap();
        let error = LocalAuthority::open(state.path(), SystemTime::now()).unwrap_err();
        assert!(
            matches!(&error, Error::HalfAuthority { missing, .. } if missing.ends_with(lost)),
            "{error}"
        );
    }
}

#[test]
fn an_expired_or_mixed_up_authority_is_an_error() {
    let (state, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let now = SystemTime::now();
    let authority = LocalAuthority::open(state.path(), now).unwrap();
    let error = authority.identity(&[], now + 3700 * DAY).unwrap_err();
    assert!(matches!(error, Error::Authority { .. }), "{error}");

    let stranger = LocalAuthority::open(other.path(), now).unwrap();
    fs::copy(stranger.certificate_file(), authority.certificate_file()).unwrap();
    let mixed = LocalAuthority::open(state.path(), now).unwrap();
    let error = mixed.identity(&[], now).unwrap_err();
    assert!(matches!(error, Error::Authority { .. }), "{error}");
}

#[test]
fn names_that_are_none_are_refused() {
    let state = tempfile::tempdir().unwrap();
    let authority = LocalAuthority::open(state.path(), SystemTime::now()).unwrap();
    for name in ["", "two words", "127.0.0.1:8443", "https://voice.lan"] {
        let error = authority
            .identity(&[name.to_owned()], SystemTime::now())
            .unwrap_err();
        assert!(matches!(error, Error::BadName(_)), "{name}: {error}");
    }
    authority
        .identity(&["0.0.0.0".to_owned()], SystemTime::now())
        .unwrap();
}

#[test]
fn certificates_from_files_are_read_or_refused_with_the_file_named() {
    let state = tempfile::tempdir().unwrap();
    let folder = state.path();
    let authority = LocalAuthority::open(folder, SystemTime::now()).unwrap();
    authority.identity(&[], SystemTime::now()).unwrap();
    let (certificate, key) = (folder.join("server.pem"), folder.join("server-key.pem"));
    Identity::from_files(&certificate, &key).unwrap();

    let refused = |certificate: &Path, key: &Path| Identity::from_files(certificate, key).unwrap_err();
    assert!(matches!(
        refused(&folder.join("none.pem"), &key),
        Error::Read { .. }
    ));
    assert!(matches!(refused(&key, &key), Error::NotPem { .. }));
    assert!(matches!(
        refused(&certificate, &certificate),
        Error::NotPem { .. }
    ));
    assert!(matches!(
        refused(&certificate, &folder.join("ca-key.pem")),
        Error::Pair { .. }
    ));
    fs::write(folder.join("noise"), [0xff, 0xfe, 0, 1]).unwrap();
    assert!(matches!(
        refused(&folder.join("noise"), &key),
        Error::NotPem { .. }
    ));
}

/// What OpenSSL and everything built on it (Node, Python, curl) will say of the chain, in its strictest mode.
#[test]
fn openssl_accepts_the_chain() {
    let state = tempfile::tempdir().unwrap();
    let authority = LocalAuthority::open(state.path(), SystemTime::now()).unwrap();
    authority
        .identity(&["voice.lan".to_owned()], SystemTime::now())
        .unwrap();
    let verified = Command::new("openssl")
        .args([
            "verify",
            "-x509_strict",
            "-purpose",
            "sslserver",
            "-verify_hostname",
            "voice.lan",
            "-CAfile",
        ])
        .arg(authority.certificate_file())
        .arg(state.path().join("server.pem"))
        .output()
        .expect("`make setup-test` installs openssl");
    assert!(
        verified.status.success(),
        "{}",
        String::from_utf8_lossy(&verified.stderr)
    );
}
