//! The proxy inside the demo: started as `privet run` starts it, from a configuration file.

use crate::app::{self, Start};
use crate::config::{Config, System};
use crate::control::reload::ReloadHandle;
use crate::kafka::cluster::From;
use crate::telemetry::{ReloadResult, Telemetry};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

/// A running proxy, until it is stopped.
pub(super) struct Proxy {
    running: Option<app::Proxy>,
    telemetry: Arc<Telemetry>,
    reload: ReloadHandle,
    admin: Option<SocketAddr>,
}

impl Proxy {
    /// Starts it with the configuration in this file, from the beginning of its source topics.
    pub(super) fn start(configuration: &Path) -> anyhow::Result<Proxy> {
        let config = Config::load(configuration, &System)?;
        let running = app::Proxy::start(&config, Start { create_topics: false, from: Some(From::Earliest) })?;
        let (telemetry, reload, admin) = (running.telemetry().clone(), running.reload(), running.admin());
        Ok(Proxy { running: Some(running), telemetry, reload, admin })
    }

    /// What it counts.
    pub(super) fn telemetry(&self) -> Arc<Telemetry> {
        self.telemetry.clone()
    }

    /// Whether it has its partitions; why not, otherwise.
    pub(super) fn readiness(&self) -> (bool, Vec<String>) {
        let readiness = self.running.as_ref().map(app::Proxy::readiness).unwrap_or_default();
        (readiness.ready, readiness.reasons)
    }

    /// Whether it cannot go on.
    pub(super) fn has_failed(&self) -> bool {
        self.running.as_ref().is_none_or(|running| running.failure().is_some())
    }

    /// The policy that runs, and what became of the last attempt to change it.
    pub(super) fn policy(&self) -> String {
        let hash = self.reload.running().plan.hash;
        match self.reload.last() {
            Some(report) if report.result == ReloadResult::Failed => format!("{hash} (the file was refused, this one goes on)"),
            Some(_) | None => hash.to_string(),
        }
    }

    /// Where the admin server listens.
    pub(super) fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Drains and ends it.
    pub(super) fn stop(&mut self) -> anyhow::Result<()> {
        self.running.take().map_or(Ok(()), app::Proxy::stop)
    }
}
