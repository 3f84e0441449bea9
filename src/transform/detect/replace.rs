//! What takes the place of a find.

use super::{Find, What};
use crate::plan::{DetectRule, OnFind};
use crate::transform::output::Output;

/// Writes the text with every find replaced.
pub(in crate::transform) fn write(text: &str, rule: &DetectRule, finds: &[Find], out: &mut Output<'_>) {
    let mut clean = 0;
    out.quote();
    for find in finds {
        out.text(&text[clean..find.start]);
        match &rule.with {
            OnFind::Redact => {
                out.text("[");
                out.text(name(rule, find.what));
                out.text("]");
            }
            OnFind::Pseudonym(key) => key.pseudonym(&text.as_bytes()[find.start..find.end], out.buffer()),
            OnFind::Drop => {}
        }
        clean = find.end;
    }
    out.text(&text[clean..]);
    out.quote();
}

/// What a find is called.
fn name(rule: &DetectRule, what: What) -> &str {
    match what {
        What::Label(label) => label.as_str(),
        What::Pattern(position) => rule.patterns.get(usize::from(position)).map_or("pattern", |pattern| &pattern.name),
    }
}
