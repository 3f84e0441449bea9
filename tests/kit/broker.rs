//! One Apache Kafka for the whole test binary: started from Maven's archives on free ports, killed when the binary ends.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::metadata::Metadata;

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
    /// Held so that the guard's standard input stays open: when this process ends, however it ends, the guard kills the broker.
    guard: Option<Mutex<Child>>,
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
    /// Ends the broker and waits until it is gone; false where it is not ours to end.
    pub fn stop(&self, bounce: Bounce) -> bool {
        let word = match bounce {
            Bounce::Clean => "stop",
            Bounce::Hard => "kill",
        };
        self.tell(word) && {
            super::wait_for("the broker to end", Duration::from_secs(60), || {
                std::net::TcpStream::connect(&self.bootstrap).is_err().then_some(())
            });
            true
        }
    }

    /// Starts it again over the same data, and waits until it answers.
    pub fn start_again(&self) {
        assert!(self.tell("start"), "only a broker of ours is started again");
        super::wait_for("the broker to come back", Duration::from_secs(90), || answers(&self.bootstrap).then_some(()));
    }

    fn tell(&self, word: &str) -> bool {
        let Some(guard) = &self.guard else { return false };
        let mut guard = guard.lock().unwrap_or_else(PoisonError::into_inner);
        let input = guard.stdin.as_mut().expect("the guard's input is piped");
        writeln!(input, "{word}").expect("the guard listens");
        true
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
    match KAFKA.get_or_init(|| named().unwrap_or_else(start)) {
        Ok(kafka) => Some(kafka),
        Err(why) => {
            skip(test, why);
            None
        }
    }
}

fn named() -> Option<Result<Kafka, String>> {
    let bootstrap = std::env::var("PRIVET_TEST_KAFKA").ok().filter(|value| !value.is_empty())?;
    let kafka = Kafka { bootstrap, secure: None, detour: None, guard: None };
    Some(if answers(&kafka.bootstrap) { Ok(kafka) } else { Err("PRIVET_TEST_KAFKA does not answer".to_owned()) })
}

fn start() -> Result<Kafka, String> {
    let libs = archives()?;
    let dir = tempfile::Builder::new().prefix("kafka-").tempdir_in(temp_root()).map_err(|e| e.to_string())?.keep();
    let detour = Detour { inner: free_port(), outer: free_port() };
    let ports = Ports { plain: free_port(), secure: free_port(), controller: free_port(), detour };
    make_certificate(&dir)?;
    std::fs::write(dir.join("server.properties"), properties(&dir, &ports)).map_err(|e| e.to_string())?;
    format_storage(&libs, &dir)?;
    let guard = spawn(&libs, &dir)?;
    let bootstrap = format!("127.0.0.1:{}", ports.plain);
    let secure = Secure { bootstrap: format!("127.0.0.1:{}", ports.secure), ca: dir.join("ca.pem") };
    let begun = Instant::now();
    while !answers(&bootstrap) {
        if begun.elapsed() > Duration::from_secs(90) {
            let log = std::fs::read_to_string(dir.join("broker.log")).unwrap_or_default();
            panic!("Apache Kafka did not come up in 90 s; its log:\n{log}");
        }
    }
    Ok(Kafka { bootstrap, secure: Some(secure), detour: Some(detour), guard: Some(Mutex::new(guard)) })
}

/// Whether a broker answers, and leads every partition that there is.
fn answers(bootstrap: &str) -> bool {
    let leads = |metadata: &Metadata| {
        let mut partitions = metadata.topics().iter().flat_map(|topic| topic.partitions());
        !metadata.brokers().is_empty() && partitions.all(|partition| partition.leader() >= 0)
    };
    let client = ClientConfig::new()
        .set("bootstrap.servers", bootstrap)
        .set("reconnect.backoff.max.ms", "200")
        .set_log_level(rdkafka::config::RDKafkaLogLevel::Emerg)
        .create::<BaseConsumer>();
    client.is_ok_and(|c| c.fetch_metadata(None, Duration::from_secs(2)).is_ok_and(|metadata| leads(&metadata)))
}

struct Ports {
    plain: u16,
    secure: u16,
    controller: u16,
    detour: Detour,
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

/// One node that is broker and controller; small buffers, quick group joins, transactions without replicas.
fn properties(dir: &Path, ports: &Ports) -> String {
    let Ports { plain, secure, controller, detour: Detour { inner, outer } } = ports;
    let dir = dir.display();
    format!(
        "process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller}
controller.listener.names=CONTROLLER
listeners=PLAINTEXT://127.0.0.1:{plain},SECURE://127.0.0.1:{secure},DETOUR://127.0.0.1:{inner},CONTROLLER://127.0.0.1:{controller}
advertised.listeners=PLAINTEXT://127.0.0.1:{plain},SECURE://127.0.0.1:{secure},DETOUR://127.0.0.1:{outer}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,DETOUR:PLAINTEXT,CONTROLLER:PLAINTEXT
inter.broker.listener.name=PLAINTEXT
listener.name.secure.sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
listener.name.secure.ssl.keystore.type=PKCS12
listener.name.secure.ssl.keystore.location={dir}/server.p12
listener.name.secure.ssl.keystore.password=changeit
log.dirs={dir}/data
auto.create.topics.enable=false
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=4
transaction.abort.timed.out.transaction.cleanup.interval.ms=1000
group.initial.rebalance.delay.ms=0
group.min.session.timeout.ms=1000
log.cleaner.dedupe.buffer.size=8388608
num.network.threads=2
num.io.threads=2
"
    )
}

fn java(libs: &Path) -> Vec<String> {
    let class_path = format!("{}/*", libs.display());
    let log = "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn";
    ["-Xmx400m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", log, "-cp", &class_path].map(str::to_owned).to_vec()
}

fn format_storage(libs: &Path, dir: &Path) -> Result<(), String> {
    let scram = format!("SCRAM-SHA-512=[name={USER},password={PASSWORD}]");
    let mut format = Command::new("java");
    format.args(java(libs)).args(["kafka.tools.StorageTool", "format", "-t", "cHJpdmV0LXRlc3Qta2l0LQ", "-c"]);
    run(format.arg(dir.join("server.properties")).args(["--add-scram", &scram]), "formatting Kafka's storage")
}

/// A shell that ends and starts the broker as it is told, and kills it at the end of its standard input, which is the end
/// of this process.
fn spawn(libs: &Path, dir: &Path) -> Result<Child, String> {
    let script = r#"dir=$1; shift
start() { java "$@" >>"$dir/broker.log" 2>&1 </dev/null & broker=$!; }
end() { kill "-$1" $broker; wait $broker; }
start "$@"
while read -r word; do
  case $word in start) start "$@" ;; stop) end TERM ;; kill) end KILL ;; esac
done
end KILL; rm -rf "$dir""#;
    Command::new("sh")
        .args(["-c", script, "sh"])
        .arg(dir)
        .args(java(libs))
        .arg("kafka.Kafka")
        .arg(dir.join("server.properties"))
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .map_err(|e| format!("sh: {e}"))
}
