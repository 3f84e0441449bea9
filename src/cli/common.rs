//! What several commands do alike: reading a policy, choosing keys.

use super::output;
use crate::keys::KeySet;
use crate::ledger::{Applied, Feed, Ledger};
use crate::plan::Plan;
use crate::policy;
use anyhow::Context;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

/// A policy may be this large; far beyond what people write, small enough to hold and print excerpts of.
const POLICY_BYTES: u64 = 4 << 20;

/// The key set of `--keys`, or the published demonstration root with a line about it on standard error.
pub(crate) fn keys_or_demonstration(file: Option<&Path>) -> anyhow::Result<KeySet> {
    match file {
        Some(file) => KeySet::load(file).with_context(|| format!("reading keys from {}", file.display())),
        None => {
            output::complain(format_args!(
                "note: no --keys: using the published demonstration keys; the pseudonyms protect nobody"
            ));
            Ok(KeySet::demonstration())
        }
    }
}

/// The name of an input as messages show it.
pub(crate) fn display_name(file: &Path) -> String {
    if is_stdin(file) { "<stdin>".into() } else { file.display().to_string() }
}

fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// The text of a policy file; `-` is standard input.
pub(crate) fn read_policy(file: &Path) -> anyhow::Result<String> {
    let about = || format!("reading the policy {}", display_name(file));
    let mut text = String::new();
    let input: &mut dyn Read =
        if is_stdin(file) { &mut std::io::stdin().lock() } else { &mut std::fs::File::open(file).with_context(about)? };
    input.take(POLICY_BYTES + 1).read_to_string(&mut text).with_context(about)?;
    anyhow::ensure!(text.len() as u64 <= POLICY_BYTES, "the policy {} is larger than {POLICY_BYTES} bytes", display_name(file));
    Ok(text)
}

/// The plan of a policy file; its errors and warnings go to standard error.
pub(crate) fn load_plan(file: &Path, keys: &KeySet) -> anyhow::Result<Plan> {
    let text = read_policy(file)?;
    let compiled = policy::compile(&text, &display_name(file), keys);
    output::complain_text(&compiled.render(output::colour_on_stderr()));
    compiled.plan.with_context(|| format!("the policy {} has errors", display_name(file)))
}

/// What the ledger knows, from files.
#[derive(clap::Args)]
pub(crate) struct LedgerFiles {
    /// Consent records, one JSON object a line
    #[arg(long, value_name = "FILE")]
    ledger: Option<PathBuf>,
    /// Suppressions and erasures, one JSON object a line
    #[arg(long, value_name = "FILE")]
    erasures: Option<PathBuf>,
}

/// A line of a ledger may be this long: a record of Kafka's default size.
const LINE_BYTES: u64 = 1 << 20;

impl LedgerFiles {
    /// The ledger of the files. Without either none: it could not be said to be fresh. Where the policy asks no ledger,
    /// suppressions alone are enough; where it asks one they are refused alone, since nothing would apply them.
    pub(crate) fn load(&self, plan: &Plan, keys: &KeySet) -> anyhow::Result<Option<Arc<Ledger>>> {
        let is_asked = plan.streams.iter().any(|stream| stream.ledger().is_some());
        match (&self.ledger, &self.erasures) {
            (None, None) => return Ok(None),
            (None, Some(_)) if is_asked => {
                let why = "--erasures needs --ledger where a stream of the policy asks the ledger (it may be an empty file)";
                return Err(super::Usage(why.to_owned()).into());
            }
            (Some(_), _) | (None, Some(_)) => {}
        }
        let ledger = Ledger::new(keys);
        for (feed, file) in [(Feed::Consent, &self.ledger), (Feed::Erasures, &self.erasures)] {
            if let Some(file) = file {
                load_lines(&ledger, feed, file)?;
            }
        }
        ledger.set_fresh(Instant::now());
        Ok(Some(Arc::new(ledger)))
    }
}

fn load_lines(ledger: &Ledger, feed: Feed, file: &Path) -> anyhow::Result<()> {
    let about = || format!("reading the ledger {}", file.display());
    let mut lines = BufReader::new(std::fs::File::open(file).with_context(about)?);
    let mut line = Vec::new();
    for number in 1u64.. {
        line.clear();
        (&mut lines).take(LINE_BYTES + 1).read_until(b'\n', &mut line).with_context(about)?;
        if line.is_empty() {
            break;
        }
        anyhow::ensure!(line.len() as u64 <= LINE_BYTES, "{}:{number}: longer than {LINE_BYTES} bytes", file.display());
        let record = line.trim_ascii();
        if record.is_empty() {
            continue;
        }
        let applied = ledger.apply_json(feed, record).with_context(|| format!("{}:{number}", file.display()))?;
        let warn = |what: &str| output::complain(format_args!("warning: {}:{number}: {what}", file.display()));
        match applied {
            // A file has no partitions.
            Applied::Stored | Applied::Restricted | Applied::Removed | Applied::Merged { .. } | Applied::Split { .. } => {}
            Applied::Undecodable { why } => warn(&format!("{why}; everything is denied to whom it names")),
            Applied::Regression { .. } => warn("its version is lower than one before; everything is denied to whom it names"),
            Applied::Stop { why } => anyhow::bail!("{}:{number}: {why}", file.display()),
        }
    }
    Ok(())
}
