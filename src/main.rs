//! Parses arguments and hands over to a command; nothing else.

use std::process::ExitCode;

use clap::Parser as _;
use kairos::commands::Cli;

/// Profiles are small, many, and grow by a few bytes at a time.
#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    Cli::parse().run()
}
