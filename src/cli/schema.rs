//! `privet schema`: the JSON Schema of the policy or of the configuration.

use super::output;
use crate::{config, policy};
use std::io::Write;
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
    let schema = match args.of {
        Of::Policy => policy::schema(),
        Of::Config => config::schema(),
    };
    let mut results = output::results();
    serde_json::to_writer_pretty(&mut results, &schema).map_err(std::io::Error::from)?;
    writeln!(results)?;
    results.flush()?;
    Ok(ExitCode::SUCCESS)
}
