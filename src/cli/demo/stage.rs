//! The demo's run: sets up cluster, proxy, collector and readers, shows them, and ends with sums that must add up.

use super::example::{self, Example};
use super::feed::{self, Orders, Prepared};
use super::files;
use super::grid::grouped;
use super::progress::Progress;
use super::proxy::Proxy;
use super::readers::{self, Reading};
use super::screen::Screen;
use super::view::Scene;
use crate::cli::output;
use crate::decode::Limits;
use crate::event::{StreamId, Timestamp};
use crate::kafka::mock::{Cluster, MockError};
use crate::keys::KeySet;
use crate::pipeline::Engine;
use crate::plan::{Plan, TopicMatch};
use crate::policy;
use crate::tooling::collector::{Collector, PEOPLE};
use anyhow::Context;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Partitions of every topic but the quarantine's.
const PARTITIONS: u16 = 4;
/// Among how many of the first events the example is chosen.
const CANDIDATES: usize = 200;
/// The mock cluster keeps a new group waiting for three seconds; much longer means that something is wrong.
const READY_WITHIN: Duration = Duration::from_secs(30);
/// Without any progress for so long, the rest is not coming.
const PATIENCE: Duration = Duration::from_secs(20);

/// What is to be played.
pub(super) struct Play {
    /// How many events; none: until Ctrl-C.
    pub(super) events: Option<u64>,
    /// Events a second; none: as many as go.
    pub(super) rate: Option<u32>,
    /// The sink at which the example is shown.
    pub(super) show: String,
    /// The collector's seed.
    pub(super) seed: u64,
}

/// The demo, set up and ready to play. Fields are dropped in this order: clients before their cluster.
pub(super) struct Stage {
    proxy: Proxy,
    threads: Vec<JoinHandle<Result<(), MockError>>>,
    progress: Arc<Progress>,
    interrupted: Arc<AtomicBool>,
    show: usize,
    example: Option<Example>,
    play: Play,
    prepared: Option<Prepared>,
    source: String,
    cluster: Cluster,
    workspace: Workspace,
}

impl Stage {
    /// Starts the cluster, the proxy and a reader a sink.
    pub(super) fn set_up(play: Play) -> anyhow::Result<Stage> {
        let interrupted = interruption()?;
        welcome(&play);
        let workspace = Workspace::make()?;
        let cluster = Cluster::start()?;
        let bootstrap = cluster.bootstrap();
        let setting = files::Setting { bootstrap: &bootstrap, admin: "127.0.0.1:0", log: ("text", "warn"), commit: Some("50ms") };
        files::write_proxy(workspace.path(), &setting)?;

        let keys = KeySet::load(&workspace.path().join("keys.yaml"))?;
        let compiled = policy::compile(files::POLICY, "policy.yaml", &keys);
        let rendered = compiled.render(false);
        let plan =
            compiled.plan.with_context(|| format!("the demo's own policy was refused: this is a fault of privet\n{rendered}"))?;
        let source = create_topics(&cluster, &plan)?;
        let named = || format!("there is no sink `{}`; the demo has {}", play.show, sink_names(&plan).join(", "));
        let show = plan.sink_named(&play.show).with_context(named)?.index();

        let prepared = prepare(play.seed);
        let now = Timestamp::now();
        let mut engine = Engine::new(Limits::default());
        let within = play.events.map_or(CANDIDATES, |events| CANDIDATES.min(events as usize));
        let example = example::choose(&mut engine, &plan, StreamId(0), &prepared.events[..within], now);

        let proxy = Proxy::start(&workspace.path().join("privet.yaml"))?;
        let names = plan.sinks.iter().map(|sink| sink.name.clone()).collect();
        let progress = Arc::new(Progress::new(proxy.telemetry(), names));
        let mut threads = Vec::new();
        for (sink, at) in plan.sinks.iter().enumerate() {
            let expected = example.as_ref().and_then(|example| example.sinks[sink].value.clone());
            let reading = Reading { sink, topic: at.topic.to_string(), partitions: PARTITIONS, example: expected };
            threads.push(readers::start(&bootstrap, reading, progress.clone())?);
        }
        let prepared = Some(prepared);
        Ok(Stage { proxy, threads, progress, interrupted, show, example, play, prepared, source, cluster, workspace })
    }

    /// Plays until the last event is through or Ctrl-C, and prints the summary. False where the sums do not add up.
    pub(super) fn play(mut self) -> anyhow::Result<bool> {
        let mut screen = Screen::new();
        self.wait_until_ready()?;
        let orders = Orders {
            bootstrap: self.cluster.bootstrap(),
            topic: self.source.clone(),
            events: self.play.events,
            rate: self.play.rate,
        };
        let prepared = self.prepared.take().context("a stage plays once")?;
        let started = Instant::now();
        let feed = feed::start(orders, prepared, self.progress.clone())?;
        self.watch(&mut screen, started)?;
        // The collector ends; what it has sent goes through before anything is counted.
        self.progress.end_feed();
        let fed = feed.join();
        let settled = self.settle();
        let elapsed = started.elapsed();
        self.progress.stop();
        let mut trouble: Vec<String> = self.threads.drain(..).filter_map(|thread| told(thread.join())).collect();
        trouble.extend(told(fed));
        trouble.extend(self.proxy.stop().err().map(|fault| format!("the proxy did not end well: {fault:#}")));
        if !settled {
            trouble.push(format!("nothing moved for {} s", PATIENCE.as_secs()));
        }
        self.summary(&mut screen, elapsed, trouble)
    }

    fn wait_until_ready(&self) -> anyhow::Result<()> {
        let since = Instant::now();
        loop {
            let (ready, reasons) = self.proxy.readiness();
            if ready {
                return Ok(());
            }
            anyhow::ensure!(since.elapsed() < READY_WITHIN, "the proxy did not become ready: {}", reasons.join("; "));
            anyhow::ensure!(!self.interrupted.load(Ordering::Acquire), "interrupted");
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// Draws until everything is through, Ctrl-C, or nothing moves any more.
    fn watch(&self, screen: &mut Screen, started: Instant) -> anyhow::Result<()> {
        let mut moved = (Instant::now(), 0);
        while !self.interrupted.load(Ordering::Acquire) && !self.progress.settled() {
            let behind = self.progress.behind();
            if behind != moved.1 {
                moved = (Instant::now(), behind);
            }
            if moved.0.elapsed() > PATIENCE || self.proxy.has_failed() {
                break;
            }
            if screen.is_due() {
                let lines = self.picture(screen, started.elapsed(), true);
                screen.draw(&lines)?;
            }
            thread::sleep(Duration::from_millis(10));
        }
        Ok(())
    }

    /// Waits until what was sent is through; false where it does not come.
    fn settle(&self) -> bool {
        let mut moved = (Instant::now(), self.progress.behind());
        while !self.progress.settled() {
            let behind = self.progress.behind();
            if behind != moved.1 {
                moved = (Instant::now(), behind);
            }
            if moved.0.elapsed() > PATIENCE || self.proxy.has_failed() {
                return false;
            }
            thread::sleep(Duration::from_millis(5));
        }
        true
    }

    fn picture(&self, screen: &Screen, elapsed: Duration, live: bool) -> Vec<String> {
        let tally = self.progress.tally();
        let behind = tally.settled(&self.progress.rows_read());
        let scene = Scene {
            sent: self.progress.sent(),
            elapsed,
            rate: behind as f64 / elapsed.as_secs_f64().max(0.001),
            tally: &tally,
            read: self.progress.readings(),
            example: self.example.as_ref(),
            sink: self.show,
            notes: if live { self.what_to_look_at() } else { Vec::new() },
        };
        scene.lines(screen.paper())
    }

    fn what_to_look_at(&self) -> Vec<String> {
        let policy = self.workspace.path().join("policy.yaml");
        let mut notes = vec![
            format!("policy  {}", self.proxy.policy()),
            format!("        {}  (change it: the proxy goes over to it)", policy.display()),
        ];
        notes.extend(self.proxy.admin().map(|address| format!("status  http://{address}/   metrics  http://{address}/metrics")));
        notes.push("Ctrl-C ends the demo".into());
        notes
    }

    fn summary(&self, screen: &mut Screen, elapsed: Duration, trouble: Vec<String>) -> anyhow::Result<bool> {
        let mut lines = self.picture(screen, elapsed, false);
        lines.push(String::new());
        let mut faults = self.progress.tally().faults(self.progress.sent().0, &self.progress.rows_read());
        if let Some(wanted) = self.play.events.filter(|wanted| *wanted != self.progress.sent().0) {
            faults.push(format!("{wanted} events were asked for and {} were sent", self.progress.sent().0));
        }
        faults.extend(trouble);
        if faults.is_empty() {
            lines.push("  The numbers add up: at every sink, events sent = allow + degrade + drop + quarantine,".into());
            lines.push("  and rows read from its topic = allow + degrade.".into());
        } else {
            lines.push("  The numbers do NOT add up:".into());
            lines.extend(faults.iter().map(|fault| format!("  - {fault}")));
        }
        lines.push(String::new());
        lines.push("  Go on with policy, configuration, keys and events as files:".into());
        lines.push(format!("  {} demo --write shop", files::program()));
        screen.finish(&lines)?;
        Ok(faults.is_empty())
    }
}

/// Says what is to come: setting up takes some seconds, most of them waiting as Kafka's protocol demands.
fn welcome(play: &Play) {
    let events = play.events.map_or("events until Ctrl-C".into(), |events| format!("{} events", grouped(events)));
    output::complain(format_args!(
        "Privet's demo: {} invented people, {events}, one policy, three sinks.",
        grouped(PEOPLE.into())
    ));
    output::complain(format_args!(
        "Kafka is librdkafka's mock cluster in this process: the real protocol over loopback, nothing on disk."
    ));
    if play.events.is_none() && !Screen::new().is_live() {
        output::complain(format_args!("Standard output is no terminal: the table comes at the end."));
    }
    output::complain(format_args!("Starting the cluster and the proxy, and joining the consumer group: some seconds ...\n"));
}

/// The words of a thread that did not end well.
fn told(ended: thread::Result<Result<(), MockError>>) -> Option<String> {
    match ended {
        Ok(Ok(())) => None,
        Ok(Err(fault)) => Some(fault.to_string()),
        Err(_) => Some("a thread of the demo panicked".into()),
    }
}

fn sink_names(plan: &Plan) -> Vec<String> {
    plan.sinks.iter().map(|sink| sink.name.to_string()).collect()
}

/// Makes the topics of the plan; returns the source topic.
fn create_topics(cluster: &Cluster, plan: &Plan) -> anyhow::Result<String> {
    let TopicMatch::Names(sources) = &plan.stream(StreamId(0)).topics else {
        anyhow::bail!("the demo's policy names its source topic");
    };
    let source = sources.first().context("a stream has a topic")?.to_string();
    cluster.create_topic(&source, PARTITIONS)?;
    for sink in &plan.sinks {
        cluster.create_topic(&sink.topic, PARTITIONS)?;
    }
    cluster.create_topic(files::QUARANTINE_TOPIC, 1)?;
    Ok(source)
}

fn prepare(seed: u64) -> Prepared {
    let mut collector = Collector::new(seed, PEOPLE);
    let now = Timestamp::now();
    let one = |_| {
        let mut value = Vec::new();
        let key = collector.next(now, &mut value).key.to_vec();
        (key, value)
    };
    let events = (0..CANDIDATES).map(one).collect();
    Prepared { events, collector }
}

/// A flag that the first Ctrl-C (or SIGTERM) raises; the second ends the process at once.
fn interruption() -> anyhow::Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM] {
        // In this order: the flag is still down when the first signal asks whether to end at once.
        signal_hook::flag::register_conditional_shutdown(signal, 1, flag.clone())?;
        signal_hook::flag::register(signal, flag.clone())?;
    }
    Ok(flag)
}

/// A directory for this run's files; it goes with this value.
struct Workspace(PathBuf);

impl Workspace {
    fn make() -> anyhow::Result<Workspace> {
        let name = format!("privet-demo-{}-{}", std::process::id(), Timestamp::now().as_microsecond());
        let path = std::env::temp_dir().join(name);
        // Not `recursive`: a directory that is already there is somebody else's.
        let made = std::fs::DirBuilder::new().mode(0o700).create(&path);
        made.with_context(|| format!("making the directory {}", path.display()))?;
        Ok(Workspace(path))
    }

    fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        // What is left behind is a temporary file with keys that pseudonymised invented people.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
