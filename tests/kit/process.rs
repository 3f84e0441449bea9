//! The built `privet` as a process: started with a configuration, watched through its log and its admin port, killed or asked to stop.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use super::wait_for;

/// The binary that was built with the tests.
pub const PRIVET: &str = env!("CARGO_BIN_EXE_privet");

/// The binary under test: the one that `PRIVET_TEST_BINARY` names (one that is installed, another version), else [`PRIVET`].
fn binary() -> PathBuf {
    std::env::var_os("PRIVET_TEST_BINARY").map_or_else(|| PathBuf::from(PRIVET), PathBuf::from)
}

/// One running `privet run`; killed when dropped.
pub struct Privet {
    child: Child,
    log: PathBuf,
    admin: u16,
}

impl Privet {
    /// Starts `privet run --config CONFIG` with more arguments. Both of its outputs go to `log`.
    pub fn start(config: &Path, admin: u16, log: &Path, more: &[&str], environment: &[(String, String)]) -> Self {
        let out = std::fs::File::create(log).expect("the log file can be made");
        let err = out.try_clone().expect("a file handle can be cloned");
        let mut command = Command::new(binary());
        command.arg("run").arg("--config").arg(config).args(more).envs(environment.iter().cloned());
        let child = command.stdin(Stdio::null()).stdout(out).stderr(err).spawn().expect("privet starts");
        Self { child, log: log.to_owned(), admin }
    }

    /// Waits for the log line that says the partitions are assigned.
    pub fn wait_ready(&mut self) {
        wait_for("privet to be ready", Duration::from_secs(40), || {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                panic!("privet ended ({status}) before it was ready:\n{}", self.log());
            }
            self.log().lines().any(|line| line.contains(r#""message":"ready""#)).then_some(())
        });
    }

    /// Everything it has said.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).unwrap_or_default()).into_owned()
    }

    /// kill -9: no chance to say goodbye.
    pub fn kill_nine(&mut self) {
        self.child.kill().expect("the process can be killed");
        self.child.wait().expect("a killed process ends");
    }

    /// Sends a signal by name, e.g. `TERM`.
    pub fn signal(&self, name: &str) {
        let sent = Command::new("kill").arg(format!("-{name}")).arg(self.child.id().to_string()).status();
        assert!(sent.is_ok_and(|s| s.success()), "the signal {name} can be sent");
    }

    /// SIGTERM, then the exit status and how long it took.
    pub fn terminate(&mut self) -> (ExitStatus, Duration) {
        let begun = Instant::now();
        self.signal("TERM");
        let status = self.wait_exit(Duration::from_secs(30));
        (status, begun.elapsed())
    }

    /// Waits for the process to end by itself.
    pub fn wait_exit(&mut self, limit: Duration) -> ExitStatus {
        let log = self.log.clone();
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().expect("a child can be asked") {
                return status;
            }
            let text = || String::from_utf8_lossy(&std::fs::read(&log).unwrap_or_default()).into_owned();
            assert!(begun.elapsed() < limit, "privet did not end in {limit:?}; its log:\n{}", text());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.try_wait().expect("a child can be asked").is_none()
    }

    /// The number of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Resident memory in KiB.
    pub fn resident_kib(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).expect("the process is there");
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("a process has a size");
        line.trim().trim_end_matches(" kB").trim().parse().expect("a number of KiB")
    }

    /// An answer of the admin server: status code and body.
    pub fn http(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
        http(self.admin, method, path, headers)
    }

    /// The value of a metric, summed over the series whose labels contain each of `labels` (`sink="ads"`).
    pub fn metric(&self, name: &str, labels: &[&str]) -> f64 {
        let (status, body) = self.http("GET", "/metrics", &[]);
        assert_eq!(status, 200, "/metrics answers");
        sum_metric(&body, name, labels)
    }
}

impl Drop for Privet {
    fn drop(&mut self) {
        // Already ended is fine too.
        let _ = self.child.kill();
        let _ = self.child.wait();
        if std::thread::panicking() {
            let log = self.log();
            let tail = log.len().saturating_sub(6000);
            eprintln!("--- privet's log, its end:\n{}", log.get(tail..).unwrap_or(&log));
        }
    }
}

/// One HTTP/1.1 exchange with loopback.
pub fn http(port: u16, method: &str, path: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).expect("the admin server listens");
    stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout can be set");
    let more: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let request =
        format!("{method} {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\nContent-Length: 0\r\n{more}\r\n");
    stream.write_all(request.as_bytes()).expect("the request can be sent");
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).expect("the answer can be read");
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").expect("an answer has a head");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status code");
    (status, body.to_owned())
}

fn sum_metric(body: &str, name: &str, labels: &[&str]) -> f64 {
    let mut sum = 0.0;
    for line in body.lines().filter(|line| !line.starts_with('#')) {
        let Some((series, value)) = line.rsplit_once(' ') else { continue };
        let (found, rest) = series.split_once('{').unwrap_or((series, ""));
        if found == name && labels.iter().all(|label| rest.contains(label)) {
            sum += value.parse::<f64>().expect("a metric's value is a number");
        }
    }
    sum
}

/// Runs `privet` with arguments and bytes on standard input; gives exit code, standard output, standard error.
pub fn privet(args: &[&str], input: &[u8]) -> (i32, Vec<u8>, String) {
    let mut command = Command::new(binary());
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("privet starts");
    let mut stdin = child.stdin.take().expect("standard input is piped");
    let input = input.to_vec();
    let writer = std::thread::spawn(move || {
        // A program that ends without reading all of its input is no fault of the test.
        let _ = stdin.write_all(&input);
    });
    let output = child.wait_with_output().expect("privet ends");
    writer.join().expect("the writer ends");
    (output.status.code().unwrap_or(-1), output.stdout, String::from_utf8_lossy(&output.stderr).into_owned())
}
