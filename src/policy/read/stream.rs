//! Reads streams: topics, identities, time, jurisdiction, consent, conditions, classes.

use super::super::ast::{
    Categories, JurisdictionRule, Named, Scalar, Signal, Source, Spanned, Stream, Subject, Test, Text, Time, Topics, When,
};
use super::super::form::is_well_formed;
use super::super::grammar::Form;
use super::super::yaml::Node;
use super::{Fields, elements, members, spanned_elements, text, texts};
use crate::event::Path;

pub(super) fn stream(node: &Node) -> Option<Stream> {
    let fields = Fields::of(node)?;
    Some(Stream {
        topics: fields.spanned("topics", topics)?,
        format: fields.text_or("format", "json").unwrap_or_else(|| Text { value: "json".into(), span: node.span.clone() }),
        shape: fields.text("shape"),
        subject: fields.spanned_list("subject", subject),
        time: fields.spanned("time", time),
        jurisdiction: fields.spanned("jurisdiction", jurisdiction),
        consent: fields.spanned_list("consent", signal),
        conflicts: fields.text("conflicts"),
        matching: fields.text("match"),
        duplicates: fields.text("duplicates"),
        when: fields.spanned("when", when),
        classes: fields.get("classes").map(classes).unwrap_or_default(),
    })
}

fn topics(node: &Node) -> Option<Topics> {
    if node.list().is_some() {
        return Some(Topics::Names(texts(node)));
    }
    Fields::of(node)?.text("match").map(Topics::Match)
}

/// Classes with a fault in their name stay out; a path with a fault leaves the class declared without it.
fn classes(node: &Node) -> Named<Vec<Spanned<Path>>> {
    let named = members(node).iter().filter(|(name, _)| is_well_formed(&name.value, Form::Class));
    named.map(|(name, paths)| (name.clone(), spanned_elements(paths, path))).collect()
}

fn path(node: &Node) -> Option<Path> {
    text(node).and_then(|text| Path::parse(&text.value).ok())
}

fn path_at(fields: &Fields<'_>) -> Option<Spanned<Path>> {
    fields.spanned("path", path)
}

fn source(fields: &Fields<'_>) -> Option<Source> {
    let path = path_at(fields).map(Source::Path);
    let header = fields.text("header").map(Source::Header);
    let key = fields.get("key").map(|node| Source::Key(node.span.clone()));
    path.or(header).or(key)
}

fn subject(node: &Node) -> Option<Subject> {
    let fields = Fields::of(node)?;
    let kind = fields.get("kind")?;
    Some(Subject {
        kinds: if kind.list().is_some() { texts(kind) } else { vec![text(kind)?] },
        source: source(&fields)?,
        names: fields.text("names"),
        normalize: fields.text("normalize"),
    })
}

fn time(node: &Node) -> Option<Time> {
    let fields = Fields::of(node)?;
    Some(Time { source: source(&fields)?, unit: fields.text("unit") })
}

fn jurisdiction(node: &Node) -> Option<JurisdictionRule> {
    let fields = Fields::of(node)?;
    Some(JurisdictionRule {
        country: fields.get("country").and_then(place),
        region: fields.get("region").and_then(place),
        otherwise: fields.text_or("otherwise", "EEA"),
    })
}

/// A path, or `{header: …}`.
fn place(node: &Node) -> Option<Source> {
    if node.text().is_some() {
        let value = path(node)?;
        return Some(Source::Path(Spanned { value, span: node.span.clone() }));
    }
    Fields::of(node)?.text("header").map(Source::Header)
}

fn signal(node: &Node) -> Option<Signal> {
    let fields = Fields::of(node)?;
    Some(Signal {
        signal: fields.text("signal")?,
        source: source(&fields),
        purposes: fields.spanned("purposes", |node| {
            let member = |(name, node): &(Text, Node)| Some((name.clone(), categories(node)?));
            Some(members(node).iter().filter_map(member).collect::<Named<Categories>>())
        }),
        true_means: fields.text_or("true_means", "granted"),
        lenient: fields.bool("lenient"),
        gdpr_applies: fields.get("gdpr_applies").and_then(place),
        publisher: fields.bool("publisher"),
        sid: fields.get("sid").and_then(place),
        gcd: fields.text("gcd"),
        provider: fields.text("provider"),
        resolution: fields.text("resolution"),
        learn: fields.text("learn"),
        learn_when: fields.spanned("learn_when", when),
    })
}

fn categories(node: &Node) -> Option<Categories> {
    if let Some(name) = node.text() {
        let none = name == "none";
        return if none { Some(Categories::None(node.span.clone())) } else { Some(Categories::All(vec![text(node)?])) };
    }
    let fields = Fields::of(node)?;
    match (fields.get("all"), fields.get("any")) {
        (Some(all), _) => Some(Categories::All(texts(all))),
        (None, Some(any)) => Some(Categories::Any(texts(any))),
        (None, None) => None,
    }
}

pub(super) fn when(node: &Node) -> Option<When> {
    let fields = Fields::of(node)?;
    if let Some(all) = fields.get("all") {
        return Some(When::All(spanned_elements(all, when)));
    }
    if let Some(any) = fields.get("any") {
        return Some(When::Any(spanned_elements(any, when)));
    }
    if let Some(not) = fields.get("not") {
        return when(not).map(|value| When::Not(Box::new(Spanned { value, span: not.span.clone() })));
    }
    let (path, each) = (path_at(&fields)?, fields.text("each"));
    test(&fields).map(|test| When::Test { path, each, test })
}

/// The operator of a test, placed at its name.
fn test(fields: &Fields<'_>) -> Option<Spanned<Test>> {
    let number = |node: &Node| match node.scalar()? {
        Scalar::Number(number) => Some(number),
        Scalar::Text(_) | Scalar::Bool(_) => None,
    };
    let read = |key: &str| {
        let node = fields.get(key).filter(|node| !node.faulty.get())?;
        match key {
            "equals" => node.scalar().map(Test::Equals),
            "in" => Some(Test::In(elements(node).iter().filter_map(Node::scalar).collect())),
            "exists" => super::bool(node).map(Test::Exists),
            "starts_with" => text(node).map(|text| Test::StartsWith(text.value)),
            "matches" => text(node).map(Test::Matches),
            "gt" => number(node).map(Test::Gt),
            "lt" => number(node).map(Test::Lt),
            _ => None,
        }
    };
    ["equals", "in", "exists", "starts_with", "matches", "gt", "lt"].into_iter().find_map(|key| {
        let span = fields.name_of(key)?;
        read(key).map(|value| Spanned { value, span })
    })
}
