//! The ledger learns from events: what people refuse in one event holds for those that say otherwise later, also after a restart.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use super::SOON;
use super::kit::broker::kafka;
use super::kit::client::{Input, Isolation};
use super::kit::fixture::{PEOPLE, Scene, canaries, seq_of};
use super::kit::wait_for;
use super::ledger::{PATIENCE, compact, scene};

/// The events `from..` that reached the ads, by their person.
fn reached(scene: &Scene, from: u64) -> BTreeSet<u64> {
    let rows = scene.kafka.read(&scene.topic("ads"), Isolation::Committed);
    let seqs = rows.iter().map(|row| seq_of(row.value.as_deref().expect("a value")));
    seqs.filter(|seq| *seq >= from && *seq < from + PEOPLE).map(|seq| seq % PEOPLE).collect()
}

fn people(says: impl Fn(&u64) -> bool) -> BTreeSet<u64> {
    (0..PEOPLE).filter(says).collect()
}

/// The platform's grant of this moment.
fn granted_now(person: u64) -> Input {
    let [user, ..] = canaries(person);
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is past 1970").as_secs();
    let now = jiff::Timestamp::from_second(i64::try_from(now).expect("the clock is sane")).expect("a time");
    let value = format!(
        r#"{{"identity":{{"kind":"user_id","value":"{user}"}},"version":1,"purposes":{{"advertising":{{"state":"granted","at":"{now}"}}}}}}"#
    );
    Input { key: Some(format!("user_id:{user}").into_bytes()), value: Some(value.into_bytes()), ..Input::default() }
}

#[test]
fn what_events_deny_is_learned_without_transactions_and_lifted_by_a_later_grant_of_the_platform() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = scene(kafka, "ledger-learns", 3, "");
    compact(&scene);
    let (consent, source) = (scene.topic("consent"), scene.topic("source"));
    let segment = "{signal: segment, path: $.context.consent.categoryPreferences, purposes: {advertising: Advertising}}";
    let learning = format!("{segment}\n      - {{signal: ledger, learn: denials}}");
    assert!(scene.policy().contains(segment), "the policy of scenes has changed");
    scene.write_policy(&scene.policy().replace(segment, &learning));

    // Every third event says no, every fiftieth is broken; each person has one event a round.
    let (agrees, whole) = (|seq: u64| !seq.is_multiple_of(3), |seq: u64| seq % 50 != 49);
    let mut privet = scene.run();
    scene.produce(0..PEOPLE);
    kafka.wait_drained(&scene.group(), &source, SOON);
    let refused = people(|person| !agrees(*person) && whole(*person));
    let keys: BTreeSet<Vec<u8>> =
        kafka.read(&consent, Isolation::Committed).into_iter().map(|row| row.key.expect("a key")).collect();
    let expected: BTreeSet<Vec<u8>> =
        refused.iter().map(|person| format!("learned:user_id:{}", canaries(*person)[0]).into_bytes()).collect();
    assert_eq!(keys, expected, "the topic has it before the events are committed");
    assert_eq!(reached(&scene, 0), people(|person| agrees(*person) && whole(*person)));
    let applied = || privet.metric("privet_ledger_learned_total", &["said=\"denial\""]) == refused.len() as f64;
    wait_for("what was learned to be counted", PATIENCE, || applied().then_some(()));
    // A quarter of a second, and applying.
    std::thread::sleep(std::time::Duration::from_secs(1));

    // Who said no before is not asked again; saying yes in an event takes nothing back.
    scene.produce(PEOPLE..2 * PEOPLE);
    kafka.wait_drained(&scene.group(), &source, SOON);
    let seq = |person: u64| PEOPLE + person;
    let second = people(|person| agrees(seq(*person)) && whole(seq(*person)) && !refused.contains(person));
    assert_eq!(reached(&scene, PEOPLE), second);
    let rows = kafka.read(&consent, Isolation::Uncommitted);
    let also = people(|person| !agrees(seq(*person)) && whole(seq(*person)) && !refused.contains(person));
    assert_eq!(rows.len(), refused.len() + also.len(), "what is known is not written again");
    assert_eq!(kafka.ends(&consent).values().sum::<i64>(), rows.len() as i64, "no transaction has left a marker");
    assert!(privet.terminate().0.success());

    // The next instance reads it; the platform knows better of two people since.
    kafka.produce(&consent, [granted_now(0), granted_now(3)]);
    let mut privet = scene.run();
    scene.produce(2 * PEOPLE..3 * PEOPLE);
    kafka.wait_drained(&scene.group(), &source, SOON);
    let seq = |person: u64| 2 * PEOPLE + person;
    let known: BTreeSet<u64> = refused.union(&also).copied().collect();
    let third =
        people(|person| agrees(seq(*person)) && whole(seq(*person)) && (!known.contains(person) || [0, 3].contains(person)));
    assert!(third.contains(&0) && third.contains(&3));
    assert_eq!(reached(&scene, 2 * PEOPLE), third);
    assert!(privet.terminate().0.success());
    assert_eq!(privet.log().matches("is not in the ledger's topic yet").count(), 0);
    scene.assert_nothing_leaked();
}

/// A self-describing event of Snowplow's, inside its envelope.
fn snowplow(schema: &str, data: &str) -> String {
    let vendor = "iglu:com.snowplowanalytics.snowplow";
    format!(
        r#"{{"schema":"{vendor}/unstruct_event/jsonschema/1-0-0","data":{{"schema":"{vendor}/{schema}/jsonschema/1-0-0","data":{data}}}}}"#
    )
}

/// What people choose in Snowplow's consent events holds for their page views; with `learn_when` other events teach nothing.
#[test]
fn snowplow_consent_events_speak_for_the_page_views_that_follow() {
    let Some(kafka) = kafka("kafka") else { return };
    let scene = scene(kafka, "ledger-snowplow", 2, "");
    compact(&scene);
    let consent = scene.topic("consent");
    let segment = "{signal: segment, path: $.context.consent.categoryPreferences, purposes: {advertising: Advertising}}";
    let learning = "{signal: snowplow, path: $.unstruct_event, purposes: {advertising: advertising}}\n      \
                    - {signal: ledger, learn: all, learn_when: {path: $.event_name, in: [consent_preferences, consent_withdrawn]}}";
    assert!(scene.policy().contains(segment), "the policy of scenes has changed");
    scene.write_policy(&scene.policy().replace(segment, learning));
    let mut seq = 0;
    let mut event = |user: &str, name: &str, spoken: Option<String>| -> u64 {
        seq += 1;
        let spoken = spoken.map(|json| format!(r#","unstruct_event":{json}"#)).unwrap_or_default();
        let value = format!(r#"{{"seq":{seq},"userId":"{user}","event_name":"{name}"{spoken}}}"#).into_bytes();
        kafka.produce(&scene.topic("source"), [Input { key: Some(user.into()), value: Some(value), ..Input::default() }]);
        kafka.wait_drained(&scene.group(), &scene.topic("source"), SOON);
        // What was learned is applied by then.
        std::thread::sleep(std::time::Duration::from_secs(1));
        seq
    };
    let chosen = |kind: &str| {
        Some(snowplow(
            "consent_preferences",
            &format!(
                r#"{{"eventType":"{kind}","basisForProcessing":"consent","consentScopes":[],"consentUrl":"https://shop.example/privacy","consentVersion":"1","domainsApplied":["shop.example"]}}"#
            ),
        ))
    };
    let mut privet = scene.run();
    let silent = event("ann", "page_view", None);
    let allows = event("ann", "consent_preferences", chosen("allow_all"));
    let granted = event("ann", "page_view", None);
    let bob_denies = event("bob", "consent_preferences", chosen("deny_all"));
    let bob_views = event("bob", "page_view", None);
    // Anybody can send an event in another's name: it takes no denial back.
    let bob_allows = event("bob", "consent_preferences", chosen("allow_all"));
    let bob_again = event("bob", "page_view", None);
    // An event of another name speaks for itself only.
    let carl = event("carl", "something_else", chosen("allow_all"));
    let carl_views = event("carl", "page_view", None);
    let withdraws = event("ann", "consent_withdrawn", Some(snowplow("consent_withdrawn", r#"{"all":true}"#)));
    let after = event("ann", "page_view", None);
    let rows = kafka.read(&scene.topic("ads"), Isolation::Committed);
    let reached: BTreeSet<u64> = rows.iter().map(|row| seq_of(row.value.as_deref().expect("a value"))).collect();
    assert_eq!(reached, BTreeSet::from([allows, granted, carl]));
    for withheld in [silent, bob_denies, bob_views, bob_allows, bob_again, carl_views, withdraws, after] {
        assert!(!reached.contains(&withheld), "event {withheld}");
    }
    let keys: BTreeSet<Vec<u8>> =
        kafka.read(&consent, Isolation::Committed).into_iter().map(|row| row.key.expect("a key")).collect();
    assert_eq!(keys, ["learned:user_id:ann", "learned:user_id:bob"].map(|key| key.as_bytes().to_vec()).into());
    assert!(privet.terminate().0.success());
}
