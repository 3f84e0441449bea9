//! The calls of librdkafka that the safe binding gets wrong for us, with every C enum as a plain integer.
//!
//! Four reasons bring code here: the binding reads error codes as a Rust enum, so that a code newer than its
//! list would be undefined behaviour; its `commit_transaction` flushes in steps of 100 ms; it hides the
//! generation of the group metadata and panics on a header name that is not UTF-8; and it reads record by record
//! (`run`). Each function states what it
//! relies on; nothing else in the package may hold `unsafe`.
#![allow(unsafe_code, reason = "the only foreign calls; reviewed line by line")]

use super::contract::Outgoing;
use crate::event::Header;
use rdkafka::TopicPartitionList;
use rdkafka::client::{Client, ClientContext};
use rdkafka::producer::{Partitioner, Producer, ProducerContext};
use std::any::Any;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::marker::PhantomData;
use std::ptr::NonNull;
use std::sync::Arc;

mod run;
mod wait;

pub(super) use run::{Message, Runs};

/// `rd_kafka_error_t`, only ever behind a pointer.
#[repr(C)]
struct NativeError {
    _opaque: [u8; 0],
}

/// `rd_kafka_consumer_group_metadata_t`, only ever behind a pointer.
#[repr(C)]
struct NativeMetadata {
    _opaque: [u8; 0],
}

/// `rd_kafka_topic_t`, only ever behind a pointer.
#[repr(C)]
struct NativeTopic {
    _opaque: [u8; 0],
}

/// `rd_kafka_headers_t`, only ever behind a pointer.
#[repr(C)]
struct NativeHeaders {
    _opaque: [u8; 0],
}

// `rdkafka-sys` links the library; the types here differ from its own only where it has a Rust enum.
unsafe extern "C" {
    fn rd_kafka_init_transactions(client: *mut c_void, timeout_ms: c_int) -> *mut NativeError;
    fn rd_kafka_begin_transaction(client: *mut c_void) -> *mut NativeError;
    fn rd_kafka_send_offsets_to_transaction(
        client: *mut c_void,
        offsets: *const c_void,
        metadata: *const NativeMetadata,
        timeout_ms: c_int,
    ) -> *mut NativeError;
    fn rd_kafka_commit_transaction(client: *mut c_void, timeout_ms: c_int) -> *mut NativeError;
    fn rd_kafka_abort_transaction(client: *mut c_void, timeout_ms: c_int) -> *mut NativeError;
    fn rd_kafka_flush(client: *mut c_void, timeout_ms: c_int) -> c_int;
    fn rd_kafka_error_code(error: *const NativeError) -> c_int;
    fn rd_kafka_error_string(error: *const NativeError) -> *const c_char;
    fn rd_kafka_error_is_fatal(error: *const NativeError) -> c_int;
    fn rd_kafka_error_is_retriable(error: *const NativeError) -> c_int;
    fn rd_kafka_error_txn_requires_abort(error: *const NativeError) -> c_int;
    fn rd_kafka_error_destroy(error: *mut NativeError);
    fn rd_kafka_consumer_group_metadata(client: *mut c_void) -> *mut NativeMetadata;
    fn rd_kafka_consumer_group_metadata_generation_id(metadata: *const NativeMetadata) -> i32;
    fn rd_kafka_consumer_group_metadata_destroy(metadata: *mut NativeMetadata);
    fn rd_kafka_err2str(code: c_int) -> *const c_char;
    fn rd_kafka_topic_new(client: *mut c_void, name: *const c_char, config: *mut c_void) -> *mut NativeTopic;
    fn rd_kafka_topic_destroy(topic: *mut NativeTopic);
    fn rd_kafka_producev(client: *mut c_void, ...) -> c_int;
    fn rd_kafka_headers_new(room: usize) -> *mut NativeHeaders;
    fn rd_kafka_headers_destroy(headers: *mut NativeHeaders);
    fn rd_kafka_header_add(
        headers: *mut NativeHeaders,
        name: *const c_char,
        name_size: isize,
        value: *const c_void,
        value_size: isize,
    ) -> c_int;
    fn rd_kafka_message_headers(message: *const c_void, headers: *mut *mut c_void) -> c_int;
    fn rd_kafka_header_get_all(
        headers: *const c_void,
        index: usize,
        name: *mut *const c_char,
        value: *mut *const c_void,
        size: *mut usize,
    ) -> c_int;
}

/// An error of librdkafka, copied out of the C object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct NativeFault {
    /// `rd_kafka_resp_err_t`; negative codes are the library's own.
    pub(super) code: i32,
    /// The library's sentence: names of topics and brokers, never the content of a record.
    pub(super) text: String,
    /// The client cannot be used any more.
    pub(super) fatal: bool,
    /// The same call may be made again.
    pub(super) retriable: bool,
    /// The transaction must be aborted.
    pub(super) requires_abort: bool,
}

/// Takes an error object, if there is one.
fn take(error: *mut NativeError) -> Result<(), NativeFault> {
    let Some(error) = NonNull::new(error) else { return Ok(()) };
    let pointer = error.as_ptr();
    // SAFETY: a transaction call returned this non-null object and gave it to us; it is read before it is
    // destroyed, and destroyed once. Its string lives as long as it does and ends in NUL.
    let fault = unsafe {
        let fault = NativeFault {
            code: rd_kafka_error_code(pointer),
            text: CStr::from_ptr(rd_kafka_error_string(pointer)).to_string_lossy().into_owned(),
            fatal: rd_kafka_error_is_fatal(pointer) != 0,
            retriable: rd_kafka_error_is_retriable(pointer) != 0,
            requires_abort: rd_kafka_error_txn_requires_abort(pointer) != 0,
        };
        rd_kafka_error_destroy(pointer);
        fault
    };
    Err(fault)
}

/// What librdkafka says of an error code, also of one that it does not know.
pub(super) fn words(code: i32) -> String {
    // SAFETY: takes any number, and answers with a text that ends in NUL and lives for good (for an unknown code, until
    // this thread asks again).
    unsafe { CStr::from_ptr(rd_kafka_err2str(code)) }.to_string_lossy().into_owned()
}

fn native<C: ClientContext>(client: &Client<C>) -> *mut c_void {
    client.native_ptr().cast()
}

/// Registers the transactional id, ends what a predecessor left open, and fences it.
pub(super) fn init_transactions<C: ClientContext>(client: &Client<C>, timeout_ms: i32) -> Result<(), NativeFault> {
    // SAFETY: the handle is valid while `client` is borrowed; the library is thread-safe.
    take(unsafe { rd_kafka_init_transactions(native(client), timeout_ms) })
}

/// Opens a transaction; local, does not block.
pub(super) fn begin_transaction<C: ClientContext>(client: &Client<C>) -> Result<(), NativeFault> {
    // SAFETY: as in `init_transactions`.
    take(unsafe { rd_kafka_begin_transaction(native(client)) })
}

/// Puts the group's next offsets into the open transaction.
pub(super) fn send_offsets<C: ClientContext>(
    client: &Client<C>,
    offsets: &TopicPartitionList,
    membership: &GroupMetadata,
    timeout_ms: i32,
) -> Result<(), NativeFault> {
    let list: *const c_void = offsets.ptr().cast::<c_void>().cast_const();
    // SAFETY: the handle, the list and the metadata are valid while their owners are borrowed, and the library
    // copies both before it returns.
    take(unsafe { rd_kafka_send_offsets_to_transaction(native(client), list, membership.pointer.as_ptr(), timeout_ms) })
}

/// Waits for outstanding messages, then commits. Another thread must poll the producer meanwhile.
pub(super) fn commit_transaction<C: ClientContext>(client: &Client<C>, timeout_ms: i32) -> Result<(), NativeFault> {
    // SAFETY: as in `init_transactions`.
    take(unsafe { rd_kafka_commit_transaction(native(client), timeout_ms) })
}

/// Purges outstanding messages, then aborts. Another thread must poll the producer meanwhile.
pub(super) fn abort_transaction<C: ClientContext>(client: &Client<C>, timeout_ms: i32) -> Result<(), NativeFault> {
    // SAFETY: as in `init_transactions`.
    take(unsafe { rd_kafka_abort_transaction(native(client), timeout_ms) })
}

/// Waits until every message was acknowledged or has failed; false where time ran out before.
/// Another thread must poll the producer meanwhile.
pub(super) fn flush<C: ClientContext>(client: &Client<C>, timeout_ms: i32) -> bool {
    // SAFETY: as in `init_transactions`; the code is read as an integer, and 0 is success.
    unsafe { rd_kafka_flush(native(client), timeout_ms) == 0 }
}

/// A member's place in its group at one moment: what fences a commit.
pub struct GroupMetadata {
    pointer: NonNull<NativeMetadata>,
}

// SAFETY: the object is a plain copy of names and a number, owned here alone, and not changed after it was made.
unsafe impl Send for GroupMetadata {}

impl GroupMetadata {
    /// The present membership of a consumer; `None` where it has no group or no generation. A negative
    /// generation is never handed out: the coordinator would not fence a commit that carries it.
    pub(super) fn of<C: ClientContext>(consumer: &Client<C>) -> Option<GroupMetadata> {
        // SAFETY: as in `init_transactions`; the object, if any, is ours, and dropping it destroys it once.
        let pointer = NonNull::new(unsafe { rd_kafka_consumer_group_metadata(native(consumer)) })?;
        let metadata = GroupMetadata { pointer };
        (metadata.generation() >= 0).then_some(metadata)
    }

    /// The group's generation as this member knows it.
    pub(super) fn generation(&self) -> i32 {
        // SAFETY: the object is valid until `drop`.
        unsafe { rd_kafka_consumer_group_metadata_generation_id(self.pointer.as_ptr()) }
    }
}

impl Drop for GroupMetadata {
    fn drop(&mut self) {
        // SAFETY: owned, valid, and destroyed only here.
        unsafe { rd_kafka_consumer_group_metadata_destroy(self.pointer.as_ptr()) }
    }
}

/// `rd_kafka_vtype_t`: what follows in a call of `rd_kafka_producev`, as the header of librdkafka numbers it.
mod vtype {
    pub(super) const END: super::c_int = 0;
    pub(super) const TOPIC_HANDLE: super::c_int = 2;
    pub(super) const PARTITION: super::c_int = 3;
    pub(super) const VALUE: super::c_int = 4;
    pub(super) const KEY: super::c_int = 5;
    pub(super) const FLAGS: super::c_int = 7;
    pub(super) const TIMESTAMP: super::c_int = 8;
    pub(super) const HEADERS: super::c_int = 10;
}

/// `RD_KAFKA_MSG_F_COPY`: key and value are copied before the call returns.
const COPY: c_int = 2;

/// `RD_KAFKA_RESP_ERR__NOENT`: there are no headers.
const NO_HEADERS: c_int = -156;

/// `RD_KAFKA_PARTITION_UA`: the partitioner decides.
const BY_KEY: i32 = -1;

/// A topic as one producer knows it: its name is looked up once, not for every record.
pub(super) struct Topic {
    pointer: NonNull<NativeTopic>,
    client: *mut c_void,
    /// The producer lives at least as long as the handle.
    _keeps: Arc<dyn Any + Send + Sync>,
}

// SAFETY: the library counts the references to a handle itself, and takes it on every thread.
unsafe impl Send for Topic {}

impl Topic {
    /// The handle of a topic; `None` where the name is none that Kafka has.
    pub(super) fn new<P: Producer<C, D> + Send + Sync + 'static, C: ProducerContext<D>, D: Partitioner>(
        producer: &Arc<P>,
        name: &str,
    ) -> Option<Topic> {
        let client = native(producer.client());
        let name = CString::new(name).ok()?;
        // SAFETY: the handle of the client is valid while the producer is borrowed, the name ends in NUL and is copied, and
        // without a configuration of its own the topic has the client's.
        let pointer = NonNull::new(unsafe { rd_kafka_topic_new(client, name.as_ptr(), std::ptr::null_mut()) })?;
        Some(Topic { pointer, client, _keeps: producer.clone() })
    }

    /// Puts a record into the producer's queue; where it is not taken, the error code (`rd_kafka_resp_err_t`).
    pub(super) fn produce(&self, record: &Outgoing<'_>, partition: Option<i32>) -> Result<(), i32> {
        let memory =
            |bytes: Option<&[u8]>| bytes.map_or((std::ptr::null(), 0), |bytes| (bytes.as_ptr().cast::<c_void>(), bytes.len()));
        let ((value, value_size), (key, key_size)) = (memory(record.value), memory(record.key));
        let headers = native_headers(record.headers)?;
        // 0 stands for the time of the call.
        let timestamp = record.timestamp.map_or(0i64, |time| time.as_millisecond());
        // SAFETY: the topic and its client are valid while `self` is; key and value are read and copied before the call
        // returns; every argument has the type that the tag before it announces, and the last tag ends the list.
        let code = unsafe {
            rd_kafka_producev(
                self.client,
                vtype::TOPIC_HANDLE,
                self.pointer.as_ptr(),
                vtype::PARTITION,
                partition.unwrap_or(BY_KEY),
                vtype::FLAGS,
                COPY,
                vtype::VALUE,
                value,
                value_size,
                vtype::KEY,
                key,
                key_size,
                vtype::TIMESTAMP,
                timestamp,
                vtype::HEADERS,
                headers,
                vtype::END,
            )
        };
        if code != 0 && !headers.is_null() {
            // SAFETY: only where the record was taken do its headers belong to the library.
            unsafe { rd_kafka_headers_destroy(headers) };
        }
        if code == 0 { Ok(()) } else { Err(code) }
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        // SAFETY: valid, since the client is, and given back once.
        unsafe { rd_kafka_topic_destroy(self.pointer.as_ptr()) }
    }
}

/// A list of headers that belongs to the caller; null where there are none.
fn native_headers(headers: &[Header<'_>]) -> Result<*mut NativeHeaders, i32> {
    if headers.is_empty() {
        return Ok(std::ptr::null_mut());
    }
    // SAFETY: makes an empty list; the library ends the process rather than answer with null.
    let list = unsafe { rd_kafka_headers_new(headers.len()) };
    for Header { name, value } in headers {
        let (value, size) = value.map_or((std::ptr::null(), 0), |value| (value.as_ptr().cast::<c_void>(), value.len()));
        // SAFETY: the list is ours; name and value are read with their sizes and copied before the call returns.
        let code = unsafe { rd_kafka_header_add(list, name.as_ptr().cast(), name.len() as isize, value, size as isize) };
        if code != 0 {
            // SAFETY: the list is ours, and nobody else knows it.
            unsafe { rd_kafka_headers_destroy(list) };
            return Err(code);
        }
    }
    Ok(list)
}

/// The headers of a fetched message: names as bytes, values that may be null.
pub(super) struct Headers<'m> {
    headers: *const c_void,
    next: usize,
    _message: PhantomData<&'m ()>,
}

impl<'m> Headers<'m> {
    /// The headers of a message, none for a message without; `None` where the library cannot read them: they are malformed, or
    /// more than it takes.
    ///
    /// # Safety
    ///
    /// The pointer is to a message that was fetched (one of an error has none to read) and that lives for `'m`.
    unsafe fn of(message: *const c_void) -> Option<Headers<'m>> {
        let mut headers = std::ptr::null_mut();
        // SAFETY: the message is valid, as the caller vouches, and so are its headers, which the message keeps.
        let code = unsafe { rd_kafka_message_headers(message, &mut headers) };
        let headers = match code {
            0 => headers.cast_const(),
            NO_HEADERS => std::ptr::null(),
            _ => return None,
        };
        Some(Headers { headers, next: 0, _message: PhantomData })
    }
}

impl<'m> Iterator for Headers<'m> {
    type Item = (&'m [u8], Option<&'m [u8]>);

    fn next(&mut self) -> Option<Self::Item> {
        if self.headers.is_null() {
            return None;
        }
        let (mut name, mut value, mut size) = (std::ptr::null(), std::ptr::null(), 0usize);
        // SAFETY: the list is valid for 'm; the three places are ours. A code other than 0 means there is no such header.
        let code = unsafe { rd_kafka_header_get_all(self.headers, self.next, &mut name, &mut value, &mut size) };
        if code != 0 || name.is_null() {
            return None;
        }
        self.next += 1;
        // SAFETY: the name ends in NUL, the value has `size` bytes, and both live as long as the message, 'm.
        unsafe {
            let name = CStr::from_ptr(name).to_bytes();
            let value = (!value.is_null()).then(|| std::slice::from_raw_parts(value.cast::<u8>(), size));
            Some((name, value))
        }
    }
}
