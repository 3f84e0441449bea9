//! Asks whoever keeps the root keys for them again and again, so that it is known whether this process may still have them.

use crate::config::{Config, KeyProvider};
use crate::control::Status;
use crate::keys::KeySet;
use crate::keys::provider::{Keyring, Standing};
use crate::telemetry::Telemetry;
use anyhow::Context;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Asked at least this often: a few requests, and a token of a few minutes is renewed in time.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// After a failure it is asked again so soon, then after twice the time each.
const FIRST_RETRY: Duration = Duration::from_millis(500);
/// A provider that is back is noticed within it; one that is overloaded is not asked more often.
const LONGEST_RETRY: Duration = Duration::from_secs(15);
/// Between two looks at whether the process ends.
const LOOK: Duration = Duration::from_millis(50);

/// Who keeps the root keys, by the configuration. Nobody is asked yet.
pub fn keyring(config: &Config) -> anyhow::Result<Keyring> {
    match &config.key_provider {
        KeyProvider::File => Ok(Keyring::in_the_clear()),
        #[cfg(feature = "vault")]
        KeyProvider::Vault { vault, max_age } => {
            use crate::config::VaultToken;
            use crate::keys::provider::{Token, Vault, VaultSettings};
            let crate::config::Vault { address, key, mount, token, namespace, ca, timeout } = vault.clone();
            let token = match token {
                VaultToken::Here(token) => Token::Fixed(token),
                VaultToken::File(path) => Token::File(path),
            };
            let settings = VaultSettings { address, mount, key, namespace, ca, timeout, token };
            Ok(Keyring::new(Box::new(Vault::new(settings)), Some(*max_age)))
        }
        #[cfg(not(feature = "vault"))]
        KeyProvider::Vault { .. } => anyhow::bail!("`keys.provider: vault`: this program was built without the feature `vault`"),
        #[cfg(feature = "aws-kms")]
        KeyProvider::AwsKms { kms, max_age } => {
            use crate::keys::provider::{AwsKms, AwsKmsSettings};
            let crate::config::AwsKms { key_id, region, endpoint, timeout } = kms.clone();
            let settings = AwsKmsSettings { key_id, region, endpoint, timeout };
            Ok(Keyring::new(Box::new(AwsKms::new(settings)), Some(*max_age)))
        }
        #[cfg(not(feature = "aws-kms"))]
        KeyProvider::AwsKms { .. } => {
            anyhow::bail!("`keys.provider: aws-kms`: this program was built without the feature `aws-kms`")
        }
    }
}

/// The key set of the configuration, for commands that work beside the proxy.
pub fn keys_of(config: &Config) -> anyhow::Result<KeySet> {
    let about = || format!("reading keys from {}", config.keys.display());
    let file = crate::keys::KeyFile::load(&config.keys).with_context(about)?;
    keyring(config)?.open(&file).with_context(about)
}

/// Asks on a thread of its own, for as long as it is held.
pub(super) struct Keeper {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Begins to ask; `None` where nobody has to be asked.
    pub(super) fn start(keyring: Arc<Keyring>, status: &Status, telemetry: &Telemetry) -> std::io::Result<Option<Keeper>> {
        let Some(max_age) = keyring.max_age() else { return Ok(None) };
        tell(&keyring, status, telemetry);
        let stop = Arc::new(AtomicBool::new(false));
        let asked = stop.clone();
        let work = move || keep(&keyring, max_age, &asked);
        let thread = std::thread::Builder::new().name("privet-keys".to_owned()).spawn(work)?;
        Ok(Some(Keeper { stop, thread: Some(thread) }))
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take().filter(JoinHandle::is_finished) {
            // One that waits for an answer is left to the end of the process.
            let _ = thread.join();
        }
    }
}

/// Lets the process be unready once keys may not be used any more, and say before that they are not given.
fn tell(keyring: &Arc<Keyring>, status: &Status, telemetry: &Telemetry) {
    let asked = keyring.clone();
    telemetry.keys_age(move || asked.age(Instant::now()));
    let asked = keyring.clone();
    status.needs(move || match asked.standing(Instant::now()) {
        Standing::Expired { why } => Some(format!("keys: too old to be used, what needs them is quarantined: {why}")),
        Standing::Fresh | Standing::Cached { .. } => None,
    });
    let asked = keyring.clone();
    status.remarks(move || match asked.standing(Instant::now()) {
        Standing::Cached { why, left } => Some(format!("keys: used for {} s yet: {why}", left.as_secs())),
        Standing::Fresh | Standing::Expired { .. } => None,
    });
}

fn keep(keyring: &Keyring, max_age: Duration, stop: &AtomicBool) {
    let usual = (max_age / 4).min(LONGEST_PAUSE);
    let first = FIRST_RETRY.min(usual);
    let (mut pause, mut failing) = (usual, false);
    while wait(pause, stop) {
        match keyring.refresh() {
            Ok(()) => {
                if failing {
                    tracing::info!(provider = keyring.provider().name(), "keys are given again");
                }
                (pause, failing) = (usual, false);
            }
            Err(fault) => {
                let usable = keyring.usable(Instant::now());
                tracing::error!(provider = keyring.provider().name(), usable, "keys are not given: {fault}");
                pause = if failing { (pause * 2).min(LONGEST_RETRY) } else { first };
                failing = true;
            }
        }
    }
}

/// False where the process ends meanwhile.
fn wait(pause: Duration, stop: &AtomicBool) -> bool {
    let until = Instant::now() + pause;
    while Instant::now() < until {
        if stop.load(Ordering::Relaxed) {
            return false;
        }
        std::thread::sleep(LOOK.min(pause));
    }
    !stop.load(Ordering::Relaxed)
}
