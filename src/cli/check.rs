//! `privet check`: compiles policies and prints everything that is wrong with them.

use super::{Usage, common, output};
use crate::event::{StreamId, Timestamp};
use crate::keys::KeySet;
use crate::plan::Plan;
use crate::policy::{self, Compiled, Severity};
use crate::tooling::coverage::Coverage;
use anyhow::Context;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `privet check`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Policies to compile; `-` is standard input
    #[arg(required = true, value_name = "POLICY")]
    policies: Vec<PathBuf>,
    /// Take warnings for errors
    #[arg(long)]
    deny_warnings: bool,
    /// Sample events, one a line: warn of paths that match nothing and of members in no class
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// The stream of the sample events, where a policy has several
    #[arg(long, value_name = "STREAM", requires = "events")]
    stream: Option<String>,
}

/// Compiles each policy: diagnostics to standard error, one line to standard output for each that is right.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let keys = KeySet::demonstration();
    let mut results = output::results();
    let mut faults = false;
    for file in &args.policies {
        let text = common::read_policy(file)?;
        let mut compiled = policy::compile(&text, &common::display_name(file), &keys);
        if let Some(events) = &args.events {
            hold_against(&mut compiled, events, args.stream.as_deref())?;
        }
        output::complain_text(&compiled.render(output::colour_on_stderr()));
        let errors = compiled.diagnostics.count(Severity::Error);
        let warnings = compiled.diagnostics.count(Severity::Warning);
        let refused = compiled.plan.is_none() || (args.deny_warnings && warnings > 0);
        faults |= refused;
        let counts = format!("{}, {}", plural(errors, "error"), plural(warnings, "warning"));
        match compiled.plan.filter(|_| !refused) {
            Some(plan) => writeln!(results, "{}: ok, policy {}, {counts}", common::display_name(file), plan.hash)?,
            None => output::complain(format_args!("{}: refused, {counts}", common::display_name(file))),
        }
    }
    results.flush()?;
    Ok(if faults { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// Adds what sample events show about a policy that compiles; one with errors has enough to say.
fn hold_against(compiled: &mut Compiled, events: &Path, stream: Option<&str>) -> anyhow::Result<()> {
    let Some(plan) = &compiled.plan else { return Ok(()) };
    let about = || format!("reading the sample events {}", events.display());
    let mut coverage = Coverage::new(plan, &compiled.written, stream_of(plan, stream)?);
    let mut lines = BufReader::new(File::open(events).with_context(about)?);
    let now = Timestamp::now();
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line).with_context(about)? > 0 {
        if !line.trim_ascii().is_empty() {
            coverage.add(line.trim_ascii_end(), now);
        }
        line.clear();
    }
    coverage.report(&mut compiled.diagnostics);
    Ok(())
}

fn stream_of(plan: &Plan, name: Option<&str>) -> anyhow::Result<StreamId> {
    match name {
        Some(name) => plan.stream_named(name).ok_or_else(|| Usage(format!("the policy has no stream `{name}`")).into()),
        None if plan.streams.len() == 1 => Ok(StreamId(0)),
        None => Err(Usage("the policy has several streams; name that of the events with --stream".into()).into()),
    }
}

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
