//! Is a topic that must never forget a key, or what a person said, compacted, and nothing else? Made so where it is missing and may be made.

use super::cluster::ClusterError;
use super::errors::sentence;
use super::limits::block_on;
use super::settings::Settings;
use crate::config::Properties;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, OwnedResourceSpecifier, ResourceSpecifier, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::RDKafkaErrorCode;
use std::time::Duration;

/// How long each question may take.
const TIMEOUT: Duration = Duration::from_secs(15);
/// How often a topic just made is asked for, and the pause between.
const CHECKS: usize = 50;
const PAUSE: Duration = Duration::from_millis(100);
/// What decides what a topic forgets.
const POLICY: &str = "cleanup.policy";
/// A new topic forgets what was replaced or deleted within a day: until then the old record can be read.
const LAG_MS: &str = "86400000";

/// Checks the topic of a role (`` `subject_keys` ``), or makes it, on the cluster of the configuration changed by `properties`.
/// A topic that also deletes by age or size would lose keys of values that are still there, or withdrawals, and is refused.
pub fn ensure(settings: &Settings, properties: &Properties, topic: &str, role: &str, create: bool) -> Result<(), ClusterError> {
    let one = |fault: String| ClusterError(vec![fault]);
    let mut config = settings.admin_of(properties);
    config.remove("group.id");
    let made = config.create::<AdminClient<DefaultClientContext>>();
    let client = made.map_err(|error| one(format!("starting the admin client: {}", sentence(&error))))?;
    if !exists(settings, properties, topic)? {
        if !create {
            return Err(one(format!(
                "topic `{topic}` of {role} does not exist, or may not be described; `--create-topics` makes it"
            )));
        }
        make(&client, topic)?;
        if !(0..CHECKS).any(|_| exists(settings, properties, topic).unwrap_or(false) || pause()) {
            return Err(one(format!("topic `{topic}` was made and does not show up")));
        }
    }
    match cleanup_policy(&client, topic) {
        Some(policy) if policy.split(',').all(|word| word.trim() == "compact") => Ok(()),
        Some(policy) => {
            let why = format!(
                "topic `{topic}` of {role} has {POLICY}={policy}, and would forget what is still needed; set {POLICY}=compact"
            );
            Err(one(why))
        }
        None => {
            tracing::warn!(topic, "brokers do not tell whether the topic of {role} is compacted; it must be, and nothing else");
            Ok(())
        }
    }
}

fn pause() -> bool {
    std::thread::sleep(PAUSE);
    false
}

fn exists(settings: &Settings, properties: &Properties, topic: &str) -> Result<bool, ClusterError> {
    let one = |error| ClusterError(vec![format!("asking for topic `{topic}`: {}", sentence(&error))]);
    let client: BaseConsumer = settings.admin_of(properties).create().map_err(one)?;
    let metadata = client.fetch_metadata(Some(topic), TIMEOUT).map_err(one)?;
    Ok(metadata.topics().iter().any(|found| found.name() == topic && !found.partitions().is_empty()))
}

fn make(client: &AdminClient<DefaultClientContext>, topic: &str) -> Result<(), ClusterError> {
    let one = |fault: String| ClusterError(vec![fault]);
    // Partition count and replication are the broker's business.
    let new = NewTopic::new(topic, -1, TopicReplication::Fixed(-1)).set(POLICY, "compact").set("max.compaction.lag.ms", LAG_MS);
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT)).operation_timeout(Some(TIMEOUT));
    let answers = block_on(client.create_topics(&[new], &options))
        .ok_or_else(|| one("making a topic: no thread to wait on".to_owned()))?
        .map_err(|error| one(format!("making topic `{topic}`: {}", sentence(&error))))?;
    for answer in answers {
        match answer {
            Ok(topic) => tracing::info!(topic, "topic made, compacted"),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((topic, code)) => return Err(one(format!("topic `{topic}` cannot be made: {code}"))),
        }
    }
    Ok(())
}

fn cleanup_policy(client: &AdminClient<DefaultClientContext>, topic: &str) -> Option<String> {
    let options = AdminOptions::new().request_timeout(Some(TIMEOUT));
    let answers = block_on(client.describe_configs(&[ResourceSpecifier::Topic(topic)], &options))?.ok()?;
    answers.into_iter().flatten().find_map(|resource| match &resource.specifier {
        OwnedResourceSpecifier::Topic(name) if name == topic => resource.get(POLICY)?.value.clone(),
        OwnedResourceSpecifier::Topic(_) | OwnedResourceSpecifier::Group(_) | OwnedResourceSpecifier::Broker(_) => None,
    })
}
