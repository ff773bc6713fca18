//! Completion scripts and the manual page, made from the command line's own description.

use clap::CommandFactory as _;
use clap_complete::Shell;

use super::{Cli, Exit, print};

#[derive(Debug, clap::Args)]
pub struct CompletionsArgs {
    shell: Shell,
}

pub fn completions(args: CompletionsArgs) -> Result<(), Exit> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "kairos", &mut script);
    print(&String::from_utf8_lossy(&script))
}

/// All pages in one: `kairos man | man -l -`.
pub fn manual() -> Result<(), Exit> {
    let mut pages = Vec::new();
    let mut command = Cli::command();
    command.build();
    add(command, "kairos", &mut pages).map_err(fault)?;
    print(&String::from_utf8_lossy(&pages))
}

/// A command's page, then those of its own commands, named as they are called but with dashes.
fn add(command: clap::Command, name: &str, pages: &mut Vec<u8>) -> std::io::Result<()> {
    let own: Vec<clap::Command> =
        command.get_subcommands().filter(|sub| !sub.is_hide_set() && sub.get_name() != "help").cloned().collect();
    clap_mangen::Man::new(command.display_name(name)).render(pages)?;
    own.into_iter().try_for_each(|sub| {
        let name = format!("{name}-{}", sub.get_name());
        add(sub, &name, pages)
    })
}

fn fault(error: std::io::Error) -> Exit {
    Exit::Fault(format!("can't render the manual page: {error}"))
}
