//! The letters of a `gcd`, and the same for people.

use super::{Fault, row};
use crate::consent::strings::gcd::{Gcd, Setting};
use serde_json::{Map, Value, json};
use std::io::Write;

fn word(granted: Option<bool>) -> Option<&'static str> {
    granted.map(|granted| if granted { "granted" } else { "denied" })
}

fn fields(setting: &Setting) -> Value {
    json!({
        "letter": char::from(setting.letter).to_string(),
        "known": setting.known,
        "default": word(setting.default),
        "update": word(setting.update),
        "effective": word(setting.effective()),
    })
}

/// Writes the four types as one JSON object.
pub(super) fn json(text: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let gcd = Gcd::read(text)?;
    let mut object = Map::from_iter([("ok".to_owned(), Value::Bool(true)), ("advisory".to_owned(), Value::Bool(true))]);
    object.extend(Gcd::TYPES.iter().zip(&gcd.types).map(|(name, setting)| ((*name).to_owned(), fields(setting))));
    Ok(serde_json::to_writer(out, &object)?)
}

/// Writes what a person asks of a `gcd`.
pub(super) fn print(text: &[u8], out: &mut Vec<u8>) -> Result<(), Fault> {
    let gcd = Gcd::read(text)?;
    writeln!(out, "Consent Mode gcd (advisory: Google does not document it)")?;
    for (name, setting) in Gcd::TYPES.iter().zip(&gcd.types) {
        let effective = word(setting.effective()).unwrap_or("not set");
        let (default, update) = (word(setting.default).unwrap_or("none"), word(setting.update).unwrap_or("none"));
        match setting.known {
            true => row(out, name, format_args!("{effective} (default {default}, update {update})"))?,
            false => row(out, name, format_args!("{effective} (letter {} is not known)", char::from(setting.letter)))?,
        }
    }
    Ok(())
}
