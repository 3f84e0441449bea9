//! Records from a file instead of a topic: JSON, one a line, under the key that each names itself.

use super::record::{HashedIdentity, Unreadable};
use super::{Applied, Change, Feed, Ledger};
use serde::Deserialize;

/// All that is needed to know whose key a record has; what else is wrong with it is for the ledger to find.
#[derive(Deserialize)]
struct Named<'a> {
    #[serde(borrow)]
    identity: HashedIdentity<'a>,
}

impl Ledger {
    /// Applies a record that stands in a file. It must say whom it is about, else nobody could be denied.
    pub fn apply_json(&self, feed: Feed, json: &[u8]) -> Result<Applied, Unreadable> {
        let named: Named<'_> =
            serde_json::from_slice(json).map_err(|_| Unreadable("it is no JSON object with an `identity` of kind and value"))?;
        let key = named.identity.key();
        let change = Change { feed, partition: 0, offset: 0, key: Some(&key), value: Some(json), timestamp: None };
        Ok(self.apply(&change))
    }
}
