//! Opening what was sealed, in the operator's hands: identities, the ways in which batches come out of Kafka.

use age::{Decryptor, Identity, IdentityFile};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use std::borrow::Cow;
use std::io::{self, BufReader, Read};
use zeroize::Zeroizing;

/// How every `age` file begins.
const MAGIC: &[u8] = b"age-encryption.org/v1\n";

/// The secret halves that open batches. It does not implement `Debug`.
pub struct Identities(Vec<Box<dyn Identity + Send + Sync>>);

/// Why an identity file cannot be used. No variant holds any of it.
#[derive(Debug, thiserror::Error)]
pub enum IdentityError {
    /// It cannot be read, or a line of it is no identity.
    #[error("the identity file cannot be read: {0}")]
    Read(#[from] io::Error),
    /// It has none.
    #[error("the identity file holds no identity (a line that begins with `AGE-SECRET-KEY-1`)")]
    Empty,
    /// It has one that this program cannot use.
    #[error("the identity file holds an identity that this program cannot use")]
    Kind,
}

/// Why a batch cannot be opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// It is sealed to somebody else.
    #[error("sealed to another recipient")]
    OtherRecipient,
    /// It is no `age` file, or was cut or changed.
    #[error("not a sealed batch, or damaged")]
    Damaged,
    /// It is one, and holds something else.
    #[error("sealed to this identity, and not a batch of quarantined records")]
    Content,
}

impl Identities {
    /// Reads an `age` identity file: `AGE-SECRET-KEY-1…` lines and comments.
    pub fn read(file: impl Read) -> Result<Identities, IdentityError> {
        let identities = IdentityFile::from_buffer(BufReader::new(file))?.into_identities().map_err(|_| IdentityError::Kind)?;
        if identities.is_empty() { Err(IdentityError::Empty) } else { Ok(Identities(identities)) }
    }
}

/// The lines of one batch. A batch that was never sealed is its own lines.
pub fn open(batch: &[u8], identities: &Identities) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let lines = match (batch.starts_with(b"{"), batch.strip_suffix(b"\n")) {
        (true, _) => Zeroizing::new(batch.to_vec()),
        // A line end behind a batch may be the consumer's, or the last byte of the ciphertext.
        (false, Some(shorter)) => decrypt(batch, identities).or_else(|error| decrypt(shorter, identities).map_err(|_| error))?,
        (false, None) => decrypt(batch, identities)?,
    };
    let are_objects = lines.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).all(is_object);
    if are_objects { Ok(lines) } else { Err(OpenError::Content) }
}

fn is_object(line: &[u8]) -> bool {
    line.starts_with(b"{") && serde_json::from_slice::<serde::de::IgnoredAny>(line).is_ok()
}

fn decrypt(batch: &[u8], identities: &Identities) -> Result<Zeroizing<Vec<u8>>, OpenError> {
    let decryptor = Decryptor::new_buffered(batch).map_err(|_| OpenError::Damaged)?;
    let mut reader =
        decryptor.decrypt(identities.0.iter().map(|identity| &**identity as &dyn Identity)).map_err(|error| match error {
            age::DecryptError::NoMatchingKeys => OpenError::OtherRecipient,
            _ => OpenError::Damaged,
        })?;
    let mut lines = Zeroizing::new(Vec::with_capacity(batch.len()));
    reader.read_to_end(&mut lines).map_err(|_| OpenError::Damaged)?;
    Ok(lines)
}

/// The batches of a file, whichever way they left Kafka: one batch as it is; each behind its length as four bytes,
/// big-endian (`kcat -f '%R%s'`); one after the other with or without line ends between them
/// (`kafka-console-consumer`); in base64, one a line; or lines that were never sealed.
pub fn split(file: &[u8]) -> Result<Vec<Cow<'_, [u8]>>, OpenError> {
    if file.iter().all(u8::is_ascii_whitespace) {
        return Ok(Vec::new());
    }
    if let Some(batches) = split_lengths(file) {
        return Ok(batches);
    }
    if file.starts_with(MAGIC) || file.starts_with(b"{") {
        return Ok(split_at_magic(file));
    }
    let lines = file.split(|byte| *byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty());
    lines.map(|line| STANDARD.decode(line).map(Cow::Owned).map_err(|_| OpenError::Damaged)).collect()
}

fn split_lengths(mut file: &[u8]) -> Option<Vec<Cow<'_, [u8]>>> {
    let mut batches = Vec::new();
    while let Some((length, rest)) = file.split_first_chunk::<4>() {
        let (batch, rest) = rest.split_at_checked(usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
        if !(batch.starts_with(MAGIC) || batch.starts_with(b"{")) {
            return None;
        }
        batches.push(Cow::Borrowed(batch));
        file = rest;
    }
    file.is_empty().then_some(batches)
}

/// Ciphertext never holds the magic but by a chance of one in 2^176.
fn split_at_magic(file: &[u8]) -> Vec<Cow<'_, [u8]>> {
    let mut starts: Vec<usize> = memchr::memmem::find_iter(file, MAGIC).collect();
    if starts.first() != Some(&0) {
        starts.insert(0, 0);
    }
    let ends = starts.iter().copied().skip(1).chain([file.len()]);
    starts.iter().zip(ends).map(|(start, end)| Cow::Borrowed(&file[*start..end])).collect()
}
