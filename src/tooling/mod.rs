//! The engine asked questions: explain, policy tests.

pub mod collector;
