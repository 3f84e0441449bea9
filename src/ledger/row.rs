//! One subject's row: a shape, and in a few words its version and its times. Times are kept to the second, the start of a
//! grant to the millisecond; what is lost is lost towards less consent.

use super::record::{Consent, ConsentRecord, EVERY_PURPOSE, Stated};
use super::shapes::{Choice, NoRoom, Part, PurposeName, Reach, Shape, Shapes};
use crate::event::{Country, Jurisdiction, Timestamp};

/// What a row says about one purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Said {
    /// The purpose.
    pub purpose: PurposeName,
    /// What was said.
    pub choice: Choice,
    /// Whom a grant reaches.
    pub reach: Reach,
    /// Since when a grant stands without a break, or when a denial was said; without it a grant is none.
    pub start: Option<Timestamp>,
    /// When it was last confirmed: `start`, or later.
    pub confirmed: Option<Timestamp>,
    /// The first moment at which a grant no longer holds.
    pub expires: Option<Timestamp>,
}

/// A row that is being made; its memory is used again.
#[derive(Default)]
pub(super) struct Packer {
    parts: Vec<(Part, [u32; 3], u32)>,
    pub(super) words: Vec<u32>,
    /// The purposes and the places met first: nearly every record names the same few.
    known: Vec<(Box<str>, PurposeName)>,
    places: Vec<(Box<str>, Jurisdiction)>,
}

/// How many purposes, and how many places, a packer knows by itself.
const KNOWN: usize = 16;

/// How a row came about that a record alone does not make.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Refused {
    /// Its record cannot be read.
    Unreadable,
    /// Its version went backwards.
    Regressed,
    /// Its key has records in several partitions.
    Split,
}

impl Packer {
    /// The shape of a record's row; the words stand in `words` then.
    pub(super) fn pack(&mut self, record: &ConsentRecord<'_>, shapes: &Shapes) -> Result<Shape, NoRoom> {
        self.parts.clear();
        for (name, consent) in &record.purposes {
            let purpose = self.purpose(name, shapes)?;
            self.parts.push(part(purpose, consent, shapes)?);
        }
        // In one order, so that rows that say the same are of one shape however they were written.
        self.parts.sort_unstable_by_key(|(part, _, _)| part.purpose);
        let place = record.jurisdiction.as_deref().map(|text| self.place(text));
        Ok(self.finish(record.version, place, false))
    }

    fn place(&mut self, text: &str) -> Jurisdiction {
        if let Some((_, place)) = self.places.iter().find(|(known, _)| **known == *text) {
            return *place;
        }
        let place = place(text);
        if self.places.len() < KNOWN {
            self.places.push((text.into(), place));
        }
        place
    }

    fn purpose(&mut self, name: &str, shapes: &Shapes) -> Result<PurposeName, NoRoom> {
        if name == EVERY_PURPOSE {
            return Ok(PurposeName::EVERY);
        }
        if let Some((_, purpose)) = self.known.iter().find(|(known, _)| **known == *name) {
            return Ok(*purpose);
        }
        let purpose = shapes.purpose(name)?;
        if self.known.len() < KNOWN {
            self.known.push((name.into(), purpose));
        }
        Ok(purpose)
    }

    /// A row that denies everything, where its subject was.
    pub(super) fn refuse(&mut self, why: Refused, version: u64, place: Option<Jurisdiction>) -> Shape {
        self.parts.clear();
        let choice = match why {
            Refused::Unreadable => Choice::Broken,
            Refused::Regressed | Refused::Split => Choice::Denied,
        };
        let part = Part {
            purpose: PurposeName::EVERY,
            choice,
            reach: Reach::Processors,
            has_at: false,
            has_since: false,
            has_expires: false,
            has_millis: false,
        };
        self.parts.push((part, [0; 3], 0));
        self.finish(version, place, why == Refused::Regressed)
    }

    fn finish(&mut self, version: u64, place: Option<Jurisdiction>, regressed: bool) -> Shape {
        let Packer { parts, words, known: _, places: _ } = self;
        words.clear();
        words.push(version as u32);
        let long_version = version > u64::from(u32::MAX);
        if long_version {
            words.push((version >> 32) as u32);
        }
        for (part, times, _) in &*parts {
            let there = [part.has_at, part.has_since, part.has_expires];
            words.extend(times.iter().zip(there).filter(|(_, there)| *there).map(|(time, _)| *time));
        }
        // Three times 10 bits in a word.
        for (number, (_, _, millis)) in parts.iter().filter(|(part, _, _)| part.has_millis).enumerate() {
            match number % 3 {
                0 => words.push(*millis),
                place => *words.last_mut().expect("the first of three pushed one") |= millis << (10 * place),
            }
        }
        let parts = parts.iter().map(|(part, _, _)| *part).collect();
        Shape { parts, place, long_version, regressed, partition: 0 }
    }
}

/// The place of a record; what is no place is kept as not recognised.
pub(super) fn place(text: &str) -> Jurisdiction {
    let (country, region) = match text.split_once('-') {
        Some((country, _)) => (country, Some(text)),
        None => (text, None),
    };
    match Country::parse(country) {
        Some(_) => Jurisdiction::from_event(Some(country), region).unwrap_or(Jurisdiction::Unrecognised),
        None => Jurisdiction::Unrecognised,
    }
}

/// The text of which [`place`] makes the same place.
pub(super) fn place_text(place: &Jurisdiction) -> String {
    match place {
        Jurisdiction::Place { subdivision: Some(subdivision), .. } => subdivision.to_string(),
        Jurisdiction::Place { country, subdivision: None } => country.to_string(),
        // No row has several places at once; what is several is none here.
        Jurisdiction::Unrecognised | Jurisdiction::AnyOf(_) => "?".to_owned(),
    }
}

/// One purpose: what it shares with others, its times, and the milliseconds of its start.
fn part(purpose: PurposeName, consent: &Consent<'_>, shapes: &Shapes) -> Result<(Part, [u32; 3], u32), NoRoom> {
    let Consent { state, at, since, expires, vendors } = consent;
    let (choice, at, since, expires, reach) = match state {
        Stated::Granted => {
            // A start that is also the last confirmation is kept once.
            let since = since.filter(|since| Some(*since) != *at);
            let reach = match vendors {
                None => Reach::Processors,
                Some(names) if names.is_empty() => Reach::Nobody,
                Some(names) if names.iter().any(|name| name == "*") => Reach::Disclosed,
                Some(names) => Reach::Named(shapes.list(names.iter().map(|name| &**name))?),
            };
            (Choice::Granted, *at, since, *expires, reach)
        }
        // A denial holds for everybody and for ever; of two times the later one is its own.
        Stated::Denied => (Choice::Denied, (*at).max(*since), None, None, Reach::Processors),
        Stated::Withdrawn => (Choice::Withdrawn, (*at).max(*since), None, None, Reach::Processors),
    };
    let (start_seconds, millis) = since.or(at).map_or((0, 0), round_up);
    let at_seconds = match (at, since) {
        (Some(at), Some(_)) => round_down(at),
        (Some(_), None) | (None, _) => start_seconds,
    };
    let part = Part {
        purpose,
        choice,
        reach,
        has_at: at.is_some(),
        has_since: since.is_some(),
        has_expires: expires.is_some(),
        has_millis: millis != 0,
    };
    Ok((part, [at_seconds, start_seconds, expires.map_or(0, round_down)], millis))
}

/// Whole seconds, the earlier ones.
fn round_down(time: Timestamp) -> u32 {
    time.as_nanosecond().div_euclid(1_000_000_000).clamp(0, i128::from(u32::MAX)) as u32
}

/// Seconds and milliseconds, the later ones.
fn round_up(time: Timestamp) -> (u32, u32) {
    const LAST: i128 = u32::MAX as i128 * 1000;
    let millis = -(-time.as_nanosecond()).div_euclid(1_000_000);
    let millis = millis.clamp(0, LAST);
    ((millis / 1000) as u32, (millis % 1000) as u32)
}

/// How many words a row of that shape has.
pub(super) fn length(shape: &Shape) -> usize {
    let times = |part: &Part| usize::from(part.has_at) + usize::from(part.has_since) + usize::from(part.has_expires);
    let fractions = shape.parts.iter().filter(|part| part.has_millis).count();
    1 + usize::from(shape.long_version) + shape.parts.iter().map(times).sum::<usize>() + fractions.div_ceil(3)
}

/// The version of a row.
pub(super) fn version(shape: &Shape, words: &[u32]) -> u64 {
    let high = if shape.long_version { words.get(1).copied().unwrap_or(0) } else { 0 };
    u64::from(high) << 32 | u64::from(words.first().copied().unwrap_or(0))
}

/// What a row says, purpose by purpose.
pub(super) fn said<'r>(shape: &'r Shape, words: &'r [u32]) -> impl Iterator<Item = Said> + 'r {
    let times = |part: &Part| usize::from(part.has_at) + usize::from(part.has_since) + usize::from(part.has_expires);
    let mut at = 1 + usize::from(shape.long_version);
    let millis = at + shape.parts.iter().map(times).sum::<usize>();
    let mut fractions = 0;
    shape.parts.iter().map(move |part| {
        let mut next = |there: bool| {
            there.then(|| {
                at += 1;
                words.get(at - 1).copied().unwrap_or(0)
            })
        };
        let (seen, since, expires) = (next(part.has_at), next(part.has_since), next(part.has_expires));
        let mut fraction = 0;
        if part.has_millis {
            let word = words.get(millis + fractions / 3).copied().unwrap_or(0);
            fraction = word >> (10 * (fractions % 3)) & 0x3FF;
            fractions += 1;
        }
        let start = since.or(seen).map(|seconds| instant(seconds, fraction));
        let confirmed = if part.has_since { seen.map(|seconds| instant(seconds, 0)).or(start) } else { start };
        let expires = expires.map(|seconds| instant(seconds, 0));
        Said { purpose: part.purpose, choice: part.choice, reach: part.reach, start, confirmed, expires }
    })
}

fn instant(seconds: u32, millis: u32) -> Timestamp {
    Timestamp::new(i64::from(seconds), millis as i32 * 1_000_000).expect("seconds of 32 bits are within the calendar")
}

/// Whether the new row takes away something that the old one, or silence, gave.
pub(super) fn takes_away(old: Option<(&Shape, &[u32])>, new: (&Shape, &[u32])) -> bool {
    let Some((old_shape, old_words)) = old else { return denies(new.0) };
    if old_shape.place != new.0.place {
        return true;
    }
    let lost = said(old_shape, old_words).any(|old| {
        let kept = said(new.0, new.1).find(|new| new.purpose == old.purpose);
        old.choice == Choice::Granted && old.start.is_some() && !kept.is_some_and(|new| is_as_wide(&old, &new))
    });
    let is_news = |new: Said| new.choice != Choice::Granted && !said(old_shape, old_words).any(|old| old == new);
    lost || (denies(new.0) && said(new.0, new.1).any(is_news))
}

/// Whether a row denies anything.
pub(super) fn denies(shape: &Shape) -> bool {
    shape.parts.iter().any(|part| part.choice != Choice::Granted)
}

/// Whether one grant is a grant wherever the other was.
fn is_as_wide(old: &Said, new: &Said) -> bool {
    let reaches = match (old.reach, new.reach) {
        (old, new) if old == new => true,
        (Reach::Nobody, _) => true,
        (Reach::Processors, Reach::Disclosed) => true,
        (Reach::Processors | Reach::Disclosed | Reach::Named(_), _) => false,
    };
    let lasts = match (old.expires, new.expires) {
        (_, None) => true,
        (None, Some(_)) => false,
        (Some(old), Some(new)) => new >= old,
    };
    let starts = new.start.is_some_and(|start| old.start.is_some_and(|old| start <= old));
    new.choice == Choice::Granted && reaches && lasts && starts && new.confirmed >= old.confirmed
}
