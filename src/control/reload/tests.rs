//! Reload end to end: real files, the real compiler, and every way in which a new policy may be no good.

use super::{Admit, Fault, ReloadHandle, Reloader, Report, Trigger, load};
use crate::control::Status;
use crate::control::admin::{Server, Settings, Sources};
use crate::keys::KeySet;
use crate::plan::Plan;
use crate::policy::Files;
use crate::telemetry::{ReloadResult, Telemetry};
use arc_swap::ArcSwap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// A small policy that reads one topic and writes another, with a line to vary.
fn policy(source: &str, sink: &str, unlisted: &str) -> String {
    format!(
        "privet: 1
controller: {{name: Example Ltd, country: DE}}
purposes:
  statistics: {{legal_basis: contract, because: Terms of use}}
regimes: [{{in: ['*'], silence: deny}}]
keys: {{ids: {{}}}}
streams:
  web:
    topics: [{source}]
    format: json
    subject: [{{kind: user_id, path: $.userId}}]
    jurisdiction: {{otherwise: EEA}}
sinks:
  warehouse:
    topic: {sink}
    purposes: [statistics]
    unlisted: {unlisted}
    fields: {{user.unique_id: {{pseudonym: {{key: ids}}}}, $.event: keep}}
"
    )
}

fn first() -> String {
    policy("events.raw", "events.clean", "drop")
}

fn second() -> String {
    policy("events.raw", "events.clean", "keep")
}

struct Running {
    files: Files,
    live: Arc<ArcSwap<Plan>>,
    reloader: Reloader,
    status: Arc<Status>,
    telemetry: Arc<Telemetry>,
    _folder: tempfile::TempDir,
}

impl Running {
    fn start() -> Running {
        Running::admitting(Box::new(|_, _| Ok(())))
    }

    fn admitting(admit: Admit) -> Running {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("policy.yaml"), first()).unwrap();
        Running::over(folder, admit)
    }

    /// Runs what stands in the folder's `policy.yaml`, with fresh keys beside it.
    fn over(folder: tempfile::TempDir, admit: Admit) -> Running {
        let files = Files::new(folder.path().join("policy.yaml"), folder.path().join("keys.json"));
        KeySet::generate().unwrap().save_new(&files.keys).unwrap();
        let (loaded, _) = load(&files).unwrap_or_else(|fault| panic!("{fault}"));
        let live = Arc::new(ArcSwap::new(loaded.plan.clone()));
        let (status, telemetry) = (Status::new(1), Arc::new(Telemetry::new()));
        status.worker(0).assigned(vec![("events.raw".to_owned(), 0)]);
        let reloader = Reloader::start(files.clone(), loaded, live.clone(), admit, status.clone(), telemetry.clone()).unwrap();
        Running { files, live, reloader, status, telemetry, _folder: folder }
    }

    fn write(&self, text: &str) {
        std::fs::write(&self.files.policy, text).unwrap();
    }

    fn reload(&self) -> Report {
        reload(&self.reloader.handle(), Trigger::Request)
    }

    fn metric(&self, name: &str) -> f64 {
        let text = self.telemetry.render(jiff::Timestamp::now());
        let line = text.lines().find(|line| line.split(' ').next() == Some(name));
        line.unwrap_or_else(|| panic!("no {name}")).rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// The plan that runs is still this very one.
    #[track_caller]
    fn keeps(&self, old: &Arc<Plan>) {
        assert!(Arc::ptr_eq(old, &self.live.load()), "the running plan was touched");
        assert!(Arc::ptr_eq(old, &self.reloader.handle().running().plan));
    }
}

fn reload(handle: &ReloadHandle, trigger: Trigger) -> Report {
    tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(handle.reload(trigger)).unwrap()
}

#[track_caller]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn a_changed_file_runs_soon_and_whole() {
    let running = Running::start();
    let old = running.live.load_full();
    assert_eq!(running.metric("privet_policy_last_reload_successful"), 1.0);
    running.write(&second());
    until("the new plan runs", || running.live.load().hash != old.hash);
    until("the report is there", || running.reloader.handle().last().is_some());
    let report = running.reloader.handle().last().unwrap();
    assert_eq!((report.result, report.trigger), (ReloadResult::Changed, Trigger::File));
    assert_eq!(report.policy, running.live.load().hash.to_string());
    assert_eq!(running.metric("privet_policy_pending"), 0.0);
    assert_eq!(running.metric(r#"privet_policy_reloads_total{result="changed"}"#), 1.0);
    assert_eq!(running.metric(&format!(r#"privet_policy_info{{hash="{}",version="1"}}"#, report.policy)), 1.0);
    assert_eq!(running.metric(&format!(r#"privet_policy_info{{hash="{}",version="1"}}"#, old.hash)), 0.0, "the old one ended");
}

#[test]
fn a_bad_policy_changes_nothing_and_is_seen_everywhere() {
    let running = Running::start();
    let old = running.live.load_full();
    running.write(&first().replace("purposes: [statistics]", "purposes: [statistiks]"));
    until("the failure is reported", || running.reloader.handle().last().is_some());
    let report = running.reloader.handle().last().unwrap();
    assert_eq!(report.result, ReloadResult::Failed);
    let errors: Vec<&Fault> = report.diagnostics.iter().filter(|fault| fault.severity == "error").collect();
    assert_eq!(errors.iter().map(|fault| fault.line).collect::<Vec<_>>(), [16]);
    assert!(report.text.contains("statistiks") && report.text.contains("policy.yaml:16"), "{}", report.text);
    assert_eq!(report.policy, old.hash.to_string(), "the report names what goes on");
    running.keeps(&old);
    assert_eq!(running.metric("privet_policy_last_reload_successful"), 0.0);
    assert_eq!(running.metric("privet_policy_pending"), 1.0);
    assert_eq!(running.metric(r#"privet_policy_reloads_total{result="failed"}"#), 1.0);
    let readiness = running.status.readiness();
    assert!(readiness.ready && readiness.notes.len() == 1, "{readiness:?}");

    running.write(&first());
    until("the old file back clears it", || running.metric("privet_policy_pending") == 0.0);
    assert_eq!(running.metric("privet_policy_last_reload_successful"), 1.0);
    assert!(running.status.readiness().notes.is_empty());
    running.keeps(&old);
}

#[test]
fn a_kubernetes_swap_of_the_data_link_is_seen() {
    let folder = tempfile::tempdir().unwrap();
    let version = |name: &str, text: &str| {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        std::fs::write(folder.path().join(name).join("policy.yaml"), text).unwrap();
    };
    let link = |to: &str, name: &str| std::os::unix::fs::symlink(to, folder.path().join(name)).unwrap();
    version("..2026_11_22", &first());
    link("..2026_11_22", "..data");
    link("..data/policy.yaml", "policy.yaml");
    let path = folder.path().to_owned();
    let running = Running::over(folder, Box::new(|_, _| Ok(())));
    let old = running.live.load_full();

    std::fs::create_dir(path.join("..2026_11_23")).unwrap();
    std::fs::write(path.join("..2026_11_23/policy.yaml"), second()).unwrap();
    std::os::unix::fs::symlink("..2026_11_23", path.join("..data_tmp")).unwrap();
    std::fs::rename(path.join("..data_tmp"), path.join("..data")).unwrap();
    std::fs::remove_dir_all(path.join("..2026_11_22")).unwrap();
    until("the new plan runs", || running.live.load().hash != old.hash);
}

#[test]
fn a_file_replaced_by_renaming_is_seen_and_a_missing_one_changes_nothing() {
    let running = Running::start();
    let old = running.live.load_full();
    let beside = running.files.policy.with_extension("new");
    std::fs::write(&beside, second()).unwrap();
    std::fs::rename(&beside, &running.files.policy).unwrap();
    until("the new plan runs", || running.live.load().hash != old.hash);
    let new = running.live.load_full();
    std::fs::remove_file(&running.files.policy).unwrap();
    until("the failure is shown", || running.metric("privet_policy_last_reload_successful") == 0.0);
    running.keeps(&new);
    let report = running.reload();
    assert_eq!(report.result, ReloadResult::Failed);
    assert!(report.message.contains("policy.yaml"), "{}", report.message);
}

#[test]
fn other_source_topics_take_a_restart() {
    let running = Running::start();
    let old = running.live.load_full();
    running.write(&policy("events.other", "events.clean", "drop"));
    let report = running.reload();
    assert_eq!(report.result, ReloadResult::Failed);
    let words = "the source topics differ, which takes a restart: added `events.other` removed `events.raw`";
    assert_eq!(report.message, words);
    running.keeps(&old);
    assert_eq!(running.metric("privet_policy_pending"), 1.0);
}

#[test]
fn what_the_brokers_refuse_is_tried_again_when_asked() {
    let made = Arc::new(AtomicBool::new(false));
    let seen = made.clone();
    let running = Running::admitting(Box::new(move |old, new| {
        assert_ne!(old.hash, new.hash);
        let missing = &new.sinks[0].topic;
        if seen.load(Ordering::Relaxed) { Ok(()) } else { Err(format!("sink `warehouse`: topic `{missing}` does not exist")) }
    }));
    let old = running.live.load_full();
    running.write(&policy("events.raw", "events.new", "drop"));
    let report = running.reload();
    assert_eq!(report.message, "sink `warehouse`: topic `events.new` does not exist");
    running.keeps(&old);
    made.store(true, Ordering::Relaxed);
    assert_eq!(running.reload().result, ReloadResult::Changed);
    assert_eq!(&*running.live.load().sinks[0].topic, "events.new");
}

/// A broker that is away for a minute must not leave the old policy running for a night.
#[test]
fn what_the_brokers_refuse_is_tried_again_by_itself() {
    let back = Arc::new(AtomicBool::new(false));
    let seen = back.clone();
    let running = Running::admitting(Box::new(move |_, _| {
        if seen.load(Ordering::Relaxed) { Ok(()) } else { Err("the brokers do not answer".to_owned()) }
    }));
    let old = running.live.load_full();
    running.write(&second());
    assert_eq!(running.reload().result, ReloadResult::Failed);
    running.keeps(&old);
    back.store(true, Ordering::Relaxed);
    until("the new policy runs", || !Arc::ptr_eq(&old, &running.live.load()));
    until("nothing is pending", || running.metric("privet_policy_pending") == 0.0);
    assert_eq!(running.reloader.handle().last().map(|report| report.trigger), Some(Trigger::File));
    assert!(running.status.readiness().notes.is_empty());
}

/// `/readyz`, `/` and `/api/status` are for probes, without a token.
#[test]
fn what_probes_see_of_a_refusal_holds_nothing_of_the_policy() {
    let running = Running::admitting(Box::new(|_, _| Err("topic `secret.plans` of sink `spy` does not exist".to_owned())));
    running.write(&second());
    assert!(running.reload().message.contains("secret.plans"), "who has the token sees why");
    let [note] = &running.status.readiness().notes[..] else { panic!("one note") };
    assert!(note.contains("failed") && note.contains("log"), "{note}");
    assert!(!note.contains("secret") && !note.contains("spy"), "{note}");
}

/// A folder may be a busy one, and an editor alone makes a dozen events.
#[test]
fn events_of_the_folder_leave_room_for_those_who_ask() {
    let busy = Arc::new(AtomicBool::new(true));
    let entered = Arc::new(AtomicBool::new(false));
    let (seen, inside) = (busy.clone(), entered.clone());
    let running = Running::admitting(Box::new(move |_, _| {
        inside.store(true, Ordering::Relaxed);
        until("the brokers answer", || !seen.load(Ordering::Relaxed));
        Ok(())
    }));
    running.write(&second());
    until("the brokers are asked", || entered.load(Ordering::Relaxed));
    for number in 0..200 {
        std::fs::write(running.files.policy.with_file_name(format!("{number}.log")), "line").unwrap();
    }
    // The watcher's thread tells of them in its own time.
    std::thread::sleep(Duration::from_millis(300));
    let asked = running.reloader.handle().request(Trigger::Signal);
    busy.store(false, Ordering::Relaxed);
    assert_eq!(asked, Ok(()));
}

#[test]
fn keys_come_with_the_policy_or_not_at_all() {
    let running = Running::start();
    let old = running.live.load_full();
    let mut keys = KeySet::load(&running.files.keys).unwrap();
    keys.rotate().unwrap();
    keys.save(&running.files.keys).unwrap();
    let report = running.reload();
    // The watcher may have been first.
    assert!(report.result == ReloadResult::Changed || running.metric(r#"privet_policy_reloads_total{result="changed"}"#) == 1.0);
    let new = running.live.load_full();
    assert!(!Arc::ptr_eq(&old, &new) && old.hash == new.hash, "the same policy under other keys is another plan");
    assert_eq!(running.metric(r#"privet_key_epoch{key="root"}"#), 2.0);

    std::fs::write(&running.files.keys, "{}").unwrap();
    let report = running.reload();
    assert_eq!(report.result, ReloadResult::Failed);
    assert!(report.message.contains("keys.json"), "{}", report.message);
    running.keeps(&new);
}

/// People are known by digests of a root of its own; the ledger has read who is erased by the one that it began with.
#[test]
fn another_digests_root_takes_a_restart_where_values_are_encrypted() {
    let folder = tempfile::tempdir().unwrap();
    let text = first().replacen("$.event: keep}", "$.event: {encrypt: {key: ids}}}", 1);
    std::fs::write(folder.path().join("policy.yaml"), text).unwrap();
    let running = Running::over(folder, Box::new(|_, _| Ok(())));
    let old = running.live.load_full();
    assert!(old.subject_keys.is_some());
    KeySet::generate().unwrap().save(&running.files.keys).unwrap();
    let report = running.reload();
    assert_eq!(report.result, ReloadResult::Failed);
    assert!(report.message.contains("digests root"), "{}", report.message);
    running.keeps(&old);
}

#[test]
fn a_comment_is_no_change_and_leaves_nothing_pending() {
    let running = Running::start();
    running.write(&format!("# a comment\n{}", first()));
    let report = running.reload();
    assert_eq!(report.result, ReloadResult::Unchanged);
    assert_eq!(running.metric("privet_policy_pending"), 0.0);
    assert!(running.reloader.handle().running().text.starts_with("# a comment"), "what is shown is what the file says");
}

#[test]
fn a_file_that_was_refused_is_not_tried_again_by_itself() {
    let running = Running::start();
    running.write("privet: 2\n");
    until("it is refused", || running.metric(r#"privet_policy_reloads_total{result="failed"}"#) == 1.0);
    std::fs::write(running.files.policy.with_file_name("unrelated"), "x").unwrap();
    std::thread::sleep(Duration::from_millis(800));
    assert_eq!(running.metric(r#"privet_policy_reloads_total{result="failed"}"#), 1.0);
    assert_eq!(running.reload().result, ReloadResult::Failed, "asked, it is tried");
}

#[test]
fn a_policy_with_errors_does_not_start() {
    let folder = tempfile::tempdir().unwrap();
    let files = Files::new(folder.path().join("policy.yaml"), folder.path().join("keys.json"));
    KeySet::generate().unwrap().save_new(&files.keys).unwrap();
    std::fs::write(&files.policy, "privet: 1\nsnks: {}\n").unwrap();
    let fault = load(&files).err().unwrap().to_string();
    assert!(fault.contains("policy.yaml:2:1"), "{fault}");
}

// ── Through the admin server ──

fn http(server: &Server, request: &str) -> (u16, String) {
    use std::io::{Read, Write};
    let mut stream = std::net::TcpStream::connect(server.address()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

#[test]
fn the_endpoint_says_what_came_of_it() {
    let running = Running::start();
    let settings = Settings {
        listen: "127.0.0.1:0".parse().unwrap(),
        token: Some("a-token-of-some-length".to_owned().into()),
        tls: None,
        allow_plaintext: false,
        dsr_token: None,
        hosts: Vec::new(),
    };
    let (status, telemetry) = (running.status.clone(), running.telemetry.clone());
    let server =
        Server::start(settings, Sources { status, telemetry, reload: Some(running.reloader.handle()), office: None }).unwrap();
    let request = |line: &str, accept: &str| {
        http(
            &server,
            &format!(
                "{line} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer a-token-of-some-length\r\nAccept: {accept}\r\n\r\n"
            ),
        )
    };
    let json = |body: &str| serde_json::from_str::<serde_json::Value>(body).unwrap();

    running.write(&second());
    let (code, body) = request("POST /api/reload", "application/json");
    assert_eq!(code, 200);
    assert!(["changed", "unchanged"].contains(&json(&body)["result"].as_str().unwrap()), "{body}");
    assert_eq!(json(&body)["policy"], running.live.load().hash.to_string());

    let (code, body) = request("GET /api/policy", "*/*");
    assert_eq!(code, 200);
    let shown = json(&body);
    assert_eq!(shown["text"], second());
    assert_eq!(shown["sinks"][0]["topic"], "events.clean");
    assert_eq!(shown["sinks"][0]["purposes"], serde_json::json!({"all": ["statistics"]}));
    assert_eq!(shown["streams"][0]["topics"], serde_json::json!(["events.raw"]));

    running.write(&second().replace("unlisted: keep", "unlisted: perhaps"));
    let (code, body) = request("POST /api/reload", "application/json");
    assert_eq!(code, 422);
    let report = json(&body);
    assert_eq!((&report["result"], &report["diagnostics"][0]["line"]), (&"failed".into(), &17.into()));
    let (code, body) = request("POST /api/reload", "text/plain");
    assert_eq!(code, 422);
    assert!(body.starts_with("failed: ") && body.contains("policy.yaml:17"), "{body}");

    let (_, body) = request("GET /api/status", "*/*");
    let shown = json(&body);
    assert_eq!(shown["policy"]["last_reload"]["result"], "failed");
    assert!(!body.contains("perhaps"), "the status, which needs no token, shows nothing of the policy");
    assert_eq!(request("GET /readyz", "*/*").0, 200, "the old policy goes on");
}

#[test]
fn the_folder_of_a_bare_file_name_is_the_working_directory() {
    let files = Files::new("policy.yaml".into(), "secrets/keys.json".into());
    let folders: Vec<_> = super::folders(&files).into_iter().collect();
    assert_eq!(folders, [Path::new(".").to_owned(), Path::new("secrets").to_owned()]);
}
