//! `controller` and `vendors`: who receives data, in which role, where.

use super::Cx;
use super::regions::{Regions, country, transfers};
use super::tcf::registration;
use crate::event::{CountrySet, Timestamp};
use crate::plan::{Vendor, VendorRole};
use crate::policy::ast::{self, OrNone, Text};
use crate::policy::diagnostic::Code;
use jiff::ToSpan;
use jiff::tz::TimeZone;

/// The country of the controller; empty if the policy names none.
pub(super) fn controller(cx: &mut Cx<'_>) -> CountrySet {
    let policy = cx.policy;
    policy.controller.as_ref().and_then(|controller| country(cx, &controller.country)).into_iter().collect()
}

/// Reads `vendors`, in the order of the policy; a faulty one keeps its place.
pub(super) fn vendors(cx: &mut Cx<'_>, regions: &Regions<'_>) -> Vec<Vendor> {
    let policy = cx.policy;
    policy.vendors.iter().map(|(name, vendor)| one(cx, regions, name, vendor)).collect()
}

fn one(cx: &mut Cx<'_>, regions: &Regions<'_>, name: &Text, vendor: &ast::Vendor) -> Vendor {
    const ROLES: &[(&str, VendorRole)] = &[
        ("controller", VendorRole::Controller),
        ("joint_controller", VendorRole::JointController),
        ("processor", VendorRole::Processor),
    ];
    cx.refuse_empty(&vendor.countries, &name.span, "countries");
    let countries: CountrySet = vendor.countries.iter().filter_map(|text| country(cx, text)).collect();
    let role = cx.word(&vendor.role, ROLES);
    match role {
        Some(VendorRole::Controller | VendorRole::JointController) if vendor.disclosed_since.is_none() => {
            cx.diagnostics
                .error(
                    Code::DisclosureMissing,
                    &vendor.role.span,
                    format!("vendor `{}` is a controller without `disclosed_since`", name.value),
                )
                .hint("add the date on which people were first told about it: grants older than that do not cover it");
        }
        Some(VendorRole::Controller | VendorRole::JointController | VendorRole::Processor) | None => {}
    }
    check_tcf(cx, vendor);
    Vendor {
        name: name.value.as_str().into(),
        label: vendor.label.as_ref().unwrap_or(name).value.as_str().into(),
        role: role.unwrap_or(VendorRole::Controller),
        disclosed_since: vendor.disclosed_since.as_ref().and_then(|text| cx.day_begins(text)),
        transfers: transfers(cx, regions, &vendor.transfers, &countries),
        reviewed: vendor.reviewed.as_ref().and_then(|text| reviewed(cx, name, text)),
        countries,
        tcf: registration(vendor),
    }
}

/// When the vendor was last looked at; a warning where that is long ago.
fn reviewed(cx: &mut Cx<'_>, name: &Text, text: &Text) -> Option<Timestamp> {
    let reviewed = cx.day_begins(text)?;
    let due = reviewed.to_zoned(TimeZone::UTC).checked_add(12.months());
    if due.is_ok_and(|due| due.timestamp() < cx.now) {
        cx.diagnostics.warning(
            Code::ReviewOld,
            &text.span,
            format!("vendor `{}` was last reviewed more than 12 months ago", name.value),
        );
    }
    Some(reviewed)
}

fn check_tcf(cx: &mut Cx<'_>, vendor: &ast::Vendor) {
    let Some(OrNone::Some(tcf)) = &vendor.tcf else { return };
    for number in &tcf.flexible {
        let declared = tcf.purposes.iter().chain(&tcf.legitimate_interests).any(|known| known.value == number.value);
        if !declared {
            cx.diagnostics
                .error(Code::FlexibleAlone, &number.span, format!("purpose {} is flexible but on no legal basis", number.value))
                .hint("list it under `purposes` or `legitimate_interests` too: `flexible` alone changes nothing");
        }
    }
}
