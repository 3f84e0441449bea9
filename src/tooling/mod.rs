//! The engine asked questions: explain, policy tests.

pub mod collector;
pub mod coverage;
pub mod explain;
pub mod testing;
