//! Well-formed settings → [`Config`], with what no single setting can say about itself.

use super::read::{Section, section};
use super::yaml::{Kind, Node};
use super::{
    Admin, Callbacks, Commit, Config, Dsr, Guarantee, Ledger, LedgerSnapshot, Limits, Log, Lookup, Place, Problem, Properties,
    Quarantine, SubjectKeys, Tls, Workers, grammar,
};
use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

/// Kafka's own limit on topic names; a group and an instance are kept to the same alphabet.
const MAX_NAME: usize = 249;

/// Properties that carry a guarantee of Privet's own, and what to write instead.
const OWNED: &[(&str, &str)] = &[
    ("group.id", "it is `group`"),
    ("group.instance.id", "static membership is not supported yet"),
    ("group.protocol", "only the classic protocol is supported yet"),
    ("partition.assignment.strategy", "only eager assignment is supported yet"),
    ("transactional.id", "it follows from `group`, `instance` and the worker"),
    ("enable.idempotence", "it is always on"),
    ("enable.auto.commit", "offsets are committed with the data"),
    ("enable.auto.offset.store", "offsets are committed with the data"),
    ("isolation.level", "it is always read_committed"),
    ("auto.offset.reset", "a first start says `--from earliest` or `--from latest`"),
    ("enable.partition.eof", "it is not used"),
    ("partitioner", "it is always murmur2_random, so that Java consumers co-partition"),
    ("acks", "it is always all"),
    ("request.required.acks", "acks is always all"),
    ("delivery.report.only.error", "it is always true"),
    ("metadata.broker.list", "it is `bootstrap.servers`"),
    ("plugin.library.paths", "no code is loaded"),
    ("statistics.interval.ms", "it is fixed"),
];

/// The configuration, or `None` where what is missing keeps it from being built; faults go to `problems`.
pub(super) fn config(tree: Node, base: &Path, lookup: &dyn Lookup, problems: &mut Vec<Problem>) -> Option<Config> {
    let Kind::Map(entries) = tree.kind else { return None };
    let mut top = section(tree.at, entries, grammar::ROOT, lookup, problems);
    let place = |top: &Section, name: &str| top.place(name).unwrap_or(tree.at);

    let allow_plaintext = top.flag("allow_plaintext").unwrap_or(false);
    let guarantee = match top.text("guarantee").as_deref() {
        Some("at_least_once") => Guarantee::AtLeastOnce,
        _ => Guarantee::ExactlyOnce,
    };
    let (group_at, instance_at) = (place(&top, "group"), place(&top, "instance"));
    let group = top.text("group").inspect(|group| named(group_at, "group", group, problems));
    let instance = top.text("instance").or_else(|| lookup.host_name().and_then(|host| ordinal(&host)));
    match &instance {
        Some(instance) => named(instance_at, "instance", instance, problems),
        None if guarantee == Guarantee::ExactlyOnce => problems.push(Problem::new(
            tree.at,
            "`instance` is missing, and the host name does not end in an ordinal (`privet-3`): exactly_once needs a name that \
             no other live instance has and that a restart keeps",
        )),
        None => {}
    }
    let kafka_at = place(&top, "kafka");
    let properties = top.properties("kafka");
    let ledger_at = place(&top, "ledger");
    let ledger = top.section("ledger");
    let ledger = ledger.and_then(|section| ledger_of(section, ledger_at, (base, properties.as_ref()), allow_plaintext, problems));
    let kafka = properties.map(|properties| kafka(kafka_at, properties, allow_plaintext, problems));
    let erasures = topic_of(&mut top, "erasures", tree.at, problems);
    let subject_keys_at = place(&top, "subject_keys");
    let subject_keys = top.section("subject_keys").map(|section| subject_keys(section, subject_keys_at, problems));
    let dsr_at = place(&top, "dsr");
    let group_name = group.clone().unwrap_or_default();
    let dsr = top.section("dsr").and_then(|section| dsr(section, dsr_at, base, &group_name, problems));
    if dsr.is_some() && erasures.is_none() {
        problems.push(Problem::new(dsr_at, "`dsr` needs `erasures`: the topic that suppresses whom a request erases"));
    }
    if let Some(dsr) = &dsr {
        let others =
            [ledger.as_ref().map(|ledger| &ledger.topic), erasures.as_ref(), subject_keys.as_ref().map(|keys| &keys.topic)];
        let mut used: Vec<&String> = others.into_iter().flatten().chain([&dsr.topic, &dsr.notices]).collect();
        used.sort_unstable();
        if used.windows(2).any(|pair| pair[0] == pair[1]) {
            problems.push(Problem::new(dsr_at, "`dsr`: `topic` and `notices` are topics of their own"));
        }
    }
    let admin_at = place(&top, "admin");
    let admin = top.section("admin").and_then(|section| admin(section, admin_at, base, allow_plaintext, problems));
    if let Some(dsr) = &dsr {
        let is_guarded = |admin: &Admin| {
            dsr.token.is_some() || admin.token.is_some() || admin.tls.as_ref().is_some_and(|tls| tls.client_ca.is_some())
        };
        if !admin.as_ref().is_some_and(is_guarded) {
            problems.push(Problem::new(dsr_at, "`dsr` needs `admin`, which listens, and a token or client certificates"));
        }
    }
    let quarantine_at = place(&top, "quarantine");
    let quarantine = top.section("quarantine").and_then(|section| quarantine(section, quarantine_at, problems));

    let keys_at = place(&top, "keys");
    let keys = top.section("keys");
    let keys = keys.and_then(|section| super::keys::keys(section, keys_at, base, allow_plaintext, problems));

    let (keys, key_provider) = keys?;
    Some(Config {
        policy: top.text("policy").map(|path| base.join(path))?,
        keys,
        key_provider,
        group: group?,
        instance,
        workers: top.count("workers").map_or(Workers::Auto, |count| Workers::Count(as_usize(count))),
        guarantee,
        kafka: kafka?,
        allow_plaintext,
        commit: commit(top.section("commit").unwrap_or_default()),
        quarantine,
        ledger,
        erasures,
        subject_keys,
        dsr,
        admin,
        limits: limits(top.section("limits").unwrap_or_default()),
        log: log(top.section("log").unwrap_or_default()),
    })
}

fn as_usize(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// The ordinal of a StatefulSet's pod: `privet-3` → `3`.
fn ordinal(host: &str) -> Option<String> {
    let (name, digits) = host.split('.').next()?.rsplit_once('-')?;
    let number = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    (number && !name.is_empty()).then(|| digits.to_owned())
}

fn named(at: Place, what: &str, name: &str, problems: &mut Vec<Problem>) {
    let alphabet = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-');
    if name.len() > MAX_NAME || !name.bytes().all(alphabet) {
        problems.push(Problem::new(at, format!("`{what}` may hold letters, digits, `.`, `_` and `-`, at most {MAX_NAME}")));
    }
}

/// The topic of a section that has nothing else.
fn topic_of(top: &mut Section, name: &str, otherwise: Place, problems: &mut Vec<Problem>) -> Option<String> {
    let at = top.place(name).unwrap_or(otherwise);
    let topic = top.section(name)?.text("topic")?;
    named(at, "topic", &topic, problems);
    Some(topic)
}

/// Properties as they were written.
type Written = BTreeMap<String, (Place, String)>;

/// Its properties are changes to those of `kafka`; what holds for the whole is looked at as a whole.
fn ledger_of(
    mut ledger: Section,
    at: Place,
    (base, kafka_properties): (&Path, Option<&Written>),
    plaintext: bool,
    problems: &mut Vec<Problem>,
) -> Option<Ledger> {
    let own = ledger.properties("kafka").unwrap_or_default();
    if !own.is_empty() {
        let mut all = kafka_properties.cloned().unwrap_or_default();
        let inherited: Vec<String> = all.keys().filter(|name| !own.contains_key(*name)).cloned().collect();
        all.extend(own.clone());
        let mut found = Vec::new();
        kafka(at, all, plaintext, &mut found);
        // What is wrong with what is inherited is said where it stands.
        found.retain(|problem| !inherited.iter().any(|name| problem.what.contains(&format!("`kafka.{name}`"))));
        problems.append(&mut found);
    }
    let topic = ledger.text("topic")?;
    named(at, "topic", &topic, problems);
    let max_staleness = ledger.duration("max_staleness").unwrap_or(Ledger::MAX_STALENESS);
    let kafka = Properties(own.into_iter().map(|(name, (place, value))| (name, (place, value.into()))).collect());
    let max_memory = ledger.count("max_memory").map_or(Ledger::MAX_MEMORY, as_usize);
    let snapshot = ledger.section("snapshot").and_then(|mut snapshot| {
        let path = base.join(snapshot.text("path")?);
        Some(LedgerSnapshot { path, every: snapshot.duration("every").unwrap_or(LedgerSnapshot::EVERY) })
    });
    Some(Ledger { topic, max_staleness, max_memory, snapshot, kafka })
}

fn subject_keys(mut keys: Section, at: Place, problems: &mut Vec<Problem>) -> SubjectKeys {
    let topic_at = keys.place("topic").unwrap_or(at);
    let topic = keys.text("topic").unwrap_or_else(|| SubjectKeys::TOPIC.to_owned());
    named(topic_at, "topic", &topic, problems);
    SubjectKeys { topic, rows: keys.count("rows").map_or(SubjectKeys::ROWS, as_usize) }
}

fn dsr(mut dsr: Section, at: Place, base: &Path, group: &str, problems: &mut Vec<Problem>) -> Option<Dsr> {
    let mut topic = |dsr: &mut Section, name: &str, default: &str| {
        let at = dsr.place(name).unwrap_or(at);
        let topic = dsr.text(name).unwrap_or_else(|| default.to_owned());
        named(at, name, &topic, problems);
        topic
    };
    let (requests, notices) = (topic(&mut dsr, "topic", Dsr::TOPIC), topic(&mut dsr, "notices", Dsr::NOTICES));
    let domain_at = dsr.place("domain").unwrap_or(at);
    let domain = dsr.text("domain")?;
    let is_name = |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    if domain.len() > 253 || !domain.split('.').all(is_name) {
        problems.push(Problem::new(domain_at, "`domain`: expected a domain name such as privacy.example.com"));
    }
    let mut identities = BTreeMap::new();
    if let Some(mut section) = dsr.section("identities") {
        for (name, _) in Dsr::IDENTITIES {
            let at = section.place(name).unwrap_or(at);
            let Some(kinds) = section.text(name) else { continue };
            let kinds: Vec<String> = kinds.split(',').map(|kind| kind.trim().to_owned()).collect();
            // In the topic of erasures these words say what follows.
            let is_word = |kind: &String| ["digest", "sha256", "sha1", "md5"].contains(&kind.as_str());
            if kinds.iter().any(|kind| kind.is_empty() || kind.contains(':') || is_word(kind)) {
                problems.push(Problem::new(at, format!("`{name}`: expected kinds of the policy, separated by commas")));
            }
            identities.insert(name.to_owned(), kinds);
        }
    }
    let callbacks = dsr.section("callbacks").and_then(|section| callbacks(section, at, base, problems));
    Some(Dsr {
        callbacks,
        certificate: base.join(dsr.text("certificate")?),
        key: base.join(dsr.text("key")?),
        certificate_url: dsr.text("certificate_url").unwrap_or_else(|| format!("https://{domain}/opendsr/v3/certificate")),
        controller_id: dsr.text("controller_id").unwrap_or_else(|| group.to_owned()),
        token: dsr.text("token").map(Into::into),
        topic: requests,
        notices,
        within: dsr.duration("within").unwrap_or(Dsr::WITHIN),
        hold: dsr.duration("hold").unwrap_or_default(),
        identities,
        domain,
    })
}

fn callbacks(mut section: Section, at: Place, base: &Path, problems: &mut Vec<Problem>) -> Option<Callbacks> {
    let hosts_at = section.place("hosts").unwrap_or(at);
    let hosts = section.text("hosts")?;
    let hosts: Vec<String> = hosts.split(',').map(|host| host.trim().to_ascii_lowercase()).collect();
    let is_host = |host: &String| {
        let (name, port) = host.split_once(':').unwrap_or((host, "443"));
        let is_name = |label: &str| !label.is_empty() && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        name.split('.').all(is_name) && port.parse::<u16>().is_ok_and(|port| port > 0)
    };
    if !hosts.iter().all(is_host) {
        let what = "`hosts`: expected names of hosts such as controller.example.com, or with a port, separated by commas";
        problems.push(Problem::new(hosts_at, what));
    }
    Some(Callbacks { hosts, ca: section.text("ca").map(|path| base.join(path)) })
}

fn kafka(at: Place, written: BTreeMap<String, (Place, String)>, plaintext: bool, problems: &mut Vec<Problem>) -> Properties {
    for (name, (place, _)) in &written {
        if let Some((_, instead)) = OWNED.iter().find(|(owned, _)| owned == name) {
            problems.push(Problem::new(*place, format!("`kafka.{name}` cannot be set: {instead}")));
        }
        if name.starts_with("test.") {
            problems.push(Problem::new(*place, format!("`kafka.{name}` cannot be set: it is for tests of librdkafka")));
        }
    }
    let value = |name: &str| written.get(name).map(|(_, value)| value.as_str());
    let protocol = value("security.protocol").unwrap_or("plaintext").to_ascii_lowercase();
    match value("bootstrap.servers") {
        None => problems.push(Problem::new(at, "`kafka.bootstrap.servers` is missing")),
        Some(servers) if !plaintext && protocol.ends_with("plaintext") && !servers.split(',').all(loopback) => {
            problems.push(Problem::new(
                written.get("bootstrap.servers").map_or(at, |(place, _)| *place),
                "Kafka beyond loopback without TLS: set `kafka.security.protocol` to SSL or SASL_SSL, or accept it with `allow_plaintext: true`",
            ));
        }
        Some(_) => {}
    }
    Properties(written.into_iter().map(|(name, (place, value))| (name, (place, value.into()))).collect())
}

/// Whether a server of `bootstrap.servers` is on this machine.
pub(super) fn loopback(server: &str) -> bool {
    let server = server.trim();
    let server = server.split_once("://").map_or(server, |(_, rest)| rest);
    let host = match server.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(rest),
        None if server.matches(':').count() > 1 => server,
        None => server.split(':').next().unwrap_or(server),
    };
    host.eq_ignore_ascii_case("localhost") || host.parse().is_ok_and(|address: IpAddr| address.is_loopback())
}

fn admin(mut admin: Section, at: Place, base: &Path, plaintext: bool, problems: &mut Vec<Problem>) -> Option<Admin> {
    let listen_at = admin.place("listen").unwrap_or(at);
    let listen = admin.text("listen")?.parse::<SocketAddr>();
    let token = admin.text("token").map(Into::into);
    let file = |tls: &mut Section, name: &str| -> Option<PathBuf> { tls.text(name).map(|path| base.join(path)) };
    let tls = admin.section("tls").and_then(|mut tls| {
        Some(Tls {
            certificate: file(&mut tls, "certificate")?,
            key: file(&mut tls, "key")?,
            client_ca: file(&mut tls, "client_ca"),
        })
    });
    let hosts = admin.text("hosts").unwrap_or_default();
    let hosts = hosts.split(',').map(str::trim).filter(|host| !host.is_empty()).map(str::to_owned).collect();
    let Ok(listen) = listen else {
        problems.push(Problem::new(listen_at, "`listen`: expected an address and a port such as 127.0.0.1:9600"));
        return None;
    };
    if !listen.ip().is_loopback() {
        if token.is_none() {
            problems.push(Problem::new(listen_at, "`admin` beyond loopback needs a `token`"));
        }
        if tls.is_none() && !plaintext {
            problems
                .push(Problem::new(listen_at, "`admin` beyond loopback needs `tls`, or accept it with `allow_plaintext: true`"));
        }
    }
    Some(Admin { listen, token, tls, hosts })
}

fn quarantine(mut quarantine: Section, at: Place, problems: &mut Vec<Problem>) -> Option<Quarantine> {
    let topic_at = quarantine.place("topic").unwrap_or(at);
    let recipient_at = quarantine.place("recipient").unwrap_or(at);
    let topic = quarantine.text("topic")?;
    named(topic_at, "topic", &topic, problems);
    let recipient = quarantine.text("recipient");
    if recipient.as_ref().is_some_and(|recipient| !recipient.starts_with("age1")) {
        problems.push(Problem::new(recipient_at, "`recipient`: expected an age recipient, `age1…`"));
    }
    Some(Quarantine { topic, recipient })
}

fn commit(mut commit: Section) -> Commit {
    let default = Commit::default();
    Commit {
        interval: commit.duration("interval").unwrap_or(default.interval),
        records: commit.count("records").map_or(default.records, as_usize),
        bytes: commit.count("bytes").map_or(default.bytes, as_usize),
    }
}

fn limits(mut limits: Section) -> Limits {
    let default = Limits::default();
    Limits {
        record_bytes: limits.count("record_bytes").map_or(default.record_bytes, as_usize),
        depth: limits.count("depth").map_or(default.depth, as_usize),
        members: limits.count("members").map_or(default.members, as_usize),
        name_bytes: limits.count("name_bytes").map_or(default.name_bytes, as_usize),
        touched: limits.count("touched").map_or(default.touched, as_usize),
    }
}

fn log(mut log: Section) -> Log {
    let default = Log::default();
    Log {
        json: log.text("format").map_or(default.json, |format| format == "json"),
        level: log.text("level").unwrap_or(default.level),
    }
}
