//! The policy language: as written → every error at once | plan.

pub mod ast;
pub mod diagnostic;

pub use diagnostic::{Code, Diagnostic, Diagnostics, Severity, SourceMap, closest, did_you_mean};
