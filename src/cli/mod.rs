//! The command line: one file a command. Nothing is done before the arguments are parsed.

mod bench;
mod check;
mod common;
mod demo;
mod detect;
mod diff;
mod dsr;
mod explain;
mod filter;
mod inspect;
mod keys;
mod ledger;
mod output;
mod quarantine;
mod reveal;
mod run;
mod schema;
mod test;

use clap::{CommandFactory, FromArgMatches, Parser, Subcommand};
use std::process::ExitCode;

/// A streaming privacy filter for event pipelines.
#[derive(Parser)]
#[command(name = "privet", version, propagate_version = true, infer_long_args = false)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// The whole thing on one machine with nothing installed
    Demo(demo::Args),
    /// The proxy: from source topics to the topics of the sinks
    Run(run::Args),
    /// The same engine over files or standard input, no Kafka
    Filter(filter::Args),
    /// Compile policies; all errors and warnings, with source excerpts
    Check(check::Args),
    /// Policy unit tests
    Test(test::Args),
    /// One event, per sink: what was found, what decided, what was touched
    Explain(explain::Args),
    /// Decode consent strings: TCF, GPP, US Privacy, Consent Mode
    Inspect(inspect::Args),
    /// Make and look at key files
    Keys(keys::Args),
    /// Read and write consent records, through Kafka
    Ledger(ledger::Args),
    /// Requests of data subjects: which there are, how far they are, and what is held of somebody
    Dsr(dsr::Args),
    /// Read sealed quarantined records
    Quarantine(quarantine::Args),
    /// Print the JSON Schema of the policy or of the configuration
    Schema(schema::Args),
    /// Engine throughput on this machine, with this policy and these events
    Bench(bench::Args),
    /// What a policy change does, in words and on sample events
    Diff(diff::Args),
    /// Tokens and encrypted fields back to values, for those who hold the key
    Reveal(reveal::Args),
    /// What `detect` finds: recall, over-redaction and speed on labelled texts
    Detect(detect::Args),
    /// Verify the hash chain and signatures of receipts
    #[command(hide = true)]
    Receipts(Later),
}

/// Arguments of a command that a later version brings; whatever they are, the answer is the same.
#[derive(clap::Args)]
struct Later {
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, hide = true)]
    _rest: Vec<std::ffi::OsString>,
}

/// The order in which `--help` shows the commands.
const GROUPS: &[(&str, &[&str])] = &[
    ("Start here", &["demo"]),
    ("Run", &["run", "filter", "bench"]),
    ("Policy", &["check", "test", "explain", "diff", "inspect", "detect", "schema"]),
    ("Keys and records", &["keys", "ledger", "dsr", "reveal", "quarantine"]),
];

/// Wrong usage that shows only after parsing; ends with exit code 2.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct Usage(pub(crate) String);

/// Runs the command that the arguments name.
pub fn main() -> ExitCode {
    let cli = match command().try_get_matches().and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => cli,
        Err(wrong) => {
            // Where even the message cannot be written there is nobody left to tell.
            let _ = wrong.print();
            return ExitCode::from(wrong.exit_code() as u8);
        }
    };
    match dispatch(cli.command) {
        Ok(code) => code,
        Err(failure) if output::is_closed_pipe(&failure) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(format_args!("error: {failure:#}"));
            ExitCode::from(if failure.is::<Usage>() { 2 } else { 1 })
        }
    }
}

fn dispatch(command: Command) -> anyhow::Result<ExitCode> {
    match command {
        Command::Demo(args) => demo::run(args),
        Command::Run(args) => run::run(args),
        Command::Filter(args) => filter::run(args),
        Command::Check(args) => check::run(args),
        Command::Test(args) => test::run(args),
        Command::Explain(args) => explain::run(args),
        Command::Inspect(args) => inspect::run(args),
        Command::Keys(args) => keys::run(args),
        Command::Ledger(args) => ledger::run(args),
        Command::Dsr(args) => dsr::run(args),
        Command::Quarantine(args) => quarantine::run(args),
        Command::Schema(args) => schema::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Diff(args) => diff::run(args),
        Command::Reveal(args) => reveal::run(args),
        Command::Detect(args) => detect::run(args),
        Command::Receipts(_) => later("receipts"),
    }
}

fn later(name: &str) -> anyhow::Result<ExitCode> {
    Err(Usage(format!("`privet {name}` is not supported yet")).into())
}

/// The parser, with the commands of `--help` in groups: clap itself lists them only in one.
fn command() -> clap::Command {
    let plain = Cli::command();
    let style = plain.get_styles().clone();
    let (header, literal) = (style.get_header(), style.get_literal());
    let mut listing = String::new();
    for (title, names) in GROUPS {
        listing.push_str(&format!("{header}{title}:{header:#}\n"));
        for name in *names {
            let about = plain.find_subcommand(name).and_then(clap::Command::get_about);
            let about = about.map(ToString::to_string).unwrap_or_default();
            listing.push_str(&format!("  {literal}{name:<11}{literal:#} {about}\n"));
        }
        listing.push('\n');
    }
    listing.push_str(&format!("{header}Options:{header:#}"));
    plain
        .help_template(concat!(
            "{about}\n\n{usage-heading} {usage}{after-help}\n{options}\n\n",
            "Exit codes: 0 done, 1 the work failed or a check found faults, 2 wrong usage.\n",
        ))
        .after_help(listing)
        .subcommand_required(true)
        .arg_required_else_help(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parser_is_consistent() {
        command().debug_assert();
    }

    #[test]
    fn help_lists_every_command_once() {
        let plain = Cli::command();
        let mut shown: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let mut all: Vec<&str> = plain.get_subcommands().filter(|one| !one.is_hide_set()).map(clap::Command::get_name).collect();
        shown.sort_unstable();
        all.sort_unstable();
        assert_eq!(shown, all);
    }

    #[test]
    fn what_a_later_version_brings_is_refused_by_name() {
        let matches = command().try_get_matches_from(["privet", "receipts", "verify", "-"]).expect("any arguments are taken");
        let cli = Cli::from_arg_matches(&matches).expect("a command");
        let failure = dispatch(cli.command).expect_err("not supported yet");
        assert!(failure.is::<Usage>());
        assert!(failure.to_string().contains("not supported yet"), "{failure}");
    }
}
