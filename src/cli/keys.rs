//! `privet keys`: makes key files and shows what they hold, but for the secrets.

use super::output;
use crate::keys::{KeySet, RootKey};
use anyhow::Context;
use clap::Subcommand;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `privet keys`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Make a new key file, readable by its owner only; an existing file is never overwritten
    Generate(File),
    /// Show ids, states and dates, never secrets
    List(File),
    /// Add a new active root and retire the old one: pseudonyms change, and show so by the new id
    Rotate(File),
    /// Erase the secret of a retired root for good
    Destroy(Destroy),
}

#[derive(clap::Args)]
struct File {
    /// The key file
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

#[derive(clap::Args)]
struct Destroy {
    /// The key file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The id of a retired root, as `privet keys list` shows it
    #[arg(value_name = "ID")]
    id: String,
}

/// Does it; what was done goes to standard output.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut results = output::results();
    match args.command {
        Command::Generate(File { file }) => {
            let keys = KeySet::generate()?;
            keys.save_new(&file).with_context(|| format!("making {}", file.display()))?;
            writeln!(results, "{}: {}", file.display(), ids(&keys))?;
        }
        Command::List(File { file }) => list(&load(&file)?, &mut results)?,
        Command::Rotate(File { file }) => {
            let mut keys = load(&file)?;
            let id = keys.rotate()?.to_owned();
            save(&keys, &file)?;
            writeln!(results, "{}: root {id} is active now", file.display())?;
        }
        Command::Destroy(Destroy { file, id }) => {
            let mut keys = load(&file)?;
            keys.destroy(&id).with_context(|| format!("destroying a key of {}", file.display()))?;
            save(&keys, &file)?;
            writeln!(results, "{}: root {id} is destroyed here; copies and backups of the file still hold it", file.display())?;
        }
    }
    results.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn load(file: &Path) -> anyhow::Result<KeySet> {
    KeySet::load(file).with_context(|| format!("reading keys from {}", file.display()))
}

fn save(keys: &KeySet, file: &Path) -> anyhow::Result<()> {
    keys.save(file).with_context(|| format!("writing keys to {}", file.display()))
}

fn ids(keys: &KeySet) -> String {
    let named: Vec<String> = keys.keys().iter().map(|key| format!("{} {}", key.role().as_str(), key.id())).collect();
    named.join(", ")
}

fn list(keys: &KeySet, results: &mut impl Write) -> std::io::Result<()> {
    let width = keys.keys().iter().map(|key| key.id().len()).max().unwrap_or(0).max(2);
    writeln!(results, "{:width$}  {:7}  {:9}  created", "id", "role", "state")?;
    keys.keys().iter().try_for_each(|key: &RootKey| {
        writeln!(results, "{:width$}  {:7}  {:9}  {}", key.id(), key.role().as_str(), key.state().as_str(), key.created())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_has_no_secrets() {
        let mut shown = Vec::new();
        list(&KeySet::demonstration(), &mut shown).unwrap();
        let expected = "id            role     state      created\n\
                        demo          root     active     1970-01-01T00:00:00Z\n\
                        demo-digests  digests  active     1970-01-01T00:00:00Z\n";
        assert_eq!(String::from_utf8(shown).unwrap(), expected);
    }
}
