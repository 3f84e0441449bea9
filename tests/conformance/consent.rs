//! The consent vectors through `privet inspect`: every row is answered, and the answer is the row's.

use super::{kit::process::privet, suite};
use serde_json::{Value, json};
use std::path::Path;

fn rows(dir: &Path, file: &str, count: usize) -> Vec<Value> {
    let text = std::fs::read_to_string(dir.join(file)).expect("the vectors are readable");
    let rows: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("a row is JSON")).collect();
    assert_eq!(rows.len(), count, "{file} is whole");
    rows
}

/// What the command answers to each row's string: a line each, and those that hold a line's end as arguments.
fn inspect(kind: &str, rows: &[Value]) -> Vec<Value> {
    let text = |row: &Value| row["s"].as_str().expect("a string").to_owned();
    let (lines, others): (Vec<&Value>, Vec<&Value>) = rows.iter().partition(|row| !text(row).contains('\n'));
    let input: String = lines.iter().map(|row| text(row) + "\n").collect();
    let mut answers = run(&["inspect", kind, "-"], &input, lines.len()).into_iter();
    let others: Vec<Value> = others.iter().flat_map(|row| run(&["inspect", kind, "--", &text(row)], "", 1)).collect();
    let mut others = others.into_iter();
    let mut next = |row: &Value| if text(row).contains('\n') { others.next() } else { answers.next() };
    rows.iter().map(|row| next(row).expect("one answer a row")).collect()
}

fn run(args: &[&str], input: &str, count: usize) -> Vec<Value> {
    let (code, out, said) = privet(args, input.as_bytes());
    assert_eq!((code, said.as_str()), (0, ""), "{args:?}");
    let out = String::from_utf8(out).expect("answers are UTF-8");
    let answers: Vec<Value> = out.lines().map(|line| serde_json::from_str(line).expect("an answer is JSON")).collect();
    assert_eq!(answers.len(), count, "one answer a string");
    answers
}

/// Every member of `expected` stands in `found`, equal.
fn differences(expected: &Value, found: &Value) -> Vec<String> {
    let members = expected.as_object().expect("an object");
    members.iter().filter(|(name, value)| found.get(name) != Some(value)).map(|(name, _)| name.clone()).collect()
}

#[track_caller]
fn judge(rows: &[Value], answers: &[Value], wrong: impl Fn(&Value, &Value) -> Option<String>) {
    let faults: Vec<String> = rows
        .iter()
        .zip(answers)
        .filter_map(|(row, answer)| wrong(row, answer).map(|what| format!("{} {what}", row["id"])))
        .collect();
    assert!(faults.is_empty(), "{} of {} rows are wrong:\n{}", faults.len(), rows.len(), faults.join("\n"));
}

/// A row that is not valid: refused, or, where the row leaves that open, read as the row says.
fn judge_invalid(row: &Value, answer: &Value, expected: Option<&Value>) -> Option<String> {
    if answer["ok"] == false {
        return answer["error"].as_str().is_none().then(|| "is refused without a reason".into());
    }
    if row["expect"] == "error" {
        return Some(format!("is accepted: {}", row["note"]));
    }
    let differ = expected.map(|expected| differences(expected, answer)).unwrap_or_default();
    (!differ.is_empty()).then(|| format!("is read otherwise: {differ:?}"))
}

#[test]
fn valid_tc_strings_are_read_as_the_reference_reads_them() {
    let Some(dir) = suite("consent") else { return };
    let rows = rows(&dir, "tcf.jsonl", 440);
    judge(&rows, &inspect("tcf", &rows), |row, answer| {
        let differ = differences(&row["d"], answer);
        (answer["ok"] != true || !differ.is_empty()).then(|| format!("{differ:?} {}", answer["error"]))
    });
}

#[test]
fn invalid_tc_strings_are_refused() {
    let Some(dir) = suite("consent") else { return };
    let rows = rows(&dir, "tcf_invalid.jsonl", 200);
    judge(&rows, &inspect("tcf", &rows), |row, answer| judge_invalid(row, answer, row.get("d")));
}

#[test]
fn valid_gpp_strings_are_read_as_the_reference_reads_them() {
    let Some(dir) = suite("consent") else { return };
    let rows = rows(&dir, "gpp.jsonl", 256);
    judge(&rows, &inspect("gpp", &rows), |row, answer| {
        let expected = json!({"ok": true, "sectionIds": row["sectionIds"], "sections": row["sections"]});
        let differ = differences(&expected, answer);
        (!differ.is_empty()).then(|| format!("{differ:?} {}", answer["error"]))
    });
}

#[test]
fn invalid_gpp_strings_are_refused() {
    let Some(dir) = suite("consent") else { return };
    let rows = rows(&dir, "gpp_invalid.jsonl", 95);
    judge(&rows, &inspect("gpp", &rows), |row, answer| {
        let expected = row.get("sections").map(|sections| json!({"sections": sections}));
        judge_invalid(row, answer, expected.as_ref())
    });
}

#[test]
fn us_privacy_strings() {
    let Some(dir) = suite("consent") else { return };
    let rows = rows(&dir, "usp.jsonl", 64);
    judge(&rows, &inspect("usp", &rows), |row, answer| {
        let mut expected = row["d"].clone();
        if let Some(members) = expected.as_object_mut() {
            for name in ["ccpaApplies", "optedOut", "saleAllowedStrict"] {
                members.insert(name.into(), row[name].clone());
            }
        }
        let expected = expected.is_object().then_some(expected);
        if row["expect"] == "ok" && answer["ok"] != true {
            return Some(format!("is refused: {}", answer["error"]));
        }
        judge_invalid(row, answer, expected.as_ref())
    });
}

/// The answers, `uncertain` rows included, and the rule that decided: the oracle's names are ours.
#[test]
fn decisions() {
    let Some(dir) = suite("consent") else { return };
    let rows = rows(&dir, "decisions.jsonl", 508);
    let input: String = rows.iter().map(|row| row.to_string() + "\n").collect();
    let answers = run(&["inspect", "tcf", "--decide", "-"], &input, rows.len());
    judge(&rows, &answers, |row, answer| {
        let same = (&answer["allowed"], &answer["reason"]) == (&row["expected"], &row["rule"]);
        (!same).then(|| format!("{answer} instead of {} {}", row["expected"], row["rule"]))
    });
    let allowed = answers.iter().filter(|answer| answer["allowed"] == true).count();
    assert_eq!(allowed, rows.iter().filter(|row| row["expected"] == true).count());
}
