//! The engine asked questions: explain, diff, policy tests.

pub mod collector;
pub mod coverage;
pub mod diff;
pub mod explain;
pub mod testing;
