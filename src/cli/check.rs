//! `privet check`: compiles policies and prints everything that is wrong with them.

use super::{Usage, common, output};
use crate::keys::KeySet;
use crate::policy::{self, Severity};
use std::io::Write;
use std::path::PathBuf;
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
}

/// Compiles each policy: diagnostics to standard error, one line to standard output for each that is right.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.events.is_some() {
        return Err(Usage("`--events` is not supported yet".into()).into());
    }
    let keys = KeySet::demonstration();
    let mut results = output::results();
    let mut faults = false;
    for file in &args.policies {
        let text = common::read_policy(file)?;
        let compiled = policy::compile(&text, &common::display_name(file), &keys);
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

fn plural(count: usize, noun: &str) -> String {
    format!("{count} {noun}{}", if count == 1 { "" } else { "s" })
}
