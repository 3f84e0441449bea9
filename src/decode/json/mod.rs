//! Strict JSON (RFC 8259) scanned once for the places of a plan.

mod names;
mod scan;
mod skip;
mod text;

pub use scan::Scanner;
