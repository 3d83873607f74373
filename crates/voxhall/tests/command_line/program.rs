//! The program as a child process, the way a person starts it.

use std::fs;
use std::io::BufReader;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Output, Stdio};

use serde_json::Value;

/// The program with these arguments; logs are off, so that only what is meant for people is printed.
pub fn voxhall(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voxhall"));
    command
        .args(arguments)
        .stdin(Stdio::null())
        .env("VOXHALL_LOG", "error");
    for variable in [
        "VOXHALL_STATE",
        "VOXHALL_DATABASE",
        "VOXHALL_API",
        "VOXHALL_TOKEN",
        "VOXHALL_CA",
    ] {
        command.env_remove(variable);
    }
    command
}

/// Runs the program to its end.
pub fn run(arguments: &[&str]) -> Output {
    voxhall(arguments).output().expect("the program starts")
}

/// What it printed, if it ended well.
pub fn success(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(
        output.status.success(),
        "{arguments:?}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("the program prints text")
}

/// What it said of its failure: exactly one line, and a code that is not 0.
pub fn failure(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(!output.status.success(), "{arguments:?} should have failed");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "one sentence, not: {text}");
    text
}

/// A JSON file of a state folder.
pub fn json(folder: &Path, name: &str) -> Value {
    serde_json::from_slice(&fs::read(folder.join(name)).expect("the file is there")).expect("it is JSON")
}

/// The program while it runs; killed if the test ends before it.
pub struct Running {
    child: Child,
    output: Box<dyn BufReadSend>,
}

trait BufReadSend: std::io::BufRead + Send {}

impl<R: std::io::BufRead + Send> BufReadSend for R {}

impl Running {
    /// Starts it, listening to what it prints on standard output.
    pub fn printing(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let output = Box::new(BufReader::new(
            child.stdout.take().expect("the output was asked for"),
        ));
        Self { child, output }
    }

    /// Starts it, listening to what it tells on standard error.
    pub fn telling(mut command: Command) -> Self {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let output = Box::new(BufReader::new(
            child.stderr.take().expect("the output was asked for"),
        ));
        Self { child, output }
    }

    /// Waits until it says a line that begins so.
    pub fn wait_for(&mut self, beginning: &str) {
        let mut heard = String::new();
        loop {
            let start = heard.len();
            let read = self
                .output
                .read_line(&mut heard)
                .expect("the program prints text");
            assert!(read > 0, "it ended without saying {beginning:?}, but: {heard}");
            if heard[start..].starts_with(beginning) {
                return;
            }
        }
    }

    /// Closes the pipe it prints to.
    pub fn stop_listening(&mut self) {
        self.output = Box::new(std::io::empty());
    }

    /// Sends it a signal, such as `TERM`.
    pub fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &id]).status();
        assert!(sent.expect("kill runs").success());
    }

    /// Waits for its end; gives what else it said.
    pub fn end(&mut self) -> (ExitStatus, String) {
        let mut rest = String::new();
        self.output
            .read_to_string(&mut rest)
            .expect("the program prints text");
        (self.child.wait().expect("the program ends"), rest)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Already gone, if the test has waited for its end.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts `voxhall serve` on free ports, and waits until it says that it runs.
pub fn serve(state: &Path, more: &[&str]) -> Running {
    let mut command = voxhall(&[
        "serve",
        "--listen",
        "127.0.0.1:0",
        "--voice-listen",
        "127.0.0.1:0",
    ]);
    command
        .args(["--media-port", "0", "--workers", "1", "--state"])
        .arg(state)
        .args(more);
    let mut server = Running::printing(command);
    server.wait_for("Voxhall is running.");
    server
}
