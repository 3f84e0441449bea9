//! A US Privacy string's fields, and the same for people.

use super::{Fault, row};
use crate::consent::strings::usp::{Mark, UspString};
use serde::Serialize;
use std::io::Write;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Fields {
    ok: bool,
    version: u8,
    notice: &'static str,
    opt_out_sale: &'static str,
    lspa_covered: &'static str,
    ccpa_applies: bool,
    opted_out: Option<bool>,
    sale_allowed_strict: Option<bool>,
}

/// Writes the fields as one JSON object.
pub(super) fn json(text: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let usp = UspString::read(text)?;
    let UspString { notice, opt_out_sale, lspa_covered } = usp;
    let fields = Fields {
        ok: true,
        version: 1,
        notice: notice.as_str(),
        opt_out_sale: opt_out_sale.as_str(),
        lspa_covered: lspa_covered.as_str(),
        ccpa_applies: usp.ccpa_applies(),
        opted_out: usp.opted_out(),
        sale_allowed_strict: usp.sale_allowed(),
    };
    Ok(serde_json::to_writer(out, &fields)?)
}

/// Writes what a person asks of a US Privacy string.
pub(super) fn print(text: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let usp = UspString::read(text)?;
    writeln!(out, "US Privacy string")?;
    print_fields(&usp, out)
}

pub(super) fn print_fields(usp: &UspString, out: &mut Vec<u8>) -> Result<(), Fault> {
    let said = |mark: Mark, yes: &'static str, no: &'static str| match mark {
        Mark::Yes => yes,
        Mark::No => no,
        Mark::NotApplicable => "not applicable",
    };
    let sale = match usp.sale_allowed() {
        None => "the CCPA does not apply",
        Some(true) => "allowed",
        Some(false) => "not allowed",
    };
    row(out, "sale", sale)?;
    row(out, "notice, chance to opt out", said(usp.notice, "given", "not given"))?;
    row(out, "opt-out of sale", said(usp.opt_out_sale, "opted out", "did not opt out"))?;
    row(out, "covered by the LSPA", said(usp.lspa_covered, "yes", "no"))?;
    Ok(())
}
