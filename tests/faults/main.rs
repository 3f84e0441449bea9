//! Every fault that can be made, against the built binary and Apache Kafka: processes killed, stopped and joined, the broker
//! bounced, connections cut, requests held, doubled and answered falsely, a slow sink, a flood of broken records.
//!
//! Each scenario is a test in its short form; `make soak` plays longer forms of all of them in turns, or of those that are
//! asked for (`campaign`). What is random comes from `PRIVET_FAULTS_SEED`, which is printed.

#[path = "../kit/mod.rs"]
mod kit;

mod brokers;
mod campaign;
mod check;
mod load;
mod network;
mod process;
mod proxy;

use std::ops::Range;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use kit::broker::{Kafka, if_started, kafka, three_brokers};
use kit::fixture::Scene;
use proxy::Proxy;

/// What a scenario needs: the cluster, the proxy before it, and chance.
pub(crate) struct Stage {
    pub(crate) kafka: &'static Kafka,
    /// Where the cluster is not ours there is no place for one.
    pub(crate) proxy: Option<&'static Proxy>,
    pub(crate) dice: Dice,
    /// 1 in the short form, more in the soak.
    pub(crate) length: u64,
    /// What the scenario has to tell beside that it went well.
    pub(crate) tally: campaign::Tally,
    /// One at a time: scenarios bounce the broker.
    _turn: MutexGuard<'static, ()>,
}

/// SplitMix64.
pub(crate) struct Dice(u64);

impl Dice {
    /// Another seed, other numbers.
    pub(crate) fn new(seed: u64) -> Dice {
        Dice(seed ^ 0x5eed)
    }

    /// Below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % limit.max(1)
    }

    /// From `from` to `to`, in milliseconds.
    pub(crate) fn time(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }

    pub(crate) fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[usize::try_from(self.below(from.len() as u64)).expect("an index")]
    }
}

impl Stage {
    /// The stage, once it is this scenario's turn; `None` where there is no Kafka, which is noted as skipped.
    fn new(name: &str, seed: u64, length: u64) -> Option<Stage> {
        static TURN: Mutex<()> = Mutex::new(());
        static PROXY: OnceLock<Option<Proxy>> = OnceLock::new();
        let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
        let kafka = kafka("faults")?;
        let proxy = PROXY.get_or_init(|| kafka.detour.map(Proxy::start)).as_ref();
        if let Some(proxy) = proxy {
            proxy.calm();
        }
        eprintln!("{name}: PRIVET_FAULTS_SEED={seed}");
        Some(Stage { kafka, proxy, dice: Dice::new(seed), length, tally: campaign::Tally::default(), _turn: turn })
    }

    /// Counts something that was done, for the table at the end of a soak.
    pub(crate) fn count(&mut self, what: &'static str, times: u64) {
        *self.tally.counts.entry(what).or_default() += times;
    }

    /// Counts the events of the load, which the check at the end is about.
    pub(crate) fn count_events(&mut self, events: &Range<u64>) {
        self.tally.events += events.end - events.start;
    }

    /// After a scenario that went well: what it wrote is no longer needed.
    pub(crate) fn clear(&self) {
        if self.proxy.is_some() {
            self.kafka.delete_topics();
        }
    }

    /// After one that failed: all is kept, and the next one meets a cluster that is whole.
    pub(crate) fn keep_evidence(&self) {
        for kafka in [Some(self.kafka), if_started()].into_iter().flatten() {
            kafka.keep_evidence();
        }
    }

    /// Three brokers of which one may be away; `None`, and noted, where there are none. One that failed to come up fails the scenario.
    pub(crate) fn three_brokers(&self) -> Option<&'static Kafka> {
        three_brokers("faults/three")
    }

    /// A world of its own, whose group notices within two seconds that a member is gone.
    pub(crate) fn scene(&self, name: &str) -> Scene {
        self.scene_of(self.kafka, name)
    }

    /// The same on another cluster.
    pub(crate) fn scene_of(&self, kafka: &'static Kafka, name: &str) -> Scene {
        let mut scene = Scene::new(kafka, name);
        for (key, value) in [("session.timeout.ms", "2000"), ("heartbeat.interval.ms", "400")] {
            scene.client_settings.push((key.to_owned(), value.to_owned()));
        }
        scene
    }

    /// The same, reached through the proxy; `None`, and noted, where there is none.
    pub(crate) fn detour(&self, name: &str) -> Option<(Scene, &'static Proxy)> {
        let Some(proxy) = self.proxy else {
            kit::absent(&format!("faults/{name}"), "PRIVET_TEST_KAFKA names a cluster without a place for a proxy");
            return None;
        };
        let mut scene = self.scene(name);
        scene.client_settings.push(("bootstrap.servers".to_owned(), proxy.bootstrap.clone()));
        Some((scene, proxy))
    }
}

/// A number from the environment.
fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok().filter(|text| !text.is_empty())?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

fn seed() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970");
    number("PRIVET_FAULTS_SEED").unwrap_or_else(|| u64::try_from(now.as_millis()).expect("the clock is sane"))
}

type Scenario = fn(&mut Stage);

/// Every scenario has its line here and its test below.
macro_rules! scenarios {
    ($($module:ident::$name:ident),* $(,)?) => {
        const ALL: &[(&str, Scenario)] = &[$((stringify!($name), $module::$name)),*];
        $(#[test]
        fn $name() {
            if let Some(mut stage) = Stage::new(stringify!($name), seed(), 1) {
                $module::$name(&mut stage);
            }
        })*
    };
}

scenarios!(
    process::kill_nine_loop,
    process::stopped_beyond_the_session,
    process::members_come_and_go,
    process::rolling_upgrade_with_another_policy,
    process::a_clock_that_jumps,
    network::connections_cut,
    network::late_ends_of_transactions,
    network::ends_that_time_out,
    network::forced_aborts,
    network::a_flood_of_broken_records,
    network::a_slow_sink_with_a_backlog,
    brokers::a_broker_that_is_bounced,
    brokers::a_broker_of_three_that_is_bounced,
    brokers::coordinators_that_move,
);
