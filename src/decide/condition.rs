//! Evaluates `when` on the control values of one event, under three-valued logic (Kleene).

use super::Truth;
use crate::event::Capture;
use crate::event::json::{Kind, Text, has_escapes};
use crate::plan::{Condition, Each, Literal, Test};

/// Evaluates a `when` on the control values found in `value`. Only [`Truth::True`] routes. `buffer` is scratch for
/// strings that have escapes.
pub fn evaluate(condition: &Condition, value: &[u8], captures: &[Capture], buffer: &mut Vec<u8>) -> Truth {
    match condition {
        Condition::All(parts) => all(parts.iter().map(|part| evaluate(part, value, captures, buffer))),
        Condition::Any(parts) => any(parts.iter().map(|part| evaluate(part, value, captures, buffer))),
        Condition::Not(part) => not(evaluate(part, value, captures, buffer)),
        Condition::Test { slot, each, test } => {
            let mut values = captures.iter().filter(|capture| capture.slot == *slot).peekable();
            if let Test::Exists(wanted) = test {
                return truth(values.peek().is_some() == *wanted);
            }
            if values.peek().is_none() {
                return Truth::Unknown;
            }
            let answers = values.map(|capture| match value.get(capture.span.clone()) {
                Some(text) => holds(test, Text::new(text), buffer),
                None => Truth::Unknown,
            });
            match each {
                Each::All => all(answers),
                Each::Any => any(answers),
                Each::Agree => agree(answers),
            }
        }
    }
}

fn truth(yes: bool) -> Truth {
    if yes { Truth::True } else { Truth::False }
}

fn not(part: Truth) -> Truth {
    match part {
        Truth::True => Truth::False,
        Truth::False => Truth::True,
        Truth::Unknown => Truth::Unknown,
    }
}

/// False if any is, else unknown if any is, else true.
fn all(mut parts: impl Iterator<Item = Truth>) -> Truth {
    let step = |so_far, part| match (so_far, part) {
        (_, Truth::False) => Err(Truth::False),
        (_, Truth::Unknown) | (Truth::Unknown, Truth::True) => Ok(Truth::Unknown),
        (so_far, Truth::True) => Ok(so_far),
    };
    parts.try_fold(Truth::True, step).unwrap_or_else(|decided| decided)
}

/// True if any is, else unknown if any is, else false.
fn any(parts: impl Iterator<Item = Truth>) -> Truth {
    not(all(parts.map(not)))
}

/// What all say alike, else unknown.
fn agree(mut parts: impl Iterator<Item = Truth>) -> Truth {
    let Some(first) = parts.next() else { return Truth::Unknown };
    if parts.all(|part| part == first) { first } else { Truth::Unknown }
}

/// One test on one value; unknown on a value of another type than the test is about.
fn holds(test: &Test, value: Text<'_>, buffer: &mut Vec<u8>) -> Truth {
    match test {
        Test::Equals(literal) => equals(literal, value, buffer),
        Test::In(literals) => is_in(literals, value, buffer),
        // Handled where existence is seen; a value that is here exists.
        Test::Exists(wanted) => truth(*wanted),
        Test::StartsWith(prefix) => text(value, buffer).map_or(Truth::Unknown, |text| truth(text.starts_with(&**prefix))),
        Test::Matches(pattern) => text(value, buffer).map_or(Truth::Unknown, |text| truth(pattern.is_match(text))),
        Test::Gt(bound) => number(value).map_or(Truth::Unknown, |number| truth(number > *bound)),
        Test::Lt(bound) => number(value).map_or(Truth::Unknown, |number| truth(number < *bound)),
    }
}

/// True if any literal equals; false if one is of the value's type; else unknown.
fn is_in(literals: &[Literal], value: Text<'_>, buffer: &mut Vec<u8>) -> Truth {
    let mut answer = Truth::Unknown;
    for literal in literals {
        match equals(literal, value, buffer) {
            Truth::True => return Truth::True,
            Truth::False => answer = Truth::False,
            Truth::Unknown => {}
        }
    }
    answer
}

fn equals(literal: &Literal, value: Text<'_>, buffer: &mut Vec<u8>) -> Truth {
    match literal {
        Literal::Text(wanted) => text(value, buffer).map_or(Truth::Unknown, |text| truth(text == &**wanted)),
        Literal::Number(wanted) => exact_number(value).map_or(Truth::Unknown, |number| truth(number == *wanted)),
        Literal::Bool(wanted) => match value.kind() {
            Kind::True => truth(*wanted),
            Kind::False => truth(!*wanted),
            Kind::Null | Kind::Number | Kind::String | Kind::Array | Kind::Object => Truth::Unknown,
        },
    }
}

fn number(value: Text<'_>) -> Option<f64> {
    value.as_number()?.parse().ok()
}

/// The number, if it can be told from its neighbours: from 2^53 on several integers share one `f64`.
fn exact_number(value: Text<'_>) -> Option<f64> {
    number(value).filter(|number| number.abs() < EXACT_INTEGERS)
}

/// 2^53: below it every integer has an `f64` of its own (IEEE 754).
const EXACT_INTEGERS: f64 = 9_007_199_254_740_992.0;

/// The decoded string, if it is one: in place where it has no escapes.
fn text<'t>(value: Text<'t>, buffer: &'t mut Vec<u8>) -> Option<&'t str> {
    if value.kind() != Kind::String {
        return None;
    }
    let raw = value.raw();
    let inner = raw.get(1..raw.len().saturating_sub(1))?;
    if !has_escapes(inner) {
        return std::str::from_utf8(inner).ok();
    }
    buffer.clear();
    value.decode_into(buffer).then_some(())?;
    std::str::from_utf8(buffer).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::SlotId;

    /// Evaluates on the values of slot 0.
    fn on(condition: &Condition, values: &[&str]) -> Truth {
        let mut text = Vec::new();
        let mut captures = Vec::new();
        for value in values {
            let start = text.len();
            text.extend_from_slice(value.as_bytes());
            captures.push(Capture { slot: SlotId(0), span: start..text.len() });
            text.push(b',');
        }
        evaluate(condition, &text, &captures, &mut Vec::new())
    }

    fn test(each: Each, test: Test) -> Condition {
        Condition::Test { slot: SlotId(0), each, test }
    }

    fn equals(text: &str) -> Test {
        Test::Equals(Literal::Text(text.into()))
    }

    #[track_caller]
    fn check(condition: Test, cases: &[(&str, Truth)]) {
        let condition = test(Each::Agree, condition);
        for (value, expected) in cases {
            assert_eq!(on(&condition, &[value]), *expected, "{value}");
        }
    }

    use Truth::{False, True, Unknown};

    #[test]
    fn equality_is_by_decoded_text_by_number_and_by_boolean() {
        check(equals("a/b"), &[("\"a/b\"", True), (r#""\u0061\/b""#, True), ("\"A/b\"", False), ("\"\"", False)]);
        check(equals("1"), &[("1", Unknown), ("null", Unknown), ("true", Unknown), ("[\"1\"]", Unknown), ("{}", Unknown)]);
        check(Test::Equals(Literal::Number(10.0)), &[("10", True), ("1.0e1", True), ("10.5", False), ("\"10\"", Unknown)]);
        check(Test::Equals(Literal::Bool(true)), &[("true", True), ("false", False), ("1", Unknown), ("\"true\"", Unknown)]);
        check(Test::Equals(Literal::Bool(false)), &[("true", False), ("false", True), ("null", Unknown)]);
    }

    #[test]
    fn in_is_unknown_only_where_no_literal_is_of_the_values_type_and_none_equals() {
        let list = || Test::In(vec![Literal::Text("a".into()), Literal::Text("b".into())]);
        check(list(), &[("\"b\"", True), ("\"c\"", False), ("1", Unknown), ("null", Unknown)]);
        let mixed = Test::In(vec![Literal::Text("a".into()), Literal::Number(1.0)]);
        check(mixed, &[("1", True), ("\"a\"", True), ("\"c\"", False), ("2", False), ("true", Unknown)]);
    }

    #[test]
    fn text_and_number_tests_are_about_their_type() {
        check(Test::StartsWith("é".into()), &[("\"été\"", True), (r#""\u00e9t""#, True), ("\"e\"", False), ("3", Unknown)]);
        let pattern = regex::Regex::new("^a+$").expect("a pattern");
        check(Test::Matches(pattern), &[("\"aa\"", True), ("\"ab\"", False), ("null", Unknown)]);
        check(Test::Gt(2.0), &[("3", True), ("2", False), ("2.5e0", True), ("-9", False), ("\"3\"", Unknown), ("null", Unknown)]);
        check(Test::Lt(2.0), &[("1", True), ("2", False), ("1e400", False), ("{}", Unknown)]);
    }

    #[test]
    fn existence_is_never_unknown_and_null_exists() {
        for each in [Each::All, Each::Any, Each::Agree] {
            assert_eq!(on(&test(each, Test::Exists(true)), &[]), False);
            assert_eq!(on(&test(each, Test::Exists(false)), &[]), True);
            assert_eq!(on(&test(each, Test::Exists(true)), &["null", "1"]), True);
            assert_eq!(on(&test(each, Test::Exists(false)), &["null"]), False);
        }
    }

    #[test]
    fn several_values_count_as_each_says() {
        let values: [&[&str]; 6] = [&[], &["\"a\""], &["\"a\"", "\"b\""], &["\"b\"", "\"b\""], &["\"a\"", "1"], &["\"b\"", "1"]];
        for (each, expected) in [
            (Each::All, [Unknown, True, False, False, Unknown, False]),
            (Each::Any, [Unknown, True, True, False, True, Unknown]),
            (Each::Agree, [Unknown, True, Unknown, False, Unknown, Unknown]),
        ] {
            for (values, expected) in values.iter().zip(expected) {
                assert_eq!(on(&test(each, equals("a")), values), expected, "{each:?} {values:?}");
            }
        }
    }

    #[test]
    fn all_any_and_not_follow_kleene() {
        // Slot 0 holds "a": three conditions with known answers.
        let make = |truth| match truth {
            True => test(Each::Agree, equals("a")),
            False => test(Each::Agree, equals("b")),
            Unknown => test(Each::Agree, Test::Gt(0.0)),
        };
        let number = |truth| match truth {
            False => 0,
            Unknown => 1,
            True => 2,
        };
        for one in [True, False, Unknown] {
            assert_eq!(number(on(&Condition::Not(make(one).into()), &["\"a\""])), 2 - number(one));
            for other in [True, False, Unknown] {
                let pair = || vec![make(one), make(other)];
                // Kleene: conjunction is the minimum, disjunction the maximum.
                assert_eq!(number(on(&Condition::All(pair()), &["\"a\""])), number(one).min(number(other)));
                assert_eq!(number(on(&Condition::Any(pair()), &["\"a\""])), number(one).max(number(other)));
            }
        }
        assert_eq!(on(&Condition::All(Vec::new()), &[]), True);
        assert_eq!(on(&Condition::Any(Vec::new()), &[]), False);
    }
}
