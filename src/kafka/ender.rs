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
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

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
}

/// The thread of one client; it ends with the client's owner, after the call that is under way.
pub(super) struct Ender {
    /// `None` once no batch will come any more.
    batches: Option<Sender<End>>,
    ended: Receiver<Ended>,
    under_way: bool,
    thread: Option<JoinHandle<()>>,
}

impl Ender {
    /// A thread that ends the batches of this client.
    pub(super) fn start(client: Arc<ThreadedProducer<ProducerEvents>>, worker: usize) -> Result<Ender, Fault> {
        let (batches, incoming) = channel::<End>();
        let (outgoing, ended) = channel();
        let work = move || {
            for batch in incoming {
                let started = Instant::now();
                let result = end(&client, batch);
                if outgoing.send(Ended { result, started, at: Instant::now() }).is_err() {
                    break;
                }
            }
        };
        let no_thread = |error: std::io::Error| Fault::own("starting the producer", Recovery::Stop, error.to_string());
        let thread = std::thread::Builder::new().name(format!("privet-ender-{worker}")).spawn(work).map_err(no_thread)?;
        Ok(Ender { batches: Some(batches), ended, under_way: false, thread: Some(thread) })
    }

    /// Begins to end a batch. One at a time: a second one would end what is not its own.
    pub(super) fn begin(&mut self, batch: End) -> Result<(), Fault> {
        let attempted = "ending a batch";
        if self.under_way {
            return Err(Fault::own(attempted, Recovery::Rebuild, "another batch is being ended"));
        }
        let gone = || Fault::own(attempted, Recovery::Rebuild, "the thread that ends batches is gone");
        self.batches.as_ref().and_then(|batches| batches.send(batch).ok()).ok_or_else(gone)?;
        self.under_way = true;
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
            Err(RecvTimeoutError::Timeout) => return None,
            Err(RecvTimeoutError::Disconnected) => {
                let now = Instant::now();
                let result = Err(Fault::own("ending a batch", Recovery::Rebuild, "the thread that ends batches is gone"));
                Ended { result, started: now, at: now }
            }
        };
        self.under_way = false;
        Some(ended)
    }
}

impl Drop for Ender {
    fn drop(&mut self) {
        drop(self.batches.take());
        // A thread at rest ends at once, and gives its client back. One that waits for an answer ends when librdkafka's
        // call does, at the latest with the transaction's timeout; nobody waits for that.
        if let Some(thread) = self.thread.take().filter(|_| !self.under_way) {
            // A panic there was reported when it happened, and the batch's end is unknown all the same.
            let _ = thread.join();
        }
    }
}

fn end(client: &ThreadedProducer<ProducerEvents>, End { how, deadline }: End) -> Result<(), Fault> {
    let client = client.client();
    match how {
        How::Commit { offsets, membership } => {
            let send = || ffi::send_offsets(client, &offsets, &membership, remaining(deadline));
            again(Attempt::SendOffsets, deadline, send)?;
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
