//! `privet run`: the proxy, from its configuration to its exit code.

use crate::app::{Proxy, Start};
use crate::config::{Config, System};
use crate::control::os::{Stop, watch_signals};
use crate::kafka::cluster::From;
use crate::telemetry::{LogFormat, LogLevel, init_logging};
use anyhow::Context;
use signal_hook::consts::{SIGINT, SIGTERM};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// A drain is over in less than five seconds; what is not over then is left to the brokers, which void it.
const DRAIN: Duration = Duration::from_millis(4_700);

/// How often the state is looked at until everything is ready, and afterwards.
const LOOK: Duration = Duration::from_millis(50);
const GLANCE: Duration = Duration::from_millis(500);

/// Arguments of `privet run`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The configuration file
    #[arg(long, value_name = "FILE")]
    config: PathBuf,

    /// Make the topics of sinks and quarantine that are missing, with the source's number of partitions
    #[arg(long)]
    create_topics: bool,

    /// Where to begin source topics that the group never read
    #[arg(long, value_enum)]
    from: Option<Begin>,
}

#[derive(Clone, Copy, clap::ValueEnum)]
enum Begin {
    /// With the oldest record
    Earliest,
    /// With what comes next
    Latest,
}

/// Runs until it is asked to stop.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let config = Config::load(&args.config, &System)?;
    let format = if config.log.json { LogFormat::Json } else { LogFormat::Text };
    init_logging(format, config.log.level.parse::<LogLevel>()?)?;
    forbid_core_dumps();
    tracing::info!(version = env!("CARGO_PKG_VERSION"), config = %args.config.display(), "privet starts");
    let outcome = proxy(&args, &config);
    if let Err(failure) = &outcome {
        // The same words go to standard error as text; a log collector wants them as a record.
        tracing::error!("{failure:#}");
    }
    outcome.map(|()| ExitCode::SUCCESS)
}

fn proxy(args: &Args, config: &Config) -> anyhow::Result<()> {
    let stop = Stop::new();
    let from = args.from.map(|from| match from {
        Begin::Earliest => From::Earliest,
        Begin::Latest => From::Latest,
    });
    let started = Arc::new(AtomicBool::new(false));
    let asked = end_while_starting(started.clone())?;
    let proxy = Proxy::start(config, Start { create_topics: args.create_topics, from })?;
    watch_signals(stop.clone(), Some(proxy.reload())).context("taking over signals")?;
    started.store(true, Ordering::Release);
    end_in_time(stop.clone())?;
    // A signal between the two ways of hearing it.
    if asked.load(Ordering::Acquire) {
        stop.request();
    }
    let mut ready = false;
    while !stop.wait_for(if ready { GLANCE } else { LOOK }) {
        if proxy.failure().is_some() {
            break;
        }
        if !ready && proxy.readiness().ready {
            ready = true;
            tracing::info!("ready");
        }
    }
    stop.request();
    proxy.stop()?;
    tracing::info!("drained");
    Ok(())
}

/// Until everything has started a signal ends the process at once: nothing was read yet that would have to be drained.
fn end_while_starting(started: Arc<AtomicBool>) -> std::io::Result<Arc<AtomicBool>> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGTERM, SIGINT] {
        signal_hook::flag::register(signal, asked.clone())?;
    }
    let heard = asked.clone();
    let watch = move || {
        while !started.load(Ordering::Acquire) {
            if heard.load(Ordering::Acquire) {
                tracing::info!("asked to end while starting");
                std::process::exit(0);
            }
            std::thread::sleep(LOOK);
        }
    };
    std::thread::Builder::new().name("privet-starting".to_owned()).spawn(watch)?;
    Ok(asked)
}

/// Ends the process when a drain takes too long; clients of a cluster that is gone may wait for it for minutes.
fn end_in_time(stop: Stop) -> std::io::Result<()> {
    let watch = move || {
        stop.wait();
        std::thread::sleep(DRAIN);
        tracing::error!("not drained in time; the brokers void what is open, and it will be read again");
        std::process::exit(1);
    };
    std::thread::Builder::new().name("privet-drain".to_owned()).spawn(watch).map(drop)
}

/// A core dump would hold events and keys. Where the system does not allow forbidding it, that is said.
fn forbid_core_dumps() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    let none = Rlimit { current: Some(0), maximum: Some(0) };
    let limited = setrlimit(Resource::Core, none);
    let hidden = set_dumpable_behavior(DumpableBehavior::NotDumpable);
    if let Err(error) = limited.and(hidden) {
        tracing::warn!(%error, "core dumps cannot be switched off");
    }
}
