//! `when`: as written → conditions on a stream's slots.

use super::Cx;
use super::paths::PathTable;
use crate::event::Path;
use crate::plan::{Condition, Each, Literal, Test};
use crate::policy::ast::{self, Scalar, Span, Spanned, Text, When};
use crate::policy::diagnostic::Code;
use regex::{Regex, RegexBuilder};

/// Bytes that a compiled pattern may take; far above what a name or a host needs.
const PATTERN_BYTES: usize = 1 << 20;

/// Compiles a `when`; `None` where it has faults.
pub(super) fn condition(cx: &mut Cx<'_>, when: &Spanned<When>, paths: &mut PathTable) -> Option<Condition> {
    match &when.value {
        When::All(parts) => Some(Condition::All(several(cx, parts, &when.span, paths)?)),
        When::Any(parts) => Some(Condition::Any(several(cx, parts, &when.span, paths)?)),
        When::Not(part) => Some(Condition::Not(Box::new(condition(cx, part, paths)?))),
        When::Test { path, each, test: written } => {
            let each = how_many(cx, path, each.as_ref());
            let test = test(cx, written)?;
            Some(Condition::Test { slot: paths.test_slot(&path.value), each: each?, test })
        }
    }
}

/// A condition on the elements of arrays, which may stand at several paths: its slots are its own.
pub(super) struct OnElements {
    condition: Condition,
    /// By slot: what is tested, from the element on.
    tested: Vec<Path>,
}

impl OnElements {
    /// The same with the slots of another table of paths.
    pub(super) fn within(&self, paths: &mut PathTable) -> Condition {
        self.condition.with_slots(&mut |slot| paths.test_slot(&self.tested[slot.index()]))
    }
}

/// Compiles the `when` of a filter; `None` where it has faults.
pub(super) fn on_elements(cx: &mut Cx<'_>, when: &Spanned<When>) -> Option<OnElements> {
    let mut paths = PathTable::default();
    let condition = condition(cx, when, &mut paths)?;
    Some(OnElements { condition, tested: paths.tested() })
}

fn several(cx: &mut Cx<'_>, parts: &[Spanned<When>], span: &Span, paths: &mut PathTable) -> Option<Vec<Condition>> {
    // An empty `all` would be true of everything.
    let empty = cx.refuse_empty(parts, span, "conditions");
    let compiled: Vec<Option<Condition>> = parts.iter().map(|part| condition(cx, part, paths)).collect();
    if empty { None } else { compiled.into_iter().collect() }
}

fn how_many(cx: &mut Cx<'_>, path: &Spanned<Path>, each: Option<&Text>) -> Option<Each> {
    match each {
        Some(word) => cx.word(word, &[("all", Each::All), ("any", Each::Any)]),
        None if path.value.is_plural() => {
            cx.diagnostics
                .error(Code::EachMissing, &path.span, format!("`{}` may name several places", path.value))
                .hint("say `each: all` or `each: any`");
            None
        }
        None => Some(Each::Agree),
    }
}

fn test(cx: &mut Cx<'_>, test: &Spanned<ast::Test>) -> Option<Test> {
    match &test.value {
        ast::Test::Equals(scalar) => Some(Test::Equals(literal(cx, scalar, &test.span)?)),
        ast::Test::In(scalars) => {
            let empty = cx.refuse_empty(scalars, &test.span, "values");
            let literals: Option<Vec<Literal>> = scalars.iter().map(|scalar| literal(cx, scalar, &test.span)).collect();
            literals.filter(|_| !empty).map(Test::In)
        }
        ast::Test::Exists(there) => Some(Test::Exists(*there)),
        ast::Test::StartsWith(text) => Some(Test::StartsWith(text.as_str().into())),
        ast::Test::Matches(pattern) => Some(Test::Matches(compile(cx, &pattern.value, &pattern.span)?)),
        ast::Test::Gt(number) => Some(Test::Gt(finite(cx, *number, &test.span)?)),
        ast::Test::Lt(number) => Some(Test::Lt(finite(cx, *number, &test.span)?)),
    }
}

fn literal(cx: &mut Cx<'_>, scalar: &Scalar, span: &Span) -> Option<Literal> {
    match scalar {
        Scalar::Text(text) => Some(Literal::Text(text.as_str().into())),
        Scalar::Number(number) if number.is_finite() && number.abs() >= EXACT_INTEGERS => {
            cx.diagnostics
                .error(Code::OutOfRange, span, "a number this large cannot be told from its neighbours")
                .hint("numbers are compared as IEEE 754 doubles; let the event carry it as text");
            None
        }
        Scalar::Number(number) => finite(cx, *number, span).map(Literal::Number),
        Scalar::Bool(truth) => Some(Literal::Bool(*truth)),
    }
}

/// 2^53: from here on several integers share one double, and an equality would hold for its neighbours too.
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;

/// JSON has no infinities and no NaN: such a test could never be true.
fn finite(cx: &mut Cx<'_>, number: f64, span: &Span) -> Option<f64> {
    if !number.is_finite() {
        cx.diagnostics.error(Code::OutOfRange, span, "no JSON number compares with this one");
    }
    number.is_finite().then_some(number)
}

/// Compiles a regular expression of bounded size; it runs in linear time.
pub(super) fn compile(cx: &mut Cx<'_>, pattern: &str, span: &Span) -> Option<Regex> {
    match RegexBuilder::new(pattern).size_limit(PATTERN_BYTES).build() {
        Ok(regex) => Some(regex),
        Err(fault) => {
            let why = match fault {
                regex::Error::CompiledTooBig(limit) => format!("it compiles to more than {limit} bytes"),
                other => last_line(&other.to_string()),
            };
            cx.diagnostics
                .error(Code::BadPattern, span, format!("the regular expression cannot be used: {why}"))
                .hint("patterns have no look-around and no back-references, so that they run in linear time");
            None
        }
    }
}

/// The regex crate draws a picture first and says what is wrong in its last line.
fn last_line(text: &str) -> String {
    text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
}
