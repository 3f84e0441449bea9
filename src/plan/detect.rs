//! What `detect` looks for in free text, and what it puts in the place of a find.

use crate::keys::MacKey;
use regex::Regex;
use std::sync::{Arc, LazyLock};

/// A kind of personal data that is found inside text: a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// An e-mail address.
    Email,
    /// A telephone number.
    Phone,
    /// A payment card's number.
    CreditCard,
    /// An International Bank Account Number (ISO 13616).
    Iban,
    /// A United States social security number.
    UsSsn,
    /// A United Kingdom national insurance number.
    UkNino,
    /// An IPv4 or IPv6 address.
    IpAddress,
    /// A hardware address.
    Mac,
    /// A mobile device's number.
    Imei,
    /// A bearer token or JSON Web Token.
    BearerToken,
    /// User name and password in a URL.
    UrlCredentials,
    /// A national identifier with a check digit.
    NationalId,
}

impl Label {
    /// All of them, in the order of the language.
    pub const ALL: [Label; 12] = [
        Label::Email,
        Label::Phone,
        Label::CreditCard,
        Label::Iban,
        Label::UsSsn,
        Label::UkNino,
        Label::IpAddress,
        Label::Mac,
        Label::Imei,
        Label::BearerToken,
        Label::UrlCredentials,
        Label::NationalId,
    ];

    /// The word of the language.
    pub fn as_str(self) -> &'static str {
        match self {
            Label::Email => "email",
            Label::Phone => "phone",
            Label::CreditCard => "credit_card",
            Label::Iban => "iban",
            Label::UsSsn => "us_ssn",
            Label::UkNino => "uk_nino",
            Label::IpAddress => "ip_address",
            Label::Mac => "mac",
            Label::Imei => "imei",
            Label::BearerToken => "bearer_token",
            Label::UrlCredentials => "url_credentials",
            Label::NationalId => "national_id",
        }
    }
}

/// A set of labels.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Labels(u16);

impl Labels {
    /// With this one as well.
    pub fn with(self, label: Label) -> Labels {
        Labels(self.0 | 1 << label as u16)
    }

    /// Whether it is among them.
    pub fn has(self, label: Label) -> bool {
        self.0 & 1 << label as u16 != 0
    }

    /// Whether there is none.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromIterator<Label> for Labels {
    fn from_iter<I: IntoIterator<Item = Label>>(labels: I) -> Labels {
        labels.into_iter().fold(Labels::default(), Labels::with)
    }
}

/// A pattern of the policy's own.
pub struct Pattern {
    /// Its name, which stands in the place of a find.
    pub name: Box<str>,
    /// What it looks for.
    pub regex: Regex,
}

/// What happens to a find.
#[derive(Clone)]
pub enum OnFind {
    /// The label in brackets takes its place.
    Redact,
    /// A keyed hash of it takes its place.
    Pseudonym(Arc<MacKey>),
    /// It is cut out.
    Drop,
}

impl OnFind {
    /// Whether it needs a key.
    pub fn is_keyed(&self) -> bool {
        match self {
            OnFind::Pseudonym(_) => true,
            OnFind::Redact | OnFind::Drop => false,
        }
    }
}

/// The options of `detect`.
#[derive(Clone)]
pub struct DetectRule {
    /// What is looked for.
    pub find: Labels,
    /// What else is looked for.
    pub patterns: Vec<Arc<Pattern>>,
    /// What happens to a find.
    pub with: OnFind,
    /// How telephone numbers are made.
    pub dialling: &'static Dialling,
}

impl DetectRule {
    /// Whether every text comes out the same.
    pub fn same_effect(&self, other: &DetectRule) -> bool {
        let same_end = match (&self.with, &other.with) {
            (OnFind::Redact, OnFind::Redact) | (OnFind::Drop, OnFind::Drop) => true,
            (OnFind::Pseudonym(ours), OnFind::Pseudonym(theirs)) => Arc::ptr_eq(ours, theirs),
            (OnFind::Redact | OnFind::Drop | OnFind::Pseudonym(_), OnFind::Redact | OnFind::Drop | OnFind::Pseudonym(_)) => false,
        };
        let same_patterns = self.patterns.len() == other.patterns.len()
            && self.patterns.iter().zip(&other.patterns).all(|(ours, theirs)| Arc::ptr_eq(ours, theirs));
        same_end && same_patterns && self.find == other.find
    }
}

/// Which telephone numbers there can be: the lengths that national numbers have, by country calling code (E.164).
/// They come from the metadata of Google's libphonenumber.
pub struct Dialling {
    /// By calling code: bit n is set where a national number may have n digits.
    lengths: Box<[u32]>,
}

/// Calling codes have at most three digits.
const CALLING_CODES: usize = 1000;

impl Dialling {
    /// The table, made when it is first asked for.
    pub fn shared() -> &'static Dialling {
        static TABLE: LazyLock<Dialling> = LazyLock::new(Dialling::from_metadata);
        &TABLE
    }

    fn from_metadata() -> Dialling {
        let mut lengths = vec![0u32; CALLING_CODES].into_boxed_slice();
        for region in phonenumber::metadata::DATABASE.iter() {
            let Some(slot) = lengths.get_mut(usize::from(region.country_code())) else { continue };
            *slot |= possible(region.descriptors().general());
            for kind in [region.descriptors().fixed_line(), region.descriptors().mobile()].into_iter().flatten() {
                *slot |= possible(kind);
            }
        }
        Dialling { lengths }
    }

    /// Whether these digits are a calling code and as many more as its numbers have.
    pub fn is_possible(&self, digits: &[u8]) -> bool {
        if digits.first() == Some(&b'0') {
            return false;
        }
        let mut code = 0usize;
        for (at, digit) in digits.iter().enumerate().take(3) {
            code = code * 10 + usize::from(digit - b'0');
            let rest = digits.len() - at - 1;
            if rest < 32 && self.lengths[code] & 1 << rest != 0 {
                return true;
            }
        }
        false
    }
}

/// National numbers of fewer than five digits are short codes, which reach no person.
fn possible(kind: &phonenumber::metadata::Descriptor) -> u32 {
    kind.possible_length().iter().filter(|length| (5..=15).contains(*length)).fold(0, |bits, length| bits | 1 << length)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lengths from the ITU's list of national numbering plans.
    #[test]
    fn knows_calling_codes_and_lengths() {
        let table = Dialling::shared();
        for possible in
            ["14155552671", "442079460958", "4915112345678", "33612345678", "35312345678", "81312345678", "390612345678"]
        {
            assert!(table.is_possible(possible.as_bytes()), "{possible}");
        }
        for not in ["1415555267", "0442079460958", "99912345678", "3361234567", "", "1", "12", "123"] {
            assert!(!table.is_possible(not.as_bytes()), "{not}");
        }
    }

    #[test]
    fn sets_hold_what_was_put_in() {
        let set: Labels = [Label::Email, Label::NationalId].into_iter().collect();
        for label in Label::ALL {
            assert_eq!(set.has(label), matches!(label, Label::Email | Label::NationalId), "{}", label.as_str());
        }
        assert!(Labels::default().is_empty() && !set.is_empty());
    }
}
