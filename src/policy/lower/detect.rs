//! `patterns`, and the options of `detect`.

use super::{Cx, conditions};
use crate::plan::{DetectRule, Dialling, Label, Labels, OnFind, Pattern};
use crate::policy::ast::{Finding, Section, Span, Text};
use crate::policy::diagnostic::Code;
use std::sync::Arc;

/// `detect` with good options; the key of its pseudonyms waits for the class.
#[derive(Clone)]
pub(super) struct Detect<'a> {
    /// What is found, and what happens to it unless there is a key.
    pub(super) rule: DetectRule,
    /// The name of a key, and whether all sinks share its pseudonyms.
    pub(super) key: Option<(&'a str, bool)>,
}

/// Compiles the policy's patterns, also those that no rule names: a fault in one is a fault of the policy.
pub(super) fn patterns(cx: &mut Cx<'_>) -> Vec<Option<Arc<Pattern>>> {
    let policy = cx.policy;
    let compile = |(name, pattern): &(Text, Text)| {
        let regex = conditions::compile(cx, &pattern.value, &pattern.span)?;
        Some(Arc::new(Pattern { name: name.value.as_str().into(), regex }))
    };
    policy.patterns.iter().map(compile).collect()
}

/// Checks the options; `None` where they are at fault.
pub(super) fn compile<'a>(
    cx: &mut Cx<'a>,
    find: &'a [Finding],
    with: Option<&'a Text>,
    key: Option<&'a Text>,
    span: &Span,
) -> Option<Detect<'a>> {
    let mut rule =
        DetectRule { find: Labels::default(), patterns: Vec::new(), with: OnFind::Redact, dialling: Dialling::shared() };
    let mut sound = true;
    for finding in find {
        match finding {
            Finding::Label(word) => sound &= add_label(cx, &mut rule, word),
            Finding::Pattern(name) => sound &= add_pattern(cx, &mut rule, name),
        }
    }
    let policy = cx.policy;
    let declared = match key {
        Some(name) => Some((name.value.as_str(), policy.keys[cx.resolve(name, &policy.keys, Section::Keys)?].1.shared)),
        None => None,
    };
    let word = with.map_or("redact", |word| &word.value);
    let at = with.or(key).map_or(span, |text| &text.span);
    match (word, declared) {
        ("pseudonym", None) => {
            cx.diagnostics.error(Code::MissingKey, at, "`with: pseudonym` does not say with which key").hint("add `key: …`");
            return None;
        }
        ("pseudonym", Some(_)) | ("redact", None) => {}
        ("drop", None) => rule.with = OnFind::Drop,
        (_, Some(_)) => {
            cx.diagnostics
                .error(Code::Exclusive, at, "`key` is for `with: pseudonym`")
                .hint("leave `key` out, or say `with: pseudonym`");
            return None;
        }
        // Form has reported a word that the language does not have.
        (_, None) => return None,
    }
    let nothing = rule.find.is_empty() && rule.patterns.is_empty();
    (sound && !nothing).then_some(Detect { rule, key: declared })
}

fn add_label(cx: &mut Cx<'_>, rule: &mut DetectRule, word: &Text) -> bool {
    let Some(label) = Label::ALL.into_iter().find(|label| label.as_str() == word.value) else { return false };
    if rule.find.has(label) {
        cx.diagnostics.error(Code::SaidTwice, &word.span, format!("`{}` is said twice", word.value));
        return false;
    }
    rule.find = rule.find.with(label);
    true
}

fn add_pattern(cx: &mut Cx<'_>, rule: &mut DetectRule, name: &Text) -> bool {
    let policy = cx.policy;
    let Some(declared) = cx.resolve(name, &policy.patterns, Section::Patterns) else { return false };
    let Some(pattern) = cx.patterns[declared].clone() else { return false };
    if rule.patterns.iter().any(|known| known.name == pattern.name) {
        cx.diagnostics.error(Code::SaidTwice, &name.span, format!("`{}` is said twice", name.value));
        return false;
    }
    rule.patterns.push(pattern);
    true
}
