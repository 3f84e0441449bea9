//! The member names that a stream's paths use, found by their spelling in an event.

use super::fold;
use std::collections::HashMap;

/// A distinct member name of the policy, as spelled there.
pub type NameId = u16;

/// How a member name of an event relates to one name of the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameMatch {
    /// The policy's name.
    pub name: NameId,
    /// Whether the decoded spelling is the same.
    pub exact: bool,
}

/// Names of this length or longer share a row of the filter.
const FILTER_LENGTHS: usize = 32;

/// The names.
pub struct NameTable {
    fold: bool,
    spellings: Vec<Box<str>>,
    /// By length (the longest together), which first letters occur: most names of an event end here.
    filter: [u64; FILTER_LENGTHS],
    /// Open addressing by [`fold_hash`] of ASCII names: position of a group + 1, or 0.
    slots: Vec<u16>,
    /// Names that are equal once folded, with that fold.
    groups: Vec<(Box<str>, Vec<NameId>)>,
    /// By confusable fold: the names that letters beyond ASCII may imitate.
    confusables: HashMap<Box<str>, Vec<NameId>>,
}

impl NameTable {
    /// An empty table; without `fold`, names match only as spelled.
    pub fn new(fold: bool) -> NameTable {
        NameTable {
            fold,
            spellings: Vec::new(),
            filter: [0; FILTER_LENGTHS],
            slots: Vec::new(),
            groups: Vec::new(),
            confusables: HashMap::new(),
        }
    }

    /// The id of a name, made at need.
    pub fn intern(&mut self, name: &str) -> NameId {
        if let Some(known) = self.spellings.iter().position(|spelling| &**spelling == name) {
            return known as NameId;
        }
        let id = NameId::try_from(self.spellings.len()).expect("the policy compiler bounds the names of a stream");
        self.spellings.push(name.into());
        id
    }

    /// Builds the look-up structures; call once, after the last name.
    pub fn seal(&mut self) {
        for (id, spelling) in self.spellings.iter().enumerate() {
            let id = id as NameId;
            let mut folded = String::new();
            fold::fold_case(spelling, &mut folded);
            if let Some(first) = folded.as_bytes().first() {
                self.filter[folded.len().min(FILTER_LENGTHS - 1)] |= letter_bit(*first);
            } else {
                self.filter[0] = u64::MAX;
            }
            match self.groups.iter_mut().find(|(known, _)| **known == *folded) {
                Some((_, members)) => members.push(id),
                None => self.groups.push((folded.into(), vec![id])),
            }
            let mut confusable = String::new();
            fold::fold_confusable(spelling, &mut confusable);
            self.confusables.entry(confusable.into()).or_default().push(id);
        }
        // Load at most one half, so that a miss usually ends at the first empty slot.
        self.slots = vec![0; (self.groups.len() * 2).next_power_of_two().max(8)];
        let mask = self.slots.len() - 1;
        for (position, (folded, _)) in self.groups.iter().enumerate() {
            let mut slot = fold_hash(folded.as_bytes()) as usize & mask;
            while self.slots[slot] != 0 {
                slot = (slot + 1) & mask;
            }
            self.slots[slot] = position as u16 + 1;
        }
    }

    /// Whether no path names a member.
    pub fn is_empty(&self) -> bool {
        self.spellings.is_empty()
    }

    /// The policy's names that an ASCII name of an event means.
    #[inline]
    pub fn find_ascii(&self, name: &[u8]) -> &[NameId] {
        let row = self.filter[name.len().min(FILTER_LENGTHS - 1)];
        let bit = name.first().map_or(u64::MAX, |first| letter_bit(*first));
        if row & bit == 0 { &[] } else { self.find_hashed(name, fold_hash(name)) }
    }

    fn find_hashed(&self, name: &[u8], hash: u64) -> &[NameId] {
        let mask = self.slots.len() - 1;
        let mut slot = hash as usize & mask;
        loop {
            match self.slots[slot] {
                0 => return &[],
                group => {
                    let (folded, members) = &self.groups[usize::from(group) - 1];
                    if folded.as_bytes().eq_ignore_ascii_case(name) {
                        return members;
                    }
                }
            }
            slot = (slot + 1) & mask;
        }
    }

    /// The policy's names that a name with letters beyond ASCII may mean; `compatible` went through
    /// `fold::fold_compatible`. Slow: only for such names. `work` is scratch.
    pub fn find_confusable(&self, compatible: &str, work: &mut String) -> &[NameId] {
        work.clear();
        fold::fold_skeleton(compatible, work);
        self.confusables.get(work.as_str()).map_or(&[], Vec::as_slice)
    }

    /// How a decoded name matches one of the policy's names that [`NameTable::find_ascii`] or
    /// [`NameTable::find_confusable`] found; `None` where only the exact spelling counts and differs.
    pub fn compare(&self, name: NameId, decoded: &[u8]) -> Option<NameMatch> {
        let exact = self.spellings[usize::from(name)].as_bytes() == decoded;
        (exact || self.fold).then_some(NameMatch { name, exact })
    }

    /// Whether names match folded.
    pub fn folds(&self) -> bool {
        self.fold
    }
}

/// One bit for a letter, the same in both cases.
fn letter_bit(letter: u8) -> u64 {
    1 << ((letter | 0x20) & 0x3F)
}

/// A hash that ASCII names which differ only in case share. Not keyed: the table holds the policy's names only, so
/// an event cannot make it collide more than the policy does.
fn fold_hash(name: &[u8]) -> u64 {
    const LOWER: u64 = 0x2020_2020_2020_2020;
    let mut hash = name.len() as u64;
    let mut words = name.chunks_exact(8);
    for word in &mut words {
        let word = u64::from_le_bytes(word.try_into().expect("a chunk of eight bytes"));
        hash = mix(hash ^ (word | LOWER));
    }
    let rest = words.remainder();
    if !rest.is_empty() {
        hash = mix(hash ^ (short_word(rest) | LOWER));
    }
    hash
}

/// One to seven bytes as a little-endian word, the rest zero; nothing for more or less.
#[inline]
pub fn short_word(bytes: &[u8]) -> u64 {
    match *bytes {
        [a] => u64::from(a),
        [a, b] => u64::from(u16::from_le_bytes([a, b])),
        [a, b, c] => u64::from(u32::from_le_bytes([a, b, c, 0])),
        [a, b, c, d] => u64::from(u32::from_le_bytes([a, b, c, d])),
        [a, b, c, d, e] => u64::from_le_bytes([a, b, c, d, e, 0, 0, 0]),
        [a, b, c, d, e, f] => u64::from_le_bytes([a, b, c, d, e, f, 0, 0]),
        [a, b, c, d, e, f, g] => u64::from_le_bytes([a, b, c, d, e, f, g, 0]),
        _ => 0,
    }
}

/// One round of multiplication folded onto itself.
fn mix(value: u64) -> u64 {
    let product = u128::from(value ^ 0xF39C_C060_5CED_C835) * 0x9E37_79B9_7F4A_7C15;
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(fold: bool, names: &[&str]) -> NameTable {
        let mut table = NameTable::new(fold);
        for name in names {
            table.intern(name);
        }
        table.seal();
        table
    }

    #[test]
    fn ascii_names_match_in_any_case_and_know_their_spelling() {
        let table = table(true, &["userId", "userid", "email"]);
        let found = table.find_ascii(b"USERID");
        assert_eq!(found.len(), 2);
        assert_eq!(table.compare(found[0], b"userId"), Some(NameMatch { name: found[0], exact: true }));
        assert_eq!(table.compare(found[1], b"userId"), Some(NameMatch { name: found[1], exact: false }));
        assert!(table.find_ascii(b"user").is_empty());
    }

    #[test]
    fn without_folding_only_the_spelling_counts() {
        let table = table(false, &["email"]);
        let found = table.find_ascii(b"Email");
        assert_eq!(table.compare(found[0], b"Email"), None);
    }
}
