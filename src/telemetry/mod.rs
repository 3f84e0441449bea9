//! Metric names and handles, logging. Knows names and numbers only: never a value from an event.

mod consent;
mod counts;
mod dsr;
mod logging;
mod meters;
mod names;
mod series;

pub use consent::{ConsentMeters, LedgerFault, SnapshotResult};
pub use counts::{LocalCounts, PlanNames};
pub use dsr::{CallbackResult, DsrMeters, DsrResult};
pub use logging::{LogFormat, LogLevel, LoggingError, init_logging};
pub use meters::{DecisionCount, PolicyMeters, ReloadResult, Telemetry, TransactionMeters, TransactionResult};
pub use metrics::Gauge;
pub use names::{Kind, Metric, TABLE};
