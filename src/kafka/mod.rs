//! The only user of rdkafka: source, sinks, transactions, rebalancing, errors.

pub mod mock;
