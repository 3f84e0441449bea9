//! Sinks whose rules do the same: their bytes are made once and sent to each.

use super::{Action, Overlap, PlaceRule, Route, SinkRules};
use crate::event::RuleId;
use std::collections::HashMap;
use std::sync::Arc;

/// What rules that do the same as others have in common with them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Share {
    /// The number of the group within the stream.
    pub group: u16,
    /// These rules' own ids; those of the other members stand at the same positions, so that each counts its own.
    rules: Box<[RuleId]>,
    /// The position of each id, sorted by id.
    positions: Box<[(RuleId, u32)]>,
}

impl Share {
    fn new(group: u16, rules: Vec<RuleId>) -> Share {
        let mut positions: Vec<(RuleId, u32)> = rules.iter().copied().zip(0..).collect();
        positions.sort_unstable();
        Share { group, rules: rules.into(), positions: positions.into() }
    }

    /// The position of one of these rules.
    pub fn position(&self, rule: RuleId) -> Option<u32> {
        let found = self.positions.binary_search_by_key(&rule, |(known, _)| *known).ok()?;
        Some(self.positions[found].1)
    }

    /// The rule at a position.
    pub fn rule(&self, position: u32) -> Option<RuleId> {
        self.rules.get(position as usize).copied()
    }
}

/// Finds the groups among the rules of one stream, profiles included. Whoever is alone in a group shares nothing.
pub fn share_rules(routes: &mut [Route]) {
    let mut all: Vec<&mut SinkRules> =
        routes.iter_mut().flat_map(|route| std::iter::once(&mut route.rules).chain(&mut route.degraded)).collect();
    let mut groups: Vec<Vec<(usize, Vec<RuleId>)>> = Vec::new();
    for position in 0..all.len() {
        let own = |ids: &[(RuleId, RuleId)]| ids.iter().map(|(_, theirs)| *theirs).collect();
        let joined = groups.iter_mut().find_map(|group| Some((same_effect(all[group[0].0], all[position])?, group)));
        match joined {
            Some((ids, group)) => group.push((position, own(&ids))),
            None => {
                let ids = same_effect(all[position], all[position]).map(|ids| own(&ids)).unwrap_or_default();
                groups.push(vec![(position, ids)]);
            }
        }
    }
    for (number, group) in groups.into_iter().filter(|group| group.len() > 1).enumerate() {
        let Ok(number) = u16::try_from(number) else { return };
        for (position, ids) in group {
            all[position].share = Some(Share::new(number, ids));
        }
    }
}

/// The ids of both rule sets side by side if they do the same everywhere, each id standing for one of the other's.
fn same_effect(ours: &SinkRules, theirs: &SinkRules) -> Option<Vec<(RuleId, RuleId)>> {
    let mut pairs = Pairs::default();
    pairs.compare(ours, theirs).then_some(pairs.ids)
}

#[derive(Default)]
struct Pairs {
    ids: Vec<(RuleId, RuleId)>,
    by_ours: HashMap<RuleId, RuleId>,
    by_theirs: HashMap<RuleId, RuleId>,
}

impl Pairs {
    fn compare(&mut self, ours: &SinkRules, theirs: &SinkRules) -> bool {
        ours.unlisted == theirs.unlisted
            && ours.empty_parents == theirs.empty_parents
            && ours.paths() == theirs.paths()
            && ours.placed().zip(theirs.placed()).all(|(ours, theirs)| match (ours, theirs) {
                (None, None) => true,
                (Some(ours), Some(theirs)) => self.rules(ours, theirs),
                (Some(_), None) | (None, Some(_)) => false,
            })
    }

    fn rules(&mut self, ours: &PlaceRule, theirs: &PlaceRule) -> bool {
        ours.by_path == theirs.by_path
            && ours.inherited == theirs.inherited
            && self.pair(ours.rule, theirs.rule)
            && self.actions(&ours.action, &theirs.action)
    }

    /// Whether the two ids stand for each other wherever they occur; else a shared count would mean nothing.
    fn pair(&mut self, ours: RuleId, theirs: RuleId) -> bool {
        match (self.by_ours.insert(ours, theirs), self.by_theirs.insert(theirs, ours)) {
            (None, None) => {
                self.ids.push((ours, theirs));
                true
            }
            (known_theirs, known_ours) => known_theirs == Some(theirs) && known_ours == Some(ours),
        }
    }

    fn actions(&mut self, ours: &Action, theirs: &Action) -> bool {
        match ours {
            Action::Keep => matches!(theirs, Action::Keep),
            Action::Drop => matches!(theirs, Action::Drop),
            Action::Remove => matches!(theirs, Action::Remove),
            Action::Null => matches!(theirs, Action::Null),
            Action::Redact(text) => matches!(theirs, Action::Redact(other) if text == other),
            Action::Mask { keep_last } => matches!(theirs, Action::Mask { keep_last: other } if keep_last == other),
            Action::Pseudonym(rule) => matches!(theirs, Action::Pseudonym(other)
                if Arc::ptr_eq(&rule.key, &other.key) && rule.normalize == other.normalize && same(&rule.overlap, &other.overlap)),
            Action::TruncateIp { v4, v6 } => {
                matches!(theirs, Action::TruncateIp { v4: other_v4, v6: other_v6 } if (v4, v6) == (other_v4, other_v6))
            }
            Action::Url(rule) => matches!(theirs, Action::Url(other) if rule == other),
            Action::EmailDomain => matches!(theirs, Action::EmailDomain),
            Action::CoarsenGeo { decimals } => matches!(theirs, Action::CoarsenGeo { decimals: other } if decimals == other),
            Action::CoarsenTime(unit) => matches!(theirs, Action::CoarsenTime(other) if unit == other),
            Action::Prefix { keep } => matches!(theirs, Action::Prefix { keep: other } if keep == other),
            Action::Bucket(edges) => matches!(theirs, Action::Bucket(other) if edges == other),
            Action::UserAgent => matches!(theirs, Action::UserAgent),
            Action::DiscloseSha256(normalize) => matches!(theirs, Action::DiscloseSha256(other) if normalize == other),
            Action::PeriodPseudonym(rule) => matches!(theirs, Action::PeriodPseudonym(other)
                if Arc::ptr_eq(&rule.key, &other.key) && rule.period == other.period && rule.normalize == other.normalize
                    && same(&rule.overlap, &other.overlap)),
            Action::Token(key) => matches!(theirs, Action::Token(other) if Arc::ptr_eq(key, other)),
            Action::Encrypt(key) => matches!(theirs, Action::Encrypt(other) if Arc::ptr_eq(key, other)),
            Action::Detect(rule) => matches!(theirs, Action::Detect(other) if rule.same_effect(other)),
            // Conditions at one path that are alike are one.
            Action::Filter(condition) => matches!(theirs, Action::Filter(other) if condition == other),
            Action::Json(rules) => matches!(theirs, Action::Json(other) if self.compare(rules, other)),
        }
    }
}

/// Whether two rules write the same beside their value.
fn same(ours: &Option<Arc<Overlap>>, theirs: &Option<Arc<Overlap>>) -> bool {
    match (ours, theirs) {
        (None, None) => true,
        (Some(ours), Some(theirs)) => Arc::ptr_eq(ours, theirs),
        (Some(_), None) | (None, Some(_)) => false,
    }
}
