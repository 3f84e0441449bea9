//! What one sink does to the places of one stream, indexed by path.

use super::detect::DetectRule;
use super::places::PathIndex;
use super::share::Share;
use crate::event::{PathId, RuleId, Timestamp};
use crate::keys::subject::EncryptKey;
use crate::keys::{MacKey, PeriodKey, TokenKey};
use std::sync::Arc;

/// What is done to one place.
#[derive(Clone)]
pub enum Action {
    /// The place stays as it is, and so does what lies in it.
    Keep,
    /// The place goes, and what lies in it unless a deeper rule keeps that.
    Drop,
    /// The place goes with all that lies in it, whatever deeper rules say.
    Remove,
    /// JSON null in its place.
    Null,
    /// A constant in its place: the JSON text of a string.
    Redact(Box<[u8]>),
    /// `*` for every letter and digit but the last n.
    Mask {
        /// n; never more than half of the letters and digits stay.
        keep_last: u16,
    },
    /// A keyed hash.
    Pseudonym(KeyedPseudonym),
    /// The network prefix of an IP address.
    TruncateIp {
        /// Bits kept of an IPv4 address.
        v4: u8,
        /// Bits kept of an IPv6 address.
        v6: u8,
    },
    /// A URL without some of its parameters.
    Url(Arc<UrlRule>),
    /// What follows the `@`.
    EmailDomain,
    /// A coordinate with fewer decimals.
    CoarsenGeo {
        /// How many stay.
        decimals: u8,
    },
    /// The start of the hour, day, week or month.
    CoarsenTime(TimeUnit),
    /// The string is JSON text of an object, and these rules hold inside it.
    Json(Arc<SinkRules>),
    /// Of an array the elements that match stay as they are, but for what deeper rules say: which condition, by its
    /// position among the [`Filters`](super::Filters) of the path.
    Filter(u16),
    /// Personal data inside free text replaced; the rest of the text stays.
    Detect(Arc<DetectRule>),
    /// The first characters.
    Prefix {
        /// How many stay.
        keep: u16,
    },
    /// The interval between two of these edges, which ascend.
    Bucket(Arc<[f64]>),
    /// A browser's family and major version.
    UserAgent,
    /// The bare SHA-256 of contact data.
    DiscloseSha256(Normalize),
    /// A keyed hash with another key in every period.
    PeriodPseudonym(PeriodPseudonym),
    /// Encrypted so that the key's holder can read it back.
    Token(Arc<TokenKey>),
    /// Encrypted under the subject's own data keys.
    Encrypt(Arc<EncryptKey>),
}

impl Action {
    /// What stands beside the value for a time after a rotation.
    pub fn overlap(&self) -> Option<&Overlap> {
        match self {
            Action::Pseudonym(rule) => rule.overlap.as_deref(),
            Action::PeriodPseudonym(rule) => rule.overlap.as_deref(),
            Action::Keep
            | Action::Drop
            | Action::Remove
            | Action::Null
            | Action::Redact(_)
            | Action::Mask { .. }
            | Action::TruncateIp { .. }
            | Action::Url(_)
            | Action::EmailDomain
            | Action::CoarsenGeo { .. }
            | Action::CoarsenTime(_)
            | Action::Json(_)
            | Action::Filter(_)
            | Action::Detect(_)
            | Action::Prefix { .. }
            | Action::Bucket(_)
            | Action::UserAgent
            | Action::DiscloseSha256(_)
            | Action::Token(_)
            | Action::Encrypt(_) => None,
        }
    }

    /// Nothing stands beside it: for places that have no name to be beside.
    pub fn forget_overlap(&mut self) {
        match self {
            Action::Pseudonym(rule) => rule.overlap = None,
            Action::PeriodPseudonym(rule) => rule.overlap = None,
            Action::Keep
            | Action::Drop
            | Action::Remove
            | Action::Null
            | Action::Redact(_)
            | Action::Mask { .. }
            | Action::TruncateIp { .. }
            | Action::Url(_)
            | Action::EmailDomain
            | Action::CoarsenGeo { .. }
            | Action::CoarsenTime(_)
            | Action::Json(_)
            | Action::Filter(_)
            | Action::Detect(_)
            | Action::Prefix { .. }
            | Action::Bucket(_)
            | Action::UserAgent
            | Action::DiscloseSha256(_)
            | Action::Token(_)
            | Action::Encrypt(_) => {}
        }
    }

    /// Whether it needs a key.
    pub fn is_keyed(&self) -> bool {
        match self {
            Action::Pseudonym(_) | Action::PeriodPseudonym(_) | Action::Token(_) | Action::Encrypt(_) => true,
            Action::Detect(rule) => rule.with.is_keyed(),
            Action::Json(rules) => rules.is_keyed(),
            Action::Keep
            | Action::Drop
            | Action::Remove
            | Action::Null
            | Action::Redact(_)
            | Action::Mask { .. }
            | Action::TruncateIp { .. }
            | Action::Url(_)
            | Action::EmailDomain
            | Action::CoarsenGeo { .. }
            | Action::CoarsenTime(_)
            | Action::Prefix { .. }
            | Action::Bucket(_)
            | Action::UserAgent
            | Action::DiscloseSha256(_)
            | Action::Filter(_) => false,
        }
    }

    /// Whether it needs the subject's data keys.
    pub fn encrypts(&self) -> bool {
        match self {
            Action::Encrypt(_) => true,
            Action::Json(rules) => rules.encrypts(),
            Action::Keep
            | Action::Drop
            | Action::Remove
            | Action::Null
            | Action::Redact(_)
            | Action::Mask { .. }
            | Action::Pseudonym(_)
            | Action::TruncateIp { .. }
            | Action::Url(_)
            | Action::EmailDomain
            | Action::CoarsenGeo { .. }
            | Action::CoarsenTime(_)
            | Action::Detect(_)
            | Action::Prefix { .. }
            | Action::Bucket(_)
            | Action::UserAgent
            | Action::DiscloseSha256(_)
            | Action::PeriodPseudonym(_)
            | Action::Token(_)
            | Action::Filter(_) => false,
        }
    }

    /// Whether arrays of scalars are transformed element by element.
    pub fn is_elementwise(&self) -> bool {
        match self {
            Action::Keep | Action::Drop | Action::Remove | Action::Null | Action::Redact(_) | Action::Filter(_) => false,
            Action::Mask { .. }
            | Action::Pseudonym(_)
            | Action::TruncateIp { .. }
            | Action::Url(_)
            | Action::EmailDomain
            | Action::CoarsenGeo { .. }
            | Action::CoarsenTime(_)
            | Action::Detect(_)
            | Action::Prefix { .. }
            | Action::Bucket(_)
            | Action::UserAgent
            | Action::DiscloseSha256(_)
            | Action::PeriodPseudonym(_)
            | Action::Token(_)
            | Action::Encrypt(_)
            | Action::Json(_) => true,
        }
    }
}

/// A pseudonym's key and the form its input is brought into.
#[derive(Clone)]
pub struct KeyedPseudonym {
    /// The working key of (key name, sink, class).
    pub key: Arc<MacKey>,
    /// How the value is made comparable first.
    pub normalize: Normalize,
    /// What stands beside it for a time after a rotation.
    pub overlap: Option<Arc<Overlap>>,
}

/// The pseudonym under the root before: a member of its own, so that a sink can join what it has with what it gets.
pub struct Overlap {
    /// What is judged from this moment on gets the new pseudonym alone.
    pub until: Timestamp,
    /// What the member's name ends in, beyond that of the new pseudonym; needs no escapes.
    pub suffix: Box<str>,
    /// The same transform under the root before.
    pub action: Action,
}

/// As [`KeyedPseudonym`], unlinkable across periods.
#[derive(Clone)]
pub struct PeriodPseudonym {
    /// What makes the key of a period.
    pub key: Arc<PeriodKey>,
    /// How long a pseudonym holds, by the event's time in UTC.
    pub period: Period,
    /// How the value is made comparable first.
    pub normalize: Normalize,
    /// What stands beside it for a time after a rotation.
    pub overlap: Option<Arc<Overlap>>,
}

/// How long a pseudonym holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Period {
    /// A day.
    Day,
    /// A week from Monday (ISO 8601).
    Week,
    /// A month.
    Month,
}

/// How a value is made comparable before it is hashed or looked up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Normalize {
    /// Not at all.
    #[default]
    None,
    /// Trimmed and lower-cased; dots and plus-tags stay.
    Email,
    /// Lower-cased.
    Lower,
    /// A telephone number in E.164; one without a calling code as written where the subject is.
    PhoneE164,
}

/// The units of `coarsen_time`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeUnit {
    /// To the hour.
    Hour,
    /// To the day (UTC).
    Day,
    /// To the Monday (ISO 8601).
    Week,
    /// To the first of the month.
    Month,
}

/// What stays of a URL.
#[derive(PartialEq, Eq)]
pub struct UrlRule {
    /// Which parameters stay.
    pub params: UrlParams,
    /// Whether the fragment stays (its parameters under the same rule).
    pub keep_fragment: bool,
    /// What the value is a copy of.
    pub part: UrlPart,
    /// Schemes besides http and https that do not drop the value, lower-case.
    pub schemes: Vec<Box<str>>,
}

/// Which parameters of a URL stay; names as folded by [`super::fold`].
#[derive(PartialEq, Eq)]
pub enum UrlParams {
    /// All but these.
    Drop(Vec<UrlParam>),
    /// None but these.
    Keep(Vec<Box<str>>),
}

/// The name of a parameter that goes.
#[derive(PartialEq, Eq)]
pub struct UrlParam {
    /// As it is compared with names of ASCII.
    pub name: Box<str>,
    /// As it is compared with all others: what it looks like ([`super::fold::fold_confusable`]).
    pub shape: Box<str>,
}

impl UrlParam {
    /// From a folded name.
    pub fn new(name: impl Into<Box<str>>) -> UrlParam {
        let name = name.into();
        let mut shape = String::new();
        super::fold::fold_confusable(&name, &mut shape);
        UrlParam { name, shape: shape.into() }
    }
}

/// What a URL-like value is a copy of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UrlPart {
    /// A URL; a value that begins with `?` is a query, one that begins with `#` a fragment.
    Auto,
    /// A bare query.
    Query,
    /// A bare fragment.
    Fragment,
}

/// What happens to what no rule covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// It goes on byte for byte.
    Keep,
    /// It does not go on.
    Drop,
}

/// What happens to a parent that a removal emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EmptyParents {
    /// It stays, empty.
    Keep,
    /// It goes as well.
    Drop,
}

/// The rule of one sink for one path.
#[derive(Clone)]
pub struct PlaceRule {
    /// What is done.
    pub action: Action,
    /// True for a rule that names the path itself, false for one that names its class (or follows from
    /// the class having no rule).
    pub by_path: bool,
    /// True for a rule of JSON text that stands outside it and reaches into it: its places are never met exactly, and
    /// of two equal claims the one from inside wins.
    pub inherited: bool,
    /// The rule, for explanations and counters.
    pub rule: RuleId,
}

/// What a rule by path has over every rule by class in rank; a stream has far fewer paths than this.
const BY_PATH: u32 = 1 << 24;

/// What a path's rules ask for at a place, as far as they apply there: the strongest of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The greater wins where several paths meet one place; 0 where no rule applies.
    pub rank: u32,
    /// Which of [`SinkRules::action`].
    action: u32,
    /// The rule that asks for it.
    pub rule: RuleId,
}

impl Claim {
    /// No rule applies.
    pub const NONE: Claim = Claim { rank: 0, action: 0, rule: RuleId(0) };
}

/// The rules of one sink (or profile) for one stream.
pub struct SinkRules {
    /// What happens to what no rule covers.
    pub unlisted: Scope,
    /// What happens to parents that a removal emptied.
    pub empty_parents: EmptyParents,
    /// Set where other rules of the stream do the same.
    pub share: Option<Share>,
    /// By [`PathId`]: the rule that names the path, else the rule of its class.
    rules: Box<[Option<PlaceRule>]>,
    /// By [`PathId`]: the rule of the path's class, where `rules` has a rule that names the path.
    shadowed: Box<[Option<PlaceRule>]>,
    /// By [`PathId`]: the greater wins where several paths meet one place.
    ranks: Box<[u32]>,
    /// By [`PathId`]: what is claimed at places that it meets folded or through an array, and at those that it meets exactly; of
    /// each where the surroundings stay, and where they go.
    claims: Box<[[Claim; 4]]>,
    /// What claims ask for.
    actions: Box<[Action]>,
    /// Whether some rule encrypts.
    encrypts: bool,
    /// Whether some rule needs a key.
    keyed: bool,
    /// By automaton node: a scalar found here stands where a rule that does not release expects a container.
    expects_container: Box<[bool]>,
    /// By automaton node: so does an array of scalars, since the rule is about a member.
    expects_object: Box<[bool]>,
}

impl SinkRules {
    /// Lays out a sink's rules for the stream's automaton. Each path has at most one rule by path and one by class.
    pub fn build(index: &PathIndex, unlisted: Scope, empty_parents: EmptyParents, placed: Vec<(PathId, PlaceRule)>) -> SinkRules {
        let mut rules: Vec<Option<PlaceRule>> = vec![None; index.path_count()];
        let mut shadowed: Vec<Option<PlaceRule>> = vec![None; index.path_count()];
        let mut expects_container = vec![false; index.node_count()];
        let mut expects_object = vec![false; index.node_count()];
        let encrypts = placed.iter().any(|(_, rule)| rule.action.encrypts());
        let keyed = placed.iter().any(|(_, rule)| rule.action.is_keyed());
        for (path, rule) in placed {
            let releases = matches!(rule.action, Action::Keep);
            if !releases {
                for node in index.interior_nodes(path) {
                    expects_container[node] = true;
                }
                for node in index.object_nodes(path) {
                    expects_object[node] = true;
                }
            }
            let slot = &mut rules[path.index()];
            if rule.by_path {
                shadowed[path.index()] = slot.take();
                *slot = Some(rule);
            } else if slot.is_some() {
                shadowed[path.index()] = Some(rule);
            } else {
                *slot = Some(rule);
            }
        }
        let ranks = index.specificity().iter().map(|rank| rank * 2 + 1).collect();
        let mut rules = SinkRules {
            unlisted,
            empty_parents,
            share: None,
            encrypts,
            keyed,
            rules: rules.into(),
            shadowed: shadowed.into(),
            ranks,
            claims: Box::default(),
            actions: Box::default(),
            expects_container: expects_container.into(),
            expects_object: expects_object.into(),
        };
        rules.lay_out_claims();
        rules
    }

    fn lay_out_claims(&mut self) {
        let mut actions = Vec::new();
        let mut claims = vec![[Claim::NONE; 4]; self.rules.len()];
        for (path, claims) in claims.iter_mut().enumerate() {
            let path = PathId(path as u16);
            for (rank, rule) in [self.shadowed_rule(path), self.rule(path)].into_iter().flatten() {
                for (exact, scope) in [(false, Scope::Keep), (false, Scope::Drop), (true, Scope::Keep), (true, Scope::Drop)] {
                    if let Some(action) = permitted(rule, exact, self.unlisted, scope) {
                        claims[case(exact, scope)] = Claim { rank, action: actions.len() as u32, rule: rule.rule };
                        actions.push(action.clone());
                    }
                }
            }
        }
        (self.claims, self.actions) = (claims.into(), actions.into());
    }

    /// What a path claims at a place that it meets exactly or not, and whose surroundings stay or go.
    #[inline(always)]
    pub fn claim(&self, path: PathId, exact: bool, scope: Scope) -> Claim {
        self.claims[path.index()][case(exact, scope)]
    }

    /// What a claim asks for, if it is one.
    #[inline(always)]
    pub fn action(&self, claim: Claim) -> Option<&Action> {
        if claim.rank > 0 { self.actions.get(claim.action as usize) } else { None }
    }

    /// The rule for one path, with its rank among the rules that may meet the same place.
    pub fn rule(&self, path: PathId) -> Option<(u32, &PlaceRule)> {
        self.ranked(path, &self.rules)
    }

    /// The rule of the path's class where another rule names the path itself. It governs the places at which that
    /// other rule does not apply: a rule that releases meets exact names only, the class is met folded and through arrays.
    pub fn shadowed_rule(&self, path: PathId) -> Option<(u32, &PlaceRule)> {
        self.ranked(path, &self.shadowed)
    }

    fn ranked<'a>(&self, path: PathId, rules: &'a [Option<PlaceRule>]) -> Option<(u32, &'a PlaceRule)> {
        let rule = rules[path.index()].as_ref()?;
        let rank = self.ranks[path.index()] + u32::from(!rule.inherited);
        Some((rank + if rule.by_path { BY_PATH } else { 0 }, rule))
    }

    /// Whether a scalar at this node of the automaton is a mismatch.
    pub fn expects_container(&self, node: usize) -> bool {
        self.expects_container[node]
    }

    /// Whether an array of scalars, or a scalar in an array, is a mismatch at this node.
    pub fn expects_object(&self, node: usize) -> bool {
        self.expects_object[node]
    }

    /// Whether some rule encrypts, also inside JSON text.
    pub fn encrypts(&self) -> bool {
        self.encrypts
    }

    /// Whether some rule needs a key, also inside JSON text.
    pub fn is_keyed(&self) -> bool {
        self.keyed
    }

    /// The rules that [`SinkRules::rule`] gives, by path.
    pub fn iter(&self) -> impl Iterator<Item = (PathId, &PlaceRule)> {
        self.rules.iter().enumerate().filter_map(|(index, rule)| Some((PathId(index as u16), rule.as_ref()?)))
    }

    /// How many paths there are.
    pub(super) fn paths(&self) -> usize {
        self.rules.len()
    }

    /// Every path's rule, then every path's shadowed one.
    pub(super) fn placed(&self) -> impl Iterator<Item = Option<&PlaceRule>> {
        self.rules.iter().chain(&self.shadowed).map(Option::as_ref)
    }
}

#[inline(always)]
fn case(exact: bool, scope: Scope) -> usize {
    usize::from(exact) << 1 | usize::from(scope == Scope::Drop)
}

/// What a rule may do at a place that it met exactly, or only folded, dotted or through an array (`scrub.md`, rule 3): a
/// rule that releases then does nothing, and a class that would be kept is dropped, as if the sink had no rule for it.
fn permitted(rule: &PlaceRule, exact: bool, unlisted: Scope, scope: Scope) -> Option<&Action> {
    let action = &rule.action;
    if exact && !rule.inherited {
        return Some(action);
    }
    // Of what would go a filter releases the elements that match; of what stays it takes the others away.
    let releases = matches!(action, Action::Keep) || matches!(action, Action::Filter(_)) && scope == Scope::Drop;
    match (rule.by_path, releases) {
        (true, true) => None,
        (true, false) if unlisted == Scope::Drop && scope == Scope::Drop && !matches!(action, Action::Drop | Action::Remove) => {
            None
        }
        (false, true) => Some(&Action::Drop),
        (true | false, false) => Some(action),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Path;

    #[test]
    fn a_rule_by_path_outranks_the_class_and_leaves_it_where_it_does_not_apply() {
        let paths = ["$..email", "$.user.email"].map(|text| (Path::parse(text).unwrap(), Vec::new()));
        let index = PathIndex::build(paths.to_vec(), true);
        let place =
            |path, action, by_path, rule| (PathId(path), PlaceRule { action, by_path, inherited: false, rule: RuleId(rule) });
        for by_path_first in [true, false] {
            let mut placed =
                vec![place(0, Action::Keep, true, 0), place(0, Action::Drop, false, 1), place(1, Action::Drop, false, 1)];
            if !by_path_first {
                placed.swap(0, 1);
            }
            let rules = SinkRules::build(&index, Scope::Keep, EmptyParents::Keep, placed);
            let (by_path, kept) = rules.rule(PathId(0)).unwrap();
            let (class, beneath) = rules.shadowed_rule(PathId(0)).unwrap();
            let (specific, _) = rules.rule(PathId(1)).unwrap();
            assert_eq!((kept.rule, beneath.rule), (RuleId(0), RuleId(1)));
            assert!(by_path > specific && specific > class, "{by_path} > {specific} > {class}");
            assert!(rules.shadowed_rule(PathId(1)).is_none());
        }
    }
}
