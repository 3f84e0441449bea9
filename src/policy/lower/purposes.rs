//! `purposes`: legal bases, opt-outs, ages of grants, special categories.

use super::Cx;
use crate::event::PurposeSet;
use crate::plan::{ConsentTypes, LegalBasis, OptOuts, Purpose};
use crate::policy::ast::{self, OrNone, Text};
use crate::policy::diagnostic::Code;

const BASES: &[(&str, LegalBasis)] = &[
    ("consent", LegalBasis::Consent),
    ("contract", LegalBasis::Contract),
    ("legal_obligation", LegalBasis::LegalObligation),
    ("vital_interests", LegalBasis::VitalInterests),
    ("public_task", LegalBasis::PublicTask),
    ("legitimate_interests", LegalBasis::LegitimateInterests),
];

const OPT_OUTS: &[(&str, OptOuts)] = &[
    ("sale", OptOuts::SALE),
    ("sharing", OptOuts::SHARING),
    ("targeted_advertising", OptOuts::TARGETED_ADVERTISING),
    ("profiling", OptOuts::PROFILING),
    ("sensitive_data", OptOuts::SENSITIVE_DATA),
    ("known_child", OptOuts::KNOWN_CHILD),
];

/// Reads `purposes`, in the order of the policy; a faulty one keeps its place.
pub(super) fn purposes(cx: &mut Cx<'_>) -> Vec<Purpose> {
    let policy = cx.policy;
    if let Some((name, _)) = policy.purposes.get(PurposeSet::CAPACITY) {
        let message = format!("a policy has at most {} purposes", PurposeSet::CAPACITY);
        cx.diagnostics.error(Code::TooMany, &name.span, message);
    }
    policy.purposes.iter().map(|(name, purpose)| one(cx, name, purpose)).collect()
}

fn one(cx: &mut Cx<'_>, name: &Text, purpose: &ast::Purpose) -> Purpose {
    let known = cx.word(&purpose.legal_basis, BASES);
    let basis = known.unwrap_or(LegalBasis::Consent);
    if known.is_some_and(|basis| !basis.needs_signal()) {
        check_other_basis(cx, name, purpose);
    }
    check_max_age(cx, name, purpose, known);
    let mut opt_outs = OptOuts::default();
    if let Some(OrNone::Some(words)) = &purpose.opt_outs {
        cx.refuse_repeats(words);
        for word in words {
            opt_outs = opt_outs.union(cx.word(word, OPT_OUTS).unwrap_or_default());
        }
    }
    let mut consent_mode = ConsentTypes::default();
    if let Some(OrNone::Some(words)) = &purpose.consent_mode {
        cx.refuse_repeats(words);
        let types: Vec<_> = ConsentTypes::NAMES.iter().filter_map(|name| Some((*name, ConsentTypes::named(name)?))).collect();
        for word in words {
            consent_mode = consent_mode.union(cx.word(word, &types).unwrap_or_default());
        }
    }
    let silence_denies = cx.word_or(purpose.silence.as_ref(), &[("deny", true)], false);
    Purpose {
        name: name.value.as_str().into(),
        label: purpose.label.as_ref().map(|label| label.value.as_str().into()),
        basis,
        opt_outs,
        consent_mode,
        silence_denies,
        special_categories: purpose.special_categories.iter().map(|category| category.value.as_str().into()).collect(),
        max_age: purpose.max_age.as_ref().and_then(|text| cx.duration(text)),
        line: cx.source.line(&name.span),
    }
}

/// A basis that asks for no signal says why it holds, and maps no signal.
fn check_other_basis(cx: &mut Cx<'_>, name: &Text, purpose: &ast::Purpose) {
    if purpose.because.as_ref().is_none_or(|because| because.value.trim().is_empty()) {
        let span = purpose.because.as_ref().map_or(&purpose.legal_basis.span, |because| &because.span);
        cx.diagnostics
            .error(
                Code::BasisUnexplained,
                span,
                format!("purpose `{}` does not say why `{}` applies", name.value, purpose.legal_basis.value),
            )
            .hint("add `because: \"…\"`; every basis but consent and legitimate_interests says why");
    }
    let lists = [
        ("tcf", is_list(&purpose.tcf)),
        ("tcf_li", !purpose.tcf_li.is_empty()),
        ("tcf_special_features", !purpose.tcf_special_features.is_empty()),
        ("opt_outs", is_list(&purpose.opt_outs)),
        ("consent_mode", is_list(&purpose.consent_mode)),
    ];
    for (key, _) in lists.iter().filter(|(_, set)| *set) {
        cx.diagnostics
            .error(
                Code::BasisTakesNoSignals,
                &purpose.legal_basis.span,
                format!("purpose `{}` sets `{key}`, but `{}` asks for no signal", name.value, purpose.legal_basis.value),
            )
            .hint("signals speak for consent and legitimate_interests only; remove it or write `none`");
    }
}

fn is_list<T>(list: &Option<OrNone<T>>) -> bool {
    matches!(list, Some(OrNone::Some(_)))
}

/// A grant that never ages is one that nobody may remember giving; where no grant is asked for, none can age.
fn check_max_age(cx: &mut Cx<'_>, name: &Text, purpose: &ast::Purpose, basis: Option<LegalBasis>) {
    match (&purpose.max_age, basis) {
        (None, Some(LegalBasis::Consent)) => {
            cx.diagnostics
                .warning(Code::NoMaxAge, &name.span, format!("grants for purpose `{}` never grow too old", name.value))
                .hint("add `max_age: P13M`, or how long a grant is to hold");
        }
        (Some(age), Some(basis)) if basis != LegalBasis::Consent => {
            let message = format!("`max_age` can never apply: purpose `{}` asks for no grant", name.value);
            cx.diagnostics.warning(Code::NeverApplies, &age.span, message);
        }
        (Some(_) | None, Some(_) | None) => {}
    }
}
