//! `privet demo`: the whole thing on one machine, with nothing installed but this binary.

mod example;
mod feed;
mod files;
mod grid;
mod progress;
mod proxy;
mod readers;
mod screen;
mod stage;
mod tally;
mod view;

use super::output;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Arguments of `privet demo`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Filter exactly N events, print the sums and end; exit code 1 if they do not add up
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    once: Option<u64>,
    /// Write policy, tests, configuration, keys and events to a new directory, to go on from, and end
    #[arg(long, value_name = "DIR", conflicts_with_all = ["once", "rate", "show"])]
    write: Option<PathBuf>,
    /// Events a second [default: 5000; with --once as many as go]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    rate: Option<u32>,
    /// The sink at which one event is shown before and after
    #[arg(long, value_name = "SINK", default_value = "ads")]
    show: String,
    /// The same seed makes the same people and the same events
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// Events a second of the endless demo: enough to see a rate, little enough to go on working beside it.
const CALM_RATE: u32 = 5_000;

/// Runs it.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    if let Some(directory) = &args.write {
        write(directory, args.seed)?;
        return Ok(ExitCode::SUCCESS);
    }
    let rate = args.rate.or(if args.once.is_some() { None } else { Some(CALM_RATE) });
    let play = stage::Play { events: args.once, rate, show: args.show, seed: args.seed };
    let added_up = stage::Stage::set_up(play)?.play()?;
    Ok(if added_up { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn write(directory: &Path, seed: u64) -> anyhow::Result<()> {
    files::make_private(directory)?;
    let setting = files::Setting { bootstrap: "localhost:9092", admin: "127.0.0.1:9600", log: ("text", "info"), commit: None };
    files::write_proxy(directory, &setting)?;
    files::write_material(directory, seed)?;
    let mut out = output::results();
    out.write_all(files::what_next(directory).as_bytes())?;
    Ok(out.flush()?)
}
