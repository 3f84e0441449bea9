//! `privet run`: The proxy.

use std::process::ExitCode;

/// Arguments of `privet run`.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs it.
pub(crate) fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`privet run` is not built yet")
}
