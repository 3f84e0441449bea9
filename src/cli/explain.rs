//! `privet explain`: One event, explained per sink.

use std::process::ExitCode;

/// Arguments of `privet explain`.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs it.
pub(crate) fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`privet explain` is not built yet")
}
