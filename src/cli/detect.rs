//! `privet detect bench`: what `detect` finds in labelled texts, what it takes by mistake, and how fast.

use super::output;
use crate::plan::{DetectRule, Dialling, Label, OnFind};
use crate::transform::detect::{Find, Finder};
use anyhow::Context;
use clap::Subcommand;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

/// Arguments of `privet detect`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Recall and over-redaction by label on a labelled corpus, and MB a second
    Bench(Bench),
}

#[derive(clap::Args)]
struct Bench {
    /// JSON lines: {"text", "spans": [{"start", "end", "label", "required"}]}, positions in code points
    #[arg(value_name = "CORPUS")]
    corpus: PathBuf,
    /// How long to measure
    #[arg(long, value_name = "SECONDS", default_value = "3", value_parser = clap::value_parser!(u64).range(1..=600))]
    seconds: u64,
}

/// One labelled text.
#[derive(serde::Deserialize)]
struct Labelled {
    text: String,
    spans: Vec<Span>,
}

#[derive(serde::Deserialize)]
struct Span {
    start: usize,
    end: usize,
    label: String,
    required: bool,
}

/// Does it; the table goes to standard output.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Command::Bench(bench) = args.command;
    let texts = read(&bench.corpus)?;
    anyhow::ensure!(!texts.is_empty(), "there is no text to measure with");
    let rule = DetectRule {
        find: Label::ALL.into_iter().collect(),
        patterns: Vec::new(),
        with: OnFind::Redact,
        dialling: Dialling::shared(),
    };
    let mut figures = Figures::default();
    let mut finder = Finder::default();
    for text in &texts {
        figures.add(text, finder.search(&text.text, &rule));
    }
    let speed = speed(&texts, &rule, &mut finder, Duration::from_secs(bench.seconds));
    let mut results = output::results();
    figures.print(speed, &mut results).context("writing results")?;
    results.flush().context("writing results")?;
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> anyhow::Result<Vec<Labelled>> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    let lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines.map(|(at, line)| serde_json::from_str(line).with_context(|| format!("{}:{}", path.display(), at + 1))).collect()
}

/// Bytes of text a second, one core.
fn speed(texts: &[Labelled], rule: &DetectRule, finder: &mut Finder, time: Duration) -> f64 {
    let (mut bytes, mut found) = (0, 0);
    let began = Instant::now();
    while began.elapsed() < time {
        for text in texts {
            found += finder.search(&text.text, rule).len();
            bytes += text.text.len();
        }
    }
    std::hint::black_box(found);
    bytes as f64 / began.elapsed().as_secs_f64()
}

/// What was found.
#[derive(Default)]
struct Figures {
    /// By label: required spans, and how many of them no letter was left of.
    labels: BTreeMap<String, (usize, usize)>,
    /// Letters and digits outside every span, and how many of them went.
    outside: (usize, usize),
    /// Texts without any span, and how many of them were changed.
    negatives: (usize, usize),
}

impl Figures {
    fn add(&mut self, labelled: &Labelled, finds: &[Find]) {
        let gone = |at: usize| finds.iter().any(|find| (find.start..find.end).contains(&at));
        let letters: Vec<(usize, char)> = labelled.text.char_indices().collect();
        for span in labelled.spans.iter().filter(|span| span.required) {
            let part = letters.get(span.start..span.end).unwrap_or_default();
            let entry = self.labels.entry(span.label.clone()).or_default();
            entry.0 += 1;
            entry.1 += usize::from(!part.is_empty() && part.iter().all(|(at, letter)| gone(*at) || !letter.is_alphanumeric()));
        }
        let inside = |position: usize| labelled.spans.iter().any(|span| (span.start..span.end).contains(&position));
        for (position, (at, letter)) in letters.iter().enumerate() {
            if letter.is_alphanumeric() && !inside(position) {
                self.outside.0 += 1;
                self.outside.1 += usize::from(gone(*at));
            }
        }
        if labelled.spans.is_empty() {
            self.negatives.0 += 1;
            self.negatives.1 += usize::from(!finds.is_empty());
        }
    }

    fn print(&self, speed: f64, out: &mut impl Write) -> std::io::Result<()> {
        writeln!(out, "{:<20} {:>7} {:>9}", "label", "spans", "recall %")?;
        for (label, (spans, found)) in &self.labels {
            writeln!(out, "{label:<20} {spans:>7} {:>9.2}", percent(*found, *spans))?;
        }
        let (spans, found) = self.labels.values().fold((0, 0), |sum, one| (sum.0 + one.0, sum.1 + one.1));
        writeln!(out, "{:<20} {spans:>7} {:>9.2}", "all", percent(found, spans))?;
        writeln!(out, "letters and digits outside every span that went: {:.3} %", percent(self.outside.1, self.outside.0))?;
        writeln!(out, "texts without personal data that were changed: {:.2} %", percent(self.negatives.1, self.negatives.0))?;
        writeln!(out, "{:.0} MB a second, one core", speed / 1e6)
    }
}

fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { 100.0 * part as f64 / whole as f64 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_was_found_and_what_was_taken_by_mistake() {
        let rule = DetectRule {
            find: [Label::Email].into_iter().collect(),
            patterns: Vec::new(),
            with: OnFind::Redact,
            dialling: Dialling::shared(),
        };
        let mut figures = Figures::default();
        let span = |start, end, label: &str| Span { start, end, label: label.into(), required: true };
        let texts = [
            Labelled { text: "é a@b.co 4111".into(), spans: vec![span(2, 8, "EMAIL"), span(9, 13, "CREDIT_CARD")] },
            Labelled { text: "x y@z.io".into(), spans: vec![] },
            Labelled { text: "plain".into(), spans: vec![] },
        ];
        for text in &texts {
            figures.add(text, Finder::default().search(&text.text, &rule));
        }
        assert_eq!(figures.labels["EMAIL"], (1, 1));
        assert_eq!(figures.labels["CREDIT_CARD"], (1, 0));
        assert_eq!(figures.outside, (1 + 5 + 5, 4));
        assert_eq!(figures.negatives, (2, 1));
    }
}
