//! `bucket`: the interval in which a number lies, in place of the number.

use super::Scalar;
use super::output::Output;

/// Longer texts are no numbers that anybody measures.
const LONGEST: usize = 64;

/// Writes `"18..25"` for 18 and up to, but without, 25; `"..18"` below the first edge, `"65.."` from the last one on. Strings
/// count where they are numbers as JSON writes them.
pub(super) fn write(value: Scalar<'_>, edges: &[f64], out: &mut Output<'_>) -> Option<()> {
    let text = match value {
        Scalar::Number(text) => text,
        Scalar::String(text) | Scalar::Bare(text) if is_number(text) => text,
        Scalar::String(_) | Scalar::Bare(_) => return None,
    };
    if text.len() > LONGEST {
        return None;
    }
    let number: f64 = text.parse().ok().filter(|number: &f64| number.is_finite())?;
    let above = edges.partition_point(|edge| *edge <= number);
    out.quote();
    match (above.checked_sub(1).map(|at| edges[at]), edges.get(above)) {
        (Some(from), Some(to)) => out.plain(format_args!("{from}..{to}")),
        (None, Some(to)) => out.plain(format_args!("..{to}")),
        (Some(from), None) => out.plain(format_args!("{from}..")),
        // The language asks for one edge at least.
        (None, None) => return None,
    }
    out.quote();
    Some(())
}

/// RFC 8259, section 6.
fn is_number(text: &str) -> bool {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let text = text.strip_prefix('-').unwrap_or(text);
    let (mantissa, exponent) =
        text.split_once(['e', 'E']).map_or((text, None), |(mantissa, exponent)| (mantissa, Some(exponent)));
    let (whole, fraction) = mantissa.split_once('.').map_or((mantissa, None), |(whole, fraction)| (whole, Some(fraction)));
    digits(whole)
        && (whole == "0" || !whole.starts_with('0'))
        && fraction.is_none_or(digits)
        && exponent.is_none_or(|exponent| digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bucket(value: Scalar<'_>, edges: &[f64]) -> Option<String> {
        let mut buffer = Vec::new();
        write(value, edges, &mut Output::json(&mut buffer))?;
        Some(String::from_utf8(buffer).unwrap())
    }

    #[test]
    fn edges_belong_to_the_interval_above() {
        let edges = [18.0, 25.0, 65.5];
        for (number, expected) in [
            ("17.999", "\"..18\""),
            ("18", "\"18..25\""),
            ("24.9", "\"18..25\""),
            ("25.0", "\"25..65.5\""),
            ("6.55e1", "\"65.5..\""),
            ("-3", "\"..18\""),
            ("1e99", "\"65.5..\""),
        ] {
            assert_eq!(bucket(Scalar::Number(number), &edges).as_deref(), Some(expected), "{number}");
            assert_eq!(bucket(Scalar::String(number), &edges).as_deref(), Some(expected), "{number}");
        }
        assert_eq!(bucket(Scalar::Number("-5"), &[-10.0, 0.0]).as_deref(), Some("\"-10..0\""));
    }

    #[test]
    fn drops_what_is_no_number() {
        for text in ["", "old", "18 years", "0x12", "NaN", "inf", "+18", "018", "1.", ".5", "1e", " 18"] {
            assert_eq!(bucket(Scalar::String(text), &[18.0]), None, "{text}");
        }
        assert_eq!(bucket(Scalar::Number("1e999"), &[18.0]), None, "beyond what can be compared");
    }
}
