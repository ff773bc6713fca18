//! A child process that ends with us, however we end: a panic, an abort, even `kill -9` of the test.
//!
//! A small shell stands between. It waits on a pipe whose other end only this process holds, and kills the child, by
//! its own id, when that end is closed.

use std::path::Path;
use std::process::{Child, Command, Stdio};

const SCRIPT: &str = r#"
trap '' INT HUP
"$@" >>"$LEASH_LOG" 2>&1 </dev/null &
pid=$!
echo $pid
exec 3<&0 >/dev/null 2>&1
{ cat <&3; eval "$LEASH_KILL"; kill -9 $pid; } &
keeper=$!
exec 3<&- </dev/null
wait $pid
status=$?
kill $keeper
eval "$LEASH_CLEAN"
exit $status
"#;

pub struct Leash {
    shell: Child,
    pid: u32,
}

/// What is done beside killing the child: shell commands, empty for nothing.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    /// Before the kill: for a child that only stands for the real thing.
    pub kill: String,
    /// Once it has ended.
    pub clean: String,
}

impl Leash {
    /// Starts `command`, its words in order; what it prints is appended to `log`.
    pub fn start(command: &[String], log: &Path, orders: &Orders) -> Self {
        let mut shell = Command::new("sh")
            .args(["-c", SCRIPT, "leash"])
            .args(command)
            .env("LEASH_LOG", log)
            .env("LEASH_KILL", &orders.kill)
            .env("LEASH_CLEAN", &orders.clean)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("sh starts");
        let mut said = String::new();
        let out = shell.stdout.take().expect("stdout is a pipe");
        std::io::BufRead::read_line(&mut std::io::BufReader::new(out), &mut said).expect("sh says the child's id");
        let pid = said.trim().parse().expect("the child's id is a number");
        Self { shell, pid }
    }

    pub fn pid(&self) -> u32 {
        self.pid
    }

    pub fn has_ended(&mut self) -> bool {
        self.status().is_some()
    }

    /// The exit code once it has ended; 128 and the signal's number for one that a signal ended.
    pub fn status(&mut self) -> Option<i32> {
        let status = self.shell.try_wait().expect("our own child can be waited for")?;
        Some(status.code().unwrap_or(-1))
    }

    /// Sends a signal, by name (`STOP`, `CONT`, `TERM`).
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").args([&format!("-{name}"), &self.pid.to_string()]).status();
        assert!(sent.expect("kill starts").success(), "no process {} to send {name} to", self.pid);
    }

    /// Kills it and waits until it is gone.
    pub fn kill(mut self) {
        self.end();
    }

    fn end(&mut self) {
        drop(self.shell.stdin.take());
        self.shell.wait().expect("our own child can be waited for");
    }
}

impl Drop for Leash {
    fn drop(&mut self) {
        self.end();
    }
}
