//! The configuration as people write it, right and wrong.

use super::*;

struct Machine(&'static str);

impl Lookup for Machine {
    fn variable(&self, name: &str) -> Option<String> {
        (name == "PASSWORD").then(|| "hunter2".to_owned())
    }

    fn file(&self, path: &Path) -> Result<String, String> {
        if path == Path::new("/run/secrets/admin") { Ok("t0ken\n".to_owned()) } else { Err("entity not found".to_owned()) }
    }

    fn host_name(&self) -> Option<String> {
        Some(self.0.to_owned())
    }
}

fn parse(text: &str) -> Result<Config, String> {
    Config::parse(text, Path::new("/etc/privet/privet.yaml"), &Machine("box")).map_err(|error| error.to_string())
}

const LEAST: &str = "policy: policy.yaml\nkeys: {provider: file, path: keys.yaml}\ngroup: g\ninstance: a\nkafka: {bootstrap.servers: \"localhost:9092\"}\n";

#[test]
fn the_least_configuration_takes_the_documented_defaults() {
    let config = parse(LEAST).unwrap();
    assert_eq!(config.policy, Path::new("/etc/privet/policy.yaml"));
    assert_eq!(config.keys, Path::new("/etc/privet/keys.yaml"));
    assert_eq!(config.guarantee, Guarantee::ExactlyOnce);
    assert_eq!(config.workers, Workers::Auto);
    assert_eq!(config.commit, Commit { interval: Duration::from_millis(100), records: 50_000, bytes: 64 << 20 });
    assert_eq!(config.limits.record_bytes, 1_048_576);
    assert_eq!(config.limits.depth, 128);
    assert_eq!(config.log, Log { json: true, level: "info".to_owned() });
    assert_eq!(config.transactional_id(2).as_deref(), Some("g.a.2"));
}

#[test]
fn every_supported_setting_is_read() {
    let text = r#"
policy: /p.yaml
keys: {provider: file, path: /k.yaml}
group: privet
workers: 3
guarantee: at_least_once
kafka:
  bootstrap.servers: "kafka:9093"
  security.protocol: SASL_SSL
  sasl.password: "${PASSWORD}"
  queued.max.messages.kbytes: 4096
commit: {interval: 50ms, records: 10, bytes: 2MiB}
ledger: {topic: privacy.consent, max_staleness: 3s, kafka: {bootstrap.servers: "ledger:9093", sasl.password: "${PASSWORD}"}}
erasures: {topic: privacy.erasures}
subject_keys: {topic: privacy.subject-keys}
quarantine: {topic: privacy.quarantine, recipient: age1xyz}
admin: {listen: "127.0.0.1:9600", token: "${file:/run/secrets/admin}"}
limits: {record_bytes: 64KiB, depth: 16, members: 100, name_bytes: 1KiB, touched: 5}
log: {format: text, level: debug}
"#;
    let config = parse(text).unwrap();
    assert_eq!(config.workers, Workers::Count(3));
    assert_eq!(config.guarantee, Guarantee::AtLeastOnce);
    assert_eq!(config.kafka.get("sasl.password"), Some("hunter2"));
    assert_eq!(config.kafka.get("queued.max.messages.kbytes"), Some("4096"));
    assert_eq!(config.commit, Commit { interval: Duration::from_millis(50), records: 10, bytes: 2 << 20 });
    let ledger = config.ledger.as_ref().unwrap();
    assert_eq!((ledger.topic.as_str(), ledger.max_staleness), ("privacy.consent", Duration::from_secs(3)));
    assert_eq!(ledger.kafka.get("bootstrap.servers"), Some("ledger:9093"));
    assert_eq!(ledger.kafka.get("security.protocol"), None, "only what differs");
    assert_eq!(config.erasures.as_deref(), Some("privacy.erasures"));
    assert_eq!(config.subject_keys, Some(SubjectKeys::default()), "what is not said is as by default");
    assert_eq!(config.quarantine.as_ref().unwrap().topic, "privacy.quarantine");
    let admin = config.admin.as_ref().unwrap();
    assert_eq!(admin.token.as_ref().unwrap().expose_secret(), "t0ken");
    assert_eq!(config.limits, Limits { record_bytes: 65_536, depth: 16, members: 100, name_bytes: 1_024, touched: 5 });
    assert_eq!(config.log, Log { json: false, level: "debug".to_owned() });
    let shown = format!("{config:?}");
    assert!(!shown.contains("hunter2") && !shown.contains("t0ken"), "secrets must not print");
}

#[test]
fn every_fault_is_reported_at_once_with_its_line() {
    let text = "polcy: p.yaml\nkeys: {provider: hsm, path: k}\ngroup: g\ninstance: a\nworkers: many\nshadow: {policy: p}\nkafka: {bootstrap.servers: \"localhost:1\", group.id: x}\ncommit: {interval: 1h}\n";
    let message = parse(text).unwrap_err();
    let expected = "\
/etc/privet/privet.yaml:1:1: `policy` is missing
/etc/privet/privet.yaml:1:1: unknown setting `polcy`; did you mean `policy`?
/etc/privet/privet.yaml:2:18: `provider`: expected file or vault or aws-kms
/etc/privet/privet.yaml:5:10: `workers`: expected a whole number
/etc/privet/privet.yaml:6:1: `shadow` is not supported yet
/etc/privet/privet.yaml:7:43: `kafka.group.id` cannot be set: it is `group`
/etc/privet/privet.yaml:8:20: `interval`: must be from 5ms to 5s";
    assert_eq!(message, expected);
}

#[test]
fn what_later_versions_bring_is_refused_by_name() {
    for name in ["schema_registry", "receipts", "shadow", "traces"] {
        let message = parse(&format!("{LEAST}{name}: {{x: y}}\n")).unwrap_err();
        assert!(message.ends_with(&format!("`{name}` is not supported yet")), "{message}");
    }
}

#[test]
fn plain_text_beyond_loopback_must_be_said() {
    let with = |servers: &str, more: &str| {
        parse(&LEAST.replace("localhost:9092", servers).replace("group: g", &format!("group: g\n{more}")))
    };
    for near in ["localhost:9092", "127.0.0.1:1,LOCALHOST:2", "[::1]:9092", "PLAINTEXT://127.0.0.2:1"] {
        assert!(with(near, "").is_ok(), "{near}");
    }
    for far in ["kafka:9092", "localhost:1,kafka:2", "10.0.0.1:9092", "localhost.example.org:9092", "[2001:db8::1]:9092"] {
        assert!(with(far, "").unwrap_err().contains("beyond loopback without TLS"), "{far}");
        assert!(with(far, "allow_plaintext: true").is_ok(), "{far}");
    }
    let sasl = LEAST.replace("\"localhost:9092\"", "\"kafka:9092\", security.protocol: SASL_PLAINTEXT");
    assert!(parse(&sasl).unwrap_err().contains("beyond loopback without TLS"));
    let tls = LEAST.replace("\"localhost:9092\"", "\"kafka:9092\", security.protocol: SSL");
    assert!(parse(&tls).is_ok());
}

#[test]
fn the_admin_server_beyond_loopback_needs_token_and_tls() {
    let with = |admin: &str| parse(&format!("{LEAST}admin: {admin}\n"));
    assert!(with("{listen: \"[::1]:9600\"}").is_ok());
    let message = with("{listen: \"0.0.0.0:9600\"}").unwrap_err();
    assert!(message.contains("needs a `token`") && message.contains("needs `tls`"), "{message}");
    assert!(with("{listen: \"0.0.0.0:9600\", token: t, tls: {certificate: c, key: k}}").is_ok());
    let named = with("{listen: \"127.0.0.1:9600\", hosts: \"privet, *.pods.example\"}").unwrap();
    assert_eq!(named.admin.unwrap().hosts, ["privet", "*.pods.example"]);
    assert!(with("{listen: here}").unwrap_err().contains("an address and a port"));
    assert!(parse(&format!("{LEAST}allow_plaintext: true\nadmin: {{listen: \"0.0.0.0:9600\", token: t}}\n")).is_ok());
}

#[test]
fn an_instance_comes_from_the_host_names_ordinal_or_must_be_given() {
    let text = LEAST.replace("instance: a\n", "");
    let on = |host| Config::parse(&text, Path::new("c.yaml"), &Machine(host));
    assert_eq!(on("privet-3").unwrap().instance.as_deref(), Some("3"));
    assert_eq!(on("privet-3.privet.svc").unwrap().instance.as_deref(), Some("3"));
    for host in ["box", "box-", "-3", "privet-3a", "7"] {
        assert!(on(host).unwrap_err().to_string().contains("`instance` is missing"), "{host}");
    }
    let relaxed = format!("{text}guarantee: at_least_once\n");
    assert_eq!(Config::parse(&relaxed, Path::new("c.yaml"), &Machine("box")).unwrap().instance, None);
}

#[test]
fn text_that_is_not_a_configuration_is_refused_where_it_goes_wrong() {
    for (text, expected) in [
        ("", "c.yaml:1:1: the file is empty"),
        ("- a\n", "c.yaml:1:1: expected a mapping of settings"),
        ("a: 1\na: 2\n", "c.yaml:2:1: `a` is set twice"),
        ("a: &x 1\nb: *x\n", "c.yaml:2:4: aliases are not read; write the value out"),
        ("a: 1\n---\nb: 2\n", "c.yaml:2:1: only one YAML document is read"),
    ] {
        let message = Config::parse(text, Path::new("c.yaml"), &Machine("box")).unwrap_err().to_string();
        assert_eq!(message, expected, "{text:?}");
    }
    assert!(Config::parse("a: [", Path::new("c.yaml"), &Machine("box")).unwrap_err().to_string().contains("not YAML"));
}

#[test]
fn a_fault_never_repeats_what_a_secret_held() {
    let text = LEAST
        .replace("group: g", "group: g\nlog: {level: \"${PASSWORD}\"}\nworkers: ${PASSWORD}\nadmin: {listen: \"${PASSWORD}\"}");
    let message = parse(&text).unwrap_err();
    assert!(!message.contains("hunter2"), "{message}");
    assert_eq!(message.lines().count(), 3, "{message}");
}

#[test]
fn the_schema_accepts_what_reading_accepts() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let good = serde_json::json!({"policy": "p", "keys": {"provider": "file", "path": "k"}, "group": "g", "instance": "a",
        "workers": "auto", "kafka": {"bootstrap.servers": "localhost:9092"}, "commit": {"interval": "100ms"}});
    assert!(validator.is_valid(&good));
    for (name, value) in
        [("ledger", serde_json::json!({"topic": 7})), ("workers", serde_json::json!(0)), ("group", serde_json::json!(""))]
    {
        let mut bad = good.clone();
        bad[name] = value;
        assert!(!validator.is_valid(&bad), "{name}");
    }
}

#[test]
fn the_ledgers_cluster_is_held_to_the_same_rules() {
    let with = |ledger: &str| parse(&format!("{LEAST}ledger: {{topic: t, {ledger}}}\n"));
    assert!(with("kafka: {linger.ms: 3}").is_ok());
    let plain = with("kafka: {bootstrap.servers: \"far:9092\"}").unwrap_err();
    assert!(plain.contains("without TLS"), "{plain}");
    let owned = with("kafka: {isolation.level: read_uncommitted}").unwrap_err();
    assert!(owned.contains("`kafka.isolation.level` cannot be set"), "{owned}");
    assert!(with("max_staleness: 100ms").unwrap_err().contains("max_staleness"));
    assert!(parse(&format!("{LEAST}erasures: {{topic: \"a b\"}}\n")).unwrap_err().contains("`topic` may hold"));
}

#[test]
fn providers_of_keys_are_read_with_their_sections_and_no_others() {
    let with = |keys: &str| parse(&LEAST.replace("keys: {provider: file, path: keys.yaml}", &format!("keys: {{{keys}}}")));
    let vault = "provider: vault, path: k, vault: {address: \"https://vault:8200/\", key: privet, token: \"${PASSWORD}\"}";
    let config = with(vault).unwrap();
    let KeyProvider::Vault { vault: read, max_age } = &config.key_provider else { panic!("vault") };
    assert_eq!(
        (read.address.as_str(), read.mount.as_str(), read.timeout),
        ("https://vault:8200", "transit", KeyProvider::TIMEOUT)
    );
    assert_eq!(*max_age, KeyProvider::MAX_AGE);
    assert!(!format!("{config:?}").contains("hunter2"), "secrets must not print");
    let kms = "provider: aws-kms, path: k, max_age: 10m, aws_kms: {key_id: alias/privet, timeout: 1s}";
    let KeyProvider::AwsKms { kms, max_age } = with(kms).unwrap().key_provider else { panic!("aws-kms") };
    assert_eq!((kms.key_id.as_str(), kms.timeout, max_age), ("alias/privet", Duration::from_secs(1), Duration::from_secs(600)));

    let wrong = [
        ("provider: vault, path: k", "`vault` is missing: `provider: vault` needs it"),
        ("provider: aws-kms, path: k", "`aws_kms` is missing"),
        ("provider: file, path: k, max_age: 1h", "`max_age` is for `vault` and `aws-kms`"),
        ("provider: file, path: k, aws_kms: {key_id: x}", "`aws_kms` is for `provider: aws-kms`, and the provider is file"),
        ("provider: vault, path: k, vault: {address: \"https://v\", key: k}", "either `token` or `token_file`"),
        (
            "provider: vault, path: k, vault: {address: \"https://v\", key: k, token: a, token_file: b}",
            "either `token` or `token_file`",
        ),
        ("provider: vault, path: k, vault: {address: \"http://v:8200\", key: k, token: a}", "beyond loopback without TLS"),
        ("provider: vault, path: k, vault: {address: \"https://me:pw@v\", key: k, token: a}", "expected https://host:port"),
        ("provider: vault, path: k, vault: {address: \"https://v/v1\", key: k, token: a}", "expected https://host:port"),
        ("provider: vault, path: k, vault: {address: \"vault:8200\", key: k, token: a}", "expected https://host:port"),
        ("provider: vault, path: k, vault: {address: \"https://v\", key: \"../sys/seal\", token: a}", "`key`: expected letters"),
        (
            "provider: vault, path: k, vault: {address: \"https://v\", key: k, mount: \"a//b\", token: a}",
            "`mount`: expected letters",
        ),
        (
            "provider: vault, path: k, vault: {address: \"https://v\", key: k, token: a, namespace: \"a b\"}",
            "`namespace`: expected ASCII",
        ),
        ("provider: aws-kms, path: k, max_age: 10ms, aws_kms: {key_id: x}", "`max_age`: must be from 1s to"),
    ];
    for (keys, expected) in wrong {
        let message = with(keys).unwrap_err();
        assert!(message.contains(expected) && !message.contains("pw"), "{keys}: {message}");
    }
    assert!(with("provider: vault, path: k, vault: {address: \"http://[::1]:8200\", key: k, token: a}").is_ok());
}
