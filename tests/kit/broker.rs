//! Apache Kafka for the whole test binary, one broker or three: started from Maven's archives on free ports, killed when the
//! binary ends.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::metadata::{MetadataPartition, MetadataTopic};

use super::{free_port, skip, temp_root};

/// The user of the SASL listener.
pub const USER: &str = "privet";
/// Its password: any word, it guards a broker on loopback that lives as long as the tests.
pub const PASSWORD: &str = "hedge-and-ditch";

/// A cluster to test against.
pub struct Kafka {
    /// Plain text on loopback.
    pub bootstrap: String,
    /// The listener with TLS and SASL/SCRAM-SHA-512, unless the cluster was named from outside.
    pub secure: Option<Secure>,
    /// A listener of its own that names another port to its clients, for a proxy between; none if the cluster was named.
    pub detour: Option<Detour>,
    /// Replicas of each topic: 1, or 3 where there are as many brokers.
    pub replicas: i32,
    /// The brokers that are ours; none if the cluster was named.
    nodes: Vec<Node>,
}

/// One broker of ours.
struct Node {
    /// Its listener in plain text.
    address: String,
    dir: PathBuf,
    /// Held so that the guard's standard input stays open: when this process ends, however it ends, the guard kills the broker.
    guard: Mutex<Child>,
}

/// A way to the broker with a place for a proxy.
#[derive(Clone, Copy, Debug)]
pub struct Detour {
    /// Where the broker listens.
    pub inner: u16,
    /// Where its clients are told to go.
    pub outer: u16,
}

/// How a broker ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounce {
    /// SIGTERM: it hands over what it can and closes its files.
    Clean,
    /// kill -9.
    Hard,
}

impl Kafka {
    /// How many brokers are ours; they are numbered from 1.
    pub fn brokers(&self) -> i32 {
        i32::try_from(self.nodes.len()).expect("few brokers")
    }

    /// Ends the first broker and waits until it is gone; false where it is not ours to end.
    pub fn stop(&self, bounce: Bounce) -> bool {
        !self.nodes.is_empty() && {
            self.stop_broker(1, bounce);
            true
        }
    }

    /// Ends a broker by its number, and waits until it is gone.
    pub fn stop_broker(&self, number: i32, bounce: Bounce) {
        let node = self.node(number);
        node.tell(match bounce {
            Bounce::Clean => "stop",
            Bounce::Hard => "kill",
        });
        super::wait_for("the broker to end", Duration::from_secs(60), || {
            std::net::TcpStream::connect(&node.address).is_err().then_some(())
        });
    }

    /// Starts the first broker again over the same data, and waits until it leads its partitions.
    pub fn start_again(&self) {
        self.start_broker(1);
        self.wait_whole();
    }

    /// Starts a broker again over the same data, and waits for nothing.
    pub fn start_broker(&self, number: i32) {
        self.node(number).tell("start");
    }

    /// Waits until every broker is there and every partition has its leader and all its replicas.
    pub fn wait_whole(&self) {
        super::wait_for("the brokers to come back", Duration::from_secs(120), || self.is_whole().then_some(()));
    }

    fn is_whole(&self) -> bool {
        self.nodes.iter().all(|node| answers(&node.address, self.nodes.len()))
    }

    /// After a test that failed: brokers that are down come back, and the files of all stay when the binary ends.
    pub fn keep_evidence(&self) {
        for node in &self.nodes {
            // Evidence that cannot be kept is no reason to hide the failure itself.
            let _ = std::fs::write(node.dir.join("keep"), "");
            if std::net::TcpStream::connect(&node.address).is_err() {
                node.tell("start");
            }
        }
        self.wait_whole();
    }

    fn node(&self, number: i32) -> &Node {
        let at = usize::try_from(number - 1).expect("brokers are numbered from 1");
        self.nodes.get(at).expect("only a broker of ours is bounced")
    }
}

impl Node {
    fn tell(&self, word: &str) {
        let mut guard = self.guard.lock().unwrap_or_else(PoisonError::into_inner);
        let input = guard.stdin.as_mut().expect("the guard's input is piped");
        writeln!(input, "{word}").expect("the guard listens");
    }
}

/// How to reach the guarded listener.
pub struct Secure {
    /// Host and port.
    pub bootstrap: String,
    /// The broker's own certificate, which is its authority too.
    pub ca: PathBuf,
}

/// The cluster, or `None` where there is none to be had; then `test` is noted as skipped.
pub fn kafka(test: &str) -> Option<&'static Kafka> {
    static KAFKA: OnceLock<Result<Kafka, String>> = OnceLock::new();
    given(KAFKA.get_or_init(|| named().unwrap_or_else(start)), test)
}

static THREE: OnceLock<Result<Kafka, String>> = OnceLock::new();

/// Three brokers of which one may be away: three replicas of everything, of which two must have a record. Never a cluster that was named.
pub fn three_brokers(test: &str) -> Option<&'static Kafka> {
    given(THREE.get_or_init(start_three), test)
}

/// The three brokers, where some test has asked for them.
pub fn if_started() -> Option<&'static Kafka> {
    THREE.get().and_then(|kafka| kafka.as_ref().ok())
}

fn given(kafka: &'static Result<Kafka, String>, test: &str) -> Option<&'static Kafka> {
    match kafka {
        Ok(kafka) => Some(kafka),
        Err(why) => {
            skip(test, why);
            None
        }
    }
}

fn named() -> Option<Result<Kafka, String>> {
    let bootstrap = std::env::var("PRIVET_TEST_KAFKA").ok().filter(|value| !value.is_empty())?;
    let kafka = Kafka { bootstrap, secure: None, detour: None, replicas: 1, nodes: Vec::new() };
    Some(if answers(&kafka.bootstrap, 1) { Ok(kafka) } else { Err("PRIVET_TEST_KAFKA does not answer".to_owned()) })
}

fn start() -> Result<Kafka, String> {
    let libs = archives()?;
    let dir = new_dir()?;
    let detour = Detour { inner: free_port(), outer: free_port() };
    let ports = Ports { plain: free_port(), controller: free_port(), outside: Some((free_port(), detour)) };
    make_certificate(&dir)?;
    let node = make_node(&libs, dir, 1, &[ports])?;
    let outside = ports.outside.map(|(secure, _)| format!("127.0.0.1:{secure}"));
    let secure = outside.map(|bootstrap| Secure { bootstrap, ca: node.dir.join("ca.pem") });
    let bootstrap = node.address.clone();
    Ok(come_up(Kafka { bootstrap, secure, detour: Some(detour), replicas: 1, nodes: vec![node] }))
}

fn start_three() -> Result<Kafka, String> {
    let libs = archives()?;
    let ports = [(); 3].map(|()| Ports { plain: free_port(), controller: free_port(), outside: None });
    let nodes: Result<Vec<Node>, String> = (1..=3).map(|number| make_node(&libs, new_dir()?, number, &ports)).collect();
    let nodes = nodes?;
    let bootstrap = nodes.iter().map(|node| node.address.as_str()).collect::<Vec<_>>().join(",");
    Ok(come_up(Kafka { bootstrap, secure: None, detour: None, replicas: 3, nodes }))
}

fn new_dir() -> Result<PathBuf, String> {
    Ok(tempfile::Builder::new().prefix("kafka-").tempdir_in(temp_root()).map_err(|e| e.to_string())?.keep())
}

/// Formats and starts one of the brokers that have these ports.
fn make_node(libs: &Path, dir: PathBuf, number: usize, all: &[Ports]) -> Result<Node, String> {
    std::fs::write(dir.join("server.properties"), properties(&dir, number, all)).map_err(|e| e.to_string())?;
    let heap = if all.len() == 1 { "-Xmx400m" } else { "-Xmx256m" };
    format_storage(libs, &dir)?;
    let guard = spawn(libs, &dir, heap)?;
    Ok(Node { address: format!("127.0.0.1:{}", all[number - 1].plain), dir, guard: Mutex::new(guard) })
}

fn come_up(kafka: Kafka) -> Kafka {
    let begun = Instant::now();
    while !kafka.is_whole() {
        if begun.elapsed() > Duration::from_secs(120) {
            let log = |node: &Node| std::fs::read_to_string(node.dir.join("broker.log")).unwrap_or_default();
            let logs: String = kafka.nodes.iter().map(log).collect();
            panic!("Apache Kafka did not come up in two minutes; its log:\n{logs}");
        }
    }
    kafka
}

/// Whether a broker answers, knows as many, every partition that there is has a leader and all its replicas, and the leader knows
/// that it is one: a broker alone that was killed finds itself in the metadata as the leader before it has taken its partitions up.
fn answers(bootstrap: &str, brokers: usize) -> bool {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", bootstrap).set("reconnect.backoff.max.ms", "200");
    let client = config.set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg).create::<BaseConsumer>();
    let Ok(client) = client else { return false };
    let Ok(metadata) = client.fetch_metadata(None, Duration::from_secs(2)) else { return false };
    let is_led = |topic: &str, partition: &MetadataPartition| {
        partition.leader() >= 0
            && partition.isr().len() == partition.replicas().len()
            && client.fetch_watermarks(topic, partition.id(), Duration::from_secs(2)).is_ok()
    };
    let is_whole = |topic: &MetadataTopic| topic.partitions().iter().all(|partition| is_led(topic.name(), partition));
    metadata.brokers().len() >= brokers && metadata.topics().iter().all(is_whole)
}

/// Where one broker listens.
#[derive(Clone, Copy)]
struct Ports {
    plain: u16,
    controller: u16,
    /// The listener with TLS and the one for a proxy: of a broker that is alone.
    outside: Option<(u16, Detour)>,
}

/// The folder with Kafka's archives, resolved by Maven once.
fn archives() -> Result<PathBuf, String> {
    let pom = super::package_root().join("tests/kit/pom.xml");
    let libs = temp_root().join("kafka-libs");
    let stamp = libs.join("pom.xml");
    let wanted = std::fs::read(&pom).map_err(|e| e.to_string())?;
    if std::fs::read(&stamp).is_ok_and(|have| have == wanted) {
        return tool("java", &["-version"], "java is not installed").map(|()| libs);
    }
    tool("java", &["-version"], "java is not installed")?;
    tool("mvn", &["--version"], "Maven (mvn) is not installed")?;
    let _ = std::fs::remove_dir_all(&libs);
    let run = Command::new("mvn")
        .args(["-q", "-B", "-Dmaven.wagon.http.retryHandler.count=3", "-f"])
        .arg(&pom)
        .arg("dependency:copy-dependencies")
        .arg(format!("-DoutputDirectory={}", libs.display()))
        .arg("-DincludeScope=runtime")
        .output()
        .map_err(|e| format!("mvn: {e}"))?;
    if !run.status.success() {
        return Err(format!("Maven could not resolve Kafka's archives: {}", String::from_utf8_lossy(&run.stdout).trim()));
    }
    std::fs::write(stamp, wanted).map_err(|e| e.to_string())?;
    Ok(libs)
}

fn tool(name: &str, args: &[&str], missing: &str) -> Result<(), String> {
    let run = Command::new(name).args(args).stdout(Stdio::null()).stderr(Stdio::null()).status();
    if run.is_ok_and(|status| status.success()) { Ok(()) } else { Err(missing.to_owned()) }
}

fn run(command: &mut Command, what: &str) -> Result<(), String> {
    let run = command.output().map_err(|e| format!("{what}: {e}"))?;
    if run.status.success() {
        return Ok(());
    }
    Err(format!("{what} failed: {}{}", String::from_utf8_lossy(&run.stdout), String::from_utf8_lossy(&run.stderr)))
}

fn make_certificate(dir: &Path) -> Result<(), String> {
    let store = ["-keystore", "server.p12", "-storetype", "PKCS12", "-storepass", "changeit", "-alias", "broker"];
    let key = ["-keyalg", "EC", "-groupname", "secp256r1", "-validity", "30", "-dname", "CN=localhost"];
    let mut make = Command::new("keytool");
    make.current_dir(dir).arg("-genkeypair").args(store).args(key).args(["-ext", "san=dns:localhost,ip:127.0.0.1"]);
    run(&mut make, "keytool")?;
    run(Command::new("keytool").current_dir(dir).args(["-exportcert", "-rfc", "-file", "ca.pem"]).args(store), "keytool")
}

/// A node that is broker and controller; small buffers, quick group joins. A broker alone has no replicas; of three one may be
/// away, which is noticed within three seconds, and what it led goes back to it within one when it is there again.
fn properties(dir: &Path, number: usize, all: &[Ports]) -> String {
    let Ports { plain, controller, outside } = all[number - 1];
    let voters: Vec<String> =
        all.iter().enumerate().map(|(at, ports)| format!("{}@127.0.0.1:{}", at + 1, ports.controller)).collect();
    let (voters, replicas, needed) = (voters.join(","), all.len(), all.len().div_ceil(2));
    let listeners = outside.map(|(secure, detour)| (secure, detour.inner, detour.outer));
    let (listeners, advertised) = listeners.map_or_else(Default::default, |(secure, inner, outer)| {
        let secure = format!(",SECURE://127.0.0.1:{secure}");
        (format!("{secure},DETOUR://127.0.0.1:{inner}"), format!("{secure},DETOUR://127.0.0.1:{outer}"))
    });
    let guarded = outside.map_or_else(String::new, |_| guarded(dir));
    let dir = dir.display();
    format!(
        "process.roles=broker,controller
node.id={number}
controller.quorum.voters={voters}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{plain}{listeners},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain}{advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,DETOUR:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
{guarded}log.dirs={dir}/data
auto.create.topics.enable=false
min.insync.replicas={needed}
offsets.topic.replication.factor={replicas}
offsets.topic.num.partitions=4
transaction.state.log.replication.factor={replicas}
transaction.state.log.min.isr={needed}
transaction.state.log.num.partitions=4
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
broker.heartbeat.interval.ms=500
broker.session.timeout.ms=3000
replica.lag.time.max.ms=5000
leader.imbalance.check.interval.seconds=1
leader.imbalance.per.broker.percentage=0
log.segment.delete.delay.ms=1000
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=8388608
num.network.threads=2
num.io.threads=2
"
    )
}

/// What the listener with TLS and SASL needs.
fn guarded(dir: &Path) -> String {
    format!(
        "listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.ssl.keystore.type=PKCS12
listener.name.secure.ssl.keystore.location={}/server.p12
listener.name.secure.ssl.keystore.password=changeit
",
        dir.display()
    )
}

fn java(libs: &Path, heap: &str) -> Vec<String> {
    let class_path = format!("{}/*", libs.display());
    let log = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn";
    [heap, "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", log, "-cp", &class_path].map(str::to_owned).to_vec()
}

fn format_storage(libs: &Path, dir: &Path) -> Result<(), String> {
    let scram = format!("SCRAM-SHA-512=[name={USER},password={PASSWORD}]");
    let mut format = Command::new("java");
    format.args(java(libs, "-Xmx256m")).args(["kafka.tools.StorageTool", "format", "-t", "cHJpdmV0LXRlc3Qta2l0LQ", "-c"]);
    run(format.arg(dir.join("server.properties")).args(["--add-scram", &scram]), "formatting Kafka's storage")
}

/// A shell that ends and starts the broker as it is told, and kills it at the end of its standard input, which is the end
/// of this process. Its files stay where a test that failed asks for them.
fn spawn(libs: &Path, dir: &Path, heap: &str) -> Result<Child, String> {
    let script = r#"dir=$1; shift
start() { java "$@" >>"$dir/broker.log" 2>&1 </dev/null & broker=$!; }
end() { kill "-$1" $broker; wait $broker; }
start "$@"
while read -r word; do
  case $word in start) start "$@" ;; stop) end TERM ;; kill) end KILL ;; esac
done
end KILL; [ -e "$dir/keep" ] || rm -rf "$dir""#;
    Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(dir)
        .args(java(libs, heap))
        .arg("kafka.Kafka")
        .arg(dir.join("server.properties"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("sh: {e}"))
}
