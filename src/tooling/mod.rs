//! The engine asked questions: explain, policy tests.

pub mod collector;
pub mod explain;
pub mod testing;
