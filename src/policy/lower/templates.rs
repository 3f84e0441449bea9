//! `templates`: sinks with the parts that they share filled in.

use super::Cx;
use crate::event::Path;
use crate::policy::ast::{self, Section, Span, Spanned, Text, Transform};
use crate::policy::diagnostic::Code;

/// What a rule names.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Subject<'a> {
    /// A class, or an ancestor of classes.
    Class(&'a str),
    /// A path.
    Path(Path),
}

/// One entry of `fields`.
pub(super) struct Field<'a> {
    /// What it names.
    pub(super) subject: Subject<'a>,
    /// As written.
    pub(super) text: &'a str,
    /// Where it is written.
    pub(super) span: &'a Span,
    /// What is done.
    pub(super) transform: &'a Transform,
    /// Where that is written.
    pub(super) transform_span: &'a Span,
    /// Whether it comes from a template: the template may serve sinks whose streams do not have it.
    pub(super) inherited: bool,
}

/// A sink whose own keys stand before its template's.
pub(super) struct MergedSink<'a> {
    /// The sink's name.
    pub(super) name: &'a Text,
    own: &'a ast::Sink,
    template: Option<&'a ast::Sink>,
    /// The sink's rules and those of its template that it does not replace.
    pub(super) fields: Vec<Field<'a>>,
}

/// The class of consent fields; `consent_signal` is another way to write a rule for it.
pub(super) const CONSENT_CLASS: &str = "consent.signal";

/// Every sink with its template, in the order of the policy.
pub(super) fn merge<'a>(cx: &mut Cx<'a>) -> Vec<MergedSink<'a>> {
    let policy = cx.policy;
    for (_, template) in &policy.templates {
        // Its rules are read here too, so that faults in a template without users are found.
        fields(cx, template, true);
    }
    let mut merged = Vec::new();
    for (name, own) in &policy.sinks {
        let template = own.template.as_ref().and_then(|wanted| {
            let found = cx.resolve(wanted, &policy.templates, Section::Templates)?;
            Some(&policy.templates[found].1)
        });
        let mut all = fields(cx, own, false);
        if let Some(template) = template {
            for field in fields(cx, template, true) {
                if all.iter().all(|known| known.subject != field.subject) {
                    all.push(field);
                }
            }
        }
        merged.push(MergedSink { name, own, template, fields: all });
    }
    merged
}

/// The entries of `fields` of a sink or template, and `consent_signal` as one more.
fn fields<'a>(cx: &mut Cx<'a>, sink: &'a ast::Sink, inherited: bool) -> Vec<Field<'a>> {
    let mut fields = read_fields(cx, &sink.fields, inherited);
    if let Some(word) = &sink.consent_signal {
        let transform: Option<&'static Transform> = cx.word(word, &[("keep", &Transform::Keep), ("drop", &Transform::Drop)]);
        let subject = Subject::Class(CONSENT_CLASS);
        if let Some(rule) = fields.iter().find(|field| field.subject == subject) {
            cx.diagnostics
                .error(Code::SaidTwice, &word.span, "`consent_signal` and a rule for class `consent.signal` say the same thing")
                .note(rule.span, "the other one")
                .hint("keep one of them");
        } else if let Some(transform) = transform {
            fields.push(Field {
                subject,
                text: "consent_signal",
                span: &word.span,
                transform,
                transform_span: &word.span,
                inherited,
            });
        }
    }
    fields
}

/// Reads a `fields` mapping; equal paths in two spellings are one rule said twice.
pub(super) fn read_fields<'a>(cx: &mut Cx<'a>, written: &'a ast::Named<Spanned<Transform>>, inherited: bool) -> Vec<Field<'a>> {
    let mut fields: Vec<Field<'a>> = Vec::with_capacity(written.len());
    for (name, transform) in written {
        let Some(subject) = subject(cx, name) else { continue };
        if let Some(earlier) = fields.iter().find(|field| field.subject == subject) {
            cx.diagnostics
                .error(Code::SaidTwice, &name.span, format!("`{}` already has a rule", name.value))
                .note(earlier.span, "first here");
            continue;
        }
        fields.push(Field {
            subject,
            text: &name.value,
            span: &name.span,
            transform: &transform.value,
            transform_span: &transform.span,
            inherited,
        });
    }
    fields
}

fn subject<'a>(cx: &mut Cx<'a>, name: &'a Text) -> Option<Subject<'a>> {
    if name.value.starts_with('$') {
        return match Path::parse(&name.value) {
            Ok(path) => Some(Subject::Path(path)),
            Err(fault) => {
                cx.diagnostics.error(Code::BadPath, &name.span, format!("`{}` is not a path: {fault}", name.value));
                None
            }
        };
    }
    Some(Subject::Class(&name.value))
}

impl<'a> MergedSink<'a> {
    /// The sink's own key, else its template's.
    fn either<T>(&self, key: impl Fn(&'a ast::Sink) -> Option<T>) -> Option<T> {
        key(self.own).or_else(|| self.template.and_then(key))
    }

    /// `streams`
    pub(super) fn streams(&self) -> Option<&'a Spanned<Vec<Text>>> {
        self.own.streams.as_ref()
    }

    /// `topic`
    pub(super) fn topic(&self) -> Option<&'a Text> {
        self.own.topic.as_ref()
    }

    /// `vendor`
    pub(super) fn vendor(&self) -> Option<&'a Text> {
        self.own.vendor.as_ref()
    }

    /// `purposes`
    pub(super) fn purposes(&self) -> Option<&'a Spanned<ast::SinkPurposes>> {
        self.own.purposes.as_ref()
    }

    /// `location`
    pub(super) fn location(&self) -> Option<&'a Text> {
        self.either(|sink| sink.location.as_ref())
    }

    /// `transfers`
    pub(super) fn transfers(&self) -> &'a [Spanned<ast::Transfer>] {
        let written = self.either(|sink| Some(&sink.transfers).filter(|list| !list.is_empty()));
        written.map_or(&[], Vec::as_slice)
    }

    /// `tcf`
    pub(super) fn tcf(&self) -> Option<&'a Spanned<Vec<Spanned<u8>>>> {
        self.either(|sink| sink.tcf.as_ref())
    }

    /// `tcf` of the sink itself: a template's may serve other sinks.
    pub(super) fn own_tcf(&self) -> Option<&'a Spanned<Vec<Spanned<u8>>>> {
        self.own.tcf.as_ref()
    }

    /// `when`
    pub(super) fn when(&self) -> Option<&'a Spanned<ast::When>> {
        self.either(|sink| sink.when.as_ref())
    }

    /// `unlisted`
    pub(super) fn unlisted(&self) -> Option<&'a Text> {
        self.either(|sink| sink.unlisted.as_ref())
    }

    /// `record_key`
    pub(super) fn record_key(&self) -> Option<&'a Spanned<Transform>> {
        self.either(|sink| sink.record_key.as_ref())
    }

    /// `headers.keep`
    pub(super) fn headers(&self) -> &'a [Text] {
        self.either(|sink| sink.headers_keep.as_ref()).map_or(&[], Vec::as_slice)
    }

    /// `empty_parents`
    pub(super) fn empty_parents(&self) -> Option<&'a Text> {
        self.either(|sink| sink.empty_parents.as_ref())
    }

    /// `tombstones`
    pub(super) fn tombstones(&self) -> Option<&'a Text> {
        self.either(|sink| sink.tombstones.as_ref())
    }

    /// `denied`
    pub(super) fn denied(&self) -> Option<&'a Spanned<ast::Denied>> {
        self.either(|sink| sink.denied.as_ref())
    }
}
