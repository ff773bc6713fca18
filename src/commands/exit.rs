//! How a command ends: one sentence for people and one exit code for machines. It must not know any command.

use std::io::{self, Write as _};
use std::process::ExitCode;

pub const HELP: &str = "\
Exit codes: 0 done; 1 the answer is no; 2 wrong usage, settings or playbook; 3 a fault outside, such as the broker or \
the disk; 4 fenced: another instance has the same name.";

/// Why a command did not end well. Its text says what, where, and what to do; it may have several lines or, when all
/// has been said already, none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Exit {
    /// The answer is no: a test failed, a budget was passed, warnings were denied.
    #[error("{0}")]
    No(String),
    /// Wrong usage, settings or playbook.
    #[error("{0}")]
    Usage(String),
    /// A fault outside: broker, disk, network.
    #[error("{0}")]
    Fault(String),
    /// Another instance has the same name.
    #[error("{0}")]
    Fenced(String),
    /// Nobody reads what we print any more: not worth a word.
    #[error("")]
    Unread,
}

impl Exit {
    pub fn code(&self) -> u8 {
        match self {
            Self::Unread => 0,
            Self::No(_) => 1,
            Self::Usage(_) => 2,
            Self::Fault(_) => 3,
            Self::Fenced(_) => 4,
        }
    }
}

/// Says why, and turns it into the process's exit code.
pub fn code(result: Result<(), Exit>) -> ExitCode {
    let Err(exit) = result else { return ExitCode::SUCCESS };
    let text = exit.to_string();
    if !text.is_empty() {
        // Standard error that is gone changes nothing about how the command ended.
        let _ = writeln!(io::stderr(), "{text}");
    }
    ExitCode::from(exit.code())
}

/// Prints to standard output; a reader that has left (`| head`) ends the command quietly.
pub fn print(text: &str) -> Result<(), Exit> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Err(Exit::Unread),
        Err(error) => Err(Exit::Fault(format!("can't write to standard output: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The runbook's table begins with code and meaning: each way to end has a row there, and the help says the same.
    #[test]
    fn every_code_is_documented() {
        let runbook = include_str!("../../docs/runbook.md");
        let text = String::new;
        for (exit, meaning) in [
            (Exit::Unread, "asked to stop"),
            (Exit::No(text()), "the answer is no"),
            (Exit::Usage(text()), "wrong usage, settings or playbook"),
            (Exit::Fault(text()), "a fault outside"),
            (Exit::Fenced(text()), "another instance has"),
        ] {
            let row = format!("| {} | {meaning}", exit.code());
            assert!(runbook.contains(&row), "the runbook has no row `{row}…`");
            assert!(HELP.contains(&format!("{} ", exit.code())), "{HELP}");
        }
    }
}
