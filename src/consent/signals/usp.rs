//! The US Privacy string, `1YNN`: the third character is the choice.
//!
//! Looks at one text. `Y` there is opted out of sale, and with it of sharing and targeted advertising; `N` is silence, for not
//! having opted out is no consent. `1---` says that the CCPA does not apply: silence. A `-` as the choice anywhere else,
//! and any other text, is broken.

use super::{DECLARED, Statement, Value, add, forbidden};
use crate::consent::strings::usp::UspString;
use crate::plan::Plan;

pub(super) fn read(plan: &Plan, value: Value<'_>, buffer: &mut Vec<u8>, out: &mut Statement) {
    if matches!(value, Value::Silent) {
        return;
    }
    let string = value.bytes(buffer).and_then(|text| UspString::read(text).ok());
    match string.map(|string| (string.ccpa_applies(), string.opted_out())) {
        Some((false, _)) | Some((true, Some(false))) => {}
        Some((true, Some(true))) => add(&mut out.opted_out, forbidden(plan, DECLARED)),
        Some((true, None)) | None => add(&mut out.invalid, forbidden(plan, DECLARED)),
    }
}
