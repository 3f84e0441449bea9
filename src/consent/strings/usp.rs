//! The US Privacy string of the CCPA, `1YNN`: a version and three characters.

use super::Broken;

/// One of its characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// `Y`
    Yes,
    /// `N`
    No,
    /// `-`: not applicable.
    NotApplicable,
}

impl Mark {
    /// Capitals only, as the text defines them.
    fn read(byte: u8) -> Result<Self, Broken> {
        match byte {
            b'Y' => Ok(Self::Yes),
            b'N' => Ok(Self::No),
            b'-' => Ok(Self::NotApplicable),
            _ => Err(Broken::Shape),
        }
    }

    /// As it stands in the string.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Yes => "Y",
            Self::No => "N",
            Self::NotApplicable => "-",
        }
    }
}

/// A US Privacy string, version 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UspString {
    /// Whether notice and the opportunity to opt out were given. Not the choice.
    pub notice: Mark,
    /// The choice: `Y` is opted out of sale.
    pub opt_out_sale: Mark,
    /// Whether the transaction is covered by the Limited Service Provider Agreement.
    pub lspa_covered: Mark,
}

impl UspString {
    /// Reads the four characters.
    pub fn read(text: &[u8]) -> Result<Self, Broken> {
        let [version, notice, opt_out_sale, lspa_covered] = *text else { return Err(Broken::Shape) };
        if version != b'1' {
            return Err(Broken::Version);
        }
        Ok(Self { notice: Mark::read(notice)?, opt_out_sale: Mark::read(opt_out_sale)?, lspa_covered: Mark::read(lspa_covered)? })
    }

    /// Whether the CCPA applies: everything but `1---`.
    pub fn ccpa_applies(&self) -> bool {
        !matches!(
            (self.notice, self.opt_out_sale, self.lspa_covered),
            (Mark::NotApplicable, Mark::NotApplicable, Mark::NotApplicable)
        )
    }

    /// Whether the person opted out of sale; `None` is unknown, which is no permission, or that the CCPA does not apply.
    pub fn opted_out(&self) -> Option<bool> {
        match self.opt_out_sale {
            Mark::Yes => Some(true),
            Mark::No => Some(false),
            Mark::NotApplicable => None,
        }
    }

    /// Whether data may be sold under a strict reading: notice was given and nobody opted out. `None`: the CCPA does not apply.
    pub fn sale_allowed(&self) -> Option<bool> {
        self.ccpa_applies().then_some(self.notice == Mark::Yes && self.opt_out_sale == Mark::No)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, applies: bool, opted_out: Option<bool>, sale: Option<bool>) {
        let usp = UspString::read(text.as_bytes()).unwrap_or_else(|fault| panic!("{text}: {fault}"));
        assert_eq!((usp.ccpa_applies(), usp.opted_out(), usp.sale_allowed()), (applies, opted_out, sale), "{text}");
    }

    #[test]
    fn the_third_character_is_the_choice_and_yes_is_opted_out() {
        check("1YNN", true, Some(false), Some(true));
        check("1YYN", true, Some(true), Some(false));
        check("1NYN", true, Some(true), Some(false));
        check("1NNN", true, Some(false), Some(false));
        check("1---", false, None, None);
        check("1Y-N", true, None, Some(false));
    }

    #[test]
    fn anything_else_is_broken() {
        for text in ["", "1", "1YN", "1YNNN", "1ynn", "1YN\u{a0}", "1XNN", "----", "\u{ff11}YNN"] {
            assert_eq!(
                UspString::read(text.as_bytes()).err(),
                Some(if text == "----" { Broken::Version } else { Broken::Shape }),
                "{text}"
            );
        }
        for text in ["0YNN", "2YNN", "YYNN"] {
            assert_eq!(UspString::read(text.as_bytes()), Err(Broken::Version), "{text}");
        }
    }
}
