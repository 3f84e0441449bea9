//! What is known of one request, as it stands in the topic of requests: no identity, only keyed digests.

use crate::control::dsr::{Account, RequestType, Stage};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// One request. The record key is its id; the last revision counts.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Record {
    /// The controller's id.
    pub id: String,
    /// What was asked for.
    #[serde(rename = "type")]
    pub kind: RequestType,
    /// The law it refers to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub regulation: Option<String>,
    /// Counts the changes of this record.
    pub revision: u32,
    /// How far it is.
    pub stage: Stage,
    /// When the data subject asked.
    #[serde(with = "time")]
    pub submitted: Timestamp,
    /// When it was received.
    #[serde(with = "time")]
    pub received: Timestamp,
    /// When it is expected to be completed.
    #[serde(with = "time")]
    pub expected: Timestamp,
    /// Until when it only suppresses, and may be taken back.
    #[serde(default, with = "optional_time", skip_serializing_if = "Option::is_none")]
    pub hold: Option<Timestamp>,
    /// When it was completed or cancelled.
    #[serde(default, with = "optional_time", skip_serializing_if = "Option::is_none")]
    pub ended: Option<Timestamp>,
    /// A keyed digest of what was asked, to know the same request from another one under its id.
    pub content: String,
    /// Whom it names.
    pub subjects: Vec<Subject>,
    /// What sinks are to be told, until they were: their own pseudonyms, and nothing else that names anybody.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notices: Vec<Notice>,
    /// Whom to call when the stage changes, until they were told the last one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub callbacks: Vec<Callback>,
}

/// A controller that wants to be told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Callback {
    /// Where.
    pub url: String,
    /// What it knows.
    pub told: Stage,
}

/// One identity of a request.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Its kind in the policy.
    pub kind: String,
    /// The key in the topic of erasures: `digest:…`.
    pub key: String,
    /// Whether somebody else had suppressed them before: taking the request back does not lift that.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub prior: bool,
}

/// What one sink is told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Notice {
    /// The sink, as the policy names it.
    pub sink: String,
    /// Whom it has to erase, in its own terms.
    pub subjects: Vec<Told>,
    /// Whom it cannot be told of, and why.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unresolved: Vec<Untold>,
}

/// One identity in a sink's own terms.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Told {
    /// Its kind in the policy.
    pub kind: String,
    /// What the sink got in its place.
    pub values: Vec<String>,
}

/// One identity that a sink cannot be told of.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Untold {
    /// Its kind in the policy.
    pub kind: String,
    /// Why.
    pub why: Why,
}

/// Why a sink cannot be told of an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Why {
    /// The request names a hash.
    Hashed,
    /// The sink gets it as it is, and no raw identity is put into notices.
    Kept,
    /// The sink gets nothing that is made of it and leads back to it.
    Absent,
}

impl Record {
    /// Reads a value of the topic.
    pub fn read(value: &[u8]) -> Option<Record> {
        serde_json::from_slice(value).ok()
    }

    /// The value of the topic.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names are text and nothing here can fail to be written")
    }

    /// What those are told who ask.
    pub fn account(&self) -> Account {
        let Record { kind, stage, received, expected, ended, .. } = self;
        Account { kind: *kind, stage: *stage, received: *received, expected: *expected, ended: *ended }
    }

    /// Whether it is late.
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        !self.stage.is_final() && now > self.expected
    }

    /// The next revision, once whoever stands at that address knows of a stage; who knows the last one, or gave no sign for too long, is
    /// not kept. `None` where there is nothing to be noted.
    pub fn told(&self, url: &str, told: Option<Stage>) -> Option<Record> {
        let mut next = Record { revision: self.revision.saturating_add(1), ..self.clone() };
        let at = next.callbacks.iter().position(|callback| callback.url == url)?;
        match told {
            Some(stage) if !stage.is_final() => next.callbacks[at].told = stage,
            Some(_) | None => drop(next.callbacks.remove(at)),
        }
        Some(next)
    }

    /// The next revision, in another stage.
    pub fn in_stage(&self, stage: Stage, now: Timestamp) -> Record {
        let ended = stage.is_final().then_some(now);
        // What sinks were to be told names people in their terms: it goes once it was said, or need not be.
        let notices = if stage.is_final() { Vec::new() } else { self.notices.clone() };
        Record { revision: self.revision.saturating_add(1), stage, ended, notices, ..self.clone() }
    }
}

/// Times as RFC 3339 text.
mod time {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(super) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(time)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        String::deserialize(from)?.parse().map_err(|_| de::Error::custom("no time"))
    }
}

/// The same where there may be none.
mod optional_time {
    use jiff::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

    pub(super) fn serialize<S: Serializer>(time: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        time.map(|time| time.to_string()).serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        let text = Option::<String>::deserialize(from)?;
        text.map(|text| text.parse().map_err(|_| de::Error::custom("no time"))).transpose()
    }
}
