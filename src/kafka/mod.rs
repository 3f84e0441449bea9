//! The only user of rdkafka: source, sinks, transactions, rebalancing, errors.
//!
//! The delivery loop knows this module by two traits, [`Source`] and [`Sink`], so that it can also run against a
//! simulated cluster; [`consumer`] and [`producer`] make the real ones.

pub mod about;
pub mod append;
pub mod cluster;
pub mod compacted;
mod contract;
mod ender;
mod errors;
mod ffi;
pub mod follow;
mod limits;
pub mod mock;
mod rebalance;
mod settings;
mod sink;
mod source;
mod tail;
mod txn;

pub use contract::{Fetched, NextOffset, Outgoing, Polled, ReadHeaders, Sent, Sink, Source};
pub use errors::{Fault, Recovery};
pub use ffi::GroupMetadata;
pub use limits::SizeLimits;
pub use settings::{Settings, SettingsError};
pub use sink::{Producer, producer};
pub use source::{Consumer, consumer};
pub use tail::Row;
