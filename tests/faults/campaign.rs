//! The long forms: which scenarios, how often, how long, from which seed; and the table of what was played.
//!
//! `PRIVET_FAULTS_ONLY` names scenarios, parted by commas, or with a minus those that are left out; `PRIVET_FAULTS_TIMES` says
//! how often each, `PRIVET_FAULTS_LENGTH` how long its form is (1 is the short one), `PRIVET_FAULTS_MINUTES` when nothing new is begun.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use super::{ALL, Scenario, Stage, number, seed};

/// What a scenario tells beside that it went well.
#[derive(Default)]
pub(crate) struct Tally {
    /// Events of the load.
    pub(crate) events: u64,
    /// Kills, joins, connections cut and the like.
    pub(crate) counts: BTreeMap<&'static str, u64>,
    /// Events a second and the like: the least of all rounds.
    pub(crate) rates: BTreeMap<&'static str, u64>,
}

impl Tally {
    fn add(&mut self, other: &Tally) {
        self.events += other.events;
        for (what, times) in &other.counts {
            *self.counts.entry(what).or_default() += times;
        }
        for (what, rate) in &other.rates {
            let least = self.rates.entry(what).or_insert(*rate);
            *least = (*least).min(*rate);
        }
    }
}

/// What is to be played.
struct Campaign {
    scenarios: Vec<&'static (&'static str, Scenario)>,
    /// Rounds; as many as time allows where nothing is said.
    times: u64,
    /// The same in each round; growing where nothing is said.
    length: Option<u64>,
    /// When nothing new is begun.
    until: Instant,
    first_seed: u64,
}

/// What became of one scenario in all rounds.
#[derive(Default)]
struct Line {
    played: u64,
    seeds: Vec<u64>,
    failed: Vec<u64>,
    seconds: f64,
    tally: Tally,
}

impl Campaign {
    fn from_environment() -> Campaign {
        let only = std::env::var("PRIVET_FAULTS_ONLY").unwrap_or_default();
        let times = number("PRIVET_FAULTS_TIMES");
        // Rounds that are counted need no clock.
        let minutes = number("PRIVET_FAULTS_MINUTES").unwrap_or(if times.is_some() { 60 * 24 } else { 10 });
        Campaign {
            scenarios: chosen(&only).unwrap_or_else(|unknown| panic!("PRIVET_FAULTS_ONLY: there is no scenario {unknown}")),
            times: times.unwrap_or(u64::MAX),
            length: number("PRIVET_FAULTS_LENGTH"),
            until: Instant::now() + Duration::from_secs(60 * minutes),
            first_seed: seed(),
        }
    }

    /// How long the form of a round is.
    fn length(&self, round: u64) -> u64 {
        let growing = if self.times == u64::MAX { 1 + round.min(4) } else { 1 };
        self.length.unwrap_or(growing)
    }
}

/// The scenarios that a list of names stands for; the name that is none.
fn chosen(only: &str) -> Result<Vec<&'static (&'static str, Scenario)>, String> {
    let names: Vec<&str> = only.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let bare = |name: &str| name.trim_start_matches('-').to_owned();
    if let Some(unknown) = names.iter().map(|name| bare(name)).find(|name| ALL.iter().all(|(known, _)| known != name)) {
        return Err(unknown);
    }
    let is_named = |name: &str| names.contains(&name);
    let is_left_out = |name: &str| names.iter().any(|other| other.strip_prefix('-') == Some(name));
    let all_but = names.iter().all(|name| name.starts_with('-'));
    Ok(ALL.iter().filter(|(name, _)| !is_left_out(name) && (all_but || is_named(name))).collect())
}

/// Everything that was asked for, in turns. A scenario that fails names its seed, and the others are played all the same.
#[test]
#[ignore = "`make soak` runs it"]
fn soak() {
    let campaign = Campaign::from_environment();
    let mut lines: BTreeMap<&str, Line> = BTreeMap::new();
    let mut round = 0;
    'all: while round < campaign.times {
        for (name, play) in &campaign.scenarios {
            if Instant::now() >= campaign.until {
                break 'all;
            }
            let (seed, length) = (campaign.first_seed.wrapping_add(round), campaign.length(round));
            if !play_once(name, *play, seed, length, lines.entry(*name).or_default()) {
                return;
            }
        }
        round += 1;
    }
    eprintln!("{}", table(&lines));
    let failed: Vec<String> =
        lines.iter().flat_map(|(name, line)| line.failed.iter().map(move |seed| format!("{name} from seed {seed}"))).collect();
    assert!(failed.is_empty(), "failed: {}", failed.join(", "));
}

/// One scenario from one seed; false where there is no Kafka, which is noted as skipped.
fn play_once(name: &str, play: Scenario, seed: u64, length: u64, line: &mut Line) -> bool {
    let Some(mut stage) = Stage::new(name, seed, length) else { return false };
    let begun = Instant::now();
    let is_well = catch_unwind(AssertUnwindSafe(|| play(&mut stage))).is_ok();
    let took = begun.elapsed().as_secs_f64();
    line.played += 1;
    line.seeds.push(seed);
    line.seconds += took;
    line.tally.add(&stage.tally);
    eprintln!(
        "{name}: seed {seed}, length {length}, {took:.0} s, {} events, {}: {}",
        stage.tally.events,
        told(&stage.tally),
        if is_well { "as the oracle says" } else { "FAILED" }
    );
    if is_well {
        // Brokers that have thousands of old topics to look at start slowly.
        stage.clear();
    } else {
        line.failed.push(seed);
        stage.keep_evidence();
    }
    true
}

fn told(tally: &Tally) -> String {
    let all = tally.counts.iter().chain(&tally.rates).map(|(what, number)| format!("{number} {what}"));
    all.collect::<Vec<_>>().join(", ")
}

/// The table that `benches/RESULTS.md` has, too.
fn table(lines: &BTreeMap<&str, Line>) -> String {
    let mut text =
        "| scenario | times | seeds | seconds | events | what was done | failed |\n| --- | --- | --- | --- | --- | --- | --- |\n"
            .to_owned();
    for (name, line) in lines {
        let seeds = match (line.seeds.first(), line.seeds.last()) {
            (Some(first), Some(last)) if first != last => format!("{first} to {last}"),
            (first, _) => first.map(u64::to_string).unwrap_or_default(),
        };
        text.push_str(&format!(
            "| `{name}` | {} | {seeds} | {:.0} | {} | {} | {} |\n",
            line.played,
            line.seconds,
            line.tally.events,
            told(&line.tally),
            line.failed.len()
        ));
    }
    text
}

#[test]
fn scenarios_are_chosen_by_name() {
    let names = |only: &str| chosen(only).map(|all| all.iter().map(|(name, _)| *name).collect::<Vec<_>>());
    assert_eq!(names("forced_aborts, kill_nine_loop").expect("both are known"), ["kill_nine_loop", "forced_aborts"]);
    assert_eq!(names("").expect("nothing is unknown").len(), ALL.len());
    let others = names("-kill_nine_loop").expect("it is known");
    assert!(others.len() == ALL.len() - 1 && !others.contains(&"kill_nine_loop"));
    assert_eq!(names("kill_ten_loop"), Err("kill_ten_loop".to_owned()));
}
