//! `privet reveal`: tokens back to values, for those who hold the key.

use super::output;
use crate::keys::KeySet;
use anyhow::Context;
use std::io::{BufRead, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `privet reveal`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The key file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// Tokens, as they stand in a sink's records; without any, one a line of standard input
    #[arg(value_name = "VALUE")]
    values: Vec<String>,
}

/// Prints the value of each token on a line of its own; one with control characters, line feeds among them, as a JSON string.
/// Where a token cannot be read the line is empty, the reason goes to standard error, and the exit code is 1.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let keys = KeySet::load(&args.key).with_context(|| format!("reading {}", args.key.display()))?;
    let mut results = output::results();
    let mut refused = false;
    if args.values.is_empty() {
        for (position, line) in std::io::stdin().lock().lines().enumerate() {
            refused |= !one(&keys, position, line.context("reading standard input")?.trim(), &mut results)?;
        }
    }
    for (position, value) in args.values.iter().enumerate() {
        refused |= !one(&keys, position, value, &mut results)?;
    }
    results.flush().context("writing results")?;
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Whether the token could be read. No message holds the token: it stands for a value.
fn one(keys: &KeySet, position: usize, token: &str, results: &mut impl Write) -> anyhow::Result<bool> {
    match keys.reveal(token) {
        Ok(value) => {
            let text = std::str::from_utf8(&value).context("a value that is no text")?;
            if text.chars().any(char::is_control) {
                serde_json::to_writer(&mut *results, text).context("writing results")?;
                writeln!(results).context("writing results")?;
            } else {
                writeln!(results, "{text}").context("writing results")?;
            }
            Ok(true)
        }
        Err(reason) => {
            writeln!(results).context("writing results")?;
            output::complain(format_args!("error: value {}: {reason}", position + 1));
            Ok(false)
        }
    }
}
