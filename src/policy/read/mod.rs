//! Nodes → the policy as written. Form is checked before; what has a fault is left out, and all else is read.

mod parts;
mod sink;
mod stream;
#[cfg(test)]
mod tests;

use super::ast::{Named, Policy, Regime, Section, Span, Spanned, Text};
use super::diagnostic::{Code, Diagnostics, SourceMap};
use super::yaml::{self, Node, Value};
use super::{form, language};

/// A policy's text, read.
pub(super) struct Document {
    /// What was written, for the canonical form.
    pub(super) root: Node,
    /// What it says.
    pub(super) policy: Policy,
}

/// Reads a policy; every fault of form is in `diagnostics`. `None` where there is no document at all.
pub(super) fn read(source: &SourceMap, diagnostics: &mut Diagnostics) -> Option<Document> {
    let root = yaml::parse(source.text(), yaml::OwnKeys::Ignored, diagnostics)?;
    form::check(&root, &language::POLICY, source, diagnostics);
    let policy = policy(&root);
    if !diagnostics.has_errors()
        && let Some(span) = unseen(&root)
    {
        // The table of the language and the readers beside this file disagree: refuse rather than ignore.
        diagnostics.error(Code::Unread, &span, "this part of the policy was not understood");
    }
    Some(Document { root, policy })
}

fn policy(root: &Node) -> Policy {
    let mut policy = Policy::default();
    let Some(fields) = Fields::of(root) else { return policy };
    let unread = &mut policy.unread;
    fields.get("privet");
    policy.controller = fields.get("controller").and_then(parts::controller);
    policy.purposes = fields.named("purposes", Section::Purposes, unread, parts::purpose);
    policy.regions = fields.named("regions", Section::Regions, unread, |node| Some(texts(node)));
    policy.regimes = regimes(&fields, root);
    policy.vendors = fields.named("vendors", Section::Vendors, unread, parts::vendor);
    policy.keys = fields.named("keys", Section::Keys, unread, parts::key);
    policy.patterns = fields.named("patterns", Section::Patterns, unread, text);
    policy.streams = fields.named("streams", Section::Streams, unread, stream::stream);
    policy.templates = fields.named("templates", Section::Templates, unread, sink::sink);
    policy.profiles = fields.named("profiles", Section::Profiles, unread, sink::profile);
    policy.sinks = fields.named("sinks", Section::Sinks, unread, sink::sink);
    policy
}

/// A regime that is missing or has a fault may be the one for everywhere: it is not also taken for absent.
fn regimes(fields: &Fields<'_>, root: &Node) -> Vec<Spanned<Regime>> {
    let mut regimes = fields.spanned_list("regimes", parts::regime);
    let written = fields.get("regimes").and_then(Node::list).unwrap_or_default();
    if written.is_empty() || written.len() > regimes.len() {
        let text = |value: &str| Text { value: value.into(), span: root.span.clone() };
        let everywhere = Regime { regions: vec![text("*")], silence: text("deny"), gpc: None };
        regimes.push(Spanned { value: everywhere, span: root.span.clone() });
    }
    regimes
}

/// The members of a mapping of the language.
struct Fields<'n> {
    map: &'n [(Text, Node)],
}

impl<'n> Fields<'n> {
    /// `None` where the node is no mapping or has a fault.
    fn of(node: &'n Node) -> Option<Fields<'n>> {
        node.seen.set(true);
        node.map().filter(|_| !node.faulty.get()).map(|map| Fields { map })
    }

    /// One member.
    fn get(&self, key: &str) -> Option<&'n Node> {
        let node = &self.map.iter().find(|(name, _)| name.value == key)?.1;
        node.seen.set(true);
        Some(node)
    }

    /// The name of a member, where it stands.
    fn name_of(&self, key: &str) -> Option<Span> {
        self.map.iter().find(|(name, _)| name.value == key).map(|(name, _)| name.span.clone())
    }

    fn text(&self, key: &str) -> Option<Text> {
        self.get(key).and_then(text)
    }

    /// Where the text has a fault, `stand_in`: so that it is not also taken for absent.
    fn text_or(&self, key: &str, stand_in: &str) -> Option<Text> {
        let node = self.get(key)?;
        Some(text(node).unwrap_or_else(|| Text { value: stand_in.into(), span: node.span.clone() }))
    }

    fn texts(&self, key: &str) -> Vec<Text> {
        self.get(key).map(texts).unwrap_or_default()
    }

    fn bool(&self, key: &str) -> Option<bool> {
        self.get(key).and_then(bool)
    }

    fn int<T: TryFrom<i64>>(&self, key: &str) -> Option<Spanned<T>> {
        self.get(key).and_then(int)
    }

    fn ints<T: TryFrom<i64>>(&self, key: &str) -> Vec<Spanned<T>> {
        self.get(key).map(ints).unwrap_or_default()
    }

    /// A member read by `read`, with its place.
    fn spanned<T>(&self, key: &str, read: impl Fn(&Node) -> Option<T>) -> Option<Spanned<T>> {
        let node = self.get(key)?;
        read(node).map(|value| Spanned { value, span: node.span.clone() })
    }

    /// A list whose elements `read` reads, each with its place.
    fn spanned_list<T>(&self, key: &str, read: impl Fn(&Node) -> Option<T>) -> Vec<Spanned<T>> {
        self.get(key).map(|node| spanned_elements(node, read)).unwrap_or_default()
    }

    /// A mapping of names to what `read` reads; names that cannot be read go to `unread`.
    fn named<T>(
        &self,
        key: &str,
        section: Section,
        unread: &mut Vec<(Section, String)>,
        read: impl Fn(&Node) -> Option<T>,
    ) -> Named<T> {
        let mut named = Vec::new();
        for (name, node) in self.get(key).map(members).unwrap_or_default() {
            match read(node) {
                Some(value) => named.push((name.clone(), value)),
                None => unread.push((section, name.value.clone())),
            }
        }
        named
    }
}

/// The members of a mapping with names of the author's own.
fn members(node: &Node) -> &[(Text, Node)] {
    node.seen.set(true);
    let members = node.map().unwrap_or_default();
    members.iter().for_each(|(_, member)| member.seen.set(true));
    members
}

fn elements(node: &Node) -> &[Node] {
    node.seen.set(true);
    let elements = node.list().unwrap_or_default();
    elements.iter().for_each(|element| element.seen.set(true));
    elements
}

fn spanned_elements<T>(node: &Node, read: impl Fn(&Node) -> Option<T>) -> Vec<Spanned<T>> {
    let spanned = |node: &Node| read(node).map(|value| Spanned { value, span: node.span.clone() });
    elements(node).iter().filter_map(spanned).collect()
}

fn text(node: &Node) -> Option<Text> {
    node.seen.set(true);
    let value = node.text().filter(|_| !node.faulty.get())?;
    Some(Text { value: value.into(), span: node.span.clone() })
}

fn texts(node: &Node) -> Vec<Text> {
    elements(node).iter().filter_map(text).collect()
}

fn bool(node: &Node) -> Option<bool> {
    match node.value {
        Value::Bool(value) => Some(value),
        Value::Null | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
    }
}

fn int<T: TryFrom<i64>>(node: &Node) -> Option<Spanned<T>> {
    match node.value {
        Value::Int(value) if !node.faulty.get() => Some(Spanned { value: T::try_from(value).ok()?, span: node.span.clone() }),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) | Value::List(_) | Value::Map(_) => None,
    }
}

fn ints<T: TryFrom<i64>>(node: &Node) -> Vec<Spanned<T>> {
    elements(node).iter().filter_map(int).collect()
}

/// The place of something that no reader took in.
fn unseen(node: &Node) -> Option<Span> {
    if !node.seen.get() {
        return Some(node.span.clone());
    }
    match &node.value {
        Value::List(list) => list.iter().find_map(unseen),
        Value::Map(map) => map.iter().find_map(|(name, member)| unseen(member).map(|_| name.span.clone())),
        Value::Null | Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::Text(_) => None,
    }
}
