//! What the demo shows: the table of outcomes, their reasons, one event before and after; live or as a summary.

use super::example::{self, Example, Fate};
use super::grid::{self, Cell, grouped, lay_out, number, text};
use super::tally::{SinkTally, Tally};
use crate::outcome::{Outcome, Reason};
use console::Style;
use std::time::Duration;

/// Everything on the screen at one moment.
pub(super) struct Scene<'a> {
    /// Events sent to the source topic, and their bytes.
    pub(super) sent: (u64, u64),
    /// How long events have been flowing.
    pub(super) elapsed: Duration,
    /// Events behind us a second.
    pub(super) rate: f64,
    /// The proxy's outcomes.
    pub(super) tally: &'a Tally,
    /// By sink: rows read from its topic, their bytes, and whether the example was seen there byte for byte.
    pub(super) read: Vec<(u64, u64, bool)>,
    /// The event to show.
    pub(super) example: Option<&'a Example>,
    /// The sink at which to show it.
    pub(super) sink: usize,
    /// Lines about what else there is to look at.
    pub(super) notes: Vec<String>,
}

/// How wide and in which colours.
#[derive(Clone, Copy)]
pub(super) struct Paper {
    /// Columns.
    pub(super) width: usize,
    /// Whether to paint.
    pub(super) colour: bool,
}

impl Scene<'_> {
    /// The whole picture, line by line.
    pub(super) fn lines(&self, paper: Paper) -> Vec<String> {
        let mut lines = vec![self.headline()];
        lines.extend(self.notes.iter().map(|note| format!("  {note}")));
        lines.push(String::new());
        lines.extend(self.outcomes(paper));
        lines.push(String::new());
        lines.extend(self.reasons(paper));
        lines.push(String::new());
        lines.extend(self.before_and_after(paper));
        lines
    }

    fn headline(&self) -> String {
        let (events, bytes) = self.sent;
        format!(
            "  {} events, {} in {:.1} s: {} events a second",
            grouped(events),
            megabytes(bytes),
            self.elapsed.as_secs_f64(),
            grouped(self.rate.round() as u64)
        )
    }

    /// One line a sink: events read = allow + degrade + drop + quarantine; rows read = allow + degrade.
    fn outcomes(&self, paper: Paper) -> Vec<String> {
        let dim = Style::new().dim();
        let mut header = vec![text("sink").painted(dim.clone())];
        header.extend(Outcome::ALL.map(|outcome| text(outcome.as_str()).painted(colour_of(outcome)).right()));
        let names = ["= events", "rows read", "bytes read", "of the input"];
        header.extend(names.map(|name| text(name).painted(dim.clone()).right()));
        let mut rows = vec![header];
        for (sink, (read, bytes, _)) in self.tally.sinks.iter().zip(&self.read) {
            let mut row = vec![text(&*sink.name).painted(Style::new().bold())];
            row.extend(Outcome::ALL.map(|outcome| number(sink.with(outcome))));
            row.extend([number(sink.decided()), number(*read), text(megabytes(*bytes)).right()]);
            row.push(text(format!("{:.0} %", share(*bytes, self.sent.1))).right());
            rows.push(row);
        }
        lay_out(&rows, 24, paper.colour)
    }

    /// Why: a line a reason, two columns a sink (how many, and how they ended).
    fn reasons(&self, paper: Paper) -> Vec<String> {
        let mut header = vec![text("why").painted(Style::new().dim())];
        for sink in &self.tally.sinks {
            header.extend([text(""), text(&*sink.name).painted(Style::new().bold())]);
        }
        let mut rows = vec![header];
        for reason in Reason::ALL {
            let found: Vec<Vec<(Outcome, u64)>> = self.tally.sinks.iter().map(|sink| ended(sink, *reason)).collect();
            // One reason may end differently at one sink; that takes a second line.
            for line in 0..found.iter().map(Vec::len).max().unwrap_or(0) {
                let mut row = vec![text(reason.as_str())];
                row.extend(found.iter().flat_map(|found| how_many(found.get(line))));
                rows.push(row);
            }
        }
        lay_out(&rows, 32, paper.colour)
    }

    fn before_and_after(&self, paper: Paper) -> Vec<String> {
        let Some((example, sink)) = self.example.and_then(|example| Some((example, example.sinks.get(self.sink)?))) else {
            return Vec::new();
        };
        let bold = Style::new().bold();
        let ended = format!("{} ({})", sink.outcome, sink.reason);
        let mut lines = vec![format!(
            "  one event, before and after at {}: {}",
            grid::paint(&sink.name, &bold, paper.colour),
            grid::paint(&ended, &colour_of(sink.outcome), paper.colour)
        )];
        let fields = sink.value.as_deref().and_then(|value| example::fields(&example.input, value));
        if let Some(fields) = fields {
            lines.extend(field_lines(&fields, paper));
            let seen = self.read.get(self.sink).is_some_and(|(_, _, seen)| *seen);
            if seen {
                lines.push(format!("  read from the topic of {}, byte for byte as the engine made it here", sink.name));
            }
        }
        lines
    }
}

fn field_lines(fields: &[example::Field], paper: Paper) -> Vec<String> {
    let (green, red, dim) = (Style::new().green(), Style::new().red(), Style::new().dim());
    // Field, before, after: a third each, and the gaps between them.
    let third = paper.width.saturating_sub(8) / 3;
    let mut rows = Vec::new();
    for field in fields {
        if let Fate::Changed(after) = &field.fate {
            let (before, after) = grid::around_difference(&field.before, after, third);
            rows.push(vec![text(&*field.path), text(before).painted(red.clone()), text(after).painted(green.clone())]);
        }
    }
    let mut lines = lay_out(&rows, third, paper.colour);
    for (title, fate) in [("as it was", Fate::Same), ("removed", Fate::Gone)] {
        let names: Vec<&str> = fields.iter().filter(|field| field.fate == fate).map(|field| field.path.as_str()).collect();
        if !names.is_empty() {
            lines.push(format!("  {title}: {} {}", names.len(), if names.len() == 1 { "field" } else { "fields" }));
            let listed = grid::flow(names, "    ", paper.width);
            lines.extend(listed.into_iter().map(|line| grid::paint(&line, &dim, paper.colour)));
        }
    }
    lines
}

/// How events ended at a sink for this reason, and how many.
fn ended(sink: &SinkTally, reason: Reason) -> Vec<(Outcome, u64)> {
    sink.counts.iter().filter(|((_, why), _)| *why == reason).map(|((outcome, _), count)| (*outcome, *count)).collect()
}

fn how_many(found: Option<&(Outcome, u64)>) -> [Cell; 2] {
    match found {
        None => [text(""), text("")],
        Some((outcome, count)) => [number(*count), text(outcome.as_str()).painted(colour_of(*outcome))],
    }
}

fn colour_of(outcome: Outcome) -> Style {
    match outcome {
        Outcome::Allow => Style::new().green(),
        Outcome::Degrade => Style::new().cyan(),
        Outcome::Drop => Style::new().yellow(),
        Outcome::Quarantine => Style::new().red(),
    }
}

fn share(part: u64, whole: u64) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 * 100.0 / whole as f64 }
}

fn megabytes(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

#[cfg(test)]
mod tests {
    use super::super::example::AtSink;
    use super::*;

    #[test]
    fn a_summary_reads_well_without_colour() {
        let sink = |name: &str, counts: &[(Outcome, Reason, u64)]| SinkTally {
            name: name.into(),
            counts: counts.iter().map(|(outcome, reason, count)| ((*outcome, *reason), *count)).collect(),
        };
        let tally = Tally {
            sinks: vec![
                sink("house", &[(Outcome::Allow, Reason::ConsentGranted, 900), (Outcome::Degrade, Reason::NoConsent, 1100)]),
                sink("ads", &[(Outcome::Allow, Reason::ConsentGranted, 500), (Outcome::Drop, Reason::ConsentDenied, 1500)]),
            ],
        };
        let at = |name: &str, value: &str| AtSink {
            name: name.into(),
            outcome: Outcome::Allow,
            reason: Reason::ConsentGranted,
            value: Some(value.as_bytes().to_vec()),
        };
        let example = Example {
            input: br#"{"event":"Order","user":{"id":"u1","email":"a@example.com"}}"#.to_vec(),
            sinks: vec![at("house", "{}"), at("ads", r#"{"event":"Order","user":{"id":"p1.k.x"}}"#)],
        };
        let scene = Scene {
            sent: (2000, 4_000_000),
            elapsed: Duration::from_millis(500),
            rate: 4000.0,
            tally: &tally,
            read: vec![(2000, 2_000_000, false), (500, 400_000, true)],
            example: Some(&example),
            sink: 1,
            notes: Vec::new(),
        };
        let expected = [
            "  2,000 events, 4.0 MB in 0.5 s: 4,000 events a second",
            "",
            "  sink   allow  degrade   drop  quarantine  = events  rows read  bytes read  of the input",
            "  house    900    1,100      0           0     2,000      2,000      2.0 MB          50 %",
            "  ads      500        0  1,500           0     2,000        500      0.4 MB          10 %",
            "",
            "  why                     house           ads",
            "  consent_granted    900  allow      500  allow",
            "  no_consent       1,100  degrade",
            "  consent_denied                   1,500  drop",
            "",
            "  one event, before and after at ads: allow (consent_granted)",
            "  user.id  \"u1\"  \"p1.k.x\"",
            "  as it was: 1 field",
            "    event",
            "  removed: 1 field",
            "    user.email",
            "  read from the topic of ads, byte for byte as the engine made it here",
        ];
        assert_eq!(scene.lines(Paper { width: 80, colour: false }), expected);
    }
}
