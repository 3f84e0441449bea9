//! Consent strings: what is read of a changed string is what it says, and nothing panics.
//!
//! The walk and the encoder are those of the package's own tests.

#[path = "../../tests/consent_strings/encoder.rs"]
mod encoder;
#[path = "../../tests/consent_strings/walk.rs"]
mod walk;

use crate::random::Random;

/// Strings to begin with: every segment, coding and kind of section.
const SEEDS: &[&str] = &[
    "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA",
    "CP1vwsAP1vwsAH-AAwELZLF0AP_gAEPgAAAAA0AAAAAAAAAAAAAAAAAEPcYDAAuwCZgHWAQuAlIB44F-gMVAcuA6GB00DqQH8QQuAnKBQwC0oFwINpQbng43B3yD1sHuIAJMAFA1EDVoG1gbi.ICHD8_z__8_-__v_-_f_vv9vr______f__vv7_3__e_47__fw.YksNKsA4AI",
    "CQR0BoAQR0BoAig__LZHC3FgAMAAAEAAAAYgAAAAUgBAADAAGAAA",
    "DBAA",
    "DBACNYA~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YNN",
    "DBABDA~BQKLgBmQKOHmlWrXkVENnbCyQ-IKMzVrDgDRAFYWLJxDsBB4AKKGACEAG3ABKlg.YcPgCh1OgOA.IA0QBSGGJjyuwA",
    "DBACLY~CGmAlhIZgApI~BSBQGhmk.QA",
    "DBABEY~CVVQ",
    "DBABBg~BlEShEpE.YA",
    "DBACTUDA~1YNN~BAAAAAAA",
    "1YNN",
    "13l3l3l3l1l1",
];

const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.~";

/// What a string that is read says, written anew, is read as the same. The walk asserts what must always hold, and panics.
pub(crate) fn holds(input: &[u8]) -> Result<(), &'static str> {
    if let Some(read) = walk::tcf(input)
        && walk::tcf(read.encode(6, 0).as_bytes()) != Some(read)
    {
        return Err("a TC string written anew says something else");
    }
    if let Some(read) = walk::gpp(input)
        && walk::gpp(walk::written(&read, false, 6).as_bytes()) != Some(read)
    {
        return Err("a GPP string written anew says something else");
    }
    let _ = (walk::usp(input), walk::gcd(input));
    Ok(())
}

/// A string, changed in a few places.
pub(crate) fn string(random: &mut Random<'_>) -> Vec<u8> {
    let mut text = random.pick(SEEDS).as_bytes().to_vec();
    for _ in 0..random.below(5) {
        let at = random.below(text.len() + 1);
        let letter = if random.once_in(20) { random.next() as u8 } else { *random.pick(ALPHABET) };
        match random.below(6) {
            0 => text.truncate(at),
            1 => text.insert(at, letter),
            2 => text.extend_from_within(at..),
            3 => text.extend_from_slice(random.pick(SEEDS).as_bytes()),
            _ if at < text.len() => text[at] = letter,
            _ => text.push(letter),
        }
    }
    text
}
