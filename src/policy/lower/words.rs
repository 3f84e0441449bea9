//! Words, names, dates and durations of a policy, each turned into a type once or reported.

use super::Cx;
use crate::event::Timestamp;
use crate::policy::ast::{Named, Section, Span, Text};
use crate::policy::diagnostic::{Code, did_you_mean};
use jiff::civil::Date;
use jiff::tz::TimeZone;

impl<'a> Cx<'a> {
    /// The meaning of a word of a closed list.
    pub(super) fn word<T: Copy>(&mut self, text: &Text, list: &[(&str, T)]) -> Option<T> {
        let found = list.iter().find(|(word, _)| *word == text.value).map(|(_, meaning)| *meaning);
        if found.is_none() {
            let words: Vec<&str> = list.iter().map(|(word, _)| *word).collect();
            let hint =
                did_you_mean(&text.value, words.iter().copied()).unwrap_or_else(|| format!("one of: {}", words.join(", ")));
            self.diagnostics.error(Code::UnknownWord, &text.span, format!("unknown word `{}`", text.value)).hint(hint);
        }
        found
    }

    /// As [`Cx::word`], for an optional key with a default.
    pub(super) fn word_or<T: Copy>(&mut self, text: Option<&Text>, list: &[(&str, T)], default: T) -> T {
        text.and_then(|text| self.word(text, list)).unwrap_or(default)
    }

    /// The position of a name in one of the policy's mappings. A name whose entry had faults of form is not reported again.
    pub(super) fn resolve<T>(&mut self, name: &Text, list: &Named<T>, section: Section) -> Option<usize> {
        let found = list.iter().position(|(known, _)| known.value == name.value);
        if found.is_some() || self.policy.is_unread(section, &name.value) {
            return found;
        }
        let (what, code) = entry_of(section);
        let known = || list.iter().map(|(known, _)| known.value.as_str());
        let hint = did_you_mean(&name.value, known()).unwrap_or_else(|| match list.len() {
            0 => format!("the policy declares no {what}"),
            _ => format!("the policy declares: {}", shortened(known())),
        });
        self.diagnostics.error(code, &name.span, format!("no {what} is named `{}`", name.value)).hint(hint);
        None
    }

    /// Refuses a list that says the same name twice.
    pub(super) fn refuse_repeats(&mut self, list: &[Text]) {
        for (position, text) in list.iter().enumerate() {
            if let Some(first) = list[..position].iter().find(|earlier| earlier.value == text.value) {
                self.diagnostics
                    .error(Code::SaidTwice, &text.span, format!("`{}` is listed twice", text.value))
                    .note(&first.span, "first here");
            }
        }
    }

    /// Refuses an empty list where it would mean "always" or "never" by accident. With faults of form it may only look empty.
    pub(super) fn refuse_empty<T>(&mut self, list: &[T], span: &Span, what: &str) -> bool {
        if list.is_empty() && self.sound {
            self.diagnostics.error(Code::Empty, span, format!("an empty list of {what}")).hint("name at least one");
        }
        list.is_empty()
    }

    /// A date, `2026-06-30`.
    pub(super) fn date(&mut self, text: &Text) -> Option<Date> {
        let form = text.value.len() == 10 && text.value.bytes().all(|byte| byte.is_ascii_digit() || byte == b'-');
        let date = form.then(|| text.value.parse::<Date>().ok()).flatten();
        if date.is_none() {
            self.diagnostics
                .error(Code::BadDate, &text.span, format!("`{}` is not a date", text.value))
                .hint("dates are written year-month-day, such as 2026-06-30");
        }
        date
    }

    /// The first moment of a day, UTC.
    pub(super) fn day_begins(&mut self, text: &Text) -> Option<Timestamp> {
        let date = self.date(text)?;
        self.midnight(date, text)
    }

    /// The first moment after a day, UTC: the day itself is included in what ends there.
    pub(super) fn day_is_over(&mut self, text: &Text) -> Option<Timestamp> {
        let date = self.date(text)?;
        let Ok(next) = date.tomorrow() else { return self.midnight(date, text) };
        self.midnight(next, text)
    }

    fn midnight(&mut self, date: Date, text: &Text) -> Option<Timestamp> {
        let moment = date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp());
        if moment.is_none() {
            self.diagnostics.error(Code::BadDate, &text.span, format!("`{}` is outside the calendar", text.value));
        }
        moment
    }

    /// An ISO 8601 duration that is longer than nothing, `P13M`.
    pub(super) fn duration(&mut self, text: &Text) -> Option<jiff::Span> {
        let span = text.value.starts_with('P').then(|| text.value.parse::<jiff::Span>().ok()).flatten();
        let span = span.filter(|span| span.is_positive() && self.reaches_back(span));
        if span.is_none() {
            self.diagnostics
                .error(Code::BadDate, &text.span, format!("`{}` is not a duration", text.value))
                .hint("durations follow ISO 8601: P13M is thirteen months, P30D thirty days, PT12H twelve hours");
        }
        span
    }

    /// Whether a moment that long ago can be named at all.
    fn reaches_back(&self, span: &jiff::Span) -> bool {
        self.now.to_zoned(TimeZone::UTC).checked_sub(*span).is_ok()
    }
}

/// What an entry of a section is called, and the code for a name that none has.
fn entry_of(section: Section) -> (&'static str, Code) {
    match section {
        Section::Purposes => ("purpose", Code::UnknownPurpose),
        Section::Regions => ("region", Code::UnknownRegion),
        Section::Vendors => ("vendor", Code::UnknownVendor),
        Section::Keys => ("key", Code::UnknownKeyName),
        Section::Patterns => ("pattern", Code::UnknownPattern),
        Section::Streams => ("stream", Code::UnknownStream),
        Section::Classes => ("class", Code::UnknownClass),
        Section::Templates => ("template", Code::UnknownTemplate),
        Section::Profiles => ("profile", Code::UnknownProfile),
        Section::Sinks => ("sink", Code::UnknownSink),
    }
}

/// A list for a message, cut where it grows long.
pub(super) fn shortened<'t>(names: impl Iterator<Item = &'t str>) -> String {
    /// More names than this are no hint any more.
    const SHOWN: usize = 8;
    let mut names: Vec<&str> = names.collect();
    let more = names.len().saturating_sub(SHOWN);
    names.truncate(SHOWN);
    let listed = names.join(", ");
    if more > 0 { format!("{listed} and {more} more") } else { listed }
}
