//! The file around a snapshot: XChaCha20-Poly1305 in chunks, so that neither a changed byte nor a missing end goes unnoticed.
//!
//! A magic text, 32 random bytes, then chunks: length (4 bytes, little endian), ciphertext and tag. The key is made of the ledger's
//! root and the random bytes, and so is another for every file; the nonce is the number of the chunk, with a mark on the last
//! (the STREAM construction of Hoang, Reyhanitabar, Rogaway and Vizár, 2015).

use super::Discarded;
use crate::keys::MacKey;
use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce};
use std::io::{self, Read, Write};
use zeroize::Zeroizing;

/// What a file begins with; the number is that of its form.
const MAGIC: &[u8; 24] = b"privet-ledger-snapshot-1";

/// Plain bytes of a chunk: large against tag and length, small against memory.
const CHUNK: usize = 256 << 10;

const TAG_BYTES: usize = 16;

const SALT_BYTES: usize = 32;

fn cipher(key: &MacKey, salt: &[u8; SALT_BYTES]) -> XChaCha20Poly1305 {
    let key = Zeroizing::new(key.mac_of(&[MAGIC, salt]));
    XChaCha20Poly1305::new((&*key).into())
}

fn nonce(number: u64, is_last: bool) -> XNonce {
    let mut nonce = [0; 24];
    nonce[..8].copy_from_slice(&number.to_le_bytes());
    nonce[23] = u8::from(is_last);
    nonce.into()
}

/// Encrypts what is written. Only [`Sealer::finish`] makes it whole.
pub(super) struct Sealer<W> {
    out: W,
    cipher: XChaCha20Poly1305,
    number: u64,
    open: Vec<u8>,
}

impl<W: Write> Sealer<W> {
    pub(super) fn new(key: &MacKey, mut out: W) -> io::Result<Sealer<W>> {
        let mut salt = [0; SALT_BYTES];
        getrandom::fill(&mut salt).map_err(|_| io::Error::other("the system has no random bytes"))?;
        out.write_all(MAGIC)?;
        out.write_all(&salt)?;
        Ok(Sealer { out, cipher: cipher(key, &salt), number: 0, open: Vec::with_capacity(CHUNK) })
    }

    pub(super) fn write(&mut self, mut bytes: &[u8]) -> io::Result<()> {
        while self.open.len() + bytes.len() > CHUNK {
            let (now, later) = bytes.split_at(CHUNK - self.open.len());
            self.open.extend_from_slice(now);
            self.seal(false)?;
            bytes = later;
        }
        self.open.extend_from_slice(bytes);
        Ok(())
    }

    /// Writes the last chunk.
    pub(super) fn finish(mut self) -> io::Result<W> {
        self.seal(true)?;
        Ok(self.out)
    }

    fn seal(&mut self, is_last: bool) -> io::Result<()> {
        let sealed = self.cipher.encrypt_in_place_detached(&nonce(self.number, is_last), MAGIC, &mut self.open);
        let tag = sealed.map_err(|_| io::Error::other("a chunk cannot be encrypted"))?;
        self.out.write_all(&((self.open.len() + TAG_BYTES) as u32).to_le_bytes())?;
        self.out.write_all(&self.open)?;
        self.out.write_all(&tag)?;
        self.open.clear();
        self.number += 1;
        Ok(())
    }
}

/// Decrypts a file chunk by chunk: nothing is handed out that was not authentic.
pub(super) struct Opener<R> {
    input: R,
    cipher: XChaCha20Poly1305,
    number: u64,
    chunk: Vec<u8>,
    at: usize,
    was_last: bool,
}

impl<R: Read> Opener<R> {
    pub(super) fn new(key: &MacKey, mut input: R) -> Result<Opener<R>, Discarded> {
        let (mut magic, mut salt) = ([0; MAGIC.len()], [0; SALT_BYTES]);
        input.read_exact(&mut magic).map_err(|_| Discarded::Form)?;
        if magic != *MAGIC {
            return Err(Discarded::Form);
        }
        input.read_exact(&mut salt).map_err(|_| Discarded::NotAuthentic)?;
        Ok(Opener { input, cipher: cipher(key, &salt), number: 0, chunk: Vec::new(), at: 0, was_last: false })
    }

    /// Fills the buffer.
    pub(super) fn read(&mut self, mut out: &mut [u8]) -> Result<(), Discarded> {
        while !out.is_empty() {
            if self.at == self.chunk.len() {
                self.next()?;
                continue;
            }
            let count = out.len().min(self.chunk.len() - self.at);
            let (now, later) = out.split_at_mut(count);
            now.copy_from_slice(&self.chunk[self.at..self.at + count]);
            self.at += count;
            out = later;
        }
        Ok(())
    }

    /// Whether nothing follows what was read, as its writer meant it.
    pub(super) fn is_at_end(&mut self) -> bool {
        self.was_last && self.at == self.chunk.len() && matches!(self.input.read(&mut [0]), Ok(0))
    }

    fn next(&mut self) -> Result<(), Discarded> {
        if self.was_last {
            return Err(Discarded::NotAuthentic);
        }
        let mut length = [0; 4];
        self.input.read_exact(&mut length).map_err(|_| Discarded::NotAuthentic)?;
        let length = u32::from_le_bytes(length) as usize;
        let text = length.checked_sub(TAG_BYTES).filter(|text| *text <= CHUNK).ok_or(Discarded::NotAuthentic)?;
        // Which chunk is the last is not said, so that nobody can say it falsely: it is tried.
        self.chunk.resize(length, 0);
        self.input.read_exact(&mut self.chunk).map_err(|_| Discarded::NotAuthentic)?;
        let tag = *Tag::from_slice(&self.chunk[text..]);
        self.chunk.truncate(text);
        self.at = 0;
        // All but the last are full.
        let order = if text == CHUNK { [false, true] } else { [true, true] };
        for is_last in order {
            let opened = self.cipher.decrypt_in_place_detached(&nonce(self.number, is_last), MAGIC, &mut self.chunk, &tag);
            if opened.is_ok() {
                self.was_last = is_last;
                self.number += 1;
                return Ok(());
            }
        }
        self.chunk.clear();
        Err(Discarded::NotAuthentic)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::KeySet;

    fn key() -> MacKey {
        KeySet::demonstration().digest_key("test")
    }

    fn sealed(bytes: &[u8]) -> Vec<u8> {
        let mut sealer = Sealer::new(&key(), Vec::new()).unwrap();
        bytes.chunks(1_000).for_each(|part| sealer.write(part).unwrap());
        sealer.finish().unwrap()
    }

    fn opened(file: &[u8], length: usize) -> Result<Vec<u8>, Discarded> {
        let mut opener = Opener::new(&key(), file)?;
        let mut out = vec![0; length];
        opener.read(&mut out)?;
        if opener.is_at_end() { Ok(out) } else { Err(Discarded::NotAuthentic) }
    }

    #[test]
    fn what_was_sealed_is_opened_and_nothing_else() {
        for length in [0, 1, CHUNK - 1, CHUNK, CHUNK + 1, 3 * CHUNK, 3 * CHUNK + 17] {
            let plain: Vec<u8> = (0..length).map(|at| (at * 7 % 251) as u8).collect();
            let file = sealed(&plain);
            // An empty one is asked for a byte of its one chunk, so that the chunk is read.
            if length > 0 {
                assert_eq!(opened(&file, length), Ok(plain.clone()), "{length}");
            }
            assert!(opened(&file, length + 1).is_err(), "{length}: no byte more");
            assert_ne!(sealed(&plain), file, "two files of the same differ");
        }
    }

    #[test]
    fn a_changed_byte_a_missing_end_and_chunks_in_another_order_are_noticed() {
        let plain = vec![7u8; 2 * CHUNK + 100];
        let file = sealed(&plain);
        for at in [0, 23, 24, 55, 56, 60, 61, CHUNK, 2 * CHUNK, file.len() - 1] {
            let mut changed = file.clone();
            changed[at] ^= 1;
            assert!(opened(&changed, plain.len()).is_err(), "byte {at}");
        }
        let head = 24 + 32;
        let full = 4 + CHUNK + TAG_BYTES;
        for end in [0, 10, 30, head, head + full - 1, head + full, head + 2 * full, file.len() - 1] {
            assert!(opened(&file[..end], plain.len()).is_err(), "cut at {end}");
        }
        // Whole chunks taken from the end: what is left is authentic, and not all.
        assert!(opened(&file[..head + 2 * full], 2 * CHUNK).is_err());
        assert!(opened(&[&file[..], b"x"].concat(), plain.len()).is_err(), "something behind it");
        let swapped = [&file[..head], &file[head + full..head + 2 * full], &file[head..head + full], &file[head + 2 * full..]];
        assert!(opened(&swapped.concat(), plain.len()).is_err());
        let other = KeySet::demonstration().digest_key("other");
        assert!(Opener::new(&other, &file[..]).unwrap().read(&mut [0]).is_err(), "another key");
    }
}
