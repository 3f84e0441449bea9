//! `coarsen_geo`: a coordinate with fewer decimals.

use super::Scalar;
use super::output::Output;

/// More digits than any coordinate has; what is longer is dropped.
const MAX_DIGITS: usize = 40;
/// The largest exponent, either way, that is followed.
const MAX_EXPONENT: i32 = 30;
/// No longitude is greater; a number beyond it is something else, such as a telephone number, and whole
/// numbers pass rounding as they are.
const MAX_DEGREES: u32 = 180;

/// Rounds the decimal text, half away from zero; a number stays a number, a string a string. No binary
/// fraction is involved, so that `2.675` is `2.68` on every machine.
pub(super) fn write(value: Scalar<'_>, decimals: usize, out: &mut Output<'_>) -> Option<()> {
    let (text, is_string) = match value {
        Scalar::Number(text) => (text, false),
        Scalar::String(text) | Scalar::Bare(text) => (text, true),
    };
    let rounded = Decimal::parse(text)?.round(decimals)?;
    if is_string {
        out.quote();
    }
    rounded.print(out);
    if is_string {
        out.quote();
    }
    Some(())
}

/// A decimal number: digits, of which the first `whole` stand before the point.
struct Decimal {
    negative: bool,
    digits: [u8; Self::ROOM],
    len: usize,
    whole: usize,
}

impl Decimal {
    const ROOM: usize = 2 * MAX_DIGITS + 2 * MAX_EXPONENT as usize + 2;

    /// Reads RFC 8259's number grammar, from a string too.
    fn parse(text: &str) -> Option<Decimal> {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
        let (mantissa, exponent) = match text.split_once(['e', 'E']) {
            Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
            None => (text, 0),
        };
        let (whole, fraction) = match mantissa.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (mantissa, ""),
        };
        let digits_only = whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
        let leading_zero = whole.len() > 1 && whole.starts_with('0');
        if whole.is_empty() || !digits_only || leading_zero || whole.len() > MAX_DIGITS || fraction.len() > MAX_DIGITS {
            return None;
        }
        // One leading zero stands ready for a carry, and zeros around it for the exponent.
        let before = 1 + usize::try_from(-exponent).unwrap_or(0);
        let after = usize::try_from(exponent).unwrap_or(0);
        let mut number = Decimal { negative, digits: [0; Self::ROOM], len: 0, whole: 0 };
        number.len = before;
        for byte in whole.bytes().chain(fraction.bytes()) {
            number.digits[number.len] = byte - b'0';
            number.len += 1;
        }
        number.len += after;
        number.whole = usize::try_from(i32::try_from(before + whole.len()).ok()? + exponent).ok()?;
        Some(number)
    }

    /// The number with at most so many decimals; `None` if it is no coordinate.
    fn round(mut self, decimals: usize) -> Option<Decimal> {
        let keep = self.whole + decimals;
        if keep < self.len {
            let up = self.digits[keep] >= 5;
            self.len = keep;
            if up {
                self.increment();
            }
        }
        let degrees = self.digits[..self.whole].iter().try_fold(0u32, |sum, digit| {
            let sum = sum * 10 + u32::from(*digit);
            (sum <= MAX_DEGREES).then_some(sum)
        })?;
        let has_fraction = self.digits[self.whole..self.len].iter().any(|digit| *digit != 0);
        if degrees == MAX_DEGREES && has_fraction {
            return None;
        }
        // A minus before zero would tell the side of the meridian.
        self.negative &= degrees != 0 || has_fraction;
        Some(self)
    }

    fn increment(&mut self) {
        for digit in self.digits[..self.len].iter_mut().rev() {
            if *digit < 9 {
                *digit += 1;
                return;
            }
            *digit = 0;
        }
    }

    fn print(&self, out: &mut Output<'_>) {
        let first = self.digits[..self.whole].iter().position(|digit| *digit != 0).unwrap_or(self.whole - 1);
        let buffer = out.buffer();
        if self.negative {
            buffer.push(b'-');
        }
        buffer.extend(self.digits[first..self.whole].iter().map(|digit| digit + b'0'));
        if self.len > self.whole {
            buffer.push(b'.');
            buffer.extend(self.digits[self.whole..self.len].iter().map(|digit| digit + b'0'));
        }
    }
}

fn parse_exponent(text: &str) -> Option<i32> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let exponent: i32 = text.parse().ok()?;
    (exponent.abs() <= MAX_EXPONENT).then_some(exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coarsen(value: Scalar<'_>, decimals: usize) -> Option<String> {
        let mut buffer = Vec::new();
        write(value, decimals, &mut Output::json(&mut buffer))?;
        Some(String::from_utf8(buffer).unwrap())
    }

    #[test]
    fn rounds_decimal_text() {
        for (text, decimals, expected) in [
            ("52.520008", 2, "52.52"),
            ("13.404954", 2, "13.40"),
            ("48.858370", 1, "48.9"),
            ("-0.127758", 1, "-0.1"),
            ("-0.04", 1, "0.0"),
            ("2.675", 2, "2.68"),
            ("-2.675", 2, "-2.68"),
            ("9.999", 2, "10.00"),
            ("99.96", 1, "100.0"),
            ("0.5", 0, "1"),
            ("52.5", 3, "52.5"),
            ("52", 2, "52"),
            ("1.340495e1", 2, "13.40"),
            ("5.0E-5", 4, "0.0001"),
            ("5.0E-5", 2, "0.00"),
            ("1e2", 1, "100"),
            ("-180.0", 1, "-180.0"),
            ("179.99", 1, "180.0"),
            ("0", 0, "0"),
        ] {
            assert_eq!(coarsen(Scalar::Number(text), decimals).as_deref(), Some(expected), "{text}");
            assert_eq!(coarsen(Scalar::String(text), decimals), Some(format!("\"{expected}\"")), "{text}");
        }
    }

    #[test]
    fn drops_what_is_no_coordinate() {
        for text in [
            "",
            "-",
            "+1.5",
            " 1.5",
            "1.",
            ".5",
            "01.5",
            "1e",
            "1e99",
            "1,5",
            "52.5N",
            "NaN",
            "Infinity",
            "180.5",
            "49301234567",
            "1.5.2",
        ] {
            assert_eq!(coarsen(Scalar::String(text), 2), None, "{text}");
        }
        assert_eq!(coarsen(Scalar::Number(&format!("1.{}", "3".repeat(41))), 2), None);
    }
}
