//! What went wrong and what is to be done: every error of the client is one of four recoveries.

use super::ffi::{self, NativeFault};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::types::RDKafkaConfRes;

/// What a fault asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Recovery {
    /// The same call again; never leaves this module's neighbours.
    Retry,
    /// Void the batch, rewind, back off, go on.
    Abort,
    /// Make the producer anew under the same id, rewind, go on.
    Rebuild,
    /// Only a person, or a restart, can help.
    Stop,
}

/// Why something failed: what was attempted, the code, a sentence without values, and what is to be done.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{attempted}: {why}{}", hint(*.code))]
pub struct Fault {
    /// What was attempted.
    pub attempted: &'static str,
    /// What is to be done.
    pub recovery: Recovery,
    /// librdkafka's code; 0 where the fault is Privet's own.
    pub code: i32,
    /// Why, with names of topics and brokers at most.
    pub why: String,
}

impl Fault {
    /// A fault that Privet itself found.
    pub fn own(attempted: &'static str, recovery: Recovery, why: impl Into<String>) -> Fault {
        Fault { attempted, recovery, code: 0, why: why.into() }
    }

    /// A fault of a call of the transactional producer.
    pub(super) fn of_transaction(attempted: Attempt, fault: NativeFault) -> Fault {
        let recovery = classify(attempted, &fault);
        Fault { attempted: attempted.words(), recovery, code: fault.code, why: fault.text }
    }

    /// A fault of a call that can be made again after a rewind.
    pub(super) fn passing(attempted: &'static str, error: &KafkaError) -> Fault {
        let code = error.rdkafka_error_code().map_or(0, |code| code as i32);
        Fault { attempted, recovery: Recovery::Abort, code, why: sentence(error) }
    }

    /// The same for a code alone.
    pub(super) fn refused(attempted: &'static str, code: i32) -> Fault {
        Fault { attempted, recovery: Recovery::Abort, code, why: ffi::words(code) }
    }
}

/// An error's own sentence; that of a refused property would repeat its value.
pub(super) fn sentence(error: &KafkaError) -> String {
    match error {
        KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..) => "librdkafka knows no such property".to_owned(),
        KafkaError::ClientConfig(..) => "librdkafka does not take this value".to_owned(),
        other => match other.rdkafka_error_code() {
            Some(code) => code.to_string(),
            None => other.to_string(),
        },
    }
}

/// The calls of the transactional producer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Attempt {
    Init,
    Begin,
    SendOffsets,
    Commit,
    Abort,
}

impl Attempt {
    pub(super) fn words(self) -> &'static str {
        match self {
            Attempt::Init => "registering the transactional id",
            Attempt::Begin => "opening a transaction",
            Attempt::SendOffsets => "putting offsets into the transaction",
            Attempt::Commit => "committing the transaction",
            Attempt::Abort => "aborting the transaction",
        }
    }
}

/// Codes of librdkafka that are looked at by number, so that one it does not know yet is just another number.
pub(super) mod code {
    pub(crate) const FATAL: i32 = -150;
    pub(crate) const FENCED: i32 = -144;
    pub(crate) const AUTO_OFFSET_RESET: i32 = -140;
    pub(crate) const LOG_TRUNCATION: i32 = -139;
    pub(crate) const BAD_MSG: i32 = -199;
    pub(crate) const BAD_COMPRESSION: i32 = -198;
    /// Of a stored batch: its format or its compression is one that the client does not know, and it goes on behind it.
    pub(crate) const NOT_IMPLEMENTED: i32 = -170;
    pub(crate) const AUTHENTICATION: i32 = -169;
    pub(crate) const TOPIC_AUTHORIZATION_FAILED: i32 = 29;
    pub(crate) const GROUP_AUTHORIZATION_FAILED: i32 = 30;
    pub(crate) const CLUSTER_AUTHORIZATION_FAILED: i32 = 31;
    pub(crate) const ILLEGAL_GENERATION: i32 = 22;
    pub(crate) const UNKNOWN_MEMBER_ID: i32 = 25;
    pub(crate) const INVALID_PRODUCER_EPOCH: i32 = 47;
    pub(crate) const INVALID_TRANSACTION_TIMEOUT: i32 = 50;
    pub(crate) const TRANSACTIONAL_ID_AUTHORIZATION_FAILED: i32 = 53;
    pub(crate) const SASL_AUTHENTICATION_FAILED: i32 = 58;
    pub(crate) const FENCED_INSTANCE_ID: i32 = 82;
    pub(crate) const PRODUCER_FENCED: i32 = 90;
}

/// The table: rights that are missing stop; fatal and unclassified errors rebuild; the rest as the library says.
fn classify(attempted: Attempt, fault: &NativeFault) -> Recovery {
    match fault.code {
        code::CLUSTER_AUTHORIZATION_FAILED | code::TRANSACTIONAL_ID_AUTHORIZATION_FAILED | code::INVALID_TRANSACTION_TIMEOUT => {
            Recovery::Stop
        }
        // Registering is the first thing a producer does: credentials that do not work will not work later.
        code::AUTHENTICATION | code::SASL_AUTHENTICATION_FAILED if attempted == Attempt::Init => Recovery::Stop,
        _ if fault.fatal => Recovery::Rebuild,
        // librdkafka calls it abortable in one place; the abort would only be told the same.
        code::FENCED | code::PRODUCER_FENCED => Recovery::Rebuild,
        _ if fault.requires_abort => match attempted {
            Attempt::SendOffsets | Attempt::Commit => Recovery::Abort,
            // A begin or abort that asks for an abort is a producer out of step with itself.
            Attempt::Init | Attempt::Begin | Attempt::Abort => Recovery::Rebuild,
        },
        _ if fault.retriable => Recovery::Retry,
        code::ILLEGAL_GENERATION | code::UNKNOWN_MEMBER_ID | code::FENCED_INSTANCE_ID if attempted == Attempt::SendOffsets => {
            Recovery::Abort
        }
        _ => Recovery::Rebuild,
    }
}

/// What a poll's error asks for; `None` where the client goes on by itself and polling is all there is to do.
pub(super) fn classify_poll(error: &KafkaError) -> Option<Recovery> {
    if let KafkaError::MessageConsumptionFatal(_) = error {
        return Some(Recovery::Stop);
    }
    classify_read(error.rdkafka_error_code().map_or(0, |code| code as i32))
}

/// The same for the code of an error that stands in a record's place.
pub(super) fn classify_read(code: i32) -> Option<Recovery> {
    match code {
        code::FATAL => Some(Recovery::Stop),
        // Going on would skip records in silence.
        code::AUTO_OFFSET_RESET | code::BAD_MSG | code::BAD_COMPRESSION | code::NOT_IMPLEMENTED => Some(Recovery::Stop),
        _ => None,
    }
}

/// What a person can do about a code.
fn hint(code: i32) -> &'static str {
    match code {
        code::FENCED | code::PRODUCER_FENCED | code::INVALID_PRODUCER_EPOCH => {
            " (another live process uses the same `group` and `instance`, or this one was away for longer than \
             transaction.timeout.ms)"
        }
        code::TRANSACTIONAL_ID_AUTHORIZATION_FAILED => {
            " (grant WRITE and DESCRIBE on transactional ids that begin with the `group`)"
        }
        code::CLUSTER_AUTHORIZATION_FAILED => " (grant IDEMPOTENT_WRITE on the cluster)",
        code::TOPIC_AUTHORIZATION_FAILED => " (grant READ on source topics, WRITE and DESCRIBE on sink and quarantine topics)",
        code::GROUP_AUTHORIZATION_FAILED => " (grant READ on the `group`)",
        code::INVALID_TRANSACTION_TIMEOUT => " (`kafka.transaction.timeout.ms` is above the broker's transaction.max.timeout.ms)",
        code::AUTHENTICATION | code::SASL_AUTHENTICATION_FAILED => " (look at the credentials under `kafka`)",
        code::AUTO_OFFSET_RESET => {
            " (records were deleted before they were read, or the topic was made anew; look at what is missing, then reset the \
             group's offsets)"
        }
        code::BAD_MSG | code::BAD_COMPRESSION | code::NOT_IMPLEMENTED => {
            " (a stored batch is damaged or of an unknown format; going on would skip its records)"
        }
        _ => "",
    }
}

/// Whether a record was refused for its size.
pub(super) fn too_large(error: &KafkaError) -> bool {
    matches!(error, KafkaError::MessageProduction(RDKafkaErrorCode::MessageSizeTooLarge))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn native(code: i32, fatal: bool, retriable: bool, requires_abort: bool) -> NativeFault {
        NativeFault { code, text: "why".to_owned(), fatal, retriable, requires_abort }
    }

    /// librdkafka's INTRODUCTION, "Transactional producer API": retriable → the same call; requires abort → abort;
    /// fatal → destroy; none of the three → treat as fatal.
    #[test]
    fn errors_are_recovered_from_as_librdkafka_documents() {
        let table = [
            (Attempt::Commit, native(-185, false, true, false), Recovery::Retry),
            (Attempt::SendOffsets, native(14, false, true, false), Recovery::Retry),
            (Attempt::Commit, native(-1, false, false, true), Recovery::Abort),
            (Attempt::SendOffsets, native(22, false, false, true), Recovery::Abort),
            (Attempt::SendOffsets, native(25, false, false, true), Recovery::Abort),
            (Attempt::SendOffsets, native(82, false, false, true), Recovery::Abort),
            (Attempt::SendOffsets, native(29, false, false, true), Recovery::Abort),
            (Attempt::Commit, native(-144, true, false, false), Recovery::Rebuild),
            (Attempt::Begin, native(47, true, false, false), Recovery::Rebuild),
            (Attempt::Abort, native(90, true, false, false), Recovery::Rebuild),
            (Attempt::Abort, native(-172, false, false, false), Recovery::Rebuild),
            (Attempt::Abort, native(48, false, false, true), Recovery::Rebuild),
            (Attempt::Commit, native(-1, false, false, false), Recovery::Rebuild),
            (Attempt::SendOffsets, native(90, false, false, true), Recovery::Rebuild),
            (Attempt::Init, native(53, true, false, false), Recovery::Stop),
            (Attempt::Init, native(50, true, false, false), Recovery::Stop),
            (Attempt::Init, native(31, true, false, false), Recovery::Stop),
            (Attempt::Init, native(-169, false, false, false), Recovery::Stop),
            (Attempt::Init, native(-185, false, true, false), Recovery::Retry),
        ];
        for (attempted, fault, expected) in table {
            assert_eq!(classify(attempted, &fault), expected, "{attempted:?} {fault:?}");
        }
    }

    #[test]
    fn a_code_that_nobody_knows_rebuilds() {
        for code in [120, 9999, -9999, i32::MAX] {
            for attempted in [Attempt::Init, Attempt::Begin, Attempt::SendOffsets, Attempt::Commit, Attempt::Abort] {
                assert_eq!(classify(attempted, &native(code, false, false, false)), Recovery::Rebuild);
            }
        }
    }

    #[test]
    fn polling_stops_only_where_going_on_would_skip_records() {
        let of = |code| classify_poll(&KafkaError::MessageConsumption(code));
        assert_eq!(of(RDKafkaErrorCode::AutoOffsetReset), Some(Recovery::Stop));
        assert_eq!(of(RDKafkaErrorCode::BadMessage), Some(Recovery::Stop));
        assert_eq!(of(RDKafkaErrorCode::NotImplemented), Some(Recovery::Stop));
        assert_eq!(of(RDKafkaErrorCode::BrokerTransportFailure), None);
        assert_eq!(of(RDKafkaErrorCode::AllBrokersDown), None);
        assert_eq!(of(RDKafkaErrorCode::PollExceeded), None);
        let fatal = KafkaError::MessageConsumptionFatal(RDKafkaErrorCode::Fatal);
        assert_eq!(classify_poll(&fatal), Some(Recovery::Stop));
    }

    #[test]
    fn codes_are_those_of_librdkafka() {
        let pairs = [
            (code::FATAL, RDKafkaErrorCode::Fatal),
            (code::FENCED, RDKafkaErrorCode::Fenced),
            (code::LOG_TRUNCATION, RDKafkaErrorCode::LogTruncation),
            (code::AUTO_OFFSET_RESET, RDKafkaErrorCode::AutoOffsetReset),
            (code::BAD_MSG, RDKafkaErrorCode::BadMessage),
            (code::BAD_COMPRESSION, RDKafkaErrorCode::BadCompression),
            (code::NOT_IMPLEMENTED, RDKafkaErrorCode::NotImplemented),
            (code::AUTHENTICATION, RDKafkaErrorCode::Authentication),
            (code::TOPIC_AUTHORIZATION_FAILED, RDKafkaErrorCode::TopicAuthorizationFailed),
            (code::GROUP_AUTHORIZATION_FAILED, RDKafkaErrorCode::GroupAuthorizationFailed),
            (code::CLUSTER_AUTHORIZATION_FAILED, RDKafkaErrorCode::ClusterAuthorizationFailed),
            (code::ILLEGAL_GENERATION, RDKafkaErrorCode::IllegalGeneration),
            (code::UNKNOWN_MEMBER_ID, RDKafkaErrorCode::UnknownMemberId),
            (code::INVALID_PRODUCER_EPOCH, RDKafkaErrorCode::InvalidProducerEpoch),
            (code::INVALID_TRANSACTION_TIMEOUT, RDKafkaErrorCode::InvalidTransactionTimeout),
            (code::TRANSACTIONAL_ID_AUTHORIZATION_FAILED, RDKafkaErrorCode::TransactionalIdAuthorizationFailed),
            (code::SASL_AUTHENTICATION_FAILED, RDKafkaErrorCode::SaslAuthenticationFailed),
            (code::FENCED_INSTANCE_ID, RDKafkaErrorCode::FencedInstanceId),
            (code::PRODUCER_FENCED, RDKafkaErrorCode::ProducerFenced),
        ];
        for (number, named) in pairs {
            assert_eq!(number, named as i32);
        }
    }

    #[test]
    fn a_refused_property_does_not_show_its_value() {
        let error = rdkafka::ClientConfig::new().set("security.protocol", "hunter2").create::<rdkafka::consumer::BaseConsumer>();
        let error = error.err().expect("refused");
        assert!(!sentence(&error).contains("hunter2"), "{}", sentence(&error));
    }
}
