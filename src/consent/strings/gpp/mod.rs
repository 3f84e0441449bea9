//! The Global Privacy Platform string of IAB: a header that lists sections, and the sections, joined by `~`.
//!
//! [`GppString::read`] checks the header and every section that is known; a section is decoded where it is asked for. Ids that
//! are not known are skipped. Which sections are in force the string does not say: the event does, beside it.

mod canada;
pub(super) mod fibonacci;
mod layouts;
#[cfg(test)]
mod tests;
mod us;

pub use canada::{Agreement, CanadaSection};
pub use layouts::{Field, Layout, Second};
pub use us::{OptOuts, UsSection, Values};

use super::bits::{Bits, Parts, Reader};
use super::tcf::TcString;
use super::usp::UspString;
use super::{Broken, MAX_INPUT};
use fibonacci::Gaps;

/// A GPP string over its text.
#[derive(Clone)]
pub struct GppString<'a> {
    header: Bits<'a>,
    /// The sections' text, without the header; `None` where the header lists none.
    body: Option<&'a [u8]>,
}

/// One section as it stands in the string.
#[derive(Clone, Copy)]
pub struct Part<'a> {
    /// Its id.
    pub id: u16,
    /// Its text.
    pub text: &'a [u8],
}

/// A section, decoded.
#[derive(Clone)]
pub enum Section<'a> {
    /// 2, `tcfeuv2`: a TC string.
    Tcf(TcString<'a>),
    /// 5, `tcfcav1`.
    Canada(CanadaSection<'a>),
    /// 6, `uspv1`.
    Usp(UspString),
    /// 7 to 27.
    Us(UsSection),
    /// Any other id: skipped.
    Unknown,
}

/// The type in a GPP header, and its version.
const HEADER: (u64, u64) = (3, 1);

impl<'a> GppString<'a> {
    /// Reads a GPP string: the header, as many sections as it lists, and each of them that is known.
    pub fn read(text: &'a [u8]) -> Result<Self, Broken> {
        if text.len() > MAX_INPUT {
            return Err(Broken::TooLong);
        }
        let (header, body) = match memchr::memchr(b'~', text) {
            Some(at) => (&text[..at], Some(&text[at + 1..])),
            None => (text, None),
        };
        let gpp = Self { header: Bits::new(header)?, body };
        gpp.check()?;
        Ok(gpp)
    }

    /// The header's fields, and that each section which it lists is there and can be decoded.
    fn check(&self) -> Result<(), Broken> {
        let mut reader = Reader::new(self.header);
        if reader.take(6)? != HEADER.0 {
            return Err(Broken::HeaderType);
        }
        if reader.take(6)? != HEADER.1 {
            return Err(Broken::Version);
        }
        let mut gaps = Gaps::new(&mut reader)?;
        let mut texts = self.texts();
        for range in gaps.by_ref() {
            let (start, end) = range?;
            for id in start..=end {
                let text = texts.next().ok_or(Broken::SectionCount)?;
                Part { id, text }.decode()?;
            }
        }
        reader.at = gaps.at;
        reader.finish()?;
        if texts.next().is_some() { Err(Broken::SectionCount) } else { Ok(()) }
    }

    fn texts(&self) -> impl Iterator<Item = &'a [u8]> {
        self.body.into_iter().flat_map(|body| Parts::new(body, b'~'))
    }

    /// The section ids of the header, ascending.
    fn ids(&self) -> impl Iterator<Item = u16> {
        // The header was read once with success, so it is again.
        let gaps = Gaps::new(&mut Reader { bits: self.header, at: 12 }).ok();
        gaps.into_iter().flatten().map_while(Result::ok).flat_map(|(start, end)| start..=end)
    }

    /// The sections, by id ascending, as the string has them.
    pub fn parts(&self) -> impl Iterator<Item = Part<'a>> {
        self.ids().zip(self.texts()).map(|(id, text)| Part { id, text })
    }

    /// The section of that id, where there is one.
    pub fn part(&self, id: u16) -> Option<Part<'a>> {
        self.parts().find(|part| part.id == id)
    }
}

impl<'a> Part<'a> {
    /// The section's name, where the id is known.
    pub fn name(&self) -> Option<&'static str> {
        match self.id {
            2 => Some("tcfeuv2"),
            5 => Some("tcfcav1"),
            6 => Some("uspv1"),
            id => layouts::LAYOUTS.iter().find(|layout| layout.id == id).map(|layout| layout.name),
        }
    }

    /// What the section says. An id that is not known has only text of the alphabet and dots, and some.
    pub fn decode(&self) -> Result<Section<'a>, Broken> {
        match self.id {
            2 => TcString::read(self.text).map(Section::Tcf),
            5 => CanadaSection::read(self.text).map(Section::Canada),
            6 => UspString::read(self.text).map(Section::Usp),
            id => match UsSection::read(id, self.text) {
                Some(section) => section.map(Section::Us),
                None if self.text.is_empty() => Err(Broken::SectionCount),
                None => {
                    Parts::new(self.text, b'.').try_for_each(|segment| Bits::new(segment).map(|_| ()))?;
                    Ok(Section::Unknown)
                }
            },
        }
    }
}
