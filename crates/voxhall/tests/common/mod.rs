//! The program as a child process, the way a person starts it.

use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};

/// The program with these arguments; logs are off, so that only what is meant for people is printed.
pub fn voxhall(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_voxhall"));
    command
        .args(arguments)
        .env("VOXHALL_LOG", "error")
        .env_remove("VOXHALL_STATE")
        .env_remove("VOXHALL_API");
    command
}

/// Runs the program to its end.
pub fn run(arguments: &[&str]) -> Output {
    voxhall(arguments)
        .stdin(Stdio::null())
        .output()
        .expect("the program starts")
}

/// What it said of its failure: exactly one line, and a code that is not 0.
pub fn failure(output: &Output) -> String {
    assert!(!output.status.success(), "it should have failed");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(text.lines().count(), 1, "one sentence, not: {text}");
    text
}

/// A server that runs until it is dropped.
pub struct Server {
    child: Child,
    stdout: BufReader<ChildStdout>,
}

impl Server {
    /// Starts `voxhall serve` on free ports and waits until it says that it runs.
    pub fn start(state: &Path, more: &[&str]) -> Self {
        let mut child = voxhall(&[
            "serve",
            "--listen",
            "127.0.0.1:0",
            "--voice-listen",
            "127.0.0.1:0",
        ])
        .args(["--media-port", "0", "--workers", "1", "--state"])
        .arg(state)
        .args(more)
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
        let mut stdout = BufReader::new(child.stdout.take().expect("the output was asked for"));
        let mut line = String::new();
        stdout.read_line(&mut line).expect("the program says something");
        assert_eq!(line, "Voxhall is running.\n");
        Self { child, stdout }
    }

    /// Asks it to stop, and waits for that; gives what else it printed.
    pub fn stop(&mut self) -> (ExitStatus, String) {
        let id = self.child.id().to_string();
        assert!(
            Command::new("kill")
                .args(["-TERM", &id])
                .status()
                .expect("kill runs")
                .success()
        );
        let mut rest = String::new();
        self.stdout
            .read_to_string(&mut rest)
            .expect("the program prints text");
        (self.child.wait().expect("the program ends"), rest)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Already gone, if the test has stopped it.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
