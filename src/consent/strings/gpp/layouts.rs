//! The layouts of the US sections, one table: sections 7 to 23 as their texts have them, 24 to 27 as the reference library has
//! them. Every value has two bits.

use Field::*;

/// A field of a US section.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// Notice that data is shared with third parties.
    SharingNotice,
    /// Notice of the opt-out of sale.
    SaleOptOutNotice,
    /// Notice of the opt-out of sharing.
    SharingOptOutNotice,
    /// Notice of the opt-out of targeted advertising.
    TargetedAdvertisingOptOutNotice,
    /// Notice of the opt-out of processing of sensitive data.
    SensitiveDataProcessingOptOutNotice,
    /// Notice of the right to limit the use of sensitive data.
    SensitiveDataLimitUseNotice,
    /// Opt-out of sale.
    SaleOptOut,
    /// Opt-out of sharing.
    SharingOptOut,
    /// Opt-out of targeted advertising.
    TargetedAdvertisingOptOut,
    /// Consent to, or opt-out of, processing of sensitive data, by kind of data.
    SensitiveDataProcessing,
    /// Consent for a known child, by age or use.
    KnownChildSensitiveDataConsents,
    /// Consent to uses beyond those that were told.
    PersonalDataConsents,
    /// Whether the MSPA covers the transaction.
    MspaCoveredTransaction,
    /// The MSPA's opt-out option mode.
    MspaOptOutOptionMode,
    /// The MSPA's service provider mode.
    MspaServiceProviderMode,
    /// Notice of the processing of data.
    ProcessingNotice,
    /// Consent to uses beyond those that were told.
    AdditionalDataProcessingConsent,
    /// Notice of the opt-out of processing of sensitive data.
    SensitiveDataOptOutNotice,
    /// The MSPA's mode.
    MspaMode,
}

impl Field {
    /// Its name in the section's text.
    pub fn name(self) -> &'static str {
        match self {
            SharingNotice => "SharingNotice",
            SaleOptOutNotice => "SaleOptOutNotice",
            SharingOptOutNotice => "SharingOptOutNotice",
            TargetedAdvertisingOptOutNotice => "TargetedAdvertisingOptOutNotice",
            SensitiveDataProcessingOptOutNotice => "SensitiveDataProcessingOptOutNotice",
            SensitiveDataLimitUseNotice => "SensitiveDataLimitUseNotice",
            SaleOptOut => "SaleOptOut",
            SharingOptOut => "SharingOptOut",
            TargetedAdvertisingOptOut => "TargetedAdvertisingOptOut",
            SensitiveDataProcessing => "SensitiveDataProcessing",
            KnownChildSensitiveDataConsents => "KnownChildSensitiveDataConsents",
            PersonalDataConsents => "PersonalDataConsents",
            MspaCoveredTransaction => "MspaCoveredTransaction",
            MspaOptOutOptionMode => "MspaOptOutOptionMode",
            MspaServiceProviderMode => "MspaServiceProviderMode",
            ProcessingNotice => "ProcessingNotice",
            AdditionalDataProcessingConsent => "AdditionalDataProcessingConsent",
            SensitiveDataOptOutNotice => "SensitiveDataOptOutNotice",
            MspaMode => "MspaMode",
        }
    }
}

/// What a section's second segment holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Second {
    /// There is none.
    None,
    /// Global Privacy Control: a type of two bits, which is 1, and one bit.
    Gpc,
    /// Eight values of [`SensitiveDataProcessing`], without a type.
    Sensitive,
}

/// One version of one section.
#[derive(Debug)]
pub struct Layout {
    /// The section's id.
    pub id: u16,
    /// The section's name.
    pub name: &'static str,
    /// The version that it starts with; `None` where the six bits are the version of the MSPA, whatever that is.
    pub version: Option<u8>,
    /// The core's fields after the version, with the number of their values: at most 32 values in all.
    pub fields: &'static [(Field, u8)],
    /// The second segment.
    pub second: Second,
}

impl Layout {
    /// Whether the section's text is not settled: it is read as the reference library writes it, and not relied on.
    pub fn is_provisional(&self) -> bool {
        self.version.is_none()
    }

    /// How many values the core has.
    pub(super) fn values(&self) -> usize {
        self.fields.iter().map(|(_, count)| usize::from(*count)).sum()
    }
}

/// Every layout, by section id, then version.
pub(super) static LAYOUTS: &[Layout] = &[
    Layout {
        id: 7,
        name: "usnat",
        version: Some(1),
        fields: &[
            (SharingNotice, 1),
            (SaleOptOutNotice, 1),
            (SharingOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SensitiveDataProcessingOptOutNotice, 1),
            (SensitiveDataLimitUseNotice, 1),
            (SaleOptOut, 1),
            (SharingOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (SensitiveDataProcessing, 12),
            (KnownChildSensitiveDataConsents, 2),
            (PersonalDataConsents, 1),
            (MspaCoveredTransaction, 1),
            (MspaOptOutOptionMode, 1),
            (MspaServiceProviderMode, 1),
        ],
        second: Second::Gpc,
    },
    Layout {
        id: 7,
        name: "usnat",
        version: Some(2),
        fields: &[
            (SharingNotice, 1),
            (SaleOptOutNotice, 1),
            (SharingOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SensitiveDataProcessingOptOutNotice, 1),
            (SensitiveDataLimitUseNotice, 1),
            (SaleOptOut, 1),
            (SharingOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (SensitiveDataProcessing, 16),
            (KnownChildSensitiveDataConsents, 3),
            (PersonalDataConsents, 1),
            (MspaCoveredTransaction, 1),
            (MspaOptOutOptionMode, 1),
            (MspaServiceProviderMode, 1),
        ],
        second: Second::Gpc,
    },
    Layout {
        id: 8,
        name: "usca",
        version: Some(1),
        fields: &[
            (SaleOptOutNotice, 1),
            (SharingOptOutNotice, 1),
            (SensitiveDataLimitUseNotice, 1),
            (SaleOptOut, 1),
            (SharingOptOut, 1),
            (SensitiveDataProcessing, 9),
            (KnownChildSensitiveDataConsents, 2),
            (PersonalDataConsents, 1),
            (MspaCoveredTransaction, 1),
            (MspaOptOutOptionMode, 1),
            (MspaServiceProviderMode, 1),
        ],
        second: Second::Gpc,
    },
    Layout {
        id: 9,
        name: "usva",
        version: Some(1),
        fields: &[
            (SharingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (SensitiveDataProcessing, 8),
            (KnownChildSensitiveDataConsents, 1),
            (MspaCoveredTransaction, 1),
            (MspaOptOutOptionMode, 1),
            (MspaServiceProviderMode, 1),
        ],
        second: Second::None,
    },
    Layout {
        id: 10,
        name: "usco",
        version: Some(1),
        fields: &[
            (SharingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (SensitiveDataProcessing, 7),
            (KnownChildSensitiveDataConsents, 1),
            (MspaCoveredTransaction, 1),
            (MspaOptOutOptionMode, 1),
            (MspaServiceProviderMode, 1),
        ],
        second: Second::Gpc,
    },
    Layout {
        id: 11,
        name: "usut",
        version: Some(1),
        fields: &[
            (SharingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SensitiveDataProcessingOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (SensitiveDataProcessing, 8),
            (KnownChildSensitiveDataConsents, 1),
            (MspaCoveredTransaction, 1),
            (MspaOptOutOptionMode, 1),
            (MspaServiceProviderMode, 1),
        ],
        second: Second::None,
    },
    Layout {
        id: 12,
        name: "usct",
        version: Some(1),
        fields: &[
            (SharingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (SensitiveDataProcessing, 8),
            (KnownChildSensitiveDataConsents, 3),
            (MspaCoveredTransaction, 1),
            (MspaOptOutOptionMode, 1),
            (MspaServiceProviderMode, 1),
        ],
        second: Second::Gpc,
    },
    Layout {
        id: 13,
        name: "usfl",
        version: Some(1),
        fields: &[
            (ProcessingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (SensitiveDataProcessing, 8),
            (KnownChildSensitiveDataConsents, 3),
            (AdditionalDataProcessingConsent, 1),
            (MspaCoveredTransaction, 1),
            (MspaOptOutOptionMode, 1),
            (MspaServiceProviderMode, 1),
        ],
        second: Second::None,
    },
    Layout {
        id: 14,
        name: "usmt",
        version: Some(1),
        fields: &[
            (SharingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (SensitiveDataProcessing, 8),
            (KnownChildSensitiveDataConsents, 3),
            (AdditionalDataProcessingConsent, 1),
            (MspaCoveredTransaction, 1),
            (MspaOptOutOptionMode, 1),
            (MspaServiceProviderMode, 1),
        ],
        second: Second::Gpc,
    },
    Layout {
        id: 15,
        name: "usor",
        version: Some(1),
        fields: &[
            (ProcessingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (SensitiveDataProcessing, 11),
            (KnownChildSensitiveDataConsents, 3),
            (AdditionalDataProcessingConsent, 1),
            (MspaCoveredTransaction, 1),
            (MspaOptOutOptionMode, 1),
            (MspaServiceProviderMode, 1),
        ],
        second: Second::Gpc,
    },
    Layout {
        id: 16,
        name: "ustx",
        version: Some(1),
        fields: &[
            (ProcessingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (SensitiveDataProcessing, 8),
            (KnownChildSensitiveDataConsents, 1),
            (AdditionalDataProcessingConsent, 1),
            (MspaCoveredTransaction, 1),
            (MspaOptOutOptionMode, 1),
            (MspaServiceProviderMode, 1),
        ],
        second: Second::Gpc,
    },
    Layout {
        id: 17,
        name: "usde",
        version: Some(1),
        fields: &[
            (ProcessingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (SensitiveDataProcessing, 9),
            (KnownChildSensitiveDataConsents, 5),
            (AdditionalDataProcessingConsent, 1),
            (MspaCoveredTransaction, 1),
            (MspaOptOutOptionMode, 1),
            (MspaServiceProviderMode, 1),
        ],
        second: Second::Gpc,
    },
    Layout {
        id: 18,
        name: "usia",
        version: Some(1),
        fields: &[
            (ProcessingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SensitiveDataOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (SensitiveDataProcessing, 8),
            (KnownChildSensitiveDataConsents, 1),
            (MspaCoveredTransaction, 1),
            (MspaOptOutOptionMode, 1),
            (MspaServiceProviderMode, 1),
        ],
        second: Second::Gpc,
    },
    Layout {
        id: 19,
        name: "usne",
        version: Some(1),
        fields: &[
            (ProcessingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (SensitiveDataProcessing, 8),
            (KnownChildSensitiveDataConsents, 1),
            (AdditionalDataProcessingConsent, 1),
            (MspaCoveredTransaction, 1),
            (MspaOptOutOptionMode, 1),
            (MspaServiceProviderMode, 1),
        ],
        second: Second::Gpc,
    },
    Layout {
        id: 20,
        name: "usnh",
        version: Some(1),
        fields: &[
            (ProcessingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (SensitiveDataProcessing, 8),
            (KnownChildSensitiveDataConsents, 3),
            (AdditionalDataProcessingConsent, 1),
            (MspaCoveredTransaction, 1),
            (MspaOptOutOptionMode, 1),
            (MspaServiceProviderMode, 1),
        ],
        second: Second::Gpc,
    },
    Layout {
        id: 21,
        name: "usnj",
        version: Some(1),
        fields: &[
            (ProcessingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (SensitiveDataProcessing, 10),
            (KnownChildSensitiveDataConsents, 5),
            (AdditionalDataProcessingConsent, 1),
            (MspaCoveredTransaction, 1),
            (MspaOptOutOptionMode, 1),
            (MspaServiceProviderMode, 1),
        ],
        second: Second::Gpc,
    },
    Layout {
        id: 22,
        name: "ustn",
        version: Some(1),
        fields: &[
            (ProcessingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (SensitiveDataProcessing, 8),
            (KnownChildSensitiveDataConsents, 1),
            (AdditionalDataProcessingConsent, 1),
            (MspaCoveredTransaction, 1),
            (MspaOptOutOptionMode, 1),
            (MspaServiceProviderMode, 1),
        ],
        second: Second::Gpc,
    },
    Layout {
        id: 23,
        name: "usmn",
        version: Some(1),
        fields: &[
            (ProcessingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (SensitiveDataProcessing, 8),
            (KnownChildSensitiveDataConsents, 1),
            (AdditionalDataProcessingConsent, 1),
            (MspaCoveredTransaction, 1),
            (MspaOptOutOptionMode, 1),
            (MspaServiceProviderMode, 1),
        ],
        second: Second::Gpc,
    },
    Layout {
        id: 24,
        name: "usmd",
        version: None,
        fields: &[
            (MspaCoveredTransaction, 1),
            (MspaMode, 1),
            (ProcessingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (AdditionalDataProcessingConsent, 1),
        ],
        second: Second::Gpc,
    },
    Layout {
        id: 25,
        name: "usin",
        version: None,
        fields: &[
            (MspaCoveredTransaction, 1),
            (MspaMode, 1),
            (ProcessingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (KnownChildSensitiveDataConsents, 1),
            (AdditionalDataProcessingConsent, 1),
        ],
        second: Second::Sensitive,
    },
    Layout {
        id: 26,
        name: "usky",
        version: None,
        fields: &[
            (MspaCoveredTransaction, 1),
            (MspaMode, 1),
            (ProcessingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (KnownChildSensitiveDataConsents, 1),
            (AdditionalDataProcessingConsent, 1),
        ],
        second: Second::Sensitive,
    },
    Layout {
        id: 27,
        name: "usri",
        version: None,
        fields: &[
            (MspaCoveredTransaction, 1),
            (MspaMode, 1),
            (ProcessingNotice, 1),
            (SaleOptOutNotice, 1),
            (TargetedAdvertisingOptOutNotice, 1),
            (SaleOptOut, 1),
            (TargetedAdvertisingOptOut, 1),
            (KnownChildSensitiveDataConsents, 1),
            (AdditionalDataProcessingConsent, 1),
        ],
        second: Second::Sensitive,
    },
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_fits_what_reads_it() {
        for layout in LAYOUTS {
            assert!(layout.values() <= 32, "{}", layout.name);
            assert!((7..=27).contains(&layout.id), "{}", layout.name);
        }
        assert!(LAYOUTS.windows(2).all(|two| (two[0].id, two[0].version) < (two[1].id, two[1].version)));
        let mut ids: Vec<u16> = LAYOUTS.iter().map(|layout| layout.id).collect();
        ids.dedup();
        assert_eq!(ids, (7..=27).collect::<Vec<u16>>());
    }

    /// Core lengths that the section texts give (usnat v1 60 bits, v2 70) or that follow from their tables.
    #[test]
    fn cores_are_as_long_as_their_texts_say() {
        let bits = |name, version| {
            let layout = LAYOUTS.iter().find(|one| one.name == name && one.version == Some(version));
            6 + 2 * layout.expect("a layout").values()
        };
        assert_eq!((bits("usnat", 1), bits("usnat", 2)), (60, 70));
        assert_eq!((bits("usca", 1), bits("usva", 1), bits("usco", 1), bits("usfl", 1)), (46, 40, 38, 46));
    }
}
