//! `privet schema`: the JSON Schema of the policy or of the configuration.

use super::Usage;
use std::process::ExitCode;

/// Arguments of `privet schema`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Of which file
    #[arg(value_enum)]
    of: Of,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Of {
    /// The policy language
    Policy,
    /// The configuration of `privet run`
    Config,
}

/// Prints it to standard output.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    match args.of {
        Of::Policy => Err(Usage("`privet schema policy` is not built yet".into()).into()),
        Of::Config => Err(Usage("`privet schema config` is not built yet".into()).into()),
    }
}
