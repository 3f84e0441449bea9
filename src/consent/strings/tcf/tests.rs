//! Published examples and single rules; the vectors run through the command line in `tests/conformance`.

use super::*;

/// The example of the TC string text (GPP text, section 2): made 2022-04-20, CMP 31, nothing permitted.
const EXAMPLE: &[u8] = b"CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA";

fn fault(text: &[u8]) -> Broken {
    TcString::read(text).err().expect("it is broken")
}

#[test]
fn the_published_example_is_read() {
    let tc = TcString::read(EXAMPLE).expect("a TC string");
    assert_eq!(tc.last_updated().map(|at| at.to_string()).as_deref(), Some("2022-04-20T22:00:00Z"));
    assert_eq!((tc.core.cmp_id, tc.core.cmp_version, tc.core.vendor_list_version), (31, 640, 126));
    assert_eq!((&tc.core.consent_language, &tc.core.publisher_country), (b"EN", b"DE"));
    assert!(tc.core.is_service_specific && tc.core.purpose_consents.is_empty() && tc.vendor_consents.is_empty());
    assert!(tc.disclosed.is_none() && tc.publisher.is_none());
    assert_eq!(tc.usable(), Err(Refusal::PolicyVersion), "made under TCF 2.0");
}

#[test]
fn what_is_no_tc_string_says_why() {
    let with = |more: &[u8]| [EXAMPLE, more].concat();
    assert_eq!(fault(b""), Broken::EmptySegment);
    assert_eq!(fault(b"."), Broken::EmptySegment);
    assert_eq!(fault(&with(b".")), Broken::EmptySegment);
    assert_eq!(fault(&with(b"=")), Broken::Alphabet);
    assert_eq!(fault(&with(b"h")), Broken::TrailingBits);
    assert_eq!(fault(&EXAMPLE[..30]), Broken::Truncated);
    assert_eq!(fault(b"BOEFEAyOEFEAyAHABDENAI4AAAB9vABAASA"), Broken::Version);
    assert_eq!(fault(&with(&[b".", EXAMPLE].concat())), Broken::SegmentType);
    assert_eq!(fault(&with(b".gAAA")), Broken::SegmentType);
    assert_eq!(fault(&with(b".IAAA.IAAA")), Broken::DuplicateSegment);
    assert_eq!(fault(&with(&vec![b'A'; MAX_INPUT])), Broken::TooLong);
    assert!(TcString::read(&with(b"AAAA")).is_ok(), "padding is of any length");
}

#[test]
fn an_empty_segment_is_not_an_absent_one() {
    let tc = TcString::read(b"CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA.IAAA").expect("a TC string");
    assert!(tc.disclosed.is_some_and(|set| set.is_empty()));
    assert!(tc.allowed.is_none());
}
