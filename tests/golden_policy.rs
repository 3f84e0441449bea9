//! What a policy's author reads: one folder a kind of fault, `policy.yaml` beside `expected.err`.
//!
//! `UPDATE=1 cargo test --test golden_policy` writes what is printed now; read the difference before it is kept.

use privet::keys::KeySet;
use privet::policy::{Code, Severity, compile};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn cases() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policy_errors");
    let mut cases: Vec<PathBuf> =
        fs::read_dir(root).expect("the folder of cases").map(|entry| entry.expect("an entry").path()).collect();
    cases.sort();
    assert!(cases.len() >= 20, "only {} cases found", cases.len());
    cases
}

fn read(case: &Path, name: &str) -> String {
    fs::read_to_string(case.join(name)).unwrap_or_default()
}

#[test]
fn every_fault_is_printed_as_agreed() {
    let update = std::env::var_os("UPDATE").is_some();
    let mut differing = Vec::new();
    for case in cases() {
        let compiled = compile(&read(&case, "policy.yaml"), "policy.yaml", &KeySet::demonstration());
        assert!(compiled.plan.is_none(), "{} is accepted", case.display());
        let printed = compiled.render(false);
        if update {
            fs::write(case.join("expected.err"), &printed).expect("writing the expected text");
        } else if printed != read(&case, "expected.err") {
            differing.push(format!("{}:\n{printed}", case.display()));
        }
    }
    assert!(differing.is_empty(), "{} cases differ\n{}", differing.len(), differing.join("\n"));
}

/// The lines and codes of one case, as its author marked them with `# P0103` behind the line that is wrong.
#[test]
fn every_fault_is_at_the_line_that_its_author_marked() {
    for case in cases() {
        let text = read(&case, "policy.yaml");
        let marks = text.lines().zip(1..).flat_map(|(line, number)| {
            let codes = line.rsplit_once("# P").map_or("", |(_, codes)| codes);
            codes.split(" P").filter(|code| !code.is_empty()).map(move |code| (number, format!("P{code}")))
        });
        let marked: BTreeSet<(u32, String)> = marks.collect();
        let compiled = compile(&text, "policy.yaml", &KeySet::demonstration());
        let errors = compiled.diagnostics.sorted().into_iter().filter(|one| one.severity == Severity::Error);
        let found: BTreeSet<(u32, String)> = errors.map(|one| (compiled.source.line(&one.span), one.code.to_string())).collect();
        assert_eq!(found, marked, "{}", case.display());
    }
}

#[test]
fn five_faults_are_five_diagnostics() {
    let case = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/policy_errors/five-faults");
    let compiled = compile(&read(&case, "policy.yaml"), "policy.yaml", &KeySet::demonstration());
    let codes: BTreeSet<Code> = compiled.diagnostics.sorted().iter().map(|one| one.code).collect();
    assert_eq!(compiled.diagnostics.count(Severity::Error), 5);
    assert_eq!(codes.len(), 5, "five different ones");
}

#[test]
fn every_code_of_form_has_a_case() {
    let printed: String = cases().iter().map(|case| read(case, "expected.err")).collect();
    // P0122 needs a file of 4 MiB; P0123 is a fault of Privet's own.
    let without: Vec<&str> = Code::ALL
        .iter()
        .map(|code| code.as_str())
        .filter(|code| code.starts_with("P01") && !["P0122", "P0123"].contains(code))
        .filter(|code| !printed.contains(code))
        .collect();
    assert!(without.is_empty(), "no case shows {without:?}");
}

/// The file shows every key and word of the language; here it also has a meaning.
#[test]
fn the_complete_example_compiles() {
    let text = include_str!("complete/policy.yaml");
    let compiled = compile(text, "complete/policy.yaml", &KeySet::demonstration());
    assert!(!compiled.diagnostics.has_errors(), "{}", compiled.render(false));
    let plan = compiled.plan.expect("a plan");
    assert_eq!((plan.streams.len(), plan.sinks.len(), plan.vendors.len()), (4, 3, 3));
}

/// The policy by which the contract of the language shows every part of it, but for formats.
#[test]
fn the_policy_of_the_contract_compiles() {
    let compiled = compile(include_str!("complete/contract.yaml"), "complete/contract.yaml", &KeySet::demonstration());
    assert!(!compiled.diagnostics.has_errors(), "{}", compiled.render(false));
}

/// Text that was cut, doubled or garbled anywhere is refused or accepted, and always printed.
#[test]
fn no_text_makes_the_compiler_panic() {
    let text = include_str!("complete/policy.yaml").as_bytes();
    let keys = KeySet::demonstration();
    let mut seed = 0x9e37_79b9_7f4a_7c15_u64;
    let mut random = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    let bits: [&[u8]; 14] =
        [b"", b"-", b": ", b"[", b"}", b"$", b"..", b"*", b"'", b"\"", b"\n", b"&a ", b"99999999999", "\u{e9}".as_bytes()];
    let mut accepted = 0;
    for _ in 0..400 {
        let mut mutant = text.to_vec();
        for _ in 0..=random(3) {
            let at = random(mutant.len());
            let end = (at + random(12)).min(mutant.len());
            mutant.splice(at..end, bits[random(bits.len())].iter().copied());
        }
        let mutant = String::from_utf8_lossy(&mutant);
        let compiled = compile(&mutant, "mutant.yaml", &keys);
        assert_eq!(compiled.plan.is_none(), compiled.diagnostics.has_errors());
        let _ = compiled.render(false);
        accepted += usize::from(compiled.plan.is_some());
    }
    assert!(accepted < 400, "the mutations change nothing");
}

#[test]
fn the_reference_in_the_documentation_is_that_of_the_language() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/policy-reference.md");
    let text = privet::policy::reference();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&file, &text).expect("writing the reference");
    }
    assert_eq!(fs::read_to_string(&file).unwrap_or_default(), text, "run with UPDATE=1");
}
