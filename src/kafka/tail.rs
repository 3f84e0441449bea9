//! Native calls for one who reads topics to their end: the binding drops the offset of an end of partition, has no
//! call that lists the end offsets of many partitions without blocking, and does not show a topic's id.
//!
//! Everything comes through one queue, in order: a list of end offsets is seen after the records that were fetched
//! before it arrived. C enums are plain integers, as in `ffi.rs`, for the reasons given there.
#![allow(unsafe_code, reason = "foreign calls; reviewed line by line")]

use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::KafkaResult;
use rdkafka::topic_partition_list::TopicPartitionList;
use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::ptr::NonNull;
use std::time::Duration;

/// An object of librdkafka, only ever behind a pointer.
#[repr(C)]
struct Opaque {
    _opaque: [u8; 0],
}

/// `rd_kafka_message_t`.
#[repr(C)]
struct NativeMessage {
    code: c_int,
    topic: *mut Opaque,
    partition: i32,
    payload: *const u8,
    len: usize,
    key: *const u8,
    key_len: usize,
    offset: i64,
    _private: *mut c_void,
}

/// `rd_kafka_topic_partition_t`.
#[repr(C)]
struct NativePlace {
    topic: *const c_char,
    partition: i32,
    offset: i64,
    _metadata: *mut c_void,
    _metadata_size: usize,
    _of_application: *mut c_void,
    code: c_int,
    _private: *mut c_void,
}

/// `rd_kafka_metadata_t`.
#[repr(C)]
struct NativeMetadata {
    _broker_count: c_int,
    _brokers: *mut c_void,
    topic_count: c_int,
    topics: *const NativeTopic,
    _from_id: i32,
    _from_name: *mut c_char,
}

/// `rd_kafka_metadata_topic_t`.
#[repr(C)]
struct NativeTopic {
    _name: *const c_char,
    partition_count: c_int,
    _partitions: *mut c_void,
    code: c_int,
}

// `rdkafka-sys` links the library; the types here differ from its own only where it has a Rust enum.
unsafe extern "C" {
    fn rd_kafka_queue_get_consumer(client: *mut c_void) -> *mut Opaque;
    fn rd_kafka_queue_poll(queue: *mut Opaque, timeout_ms: c_int) -> *mut Opaque;
    fn rd_kafka_queue_destroy(queue: *mut Opaque);
    fn rd_kafka_event_type(event: *const Opaque) -> c_int;
    fn rd_kafka_event_destroy(event: *mut Opaque);
    fn rd_kafka_event_error(event: *mut Opaque) -> c_int;
    fn rd_kafka_event_error_string(event: *mut Opaque) -> *const c_char;
    fn rd_kafka_event_opaque(event: *mut Opaque) -> *mut c_void;
    fn rd_kafka_event_topic_partition(event: *mut Opaque) -> *mut NativePlace;
    fn rd_kafka_topic_partition_destroy(place: *mut NativePlace);
    fn rd_kafka_event_message_next(event: *mut Opaque) -> *const NativeMessage;
    fn rd_kafka_message_timestamp(message: *const NativeMessage, kind: *mut c_int) -> i64;
    fn rd_kafka_topic_name(topic: *const Opaque) -> *const c_char;

    #[allow(clashing_extern_declarations, reason = "a pointer to what nobody looks into, under another name in `ffi`")]
    fn rd_kafka_topic_new(client: *mut c_void, name: *const c_char, settings: *mut Opaque) -> *mut Opaque;
    fn rd_kafka_topic_destroy(topic: *mut Opaque);
    fn rd_kafka_metadata(
        client: *mut c_void,
        all: c_int,
        only: *mut Opaque,
        found: *mut *const NativeMetadata,
        timeout_ms: c_int,
    ) -> c_int;
    fn rd_kafka_metadata_destroy(found: *const NativeMetadata);
    fn rd_kafka_err2str(code: c_int) -> *const c_char;

    fn rd_kafka_AdminOptions_new(client: *mut c_void, operation: c_int) -> *mut Opaque;
    fn rd_kafka_AdminOptions_destroy(options: *mut Opaque);
    fn rd_kafka_AdminOptions_set_request_timeout(
        options: *mut Opaque,
        timeout_ms: c_int,
        text: *mut c_char,
        size: usize,
    ) -> c_int;
    fn rd_kafka_AdminOptions_set_isolation_level(options: *mut Opaque, level: c_int) -> *mut Opaque;
    fn rd_kafka_AdminOptions_set_opaque(options: *mut Opaque, of_application: *mut c_void);
    fn rd_kafka_error_destroy(error: *mut Opaque);

    fn rd_kafka_ListOffsets(client: *mut c_void, places: *mut c_void, options: *const Opaque, queue: *mut Opaque);
    fn rd_kafka_event_ListOffsets_result(event: *mut Opaque) -> *const Opaque;
    fn rd_kafka_ListOffsets_result_infos(result: *const Opaque, count: *mut usize) -> *const *const Opaque;
    fn rd_kafka_ListOffsetsResultInfo_topic_partition(info: *const Opaque) -> *const NativePlace;

    fn rd_kafka_TopicCollection_of_topic_names(names: *const *const c_char, count: usize) -> *mut Opaque;
    fn rd_kafka_TopicCollection_destroy(topics: *mut Opaque);
    fn rd_kafka_DescribeTopics(client: *mut c_void, topics: *const Opaque, options: *const Opaque, queue: *mut Opaque);
    fn rd_kafka_event_DescribeTopics_result(event: *mut Opaque) -> *const Opaque;
    fn rd_kafka_DescribeTopics_result_topics(result: *const Opaque, count: *mut usize) -> *const *const Opaque;
    fn rd_kafka_TopicDescription_name(topic: *const Opaque) -> *const c_char;
    fn rd_kafka_TopicDescription_topic_id(topic: *const Opaque) -> *const Opaque;
    fn rd_kafka_Uuid_most_significant_bits(id: *const Opaque) -> i64;
    fn rd_kafka_Uuid_least_significant_bits(id: *const Opaque) -> i64;
}

/// Kinds of events (`RD_KAFKA_EVENT_…`), operations and levels, by number; a test compares them with the binding's.
mod number {
    pub(super) const EVENT_FETCH: i32 = 0x2;
    pub(super) const EVENT_ERROR: i32 = 0x8;
    pub(super) const EVENT_DESCRIBE_TOPICS: i32 = 0x10_0000;
    pub(super) const EVENT_LIST_OFFSETS: i32 = 0x40_0000;
    pub(super) const DESCRIBE_TOPICS: i32 = 19;
    pub(super) const LIST_OFFSETS: i32 = 21;
    pub(super) const PARTITION_EOF: i32 = -191;
    pub(super) const UNKNOWN_TOPIC: i32 = 3;
    pub(super) const LATEST: i64 = -1;
}

/// Up to where a list of end offsets goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub(super) enum Level {
    /// The high watermark: behind every record that was acknowledged.
    Uncommitted = 0,
    /// The last stable offset: as far as a reader of committed records gets.
    Committed = 1,
}

/// One record of a followed topic.
#[derive(Clone, Copy)]
pub struct Row<'r> {
    /// Its topic.
    pub topic: &'r str,
    /// Its partition.
    pub partition: i32,
    /// Its offset.
    pub offset: i64,
    /// When it was written, in milliseconds since 1970; by its writer's clock, or the broker's.
    pub timestamp: Option<i64>,
    /// Its key.
    pub key: Option<&'r [u8]>,
    /// Its value; `None` is a tombstone.
    pub value: Option<&'r [u8]>,
}

/// The end of one partition, as a broker listed it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct End {
    pub(super) topic: String,
    pub(super) partition: i32,
    /// The offset, or the broker's code.
    pub(super) offset: Result<i64, i32>,
}

/// What went wrong, by number, with the library's sentence: names of topics and brokers, never a record's content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Trouble {
    pub(super) code: i32,
    pub(super) text: String,
}

/// What one poll met. `tag` is what the question was asked with.
pub(super) enum Event<'e> {
    /// A record.
    Row(Row<'e>),
    /// Nothing is left before this offset for a reader of committed records.
    End { topic: String, partition: i32, offset: i64 },
    /// Ends of partitions.
    Ends { tag: usize, ends: Result<Vec<End>, Trouble> },
    /// Names and ids of topics; an id of 0 is none.
    Ids(Result<Vec<(String, u128)>, Trouble>),
    /// An error of the client, or of one partition.
    Error(Trouble),
}

/// A consumer without a group's work: it reads the partitions that it is given, from where it is told.
pub(super) struct Tail<C: ConsumerContext + 'static> {
    /// Declared, and so dropped, before the consumer that it belongs to.
    queue: Queue,
    consumer: BaseConsumer<C>,
}

/// The consumer's queue: records, errors and answers.
struct Queue(NonNull<Opaque>);

// SAFETY: a queue is the library's own object, safe for use from any thread; it is not bound to the one that made it.
unsafe impl Send for Queue {}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the reference is ours, taken once in `Tail::new`, and given back once.
        unsafe { rd_kafka_queue_destroy(self.0.as_ptr()) }
    }
}

/// An event, destroyed when it was looked at.
struct Owned(NonNull<Opaque>);

impl Drop for Owned {
    fn drop(&mut self) {
        // SAFETY: `rd_kafka_queue_poll` gave it to us; it is destroyed once, after everything borrowed from it.
        unsafe { rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}

impl<C: ConsumerContext + 'static> Tail<C> {
    /// `None` where the consumer was made without a group, and so has no queue.
    pub(super) fn new(consumer: BaseConsumer<C>) -> Option<Tail<C>> {
        // SAFETY: the handle is valid while `consumer` lives, which the queue does not outlive.
        let queue = NonNull::new(unsafe { rd_kafka_queue_get_consumer(consumer.client().native_ptr().cast()) })?;
        Some(Tail { queue: Queue(queue), consumer })
    }

    /// Reads these partitions from these offsets, and no others.
    pub(super) fn assign(&self, places: &TopicPartitionList) -> KafkaResult<()> {
        self.consumer.assign(places)
    }

    /// Waits for one event; whether there was one.
    pub(super) fn poll(&self, wait: Duration, take: &mut dyn FnMut(Event<'_>)) -> bool {
        let millis = c_int::try_from(wait.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the queue is valid while `self` is.
        let Some(event) = NonNull::new(unsafe { rd_kafka_queue_poll(self.queue.0.as_ptr(), millis) }) else { return false };
        let event = Owned(event);
        let pointer = event.0.as_ptr();
        // SAFETY: the event is valid until `event` is dropped.
        match unsafe { rd_kafka_event_type(pointer) } {
            number::EVENT_FETCH => rows(&event, take),
            number::EVENT_ERROR => take(error(&event)),
            number::EVENT_LIST_OFFSETS => take(Event::Ends { tag: tag(&event), ends: ends(&event) }),
            number::EVENT_DESCRIBE_TOPICS => take(Event::Ids(ids(&event))),
            // Statistics, tokens and the like: nothing that was asked for here.
            _ => {}
        }
        true
    }

    /// Asks for the end of each of these partitions; the answer, or why there is none, comes through [`Tail::poll`].
    pub(super) fn ask_ends(&self, places: &[(&str, i32)], level: Level, within: Duration, tag: usize) {
        let mut list = TopicPartitionList::with_capacity(places.len());
        for (topic, partition) in places {
            list.add_partition(topic, *partition);
        }
        let Some(options) = Options::new(&self.consumer, number::LIST_OFFSETS, within, tag) else { return };
        let native = list.ptr().cast::<NativeList>();
        // SAFETY: the list is valid and ours alone; its elements are written in place, where the binding would not
        // take a negative number for an offset. The library copies list and options before it returns.
        unsafe {
            for at in 0..places.len() {
                (*(*native).elements.add(at)).offset = number::LATEST;
            }
            let refused = rd_kafka_AdminOptions_set_isolation_level(options.0.as_ptr(), level as c_int);
            if !refused.is_null() {
                rd_kafka_error_destroy(refused);
            }
            rd_kafka_ListOffsets(self.native(), native.cast(), options.0.as_ptr(), self.queue.0.as_ptr());
        }
    }

    /// How many partitions a topic has, asked of any broker and waited for.
    pub(super) fn partitions(&self, name: &str, within: Duration) -> Result<usize, Trouble> {
        let millis = c_int::try_from(within.as_millis()).unwrap_or(c_int::MAX);
        let unknown = || Trouble { code: number::UNKNOWN_TOPIC, text: "no such topic".to_owned() };
        let name = CString::new(name).map_err(|_| unknown())?;
        // SAFETY: the name lives through the call that copies it. The topic's handle is null or ours, and destroyed
        // once; so is the answer, which is read before, and which has one topic where it has any.
        let (code, found) = unsafe {
            let topic = rd_kafka_topic_new(self.native(), name.as_ptr(), std::ptr::null_mut());
            if topic.is_null() {
                return Err(unknown());
            }
            let mut answer: *const NativeMetadata = std::ptr::null();
            let code = rd_kafka_metadata(self.native(), 0, topic, &mut answer, millis);
            rd_kafka_topic_destroy(topic);
            let found = answer.as_ref().filter(|answer| answer.topic_count > 0).and_then(|answer| answer.topics.as_ref());
            let found = found.map(|topic| (topic.code, topic.partition_count));
            if !answer.is_null() {
                rd_kafka_metadata_destroy(answer);
            }
            (code, found)
        };
        match (code, found) {
            (0, Some((0, count))) if count > 0 => Ok(count.cast_unsigned() as usize),
            (0, Some((0, _)) | None) => Err(unknown()),
            (0, Some((code, _))) | (code, _) => Err(Trouble { code, text: described(code) }),
        }
    }

    /// Asks for the ids of these topics; the answer, or why there is none, comes through [`Tail::poll`].
    pub(super) fn ask_ids(&self, names: &[&str], within: Duration) {
        let names: Vec<CString> = names.iter().filter_map(|name| CString::new(*name).ok()).collect();
        let pointers: Vec<*const c_char> = names.iter().map(|name| name.as_ptr()).collect();
        let Some(options) = Options::new(&self.consumer, number::DESCRIBE_TOPICS, within, 0) else { return };
        // SAFETY: names and pointers live through the calls, which copy them; the collection is destroyed once.
        unsafe {
            let topics = rd_kafka_TopicCollection_of_topic_names(pointers.as_ptr(), pointers.len());
            rd_kafka_DescribeTopics(self.native(), topics, options.0.as_ptr(), self.queue.0.as_ptr());
            rd_kafka_TopicCollection_destroy(topics);
        }
    }

    fn native(&self) -> *mut c_void {
        self.consumer.client().native_ptr().cast()
    }
}

/// `rd_kafka_topic_partition_list_t`, as far as it is written here.
#[repr(C)]
struct NativeList {
    count: c_int,
    _size: c_int,
    elements: *mut NativePlace,
}

/// `rd_kafka_AdminOptions_t`.
struct Options(NonNull<Opaque>);

impl Options {
    fn new<C: ConsumerContext>(consumer: &BaseConsumer<C>, operation: c_int, within: Duration, tag: usize) -> Option<Options> {
        let millis = c_int::try_from(within.as_millis()).unwrap_or(c_int::MAX);
        // SAFETY: the handle is valid while `consumer` is borrowed; no text is asked for, so that its size is 0.
        unsafe {
            let options = Options(NonNull::new(rd_kafka_AdminOptions_new(consumer.client().native_ptr().cast(), operation))?);
            rd_kafka_AdminOptions_set_request_timeout(options.0.as_ptr(), millis, std::ptr::null_mut(), 0);
            rd_kafka_AdminOptions_set_opaque(options.0.as_ptr(), tag as *mut c_void);
            Some(options)
        }
    }
}

impl Drop for Options {
    fn drop(&mut self) {
        // SAFETY: ours, and destroyed once; the requests that it was given to have copied it.
        unsafe { rd_kafka_AdminOptions_destroy(self.0.as_ptr()) }
    }
}

fn rows(event: &Owned, take: &mut dyn FnMut(Event<'_>)) {
    loop {
        // SAFETY: the event is valid; a message it gives lives as long as the event, and is only read before that ends.
        // A topic's name lives as long as the message, and is text in which Kafka allows ASCII only.
        let row = unsafe {
            let Some(message) = rd_kafka_event_message_next(event.0.as_ptr()).as_ref() else { return };
            if message.code != 0 {
                take(Event::Error(Trouble { code: message.code, text: text(message.payload.cast()) }));
                continue;
            }
            let mut kind = 0;
            let at = rd_kafka_message_timestamp(message, &mut kind);
            Row {
                topic: CStr::from_ptr(rd_kafka_topic_name(message.topic)).to_str().unwrap_or_default(),
                partition: message.partition,
                offset: message.offset,
                timestamp: (kind != 0).then_some(at),
                key: bytes(message.key, message.key_len),
                value: bytes(message.payload, message.len),
            }
        };
        take(Event::Row(row));
    }
}

/// # Safety
/// `start` is null, or `len` bytes are valid there for 'm.
unsafe fn bytes<'m>(start: *const u8, len: usize) -> Option<&'m [u8]> {
    // SAFETY: by this function's own condition.
    (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start, len) })
}

/// # Safety
/// `start` is null, or text that ends in NUL.
unsafe fn text(start: *const c_char) -> String {
    if start.is_null() {
        return String::new();
    }
    // SAFETY: by this function's own condition.
    unsafe { CStr::from_ptr(start) }.to_string_lossy().into_owned()
}

fn trouble(event: &Owned) -> Trouble {
    // SAFETY: the event is valid, and so is its text, until it is destroyed.
    unsafe { Trouble { code: rd_kafka_event_error(event.0.as_ptr()), text: text(rd_kafka_event_error_string(event.0.as_ptr())) } }
}

fn tag(event: &Owned) -> usize {
    // SAFETY: the event is valid; what comes back is the number that `Options::new` put there.
    unsafe { rd_kafka_event_opaque(event.0.as_ptr()) as usize }
}

fn error(event: &Owned) -> Event<'static> {
    let trouble = trouble(event);
    if trouble.code != number::PARTITION_EOF {
        return Event::Error(trouble);
    }
    // SAFETY: the event is valid; the place, if there is one, is a copy that is ours, read before it is destroyed, once.
    unsafe {
        let place = rd_kafka_event_topic_partition(event.0.as_ptr());
        let Some(found) = place.as_ref() else { return Event::Error(trouble) };
        let end = Event::End { topic: text(found.topic), partition: found.partition, offset: found.offset };
        rd_kafka_topic_partition_destroy(place);
        end
    }
}

fn ends(event: &Owned) -> Result<Vec<End>, Trouble> {
    let trouble = trouble(event);
    if trouble.code != 0 {
        return Err(trouble);
    }
    // SAFETY: the event is of this kind and valid; what it lists lives as long as it does and is copied here.
    let ends = unsafe {
        let mut count = 0;
        let infos = rd_kafka_ListOffsets_result_infos(rd_kafka_event_ListOffsets_result(event.0.as_ptr()), &mut count);
        let place = |at: usize| rd_kafka_ListOffsetsResultInfo_topic_partition(*infos.add(at)).as_ref();
        let end = |place: &NativePlace| End {
            topic: text(place.topic),
            partition: place.partition,
            offset: if place.code == 0 { Ok(place.offset) } else { Err(place.code) },
        };
        (0..count).filter_map(place).map(end).collect()
    };
    Ok(ends)
}

fn ids(event: &Owned) -> Result<Vec<(String, u128)>, Trouble> {
    let trouble = trouble(event);
    if trouble.code != 0 {
        return Err(trouble);
    }
    // SAFETY: as in `ends`; an id belongs to the topic's description.
    let ids = unsafe {
        let mut count = 0;
        let all = rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(event.0.as_ptr()), &mut count);
        let one = |at: usize| {
            let topic = *all.add(at);
            let id = rd_kafka_TopicDescription_topic_id(topic);
            let half = |bits: i64| u128::from(bits.cast_unsigned());
            let id = match id.is_null() {
                true => 0,
                false => half(rd_kafka_Uuid_most_significant_bits(id)) << 64 | half(rd_kafka_Uuid_least_significant_bits(id)),
            };
            (text(rd_kafka_TopicDescription_name(topic)), id)
        };
        (0..count).map(one).collect()
    };
    Ok(ids)
}

/// The library's sentence for a code.
fn described(code: i32) -> String {
    // SAFETY: it takes any number, and gives text that is never freed.
    unsafe { text(rd_kafka_err2str(code)) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rdkafka_sys::{bindings, types};

    #[test]
    fn numbers_and_layouts_are_those_of_librdkafka() {
        assert_eq!(number::EVENT_FETCH, bindings::RD_KAFKA_EVENT_FETCH);
        assert_eq!(number::EVENT_ERROR, bindings::RD_KAFKA_EVENT_ERROR);
        assert_eq!(number::EVENT_DESCRIBE_TOPICS, bindings::RD_KAFKA_EVENT_DESCRIBETOPICS_RESULT);
        assert_eq!(number::EVENT_LIST_OFFSETS, bindings::RD_KAFKA_EVENT_LISTOFFSETS_RESULT);
        assert_eq!(number::DESCRIBE_TOPICS, bindings::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS as i32);
        assert_eq!(number::LIST_OFFSETS, bindings::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_LISTOFFSETS as i32);
        assert_eq!(number::PARTITION_EOF, types::RDKafkaRespErr::RD_KAFKA_RESP_ERR__PARTITION_EOF as i32);
        assert_eq!(number::UNKNOWN_TOPIC, types::RDKafkaRespErr::RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART as i32);
        assert_eq!(number::LATEST, bindings::rd_kafka_OffsetSpec_t::RD_KAFKA_OFFSET_SPEC_LATEST as i64);
        let level = |level: Level| level as i32;
        assert_eq!(level(Level::Committed), bindings::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_COMMITTED as i32);
        assert_eq!(
            level(Level::Uncommitted),
            bindings::rd_kafka_IsolationLevel_t::RD_KAFKA_ISOLATION_LEVEL_READ_UNCOMMITTED as i32
        );
    }

    #[test]
    fn structs_have_the_layout_of_librdkafka() {
        use std::mem::{offset_of, size_of};
        type Message = types::RDKafkaMessage;
        type Place = types::RDKafkaTopicPartition;
        type List = types::RDKafkaTopicPartitionList;
        assert_eq!(size_of::<NativeMessage>(), size_of::<Message>());
        assert_eq!(offset_of!(NativeMessage, partition), offset_of!(Message, partition));
        assert_eq!(offset_of!(NativeMessage, payload), offset_of!(Message, payload));
        assert_eq!(offset_of!(NativeMessage, key), offset_of!(Message, key));
        assert_eq!(offset_of!(NativeMessage, offset), offset_of!(Message, offset));
        assert_eq!(size_of::<NativePlace>(), size_of::<Place>());
        assert_eq!(offset_of!(NativePlace, offset), offset_of!(Place, offset));
        assert_eq!(offset_of!(NativePlace, code), offset_of!(Place, err));
        type Metadata = types::RDKafkaMetadata;
        type Topic = types::RDKafkaMetadataTopic;
        assert_eq!(size_of::<NativeMetadata>(), size_of::<Metadata>());
        assert_eq!(offset_of!(NativeMetadata, topics), offset_of!(Metadata, topics));
        assert_eq!(size_of::<NativeTopic>(), size_of::<Topic>());
        assert_eq!(offset_of!(NativeTopic, partition_count), offset_of!(Topic, partition_cnt));
        assert_eq!(offset_of!(NativeTopic, code), offset_of!(Topic, err));
        assert_eq!(size_of::<NativeList>(), size_of::<List>());
        assert_eq!(offset_of!(NativeList, elements), offset_of!(List, elems));
    }
}
