//! The sentences of `design/decision.md`, each as events through the whole engine.

use super::kit::{ADS, ANALYTICS, CENSUS, FRAUD, STATISTICS, Setup, countries, place, regime, regions, transfer, vendor};
use jiff::ToSpan;
use privet::event::{Jurisdiction, SlotId};
use privet::outcome::{Outcome, Reason};
use privet::plan::{Condition, Each, Ground, Literal, OptOuts, Silence, Test, VendorRole};

#[track_caller]
fn check(setup: Setup, event: &str, outcome: Outcome, reason: Reason) {
    assert_eq!(setup.judge(event), (outcome, reason), "{event}");
}

#[track_caller]
fn drops(setup: Setup, event: &str, reason: Reason) {
    check(setup, event, Outcome::Drop, reason);
}

#[track_caller]
fn allows(setup: Setup, event: &str, reason: Reason) {
    check(setup, event, Outcome::Allow, reason);
}

const GRANTED: &str = r#"{"user":"u1","preferences":{"Analytics":true,"Ads":true,"Sharing":true}}"#;
const SILENT: &str = r#"{"user":"u1"}"#;
const DENIED: &str = r#"{"user":"u1","preferences":{"Analytics":false}}"#;

fn name_is(name: &str) -> Condition {
    // Slot 0 is `$.user`.
    Condition::Test { slot: SlotId(0), each: Each::Agree, test: Test::Equals(Literal::Text(name.into())) }
}

#[test]
fn a_when_that_is_not_true_does_not_route() {
    for name in ["u1", "u2"] {
        let expected = if name == "u1" { (Outcome::Allow, Reason::ConsentGranted) } else { (Outcome::Drop, Reason::NotRouted) };
        assert_eq!(Setup::new().with(|setup| setup.when = Some(name_is(name))).judge(GRANTED), expected);
        assert_eq!(Setup::new().with(|setup| setup.sink_when = Some(name_is(name))).judge(GRANTED), expected);
    }
    let not = |name| Setup::new().with(|setup| setup.when = Some(Condition::Not(name_is(name).into())));
    allows(not("u2"), GRANTED, Reason::ConsentGranted);
    drops(not("u2"), r#"{"user":7,"preferences":{"Analytics":true}}"#, Reason::NotRouted);
    drops(not("u2"), r#"{"preferences":{"Analytics":true}}"#, Reason::NotRouted);
}

#[test]
fn identities_that_contradict_each_other_are_set_aside() {
    let ambiguous = |event| check(Setup::new(), event, Outcome::Quarantine, Reason::SubjectAmbiguous);
    ambiguous(r#"{"user":{"id":"u1"},"preferences":{"Analytics":true}}"#);
    ambiguous(r#"{"user":true}"#);
    ambiguous(r#"{"user":1.5}"#);
    ambiguous(r#"{"user":["u1"]}"#);
    ambiguous(r#"[{"user":"u1"},{"user":"u2"}]"#);
    ambiguous(r#"[{"either":"u1"},{"either":"u2"}]"#);
    allows(Setup::new(), r#"[{"user":1,"preferences":{"Analytics":true}},{"user":"1"}]"#, Reason::ConsentGranted);
    allows(Setup::new(), r#"{"user":"u1","device":"d1","either":"x","preferences":{"Analytics":true}}"#, Reason::ConsentGranted);
}

#[test]
fn the_key_is_compared_with_the_body() {
    let judge = |key: &[u8]| Setup::new().with(|setup| setup.subject_by_key = true).judge_record(Some(key), GRANTED);
    assert_eq!(judge(b"u1"), (Outcome::Allow, Reason::ConsentGranted));
    assert_eq!(judge(b""), (Outcome::Allow, Reason::ConsentGranted));
    assert_eq!(judge(b"u2"), (Outcome::Quarantine, Reason::SubjectAmbiguous));
}

#[test]
fn nobody_and_no_signal_is_nobody_we_know() {
    drops(Setup::new(), "{}", Reason::SubjectUnknown);
    drops(Setup::new(), r#"{"user":null,"device":""}"#, Reason::SubjectUnknown);
    drops(Setup::new().need(&[STATISTICS]), "{}", Reason::SubjectUnknown);
    allows(Setup::new(), r#"{"preferences":{"Analytics":true}}"#, Reason::ConsentGranted);
    drops(Setup::new(), r#"{"preferences":{}}"#, Reason::ConsentDenied);
    drops(Setup::new(), r#"{"device":"d1"}"#, Reason::NoConsent);
    allows(Setup::new().need(&[FRAUD]), "{}", Reason::NotRequired);
    // One purpose that is spoken about does not answer for another.
    drops(Setup::new().need(&[ANALYTICS, STATISTICS]), r#"{"preferences":{"Analytics":true}}"#, Reason::SubjectUnknown);
}

#[test]
fn a_transfer_needs_the_same_country_the_eea_or_a_ground() {
    let to = |country: &'static str| Setup::new().with(|setup| setup.destination = countries(&[country]));
    let from = |country| format!(r#"{{"user":"u1","country":"{country}","preferences":{{"Analytics":true}}}}"#);
    allows(to("DE"), &from("DE"), Reason::ConsentGranted);
    allows(to("IS"), &from("fr"), Reason::ConsentGranted);
    allows(to("GB"), &from("UK"), Reason::ConsentGranted);
    for (destination, origin) in [("US", "DE"), ("CH", "DE"), ("DE", "GB"), ("GB", "DE")] {
        drops(to(destination), &from(origin), Reason::TransferNotPermitted);
    }
    // Every country of the destination must be reached.
    let two = || Setup::new().with(|setup| setup.destination = countries(&["FR", "US"]));
    drops(two(), &from("DE"), Reason::TransferNotPermitted);
    allows(two().with(|setup| setup.transfers.push(transfer(&["EEA"], Ground::Scc, None))), &from("DE"), Reason::ConsentGranted);
    drops(Setup::new().with(|setup| setup.destination = Default::default()), &from("DE"), Reason::TransferNotPermitted);
}

#[test]
fn a_ground_holds_until_its_day_is_over() {
    let until = |until: Option<&'static str>| {
        Setup::new().with(|setup| {
            setup.destination = countries(&["US"]);
            setup.transfers = vec![transfer(&["EEA"], Ground::Scc, until)];
        })
    };
    allows(until(None), GRANTED, Reason::ConsentGranted);
    allows(until(Some("2026-11-22T12:00:00.000000001Z")), GRANTED, Reason::ConsentGranted);
    drops(until(Some("2026-11-22T12:00:00Z")), GRANTED, Reason::TransferNotPermitted);
}

#[test]
fn the_data_privacy_framework_reaches_only_the_united_states() {
    let dpf = |countries_of: &'static [&'static str]| {
        Setup::new().with(|setup| {
            setup.destination = countries(countries_of);
            setup.transfers = vec![transfer(&["EEA"], Ground::Dpf, None)];
        })
    };
    allows(dpf(&["US"]), GRANTED, Reason::ConsentGranted);
    drops(dpf(&["US", "IN"]), GRANTED, Reason::TransferNotPermitted);
}

#[test]
fn subdivisions_belong_to_their_country() {
    let event = r#"{"user":"u1","country":"US","region":"CA","preferences":{"Analytics":true}}"#;
    allows(Setup::new().with(|setup| setup.destination = countries(&["US"])), event, Reason::ConsentGranted);
    allows(Setup::new(), event, Reason::ConsentGranted);
    let only_texas = |setup: &mut Setup| setup.transfers = vec![transfer(&["US-TX"], Ground::Scc, None)];
    drops(Setup::new().with(only_texas), event, Reason::TransferNotPermitted);
    drops(
        Setup::new().with(only_texas),
        r#"{"user":"u1","country":"US","preferences":{"Analytics":true}}"#,
        Reason::TransferNotPermitted,
    );
}

#[test]
fn two_places_must_both_pass() {
    let event = r#"[{"user":"u1","country":"DE","preferences":{"Analytics":true}},{"country":"BR"}]"#;
    drops(Setup::new(), event, Reason::TransferNotPermitted);
    allows(Setup::new(), &event.replace("BR", "JP"), Reason::ConsentGranted);
}

#[test]
fn a_place_that_is_not_recognised_has_no_ground() {
    let everywhere = || Setup::new().with(|setup| setup.transfers = vec![transfer(&["*"], Ground::Scc, None)]);
    drops(everywhere(), r#"{"user":"u1","country":"ZZ","preferences":{"Analytics":true}}"#, Reason::TransferNotPermitted);
    drops(
        everywhere(),
        r#"{"user":"u1","country":"DE","region":"Atlantis","preferences":{"Analytics":true}}"#,
        Reason::TransferNotPermitted,
    );
    allows(everywhere(), r#"{"user":"u1","country":"ZA","preferences":{"Analytics":true}}"#, Reason::ConsentGranted);
}

#[test]
fn a_group_as_otherwise_must_pass_whole() {
    let eea = || Jurisdiction::AnyOf(*regions(&["EEA"]).countries());
    let setup = |from: &'static [&'static str]| {
        Setup::new().with(|setup| {
            setup.otherwise = eea();
            setup.destination = countries(&["US"]);
            setup.transfers = vec![transfer(from, Ground::Scc, None)];
        })
    };
    allows(setup(&["EEA"]), GRANTED, Reason::ConsentGranted);
    drops(setup(&["EU"]), GRANTED, Reason::TransferNotPermitted);
    drops(setup(&["DE"]), GRANTED, Reason::TransferNotPermitted);
    allows(Setup::new().with(|setup| setup.otherwise = eea()), GRANTED, Reason::ConsentGranted);
}

#[test]
fn every_purpose_must_pass_or_one_with_any() {
    let event = r#"{"user":"u1","preferences":{"Analytics":true,"Ads":true,"Sharing":false}}"#;
    drops(Setup::new().need(&[ANALYTICS, ADS]), event, Reason::ConsentDenied);
    allows(Setup::new().need_any(&[ADS, ANALYTICS]), event, Reason::ConsentGranted);
    drops(Setup::new().need_any(&[ADS]), event, Reason::ConsentDenied);
    // The first that fails gives the reason.
    let event = r#"{"user":"u1","objection":true}"#;
    drops(Setup::new().need(&[ANALYTICS, STATISTICS]), event, Reason::NoConsent);
    drops(Setup::new().need(&[STATISTICS, ANALYTICS]), event, Reason::OptedOut);
    drops(Setup::new().need(&[]), GRANTED, Reason::NoConsent);
}

#[test]
fn the_reason_of_an_allow_is_the_first_that_was_asked_for() {
    allows(Setup::new().need(&[FRAUD, ANALYTICS]), GRANTED, Reason::ConsentGranted);
    allows(Setup::new().need(&[FRAUD, STATISTICS, ANALYTICS]), GRANTED, Reason::LegitimateInterests);
    allows(Setup::new().need(&[FRAUD]), SILENT, Reason::NotRequired);
}

#[test]
fn a_listed_refusal_lets_the_profile_through() {
    let setup = |on: &[Reason]| Setup::new().degrade(&[STATISTICS], on);
    check(setup(&[Reason::NoConsent]), SILENT, Outcome::Degrade, Reason::NoConsent);
    drops(setup(&[Reason::NoConsent]), DENIED, Reason::ConsentDenied);
    drops(setup(&[Reason::NoConsent]), r#"{"user":"u1","objection":true}"#, Reason::NoConsent);
    drops(setup(&[Reason::SignalInvalid]), r#"{"user":"u1","preferences":[]}"#, Reason::SignalInvalid);
    drops(setup(&[Reason::NoConsent]).with(|setup| setup.profile = false), SILENT, Reason::NoConsent);
    let ads = |on: &[Reason]| Setup::new().need(&[ADS]).degrade(&[STATISTICS], on);
    drops(ads(&[Reason::NoConsent]), r#"{"user":"u1","gpc":1}"#, Reason::OptedOut);
    check(ads(&[Reason::OptedOut]), r#"{"user":"u1","gpc":1}"#, Outcome::Degrade, Reason::OptedOut);
}

#[test]
fn silence_means_what_the_regime_says() {
    let california = r#"{"user":"u1","country":"us","region":"us-ca"}"#;
    allows(Setup::new(), california, Reason::SilenceAllows);
    drops(Setup::new(), SILENT, Reason::NoConsent);
    drops(Setup::new(), r#"{"user":"u1","country":"JP"}"#, Reason::NoConsent);
    drops(Setup::new().with(|setup| setup.purposes[0].silence_denies = true), california, Reason::NoConsent);
    let health = |setup: &mut Setup| setup.purposes[0].special_categories = vec!["health".into()];
    drops(Setup::new().with(health), california, Reason::NoConsent);
    allows(Setup::new().with(health), GRANTED, Reason::ConsentGranted);
    // No grant is needed, and none that fails is forgiven.
    let controller = |since| Setup::new().with(|setup| setup.vendor = Some(vendor(VendorRole::Controller, since)));
    allows(controller(None), california, Reason::SilenceAllows);
    let granted = r#"{"user":"u1","country":"us","region":"us-ca","preferences":{"Analytics":true}}"#;
    drops(controller(None), granted, Reason::VendorNotPermitted);
    drops(controller(Some("2026-11-23T00:00:00Z")), granted, Reason::VendorNotPermitted);
}

#[test]
fn the_strictest_place_says_what_silence_means() {
    let two = r#"[{"user":"u1","country":"US"},{"region":"US-CA"},{"country":"DE"}]"#;
    drops(Setup::new(), two, Reason::NoConsent);
}

#[test]
fn a_country_of_which_a_part_is_stricter_is_as_strict() {
    let setup = |first: Silence, gpc| {
        Setup::new().with(|setup| {
            setup.regimes =
                vec![regime(&["US-CA"], first, gpc), regime(&["US"], Silence::Allow, false), regime(&["*"], Silence::Deny, true)];
        })
    };
    let in_the_states = r#"{"user":"u1","country":"US","gpc":true}"#;
    drops(setup(Silence::Deny, false), in_the_states, Reason::NoConsent);
    drops(setup(Silence::Allow, true).need(&[ADS]), in_the_states, Reason::OptedOut);
    allows(
        setup(Silence::Deny, true).need(&[ADS]),
        r#"{"user":"u1","country":"US","region":"NY","gpc":true}"#,
        Reason::SilenceAllows,
    );
}

#[test]
fn a_group_of_countries_is_as_strict_as_its_strictest() {
    let setup = |first: Silence| {
        Setup::new().with(|setup| {
            setup.otherwise = Jurisdiction::AnyOf(*regions(&["EEA"]).countries());
            setup.regimes = vec![regime(&["FR"], first, true), regime(&["*"], Silence::Allow, true)];
        })
    };
    drops(setup(Silence::Deny), SILENT, Reason::NoConsent);
    allows(setup(Silence::Allow), SILENT, Reason::SilenceAllows);
}

#[test]
fn legitimate_interests_pass_unless_someone_objects() {
    allows(Setup::new().need(&[STATISTICS]), SILENT, Reason::LegitimateInterests);
    drops(Setup::new().need(&[STATISTICS]), r#"{"user":"u1","objection":true}"#, Reason::OptedOut);
    allows(Setup::new().need(&[STATISTICS]), r#"{"user":"u1","objection":false}"#, Reason::LegitimateInterests);
    drops(Setup::new().need(&[STATISTICS]), r#"{"user":"u1","objection":"no"}"#, Reason::SignalInvalid);
}

#[test]
fn other_bases_ask_for_nothing_but_a_public_task_hears_objections() {
    allows(Setup::new().need(&[CENSUS]), SILENT, Reason::NotRequired);
    drops(Setup::new().need(&[CENSUS]), r#"{"user":"u1","preferences":{"Census":false}}"#, Reason::ConsentDenied);
    let census_in_contract = |setup: &mut Setup| setup.purposes[4].basis = privet::plan::LegalBasis::Contract;
    allows(Setup::new().need(&[CENSUS]).with(census_in_contract), r#"{"user":"u1","preferences":5}"#, Reason::NotRequired);
}

#[test]
fn a_grant_reaches_processors_and_controllers_that_were_disclosed() {
    let to = |role, since| Setup::new().with(|setup| setup.vendor = Some(vendor(role, since)));
    allows(to(VendorRole::Processor, None), GRANTED, Reason::ConsentGranted);
    for role in [VendorRole::Controller, VendorRole::JointController] {
        allows(to(role, Some("2026-11-22T12:00:00Z")), GRANTED, Reason::ConsentGranted);
        drops(to(role, Some("2026-11-22T12:00:01Z")), GRANTED, Reason::VendorNotPermitted);
        drops(to(role, None), GRANTED, Reason::VendorNotPermitted);
    }
    // The grant is as old as the event.
    let event = r#"{"user":"u1","time":"2026-11-01T00:00:00Z","preferences":{"Analytics":true}}"#;
    drops(to(VendorRole::Controller, Some("2026-11-02T00:00:00Z")), event, Reason::VendorNotPermitted);
    allows(to(VendorRole::Controller, Some("2026-11-01T00:00:00Z")), event, Reason::ConsentGranted);
}

#[test]
fn a_grant_of_age_is_silence_remembered() {
    let old = |time| format!(r#"{{"user":"u1","time":"{time}","preferences":{{"Analytics":true}}}}"#);
    let thirteen_months = |setup: &mut Setup| setup.purposes[0].max_age = Some(13.months());
    let setup = || Setup::new().with(thirteen_months);
    assert_eq!(super::kit::NOW, "2026-11-22T12:00:00Z");
    allows(setup(), &old("2025-10-22T12:00:00Z"), Reason::ConsentGranted);
    drops(setup(), &old("2025-10-22T11:59:59Z"), Reason::ConsentExpired);
    allows(Setup::new(), &old("1999-01-01T00:00:00Z"), Reason::ConsentGranted);
    // Silence allows in California, also where a grant has aged.
    let event = old("2024-01-01T00:00:00Z").replace("{\"user\"", "{\"country\":\"US\",\"region\":\"CA\",\"user\"");
    allows(setup(), &event, Reason::SilenceAllows);
    // Months are those of the calendar.
    let one_month = |setup: &mut Setup| setup.purposes[0].max_age = Some(1.month());
    allows(Setup::new().with(one_month), &old("2026-10-22T12:00:00Z"), Reason::ConsentGranted);
    drops(Setup::new().with(one_month), &old("2026-10-22T11:59:59.999Z"), Reason::ConsentExpired);
    // A time that cannot be believed is the record's, here now.
    allows(setup(), &old("yesterday"), Reason::ConsentGranted);
}

#[test]
fn any_denial_wins_over_any_grant() {
    drops(Setup::new(), r#"[{"user":"u1","preferences":{"Analytics":true}},{"preferences":{}}]"#, Reason::ConsentDenied);
    let granted_and_gpc = r#"{"user":"u1","preferences":{"Ads":true,"Sharing":true},"gpc":"1"}"#;
    drops(Setup::new().need(&[ADS]), granted_and_gpc, Reason::OptedOut);
    // A broken signal outranks every other denial, an opt-out outranks a denial.
    drops(Setup::new().need(&[ADS]), r#"{"user":"u1","preferences":{},"gpc":true}"#, Reason::OptedOut);
    drops(Setup::new().need(&[ADS]), r#"{"user":"u1","preferences":7,"gpc":true}"#, Reason::SignalInvalid);
}

#[test]
fn gpc_counts_where_it_is_honoured_and_for_what_it_is_about() {
    let event = |region: &str, gpc: &str| format!(r#"{{"user":"u1","country":"US","region":"{region}","gpc":{gpc}}}"#);
    for on in ["true", "1", "\"1\"", "\"true\""] {
        drops(Setup::new().need(&[ADS]), &event("CA", on), Reason::OptedOut);
        allows(Setup::new().need(&[ADS]), &event("TX", on), Reason::SilenceAllows);
        allows(Setup::new(), &event("CA", on), Reason::SilenceAllows);
    }
    for off in ["false", "0", "\"0\"", "\"false\"", "null", "\"\""] {
        allows(Setup::new().need(&[ADS]), &event("CA", off), Reason::SilenceAllows);
    }
    drops(Setup::new().need(&[ADS]), &event("CA", "\"maybe\""), Reason::SignalInvalid);
    let profiling_only = |setup: &mut Setup| setup.purposes[1].opt_outs = OptOuts::PROFILING;
    allows(Setup::new().need(&[ADS]).with(profiling_only), &event("CA", "true"), Reason::SilenceAllows);
    // Off never cancels a denial and never grants.
    drops(Setup::new().need(&[ADS]), r#"{"user":"u1","gpc":false}"#, Reason::NoConsent);
    // A signal that is not honoured speaks about nobody.
    drops(Setup::new().need(&[ADS]), r#"{"country":"US","region":"TX","gpc":1}"#, Reason::SubjectUnknown);
}

#[test]
fn missing_null_and_empty_are_silence_and_an_empty_container_is_not() {
    for silent in ["null", "\"\""] {
        drops(Setup::new(), &format!(r#"{{"user":"u1","preferences":{silent}}}"#), Reason::NoConsent);
    }
    drops(Setup::new(), r#"{"user":"u1","preferences":{}}"#, Reason::ConsentDenied);
    drops(Setup::new(), r#"{"user":"u1","preferences":"Analytics"}"#, Reason::SignalInvalid);
}

#[test]
fn without_a_place_otherwise_holds() {
    let california =
        || Setup::new().with(|setup| setup.otherwise = Jurisdiction::from_event(Some("US"), Some("CA")).expect("there"));
    allows(california(), SILENT, Reason::SilenceAllows);
    allows(california(), r#"{"user":"u1","country":null,"region":""}"#, Reason::SilenceAllows);
    drops(california(), r#"{"user":"u1","country":"DE"}"#, Reason::NoConsent);
    let anywhere = |setup: &mut Setup| {
        setup.regimes = vec![regime(&["*"], Silence::Allow, false)];
        setup.otherwise = place("JP");
    };
    allows(Setup::new().with(anywhere), SILENT, Reason::SilenceAllows);
    // Not recognised: silence would deny, whatever `"*"` says, but the transfer is refused before that.
    drops(Setup::new().with(anywhere), r#"{"user":"u1","country":"Q1"}"#, Reason::TransferNotPermitted);
}
