//! Privet: a streaming privacy filter for event pipelines.
//!
//! ```text
//!            kafka ──▶ decode ──▶ consent ──▶ decide ──▶ transform + encode ──▶ kafka
//!  source topic │        │           │           │                │              │ one topic a sink,
//!               │     places    statements    outcome,         bytes for         │ one transaction
//!               │   in the bytes  (+ ledger)   reason          each sink         │
//!               └──────────────── pipeline: the order of the stages ─────────────┘
//!                                       ▲ plan (frozen)
//!                     policy ──▶ plan ──┘        control: reload, admin · evidence: quarantine
//! ```
//!
//! `docs/ARCHITECTURE.md` has the code map and the invariants.

pub mod app;
pub mod cli;
pub mod config;
pub mod consent;
pub mod control;
pub mod decide;
pub mod decode;
pub mod encode;
pub mod event;
pub mod evidence;
pub mod kafka;
pub mod keys;
pub mod ledger;
pub mod outcome;
pub mod pipeline;
pub mod plan;
pub mod policy;
pub mod telemetry;
pub mod tooling;
pub mod transform;
