//! `privet filter`: The engine over files or standard input.

use std::process::ExitCode;

/// Arguments of `privet filter`.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs it.
pub(crate) fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`privet filter` is not built yet")
}
