//! `privet dsr`: which requests of data subjects there are, how far they are, and what is held of somebody. It reads the topics
//! that the configuration names and writes nothing: requests are made and taken back over HTTP.

use super::Usage;
use super::ledger::topic::follow;
use super::output;
use crate::app::Record;
use crate::config::{Config, Properties, System};
use crate::control::dsr::{RequestType, Stage};
use crate::event::SubjectDigest;
use crate::kafka::follow::{Table, Topic};
use crate::kafka::{Row, Settings};
use crate::keys::subject::RowKey;
use crate::ledger::{Change, ConsentRecord, Feed, HashBuffers, Ledger};
use anyhow::Context;
use clap::Subcommand;
use jiff::Timestamp;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

/// Arguments of `privet dsr`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The configuration file
    #[arg(long, value_name = "FILE", global = true, default_value = "privet.yaml")]
    config: PathBuf,

    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Show requests, the oldest first: those that are open, or all
    List {
        /// Also those that were completed or cancelled
        #[arg(long)]
        all: bool,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Show what is known of one request, as JSON
    Show {
        /// The controller's id of it
        #[arg(value_name = "ID")]
        id: String,
    },
    /// Answer what is held of somebody, as JSON: one object for each identity
    Access {
        /// Who, as `kind:value`, the value as the policy's `normalize` leaves it
        #[arg(value_name = "KIND:VALUE", required = true)]
        who: Vec<String>,
    },
}

/// Does it; results go to standard output.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config, &System)?;
    match args.command {
        Command::List { all, json } => list(&config, all, json),
        Command::Show { id } => show(&config, &id),
        Command::Access { who } => access(&config, &who),
    }
}

/// Partition and key → what is wanted of the record that stands there last.
type Wanted<T> = BTreeMap<(i32, Vec<u8>), T>;

/// What is wanted of a key and a value.
type Wants<T> = Box<dyn Fn(&[u8], &[u8]) -> Option<T> + Send>;

/// What stands last under each key of a topic, where a closure wants it.
struct Last<T> {
    rows: Arc<Mutex<Wanted<T>>>,
    wants: Wants<T>,
}

impl<T: Send> Table for Last<T> {
    fn apply(&mut self, row: &Row<'_>) -> Result<(), String> {
        let Some(key) = row.key else { return Ok(()) };
        let mut rows = self.rows.lock().unwrap_or_else(PoisonError::into_inner);
        match row.value.and_then(|value| (self.wants)(key, value)) {
            Some(wanted) => drop(rows.insert((row.partition, key.to_vec()), wanted)),
            None if rows.is_empty() => {}
            None => drop(rows.remove(&(row.partition, key.to_vec()))),
        }
        Ok(())
    }
}

/// Reads a topic whole, and gives what was wanted of it.
fn read<T: Send + 'static>(
    config: &Config,
    properties: &Properties,
    (what, topic): (&'static str, &str),
    wants: impl Fn(&[u8], &[u8]) -> Option<T> + Send + 'static,
) -> anyhow::Result<Vec<T>> {
    let rows = Arc::new(Mutex::new(BTreeMap::new()));
    let table = Box::new(Last { rows: rows.clone(), wants: Box::new(wants) });
    let topics = vec![Topic { name: topic.to_owned(), from: Vec::new(), table }];
    follow(&Settings::new(config)?, properties, what, topics)?;
    let rows = std::mem::take(&mut *rows.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(rows.into_values().collect())
}

/// The properties of the cluster of the ledger.
fn ledgers(config: &Config) -> Properties {
    config.ledger.as_ref().map(|ledger| ledger.kafka.clone()).unwrap_or_default()
}

/// Every request, the oldest first; of one that stands twice, the later revision.
fn requests(config: &Config) -> anyhow::Result<Vec<Record>> {
    let dsr = config.dsr.as_ref().context("the configuration has no section `dsr`")?;
    let found = read(config, &ledgers(config), ("requests", &dsr.topic), |key, value| {
        Record::read(value).filter(|record| record.id.as_bytes() == key)
    })?;
    let mut last: BTreeMap<String, Record> = BTreeMap::new();
    for record in found {
        let known = last.get(&record.id);
        if known.is_none_or(|known| known.revision <= record.revision) {
            last.insert(record.id.clone(), record);
        }
    }
    let mut records: Vec<Record> = last.into_values().collect();
    records.sort_by(|one, other| (one.received, &one.id).cmp(&(other.received, &other.id)));
    Ok(records)
}

fn list(config: &Config, all: bool, as_json: bool) -> anyhow::Result<ExitCode> {
    let (records, now) = (requests(config)?, Timestamp::now());
    let shown = records.iter().filter(|record| all || !record.stage.is_final());
    let mut results = output::results();
    if as_json {
        for record in shown {
            serde_json::to_writer(&mut results, &json_of(record, now))?;
            writeln!(results)?;
        }
    } else {
        writeln!(results, "{:36}  {:11}  {:11}  {:20}  until", "request", "type", "status", "received")?;
        for record in shown {
            let Record { id, kind, stage, received, .. } = record;
            let (kind, stage, received) = (kind.as_str(), stage.as_str(), second(*received));
            writeln!(results, "{id:36}  {kind:11}  {stage:11}  {received:20}  {}", until(record, now))?;
        }
    }
    results.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What comes next, or came last.
fn until(record: &Record, now: Timestamp) -> String {
    match (record.stage, record.ended) {
        (Stage::Completed | Stage::Cancelled, Some(ended)) => second(ended),
        (Stage::Pending, _) if record.hold.is_some_and(|until| now < until) => {
            format!("held until {}", record.hold.map(second).unwrap_or_default())
        }
        (Stage::Pending | Stage::InProgress | Stage::Completed | Stage::Cancelled, _) => {
            let late = if record.is_overdue(now) { ", overdue" } else { "" };
            format!("expected {}{late}", second(record.expected))
        }
    }
}

/// To the second: what follows is for programs.
fn second(at: Timestamp) -> String {
    Timestamp::from_second(at.as_second()).map(|at| at.to_string()).unwrap_or_default()
}

fn json_of(record: &Record, now: Timestamp) -> Value {
    let mut tree = serde_json::to_value(record).unwrap_or_default();
    tree["overdue"] = json!(record.is_overdue(now));
    tree
}

fn show(config: &Config, id: &str) -> anyhow::Result<ExitCode> {
    let Some(record) = requests(config)?.into_iter().find(|record| record.id == id) else {
        output::complain(format_args!("no request of that id is known"));
        return Ok(ExitCode::FAILURE);
    };
    let mut results = output::results();
    serde_json::to_writer_pretty(&mut results, &json_of(&record, Timestamp::now()))?;
    writeln!(results)?;
    results.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn access(config: &Config, who: &[String]) -> anyhow::Result<ExitCode> {
    let mut named = Vec::new();
    for who in who {
        match who.split_once(':') {
            Some((kind, value)) if !kind.is_empty() && !value.is_empty() => named.push((kind, value)),
            Some(_) | None => return Err(Usage("who: expected `kind:value`, such as `user_id:97980cfea0067`".to_owned()).into()),
        }
    }
    let keys = crate::app::keys_of(config)?;
    let ledger = Arc::new(Ledger::new(&keys));
    let mut results = output::results();
    let rows = consent_rows(config, who)?;
    apply_erasures(config, &ledger)?;
    let data_keys = data_keys(config)?;
    let requests = if config.dsr.is_some() { requests(config)? } else { Vec::new() };
    for (who, (kind, value)) in who.iter().zip(named) {
        let subject = keys.subject_keys().digest(kind, value.as_bytes());
        let key = format!("digest:{}", ledger.digests().of(kind, value).to_hex());
        let names = |record: &&Record| record.subjects.iter().any(|subject| subject.key == key);
        let asked = requests.iter().filter(names);
        let is_held = |record: &&Record| record.kind != RequestType::Erasure || record.stage != Stage::Cancelled;
        let held = json!({
            "identity": {"kind": kind, "value": value},
            "consent": rows.iter().filter(|row| row.key == who.as_bytes()).map(|row| &row.record).collect::<Vec<_>>(),
            "other_name_in": rows.iter().filter(|row| row.key != who.as_bytes() && row.names.contains(who)).map(|row| &row.record).collect::<Vec<_>>(),
            "suppressed_for": suppressed_for(&ledger, kind, value),
            "data_keys": data_keys.iter().filter(|one| **one == subject).count(),
            "requests": asked.filter(is_held).map(|record| &record.id).collect::<Vec<_>>(),
        });
        serde_json::to_writer(&mut results, &held)?;
        writeln!(results)?;
    }
    results.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// A row of the consent topic that has to do with one of those who were asked for.
struct Found {
    key: Vec<u8>,
    /// Which of them it has for other names.
    names: Vec<String>,
    /// The record as JSON; a sentence where it cannot be read.
    record: Value,
}

fn consent_rows(config: &Config, who: &[String]) -> anyhow::Result<Vec<Found>> {
    let Some(ledger) = &config.ledger else { return Ok(Vec::new()) };
    let who = who.to_vec();
    read(config, &ledger.kafka, ("ledger", &ledger.topic), move |key, value| {
        let record = ConsentRecord::read(value).ok();
        let aliases = record.iter().flat_map(|record| &record.aliases);
        let names = aliases.filter_map(|alias| String::from_utf8(alias.key()).ok()).filter(|name| who.contains(name));
        let names: Vec<String> = names.collect();
        let is_own = who.iter().any(|who| who.as_bytes() == key);
        let json = || record.as_ref().and_then(|record| serde_json::from_slice(&record.to_json()).ok());
        (is_own || !names.is_empty()).then(|| Found {
            key: key.to_vec(),
            record: json().unwrap_or_else(|| json!("a record that cannot be read; it denies everything")),
            names,
        })
    })
}

/// Who is suppressed is known by digest: it is asked of a ledger that holds nothing else.
fn apply_erasures(config: &Config, ledger: &Arc<Ledger>) -> anyhow::Result<()> {
    struct Applying(Arc<Ledger>);
    impl Table for Applying {
        fn apply(&mut self, row: &Row<'_>) -> Result<(), String> {
            let Row { partition, offset, key, value, .. } = *row;
            self.0.apply(&Change { feed: Feed::Erasures, partition, offset, key, value, timestamp: None });
            Ok(())
        }
    }
    let Some(topic) = &config.erasures else { return Ok(()) };
    let table = Box::new(Applying(ledger.clone()));
    let topics = vec![Topic { name: topic.clone(), from: Vec::new(), table }];
    follow(&Settings::new(config)?, &ledgers(config), "erasures", topics)
}

fn suppressed_for(ledger: &Ledger, kind: &str, value: &str) -> Vec<String> {
    let (mut buffers, mut looked_up, mut names) = (HashBuffers::default(), Vec::new(), Vec::new());
    let plain = ledger.digests().of(kind, value);
    ledger.suppressions((kind, value), plain, &mut buffers, &mut looked_up, &mut |purpose| {
        let name = purpose.index().and_then(|index| ledger.purpose_name(index));
        names.push(name.map_or("*".to_owned(), |name| name.to_string()));
    });
    names.sort_unstable();
    names.dedup();
    names
}

/// Whose data keys are in their topic, one entry for each key.
fn data_keys(config: &Config) -> anyhow::Result<Vec<SubjectDigest>> {
    let Some(topic) = &config.subject_keys else { return Ok(Vec::new()) };
    let subject = |key: &[u8], _: &[u8]| RowKey::from_record_key(key).map(|row| row.subject);
    read(config, &Properties::default(), ("subject keys", &topic.topic), subject)
}
