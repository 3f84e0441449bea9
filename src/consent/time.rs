//! When an event happened: its own time where that can be believed, else the record's, else now.

use super::source::{Event, Value};
use crate::event::Timestamp;
use crate::event::json::Kind;
use crate::plan::{TimeFormat, TimeRule};

/// How far a collector's clock may run ahead of ours before its times are no longer believed (`decision.md`).
const SKEW_SECONDS: i64 = 5 * 60;

/// The time of the event. Several times at one path (batches): the earliest, under which grants are
/// oldest, each that is not believed counting as the record's.
pub(super) fn event_time(event: &Event<'_>, rule: Option<&TimeRule>, now: Timestamp, buffer: &mut Vec<u8>) -> Timestamp {
    let fallback = event.record.timestamp.filter(|time| believable(*time, now)).unwrap_or(now);
    let Some(rule) = rule else { return fallback };
    let mut earliest: Option<Timestamp> = None;
    for value in event.values(&rule.source) {
        let time = read(value, rule.format, buffer).filter(|time| believable(*time, now)).unwrap_or(fallback);
        earliest = Some(earliest.map_or(time, |earliest| earliest.min(time)));
    }
    earliest.unwrap_or(fallback)
}

fn believable(time: Timestamp, now: Timestamp) -> bool {
    time.as_nanosecond() - now.as_nanosecond() <= i128::from(SKEW_SECONDS) * 1_000_000_000
}

fn read(value: Value<'_>, format: TimeFormat, buffer: &mut Vec<u8>) -> Option<Timestamp> {
    let unit = match format {
        TimeFormat::Rfc3339 => return rfc3339(value.bytes(buffer)?),
        TimeFormat::Snowplow => return snowplow(value.bytes(buffer)?),
        TimeFormat::Millis => 1_000_000,
        TimeFormat::Seconds => 1_000_000_000,
    };
    match value {
        Value::Json(text) if text.kind() == Kind::Number => decimal(text.as_number()?, unit),
        Value::Silent | Value::Broken | Value::Json(_) | Value::Raw(_) => decimal(value.text(buffer)?, unit),
    }
}

/// A decimal number of units of so many nanoseconds, without exponent.
pub(super) fn decimal(text: &str, unit: i128) -> Option<Timestamp> {
    let (negative, digits) = text.strip_prefix('-').map_or((false, text), |digits| (true, digits));
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    let plain = |digits: &str| !digits.is_empty() && digits.bytes().all(|digit| digit.is_ascii_digit());
    if whole.len() > 18 || !plain(whole) || !plain(fraction) {
        return None;
    }
    let mut nanoseconds = whole.parse::<i128>().ok()? * unit;
    let mut place = unit;
    for digit in fraction.bytes() {
        place /= 10;
        nanoseconds += i128::from(digit - b'0') * place;
    }
    let nanoseconds = if negative { -nanoseconds } else { nanoseconds };
    let seconds = i64::try_from(nanoseconds.div_euclid(1_000_000_000)).ok()?;
    instant(seconds, nanoseconds.rem_euclid(1_000_000_000) as i32)
}

/// `2026-11-20T10:02:11.905Z` (RFC 3339, section 5.6; `t`, `z` and a space as it allows).
pub(super) fn rfc3339(text: &[u8]) -> Option<Timestamp> {
    let (local, nanoseconds, rest) = date_time(text, b"Tt ")?;
    let offset = match rest {
        b"Z" | b"z" => 0,
        [sign @ (b'+' | b'-'), hours @ .., b':', m1, m2] if hours.len() == 2 => {
            let (hours, minutes) = (number(hours)?, number(&[*m1, *m2])?);
            if hours > 23 || minutes > 59 {
                return None;
            }
            (hours * 60 + minutes) * if *sign == b'-' { -60 } else { 60 }
        }
        _ => return None,
    };
    instant(local - offset, nanoseconds)
}

/// `2026-11-20 10:02:11.905`, UTC.
fn snowplow(text: &[u8]) -> Option<Timestamp> {
    match date_time(text, b" ")? {
        (seconds, nanoseconds, b"") => instant(seconds, nanoseconds),
        _ => None,
    }
}

/// Date and time with the fraction: seconds and nanoseconds since the epoch as if in UTC, and what follows.
fn date_time<'t>(text: &'t [u8], separators: &[u8]) -> Option<(i64, i32, &'t [u8])> {
    let (head, mut rest) = text.split_at_checked(19)?;
    let marks = [(4, b'-'), (7, b'-'), (13, b':'), (16, b':')];
    if marks.iter().any(|(at, mark)| head[*at] != *mark) || !separators.contains(&head[10]) {
        return None;
    }
    let (year, month, day) = (number(&head[..4])?, number(&head[5..7])?, number(&head[8..10])?);
    let (hour, minute, second) = (number(&head[11..13])?, number(&head[14..16])?, number(&head[17..19])?);
    // A leap second (RFC 3339, section 5.7) counts as the last second before it.
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 60 {
        return None;
    }
    let mut nanoseconds = 0;
    if let [b'.', digits @ ..] = rest {
        let length = digits.iter().take_while(|digit| digit.is_ascii_digit()).count();
        if length == 0 {
            return None;
        }
        let mut place = 1_000_000_000;
        for digit in &digits[..length] {
            place /= 10;
            nanoseconds += i32::from(digit - b'0') * place;
        }
        rest = &digits[length..];
    }
    let seconds = ((days_from_epoch(year, month, day) * 24 + hour) * 60 + minute) * 60 + second.min(59);
    Some((seconds, nanoseconds, rest))
}

fn number(digits: &[u8]) -> Option<i64> {
    digits.iter().try_fold(0, |value, digit| digit.is_ascii_digit().then(|| value * 10 + i64::from(digit - b'0')))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 => 28 + i64::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970-01-01 in the Gregorian calendar.
fn days_from_epoch(year: i64, month: i64, day: i64) -> i64 {
    const BEFORE_MONTH: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
    let leap_days = |year: i64| year / 4 - year / 100 + year / 400;
    let past = year - 1;
    let in_year = BEFORE_MONTH[(month - 1) as usize] + i64::from(month > 2 && is_leap(year)) + day - 1;
    (year - 1970) * 365 + leap_days(past) - leap_days(1969) + in_year
}

/// So many seconds and nanoseconds after the epoch. Nothing outside the years 1 to 9999 is a time of an event; the check keeps
/// the error path, which allocates, away.
fn instant(seconds: i64, nanoseconds: i32) -> Option<Timestamp> {
    const FIRST: i64 = -62_135_596_800;
    const LAST: i64 = 253_402_207_200;
    (FIRST..LAST).contains(&seconds).then(|| Timestamp::new(seconds, nanoseconds).ok())?
}

#[cfg(test)]
mod tests {
    use super::super::tests::{Case, NOW, at};
    use super::*;
    use crate::event::SlotId;
    use crate::plan::Source;

    fn with(format: TimeFormat) -> Case {
        Case::new().time(TimeRule { source: Source::Slot(SlotId(0)), format })
    }

    #[track_caller]
    fn check(case: Case, expected: &str) {
        assert_eq!(case.facts().event_time, at(expected));
    }

    #[test]
    fn every_format_is_read() {
        check(with(TimeFormat::Rfc3339).capture(0, "\"2026-11-20T10:02:11.905Z\""), "2026-11-20T10:02:11.905Z");
        check(with(TimeFormat::Rfc3339).capture(0, "\"2026-11-20t10:02:11+05:30\""), "2026-11-20T04:32:11Z");
        check(with(TimeFormat::Rfc3339).capture(0, "\"2026-11-20 10:02:11.9-01:00\""), "2026-11-20T11:02:11.9Z");
        check(with(TimeFormat::Snowplow).capture(0, "\"2026-11-20 10:02:11.905\""), "2026-11-20T10:02:11.905Z");
        check(with(TimeFormat::Millis).capture(0, "1790000000123"), "2026-09-21T14:13:20.123Z");
        check(with(TimeFormat::Millis).capture(0, "\"1790000000123\""), "2026-09-21T14:13:20.123Z");
        check(with(TimeFormat::Seconds).capture(0, "1790000000.5"), "2026-09-21T14:13:20.5Z");
        check(with(TimeFormat::Seconds).capture(0, "-1"), "1969-12-31T23:59:59Z");
    }

    #[test]
    fn dates_agree_with_the_calendar() {
        // The calendar of jiff is the oracle.
        let mut date = jiff::civil::date(1896, 2, 27);
        while date < jiff::civil::date(2110, 1, 1) {
            let text = format!("{date}T23:59:60.5Z");
            let expected = date.at(23, 59, 59, 500_000_000).to_zoned(jiff::tz::TimeZone::UTC).expect("in range").timestamp();
            assert_eq!(rfc3339(text.as_bytes()), Some(expected), "{text}");
            date = date.checked_add(jiff::Span::new().days(17)).expect("in range");
        }
        for text in ["2026-02-29", "2100-02-29", "2026-13-01", "2026-00-10", "2026-04-31", "2026-01-00", "2O26-01-01"] {
            assert_eq!(rfc3339(format!("{text}T00:00:00Z").as_bytes()), None, "{text}");
        }
        assert!(rfc3339(b"2024-02-29T00:00:00Z").is_some());
    }

    #[test]
    fn what_is_missing_or_invalid_gives_the_records_time() {
        let record = "2026-11-19T00:00:00Z";
        let case = || with(TimeFormat::Rfc3339).record_time(record);
        check(case(), record);
        for odd in [
            "null",
            "\"\"",
            "1790000000123",
            "{}",
            "\"yesterday\"",
            "\"2026-11-20\"",
            "\"2026-11-20T10:02:11\"",
            "\"2026-11-20T10:02:11.Z\"",
            "\"2026-11-20T24:00:00Z\"",
            "\"2026-11-20T10:02:11+0100\"",
            "\"2026-11-20T10:02:11Z \"",
            "\"9999-12-31T23:59:59-23:00\"",
        ] {
            check(case().capture(0, odd), record);
        }
        for odd in ["1e12", "\"\"", "true", "99999999999999999999", "\"12 \"", "\".5\"", "\"5.\""] {
            check(with(TimeFormat::Millis).record_time(record).capture(0, odd), record);
        }
        check(with(TimeFormat::Snowplow).record_time(record).capture(0, "\"2026-11-20T10:02:11Z\""), record);
        check(Case::new().record_time(record), record);
        check(Case::new(), NOW);
    }

    #[test]
    fn five_minutes_into_the_future_are_believed_and_no_more() {
        assert_eq!(NOW, "2026-11-22T00:00:00Z");
        let record = "2026-11-21T23:00:00Z";
        let case = || with(TimeFormat::Rfc3339).record_time(record);
        check(case().capture(0, "\"2026-11-22T00:05:00Z\""), "2026-11-22T00:05:00Z");
        check(case().capture(0, "\"2026-11-22T00:05:00.000000001Z\""), record);
        check(with(TimeFormat::Rfc3339).record_time("2026-11-23T00:00:00Z").capture(0, "\"2027-01-01T00:00:00Z\""), NOW);
    }

    #[test]
    fn of_several_times_the_earliest_counts() {
        let case = with(TimeFormat::Rfc3339).record_time("2026-11-10T00:00:00Z").capture(0, "\"2026-11-15T00:00:00Z\"");
        check(case.clone().capture(0, "\"2026-11-14T00:00:00Z\""), "2026-11-14T00:00:00Z");
        check(case.capture(0, "\"nonsense\""), "2026-11-10T00:00:00Z");
    }
}
