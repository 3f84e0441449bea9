//! Strict JSON (RFC 8259) scanned once for the places of a plan.

mod names;
mod scan;
mod sets;
mod shapes;
mod skip;
mod stretches;
mod structure;
mod text;
mod walk;

pub use scan::Scanner;
pub use structure::Path;
