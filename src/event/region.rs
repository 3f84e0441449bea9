//! Places in the world: ISO 3166-1 countries, ISO 3166-2 subdivisions, EEA and EU, and sets of them.

use std::fmt;
use std::sync::LazyLock;

/// An ISO 3166-1 alpha-2 country that exists; `UK` reads as `GB`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Country([u8; 2]);

/// An ISO 3166-2 subdivision such as `US-CA`: the country, then one to three letters or digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Subdivision {
    /// The country it belongs to.
    pub country: Country,
    /// Padded with zero bytes.
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

/// The member states of the European Union: 27 since 2020-02-01 (Article 52 TEU without the United
/// Kingdom; europa.eu, "EU countries", read 2026-11-22).
const EU_STATES: &[u8] = b"ATBEBGHRCYCZDKEEFIFRDEGRHUIEITLVLTLUMTNLPLPTROSKSIESSE";

/// Parts of member states that have an alpha-2 code of their own and in which Union law, the GDPR with it,
/// applies: Åland (Protocol 2 to the 1994 Act of Accession) and the French outermost regions (Articles
/// 349 and 355(1) TFEU; Mayotte since 2014-01-01).
const EU_PARTS: &[u8] = b"AXGFGPMFMQREYT";

/// The EFTA states in the European Economic Area (EEA Agreement, Article 126; efta.int, read 2026-11-22).
/// Switzerland is in EFTA and not in the EEA; Svalbard (`SJ`) is left out by Protocol 40.
const EEA_EFTA_STATES: &[u8] = b"ISLINO";

/// Subdivisions younger than the table of `rust_iso3166`: Norway's counties since 2024-01-01.
const LATER_SUBDIVISIONS: &[&str] = &["NO-31", "NO-32", "NO-33", "NO-39", "NO-40", "NO-55", "NO-56"];

impl Country {
    /// Reads an alpha-2 code, any case; `None` if no such country exists. Only assigned codes count:
    /// `XK`, `EU` and the like are reserved or private and name no country here.
    pub fn parse(code: &str) -> Option<Country> {
        let letters: [u8; 2] = code.as_bytes().try_into().ok()?;
        let country = match letters.map(|letter| letter.to_ascii_uppercase()) {
            [b'U', b'K'] => Country(*b"GB"),
            letters => Country(letters),
        };
        country.exists().then_some(country)
    }

    /// The two capital letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn exists(&self) -> bool {
        self.0.iter().all(u8::is_ascii_uppercase) && rust_iso3166::ALPHA2_MAP.contains_key(self.as_str())
    }

    /// The position among all pairs of letters.
    fn index(self) -> usize {
        usize::from(self.0[0] - b'A') * 26 + usize::from(self.0[1] - b'A')
    }

    fn from_index(index: usize) -> Country {
        Country([b'A' + (index / 26) as u8, b'A' + (index % 26) as u8])
    }
}

impl fmt::Display for Country {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

impl Subdivision {
    /// Reads `US-CA`, any case; `None` if ISO 3166-2 has no such subdivision. A code that is well formed
    /// and not in the table is refused as well: it may be a misspelt place with a law of its own.
    pub fn parse(code: &str) -> Option<Subdivision> {
        let (country, part) = code.split_once('-')?;
        Subdivision::of(Country::parse(country)?, part)
    }

    /// Reads the part behind the dash of a known country's subdivision.
    fn of(country: Country, part: &str) -> Option<Subdivision> {
        let part = part.as_bytes();
        if part.is_empty() || part.len() > 3 || !part.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let mut subdivision = Subdivision { country, code: [0; 3] };
        for (slot, letter) in subdivision.code.iter_mut().zip(part) {
            *slot = letter.to_ascii_uppercase();
        }
        subdivision.exists().then_some(subdivision)
    }

    /// What stands behind the dash.
    pub fn part(&self) -> &str {
        let length = self.code.iter().position(|letter| *letter == 0).unwrap_or(self.code.len());
        std::str::from_utf8(&self.code[..length]).unwrap_or_default()
    }

    fn exists(&self) -> bool {
        let part = self.part().as_bytes();
        let mut text = [b'-'; 6];
        text[..2].copy_from_slice(&self.country.0);
        text[3..3 + part.len()].copy_from_slice(part);
        let code = std::str::from_utf8(&text[..3 + part.len()]).unwrap_or_default();
        rust_iso3166::iso3166_2::SUBDIVISION_MAP.contains_key(code) || LATER_SUBDIVISIONS.contains(&code)
    }
}

impl fmt::Display for Subdivision {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}-{}", self.country, self.part())
    }
}

impl CountrySet {
    /// The members of the European Economic Area, with the parts of its states that have codes of their own.
    pub fn eea() -> &'static CountrySet {
        static EEA: LazyLock<CountrySet> = LazyLock::new(|| {
            let mut set = CountrySet::eu();
            set.insert_codes(EEA_EFTA_STATES);
            set
        });
        &EEA
    }

    /// The members of the European Union, with the parts of its states that have codes of their own.
    pub fn eu() -> CountrySet {
        let mut set = CountrySet::default();
        set.insert_codes(EU_STATES);
        set.insert_codes(EU_PARTS);
        set
    }

    /// Adds one country.
    pub fn insert(&mut self, country: Country) {
        let index = country.index();
        self.0[index / 64] |= 1 << (index % 64);
    }

    /// Adds every member of the other set.
    pub fn extend(&mut self, other: &CountrySet) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
    }

    /// Whether the country is in the set.
    pub fn contains(&self, country: Country) -> bool {
        let index = country.index();
        self.0[index / 64] & (1 << (index % 64)) != 0
    }

    /// Whether every member is in the other set; true for the empty set.
    pub fn is_subset(&self, other: &CountrySet) -> bool {
        self.0.iter().zip(other.0).all(|(word, other)| word & !other == 0)
    }

    /// Whether there is no member.
    pub fn is_empty(&self) -> bool {
        self.0 == [0; 11]
    }

    /// The members, in alphabetical order.
    pub fn iter(&self) -> impl Iterator<Item = Country> + '_ {
        // Bit by set bit: transfers walk a sink's countries for every event.
        self.0.iter().enumerate().filter(|(_, word)| **word != 0).flat_map(|(at, word)| {
            let mut rest = *word;
            std::iter::from_fn(move || {
                let bit = rest.trailing_zeros() as usize;
                (rest != 0).then(|| rest &= rest - 1).map(|()| Country::from_index(at * 64 + bit))
            })
        })
    }

    fn intersects(&self, other: &CountrySet) -> bool {
        self.0.iter().zip(other.0).any(|(word, other)| word & other != 0)
    }

    fn insert_codes(&mut self, codes: &[u8]) {
        codes.chunks_exact(2).for_each(|code| self.insert(Country([code[0], code[1]])));
    }
}

impl FromIterator<Country> for CountrySet {
    fn from_iter<I: IntoIterator<Item = Country>>(countries: I) -> Self {
        let mut set = CountrySet::default();
        countries.into_iter().for_each(|country| set.insert(country));
        set
    }
}

impl RegionSet {
    /// What a built-in name stands for: a country (`DE`, `UK`), a subdivision (`US-CA`), `EEA`, `EU` or `*`.
    /// Groups are written in capitals, codes in any case.
    pub fn builtin(name: &str) -> Option<RegionSet> {
        let mut set = RegionSet::default();
        match name {
            "*" => set.everywhere = true,
            "EEA" => set.countries = *CountrySet::eea(),
            "EU" => set.countries = CountrySet::eu(),
            _ if name.contains('-') => set.subdivisions.push(Subdivision::parse(name)?),
            _ => set.countries.insert(Country::parse(name)?),
        }
        Some(set)
    }

    /// Adds all places of another set.
    pub fn extend(&mut self, other: &RegionSet) {
        self.everywhere |= other.everywhere;
        self.countries.extend(&other.countries);
        for subdivision in &other.subdivisions {
            if !self.subdivisions.contains(subdivision) {
                self.subdivisions.push(*subdivision);
            }
        }
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
    pub fn covers(&self, place: &Jurisdiction) -> bool {
        if self.everywhere {
            return true;
        }
        match place {
            Jurisdiction::Place { country, subdivision } => {
                self.countries.contains(*country) || subdivision.is_some_and(|part| self.subdivisions.contains(&part))
            }
            // No country at all is no knowledge, not a place that every set holds.
            Jurisdiction::AnyOf(countries) => !countries.is_empty() && countries.is_subset(&self.countries),
            Jurisdiction::Unrecognised => false,
        }
    }

    /// Whether the place may be in the set, for all that is known of it: the set names its country, a part of the
    /// country of which just the country is known, or one of several possible countries.
    pub fn may_cover(&self, place: &Jurisdiction) -> bool {
        let mut parts = self.subdivisions.iter();
        match place {
            Jurisdiction::Place { country, subdivision: None } => {
                self.covers(place) || parts.any(|part| part.country == *country)
            }
            Jurisdiction::AnyOf(countries) => {
                self.everywhere || countries.intersects(&self.countries) || parts.any(|part| countries.contains(part.country))
            }
            Jurisdiction::Place { subdivision: Some(_), .. } | Jurisdiction::Unrecognised => self.covers(place),
        }
    }
}

impl Jurisdiction {
    /// A place known by its country alone.
    pub fn country(country: Country) -> Jurisdiction {
        Jurisdiction::Place { country, subdivision: None }
    }

    /// Reads what an event says: `country` (ISO 3166-1 alpha-2) and `region` (ISO 3166-2, with or without
    /// the country in front), case ignored. `None` where neither is present; empty texts are absent.
    ///
    /// Whatever is present must be understood whole: a known country with an unknown region, a region of
    /// another country than the one named, and a bare region without a country are all
    /// [`Jurisdiction::Unrecognised`], since the part that was not understood may be a place with a law of its own.
    pub fn from_event(country: Option<&str>, region: Option<&str>) -> Option<Jurisdiction> {
        let country = country.filter(|text| !text.is_empty());
        let region = region.filter(|text| !text.is_empty());
        if country.is_none() && region.is_none() {
            return None;
        }
        Some(Jurisdiction::read(country, region).unwrap_or(Jurisdiction::Unrecognised))
    }

    fn read(country: Option<&str>, region: Option<&str>) -> Option<Jurisdiction> {
        let named = match country {
            Some(code) => Some(Country::parse(code)?),
            None => None,
        };
        let Some(region) = region else { return named.map(Jurisdiction::country) };
        let subdivision = match named {
            Some(country) if !region.contains('-') => Subdivision::of(country, region)?,
            Some(country) => Subdivision::parse(region).filter(|subdivision| subdivision.country == country)?,
            None => Subdivision::parse(region)?,
        };
        Some(Jurisdiction::Place { country: subdivision.country, subdivision: Some(subdivision) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> RegionSet {
        let mut set = RegionSet::default();
        names.iter().for_each(|name| set.extend(&RegionSet::builtin(name).expect("a built-in place")));
        set
    }

    #[track_caller]
    fn at(country: &str, region: &str) -> Jurisdiction {
        Jurisdiction::from_event(Some(country), Some(region)).expect("something is present")
    }

    fn place(code: &str) -> Jurisdiction {
        let subdivision = Subdivision::parse(code);
        let country = Country::parse(&code[..2]).expect("country");
        assert_eq!(subdivision.is_some(), code.len() > 2);
        Jurisdiction::Place { country, subdivision }
    }

    #[test]
    fn every_assigned_country_is_read_and_no_other_pair_of_letters() {
        assert_eq!(rust_iso3166::ALL.len(), 249, "ISO 3166-1 assigns 249 codes");
        let mut read = 0;
        for index in 0..26 * 26 {
            let code = [b'A' + (index / 26) as u8, b'A' + (index % 26) as u8];
            let code = std::str::from_utf8(&code).expect("letters").to_owned();
            let country = Country::parse(&code.to_lowercase());
            assert_eq!(country.is_some(), rust_iso3166::from_alpha2(&code).is_some() || code == "UK", "{code}");
            if code != "UK" {
                assert!(country.is_none_or(|country| country.as_str() == code));
            }
            read += usize::from(country.is_some());
        }
        assert_eq!(read, 250);
        assert_eq!(Country::parse("uk").expect("UK").as_str(), "GB");
        for text in ["", "D", "DEU", "XK", "EU", "d€", "D ", "1A"] {
            assert_eq!(Country::parse(text), None, "{text}");
        }
    }

    #[test]
    fn unions_have_their_members() {
        // Written out a second time, by name, against slips in the tables.
        let states = "Austria Belgium Bulgaria Croatia Cyprus Czechia Denmark Estonia Finland France Germany Greece Hungary \
                      Ireland Italy Latvia Lithuania Luxembourg Malta Netherlands Poland Portugal Romania Slovakia Slovenia \
                      Spain Sweden";
        let eu = CountrySet::eu();
        let full_name = |country: Country| rust_iso3166::from_alpha2(country.as_str()).expect("assigned").name;
        for state in states.split_whitespace() {
            assert!(eu.iter().any(|country| full_name(country).starts_with(state)), "{state}");
        }
        assert_eq!(eu.iter().count(), states.split_whitespace().count() + EU_PARTS.len() / 2);
        let eea = CountrySet::eea();
        assert!(eu.is_subset(eea) && !eea.is_subset(&eu));
        for (code, inside) in
            [("IS", true), ("LI", true), ("NO", true), ("CH", false), ("GB", false), ("SJ", false), ("RE", true)]
        {
            assert_eq!(eea.contains(Country::parse(code).expect("country")), inside, "{code}");
        }
        let alphabetical: Vec<_> = eea.iter().collect();
        assert!(alphabetical.is_sorted() && alphabetical.iter().all(Country::exists));
    }

    #[test]
    fn case_is_ignored_and_the_region_may_carry_its_country() {
        for (country, region) in [("US", "CA"), ("us", "ca"), ("US", "US-CA"), ("us", "us-ca"), ("", "US-CA")] {
            assert_eq!(at(country, region), place("US-CA"), "{country} {region}");
        }
        assert_eq!(at("UK", "UK-ENG"), place("GB-ENG"));
        assert_eq!(at("uk", ""), place("GB"));
        assert_eq!(at("NO", "39"), place("NO-39"));
        assert_eq!(Jurisdiction::from_event(Some(""), Some("")), None);
        assert_eq!(Jurisdiction::from_event(None, None), None);
    }

    #[test]
    fn what_is_not_understood_whole_is_unrecognised() {
        for (country, region) in [
            ("XX", ""),
            ("XX", "CA"),
            ("Germany", ""),
            ("US", "California"),
            ("US", "ZZ"),
            ("US", "CA-QC"),
            ("US", "DE-BE"),
            ("US", "US-"),
            ("US", "-CA"),
            ("", "CA"),
            ("", "XX-CA"),
            (" US", ""),
            ("US", "US-CA-1"),
        ] {
            assert_eq!(at(country, region), Jurisdiction::Unrecognised, "{country} {region}");
        }
    }

    #[test]
    fn a_country_holds_its_parts_and_not_the_other_way_round() {
        assert!(set(&["US"]).covers(&place("US-CA")) && set(&["us-ca"]).covers(&place("US-CA")));
        assert!(!set(&["US-CA"]).covers(&place("US")) && !set(&["US-CA"]).covers(&place("US-NY")));
        let eea = Jurisdiction::AnyOf(*CountrySet::eea());
        assert!(set(&["EEA"]).covers(&eea) && !set(&["EU"]).covers(&eea) && set(&["EU", "IS", "LI", "NO"]).covers(&eea));
        assert!(!set(&["EEA"]).covers(&Jurisdiction::AnyOf(CountrySet::default())));
        assert!(set(&["*"]).covers(&Jurisdiction::Unrecognised) && !set(&["EEA", "US"]).covers(&Jurisdiction::Unrecognised));
    }

    #[test]
    fn what_is_half_known_may_be_in_a_part() {
        assert!(set(&["US-CA"]).may_cover(&place("US")) && !set(&["US-CA"]).may_cover(&place("DE")));
        assert!(set(&["US-CA"]).may_cover(&place("US-CA")) && !set(&["US-CA"]).may_cover(&place("US-NY")));
        let eea = Jurisdiction::AnyOf(*CountrySet::eea());
        assert!(set(&["FR"]).may_cover(&eea) && set(&["FR-IDF"]).may_cover(&eea) && !set(&["GB", "US"]).may_cover(&eea));
        assert!(set(&["*"]).may_cover(&Jurisdiction::Unrecognised) && !set(&["EEA"]).may_cover(&Jurisdiction::Unrecognised));
    }

    #[test]
    fn built_in_names_are_closed() {
        for name in ["", "eea", "EFTA", "XX", "US-ZZ", "Europe", "**", "DEU"] {
            assert_eq!(RegionSet::builtin(name), None, "{name}");
        }
        assert_eq!(Subdivision::parse("us-ca").expect("California").to_string(), "US-CA");
    }
}
