//! `privet ledger import`: many records from JSON lines or CSV. All are read before the first is written, so that a broken
//! file changes nothing.

use super::too_old;
use super::topic::{Topics, bar};
use crate::cli::{common, output};
use crate::event::Timestamp;
use crate::ledger::ConsentRecord;
use crate::ledger::record::{Consent, Identity, Stated};
use anyhow::{Context, bail};
use std::borrow::Cow;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

/// The faults of one file that are said; the rest are counted.
const FAULTS_SAID: usize = 20;

/// Records between two steps of the bar.
const STEP: u64 = 512;

/// The columns of a CSV file. One line says one purpose of one subject; lines of a subject that follow each other are one
/// record. `version` to `vendors` may be missing or empty; vendors are separated by blanks, and `*` is all disclosed.
const COLUMNS: &str = "kind,value,purpose,state,at,since,expires,jurisdiction,version,vendors";

#[derive(clap::Args)]
pub(super) struct Args {
    /// Files of records; `-` is standard input
    #[arg(value_name = "FILE", default_value = "-")]
    files: Vec<PathBuf>,

    /// What the files hold; by default CSV for names that end in `.csv`
    #[arg(long, value_enum)]
    format: Option<Format>,

    /// Read and check everything, and write nothing
    #[arg(long)]
    dry_run: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// One consent record a line, as JSON
    Jsonl,
    /// One purpose of one subject a line; the first line names the columns
    Csv,
}

/// What was read from all files so far.
#[derive(Default)]
struct Harvest {
    /// Key and value of each record to be written.
    records: Vec<(Vec<u8>, Vec<u8>)>,
    /// Where each subject came.
    places: HashMap<Vec<u8>, (Arc<str>, usize)>,
    faults: Vec<String>,
}

impl Harvest {
    /// One more record, which stands (or begins) in that line. The last of several of one subject would be the only one that
    /// counts, and which is the last depends on how the files are named.
    fn add(&mut self, name: &Arc<str>, line: usize, record: &ConsentRecord<'_>) {
        let key = record.identity.key();
        match self.places.entry(key) {
            Entry::Occupied(before) => {
                let (file, at) = before.get();
                self.faults.push(format!("{name}:{line}: the subject of {file}:{at} again: only one of its records can count"));
            }
            Entry::Vacant(place) => {
                self.records.push((place.key().clone(), record.to_json()));
                place.insert((name.clone(), line));
            }
        }
    }
}

/// Reads everything, then writes it; how many records there were goes to standard error.
pub(super) fn run(topics: &Topics, args: &Args) -> anyhow::Result<ExitCode> {
    let Harvest { records, places: _, faults } = harvest(args)?;
    if !faults.is_empty() {
        faults.iter().take(FAULTS_SAID).for_each(|fault| output::complain(format_args!("{fault}")));
        bail!("{} faults; nothing was written", faults.len());
    }
    let found = topics.read(Some(records.iter().map(|(key, _)| key.clone()).collect()))?;
    let old = records.iter().filter_map(|(key, json)| too_old(found.get(key)?, &ConsentRecord::read(json).ok()?));
    let old: Vec<String> = old.collect();
    if !old.is_empty() {
        old.iter().take(FAULTS_SAID).for_each(|why| output::complain(format_args!("{why}")));
        bail!("{} records are not newer than what the ledger has; nothing was written", old.len());
    }
    if args.dry_run {
        output::complain(format_args!("{} records are in order; nothing was written", records.len()));
        return Ok(ExitCode::SUCCESS);
    }
    let (writer, bar) = (topics.writer()?, bar("writing", records.len() as u64));
    for (at, (key, value)) in records.iter().enumerate() {
        writer.put(found.get(key), key, value)?;
        if (at as u64).is_multiple_of(STEP) {
            bar.set_position(at as u64);
        }
    }
    writer.settle()?;
    bar.finish_and_clear();
    output::complain(format_args!("{} records were written and acknowledged", records.len()));
    Ok(ExitCode::SUCCESS)
}

/// Reads all files, and shows how far it is.
fn harvest(args: &Args) -> anyhow::Result<Harvest> {
    let mut harvest = Harvest::default();
    for file in &args.files {
        let name: Arc<str> = common::display_name(file).into();
        let (input, size): (Box<dyn Read>, u64) = match file.as_os_str() == "-" {
            true => (Box::new(std::io::stdin()), 0),
            false => {
                let opened = File::open(file).with_context(|| format!("reading {name}"))?;
                let size = opened.metadata().map_or(0, |about| about.len());
                (Box::new(opened), size)
            }
        };
        let bar = bar("reading", size);
        let input = bar.wrap_read(input);
        let by_name = if file.extension().is_some_and(|ending| ending == "csv") { Format::Csv } else { Format::Jsonl };
        match args.format.unwrap_or(by_name) {
            Format::Jsonl => lines(BufReader::new(input), &name, &mut harvest)?,
            Format::Csv => table(input, &name, &mut harvest)?,
        }
        bar.finish_and_clear();
    }
    Ok(harvest)
}

fn lines(input: impl BufRead, name: &Arc<str>, harvest: &mut Harvest) -> anyhow::Result<()> {
    for (at, line) in input.split(b'\n').enumerate() {
        let line = line.with_context(|| format!("reading {name}"))?;
        let line = line.trim_ascii();
        if line.is_empty() {
            continue;
        }
        match ConsentRecord::read(line) {
            Ok(record) => harvest.add(name, at + 1, &record),
            // What is wrong, never what it says.
            Err(why) => harvest.faults.push(format!("{name}:{}: {why}", at + 1)),
        }
    }
    Ok(())
}

/// One line of a table.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    kind: String,
    value: String,
    purpose: String,
    state: Stated,
    #[serde(default)]
    at: Option<String>,
    #[serde(default)]
    since: Option<String>,
    #[serde(default)]
    expires: Option<String>,
    #[serde(default)]
    jurisdiction: Option<String>,
    #[serde(default)]
    version: Option<u64>,
    #[serde(default)]
    vendors: Option<String>,
}

fn table(input: impl Read, name: &Arc<str>, harvest: &mut Harvest) -> anyhow::Result<()> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(input);
    let header = reader.headers().with_context(|| format!("reading {name}"))?.clone();
    if let Some(unknown) = header.iter().find(|column| !COLUMNS.split(',').any(|known| known == *column)) {
        bail!("{name}: no such column as `{unknown}`; the columns are {COLUMNS}");
    }
    // The record that the next line may belong to, and the line where it began.
    let mut open: Option<(usize, ConsentRecord<'static>)> = None;
    for (at, line) in reader.deserialize::<Line>().enumerate() {
        // The header is line 1.
        let here = at + 2;
        let added = match line {
            Ok(line) => add(&mut open, line, name, here, harvest),
            Err(fault) => Err(column_fault(&fault)),
        };
        if let Err(why) = added {
            harvest.faults.push(format!("{name}:{here}: {why}"));
        }
    }
    if let Some((began, record)) = open.take() {
        close(&record, name, began, harvest);
    }
    Ok(())
}

/// Where a line is wrong, without what it says.
fn column_fault(fault: &csv::Error) -> String {
    match fault.kind() {
        csv::ErrorKind::Deserialize { err, .. } => match err.field() {
            Some(column) => format!("column {} does not hold what it should", column + 1),
            None => "a column is missing, or a state is none of granted, denied, withdrawn".to_owned(),
        },
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => format!("{len} columns instead of {expected_len}"),
        csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".to_owned(),
        _ => "it cannot be read".to_owned(),
    }
}

/// One more purpose, of the subject of the line before or of a new one.
fn add(
    open: &mut Option<(usize, ConsentRecord<'static>)>,
    line: Line,
    name: &Arc<str>,
    here: usize,
    harvest: &mut Harvest,
) -> Result<(), String> {
    let Line { kind, value, purpose, state, at, since, expires, jurisdiction, version, vendors } = line;
    let time = |column: &str, text: Option<String>| -> Result<Option<Timestamp>, String> {
        let text = text.filter(|text| !text.is_empty());
        text.map(|text| text.parse().map_err(|_| format!("`{column}` is no time such as 2026-11-22T12:00:00Z"))).transpose()
    };
    let (at, since, expires) = (time("at", at)?, time("since", since)?, time("expires", expires)?);
    let vendors = vendors.map(|names| names.split_whitespace().map(|name| Cow::Owned(name.to_owned())).collect::<Vec<_>>());
    let vendors = vendors.filter(|names| !names.is_empty());
    let jurisdiction = jurisdiction.filter(|place| !place.is_empty()).map(Cow::Owned);
    let version = version.unwrap_or(0);
    let same =
        open.as_ref().map(|(_, record)| record).filter(|record| record.identity.kind == kind && record.identity.value == value);
    if let Some(record) = same {
        if record.version != version || record.jurisdiction != jurisdiction {
            return Err("`version` or `jurisdiction` is another than in the subject's line before".to_owned());
        }
    } else {
        if let Some((began, before)) = open.take() {
            close(&before, name, began, harvest);
        }
        let identity = Identity { kind: Cow::Owned(kind), value: Cow::Owned(value) };
        let record = ConsentRecord { identity, aliases: vec![], jurisdiction, version, purposes: vec![], evidence: vec![] };
        *open = Some((here, record));
    }
    if let Some((_, record)) = open {
        record.purposes.push((Cow::Owned(purpose), Consent { state, at, since, expires, vendors }));
    }
    Ok(())
}

/// The record that began in that line is whole.
fn close(record: &ConsentRecord<'_>, name: &Arc<str>, began: usize, harvest: &mut Harvest) {
    match record.check() {
        Ok(()) => harvest.add(name, began, record),
        Err(why) => harvest.faults.push(format!("{name}:{began}: the record that begins here: {why}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of_csv(text: &str) -> (Vec<String>, Vec<String>) {
        let mut harvest = Harvest::default();
        table(text.as_bytes(), &"people.csv".into(), &mut harvest).expect("a table");
        let Harvest { records, places: _, faults } = harvest;
        (records.into_iter().map(|(_, json)| String::from_utf8(json).expect("JSON")).collect(), faults)
    }

    #[test]
    fn lines_of_a_subject_that_follow_each_other_are_one_record() {
        let (records, faults) = of_csv(
            "kind,value,purpose,state,at,version,vendors\n\
             user_id,u1,ads,granted,2026-11-01T09:00:00Z,3,acme *\n\
             user_id,u1,analytics,denied,,3,\n\
             email,\"a,b@c.d\",ads,withdrawn,2026-11-02T00:00:00Z,,\n",
        );
        assert_eq!(faults, Vec::<String>::new());
        assert_eq!(
            records,
            [
                r#"{"identity":{"kind":"user_id","value":"u1"},"version":3,"purposes":{"ads":{"state":"granted","at":"2026-11-01T09:00:00Z","vendors":["acme","*"]},"analytics":{"state":"denied"}}}"#,
                r#"{"identity":{"kind":"email","value":"a,b@c.d"},"purposes":{"ads":{"state":"withdrawn","at":"2026-11-02T00:00:00Z"}}}"#,
            ]
        );
    }

    #[test]
    fn a_subject_that_comes_again_or_contradicts_itself_is_refused() {
        let (_, faults) = of_csv(
            "kind,value,purpose,state,jurisdiction,version\n\
             user_id,u1,ads,denied,DE,3\n\
             user_id,u1,mail,denied,DE,4\n\
             user_id,u1,post,denied,,3\n\
             user_id,u2,ads,denied,,\n\
             user_id,u1,analytics,denied,DE,3\n",
        );
        let contradicts = "`version` or `jurisdiction` is another than in the subject's line before";
        assert_eq!(
            faults,
            [
                format!("people.csv:3: {contradicts}"),
                format!("people.csv:4: {contradicts}"),
                "people.csv:6: the subject of people.csv:2 again: only one of its records can count".to_owned(),
            ]
        );
    }

    #[test]
    fn every_fault_has_its_line_and_none_shows_a_value() {
        let (_, faults) = of_csv(
            "kind,value,purpose,state,at,version\n\
             user_id,hushname,ads,perhaps,,1\n\
             user_id,hushname,ads,granted,hushtime,1\n\
             user_id,hushname,ads,granted\n\
             user_id,hushname,ads,granted,,hushversion\n\
             user_id,hushname,ads,granted,2026-11-01T09:00:00Z,1\n\
             user_id,hushname,ads,denied,,1\n",
        );
        assert_eq!(faults.len(), 5, "{faults:?}");
        for (fault, line) in faults.iter().zip([2, 3, 4, 5]) {
            assert!(fault.starts_with(&format!("people.csv:{line}: ")), "{fault}");
        }
        assert_eq!(faults[4], "people.csv:6: the record that begins here: a purpose twice");
        assert!(!faults.concat().contains("hush"), "{faults:?}");
    }

    #[test]
    fn a_column_that_nobody_knows_is_named_with_those_that_are() {
        let mut harvest = Harvest::default();
        let wrong = table(&b"kind,value,purpos,state\n"[..], &"p.csv".into(), &mut harvest).expect_err("refused");
        assert!(wrong.to_string().contains("`purpos`") && wrong.to_string().contains("jurisdiction"), "{wrong}");
    }

    #[test]
    fn json_lines_are_checked_line_by_line() {
        let text = "{\"identity\":{\"kind\":\"user_id\",\"value\":\"u1\"},\"purposes\":{}}\n\n{\"identity\":{\"kind\":\"user_id\",\"value\":\"\"}}\nhush\n";
        let mut harvest = Harvest::default();
        lines(text.as_bytes(), &"p.jsonl".into(), &mut harvest).expect("read");
        let Harvest { records, places: _, faults } = harvest;
        assert_eq!((records.len(), faults.len()), (1, 2), "{faults:?}");
        assert!(faults[0].starts_with("p.jsonl:3: ") && !faults.concat().contains("hush"), "{faults:?}");
    }

    #[test]
    fn a_subject_that_comes_again_in_another_file_is_refused_with_both_places() {
        let one = r#"{"identity":{"kind":"user_id","value":"hush"},"version":7,"purposes":{}}"#;
        let two = r#"{"identity":{"kind":"user_id","value":"u2"},"purposes":{}}"#;
        let mut harvest = Harvest::default();
        lines(format!("{two}\n{one}\n{one}\n").as_bytes(), &"a.jsonl".into(), &mut harvest).expect("read");
        let csv = "kind,value,purpose,state\nuser_id,u3,ads,denied\nuser_id,u2,ads,denied\n";
        table(csv.as_bytes(), &"b.csv".into(), &mut harvest).expect("a table");
        assert_eq!(
            harvest.faults,
            [
                "a.jsonl:3: the subject of a.jsonl:2 again: only one of its records can count",
                "b.csv:3: the subject of a.jsonl:1 again: only one of its records can count",
            ]
        );
        assert_eq!(harvest.records.len(), 3);
    }
}
