//! Policies by hand: a stream with every kind of control value, one sink, and what a test wants to change.

use privet::decode::Limits;
use privet::event::{
    CountrySet, Header, Jurisdiction, Path, PurposeId, Record, RegionSet, SinkId, SlotId, StreamId, Timestamp, VendorId,
};
use privet::outcome::{Outcome, Reason};
use privet::pipeline::Engine;
use privet::plan::{
    Categories, Condition, Conflicts, ConsentTypes, Denied, Duplicates, EmptyParents, Format, Ground, KeyRule, LegalBasis, Named,
    Normalize, OptOuts, PathIndex, Plan, PolicyHash, Purpose, PurposeNeed, Regime, Route, Scope, Signal, SignalKind, Silence,
    Sink, SinkLines, SinkRules, Source, Stream, SubjectRule, TimeFormat, TimeRule, Tombstones, TopicMatch, Transfer, Vendor,
    VendorRole, WherePaths,
};

pub(crate) const NOW: &str = "2026-11-22T12:00:00Z";

pub(crate) fn at(time: &str) -> Timestamp {
    time.parse().expect("a time")
}

pub(crate) fn regions(names: &[&str]) -> RegionSet {
    let mut set = RegionSet::default();
    names.iter().for_each(|name| set.extend(&RegionSet::builtin(name).expect("a place")));
    set
}

pub(crate) fn countries(names: &[&str]) -> CountrySet {
    *regions(names).countries()
}

pub(crate) fn place(country: &str) -> Jurisdiction {
    Jurisdiction::from_event(Some(country), None).expect("a place")
}

pub(crate) fn purpose(name: &str, basis: LegalBasis) -> Purpose {
    Purpose {
        name: name.into(),
        label: None,
        basis,
        opt_outs: OptOuts::default(),
        consent_mode: ConsentTypes::default(),
        silence_denies: false,
        special_categories: Vec::new(),
        max_age: None,
        line: 1,
    }
}

pub(crate) fn regime(places: &[&str], silence: Silence, gpc: bool) -> Regime {
    Regime { regions: regions(places), silence, gpc }
}

pub(crate) fn transfer(from: &[&str], ground: Ground, until: Option<&str>) -> Transfer {
    Transfer { from: regions(from), ground, until: until.map(at) }
}

pub(crate) fn vendor(role: VendorRole, disclosed_since: Option<&str>) -> Vendor {
    Vendor {
        name: "acme".into(),
        label: "Acme".into(),
        role,
        countries: countries(&["DE"]),
        disclosed_since: disclosed_since.map(at),
        transfers: Vec::new(),
        reviewed: None,
        tcf: None,
    }
}

pub(crate) fn categories(names: &[&str], any: bool) -> Categories {
    Categories { names: names.iter().map(|name| (*name).into()).collect(), any }
}

pub(crate) const ANALYTICS: PurposeId = PurposeId(0);
pub(crate) const ADS: PurposeId = PurposeId(1);
pub(crate) const STATISTICS: PurposeId = PurposeId(2);
pub(crate) const FRAUD: PurposeId = PurposeId(3);
pub(crate) const CENSUS: PurposeId = PurposeId(4);

/// The paths of the stream; a path's position is its slot.
const PATHS: [&str; 9] =
    ["$.user", "$.device", "$.either", "$.time", "$.country", "$.region", "$.preferences", "$.objection", "$.gpc"];

fn slot(path: &str) -> Source {
    Source::Slot(SlotId(PATHS.iter().position(|other| *other == path).expect("a path of the stream") as u16))
}

/// One stream and one sink. As it stands: consent for `analytics` asked by `$.preferences`, an objection to `statistics`
/// at `$.objection`, GPC at `$.gpc`; the EEA is opt-in, California opt-out with GPC, Texas opt-out without, all else
/// opt-in; the sink is the first party's, in Germany.
pub(crate) struct Setup {
    pub(crate) purposes: Vec<Purpose>,
    pub(crate) regimes: Vec<Regime>,
    pub(crate) vendor: Option<Vendor>,
    pub(crate) destination: CountrySet,
    pub(crate) transfers: Vec<Transfer>,
    pub(crate) need: PurposeNeed,
    pub(crate) denied: Denied,
    pub(crate) profile: bool,
    pub(crate) otherwise: Jurisdiction,
    pub(crate) conflicts: Conflicts,
    pub(crate) when: Option<Condition>,
    pub(crate) sink_when: Option<Condition>,
    pub(crate) subject_by_key: bool,
}

impl Setup {
    pub(crate) fn new() -> Setup {
        let opt_outs = OptOuts::SALE.union(OptOuts::TARGETED_ADVERTISING);
        Setup {
            purposes: vec![
                purpose("analytics", LegalBasis::Consent),
                Purpose { opt_outs, ..purpose("ads", LegalBasis::Consent) },
                purpose("statistics", LegalBasis::LegitimateInterests),
                purpose("fraud", LegalBasis::LegalObligation),
                purpose("census", LegalBasis::PublicTask),
            ],
            regimes: vec![
                regime(&["EEA", "GB"], Silence::Deny, true),
                regime(&["US-CA"], Silence::Allow, true),
                regime(&["US-TX"], Silence::Allow, false),
                regime(&["*"], Silence::Deny, true),
            ],
            vendor: None,
            destination: countries(&["DE"]),
            transfers: vec![transfer(&["US", "JP"], Ground::Adequacy, None)],
            need: PurposeNeed::All(vec![ANALYTICS]),
            denied: Denied::Drop,
            profile: true,
            otherwise: place("DE"),
            conflicts: Conflicts::DenialWins,
            when: None,
            sink_when: None,
            subject_by_key: false,
        }
    }

    pub(crate) fn need(mut self, purposes: &[PurposeId]) -> Setup {
        self.need = PurposeNeed::All(purposes.to_vec());
        self
    }

    pub(crate) fn need_any(mut self, purposes: &[PurposeId]) -> Setup {
        self.need = PurposeNeed::Any(purposes.to_vec());
        self
    }

    pub(crate) fn degrade(mut self, purposes: &[PurposeId], on: &[Reason]) -> Setup {
        self.denied = Denied::Degrade { purposes: purposes.to_vec(), on: on.to_vec() };
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Setup)) -> Setup {
        change(&mut self);
        self
    }

    pub(crate) fn plan(self) -> Plan {
        let paths = PATHS.iter().enumerate().map(|(slot, path)| (Path::parse(path).expect("a path"), vec![SlotId(slot as u16)]));
        let index = PathIndex::build(paths.collect(), true);
        let rules = || SinkRules::build(&index, Scope::Keep, EmptyParents::Keep, Vec::new());
        let route = Route {
            sink: SinkId(0),
            when: self.sink_when,
            rules: rules(),
            degraded: self.profile.then(rules),
            record_key: KeyRule::Drop,
        };
        let identity = |kinds: &[&str], source, names| SubjectRule {
            kinds: kinds.iter().map(|kind| (*kind).into()).collect(),
            source,
            names,
            normalize: Normalize::None,
        };
        let mut subject = vec![
            identity(&["user_id"], slot("$.user"), Named::Person),
            identity(&["device_id"], slot("$.device"), Named::Device),
            identity(&["user_id", "device_id"], slot("$.either"), Named::Person),
        ];
        if self.subject_by_key {
            subject.push(identity(&["user_id"], Source::Key, Named::Person));
        }
        let segment = vec![
            (ANALYTICS, categories(&["Analytics"], false)),
            (ADS, categories(&["Ads", "Sharing"], false)),
            (CENSUS, categories(&["Census"], false)),
        ];
        let objection =
            SignalKind::Boolean { true_grants: false, lenient: false, purposes: vec![(STATISTICS, categories(&[], false))] };
        let signal = |source, kind| Signal { source, kind, line: 1 };
        let stream = Stream {
            name: "web".into(),
            topics: TopicMatch::Names(vec!["events".into()]),
            format: Format::Json,
            reads_headers: true,
            slots: PATHS.len() as u16,
            duplicates: Duplicates::Quarantine,
            subject,
            time: Some(TimeRule { source: slot("$.time"), format: TimeFormat::Rfc3339 }),
            place: WherePaths { country: Some(slot("$.country")), region: Some(slot("$.region")), otherwise: self.otherwise },
            signals: vec![
                signal(slot("$.preferences"), SignalKind::Segment { purposes: segment }),
                signal(slot("$.objection"), objection),
                signal(slot("$.gpc"), SignalKind::Gpc),
            ],
            conflicts: self.conflicts,
            learn: None,
            when: self.when,
            routes: vec![route],
            index,
        };
        let sink = Sink {
            name: "sink".into(),
            topic: "out".into(),
            vendor: self.vendor.as_ref().map(|_| VendorId(0)),
            destination: self.destination,
            transfers: self.transfers,
            purposes: self.need,
            headers: Vec::new(),
            tombstones: Tombstones::Drop,
            denied: self.denied,
            tcf: Vec::new(),
            lines: SinkLines::default(),
        };
        Plan {
            hash: PolicyHash::default(),
            controller: countries(&["DE"]),
            purposes: self.purposes,
            regimes: self.regimes,
            vendors: self.vendor.into_iter().collect(),
            streams: vec![stream],
            sinks: vec![sink],
            rules: Vec::new(),
            subject_keys: None,
            before_rotations: Vec::new(),
        }
    }

    /// What becomes of one event, through the whole engine.
    pub(crate) fn judge(self, event: &str) -> (Outcome, Reason) {
        self.judge_record(None, event)
    }

    /// The same with a record key.
    pub(crate) fn judge_record(self, key: Option<&[u8]>, event: &str) -> (Outcome, Reason) {
        let plan = self.plan();
        let headers: [Header<'_>; 0] = [];
        let record =
            Record { position: Default::default(), timestamp: None, key, value: Some(event.as_bytes()), headers: &headers };
        let mut verdict = None;
        Engine::new(Limits::default()).evaluate(&plan, StreamId(0), &record, at(NOW), &mut |_, judged| {
            verdict = Some((judged.outcome, judged.reason));
        });
        verdict.expect("one verdict for the one sink")
    }
}
