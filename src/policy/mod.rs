//! The policy language: as written → every error at once | plan.

pub mod ast;
mod canonical;
pub mod diagnostic;
mod files;
pub(crate) mod form;
pub(crate) mod grammar;
mod language;
mod lower;
mod read;
mod reference;
mod schema;
mod shapes;
pub mod yaml;

pub use canonical::canonical_hash;
pub use diagnostic::{Code, Diagnostic, Diagnostics, Severity, SourceMap, closest, did_you_mean};
pub use files::{Content, Files, Fingerprint, Opened, ReadError};
pub use reference::reference;
pub use schema::schema;

use crate::keys::KeySet;
use crate::plan::Plan;

/// What became of a policy's text.
pub struct Compiled {
    /// The plan; `None` where there are errors.
    pub plan: Option<Plan>,
    /// Errors and warnings.
    pub diagnostics: Diagnostics,
    /// The text, for printing them.
    pub source: SourceMap,
    /// The policy as written, as far as it could be read.
    pub written: ast::Policy,
}

impl Compiled {
    /// The diagnostics as a person reads them; empty if there are none.
    pub fn render(&self, colour: bool) -> String {
        self.diagnostics.render(&self.source, colour)
    }
}

/// Compiles a policy. There is a plan exactly where there is no error; every fault is reported at once.
/// `file_name` is what diagnostics show; nothing is read from disk.
pub fn compile(source: &str, file_name: &str, keys: &KeySet) -> Compiled {
    let source = SourceMap::new(file_name, source);
    let mut diagnostics = Diagnostics::default();
    let (mut plan, mut written) = (None, ast::Policy::default());
    if let Some(mut document) = read::read(&source, &mut diagnostics) {
        shapes::expand(&mut document.policy);
        let faults_of_form = diagnostics.has_errors();
        let so_far = diagnostics.added();
        plan = lower::lower(&document.policy, &source, keys, &mut diagnostics);
        if faults_of_form {
            // What was left out for its form may be all that they are about.
            diagnostics.drop_warnings_from(so_far);
        }
        if let Some(plan) = &mut plan {
            plan.hash = canonical_hash(&document.root);
        }
        written = document.policy;
    }
    Compiled { plan: plan.filter(|_| !diagnostics.has_errors()), diagnostics, source, written }
}
