//! Transforms: options checked once, then made into actions for a class and a sink.

use super::Cx;
use super::conditions::OnElements;
use super::detect::{self, Detect};
use super::fields::Rule;
use crate::event::json;
use crate::keys::subject::EncryptKey;
use crate::keys::{KeySet, MacKey, PeriodKey, TokenKey};
use crate::plan::{
    self, Action, DetectRule, KeyedPseudonym, Normalize, OnFind, Period, PeriodPseudonym, TimeUnit, UrlParam, UrlParams, UrlPart,
    UrlRule, fold,
};
use crate::policy::ast::{self, Section, Span, Spanned, Text, Transform};
use crate::policy::diagnostic::Code;
use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

/// A transform with good options; only the key of a pseudonym waits for the class.
#[derive(Clone)]
pub(super) enum Compiled<'a> {
    /// The same wherever it is used.
    Fixed(Action),
    /// What needs a key.
    Keyed {
        /// The key's name.
        key: &'a str,
        /// Whether all sinks share what is made with it.
        shared: bool,
        /// How long after a rotation the pseudonym under the root before stands beside, and under which suffix.
        overlap: Option<(jiff::Span, &'a str)>,
        /// What is made.
        make: Make,
    },
    /// The rules inside JSON text; what they become depends on the place.
    Json(Rc<[Rule<'a>]>),
    /// Which elements of an array stay; the plan keeps the condition with the place.
    Filter(Rc<OnElements>),
    /// Personal data in text.
    Detect(Box<Detect<'a>>),
}

/// What is made with a key.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Make {
    /// A pseudonym.
    Pseudonym(Normalize),
    /// A pseudonym that holds for one period.
    PeriodPseudonym(Period, Normalize),
    /// A token.
    Token,
    /// A value under its subject's data keys.
    Encrypt,
}

impl<'a> Compiled<'a> {
    /// The action for places of one class in one sink.
    pub(super) fn action(&self, keys: &mut KeyMaker<'_>, sink: &str, class: &str) -> Action {
        match self {
            Compiled::Fixed(action) => action.clone(),
            Compiled::Keyed { key, shared, overlap, make } => {
                let sink = (!shared).then_some(sink);
                let overlap = overlap.and_then(|(span, suffix)| keys.overlap((key, sink, class), *make, span, suffix));
                match *make {
                    Make::Pseudonym(normalize) => {
                        Action::Pseudonym(KeyedPseudonym { key: keys.key(key, sink, class), normalize, overlap })
                    }
                    Make::PeriodPseudonym(period, normalize) => Action::PeriodPseudonym(PeriodPseudonym {
                        key: keys.period(key, sink, class),
                        period,
                        normalize,
                        overlap,
                    }),
                    Make::Token => Action::Token(keys.token(key, sink, class)),
                    Make::Encrypt => Action::Encrypt(keys.encrypt(key, sink, class)),
                }
            }
            Compiled::Detect(detect) => {
                let with = match detect.key {
                    Some((key, shared)) => OnFind::Pseudonym(keys.key(key, (!shared).then_some(sink), class)),
                    None => detect.rule.with.clone(),
                };
                Action::Detect(Arc::new(DetectRule { with, ..detect.rule.clone() }))
            }
            // Laid out together with its place, see `fields` and `inner`; a place that is left without goes.
            Compiled::Json(_) | Compiled::Filter(_) => Action::Drop,
        }
    }

    /// The rules inside JSON text.
    pub(super) fn inner(&self) -> Option<&Rc<[Rule<'a>]>> {
        match self {
            Compiled::Json(rules) => Some(rules),
            Compiled::Fixed(_) | Compiled::Keyed { .. } | Compiled::Detect(_) | Compiled::Filter(_) => None,
        }
    }

    /// Which elements of an array stay.
    pub(super) fn filter(&self) -> Option<&OnElements> {
        match self {
            Compiled::Filter(filter) => Some(filter),
            Compiled::Fixed(_) | Compiled::Keyed { .. } | Compiled::Detect(_) | Compiled::Json(_) => None,
        }
    }

    /// Whether values can be linked to a person afterwards: kept, or replaced by a stable pseudonym.
    pub(super) fn identifies(&self) -> bool {
        match self {
            Compiled::Fixed(action) => matches!(action, Action::Keep | Action::DiscloseSha256(_)),
            // What `detect` does not find stays, and so do the elements that match.
            Compiled::Keyed { .. } | Compiled::Detect(_) | Compiled::Filter(_) => true,
            // Its rules are asked one by one.
            Compiled::Json(_) => false,
        }
    }

    /// What the name of the member with the old pseudonym ends in, where one may be written.
    pub(super) fn overlap_suffix(&self) -> Option<&'a str> {
        match self {
            Compiled::Keyed { make: Make::Pseudonym(_) | Make::PeriodPseudonym(..), overlap, .. } => {
                overlap.map(|(_, suffix)| suffix)
            }
            Compiled::Keyed { make: Make::Token | Make::Encrypt, .. }
            | Compiled::Fixed(_)
            | Compiled::Json(_)
            | Compiled::Filter(_)
            | Compiled::Detect(_) => None,
        }
    }

    /// Whether it is `disclose_sha256`.
    pub(super) fn discloses(&self) -> bool {
        matches!(self, Compiled::Fixed(Action::DiscloseSha256(_)))
    }

    /// Whether values leave as they are: all of them, or the elements that match.
    pub(super) fn keeps(&self) -> bool {
        match self {
            Compiled::Fixed(action) => matches!(action, Action::Keep),
            Compiled::Filter(_) => true,
            Compiled::Keyed { .. } | Compiled::Detect(_) | Compiled::Json(_) => false,
        }
    }

    /// Whether two rules for one place would do the same, so that it does not matter which wins.
    pub(super) fn same_effect(&self, other: &Compiled<'_>) -> bool {
        match (self, other) {
            (Compiled::Fixed(Action::Keep), Compiled::Fixed(Action::Keep))
            | (Compiled::Fixed(Action::Drop), Compiled::Fixed(Action::Drop))
            | (Compiled::Fixed(Action::Null), Compiled::Fixed(Action::Null)) => true,
            (
                Compiled::Fixed(_) | Compiled::Keyed { .. } | Compiled::Detect(_) | Compiled::Json(_) | Compiled::Filter(_),
                Compiled::Fixed(_) | Compiled::Keyed { .. } | Compiled::Detect(_) | Compiled::Json(_) | Compiled::Filter(_),
            ) => false,
        }
    }

    /// Whether it works on single values only: an object in such a place is removed whole.
    pub(super) fn wants_scalar(&self) -> bool {
        match self {
            Compiled::Fixed(action) => action.is_elementwise(),
            Compiled::Keyed { .. } | Compiled::Detect(_) => true,
            // Other paths may lead into the text, or into elements.
            Compiled::Json(_) | Compiled::Filter(_) => false,
        }
    }
}

/// Name, sink (none for a shared key) and class of a working key.
type UsedFor = (String, Option<String>, String);

/// Working keys of the plan, each derived once.
pub(super) struct KeyMaker<'k> {
    keys: &'k KeySet,
    made: HashMap<UsedFor, Arc<MacKey>>,
    periods: HashMap<UsedFor, Arc<PeriodKey>>,
    tokens: HashMap<UsedFor, Arc<TokenKey>>,
    encrypts: HashMap<UsedFor, Arc<EncryptKey>>,
    overlaps: HashMap<(UsedFor, Make), Arc<plan::Overlap>>,
}

impl<'k> KeyMaker<'k> {
    /// Derives from this key set.
    pub(super) fn new(keys: &'k KeySet) -> KeyMaker<'k> {
        KeyMaker {
            keys,
            made: HashMap::new(),
            periods: HashMap::new(),
            tokens: HashMap::new(),
            encrypts: HashMap::new(),
            overlaps: HashMap::new(),
        }
    }

    fn key(&mut self, name: &str, sink: Option<&str>, class: &str) -> Arc<MacKey> {
        let derive = || Arc::new(self.keys.pseudonym_key(name, sink, class));
        Arc::clone(self.made.entry(used_for(name, sink, class)).or_insert_with(derive))
    }

    fn period(&mut self, name: &str, sink: Option<&str>, class: &str) -> Arc<PeriodKey> {
        let derive = || Arc::new(self.keys.period_key(name, sink, class));
        Arc::clone(self.periods.entry(used_for(name, sink, class)).or_insert_with(derive))
    }

    fn token(&mut self, name: &str, sink: Option<&str>, class: &str) -> Arc<TokenKey> {
        let derive = || Arc::new(self.keys.token_key(name, sink, class));
        Arc::clone(self.tokens.entry(used_for(name, sink, class)).or_insert_with(derive))
    }

    /// What stands beside a pseudonym for a time after a rotation; `None` where there was none, or there is no such thing.
    fn overlap(
        &mut self,
        (name, sink, class): (&str, Option<&str>, &str),
        make: Make,
        span: jiff::Span,
        suffix: &str,
    ) -> Option<Arc<plan::Overlap>> {
        let used = (used_for(name, sink, class), make);
        if let Some(known) = self.overlaps.get(&used) {
            return Some(Arc::clone(known));
        }
        let before = self.keys.before_rotation()?;
        let until = before.at().to_zoned(jiff::tz::TimeZone::UTC).checked_add(span).ok()?.timestamp();
        let action = match make {
            Make::Pseudonym(normalize) => {
                let key = Arc::new(before.pseudonym_key(name, sink, class));
                Action::Pseudonym(KeyedPseudonym { key, normalize, overlap: None })
            }
            Make::PeriodPseudonym(period, normalize) => {
                let key = Arc::new(before.period_key(name, sink, class));
                Action::PeriodPseudonym(PeriodPseudonym { key, period, normalize, overlap: None })
            }
            Make::Token | Make::Encrypt => return None,
        };
        let overlap = Arc::new(plan::Overlap { until, suffix: suffix.into(), action });
        self.overlaps.insert(used, Arc::clone(&overlap));
        Some(overlap)
    }

    fn encrypt(&mut self, name: &str, sink: Option<&str>, class: &str) -> Arc<EncryptKey> {
        let derive = || Arc::new(self.keys.encrypt_key(name, sink, class));
        Arc::clone(self.encrypts.entry(used_for(name, sink, class)).or_insert_with(derive))
    }
}

fn used_for(name: &str, sink: Option<&str>, class: &str) -> UsedFor {
    (name.to_owned(), sink.map(str::to_owned), class.to_owned())
}

/// The transform's name in the language.
pub(super) fn name(transform: &Transform) -> &'static str {
    match transform {
        Transform::Keep => "keep",
        Transform::Drop => "drop",
        Transform::Null => "null",
        Transform::Redact { .. } => "redact",
        Transform::Mask { .. } => "mask",
        Transform::Pseudonym { .. } => "pseudonym",
        Transform::TruncateIp { .. } => "truncate_ip",
        Transform::Url { .. } => "url",
        Transform::EmailDomain => "email_domain",
        Transform::CoarsenGeo { .. } => "coarsen_geo",
        Transform::CoarsenTime { .. } => "coarsen_time",
        Transform::Json { .. } => "json",
        Transform::Filter { .. } => "filter",
        Transform::Detect { .. } => "detect",
        Transform::Token { .. } => "token",
        Transform::Encrypt { .. } => "encrypt",
        Transform::DiscloseSha256 { .. } => "disclose_sha256",
        Transform::Prefix { .. } => "prefix",
        Transform::Bucket { .. } => "bucket",
        Transform::UserAgent => "user_agent",
    }
}

/// Checks a transform's options; `None` where they are at fault.
pub(super) fn compile<'a>(cx: &mut Cx<'a>, transform: &'a Transform, span: &Span) -> Option<Compiled<'a>> {
    let action = match transform {
        Transform::Keep => Action::Keep,
        Transform::Drop => Action::Drop,
        Transform::Null => Action::Null,
        Transform::Redact { with } => {
            let mut text = Vec::new();
            json::write_string(&with.value, &mut text);
            Action::Redact(text.into())
        }
        Transform::Mask { keep_last } => Action::Mask { keep_last: keep_last.value },
        Transform::Pseudonym { key, normalize, per } => return pseudonym(cx, key, normalize.as_ref(), per.as_ref()),
        Transform::TruncateIp { v4, v6 } => Action::TruncateIp { v4: v4.value.min(32), v6: v6.value.min(128) },
        Transform::Url { drop_params, keep_params, fragment, part, schemes } => {
            let params = params(cx, drop_params.as_deref(), keep_params.as_deref(), span);
            let keep_fragment = cx.word_or(fragment.as_ref(), &[("drop", false), ("keep", true)], false);
            const PARTS: &[(&str, UrlPart)] =
                &[("auto", UrlPart::Auto), ("query", UrlPart::Query), ("fragment", UrlPart::Fragment)];
            let word = part.as_ref();
            let part = cx.word_or(word, PARTS, UrlPart::Auto);
            if let (Some(word), UrlPart::Query | UrlPart::Fragment, Some(scheme)) = (word, part, schemes.first()) {
                cx.diagnostics
                    .error(Code::Exclusive, &scheme.span, format!("a bare {} has no scheme", word.value))
                    .hint("`schemes` is for whole URLs: leave it out, or say `part: auto`");
                return None;
            }
            let schemes = schemes.iter().filter_map(|scheme| url_scheme(cx, scheme)).collect();
            Action::Url(Arc::new(UrlRule { params: params?, keep_fragment, part, schemes }))
        }
        Transform::EmailDomain => Action::EmailDomain,
        Transform::CoarsenGeo { decimals } => Action::CoarsenGeo { decimals: decimals.value },
        Transform::CoarsenTime { to } => Action::CoarsenTime(cx.word(to, TIME_UNITS)?),
        Transform::Json { .. } => {
            cx.diagnostics.error(Code::NotHere, span, "`json` is for fields of the event").hint("a record key has no fields");
            return None;
        }
        Transform::Filter { .. } => {
            cx.diagnostics.error(Code::NotHere, span, "`filter` is for arrays of the event").hint("a record key has no elements");
            return None;
        }
        Transform::Detect { find, with, key } => {
            let detect = detect::compile(cx, find, with.as_ref(), key.as_ref(), span)?;
            return Some(Compiled::Detect(Box::new(detect)));
        }
        Transform::Prefix { keep } => Action::Prefix { keep: keep.value },
        Transform::Bucket { edges: written } => Action::Bucket(edges(cx, written, span)?),
        Transform::UserAgent => Action::UserAgent,
        Transform::DiscloseSha256 { normalize, because } => {
            if because.value.trim().is_empty() {
                cx.diagnostics.error(Code::Empty, &because.span, "`because` says nothing");
                return None;
            }
            Action::DiscloseSha256(cx.word(normalize, VALUE_NORMALIZE)?)
        }
        Transform::Token { key } => return keyed(cx, key, Make::Token),
        Transform::Encrypt { key } => return keyed(cx, key, Make::Encrypt),
    };
    Some(Compiled::Fixed(action))
}

const TIME_UNITS: &[(&str, TimeUnit)] =
    &[("hour", TimeUnit::Hour), ("day", TimeUnit::Day), ("week", TimeUnit::Week), ("month", TimeUnit::Month)];

/// How a transform may make a value comparable.
const VALUE_NORMALIZE: &[(&str, Normalize)] =
    &[("none", Normalize::None), ("email", Normalize::Email), ("lower", Normalize::Lower), ("phone_e164", Normalize::PhoneE164)];

const PERIODS: &[(&str, Period)] = &[("day", Period::Day), ("week", Period::Week), ("month", Period::Month)];

fn pseudonym<'a>(cx: &mut Cx<'a>, key: &'a Text, normalize: Option<&Text>, per: Option<&Text>) -> Option<Compiled<'a>> {
    let normalize = cx.word_or(normalize, VALUE_NORMALIZE, Normalize::None);
    let make = match per {
        Some(per) => Make::PeriodPseudonym(cx.word(per, PERIODS)?, normalize),
        None => Make::Pseudonym(normalize),
    };
    keyed(cx, key, make)
}

fn keyed<'a>(cx: &mut Cx<'a>, key: &'a Text, make: Make) -> Option<Compiled<'a>> {
    let policy = cx.policy;
    let declared = cx.resolve(key, &policy.keys, Section::Keys)?;
    let written = &policy.keys[declared].1;
    let overlap = written.overlap.as_ref().and_then(|overlap| overlap_of(&overlap.value));
    Some(Compiled::Keyed { key: &key.value, shared: written.shared, overlap, make })
}

/// An overlap that was checked where the key is declared.
fn overlap_of(written: &ast::Overlap) -> Option<(jiff::Span, &str)> {
    Some((written.duration.value.parse().ok()?, &written.suffix.value))
}

/// Edges of intervals: each greater than the one before.
fn edges(cx: &mut Cx<'_>, written: &[Spanned<f64>], span: &Span) -> Option<Arc<[f64]>> {
    if cx.refuse_empty(written, span, "edges") {
        return None;
    }
    for pair in written.windows(2) {
        if pair[1].value <= pair[0].value {
            cx.diagnostics
                .error(Code::OutOfRange, &pair[1].span, format!("{} is not greater than the edge before it", pair[1].value))
                .hint("edges ascend");
            return None;
        }
    }
    let finite = |edge: &Spanned<f64>| edge.value.is_finite().then_some(edge.value);
    written.iter().map(finite).collect()
}

fn params(cx: &mut Cx<'_>, drop: Option<&[Text]>, keep: Option<&[Text]>, span: &Span) -> Option<UrlParams> {
    match (drop, keep) {
        (Some(names), None) => {
            let whole: Vec<bool> = names.iter().map(|name| is_decoded(cx, name)).collect();
            let names = names.iter().map(|name| UrlParam::new(param(name_ends(&name.value)))).collect();
            whole.iter().all(|whole| *whole).then_some(UrlParams::Drop(names))
        }
        (None, Some(names)) => {
            let whole: Vec<bool> = names.iter().map(|name| is_whole_param(cx, name)).collect();
            let names = names.iter().map(|name| param(&name.value)).collect();
            whole.iter().all(|whole| *whole).then_some(UrlParams::Keep(names))
        }
        (Some(_), Some(_)) => {
            if cx.sound {
                cx.diagnostics.error(Code::Exclusive, span, "`drop_params` and `keep_params` exclude each other");
            }
            None
        }
        (None, None) => {
            cx.diagnostics
                .error(Code::MissingKey, span, "`url` does not say which parameters stay")
                .hint("add `keep_params: […]` or `drop_params: […]`; `drop_params: []` keeps them all");
            None
        }
    }
}

/// Names are compared as `scrub.md`, rule 7, says: folded.
fn param(name: &str) -> Box<str> {
    let mut folded = String::with_capacity(name.len());
    fold::fold_case(name, &mut folded);
    folded.into()
}

/// A parameter's name ends at the first `[` or `.`; dropping `a.b` therefore means dropping `a`.
fn name_ends(name: &str) -> &str {
    name.find(['[', '.']).filter(|end| *end > 0).map_or(name, |end| &name[..end])
}

/// A name with what ends a name in it would meet nothing: the rule would remove nothing, and nobody would notice.
fn is_decoded(cx: &mut Cx<'_>, name: &Text) -> bool {
    const ENDS: [char; 7] = ['&', ';', '?', '#', '=', '/', '%'];
    let legal = !name.value.contains(ENDS) && !name.value.trim().is_empty();
    if !legal {
        cx.diagnostics
            .error(Code::BadText, &name.span, format!("`{}` is not the name of a parameter", name.value))
            .hint("names are written decoded, one an entry, without `&`, `;`, `?`, `#`, `=`, `/` and `%`");
    }
    legal
}

/// Keeping `a.b` would keep everything that begins with `a.`: the author decides that, not we.
fn is_whole_param(cx: &mut Cx<'_>, name: &Text) -> bool {
    if !is_decoded(cx, name) {
        return false;
    }
    let whole = name_ends(&name.value) == name.value && !name.value.is_empty();
    if !whole {
        cx.diagnostics
            .error(Code::BadText, &name.span, format!("`{}` is not the whole name of a parameter", name.value))
            .hint("a parameter's name ends at the first `[` or `.`");
    }
    whole
}

/// RFC 3986, section 3.1.
fn url_scheme(cx: &mut Cx<'_>, scheme: &Text) -> Option<Box<str>> {
    let lower = scheme.value.to_ascii_lowercase();
    let legal = lower.starts_with(|letter: char| letter.is_ascii_lowercase())
        && lower.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'+' | b'-' | b'.'));
    if !legal {
        cx.diagnostics
            .error(Code::BadText, &scheme.span, format!("`{}` is not a URL scheme", scheme.value))
            .hint("a scheme stands before the colon, such as `app` in app://cart");
    }
    legal.then(|| lower.into())
}
