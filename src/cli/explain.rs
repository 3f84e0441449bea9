//! `privet explain`: one event, per sink: what was found, what decided, what was touched.

use super::{Usage, common, output};
use crate::decode::Limits;
use crate::event::{Position, Record, StreamId, Timestamp};
use crate::tooling::explain::{Explanation, explain};
use anyhow::Context;
use std::io::{Read, Write};
use std::path::PathBuf;
use std::process::ExitCode;

/// Arguments of `privet explain`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The policy
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The stream the event belongs to, where the policy has several
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// Key file; without it the published demonstration keys are used
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    ledger: common::LedgerFiles,
    /// What time it is, as RFC 3339 (default: the clock)
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// How to print the answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
    /// File with the one event; `-` is standard input
    #[arg(value_name = "EVENT")]
    event: PathBuf,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Runs it.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let keys = common::keys_or_demonstration(args.keys.as_deref())?;
    let plan = common::load_plan(&args.policy, &keys)?;
    let stream = match args.stream.as_deref() {
        Some(name) => plan.stream_named(name).ok_or_else(|| Usage(format!("the policy has no stream `{name}`")))?,
        None if plan.streams.len() == 1 => StreamId(0),
        None => return Err(Usage("the policy has several streams; name one with --stream".into()).into()),
    };
    let event = read_event(&args.event)?;
    let record = Record { position: Position::default(), timestamp: None, key: None, value: Some(&event), headers: &[] };
    let explanation = explain(&plan, args.ledger.load(&plan, &keys)?, stream, &record, args.at.unwrap_or_else(Timestamp::now));
    let mut out = output::results();
    match args.format {
        Format::Text => print(&explanation, &mut out).context("writing results")?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &explanation).map_err(std::io::Error::from).context("writing results")?;
            writeln!(out).context("writing results")?;
        }
    }
    out.flush().context("writing results")?;
    Ok(ExitCode::SUCCESS)
}

fn read_event(file: &std::path::Path) -> anyhow::Result<Vec<u8>> {
    let about = || format!("reading the event {}", common::display_name(file));
    let input: Box<dyn Read> = if file.as_os_str() == "-" {
        Box::new(std::io::stdin())
    } else {
        Box::new(std::fs::File::open(file).with_context(about)?)
    };
    let mut event = Vec::new();
    input.take(Limits::default().record_bytes as u64 + 1).read_to_end(&mut event).with_context(about)?;
    Ok(event)
}

fn print(explanation: &Explanation, out: &mut impl Write) -> std::io::Result<()> {
    writeln!(out, "policy {}, stream {}", explanation.policy, explanation.stream)?;
    if let Some(refused) = &explanation.refused {
        writeln!(out, "the record cannot be read: {} at byte {}", refused.reason, refused.at_byte)?;
    }
    if let Some(event) = &explanation.event {
        let identity = match (event.ambiguous, event.identified) {
            (true, _) => "identities contradict each other",
            (false, true) => "an identity is present",
            (false, false) => "no identity",
        };
        writeln!(out, "event of {}, {identity}, subject in {}", event.time, event.jurisdictions.join(" and "))?;
        if event.statements.is_empty() {
            writeln!(out, "no statement about consent")?;
        }
        if !event.suppressed.is_empty() {
            writeln!(out, "  suppressed for {}", event.suppressed.join(", "))?;
        }
        if event.ledger_stale {
            writeln!(out, "  the ledger is asked and not there; name a file with --ledger")?;
        }
        for statement in &event.statements {
            let purposes: Vec<String> = statement.purposes.iter().map(|(name, word)| format!("{name} {word}")).collect();
            write!(out, "  {} at {} (line {})", statement.signal, statement.source, statement.line)?;
            if let Some(sink) = &statement.sink {
                write!(out, " for {sink}")?;
            }
            write!(out, ": {}", purposes.join(", "))?;
            if let (Some(at), Some(age)) = (&statement.at, statement.age_seconds) {
                write!(out, ", of {at}, {}", age_in_words(age))?;
            }
            if let Some(expires) = &statement.expires {
                write!(out, ", until {expires}")?;
            }
            writeln!(out)?;
        }
    }
    for sink in &explanation.sinks {
        let line = sink.line.map(|line| format!(" (line {line})")).unwrap_or_default();
        writeln!(out, "\n{}: {} {}, decided by {}{line}", sink.sink, sink.outcome, sink.reason, sink.step)?;
        if let (Some(purpose), Some(line)) = (&sink.purpose, sink.purpose_line) {
            let from: Vec<String> = sink.statements.iter().map(u32::to_string).collect();
            let from = if from.is_empty() { String::new() } else { format!(", by the source at line {}", from.join(", ")) };
            writeln!(out, "  purpose {purpose} (line {line}){from}")?;
        }
        for field in &sink.fields {
            let line = field.line.map_or("default".to_owned(), |line| format!("line {line}"));
            let fate = if field.removed && field.transform != "drop" { ", removed" } else { "" };
            writeln!(out, "  {:<8} {:<32} {}{fate}", line, field.rule, field.transform)?;
        }
    }
    Ok(())
}

/// An age as a person says it.
fn age_in_words(seconds: i64) -> String {
    match seconds {
        ..0 => "in the future".into(),
        0..7_200 => format!("{} min old", seconds / 60),
        7_200..172_800 => format!("{} h old", seconds / 3_600),
        _ => format!("{} days old", seconds / 86_400),
    }
}
