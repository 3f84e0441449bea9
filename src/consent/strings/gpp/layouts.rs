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

/// A field, and how many values it has.
type Run = (Field, u8);

/// One version of one section.
#[derive(Debug)]
pub struct Layout {
    /// The section's id.
    pub id: u16,
    /// The section's name.
    pub name: &'static str,
    /// The version that it starts with; `None` where the six bits are the version of the MSPA, whatever that is.
    pub version: Option<u8>,
    /// The core's fields after the version, in runs that sections share: at most 32 values in all.
    parts: &'static [&'static [Run]],
    /// The second segment.
    pub second: Second,
}

impl Layout {
    /// Whether the section's text is not settled: it is read as the reference library writes it, and not relied on.
    pub fn is_provisional(&self) -> bool {
        self.version.is_none()
    }

    /// The core's fields after the version, in the order of the string, each with the number of its values.
    pub fn fields(&self) -> impl Iterator<Item = (Field, u8)> + use<> {
        self.parts.iter().copied().flatten().copied()
    }

    /// How many values the core has.
    pub(super) fn values(&self) -> usize {
        self.fields().map(|(_, count)| usize::from(count)).sum()
    }
}

/// What the national section begins with.
const NATIONAL: &[Run] = &[
    (SharingNotice, 1),
    (SaleOptOutNotice, 1),
    (SharingOptOutNotice, 1),
    (TargetedAdvertisingOptOutNotice, 1),
    (SensitiveDataProcessingOptOutNotice, 1),
    (SensitiveDataLimitUseNotice, 1),
    (SaleOptOut, 1),
    (SharingOptOut, 1),
    (TargetedAdvertisingOptOut, 1),
];
/// What that of California begins with, which says sharing for targeted advertising.
const CALIFORNIAN: &[Run] =
    &[(SaleOptOutNotice, 1), (SharingOptOutNotice, 1), (SensitiveDataLimitUseNotice, 1), (SaleOptOut, 1), (SharingOptOut, 1)];
/// Notices of which the first is about sharing.
const SHARING: &[Run] = &[(SharingNotice, 1), (SaleOptOutNotice, 1), (TargetedAdvertisingOptOutNotice, 1)];
/// Notices of which the first is about processing.
const PROCESSING: &[Run] = &[(ProcessingNotice, 1), (SaleOptOutNotice, 1), (TargetedAdvertisingOptOutNotice, 1)];
/// What states let people opt out of.
const OPT_OUTS: &[Run] = &[(SaleOptOut, 1), (TargetedAdvertisingOptOut, 1)];
/// What the MSPA adds at the end of a section.
const MSPA: &[Run] = &[(MspaCoveredTransaction, 1), (MspaOptOutOptionMode, 1), (MspaServiceProviderMode, 1)];
/// What the provisional sections have of the MSPA, at their beginning.
const MSPA_MODE: &[Run] = &[(MspaCoveredTransaction, 1), (MspaMode, 1)];
const PERSONAL: &[Run] = &[(PersonalDataConsents, 1)];
const ADDITIONAL: &[Run] = &[(AdditionalDataProcessingConsent, 1)];
const CHILD: &[Run] = &[(KnownChildSensitiveDataConsents, 1)];
const SENSITIVE_NOTICE: &[Run] = &[(SensitiveDataProcessingOptOutNotice, 1)];
const SENSITIVE_NOTICE_IOWA: &[Run] = &[(SensitiveDataOptOutNotice, 1)];

/// So many values about kinds of sensitive data, and about children.
const fn data<const SENSITIVE: u8, const CHILD: u8>() -> &'static [Run] {
    &[(SensitiveDataProcessing, SENSITIVE), (KnownChildSensitiveDataConsents, CHILD)]
}

/// One line of the table.
const fn layout(id: u16, name: &'static str, version: Option<u8>, parts: &'static [&'static [Run]], second: Second) -> Layout {
    Layout { id, name, version, parts, second }
}

/// Every layout, by section id, then version.
pub(super) static LAYOUTS: &[Layout] = &[
    layout(7, "usnat", Some(1), &[NATIONAL, data::<12, 2>(), PERSONAL, MSPA], Second::Gpc),
    layout(7, "usnat", Some(2), &[NATIONAL, data::<16, 3>(), PERSONAL, MSPA], Second::Gpc),
    layout(8, "usca", Some(1), &[CALIFORNIAN, data::<9, 2>(), PERSONAL, MSPA], Second::Gpc),
    layout(9, "usva", Some(1), &[SHARING, OPT_OUTS, data::<8, 1>(), MSPA], Second::None),
    layout(10, "usco", Some(1), &[SHARING, OPT_OUTS, data::<7, 1>(), MSPA], Second::Gpc),
    layout(11, "usut", Some(1), &[SHARING, SENSITIVE_NOTICE, OPT_OUTS, data::<8, 1>(), MSPA], Second::None),
    layout(12, "usct", Some(1), &[SHARING, OPT_OUTS, data::<8, 3>(), MSPA], Second::Gpc),
    layout(13, "usfl", Some(1), &[PROCESSING, OPT_OUTS, data::<8, 3>(), ADDITIONAL, MSPA], Second::None),
    layout(14, "usmt", Some(1), &[SHARING, OPT_OUTS, data::<8, 3>(), ADDITIONAL, MSPA], Second::Gpc),
    layout(15, "usor", Some(1), &[PROCESSING, OPT_OUTS, data::<11, 3>(), ADDITIONAL, MSPA], Second::Gpc),
    layout(16, "ustx", Some(1), &[PROCESSING, OPT_OUTS, data::<8, 1>(), ADDITIONAL, MSPA], Second::Gpc),
    layout(17, "usde", Some(1), &[PROCESSING, OPT_OUTS, data::<9, 5>(), ADDITIONAL, MSPA], Second::Gpc),
    layout(18, "usia", Some(1), &[PROCESSING, SENSITIVE_NOTICE_IOWA, OPT_OUTS, data::<8, 1>(), MSPA], Second::Gpc),
    layout(19, "usne", Some(1), &[PROCESSING, OPT_OUTS, data::<8, 1>(), ADDITIONAL, MSPA], Second::Gpc),
    layout(20, "usnh", Some(1), &[PROCESSING, OPT_OUTS, data::<8, 3>(), ADDITIONAL, MSPA], Second::Gpc),
    layout(21, "usnj", Some(1), &[PROCESSING, OPT_OUTS, data::<10, 5>(), ADDITIONAL, MSPA], Second::Gpc),
    layout(22, "ustn", Some(1), &[PROCESSING, OPT_OUTS, data::<8, 1>(), ADDITIONAL, MSPA], Second::Gpc),
    layout(23, "usmn", Some(1), &[PROCESSING, OPT_OUTS, data::<8, 1>(), ADDITIONAL, MSPA], Second::Gpc),
    layout(24, "usmd", None, &[MSPA_MODE, PROCESSING, OPT_OUTS, ADDITIONAL], Second::Gpc),
    layout(25, "usin", None, &[MSPA_MODE, PROCESSING, OPT_OUTS, CHILD, ADDITIONAL], Second::Sensitive),
    layout(26, "usky", None, &[MSPA_MODE, PROCESSING, OPT_OUTS, CHILD, ADDITIONAL], Second::Sensitive),
    layout(27, "usri", None, &[MSPA_MODE, PROCESSING, OPT_OUTS, CHILD, ADDITIONAL], Second::Sensitive),
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
