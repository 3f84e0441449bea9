//! Properties of the decoders of consent strings: what an encoder wrote is read, whatever else is there is refused or read, and
//! nothing panics.

mod encoder;
mod walk;

use encoder::{Ids, Publisher, Restriction, Second, Tc, Vendors};
use privet::consent::strings::gpp::CanadaSection;
use privet::consent::strings::tcf::TcString;
use proptest::collection::{btree_set, vec};
use proptest::option;
use proptest::prelude::*;
use walk::Shown;

fn numbers(highest: u16) -> impl Strategy<Value = Ids> {
    btree_set(1..=highest, 0..=usize::from(highest))
}

/// Few or many, low or high, alone or in runs: the edges of the format are as likely as its middle.
fn ids() -> BoxedStrategy<Ids> {
    let runs = vec((1..=65_000u16, 1..=400u16), 0..6)
        .prop_map(|runs| runs.into_iter().flat_map(|(start, length)| start..start.saturating_add(length)).collect());
    let edges = btree_set(prop_oneof![Just(1u16), Just(2), Just(65534), Just(65535), 1..=40u16], 0..6);
    prop_oneof![Just(Ids::new()), edges, runs, btree_set(1..=1500u16, 0..200), btree_set(1..=65535u16, 0..40)].boxed()
}

fn vendors() -> BoxedStrategy<Vendors> {
    (ids(), prop_oneof![Just(0u16), 1..100u16, Just(65535)], any::<bool>())
        .prop_map(|(ids, slack, as_ranges)| Vendors { ids, slack, as_ranges })
        .boxed()
}

fn publisher() -> BoxedStrategy<Publisher> {
    (0..=63u8)
        .prop_flat_map(|customs| {
            let custom =
                move || numbers(63).prop_map(move |ids| ids.into_iter().filter(|id| *id <= customs.into()).collect::<Ids>());
            (numbers(24), numbers(24), custom(), custom()).prop_map(
                move |(consents, interests, custom_consents, custom_interests)| Publisher {
                    consents,
                    interests,
                    customs,
                    custom_consents,
                    custom_interests,
                },
            )
        })
        .boxed()
}

fn restrictions() -> impl Strategy<Value = Vec<Restriction>> {
    vec((1..=24u8, 0..=2u8, vendors()), 0..6)
}

fn letters() -> impl Strategy<Value = [u8; 2]> {
    [b'A'..=b'Z', b'A'..=b'Z']
}

prop_compose! {
    fn any_head()(
        created in 0..1u64 << 36, updated in 0..1u64 << 36, manager in 2..4096u16, manager_version in 0..4096u16,
        screen in 0..64u8, language in letters(), list in 0..4096u16, policy in 0..64u8,
        flags in any::<[bool; 3]>(), features in numbers(12), consents in numbers(24),
    )(
        interests in numbers(24), country in letters(), vendor_consents in vendors(), vendor_interests in vendors(),
        restrictions in restrictions(), disclosed in option::of(vendors()), allowed in option::of(vendors()),
        publisher in option::of(publisher()),
        created in Just(created), updated in Just(updated), fixed in Just((manager, manager_version, screen, language, list, policy)),
        given in Just((flags, features, consents)),
    ) -> Tc {
        let ((manager, manager_version, screen, language, list, policy), (flags, features, consents)) = (fixed, given);
        let [service_specific, own_texts, purpose_one] = flags;
        Tc {
            created, updated, manager, manager_version, screen, language, list, policy, service_specific, own_texts, features,
            consents, interests, purpose_one, country, vendor_consents, vendor_interests, restrictions, disclosed, allowed, publisher,
        }
    }
}

/// On the heap: values of this size within one another are more than the stack of a test thread holds.
fn head() -> BoxedStrategy<Tc> {
    any_head().boxed()
}

/// The string as the decoders show it: how vendors were written is not part of what they mean.
fn meant(mut tc: Tc) -> Tc {
    let plain = |vendors: &mut Vendors| (vendors.slack, vendors.as_ranges) = (0, false);
    plain(&mut tc.vendor_consents);
    plain(&mut tc.vendor_interests);
    tc.restrictions.iter_mut().for_each(|one| plain(&mut one.2));
    tc.disclosed.iter_mut().chain(tc.allowed.iter_mut()).for_each(plain);
    tc
}

/// Without what a Canadian section does not have.
fn canadian(mut tc: Tc) -> Tc {
    (tc.service_specific, tc.purpose_one, tc.country, tc.allowed) = (false, false, *b"AA", None);
    tc
}

fn pads() -> impl Strategy<Value = usize> {
    prop_oneof![Just(6usize), Just(8), Just(24)]
}

/// The US sections by id, version, how many values their texts list, and what their second segment is. `None` is any version.
const US: &[(u16, Option<u8>, usize, Second)] = &[
    (7, Some(1), 27, Second::Gpc(false)),
    (7, Some(2), 32, Second::Gpc(false)),
    (8, Some(1), 20, Second::Gpc(false)),
    (9, Some(1), 17, Second::Absent),
    (10, Some(1), 16, Second::Gpc(false)),
    (11, Some(1), 18, Second::Absent),
    (12, Some(1), 19, Second::Gpc(false)),
    (13, Some(1), 20, Second::Absent),
    (14, Some(1), 20, Second::Gpc(false)),
    (15, Some(1), 23, Second::Gpc(false)),
    (16, Some(1), 18, Second::Gpc(false)),
    (17, Some(1), 23, Second::Gpc(false)),
    (18, Some(1), 18, Second::Gpc(false)),
    (19, Some(1), 18, Second::Gpc(false)),
    (20, Some(1), 20, Second::Gpc(false)),
    (21, Some(1), 24, Second::Gpc(false)),
    (22, Some(1), 18, Second::Gpc(false)),
    (23, Some(1), 18, Second::Gpc(false)),
    (24, None, 8, Second::Gpc(false)),
    (25, None, 9, Second::Sensitive([0; 8])),
    (26, None, 9, Second::Sensitive([0; 8])),
    (27, None, 9, Second::Sensitive([0; 8])),
];

fn us_section() -> impl Strategy<Value = (u16, Shown)> {
    (0..US.len(), vec(0..=3u8, 32), any::<bool>(), any::<bool>(), proptest::array::uniform8(0..=3u8), 0..64u8).prop_map(
        |(at, mut values, present, gpc, sensitive, version)| {
            let (id, fixed, count, kind) = US[at];
            values.truncate(count);
            let second = match kind {
                Second::Gpc(_) if present => Second::Gpc(gpc),
                Second::Sensitive(_) if present => Second::Sensitive(sensitive),
                Second::Absent | Second::Gpc(_) | Second::Sensitive(_) => Second::Absent,
            };
            (id, Shown::Us(fixed.unwrap_or(version), values, second))
        },
    )
}

fn sections() -> BoxedStrategy<Vec<(u16, Shown)>> {
    let mark = prop_oneof![Just('Y'), Just('N'), Just('-')];
    let usp = [mark.clone(), mark.clone(), mark].prop_map(|marks| (6, Shown::Usp(marks.iter().collect())));
    let unknown = prop_oneof![Just(1u16), Just(3), Just(4), 28..2000u16, Just(65535)].prop_map(|id| (id, Shown::Unknown));
    let one = prop_oneof![
        1 => head().prop_map(|tc| (2, Shown::Tc(meant(tc)))),
        1 => head().prop_map(|tc| (5, Shown::Canada(canadian(meant(tc))))),
        1 => usp,
        6 => us_section(),
        1 => unknown,
    ];
    vec(one, 0..8)
        .prop_map(|mut sections| {
            sections.sort_by_key(|(id, _)| *id);
            sections.dedup_by_key(|(id, _)| *id);
            sections
        })
        .boxed()
}

/// Canada's ranges as they were written before mid-2026, plain: what can still be read permits nobody who was not named, for it
/// says that it is ambiguous.
#[test]
fn an_old_canadian_section_permits_nobody_new() {
    let mut ambiguous = 0;
    for vendor in 1..=4000u16 {
        let mut core = encoder::Bits::default();
        core.int(1, 6).int(1, 36).int(1, 36).int(31, 12).int(1, 12).int(1, 6).letters(*b"EN").int(1, 12).int(2, 6).int(0, 13);
        core.int(0xff_ffff, 24).int(0, 24);
        core.int(vendor.into(), 16).int(1, 1).int(1, 12).int(0, 1).int(vendor.into(), 16);
        core.int(0, 17).int(0, 12);
        let text = core.text(8);
        let Ok(section) = CanadaSection::read(text.as_bytes()) else { continue };
        ambiguous += usize::from(section.ambiguous);
        let permitted: Vec<u16> = (1..=u16::MAX).filter(|id| section.permits(*id, 1).is_some()).collect();
        assert!(permitted.is_empty() || permitted == [vendor], "{text}: {permitted:?}");
    }
    assert!(ambiguous > 0, "there are such strings");
}

/// One small change of a text.
fn changed(text: &str, kind: u8, at: usize, with: u8) -> Vec<u8> {
    let mut bytes = text.as_bytes().to_vec();
    let at = at % (bytes.len() + 1);
    match kind % 5 {
        0 => bytes.truncate(at),
        1 => bytes.insert(at, with),
        2 if at < bytes.len() => bytes[at] = with,
        3 if at < bytes.len() => drop(bytes.remove(at)),
        _ => bytes.extend_from_within(at..),
    }
    bytes
}

const ALPHABET: &str = "[A-Za-z0-9_.~-]{0,300}";

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, ..ProptestConfig::default() })]

    #[test]
    fn what_was_written_as_a_tc_string_is_read(tc in head(), pad in pads(), turn in 0..3usize) {
        let text = tc.encode(pad, turn);
        let read = walk::tcf(text.as_bytes());
        if text.len() > 64 << 10 { prop_assert_eq!(read, None) } else { prop_assert_eq!(read, Some(meant(tc)), "{}", text) }
    }

    /// What is noted about one vendor on the way is what is found when the string is asked.
    #[test]
    fn which_vendor_is_sought_changes_no_answer(tc in head(), pad in pads(), pick in any::<usize>(), other in any::<u16>()) {
        let mut vendors: Vec<u16> = vec![0, 1, u16::MAX, other];
        let named = [&tc.vendor_consents, &tc.vendor_interests].into_iter().chain(&tc.disclosed).chain(tc.restrictions.iter().map(|one| &one.2));
        vendors.extend(named.filter_map(|set| set.ids.iter().nth(pick % set.ids.len().max(1))));
        let text = tc.encode(pad, 0);
        prop_assume!(text.len() <= 64 << 10);
        let plain = TcString::read(text.as_bytes()).expect("a TC string");
        for sought in &vendors {
            let seeking = TcString::read_seeking(text.as_bytes(), *sought).expect("a TC string");
            for vendor in &vendors {
                prop_assert_eq!(format!("{:?}", seeking.vendor(*vendor)), format!("{:?}", plain.vendor(*vendor)), "{} {}", sought, vendor);
                prop_assert_eq!(seeking.vendor_consents.contains(*vendor), tc.vendor_consents.ids.contains(vendor));
            }
        }
    }

    #[test]
    fn what_was_written_as_a_gpp_string_is_read(sections in sections(), join in any::<bool>(), pad in pads()) {
        let text = walk::written(&sections, join, pad);
        let read = walk::gpp(text.as_bytes());
        if text.len() > 64 << 10 { prop_assert_eq!(read, None) } else { prop_assert_eq!(read, Some(sections), "{}", text) }
    }

    #[test]
    fn how_ranges_are_written_in_canada_does_not_matter(tc in head(), pad in pads(), turn in 0..2usize) {
        let text = encoder::gpp(&[(5, tc.encode_canada(pad, turn))], true, pad);
        prop_assume!(text.len() <= 64 << 10);
        prop_assert_eq!(walk::gpp(text.as_bytes()), Some(vec![(5, Shown::Canada(canadian(meant(tc))))]), "{}", text);
    }

    /// What is still read after a change is written and read again as the same: no bit was read that means nothing.
    #[test]
    fn a_changed_tc_string_is_refused_or_read_as_what_it_says(
        tc in head(), pad in pads(), kind in any::<u8>(), at in any::<usize>(), with in any::<u8>(),
    ) {
        if let Some(read) = walk::tcf(&changed(&tc.encode(pad, 0), kind, at, with)) {
            prop_assert_eq!(walk::tcf(read.encode(6, 0).as_bytes()), Some(read));
        }
    }

    #[test]
    fn a_changed_gpp_string_is_refused_or_read_as_what_it_says(
        sections in sections(), pad in pads(), kind in any::<u8>(), at in any::<usize>(), with in any::<u8>(),
    ) {
        if let Some(read) = walk::gpp(&changed(&walk::written(&sections, true, pad), kind, at, with)) {
            prop_assert_eq!(walk::gpp(walk::written(&read, false, 6).as_bytes()), Some(read));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, ..ProptestConfig::default() })]

    #[test]
    fn anything_is_answered(bytes in vec(any::<u8>(), 0..200), letters in ALPHABET) {
        let cores = ["", "C", "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA", "CPXxRfAPXxRfAAfKABENB-CgA", "D", "DBAA", "DBABMA~", "DBABDA~B", "13l"];
        for core in cores {
            for tail in [&bytes[..], letters.as_bytes()] {
                let text = [core.as_bytes(), tail].concat();
                let _ = (walk::tcf(&text), walk::gpp(&text), walk::usp(&text), walk::gcd(&text));
            }
        }
    }
}
