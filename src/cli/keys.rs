//! `privet keys`: makes key files and shows what they hold, but for the secrets.

use super::output;
use crate::config::{Config, System};
use crate::keys::provider::{Clear, Keyring};
use crate::keys::{KeyFile, RootKey};
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
    Generate(Kept),
    /// Show ids, states and dates, never secrets
    List(File),
    /// Add a new active root and retire the old one: pseudonyms change, and show so by the new id
    Rotate(Kept),
    /// Have the roots of a key file wrapped by the provider of the configuration, also anew; the file is replaced
    Wrap(Kept),
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
struct Kept {
    /// The key file
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// A configuration, whose `keys` say who keeps the roots; without it they stand in the file
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
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
        Command::Generate(Kept { file, config }) => {
            let keys = KeyFile::generate(keyring(config.as_deref())?.provider())?;
            keys.save_new(&file).with_context(|| format!("making {}", file.display()))?;
            writeln!(results, "{}: {}{}", file.display(), ids(&keys), wrapped(&keys))?;
        }
        Command::List(File { file }) => list(load(&file)?.keys(), &mut results)?,
        Command::Rotate(Kept { file, config }) => {
            let keyring = keyring(config.as_deref())?;
            let mut keys = load(&file)?;
            let id = keys.rotate(keyring.provider()).with_context(|| format!("rotating {}", file.display()))?.to_owned();
            save(&keys, &file)?;
            writeln!(results, "{}: root {id} is active now", file.display())?;
        }
        Command::Wrap(Kept { file, config }) => {
            let keys = wrap(&file, &keyring(config.as_deref())?)?;
            let rest = "copies and backups of the file before still hold the roots as it did";
            writeln!(results, "{}: {}{}; {rest}", file.display(), ids(&keys), wrapped(&keys))?;
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

/// Who keeps the roots.
fn keyring(config: Option<&Path>) -> anyhow::Result<Keyring> {
    match config {
        Some(config) => crate::app::keyring(&Config::load(config, &System)?),
        None => Ok(Keyring::in_the_clear()),
    }
}

/// Replaces a file by one with the same roots wrapped: those in the clear, or those that the same provider has wrapped before, which
/// then are wrapped under the newest version of its key.
fn wrap(file: &Path, keyring: &Keyring) -> anyhow::Result<KeyFile> {
    if !keyring.provider().wraps() {
        let why = "`keys wrap` needs --config with `keys.provider: vault` or `aws-kms`";
        return Err(super::Usage(why.to_owned()).into());
    }
    let before = load(file)?;
    let opened = if before.wrapped_by().is_some() { keyring.open(&before) } else { before.open(&Clear) };
    let set = opened.with_context(|| format!("reading keys from {}", file.display()))?;
    let known = [set.pseudonym_key("", None, "").mac(b""), set.digest_key("").mac(b"")];
    let keys = KeyFile::close(set, keyring.provider()).with_context(|| format!("wrapping {}", file.display()))?;
    // What cannot be unwrapped again must not take the place of what can be read.
    let again = keyring.open(&keys).with_context(|| format!("unwrapping what was wrapped of {}", file.display()))?;
    let found = [again.pseudonym_key("", None, "").mac(b""), again.digest_key("").mac(b"")];
    anyhow::ensure!(found == known, "the provider gives other roots than it was given; {} stays as it was", file.display());
    save(&keys, file)?;
    Ok(keys)
}

fn load(file: &Path) -> anyhow::Result<KeyFile> {
    KeyFile::load(file).with_context(|| format!("reading keys from {}", file.display()))
}

fn save(keys: &KeyFile, file: &Path) -> anyhow::Result<()> {
    keys.save(file).with_context(|| format!("writing keys to {}", file.display()))
}

fn ids(keys: &KeyFile) -> String {
    let named: Vec<String> = keys.keys().iter().map(|key| format!("{} {}", key.role().as_str(), key.id())).collect();
    named.join(", ")
}

fn wrapped(keys: &KeyFile) -> String {
    keys.wrapped_by().map(|by| format!(" (wrapped by {by})")).unwrap_or_default()
}

fn list(keys: &[RootKey], results: &mut impl Write) -> std::io::Result<()> {
    let width = keys.iter().map(|key| key.id().len()).max().unwrap_or(0).max(2);
    writeln!(results, "{:width$}  {:7}  {:9}  created", "id", "role", "state")?;
    keys.iter().try_for_each(|key: &RootKey| {
        writeln!(results, "{:width$}  {:7}  {:9}  {}", key.id(), key.role().as_str(), key.state().as_str(), key.created())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_has_no_secrets() {
        let mut shown = Vec::new();
        list(crate::keys::KeySet::demonstration().keys(), &mut shown).unwrap();
        let expected = "id            role     state      created\n\
                        demo          root     active     1970-01-01T00:00:00Z\n\
                        demo-digests  digests  active     1970-01-01T00:00:00Z\n";
        assert_eq!(String::from_utf8(shown).unwrap(), expected);
    }
}
