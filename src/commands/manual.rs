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

/// All pages in one: `kairos manual | man -l -`.
pub fn manual() -> Result<(), Exit> {
    let mut page = Vec::new();
    let mut command = Cli::command();
    command.build();
    let render = |command: clap::Command, page: &mut Vec<u8>| clap_mangen::Man::new(command).render(page);
    let subcommands: Vec<clap::Command> = command.get_subcommands().filter(|sub| !sub.is_hide_set()).cloned().collect();
    render(command, &mut page).map_err(fault)?;
    for subcommand in subcommands {
        let name = format!("kairos-{}", subcommand.get_name());
        render(subcommand.display_name(name), &mut page).map_err(fault)?;
    }
    print(&String::from_utf8_lossy(&page))
}

fn fault(error: std::io::Error) -> Exit {
    Exit::Fault(format!("can't render the manual page: {error}"))
}
