//! Global Privacy Control: opted out of sale, sharing and targeted advertising, where the regime honours it.
//!
//! Looks at one value or header (`Sec-GPC`). `true`, `1` and the same as text are an opt-out; `false`, `0` and the
//! same as text are silence and never cancel another opt-out, as are null, an empty text and a missing place.
//! Anything else is broken, whatever the regime. It never grants.

use super::{DECLARED, Statement, Value, add, forbidden};
use crate::event::json::Kind;
use crate::plan::Plan;

pub(super) fn read(plan: &Plan, value: Value<'_>, buffer: &mut Vec<u8>, out: &mut Statement) {
    let text: Option<&[u8]> = match value {
        Value::Silent => return,
        Value::Broken => None,
        Value::Json(json) => match json.kind() {
            Kind::True | Kind::False | Kind::Number => Some(json.raw()),
            Kind::String => value.text(buffer).map(str::as_bytes),
            Kind::Null | Kind::Array | Kind::Object => None,
        },
        Value::Raw(text) => Some(text.as_bytes()),
    };
    let set = match text {
        Some(b"true" | b"1") => &mut out.gpc,
        Some(b"false" | b"0") => return,
        Some(_) | None => &mut out.invalid,
    };
    add(set, forbidden(plan, DECLARED));
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Case, purpose};
    use crate::event::{PurposeSet, SlotId};
    use crate::plan::{LegalBasis, OptOuts, Purpose, SignalKind, Source};

    /// Purposes 0 to 6: nothing, sale, sharing, targeted advertising, profiling, sensitive data, known child.
    fn case(source: Source) -> Case {
        let kinds = [
            OptOuts::default(),
            OptOuts::SALE,
            OptOuts::SHARING,
            OptOuts::TARGETED_ADVERTISING,
            OptOuts::PROFILING,
            OptOuts::SENSITIVE_DATA,
            OptOuts::KNOWN_CHILD,
        ];
        let purposes = kinds.map(|opt_outs| Purpose { opt_outs, ..purpose(LegalBasis::Consent) });
        Case::new().purposes(purposes.into()).signal(source, SignalKind::Gpc)
    }

    const DECLARED_PURPOSES: PurposeSet = PurposeSet(0b1110);

    #[test]
    fn on_is_an_opt_out_off_is_silence_and_the_rest_is_broken() {
        for (value, on, broken) in [
            ("true", true, false),
            ("1", true, false),
            ("\"1\"", true, false),
            ("\"true\"", true, false),
            (r#""\u0031""#, true, false),
            ("false", false, false),
            ("0", false, false),
            ("\"0\"", false, false),
            ("\"false\"", false, false),
            ("null", false, false),
            ("\"\"", false, false),
            ("2", false, true),
            ("1.0", false, true),
            ("\"yes\"", false, true),
            ("\"TRUE\"", false, true),
            ("\" 1\"", false, true),
            ("[1]", false, true),
            ("{}", false, true),
        ] {
            let facts = case(Source::Slot(SlotId(0))).capture(0, value).facts();
            let said = facts.statements.first().cloned().unwrap_or_default();
            assert_eq!(said.gpc, if on { DECLARED_PURPOSES } else { PurposeSet::EMPTY }, "{value}");
            assert_eq!(said.invalid, if broken { DECLARED_PURPOSES } else { PurposeSet::EMPTY }, "{value}");
            assert_eq!(facts.statements.len(), usize::from(on || broken), "{value}: silence is no statement");
            assert!(said.granted.is_empty() && said.opted_out.is_empty(), "{value}");
        }
        assert!(case(Source::Slot(SlotId(0))).facts().statements.is_empty(), "a missing place is silence");
    }

    #[test]
    fn headers_are_read_whatever_their_case() {
        let case = case(Source::Header("Sec-GPC".into()));
        assert_eq!(case.clone().header("sec-gpc", b"1").facts().statements[0].gpc, DECLARED_PURPOSES);
        assert_eq!(case.clone().header("Sec-GPC", b"0").header("Sec-GPC", b"1").facts().statements[0].gpc, DECLARED_PURPOSES);
        assert_eq!(case.clone().header("Sec-GPC", b"\xff").facts().statements[0].invalid, DECLARED_PURPOSES);
        assert!(case.clone().header("Sec-GPC", b"").header("other", b"1").facts().statements.is_empty());
    }
}
