//! A proxy between Privet and the broker that knows where a request begins and what it asks: it holds, cuts, delays,
//! throttles and answers by API key. The broker's own answers name the proxy's port, so that nothing goes past it.
//!
//! A frame is a length, then for a request API key, version and correlation id, for an answer the correlation id alone
//! (Kafka protocol guide, "Request Header" and "Response Header"). Nothing else is read.

use std::collections::HashMap;
use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::kit::broker::Detour;

/// Keys of the requests that scenarios name (Kafka protocol guide, "Api Keys").
pub(crate) mod api {
    pub(crate) const PRODUCE: i16 = 0;
    pub(crate) const FETCH: i16 = 1;
    pub(crate) const METADATA: i16 = 3;
    pub(crate) const OFFSET_FETCH: i16 = 9;
    pub(crate) const FIND_COORDINATOR: i16 = 10;
    pub(crate) const JOIN_GROUP: i16 = 11;
    pub(crate) const HEARTBEAT: i16 = 12;
    pub(crate) const SYNC_GROUP: i16 = 14;
    pub(crate) const INIT_PRODUCER_ID: i16 = 22;
    pub(crate) const ADD_PARTITIONS: i16 = 24;
    pub(crate) const ADD_OFFSETS: i16 = 25;
    pub(crate) const END_TXN: i16 = 26;
    pub(crate) const TXN_OFFSET_COMMIT: i16 = 28;
}

/// What happens to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    /// The connection ends instead of the request being passed on.
    CutBefore,
    /// The request is passed on, and the connection ends instead of the answer.
    CutAfter,
    /// The request waits so long, and all behind it on its connection.
    Delay(Duration),
    /// The request is kept back and its connection ends; [`Proxy::deliver`] hands it over on a connection of its own.
    Steal,
    /// The request is passed on, and its answer carries this error instead. Only for answers that begin with a throttle
    /// time and an error code: AddOffsetsToTxn and EndTxn up to version 2.
    Answer(i16),
}

/// Who meets what: so many requests of an API, after letting some pass.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rule {
    pub(crate) api: i16,
    pub(crate) act: Act,
    /// Requests that pass first.
    pub(crate) after: u64,
    /// Requests that meet it.
    pub(crate) times: u64,
}

#[derive(Default)]
struct State {
    rules: Vec<Rule>,
    stolen: Vec<Vec<u8>>,
    /// Requests that met a rule, by key.
    met: HashMap<i16, u64>,
    /// All connections, to cut them.
    open: HashMap<u64, (TcpStream, TcpStream)>,
}

struct Shared {
    state: Mutex<State>,
    changed: Condvar,
    /// Bytes a second of requests to produce; 0 is without limit.
    rate: AtomicU64,
    /// Whether nothing passes at all, and nobody is told.
    is_silent: AtomicBool,
    requests: [AtomicU64; 100],
    numbers: AtomicU64,
    inner: u16,
}

/// The proxy; one for the test binary, as the port is.
pub(crate) struct Proxy {
    shared: Arc<Shared>,
    /// Where Privet connects.
    pub(crate) bootstrap: String,
}

impl Proxy {
    /// Listens where the broker says that it is.
    pub(crate) fn start(detour: Detour) -> Proxy {
        let shared = Arc::new(Shared {
            state: Mutex::default(),
            changed: Condvar::new(),
            rate: AtomicU64::new(0),
            is_silent: AtomicBool::new(false),
            requests: [const { AtomicU64::new(0) }; 100],
            numbers: AtomicU64::new(0),
            inner: detour.inner,
        });
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, detour.outer)).expect("the port was free a moment ago");
        let all = shared.clone();
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                // A broker that is away refuses: so does the proxy.
                let _ = connect(&all, client);
            }
        });
        Proxy { shared, bootstrap: format!("127.0.0.1:{}", detour.outer) }
    }

    /// Lets everything pass again.
    pub(crate) fn calm(&self) {
        let mut state = self.state();
        state.rules.clear();
        state.stolen.clear();
        state.met.clear();
        drop(state);
        self.shared.rate.store(0, Ordering::Relaxed);
        self.shared.is_silent.store(false, Ordering::Relaxed);
    }

    /// One more rule; the first that fits a request is the one it meets.
    pub(crate) fn rule(&self, rule: Rule) {
        self.state().rules.push(rule);
    }

    /// Requests of an API that came through this proxy, ever.
    pub(crate) fn seen(&self, api: i16) -> u64 {
        self.shared.requests[api as usize].load(Ordering::Relaxed)
    }

    /// Waits until so many requests of an API met a rule; false where they did not in time.
    pub(crate) fn wait_met(&self, api: i16, count: u64, limit: Duration) -> bool {
        let deadline = Instant::now() + limit;
        let mut state = self.state();
        while state.met.get(&api).copied().unwrap_or(0) < count {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            state = self.shared.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }

    /// Ends every connection at once.
    pub(crate) fn cut_all(&self) {
        for (client, broker) in self.state().open.values() {
            let _ = (client.shutdown(Shutdown::Both), broker.shutdown(Shutdown::Both));
        }
    }

    /// Nothing passes, and no connection ends: a network that swallows everything.
    pub(crate) fn silence(&self, is_silent: bool) {
        self.shared.is_silent.store(is_silent, Ordering::Relaxed);
    }

    /// Records pass at so many bytes a second; 0 is without limit.
    pub(crate) fn throttle(&self, bytes_a_second: u64) {
        self.shared.rate.store(bytes_a_second, Ordering::Relaxed);
    }

    /// Hands over what was stolen, each on a connection of its own, as a network does that was slow; gives the brokers'
    /// error codes, read where [`Act::Answer`] writes them.
    pub(crate) fn deliver(&self) -> Vec<i16> {
        let stolen = std::mem::take(&mut self.state().stolen);
        let hand_over = |frame: Vec<u8>| -> io::Result<i16> {
            let mut broker = TcpStream::connect((Ipv4Addr::LOCALHOST, self.shared.inner))?;
            broker.set_read_timeout(Some(Duration::from_secs(10)))?;
            broker.write_all(&frame)?;
            let answer = read_frame(&mut broker)?;
            Ok(i16::from_be_bytes([answer[ERROR], answer[ERROR + 1]]))
        };
        stolen.into_iter().map(|frame| hand_over(frame).expect("the broker answers a late request")).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.shared)
    }
}

/// Where the error code stands in an answer of AddOffsetsToTxn and EndTxn: after length, correlation id, throttle time.
const ERROR: usize = 12;

fn lock(shared: &Shared) -> MutexGuard<'_, State> {
    shared.state.lock().unwrap_or_else(PoisonError::into_inner)
}

fn connect(shared: &Arc<Shared>, client: TcpStream) -> io::Result<()> {
    let broker = TcpStream::connect((Ipv4Addr::LOCALHOST, shared.inner))?;
    for stream in [&client, &broker] {
        stream.set_nodelay(true)?;
    }
    let number = shared.numbers.fetch_add(1, Ordering::Relaxed);
    lock(shared).open.insert(number, (client.try_clone()?, broker.try_clone()?));
    let pending: Pending = Arc::default();
    let (up, down) = ((client.try_clone()?, broker.try_clone()?), (broker, client));
    let (all, asked) = (shared.clone(), pending.clone());
    std::thread::spawn(move || {
        let _ = requests(&all, up.0, up.1, &asked);
        end(&all, number);
    });
    let all = shared.clone();
    std::thread::spawn(move || {
        let _ = answers(&all, down.0, down.1, &pending);
        end(&all, number);
    });
    Ok(())
}

fn end(shared: &Shared, number: u64) {
    if let Some((client, broker)) = lock(shared).open.remove(&number) {
        let _ = (client.shutdown(Shutdown::Both), broker.shutdown(Shutdown::Both));
    }
}

/// What the answers of a connection have to meet, by correlation id.
type Pending = Arc<Mutex<HashMap<i32, Act>>>;

/// The frame with its length.
fn read_frame(from: &mut TcpStream) -> io::Result<Vec<u8>> {
    let mut length = [0; 4];
    from.read_exact(&mut length)?;
    let size = i32::from_be_bytes(length);
    let size = usize::try_from(size).ok().filter(|size| (4..=200 << 20).contains(size)).ok_or(io::ErrorKind::InvalidData)?;
    let mut frame = vec![0; 4 + size];
    frame[..4].copy_from_slice(&length);
    from.read_exact(&mut frame[4..])?;
    Ok(frame)
}

fn number(frame: &[u8], at: usize) -> i32 {
    i32::from_be_bytes([frame[at], frame[at + 1], frame[at + 2], frame[at + 3]])
}

fn requests(shared: &Shared, mut client: TcpStream, mut broker: TcpStream, pending: &Pending) -> io::Result<()> {
    loop {
        let frame = read_frame(&mut client)?;
        if frame.len() < 12 {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let (key, version) = (i16::from_be_bytes([frame[4], frame[5]]), i16::from_be_bytes([frame[6], frame[7]]));
        if let Some(count) = usize::try_from(key).ok().and_then(|key| shared.requests.get(key)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        while shared.is_silent.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        if key == api::PRODUCE {
            let rate = shared.rate.load(Ordering::Relaxed);
            if rate > 0 {
                std::thread::sleep(Duration::from_secs_f64(frame.len() as f64 / rate as f64));
            }
        }
        match meet(shared, key) {
            None => {}
            Some(Act::CutBefore) => return Ok(()),
            Some(Act::Delay(time)) => std::thread::sleep(time),
            Some(Act::Steal) => {
                lock(shared).stolen.push(frame);
                return Ok(());
            }
            Some(act @ (Act::CutAfter | Act::Answer(_))) => {
                let plain = matches!(key, api::ADD_OFFSETS | api::END_TXN) && version <= 2;
                assert!(plain || act == Act::CutAfter, "the answer to {key} version {version} is not laid out so");
                pending.lock().unwrap_or_else(PoisonError::into_inner).insert(number(&frame, 8), act);
            }
        }
        broker.write_all(&frame)?;
    }
}

/// What a request meets, if anything.
fn meet(shared: &Shared, key: i16) -> Option<Act> {
    let mut state = lock(shared);
    let rule = state.rules.iter_mut().find(|rule| rule.api == key && rule.times > 0)?;
    if rule.after > 0 {
        rule.after -= 1;
        return None;
    }
    rule.times -= 1;
    let act = rule.act;
    *state.met.entry(key).or_default() += 1;
    shared.changed.notify_all();
    Some(act)
}

fn answers(shared: &Shared, mut broker: TcpStream, mut client: TcpStream, pending: &Pending) -> io::Result<()> {
    loop {
        let mut frame = read_frame(&mut broker)?;
        while shared.is_silent.load(Ordering::Relaxed) {
            std::thread::sleep(Duration::from_millis(5));
        }
        let act = pending.lock().unwrap_or_else(PoisonError::into_inner).remove(&number(&frame, 4));
        match act {
            Some(Act::CutAfter) => return Ok(()),
            Some(Act::Answer(code)) => frame[ERROR..ERROR + 2].copy_from_slice(&code.to_be_bytes()),
            Some(Act::CutBefore | Act::Delay(_) | Act::Steal) | None => {}
        }
        client.write_all(&frame)?;
    }
}
