//! `privet filter`: the same engine over files or standard input, no Kafka.

mod input;
mod output;
mod tally;

use super::{Usage, common};
use crate::decode::Limits;
use crate::event::{Header, Position, Record, SinkId, StreamId, Timestamp};
use crate::pipeline::Engine;
use crate::plan::Plan;
use anyhow::Context;
use input::{Envelope, Reader, Separator};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use tally::Tally;

/// Arguments of `privet filter`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The policy
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Print what this sink gets (without it: the only sink, or `--decisions` for all)
    #[arg(long, value_name = "SINK")]
    sink: Option<String>,
    /// The stream the records belong to, where the policy has several
    #[arg(long, value_name = "STREAM")]
    stream: Option<String>,
    /// Print one JSON object a record and sink: outcome, reason and, where released, the value
    #[arg(long)]
    decisions: bool,
    /// Each input line is {"key", "headers", "value"}, and so is each output line
    #[arg(long, conflicts_with = "file_per_record")]
    envelope: bool,
    /// Each file is one record, every byte of it; prints one JSON line a file
    #[arg(long, requires = "files")]
    file_per_record: bool,
    /// Records end in NUL instead of a line feed
    #[arg(short = 'z', conflicts_with = "file_per_record")]
    nul: bool,
    /// Key file; without it the published demonstration keys are used
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
    #[command(flatten)]
    ledger: common::LedgerFiles,
    /// What time it is, as RFC 3339 (default: the clock)
    #[arg(long, value_name = "TIME")]
    at: Option<Timestamp>,
    /// Exit with 1 if any record was quarantined
    #[arg(long)]
    strict: bool,
    /// Files to read; `-` or none is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// Runs it.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let keys = common::keys_or_demonstration(args.keys.as_deref())?;
    let plan = common::load_plan(&args.policy, &keys)?;
    let stream = choose_stream(&plan, args.stream.as_deref())?;
    let sink = choose_sink(&plan, &args)?;
    if plan.subject_keys.is_some() {
        super::output::complain(format_args!("{}", about_encrypt(args.keys.is_some())));
    }
    let mut engine = Engine::new(Limits::default());
    engine.set_ledger(args.ledger.load(&plan, &keys)?);
    let mut filter = Filter {
        plan: &plan,
        stream,
        sink,
        engine,
        at: args.at,
        out: super::output::results(),
        tally: Tally::new(&plan),
        line: Vec::new(),
        record: 0,
    };
    if args.file_per_record {
        filter.files(&args.files)?;
    } else {
        filter.records(&args)?;
    }
    filter.out.flush().context("writing results")?;
    filter.tally.print(&plan, sink);
    let quarantined = filter.tally.quarantined() > 0;
    Ok(ExitCode::from(u8::from(args.strict && quarantined)))
}

/// What is said where a policy encrypts: this command has no topic to keep random data keys in. What it writes is read back with
/// the key file alone, and that is why nobody can shred it.
fn about_encrypt(is_real: bool) -> &'static str {
    if is_real {
        "warning: `encrypt` uses keys derived from the root here: `privet reveal --key` reads the values back, and no erasure ever \
         destroys them; do not give them to a sink. `privet run` makes random keys, which can be destroyed; leave out --keys to try \
         a policy"
    } else {
        "note: `encrypt` uses keys derived from the root here, which nobody can destroy; `privet run` makes random ones"
    }
}

fn choose_stream(plan: &Plan, name: Option<&str>) -> anyhow::Result<StreamId> {
    let names = || plan.streams.iter().map(|stream| &*stream.name).collect::<Vec<_>>().join(", ");
    match name {
        Some(name) => {
            plan.stream_named(name).ok_or_else(|| Usage(format!("the policy has no stream `{name}`; it has {}", names())).into())
        }
        None if plan.streams.len() == 1 => Ok(StreamId(0)),
        None => Err(Usage(format!("the policy has several streams; name one with --stream: {}", names())).into()),
    }
}

fn choose_sink(plan: &Plan, args: &Args) -> anyhow::Result<Option<SinkId>> {
    let names = || plan.sinks.iter().map(|sink| &*sink.name).collect::<Vec<_>>().join(", ");
    match &args.sink {
        Some(name) => match plan.sink_named(name) {
            Some(sink) => Ok(Some(sink)),
            None => Err(Usage(format!("the policy has no sink `{name}`; it has {}", names())).into()),
        },
        None if args.decisions => Ok(None),
        None if plan.sinks.len() == 1 => Ok(Some(SinkId(0))),
        None => Err(Usage(format!("name a sink with --sink ({}), or ask for all with --decisions", names())).into()),
    }
}

/// One run of the command.
struct Filter<'a> {
    plan: &'a Plan,
    stream: StreamId,
    sink: Option<SinkId>,
    engine: Engine,
    at: Option<Timestamp>,
    out: std::io::BufWriter<std::io::StdoutLock<'static>>,
    tally: Tally,
    line: Vec<u8>,
    record: u64,
}

impl Filter<'_> {
    /// Records from lines.
    fn records(&mut self, args: &Args) -> anyhow::Result<()> {
        let stdin = [PathBuf::from("-")];
        let files = if args.files.is_empty() { &stdin[..] } else { &args.files };
        let separator = if args.nul { Separator::Nul } else { Separator::Line };
        for file in files {
            let mut reader = Reader::open(file, separator, Limits::default().record_bytes)?;
            let mut number = 0u64;
            let mut envelope = Envelope::default();
            while let Some(bytes) = reader.next().with_context(|| format!("reading {}", common::display_name(file)))? {
                number += 1;
                if args.envelope {
                    let headers = envelope
                        .read(bytes)
                        .with_context(|| format!("{}:{number}: not an envelope", common::display_name(file)))?;
                    let headers: Vec<Header<'_>> =
                        headers.iter().map(|(name, value)| Header { name, value: value.as_deref() }).collect();
                    self.one(&envelope.record(&headers), args)?;
                } else {
                    self.one(&bare_record(bytes), args)?;
                }
            }
        }
        Ok(())
    }

    /// Judges one record and prints what the arguments ask for.
    fn one(&mut self, record: &Record<'_>, args: &Args) -> anyhow::Result<()> {
        let now = self.at.unwrap_or_else(Timestamp::now);
        let Filter { plan, stream, sink: wanted, engine, out, tally, line, record: number, .. } = self;
        line.clear();
        // A record's place among the inputs stands for its offset: no two values are encrypted alike.
        let position = Position { partition: 0, offset: i64::try_from(*number).unwrap_or(i64::MAX) };
        let record = &Record { position, ..*record };
        let terminator = if args.nul { b'\0' } else { b'\n' };
        engine.evaluate(plan, *stream, record, now, &mut |sink, verdict| {
            if wanted.is_some_and(|wanted| wanted != sink) {
                return;
            }
            tally.add(sink, verdict.outcome, verdict.reason);
            if args.decisions {
                output::decision(*number, &plan.sink(sink).name, &verdict, record, args.envelope, line);
                line.push(b'\n');
            } else if verdict.outcome.releases() {
                if args.envelope {
                    output::envelope(&verdict, record, line);
                } else if let Some(value) = verdict.value {
                    output::record_value(value, args.nul, line);
                } else {
                    return;
                }
                line.push(terminator);
            }
        });
        self.record += 1;
        out.write_all(line).context("writing results")
    }

    /// Each file one record.
    fn files(&mut self, files: &[PathBuf]) -> anyhow::Result<()> {
        for file in files {
            let limit = Limits::default().record_bytes as u64;
            let bytes = read_record(file, limit)?;
            let now = self.at.unwrap_or_else(Timestamp::now);
            let Filter { plan, stream, sink: wanted, engine, tally, line, record: number, .. } = self;
            line.clear();
            let position = Position { partition: 0, offset: i64::try_from(*number).unwrap_or(i64::MAX) };
            let record = Record { position, ..bare_record(&bytes) };
            *number += 1;
            engine.evaluate(plan, *stream, &record, now, &mut |sink, verdict| {
                if wanted.is_none_or(|wanted| wanted == sink) {
                    tally.add(sink, verdict.outcome, verdict.reason);
                    output::file(file, wanted.is_none().then(|| &*plan.sink(sink).name), &verdict, line);
                    line.push(b'\n');
                }
            });
            self.out.write_all(&self.line).context("writing results")?;
        }
        Ok(())
    }
}

/// A file's bytes, up to one more than a record may have: the engine then says `limit_exceeded`.
fn read_record(file: &Path, limit: u64) -> anyhow::Result<Vec<u8>> {
    use std::io::Read;
    let mut bytes = Vec::new();
    let opened = std::fs::File::open(file).with_context(|| format!("reading {}", file.display()))?;
    opened.take(limit + 1).read_to_end(&mut bytes).with_context(|| format!("reading {}", file.display()))?;
    Ok(bytes)
}

fn bare_record(value: &[u8]) -> Record<'_> {
    Record { position: Position::default(), timestamp: None, key: None, value: Some(value), headers: &[] }
}
