//! Gives a policy its meaning: resolves every name, checks what form cannot show, and makes the frozen plan.

use super::ast;
use super::diagnostic::{Diagnostics, SourceMap};
use crate::keys::KeySet;
use crate::plan::Plan;

/// The plan of a policy; `None` where it has errors. The caller sets the plan's hash.
pub fn lower(_policy: &ast::Policy, _source: &SourceMap, _keys: &KeySet, _diagnostics: &mut Diagnostics) -> Option<Plan> {
    None
}
