//! What `detect` costs with texts that were made to be slow, beside a labelled corpus.

use super::texts;
use privet::plan::{DetectRule, Dialling, Label, OnFind};
use privet::transform::detect::Finder;
use std::path::PathBuf;
use std::time::Instant;

const ROUNDS: usize = 5;
/// So many of the slowest are shown.
const SHOWN: usize = 12;

/// Prints the slowest texts. Limits: 50 MB/s of the corpus, 300 MB/s of text without candidates, five times the corpus a byte.
pub(crate) fn measure() {
    let (name, corpus) = corpus();
    let corpus: Vec<&str> = corpus.iter().map(String::as_str).collect();
    let rule = DetectRule {
        find: Label::ALL.into_iter().collect(),
        patterns: Vec::new(),
        with: OnFind::Redact,
        dialling: Dialling::shared(),
    };
    let finder = &mut Finder::default();
    let silent = without_candidates(&corpus);
    let base = nanoseconds_a_byte(finder, &rule, &corpus);
    println!(
        "\ndetect on {name}: {:.1} MB/s; on its words alone: {:.0} MB/s\n",
        1e3 / base,
        1e3 / nanoseconds_a_byte(finder, &rule, &[&silent])
    );
    let all = texts::texts();
    let mut costs: Vec<(f64, &str)> =
        all.iter().map(|(name, text)| (nanoseconds_a_byte(finder, &rule, &[text]), name.as_str())).collect();
    costs.sort_by(|one, other| other.0.total_cmp(&one.0));
    println!("| slowest of {} texts of 1 MiB | MB/s | x corpus |\n| --- | --- | --- |", all.len());
    for (cost, name) in costs.iter().take(SHOWN) {
        println!("| {name} | {:.1} | {:.1} |", 1e3 / cost, cost / base);
    }
    println!("\nworst: {:.1} x the corpus (limit 5)\n", costs[0].0 / base);
}

/// The shared corpus where it is there, a set of the repository's own where not.
fn corpus() -> (&'static str, Vec<String>) {
    let own = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let conformance = std::env::var_os("PRIVET_CONFORMANCE").map_or_else(|| own.join("../shared/conformance"), PathBuf::from);
    let text_of = |line: &str| {
        let line: serde_json::Value = serde_json::from_str(line).expect("JSON lines");
        line["text"].as_str().expect("a text").to_owned()
    };
    for (name, path) in [
        ("the shared corpus", conformance.join("pii/corpus.jsonl")),
        ("the second set", own.join("tests/detect_holdout/second.jsonl")),
    ] {
        if let Ok(lines) = std::fs::read_to_string(path) {
            return (name, lines.lines().map(text_of).collect());
        }
    }
    panic!("there is no labelled corpus");
}

/// The corpus's small letters and spaces: nothing that a detector looks at.
fn without_candidates(corpus: &[&str]) -> String {
    corpus.iter().flat_map(|text| text.chars()).filter(|letter| letter.is_ascii_lowercase() || *letter == ' ').collect()
}

/// The median over rounds.
fn nanoseconds_a_byte(finder: &mut Finder, rule: &DetectRule, texts: &[&str]) -> f64 {
    let bytes: usize = texts.iter().map(|text| text.len()).sum();
    let mut costs: Vec<f64> = (0..ROUNDS)
        .map(|_| {
            let began = Instant::now();
            for text in texts {
                std::hint::black_box(finder.search(text, rule).len());
            }
            began.elapsed().as_nanos() as f64 / bytes as f64
        })
        .collect();
    costs.sort_by(f64::total_cmp);
    costs[ROUNDS / 2]
}
