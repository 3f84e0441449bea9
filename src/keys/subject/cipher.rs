//! XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha) as `encrypt` uses it: in place, the tag behind the text.

use chacha20poly1305::aead::AeadInPlace;
use chacha20poly1305::{KeyInit, Tag, XChaCha20Poly1305, XNonce};

/// The length of a nonce: long enough that it may be the output of a PRF.
pub(super) const NONCE_BYTES: usize = 24;
/// The length of a tag.
pub(super) const TAG_BYTES: usize = 16;

/// Encrypts what stands behind `from` in the buffer, and appends the tag; what stands before is authenticated with it.
/// Allocates only where the buffer must grow.
pub(super) fn seal(key: &[u8; 32], nonce: &[u8; NONCE_BYTES], buffer: &mut Vec<u8>, from: usize) -> Option<()> {
    let (header, text) = buffer.split_at_mut_checked(from)?;
    let cipher = XChaCha20Poly1305::new(key.into());
    let tag = cipher.encrypt_in_place_detached(XNonce::from_slice(nonce), header, text).ok()?;
    buffer.extend_from_slice(&tag);
    Some(())
}

/// Decrypts what [`seal`] wrote, in place, without the tag; `None` where it is not authentic.
pub(super) fn open(key: &[u8; 32], nonce: &[u8; NONCE_BYTES], buffer: &mut Vec<u8>, from: usize) -> Option<()> {
    let end = buffer.len().checked_sub(TAG_BYTES).filter(|end| *end >= from)?;
    let tag = *Tag::from_slice(&buffer[end..]);
    buffer.truncate(end);
    let (header, text) = buffer.split_at_mut_checked(from)?;
    let cipher = XChaCha20Poly1305::new(key.into());
    cipher.decrypt_in_place_detached(XNonce::from_slice(nonce), header, text, &tag).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
        digits.chunks(2).map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap()).collect()
    }

    /// draft-irtf-cfrg-xchacha-03, appendix A.3.1.
    #[test]
    fn answers_the_draft() {
        let text =
            "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, sunscreen would be it.";
        let header = hex("50515253c0c1c2c3c4c5c6c7");
        let key: [u8; 32] = hex("808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f").try_into().unwrap();
        let nonce: [u8; 24] = hex("404142434445464748494a4b4c4d4e4f5051525354555657").try_into().unwrap();
        let expected = hex("bd6d179d3e83d43b9576579493c0e939572a1700252bfaccbed2902c21396cbb
             731c7f1b0b4aa6440bf3a82f4eda7e39ae64c6708c54c216cb96b72e1213b452
             2f8c9ba40db5d945b11b69b982c1bb9e3f3fac2bc369488f76b2383565d3fff9
             21f9664c97637da9768812f615c68b13b52e
             c0875924c1c7987947deafd8780acf49");
        let from = header.len();
        let sealed = [&header[..], &expected].concat();
        let mut buffer = [&header[..], text.as_bytes()].concat();
        seal(&key, &nonce, &mut buffer, from).unwrap();
        assert_eq!(buffer, sealed);
        open(&key, &nonce, &mut buffer, from).unwrap();
        assert_eq!(&buffer[from..], text.as_bytes());
        for at in [0, from, from + 60, sealed.len() - 1] {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert!(open(&key, &nonce, &mut changed, from).is_none());
        }
        assert!(open(&key, &nonce, &mut vec![0; 15], 0).is_none());
        assert!(open(&key, &nonce, &mut vec![0; 20], 5).is_none());
    }
}
