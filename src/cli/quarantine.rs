//! `privet quarantine`: Sealed records, opened.

use std::process::ExitCode;

/// Arguments of `privet quarantine`.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs it.
pub(crate) fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`privet quarantine` is not built yet")
}
