//! `man` and `completions`: manual pages and shell completions, made from the arguments themselves,
//! so that packages can contain them.

use std::fs;
use std::io::{self, Write as _};
use std::path::Path;
use std::process::ExitCode;

use anyhow::Context as _;
use clap::Command;
use clap_complete::Shell;
use clap_mangen::Man;

use super::output;
use super::setup::CommandResult;
use crate::domain::clock::{Clock as _, SystemClock};

/// The program's name, for which completions are registered.
const NAME: &str = "dialpass";

/// Writes a manual page for each command to `folder`, or prints the program's own.
pub(super) fn man(mut command: Command, folder: Option<&Path>) -> CommandResult {
    command.build();
    let Some(folder) = folder else {
        output::print(page(&command)?.trim_end());
        return Ok(ExitCode::SUCCESS);
    };
    fs::create_dir_all(folder)
        .with_context(|| format!("the folder {} cannot be created", folder.display()))?;
    write_pages(&command, folder)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes the pages of `command` and of the commands below it, except `help`'s.
fn write_pages(command: &Command, folder: &Path) -> anyhow::Result<()> {
    let name = command.get_display_name().unwrap_or(NAME);
    let path = folder.join(format!("{name}.1"));
    fs::write(&path, page(command)?)
        .with_context(|| format!("{} cannot be written", path.display()))?;
    let below = command.get_subcommands();
    below
        .filter(|below| below.get_name() != "help" && !below.is_hide_set())
        .try_for_each(|below| write_pages(below, folder))
}

/// A command's page, dated today, or at `SOURCE_DATE_EPOCH` so that builds can be reproduced.
fn page(command: &Command) -> anyhow::Result<String> {
    let epoch = std::env::var("SOURCE_DATE_EPOCH").ok().and_then(|text| text.parse().ok());
    let seconds = epoch.unwrap_or_else(|| SystemClock.now().as_secs());
    let date = jiff::Timestamp::from_second(seconds).context("SOURCE_DATE_EPOCH is not a time")?;
    let page = Man::new(command.clone())
        .date(date.strftime("%Y-%m-%d").to_string())
        .source(concat!("dialpass ", env!("CARGO_PKG_VERSION")))
        .manual("dialpass");
    let mut text = Vec::new();
    page.render(&mut text)?;
    Ok(String::from_utf8(text)?)
}

/// Prints a shell's completions.
pub(super) fn completions(mut command: Command, shell: Shell) -> CommandResult {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut command, NAME, &mut script);
    match io::stdout().write_all(&script) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(anyhow::Error::from(error).context("the output cannot be written").into())
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}
