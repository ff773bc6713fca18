//! Parses arguments and hands over to a command; nothing else.

use std::process::ExitCode;

use clap::Parser as _;
use kairos::commands::Cli;

fn main() -> ExitCode {
    Cli::parse().run()
}
