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

/// The names.
pub struct NameTable {
    fold: bool,
    spellings: Vec<Box<str>>,
    /// Their beginnings.
    starts: Vec<NameStart>,
    /// Open addressing by [`NameHash`] of ASCII names.
    slots: Vec<Slot>,
    /// Names that are equal once folded.
    groups: Vec<Group>,
    /// By confusable fold: the names that letters beyond ASCII may imitate.
    confusables: HashMap<Box<str>, Vec<NameId>>,
    /// How long the longest of those is.
    longest: usize,
    /// By the first byte: how long those are that begin so, a bit a length; a quick no for most names.
    lengths: Box<[u64; 256]>,
}

/// Where a group is found.
#[derive(Clone, Copy)]
struct Slot {
    hash: NameHash,
    /// Its position + 1; 0 where there is none.
    group: usize,
}

/// Names that are equal once folded.
struct Group {
    /// How the first of them begins, and how long it is.
    start: NameStart,
    length: usize,
    folded: Box<str>,
    names: Vec<NameId>,
}

/// The policy's names that an ASCII name of an event means.
#[derive(Clone, Copy, Default)]
pub struct Found<'a> {
    /// Their ids: at least one.
    pub names: &'a [NameId],
    /// The first of them is spelled as in the event.
    pub first_is_exact: bool,
}

impl Group {
    /// Whether the group's fold is the name's: usually one of them is spelled so, and most of the rest in lower case.
    #[inline]
    fn is(&self, name: &[u8]) -> bool {
        self.folded.len() == name.len() && self.folded.bytes().zip(name).all(|(ours, theirs)| ours == theirs.to_ascii_lowercase())
    }
}

/// What an ASCII name is found by: the same for names that differ only in case. Not keyed: the table holds the policy's
/// names only, so an event cannot make it collide more than the policy does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NameHash(u64);

/// The beginning of a name: up to sixteen bytes, behind which zeros stand.
pub type NameStart = u128;

impl NameHash {
    /// The hash of a name by its beginning and its length.
    #[inline(always)]
    pub fn of(start: NameStart, length: usize) -> NameHash {
        let folded = start | NameStart::from_ne_bytes([0x20; 16]);
        let (low, high) = (folded as u64, (folded >> 64) as u64);
        NameHash(mix(low ^ length as u64, high))
    }
}

/// The beginning of a name. Of short ones, as parts of dotted names are, it is put together faster than copied.
#[inline(always)]
pub fn name_start(name: &[u8]) -> NameStart {
    const HALF: usize = size_of::<u64>();
    if let Some(start) = name.first_chunk() {
        return NameStart::from_le_bytes(*start);
    }
    let Some(low) = name.first_chunk::<HALF>() else {
        return name.iter().rev().fold(0u64, |start, byte| start << 8 | u64::from(*byte)).into();
    };
    let high = name[HALF..].iter().rev().fold(0u64, |start, byte| start << 8 | u64::from(*byte));
    NameStart::from(high) << 64 | NameStart::from(u64::from_le_bytes(*low))
}

impl NameTable {
    /// An empty table; without `fold`, names match only as spelled.
    pub fn new(fold: bool) -> NameTable {
        NameTable {
            fold,
            spellings: Vec::new(),
            starts: Vec::new(),
            slots: Vec::new(),
            groups: Vec::new(),
            confusables: HashMap::new(),
            longest: 0,
            lengths: Box::new([0; 256]),
        }
    }

    /// The id of a name, made at need.
    pub fn intern(&mut self, name: &str) -> NameId {
        if let Some(known) = self.spellings.iter().position(|spelling| &**spelling == name) {
            return known as NameId;
        }
        let id = NameId::try_from(self.spellings.len()).expect("the policy compiler bounds the names of a stream");
        self.spellings.push(name.into());
        self.starts.push(name_start(name.as_bytes()));
        id
    }

    /// Builds the look-up structures; call once, after the last name.
    pub fn seal(&mut self) {
        for (id, spelling) in self.spellings.iter().enumerate() {
            let id = id as NameId;
            let mut folded = String::new();
            fold::fold_case(spelling, &mut folded);
            let (start, length) = (self.starts[usize::from(id)], spelling.len());
            match self.groups.iter_mut().find(|group| *group.folded == *folded) {
                Some(group) => group.names.push(id),
                None => self.groups.push(Group { start, length, folded: folded.into(), names: vec![id] }),
            }
            let mut confusable = String::new();
            fold::fold_confusable(spelling, &mut confusable);
            self.longest = self.longest.max(confusable.len());
            self.lengths[first_byte(&confusable)] |= length_bit(&confusable);
            self.confusables.entry(confusable.into()).or_default().push(id);
        }
        // An eighth full at most: most names of an event mean none of the policy's, and end at an empty slot.
        self.slots = vec![Slot { hash: NameHash(0), group: 0 }; (self.groups.len() * 8).next_power_of_two().max(64)];
        for (position, group) in self.groups.iter().enumerate() {
            let hash = NameHash::of(name_start(group.folded.as_bytes()), group.folded.len());
            let mut slot = self.slot(hash);
            while self.slots[slot].group != 0 {
                slot = (slot + 1) & (self.slots.len() - 1);
            }
            self.slots[slot] = Slot { hash, group: position + 1 };
        }
    }

    #[inline(always)]
    fn slot(&self, hash: NameHash) -> usize {
        hash.0 as usize & (self.slots.len() - 1)
    }

    /// Whether no path names a member.
    pub fn is_empty(&self) -> bool {
        self.spellings.is_empty()
    }

    /// Whether an ASCII name of that hash can mean one of the policy's: a quick no for most.
    #[inline(always)]
    pub fn may_mean(&self, hash: NameHash) -> bool {
        self.groups_at(hash).next().is_some()
    }

    /// The groups with that hash: one, or none; more only where the policy's own names collide.
    #[inline(always)]
    fn groups_at(&self, hash: NameHash) -> impl Iterator<Item = usize> {
        let mut at = self.slot(hash);
        std::iter::from_fn(move || {
            while let Some(Slot { hash: found, group }) = self.slots.get(at).filter(|slot| slot.group != 0) {
                at = (at + 1) & (self.slots.len() - 1);
                if *found == hash {
                    return Some(group - 1);
                }
            }
            None
        })
    }

    /// The policy's names that an ASCII name of an event means.
    pub fn find_ascii(&self, name: &[u8]) -> Found<'_> {
        self.find_started(name, name_start(name))
    }

    /// The same by a name's beginning, which `name` has.
    #[inline(always)]
    pub fn find_started(&self, name: &[u8], start: NameStart) -> Found<'_> {
        for position in self.groups_at(NameHash::of(start, name.len())) {
            let group = &self.groups[position];
            let begins = group.start == start && group.length == name.len();
            let is_exact = begins && (name.len() <= size_of::<NameStart>() || self.spells(group.names[0], name));
            if is_exact || group.is(name) {
                return Found { names: &group.names, first_is_exact: is_exact };
            }
        }
        Found::default()
    }

    fn spells(&self, name: NameId, decoded: &[u8]) -> bool {
        self.spellings[usize::from(name)].as_bytes() == decoded
    }

    /// Whether a name of the policy is spelled so.
    #[inline(always)]
    fn is_spelled(&self, name: NameId, decoded: &[u8], start: NameStart) -> bool {
        let spelling = &self.spellings[usize::from(name)];
        let is_whole = spelling.len() <= size_of::<NameStart>();
        self.starts[usize::from(name)] == start && spelling.len() == decoded.len() && (is_whole || spelling.as_bytes() == decoded)
    }

    /// The policy's names that a name with letters beyond ASCII may mean, by its [`fold::fold_confusable`].
    pub fn find_folded(&self, folded: &str) -> &[NameId] {
        let may_be_known = folded.len() <= self.longest && self.lengths[first_byte(folded)] & length_bit(folded) != 0;
        let known = if may_be_known { self.confusables.get(folded) } else { None };
        known.map_or(&[], Vec::as_slice)
    }

    /// How a decoded name matches one of the policy's names that [`NameTable::find_ascii`] or
    /// [`NameTable::find_folded`] found; `None` where only the exact spelling counts and differs.
    pub fn compare(&self, name: NameId, decoded: &[u8]) -> Option<NameMatch> {
        let exact = self.spellings[usize::from(name)].as_bytes() == decoded;
        (exact || self.fold).then_some(NameMatch { name, exact })
    }

    /// The same by a name's beginning, which `decoded` has.
    #[inline(always)]
    pub fn compare_started(&self, name: NameId, decoded: &[u8], start: NameStart) -> Option<NameMatch> {
        let exact = self.is_spelled(name, decoded, start);
        (exact || self.fold).then_some(NameMatch { name, exact })
    }

    /// Whether names match folded.
    pub fn folds(&self) -> bool {
        self.fold
    }
}

fn first_byte(folded: &str) -> usize {
    folded.bytes().next().map_or(0, usize::from)
}

/// The last bit is that of all long ones.
fn length_bit(folded: &str) -> u64 {
    1 << folded.len().min(63)
}

/// One multiplication folded onto itself.
#[inline(always)]
fn mix(low: u64, high: u64) -> u64 {
    let product = u128::from(low ^ 0xF39C_C060_5CED_C835) * u128::from(high ^ 0x9E37_79B9_7F4A_7C15);
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
        let Found { names: found, first_is_exact } = table.find_ascii(b"USERID");
        assert_eq!((found.len(), first_is_exact), (2, false));
        assert!(table.find_ascii(b"userId").first_is_exact);
        assert_eq!(table.compare(found[0], b"userId"), Some(NameMatch { name: found[0], exact: true }));
        assert_eq!(table.compare(found[1], b"userId"), Some(NameMatch { name: found[1], exact: false }));
        assert!(table.find_ascii(b"user").names.is_empty());
    }

    #[test]
    fn without_folding_only_the_spelling_counts() {
        let table = table(false, &["email"]);
        let found = table.find_ascii(b"Email").names;
        assert_eq!(table.compare(found[0], b"Email"), None);
    }
}
