//! Topics: what is read, what is written, and that the two never meet.

use super::Cx;
use super::conditions::compile;
use super::streams::StreamDraft;
use super::templates::MergedSink;
use crate::plan::TopicMatch;
use crate::policy::ast::{Spanned, Text, Topics};
use crate::policy::diagnostic::Code;

/// Topics that Privet itself uses under its usual configuration; `run` checks those that are configured.
const CONTROL: &[&str] =
    &["privacy.consent", "privacy.erasures", "privacy.subject-keys", "privacy.receipts", "privacy.quarantine"];

/// Kafka's limit on the name of a topic.
const NAME_BYTES: usize = 249;

/// Reads the source topics of a stream.
pub(super) fn topics(cx: &mut Cx<'_>, written: &Spanned<Topics>) -> Option<TopicMatch> {
    match &written.value {
        Topics::Names(names) => {
            cx.refuse_empty(names, &written.span, "topics");
            cx.refuse_repeats(names);
            names.iter().for_each(|name| check_name(cx, name));
            Some(TopicMatch::Names(names.iter().map(|name| name.value.as_str().into()).collect()))
        }
        Topics::Match(pattern) => {
            // Alone first, so that a fault is reported about what was written and nothing can end the group early.
            compile(cx, &pattern.value, &pattern.span)?;
            compile(cx, &format!("^(?:{})$", pattern.value), &pattern.span).map(TopicMatch::Pattern)
        }
    }
}

/// Kafka's rule for names, and the topics that are not for events.
pub(super) fn check_name(cx: &mut Cx<'_>, name: &Text) {
    let text = name.value.as_str();
    let legal = text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if text.is_empty() || text == "." || text == ".." || text.len() > NAME_BYTES || !legal {
        cx.diagnostics
            .error(Code::BadText, &name.span, format!("`{text}` is not the name of a topic"))
            .hint("Kafka allows letters, digits, `.`, `_` and `-`, at most 249 of them");
    }
    if is_control(text) {
        cx.diagnostics
            .error(Code::TopicLoop, &name.span, format!("`{text}` is a control topic, not one for events"))
            .hint("choose another topic");
    }
}

fn is_control(topic: &str) -> bool {
    CONTROL.contains(&topic) || topic.starts_with("__")
}

/// Reports sinks that share a topic and streams that would read what a sink writes or another stream reads.
pub(super) fn check_topics(cx: &mut Cx<'_>, streams: &[StreamDraft<'_>], sinks: &[MergedSink<'_>]) {
    let written: Vec<(&Text, &Text)> = sinks.iter().filter_map(|sink| Some((sink.name, sink.topic()?))).collect();
    for (position, (_, topic)) in written.iter().enumerate() {
        if let Some((other, first)) = written[..position].iter().find(|(_, earlier)| earlier.value == topic.value) {
            cx.diagnostics
                .error(Code::TopicTwice, &topic.span, format!("sink `{}` already writes to topic `{}`", other.value, topic.value))
                .note(&first.span, "first here")
                .hint("each sink has a topic of its own, so that no reader sees another's form of an event");
        }
    }
    for (position, stream) in streams.iter().enumerate() {
        let Some(topics) = &stream.topics else { continue };
        for (sink, topic) in written.iter().filter(|(_, topic)| topics.contains(&topic.value)) {
            cx.diagnostics
                .error(
                    Code::TopicLoop,
                    &stream.written.topics.span,
                    format!(
                        "stream `{}` would read topic `{}`, which sink `{}` writes",
                        stream.name.value, topic.value, sink.value
                    ),
                )
                .note(&topic.span, "written here")
                .hint("choose names or a pattern that no sink's topic meets");
        }
        if let TopicMatch::Pattern(pattern) = topics {
            for control in CONTROL.iter().filter(|control| pattern.is_match(control)) {
                cx.diagnostics
                    .error(
                        Code::TopicLoop,
                        &stream.written.topics.span,
                        format!("the pattern meets the control topic `{control}`"),
                    )
                    .hint("choose a pattern that no control topic meets");
            }
        }
        for earlier in &streams[..position] {
            check_shared(cx, earlier, stream);
        }
    }
}

/// A record belongs to one stream: which one must not depend on their order.
fn check_shared(cx: &mut Cx<'_>, earlier: &StreamDraft<'_>, later: &StreamDraft<'_>) {
    for (one, other) in [(earlier, later), (later, earlier)] {
        let (Some(topics), Topics::Names(names)) = (&one.topics, &other.written.topics.value) else { continue };
        for name in names.iter().filter(|name| topics.contains(&name.value)) {
            cx.diagnostics
                .error(
                    Code::TopicShared,
                    &later.written.topics.span,
                    format!(
                        "topic `{}` belongs to stream `{}` and to stream `{}`",
                        name.value, earlier.name.value, later.name.value
                    ),
                )
                .note(&earlier.written.topics.span, "the other stream")
                .hint("every topic belongs to one stream");
        }
    }
}
