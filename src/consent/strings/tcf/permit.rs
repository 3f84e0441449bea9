//! What a TC string permits one vendor, by the text of TCF 2.3; where the text leaves room, the answer that refuses.

use super::TcString;
use crate::consent::strings::Numbers;

/// What a vendor registered on the Global Vendor List.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registration {
    /// Purposes on consent.
    pub purposes: Numbers,
    /// Purposes on legitimate interest.
    pub legitimate_interests: Numbers,
    /// Purposes whose basis a publisher's restriction may move.
    pub flexible: Numbers,
    /// Special features.
    pub special_features: Numbers,
    /// Special purposes.
    pub special_purposes: Numbers,
}

/// A basis in the sense of TCF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// Consent.
    Consent,
    /// Legitimate interest.
    LegitimateInterest,
}

/// What a string answers.
pub type Permit = Result<Basis, Refusal>;

/// The first rule that says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// `IsServiceSpecific` is 0: the string is to be treated as invalid.
    #[error("its scope is global, which makes it invalid")]
    GlobalScope,
    /// The policy version is retired (below 4), or not known here (above 5).
    #[error("its policy version is retired or not known")]
    PolicyVersion,
    /// TCF 2.3 without the segment of disclosed vendors, which is mandatory.
    #[error("it does not say which vendors were disclosed, which TCF 2.3 demands")]
    DisclosedMissing,
    /// The vendor is not among the disclosed ones.
    #[error("the vendor was not disclosed")]
    NotDisclosed,
    /// The vendor has not registered the purpose, the special feature or the special purpose.
    #[error("the vendor has not registered it")]
    NotDeclared,
    /// A restriction forbids the purpose.
    #[error("a restriction forbids the purpose to the vendor")]
    Forbidden,
    /// A restriction demands consent of a vendor that registered legitimate interest and is not flexible.
    #[error("a restriction demands consent, and the vendor is not flexible")]
    ConsentDemanded,
    /// A restriction demands legitimate interest of a vendor that registered consent and is not flexible.
    #[error("a restriction demands legitimate interest, and the vendor is not flexible")]
    LegitimateInterestDemanded,
    /// Legitimate interest is not possible for this purpose: 1, and 3 to 6.
    #[error("legitimate interest is not possible for the purpose")]
    LegitimateInterestImpossible,
    /// Purpose 1 was not disclosed to the person (`PurposeOneTreatment`), so its bit says nothing.
    #[error("purpose 1 was not disclosed")]
    PurposeOneTreatment,
    /// No consent for the purpose.
    #[error("no consent for the purpose")]
    NoPurposeConsent,
    /// No consent for the vendor.
    #[error("no consent for the vendor")]
    NoVendorConsent,
    /// No legitimate interest, or an objection, for the purpose.
    #[error("no legitimate interest for the purpose, or an objection")]
    NoPurposeLegitimateInterest,
    /// No legitimate interest, or an objection, for the vendor.
    #[error("no legitimate interest for the vendor, or an objection")]
    NoVendorLegitimateInterest,
    /// The special feature was not opted in.
    #[error("the special feature was not opted in")]
    NoOptIn,
}

/// What a refusal is about, and so which reason a decision gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum About {
    /// The string as a whole: `signal_invalid`.
    String,
    /// The purpose: `consent_denied`.
    Purpose,
    /// The vendor, its registration or a restriction on it: `vendor_not_permitted`.
    Vendor,
}

impl Refusal {
    /// What it is about.
    pub fn about(self) -> About {
        match self {
            Self::GlobalScope | Self::PolicyVersion | Self::DisclosedMissing => About::String,
            Self::PurposeOneTreatment | Self::NoPurposeConsent | Self::NoPurposeLegitimateInterest | Self::NoOptIn => {
                About::Purpose
            }
            Self::NotDisclosed
            | Self::NotDeclared
            | Self::Forbidden
            | Self::ConsentDemanded
            | Self::LegitimateInterestDemanded
            | Self::LegitimateInterestImpossible
            | Self::NoVendorConsent
            | Self::NoVendorLegitimateInterest => About::Vendor,
        }
    }

    /// Its name, as it is printed.
    pub fn name(self) -> &'static str {
        match self {
            Self::GlobalScope => "global-scope",
            Self::PolicyVersion => "policy-version",
            Self::DisclosedMissing => "disclosed-segment-missing",
            Self::NotDisclosed => "not-disclosed",
            Self::NotDeclared => "not-declared",
            Self::Forbidden => "restriction-0",
            Self::ConsentDemanded => "restriction-1-not-flexible",
            Self::LegitimateInterestDemanded => "restriction-2-not-flexible",
            Self::LegitimateInterestImpossible => "li-not-permitted",
            Self::PurposeOneTreatment => "purpose-one-treatment",
            Self::NoPurposeConsent => "no-purpose-consent",
            Self::NoVendorConsent => "no-vendor-consent",
            Self::NoPurposeLegitimateInterest => "no-purpose-li",
            Self::NoVendorLegitimateInterest => "no-vendor-li",
            Self::NoOptIn => "special-feature-no-opt-in",
        }
    }
}

/// All that a string says about one vendor: its bits and its restrictions, read once; the purposes are then asked one by one.
#[derive(Clone, Copy, Debug)]
pub struct Vendor {
    /// The rule of the whole string that forbids to use it.
    unusable: Option<Refusal>,
    consents: Numbers,
    legitimate_interests: Numbers,
    special_features: Numbers,
    purpose_one_treatment: bool,
    /// `None` where the string has no segment of disclosed vendors.
    disclosed: Option<bool>,
    consent: bool,
    legitimate_interest: bool,
    /// The purposes for which it is bound: not allowed, consent, legitimate interest.
    bound: [Numbers; 3],
}

impl TcString<'_> {
    /// Whether the string may be used at all; the rule that forbids it otherwise.
    pub fn usable(&self) -> Result<(), Refusal> {
        if !self.core.is_service_specific {
            Err(Refusal::GlobalScope)
        } else if !matches!(self.core.policy_version, 4 | 5) {
            Err(Refusal::PolicyVersion)
        } else if self.core.policy_version == 5 && self.disclosed.is_none() {
            Err(Refusal::DisclosedMissing)
        } else {
            Ok(())
        }
    }

    /// What the string says about a vendor.
    pub fn vendor(&self, id: u16) -> Vendor {
        Vendor {
            unusable: self.usable().err(),
            consents: self.core.purpose_consents,
            legitimate_interests: self.core.purpose_legitimate_interests,
            special_features: self.core.special_features,
            purpose_one_treatment: self.core.purpose_one_treatment,
            disclosed: self.disclosed.as_ref().map(|set| set.contains(id)),
            consent: self.vendor_consents.contains(id),
            legitimate_interest: self.vendor_legitimate_interests.contains(id),
            bound: self.restrictions.of_vendor(id),
        }
    }

    /// Whether the vendor may process for the purpose. To ask about several purposes, keep the [`Vendor`].
    pub fn permits(&self, vendor: u16, registered: &Registration, purpose: u8) -> Permit {
        self.vendor(vendor).permits(registered, purpose)
    }

    /// Whether a special feature was opted in, in a string that may be used.
    pub fn opted_in(&self, feature: u8) -> Result<(), Refusal> {
        self.usable()?;
        if self.core.special_features.contains(feature) { Ok(()) } else { Err(Refusal::NoOptIn) }
    }
}

impl Vendor {
    /// Whether it may process for the purpose, and on which basis.
    pub fn permits(&self, registered: &Registration, purpose: u8) -> Permit {
        let declared = match (registered.purposes.contains(purpose), registered.legitimate_interests.contains(purpose)) {
            (true, false) => Some(Basis::Consent),
            (false, true) => Some(Basis::LegitimateInterest),
            // A purpose has one basis; a registration with both is not one.
            (true, true) | (false, false) => None,
        };
        let flexible = registered.flexible.contains(purpose);
        let registered = self.known(declared)?;
        let [not_allowed, require_consent, require_legitimate_interest] = self.bound.map(|set| set.contains(purpose));
        if not_allowed {
            return Err(Refusal::Forbidden);
        }
        // Both at once: the text is silent, and one reading is not better than the other, so each must permit.
        let mut permit = self.on(registered, purpose);
        if require_consent && registered == Basis::LegitimateInterest {
            permit = if flexible { self.on(Basis::Consent, purpose) } else { Err(Refusal::ConsentDemanded) };
        }
        if require_legitimate_interest && registered == Basis::Consent {
            permit =
                if flexible { self.on(Basis::LegitimateInterest, purpose) } else { Err(Refusal::LegitimateInterestDemanded) };
        }
        if require_consent && require_legitimate_interest {
            permit = permit.and_then(|basis| self.on(registered, purpose).map(|_| basis));
        }
        permit
    }

    /// Whether it may use a special feature.
    pub fn may_use(&self, registered: &Registration, feature: u8) -> Result<(), Refusal> {
        self.known(registered.special_features.contains(feature).then_some(()))?;
        if self.special_features.contains(feature) { Ok(()) } else { Err(Refusal::NoOptIn) }
    }

    /// Whether it may process for a special purpose: no choice of the person, but it must have been disclosed.
    pub fn may_serve(&self, registered: &Registration, special_purpose: u8) -> Permit {
        let declared = registered.special_purposes.contains(special_purpose);
        let basis = self.known(declared.then_some(Basis::LegitimateInterest))?;
        if self.disclosed == Some(true) { Ok(basis) } else { Err(Refusal::NotDisclosed) }
    }

    /// What the vendor declared, where the string may be used and does not leave the vendor out of a list of the disclosed
    /// ones. Before TCF 2.3 that list was not mandatory; where it is there, it counts.
    fn known<T>(&self, declared: Option<T>) -> Result<T, Refusal> {
        if let Some(rule) = self.unusable {
            return Err(rule);
        }
        let declared = declared.ok_or(Refusal::NotDeclared)?;
        if self.disclosed == Some(false) { Err(Refusal::NotDisclosed) } else { Ok(declared) }
    }

    /// The two bits of one basis.
    fn on(&self, basis: Basis, purpose: u8) -> Permit {
        match basis {
            Basis::Consent if !self.consents.contains(purpose) => Err(Refusal::NoPurposeConsent),
            Basis::Consent if purpose == 1 && self.purpose_one_treatment => Err(Refusal::PurposeOneTreatment),
            Basis::Consent if !self.consent => Err(Refusal::NoVendorConsent),
            // Usable strings are of policy 4 and later, where purposes 3 to 6 have lost it.
            Basis::LegitimateInterest if matches!(purpose, 1 | 3..=6) => Err(Refusal::LegitimateInterestImpossible),
            Basis::LegitimateInterest if !self.legitimate_interests.contains(purpose) => {
                Err(Refusal::NoPurposeLegitimateInterest)
            }
            Basis::LegitimateInterest if !self.legitimate_interest => Err(Refusal::NoVendorLegitimateInterest),
            Basis::Consent | Basis::LegitimateInterest => Ok(basis),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registered_on_both_bases_is_registered_on_none() {
        let both = Registration { purposes: Numbers::of([2]), legitimate_interests: Numbers::of([2]), ..Registration::default() };
        let vendor = Vendor {
            unusable: None,
            consents: Numbers::of([2]),
            legitimate_interests: Numbers::of([2]),
            special_features: Numbers::default(),
            purpose_one_treatment: false,
            disclosed: Some(true),
            consent: true,
            legitimate_interest: true,
            bound: [Numbers::default(); 3],
        };
        assert_eq!(vendor.permits(&both, 2), Err(Refusal::NotDeclared));
        let consent = Registration { purposes: Numbers::of([2]), ..Registration::default() };
        assert_eq!(vendor.permits(&consent, 2), Ok(Basis::Consent));
        // Restrictions 1 and 2 at once: the reading that takes 2 finds a basis that is not flexible.
        let bound = Vendor { bound: [Numbers::default(), Numbers::of([2]), Numbers::of([2])], ..vendor };
        assert_eq!(bound.permits(&consent, 2), Err(Refusal::LegitimateInterestDemanded));
        let flexible = Registration { flexible: Numbers::of([2]), ..consent };
        assert_eq!(bound.permits(&flexible, 2), Ok(Basis::LegitimateInterest));
        let objected = Vendor { legitimate_interest: false, ..bound };
        assert_eq!(objected.permits(&flexible, 2), Err(Refusal::NoVendorLegitimateInterest));
        let refused = Vendor { consent: false, ..bound };
        assert_eq!(refused.permits(&flexible, 2), Err(Refusal::NoVendorConsent));
    }
}
