//! `regions`, `regimes`, country codes, and transfer grounds.

use super::Cx;
use crate::event::{Country, CountrySet, RegionSet, Timestamp};
use crate::plan::{Ground, Regime, Silence, Transfer};
use crate::policy::ast::{self, Section, Spanned, Text};
use crate::policy::diagnostic::{Code, closest};
use std::collections::HashMap;

/// The policy's own names for lists of places.
#[derive(Default)]
pub(super) struct Regions<'a> {
    own: HashMap<&'a str, RegionSet>,
}

/// Reads `regions`.
pub(super) fn regions<'a>(cx: &mut Cx<'a>) -> Regions<'a> {
    let mut own = HashMap::new();
    for (name, members) in &cx.policy.regions {
        if RegionSet::builtin(&name.value).is_some() {
            cx.diagnostics
                .error(Code::Reserved, &name.span, format!("`{}` already names a place", name.value))
                .hint("countries, their parts, EEA, EU and * are built in; choose another name");
        }
        cx.refuse_empty(members, &name.span, "places");
        let mut set = RegionSet::default();
        for member in members {
            match RegionSet::builtin(&member.value) {
                Some(place) => set.extend(&place),
                None => unknown_region(cx, member, &[]),
            }
        }
        own.insert(name.value.as_str(), set);
    }
    Regions { own }
}

impl Regions<'_> {
    /// The places that a name stands for.
    pub(super) fn find(&self, name: &str) -> Option<RegionSet> {
        self.own.get(name).cloned().or_else(|| RegionSet::builtin(name))
    }

    /// All places of a list; what is unknown is reported and left out.
    pub(super) fn all(&self, cx: &mut Cx<'_>, names: &[Text]) -> RegionSet {
        let mut set = RegionSet::default();
        for name in names {
            match self.find(&name.value) {
                Some(places) => set.extend(&places),
                None => self.report_unknown(cx, name),
            }
        }
        set
    }

    /// Reports a name that stands for no place.
    pub(super) fn report_unknown(&self, cx: &mut Cx<'_>, name: &Text) {
        let own: Vec<&str> = self.own.keys().copied().collect();
        unknown_region(cx, name, &own);
    }
}

fn unknown_region(cx: &mut Cx<'_>, name: &Text, own: &[&str]) {
    if cx.policy.is_unread(Section::Regions, &name.value) {
        return;
    }
    let near = closest(&name.value, own.iter().copied()).map(|found| format!("did you mean `{found}`?"));
    let hint = near.unwrap_or_else(|| {
        "places are ISO 3166 codes such as DE or US-CA, EEA, EU, \"*\", or names declared under `regions`".into()
    });
    cx.diagnostics.error(Code::UnknownRegion, &name.span, format!("no place is named `{}`", name.value)).hint(hint);
}

/// Reads one country code.
pub(super) fn country(cx: &mut Cx<'_>, text: &Text) -> Option<Country> {
    let country = Country::parse(&text.value);
    if country.is_none() {
        let hint = match RegionSet::builtin(&text.value) {
            Some(_) => "one country is needed here, not a group or a part of one",
            None => "countries are ISO 3166-1 alpha-2 codes, such as DE, US or GB",
        };
        cx.diagnostics.error(Code::UnknownCountry, &text.span, format!("no country has the code `{}`", text.value)).hint(hint);
    }
    country
}

/// Reads `regimes`, in order.
pub(super) fn regimes(cx: &mut Cx<'_>, regions: &Regions<'_>) -> Vec<Regime> {
    let written = &cx.policy.regimes;
    let mut seen = RegionSet::default();
    let mut regimes = Vec::new();
    for (position, regime) in written.iter().enumerate() {
        cx.refuse_empty(&regime.value.regions, &regime.span, "places");
        let places = regions.all(cx, &regime.value.regions);
        let last = position + 1 == written.len();
        if seen.is_everywhere() || (!last && places_within(&places, &seen)) {
            cx.diagnostics
                .warning(Code::NeverApplies, &regime.span, "an earlier regime already covers every place of this one")
                .hint("the first regime that covers a place counts: put the narrower one first");
        }
        seen.extend(&places);
        if last && !places.is_everywhere() {
            regime_everywhere_missing(cx, &regime.span);
        }
        let silence = cx.word(&regime.value.silence, &[("deny", Silence::Deny), ("allow", Silence::Allow)]);
        regimes.push(Regime {
            regions: places,
            silence: silence.unwrap_or(Silence::Deny),
            gpc: regime.value.gpc.unwrap_or(true),
        });
    }
    if written.is_empty() {
        regime_everywhere_missing(cx, &(0..0));
    }
    regimes
}

fn regime_everywhere_missing(cx: &mut Cx<'_>, span: &ast::Span) {
    cx.diagnostics
        .error(Code::NoRegimeEverywhere, span, "no regime says what silence means everywhere else")
        .hint("end `regimes` with {in: [\"*\"], silence: deny}");
}

/// Whether the first set adds nothing to the second; an empty set was reported on its own.
fn places_within(places: &RegionSet, seen: &RegionSet) -> bool {
    let any = !places.countries().is_empty() || !places.subdivisions().is_empty();
    any && !places.is_everywhere()
        && places.countries().is_subset(seen.countries())
        && places.subdivisions().iter().all(|part| seen.subdivisions().contains(part) || seen.countries().contains(part.country))
}

/// Reads the grounds on which data may go to some countries.
pub(super) fn transfers(
    cx: &mut Cx<'_>,
    regions: &Regions<'_>,
    written: &[Spanned<ast::Transfer>],
    to: &CountrySet,
) -> Vec<Transfer> {
    const GROUNDS: &[(&str, Ground)] = &[
        ("adequacy", Ground::Adequacy),
        ("dpf", Ground::Dpf),
        ("scc", Ground::Scc),
        ("bcr", Ground::Bcr),
        ("derogation", Ground::Derogation),
        ("domestic", Ground::Domestic),
    ];
    let mut transfers = Vec::new();
    for transfer in written {
        cx.refuse_empty(&transfer.value.from, &transfer.span, "places");
        let from = regions.all(cx, &transfer.value.from);
        let until = transfer.value.until.as_ref().and_then(|text| until(cx, text));
        let Some(ground) = cx.word(&transfer.value.ground, GROUNDS) else { continue };
        check_ground(cx, ground, &transfer.value.ground, &from, to);
        transfers.push(Transfer { from, ground, until });
    }
    transfers
}

/// The first moment at which a ground no longer holds; a warning where that is near.
fn until(cx: &mut Cx<'_>, text: &Text) -> Option<Timestamp> {
    /// Days before its end at which a ground wants attention.
    const SOON_DAYS: i64 = 30;
    let until = cx.day_is_over(text)?;
    let left = until.duration_since(cx.now).as_secs();
    if left <= 0 {
        cx.diagnostics
            .warning(Code::GroundExpiring, &text.span, format!("this ground ended on {}", text.value))
            .hint("it permits nothing any more");
    } else if left < SOON_DAYS * 24 * 60 * 60 {
        cx.diagnostics
            .warning(Code::GroundExpiring, &text.span, format!("this ground ends within {SOON_DAYS} days"))
            .hint("from the next day on what depends on it is dropped");
    }
    Some(until)
}

fn check_ground(cx: &mut Cx<'_>, ground: Ground, text: &Text, from: &RegionSet, to: &CountrySet) {
    match ground {
        Ground::Dpf => {
            if let Some(other) = to.iter().find(|country| country.as_str() != "US") {
                cx.diagnostics
                    .error(Code::DpfAbroad, &text.span, format!("`dpf` covers the United States only, not {}", other.as_str()))
                    .hint("use adequacy, scc or bcr for other countries");
            }
        }
        Ground::Domestic => {
            if !to.is_empty() && !stays_home(from, to) {
                cx.diagnostics
                    .error(Code::DomesticAbroad, &text.span, "`domestic` says that no border is crossed, but one is")
                    .hint("name the ground on which the data leaves: adequacy, dpf, scc, bcr or derogation");
            }
        }
        Ground::Derogation => {
            cx.diagnostics
                .warning(Code::GroundDerogation, &text.span, "a derogation is for single cases, not for a stream of events")
                .hint("GDPR Article 49 is read narrowly; adequacy, scc or bcr carry regular transfers");
        }
        Ground::Adequacy | Ground::Scc | Ground::Bcr => {}
    }
}

/// Whether data of subjects in `from` crosses no border on the way to `to`; the EEA counts as one country.
fn stays_home(from: &RegionSet, to: &CountrySet) -> bool {
    let inside = |country: Country| to.iter().all(|target| crosses_no_border(country, target));
    !from.is_everywhere() && from.countries().iter().all(inside) && from.subdivisions().iter().all(|part| inside(part.country))
}

/// Whether two countries are the same or both in the EEA.
pub(super) fn crosses_no_border(from: Country, to: Country) -> bool {
    from == to || (CountrySet::eea().contains(from) && CountrySet::eea().contains(to))
}
