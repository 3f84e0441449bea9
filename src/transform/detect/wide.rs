//! Full-width digits, as Japanese and Chinese keyboards write them: cards, telephones and identifiers among them.

use super::context::{Context, Near};
use super::groups::{DASH, separator};
use super::national::is_plain;
use super::numbers::{is_card, is_luhn, is_social_security};
use super::scan::Scan;
use crate::plan::Label;

/// The longest number of ours has nineteen digits.
const MOST_DIGITS: usize = 19;
/// Telephone numbers without a calling code.
const NATIONAL: std::ops::RangeInclusive<usize> = 7..=14;

/// A run of full-width digits, with what is between them left out.
struct Run {
    digits: [u8; MOST_DIGITS],
    length: usize,
    /// How many digits each of the first three groups has, and how many groups there are.
    sizes: [usize; 3],
    count: usize,
    kinds: u8,
    end: usize,
}

impl Scan<'_> {
    /// A number in full-width digits that begins at `at`. Says where to go on.
    pub(super) fn wide_digits(&mut self, at: usize) -> usize {
        let run = match self.wide_run(at) {
            Ok(run) => run,
            Err(end) => return end,
        };
        let digits = &run.digits[..run.length];
        let before = &self.text[self.floor.min(at)..at];
        let opened = before.strip_suffix(['(', '（']).unwrap_or(before);
        let plus = opened.strip_suffix(['+', '＋']);
        let start = self.floor.min(at) + plus.unwrap_or(before).len();
        let mut context = Context::new(at);
        let label = if self.wants(Label::CreditCard) && digits.len() >= 12 && is_card(digits) && is_luhn(digits) {
            Some(Label::CreditCard)
        } else if self.wants(Label::UsSsn)
            && (run.sizes, run.count, run.kinds) == ([3, 2, 4], 3, DASH)
            && is_social_security(digits)
        {
            Some(Label::UsSsn)
        } else if self.wants(Label::Phone) && plus.is_some() && digits.len() >= 7 && self.rule.dialling.is_possible(digits) {
            Some(Label::Phone)
        } else {
            self.wide_named(digits, &mut context)
        };
        match label {
            Some(label) => self.found(start, run.end, label),
            None => run.end,
        }
    }

    /// What the words in front say of a number.
    fn wide_named(&self, digits: &[u8], context: &mut Context) -> Option<Label> {
        let (label, is_one) = match context.near(self) {
            Near::Phone | Near::PhoneOrTax | Near::Reach | Near::Signed => (Label::Phone, NATIONAL.contains(&digits.len())),
            Near::National => (Label::NationalId, is_plain(digits)),
            Near::Device => (Label::Imei, digits.len() == 15 && is_luhn(digits)),
            Near::SocialSecurity => (Label::UsSsn, digits.len() == 9 && is_social_security(digits)),
            Near::Nothing | Near::Number | Near::Mac | Near::Version | Near::Release | Near::Other => return None,
        };
        (is_one && self.wants(label)).then_some(label)
    }

    /// The run that begins at `at`, or the end of one that is too long.
    fn wide_run(&self, at: usize) -> Result<Run, usize> {
        let mut run = Run { digits: [0; MOST_DIGITS], length: 0, sizes: [0; 3], count: 1, kinds: 0, end: at };
        let mut next = at;
        loop {
            while let [0xEF, 0xBC, digit @ 0x90..=0x99, ..] = &self.bytes[next..] {
                if run.length < MOST_DIGITS {
                    run.digits[run.length] = digit - 0x90 + b'0';
                }
                run.length += 1;
                next += 3;
                if let Some(size) = run.sizes.get_mut(run.count - 1) {
                    *size += 1;
                }
            }
            run.end = next;
            let mut kinds = 0;
            for _ in 0..2 {
                let Some((kind, length)) = separator(&self.bytes[next..]) else { break };
                kinds |= kind;
                next += length;
            }
            if next == run.end || !matches!(&self.bytes[next..], [0xEF, 0xBC, 0x90..=0x99, ..]) {
                break;
            }
            run.count += 1;
            run.kinds |= kinds;
        }
        if run.length > MOST_DIGITS { Err(run.end) } else { Ok(run) }
    }
}
