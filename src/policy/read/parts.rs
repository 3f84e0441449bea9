//! Reads who and where: the controller, purposes, regimes, vendors, transfers and keys.

use super::super::ast::{Controller, Key, OrNone, Overlap, Purpose, Regime, Transfer, Vendor, VendorTcf};
use super::super::yaml::Node;
use super::{Fields, ints, texts};

/// Stands in for a date with a fault, so that it is not also taken for absent.
const SOME_DATE: &str = "2000-01-01";

pub(super) fn controller(node: &Node) -> Option<Controller> {
    let fields = Fields::of(node)?;
    Some(Controller { name: fields.text("name")?, country: fields.text("country")? })
}

pub(super) fn purpose(node: &Node) -> Option<Purpose> {
    let fields = Fields::of(node)?;
    Some(Purpose {
        label: fields.text("label"),
        legal_basis: fields.text("legal_basis")?,
        because: fields.text_or("because", "-"),
        tcf: fields.get("tcf").map(|node| or_none(node, ints)),
        tcf_li: fields.ints("tcf_li"),
        tcf_special_features: fields.ints("tcf_special_features"),
        opt_outs: fields.get("opt_outs").map(|node| or_none(node, texts)),
        consent_mode: fields.get("consent_mode").map(|node| or_none(node, texts)),
        max_age: fields.text_or("max_age", "P1Y"),
        silence: fields.text("silence"),
        special_categories: fields.texts("special_categories"),
    })
}

/// `none`, or what `read` reads.
fn or_none<T>(node: &Node, read: impl Fn(&Node) -> T) -> OrNone<T> {
    if node.text().is_some() { OrNone::None(node.span.clone()) } else { OrNone::Some(read(node)) }
}

pub(super) fn regime(node: &Node) -> Option<Regime> {
    let fields = Fields::of(node)?;
    Some(Regime { regions: fields.texts("in"), silence: fields.text_or("silence", "deny")?, gpc: fields.bool("gpc") })
}

pub(super) fn vendor(node: &Node) -> Option<Vendor> {
    let fields = Fields::of(node)?;
    let mut countries = fields.texts("countries");
    countries.extend(fields.text("country"));
    Some(Vendor {
        label: fields.text("name"),
        // A processor is asked for the least, should the word have a fault.
        role: fields.text_or("role", "processor")?,
        countries,
        disclosed_since: fields.text_or("disclosed_since", SOME_DATE),
        tcf: fields.get("tcf").and_then(vendor_tcf),
        transfers: fields.spanned_list("transfers", transfer),
        reviewed: fields.text_or("reviewed", SOME_DATE),
    })
}

fn vendor_tcf(node: &Node) -> Option<OrNone<VendorTcf>> {
    if node.text().is_some() {
        return Some(OrNone::None(node.span.clone()));
    }
    let fields = Fields::of(node)?;
    Some(OrNone::Some(VendorTcf {
        id: fields.int("id")?,
        purposes: fields.ints("purposes"),
        legitimate_interests: fields.ints("legitimate_interests"),
        flexible: fields.ints("flexible"),
    }))
}

pub(super) fn transfer(node: &Node) -> Option<Transfer> {
    let fields = Fields::of(node)?;
    Some(Transfer { from: fields.texts("from"), ground: fields.text("ground")?, until: fields.text_or("until", SOME_DATE) })
}

pub(super) fn key(node: &Node) -> Option<Key> {
    let fields = Fields::of(node)?;
    Some(Key { shared: fields.bool("shared").unwrap_or(false), overlap: fields.spanned("overlap", overlap) })
}

fn overlap(node: &Node) -> Option<Overlap> {
    let fields = Fields::of(node)?;
    Some(Overlap { duration: fields.text_or("for", "P1Y")?, suffix: fields.text("suffix")? })
}
