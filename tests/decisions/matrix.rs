//! Every combination of what a decision depends on: the product against the oracle.

use super::kit::{self, Setup, at, regime, transfer, vendor};
use super::oracle::{self, Basis, Party, Purpose, Said, Way, World};
use jiff::ToSpan;
use privet::consent::{Facts, Statement};
use privet::decide::decide;
use privet::event::{PurposeId, PurposeSet, Timestamp};
use privet::outcome::Reason;
use privet::plan::{self, Conflicts, Denied, Ground, LegalBasis, Plan, PurposeNeed, Silence, VendorRole};

fn days_ago(days: i64) -> Timestamp {
    at(kit::NOW).checked_sub((days * 24).hours()).expect("in range")
}

/// What the world's policy is in the product's terms. Purposes are numbered: the sink's, then the profile's.
fn plan_of(world: &World) -> Plan {
    let profile = world.degrade.as_ref().map_or(&[][..], |(purposes, _)| purposes);
    let purposes = world.purposes.iter().chain(profile).map(purpose_of).collect();
    let ids = |range: std::ops::Range<usize>| range.map(|id| PurposeId(id as u8)).collect::<Vec<_>>();
    let own = ids(0..world.purposes.len());
    let silence = if world.silence_allows { Silence::Allow } else { Silence::Deny };
    let (role, disclosed) = match world.party {
        Party::First => (None, None),
        Party::Processor => (Some(VendorRole::Processor), None),
        Party::ControllerDisclosedDaysAgo(days) => (Some(VendorRole::Controller), Some(days)),
        Party::JointControllerDisclosedDaysAgo(days) => (Some(VendorRole::JointController), Some(days)),
        Party::ControllerUndisclosed => (Some(VendorRole::Controller), None),
    };
    let (destination, transfers) = match world.way {
        Way::SameCountry => ("JP", vec![]),
        Way::BothInTheEea => ("IS", vec![]),
        Way::GroundWithoutEnd => ("US", vec![transfer(&["JP"], Ground::Scc, None)]),
        Way::GroundThatEnded => ("US", vec![transfer(&["JP"], Ground::Scc, Some(kit::NOW))]),
        Way::NoGround => ("US", vec![transfer(&["EEA"], Ground::Scc, None)]),
        Way::PlaceNotRecognised => ("JP", vec![transfer(&["*"], Ground::Scc, None)]),
    };
    let on = |words: &[&str]| words.iter().map(|word| Reason::from_word(word).expect("a reason")).collect();
    let setup = Setup::new().with(|setup| {
        setup.purposes = purposes;
        setup.regimes = vec![regime(&["*"], silence, world.gpc_honoured)];
        setup.vendor = role.map(|role| plan::Vendor { disclosed_since: disclosed.map(days_ago), ..vendor(role, None) });
        setup.destination = kit::countries(&[destination]);
        setup.transfers = transfers;
        setup.need = if world.any { PurposeNeed::Any(own.clone()) } else { PurposeNeed::All(own.clone()) };
        setup.conflicts = if world.latest_wins { Conflicts::LatestWins } else { Conflicts::DenialWins };
        if let Some((purposes, words)) = &world.degrade {
            setup.denied = Denied::Degrade { purposes: ids(own.len()..own.len() + purposes.len()), on: on(words) };
        }
    });
    setup.plan()
}

fn purpose_of(purpose: &Purpose) -> plan::Purpose {
    let basis = match purpose.basis {
        Basis::Consent => LegalBasis::Consent,
        Basis::Contract => LegalBasis::Contract,
        Basis::LegalObligation => LegalBasis::LegalObligation,
        Basis::VitalInterests => LegalBasis::VitalInterests,
        Basis::PublicTask => LegalBasis::PublicTask,
        Basis::LegitimateInterests => LegalBasis::LegitimateInterests,
    };
    plan::Purpose {
        silence_denies: purpose.silence_deny,
        special_categories: if purpose.special_categories { vec!["health".into()] } else { vec![] },
        max_age: purpose.max_age_days.map(|days| days.days()),
        ..kit::purpose("a purpose", basis)
    }
}

fn facts_of(world: &World) -> Facts {
    let place = match world.way {
        Way::BothInTheEea => kit::place("FR"),
        Way::PlaceNotRecognised => kit::place("XX"),
        Way::SameCountry | Way::GroundWithoutEnd | Way::GroundThatEnded | Way::NoGround => kit::place("JP"),
    };
    let profile = world.degrade.as_ref().map_or(&[][..], |(purposes, _)| purposes);
    let mut statements = Vec::new();
    for (id, purpose) in world.purposes.iter().chain(profile).enumerate() {
        let these: PurposeSet = [PurposeId(id as u8)].into_iter().collect();
        for (signal, said) in purpose.sources.iter().enumerate() {
            let mut statement = Statement { signal, ..Statement::default() };
            match said {
                Said::Nothing => continue,
                Said::GrantedWithTheEvent => statement.granted = these,
                Said::GrantedDaysAgo(days) => (statement.granted, statement.at) = (these, Some(days_ago(*days))),
                Said::GrantedAndEnded => (statement.granted, statement.expires) = (these, Some(at(kit::NOW))),
                Said::Denied => statement.denied = these,
                Said::DeniedDaysAgo(days) => (statement.denied, statement.at) = (these, Some(days_ago(*days))),
                Said::Withdrawn => statement.withdrawn = these,
                Said::WithdrawnDaysAgo(days) => (statement.withdrawn, statement.at) = (these, Some(days_ago(*days))),
                Said::VendorRefusedDaysAgo(days) => (statement.vendor_refused, statement.at) = (these, Some(days_ago(*days))),
                Said::InterestPermitted => statement.permitted = these,
                Said::OptedOut => statement.opted_out = these,
                Said::Gpc => statement.gpc = these,
                Said::Unreadable => statement.invalid = these,
            }
            statements.push(statement);
        }
    }
    Facts {
        identified: world.identified,
        ambiguous: world.identities_contradict,
        statements,
        jurisdictions: vec![place],
        event_time: days_ago(world.event_days_ago),
        suppressed: if world.suppressed { [PurposeId(0)].into_iter().collect() } else { PurposeSet::EMPTY },
        is_stale: world.ledger_stale,
        ..Facts::default()
    }
}

/// Counts the verdicts, so that a matrix in which everything ends alike does not pass for a test.
#[derive(Default)]
struct Tally {
    cases: usize,
    verdicts: std::collections::BTreeMap<oracle::Verdict, usize>,
}

impl Tally {
    #[track_caller]
    fn check(&mut self, plan: &Plan, world: &World) {
        let expected = oracle::decide(world);
        let stream = &plan.streams[0];
        let decision = decide(plan, stream, &stream.routes[0], &facts_of(world), world.routed, at(kit::NOW));
        assert_eq!((decision.outcome.as_str(), decision.reason.as_str()), expected, "{world:#?}");
        self.cases += 1;
        *self.verdicts.entry(expected).or_default() += 1;
    }

    #[track_caller]
    fn finish(self, at_least: usize, verdicts: &[oracle::Verdict]) {
        assert!(self.cases >= at_least, "only {} cases", self.cases);
        for verdict in verdicts {
            assert!(self.verdicts.contains_key(verdict), "no case ends in {verdict:?}: {:?}", self.verdicts);
        }
    }
}

const BASES: [Basis; 6] = [
    Basis::Consent,
    Basis::LegitimateInterests,
    Basis::PublicTask,
    Basis::Contract,
    Basis::LegalObligation,
    Basis::VitalInterests,
];

const WAYS: [Way; 6] =
    [Way::SameCountry, Way::BothInTheEea, Way::GroundWithoutEnd, Way::GroundThatEnded, Way::NoGround, Way::PlaceNotRecognised];

fn ordinary(purposes: Vec<Purpose>) -> World {
    World {
        routed: true,
        identities_contradict: false,
        identified: true,
        suppressed: false,
        ledger_stale: false,
        way: Way::SameCountry,
        silence_allows: false,
        gpc_honoured: true,
        party: Party::First,
        latest_wins: false,
        event_days_ago: 10,
        purposes,
        any: false,
        degrade: None,
    }
}

fn simple(basis: Basis, said: Said) -> Purpose {
    Purpose { basis, silence_deny: false, special_categories: false, max_age_days: None, sources: vec![said] }
}

/// One purpose, two sources: what each may say, under every basis, regime, vendor and way of settling conflicts.
#[test]
fn one_purpose_under_everything() {
    let first = [
        Said::Nothing,
        Said::GrantedWithTheEvent,
        Said::GrantedDaysAgo(10),
        Said::GrantedDaysAgo(60),
        Said::GrantedDaysAgo(400),
        Said::GrantedDaysAgo(9),
        Said::GrantedDaysAgo(-1),
        Said::GrantedAndEnded,
        Said::Denied,
        Said::Withdrawn,
        Said::OptedOut,
        Said::Unreadable,
    ];
    let second = [
        Said::Nothing,
        Said::GrantedWithTheEvent,
        Said::GrantedDaysAgo(60),
        Said::GrantedDaysAgo(61),
        Said::DeniedDaysAgo(60),
        Said::DeniedDaysAgo(61),
        Said::WithdrawnDaysAgo(500),
        Said::VendorRefusedDaysAgo(61),
        Said::InterestPermitted,
        Said::Gpc,
        Said::Unreadable,
    ];
    let parties = [
        Party::First,
        Party::Processor,
        Party::ControllerDisclosedDaysAgo(60),
        Party::ControllerDisclosedDaysAgo(5),
        Party::JointControllerDisclosedDaysAgo(59),
        Party::ControllerUndisclosed,
    ];
    let mut tally = Tally::default();
    for basis in BASES {
        for (silence_deny, special_categories) in [(false, false), (true, false), (false, true)] {
            for max_age_days in [None, Some(90)] {
                for party in parties {
                    for (silence_allows, gpc_honoured) in [(false, true), (true, true), (true, false)] {
                        for latest_wins in [false, true] {
                            let purpose = Purpose { basis, silence_deny, special_categories, max_age_days, sources: Vec::new() };
                            let mut world = World { silence_allows, gpc_honoured, party, latest_wins, ..ordinary(vec![purpose]) };
                            let plan = plan_of(&world);
                            for one in first {
                                for other in second {
                                    world.purposes[0].sources = vec![one, other];
                                    for identified in [true, false] {
                                        world.identified = identified;
                                        tally.check(&plan, &world);
                                    }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
    let ends = [
        ("allow", "consent_granted"),
        ("allow", "legitimate_interests"),
        ("allow", "not_required"),
        ("allow", "silence_allows"),
        ("drop", "no_consent"),
        ("drop", "consent_denied"),
        ("drop", "consent_withdrawn"),
        ("drop", "consent_expired"),
        ("drop", "opted_out"),
        ("drop", "signal_invalid"),
        ("drop", "vendor_not_permitted"),
        ("drop", "subject_unknown"),
    ];
    tally.finish(200_000, &ends);
}

/// Two purposes of a sink, needed both or either, with every profile that may take over.
#[test]
fn several_purposes_and_profiles() {
    let kinds = [
        simple(Basis::Consent, Said::GrantedWithTheEvent),
        simple(Basis::Consent, Said::Nothing),
        simple(Basis::Consent, Said::Denied),
        simple(Basis::Consent, Said::Withdrawn),
        simple(Basis::Consent, Said::GrantedAndEnded),
        simple(Basis::Consent, Said::Unreadable),
        simple(Basis::LegitimateInterests, Said::Nothing),
        simple(Basis::LegitimateInterests, Said::OptedOut),
        simple(Basis::LegitimateInterests, Said::Gpc),
        simple(Basis::LegitimateInterests, Said::Denied),
        simple(Basis::Contract, Said::Denied),
    ];
    let reasons: [&[&str]; 6] = [
        &["no_consent", "consent_expired"],
        &["consent_denied"],
        &["opted_out", "consent_withdrawn"],
        &["signal_invalid", "no_consent"],
        &["vendor_not_permitted"],
        &[],
    ];
    let profiles = [&kinds[1..1], &kinds[6..7], &kinds[0..1], &kinds[1..2], &kinds[7..8], &kinds[10..11], &kinds[5..7]];
    let mut tally = Tally::default();
    for one in &kinds {
        for other in &kinds {
            for any in [false, true] {
                for profile in profiles {
                    for on in reasons {
                        let mut world = ordinary(vec![one.clone(), other.clone()]);
                        world.any = any;
                        world.degrade = Some((profile.to_vec(), on.to_vec()));
                        let plan = plan_of(&world);
                        for identified in [true, false] {
                            world.identified = identified;
                            tally.check(&plan, &world);
                        }
                    }
                }
            }
        }
    }
    let ends = [
        ("allow", "consent_granted"),
        ("allow", "not_required"),
        ("degrade", "no_consent"),
        ("degrade", "consent_expired"),
        ("degrade", "consent_denied"),
        ("degrade", "opted_out"),
        ("degrade", "consent_withdrawn"),
        ("drop", "signal_invalid"),
        ("drop", "subject_unknown"),
    ];
    tally.finish(20_000, &ends);
}

/// The order of the steps: what comes first decides, whatever comes after.
#[test]
fn the_steps_in_their_order() {
    let mut tally = Tally::default();
    for basis in BASES {
        for said in [Said::Nothing, Said::GrantedWithTheEvent, Said::Denied, Said::Gpc, Said::Unreadable] {
            for way in WAYS {
                for (silence_allows, gpc_honoured) in [(false, true), (true, true), (true, false)] {
                    let mut world = World { way, silence_allows, gpc_honoured, ..ordinary(vec![simple(basis, said)]) };
                    world.degrade = Some((vec![simple(Basis::Contract, Said::Nothing)], vec!["no_consent", "consent_denied"]));
                    let plan = plan_of(&world);
                    for bits in 0..32 {
                        world.routed = bits & 1 != 0;
                        world.identities_contradict = bits & 2 != 0;
                        world.identified = bits & 4 != 0;
                        world.suppressed = bits & 8 != 0;
                        world.ledger_stale = bits & 16 != 0;
                        tally.check(&plan, &world);
                    }
                }
            }
        }
    }
    let ends = [
        ("drop", "not_routed"),
        ("quarantine", "subject_ambiguous"),
        ("drop", "subject_unknown"),
        ("drop", "suppressed"),
        ("drop", "ledger_stale"),
        ("drop", "transfer_not_permitted"),
        ("degrade", "no_consent"),
        ("allow", "consent_granted"),
    ];
    tally.finish(4_000, &ends);
}

/// An event may be up to five minutes ahead of the clock: what ends before then has ended, and a grant of then is
/// still in the future.
#[test]
fn an_event_ahead_of_the_clock_takes_no_advantage() {
    let soon = |minutes: i64| at(kit::NOW).checked_add(minutes.minutes()).expect("in range");
    let purposes: PurposeSet = [PurposeId(0)].into_iter().collect();
    let grant = Statement { granted: purposes, ..Statement::default() };
    let judge = |statements: Vec<Statement>| {
        let mut world = ordinary(vec![simple(Basis::Consent, Said::Nothing)]);
        world.latest_wins = true;
        let plan = plan_of(&world);
        let facts = Facts { statements, event_time: soon(3), ..facts_of(&world) };
        decide(&plan, &plan.streams[0], &plan.streams[0].routes[0], &facts, true, at(kit::NOW)).reason
    };
    assert_eq!(judge(vec![grant.clone()]), Reason::ConsentGranted);
    assert_eq!(judge(vec![Statement { expires: Some(soon(4)), ..grant.clone() }]), Reason::ConsentGranted);
    assert_eq!(judge(vec![Statement { expires: Some(soon(1)), ..grant.clone() }]), Reason::ConsentExpired);
    let denial = Statement { denied: purposes, at: Some(soon(-9)), ..Statement::default() };
    let reason = |granted| judge(vec![denial.clone(), Statement { at: Some(soon(granted)), ..grant.clone() }]);
    assert_eq!(reason(0), Reason::ConsentGranted);
    assert_eq!(reason(1), Reason::ConsentDenied);
    assert_eq!(reason(-9), Reason::ConsentDenied);
}
