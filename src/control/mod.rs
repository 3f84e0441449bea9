//! The control plane: reload, the admin server, signals of the operating system. It reaches the data plane only by
//! handing it a new frozen plan, and hears of it only through [`Status`].

pub mod admin;
pub mod dsr;
pub mod os;
pub mod reload;
mod status;

pub use status::{Phase, Readiness, Status, WorkerStatus, WorkerView};
