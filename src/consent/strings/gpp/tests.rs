//! The examples of the GPP text, the polarity of every kind of field, and what is broken.

use super::*;

fn ids(text: &[u8]) -> Vec<u16> {
    GppString::read(text).expect("a GPP string").parts().map(|part| part.id).collect()
}

fn fault(text: &[u8]) -> Broken {
    GppString::read(text).err().expect("it is broken")
}

const TC: &str = "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA";

#[test]
fn the_published_examples_are_read() {
    assert_eq!(ids(format!("DBABMA~{TC}").as_bytes()), [2]);
    assert_eq!(ids(format!("DBACNYA~{TC}~1YNN").as_bytes()), [2, 6]);
    assert_eq!(ids(format!("DBABM~{TC}").as_bytes()), [2], "padded to six bits only");
    assert!(ids(b"DBAA").is_empty());
}

#[test]
fn what_is_no_gpp_string_says_why() {
    assert_eq!(fault(b""), Broken::Truncated);
    assert_eq!(fault(b"DBAA~"), Broken::SectionCount);
    assert_eq!(fault(b"DBABTA"), Broken::SectionCount);
    assert_eq!(fault(b"DBABTA~1YNN~1YNN"), Broken::SectionCount);
    assert_eq!(fault(b"DBABTA~"), Broken::Shape);
    assert_eq!(fault(b"DBABTA~1ynn"), Broken::Shape);
    assert_eq!(fault(TC.as_bytes()), Broken::HeaderType);
    assert_eq!(fault(b"DCABTA~1YNN"), Broken::Version);
    assert_eq!(fault(b"DBABAA~1YNN"), Broken::Fibonacci);
    assert_eq!(fault(b"DBABTB~1YNN"), Broken::TrailingBits);
    assert_eq!(fault(b"DBABGA~"), Broken::SectionCount, "an unknown section is not empty either");
    assert_eq!(fault(b"DBABGA~B A"), Broken::Alphabet);
    assert_eq!(fault(&vec![b'D'; MAX_INPUT + 1]), Broken::TooLong);
}

/// usca v1 with all values 0 but the given one, by field.
fn california(field: Field, value: u8, gpc: &str) -> OptOuts {
    let layout = layouts::LAYOUTS.iter().find(|layout| layout.name == "usca").expect("a layout");
    let mut bits = "000001".to_owned();
    for (one, count) in layout.fields() {
        let value = if one == field { value } else { 0 };
        (0..count).for_each(|_| bits.push_str(["00", "01", "10", "11"][usize::from(value)]));
    }
    let text = fibonacci::tests::text(&bits);
    let text = [&text, gpc.as_bytes()].concat();
    let Ok(Section::Us(section)) = (Part { id: 8, text: &text }).decode() else { panic!("a section of California") };
    section.opt_outs()
}

#[test]
fn one_is_opted_out_of_a_choice_and_two_is_not_given_of_a_notice() {
    for (field, protective, harmless) in [
        (Field::SaleOptOut, 1, 2),
        (Field::SaleOptOutNotice, 2, 1),
        (Field::SharingOptOut, 1, 2),
        (Field::SharingOptOutNotice, 2, 1),
        (Field::SensitiveDataProcessing, 1, 2),
        (Field::SensitiveDataLimitUseNotice, 2, 1),
        (Field::KnownChildSensitiveDataConsents, 1, 2),
    ] {
        assert_eq!(california(field, 0, ""), OptOuts::default(), "{field:?} 0 does not apply");
        assert_eq!(california(field, harmless, ""), OptOuts::default(), "{field:?} {harmless}");
        assert_ne!(california(field, protective, ""), OptOuts::default(), "{field:?} {protective}");
        assert_eq!(california(field, 3, ""), california(field, protective, ""), "{field:?} 3 protects");
    }
    let sale = OptOuts { sale: true, ..OptOuts::default() };
    assert_eq!(california(Field::SaleOptOut, 1, ""), sale);
    let sharing = OptOuts { sharing: true, targeted_advertising: true, ..OptOuts::default() };
    assert_eq!(california(Field::SharingOptOut, 1, ""), sharing, "California has no other word for targeted advertising");
    assert!(california(Field::KnownChildSensitiveDataConsents, 1, "").known_child);
}

#[test]
fn global_privacy_control_opts_out_of_sale_sharing_and_targeting() {
    let all = OptOuts { sale: true, sharing: true, targeted_advertising: true, ..OptOuts::default() };
    assert_eq!(california(Field::SaleOptOut, 2, ".YA"), all, "whatever the core says");
    assert_eq!(california(Field::SaleOptOut, 2, ".QA"), OptOuts::default());
}

#[test]
fn the_version_chooses_the_layout_and_not_the_length() {
    // usnat v1 has 60 bits, v2 has 70: a v1 with 70 bits has bits behind its end, a v2 with 60 is cut.
    let one = |text: &[u8]| (Part { id: 7, text }).decode().err();
    assert_eq!(one(b"BVVVVVVVVV"), None);
    assert_eq!(one(b"BVVVVVVVVVVV"), Some(Broken::TrailingBits));
    assert_eq!(one(b"CVVVVVVVVVV"), Some(Broken::Truncated));
    assert_eq!(one(b"CVVVVVVVVVVQ"), None);
    assert_eq!(one(b"DVVVVVVVVVVQ"), Some(Broken::Version));
}

#[test]
fn sections_whose_text_is_not_settled_are_read_and_protect() {
    let Ok(Section::Us(section)) = (Part { id: 24, text: b"CVVQ" }).decode() else { panic!("a section of Maryland") };
    assert_eq!(section.opt_outs(), OptOuts::ALL);
}
