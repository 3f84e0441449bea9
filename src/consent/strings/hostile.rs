//! Strings made to cost much: each is answered with work in proportion to its length.

use super::bits::READS;
use super::gpp::GppString;
use super::tcf::TcString;
use super::{Broken, MAX_INPUT};

/// Bits, most significant first, as characters padded with zero.
#[derive(Default)]
struct Text(String);

impl Text {
    fn field(mut self, value: u64, width: usize) -> Self {
        self.0.push_str(&format!("{value:0width$b}"));
        self
    }

    fn zeros(self, width: usize) -> Self {
        Self(self.0 + &"0".repeat(width))
    }

    fn characters(&self) -> Vec<u8> {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let six = |bits: &[u8]| bits.iter().enumerate().map(|(at, bit)| usize::from(bit - b'0') << (5 - at)).sum::<usize>();
        self.0.as_bytes().chunks(6).map(|bits| alphabet[six(bits)]).collect()
    }

    /// A core up to the vendors: version 2, consent manager 2, policy 4, service-specific, all letters A.
    fn core() -> Self {
        Self::default().field(2, 6).zeros(72).field(2, 12).zeros(42).field(4, 6).field(1, 1).zeros(74)
    }

    /// A range section of the highest id with that many entries.
    fn ranges(self, entries: &[(u64, u64)]) -> Self {
        let section = self.field(65535, 16).field(1, 1).field(entries.len() as u64, 12);
        entries.iter().fold(section, |text, (start, end)| text.field(1, 1).field(*start, 16).field(*end, 16))
    }
}

/// Reads the text, asks about a vendor, and returns how often bits were looked at for each character.
#[track_caller]
fn work(text: &[u8], expected: Option<Broken>) -> usize {
    READS.set(0);
    match TcString::read(text) {
        Err(broken) => assert_eq!(Some(broken), expected),
        Ok(tc) => {
            assert_eq!(None, expected);
            let _ = tc.vendor(65535);
        }
    }
    READS.get() / text.len().max(1)
}

#[test]
fn many_ranges_are_walked_once_to_read_and_once_to_ask() {
    let ascending: Vec<(u64, u64)> = (0..4095).map(|n| (n * 16 + 1, n * 16 + 8)).collect();
    let empty = |text: Text| text.field(0, 17).field(0, 12);
    assert!(work(&empty(Text::core().ranges(&ascending)).characters(), None) <= 1);
    let overlapping = [(1, 65535); 4095];
    let text = empty(Text::core().ranges(&overlapping)).characters();
    assert_eq!(work(&text, Some(Broken::RangeUnsorted)), 0, "the second of them ends the reading");
}

#[test]
fn many_restrictions_are_walked_once_to_read_and_once_to_ask() {
    let core = Text::core().field(0, 17).field(0, 17).field(4095, 12);
    let text = (0..4095)
        .fold(core, |text, n| text.field(n % 24 + 1, 6).field(n % 3, 2).field(1, 12).field(1 << 32 | 1 << 16 | 65535, 33));
    let text = text.characters();
    let tc = TcString::read(&text).expect("a TC string");
    assert_eq!(tc.restrictions.iter().count(), 4095);
    assert!(work(&text, None) <= 2);
    // None of them binds anybody: as many records as bits allow, with nothing in them.
    let core = Text::core().field(0, 17).field(0, 17).field(4095, 12);
    let text = (0..4095).fold(core, |text, _| text.field(1, 6).field(0, 2).field(0, 12)).characters();
    assert!(work(&text, None) <= 2);
}

#[test]
fn counts_without_the_bits_behind_them_end_at_the_end() {
    let ranges = Text::core().field(65535, 16).field(1, 1).field(4095, 12).characters();
    assert_eq!(work(&ranges, Some(Broken::Truncated)), 0);
    let restrictions = Text::core().field(0, 17).field(0, 17).field(4095, 12).characters();
    assert_eq!(work(&restrictions, Some(Broken::Truncated)), 0);
    let field = Text::core().field(65535, 16).field(0, 1).characters();
    assert_eq!(work(&field, Some(Broken::Truncated)), 0);
}

#[test]
fn segments_and_padding_without_end_are_refused_at_once() {
    let core = Text::core().field(0, 17).field(0, 17).field(0, 12).characters();
    let dots = [&core[..], &b".".repeat(5000)].concat();
    assert_eq!(work(&dots, Some(Broken::EmptySegment)), 0);
    let segments = [&core[..], &b".IAAA".repeat(5000)].concat();
    assert_eq!(work(&segments, Some(Broken::DuplicateSegment)), 0);
    let padding = [&core[..], &b"A".repeat(MAX_INPUT)].concat();
    assert_eq!(work(&padding, Some(Broken::TooLong)), 0);
    let padding = [&core[..], &vec![b'A'; MAX_INPUT - core.len()]].concat();
    assert_eq!(work(&padding, None), 0);
}

#[test]
fn gpp_headers_that_list_everything_cost_what_is_there() {
    let reads = |text: &[u8], expected: Broken| {
        READS.set(0);
        assert_eq!(GppString::read(text).err(), Some(expected));
        READS.get()
    };
    // 1 to 46369: the header lists more sections than any text holds.
    let all = Text::default().field(3, 6).field(1, 6).field(1, 12).field(1, 1).field(3, 2).zeros(22).field(3, 2).characters();
    assert!(reads(&[&all[..], b"~BAAA"].concat(), Broken::SectionCount) < 20);
    // 4,095 items of one id each, and one section.
    let many = (0..4095).fold(Text::default().field(3, 6).field(1, 6).field(4095, 12), |text, _| text.field(3, 3)).characters();
    assert!(reads(&[&many[..], b"~BAAA"].concat(), Broken::SectionCount) < 20);
    let tildes = [&b"DBABTA~1YNN"[..], &b"~".repeat(60_000)].concat();
    assert!(reads(&tildes, Broken::SectionCount) < 20);
}
