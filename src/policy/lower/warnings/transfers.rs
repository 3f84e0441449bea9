//! Transfer grounds that a stream may need and a sink does not have.

use super::super::Cx;
use super::super::assemble::Draft;
use super::super::regions::crosses_no_border;
use super::super::sinks::SinkDraft;
use super::super::streams::StreamDraft;
use crate::event::{Country, CountrySet, Jurisdiction};
use crate::policy::diagnostic::Code;

/// Places that an event may name and from which nothing may be sent to the sink.
pub(super) fn grounds_missing(cx: &mut Cx<'_>, stream: &StreamDraft<'_>, sink: &SinkDraft<'_>, draft: &Draft<'_>) {
    let Some(place) = &stream.place else { return };
    let mut places = match place.otherwise {
        Jurisdiction::AnyOf(countries) => countries.iter().map(Jurisdiction::country).collect(),
        Jurisdiction::Place { .. } | Jurisdiction::Unrecognised => vec![place.otherwise],
    };
    if place.country.is_some() || place.region.is_some() {
        for regions in draft.regimes.iter().map(|regime| &regime.regions).filter(|regions| !regions.is_everywhere()) {
            places.extend(regions.countries().iter().map(Jurisdiction::country));
            let parts = regions.subdivisions().iter();
            places.extend(parts.map(|part| Jurisdiction::Place { country: part.country, subdivision: Some(*part) }));
        }
    }
    let missing: CountrySet = places.iter().filter(|place| !may_go(cx, sink, place)).filter_map(country_of).collect();
    if missing.is_empty() || sink.destination.is_empty() {
        return;
    }
    let to: Vec<Country> = sink.destination.iter().collect();
    let to: Vec<&str> = to.iter().map(Country::as_str).collect();
    cx.diagnostics
        .warning(
            Code::GroundMissing,
            &sink.merged.name.span,
            format!(
                "sink `{}` is in {} and has no ground for subjects in {}",
                sink.merged.name.value,
                to.join(", "),
                listed(&missing)
            ),
        )
        .hint(format!("their events of stream `{}` are dropped; add `transfers` if they should go", stream.name.value));
}

fn country_of(place: &Jurisdiction) -> Option<Country> {
    match place {
        Jurisdiction::Place { country, .. } => Some(*country),
        Jurisdiction::AnyOf(_) | Jurisdiction::Unrecognised => None,
    }
}

fn may_go(cx: &Cx<'_>, sink: &SinkDraft<'_>, from: &Jurisdiction) -> bool {
    let near = country_of(from).is_some_and(|from| sink.destination.iter().all(|to| crosses_no_border(from, to)));
    near || sink.transfers.iter().any(|ground| ground.until.is_none_or(|until| cx.now < until) && ground.from.covers(from))
}

/// Country codes, the EEA as one where all of it is there.
fn listed(countries: &CountrySet) -> String {
    let eea = CountrySet::eea();
    let whole = eea.is_subset(countries);
    let rest: Vec<Country> = countries.iter().filter(|country| !(whole && eea.contains(*country))).collect();
    let names = whole.then_some("EEA").into_iter().chain(rest.iter().map(Country::as_str));
    super::super::words::shortened(names)
}
