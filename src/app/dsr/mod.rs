//! Requests of data subjects as the proxy runs them: taken over HTTP, written down in a topic, done, and answered for.

mod book;
mod callbacks;
mod held;
mod notices;
mod record;
mod registrar;
mod work;

pub use record::{Record, Subject};

use super::forget::Leaving;
use super::shred::Erased;
use crate::config::{Config, Properties};
use crate::control::dsr::{Caller, Office, Signer};
use crate::kafka::follow::{Follow, Topic, Watch};
use crate::kafka::{Settings, compacted};
use crate::ledger::Ledger;
use crate::plan::Plan;
use crate::telemetry::{ConsentMeters, Telemetry};
use anyhow::{Context, anyhow};
use arc_swap::ArcSwap;
use book::{Book, Pages};
use callbacks::Callbacks;
use registrar::{Pen, Registrar, Topics};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;
use work::Work;

/// What is known of requests may be so old when one is taken.
const MAX_STALENESS: Duration = Duration::from_secs(5);

/// What handling requests takes of the rest of the process.
pub(super) struct Parts {
    pub(super) ledger: Arc<Ledger>,
    pub(super) watch: Arc<Watch>,
    pub(super) enforced: Arc<ConsentMeters>,
    pub(super) leaving: Option<Arc<Leaving>>,
    pub(super) erased: Option<Arc<Erased>>,
    pub(super) live: Arc<ArcSwap<Plan>>,
    /// Of the cluster of the ledger.
    pub(super) properties: Properties,
}

/// The threads that follow requests, see them through and call controllers; they end when this is dropped.
pub(super) struct Requests {
    office: Arc<Office>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
    /// Held for its thread.
    _follow: Follow,
}

impl Requests {
    /// Begins to read what is known and to take what comes; `None` where the configuration takes none.
    pub(super) fn start(
        config: &Config,
        settings: &Settings,
        create: bool,
        telemetry: &Telemetry,
        parts: Parts,
    ) -> anyhow::Result<Option<Requests>> {
        let (Some(dsr), Some(erasures)) = (&config.dsr, &config.erasures) else { return Ok(None) };
        let signer = Signer::new(dsr).context("`dsr`")?;
        let caller = dsr.callbacks.as_ref().map(Caller::new).transpose().context("`dsr.callbacks`")?.map(Arc::new);
        let Parts { ledger, watch: knowledge, enforced, leaving, erased, live, properties } = parts;
        compacted::ensure(settings, &properties, &dsr.topic, "`dsr`", create)?;
        let (book, watch) = (Arc::new(Book::default()), Watch::new(MAX_STALENESS));
        let topics = vec![Topic { name: dsr.topic.clone(), from: Vec::new(), table: Box::new(Pages(book.clone())) }];
        let follow = Follow::start(settings, &properties, "requests", topics, watch.clone()).map_err(|why| anyhow!(why))?;
        let registrar = Arc::new(Registrar {
            settings: settings.clone(),
            properties,
            topics: Topics { requests: dsr.topic.clone(), erasures: erasures.clone(), notices: dsr.notices.clone() },
            ledger,
            live,
            book,
            watch,
            config: dsr.clone(),
            caller: caller.clone(),
            pen: Mutex::new(Pen::default()),
        });
        let meters = Arc::new(telemetry.dsr());
        let stop = Arc::new(AtomicBool::new(false));
        let mut work = Work {
            registrar: registrar.clone(),
            knowledge,
            enforced,
            leaving,
            erased,
            meters: meters.clone(),
            stop: stop.clone(),
            under_way: HashMap::new(),
        };
        let thread = std::thread::Builder::new().name("privet-requests".to_owned()).spawn(move || work.run())?;
        let (controller_id, certificate_url) = (dsr.controller_id.clone(), dsr.certificate_url.clone());
        let office = Arc::new(Office { desk: registrar.clone(), signer, controller_id, certificate_url, meters });
        if let Some(caller) = caller {
            let mut callbacks = Callbacks::new(registrar, office.clone(), caller, stop.clone());
            // Nobody waits for its end: a controller that does not answer must not hold the process up.
            std::thread::Builder::new().name("privet-callbacks".to_owned()).spawn(move || callbacks.run())?;
        }
        Ok(Some(Requests { office, stop, thread: Some(thread), _follow: follow }))
    }

    /// Where requests are answered.
    pub(super) fn office(&self) -> Arc<Office> {
        self.office.clone()
    }
}

impl Drop for Requests {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            // Should it have panicked, that was reported; what it did not come to is found by the next start.
            let _ = thread.join();
        }
    }
}
