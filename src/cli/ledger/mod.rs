//! `privet ledger`: what operators and scripts do with consent records, through Kafka and by the configuration.
//!
//! Whoever writes here writes as any writer of the ledger should: without a transaction, one record a subject, its version
//! one above the last, acknowledged by all replicas before the command says that it is done.

mod import;
pub(super) mod topic;

use super::output;
use crate::config::{Config, System};
use crate::event::Timestamp;
use crate::ledger::record::{Consent, EVERY_PURPOSE, Identity, Stated};
use crate::ledger::{ConsentRecord, Feed, Ledger};
use anyhow::{Context, anyhow, bail};
use clap::Subcommand;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use topic::{Found, Rows, Topics};

/// A consent record may be this large; far beyond what one holds.
const RECORD_BYTES: u64 = 1 << 20;

/// Arguments of `privet ledger`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The configuration file, whose `ledger` section names the topic
    #[arg(long, value_name = "FILE", global = true, default_value = "privet.yaml")]
    config: PathBuf,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Write one consent record, as JSON from a file or standard input
    Put {
        /// The record; `-` is standard input
        #[arg(value_name = "FILE", default_value = "-")]
        file: PathBuf,
    },
    /// Show the record of one identity, as JSON
    Get {
        /// Who, as `kind:value`
        #[arg(value_name = "KIND:VALUE")]
        who: String,
    },
    /// Write that somebody takes consent back, for some purposes or all
    Withdraw {
        /// Who, as `kind:value`
        #[arg(value_name = "KIND:VALUE")]
        who: String,
        /// A purpose by name; may be repeated. Without it: every purpose
        #[arg(long = "purpose", value_name = "NAME")]
        purposes: Vec<String>,
    },
    /// Write many records, from JSON lines or CSV
    Import(import::Args),
    /// Write every record to standard output, as JSON lines
    Export,
    /// How much the ledger holds, and what is wrong with it
    Stats,
}

/// Does it; results go to standard output.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config, &System)?;
    let topics = Topics::of(&config)?;
    match args.command {
        Command::Put { file } => put(&topics, &file),
        Command::Get { who } => get(&topics, &who),
        Command::Withdraw { who, purposes } => withdraw(&topics, &who, &purposes),
        Command::Import(args) => import::run(&topics, &args),
        Command::Export => export(&topics),
        Command::Stats => stats(&topics, &config),
    }
}

/// An identity as the command line has it.
fn identity(who: &str) -> anyhow::Result<Identity<'_>> {
    match who.split_once(':') {
        Some((kind, value)) if !kind.is_empty() && !value.is_empty() => {
            Ok(Identity { kind: Cow::Borrowed(kind), value: Cow::Borrowed(value) })
        }
        Some(_) | None => Err(super::Usage("who: expected `kind:value`, such as `user_id:97980cfea0067`".to_owned()).into()),
    }
}

fn put(topics: &Topics, file: &Path) -> anyhow::Result<ExitCode> {
    let about = || format!("reading a consent record from {}", super::common::display_name(file));
    let mut text = Vec::new();
    let input: &mut dyn Read = match file.as_os_str() == "-" {
        true => &mut std::io::stdin().lock(),
        false => &mut std::fs::File::open(file).with_context(about)?,
    };
    input.take(RECORD_BYTES + 1).read_to_end(&mut text).with_context(about)?;
    if text.len() as u64 > RECORD_BYTES {
        bail!("{}: it is larger than {RECORD_BYTES} bytes", about());
    }
    let record = ConsentRecord::read(text.trim_ascii()).with_context(about)?;
    let found = current(topics, &record.identity)?;
    if let Some(why) = found.as_ref().and_then(|found| too_old(found, &record)) {
        bail!("{why}; nothing was written");
    }
    write(topics, found.as_ref(), &record)?;
    Ok(ExitCode::SUCCESS)
}

/// Why a record must not follow what was found: every ledger would take it for one that went back and deny its subject, or
/// could not tell the two apart. A record that is there already may be written again, and one that nobody counts may
/// follow another.
fn too_old(found: &Found, record: &ConsentRecord<'_>) -> Option<String> {
    let (version, highest) = (record.version, found.highest);
    let same = || found.value.as_deref().and_then(|value| ConsentRecord::read(value).ok()).map(|was| was.to_json());
    if version > highest || highest == 0 || (version == highest && same().as_deref() == Some(&record.to_json()[..])) {
        return None;
    }
    Some(format!("version {version} is not above {highest}, the highest that the ledger has of this identity"))
}

/// Writes one record, behind what was found, and shows it once it is acknowledged.
fn write(topics: &Topics, found: Option<&Found>, record: &ConsentRecord<'_>) -> anyhow::Result<()> {
    let (json, writer) = (record.to_json(), topics.writer()?);
    writer.put(found, &record.identity.key(), &json)?;
    writer.settle()?;
    show(&json)
}

fn show(line: &[u8]) -> anyhow::Result<()> {
    let mut results = output::results();
    results.write_all(line)?;
    writeln!(results)?;
    Ok(results.flush()?)
}

/// What the topic says of an identity under its own name.
fn current(topics: &Topics, who: &Identity<'_>) -> anyhow::Result<Option<Found>> {
    let key = who.key();
    let mut rows: Rows = topics.read(Some(BTreeSet::from([key.clone()])))?;
    Ok(rows.remove(&key))
}

fn get(topics: &Topics, who: &str) -> anyhow::Result<ExitCode> {
    let who = identity(who)?;
    match current(topics, &who)?.and_then(|found| found.value) {
        None => {
            output::complain(format_args!("no record under that identity"));
            Ok(ExitCode::FAILURE)
        }
        Some(value) => {
            let record =
                topic::read(&who.key(), &value).map_err(|why| anyhow!("the record cannot be read, and denies: {why}"))?;
            show(&record.to_json())?;
            Ok(ExitCode::SUCCESS)
        }
    }
}

fn withdraw(topics: &Topics, who: &str, purposes: &[String]) -> anyhow::Result<ExitCode> {
    let who = identity(who)?;
    let found = current(topics, &who)?;
    let (record, replaced) = withdrawn(found.as_ref(), who, purposes, Timestamp::now());
    if let Some(why) = replaced {
        output::complain(format_args!("note: the record denied everything ({why}); every purpose is withdrawn"));
    }
    write(topics, found.as_ref(), &record)?;
    Ok(ExitCode::SUCCESS)
}

/// The record after a withdrawal: its version one higher, everything else as it was. Where the record that was found denies
/// everything, as one does that cannot be read or whose version went back, every purpose is withdrawn whatever was named:
/// anything else would give back what is denied. Then also why.
fn withdrawn<'a>(
    found: Option<&'a Found>,
    identity: Identity<'a>,
    purposes: &'a [String],
    now: Timestamp,
) -> (ConsentRecord<'a>, Option<String>) {
    let highest = found.map_or(0, |found| found.highest);
    let (before, why) = match found.and_then(|found| found.value.as_deref()).map(|value| topic::read(&identity.key(), value)) {
        None => (None, None),
        Some(Ok(record)) if record.version < highest => (Some(record), Some("its version went back".to_owned())),
        Some(Ok(record)) => (Some(record), None),
        Some(Err(why)) => (None, Some(why)),
    };
    let nothing = ConsentRecord { identity, aliases: vec![], jurisdiction: None, version: 0, purposes: vec![], evidence: vec![] };
    let mut record = before.unwrap_or(nothing);
    let withdrawn = Consent { state: Stated::Withdrawn, at: Some(now), since: None, expires: None, vendors: None };
    let named: Vec<Cow<'a, str>> = match purposes.is_empty() || why.is_some() {
        false => purposes.iter().map(|name| Cow::Borrowed(name.as_str())).collect(),
        // Those that have no line of their own are withdrawn by the one for all.
        true => record.purposes.iter().map(|(name, _)| name.clone()).chain([EVERY_PURPOSE.into()]).collect(),
    };
    for name in named {
        match record.purposes.iter_mut().find(|(known, _)| *known == name) {
            Some((_, consent)) => *consent = withdrawn.clone(),
            None => record.purposes.push((name, withdrawn.clone())),
        }
    }
    record.version = highest.saturating_add(1);
    (record, why)
}

fn export(topics: &Topics) -> anyhow::Result<ExitCode> {
    let rows = topics.read(None)?;
    let (mut results, mut unreadable) = (output::results(), 0u64);
    for (key, value) in rows.iter().filter_map(|(key, found)| Some((key, found.value.as_deref()?))) {
        match topic::read(key, value) {
            Ok(record) => {
                results.write_all(&record.to_json())?;
                writeln!(results)?;
            }
            Err(_) => unreadable += 1,
        }
    }
    results.flush()?;
    if unreadable == 0 {
        return Ok(ExitCode::SUCCESS);
    }
    output::complain(format_args!("{unreadable} records cannot be read and were left out; they deny"));
    Ok(ExitCode::FAILURE)
}

fn stats(topics: &Topics, config: &Config) -> anyhow::Result<ExitCode> {
    let keys = crate::app::keys_of(config)?;
    let ledger = Arc::new(Ledger::new(&keys));
    let counts = topics.apply(&ledger)?;
    let held = ledger.stats();
    let mut results = output::results();
    let mut line = |name: &str, number: u64| writeln!(results, "{name:24} {number:>14}");
    line("subjects", held.subjects as u64)?;
    line("aliases", held.aliases as u64)?;
    line("suppressed identities", held.suppressed as u64)?;
    line("purposes", held.purposes as u64)?;
    line("vendor lists", held.vendor_lists as u64)?;
    line("records read", counts.rows)?;
    line("undecodable", counts.undecodable)?;
    line("versions that went back", counts.regressions)?;
    line("in several partitions", counts.split)?;
    let seconds = counts.took.as_secs_f64().max(f64::EPSILON);
    writeln!(results, "{:24} {:>14.0}", "records a second", counts.rows as f64 / seconds)?;
    results.flush()?;
    let faults = counts.undecodable + counts.regressions + counts.split;
    Ok(if faults == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// The feeds of a ledger and the topic of each.
fn feeds(config: &Config) -> Vec<(Feed, String)> {
    let consent = config.ledger.iter().map(|ledger| (Feed::Consent, ledger.topic.clone()));
    consent.chain(config.erasures.iter().map(|topic| (Feed::Erasures, topic.clone()))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(values: &[&str]) -> Found {
        let mut found = Found::default();
        values.iter().for_each(|value| found.add(2, b"user_id:u1", Some(value.as_bytes())));
        found
    }

    fn granted(version: u64) -> String {
        format!(
            r#"{{"identity":{{"kind":"user_id","value":"u1"}},"version":{version},"purposes":{{"ads":{{"state":"granted","at":"2026-01-01T00:00:00Z"}},"analytics":{{"state":"granted","at":"2026-01-01T00:00:00Z"}}}}}}"#
        )
    }

    #[test]
    fn a_withdrawal_from_what_denies_everything_withdraws_everything() {
        let (old, other) = (granted(12), granted(3).replace("u1", "u2"));
        for last in ["{", &other, &granted(11)] {
            let (found, purposes) = (found(&[&old, last]), ["ads".to_owned()]);
            let now = "2026-11-22T12:00:00Z".parse().unwrap();
            let (record, why) = withdrawn(Some(&found), identity("user_id:u1").unwrap(), &purposes, now);
            assert!(why.is_some(), "{last}");
            assert_eq!((record.version, record.identity.key()), (13, b"user_id:u1".to_vec()), "{last}");
            assert!(record.purposes.iter().any(|(name, _)| name == EVERY_PURPOSE), "{last}");
            assert!(record.purposes.iter().all(|(_, consent)| consent.state == Stated::Withdrawn), "{last}");
        }
        let most = found(&[&granted(u64::MAX)]);
        let (record, _) = withdrawn(Some(&most), identity("user_id:u1").unwrap(), &[], Timestamp::now());
        assert_eq!(record.version, u64::MAX);
    }

    #[test]
    fn a_version_that_is_not_above_the_highest_is_refused() {
        let found = found(&[&granted(12), &granted(11)]);
        let denied = granted(12).replace("granted", "denied");
        for (next, refused) in [(granted(0), true), (granted(11), true), (denied, true), (granted(13), false)] {
            let record = ConsentRecord::read(next.as_bytes()).unwrap();
            assert_eq!(too_old(&found, &record).is_some(), refused, "{next}");
        }
        let (twelve, none) = (granted(12), granted(0));
        let again = ConsentRecord::read(twelve.as_bytes()).unwrap();
        assert_eq!(too_old(&super::tests::found(&[&twelve]), &again), None, "the same again");
        let uncounted = ConsentRecord::read(none.as_bytes()).unwrap();
        assert_eq!(too_old(&super::tests::found(&[&none.replace("granted", "denied")]), &uncounted), None, "nobody counts");
    }

    fn after(before: Option<&str>, purposes: &[&str]) -> String {
        let purposes: Vec<String> = purposes.iter().map(|name| (*name).to_owned()).collect();
        let now = "2026-11-22T12:00:00Z".parse().unwrap();
        let found = before.map(|before| found(&[before]));
        let (record, _) = withdrawn(found.as_ref(), identity("user_id:u1").unwrap(), &purposes, now);
        String::from_utf8(record.to_json()).unwrap()
    }

    #[test]
    fn a_withdrawal_keeps_the_rest_and_raises_the_version() {
        let before = r#"{"identity":{"kind":"user_id","value":"u1"},"aliases":[{"kind":"email","value":"a@b.c"}],"version":7,"purposes":{"ads":{"state":"granted","at":"2026-01-01T00:00:00Z","vendors":["*"]},"analytics":{"state":"granted","at":"2026-01-01T00:00:00Z"}}}"#;
        assert_eq!(
            after(Some(before), &["ads"]),
            r#"{"identity":{"kind":"user_id","value":"u1"},"aliases":[{"kind":"email","value":"a@b.c"}],"version":8,"purposes":{"ads":{"state":"withdrawn","at":"2026-11-22T12:00:00Z"},"analytics":{"state":"granted","at":"2026-01-01T00:00:00Z"}}}"#
        );
    }

    #[test]
    fn without_a_purpose_all_are_withdrawn_also_those_nobody_named_yet() {
        let all = r#"{"identity":{"kind":"user_id","value":"u1"},"version":1,"purposes":{"*":{"state":"withdrawn","at":"2026-11-22T12:00:00Z"}}}"#;
        assert_eq!(after(None, &[]), all);
        let before =
            r#"{"identity":{"kind":"user_id","value":"u1"},"purposes":{"ads":{"state":"granted","at":"2026-01-01T00:00:00Z"}}}"#;
        let withdrawn = after(Some(before), &[]);
        assert!(
            withdrawn.contains(r#""ads":{"state":"withdrawn""#) && withdrawn.contains(r#""*":{"state":"withdrawn""#),
            "{withdrawn}"
        );
    }

    #[test]
    fn an_identity_needs_a_kind_and_a_value() {
        for wrong in ["u1", ":u1", "user_id:", ""] {
            assert!(identity(wrong).err().expect("refused").is::<super::super::Usage>(), "{wrong}");
        }
        assert_eq!(identity("urn:a:b").unwrap().key(), b"urn:a:b");
    }
}
