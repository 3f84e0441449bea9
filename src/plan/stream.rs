//! One stream, compiled: what it reads from an event, and the routes from it to its sinks.

use super::{Condition, PathIndex, SinkRules};
use crate::event::{Jurisdiction, PurposeId, PurposeSet, SinkId, SlotId};

/// A kind of event.
pub struct Stream {
    /// Its name in the policy.
    pub name: Box<str>,
    /// Where its records come from.
    pub topics: TopicMatch,
    /// How its records are written.
    pub format: Format,
    /// Whether a control value stands in a record header, or a sink lets headers pass: else nobody looks at them.
    pub reads_headers: bool,
    /// All paths of the stream as one automaton.
    pub index: PathIndex,
    /// How many slots its paths fill.
    pub slots: u16,
    /// What to do with equal member names.
    pub duplicates: Duplicates,
    /// The identities to look for, most trusted first.
    pub subject: Vec<SubjectRule>,
    /// Where the event says when it happened.
    pub time: Option<TimeRule>,
    /// Where the event says where its subject is.
    pub place: WherePaths,
    /// The sources of consent.
    pub signals: Vec<Signal>,
    /// How statements that disagree are settled.
    pub conflicts: Conflicts,
    /// What the ledger learns from its events, if anything.
    pub learn: Option<Learn>,
    /// Leaves out events that no sink should see.
    pub when: Option<Condition>,
    /// One a sink that takes this stream, in the order of the policy's sinks.
    pub routes: Vec<Route>,
}

impl Stream {
    /// Whether some sink gets a value encrypted under its subject's keys.
    pub fn encrypts(&self) -> bool {
        self.routes.iter().any(Route::encrypts)
    }

    /// Which of its sources of consent is the ledger, if one is.
    pub fn ledger(&self) -> Option<usize> {
        self.signals.iter().position(|signal| matches!(signal.kind, SignalKind::Ledger))
    }
}

/// What the ledger learns from events of a stream.
pub struct Learn {
    /// Grants too; else denials and withdrawals alone.
    pub grants: bool,
    /// From which events; from all without it.
    pub when: Option<Condition>,
}

/// What one sink takes of one stream.
pub struct Route {
    /// The sink.
    pub sink: SinkId,
    /// The sink's `when` on this stream's slots.
    pub when: Option<Condition>,
    /// The rules of an allowed event.
    pub rules: SinkRules,
    /// The rules of the profile, where the sink may be degraded to one.
    pub degraded: Option<SinkRules>,
    /// How the record key goes on when allowed.
    pub record_key: super::KeyRule,
}

impl Route {
    /// Whether a value, or the record key, is encrypted under its subject's keys.
    pub fn encrypts(&self) -> bool {
        let key = match &self.record_key {
            super::KeyRule::Drop | super::KeyRule::Keep => false,
            super::KeyRule::Transform { action, rule: _ } => action.encrypts(),
        };
        key || self.rules.encrypts() || self.degraded.as_ref().is_some_and(SinkRules::encrypts)
    }
}

/// The source topics of a stream.
pub enum TopicMatch {
    /// Exactly these.
    Names(Vec<Box<str>>),
    /// All whose whole name matches.
    Pattern(regex::Regex),
}

impl TopicMatch {
    /// Whether records of the topic belong to the stream.
    pub fn contains(&self, topic: &str) -> bool {
        match self {
            TopicMatch::Names(names) => names.iter().any(|name| &**name == topic),
            TopicMatch::Pattern(pattern) => pattern.is_match(topic),
        }
    }
}

/// How a stream's records are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON document (RFC 8259).
    Json,
}

/// What happens to members of one object whose decoded names are equal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duplicates {
    /// The record is malformed.
    Quarantine,
    /// Malformed only where the name, or an object above it, is on a path that the policy names.
    Keep,
}

/// Where a control value comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A place in the record value.
    Slot(SlotId),
    /// A record header.
    Header(Box<str>),
    /// The record key.
    Key,
    /// Not the event: the consent ledger.
    Ledger,
}

/// An identity to look for.
pub struct SubjectRule {
    /// The kinds it is looked up as, most trusted first; several kinds are compared with none.
    pub kinds: Vec<IdentityKind>,
    /// Where it stands.
    pub source: Source,
    /// Whether it names a person or a device.
    pub names: Named,
    /// How its value is made comparable.
    pub normalize: super::Normalize,
}

/// The name of a kind of identity, e.g. `user_id`.
pub type IdentityKind = Box<str>;

/// Whom an identity names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Named {
    /// A person.
    Person,
    /// A device that several persons may share.
    Device,
}

/// Where an event says when it happened.
pub struct TimeRule {
    /// The place.
    pub source: Source,
    /// How it is written.
    pub format: TimeFormat,
}

/// How a time is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeFormat {
    /// RFC 3339 text.
    Rfc3339,
    /// Milliseconds since the epoch.
    Millis,
    /// Seconds since the epoch.
    Seconds,
    /// `2026-11-20 10:02:11.905`, UTC, as Snowplow writes it.
    Snowplow,
}

/// Where an event says where its subject is.
pub struct WherePaths {
    /// ISO 3166-1 alpha-2.
    pub country: Option<Source>,
    /// ISO 3166-2.
    pub region: Option<Source>,
    /// What holds where the event says nothing.
    pub otherwise: Jurisdiction,
}

/// What silence means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Silence {
    /// Opt-in: no statement is no.
    Deny,
    /// Opt-out: no statement is yes.
    Allow,
}

/// How statements that disagree are settled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Conflicts {
    /// Any denial wins over any grant.
    DenialWins,
    /// A statement with a time of its own may beat an older one.
    LatestWins,
}

/// One source of consent.
pub struct Signal {
    /// Where it stands.
    pub source: Source,
    /// How it is read.
    pub kind: SignalKind,
    /// Line in the policy file, counted from 1.
    pub line: u32,
}

/// How a source of consent is read.
pub enum SignalKind {
    /// Global Privacy Control.
    Gpc,
    /// One value that says yes or opted out, for every purpose listed; or an object of such values by name, of which
    /// an unnamed one is silence.
    Boolean {
        /// True: `true` means granted. False: `true` means opted out.
        true_grants: bool,
        /// Also reads the texts `true`, `1`, `false`, `0`.
        lenient: bool,
        /// The purposes it speaks about → the entries that must all (`any`: one of which must) say yes, where the
        /// value is an object; a single value speaks for each of them, whatever the names.
        purposes: Vec<(PurposeId, Categories)>,
    },
    /// Segment's `categoryPreferences`.
    Segment {
        /// Purpose → the categories that must all (`any`: one of which must) be true.
        purposes: Vec<(PurposeId, Categories)>,
    },
    /// Google Consent Mode: `gcs`, or the object with `ad_storage` and its like. It speaks through each purpose's types.
    ConsentMode {
        /// Whether the letters of `gcd` count as well, for denials.
        gcd: bool,
    },
    /// RudderStack's `consentManagement`.
    RudderStack {
        /// Purpose → the consent ids that must all (`any`: one of which must) be allowed.
        purposes: Vec<(PurposeId, Categories)>,
        /// The platform whose ids these are, where the policy says so.
        provider: Option<Box<str>>,
        /// Platforms whose ids another source of the stream reads: about them this one is silent.
        elsewhere: Vec<Box<str>>,
    },
    /// OneTrust's cookies, or their `groups`.
    OneTrust {
        /// Purpose → the categories that must all (`any`: one of which must) be on.
        purposes: Vec<(PurposeId, Categories)>,
        /// The purposes that an opt-out of sale forbids: the cookie repeats Global Privacy Control.
        sale: PurposeSet,
    },
    /// mParticle's `consent_state`.
    MParticle {
        /// Purpose → the entries of `gdpr` that must all (`any`: one of which must) be consented to.
        purposes: Vec<(PurposeId, Categories)>,
        /// The purposes that an opt-out of sale forbids.
        sale: PurposeSet,
    },
    /// Snowplow's consent events and contexts.
    Snowplow {
        /// Purpose → the scopes or documents of which all are (`any`: one is) needed.
        purposes: Vec<(PurposeId, Categories)>,
    },
    /// A TC string of the Transparency and Consent Framework; it answers each sink's vendor by the sink's `tcf`.
    Tcf {
        /// The flag that says whether the string matters at all; 0 is silence.
        gdpr_applies: Option<Source>,
        /// Whether first-party sinks read the publisher segment.
        publisher: bool,
    },
    /// A GPP string.
    Gpp {
        /// Where the event says which sections are in force.
        sid: Option<Source>,
        /// Purposes that do not say what they ask of TC strings: one denies them.
        unmapped: PurposeSet,
    },
    /// A US Privacy string.
    Usp,
    /// Tealium's `consent_categories`, `policy` and `do_not_sell`.
    Tealium {
        /// Purpose → the categories of which all are (`any`: one is) needed.
        purposes: Vec<(PurposeId, Categories)>,
        /// The purposes that an opt-out of sale forbids.
        sale: PurposeSet,
    },
    /// The consent ledger, by the names of the policy's purposes.
    Ledger,
}

impl SignalKind {
    /// Its name in the policy.
    pub fn word(&self) -> &'static str {
        match self {
            SignalKind::Gpc => "gpc",
            SignalKind::Boolean { .. } => "boolean",
            SignalKind::Segment { .. } => "segment",
            SignalKind::ConsentMode { .. } => "consent_mode",
            SignalKind::RudderStack { .. } => "rudderstack",
            SignalKind::OneTrust { .. } => "onetrust",
            SignalKind::MParticle { .. } => "mparticle",
            SignalKind::Snowplow { .. } => "snowplow",
            SignalKind::Tcf { .. } => "tcf",
            SignalKind::Gpp { .. } => "gpp",
            SignalKind::Usp => "usp",
            SignalKind::Tealium { .. } => "tealium",
            SignalKind::Ledger => "ledger",
        }
    }
}

/// Names that a consent container uses for a purpose.
pub struct Categories {
    /// The names.
    pub names: Vec<Box<str>>,
    /// True: one suffices. False: all are needed.
    pub any: bool,
}
