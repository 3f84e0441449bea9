//! The policy language: as written → every error at once | plan.

pub mod ast;
