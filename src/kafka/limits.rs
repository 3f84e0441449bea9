//! The size of the largest batch that each sink topic takes, as its brokers state it.

use super::settings::Settings;
use rdkafka::admin::{AdminClient, AdminOptions, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// What applies where a broker has never told: Kafka's own default.
const DEFAULT_LIMIT: usize = 1_048_588;

/// How long the question may take; without an answer the default applies, and that is said.
const TIMEOUT: Duration = Duration::from_secs(2);

/// A limit that a record has met may have been raised; it is asked for again no more often than this.
const LOOK: Duration = Duration::from_secs(60);

/// The setting of a topic that limits its batches.
const SETTING: &str = "max.message.bytes";

/// Limits by topic, shared by all workers; asked for once a topic, and again where a broker turns out to know better.
pub struct SizeLimits {
    settings: Settings,
    known: RwLock<HashMap<Box<str>, usize>>,
    /// When a record that was too large last made somebody ask again.
    looked: Mutex<Option<Instant>>,
}

impl SizeLimits {
    /// The limits of these topics.
    pub fn of_topics(settings: &Settings, topics: &[&str]) -> Arc<SizeLimits> {
        let limits = SizeLimits { settings: settings.clone(), known: RwLock::default(), looked: Mutex::default() };
        limits.ask(topics);
        Arc::new(limits)
    }

    /// Bytes of the largest batch that a topic takes.
    pub fn of(&self, topic: &str) -> usize {
        let known = || self.known.read().unwrap_or_else(PoisonError::into_inner).get(topic).copied();
        known().unwrap_or_else(|| {
            self.ask(&[topic]);
            known().unwrap_or(DEFAULT_LIMIT)
        })
    }

    /// The limit of a topic whose limit a record has met: asked for again, if that was not done a moment ago.
    pub(super) fn of_met(&self, topic: &str) -> usize {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        if looked.is_none_or(|then| then.elapsed() >= LOOK) {
            self.refresh();
            *looked = Some(Instant::now());
        }
        self.of(topic)
    }

    /// Asks again for every topic known.
    pub(super) fn refresh(&self) {
        let known: Vec<Box<str>> = self.known.read().unwrap_or_else(PoisonError::into_inner).keys().cloned().collect();
        let topics: Vec<&str> = known.iter().map(|topic| &**topic).collect();
        self.ask(&topics);
    }

    /// The most generous limit, and the strictest.
    pub(super) fn range(&self) -> (usize, usize) {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let all = || known.values().copied();
        (all().max().unwrap_or(DEFAULT_LIMIT), all().min().unwrap_or(DEFAULT_LIMIT))
    }

    fn ask(&self, topics: &[&str]) {
        let told = describe(&self.settings, topics).unwrap_or_default();
        if told.len() < topics.len() {
            tracing::warn!(
                default = DEFAULT_LIMIT,
                "brokers do not tell the size limits of all topics; what they told before applies, or the default"
            );
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        for topic in topics {
            let limit = known.entry((*topic).into()).or_insert(DEFAULT_LIMIT);
            if let Some(told) = told.get(*topic) {
                *limit = *told;
            }
        }
    }
}

/// What the brokers say; nothing where they do not answer or may not be asked.
fn describe(settings: &Settings, topics: &[&str]) -> Option<HashMap<String, usize>> {
    let mut config = settings.admin();
    config.remove("group.id");
    let client: AdminClient<DefaultClientContext> = config.create().ok()?;
    let resources: Vec<ResourceSpecifier<'_>> = topics.iter().map(|topic| ResourceSpecifier::Topic(topic)).collect();
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
    let answers = block_on(client.describe_configs(&resources, &options))?.ok()?;
    let mut limits = HashMap::new();
    for resource in answers.into_iter().flatten() {
        let rdkafka::admin::OwnedResourceSpecifier::Topic(topic) = &resource.specifier else { continue };
        let value = resource.get(SETTING).and_then(|entry| entry.value.as_ref()?.parse().ok());
        if let Some(limit) = value {
            limits.insert(topic.clone(), limit);
        }
    }
    Some(limits)
}

/// Waits for one answer of the admin client, which is the only asynchronous call of this module's neighbours.
pub(super) fn block_on<F: Future>(future: F) -> Option<F::Output> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().ok()?;
    Some(runtime.block_on(future))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Lookup, System};
    use std::path::Path;

    #[test]
    fn what_is_known_outlives_brokers_that_do_not_answer() {
        let text = "policy: p\nkeys: {provider: file, path: k}\ngroup: g\ninstance: a\nworkers: 1\n\
                    kafka: {bootstrap.servers: \"localhost:1\"}\n";
        let lookup: &dyn Lookup = &System;
        let settings = Settings::new(&Config::parse(text, Path::new("c.yaml"), lookup).unwrap()).unwrap();
        let known = RwLock::new(HashMap::from([("ads".into(), 5_000_000), ("aside".into(), 2_000)]));
        let limits = SizeLimits { settings, known, looked: Mutex::default() };
        limits.refresh();
        assert_eq!((limits.of("ads"), limits.of("aside")), (5_000_000, 2_000));
    }
}
