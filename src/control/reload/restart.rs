//! What a reload may not change, because the workers fixed it when they started.

use crate::plan::{Plan, TopicMatch};
use std::collections::BTreeSet;

/// Why the candidate needs a restart; `None` if it does not. The subscription is made once: changing it would
/// rebalance the whole group, and a topic that is new to the group has no committed offset to go on from.
pub(super) fn needed(running: &Plan, candidate: &Plan) -> Option<String> {
    if let (Some(before), Some(after)) = (&running.subject_keys, &candidate.subject_keys)
        && !before.names_alike(after)
    {
        // The ledger has read who is erased by the digests of the root before.
        return Some(
            "the digests root of the keys differs, which takes a restart: erasures would not find new data keys".to_owned(),
        );
    }
    let (before, after) = (sources(running), sources(candidate));
    let added: Vec<&str> = after.difference(&before).map(String::as_str).collect();
    let removed: Vec<&str> = before.difference(&after).map(String::as_str).collect();
    if added.is_empty() && removed.is_empty() {
        return None;
    }
    let mut words = "the source topics differ, which takes a restart:".to_owned();
    for (verb, topics) in [(" added ", added), (" removed ", removed)] {
        if !topics.is_empty() {
            words.push_str(verb);
            words.push_str(&topics.join(", "));
        }
    }
    Some(words)
}

fn sources(plan: &Plan) -> BTreeSet<String> {
    let of = |topics: &TopicMatch| match topics {
        TopicMatch::Names(names) => names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>(),
        TopicMatch::Pattern(pattern) => vec![format!("the pattern `{pattern}`")],
    };
    plan.streams.iter().flat_map(|stream| of(&stream.topics)).collect()
}
