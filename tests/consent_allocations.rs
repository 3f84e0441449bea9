//! Reading a consent string and asking about it allocates nothing: held with an allocator that counts.

#[path = "kit/allocator.rs"]
mod allocator;

use allocator::ALLOCATIONS;
use privet::consent::strings::Numbers;
use privet::consent::strings::gcd::Gcd;
use privet::consent::strings::gpp::{GppString, Section};
use privet::consent::strings::tcf::{Registration, TcString};
use privet::consent::strings::usp::UspString;
use std::hint::black_box;

/// Three shared vectors, with bit fields, ranges, restrictions and every segment; and what is broken late.
const TCF: [&str; 4] = [
    "CP1vwsAP1vwsAH-AAwELZLF0AP_gAEPgAAAAA0AAAAAAAAAAAAAAAAAEPcYDAAuwCZgHWAQuAlIB44F-gMVAcuA6GB00DqQH8QQuAnKBQwC0oFwINpQbng43B3yD1sHuIAJMAFA1EDVoG1gbi.ICHD8_z__8_-__v_-_f_vv9vr______f__vv7_3__e_47__fw.YksNKsA4AI",
    "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA",
    "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA.IAAA.IAAA",
    "BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA",
];

/// Sections 2 and 6; 5; 7 and 8; 24; and what is broken late.
const GPP: [&str; 5] = [
    "DBACNYA~CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA~1YNN",
    "DBABDA~BQKLgBmQKOHmlWrXkVENnbCyQ-IKMzVrDgDRAFYWLJxDsBB4AKKGACEAG3ABKlg.YcPgCh1OgOA.IA0QBSGGJjyuwA",
    "DBACLY~CGmAlhIZgApI~BSBQGhmk.QA",
    "DBABEY~CVVQ",
    "DBACLY~CGmAlhIZgApI~BSBQGhmk.QA.QA",
];

fn read_all() -> usize {
    let registered =
        Registration { purposes: Numbers::of([1, 2]), legitimate_interests: Numbers::of([7]), ..Registration::default() };
    let mut permitted = 0;
    for text in TCF {
        let Ok(tc) = TcString::read(black_box(text.as_bytes())) else { continue };
        let vendor = tc.vendor(104);
        permitted += (0..=24).filter(|purpose| vendor.permits(&registered, *purpose).is_ok()).count();
        permitted += tc.restrictions.iter().count() + usize::from(tc.last_updated().is_some());
    }
    for text in GPP {
        let Ok(gpp) = GppString::read(black_box(text.as_bytes())) else { continue };
        permitted += gpp.parts().filter(|part| part.decode().is_ok_and(opts_out)).count();
    }
    permitted + usize::from(UspString::read(b"1YYN").is_ok()) + usize::from(Gcd::read(b"13r3v3p3q5").is_ok())
}

fn opts_out(section: Section<'_>) -> bool {
    match section {
        Section::Us(us) => us.opt_outs().sale,
        Section::Canada(section) => section.permits(1, 1).is_some(),
        Section::Usp(usp) => usp.opted_out() == Some(true),
        Section::Tcf(_) | Section::Unknown => false,
    }
}

#[test]
fn reading_consent_strings_allocates_nothing() {
    let before = ALLOCATIONS.get();
    let answered = black_box(read_all());
    assert_eq!(ALLOCATIONS.get(), before);
    // Of the strings above: purpose 1 and 2 on consent and 7 on interest are asked of a vendor with consent only (2), one
    // restriction, two readable times; sale of usca and usmd; nothing for Canada's vendor 1, which was not disclosed; and the last two formats.
    assert_eq!(answered, 2 + 1 + 2 + 2 + 2);
    drop(black_box(Box::new(answered)));
    assert_eq!(ALLOCATIONS.get(), before + 1, "the counter counts");
}
