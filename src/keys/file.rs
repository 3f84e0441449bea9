//! The key file: JSON, one object, `{"privet_keys": 1, "keys": [{id, role, state, created, secret}]}`; or, where somebody else keeps
//! the roots, `{"privet_keys": 1, "wrapped_by": "vault", "keys": [{id, role, state, created, wrapped}]}`.
//!
//! Text is parsed out of a buffer that is wiped, and no error repeats any of it.

use super::provider::{Provider, ProviderError};
use super::{Held, KeySet, ROOT_BYTES, Role, RootKey, State, destroy, succeed};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use secrecy::SecretSlice;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::Path;
use zeroize::Zeroizing;

/// The version of the format that this program reads and writes.
const VERSION: u32 = 1;
/// A key takes some 150 bytes; a file this large is not a key file.
const MAX_BYTES: u64 = 1 << 20;
/// An id is printed in every pseudonym.
const MAX_ID: usize = 24;
/// Longer secrets add nothing: HKDF extracts 256 bits.
const MAX_SECRET: usize = 64;
/// A wrapped secret is a few hundred characters; AWS KMS takes at most 6144 bytes.
const MAX_WRAPPED: usize = 8 << 10;

/// Why a key set cannot be used. No variant holds anything secret.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or written.
    #[error("the key file cannot be {attempt}: {cause}")]
    Io {
        /// What was attempted: "read", "written" …
        attempt: &'static str,
        /// What the operating system says.
        cause: io::Error,
    },
    /// Group or others may read or write it.
    #[error("the key file has mode {mode:04o}; nobody but its owner may have access (chmod 600)")]
    TooOpen {
        /// The permission bits.
        mode: u32,
    },
    /// It is too large to be one.
    #[error("the key file is larger than 1 MiB")]
    TooLarge,
    /// Not JSON, or not of the expected form.
    #[error("the key file is not in the expected form, at line {line}, column {column}")]
    Form {
        /// The line, from 1.
        line: usize,
        /// The column, from 1.
        column: usize,
    },
    /// Another version.
    #[error("the key file is of another version; this program reads `\"privet_keys\": 1`")]
    Version,
    /// A fault in one key.
    #[error("key {number} of the key file: {fault}")]
    Key {
        /// Its place in the list, from 1.
        number: usize,
        /// What is wrong.
        fault: KeyFault,
    },
    /// Not exactly one active key of a role.
    #[error("the key file has {found} active keys of role `{role}`, and must have exactly one")]
    Active {
        /// The role.
        role: &'static str,
        /// How many there are.
        found: usize,
    },
    /// No key has this id.
    #[error("the key file has no key with this id")]
    NoSuchKey,
    /// An active root cannot be destroyed.
    #[error("this key is active; rotate first")]
    StillActive,
    /// It is gone already.
    #[error("this key is destroyed already")]
    AlreadyDestroyed,
    /// The digests root must stay.
    #[error("this is the digests root; without it erased people would come back, so it cannot be destroyed")]
    DigestsRoot,
    /// The operating system gave no random bytes.
    #[error("the operating system gave no random bytes")]
    NoRandomness,
    /// The roots are in the clear, and should not be, or the other way round.
    #[error("the key file's roots are {found}, and the provider is `{provider}`; {hint}")]
    Kept {
        /// Who keeps them: "in the clear", "wrapped by vault" …
        found: String,
        /// Who was asked.
        provider: &'static str,
        /// What to do.
        hint: &'static str,
    },
    /// Whoever keeps the roots does not give them.
    #[error("{provider}: {cause}")]
    Provider {
        /// Who.
        provider: &'static str,
        /// Why.
        cause: ProviderError,
    },
}

impl KeyError {
    /// Whether the same file may be opened later: it is the provider that does not answer.
    pub fn passes(&self) -> bool {
        matches!(self, KeyError::Provider { cause, .. } if cause.passes())
    }
}

/// What is wrong with one key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyFault {
    /// The id is empty, too long, or holds other characters.
    #[error("its id must be 1 to 24 of a-z, 0-9, `-` and `_`")]
    Id,
    /// Another key has the id.
    #[error("an earlier key has the same id")]
    DuplicateId,
    /// The date is not RFC 3339.
    #[error("`created` is not an RFC 3339 time")]
    Created,
    /// The secret is not base64.
    #[error("`secret` is not base64")]
    Encoding,
    /// The secret has fewer than 32 or more than 64 bytes.
    #[error("`secret` must be of 32 to 64 bytes")]
    Length,
    /// A key that is in use has no secret.
    #[error("`secret` is missing")]
    NoSecret,
    /// A destroyed key has one.
    #[error("a destroyed key must not have a `secret`")]
    SecretOfDestroyed,
    /// A wrapped secret is not plain text of a sane length.
    #[error("`wrapped` must be plain ASCII, at most 8 KiB")]
    Wrapped,
    /// It stands in the other way than the file says.
    #[error("a key has `wrapped` where the file says `wrapped_by`, and `secret` where it does not")]
    OtherWay,
    /// The digests root is always active.
    #[error("a key of role `digests` must be active")]
    DigestsState,
}

/// The file as written. Secrets are borrowed from the buffer, never copied.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileText<'a> {
    privet_keys: u32,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wrapped_by: Option<&'a str>,
    #[serde(borrow)]
    keys: Vec<KeyText<'a>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyText<'a> {
    id: &'a str,
    role: RoleText,
    state: StateText,
    created: &'a str,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    secret: Option<&'a str>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    wrapped: Option<&'a str>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum RoleText {
    Root,
    Digests,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum StateText {
    Active,
    Retired,
    Destroyed,
}

/// A key set as its file holds it: roots in the clear, or wrapped by a provider. `Debug` shows ids only.
pub struct KeyFile {
    keys: Vec<RootKey>,
    wrapped_by: Option<Box<str>>,
}

impl KeyFile {
    /// Reads and checks a key file; asks no provider.
    pub fn load(path: &Path) -> Result<KeyFile, KeyError> {
        let failed = |cause| KeyError::Io { attempt: "read", cause };
        let mut file = File::open(path).map_err(failed)?;
        // The open file is asked, not the path, which may name another one by now.
        let mode = file.metadata().map_err(failed)?.mode() & 0o7777;
        if mode & 0o077 != 0 {
            return Err(KeyError::TooOpen { mode });
        }
        parse(&read_bounded(&mut file)?)
    }

    /// New keys, kept as the provider keeps them.
    pub fn generate(provider: &dyn Provider) -> Result<KeyFile, KeyError> {
        KeyFile::close(KeySet::generate()?, provider)
    }

    /// The same keys, kept as the provider keeps them.
    pub fn close(set: KeySet, provider: &dyn Provider) -> Result<KeyFile, KeyError> {
        let keys = provider.close(set.keys)?;
        Ok(KeyFile { keys, wrapped_by: provider.wraps().then(|| provider.name().into()) })
    }

    /// The key set, with the provider's help.
    pub fn open(&self, provider: &dyn Provider) -> Result<KeySet, KeyError> {
        self.belongs_to(provider)?;
        Ok(KeySet { keys: provider.open(&self.keys)? })
    }

    /// As [`KeySet::rotate`]; the provider is asked about the new root alone.
    pub fn rotate(&mut self, provider: &dyn Provider) -> Result<&str, KeyError> {
        self.belongs_to(provider)?;
        let fresh = RootKey::fresh(Role::Root, &self.keys)?;
        let closed = provider.close(vec![fresh])?;
        let [fresh] = <[RootKey; 1]>::try_from(closed).expect("a provider closes as many keys as it is given");
        Ok(succeed(&mut self.keys, fresh))
    }

    /// As [`KeySet::destroy`]; no provider is asked.
    pub fn destroy(&mut self, id: &str) -> Result<(), KeyError> {
        destroy(&mut self.keys, id)
    }

    /// All keys, oldest first.
    pub fn keys(&self) -> &[RootKey] {
        &self.keys
    }

    /// Who wraps the roots; `None` where they are in the clear.
    pub fn wrapped_by(&self) -> Option<&str> {
        self.wrapped_by.as_deref()
    }

    /// Writes a new key file, readable by its owner only; refuses to overwrite one.
    pub fn save_new(&self, path: &Path) -> Result<(), KeyError> {
        save_new(&self.keys, self.wrapped_by(), path)
    }

    /// Replaces a key file as a whole: a reader sees the old or the new one.
    pub fn save(&self, path: &Path) -> Result<(), KeyError> {
        save(&self.keys, self.wrapped_by(), path)
    }

    /// A digest of everything in the file, for telling whether it holds what runs. It reveals nothing about the
    /// secrets, which are 256 random bits; it is compared and never shown.
    pub fn fingerprint(&self) -> [u8; 32] {
        Sha256::digest(&*render(&self.keys, self.wrapped_by())).into()
    }

    fn belongs_to(&self, provider: &dyn Provider) -> Result<(), KeyError> {
        let wrapper = provider.wraps().then(|| provider.name());
        let kept = |found: String, hint| Err(KeyError::Kept { found, provider: provider.name(), hint });
        match (self.wrapped_by(), wrapper) {
            (None, None) => Ok(()),
            (Some(found), Some(asked)) if found == asked => Ok(()),
            (Some(found), Some(_)) => kept(format!("wrapped by {found}"), "name that one in the configuration"),
            (Some(found), None) => {
                kept(format!("wrapped by {found}"), "only a command with --config, and `privet run`, can ask for them")
            }
            (None, Some(_)) => kept("in the clear".to_owned(), "`privet keys wrap FILE --config privet.yaml` wraps them"),
        }
    }
}

impl fmt::Debug for KeyFile {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_list().entries(self.keys.iter().map(|key| &key.id)).finish()
    }
}

/// Reads at most `MAX_BYTES` into a buffer that never moves, so that no copy of a secret is left behind.
fn read_bounded(file: &mut File) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let length = file.metadata().map(|meta| meta.len()).unwrap_or(0);
    if length > MAX_BYTES {
        return Err(KeyError::TooLarge);
    }
    // A pipe has no length: room for any key file then.
    let room = if length > 0 { length as usize + 1 } else { MAX_BYTES as usize + 1 };
    let mut text = Zeroizing::new(Vec::with_capacity(room));
    file.take(room as u64).read_to_end(&mut text).map_err(|cause| KeyError::Io { attempt: "read", cause })?;
    if text.len() >= room { Err(KeyError::TooLarge) } else { Ok(text) }
}

fn parse(text: &[u8]) -> Result<KeyFile, KeyError> {
    // The parser's own message may repeat what it read.
    let form = |cause: serde_json::Error| KeyError::Form { line: cause.line(), column: cause.column() };
    let written: FileText<'_> = serde_json::from_slice(text).map_err(form)?;
    if written.privet_keys != VERSION {
        return Err(KeyError::Version);
    }
    let mut keys: Vec<RootKey> = Vec::with_capacity(written.keys.len());
    for (index, key) in written.keys.iter().enumerate() {
        let key = check(key, written.wrapped_by.is_some(), &keys).map_err(|fault| KeyError::Key { number: index + 1, fault })?;
        keys.push(key);
    }
    for role in [Role::Root, Role::Digests] {
        let found = keys.iter().filter(|key| key.role == role && key.state == State::Active).count();
        if found != 1 {
            return Err(KeyError::Active { role: role.as_str(), found });
        }
    }
    Ok(KeyFile { keys, wrapped_by: written.wrapped_by.map(Into::into) })
}

fn check(key: &KeyText<'_>, is_wrapped: bool, earlier: &[RootKey]) -> Result<RootKey, KeyFault> {
    let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-' || byte == b'_';
    if key.id.is_empty() || key.id.len() > MAX_ID || !key.id.bytes().all(allowed) {
        return Err(KeyFault::Id);
    }
    if earlier.iter().any(|other| &*other.id == key.id) {
        return Err(KeyFault::DuplicateId);
    }
    let role = match key.role {
        RoleText::Root => Role::Root,
        RoleText::Digests => Role::Digests,
    };
    let state = match key.state {
        StateText::Active => State::Active,
        StateText::Retired => State::Retired,
        StateText::Destroyed => State::Destroyed,
    };
    if role == Role::Digests && state != State::Active {
        return Err(KeyFault::DigestsState);
    }
    let created: Timestamp = key.created.parse().map_err(|_| KeyFault::Created)?;
    let held = match (state, key.secret, key.wrapped) {
        (State::Destroyed, None, None) => Held::Nothing,
        (State::Destroyed, _, _) => return Err(KeyFault::SecretOfDestroyed),
        (State::Active | State::Retired, None, None) => return Err(KeyFault::NoSecret),
        (State::Active | State::Retired, Some(text), None) if !is_wrapped => Held::Secret(decode_secret(text)?),
        (State::Active | State::Retired, None, Some(text)) if is_wrapped => Held::Wrapped(wrapped(text)?),
        (State::Active | State::Retired, _, _) => return Err(KeyFault::OtherWay),
    };
    Ok(RootKey { id: key.id.into(), role, state, created, held })
}

fn wrapped(text: &str) -> Result<Box<str>, KeyFault> {
    let plain = !text.is_empty() && text.len() <= MAX_WRAPPED && text.bytes().all(|byte| byte.is_ascii_graphic());
    if plain { Ok(text.into()) } else { Err(KeyFault::Wrapped) }
}

fn decode_secret(text: &str) -> Result<SecretSlice<u8>, KeyFault> {
    let mut bytes = Zeroizing::new(vec![0u8; text.len()]);
    let length = STANDARD.decode_slice(text, &mut bytes).map_err(|_| KeyFault::Encoding)?;
    if !(ROOT_BYTES..=MAX_SECRET).contains(&length) {
        return Err(KeyFault::Length);
    }
    Ok(SecretSlice::from(bytes[..length].to_vec()))
}

/// Writes a file that did not exist.
pub(super) fn save_new(keys: &[RootKey], wrapped_by: Option<&str>, path: &Path) -> Result<(), KeyError> {
    write_new(path, &render(keys, wrapped_by))
}

/// Writes beside the file and renames, so that no crash leaves half a key set.
pub(super) fn save(keys: &[RootKey], wrapped_by: Option<&str>, path: &Path) -> Result<(), KeyError> {
    let failed = |cause| KeyError::Io { attempt: "replaced", cause };
    // A link is followed, else the rename would replace the link and leave the old secrets behind it.
    let path = std::fs::canonicalize(path).map_err(failed)?;
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = std::path::PathBuf::from(beside);
    write_new(&beside, &render(keys, wrapped_by))?;
    let renamed = std::fs::rename(&beside, &path).map_err(failed);
    if renamed.is_err() {
        // What is left would hold the keys; that it cannot be removed adds nothing to the first error.
        let _ = std::fs::remove_file(&beside);
    }
    renamed
}

fn write_new(path: &Path, text: &[u8]) -> Result<(), KeyError> {
    let failed = |cause| KeyError::Io { attempt: "written", cause };
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(failed)?;
    let written = file.write_all(text).and_then(|()| file.sync_all());
    if written.is_err() {
        let _ = std::fs::remove_file(path);
    }
    written.map_err(failed)
}

/// The file's text, in buffers that are wiped and never grow.
fn render(keys: &[RootKey], wrapped_by: Option<&str>) -> Zeroizing<Vec<u8>> {
    let created: Vec<String> = keys.iter().map(|key| key.created.to_string()).collect();
    let secrets: Vec<Option<Zeroizing<String>>> = keys.iter().map(|key| key.secret().map(encode_secret)).collect();
    let wrapped = keys.iter().map(|key| match &key.held {
        Held::Wrapped(text) => Some(&**text),
        Held::Nothing | Held::Secret(_) => None,
    });
    let texts = keys.iter().zip(&created).zip(&secrets).zip(wrapped);
    let keys: Vec<KeyText<'_>> = texts
        .map(|(((key, created), secret), wrapped)| KeyText {
            id: &key.id,
            role: match key.role {
                Role::Root => RoleText::Root,
                Role::Digests => RoleText::Digests,
            },
            state: match key.state {
                State::Active => StateText::Active,
                State::Retired => StateText::Retired,
                State::Destroyed => StateText::Destroyed,
            },
            created,
            secret: secret.as_ref().map(|text| text.as_str()),
            wrapped,
        })
        .collect();
    // A key takes at most some 300 bytes with its indentation, and what is wrapped is no secret.
    let longest = keys.iter().filter_map(|key| key.wrapped).map(str::len).max().unwrap_or(0);
    let mut text = Zeroizing::new(Vec::with_capacity(128 + (512 + longest) * keys.len()));
    serde_json::to_writer_pretty(&mut *text, &FileText { privet_keys: VERSION, wrapped_by, keys })
        .expect("plain strings always have a JSON form, and a vector takes every write");
    text.push(b'\n');
    text
}

fn encode_secret(secret: &[u8]) -> Zeroizing<String> {
    Zeroizing::new(STANDARD.encode(secret))
}

#[cfg(test)]
mod tests;
