//! The engine asked questions: explain, policy tests.
