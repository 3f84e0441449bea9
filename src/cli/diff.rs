//! `privet diff`: what a policy change does, in words and on sample events.

use super::{Usage, common, output};
use crate::event::{StreamId, Timestamp};
use crate::keys::KeySet;
use crate::plan::Plan;
use crate::policy;
use crate::tooling::diff::{Change, Decisions, Ending, Flip, Rewrite, changes};
use anyhow::Context;
use serde::Serialize;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `privet diff`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The policy as it was
    #[arg(value_name = "OLD")]
    old: PathBuf,
    /// The policy as it is to be
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Sample events, one a line: count the decisions that change
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// The stream of the sample events, where a policy has several
    #[arg(long, value_name = "STREAM", requires = "events")]
    stream: Option<String>,
    /// What time it is, as RFC 3339 (default: the clock)
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// How to print the answer
    #[arg(long, value_name = "FORMAT", default_value = "text")]
    format: Format,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// The answer.
#[derive(Serialize)]
struct Answer {
    /// Hashes of the two policies, first 12 hex digits.
    old: String,
    new: String,
    changes: Vec<Change>,
    /// How many sample events there were; absent without `--events`.
    events: Option<usize>,
    decisions: Vec<Flip>,
    rewritten: Vec<Rewrite>,
}

/// Runs it. Differences are no failure: the exit code is 0 where both policies compile.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let keys = KeySet::demonstration();
    let (old_text, old) = load(&args.old, &keys)?;
    let (new_text, new) = load(&args.new, &keys)?;
    let mut answer = Answer {
        old: old.hash.to_string(),
        new: new.hash.to_string(),
        changes: changes(&old_text, &new_text),
        events: None,
        decisions: Vec::new(),
        rewritten: Vec::new(),
    };
    if let Some(file) = &args.events {
        let streams = (stream_of(&old, args.stream.as_deref(), "old")?, stream_of(&new, args.stream.as_deref(), "new")?);
        let mut decisions = Decisions::new((&old, streams.0), (&new, streams.1));
        judge(&mut decisions, file, args.at.unwrap_or_else(Timestamp::now))?;
        answer.events = Some(decisions.events());
        answer.decisions = decisions.flips();
        answer.rewritten = decisions.rewrites();
    }
    let mut out = output::results();
    match args.format {
        Format::Text => print(&answer, &mut out).context("writing results")?,
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, &answer).map_err(std::io::Error::from).context("writing results")?;
            writeln!(out).context("writing results")?;
        }
    }
    out.flush().context("writing results")?;
    Ok(ExitCode::SUCCESS)
}

/// A policy's text and plan. Only its errors are printed: `check` is for warnings.
fn load(file: &Path, keys: &KeySet) -> anyhow::Result<(String, Plan)> {
    let text = common::read_policy(file)?;
    let compiled = policy::compile(&text, &common::display_name(file), keys);
    let Some(plan) = compiled.plan else {
        output::complain_text(&compiled.diagnostics.render(&compiled.source, output::colour_on_stderr()));
        anyhow::bail!("the policy {} has errors", common::display_name(file));
    };
    Ok((text, plan))
}

fn stream_of(plan: &Plan, name: Option<&str>, which: &str) -> anyhow::Result<StreamId> {
    match name {
        Some(name) => plan.stream_named(name).ok_or_else(|| Usage(format!("the {which} policy has no stream `{name}`")).into()),
        None if plan.streams.len() == 1 => Ok(StreamId(0)),
        None => Err(Usage(format!("the {which} policy has several streams; name that of the events with --stream")).into()),
    }
}

fn judge(decisions: &mut Decisions<'_>, events: &Path, now: Timestamp) -> anyhow::Result<()> {
    let about = || format!("reading the sample events {}", events.display());
    let mut lines = BufReader::new(File::open(events).with_context(about)?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).with_context(about)? > 0 {
        if !line.trim_ascii().is_empty() {
            decisions.add(line.trim_ascii_end(), now);
        }
        line.clear();
    }
    Ok(())
}

fn print(answer: &Answer, out: &mut impl Write) -> std::io::Result<()> {
    let Answer { old, new, changes, events, decisions, rewritten } = answer;
    writeln!(out, "policy {old} → {new}")?;
    if changes.is_empty() {
        writeln!(out, "no rule changed")?;
    }
    let mut section = "";
    for change in changes {
        if change.section != section {
            section = &change.section;
            writeln!(out, "\n{section}")?;
        }
        writeln!(out, "  {change}")?;
    }
    let Some(events) = events else { return Ok(()) };
    let flipped: usize = decisions.iter().map(|flip| flip.events).sum();
    let events = if *events == 1 { "the event".to_owned() } else { format!("{events} events") };
    match flipped {
        0 => writeln!(out, "\non {events} no decision changes")?,
        1 => writeln!(out, "\non {events} one decision changes")?,
        _ => writeln!(out, "\non {events} {flipped} decisions change")?,
    }
    let mut sink = "";
    for flip in decisions {
        if flip.sink != sink {
            sink = &flip.sink;
            writeln!(out, "  {sink}")?;
        }
        writeln!(out, "    {:>8}  {} → {}", flip.events, ending(flip.was, "no such sink"), ending(flip.is, "no such sink"))?;
    }
    for rewrite in rewritten {
        writeln!(out, "  {}\n    {:>8}  released as before, with other content", rewrite.sink, rewrite.events)?;
    }
    Ok(())
}

fn ending(ending: Option<Ending>, none: &str) -> String {
    ending.map_or_else(|| none.to_owned(), |ending| format!("{} {}", ending.outcome, ending.reason))
}
