//! Properties of Privet on invented input: generators, a strict reader to hold it against, and what must hold.
//!
//! A seed gives the same input on every machine. `main.rs` runs properties bounded; `fuzz_targets/` hands the same
//! functions to libFuzzer.

mod consent;
pub mod events;
pub mod judge;
pub mod properties;
pub mod random;
pub mod reference;
pub mod text;
pub mod tree;

use judge::Judge;
use random::Random;
use std::cell::RefCell;

thread_local! {
    static JUDGE: RefCell<Judge> = RefCell::new(Judge::new());
}

/// Runs one property on a fuzzer's bytes; panics on a finding, as libFuzzer expects. `accepts` and `ways` take the bytes as
/// the document, `consents` as the string.
pub fn under_libfuzzer(name: &str, data: &[u8]) {
    let property = properties::ALL.iter().find(|(known, _)| *known == name).expect("a property of that name");
    JUDGE.with_borrow_mut(|judge| {
        let ended = match name {
            "accepts" => properties::accepts(judge, data),
            "consents" => properties::consents(data),
            "ways" => properties::ways(judge, data),
            _ => property.1(judge, &mut Random::from_bytes(data)),
        };
        if let Err(finding) = ended {
            panic!("{}", finding.what);
        }
    });
}
