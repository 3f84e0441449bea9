//! How one (record, sink) ends: four outcomes, and one reason from a closed list.

use std::fmt;

/// The four ways in which one record may end for one sink.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    /// Released under the sink's own rules.
    Allow,
    /// Released under the profile that the sink names for a refusal.
    Degrade,
    /// Not released, because the policy says so.
    Drop,
    /// Not released and set aside, because it could not be judged safely.
    Quarantine,
}

impl Outcome {
    /// Every outcome, in the order in which tables show them.
    pub const ALL: [Outcome; 4] = [Outcome::Allow, Outcome::Degrade, Outcome::Drop, Outcome::Quarantine];

    /// The word used in output, metrics and receipts.
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Allow => "allow",
            Outcome::Degrade => "degrade",
            Outcome::Drop => "drop",
            Outcome::Quarantine => "quarantine",
        }
    }

    /// The outcome that a word names.
    pub fn from_word(word: &str) -> Option<Outcome> {
        Outcome::ALL.into_iter().find(|outcome| outcome.as_str() == word)
    }

    /// Whether bytes leave for the sink.
    pub fn releases(self) -> bool {
        match self {
            Outcome::Allow | Outcome::Degrade => true,
            Outcome::Drop | Outcome::Quarantine => false,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}

macro_rules! reasons {
    ($($(#[$doc:meta])* $name:ident = $word:literal,)*) => {
        /// Why a (record, sink) ended as it did. The words are a contract: metric label, receipt, output.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Reason { $($(#[$doc])* $name,)* }

        impl Reason {
            /// Every reason, in the order of the contract.
            pub const ALL: &'static [Reason] = &[$(Reason::$name,)*];

            /// The word used in output, metrics and receipts.
            pub fn as_str(self) -> &'static str {
                match self { $(Reason::$name => $word,)* }
            }
        }
    };
}

reasons! {
    /// A current grant covers the sink.
    ConsentGranted = "consent_granted",
    /// Legitimate interests, with no objection.
    LegitimateInterests = "legitimate_interests",
    /// The legal basis asks for no signal.
    NotRequired = "not_required",
    /// Nobody spoke, and the regime takes silence as yes.
    SilenceAllows = "silence_allows",
    /// Nobody spoke, and the regime takes silence as no.
    NoConsent = "no_consent",
    /// A signal says no.
    ConsentDenied = "consent_denied",
    /// An earlier yes was taken back.
    ConsentWithdrawn = "consent_withdrawn",
    /// A yes that is too old.
    ConsentExpired = "consent_expired",
    /// An opt-out stands.
    OptedOut = "opted_out",
    /// A signal is present and cannot be read.
    SignalInvalid = "signal_invalid",
    /// A yes that does not reach this third party.
    VendorNotPermitted = "vendor_not_permitted",
    /// No ground for sending it to that country.
    TransferNotPermitted = "transfer_not_permitted",
    /// The subject is suppressed or erased.
    Suppressed = "suppressed",
    /// Nobody to look up, and no signal in the event.
    SubjectUnknown = "subject_unknown",
    /// A `when` or the sink's list of streams leaves it out.
    NotRouted = "not_routed",
    /// The ledger is not ready or not fresh.
    LedgerStale = "ledger_stale",
    /// A tombstone, or a document of which nothing is left.
    Empty = "empty",
    /// Not exactly one well-formed document.
    Malformed = "malformed",
    /// Larger, deeper or wider than the limits.
    LimitExceeded = "limit_exceeded",
    /// Identities that contradict each other or are of no usable type.
    SubjectAmbiguous = "subject_ambiguous",
    /// A schema that cannot be found.
    SchemaUnknown = "schema_unknown",
    /// A key that cannot be had.
    KeyUnavailable = "key_unavailable",
    /// A fault of Privet's own.
    Internal = "internal",
}

impl Reason {
    /// The reason that a word names.
    pub fn from_word(word: &str) -> Option<Reason> {
        Reason::ALL.iter().copied().find(|reason| reason.as_str() == word)
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.as_str())
    }
}
