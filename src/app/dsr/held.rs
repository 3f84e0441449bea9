//! What Privet holds about whom an access request names: consent and suppressions, by digest. Nothing else of anybody is kept.

use super::record::{Record, Subject};
use crate::event::Jurisdiction;
use crate::ledger::{Choice, Held, HeldPurpose, Ledger};
use serde_json::{Value, json};

/// As JSON, one entry for each identity that was named.
pub(super) fn held(ledger: &Ledger, record: &Record) -> Value {
    let one = |Subject { kind, key, .. }: &Subject| {
        let held = ledger.held_under(key.as_bytes()).map(|held| consent(&held));
        json!({"kind": kind, "suppressed": ledger.is_suppressed(key.as_bytes()), "consent": held})
    };
    let subjects: Vec<Value> = record.subjects.iter().map(one).collect();
    json!({"subject_request_id": record.id, "subjects": subjects})
}

fn consent(held: &Held) -> Value {
    let Held { version, place, aliases, regressed, purposes } = held;
    let purposes: serde_json::Map<String, Value> = purposes.iter().map(|said| (said.purpose.clone(), purpose(said))).collect();
    json!({
        "version": version,
        "jurisdiction": place.as_ref().map(named),
        "other_names": aliases,
        "denied_by_a_version_that_went_back": regressed,
        "purposes": purposes,
    })
}

fn named(place: &Jurisdiction) -> String {
    match place {
        Jurisdiction::Place { country: _, subdivision: Some(subdivision) } => subdivision.to_string(),
        Jurisdiction::Place { country, subdivision: None } => country.to_string(),
        // A row names one place or something that is none.
        Jurisdiction::AnyOf(_) | Jurisdiction::Unrecognised => "not recognised".to_owned(),
    }
}

fn purpose(said: &HeldPurpose) -> Value {
    let HeldPurpose { purpose: _, choice, since, confirmed, expires, vendors } = said;
    let state = match choice {
        Choice::Granted => "granted",
        Choice::Denied => "denied",
        Choice::Withdrawn => "withdrawn",
        Choice::Broken => "unreadable",
    };
    let time = |at: &Option<jiff::Timestamp>| at.map(|at| at.to_string());
    json!({"state": state, "since": time(since), "at": time(confirmed), "expires": time(expires), "vendors": vendors})
}
