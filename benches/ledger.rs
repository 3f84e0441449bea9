//! What the ledger costs: memory by subject, records loaded a second, and look-ups while it is written to.
//!
//! `cargo bench --bench ledger [-- SUBJECTS]`; prints one table. Memory is that of the process (`/proc/self/statm`), beyond what it was with
//! the ledger empty. One thread loads, and its own running time is counted; the records are made in blocks between the timed parts. No alias. Beside other
//! work on the machine memory is slow, and with it everything here: the last line says how much there was.

use privet::event::Timestamp;
use privet::keys::KeySet;
use privet::ledger::{Change, ConsentRecord, Feed, HashBuffers, Ledger, Rows};
use std::hint::black_box;
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// The allocator of the program.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Records made, and then loaded, at a time.
const BLOCK: usize = 20_000;

/// Look-ups timed.
const LOOKUPS: usize = 2_000_000;

/// A subject's key and value, in one piece of memory that is used again.
#[derive(Default)]
struct Block {
    bytes: Vec<u8>,
    records: Vec<(usize, usize, usize)>,
}

/// How the records are written.
#[derive(Clone, Copy)]
enum Form {
    Protobuf,
    Json,
}

impl Block {
    fn fill(&mut self, first: usize, count: usize, form: Form) {
        self.bytes.clear();
        self.records.clear();
        for number in first..first + count {
            let json = json(number);
            let start = self.bytes.len();
            self.bytes.extend_from_slice(key(number).as_bytes());
            let value = self.bytes.len();
            match form {
                Form::Json => self.bytes.extend_from_slice(json.as_bytes()),
                Form::Protobuf => {
                    let Ok(record) = ConsentRecord::read(json.as_bytes()) else { panic!("a record that reads") };
                    self.bytes.extend_from_slice(&record.to_protobuf());
                }
            }
            self.records.push((start, value, self.bytes.len()));
        }
    }

    /// The time that the thread was running meanwhile: what else runs on the machine does not count.
    fn apply(&self, ledger: &Ledger) -> Duration {
        let began = running();
        for (start, value, end) in &self.records {
            let (key, value) = (Some(&self.bytes[*start..*value]), Some(&self.bytes[*value..*end]));
            black_box(ledger.apply(&Change { feed: Feed::Consent, partition: 0, offset: 0, key, value, timestamp: None }));
        }
        running().saturating_sub(began)
    }
}

/// For how long this thread has been running so far (`/proc/thread-self/schedstat`).
fn running() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(text.split_whitespace().next().and_then(|nanos| nanos.parse().ok()).unwrap_or(0))
}

fn identity(number: usize) -> String {
    // As spread as real ids are, and never twice.
    format!("{:016x}", (number as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

fn key(number: usize) -> String {
    format!("user_id:{}", identity(number))
}

/// Two timed purposes: a grant with an end, to all disclosed, and a grant or a withdrawal.
fn json(number: usize) -> String {
    let time = |seconds: i64, millis: i64| {
        Timestamp::from_millisecond(seconds * 1000 + millis).unwrap_or_else(|_| panic!("a time within the calendar"))
    };
    let at = 1_760_000_000 + (number as i64 * 7919) % 30_000_000;
    let (other, millis) = (1_760_000_000 + (number as i64 * 104_729) % 30_000_000, number as i64 % 1000);
    let state = if number.is_multiple_of(3) { "withdrawn" } else { "granted" };
    format!(
        r#"{{"identity":{{"kind":"user_id","value":"{}"}},"jurisdiction":"{}","version":{},"purposes":{{"analytics":{{"state":"granted","at":"{}","expires":"{}","vendors":["*"]}},"advertising":{{"state":"{state}","at":"{}","expires":"{}"}}}}}}"#,
        identity(number),
        ["DE", "FR", "US-CA", "GB"][number % 4],
        1 + number % 9,
        time(at, millis),
        time(at + 34_000_000, 0),
        time(other, 0),
        time(other + 34_000_000, 0),
    )
}

/// Resident memory of the process.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    statm.split_whitespace().nth(1).and_then(|pages| pages.parse::<usize>().ok()).unwrap_or(0) * 4096
}

/// The time of one look-up as a worker makes it, from the identity's text: (median, 99th, 99.9th percentile) in nanoseconds.
fn look_up(ledger: &Ledger, subjects: usize, digests: bool) -> [u64; 3] {
    let (mut rows, mut hashes, mut looked_up) = (Rows::default(), HashBuffers::default(), Vec::new());
    let mut times = Vec::with_capacity(LOOKUPS);
    let mut random = 1u64;
    for _ in 0..LOOKUPS {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let identity = identity((random >> 20) as usize % subjects);
        let known = ledger.digests().of("user_id", &identity);
        let began = Instant::now();
        let digest = if digests { ledger.digests().of("user_id", &identity) } else { known };
        ledger.find(digest, &mut rows);
        looked_up.clear();
        ledger.suppressions(("user_id", &identity), digest, &mut hashes, &mut looked_up, &mut |_| {});
        let said: usize = (0..rows.len()).map(|row| rows.said(row).count()).sum();
        times.push(began.elapsed().as_nanos() as u64);
        assert_eq!(black_box(said), 2, "every subject is there");
    }
    times.sort_unstable();
    [50.0, 99.0, 99.9].map(|percent| times[(times.len() as f64 * percent / 100.0) as usize - 1])
}

/// Look-ups while another thread writes grants and withdrawals as fast as it can: the times, and the writes a second.
fn under_writes(ledger: &Ledger, subjects: usize, digests: bool) -> ([u64; 3], u64) {
    let (stop, written) = (AtomicBool::new(false), AtomicU64::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let mut block = Block::default();
            for first in (0..subjects).step_by(7 * BLOCK).cycle() {
                block.fill(first, BLOCK.min(subjects - first), Form::Protobuf);
                if stop.load(Ordering::Relaxed) {
                    return;
                }
                block.apply(ledger);
                written.fetch_add(block.records.len() as u64, Ordering::Relaxed);
            }
        });
        let began = Instant::now();
        let times = look_up(ledger, subjects, digests);
        let seconds = began.elapsed().as_secs_f64();
        stop.store(true, Ordering::Relaxed);
        (times, (written.load(Ordering::Relaxed) as f64 / seconds) as u64)
    })
}

/// Loads all subjects: records a second.
fn load(ledger: &Ledger, subjects: usize, block: &mut Block, form: Form) -> f64 {
    let mut spent = Duration::ZERO;
    for first in (0..subjects).step_by(BLOCK) {
        block.fill(first, BLOCK.min(subjects - first), form);
        spent += block.apply(ledger);
    }
    subjects as f64 / spent.as_secs_f64()
}

fn main() -> std::io::Result<()> {
    let subjects = std::env::args().skip(1).find_map(|argument| argument.parse().ok()).unwrap_or(10_000_000);
    let ledger = Ledger::new(&KeySet::demonstration());
    let mut block = Block::default();
    // The buffers have grown before memory is counted.
    for form in [Form::Json, Form::Protobuf] {
        block.fill(0, BLOCK, form);
    }
    let before = resident();
    let protobuf = load(&ledger, subjects, &mut block, Form::Protobuf);
    let bytes = resident().saturating_sub(before) as f64 / subjects as f64;
    assert_eq!(ledger.subjects(), subjects);
    let again = load(&ledger, subjects / 4, &mut block, Form::Protobuf);
    let json = load(&ledger, subjects / 4, &mut block, Form::Json);
    let quiet = look_up(&ledger, subjects, false);
    let (busy, writes) = under_writes(&ledger, subjects, false);
    let (whole, _) = under_writes(&ledger, subjects, true);
    let mut out = std::io::stdout().lock();
    let times = |[median, p99, p999]: [u64; 3]| format!("p50 {median} ns, p99 {p99} ns, p99.9 {p999} ns");
    writeln!(out, "| subjects, two timed purposes, no alias | {subjects} |")?;
    writeln!(out, "| process memory by subject | {bytes:.1} bytes |")?;
    writeln!(out, "| loading, protobuf, one thread | {protobuf:.0} records/s |")?;
    writeln!(out, "| the same subjects again, protobuf | {again:.0} records/s |")?;
    writeln!(out, "| the same subjects again, JSON | {json:.0} records/s |")?;
    writeln!(out, "| look-up by digest, no writes | {} |", times(quiet))?;
    writeln!(out, "| look-up by digest, {writes} writes/s | {} |", times(busy))?;
    writeln!(out, "| look-up from the identity's text, under writes | {} |", times(whole))?;
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    writeln!(out, "| load of the machine (1, 5, 15 minutes) | {} |", load.split(' ').take(3).collect::<Vec<_>>().join(", "))
}
