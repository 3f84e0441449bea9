//! How stretches are taken from what was walked.

use super::super::shapes::{StepId, is_common};
use super::super::walk::Walk;
use super::{CHUNK, Captured, Chunk, End, LONGEST, Name, Place, SHORTEST, Sizes, Stretch, StretchId, Stretches, WORD, part};
use crate::event::{NO_MARK, Places};

/// Drafts that are open at once, and stretches that are taken from one record, at most: what is new each time costs a record
/// little more than others.
pub(super) const AT_ONCE: usize = 16;
/// Marks, and hits, in one stretch at most; one that is longer has some two hundred members.
const MOST_PLACES: usize = 256;
/// Control values in one stretch at most: a policy names a dozen.
const MOST_CAPTURES: usize = 64;

/// A place at which a stretch may begin, while what stands there is walked.
#[derive(Clone, Copy)]
pub(in super::super) struct Draft {
    /// The step behind which it begins, in the innermost of so many containers.
    pub(in super::super) step: StepId,
    pub(in super::super) depth: usize,
    /// How many positions were passed, and what had been found by then.
    passed: usize,
    pub(in super::super) marks: usize,
    hits: usize,
    captures: usize,
}

/// What was walked of the object that a draft began in.
pub(in super::super) struct Walked<'a, 'w> {
    pub(in super::super) walk: &'a Walk<'w>,
    pub(in super::super) places: &'a Places,
    /// How many of the containers around it, and of it, have been marked since.
    pub(in super::super) marked: usize,
    /// How many positions stand before the end of what was walked.
    pub(in super::super) until: usize,
    /// The object ends there.
    pub(in super::super) closes: bool,
}

impl Stretches {
    /// A record begins, with all the documents in it.
    pub(in super::super) fn begin_record(&mut self) {
        self.may_take = AT_ONCE;
    }

    /// A document begins: what another one began is not gone on with.
    pub(in super::super) fn begin_document(&mut self) {
        self.drafts.clear();
    }

    /// Whether there are drafts in containers that stand in so many others.
    #[inline(always)]
    pub(in super::super) fn is_drafting_inside(&self, depth: usize) -> bool {
        self.drafts.last().is_some_and(|draft| draft.depth > depth)
    }

    /// A stretch may begin behind that step, in the innermost of so many containers, unless one began there before.
    #[cold]
    pub(in super::super) fn draft(&mut self, step: StepId, depth: usize, walk: &Walk<'_>, places: &Places) {
        let has_begun = self.drafts.last().is_some_and(|draft| draft.depth == depth);
        if !has_begun && self.drafts.len() < self.may_take {
            let (marks, hits, captures) = (places.marks.len(), places.hits.len(), places.captures.len());
            self.drafts.push(Draft { step, depth, passed: walk.passed(), marks, hits, captures });
        }
    }

    /// Ends the innermost draft, if it stands in a container inside so many others.
    pub(in super::super) fn end_inside(&mut self, depth: usize) -> Option<Draft> {
        self.drafts.pop_if(|draft| draft.depth > depth)
    }

    /// Counts one that is taken, or for which there is no room.
    pub(in super::super) fn count(&mut self) {
        self.may_take = self.may_take.saturating_sub(1);
    }

    /// Whether there is room for one more.
    pub(in super::super) fn has_room(&self) -> bool {
        let Stretches { stretches, chunks, names, words, strings, ends, places, hits, captures, .. } = self;
        let room = |used: usize, most: usize, more: usize| used + more <= most;
        room(stretches.len(), stretches.capacity(), 1)
            && room(chunks.len(), chunks.capacity(), LONGEST / CHUNK)
            && room(names.len(), names.capacity(), LONGEST)
            && room(words.len(), words.capacity(), LONGEST)
            && room(strings.len(), strings.capacity(), LONGEST)
            && room(ends.len(), ends.capacity(), LONGEST)
            && room(places.len(), places.capacity(), MOST_PLACES)
            && room(hits.len(), hits.capacity(), MOST_PLACES)
            && room(captures.len(), captures.capacity(), MOST_CAPTURES)
    }

    /// Takes a stretch from what was walked since a draft began, where there is [room](Stretches::has_room). `steps` are those
    /// behind the draft's, member by member.
    pub(in super::super) fn take(
        &mut self,
        draft: &Draft,
        walked: &Walked<'_, '_>,
        steps: impl Iterator<Item = StepId>,
    ) -> Option<StretchId> {
        let from = self.sizes();
        let length = self.take_members(draft, walked, steps).filter(|length| *length >= SHORTEST);
        let Some(length) = length.filter(|_| self.take_meaning(draft, walked, &from).is_some()) else {
            self.shrink(&from);
            return None;
        };
        for bytes in walked.walk.between(draft.passed..walked.until).0[..length].chunks(CHUNK) {
            let mut chunk = Chunk { bytes: [0; CHUNK], counts: [0; CHUNK] };
            // Of a number or a literal nothing is kept.
            for (at, byte) in bytes.iter().enumerate().filter(|(_, byte)| b"\"{}:,".contains(byte)) {
                (chunk.bytes[at], chunk.counts[at]) = (*byte, u8::MAX);
            }
            self.chunks.push(chunk);
        }
        self.stretches.push(Stretch { length: length as u32, from, to: self.sizes() });
        Some(self.stretches.len() as StretchId - 1)
    }

    /// Notes the names, words, strings and ends of the members that follow each other whole, up to an array or a name that may
    /// not be kept; answers with how many positions that is.
    fn take_members(&mut self, draft: &Draft, walked: &Walked<'_, '_>, mut steps: impl Iterator<Item = StepId>) -> Option<usize> {
        let Walked { walk, until, closes, .. } = walked;
        let (bytes, positions) = walk.between(draft.passed..*until);
        let from = self.sizes();
        let mut whole = from;
        let (mut at, mut inside, mut members) = (0, 0usize, 0);
        while at < LONGEST {
            let is_behind_member = inside == 0 && at > 0 && bytes.get(at).map_or(*closes, |byte| *byte == b',');
            if is_behind_member {
                let Some(step) = steps.next() else { break };
                members += 1;
                let (words, strings) = (self.words.len() as u32 - from.words, self.strings.len() as u32 - from.strings);
                let (touched, marks, hits, captures) = Default::default();
                self.ends.push(End { at: at as u32, step, members, touched, words, strings, marks, hits, captures });
                whole = self.sizes();
            }
            at += match bytes.get(at..).unwrap_or_default() {
                [b'"', b'"', b':', ..] => {
                    let name = &walk.input[positions[at] as usize + 1..positions[at + 1] as usize];
                    if !is_common(name) || !self.note_name(at as u32, name) {
                        break;
                    }
                    3
                }
                [b'"', b'"', ..] => {
                    self.strings.push(at as u32);
                    2
                }
                [b'{', ..] => {
                    inside += 1;
                    1
                }
                [b'}', ..] => {
                    inside = inside.checked_sub(1)?;
                    1
                }
                [b',', ..] => 1,
                [] | [b'[' | b']' | b':' | b'"', ..] => break,
                [_, ..] => {
                    self.words.push(at as u32);
                    1
                }
            };
        }
        self.shrink(&whole);
        part(&self.ends, from.ends, whole.ends).last().map(|end| end.at as usize)
    }

    /// Notes a name, if there is room for it.
    fn note_name(&mut self, at: u32, name: &[u8]) -> bool {
        if self.names.len() + name.len() / CHUNK >= self.names.capacity() {
            return false;
        }
        for from in (0..=name.len()).step_by(CHUNK) {
            let own = CHUNK.min(name.len() - from);
            let mut bytes = [0; CHUNK];
            bytes[..own].copy_from_slice(&name[from..from + own]);
            if let Some(quote) = bytes.get_mut(own) {
                *quote = b'"';
            }
            let own = u16::MAX >> (CHUNK - 1).saturating_sub(own);
            self.names.push(Name { at, behind: 1 + from as u16, own, bytes });
        }
        true
    }

    /// Notes what the members mean that were noted behind `from`, and how much of it there is up to each end.
    fn take_meaning(&mut self, draft: &Draft, walked: &Walked<'_, '_>, from: &Sizes) -> Option<()> {
        let Walked { walk, places, marked, .. } = walked;
        let last = self.ends.last()?.at as usize;
        let (bytes, positions) = walk.between(draft.passed.checked_sub(1)?..draft.passed + last + 1);
        let find = |offset: usize| positions.binary_search(&u32::try_from(offset).ok()?).ok();
        let end_of = |value: usize, end: usize| match bytes.get(value)? {
            b'"' | b'{' => find(end.checked_sub(1)?).map(|at| at as u32),
            _ => Some(WORD),
        };
        let behind_last = *positions.get(last + 1)?;
        let base = draft.marks + marked;
        let marks = places.marks.get(base..)?.iter().take_while(|mark| mark.start < behind_last);
        for mark in marks {
            let lead = find(mark.lead as usize).filter(|at| bytes.get(*at) == Some(&b','));
            let (lead, behind) = match lead {
                Some(comma) => (comma, 0),
                None => (find((mark.lead as usize).checked_sub(1)?).filter(|at| bytes.get(*at) == Some(&b'{'))?, 1),
            };
            let (start, value) = (find(mark.start as usize)?, find(mark.value as usize)?);
            if mark.all_scalars || (self.places.len() - from.places as usize) == MOST_PLACES {
                return None;
            }
            self.places.push(Place {
                parent: (mark.parent as usize)
                    .checked_sub(base)
                    .filter(|_| mark.parent != NO_MARK)
                    .map_or(NO_MARK, |at| at as u32),
                lead: lead as u32,
                behind,
                start: start as u32,
                value: value as u32,
                end: end_of(value, mark.end as usize)?,
                ordinal: mark.ordinal,
                count: mark.count,
                first_hit: if mark.hits > 0 { mark.first_hit.checked_sub(draft.hits as u32)? } else { 0 },
                hits: mark.hits,
                next: mark.next.checked_sub(base as u32)?,
            });
        }
        let captures =
            places.captures.get(draft.captures..)?.iter().take_while(|capture| capture.span.start < behind_last as usize);
        for capture in captures {
            let value = find(capture.span.start)?;
            if (self.captures.len() - from.captures as usize) == MOST_CAPTURES {
                return None;
            }
            let end = end_of(value, capture.span.end)?;
            self.captures.push(Captured { slot: capture.slot, value: value as u32, end });
        }
        let Stretches { ends, places: taken, captures, hits, .. } = self;
        let (taken, captures) = (&taken[from.places as usize..], &captures[from.captures as usize..]);
        for end in &mut ends[from.ends as usize..] {
            let marks = &taken[..taken.partition_point(|place| place.start <= end.at)];
            let captured = &captures[..captures.partition_point(|captured| captured.value <= end.at)];
            let hit = marks.iter().filter(|place| place.hits > 0);
            end.hits = hit.clone().next_back().map_or(0, |place| place.first_hit + place.hits);
            // As the walk counts them: marks that are hit, and values that are captured.
            let values = captured.chunk_by(|one, other| one.value == other.value).count();
            (end.touched, end.marks, end.captures) = ((hit.count() + values) as u32, marks.len() as u32, captured.len() as u32);
        }
        let all_hits = ends.last()?.hits as usize;
        if all_hits > MOST_PLACES {
            return None;
        }
        hits.extend_from_slice(places.hits.get(draft.hits..draft.hits + all_hits)?);
        Some(())
    }

    fn sizes(&self) -> Sizes {
        let Stretches { chunks, names, words, strings, ends, places, hits, captures, .. } = self;
        Sizes {
            chunks: chunks.len() as u32,
            names: names.len() as u32,
            words: words.len() as u32,
            strings: strings.len() as u32,
            ends: ends.len() as u32,
            places: places.len() as u32,
            hits: hits.len() as u32,
            captures: captures.len() as u32,
        }
    }

    /// Forgets what was noted behind those sizes.
    fn shrink(&mut self, to: &Sizes) {
        let Sizes { chunks, names, words, strings, ends, places, hits, captures } = *to;
        self.chunks.truncate(chunks as usize);
        self.names.truncate(names as usize);
        self.words.truncate(words as usize);
        self.strings.truncate(strings as usize);
        self.ends.truncate(ends as usize);
        self.places.truncate(places as usize);
        self.hits.truncate(hits as usize);
        self.captures.truncate(captures as usize);
    }
}
