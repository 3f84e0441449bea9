//! Unit tests of policies: `*.test.yaml` read, run against a plan, and judged.

mod file;
mod run;

pub use file::{Expectation, Test, TestFile, parse};
pub use run::{Failure, Runner, Verdict};
