//! What a batch remembers of whom it released something about, and what it does with what becomes known meanwhile.

use super::*;
use crate::keys::KeySet;
use crate::ledger::{Change, Departing, Feed};
use crate::policy;

const POLICY: &str = "privet: 1
controller: {name: Test, country: DE}
purposes:
  advertising: {legal_basis: consent, opt_outs: none}
regimes: [{in: [\"*\"], silence: deny}]
streams:
  web:
    topics: [events]
    format: json
    subject: [{kind: user_id, path: $.user}]
    jurisdiction: {otherwise: EEA}
    consent: [{signal: ledger}]
sinks:
  ads:
    topic: ads
    purposes: [advertising]
    unlisted: drop
    fields: {$.event: keep}
";

struct Stage {
    judge: PlanJudge,
    ledger: Arc<Ledger>,
    watch: Arc<Watch>,
    telemetry: Arc<Telemetry>,
}

fn stage() -> Stage {
    stage_of(POLICY)
}

fn stage_of(text: &str) -> Stage {
    stage_with(text, None)
}

fn stage_with(text: &str, learner: Option<Learner>) -> Stage {
    let keys = KeySet::demonstration();
    let compiled = policy::compile(text, "policy.yaml", &keys);
    assert!(compiled.plan.is_some(), "{}", compiled.render(false));
    let plan = compiled.plan.unwrap();
    let telemetry = Arc::new(Telemetry::new());
    let (ledger, watch) = (Arc::new(Ledger::new(&keys)), Watch::new(Duration::from_secs(2)));
    let meters = Arc::new(telemetry.consent(1));
    let known = Knowledge {
        ledger: ledger.clone(),
        watch: watch.clone(),
        meters,
        departing: Arc::new(Departing::new(1)),
        worker: 0,
        learner,
    };
    let limits = Limits { record_bytes: 1 << 20, depth: 16, members: 100, name_bytes: 100, touched: 100 };
    let judge = PlanJudge::new(Arc::new(ArcSwap::from_pointee(plan)), limits, None, telemetry.clone()).with_knowledge(known);
    watch.proved(Instant::now());
    ledger.set_fresh(Instant::now());
    Stage { judge, ledger, watch, telemetry }
}

impl Stage {
    fn says(&self, person: &str, version: u64, state: &str) {
        let key = format!("user_id:{person}");
        let value = format!(
            r#"{{"identity":{{"kind":"user_id","value":"{person}"}},"version":{version},"purposes":{{"advertising":{{"state":"{state}","at":"2026-11-01T09:00:00Z"}}}}}}"#
        );
        let (key, value) = (Some(key.as_bytes()), Some(value.as_bytes()));
        self.ledger.apply(&Change { feed: Feed::Consent, partition: 0, offset: 0, key, value, timestamp: None });
    }

    /// How many records the sink gets of one event.
    fn judge(&mut self, person: &str) -> usize {
        let value = format!(r#"{{"user":"{person}","event":"viewed"}}"#);
        let timestamp = Some("2026-11-20T00:00:00Z".parse().unwrap());
        let (key, value) = (None, Some(value.as_bytes()));
        let fetched = Fetched { topic: "events", partition: 0, offset: 0, timestamp, key, value, headers: &|_| true, read: None };
        let mut written = 0;
        let write: &mut Write<'_> = &mut |_| {
            written += 1;
            Ok(Sent::Taken)
        };
        self.judge.judge(&fetched, write).unwrap();
        written
    }
}

#[test]
fn a_batch_stands_until_somebody_withdraws_whom_it_released_something_about() {
    let mut stage = stage();
    for person in ["ann", "bob", "cem"] {
        stage.says(person, 1, "granted");
    }
    stage.says("dan", 1, "denied");
    stage.judge.renew();
    assert_eq!((stage.judge("ann"), stage.judge("dan")), (1, 0));
    assert!(stage.judge.stands());
    stage.says("bob", 2, "withdrawn");
    assert!(stage.judge.stands(), "the batch says nothing about bob");
    stage.says("dan", 2, "withdrawn");
    assert!(stage.judge.stands(), "nothing about dan was released");
    stage.says("ann", 2, "withdrawn");
    assert!(!stage.judge.stands(), "ann's event is about to be committed");
    stage.judge.aborted();
    stage.judge.renew();
    assert_eq!((stage.judge("ann"), stage.judge("cem")), (0, 1), "judged again by what is known now");
    assert!(stage.judge.stands());
}

/// A batch that is judged again from memory is no younger for that.
#[test]
fn the_latency_of_what_is_judged_again_is_counted_from_its_reading() {
    let mut stage = stage();
    stage.says("ann", 1, "granted");
    let now = Instant::now();
    stage.judge.renew();
    let fetched = Fetched {
        topic: "events",
        partition: 0,
        offset: 0,
        timestamp: None,
        key: None,
        value: Some(br#"{"user":"ann","event":"viewed"}"#),
        headers: &|_| true,
        read: now.checked_sub(Duration::from_secs(3)),
    };
    stage.judge.judge(&fetched, &mut |_| Ok(Sent::Taken)).unwrap();
    stage.judge.close(&mut |_| Ok(Sent::Taken)).unwrap();
    stage.judge.committed(now + Duration::from_secs(1));
    let shown = stage.telemetry.render(Timestamp::now());
    assert!(shown.contains("privet_latency_seconds_sum{sink=\"ads\"} 4\n"), "{shown}");
}

#[test]
fn nothing_is_sound_without_a_proof_and_a_failure_stops() {
    let mut stage = stage();
    let now = Instant::now();
    assert!(stage.judge.sound(now).is_ok());
    let late = stage.judge.sound(now + Duration::from_secs(3)).expect_err("too old");
    assert_eq!(late.recovery, Recovery::Abort);
    assert!(late.why.contains("not proved fresh"), "{late}");
    stage.watch.fail("topic `privacy.consent` was made anew");
    let failed = stage.judge.sound(now).expect_err("failed");
    assert_eq!(failed.recovery, Recovery::Stop);
    assert!(failed.why.contains("made anew"), "{failed}");
}

/// Whether the judge says that nothing is committed any more that was judged without all that has landed.
fn is_enforced(stage: &Stage) -> bool {
    stage.judge.asked.as_ref().unwrap().known.meters.is_enforced(stage.ledger.restrictions())
}

/// A withdrawal is measured as enforced only once the batch before, which was judged without it, has ended.
#[test]
fn what_is_on_its_way_to_the_brokers_is_not_enforced_yet() {
    let mut stage = stage();
    stage.says("ann", 1, "granted");
    assert!(!is_enforced(&stage), "nobody knows yet what a process before may have on its way");
    stage.judge.sound(Instant::now()).unwrap();
    stage.judge.renew();
    assert_eq!(stage.judge("ann"), 1);
    stage.says("bea", 1, "withdrawn");
    assert!(is_enforced(&stage), "the open batch is asked about it before it leaves");
    assert!(stage.judge.stands());
    assert!(is_enforced(&stage), "it was asked");
    stage.judge.close(&mut |_| Ok(Sent::Taken)).unwrap();
    stage.says("ann", 2, "withdrawn");
    stage.judge.sound(Instant::now()).unwrap();
    assert!(!is_enforced(&stage));
    stage.judge.committed(Instant::now());
    assert!(is_enforced(&stage));
}

/// A batch that does not stand never leaves.
#[test]
fn what_a_withdrawal_voids_is_enforced_at_once() {
    let mut stage = stage();
    stage.says("ann", 1, "granted");
    stage.judge.sound(Instant::now()).unwrap();
    stage.judge.renew();
    assert_eq!(stage.judge("ann"), 1);
    stage.says("ann", 2, "withdrawn");
    assert!(!stage.judge.stands());
    stage.says("ann", 3, "withdrawn");
    assert!(is_enforced(&stage));
}

/// A batch that nobody waits for any more is void for this worker, and may yet be committed until its producer is fenced.
#[test]
fn what_was_given_up_is_not_enforced_before_its_producer_is_fenced() {
    let mut stage = stage();
    stage.says("ann", 1, "granted");
    stage.judge.renew();
    assert_eq!(stage.judge("ann"), 1);
    assert!(stage.judge.stands());
    stage.judge.close(&mut |_| Ok(Sent::Taken)).unwrap();
    stage.says("ann", 2, "withdrawn");
    stage.judge.aborted();
    stage.judge.sound(Instant::now()).unwrap();
    assert!(!is_enforced(&stage));
    stage.judge.settled();
    assert!(is_enforced(&stage));
}

/// A device's erasure does not silence the person beside it; a data key made for the device would be destroyed at once, and
/// the person's values with it.
#[test]
fn an_erased_device_beside_a_living_person_gets_no_data_key() {
    use crate::keys::subject::{SubjectKeys, SubjectTable};
    let text = POLICY
        .replace("subject: [", "subject: [{kind: device, path: $.device, names: device}, ")
        .replace("{$.event: keep}", "{$.event: {encrypt: {key: k}}}")
        .replace("streams:", "keys: {k: {}}\nstreams:");
    let mut stage = stage_of(&text);
    let topic = "privacy.subject-keys";
    let data_keys = DataKeys::Kept { table: Arc::new(SubjectTable::new(10)), worker: 1 };
    stage.judge = stage.judge.with_data_keys(topic, data_keys);
    stage.says("ann", 1, "granted");
    let erased = |who: &str| {
        let value = format!(r#"{{"identity":{{"kind":"device","value":"{who}"}}}}"#);
        stage.ledger.apply_json(Feed::Erasures, value.as_bytes()).unwrap();
    };
    erased("d1");
    let keys: SubjectKeys = KeySet::demonstration().subject_keys();
    let mut made = |device: &str| {
        let value = format!(r#"{{"user":"ann","device":"{device}","event":"viewed"}}"#);
        let timestamp = Some("2026-11-20T00:00:00Z".parse().unwrap());
        let (key, value) = (None, Some(value.as_bytes()));
        let fetched = Fetched { topic: "events", partition: 0, offset: 0, timestamp, key, value, headers: &|_| true, read: None };
        let mut rows = Vec::new();
        let write: &mut Write<'_> = &mut |record: Outgoing<'_>| {
            if record.topic == topic {
                rows.push(crate::keys::subject::RowKey::from_record_key(record.key.unwrap()).unwrap().subject);
            }
            Ok(Sent::Taken)
        };
        stage.judge.renew();
        stage.judge.judge(&fetched, write).unwrap();
        rows
    };
    assert_eq!(made("d1"), [keys.digest("user_id", b"ann")]);
    assert_eq!(made("d2"), [keys.digest("device", b"d2")], "ann has one; a device that nobody erased guards too");
}

/// Keeps roots, and never gives any.
#[derive(Debug)]
struct Away;

impl crate::keys::provider::Provider for Away {
    fn name(&self) -> &'static str {
        "away"
    }

    fn wraps(&self) -> bool {
        true
    }

    fn open(&self, _: &[crate::keys::RootKey]) -> Result<Vec<crate::keys::RootKey>, crate::keys::KeyError> {
        Err(crate::keys::KeyError::NoSuchKey)
    }

    fn close(&self, keys: Vec<crate::keys::RootKey>) -> Result<Vec<crate::keys::RootKey>, crate::keys::KeyError> {
        Ok(keys)
    }
}

/// Who an event is about is asked by keyed digest: without keys nobody can say that nobody is suppressed, so that also a sink
/// whose rules need no key gets nothing. Without a ledger it does.
#[test]
fn without_keys_nothing_is_judged_that_the_ledger_would_be_asked_about() {
    let outcomes = |judge: PlanJudge, value: Option<&[u8]>, ledger: Option<Arc<Ledger>>| {
        let keyring = Arc::new(Keyring::new(Box::new(Away), Some(Duration::from_secs(1))));
        let mut judge = judge.with_keyring(keyring);
        judge.engine.set_ledger(ledger);
        let fetched = Fetched {
            topic: "events",
            partition: 0,
            offset: 0,
            timestamp: None,
            key: Some(b"ann"),
            value,
            headers: &|_| true,
            read: None,
        };
        let mut written = 0;
        judge.renew();
        judge
            .judge(&fetched, &mut |_| {
                written += 1;
                Ok(Sent::Taken)
            })
            .unwrap();
        judge.close(&mut |_| Ok(Sent::Taken)).unwrap();
        judge.committed(Instant::now());
        let counts = judge.telemetry.decisions();
        (written, counts.iter().map(|count| (count.outcome, count.reason)).collect::<Vec<_>>())
    };
    let event = Some(&br#"{"user":"ann","event":"viewed"}"#[..]);
    let quarantined = vec![(Outcome::Quarantine, Reason::KeyUnavailable)];
    let asked = stage();
    asked.says("ann", 1, "granted");
    let Stage { judge, ledger, watch: _, telemetry: _ } = asked;
    assert_eq!(outcomes(judge, event, Some(ledger)), (0, quarantined.clone()));

    let open = POLICY
        .replace("advertising: {legal_basis: consent, opt_outs: none}", "advertising: {legal_basis: contract, because: it is}");
    let open = open.replace("    consent: [{signal: ledger}]\n", "");
    let allowed = vec![(Outcome::Allow, Reason::NotRequired)];
    assert_eq!(outcomes(stage_of(&open).judge, event, None), (1, allowed), "needs no key, and nobody to ask about");
    let ledger = stage_of(&open).ledger;
    assert_eq!(
        outcomes(stage_of(&open).judge, event, Some(ledger)),
        (0, quarantined.clone()),
        "suppressions are asked for every stream"
    );

    // A tombstone passes under its pseudonym or not at all.
    let keyed = open
        .replace("sinks:", "keys: {k: {}}\nsinks:")
        .replace("unlisted: drop", "unlisted: drop\n    tombstones: pass\n    record_key: {pseudonym: {key: k}}");
    assert_eq!(outcomes(stage_of(&keyed).judge, None, None), (0, quarantined));
}

/// A policy under which consent events of `user` teach the ledger.
fn learns(what: &str) -> String {
    let signal = "{signal: segment, path: $.prefs, purposes: {advertising: Ads}}";
    let ledger = format!("{{signal: ledger, learn: {what}, learn_when: {{path: $.event, equals: consent}}}}");
    POLICY.replace("{signal: ledger}", &format!("{signal}, {ledger}"))
}

/// Judges an event of ann's and says what is handed on to be learned.
fn taught(stage: &mut Stage, told: &std::sync::mpsc::Receiver<crate::pipeline::Told>, value: &str) -> Vec<(Stated, String)> {
    let timestamp = Some("2026-11-20T00:00:00Z".parse().unwrap());
    let (key, value) = (None, Some(value.as_bytes()));
    let fetched = Fetched { topic: "events", partition: 0, offset: 0, timestamp, key, value, headers: &|_| true, read: None };
    stage.judge.judge(&fetched, &mut |_| Ok(Sent::Taken)).unwrap();
    let told: Vec<_> = told.try_iter().collect();
    let said = told.iter().flat_map(|told| {
        assert_eq!((told.kind.as_str(), told.value.as_str()), ("user_id", "ann"));
        told.lessons.iter().map(|lesson| (lesson.state, lesson.at.to_string()))
    });
    let said = said.collect();
    told.into_iter().for_each(crate::pipeline::Told::done);
    said
}

use crate::ledger::record::Stated;

const NO: &str = r#"{"user":"ann","event":"consent","prefs":{"Ads":false}}"#;
const YES: &str = r#"{"user":"ann","event":"consent","prefs":{"Ads":true}}"#;

#[test]
fn what_a_consent_event_denies_is_handed_on_once_and_grants_only_where_all_is_learned() {
    let (learner, told) = Learner::new();
    let mut stage = stage_with(&learns("denials"), Some(learner));
    stage.judge.renew();
    let denied = [(Stated::Denied, "2026-11-20T00:00:00Z".to_owned())];
    assert_eq!(taught(&mut stage, &told, NO), denied);
    assert!(taught(&mut stage, &told, YES).is_empty(), "denials only");
    assert!(taught(&mut stage, &told, &NO.replace("consent", "viewed")).is_empty(), "another event");
    assert!(taught(&mut stage, &told, &NO.replace("ann", "")).is_empty(), "of nobody");
    assert!(taught(&mut stage, &told, &NO.replace("false", "7")).is_empty(), "what cannot be read is nobody's word");
    stage.says("ann", 1, "granted");
    assert_eq!(taught(&mut stage, &told, NO), denied, "later than the grant of November 1");
    let learned = r#"{"identity":{"kind":"learned","value":"user_id:ann"},"purposes":{"advertising":{"state":"denied","at":"2026-11-20T00:00:00Z"}}}"#;
    stage.ledger.apply_json(Feed::Consent, learned.as_bytes()).unwrap();
    assert!(taught(&mut stage, &told, NO).is_empty(), "it is known");
    assert_eq!(stage.judge("ann"), 0, "and holds for events that say nothing");

    let (learner, told) = Learner::new();
    let mut stage = stage_with(&learns("all"), Some(learner));
    stage.judge.renew();
    assert_eq!(taught(&mut stage, &told, YES), [(Stated::Granted, "2026-11-20T00:00:00Z".to_owned())]);
    stage.says("ann", 1, "denied");
    assert!(taught(&mut stage, &told, YES).is_empty(), "a denial is never replaced");
}

#[test]
fn of_the_erased_nothing_is_handed_on() {
    let (learner, told) = Learner::new();
    let mut stage = stage_with(&learns("all"), Some(learner));
    let (key, value) = (Some(&b"user_id:ann"[..]), Some(&b"{}"[..]));
    stage.ledger.apply(&Change { feed: Feed::Erasures, partition: 0, offset: 0, key, value, timestamp: None });
    stage.judge.renew();
    assert!(taught(&mut stage, &told, NO).is_empty() && taught(&mut stage, &told, YES).is_empty());
}

/// Judged again from memory an event teaches nothing twice; read again it does, since nobody knows what became of the first time.
#[test]
fn what_is_judged_again_is_handed_on_once() {
    let (learner, told) = Learner::new();
    let mut stage = stage_with(&learns("denials"), Some(learner));
    let timestamp = Some("2026-11-20T00:00:00Z".parse().unwrap());
    let value = Some(NO.as_bytes());
    let first = Fetched { topic: "events", partition: 0, offset: 0, timestamp, key: None, value, headers: &|_| true, read: None };
    let again = Fetched { read: Some(Instant::now()), ..first };
    let other = NO.replace("ann", "bob");
    let other = Fetched { value: Some(other.as_bytes()), ..again };
    for (fetched, expected) in [(first, 1), (again, 0), (other, 1), (again, 0), (first, 1)] {
        stage.judge.aborted();
        stage.judge.renew();
        stage.judge.judge(&fetched, &mut |_| Ok(Sent::Taken)).unwrap();
        assert_eq!(told.try_iter().count(), expected);
    }
}

#[test]
fn a_batch_ends_only_once_what_it_teaches_is_acknowledged() {
    let (learner, told) = Learner::new();
    let mut stage = stage_with(&learns("denials"), Some(learner));
    stage.judge.renew();
    let timestamp = Some("2026-11-20T00:00:00Z".parse().unwrap());
    let value = Some(NO.as_bytes());
    let fetched =
        Fetched { topic: "events", partition: 0, offset: 0, timestamp, key: None, value, headers: &|_| true, read: None };
    stage.judge.judge(&fetched, &mut |_| Ok(Sent::Taken)).unwrap();
    let fault = stage.judge.close(&mut |_| Ok(Sent::Taken)).expect_err("nobody has written it");
    assert_eq!(fault.recovery, Recovery::Abort);
    assert!(fault.why.contains("does not acknowledge") && !fault.why.contains("ann"), "{fault}");
    stage.judge.aborted();
    told.try_iter().for_each(crate::pipeline::Told::done);
    stage.judge.renew();
    stage.judge.close(&mut |_| Ok(Sent::Taken)).unwrap();
    drop(told);
    let fault = stage.judge.judge(&fetched, &mut |_| Ok(Sent::Taken)).expect_err("nobody writes any more");
    assert_eq!(fault.recovery, Recovery::Stop);
}

/// What a row that was not there before can change without taking anything away: the first row of an earlier identity stands in
/// place of a later one's grants, and a row may say where somebody is. A grant that lands for somebody who has a row does neither.
#[test]
fn a_row_that_is_new_voids_the_batch_of_whom_it_is_about_and_of_nobody_else() {
    let two = POLICY.replace("[{kind: user_id, path: $.user}]", "[{kind: email, path: $.event}, {kind: user_id, path: $.user}]");
    let mut stage = stage_of(&two);
    stage.says("ann", 1, "granted");
    stage.says("bob", 1, "granted");
    stage.judge.renew();
    assert_eq!((stage.judge("ann"), stage.judge("bob")), (1, 1), "by the row of the second identity");
    let row = |stage: &Stage, who: &str, place: &str| {
        let (kind, value) = who.split_once(':').unwrap();
        let text = format!(r#"{{"identity":{{"kind":"{kind}","value":"{value}"}}{place},"purposes":{{}}}}"#);
        let (key, value) = (Some(who.as_bytes()), Some(text.as_bytes()));
        stage.ledger.apply(&Change { feed: Feed::Consent, partition: 0, offset: 0, key, value, timestamp: None });
    };
    row(&stage, "email:stranger", "");
    assert!(stage.judge.stands(), "nobody of this batch");
    stage.says("bob", 2, "granted");
    assert!(stage.judge.stands(), "a row that is there, confirmed");
    row(&stage, "email:viewed", r#","jurisdiction":"US""#);
    assert!(!stage.judge.stands(), "the first identity of both has a row now, and it grants nothing");
    stage.judge.aborted();
    stage.judge.renew();
    assert_eq!((stage.judge("ann"), stage.judge("bob")), (0, 0));
    assert!(stage.judge.stands());
}
