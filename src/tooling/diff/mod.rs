//! Two policies compared: what changed in words, and which decisions on sample events change with it.

mod decisions;
mod words;

pub use decisions::{Decisions, Ending, Flip, Rewrite};
pub use words::{Change, changes};
