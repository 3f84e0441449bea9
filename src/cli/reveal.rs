//! `privet reveal`: tokens and encrypted fields back to values, for those who hold the key.

use super::output;
use crate::config::{Config, System};
use crate::keys::provider::Keyring;
use crate::keys::subject::{Applied, RowSet, SubjectKeys};
use crate::keys::{KeyFile, KeySet};
use anyhow::Context;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use zeroize::Zeroizing;

/// Arguments of `privet reveal`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The key file
    #[arg(long, value_name = "FILE")]
    key: PathBuf,
    /// A configuration: for encrypted fields Kafka and the topic of subject keys are taken from it, unless --subject-keys is given;
    /// for wrapped keys, who unwraps them
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// For encrypted fields: the topic of subject keys as JSON lines, {"key":…,"value":…} (null where destroyed), oldest first
    #[arg(long, value_name = "FILE")]
    subject_keys: Option<PathBuf>,
    /// Tokens and encrypted fields, as they stand in a sink's records; without any, one a line of standard input
    #[arg(value_name = "VALUE")]
    values: Vec<String>,
}

/// Prints the value of each on a line of its own; one with control characters, line feeds among them, as a JSON string.
/// Where one cannot be read the line is empty, the reason goes to standard error, and the exit code is 1.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = args.config.as_ref().map(|file| Config::load(file, &System)).transpose()?;
    let keys = keys(&args.key, config.as_ref()).with_context(|| format!("reading {}", args.key.display()))?;
    let rows = match (&args.subject_keys, &config) {
        (Some(file), _) => read_rows(file).with_context(|| format!("reading subject keys from {}", file.display()))?,
        (None, Some(config)) => crate::app::subject_key_rows(config)?,
        (None, None) => RowSet::default(),
    };
    let reader = Reader { subject_keys: keys.subject_keys(), keys, rows };
    let mut results = output::results();
    let mut refused = false;
    if args.values.is_empty() {
        for (position, line) in std::io::stdin().lock().lines().enumerate() {
            refused |= !reader.one(position, line.context("reading standard input")?.trim(), &mut results)?;
        }
    }
    for (position, value) in args.values.iter().enumerate() {
        refused |= !reader.one(position, value, &mut results)?;
    }
    results.flush().context("writing results")?;
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The keys of the file; where their roots are wrapped, the configuration says who unwraps them.
fn keys(file: &Path, config: Option<&Config>) -> anyhow::Result<KeySet> {
    let file = KeyFile::load(file)?;
    let keyring = match config {
        Some(config) if file.wrapped_by().is_some() => crate::app::keyring(config)?,
        Some(_) | None => Keyring::in_the_clear(),
    };
    Ok(keyring.open(&file)?)
}

/// What values are read back with.
struct Reader {
    keys: KeySet,
    subject_keys: SubjectKeys,
    rows: RowSet,
}

impl Reader {
    /// Whether the value could be read. No message holds what was given: it stands for a value.
    fn one(&self, position: usize, given: &str, results: &mut impl Write) -> anyhow::Result<bool> {
        let revealed = if KeySet::is_encrypted(given) {
            self.keys.reveal_encrypted(given, &self.subject_keys, &self.rows)
        } else {
            self.keys.reveal(given)
        };
        match revealed {
            Ok(value) => {
                print(&value, results).context("writing results")?;
                Ok(true)
            }
            Err(reason) => {
                writeln!(results).context("writing results")?;
                output::complain(format_args!("error: value {}: {reason}", position + 1));
                Ok(false)
            }
        }
    }
}

fn print(value: &Zeroizing<Vec<u8>>, results: &mut impl Write) -> anyhow::Result<()> {
    let text = std::str::from_utf8(value).context("a value that is no text")?;
    if text.chars().any(char::is_control) {
        serde_json::to_writer(&mut *results, text)?;
        writeln!(results)?;
    } else {
        writeln!(results, "{text}")?;
    }
    Ok(())
}

/// One record of the topic.
#[derive(serde::Deserialize)]
struct Line {
    key: String,
    value: Option<String>,
}

fn read_rows(file: &Path) -> anyhow::Result<RowSet> {
    let mut rows = RowSet::default();
    for (number, line) in BufReader::new(std::fs::File::open(file)?).lines().enumerate() {
        let line = line?;
        if line.trim().is_empty() {
            continue;
        }
        let number = number + 1;
        // What the parser says could repeat the line.
        let Ok(Line { key, value }) = serde_json::from_str(&line) else {
            anyhow::bail!("line {number} is not {{\"key\":…,\"value\":…}}");
        };
        match rows.apply(key.as_bytes(), value.as_deref().map(str::as_bytes)) {
            Applied::Stored(_) | Applied::Destroyed(_) => {}
            Applied::Undecodable(fault) => output::complain(format_args!("warning: line {number} is no subject key: {fault}")),
            Applied::Full => anyhow::bail!("line {number}: no room"),
        }
    }
    Ok(rows)
}
