//! Places and transforms → the bytes of one sink.
//!
//! What a sink keeps is never copied piece by piece: edits are spliced into the input's own bytes, and a sink that
//! changes nothing gets the input itself. Only what stands in a dropped container but is kept by a deeper rule is
//! put together anew, in its old order.

mod filter;
mod inner;
mod shared;

use crate::event::json::{Kind, Text};
use crate::event::{Hit, Mark, PathId, Places, RECORD, RuleId, Target};
use crate::plan::{Action, Claim, EmptyParents, Overlap, Scope, SinkRules};
use crate::transform::{self, Context, Fate};

/// What became of a document.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoded {
    /// The input's own bytes are the output.
    Unchanged,
    /// The output is in [`Encoder::output`].
    Written,
    /// Nothing of it is left.
    Empty,
}

/// A rule that met a place; for explanations.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Touched {
    /// The rule; `None` for a scalar that stood where a rule expects a container.
    pub rule: Option<RuleId>,
    /// Whether the place went, whatever its rule wanted.
    pub removed: bool,
}

/// Makes the bytes of sinks, one after another, in buffers that are reused.
#[derive(Default)]
pub struct Encoder {
    out: Vec<u8>,
    scratch: transform::Scratch,
    counts: Vec<u32>,
    /// The rules that the last document was edited by, once for each place.
    applied: Vec<RuleId>,
    touched: Vec<Touched>,
    tracing: bool,
    /// For JSON text in strings, one a level: where what is outside waits while the inside is written.
    waiting: Vec<Vec<u8>>,
    shared: shared::Shared,
}

impl Encoder {
    /// The bytes of the last document that was [`Encoded::Written`].
    pub fn output(&self) -> &[u8] {
        self.shared.current().unwrap_or(&self.out)
    }

    /// Forgets what sinks with the same rules share: another record begins.
    pub fn begin_record(&mut self) {
        self.shared.begin_record();
    }

    /// The buffers of the transforms, for record keys.
    pub fn scratch(&mut self) -> &mut transform::Scratch {
        &mut self.scratch
    }

    /// Notes each rule that meets a place from now on.
    pub fn set_tracing(&mut self, tracing: bool) {
        self.tracing = tracing;
    }

    /// The rules that met places in the last document, in document order.
    pub fn touched(&self) -> &[Touched] {
        &self.touched
    }

    /// Hands out and forgets how often each rule was applied since the last call.
    pub fn drain_counts(&mut self, mut each: impl FnMut(RuleId, u32)) {
        for (rule, count) in self.counts.iter_mut().enumerate().filter(|(_, count)| **count > 0) {
            each(RuleId(rule as u16), std::mem::take(count));
        }
    }

    /// Applies one sink's rules to a scanned document. Where another sink's rules did the same to this record, its bytes
    /// are this sink's too.
    pub fn encode(&mut self, input: &[u8], places: &Places, rules: &SinkRules, context: &Context) -> Encoded {
        self.applied.clear();
        self.touched.clear();
        let encoded = match &rules.share {
            None => {
                self.shared.leave();
                self.edit(input, places, rules, context)
            }
            Some(share) => match self.shared.recall(share, &mut self.applied, &mut self.touched) {
                Some(encoded) => encoded,
                None => {
                    // The group's own buffer is written to, so that each keeps the size it has grown to.
                    self.shared.swap(share, &mut self.out);
                    let encoded = self.edit(input, places, rules, context);
                    self.shared.swap(share, &mut self.out);
                    self.shared.keep(share, encoded, &self.applied, &self.touched);
                    encoded
                }
            },
        };
        for rule in &self.applied {
            if self.counts.len() <= rule.index() {
                self.counts.resize(rule.index() + 1, 0);
            }
            self.counts[rule.index()] += 1;
        }
        encoded
    }

    fn edit(&mut self, input: &[u8], places: &Places, rules: &SinkRules, context: &Context) -> Encoded {
        self.out.clear();
        let Some(root) = places.marks.first() else {
            return unmarked(input, rules.unlisted);
        };
        let (marks, hits) = (&places.marks[..], &places.hits[..]);
        let mut edit = Edit {
            input,
            places,
            owner: RECORD,
            marks,
            hits,
            rules,
            context,
            encoder: self,
            cursor: 0,
            listed: 0,
            sifting: None,
        };
        let left = edit.value(0, rules.unlisted);
        match left {
            Left::Emptied | Left::Removed if is_hollow(&input[root.value as usize..], rules.unlisted) => Encoded::Unchanged,
            Left::Emptied | Left::Removed => Encoded::Empty,
            Left::Kept if edit.cursor == 0 && edit.encoder.out.is_empty() => Encoded::Unchanged,
            Left::Kept => {
                edit.flush(input.len());
                Encoded::Written
            }
        }
    }
}

/// A document in which no path of the stream meets anything.
fn unmarked(input: &[u8], unlisted: Scope) -> Encoded {
    match unlisted {
        Scope::Keep => Encoded::Unchanged,
        Scope::Drop if is_hollow(input.trim_ascii_start(), unlisted) => Encoded::Unchanged,
        Scope::Drop => Encoded::Empty,
    }
}

/// An empty document holds nothing to remove, so it stays. Where only what is named may leave, that is `{}` alone:
/// an allow-list names members, and nothing but an object has them.
fn is_hollow(text: &[u8], unlisted: Scope) -> bool {
    let inner = text.get(1..).unwrap_or_default().trim_ascii_start();
    match (text.first(), inner.first()) {
        (Some(b'{'), Some(b'}')) => true,
        (Some(b'['), Some(b']')) => unlisted == Scope::Keep,
        _ => false,
    }
}

/// What is left of a place.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Left {
    /// It stays, as it was or replaced.
    Kept,
    /// A container of which every member or element went.
    Emptied,
    /// Nothing.
    Removed,
}

/// One document for one sink. `cursor` is the first byte of the input that was neither copied nor cut.
struct Edit<'a, 'e> {
    input: &'a [u8],
    places: &'a Places,
    /// Which of the record's documents `input` is, with its marks and hits.
    owner: u32,
    marks: &'a [Mark],
    hits: &'a [Hit],
    rules: &'a SinkRules,
    context: &'a Context,
    encoder: &'e mut Encoder,
    cursor: usize,
    /// How many places were met so far that some rule names which does not drop them.
    listed: usize,
    /// The path of the filter that the elements at hand have passed.
    sifting: Option<PathId>,
}

/// What happens at a place; no action where the surroundings decide.
#[derive(Default)]
struct Resolved<'a> {
    action: Option<&'a Action>,
    /// The rule that asks for it.
    rule: Option<RuleId>,
    /// The path that the rule stands at.
    path: Option<PathId>,
}

/// Whether a rule names the place, and does not drop it.
#[inline(always)]
fn lists(action: Option<&Action>, rule: Option<RuleId>) -> bool {
    rule.is_some() && action.is_some_and(|action| !matches!(action, Action::Drop | Action::Remove))
}

impl<'a> Edit<'a, '_> {
    /// Edits one marked value. On `Kept` all of it that was not copied or replaced lies behind the cursor; on
    /// anything else the caller takes back what was written.
    fn value(&mut self, at: usize, scope: Scope) -> Left {
        let marks = self.marks;
        let mark = &marks[at];
        let kind = Kind::of(self.input[mark.value as usize]);
        let Resolved { action, rule, path } = self.resolve(mark, kind, scope);
        self.listed += usize::from(lists(action, rule));
        let left = match action {
            None => self.container(at, kind, scope),
            Some(Action::Keep) => self.container(at, kind, Scope::Keep),
            Some(Action::Drop) => self.container(at, kind, Scope::Drop),
            Some(Action::Remove) => {
                if scope == Scope::Drop {
                    self.look_below(at);
                }
                Left::Removed
            }
            Some(action @ (Action::Null | Action::Redact(_))) => self.replace(mark, action),
            Some(
                action @ (Action::Mask { .. }
                | Action::Pseudonym(_)
                | Action::TruncateIp { .. }
                | Action::Url(_)
                | Action::EmailDomain
                | Action::CoarsenGeo { .. }
                | Action::CoarsenTime(_)
                | Action::Detect(_)
                | Action::Prefix { .. }
                | Action::Bucket(_)
                | Action::UserAgent
                | Action::DiscloseSha256(_)
                | Action::PeriodPseudonym(_)
                | Action::Token(_)
                | Action::Encrypt(_)),
            ) if kind.is_scalar() => self.replace(mark, action),
            Some(Action::Filter(condition)) => self.filtered(at, kind, path, *condition, scope),
            Some(Action::Json(rules)) if kind.is_scalar() => self.inside(at, path, rules, scope),
            Some(
                Action::Mask { .. }
                | Action::Pseudonym(_)
                | Action::TruncateIp { .. }
                | Action::Url(_)
                | Action::EmailDomain
                | Action::CoarsenGeo { .. }
                | Action::CoarsenTime(_)
                | Action::Detect(_)
                | Action::Prefix { .. }
                | Action::Bucket(_)
                | Action::UserAgent
                | Action::DiscloseSha256(_)
                | Action::PeriodPseudonym(_)
                | Action::Token(_)
                | Action::Encrypt(_)
                | Action::Json(_),
            ) => self.mismatch(at, kind, scope),
        };
        if let Some(rule) = rule {
            self.encoder.applied.push(rule);
        }
        if action.is_some() && self.encoder.tracing {
            self.encoder.touched.push(Touched { rule, removed: left != Left::Kept });
        }
        left
    }

    /// Decides what happens at a place. Inlined, as what it calls: their small answers would be led through memory.
    #[inline(always)]
    fn resolve(&self, mark: &Mark, kind: Kind, scope: Scope) -> Resolved<'a> {
        let rules = self.rules;
        let mut best = (Claim::NONE, None);
        let mut within = Claim::NONE;
        let mut mismatch = false;
        for hit in &self.hits[mark.first_hit as usize..(mark.first_hit + mark.hits) as usize] {
            match hit.target {
                Target::Interior(node) => {
                    mismatch |= kind.is_scalar() && rules.expects_container(usize::from(node));
                    mismatch |= mark.all_scalars && rules.expects_object(usize::from(node));
                }
                Target::Element(node) => {
                    mismatch |= (kind.is_scalar() || mark.all_scalars) && rules.expects_object(usize::from(node));
                }
                Target::Path(path) => {
                    let claim = rules.claim(path, hit.exact, scope);
                    if claim.rank > best.0.rank {
                        best = (claim, Some(path));
                    }
                }
                // Whether elements are marked depends on all sinks of the stream; what becomes of them, on this one alone.
                Target::Elementwise(path) => {
                    let claim = rules.claim(path, hit.exact, scope);
                    if claim.rank > best.0.rank && rules.action(claim).is_some_and(Action::is_elementwise) {
                        best = (claim, Some(path));
                    }
                }
                // The ruled value is spread over dotted names: whatever its rule does, this is not its whole input.
                Target::Within(path) => {
                    let claim = rules.claim(path, false, scope);
                    if claim.rank > within.rank {
                        within = claim;
                    }
                }
            }
        }
        let (claim, path) = best;
        match rules.action(claim) {
            None if within.rank > 0 => Resolved { action: Some(&Action::Drop), rule: Some(within.rule), path: None },
            None | Some(Action::Keep) if mismatch => Resolved { action: Some(&Action::Drop), ..Resolved::default() },
            None => Resolved::default(),
            action => Resolved { action, rule: Some(claim.rule), path },
        }
    }

    /// A value whose own text stays (`Keep`) or goes (`Drop`), but for what deeper rules say.
    fn container(&mut self, at: usize, kind: Kind, scope: Scope) -> Left {
        let mark = self.marks[at];
        let has_marks_inside = mark.next as usize > at + 1;
        match scope {
            Scope::Keep if kind.is_scalar() || !has_marks_inside => Left::Kept,
            Scope::Keep => self.splice(at, None),
            Scope::Drop if kind.is_scalar() || !has_marks_inside => Left::Removed,
            Scope::Drop => {
                self.flush(mark.value as usize);
                let listed = self.listed;
                match self.assemble(at, kind) {
                    // Nothing of it was listed: what emptied it was no removal.
                    Left::Emptied if self.listed == listed => Left::Removed,
                    left => left,
                }
            }
        }
    }

    fn replace(&mut self, mark: &Mark, action: &Action) -> Left {
        self.flush(mark.value as usize);
        let text = Text::new(&self.input[mark.value as usize..mark.end as usize]);
        let Encoder { out, scratch, .. } = &mut *self.encoder;
        match transform::apply(action, text, self.context, scratch, out) {
            Fate::Written => {
                self.cursor = mark.end as usize;
                if let Some(overlap) = action.overlap().filter(|overlap| self.context.now < overlap.until) {
                    self.beside(mark, overlap);
                }
                Left::Kept
            }
            Fate::Dropped => Left::Removed,
        }
    }

    /// Writes a member behind one whose value was just replaced: the pseudonym under the root before. Elements of arrays have
    /// no name, and JSON text in strings gets the new pseudonym alone.
    fn beside(&mut self, mark: &Mark, overlap: &Overlap) {
        let name = &self.input[mark.start as usize..mark.value as usize];
        let (Some(b'"'), Some(end), RECORD) = (name.first(), memchr::memrchr(b'"', name), self.owner) else { return };
        let text = Text::new(&self.input[mark.value as usize..mark.end as usize]);
        let Encoder { out, scratch, .. } = &mut *self.encoder;
        let before = out.len();
        out.push(b',');
        out.extend_from_slice(&name[..end]);
        out.extend_from_slice(overlap.suffix.as_bytes());
        out.extend_from_slice(&name[end..]);
        if transform::apply(&overlap.action, text, self.context, scratch, out) == Fate::Dropped {
            out.truncate(before);
        }
    }

    /// A container where a transform of scalars stands. An array of scalars is transformed element by element; any other
    /// container is a mismatch, of which only what deeper rules keep stays.
    fn mismatch(&mut self, at: usize, kind: Kind, scope: Scope) -> Left {
        let mark = self.marks[at];
        let marks_inside = mark.next as usize - at - 1;
        if mark.all_scalars && marks_inside == mark.count as usize {
            return self.container(at, kind, scope);
        }
        self.container(at, kind, Scope::Drop)
    }

    /// Edits what is marked in a container whose other members stay. Of a filtered array, whose elements are all marked,
    /// those stay that pass.
    fn splice(&mut self, at: usize, passing: Option<&[bool]>) -> Left {
        let marks = self.marks;
        let container = &marks[at];
        let mut left = false;
        let mut next_ordinal = 0;
        let mut child = at + 1;
        while child < container.next as usize {
            let mark = &marks[child];
            let unmarked_between = mark.ordinal > next_ordinal;
            if unmarked_between && !left && next_ordinal > 0 {
                self.cursor = self.behind_comma(self.cursor);
            }
            left |= unmarked_between;
            let before = (self.encoder.out.len(), self.cursor);
            if !left && mark.ordinal > 0 {
                self.cursor = mark.start as usize;
            }
            let passes = passing.is_none_or(|passing| passing.get(mark.ordinal as usize) == Some(&true));
            let kept = passes && self.keeps(child, Scope::Keep);
            if !kept {
                (_, self.cursor) = before;
                self.encoder.out.truncate(before.0);
                self.cut(mark, left);
            }
            left |= kept;
            next_ordinal = mark.ordinal + 1;
            child = mark.next as usize;
        }
        if next_ordinal < container.count {
            if !left {
                self.cursor = self.behind_comma(self.cursor);
            }
            left = true;
        }
        if left { Left::Kept } else { Left::Emptied }
    }

    /// Cuts a member or element; with the comma in front if something of the container is left before it. If not,
    /// the comma behind it is cut once something follows.
    fn cut(&mut self, mark: &Mark, left: bool) {
        if left {
            self.flush(mark.lead as usize);
        } else if mark.ordinal == 0 {
            self.flush(mark.start as usize);
        }
        self.cursor = mark.end as usize;
    }

    /// Writes a container anew with only those of its members or elements that a deeper rule keeps.
    fn assemble(&mut self, at: usize, kind: Kind) -> Left {
        let container = self.marks[at];
        let (open, close) = if kind == Kind::Object { (b'{', b'}') } else { (b'[', b']') };
        self.encoder.out.push(open);
        let mut left = false;
        let mut child = at + 1;
        while child < container.next as usize {
            let mark = self.marks[child];
            let before = self.encoder.out.len();
            if left {
                self.encoder.out.push(b',');
            }
            self.encoder.out.extend_from_slice(&self.input[mark.start as usize..mark.value as usize]);
            self.cursor = mark.value as usize;
            if self.keeps(child, Scope::Drop) {
                self.flush(mark.end as usize);
                left = true;
            } else {
                self.encoder.out.truncate(before);
            }
            child = mark.next as usize;
        }
        self.encoder.out.push(close);
        self.cursor = container.end as usize;
        if left { Left::Kept } else { Left::Emptied }
    }

    /// Edits a child and says whether it stays.
    fn keeps(&mut self, child: usize, scope: Scope) -> bool {
        match self.value(child, scope) {
            Left::Kept => true,
            Left::Removed => false,
            Left::Emptied => self.rules.empty_parents == EmptyParents::Keep,
        }
    }

    /// Counts the listed places inside one that goes whole, for the containers around it.
    fn look_below(&mut self, at: usize) {
        for inside in at + 1..self.marks[at].next as usize {
            let mark = &self.marks[inside];
            let Resolved { action, rule, path: _ } = self.resolve(mark, Kind::of(self.input[mark.value as usize]), Scope::Drop);
            self.listed += usize::from(lists(action, rule));
        }
    }

    /// Copies the input up to `end`.
    fn flush(&mut self, end: usize) {
        if self.cursor < end {
            self.encoder.out.extend_from_slice(&self.input[self.cursor..end]);
            self.cursor = end;
        }
    }

    /// The first byte of the next member or element, from the end of a cut one.
    fn behind_comma(&self, at: usize) -> usize {
        let blank = |byte: &u8| matches!(byte, b' ' | b'\n' | b'\r' | b'\t' | b',');
        at + self.input[at..].iter().take_while(|byte| blank(byte)).count()
    }
}
