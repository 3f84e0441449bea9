//! No transform allocates once its buffers have grown: held with an allocator that counts.

#[path = "kit/allocator.rs"]
mod allocator;

use allocator::{ALLOCATIONS, HELD};
use privet::event::json::Text;
use privet::event::{Position, Timestamp};
use privet::keys::KeySet;
use privet::keys::subject::{DataKeys, Sealing, SubjectTable};
use privet::plan::{
    Action, DetectRule, Dialling, KeyedPseudonym, Label, Normalize, OnFind, Period, PeriodPseudonym, TimeUnit, UrlParam,
    UrlParams, UrlPart, UrlRule,
};
use privet::transform::{Context, Fate, Scratch, apply, apply_key};
use std::sync::Arc;

fn url(params: UrlParams) -> Action {
    Action::Url(Arc::new(UrlRule { params, keep_fragment: true, part: UrlPart::Auto, schemes: vec![] }))
}

/// Each action with an input that it takes, one with escapes, and one that it drops.
fn cases() -> Vec<(Action, [&'static str; 3])> {
    let key = Arc::new(KeySet::demonstration().pseudonym_key("ads", Some("ads"), "user.contact.email"));
    let pseudonym = |normalize| Action::Pseudonym(KeyedPseudonym { key: key.clone(), normalize, overlap: None });
    let urls = [
        r#""https://u:p@shop.example/p;v=1?a=1&%65mail=c%2540x.io&next=%2Fp%3Fx%3D1#top""#,
        r#""https:\/\/shop.example\/?email=c\u0040x.io&b=\u00e4""#,
        r#""javascript:alert(1)""#,
    ];
    let detect = DetectRule {
        find: Label::ALL.into_iter().collect(),
        patterns: Vec::new(),
        with: OnFind::Pseudonym(key.clone()),
        dialling: Dialling::shared(),
    };
    let keys = KeySet::demonstration();
    let token = keys.token_key("crm", Some("ads"), "user.unique_id");
    let encrypt = keys.encrypt_key("crm", Some("ads"), "user.unique_id");
    let period = PeriodPseudonym {
        key: Arc::new(keys.period_key("ads", Some("ads"), "user.unique_id")),
        period: Period::Week,
        normalize: Normalize::Lower,
        overlap: None,
    };
    const LOOK_ALIKES: [&str; 3] =
        [r#""https://x.io/?\u0435mail=1&Straße=2""#, r#""https://x.io/?user.%D0%B5mail=1&é=2""#, r#""é\\x.io?ｅmail=1""#];
    const BROWSER: &str = r#""Mozilla/5.0 (X11; Linux x86_64; rv:121.0) Gecko/20100101 Firefox/121.0""#;
    vec![
        (Action::Encrypt(Arc::new(encrypt)), [r#""97980cfea0067""#, r#""c\u0040x.io""#, "1.5"]),
        (Action::Token(Arc::new(token)), [r#""97980cfea0067""#, r#""c\u0040x.io""#, "1.5"]),
        (Action::PeriodPseudonym(period), [r#""97980cfea0067""#, r#""J\u00dcRGEN@x.io""#, "1.5"]),
        (Action::DiscloseSha256(Normalize::Email), [r#"" Ann.B@Example.ORG ""#, r#""J\u00dcRGEN@x.io""#, r#""no""#]),
        (Action::Prefix { keep: 5 }, [r#""u4pruydqqvj""#, r#""u\u0034pruydqqvj""#, "12345"]),
        (Action::Bucket(Arc::from([18.0, 25.5])), ["18.25", r#""1\u0038""#, r#""old""#]),
        (Action::UserAgent, [BROWSER, r#""Chrome\u002f120.0""#, r#""mine/1""#]),
        (
            Action::Detect(Arc::new(detect)),
            [r#""phone +1 415 555 2671, DE89 3704 0044 0532 0130 00, a@x.io""#, r#""a\u0040x.io 4111 1111 1111 1111""#, "7"],
        ),
        (Action::Mask { keep_last: 4 }, [r#""4716 0464 5555 1788""#, r#""4716\u00e94645\"55551788""#, "4716"]),
        (pseudonym(Normalize::None), [r#""97980cfea0067""#, r#""c\u0040x.io""#, "1.5"]),
        (pseudonym(Normalize::Email), [r#"" Ann.B@Example.ORG ""#, r#""J\u00dcRGEN@x.io""#, r#"" ""#]),
        (
            Action::TruncateIp { v4: 24, v6: 48 },
            [r#""2a02:5758:c632:c3dc:62a7:dd3f:c21b:c8db""#, r#""203.0.113\u002e77""#, r#""no""#],
        ),
        (url(UrlParams::Drop(vec![UrlParam::new("email"), UrlParam::new("token")])), urls),
        (url(UrlParams::Drop(vec![UrlParam::new("email")])), LOOK_ALIKES),
        (url(UrlParams::Keep(vec!["a".into()])), urls),
        (url(UrlParams::Keep(vec!["straße".into()])), LOOK_ALIKES),
        (Action::EmailDomain, [r#""ann@mail.example.org""#, r#""ann\u0040x.io""#, r#""ann""#]),
        (Action::CoarsenGeo { decimals: 2 }, ["52.520008", r#""13\u002e404954""#, "1e99"]),
        (Action::CoarsenTime(TimeUnit::Week), [r#""2026-11-22T10:35:45.123+02:00""#, r#""2026-11-22T10\u003a35:45Z""#, "17"]),
    ]
}

#[test]
fn nothing_is_allocated_after_warm_up() {
    let cases = cases();
    let context = Context { event_time: Timestamp::UNIX_EPOCH, now: Timestamp::UNIX_EPOCH, country: None };
    let (mut scratch, mut out) = (Scratch::default(), Vec::new());
    let subject_keys = Arc::new(KeySet::demonstration().subject_keys());
    let table = Arc::new(SubjectTable::new(10));
    scratch.sealing = Sealing::new(DataKeys::Kept { table, worker: 1 });
    let mut offset = 0;
    let mut pass = |out: &mut Vec<u8>| {
        // Each pass is another record of one subject, whose data keys the first has made.
        offset += 1;
        scratch.sealing.begin_record(Some(&subject_keys), "web", Position { partition: 0, offset });
        scratch.sealing.add_identity("user_id", "97980cfea0067");
        scratch.sealing.add_identity("anonymous_id", "a1");
        for (action, inputs) in &cases {
            let fates = inputs.map(|input| apply(action, Text::new(input.as_bytes()), &context, &mut scratch, out));
            assert_eq!(fates, [Fate::Written, Fate::Written, Fate::Dropped]);
            let bare = inputs[0].trim_matches('"').as_bytes();
            assert_eq!(apply_key(action, bare, &context, &mut scratch, out), Fate::Written);
        }
    };
    pass(&mut out);
    out.clear();
    let before = ALLOCATIONS.get();
    for _ in 0..10 {
        pass(&mut out);
        out.clear();
    }
    assert_eq!(ALLOCATIONS.get() - before, 0);
    assert!(before > 0, "the counter counts");
}

/// Metrics are counted for every record without allocating. At a cut the exporter keeps each latency until its upkeep,
/// in blocks of 64 (`metrics_util::storage::AtomicBucket`): that, and nothing else, is allocated.
#[test]
fn counting_records_allocates_nothing_and_a_cut_only_the_exporters_blocks() {
    use privet::event::{RuleId, SinkId, StreamId};
    use privet::outcome::{Outcome, Reason};
    use privet::telemetry::{LocalCounts, PlanNames, Telemetry};
    use std::time::{Duration, Instant};

    let names = PlanNames { streams: vec!["web".into()], sinks: vec!["ads".into()], rules: vec![("user".into(), "drop")] };
    let mut counts = LocalCounts::new(Arc::new(Telemetry::new()), names);
    let start = Instant::now();
    let mut batch = |outcome: Outcome| {
        let before = ALLOCATIONS.get();
        for record in 0..1000 {
            counts.record(StreamId(0), 1900, start + Duration::from_millis(record));
            counts.decision(StreamId(0), SinkId(0), outcome, Reason::ConsentGranted, 900);
            counts.fields(SinkId(0), RuleId(0), 3);
        }
        let counted = ALLOCATIONS.get();
        counts.commit(start + Duration::from_secs(1));
        [counted - before, ALLOCATIONS.get() - counted]
    };
    batch(Outcome::Allow);
    batch(Outcome::Drop);
    assert_eq!(batch(Outcome::Drop), [0, 0], "nothing released, nothing observed");
    let [counting, cut] = batch(Outcome::Allow);
    assert_eq!(counting, 0);
    assert!((1..=1000 / 64 + 1).contains(&cut), "{cut} allocations at the cut of 1000 released records");
}

/// Where nobody scrapes, the exporter's observations are summed up all the same.
#[test]
fn metrics_take_no_more_memory_the_longer_they_count() {
    use privet::event::{SinkId, StreamId};
    use privet::outcome::{Outcome, Reason};
    use privet::telemetry::{LocalCounts, PlanNames, Telemetry};

    let names = PlanNames { streams: vec!["web".into()], sinks: vec!["ads".into()], rules: vec![] };
    let mut counts = LocalCounts::new(Arc::new(Telemetry::new()), names);
    let now = std::time::Instant::now();
    let before = HELD.get();
    for _ in 0..500 {
        for _ in 0..1000 {
            counts.record(StreamId(0), 1900, now);
            counts.decision(StreamId(0), SinkId(0), Outcome::Allow, Reason::ConsentGranted, 900);
        }
        counts.commit(now);
    }
    let held = HELD.get() - before;
    // All 500,000 observations would be 8 MB.
    assert!(held < 2 << 20, "{held} bytes are held");
}
