//! `privet keys`: Key files.

use std::process::ExitCode;

/// Arguments of `privet keys`.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs it.
pub(crate) fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`privet keys` is not built yet")
}
