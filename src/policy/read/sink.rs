//! Reads sinks, templates, profiles and transforms.

use super::super::ast::{Denied, Finding, Named, Profile, Scalar, Sink, SinkPurposes, Spanned, Text, Transform};
use super::super::form::is_well_formed;
use super::super::grammar::{Form, Options};
use super::super::language;
use super::super::yaml::{Node, Value};
use super::{Fields, members, parts, stream, text, texts};

/// A sink, or a template: a sink without some of its keys.
pub(super) fn sink(node: &Node) -> Option<Sink> {
    let fields = Fields::of(node)?;
    Some(Sink {
        template: fields.text("use"),
        streams: fields.spanned("streams", |node| Some(texts(node))),
        topic: fields.text("topic"),
        vendor: fields.text("vendor"),
        location: fields.text("location"),
        transfers: fields.spanned_list("transfers", parts::transfer),
        purposes: fields.spanned("purposes", purposes),
        tcf: fields.spanned("tcf", |node| Some(super::ints(node))),
        when: fields.spanned("when", stream::when),
        unlisted: fields.text("unlisted"),
        fields: fields.get("fields").map(rules).unwrap_or_default(),
        consent_signal: fields.text("consent_signal"),
        record_key: fields.get("record_key").map(transform),
        headers_keep: fields.get("headers").and_then(Fields::of).map(|fields| fields.texts("keep")),
        empty_parents: fields.text("empty_parents"),
        tombstones: fields.text("tombstones"),
        denied: fields.spanned("denied", denied),
    })
}

pub(super) fn profile(node: &Node) -> Option<Profile> {
    let fields = Fields::of(node)?;
    Some(Profile { fields: fields.get("fields").map(rules).unwrap_or_default() })
}

fn purposes(node: &Node) -> Option<SinkPurposes> {
    if node.list().is_some() {
        return Some(SinkPurposes::All(texts(node)));
    }
    Some(SinkPurposes::Any(Fields::of(node)?.texts("any")))
}

fn denied(node: &Node) -> Option<Denied> {
    if node.text().is_some() {
        return text(node).map(|_| Denied::Drop);
    }
    let fields = Fields::of(node)?;
    Some(Denied::Degrade { profile: fields.text("degrade")?, purposes: fields.texts("purposes"), on: fields.texts("on") })
}

fn rules(node: &Node) -> Named<Spanned<Transform>> {
    let named = members(node).iter().filter(|(name, _)| is_well_formed(&name.value, Form::ClassOrPath));
    named.map(|(name, node)| (name.clone(), transform(node))).collect()
}

/// A transform with a fault is read as `drop`: the policy is refused anyway, and the field's name is looked up still.
fn transform(node: &Node) -> Spanned<Transform> {
    let value = read_transform(node).filter(|_| !node.faulty.get()).unwrap_or(Transform::Drop);
    Spanned { value, span: node.span.clone() }
}

fn read_transform(node: &Node) -> Option<Transform> {
    node.seen.set(true);
    let (word, options) = match &node.value {
        Value::Text(word) => (&**word, None),
        Value::Null => ("null", None),
        Value::Map(map) => match map.as_slice() {
            [(name, options)] => (&*name.value, Some(Fields::of(options)?)),
            _ => return None,
        },
        Value::Bool(_) | Value::Int(_) | Value::Float(_) | Value::List(_) => return None,
    };
    let case = language::TRANSFORM.cases.iter().find(|case| case.word == word)?;
    match (&case.options, options) {
        (Options::None, None) => alone(word),
        (Options::Some(_), Some(options)) => with_options(word, &options),
        (Options::None, Some(_)) | (Options::Some(_), None) => None,
    }
}

fn alone(word: &str) -> Option<Transform> {
    match word {
        "keep" => Some(Transform::Keep),
        "drop" => Some(Transform::Drop),
        "null" => Some(Transform::Null),
        "email_domain" => Some(Transform::EmailDomain),
        "user_agent" => Some(Transform::UserAgent),
        _ => None,
    }
}

fn with_options(word: &str, options: &Fields<'_>) -> Option<Transform> {
    let list = |key: &str| -> Option<Vec<Text>> { options.get(key).map(texts) };
    Some(match word {
        "redact" => Transform::Redact { with: options.text("with")? },
        "mask" => Transform::Mask { keep_last: options.int("keep_last")? },
        "pseudonym" => {
            Transform::Pseudonym { key: options.text("key")?, normalize: options.text("normalize"), per: options.text("per") }
        }
        "truncate_ip" => Transform::TruncateIp { v4: options.int("v4")?, v6: options.int("v6")? },
        "url" => Transform::Url {
            drop_params: list("drop_params"),
            keep_params: list("keep_params"),
            fragment: options.text("fragment"),
            part: options.text("part"),
            schemes: options.texts("schemes"),
        },
        "coarsen_geo" => Transform::CoarsenGeo { decimals: options.int("decimals")? },
        "coarsen_time" => Transform::CoarsenTime { to: options.text("to")? },
        "json" => Transform::Json { fields: rules(options.get("fields")?) },
        "filter" => Transform::Filter { when: options.spanned("when", stream::when)? },
        "token" => Transform::Token { key: options.text("key")? },
        "encrypt" => Transform::Encrypt { key: options.text("key")? },
        "disclose_sha256" => {
            Transform::DiscloseSha256 { normalize: options.text("normalize")?, because: options.text("because")? }
        }
        "prefix" => Transform::Prefix { keep: options.int("keep")? },
        "bucket" => Transform::Bucket { edges: options.spanned_list("edges", number) },
        "detect" => Transform::Detect {
            find: options.get("find").map(findings).unwrap_or_default(),
            with: options.text("with"),
            key: options.text("key"),
        },
        _ => return None,
    })
}

/// A number, whole or not.
fn number(node: &Node) -> Option<f64> {
    match node.scalar()? {
        Scalar::Number(number) => Some(number),
        Scalar::Text(_) | Scalar::Bool(_) => None,
    }
}

/// Words, and names of patterns.
fn findings(node: &Node) -> Vec<Finding> {
    let pattern = |node: &Node| Some(Finding::Pattern(Fields::of(node)?.text("pattern")?));
    super::elements(node).iter().filter_map(|node| text(node).map(Finding::Label).or_else(|| pattern(node))).collect()
}
