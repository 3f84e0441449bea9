//! What a topic is and how far it reaches, asked once at a start: what a snapshot of its rows is compared with.

use super::errors::sentence;
use super::limits::block_on;
use super::settings::Settings;
use super::tail::{Event, Tail};
use crate::config::Properties;
use rdkafka::admin::{AdminClient, AdminOptions, OwnedResourceSpecifier, ResourceSpecifier};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use std::time::{Duration, Instant};

/// How long each question may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// The longest wait for one event of the answer.
const WAIT: Duration = Duration::from_millis(50);

/// How long the topic keeps the tombstone of a deleted key at least, after it was written.
const RETENTION: &str = "delete.retention.ms";

/// What brokers say about a topic.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The cluster's id.
    pub cluster: String,
    /// The topic's id; one made anew has another.
    pub id: u128,
    /// How long tombstones are kept at least.
    pub delete_retention: Duration,
    /// By partition: the first offset that is there, and the one behind the last.
    pub ends: Vec<(i64, i64)>,
}

/// Asks about a topic of the cluster that the configuration names, changed by `properties`. An error says what brokers do not tell.
pub fn about(settings: &Settings, properties: &Properties, topic: &str) -> Result<About, String> {
    let attempted = |what: &str, error| format!("asking for {what} of topic `{topic}`: {}", sentence(&error));
    let made = settings.follower("about", properties).create::<BaseConsumer>();
    let consumer = made.map_err(|error| attempted("the cluster", error))?;
    let cluster = consumer.client().fetch_cluster_id(TIMEOUT).filter(|id| !id.is_empty());
    let cluster = cluster.ok_or_else(|| "brokers do not tell the cluster's id".to_owned())?;
    let metadata = consumer.fetch_metadata(Some(topic), TIMEOUT).map_err(|error| attempted("the partitions", error))?;
    let partitions = metadata.topics().iter().find(|found| found.name() == topic).map_or(0, |found| found.partitions().len());
    let ends = (0..i32::try_from(partitions).unwrap_or(i32::MAX))
        .map(|partition| consumer.fetch_watermarks(topic, partition, TIMEOUT).map_err(|error| attempted("the ends", error)))
        .collect::<Result<Vec<_>, _>>()?;
    let delete_retention =
        retention(settings, properties, topic).ok_or_else(|| format!("brokers do not tell {RETENTION} of topic `{topic}`"))?;
    let id = id(consumer, topic).ok_or_else(|| format!("brokers do not tell the id of topic `{topic}`"))?;
    Ok(About { cluster, id, delete_retention, ends })
}

fn id(consumer: BaseConsumer, topic: &str) -> Option<u128> {
    let tail = Tail::new(consumer)?;
    tail.ask_ids(&[topic], TIMEOUT);
    let (asked, mut answer) = (Instant::now(), None);
    while answer.is_none() && asked.elapsed() < TIMEOUT {
        tail.poll(WAIT, &mut |event| {
            if let Event::Ids(ids) = event {
                answer = Some(ids);
            }
        });
    }
    let ids = answer?.ok()?;
    ids.into_iter().find(|(name, id)| name == topic && *id != 0).map(|(_, id)| id)
}

fn retention(settings: &Settings, properties: &Properties, topic: &str) -> Option<Duration> {
    let mut config = settings.admin_of(properties);
    config.remove("group.id");
    let client: AdminClient<DefaultClientContext> = config.create().ok()?;
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
    let answers = block_on(client.describe_configs(&[ResourceSpecifier::Topic(topic)], &options))?.ok()?;
    answers.into_iter().flatten().find_map(|resource| match &resource.specifier {
        OwnedResourceSpecifier::Topic(name) if name == topic => {
            resource.get(RETENTION)?.value.as_ref()?.parse().ok().map(Duration::from_millis)
        }
        OwnedResourceSpecifier::Topic(_) | OwnedResourceSpecifier::Group(_) | OwnedResourceSpecifier::Broker(_) => None,
    })
}
