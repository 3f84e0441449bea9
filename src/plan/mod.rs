//! The compiled policy as the hot path reads it: frozen, shared by all workers, without a string left to parse.

mod condition;
mod detect;
pub mod fold;
mod names;
mod places;
mod rules;
mod share;
mod sink;
mod stream;

pub use condition::{Condition, Each, Literal, Test};
pub use detect::{DetectRule, Dialling, Label, Labels, OnFind, Pattern};
pub use names::{Found, NameHash, NameId, NameMatch, NameStart, NameTable, name_start};
pub use places::{Filters, Node, NodeId, PathIndex, ROOT};
pub use rules::{
    Action, Claim, EmptyParents, KeyedPseudonym, Normalize, Overlap, Period, PeriodPseudonym, PlaceRule, Scope, SinkRules,
    TimeUnit, UrlParam, UrlParams, UrlPart, UrlRule,
};
pub use share::{Share, share_rules};
pub use sink::{Denied, KeyRule, PurposeNeed, Sink, SinkLines, TcfNeed, Tombstones};
pub use stream::{
    Categories, Conflicts, Duplicates, Format, IdentityKind, Learn, Named, Route, Signal, SignalKind, Silence, Source, Stream,
    SubjectRule, TimeFormat, TimeRule, TopicMatch, WherePaths,
};

use crate::event::{CountrySet, PurposeId, PurposeSet, RegionSet, RuleId, SinkId, StreamId, Timestamp, VendorId};
use crate::keys::subject::SubjectKeys;
use crate::telemetry::PlanNames;
use std::fmt;
use std::sync::Arc;

/// One compiled policy.
pub struct Plan {
    /// The identity of the policy.
    pub hash: PolicyHash,
    /// Where first-party sinks are unless they say otherwise; empty if the policy names no country.
    pub controller: CountrySet,
    /// Indexed by [`PurposeId`].
    pub purposes: Vec<Purpose>,
    /// In order; the last covers everywhere.
    pub regimes: Vec<Regime>,
    /// Indexed by [`VendorId`].
    pub vendors: Vec<Vendor>,
    /// Indexed by [`StreamId`].
    pub streams: Vec<Stream>,
    /// Indexed by [`SinkId`].
    pub sinks: Vec<Sink>,
    /// Indexed by [`RuleId`]: where each rule stands in the policy, for explanations and counters.
    pub rules: Vec<RuleInfo>,
    /// What `encrypt` needs; absent where no rule encrypts.
    pub subject_keys: Option<Arc<SubjectKeys>>,
    /// The same policy under each root that was retired, oldest first: by it sinks are told of whom they know from before a rotation.
    /// Nothing is judged by these, and only a policy that `run` loads has them.
    pub before_rotations: Vec<Arc<Plan>>,
}

impl Plan {
    /// The stream of that name.
    pub fn stream_named(&self, name: &str) -> Option<StreamId> {
        self.streams.iter().position(|stream| &*stream.name == name).map(|index| StreamId(index as u16))
    }

    /// The sink of that name.
    pub fn sink_named(&self, name: &str) -> Option<SinkId> {
        self.sinks.iter().position(|sink| &*sink.name == name).map(|index| SinkId(index as u16))
    }

    /// One stream.
    pub fn stream(&self, id: StreamId) -> &Stream {
        &self.streams[id.index()]
    }

    /// One sink.
    pub fn sink(&self, id: SinkId) -> &Sink {
        &self.sinks[id.index()]
    }

    /// All sinks, in the order of the policy.
    pub fn sink_ids(&self) -> impl Iterator<Item = SinkId> + use<> {
        (0..self.sinks.len()).map(|index| SinkId(index as u16))
    }

    /// One purpose.
    pub fn purpose(&self, id: PurposeId) -> &Purpose {
        &self.purposes[id.index()]
    }

    /// One vendor.
    pub fn vendor(&self, id: VendorId) -> &Vendor {
        &self.vendors[id.index()]
    }

    /// One rule as the policy's author knows it.
    pub fn rule(&self, id: RuleId) -> &RuleInfo {
        &self.rules[id.index()]
    }

    /// The names that the metrics of this plan are labelled with.
    pub fn meter_names(&self) -> PlanNames {
        PlanNames {
            streams: self.streams.iter().map(|stream| stream.name.clone()).collect(),
            sinks: self.sinks.iter().map(|sink| sink.name.clone()).collect(),
            rules: self.rules.iter().map(|rule| (rule.class.clone(), rule.transform)).collect(),
        }
    }

    /// The regime of a place: the first in the policy's order that covers it.
    pub fn regime(&self, place: &crate::event::Jurisdiction) -> Option<&Regime> {
        self.regimes.iter().find(|regime| regime.regions.covers(place))
    }
}

/// SHA-256 of a policy's canonical form after expansion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub struct PolicyHash(pub [u8; 32]);

impl fmt::Display for PolicyHash {
    /// The first 12 hex digits, as shown everywhere.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().take(6).try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// Why processing is lawful (GDPR Article 6(1)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LegalBasis {
    /// Article 6(1)(a).
    Consent,
    /// Article 6(1)(b).
    Contract,
    /// Article 6(1)(c).
    LegalObligation,
    /// Article 6(1)(d).
    VitalInterests,
    /// Article 6(1)(e); objections are honoured.
    PublicTask,
    /// Article 6(1)(f); objections are honoured.
    LegitimateInterests,
}

impl LegalBasis {
    /// Whether the purpose asks the event or the ledger for a signal.
    pub fn needs_signal(self) -> bool {
        matches!(self, LegalBasis::Consent | LegalBasis::LegitimateInterests)
    }
}

/// The kinds of US opt-out, as a set of bits.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OptOuts(pub u8);

impl OptOuts {
    /// Sale of personal data.
    pub const SALE: OptOuts = OptOuts(1);
    /// Sharing for cross-context advertising.
    pub const SHARING: OptOuts = OptOuts(2);
    /// Targeted advertising.
    pub const TARGETED_ADVERTISING: OptOuts = OptOuts(4);
    /// Profiling.
    pub const PROFILING: OptOuts = OptOuts(8);
    /// Processing of sensitive data.
    pub const SENSITIVE_DATA: OptOuts = OptOuts(16);
    /// Data of a known child.
    pub const KNOWN_CHILD: OptOuts = OptOuts(32);

    /// Both sets together.
    pub fn union(self, other: OptOuts) -> OptOuts {
        OptOuts(self.0 | other.0)
    }

    /// Whether they share a member.
    pub fn intersects(self, other: OptOuts) -> bool {
        self.0 & other.0 != 0
    }
}

/// The types of Google Consent Mode, as a set of bits in the order of [`ConsentTypes::NAMES`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConsentTypes(pub u8);

impl ConsentTypes {
    /// Their names, lowest bit first.
    pub const NAMES: [&str; 7] = [
        "ad_storage",
        "analytics_storage",
        "ad_user_data",
        "ad_personalization",
        "functionality_storage",
        "personalization_storage",
        "security_storage",
    ];

    /// The type of that name.
    pub fn named(name: &str) -> Option<ConsentTypes> {
        ConsentTypes::NAMES.iter().position(|known| *known == name).map(|bit| ConsentTypes(1 << bit))
    }

    /// Both sets together.
    pub fn union(self, other: ConsentTypes) -> ConsentTypes {
        ConsentTypes(self.0 | other.0)
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, as positions in [`ConsentTypes::NAMES`].
    pub fn iter(self) -> impl Iterator<Item = usize> {
        (0..ConsentTypes::NAMES.len()).filter(move |bit| self.0 & 1 << bit != 0)
    }
}

/// What data is used for.
pub struct Purpose {
    /// Its name in the policy.
    pub name: Box<str>,
    /// Its name for people.
    pub label: Option<Box<str>>,
    /// Why it is lawful.
    pub basis: LegalBasis,
    /// The opt-outs that forbid it.
    pub opt_outs: OptOuts,
    /// The types of Google Consent Mode that must be granted.
    pub consent_mode: ConsentTypes,
    /// True where silence denies whatever the regime says.
    pub silence_denies: bool,
    /// Special categories (GDPR Article 9) it may use; with any, silence never allows.
    pub special_categories: Vec<Box<str>>,
    /// A grant older than this is no grant.
    pub max_age: Option<jiff::Span>,
    /// Line in the policy file, counted from 1.
    pub line: u32,
}

/// What silence means somewhere.
pub struct Regime {
    /// Where.
    pub regions: RegionSet,
    /// What silence means there.
    pub silence: Silence,
    /// Whether Global Privacy Control is honoured there.
    pub gpc: bool,
}

/// What a vendor is under the GDPR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VendorRole {
    /// Decides about purposes itself (Article 4(7)).
    Controller,
    /// Decides together with the controller (Article 26).
    JointController,
    /// Acts on instruction (Article 28).
    Processor,
}

/// A third party that receives data.
pub struct Vendor {
    /// Its name in the policy.
    pub name: Box<str>,
    /// Its name for people.
    pub label: Box<str>,
    /// Its role.
    pub role: VendorRole,
    /// Where it processes; never empty.
    pub countries: CountrySet,
    /// When people were first told about it; a `*` grant older than this does not cover it.
    pub disclosed_since: Option<Timestamp>,
    /// On what grounds it may receive data from where.
    pub transfers: Vec<Transfer>,
    /// When its assessment was last looked at.
    pub reviewed: Option<Timestamp>,
    /// Its registration on the Global Vendor List; absent where it is not on the list, or nobody said so.
    pub tcf: Option<TcfVendor>,
}

/// A vendor's registration on the Global Vendor List. Sets of purposes: the lowest bit is purpose 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TcfVendor {
    /// Its number.
    pub id: u16,
    /// Purposes that it declares on consent.
    pub purposes: u32,
    /// Purposes that it declares on legitimate interest.
    pub legitimate_interests: u32,
    /// Purposes whose basis a publisher may move.
    pub flexible: u32,
}

/// One ground for sending data of subjects in some places abroad (GDPR Chapter V).
pub struct Transfer {
    /// Whose data.
    pub from: RegionSet,
    /// On what ground.
    pub ground: Ground,
    /// The first moment at which it no longer holds.
    pub until: Option<Timestamp>,
}

/// The kinds of transfer ground.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ground {
    /// Adequacy decision (GDPR Article 45).
    Adequacy,
    /// EU–US Data Privacy Framework.
    Dpf,
    /// Standard contractual clauses (Article 46(2)(c)).
    Scc,
    /// Binding corporate rules (Article 47).
    Bcr,
    /// Derogation (Article 49).
    Derogation,
    /// No border is crossed.
    Domestic,
}

/// A rule as its author knows it.
pub struct RuleInfo {
    /// The sink whose rule it is.
    pub sink: crate::event::SinkId,
    /// The class or path that the rule names, as written.
    pub subject: Box<str>,
    /// The class that the place belongs to, or its path where it has none; the `class` label of the metrics.
    pub class: Box<str>,
    /// The transform's name in the policy; `drop` for what no rule covers.
    pub transform: &'static str,
    /// Line in the policy file, counted from 1; `None` where the rule follows from a default.
    pub line: Option<u32>,
}

/// All purposes of a list as a set.
pub fn purpose_set(purposes: &[PurposeId]) -> PurposeSet {
    purposes.iter().copied().collect()
}
