//! The thread that ends a producer's batches, so that its worker reads and judges on while the brokers answer.
//!
//! It makes the calls that block: offsets into the transaction and the commit, or the flush. It decides nothing: what
//! came of them goes back to the worker, which asks for it between two records.

use super::errors::{Attempt, Fault, Recovery};
use super::ffi::{self, GroupMetadata};
use super::rebalance::ProducerEvents;
use super::txn::{again, remaining};
use rdkafka::TopicPartitionList;
use rdkafka::producer::{Producer as _, ThreadedProducer};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// The thread that polls the producer reads librdkafka's lines as they come; on a machine that does not, longer.
const HEARING: Duration = Duration::from_millis(200);

/// librdkafka's call that puts offsets into a transaction keeps no time of its own: where the broker that coordinated the group
/// is gone from the cluster's metadata it waits for any other broker to come or go, whatever it was given as a timeout
/// (librdkafka issues 5456 and 5511). So long after the transaction's own timeout nobody waits for an answer any more.
const GRACE: Duration = Duration::from_secs(5);

/// A batch to be ended.
pub(super) struct End {
    /// What to make of the batch.
    pub(super) how: How,
    /// When an answer would come too late.
    pub(super) deadline: Option<Instant>,
}

/// How a batch ends.
pub(super) enum How {
    /// The transaction is committed with the group's next offsets, fenced by the membership.
    Commit { offsets: TopicPartitionList, membership: GroupMetadata },
    /// Every record is acknowledged.
    Flush,
}

/// What came of it.
pub(super) struct Ended {
    pub(super) result: Result<(), Fault>,
    pub(super) started: Instant,
    pub(super) at: Instant,
    /// Whether a request to end the transaction may still be under way.
    pub(super) is_uncertain: bool,
}

/// The thread of one client; it ends with the client's owner, after the call that is under way.
pub(super) struct Ender {
    /// `None` once no batch will come any more.
    batches: Option<Sender<End>>,
    ended: Receiver<Ended>,
    /// Since when a batch is being ended.
    under_way: Option<Instant>,
    /// Nobody waits for the batch any more: it is not committed where it was not yet.
    given_up: Arc<AtomicBool>,
    /// How long an answer is waited for.
    patience: Option<Duration>,
    thread: Option<JoinHandle<()>>,
}

impl Ender {
    /// A thread that ends the batches of this client; where they are transactions, `timing` has what librdkafka waits for at least
    /// before it sends a request again, and after how long the broker voids a transaction.
    pub(super) fn start(
        client: Arc<ThreadedProducer<ProducerEvents>>,
        worker: usize,
        timing: Option<(Duration, Duration)>,
    ) -> Result<Ender, Fault> {
        let (batches, incoming) = channel::<End>();
        let (outgoing, ended) = channel();
        let given_up = Arc::new(AtomicBool::new(false));
        let is_given_up = given_up.clone();
        let work = move || {
            for batch in incoming {
                let (started, ended) = (Instant::now(), client.context().ended());
                let result = end(&client, batch, &is_given_up);
                let at = Instant::now();
                let is_uncertain = timing.is_some_and(|(retry, _)| {
                    let is_slow = result.is_ok() && at.saturating_duration_since(started) >= retry;
                    is_uncertain(client.context(), ended, is_slow)
                });
                if outgoing.send(Ended { result, started, at, is_uncertain }).is_err() {
                    break;
                }
            }
        };
        let no_thread = |error: std::io::Error| Fault::own("starting the producer", Recovery::Stop, error.to_string());
        let thread = std::thread::Builder::new().name(format!("privet-ender-{worker}")).spawn(work).map_err(no_thread)?;
        let patience = timing.map(|(_, timeout)| timeout + GRACE);
        Ok(Ender { batches: Some(batches), ended, under_way: None, given_up, patience, thread: Some(thread) })
    }

    /// Begins to end a batch. One at a time: a second one would end what is not its own.
    pub(super) fn begin(&mut self, batch: End) -> Result<(), Fault> {
        let attempted = "ending a batch";
        if self.under_way.is_some() {
            return Err(Fault::own(attempted, Recovery::Rebuild, "another batch is being ended"));
        }
        let gone = || Fault::own(attempted, Recovery::Rebuild, "the thread that ends batches is gone");
        self.batches.as_ref().and_then(|batches| batches.send(batch).ok()).ok_or_else(gone)?;
        self.under_way = Some(Instant::now());
        Ok(())
    }

    /// What came of the batch, waited for at most so long; `None` while it is under way.
    pub(super) fn settled(&mut self, wait: Duration) -> Option<Ended> {
        // Asked between two records it must not cost a look at the clock.
        let answer = match wait {
            Duration::ZERO => self.ended.try_recv().map_err(|error| match error {
                TryRecvError::Empty => RecvTimeoutError::Timeout,
                TryRecvError::Disconnected => RecvTimeoutError::Disconnected,
            }),
            wait => self.ended.recv_timeout(wait),
        };
        let ended = match answer {
            Ok(ended) => ended,
            // The thread stays with its call, and the client with the thread: the next one fences it.
            Err(RecvTimeoutError::Timeout) => return self.overdue(wait),
            Err(RecvTimeoutError::Disconnected) => {
                let now = Instant::now();
                let result = Err(Fault::own("ending a batch", Recovery::Rebuild, "the thread that ends batches is gone"));
                Ended { result, started: now, at: now, is_uncertain: true }
            }
        };
        self.under_way = None;
        Some(ended)
    }

    /// What is to be said of a batch whose end nobody has heard of for too long.
    fn overdue(&self, wait: Duration) -> Option<Ended> {
        let (started, patience) = (self.under_way?, self.patience?);
        if wait.is_zero() || started.elapsed() < patience {
            return None;
        }
        self.given_up.store(true, Ordering::Release);
        let why = "librdkafka has not come back from it in a transaction's time";
        let result = Err(Fault::own("ending a batch", Recovery::Rebuild, why));
        Some(Ended { result, started, at: Instant::now(), is_uncertain: true })
    }
}

impl Drop for Ender {
    fn drop(&mut self) {
        drop(self.batches.take());
        self.given_up.store(true, Ordering::Release);
        // A thread at rest ends at once, and gives its client back. One that waits for an answer ends when librdkafka's
        // call does; nobody waits for that.
        if let Some(thread) = self.thread.take().filter(|_| self.under_way.is_none()) {
            // A panic there was reported when it happened, and the batch's end is unknown all the same.
            let _ = thread.join();
        }
    }
}

/// Whether a request to end the transaction may still be under way: one was sent and not answered. An end that went by
/// too quickly for a second attempt had none. After a slow one the line that tells of the answer, which librdkafka
/// writes before its call returns, is waited for: those before it have been read then. `before`: ends heard of before.
pub(super) fn is_uncertain(events: &ProducerEvents, before: u64, is_slow: bool) -> bool {
    let deadline = Instant::now() + HEARING;
    while is_slow && events.ended() == before {
        if events.has_unanswered_end() || Instant::now() >= deadline {
            return true;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    events.has_unanswered_end()
}

fn end(client: &ThreadedProducer<ProducerEvents>, End { how, deadline }: End, given_up: &AtomicBool) -> Result<(), Fault> {
    let client = client.client();
    match how {
        How::Commit { offsets, membership } => {
            let send = || ffi::send_offsets(client, &offsets, &membership, remaining(deadline));
            again(Attempt::SendOffsets, deadline, send)?;
            if given_up.load(Ordering::Acquire) {
                return Err(Fault::own("ending a batch", Recovery::Rebuild, "nobody waits for it any more"));
            }
            again(Attempt::Commit, deadline, || ffi::commit_transaction(client, remaining(deadline)))
        }
        How::Flush => {
            let attempted = "waiting for acknowledgements";
            if !ffi::flush(client, remaining(deadline)) {
                return Err(Fault::own(attempted, Recovery::Rebuild, "not every record was acknowledged in time"));
            }
            match client.context().take_failed() {
                None => Ok(()),
                Some((count, code)) => {
                    let why = format!("{count} records were not delivered");
                    Err(Fault { attempted, recovery: Recovery::Rebuild, code, why })
                }
            }
        }
    }
}
