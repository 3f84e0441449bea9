//! An encoder of consent strings, for tests only, written from the texts of the formats. It shares nothing with the decoders,
//! and writes also what they must refuse.

use std::collections::BTreeSet;

/// Ids, ascending.
pub(crate) type Ids = BTreeSet<u16>;

/// Bits, most significant first.
#[derive(Clone, Default)]
pub(crate) struct Bits(Vec<bool>);

impl Bits {
    /// Appends a number.
    pub(crate) fn int(&mut self, value: u64, width: usize) -> &mut Self {
        self.0.extend((0..width).rev().map(|bit| value >> bit & 1 == 1));
        self
    }

    /// Appends one bit for each number from 1 to `width`.
    pub(crate) fn field(&mut self, set: &Ids, width: u16) -> &mut Self {
        self.0.extend((1..=width).map(|id| set.contains(&id)));
        self
    }

    /// Appends two capital letters of six bits.
    pub(crate) fn letters(&mut self, letters: [u8; 2]) -> &mut Self {
        for letter in letters {
            self.int(u64::from(letter - b'A'), 6);
        }
        self
    }

    /// Appends a Fibonacci code: the Zeckendorf sum, smallest part first, and a closing 1.
    pub(crate) fn fibonacci(&mut self, value: u32) -> &mut Self {
        assert!(value > 0, "0 has no code");
        let mut parts = vec![1u32, 2];
        while parts[parts.len() - 1] <= value {
            parts.push(parts[parts.len() - 1] + parts[parts.len() - 2]);
        }
        let mut rest = value;
        let mut code: Vec<bool> = parts
            .iter()
            .rev()
            .map(|part| {
                let taken = *part <= rest;
                rest -= if taken { *part } else { 0 };
                taken
            })
            .collect();
        code.reverse();
        while code.last() == Some(&false) {
            code.pop();
        }
        self.0.extend(code);
        self.0.push(true);
        self
    }

    /// As characters: padded to a multiple of `pad` bits, then to whole characters.
    pub(crate) fn text(&self, pad: usize) -> String {
        let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let mut bits = self.0.clone();
        bits.resize(bits.len().next_multiple_of(pad), false);
        bits.resize(bits.len().next_multiple_of(6), false);
        let value = |six: &[bool]| six.iter().fold(0, |value, bit| value << 1 | usize::from(*bit));
        bits.chunks(6).map(|six| char::from(alphabet[value(six)])).collect()
    }
}

/// Neighbours joined to ranges.
pub(crate) fn ranges(ids: &Ids) -> Vec<(u16, u16)> {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for id in ids {
        match ranges.last_mut() {
            Some((_, end)) if *end + 1 == *id => *end = *id,
            _ => ranges.push((*id, *id)),
        }
    }
    ranges
}

/// Vendors and how they are written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Vendors {
    /// Who is named.
    pub(crate) ids: Ids,
    /// How far `MaxVendorId` is above the highest of them.
    pub(crate) slack: u16,
    /// Ranges, or a bit a vendor.
    pub(crate) as_ranges: bool,
}

impl Vendors {
    fn max(&self) -> u16 {
        self.ids.last().copied().unwrap_or(0).saturating_add(self.slack)
    }

    /// The vendor section of a TC string.
    fn write(&self, bits: &mut Bits) {
        bits.int(self.max().into(), 16).int(self.as_ranges.into(), 1);
        match self.as_ranges {
            true => entries(&self.ids, bits),
            false => _ = bits.field(&self.ids, self.max()),
        }
    }

    /// The range field of GPP's Canadian section.
    fn write_with_gaps(&self, bits: &mut Bits) {
        bits.int(self.max().into(), 16).int(self.as_ranges.into(), 1);
        match self.as_ranges {
            true => gaps(&self.ids, true, bits),
            false => _ = bits.field(&self.ids, self.max()),
        }
    }
}

/// `NumEntries` and the entries.
fn entries(ids: &Ids, bits: &mut Bits) {
    let ranges = ranges(ids);
    bits.int(ranges.len() as u64, 12);
    for (start, end) in ranges {
        bits.int((start != end).into(), 1).int(start.into(), 16);
        if start != end {
            bits.int(end.into(), 16);
        }
    }
}

/// A range as GPP codes it; with `join` neighbours are one item.
pub(crate) fn gaps(ids: &Ids, join: bool, bits: &mut Bits) {
    let items = if join { ranges(ids) } else { ids.iter().map(|id| (*id, *id)).collect() };
    bits.int(items.len() as u64, 12);
    let mut last = 0;
    for (start, end) in items {
        bits.int((start != end).into(), 1).fibonacci(u32::from(start - last));
        if start != end {
            bits.fibonacci(u32::from(end - start));
        }
        last = end;
    }
}

/// A publisher segment.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Publisher {
    pub(crate) consents: Ids,
    pub(crate) interests: Ids,
    pub(crate) customs: u8,
    pub(crate) custom_consents: Ids,
    pub(crate) custom_interests: Ids,
}

impl Publisher {
    fn write(&self, bits: &mut Bits) {
        bits.int(3, 3).field(&self.consents, 24).field(&self.interests, 24).int(self.customs.into(), 6);
        bits.field(&self.custom_consents, self.customs.into()).field(&self.custom_interests, self.customs.into());
    }
}

/// One restriction record: purpose, type, vendors.
pub(crate) type Restriction = (u8, u8, Vendors);

/// A TC string, or GPP's Canadian section, which has the same parts under other names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tc {
    pub(crate) created: u64,
    pub(crate) updated: u64,
    pub(crate) manager: u16,
    pub(crate) manager_version: u16,
    pub(crate) screen: u8,
    pub(crate) language: [u8; 2],
    pub(crate) list: u16,
    pub(crate) policy: u8,
    pub(crate) service_specific: bool,
    pub(crate) own_texts: bool,
    pub(crate) features: Ids,
    pub(crate) consents: Ids,
    pub(crate) interests: Ids,
    pub(crate) purpose_one: bool,
    pub(crate) country: [u8; 2],
    pub(crate) vendor_consents: Vendors,
    pub(crate) vendor_interests: Vendors,
    pub(crate) restrictions: Vec<Restriction>,
    pub(crate) disclosed: Option<Vendors>,
    pub(crate) allowed: Option<Vendors>,
    pub(crate) publisher: Option<Publisher>,
}

impl Tc {
    fn head(&self, version: u64, bits: &mut Bits) {
        bits.int(version, 6).int(self.created, 36).int(self.updated, 36);
        bits.int(self.manager.into(), 12).int(self.manager_version.into(), 12).int(self.screen.into(), 6).letters(self.language);
        bits.int(self.list.into(), 12).int(self.policy.into(), 6);
    }

    /// The TC string; `turn` says which of the optional segments comes first.
    pub(crate) fn encode(&self, pad: usize, turn: usize) -> String {
        let mut core = Bits::default();
        self.head(2, &mut core);
        core.int(self.service_specific.into(), 1).int(self.own_texts.into(), 1);
        core.field(&self.features, 12).field(&self.consents, 24).field(&self.interests, 24);
        core.int(self.purpose_one.into(), 1).letters(self.country);
        self.vendor_consents.write(&mut core);
        self.vendor_interests.write(&mut core);
        core.int(self.restrictions.len() as u64, 12);
        for (purpose, kind, vendors) in &self.restrictions {
            core.int((*purpose).into(), 6).int((*kind).into(), 2);
            entries(&vendors.ids, &mut core);
        }
        let vendors = |kind, vendors: &Vendors| {
            let mut bits = Bits::default();
            vendors.write(bits.int(kind, 3));
            bits
        };
        let disclosed = self.disclosed.as_ref().map(|set| vendors(1, set));
        let allowed = self.allowed.as_ref().map(|set| vendors(2, set));
        join(core, vec![disclosed, allowed, self.publisher_segment()], pad, turn)
    }

    /// The Canadian section, without what it does not have: scope, country, purpose 1, allowed vendors.
    pub(crate) fn encode_canada(&self, pad: usize, turn: usize) -> String {
        let mut core = Bits::default();
        self.head(1, &mut core);
        core.int(self.own_texts.into(), 1).field(&self.features, 12).field(&self.consents, 24).field(&self.interests, 24);
        self.vendor_consents.write_with_gaps(&mut core);
        self.vendor_interests.write_with_gaps(&mut core);
        core.int(self.restrictions.len() as u64, 12);
        for (purpose, kind, vendors) in &self.restrictions {
            vendors.write_with_gaps(core.int((*purpose).into(), 6).int((*kind).into(), 2));
        }
        let disclosed = self.disclosed.as_ref().map(|set| {
            let mut bits = Bits::default();
            set.write_with_gaps(bits.int(1, 3));
            bits
        });
        join(core, vec![disclosed, self.publisher_segment()], pad, turn)
    }

    fn publisher_segment(&self) -> Option<Bits> {
        self.publisher.as_ref().map(|own| {
            let mut bits = Bits::default();
            own.write(&mut bits);
            bits
        })
    }
}

fn join(core: Bits, segments: Vec<Option<Bits>>, pad: usize, turn: usize) -> String {
    let mut segments: Vec<String> = segments.into_iter().flatten().map(|bits| bits.text(pad)).collect();
    if !segments.is_empty() {
        let turn = turn % segments.len();
        segments.rotate_left(turn);
    }
    segments.insert(0, core.text(pad));
    segments.join(".")
}

/// A GPP string of sections that are written already.
pub(crate) fn gpp(sections: &[(u16, String)], join: bool, pad: usize) -> String {
    let mut header = Bits::default();
    header.int(3, 6).int(1, 6);
    gaps(&sections.iter().map(|(id, _)| *id).collect(), join, &mut header);
    let texts: Vec<String> = std::iter::once(header.text(pad)).chain(sections.iter().map(|(_, text)| text.clone())).collect();
    texts.join("~")
}

/// What the second segment of a US section holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Second {
    Absent,
    Gpc(bool),
    Sensitive([u8; 8]),
}

/// A US section: the version, the two-bit values in order, the second segment.
pub(crate) fn us(version: u8, values: &[u8], second: Second, pad: usize) -> String {
    let mut core = Bits::default();
    core.int(version.into(), 6);
    for value in values {
        core.int((*value).into(), 2);
    }
    let mut more = Bits::default();
    match second {
        Second::Absent => return core.text(pad),
        Second::Gpc(on) => _ = more.int(1, 2).int(on.into(), 1),
        Second::Sensitive(values) => values.iter().for_each(|value| _ = more.int((*value).into(), 2)),
    }
    format!("{}.{}", core.text(pad), more.text(pad))
}
