//! `privet demo`: The whole thing on one machine.

use std::process::ExitCode;

/// Arguments of `privet demo`.
#[derive(clap::Args)]
pub(crate) struct Args {}

/// Runs it.
pub(crate) fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`privet demo` is not built yet")
}
