//! `privet test`: runs the unit tests of policies.

use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `privet test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Test files, or folders that hold `*.test.yaml`
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
}

/// Runs them.
pub(crate) fn run(_args: Args) -> anyhow::Result<ExitCode> {
    anyhow::bail!("`privet test` is not built yet")
}
