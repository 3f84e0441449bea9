//! Records in runs: one queue for all partitions that a member reads, emptied many records at a time.
//!
//! The binding asks for every record through an event: two locks, three clocks and two allocations each, a tenth of what
//! Privet does with it. Here partitions are forwarded to a queue of our own before they are assigned, so that the queue
//! of the client keeps only what is not a record: errors and the changes of a group.

use super::{Headers, NativeTopic, native};
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use std::any::Any;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::Duration;

/// Most records that are taken from the queue at once: less than a millisecond of work, where records are small.
const RUN: usize = 128;

/// How much of a record is asked for ahead.
const MOST_AHEAD: usize = 4096;

/// Bytes of a line of the cache.
const LINE: usize = 64;

/// `rd_kafka_queue_t`, only ever behind a pointer.
#[repr(C)]
struct NativeQueue {
    _opaque: [u8; 0],
}

/// `rd_kafka_message_t`.
#[repr(C)]
struct NativeMessage {
    code: c_int,
    topic: *mut NativeTopic,
    partition: i32,
    payload: *const u8,
    len: usize,
    key: *const u8,
    key_len: usize,
    offset: i64,
    _private: *mut c_void,
}

// `rdkafka-sys` links the library; the types here differ from its own only where it has a Rust enum.
#[allow(clashing_extern_declarations, reason = "pointers to what nobody looks into, under other names in `kafka::tail`")]
unsafe extern "C" {
    fn rd_kafka_queue_new(client: *mut c_void) -> *mut NativeQueue;
    fn rd_kafka_queue_get_partition(client: *mut c_void, topic: *const c_char, partition: i32) -> *mut NativeQueue;
    fn rd_kafka_queue_forward(from: *mut NativeQueue, to: *mut NativeQueue);
    fn rd_kafka_queue_destroy(queue: *mut NativeQueue);
    fn rd_kafka_consume_batch_queue(
        queue: *mut NativeQueue,
        timeout_ms: c_int,
        messages: *mut *mut NativeMessage,
        room: usize,
    ) -> isize;
    fn rd_kafka_message_destroy(message: *mut NativeMessage);
    fn rd_kafka_message_timestamp(message: *const NativeMessage, kind: *mut c_int) -> i64;
    fn rd_kafka_topic_name(topic: *const NativeTopic) -> *const c_char;
}

/// The records of all partitions that were joined to it, in the order in which they were fetched.
pub(in crate::kafka) struct Runs {
    queue: NonNull<NativeQueue>,
    client: *mut c_void,
    /// The queues of the partitions that are forwarded.
    joined: Vec<NonNull<NativeQueue>>,
    /// Taken from the queue and not shown yet: those from `next` on.
    run: Vec<NonNull<NativeMessage>>,
    next: usize,
    /// The client lives longer than its queues.
    _keeps: Arc<dyn Any + Send + Sync>,
}

// SAFETY: queues and messages of librdkafka may be used by any thread, and these are owned here alone.
unsafe impl Send for Runs {}

impl Runs {
    /// A queue that no partition was joined to yet; `None` where the library makes none.
    pub(in crate::kafka) fn new<C: ConsumerContext + 'static>(consumer: &Arc<BaseConsumer<C>>) -> Option<Runs> {
        let client = native(consumer.client());
        // SAFETY: the handle is valid while the consumer is borrowed; the queue is ours, and destroyed once, in `drop`.
        let queue = NonNull::new(unsafe { rd_kafka_queue_new(client) })?;
        Some(Runs { queue, client, joined: Vec::new(), run: Vec::new(), next: 0, _keeps: consumer.clone() })
    }

    /// Lets the records of a partition come here. To be called before the partition is assigned: what is fetched before goes
    /// to the client's own queue. False where there can be no such partition.
    pub(in crate::kafka) fn join(&mut self, topic: &str, partition: i32) -> bool {
        let Ok(topic) = CString::new(topic) else { return false };
        // SAFETY: the client lives as long as `self`, and the name ends in NUL and is copied. The queue is ours to give back.
        let queue = unsafe { rd_kafka_queue_get_partition(self.client, topic.as_ptr(), partition) };
        let Some(queue) = NonNull::new(queue) else { return false };
        // SAFETY: both queues are valid; the library counts its own reference to the second.
        unsafe { rd_kafka_queue_forward(queue.as_ptr(), self.queue.as_ptr()) };
        self.joined.push(queue);
        true
    }

    /// Lets all partitions go, and forgets what was not shown, whether it was taken from the queue yet or not. What is not this
    /// member's any more matters to nobody here, errors included.
    pub(in crate::kafka) fn part(&mut self) {
        for queue in self.joined.drain(..) {
            // SAFETY: the queue was given to us by `join`, and is given back once. Without a forward its records stay in it,
            // until the partition is given up.
            unsafe {
                rd_kafka_queue_forward(queue.as_ptr(), std::ptr::null_mut());
                rd_kafka_queue_destroy(queue.as_ptr());
            }
        }
        loop {
            self.forget(|_| ());
            self.take(Duration::ZERO);
            if !self.is_at_hand() {
                return;
            }
        }
    }

    /// Forgets what was taken and not shown: it will be read again from another place. What an error says is not said twice,
    /// and so `error` hears its code.
    pub(in crate::kafka) fn forget(&mut self, mut error: impl FnMut(i32)) {
        for native in self.run.drain(std::mem::take(&mut self.next)..) {
            let message = Message { native, _queue: PhantomData };
            if message.code() != 0 {
                error(message.code());
            }
        }
        self.run.clear();
    }

    /// Whether the next record is at hand without asking the library.
    pub(in crate::kafka) fn is_at_hand(&self) -> bool {
        self.next < self.run.len()
    }

    /// The next record or error of a partition; waits for one if there is none.
    pub(in crate::kafka) fn next(&mut self, wait: Duration) -> Option<Message<'_>> {
        if !self.is_at_hand() {
            self.take(wait);
        }
        let native = *self.run.get(self.next)?;
        self.next += 1;
        self.ask_ahead();
        Some(Message { native, _queue: PhantomData })
    }

    /// Asks the memory for the record after this one, which is looked at only when this one is done.
    fn ask_ahead(&self) {
        if let Some(soon) = self.run.get(self.next + 1) {
            ask_for(soon.as_ptr().cast());
        }
        if let Some(next) = self.run.get(self.next) {
            // SAFETY: a message that was taken and not shown yet is valid until then.
            let NativeMessage { payload, len, .. } = unsafe { next.as_ref() };
            for at in (0..(*len).min(MOST_AHEAD)).step_by(LINE) {
                ask_for(payload.wrapping_add(at));
            }
        }
    }

    /// Takes all that is in the queue, up to a run of them; else waits for one.
    fn take(&mut self, wait: Duration) {
        self.run.clear();
        self.next = 0;
        let mut room = [std::ptr::null_mut(); RUN];
        let mut count = self.consume(0, &mut room);
        // The library would wait until the room is full.
        if count == 0 && !wait.is_zero() {
            let wait = c_int::try_from(wait.as_micros().div_ceil(1000)).unwrap_or(c_int::MAX);
            count = self.consume(wait, &mut room[..1]);
        }
        self.run.extend(room[..count].iter().copied().filter_map(NonNull::new));
    }

    fn consume(&mut self, wait_ms: c_int, room: &mut [*mut NativeMessage]) -> usize {
        // SAFETY: the queue is valid, and the room has as many places as is said. Messages that it puts there are ours.
        let count = unsafe { rd_kafka_consume_batch_queue(self.queue.as_ptr(), wait_ms, room.as_mut_ptr(), room.len()) };
        usize::try_from(count).unwrap_or(0).min(room.len())
    }
}

impl Drop for Runs {
    fn drop(&mut self) {
        self.part();
        // SAFETY: made in `new`, and given back once, before the client, which `_keeps` holds.
        unsafe { rd_kafka_queue_destroy(self.queue.as_ptr()) }
    }
}

/// Tells the processor that this place will be read soon, where there is a way to.
fn ask_for(place: *const u8) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a hint, which reads nothing and may name any place.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}

fn destroy(message: NonNull<NativeMessage>) {
    // SAFETY: the library gave the message to us, and whoever calls this owned it and forgets it.
    unsafe { rd_kafka_message_destroy(message.as_ptr()) }
}

/// A record of a partition, or an error in its place. It does not implement `Debug`: it holds personal data.
pub(in crate::kafka) struct Message<'q> {
    native: NonNull<NativeMessage>,
    _queue: PhantomData<&'q mut Runs>,
}

impl Message<'_> {
    fn get(&self) -> &NativeMessage {
        // SAFETY: valid and unchanged until it is destroyed, in `drop`.
        unsafe { self.native.as_ref() }
    }

    /// `rd_kafka_resp_err_t`: 0 for a record.
    pub(in crate::kafka) fn code(&self) -> i32 {
        self.get().code
    }

    /// The topic; none for an error that concerns no topic.
    pub(in crate::kafka) fn topic(&self) -> Option<&str> {
        let topic = NonNull::new(self.get().topic)?;
        // SAFETY: the message holds its topic, whose name ends in NUL and does not change.
        unsafe { CStr::from_ptr(rd_kafka_topic_name(topic.as_ptr())) }.to_str().ok()
    }

    pub(in crate::kafka) fn partition(&self) -> i32 {
        self.get().partition
    }

    pub(in crate::kafka) fn offset(&self) -> i64 {
        self.get().offset
    }

    /// Milliseconds since 1970, if the record has a time.
    pub(in crate::kafka) fn millis(&self) -> Option<i64> {
        let mut kind = 0;
        // SAFETY: the message is valid, and `kind` ours.
        let time = unsafe { rd_kafka_message_timestamp(self.native.as_ptr(), &mut kind) };
        (kind != 0).then_some(time)
    }

    pub(in crate::kafka) fn key(&self) -> Option<&[u8]> {
        bytes(self.get().key, self.get().key_len)
    }

    pub(in crate::kafka) fn value(&self) -> Option<&[u8]> {
        bytes(self.get().payload, self.get().len)
    }

    /// The headers; `None` where the library cannot read them. Only for a record.
    pub(in crate::kafka) fn headers(&self) -> Option<Headers<'_>> {
        debug_assert!(self.code() == 0 && self.offset() >= 0, "only fetched messages have headers to read");
        // SAFETY: a fetched message, valid while it is borrowed.
        unsafe { Headers::of(self.native.as_ptr().cast_const().cast()) }
    }
}

impl Drop for Message<'_> {
    fn drop(&mut self) {
        destroy(self.native);
    }
}

/// The bytes of a message at a place, if there are any.
fn bytes<'m>(start: *const u8, len: usize) -> Option<&'m [u8]> {
    // SAFETY: both callers pass a place of a message that they borrow for the lifetime of what they return, and the
    // length that stands beside it there.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start, len) })
}
