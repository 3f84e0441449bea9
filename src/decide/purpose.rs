//! Whether one purpose passes, given what every source says about it (`decision.md`, One purpose).

use super::regime::Ruling;
use crate::consent::{Cover, Facts, Statement};
use crate::event::{PurposeId, SinkId, Timestamp, VendorId};
use crate::outcome::Reason;
use crate::plan::{Conflicts, LegalBasis, Plan, Purpose, Silence, Vendor, VendorRole};

/// What is asked of each purpose of one sink.
#[derive(Clone, Copy)]
pub(super) struct Question<'a> {
    pub(super) plan: &'a Plan,
    pub(super) facts: &'a Facts,
    /// The sink, for statements that are about it alone.
    pub(super) sink: SinkId,
    /// The third party behind the sink.
    pub(super) vendor: Option<(VendorId, &'a Vendor)>,
    pub(super) ruling: Ruling,
    pub(super) conflicts: Conflicts,
    pub(super) now: Timestamp,
}

/// What the grants for one purpose amount to, weakest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Standing {
    /// None, or none that held when the event happened.
    Absent,
    /// One that no longer holds.
    Expired,
    /// A current one that does not reach the vendor.
    Uncovered,
    /// A current one that reaches the vendor.
    Current,
}

impl Question<'_> {
    /// What was said about this sink, or about all.
    fn statements(&self) -> impl Iterator<Item = &Statement> {
        self.facts.statements.iter().filter(|statement| statement.sink.is_none_or(|sink| sink == self.sink))
    }

    /// The reason for which the purpose passes, or the one for which it does not.
    pub(super) fn judge(&self, id: PurposeId) -> Result<Reason, Reason> {
        let purpose = self.plan.purpose(id);
        match purpose.basis {
            LegalBasis::Contract | LegalBasis::LegalObligation | LegalBasis::VitalInterests => Ok(Reason::NotRequired),
            LegalBasis::PublicTask => self.denial(id).map_or(Ok(Reason::NotRequired), Err),
            LegalBasis::LegitimateInterests => match self.denial(id) {
                Some(denial) => Err(denial),
                // Article 9 of the GDPR knows no legitimate interests: special categories need a grant here too.
                None if !purpose.special_categories.is_empty() => self.consent(id, purpose),
                None => Ok(Reason::LegitimateInterests),
            },
            LegalBasis::Consent => self.denial(id).map_or_else(|| self.consent(id, purpose), Err),
        }
    }

    /// Whether any source says anything about the purpose.
    pub(super) fn is_answered(&self, id: PurposeId) -> bool {
        self.statements().any(|statement| statement.speaks_about(id, self.ruling.gpc))
    }

    /// The strictest denial that stands, whatever its age.
    fn denial(&self, id: PurposeId) -> Option<Reason> {
        let gpc = self.ruling.gpc;
        let says = |says: fn(&Statement, PurposeId, bool) -> bool| {
            self.statements().any(move |statement| says(statement, id, gpc) && !self.is_beaten(statement, id))
        };
        // What cannot be read has no time that could be compared: nothing beats it.
        if self.statements().any(|statement| statement.invalid.contains(id)) {
            Some(Reason::SignalInvalid)
        } else if says(|statement, id, gpc| statement.opted_out.contains(id) || gpc && statement.gpc.contains(id)) {
            Some(Reason::OptedOut)
        } else if says(|statement, id, _| statement.withdrawn.contains(id)) {
            Some(Reason::ConsentWithdrawn)
        } else if says(|statement, id, _| statement.denied.contains(id)) {
            Some(Reason::ConsentDenied)
        } else if says(|statement, id, _| statement.vendor_refused.contains(id)) {
            Some(Reason::VendorNotPermitted)
        } else {
            None
        }
    }

    /// Under `latest_wins`, whether a current grant with a time of its own, not in the future, is younger than this
    /// denial. A denial without a time of its own is as young as the event, and no grant that counts is younger.
    fn is_beaten(&self, denial: &Statement, id: PurposeId) -> bool {
        match (self.conflicts, denial.at) {
            (Conflicts::DenialWins, _) | (Conflicts::LatestWins, None) => false,
            (Conflicts::LatestWins, Some(denied)) => self.statements().any(|grant| {
                let younger = grant.at.is_some_and(|granted| granted > denied && granted <= self.now);
                // Of several rows none alone speaks for the subject.
                let alone = grant.row.is_none() || self.facts.granting_rows == 1;
                younger && alone && self.standing(grant, id, self.plan.purpose(id)) == Standing::Current
            }),
        }
    }

    /// Nothing is denied: is it granted, or does silence do?
    fn consent(&self, id: PurposeId, purpose: &Purpose) -> Result<Reason, Reason> {
        let silence_denies =
            purpose.silence_denies || !purpose.special_categories.is_empty() || self.ruling.silence == Silence::Deny;
        let said = |row: Option<u16>| {
            let said = self.statements().filter(move |statement| statement.row == row);
            said.map(|statement| self.standing(statement, id, purpose)).max().unwrap_or(Standing::Absent)
        };
        // Where several rows of the ledger are about one identity, a grant is one only where each of them has it.
        let held = (0..self.facts.granting_rows).map(|row| said(Some(row))).min().unwrap_or(Standing::Absent);
        match said(None).max(held) {
            Standing::Current => Ok(Reason::ConsentGranted),
            Standing::Uncovered => Err(Reason::VendorNotPermitted),
            Standing::Expired | Standing::Absent if !silence_denies => Ok(Reason::SilenceAllows),
            Standing::Expired => Err(Reason::ConsentExpired),
            Standing::Absent => Err(Reason::NoConsent),
        }
    }

    /// What one statement's grant amounts to. It must have held when the event happened and hold now; a grant
    /// without a time of its own was made with the event. One that was confirmed in the future is no grant yet.
    fn standing(&self, statement: &Statement, id: PurposeId, purpose: &Purpose) -> Standing {
        let event_time = self.facts.event_time;
        let latest = self.now.max(event_time);
        let granted = statement.at.unwrap_or(event_time);
        let started = statement.since.unwrap_or(granted);
        if !statement.granted.contains(id) || started > event_time || granted > latest {
            return Standing::Absent;
        }
        let ended = statement.expires.is_some_and(|expires| expires <= latest);
        if ended || purpose.max_age.is_some_and(|age| is_older(granted, age, latest)) {
            Standing::Expired
        } else if self.covers(statement.cover, if granted <= event_time { granted } else { started }) {
            Standing::Current
        } else {
            Standing::Uncovered
        }
    }

    /// Whether a grant reaches whoever is behind the sink: the first party always, a vendor if the grant names it.
    /// Without names processors act for us; under `*` controllers must have been disclosed when it was given. Of a grant
    /// that was confirmed after the event, only what it was at its start is known to have held then.
    fn covers(&self, cover: Cover, granted: Timestamp) -> bool {
        let Some((id, vendor)) = self.vendor else { return true };
        let (processor, disclosed) = match vendor.role {
            VendorRole::Processor => (true, true),
            VendorRole::Controller | VendorRole::JointController => {
                (false, vendor.disclosed_since.is_some_and(|since| since <= granted))
            }
        };
        match cover {
            Cover::Disclosed => disclosed,
            Cover::Processors => processor,
            Cover::Nobody => false,
            Cover::Named(start) => {
                let word = self.facts.vendors.get(start + id.index() / 64).copied().unwrap_or(0);
                word >> (id.index() % 64) & 1 == 1
            }
        }
    }
}

/// Whether more than `age` has passed since, in the calendar of UTC. An age beyond the calendar's end counts as passed.
fn is_older(since: Timestamp, age: jiff::Span, now: Timestamp) -> bool {
    // Nearly every grant is made with its event; the calendar is asked only where it could matter.
    let days = i64::from(age.get_years()) * 365
        + i64::from(age.get_months()) * 28
        + i64::from(age.get_weeks()) * 7
        + i64::from(age.get_days());
    if now.as_second() - since.as_second() < days * 86_400 {
        return false;
    }
    let utc = jiff::tz::TimeZone::UTC;
    utc.to_datetime(since).checked_add(age).map_or(true, |end| end < utc.to_datetime(now))
}
