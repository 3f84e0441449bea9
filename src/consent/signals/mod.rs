//! How each source of consent is read; one file a signal, each saying where it looks, what is silence, what is broken.

mod boolean;
mod consent_mode;
mod gpc;
mod gpp;
mod mparticle;
mod onetrust;
mod rudderstack;
mod segment;
mod snowplow;
mod tcf;
mod tealium;
mod usp;
mod wellformed;

use super::Statement;
use super::source::{Event, Value};
use crate::event::json::{self, Kind, Text};
use crate::event::{PurposeId, PurposeSet, SinkId, Timestamp};
use crate::plan::{Categories, OptOuts, Plan, Signal, SignalKind, Stream, fold};

/// The longest text that is read as a document or decoded; longer ones are broken (`decision.md`, One purpose).
const MAX_INPUT: usize = 64 << 10;

/// Memory that signals decode text into, reused from record to record.
#[derive(Default)]
pub(super) struct Buffers {
    /// Decoded names, for comparisons.
    names: Vec<u8>,
    /// The decoded text of a value.
    text: Vec<u8>,
    /// That text, decoded once more.
    more: Vec<u8>,
}

impl Buffers {
    /// Forgets what was read.
    pub(super) fn clear(&mut self) {
        let Buffers { names, text, more } = self;
        [names, text, more].into_iter().for_each(Vec::clear);
    }
}

/// Who asks a string that answers each sink by itself, and what stands beside it.
#[derive(Clone, Copy)]
struct Asker<'e> {
    plan: &'e Plan,
    stream: &'e Stream,
    event: &'e Event<'e>,
}

/// What one signal of one event says: one statement without a time of its own, and behind it those with one.
struct Said<'s> {
    /// The statements of the event; those of this signal come last.
    all: &'s mut Vec<Statement>,
    /// Where those of this signal begin.
    begin: usize,
}

impl<'s> Said<'s> {
    fn begin(signal: usize, all: &'s mut Vec<Statement>) -> Said<'s> {
        let begin = all.len();
        all.push(Statement { signal, ..Statement::default() });
        Said { all, begin }
    }

    /// The statement without a time of its own.
    fn plain(&mut self) -> &mut Statement {
        &mut self.all[self.begin]
    }

    /// The statement of that time, made at need; without one, the plain statement.
    fn at(&mut self, at: Option<Timestamp>, expires: Option<Timestamp>) -> &mut Statement {
        self.about(None, at, expires)
    }

    /// The statement about one sink alone.
    fn about(&mut self, sink: Option<SinkId>, at: Option<Timestamp>, expires: Option<Timestamp>) -> &mut Statement {
        if sink.is_none() && at.is_none() && expires.is_none() {
            return self.plain();
        }
        let is_it = |said: &Statement| said.sink == sink && said.at == at && said.expires == expires;
        let timed = self.begin + 1;
        let known = self.all[timed..].iter().position(is_it);
        let position = known.map_or(self.all.len(), |position| timed + position);
        if position == self.all.len() {
            let signal = self.plain().signal;
            self.all.push(Statement { signal, sink, at, expires, ..Statement::default() });
        }
        &mut self.all[position]
    }

    /// Nothing more is said. What was begun and then had nothing to say is silence.
    fn end(self) {
        while self.all.len() > self.begin + 1 && self.all.last().is_some_and(Statement::is_silent) {
            self.all.pop();
        }
        if self.all[self.begin].is_silent() {
            self.all.remove(self.begin);
        }
    }
}

/// Adds to `statements` what one signal says, over all values at its place: the sets of several values are united,
/// so that any denial wins.
pub(super) fn read(
    plan: &Plan,
    stream: &Stream,
    (index, signal): (usize, &Signal),
    event: &Event<'_>,
    buffers: &mut Buffers,
    statements: &mut Vec<Statement>,
) {
    let asker = Asker { plan, stream, event };
    let mut said = Said::begin(index, statements);
    for value in event.values(&signal.source) {
        let plain = said.plain();
        match &signal.kind {
            SignalKind::Gpc => gpc::read(plan, value, &mut buffers.text, plain),
            SignalKind::Boolean { true_grants, lenient, purposes } => {
                let options = boolean::Options { true_grants: *true_grants, lenient: *lenient };
                boolean::read(options, purposes, value, &mut buffers.text, plain);
            }
            SignalKind::Segment { purposes } => segment::read(purposes, value, &mut buffers.text, plain),
            SignalKind::ConsentMode { gcd } => consent_mode::read(plan, *gcd, value, &mut buffers.text, plain),
            SignalKind::RudderStack { purposes, provider, elsewhere } => {
                let names = rudderstack::Names { purposes, provider: provider.as_deref(), elsewhere };
                rudderstack::read(names, value, &mut buffers.text, plain);
            }
            SignalKind::OneTrust { purposes, sale } => onetrust::read(purposes, *sale, value, buffers, &mut said),
            SignalKind::MParticle { purposes, sale } => mparticle::read(purposes, *sale, value, buffers, &mut said),
            SignalKind::Snowplow { purposes } => snowplow::read(purposes, value, buffers, &mut said),
            SignalKind::Tcf { gdpr_applies, publisher } => {
                let options = tcf::Options { gdpr_applies: gdpr_applies.as_ref(), publisher: *publisher };
                tcf::read(asker, options, value, &mut buffers.text, &mut said);
            }
            SignalKind::Gpp { sid, unmapped } => {
                let options = gpp::Options { sid: sid.as_ref(), unmapped: *unmapped };
                gpp::read(asker, options, value, &mut buffers.text, &mut said);
            }
            SignalKind::Usp => usp::read(plan, value, &mut buffers.text, plain),
            SignalKind::Tealium { purposes, sale } => tealium::read(purposes, *sale, value, buffers, plain),
            // It is asked about identities, later; there is no value of the event to read.
            SignalKind::Ledger => {}
        }
    }
    said.end();
}

/// What one named entry of a container says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Answer {
    /// Nothing.
    Silent,
    /// True.
    Yes,
    /// False.
    No,
    /// It cannot be read.
    Broken,
}

/// What the entry of that name says, or `unnamed`. Of several the strictest counts: the order of [`Answer`] is the
/// order of strictness. An entry whose name is the same only when folded is met like any other place, but what it
/// would grant does not count: `yes_grants` tells what a yes means here.
fn entry(
    container: Text<'_>,
    name: &str,
    unnamed: Answer,
    yes_grants: bool,
    mut read: impl FnMut(Text<'_>, &mut Vec<u8>) -> Answer,
    buffer: &mut Vec<u8>,
) -> Answer {
    let answers = container.members().filter_map(|(member, value)| match spelling(member.0, name, buffer) {
        Spelling::Exact => Some(read(value, buffer)),
        Spelling::Folded => Some(read(value, buffer)).filter(|answer| !(yes_grants && *answer == Answer::Yes)),
        Spelling::Other => None,
    });
    answers.max().unwrap_or(unnamed)
}

/// How a member name relates to the name of an entry.
enum Spelling {
    Exact,
    Folded,
    Other,
}

/// Compares a member name, as it stands between its quotes, with the name of an entry.
fn spelling(member: &[u8], name: &str, buffer: &mut Vec<u8>) -> Spelling {
    // What equals a name without a backslash has no escapes, and what has neither escapes nor letters beyond ASCII is no
    // other spelling of a longer or shorter one.
    if member == name.as_bytes() && !name.contains('\\') {
        return Spelling::Exact;
    }
    if member.len() != name.len() && json::is_plain_ascii(member) && name.is_ascii() {
        return Spelling::Other;
    }
    let decoded = if !json::has_escapes(member) {
        member
    } else {
        buffer.clear();
        json::unescape_into(member, buffer);
        buffer
    };
    if decoded == name.as_bytes() {
        Spelling::Exact
    } else if decoded.eq_ignore_ascii_case(name.as_bytes()) || !decoded.is_ascii() && looks_like(decoded, name) {
        Spelling::Folded
    } else {
        Spelling::Other
    }
}

/// Whether a name with letters beyond ASCII is the other once both are folded (`scrub.md`, rule 3).
fn looks_like(decoded: &[u8], name: &str) -> bool {
    let (mut ours, mut theirs) = (String::new(), String::new());
    fold::fold_confusable(std::str::from_utf8(decoded).unwrap_or_default(), &mut ours);
    fold::fold_confusable(name, &mut theirs);
    ours == theirs
}

/// The members of that name, in any spelling that is the same when folded: control words that a denial may stand in.
fn members<'t>(container: Text<'t>, name: &str, buffer: &mut Vec<u8>) -> impl Iterator<Item = Text<'t>> {
    container.members().filter_map(move |(member, value)| match spelling(member.0, name, buffer) {
        Spelling::Exact | Spelling::Folded => Some(value),
        Spelling::Other => None,
    })
}

/// A text, number or boolean as text without quotes, decoded; `None` for null and containers.
fn scalar_text<'b>(value: Text<'_>, buffer: &'b mut Vec<u8>) -> Option<&'b [u8]> {
    buffer.clear();
    match value.kind() {
        Kind::String => drop(value.decode_into(buffer)),
        Kind::True | Kind::False | Kind::Number => buffer.extend_from_slice(value.raw()),
        Kind::Null | Kind::Array | Kind::Object => return None,
    }
    Some(buffer)
}

/// Null, or an empty text.
fn is_empty(value: Text<'_>) -> bool {
    matches!(value.raw(), b"null" | b"\"\"")
}

/// A flag in whatever way collectors write one. `None` where it is none of them.
fn flag(value: Text<'_>, buffer: &mut Vec<u8>) -> Option<bool> {
    match scalar_text(value, buffer)? {
        b"true" | b"1" => Some(true),
        b"false" | b"0" => Some(false),
        _ => None,
    }
}

/// Writes down what the categories of one purpose amount to.
fn settle(answers: Answers, categories: &Categories, purpose: PurposeId, out: &mut Statement) {
    match answers.settle(categories.any) {
        Answer::Yes => out.granted.insert(purpose),
        Answer::No => out.denied.insert(purpose),
        Answer::Broken => out.invalid.insert(purpose),
        Answer::Silent => {}
    }
}

/// Which answers the categories of one purpose gave.
#[derive(Clone, Copy, Default)]
struct Answers {
    silent: bool,
    yes: bool,
    no: bool,
    broken: bool,
}

impl FromIterator<Answer> for Answers {
    fn from_iter<I: IntoIterator<Item = Answer>>(answers: I) -> Answers {
        let mut seen = Answers::default();
        answers.into_iter().for_each(|answer| seen.note(answer));
        seen
    }
}

impl Answers {
    /// Takes in one more.
    fn note(&mut self, answer: Answer) {
        match answer {
            Answer::Silent => self.silent = true,
            Answer::Yes => self.yes = true,
            Answer::No => self.no = true,
            Answer::Broken => self.broken = true,
        }
    }

    /// One answer for the purpose: all must say yes, or one of them. One broken entry breaks the whole.
    fn settle(self, any: bool) -> Answer {
        let Answers { silent, yes, no, broken } = self;
        if broken {
            Answer::Broken
        } else if yes && (any || !no && !silent) {
            Answer::Yes
        } else if no {
            Answer::No
        } else {
            Answer::Silent
        }
    }
}

/// The opt-outs that one word declares: Global Privacy Control, and the CCPA's "do not sell" (`decision.md`, Signals).
const DECLARED: OptOuts = OptOuts(OptOuts::SALE.0 | OptOuts::SHARING.0 | OptOuts::TARGETED_ADVERTISING.0);

/// The purposes that some of these opt-outs forbid.
fn forbidden(plan: &Plan, opt_outs: OptOuts) -> impl Iterator<Item = PurposeId> {
    let purposes = plan.purposes.iter().enumerate().filter(move |(_, purpose)| purpose.opt_outs.intersects(opt_outs));
    purposes.map(|(index, _)| PurposeId(index as u8))
}

/// The purposes that a signal speaks about.
fn mapped(purposes: &[(PurposeId, Categories)]) -> impl Iterator<Item = PurposeId> {
    purposes.iter().map(|(purpose, _)| *purpose)
}

fn add(set: &mut PurposeSet, purposes: impl Iterator<Item = PurposeId>) {
    purposes.for_each(|purpose| set.insert(purpose));
}

/// The JSON text of a value: as it stands in the document, or in a header, where it was not checked yet.
fn document(value: Value<'_>) -> Option<Text<'_>> {
    match value {
        Value::Silent | Value::Broken => None,
        Value::Json(text) => Some(text),
        Value::Raw(text) => {
            let text = text.trim_matches([' ', '\t', '\n', '\r']);
            let valid = text.len() <= MAX_INPUT && wellformed::is_json(text.as_bytes());
            valid.then(|| Text::new(text.as_bytes()))
        }
    }
}
