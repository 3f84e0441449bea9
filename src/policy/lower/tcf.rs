//! TCF: what vendors registered, what a TC string must permit for each purpose of a sink.

use super::Cx;
use super::checks::purposes_of;
use super::sinks::SinkDraft;
use crate::event::PurposeId;
use crate::plan::{TcfNeed, TcfVendor};
use crate::policy::ast::{self, OrNone, Spanned};

/// A vendor's registration; `None` where it is not on the list.
pub(super) fn registration(vendor: &ast::Vendor) -> Option<TcfVendor> {
    let Some(OrNone::Some(tcf)) = &vendor.tcf else { return None };
    Some(TcfVendor {
        id: tcf.id.value,
        purposes: numbers(&tcf.purposes),
        legitimate_interests: numbers(&tcf.legitimate_interests),
        flexible: numbers(&tcf.flexible),
    })
}

/// What a TC string must permit for the purposes of a sink and of its profile.
pub(super) fn needs(cx: &Cx<'_>, sink: &SinkDraft<'_>) -> Vec<(PurposeId, TcfNeed)> {
    let mut needs: Vec<(PurposeId, TcfNeed)> = Vec::new();
    let own = sink.merged.tcf().map(|list| &list.value);
    for id in purposes_of(sink) {
        let purpose = &cx.policy.purposes[id.index()].1;
        if needs.iter().all(|(known, _)| *known != id)
            && let Some(need) = need(purpose, own)
        {
            needs.push((id, need));
        }
    }
    needs
}

/// A sink's own list stands in place of the purpose's, but not of `none`: there TC strings say nothing.
fn need(purpose: &ast::Purpose, own: Option<&Vec<Spanned<u8>>>) -> Option<TcfNeed> {
    let listed = match (&purpose.tcf, own) {
        (Some(OrNone::None(_)), _) => return None,
        (_, Some(own)) => numbers(own),
        (Some(OrNone::Some(listed)), None) => numbers(listed),
        (None, None) => 0,
    };
    let by_interest = numbers(&purpose.tcf_li);
    // What legitimate interest may permit must be permitted, also where the sink's own list leaves it out.
    let purposes = if own.is_some() { listed } else { listed | by_interest };
    let features = numbers(&purpose.tcf_special_features);
    let need = TcfNeed { purposes, by_interest, features };
    (purposes != 0 || features != 0).then_some(need)
}

fn numbers(list: &[Spanned<u8>]) -> u32 {
    list.iter().filter(|number| (1..=24).contains(&number.value)).fold(0, |set, number| set | 1 << (number.value - 1))
}
