//! Consent records and suppressions as they are written: JSON and protobuf with the same names, read strictly.

use super::wire;
use crate::event::Timestamp;
use serde::de::{self, MapAccess, Visitor};
use serde::ser::SerializeMap;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

/// The most purposes of one record.
pub const MOST_PURPOSES: usize = 64;

/// The most aliases of one record.
pub const MOST_ALIASES: usize = 60;

/// A purpose's name that stands for every purpose; it can be denied and withdrawn, not granted.
pub const EVERY_PURPOSE: &str = "*";

/// What is wrong with a record, without anything of what it says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unreadable(pub &'static str);

/// Who a record is about.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Identity<'a> {
    /// What names them, e.g. `user_id`; without a colon.
    #[serde(borrow)]
    pub kind: Cow<'a, str>,
    /// The name.
    #[serde(borrow)]
    pub value: Cow<'a, str>,
}

impl Identity<'_> {
    /// The record key: `kind:value`.
    pub fn key(&self) -> Vec<u8> {
        [self.kind.as_bytes(), b":", self.value.as_bytes()].concat()
    }

    /// Whether the key is this identity's.
    pub fn is_key(&self, key: &[u8]) -> bool {
        let (kind, value) = (self.kind.as_bytes(), self.value.as_bytes());
        key.len() == kind.len() + 1 + value.len() && key.starts_with(kind) && key[kind.len()] == b':' && key.ends_with(value)
    }

    fn check(&self) -> Result<(), Unreadable> {
        match (&*self.kind, &*self.value) {
            ("", _) | (_, "") => Err(Unreadable("an identity without kind or value")),
            (kind, _) if kind.contains(':') => Err(Unreadable("a kind of identity with a colon")),
            _ => Ok(()),
        }
    }
}

/// What somebody said about one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stated {
    /// Yes.
    Granted,
    /// No.
    Denied,
    /// A yes that was taken back.
    Withdrawn,
}

/// One purpose of a record.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent<'a> {
    /// What was said.
    pub state: Stated,
    /// When it was last confirmed; a grant without any time is no grant.
    #[serde(default, with = "time", skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// Since when it was granted without a break.
    #[serde(default, with = "time", skip_serializing_if = "Option::is_none")]
    pub since: Option<Timestamp>,
    /// The first moment at which it no longer holds.
    #[serde(default, with = "time", skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Whom a grant reaches: vendors by name, `*` for all disclosed by then, nobody but the first party; absent: the first
    /// party and processors.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub vendors: Option<Vec<Cow<'a, str>>>,
}

/// One subject's consent. It does not implement `Debug`: it holds identities.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ConsentRecord<'a> {
    /// Who.
    #[serde(borrow)]
    pub identity: Identity<'a>,
    /// Other names of the same subject.
    #[serde(default, borrow, skip_serializing_if = "Vec::is_empty")]
    pub aliases: Vec<Identity<'a>>,
    /// Where they are: ISO 3166-1 alpha-2 or ISO 3166-2.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub jurisdiction: Option<Cow<'a, str>>,
    /// Counts the changes of one identity; 0 and absent: not counted.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub version: u64,
    /// Name → what was said. Each name once.
    #[serde(default, borrow, with = "named")]
    pub purposes: Vec<(Cow<'a, str>, Consent<'a>)>,
    /// What proves it, by name: `notice`, `record_id`. No decision depends on it.
    #[serde(default, borrow, with = "named", skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<(Cow<'a, str>, Cow<'a, str>)>,
}

impl<'a> ConsentRecord<'a> {
    /// Reads a record: JSON where it begins with a brace, else protobuf.
    pub fn read(value: &'a [u8]) -> Result<ConsentRecord<'a>, Unreadable> {
        let mut record: ConsentRecord<'a> = read(value, wire::consent, Unreadable("no JSON of a consent record"))?;
        // An empty text is what protobuf writes for none.
        record.jurisdiction = record.jurisdiction.filter(|text| !text.is_empty());
        record.check()?;
        Ok(record)
    }

    /// A denial of every purpose, to be appended where a version went backwards.
    pub fn denial(identity: Identity<'a>, version: u64) -> ConsentRecord<'a> {
        let denied = Consent { state: Stated::Denied, at: None, since: None, expires: None, vendors: None };
        let purposes = vec![(EVERY_PURPOSE.into(), denied)];
        ConsentRecord { identity, aliases: Vec::new(), jurisdiction: None, version, purposes, evidence: Vec::new() }
    }

    /// As JSON, in one line.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names are text and nothing here can fail to be written")
    }

    /// As protobuf.
    pub fn to_protobuf(&self) -> Vec<u8> {
        wire::write_consent(self)
    }

    /// What the form alone does not say.
    pub fn check(&self) -> Result<(), Unreadable> {
        self.identity.check()?;
        self.aliases.iter().try_for_each(Identity::check)?;
        if self.purposes.len() > MOST_PURPOSES {
            return Err(Unreadable("more than 64 purposes"));
        }
        if self.aliases.len() > MOST_ALIASES {
            return Err(Unreadable("more than 60 aliases"));
        }
        for (at, (name, consent)) in self.purposes.iter().enumerate() {
            if name.is_empty() {
                return Err(Unreadable("a purpose without a name"));
            }
            if self.purposes[..at].iter().any(|(other, _)| other == name) {
                return Err(Unreadable("a purpose twice"));
            }
            if name == EVERY_PURPOSE && consent.state == Stated::Granted {
                return Err(Unreadable("a grant for every purpose"));
            }
            if consent.vendors.iter().flatten().any(|vendor| vendor.is_empty()) {
                return Err(Unreadable("a vendor without a name"));
            }
        }
        Ok(())
    }
}

/// A suppression: no event of that subject goes to sinks of those purposes, whatever the legal basis.
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Suppression<'a> {
    /// Who; what counts is the record's key, which this must agree with.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub identity: Option<HashedIdentity<'a>>,
    /// For which purposes; none: for all.
    #[serde(default, borrow, skip_serializing_if = "Vec::is_empty")]
    pub purposes: Vec<Cow<'a, str>>,
    /// When it was asked for.
    #[serde(default, with = "time", skip_serializing_if = "Option::is_none")]
    pub at: Option<Timestamp>,
    /// The request that asked for it.
    #[serde(default, borrow, skip_serializing_if = "Option::is_none")]
    pub request: Option<Cow<'a, str>>,
    /// It suppresses for now and destroys nothing yet: the request may still be taken back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub hold: bool,
}

/// An identity as a request names it. It does not implement `Debug`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashedIdentity<'a> {
    /// What names them, e.g. `email`; empty where `format` is a keyed digest.
    #[serde(default, borrow, skip_serializing_if = "str::is_empty")]
    pub kind: Cow<'a, str>,
    /// The name, or a hash of it in hexadecimal digits.
    #[serde(borrow)]
    pub value: Cow<'a, str>,
    /// What the value is.
    #[serde(default)]
    pub format: Format,
}

/// What the value of an identity is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// The identity itself.
    #[default]
    Raw,
    /// Its SHA-256.
    Sha256,
    /// Its SHA-1, which OpenDSR asks for.
    Sha1,
    /// Its MD5, which OpenDSR asks for.
    Md5,
    /// The ledger's own keyed digest of the identity.
    Digest,
}

impl Format {
    /// The word in keys and records.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Raw => "raw",
            Format::Sha256 => "sha256",
            Format::Sha1 => "sha1",
            Format::Md5 => "md5",
            Format::Digest => "digest",
        }
    }
}

impl<'a> Suppression<'a> {
    /// Reads one: JSON where it begins with a brace, else protobuf.
    pub fn read(value: &'a [u8]) -> Result<Suppression<'a>, Unreadable> {
        let record: Suppression<'a> = read(value, wire::suppression, Unreadable("no JSON of a suppression"))?;
        if record.purposes.len() > MOST_PURPOSES || record.purposes.iter().any(|purpose| purpose.is_empty()) {
            return Err(Unreadable("a purpose without a name, or more than 64"));
        }
        Ok(record)
    }

    /// As JSON, in one line.
    pub fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("names are text and nothing here can fail to be written")
    }

    /// As protobuf.
    pub fn to_protobuf(&self) -> Vec<u8> {
        wire::write_suppression(self)
    }
}

impl HashedIdentity<'_> {
    /// The record key: `kind:value` of a raw identity, `sha256:kind:value` of a hashed one, `digest:value`.
    pub fn key(&self) -> Vec<u8> {
        let HashedIdentity { kind, value, format } = self;
        let text = match format {
            Format::Raw => format!("{kind}:{value}"),
            Format::Sha256 | Format::Sha1 | Format::Md5 => format!("{}:{kind}:{}", format.as_str(), value.to_ascii_lowercase()),
            Format::Digest => format!("digest:{}", value.to_ascii_lowercase()),
        };
        text.into_bytes()
    }
}

/// JSON where it begins with a brace, which would begin a group in protobuf: proto3 has none. White space before a brace may
/// be JSON as well as the first field of a message: it is JSON where it is no message.
fn read<'a, T: Deserialize<'a>>(
    value: &'a [u8],
    wire: fn(&'a [u8]) -> Result<T, Unreadable>,
    no_json: Unreadable,
) -> Result<T, Unreadable> {
    let json = || serde_json::from_slice(value).map_err(|_| no_json);
    match (value.first(), value.trim_ascii_start().first()) {
        (Some(b'{'), _) => json(),
        (_, Some(b'{')) => wire(value).or_else(|_| json()),
        (_, _) => wire(value),
    }
}

fn is_zero(version: &u64) -> bool {
    *version == 0
}

/// Times as RFC 3339 text.
mod time {
    use super::*;

    pub(super) fn serialize<S: Serializer>(time: &Option<Timestamp>, to: S) -> Result<S::Ok, S::Error> {
        match time {
            Some(time) => to.collect_str(time),
            None => to.serialize_none(),
        }
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Timestamp>, D::Error> {
        struct Text;
        impl Visitor<'_> for Text {
            type Value = Option<Timestamp>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a time (RFC 3339) or null")
            }

            fn visit_unit<E: de::Error>(self) -> Result<Self::Value, E> {
                Ok(None)
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Self::Value, E> {
                text.parse().map(Some).map_err(|_| E::custom("no time"))
            }
        }
        from.deserialize_any(Text)
    }
}

/// Objects by name, in order, each name once.
mod named {
    use super::*;

    pub(super) fn serialize<S: Serializer, T: Serialize>(list: &[(Cow<'_, str>, T)], to: S) -> Result<S::Ok, S::Error> {
        let mut map = to.serialize_map(Some(list.len()))?;
        list.iter().try_for_each(|(name, value)| map.serialize_entry(name, value))?;
        map.end()
    }

    pub(super) fn deserialize<'de, D, T>(from: D) -> Result<Vec<(Cow<'de, str>, T)>, D::Error>
    where
        D: Deserializer<'de>,
        T: Deserialize<'de>,
    {
        struct Entries<T>(PhantomData<T>);
        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = Vec<(Cow<'de, str>, T)>;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut list: Self::Value = Vec::new();
                while let Some((Name(name), value)) = map.next_entry::<Name<'de>, T>()? {
                    if list.len() == MOST_PURPOSES || list.iter().any(|(known, _)| *known == name) {
                        return Err(de::Error::custom("a name twice, or too many"));
                    }
                    list.push((name, value));
                }
                Ok(list)
            }
        }
        from.deserialize_map(Entries(PhantomData))
    }

    /// A name, borrowed where it has no escapes.
    #[derive(Deserialize)]
    struct Name<'a>(#[serde(borrow)] Cow<'a, str>);
}
