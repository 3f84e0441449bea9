//! One sink, compiled: what it serves, where it stands, and what it takes besides the value.

use super::{Action, Transfer};
use crate::event::{CountrySet, PurposeId, RuleId, VendorId};
use crate::outcome::Reason;

/// One destination topic.
pub struct Sink {
    /// Its name in the policy.
    pub name: Box<str>,
    /// The topic it writes.
    pub topic: Box<str>,
    /// The third party behind it; `None` is the first party.
    pub vendor: Option<VendorId>,
    /// Where its data goes: the vendor's countries, its own `location`, or the controller's.
    pub destination: CountrySet,
    /// Transfer grounds: the vendor's, or a first-party sink's own.
    pub transfers: Vec<Transfer>,
    /// The purposes it serves.
    pub purposes: PurposeNeed,
    /// The headers that pass, by exact name.
    pub headers: Vec<Box<str>>,
    /// What happens to tombstones.
    pub tombstones: Tombstones,
    /// What happens when its purposes do not pass.
    pub denied: Denied,
    /// What a TC string must permit for its purposes, and for those of its profile. A purpose that is not here is one
    /// about which such strings say nothing.
    pub tcf: Vec<(PurposeId, TcfNeed)>,
    /// Lines in the policy file, counted from 1.
    pub lines: SinkLines,
}

/// Where in the policy file the parts of a sink stand that decide.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkLines {
    /// The sink's name.
    pub name: u32,
    /// Its `when`, or its name.
    pub when: u32,
    /// Where transfers to it are settled: its vendor, its `transfers` or `location`, or its name.
    pub transfers: u32,
    /// Its `purposes`, or its name.
    pub purposes: u32,
    /// Its `denied`, or its name.
    pub denied: u32,
}

/// What a TC string must permit for one purpose. Sets of numbers: the lowest bit is number 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcfNeed {
    /// TCF purposes, all of which must be permitted.
    pub purposes: u32,
    /// Those that legitimate interest may permit as well.
    pub by_interest: u32,
    /// Special features, all of which must be opted in.
    pub features: u32,
}

/// Which of a sink's purposes must pass.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PurposeNeed {
    /// Every one.
    All(Vec<PurposeId>),
    /// One; the header `privet-purposes` says which passed.
    Any(Vec<PurposeId>),
}

impl PurposeNeed {
    /// The purposes in the sink's order.
    pub fn purposes(&self) -> &[PurposeId] {
        match self {
            PurposeNeed::All(purposes) | PurposeNeed::Any(purposes) => purposes,
        }
    }
}

/// How the record key goes on.
pub enum KeyRule {
    /// It does not.
    Drop,
    /// As it is.
    Keep,
    /// Transformed, as text.
    Transform {
        /// How.
        action: Action,
        /// The rule, for explanations and counters.
        rule: RuleId,
    },
}

impl KeyRule {
    /// Whether it needs a key.
    pub fn is_keyed(&self) -> bool {
        match self {
            KeyRule::Drop | KeyRule::Keep => false,
            KeyRule::Transform { action, rule: _ } => action.is_keyed(),
        }
    }
}

/// What happens to a record without a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tombstones {
    /// It ends here.
    Drop,
    /// Its transformed key goes on.
    Pass,
}

/// What happens when a sink's purposes do not pass.
pub enum Denied {
    /// The event does not go there.
    Drop,
    /// For some reasons, and if other purposes pass, the route's profile applies.
    Degrade {
        /// The purposes under which the degraded event goes.
        purposes: Vec<PurposeId>,
        /// The reasons for which it does.
        on: Vec<Reason>,
    },
}
