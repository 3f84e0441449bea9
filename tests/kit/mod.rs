//! The test kit: Apache Kafka in KRaft mode, clients that read and write it, and the built `privet` as a process.
//!
//! Each test binary uses its own part of it as a module, hence the allowances.
#![allow(dead_code, unreachable_pub)]

pub mod broker;
pub mod client;
pub mod fixture;
pub mod process;
pub mod vault;

use std::io::Write as _;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Once;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// True where a test that cannot run must fail instead of being skipped.
pub fn must_run() -> bool {
    std::env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

/// Records that `what` was not run for want of a tool; under `CI=true`, where tools can be had, it panics.
pub fn skip(what: &str, why: &str) {
    assert!(!must_run(), "{what} must run under CI=true, but {why}");
    absent(what, why);
}

/// Records that `what` was not run and why; `make test` closes with these lines.
///
/// libtest knows no skipping at run time and shows no output of tests that pass, so the line also goes straight to
/// standard error, once.
pub fn absent(what: &str, why: &str) {
    let dir = temp_root().join("skipped");
    std::fs::create_dir_all(&dir).expect("the folder for skipped tests can be made");
    // libtest names a test's thread after the test: one file each, so that the closing line can count them.
    let test = format!("{what} {}", std::thread::current().name().unwrap_or_default());
    std::fs::write(dir.join(test.replace(['/', ' ', ':'], "-")), format!("{what}: {why}\n"))
        .expect("a skipped test can be noted");
    static SAID: Once = Once::new();
    SAID.call_once(|| {
        // Without a reader of standard error there is no one to tell.
        let _ = writeln!(std::io::stderr(), "\nNOT RUN, skipped: {what}: {why}");
    });
}

/// A folder below the target directory that survives the run, so that failures can be looked into.
pub fn temp_root() -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR"))
}

/// The package's root.
pub fn package_root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The shared conformance data, in the folder that `PRIVET_CONFORMANCE` names or beside the package, where it is there.
pub fn conformance(name: &str) -> Option<PathBuf> {
    let named = std::env::var_os("PRIVET_CONFORMANCE").map(PathBuf::from);
    let dir = named.unwrap_or_else(|| package_root().join("../shared/conformance")).join(name);
    dir.canonicalize().ok()
}

/// A port where nothing listens, given once in this process.
///
/// It lies below those that a system hands out by itself (32768 and up on Linux, IANA's 49152 elsewhere): asked twice in a row, a
/// system may name one port twice, and the port of a broker that is away for a moment must not go to somebody's connection.
pub fn free_port() -> u16 {
    const FIRST: u32 = 12_000;
    const COUNT: u32 = 20_000;
    static GIVEN: AtomicU32 = AtomicU32::new(0);
    // Processes of one run begin apart.
    let begin = std::process::id().wrapping_mul(101);
    (0..COUNT)
        .map(|_| FIRST + begin.wrapping_add(GIVEN.fetch_add(1, Ordering::Relaxed)) % COUNT)
        .filter_map(|port| u16::try_from(port).ok())
        .find(|&port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok())
        .expect("loopback has a free port")
}

/// Calls `check` until it gives something; panics with `what` after `limit`.
pub fn wait_for<T>(what: &str, limit: Duration, mut check: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(found) = check() {
            return found;
        }
        assert!(start.elapsed() < limit, "waited {limit:?} for {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
