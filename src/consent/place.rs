//! Where the subject of an event is: every jurisdiction that the event's values may mean.

use super::source::{Event, Value};
use crate::event::{Country, CountrySet, Jurisdiction};
use crate::plan::{Source, WherePaths};
use std::ops::Range;

/// How many different regions one event may name (batches); with more it is taken as not understood, since
/// each is paired with each country.
const MAX_REGIONS: usize = 16;

/// The values of one event, reused from record to record.
#[derive(Default)]
pub(super) struct Found {
    countries: CountrySet,
    country_values: usize,
    regions: Vec<Range<usize>>,
    region_values: usize,
    text: Vec<u8>,
    buffer: Vec<u8>,
    /// A value that is present and names nothing.
    odd: bool,
}

impl Found {
    /// Forgets every place.
    pub(super) fn clear(&mut self) {
        let Found { countries, country_values, regions, region_values, text, buffer, odd } = self;
        *countries = CountrySet::default();
        (*country_values, *region_values, *odd) = (0, 0, false);
        regions.clear();
        text.clear();
        buffer.clear();
    }
}

/// Fills `out` with every jurisdiction that applies: what the event says, or `otherwise` where it says nothing.
/// Several values each count. True where the event says nothing.
pub(super) fn locate(event: &Event<'_>, rule: &WherePaths, found: &mut Found, out: &mut Vec<Jurisdiction>) -> bool {
    out.clear();
    found.clear();
    if let Some(source) = &rule.country {
        read_countries(event, source, found);
    }
    if let Some(source) = &rule.region {
        read_regions(event, source, found);
    }
    if found.odd {
        push(Jurisdiction::Unrecognised, out);
    }
    combine(found, out);
    let says_nothing = out.is_empty();
    if says_nothing {
        out.push(rule.otherwise);
    }
    says_nothing
}

fn read_countries(event: &Event<'_>, source: &Source, found: &mut Found) {
    for value in event.values(source) {
        if matches!(value, Value::Silent) {
            continue;
        }
        match value.text(&mut found.buffer).and_then(Country::parse) {
            Some(country) => {
                found.countries.insert(country);
                found.country_values += 1;
            }
            None => found.odd = true,
        }
    }
}

fn read_regions(event: &Event<'_>, source: &Source, found: &mut Found) {
    for value in event.values(source) {
        if matches!(value, Value::Silent) {
            continue;
        }
        let Some(region) = value.text(&mut found.buffer) else {
            found.odd = true;
            continue;
        };
        found.region_values += 1;
        if found.regions.iter().any(|span| found.text[span.clone()].eq_ignore_ascii_case(region.as_bytes())) {
            continue;
        }
        if found.regions.len() == MAX_REGIONS {
            found.odd = true;
            return;
        }
        let start = found.text.len();
        found.text.extend_from_slice(region.as_bytes());
        found.regions.push(start..found.text.len());
    }
}

/// One country and one region are one place. Of several nothing says which belong together: every pair
/// that exists counts, every country by itself too (a region may be missing for it), and a region that
/// belongs to none of the countries is unrecognised.
fn combine(found: &Found, out: &mut Vec<Jurisdiction>) {
    let Found { countries, country_values, regions, region_values, text, buffer: _, odd: _ } = found;
    let region = |span: &Range<usize>| std::str::from_utf8(&text[span.clone()]).ok();
    if countries.is_empty() {
        for span in regions {
            // Beside a country that was not understood nothing is lost: that alone is unrecognised already.
            push(Jurisdiction::from_event(None, region(span)).unwrap_or(Jurisdiction::Unrecognised), out);
        }
        return;
    }
    let complete = countries.iter().nth(1).is_none() && country_values == region_values;
    for country in countries.iter().filter(|_| !complete) {
        push(Jurisdiction::country(country), out);
    }
    for span in regions {
        let mut known = false;
        for country in countries.iter() {
            match Jurisdiction::from_event(Some(country.as_str()), region(span)) {
                Some(place @ Jurisdiction::Place { .. }) => {
                    push(place, out);
                    known = true;
                }
                Some(Jurisdiction::AnyOf(_) | Jurisdiction::Unrecognised) | None => {}
            }
        }
        if !known {
            push(Jurisdiction::Unrecognised, out);
        }
    }
}

fn push(place: Jurisdiction, out: &mut Vec<Jurisdiction>) {
    if !out.contains(&place) {
        out.push(place);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::Case;
    use super::*;
    use crate::event::{RegionSet, SlotId, Subdivision};

    /// Countries in slot 0, regions in slot 1.
    fn case(values: &[(u16, &str)]) -> Case {
        let rule = WherePaths {
            country: Some(Source::Slot(SlotId(0))),
            region: Some(Source::Slot(SlotId(1))),
            otherwise: Jurisdiction::AnyOf(*RegionSet::builtin("EEA").expect("built in").countries()),
        };
        values.iter().fold(Case::new().place(rule), |case, (slot, value)| case.capture(*slot, value))
    }

    fn place(code: &str) -> Jurisdiction {
        Jurisdiction::Place { country: Country::parse(&code[..2]).expect("country"), subdivision: Subdivision::parse(code) }
    }

    #[track_caller]
    fn check(values: &[(u16, &str)], expected: &[&str]) {
        let expected: Vec<_> = expected
            .iter()
            .map(|code| match *code {
                "?" => Jurisdiction::Unrecognised,
                "otherwise" => Jurisdiction::AnyOf(*CountrySet::eea()),
                code => place(code),
            })
            .collect();
        let found = case(values).facts().jurisdictions;
        assert!(found.len() == expected.len() && expected.iter().all(|place| found.contains(place)), "{found:?}");
    }

    #[test]
    fn one_country_and_one_region_are_one_place() {
        check(&[(0, "\"us\""), (1, "\"CA\"")], &["US-CA"]);
        check(&[(0, "\"US\""), (1, "\"us-ca\"")], &["US-CA"]);
        check(&[(0, "\"uk\""), (1, "null")], &["GB"]);
        check(&[(1, "\"US-CA\"")], &["US-CA"]);
    }

    #[test]
    fn nothing_said_means_otherwise() {
        check(&[], &["otherwise"]);
        check(&[(0, "null"), (1, "\"\"")], &["otherwise"]);
    }

    #[test]
    fn what_is_present_and_not_understood_is_unrecognised() {
        check(&[(0, "\"XX\"")], &["?"]);
        check(&[(0, "49")], &["?"]);
        check(&[(0, "[\"DE\"]")], &["?"]);
        check(&[(1, "\"CA\"")], &["?"]);
        check(&[(0, "\"US\""), (1, "\"California\"")], &["?"]);
        check(&[(0, "\"DE\""), (1, "5")], &["DE", "?"]);
    }

    #[test]
    fn several_values_each_count() {
        check(&[(0, "\"DE\""), (0, "\"us\""), (0, "\"DE\"")], &["DE", "US"]);
        check(&[(0, "\"US\""), (0, "\"US\""), (1, "\"CA\""), (1, "\"ca\"")], &["US-CA"]);
        check(&[(0, "\"US\""), (0, "\"US\""), (1, "\"CA\"")], &["US", "US-CA"]);
        check(&[(0, "\"US\""), (0, "\"IT\""), (1, "\"CA\"")], &["US", "IT", "US-CA", "IT-CA"]);
        check(&[(0, "\"US\""), (0, "\"DE\""), (1, "\"BE\""), (1, "\"ZZ\"")], &["US", "DE", "DE-BE", "?"]);
        check(&[(0, "\"DE\""), (0, "\"XX\"")], &["DE", "?"]);
    }

    #[test]
    fn more_regions_than_can_be_paired_are_not_understood() {
        let codes: Vec<String> = (0..=MAX_REGIONS).map(|index| format!("\"{index:02}\"")).collect();
        let values: Vec<_> = codes.iter().map(|code| (1, code.as_str())).collect();
        assert!(case(&values).facts().jurisdictions.contains(&Jurisdiction::Unrecognised));
    }
}
