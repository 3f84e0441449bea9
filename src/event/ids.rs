//! Small numbers that stand for the things a policy names; each indexes one table of the plan.

macro_rules! id {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub $inner);

        impl $name {
            /// The position in the plan's table.
            pub fn index(self) -> usize {
                usize::from(self.0)
            }
        }
    };
}

id!(/// A stream, in the order of the policy.
    StreamId(u16));
id!(/// A sink, in the order of the policy.
    SinkId(u16));
id!(/// A purpose, in the order of the policy; at most 64.
    PurposeId(u8));
id!(/// A vendor, in the order of the policy.
    VendorId(u16));
id!(/// A control value that a stream reads from an event: an identity, a consent container, a tested field.
    SlotId(u16));
id!(/// A distinct path of one stream, whatever uses it.
    PathId(u16));
id!(/// A rule of one sink as a person wrote it; see `plan::RuleInfo`.
    RuleId(u16));

/// A keyed digest of one identity: all that is ever kept of a subject. It stands for a person, so `Debug` shows nothing.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubjectDigest(pub [u8; 16]);

impl std::fmt::Debug for SubjectDigest {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str("SubjectDigest")
    }
}

/// A set of purposes, one bit each.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct PurposeSet(pub u64);

impl PurposeSet {
    /// How many purposes a policy may declare: one machine word here and in a ledger row.
    pub const CAPACITY: usize = 64;

    /// The empty set.
    pub const EMPTY: PurposeSet = PurposeSet(0);

    /// Adds one purpose.
    pub fn insert(&mut self, purpose: PurposeId) {
        self.0 |= 1u64 << purpose.0;
    }

    /// Whether the purpose is in the set.
    pub fn contains(self, purpose: PurposeId) -> bool {
        self.0 & (1u64 << purpose.0) != 0
    }

    /// Whether the set has no member.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The members, lowest first.
    pub fn iter(self) -> impl Iterator<Item = PurposeId> {
        (0..64u8).map(PurposeId).filter(move |purpose| self.contains(*purpose))
    }
}

impl FromIterator<PurposeId> for PurposeSet {
    fn from_iter<I: IntoIterator<Item = PurposeId>>(purposes: I) -> Self {
        let mut set = PurposeSet::EMPTY;
        for purpose in purposes {
            set.insert(purpose);
        }
        set
    }
}
