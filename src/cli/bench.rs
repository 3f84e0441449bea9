//! `privet bench`: Engine throughput.

use std::process::ExitCode;

/// Arguments of `privet bench`.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs it.
pub(crate) fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`privet bench` is not built yet")
}
