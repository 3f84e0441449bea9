//! Places in the world: ISO 3166-1 countries, ISO 3166-2 subdivisions, EEA and EU, and sets of them.

/// An ISO 3166-1 alpha-2 country that exists; `UK` reads as `GB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country([u8; 2]);

/// An ISO 3166-2 subdivision such as `US-CA`: the country, then one to three letters or digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subdivision {
    /// The country it belongs to.
    pub country: Country,
    code: [u8; 3],
}

/// A set of countries, one bit for each pair of letters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CountrySet([u64; 11]);

/// A set of places as a policy writes it: countries, single subdivisions, or everywhere (`"*"`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RegionSet {
    everywhere: bool,
    countries: CountrySet,
    subdivisions: Vec<Subdivision>,
}

/// Where a subject is, as far as the event or the policy says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Jurisdiction {
    /// A country, and the part of it where that is known.
    Place {
        /// The country.
        country: Country,
        /// The subdivision of that country.
        subdivision: Option<Subdivision>,
    },
    /// Any of several countries (a group such as EEA as `otherwise`): whatever is asked must hold for all.
    AnyOf(CountrySet),
    /// Present in the event and not recognised: silence denies, no transfer ground applies.
    Unrecognised,
}

impl Country {
    /// Reads an alpha-2 code, any case; `None` if no such country exists.
    pub fn parse(_code: &str) -> Option<Country> {
        todo!()
    }

    /// The two capital letters.
    pub fn as_str(&self) -> &str {
        todo!()
    }
}

impl CountrySet {
    /// The members of the European Economic Area.
    pub fn eea() -> CountrySet {
        todo!()
    }

    /// The members of the European Union.
    pub fn eu() -> CountrySet {
        todo!()
    }

    /// Adds one country.
    pub fn insert(&mut self, _country: Country) {
        todo!()
    }

    /// Whether the country is in the set.
    pub fn contains(&self, _country: Country) -> bool {
        todo!()
    }

    /// Whether every member is in the other set; true for the empty set.
    pub fn is_subset(&self, _other: &CountrySet) -> bool {
        todo!()
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        todo!()
    }

    /// The members, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = Country> + '_ {
        std::iter::empty()
    }
}

impl RegionSet {
    /// What a built-in name stands for: a country (`DE`, `UK`), a subdivision (`US-CA`), `EEA`, `EU` or `*`.
    pub fn builtin(_name: &str) -> Option<RegionSet> {
        todo!()
    }

    /// Adds all places of another set.
    pub fn extend(&mut self, _other: &RegionSet) {
        todo!()
    }

    /// The whole countries of the set.
    pub fn countries(&self) -> &CountrySet {
        &self.countries
    }

    /// The single subdivisions of the set.
    pub fn subdivisions(&self) -> &[Subdivision] {
        &self.subdivisions
    }

    /// Whether the set is `"*"`.
    pub fn is_everywhere(&self) -> bool {
        self.everywhere
    }

    /// Whether the place is certainly in the set: a whole country holds its subdivisions, a set that
    /// names only a subdivision does not hold a subject of whom just the country is known. An
    /// unrecognised place is nowhere but in `"*"`.
    pub fn covers(&self, _place: &Jurisdiction) -> bool {
        todo!()
    }
}

impl Jurisdiction {
    /// Reads what an event says: `country` (ISO 3166-1 alpha-2) and `region` (ISO 3166-2, with or without
    /// the country in front), case ignored. `None` where neither is present.
    pub fn from_event(_country: Option<&str>, _region: Option<&str>) -> Option<Jurisdiction> {
        todo!()
    }
}
