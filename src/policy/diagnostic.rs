//! What is wrong with a policy, where, and what to do about it: codes, the collector, the printed form.

use super::ast::Span;
use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use std::fmt;

/// How many diagnostics are printed. A policy with more is not one that somebody reads to the end, and printing
/// costs time in proportion to the file for each of them.
const SHOWN: usize = 200;

/// Whether a diagnostic stops the policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Severity {
    /// The policy is refused.
    Error,
    /// The policy may be used; `--deny-warnings` refuses it.
    Warning,
}

macro_rules! codes {
    ($($name:ident = $code:literal, $meaning:literal;)*) => {
        /// The kind of a diagnostic. Codes are never reused: what a number meant once it means for ever.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code { $(#[doc = $meaning] $name,)* }

        impl Code {
            /// Every code, in the order of their numbers.
            pub const ALL: &'static [Code] = &[$(Code::$name,)*];

            /// The code as printed: `P0103`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$name => $code,)* }
            }

            /// One line about what the code means.
            pub fn meaning(self) -> &'static str {
                match self { $(Code::$name => $meaning,)* }
            }
        }
    };
}

codes! {
    // Form.
    NotYaml = "P0101", "the text is not YAML 1.2";
    DuplicateKey = "P0102", "a mapping has the same key twice";
    UnknownKey = "P0103", "a key that the language does not have at this place";
    MissingKey = "P0104", "a key that must be there is not";
    WrongType = "P0105", "a value of another type than the language expects";
    UnknownWord = "P0106", "a word that is not one of the closed list at this place";
    BadPath = "P0107", "a text that is not a path of the language";
    OutOfRange = "P0108", "a number outside its range, or not a whole one";
    BadVersion = "P0109", "`privet: 1` is absent, or another version";
    NotYet = "P0110", "part of the language that this version does not have yet";
    MergeKey = "P0111", "merge keys (`<<`) are not part of YAML 1.2";
    KeyNotString = "P0112", "a key that is not a string";
    SeveralDocuments = "P0113", "a policy is one YAML document";
    UnknownTag = "P0114", "YAML tags are not part of the language";
    AliasLimit = "P0115", "aliases that expand to more than a policy may hold";
    TooDeep = "P0116", "nested deeper than a policy may be";
    Exclusive = "P0117", "keys that exclude each other";
    Empty = "P0118", "an empty text or list where something is needed";
    NotHere = "P0119", "a key that belongs to another part of the policy";
    BadDate = "P0120", "a text that is not a date or a duration of ISO 8601";
    BadText = "P0121", "a text that is not of the form needed here";
    TooLarge = "P0122", "a policy larger than the limit";
    Unread = "P0123", "a part of the policy that was checked and not read: a fault of Privet's own";
    // Names.
    UnknownPurpose = "P0201", "no such purpose";
    UnknownVendor = "P0202", "no such vendor";
    UnknownKeyName = "P0203", "no such key name";
    UnknownStream = "P0204", "no such stream";
    UnknownRegion = "P0205", "no such region or country";
    UnknownClass = "P0206", "no such class in the streams of the sink";
    UnknownTemplate = "P0207", "no such template";
    UnknownProfile = "P0208", "no such profile";
    UnknownReason = "P0209", "no such reason";
    UnknownCountry = "P0210", "no such country code";
    UnknownSink = "P0211", "no such sink";
    Reserved = "P0212", "a name that is taken already";
    SaidTwice = "P0213", "the same thing is said twice";
    UnknownPattern = "P0214", "no such pattern";
    // Meaning.
    NoRegimeEverywhere = "P0301", "the last regime must be for everywhere";
    BasisUnexplained = "P0302", "a basis other than consent and legitimate interests says why it applies";
    BasisTakesNoSignals = "P0303", "signals speak for consent and legitimate interests only";
    DisclosureMissing = "P0304", "a controller is covered by grants given since it was disclosed";
    DpfAbroad = "P0305", "the EU-US Data Privacy Framework covers the United States";
    DomesticAbroad = "P0306", "a ground that does not fit the countries";
    FlexibleAlone = "P0307", "a flexible purpose needs a basis";
    TopicTwice = "P0308", "two sinks on one topic";
    TopicLoop = "P0309", "a topic that is not for this";
    TopicShared = "P0310", "a topic belongs to one stream";
    NotMapped = "P0311", "every signal maps or excludes every purpose that asks for one";
    NeverPasses = "P0312", "a purpose that can never pass";
    OtherwiseMissing = "P0313", "a stream says which law holds where the event says nothing";
    TrueMeansMissing = "P0314", "a boolean signal says what `true` means";
    ProfileIdentifies = "P0315", "a profile must not identify anyone";
    SpecialCategory = "P0316", "a special category needs a purpose that lists it";
    Tie = "P0317", "two equal claims to one place";
    StreamsMissing = "P0318", "a sink with a vendor names its streams";
    ControllerMissing = "P0319", "a first-party sink is somewhere";
    EachMissing = "P0320", "a path that may name several places says how they count";
    BadPattern = "P0321", "a regular expression that cannot be used";
    TooMany = "P0322", "more than a plan can hold";
    Disclosure = "P0323", "bare digests of contact data go to vendors on consent, and nowhere else";
    // Warnings.
    UnlistedToVendor = "P1001", "unlisted fields reach a third party";
    ContainerToVendor = "P1002", "a whole container reaches a third party";
    KeyToVendor = "P1003", "an identity beside the value reaches a third party";
    VendorUnregistered = "P1004", "a vendor whose TCF registration is not said";
    ClassUntreated = "P1005", "a class that no sink treats";
    NeverApplies = "P1006", "a rule that can never apply";
    GroundMissing = "P1007", "no transfer ground for a place that a stream can carry";
    GroundExpiring = "P1008", "a transfer ground that ends";
    GroundDerogation = "P1009", "a transfer that rests on a derogation";
    ReviewOld = "P1010", "a review that is older than 12 months";
    OtherwiseOptOut = "P1011", "silence about the place counts as yes";
    Trajectory = "P1012", "pseudonym, place and time together identify";
    PreciseToVendor = "P1013", "precise location or free text reaches a third party";
    NoMaxAge = "P1014", "consent that never grows too old";
    BasisToController = "P1015", "data goes to a controller without consent";
    NothingGrants = "P1016", "a consent purpose that nothing grants";
    Discloses = "P1017", "readable contact data reaches a third party";
    // Warnings about sample events.
    PathUnmatched = "P1101", "a path that no sample event has";
    MemberUnclassed = "P1102", "a member of sample events that is in no class";
    EventUnread = "P1103", "sample events that cannot be read";
}

impl fmt::Display for Code {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Diagnostic {
    /// Whether it stops the policy.
    pub severity: Severity,
    /// Its kind.
    pub code: Code,
    /// Where.
    pub span: Span,
    /// What is wrong, in one sentence.
    pub message: String,
    /// What to do about it.
    pub hint: Option<String>,
    /// Other places that belong to it, each with a few words.
    pub notes: Vec<(Span, String)>,
}

impl Diagnostic {
    /// Says what to do about it.
    pub fn hint(&mut self, hint: impl Into<String>) -> &mut Diagnostic {
        self.hint = Some(hint.into());
        self
    }

    /// Says what to do about it, where something is known.
    pub fn maybe_hint(&mut self, hint: Option<String>) -> &mut Diagnostic {
        self.hint = hint.or(self.hint.take());
        self
    }

    /// Points at another place that belongs to it.
    pub fn note(&mut self, span: &Span, label: impl Into<String>) -> &mut Diagnostic {
        self.notes.push((span.clone(), label.into()));
        self
    }
}

/// All that is wrong with one policy.
#[derive(Clone, Debug, Default)]
pub struct Diagnostics {
    found: Vec<Diagnostic>,
}

impl Diagnostics {
    /// Adds an error; the returned value takes `.hint(…)` and `.note(…)`.
    pub fn error(&mut self, code: Code, span: &Span, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Severity::Error, code, span, message.into())
    }

    /// Adds a warning; the returned value takes `.hint(…)` and `.note(…)`.
    pub fn warning(&mut self, code: Code, span: &Span, message: impl Into<String>) -> &mut Diagnostic {
        self.add(Severity::Warning, code, span, message.into())
    }

    fn add(&mut self, severity: Severity, code: Code, span: &Span, message: String) -> &mut Diagnostic {
        self.found.push(Diagnostic { severity, code, span: span.clone(), message, hint: None, notes: Vec::new() });
        self.found.last_mut().expect("one was pushed just now")
    }

    /// Whether the policy is refused.
    pub fn has_errors(&self) -> bool {
        self.found.iter().any(|one| one.severity == Severity::Error)
    }

    /// Whether nothing at all was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Forgets the warnings from `first` on: those that may only follow from an error.
    pub(super) fn drop_warnings_from(&mut self, first: usize) {
        let mut position = 0;
        self.found.retain(|one| {
            position += 1;
            position <= first || one.severity == Severity::Error
        });
    }

    /// How many were added so far, doubles included.
    pub(super) fn added(&self) -> usize {
        self.found.len()
    }

    /// How many there are of that severity, each counted once.
    pub fn count(&self, severity: Severity) -> usize {
        self.sorted().iter().filter(|one| one.severity == severity).count()
    }

    /// All of them by place, then code; the same thing said twice about the same place appears once.
    pub fn sorted(&self) -> Vec<&Diagnostic> {
        let mut sorted: Vec<&Diagnostic> = self.found.iter().collect();
        sorted.sort_by_key(|one| (one.span.start, one.span.end, one.code));
        sorted.dedup_by(|later, earlier| {
            later.span == earlier.span && later.code == earlier.code && later.message == earlier.message
        });
        sorted
    }

    /// The printed form: every diagnostic with file, line, column, excerpt, code and hint.
    pub fn render(&self, source: &SourceMap, colour: bool) -> String {
        let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
        let sorted = self.sorted();
        let mut text = String::new();
        for one in sorted.iter().take(SHOWN) {
            text.push_str(&renderer.render(&report(one, source)));
            text.push_str("\n\n");
        }
        if let Some(more) = sorted.len().checked_sub(SHOWN).filter(|more| *more > 0) {
            text.push_str(&format!("… and {more} more\n\n"));
        }
        text
    }
}

fn report<'a>(one: &'a Diagnostic, source: &'a SourceMap) -> Vec<Group<'a>> {
    let (level, secondary) = match one.severity {
        Severity::Error => (Level::ERROR, AnnotationKind::Context),
        Severity::Warning => (Level::WARNING, AnnotationKind::Context),
    };
    let primary = source.excerpt(&one.span);
    let notes: Vec<(Span, &str)> = one.notes.iter().map(|(span, label)| (source.excerpt(span), label.as_str())).collect();
    // The printer reads all of the text that it is given: it gets the lines that it shows.
    let starts = notes.iter().map(|(span, _)| span.start).fold(primary.start, usize::min);
    let ends = notes.iter().map(|(span, _)| span.end).fold(primary.end, usize::max);
    let (first, lines) = source.lines_around(&(starts..ends));
    let inside = |span: &Span| span.start - lines.start..span.end - lines.start;
    let mut snippet = Snippet::source(&source.text[lines.clone()])
        .line_start(first)
        .path(source.name.as_str())
        .annotation(AnnotationKind::Primary.span(inside(&primary)));
    for (span, label) in &notes {
        snippet = snippet.annotation(secondary.span(inside(span)).label(*label));
    }
    let mut group = level.primary_title(one.message.as_str()).id(one.code.as_str()).element(snippet);
    if let Some(hint) = &one.hint {
        group = group.element(Level::HELP.message(hint.as_str()));
    }
    vec![group]
}

/// A policy's text with its name, and where its lines begin.
#[derive(Clone, Debug)]
pub struct SourceMap {
    name: String,
    text: String,
    /// Byte offset of the first byte of each line.
    lines: Vec<usize>,
}

impl SourceMap {
    /// A text under the name that diagnostics show.
    pub fn new(name: &str, text: &str) -> SourceMap {
        let starts = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1);
        SourceMap { name: name.into(), text: text.into(), lines: std::iter::once(0).chain(starts).collect() }
    }

    /// The name that diagnostics show.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The line at which a span begins, counted from 1.
    pub fn line(&self, span: &Span) -> u32 {
        self.position(span.start).0
    }

    /// Line and column of a byte, both counted from 1; a column is a character.
    pub fn position(&self, offset: usize) -> (u32, u32) {
        let offset = self.floor(offset);
        let line = self.lines.partition_point(|start| *start <= offset) - 1;
        let column = self.text[self.lines[line]..offset].chars().count();
        (line as u32 + 1, column as u32 + 1)
    }

    /// The part of a span on its first line, moved onto the borders of characters, for a printer that panics elsewhere
    /// and draws arrows over every further line.
    fn excerpt(&self, span: &Span) -> Span {
        let start = self.floor(span.start);
        let end = self.floor(span.end).max(start);
        let line = self.text[start..end].lines().next().map_or(0, str::len);
        start..start + line
    }

    /// The whole lines that a span touches, and the number of the first.
    fn lines_around(&self, span: &Span) -> (usize, Span) {
        let first = self.lines.partition_point(|start| *start <= span.start) - 1;
        let end = self.text[span.end..].find('\n').map_or(self.text.len(), |at| span.end + at);
        (first + 1, self.lines[first]..end)
    }

    fn floor(&self, offset: usize) -> usize {
        self.text.floor_char_boundary(offset.min(self.text.len()))
    }
}

/// The candidate that somebody may have meant, if one is near enough.
pub fn closest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let word = word.to_lowercase();
    let allowed = (word.chars().count() / 3).clamp(1, 3);
    candidates
        .into_iter()
        .map(|candidate| (strsim::osa_distance(&word, &candidate.to_lowercase()), candidate))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// "did you mean `…`?", if one is near enough.
pub fn did_you_mean<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    closest(word, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_in_order() {
        let codes: Vec<&str> = Code::ALL.iter().map(|code| code.as_str()).collect();
        let mut sorted = codes.clone();
        sorted.sort_unstable();
        sorted.dedup();
        assert_eq!(codes, sorted);
    }

    #[test]
    fn lines_and_columns_count_from_one_in_characters() {
        let source = SourceMap::new("p.yaml", "aé: 1\nb: 2\n");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(3), (1, 3), "é is two bytes and one column");
        assert_eq!(source.position(7), (2, 1));
        assert_eq!(source.position(12), (3, 1), "the end of the text");
        assert_eq!(source.position(99), (3, 1), "beyond the end counts as the end");
        assert_eq!(source.line(&(8..9)), 2);
    }

    #[test]
    fn sorted_by_place_and_said_once() {
        let mut all = Diagnostics::default();
        all.error(Code::UnknownKey, &(7..8), "late");
        all.warning(Code::WrongType, &(0..1), "early");
        all.error(Code::UnknownKey, &(7..8), "late").hint("again");
        let said: Vec<&str> = all.sorted().iter().map(|one| one.message.as_str()).collect();
        assert_eq!(said, ["early", "late"]);
        assert!(all.has_errors());
        assert_eq!((all.count(Severity::Error), all.count(Severity::Warning)), (1, 1));
    }

    #[test]
    fn prints_place_code_excerpt_and_hint() {
        let source = SourceMap::new("p.yaml", "privet: 1\nsnks: {}\n");
        let mut all = Diagnostics::default();
        all.error(Code::UnknownKey, &(10..14), "unknown key `snks`").maybe_hint(did_you_mean("snks", ["sinks", "streams"]));
        let text = all.render(&source, false);
        for part in ["error[P0103]: unknown key `snks`", "p.yaml:2:1", "2 | snks: {}", "did you mean `sinks`?"] {
            assert!(text.contains(part), "no {part:?} in\n{text}");
        }
        assert!(!text.contains('\u{1b}'), "no colour unless asked");
        assert!(all.render(&source, true).contains('\u{1b}'));
    }

    #[test]
    fn printing_never_panics_whatever_the_span() {
        for text in ["", "é", "é\n", "a: \u{1F600}\r\nb"] {
            let source = SourceMap::new("p.yaml", text);
            for start in 0..8 {
                for end in 0..12 {
                    let mut all = Diagnostics::default();
                    all.error(Code::NotYaml, &(start..end), "x").note(&(end..start), "y");
                    assert!(all.render(&source, false).contains("P0101"));
                }
            }
        }
    }

    #[test]
    fn near_words_are_found_and_far_ones_are_not() {
        assert_eq!(closest("Unlsited", ["unlisted", "fields"]), Some("unlisted"));
        assert_eq!(closest("advertsing", ["analytics", "advertising"]), Some("advertising"));
        assert_eq!(closest("zebra", ["analytics", "advertising"]), None);
    }
}
