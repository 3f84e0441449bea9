//! A policy and its keys as files: each read once, so that what is compiled is what was compared.

use super::{Compiled, compile};
use crate::keys::provider::Keyring;
use crate::keys::{KeyError, KeyFile, KeySet, Role};
use crate::plan::Plan;
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::Arc;

/// A policy may be this large; far beyond what people write, small enough to hold and print excerpts of.
const POLICY_BYTES: u64 = 4 << 20;

/// Where the policy and its keys are.
#[derive(Clone, Debug)]
pub struct Files {
    /// The policy.
    pub policy: PathBuf,
    /// The key set.
    pub keys: PathBuf,
    /// Who keeps its roots.
    pub keyring: Arc<Keyring>,
}

/// What stood in the files at one moment, as a digest to compare; never shown.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint([u8; 32]);

/// What stood in the files at one moment. The keys make it unfit for `Debug`.
pub struct Content {
    name: String,
    text: String,
    keys_at: PathBuf,
    keys: KeyFile,
    keyring: Arc<Keyring>,
}

/// Why the files cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The operating system says no.
    #[error("the policy {0} cannot be read: {1}")]
    Policy(PathBuf, io::Error),
    /// Nobody writes such a policy.
    #[error("the policy {0} is larger than {limit} MiB", limit = POLICY_BYTES >> 20)]
    TooLarge(PathBuf),
    /// The keys cannot be read, or are no key set.
    #[error("{0}: {1}")]
    Keys(PathBuf, KeyError),
}

impl ReadError {
    /// Whether the same files may be read later: whoever keeps the roots does not answer.
    pub fn passes(&self) -> bool {
        match self {
            ReadError::Keys(_, fault) => fault.passes(),
            ReadError::Policy(..) | ReadError::TooLarge(_) => false,
        }
    }
}

impl Files {
    /// Files whose roots stand in the clear.
    pub fn new(policy: PathBuf, keys: PathBuf) -> Files {
        Files { policy, keys, keyring: Arc::new(Keyring::in_the_clear()) }
    }

    /// Reads both; asks nobody for keys.
    pub fn read(&self) -> Result<Content, ReadError> {
        let failed = |fault| ReadError::Policy(self.policy.clone(), fault);
        let mut text = String::new();
        let file = File::open(&self.policy).map_err(failed)?;
        file.take(POLICY_BYTES + 1).read_to_string(&mut text).map_err(failed)?;
        if text.len() as u64 > POLICY_BYTES {
            return Err(ReadError::TooLarge(self.policy.clone()));
        }
        let keys = KeyFile::load(&self.keys).map_err(|fault| ReadError::Keys(self.keys.clone(), fault))?;
        let (keys_at, keyring) = (self.keys.clone(), self.keyring.clone());
        Ok(Content { name: self.policy.display().to_string(), text, keys_at, keys, keyring })
    }
}

impl Content {
    /// The policy's text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Tells whether two contents are the same.
    pub fn fingerprint(&self) -> Fingerprint {
        let digest = Sha256::new().chain_update(self.keys.fingerprint()).chain_update(&self.text);
        Fingerprint(digest.finalize().into())
    }

    /// Which root is the active one, counted from 1 in the order in which they were made.
    pub fn key_epoch(&self) -> usize {
        self.keys.keys().iter().filter(|key| key.role() == Role::Root).count()
    }

    /// A digest of the keys alone.
    pub fn keys_fingerprint(&self) -> Fingerprint {
        Fingerprint(self.keys.fingerprint())
    }

    /// The same with the key set, which whoever keeps its roots is asked for.
    pub fn open(self) -> Result<Opened, ReadError> {
        let keys = self.keyring.open(&self.keys).map_err(|fault| ReadError::Keys(self.keys_at.clone(), fault))?;
        Ok(Opened { content: self, keys })
    }
}

/// What stood in the files at one moment, with its keys.
pub struct Opened {
    content: Content,
    keys: KeySet,
}

impl Opened {
    /// What stood there.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// The key set.
    pub fn keys(&self) -> &KeySet {
        &self.keys
    }

    /// Compiles the policy with the keys.
    pub fn compile(&self) -> Compiled {
        compile(&self.content.text, &self.content.name, &self.keys)
    }

    /// The same policy under each root that was retired, oldest first: what sinks got before rotations.
    pub fn before_rotations(&self) -> Vec<Arc<Plan>> {
        let compiled = |keys: &KeySet| compile(&self.content.text, &self.content.name, keys).plan.map(Arc::new);
        self.keys.before_rotations().iter().filter_map(compiled).collect()
    }

    /// It runs from now on: its keys are those that whoever keeps the roots is asked for again and again.
    pub fn adopt(self) -> KeySet {
        let Content { keys, keyring, .. } = self.content;
        keyring.adopt(keys);
        self.keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> (tempfile::TempDir, Files) {
        let folder = tempfile::tempdir().unwrap();
        let files = Files::new(folder.path().join("policy.yaml"), folder.path().join("keys.json"));
        std::fs::write(&files.policy, "privet: 1\n").unwrap();
        KeySet::generate().unwrap().save_new(&files.keys).unwrap();
        (folder, files)
    }

    #[test]
    fn the_fingerprint_follows_the_text_and_the_keys() {
        let (_folder, files) = files();
        let first = files.read().unwrap().fingerprint();
        assert!(files.read().unwrap().fingerprint() == first);
        std::fs::write(&files.policy, "privet: 1 # changed\n").unwrap();
        let second = files.read().unwrap().fingerprint();
        assert!(second != first);
        let mut keys = KeySet::load(&files.keys).unwrap();
        keys.rotate().unwrap();
        keys.save(&files.keys).unwrap();
        assert!(files.read().unwrap().fingerprint() != second);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let (_folder, files) = files();
        std::fs::write(&files.keys, "{").unwrap();
        assert!(files.read().err().unwrap().to_string().contains("keys.json"));
        std::fs::write(&files.policy, vec![b'#'; POLICY_BYTES as usize + 1]).unwrap();
        assert!(matches!(files.read(), Err(ReadError::TooLarge(_))));
        std::fs::remove_file(&files.policy).unwrap();
        assert!(files.read().err().unwrap().to_string().contains("policy.yaml"));
    }
}
