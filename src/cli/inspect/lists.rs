//! Lists of ids as `privet inspect` shows them: every id for a program, ranges for a person.

use super::Fault;
use crate::consent::strings::tcf::{RestrictionKind, Restrictions};
use crate::consent::strings::{Numbers, VendorSet};
use serde::{Serialize, Serializer};
use std::fmt;

/// How many vendors restrictions may name in all, counted once for each purpose and type. A string of 64 KiB can name millions,
/// which nobody reads and which take longer to print than to refuse; real ones name some thousands.
pub(super) const MAX_LISTED: usize = 1 << 20;

/// Ids, as ranges that ascend and do not overlap.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Ids(Vec<(u16, u16)>);

impl From<&VendorSet<'_>> for Ids {
    fn from(set: &VendorSet<'_>) -> Self {
        Self::of(set.ranges().collect())
    }
}

impl From<Numbers> for Ids {
    fn from(set: Numbers) -> Self {
        set.iter().collect()
    }
}

impl FromIterator<u8> for Ids {
    fn from_iter<I: IntoIterator<Item = u8>>(numbers: I) -> Self {
        Self::of(numbers.into_iter().map(|number| (number.into(), number.into())).collect())
    }
}

impl Ids {
    /// Unites ranges in any order.
    fn of(mut ranges: Vec<(u16, u16)>) -> Self {
        ranges.sort_unstable();
        let mut united: Vec<(u16, u16)> = Vec::with_capacity(ranges.len());
        for (start, end) in ranges {
            match united.last_mut() {
                Some(last) if u32::from(start) <= u32::from(last.1) + 1 => last.1 = last.1.max(end),
                Some(_) | None => united.push((start, end)),
            }
        }
        Self(united)
    }

    fn len(&self) -> usize {
        self.0.iter().map(|(start, end)| usize::from(end - start) + 1).sum()
    }
}

impl Serialize for Ids {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().flat_map(|(start, end)| *start..=*end))
    }
}

/// Ranges, at most so many that a person still reads them.
impl fmt::Display for Ids {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const SHOWN: usize = 12;
        if self.0.is_empty() {
            return f.write_str("none");
        }
        for (at, (start, end)) in self.0.iter().take(SHOWN).enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            match end - start {
                0 => write!(f, "{comma}{start}")?,
                1 => write!(f, "{comma}{start}, {end}")?,
                _ => write!(f, "{comma}{start}-{end}")?,
            }
        }
        if self.0.len() > SHOWN {
            write!(f, " … {}, {} in all", self.0.last().map_or(0, |last| last.1), self.len())?;
        }
        Ok(())
    }
}

/// Restrictions sorted by purpose and type.
pub(super) fn sorted(restrictions: &Restrictions<'_>) -> Result<Vec<Restricted>, Fault> {
    let mut all = restricted(restrictions)?;
    all.sort_by_key(|one| (one.purpose, one.kind));
    Ok(all)
}

/// The restrictions of one purpose and type.
#[derive(Serialize)]
pub(super) struct Restricted {
    #[serde(rename = "purposeId")]
    pub(super) purpose: u8,
    #[serde(rename = "type")]
    pub(super) kind: u8,
    pub(super) vendors: Ids,
}

/// Restrictions united by purpose and type, in the order in which these come first, without those that bind nobody.
pub(super) fn restricted(restrictions: &Restrictions<'_>) -> Result<Vec<Restricted>, Fault> {
    type United = (u8, u8, Vec<(u16, u16)>);
    let mut united: Vec<United> = Vec::new();
    for one in restrictions.iter() {
        let (purpose, kind) = (one.purpose, one.kind.number());
        // At most 72 of them: 24 purposes of three types.
        let place = united.iter().position(|united| (united.0, united.1) == (purpose, kind));
        let place = place.unwrap_or_else(|| {
            united.push((purpose, kind, Vec::new()));
            united.len() - 1
        });
        united[place].2.extend(one.vendors.ranges());
    }
    let restricted: Vec<Restricted> = united
        .into_iter()
        .map(|(purpose, kind, ranges)| Restricted { purpose, kind, vendors: Ids::of(ranges) })
        .filter(|one| one.vendors.len() > 0)
        .collect();
    let listed: usize = restricted.iter().map(|one| one.vendors.len()).sum();
    if listed > MAX_LISTED { Err(Fault::TooMany) } else { Ok(restricted) }
}

/// What a restriction demands, in words.
pub(super) fn demand(kind: u8, [consent, other]: [&'static str; 2]) -> &'static str {
    if kind == RestrictionKind::NotAllowed.number() {
        "not allowed"
    } else if kind == RestrictionKind::RequireConsent.number() {
        consent
    } else {
        other
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_united_in_any_order() {
        let ids = Ids::of(vec![(9, 9), (1, 3), (2, 5), (6, 6), (65535, 65535), (10, 10)]);
        assert_eq!(ids.0, [(1, 6), (9, 10), (65535, 65535)]);
        assert_eq!(serde_json::to_string(&ids).expect("JSON"), "[1,2,3,4,5,6,9,10,65535]");
        assert_eq!(ids.to_string(), "1-6, 9, 10, 65535");
        assert_eq!(Ids::default().to_string(), "none");
    }

    #[test]
    fn many_ranges_are_cut_for_people_only() {
        let ids = Ids::of((1..=20).map(|id| (id * 3, id * 3)).collect());
        assert_eq!(ids.to_string(), "3, 6, 9, 12, 15, 18, 21, 24, 27, 30, 33, 36 … 60, 20 in all");
    }
}
