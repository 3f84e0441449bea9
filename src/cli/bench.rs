//! `privet bench`: engine throughput on this machine, with this policy and these events.

use super::{Usage, common, output};
use crate::decode::Limits;
use crate::event::{Position, Record, StreamId, Timestamp};
use crate::ledger::Ledger;
use crate::pipeline::Engine;
use crate::plan::Plan;
use crate::tooling::collector::Collector;
use anyhow::Context;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Arguments of `privet bench`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The policy
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// The stream the events belong to, where the policy has several
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// Events, one a line (default: generated track events)
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// Key file; without it the published demonstration keys are used
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    /// How long to measure
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
}

/// How many generated events stand in memory: more than the caches hold, few enough to make in a moment.
const GENERATED: usize = 20_000;

/// Events of a file beyond this many bytes are left out, and said so.
const EVENTS_BYTES: usize = 256 << 20;

/// Runs it.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let keys = common::keys_or_demonstration(args.keys.as_deref())?;
    let plan = common::load_plan(&args.policy, &keys)?;
    let stream = match args.stream.as_deref() {
        Some(name) => plan.stream_named(name).ok_or_else(|| Usage(format!("the policy has no stream `{name}`")))?,
        None if plan.streams.len() == 1 => StreamId(0),
        None => return Err(Usage("the policy has several streams; name one with --stream".into()).into()),
    };
    let events = events(&args)?;
    anyhow::ensure!(!events.is_empty(), "there is no event to measure with");
    let figures = measure(&plan, stream, &events, Duration::from_secs(args.seconds));
    let mut out = output::results();
    figures.print(&mut out).context("writing results")?;
    out.flush().context("writing results")?;
    Ok(ExitCode::SUCCESS)
}

fn events(args: &Args) -> anyhow::Result<Vec<Vec<u8>>> {
    let Some(file) = &args.events else {
        let mut collector = Collector::new(1, 2_000);
        let at = Timestamp::now();
        return Ok((0..GENERATED).map(|_| generated(&mut collector, at)).collect());
    };
    let text = std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    if text.len() > EVENTS_BYTES {
        output::complain(format_args!("note: only the first {} MiB of {} are used", EVENTS_BYTES >> 20, file.display()));
    }
    let kept = &text[..text.len().min(EVENTS_BYTES)];
    Ok(kept.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).map(<[u8]>::to_vec).collect())
}

fn generated(collector: &mut Collector, at: Timestamp) -> Vec<u8> {
    let mut event = Vec::new();
    collector.track_event(at, &mut event);
    event
}

/// What was measured.
struct Figures {
    events: u64,
    read: u64,
    released: u64,
    verdicts: u64,
    elapsed: Duration,
}

fn measure(plan: &Plan, stream: StreamId, events: &[Vec<u8>], time: Duration) -> Figures {
    let mut engine = Engine::new(Limits::default());
    engine.set_ledger(Some(Arc::new(Ledger::for_trial())));
    let mut figures = Figures { events: 0, read: 0, released: 0, verdicts: 0, elapsed: Duration::ZERO };
    let now = Timestamp::now();
    // One pass to warm the buffers and the caches.
    pass(plan, stream, events, now, &mut engine, &mut figures);
    figures = Figures { events: 0, read: 0, released: 0, verdicts: 0, elapsed: Duration::ZERO };
    let began = Instant::now();
    while began.elapsed() < time {
        pass(plan, stream, events, now, &mut engine, &mut figures);
    }
    figures.elapsed = began.elapsed();
    figures
}

fn pass(plan: &Plan, stream: StreamId, events: &[Vec<u8>], now: Timestamp, engine: &mut Engine, figures: &mut Figures) {
    for event in events {
        let record = Record { position: Position::default(), timestamp: None, key: None, value: Some(event), headers: &[] };
        figures.events += 1;
        figures.read += event.len() as u64;
        engine.evaluate(plan, stream, &record, now, &mut |_, verdict| {
            if let Some(value) = verdict.value {
                figures.verdicts += 1;
                figures.released += value.len() as u64;
            }
        });
    }
}

impl Figures {
    fn print(&self, out: &mut impl Write) -> std::io::Result<()> {
        let seconds = self.elapsed.as_secs_f64();
        let rate = self.events as f64 / seconds;
        writeln!(out, "{:>12.0}  events a second, one core", rate)?;
        writeln!(out, "{:>12.2}  microseconds an event", 1e6 / rate)?;
        writeln!(out, "{:>12.0}  MB a second read", self.read as f64 / seconds / 1e6)?;
        writeln!(out, "{:>12.0}  MB a second released", self.released as f64 / seconds / 1e6)?;
        writeln!(out, "{:>12.0}  bytes an event", self.read as f64 / self.events as f64)?;
        writeln!(out, "{:>12.2}  releases an event", self.verdicts as f64 / self.events as f64)
    }
}
