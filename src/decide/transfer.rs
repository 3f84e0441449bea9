//! Whether an event may go to the countries of a sink from every place its subject may be in.

use crate::event::{Country, CountrySet, Jurisdiction, Timestamp};
use crate::plan::{Ground, Sink, Transfer};

/// Whether every place may send to every country of the sink. Nowhere to send to, and no place to send from, are
/// no permission.
pub(super) fn permitted(sink: &Sink, places: &[Jurisdiction], now: Timestamp) -> bool {
    let Sink { destination, transfers, .. } = sink;
    let reaches = |place: &Jurisdiction| match place {
        Jurisdiction::Unrecognised => false,
        Jurisdiction::AnyOf(countries) if !countries.is_empty() && is_within_eea(countries) && is_within_eea(destination) => true,
        Jurisdiction::AnyOf(countries) => {
            let each = |from| country_reaches(&Jurisdiction::country(from), from, destination, transfers, now);
            !countries.is_empty() && countries.iter().all(each)
        }
        Jurisdiction::Place { country, .. } => country_reaches(place, *country, destination, transfers, now),
    };
    !destination.is_empty() && !places.is_empty() && places.iter().all(reaches)
}

fn country_reaches(place: &Jurisdiction, from: Country, to: &CountrySet, transfers: &[Transfer], now: Timestamp) -> bool {
    to.iter().all(|to| is_inland(from, to) || transfers.iter().any(|transfer| holds(transfer, place, to, now)))
}

/// The same country, or both in the European Economic Area.
fn is_inland(from: Country, to: Country) -> bool {
    let eea = CountrySet::eea();
    from == to || eea.contains(from) && eea.contains(to)
}

/// Whether all of a set lies in the European Economic Area: the common case, answered without pairing countries.
fn is_within_eea(countries: &CountrySet) -> bool {
    countries.is_subset(CountrySet::eea())
}

/// Whether a ground covers the place and stands now. The EU–US Data Privacy Framework is a decision about the
/// United States and carries nothing elsewhere, should a vendor have other countries too.
fn holds(transfer: &Transfer, place: &Jurisdiction, to: Country, now: Timestamp) -> bool {
    let reaches = match transfer.ground {
        Ground::Dpf => to.as_str() == "US",
        Ground::Adequacy | Ground::Scc | Ground::Bcr | Ground::Derogation | Ground::Domestic => true,
    };
    reaches && transfer.until.is_none_or(|until| now < until) && transfer.from.covers(place)
}
