//! Decisions against the contract (`design/decision.md`): its sentences as cases on real events, and all combinations
//! of what a decision depends on against a second reading of the contract, written apart from the product.

mod broken;
mod kit;
mod ledger;
mod matrix;
mod oracle;
mod sentences;
mod signals;
