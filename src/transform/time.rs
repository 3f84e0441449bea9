//! `coarsen_time`: the start of the hour, day, week or month, in UTC.

use super::Scalar;
use super::output::Output;
use crate::event::Timestamp;
use crate::plan::TimeUnit;
use jiff::civil::DateTime;
use jiff::tz::Offset;

/// Integers from here on are milliseconds (the instant is in March 1973), below it seconds (the year 5138).
const FIRST_MILLISECOND: i64 = 100_000_000_000;
/// Smaller numbers are no times of events in either unit.
const FIRST_SECOND: i64 = 100_000_000;
/// From here on the unit would be micro- or nanoseconds; as milliseconds it is the year 5138.
const LAST_MILLISECOND: i64 = 100_000_000_000_000;

/// RFC 3339 text gives RFC 3339 text in UTC, to the second; an integer an integer of its own unit.
pub(super) fn write(value: Scalar<'_>, unit: TimeUnit, out: &mut Output<'_>) -> Option<()> {
    match value {
        Scalar::String(text) => write_text(text, unit, out),
        Scalar::Number(text) => write_number(text, unit, out),
        Scalar::Bare(text) => write_number(text, unit, out).or_else(|| write_text(text, unit, out)),
    }
}

fn write_text(text: &str, unit: TimeUnit, out: &mut Output<'_>) -> Option<()> {
    if !is_rfc3339(text.as_bytes()) {
        return None;
    }
    let start = start_of(text.parse().ok()?, unit)?;
    if start.year() < 0 {
        return None;
    }
    out.quote();
    out.plain(format_args!("{:04}-{:02}-{:02}T{:02}:00:00Z", start.year(), start.month(), start.day(), start.hour()));
    out.quote();
    Some(())
}

fn write_number(text: &str, unit: TimeUnit, out: &mut Output<'_>) -> Option<()> {
    if !text.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let number: i64 = text.parse().ok()?;
    let (instant, scale) = match number {
        FIRST_SECOND..FIRST_MILLISECOND => (Timestamp::from_second(number).ok()?, 1),
        FIRST_MILLISECOND..LAST_MILLISECOND => (Timestamp::from_millisecond(number).ok()?, 1000),
        _ => return None,
    };
    let start = Offset::UTC.to_timestamp(start_of(instant, unit)?).ok()?;
    out.plain(format_args!("{}", start.as_second() * scale));
    Some(())
}

/// The shape of RFC 3339, section 5.6: `2026-11-22T10:35:45[.123](Z|±hh:mm)`. The parser below takes more, such as
/// bracketed zone names.
fn is_rfc3339(text: &[u8]) -> bool {
    let shaped = |text: &[u8], shape: &[u8]| {
        text.len() == shape.len()
            && text
                .iter()
                .zip(shape)
                .all(|(byte, form)| if *form == b'0' { byte.is_ascii_digit() } else { byte.eq_ignore_ascii_case(form) })
    };
    let Some((date_time, rest)) = text.split_at_checked(19) else { return false };
    let fraction = match rest.split_first() {
        Some((b'.', digits)) => digits.iter().take_while(|byte| byte.is_ascii_digit()).count() + 1,
        Some(_) | None => 0,
    };
    let zone = &rest[fraction..];
    let zoned = shaped(zone, b"Z") || shaped(zone, b"+00:00") || shaped(zone, b"-00:00");
    fraction != 1 && zoned && (shaped(date_time, b"0000-00-00T00:00:00") || shaped(date_time, b"0000-00-00 00:00:00"))
}

fn start_of(instant: Timestamp, unit: TimeUnit) -> Option<DateTime> {
    let at = Offset::UTC.to_datetime(instant);
    let date = at.date();
    Some(match unit {
        TimeUnit::Hour => date.at(at.hour(), 0, 0, 0),
        TimeUnit::Day => date.at(0, 0, 0, 0),
        TimeUnit::Week => {
            let days = i64::from(date.weekday().to_monday_zero_offset());
            date.checked_sub(jiff::SignedDuration::from_hours(24 * days)).ok()?.at(0, 0, 0, 0)
        }
        TimeUnit::Month => date.first_of_month().at(0, 0, 0, 0),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coarsen(value: Scalar<'_>, unit: TimeUnit) -> Option<String> {
        let mut buffer = Vec::new();
        write(value, unit, &mut Output::json(&mut buffer))?;
        Some(String::from_utf8(buffer).unwrap())
    }

    #[test]
    fn gives_the_start_in_utc() {
        // 2026-11-22 is a Sunday; 2024-02-29 a Thursday.
        for (text, unit, expected) in [
            ("2026-11-22T10:35:45.123Z", TimeUnit::Hour, "2026-11-22T10:00:00Z"),
            ("2026-11-22T10:35:45.123Z", TimeUnit::Day, "2026-11-22T00:00:00Z"),
            ("2026-11-22T10:35:45Z", TimeUnit::Week, "2026-11-16T00:00:00Z"),
            ("2026-11-16T00:00:00Z", TimeUnit::Week, "2026-11-16T00:00:00Z"),
            ("2026-11-22T10:35:45Z", TimeUnit::Month, "2026-11-01T00:00:00Z"),
            ("2026-11-22T01:35:45+02:00", TimeUnit::Day, "2026-11-21T00:00:00Z"),
            ("2026-12-31T23:30:00-05:00", TimeUnit::Month, "2027-01-01T00:00:00Z"),
            ("2024-02-29t23:59:60z", TimeUnit::Day, "2024-02-29T00:00:00Z"),
            ("2025-01-01 00:00:00.5+00:00", TimeUnit::Week, "2024-12-30T00:00:00Z"),
        ] {
            assert_eq!(coarsen(Scalar::String(text), unit), Some(format!("\"{expected}\"")), "{text}");
        }
    }

    #[test]
    fn integers_keep_their_unit() {
        // date -u -d 2026-11-22T10:35:45Z +%s is 1795343745.
        assert_eq!(coarsen(Scalar::Number("1795343745"), TimeUnit::Day).as_deref(), Some("1795305600"));
        assert_eq!(coarsen(Scalar::Number("1795343745123"), TimeUnit::Hour).as_deref(), Some("1795341600000"));
        assert_eq!(coarsen(Scalar::Bare("1795343745"), TimeUnit::Day).as_deref(), Some("1795305600"));
    }

    #[test]
    fn drops_what_is_no_certain_time() {
        for text in [
            "",
            "2026-11-22",
            "2026-11-22T10:35Z",
            "2026-11-22T10:35:45",
            "2026-11-22T10:35:45.Z",
            "2026-13-22T10:35:45Z",
            "2026-11-22T10:35:45Z[UTC]",
            "2026-11-22T10:35:45+02",
            "20261122T103545Z",
            "1795343745",
            "now",
        ] {
            assert_eq!(coarsen(Scalar::String(text), TimeUnit::Day), None, "{text}");
        }
        for text in ["0", "-1795343745", "99999999", "1795343745.5", "1.795343745e9", "1795343745123456", "99999999999999999999"]
        {
            assert_eq!(coarsen(Scalar::Number(text), TimeUnit::Day), None, "{text}");
        }
    }
}
