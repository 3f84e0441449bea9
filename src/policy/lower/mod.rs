//! Gives a policy its meaning: resolves every name, checks what form cannot show, and makes the frozen plan.
//!
//! Each part works on the whole policy and reports everything it finds, so that one run shows every fault. Parts that
//! depend on a faulty one see it as absent; the plan is withheld as soon as there is one error.

mod assemble;
mod checks;
mod classes;
mod conditions;
mod detect;
mod disclosures;
mod fields;
mod inner;
mod overlap;
mod paths;
mod profiles;
mod purposes;
mod regions;
mod rotation;
mod signals;
mod sinks;
mod streams;
mod tcf;
mod templates;
mod topics;
mod transforms;
mod vendors;
mod warnings;
mod words;

#[cfg(test)]
mod tests;

use super::ast;
use super::diagnostic::{Diagnostics, SourceMap};
use crate::event::Timestamp;
use crate::keys::KeySet;
use crate::plan::{Pattern, Plan};
use std::sync::Arc;

/// The plan of a policy; `None` where it has errors. The caller sets the plan's hash.
pub(super) fn lower(policy: &ast::Policy, source: &SourceMap, keys: &KeySet, diagnostics: &mut Diagnostics) -> Option<Plan> {
    lower_at(policy, source, keys, Timestamp::now(), diagnostics)
}

/// As [`lower`], at a given time: some warnings are about dates.
fn lower_at(
    policy: &ast::Policy,
    source: &SourceMap,
    keys: &KeySet,
    now: Timestamp,
    diagnostics: &mut Diagnostics,
) -> Option<Plan> {
    let sound = !diagnostics.has_errors();
    let mut cx = Cx { policy, source, keys, now, sound, patterns: Vec::new(), diagnostics };
    cx.patterns = detect::patterns(&mut cx);
    let draft = assemble::draft(&mut cx);
    warnings::of_policy(&mut cx, &draft);
    if cx.diagnostics.has_errors() {
        return None;
    }
    warnings::of_routes(&mut cx, &draft);
    Some(assemble::plan(draft, keys))
}

/// What every part needs: the policy as written, and where to report.
struct Cx<'a> {
    policy: &'a ast::Policy,
    source: &'a SourceMap,
    keys: &'a KeySet,
    now: Timestamp,
    /// Whether the text had no fault of form: then what is absent here is absent there.
    sound: bool,
    /// The policy's patterns in its order; `None` for one with a fault.
    patterns: Vec<Option<Arc<Pattern>>>,
    diagnostics: &'a mut Diagnostics,
}
