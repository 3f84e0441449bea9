//! What silence means for one event, and whether Global Privacy Control counts: the strictest of all its places.

use crate::event::Jurisdiction;
use crate::plan::{Plan, Silence};

/// The regimes of all places together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ruling {
    /// What silence means: deny if it does anywhere.
    pub(super) silence: Silence,
    /// Whether Global Privacy Control is honoured: if it is anywhere.
    pub(super) gpc: bool,
}

const STRICTEST: Ruling = Ruling { silence: Silence::Deny, gpc: true };

impl Ruling {
    /// The ruling for an event. Without any place it is the strictest there is.
    pub(super) fn of(plan: &Plan, places: &[Jurisdiction]) -> Ruling {
        places.iter().map(|place| Ruling::at(plan, place)).reduce(Ruling::stricter).unwrap_or(STRICTEST)
    }

    /// The first regime that covers the place rules. Where a place is known only in part (a country of which an
    /// earlier regime names a subdivision, a group of countries), so may every earlier regime that names a part
    /// of it: the strictest of them rules.
    fn at(plan: &Plan, place: &Jurisdiction) -> Ruling {
        if *place == Jurisdiction::Unrecognised {
            return STRICTEST;
        }
        let mut possible: Option<Ruling> = None;
        for regime in plan.regimes.iter().filter(|regime| regime.regions.may_cover(place)) {
            let ruling = Ruling { silence: regime.silence, gpc: regime.gpc };
            let strictest = possible.map_or(ruling, |possible| possible.stricter(ruling));
            if regime.regions.covers(place) {
                return strictest;
            }
            possible = Some(strictest);
        }
        STRICTEST
    }

    fn stricter(self, other: Ruling) -> Ruling {
        let silence = match (self.silence, other.silence) {
            (Silence::Allow, Silence::Allow) => Silence::Allow,
            (Silence::Deny, _) | (_, Silence::Deny) => Silence::Deny,
        };
        Ruling { silence, gpc: self.gpc || other.gpc }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::{CountrySet, RegionSet};
    use crate::plan::{PolicyHash, Regime};

    #[test]
    fn nowhere_and_a_place_not_recognised_are_ruled_strictly() {
        let everywhere = RegionSet::builtin("*").expect("built in");
        let plan = |regimes| Plan {
            hash: PolicyHash::default(),
            controller: CountrySet::default(),
            purposes: Vec::new(),
            regimes,
            vendors: Vec::new(),
            streams: Vec::new(),
            sinks: Vec::new(),
            rules: Vec::new(),
            subject_keys: None,
            before_rotations: Vec::new(),
        };
        let lax = plan(vec![Regime { regions: everywhere, silence: Silence::Allow, gpc: false }]);
        let germany = Jurisdiction::from_event(Some("DE"), None).expect("a place");
        assert_eq!(Ruling::of(&lax, &[germany]), Ruling { silence: Silence::Allow, gpc: false });
        assert_eq!(Ruling::of(&lax, &[germany, Jurisdiction::Unrecognised]), STRICTEST);
        assert_eq!(
            Ruling::of(&lax, &[Jurisdiction::AnyOf(CountrySet::default())]),
            Ruling { silence: Silence::Allow, gpc: false }
        );
        assert_eq!(Ruling::of(&lax, &[]), STRICTEST);
        assert_eq!(Ruling::of(&plan(Vec::new()), &[germany]), STRICTEST);
    }
}
