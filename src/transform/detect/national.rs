//! National identifiers with check digits. What is told by digits alone needs a word in front that says so.

use super::context::{Context, Near};
use super::groups::{BLANK, DASH, DOT, Digits, Group, SLASH, UNDERSCORE};
use super::numbers::is_luhn;
use super::scan::Scan;

/// The end of an identifier that begins with the group at `at`; `word_end` is the end of the word there.
pub(super) fn find(scan: &Scan<'_>, groups: &[Group], at: usize, word_end: usize, context: &mut Context) -> Option<usize> {
    let group = groups[at];
    if at > 0 && group.gap.length == 1 && group.gap.kinds & (DASH | DOT | UNDERSCORE) != 0 {
        return None;
    }
    if (word_end > group.end || scan.bytes.get(group.end) == Some(&b'-'))
        && let Some(end) = with_letter(scan, group, word_end)
    {
        return Some(end);
    }
    let follows = at > 0 && group.gap.length == 1;
    if !follows && let Some(end) = formatted(scan, &groups[at..]) {
        return Some(end);
    }
    plain(scan, &groups[at..], context)
}

/// Identifiers are written in at most so many groups.
const MOST_PARTS: usize = 7;
/// The shortest and the longest identifier of digits alone.
const PLAIN: std::ops::RangeInclusive<usize> = 9..=15;

/// The longest identifier of digits alone, in one group or several.
fn plain(scan: &Scan<'_>, groups: &[Group], context: &mut Context) -> Option<usize> {
    let mut best = None;
    let mut length = 0;
    for (position, group) in groups.iter().take(MOST_PARTS).enumerate() {
        let joins = group.gap.length == 1 && group.gap.kinds & !(BLANK | DASH | DOT | SLASH) == 0;
        length += group.len();
        if (position > 0 && !joins) || length > *PLAIN.end() {
            break;
        }
        if !group.clean || !PLAIN.contains(&length) {
            continue;
        }
        let digits = Digits::of(scan.bytes, &groups[..=position])?;
        let digits = digits.as_slice();
        if is_unmistakable(digits) || (is_plain(digits) && is_official(context.near(scan), length)) {
            best = Some(group.end);
        }
    }
    best
}

/// Whether a word calls the number one of a person; a tax number is in some countries the social security number.
fn is_official(near: Near, length: usize) -> bool {
    near == Near::National || (near == Near::PhoneOrTax && length == 9) || (near == Near::SocialSecurity && length > 9)
}

/// Digits with a form of their own: the form and the check together are no chance.
fn formatted(scan: &Scan<'_>, groups: &[Group]) -> Option<usize> {
    let digits = |count: usize| Digits::of(scan.bytes, &groups[..count]);
    let gap = |at: usize, kind: u8| groups[at].gap.is(kind);
    let last = |count: usize| groups[count - 1].clean && !continues(scan, groups, count);
    match groups {
        // Brazil: 123.456.789-09.
        [a, b, c, d, ..] if sizes(&[a, b, c, d], &[3, 3, 3, 2]) && gap(1, DOT) && gap(2, DOT) && gap(3, DASH) && last(4) => {
            is_cpf(digits(4)?.as_slice()).then_some(d.end)
        }
        // Germany: 12 345 678 903.
        [a, b, c, d, ..] if sizes(&[a, b, c, d], &[2, 3, 3, 3]) && gap(1, BLANK) && gap(2, BLANK) && gap(3, BLANK) && last(4) => {
            is_steuer_id(digits(4)?.as_slice()).then_some(d.end)
        }
        // Switzerland: 756.1234.5678.97.
        [a, b, c, d, ..] if sizes(&[a, b, c, d], &[3, 4, 4, 2]) && gap(1, DOT) && last(4) => {
            is_ahv(digits(4)?.as_slice()).then_some(d.end)
        }
        // India: 2345 6789 0124.
        [a, b, c, ..] if sizes(&[a, b, c], &[4, 4, 4]) && gap(1, BLANK) && gap(2, BLANK) && last(3) => {
            is_aadhaar(digits(3)?.as_slice()).then_some(c.end)
        }
        // Sweden: 19640823-3234, 640823-3234.
        [a, b, ..] if matches!(a.len(), 6 | 8) && b.len() == 4 && gap(1, DASH) && last(2) => {
            is_personnummer(digits(2)?.as_slice()).then_some(b.end)
        }
        // Czechia and Slovakia: 736028/5163.
        [a, b, ..] if a.len() == 6 && b.len() == 4 && gap(1, SLASH) && last(2) => {
            is_rodne_cislo(digits(2)?.as_slice()).then_some(b.end)
        }
        // Korea: 820701-2409184.
        [a, b, ..] if a.len() == 6 && b.len() == 7 && gap(1, DASH) && last(2) => is_rrn(digits(2)?.as_slice()).then_some(b.end),
        _ => None,
    }
}

fn sizes(groups: &[&Group], wanted: &[usize]) -> bool {
    groups.iter().map(|group| group.len()).eq(wanted.iter().copied())
}

/// Whether another group of the same setting follows: then it is a longer number.
fn continues(scan: &Scan<'_>, groups: &[Group], count: usize) -> bool {
    let own = groups.get(1).map(|group| group.gap);
    let next = groups
        .get(count)
        .is_some_and(|next| next.gap.length == 1 && (next.gap.kinds & (DASH | DOT) != 0 || Some(next.gap) == own));
    next || scan.bytes.get(groups[count - 1].end).is_some_and(|byte| *byte == b'-')
        && groups.get(count).is_none_or(|next| next.gap.length <= 1)
}

/// Plain digits whose structure and check together are no chance: less than one number in a thousand has both.
fn is_unmistakable(digits: &[u8]) -> bool {
    match digits.len() {
        // France: sex, year, month, place, order, key.
        15 => is_nir(digits),
        // Norway; Belgium.
        11 => is_fodselsnummer(digits) || is_rijksregister(digits),
        // Romania.
        13 => is_cnp(digits),
        _ => false,
    }
}

/// Plain digits that a word in front calls a national identifier.
pub(super) fn is_plain(digits: &[u8]) -> bool {
    match digits.len() {
        9 => is_bsn(digits) || is_nif_pt(digits) || is_luhn(digits) || is_tfn(digits),
        10 => is_nhs(digits) || is_personnummer(digits) || is_egn(digits) || is_svnr(digits) || is_day(digits),
        11 => is_steuer_id(digits) || is_cpf(digits) || is_pesel(digits) || is_oib(digits) || is_tckn(digits),
        12 => is_aadhaar(digits) || is_personnummer(digits) || is_my_number(digits),
        13 => is_ahv(digits) || is_rrn(digits) || is_luhn(digits),
        15 => is_nir(digits),
        _ => false,
    }
}

/// Words that begin with letters: Italy's codice fiscale, Mexico's CURP, Spain's NIE.
pub(super) fn is_lettered(word: &[u8]) -> bool {
    match word.len() {
        16 => is_codice_fiscale(word),
        18 => is_curp(word),
        9 => is_nie(word),
        _ => false,
    }
}

/// Digits with a letter behind: Spain's DNI, Finland's identity code, China's with an X.
fn with_letter(scan: &Scan<'_>, group: Group, word_end: usize) -> Option<usize> {
    let digits = &scan.bytes[group.start..group.end];
    let ends_at = |end: usize| !scan.bytes.get(end).is_some_and(|next| super::scan::is_word(*next));
    match digits.len() {
        8 => {
            let dash = usize::from(scan.bytes.get(group.end) == Some(&b'-'));
            let end = group.end + dash + 1;
            let letter = scan.bytes.get(end - 1)?.to_ascii_uppercase();
            (letter == dni_letter(digits) && ends_at(end)).then_some(end)
        }
        6 => {
            let code = scan.bytes.get(group.end..group.end + 5)?;
            (is_hetu(digits, code) && ends_at(group.end + 5)).then_some(group.end + 5)
        }
        17 if word_end == group.end + 1 => is_chinese(&scan.bytes[group.start..word_end]).then_some(word_end),
        _ => None,
    }
}

/// The value of one digit.
fn digit(byte: u8) -> u32 {
    u32::from(byte.wrapping_sub(b'0'))
}

/// The number that some digits write.
fn value(digits: &[u8]) -> u64 {
    digits.iter().fold(0, |sum, byte| sum * 10 + u64::from(digit(*byte)))
}

/// The sum of the digits, each times its weight.
fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(byte, weight)| digit(*byte) * weight).sum()
}

/// Whether there are such a month and day.
fn is_month_day(month: u64, day: u64) -> bool {
    (1..=12).contains(&month) && (1..=31).contains(&day)
}

fn all_equal(digits: &[u8]) -> bool {
    digits.windows(2).all(|pair| pair[0] == pair[1])
}

/// ISO 7064, MOD 11,10.
fn is_mod_11_10(digits: &[u8]) -> bool {
    let (check, rest) = (digit(digits[digits.len() - 1]), &digits[..digits.len() - 1]);
    let product = rest.iter().fold(10, |product, byte| {
        let sum = (digit(*byte) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == check
}

/// Germany's Steuer-ID: no leading zero, one digit of the first ten twice or thrice, ISO 7064.
fn is_steuer_id(digits: &[u8]) -> bool {
    let mut seen = [0u8; 10];
    digits[..10].iter().for_each(|byte| seen[digit(*byte) as usize] += 1);
    let most = seen.iter().max().copied().unwrap_or(0);
    digits[0] != b'0' && (most == 2 || most == 3) && is_mod_11_10(digits)
}

/// Croatia's OIB.
fn is_oib(digits: &[u8]) -> bool {
    is_mod_11_10(digits)
}

/// Brazil's CPF: two check digits modulo 11.
fn is_cpf(digits: &[u8]) -> bool {
    let check = |length: usize| {
        let sum: u32 = digits[..length].iter().enumerate().map(|(at, byte)| digit(*byte) * (length + 1 - at) as u32).sum();
        sum * 10 % 11 % 10 == digit(digits[length])
    };
    !all_equal(digits) && check(9) && check(10)
}

/// Poland's PESEL.
fn is_pesel(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1]);
    let month = value(&digits[2..4]) % 20;
    sum.is_multiple_of(10) && is_month_day(month, value(&digits[4..6]))
}

/// Türkiye's identity number.
fn is_tckn(digits: &[u8]) -> bool {
    let odd: u32 = digits[..9].iter().step_by(2).map(|byte| digit(*byte)).sum();
    let even: u32 = digits[1..8].iter().step_by(2).map(|byte| digit(*byte)).sum();
    let tenth = (odd * 7 + 100 - even) % 10;
    let eleventh = (digits[..10].iter().map(|byte| digit(*byte)).sum::<u32>()) % 10;
    digits[0] != b'0' && tenth == digit(digits[9]) && eleventh == digit(digits[10])
}

/// Sweden's personnummer, with or without the century; coordination numbers have 60 added to the day.
fn is_personnummer(digits: &[u8]) -> bool {
    let short = &digits[digits.len() - 10..];
    let day = value(&short[4..6]);
    is_month_day(value(&short[2..4]), if day > 60 { day - 60 } else { day }) && is_luhn(short)
}

/// India's Aadhaar: Verhoeff's scheme.
fn is_aadhaar(digits: &[u8]) -> bool {
    matches!(digits[0], b'2'..=b'9') && is_verhoeff(digits)
}

/// J. Verhoeff, "Error detecting decimal codes", 1969: the dihedral group of order ten.
fn is_verhoeff(digits: &[u8]) -> bool {
    const TIMES: [[u8; 10]; 10] = [
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
        [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
        [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
        [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
        [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
        [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
        [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
        [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
        [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
    ];
    const TURN: [u8; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let check = digits.iter().rev().enumerate().fold(0u8, |check, (at, byte)| {
        let turned = (0..at % 8).fold(digit(*byte) as u8, |value, _| TURN[usize::from(value)]);
        TIMES[usize::from(check)][usize::from(turned)]
    });
    check == 0
}

/// France's NIR: 97 less the number modulo 97.
fn is_nir(digits: &[u8]) -> bool {
    let month = value(&digits[3..5]);
    let born = matches!(month, 1..=12 | 20..=42 | 50..=99);
    matches!(digits[0], b'1' | b'2') && born && 97 - value(&digits[..13]) % 97 == value(&digits[13..])
}

/// The Netherlands' BSN: the eleven test.
fn is_bsn(digits: &[u8]) -> bool {
    let sum = weighted(&digits[..8], &[9, 8, 7, 6, 5, 4, 3, 2]) as i64 - i64::from(digit(digits[8]));
    sum % 11 == 0 && !all_equal(digits)
}

/// Portugal's NIF.
fn is_nif_pt(digits: &[u8]) -> bool {
    let rest = weighted(&digits[..8], &[9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    let check = if rest < 2 { 0 } else { 11 - rest };
    check == digit(digits[8])
}

/// Australia's tax file number.
fn is_tfn(digits: &[u8]) -> bool {
    weighted(digits, &[1, 4, 3, 7, 5, 8, 6, 9, 10]).is_multiple_of(11)
}

/// England's NHS number.
fn is_nhs(digits: &[u8]) -> bool {
    let check = 11 - weighted(&digits[..9], &[10, 9, 8, 7, 6, 5, 4, 3, 2]) % 11;
    check % 11 == digit(digits[9]) && check != 10
}

/// Bulgaria's EGN.
fn is_egn(digits: &[u8]) -> bool {
    weighted(&digits[..9], &[2, 4, 8, 5, 10, 9, 7, 3, 6]) % 11 % 10 == digit(digits[9])
}

/// Austria's social insurance number: the check digit is the fourth.
fn is_svnr(digits: &[u8]) -> bool {
    weighted(digits, &[3, 7, 9, 0, 5, 8, 4, 2, 1, 6]) % 11 == digit(digits[3])
        && is_month_day(value(&digits[6..8]), value(&digits[4..6]))
}

/// Denmark's CPR has had no check digit since 2007: a day is all there is.
fn is_day(digits: &[u8]) -> bool {
    is_month_day(value(&digits[2..4]), value(&digits[..2]))
}

/// Norway's fødselsnummer.
fn is_fodselsnummer(digits: &[u8]) -> bool {
    let first = weighted(digits, &[3, 7, 6, 1, 8, 9, 4, 5, 2, 1]);
    let second = weighted(digits, &[5, 4, 3, 2, 7, 6, 5, 4, 3, 2, 1]);
    let day = value(&digits[..2]) % 40;
    first.is_multiple_of(11) && second.is_multiple_of(11) && is_month_day(value(&digits[2..4]) % 40, day)
}

/// Belgium's national number: 97 less the number modulo 97, for those born since 2000 with a 2 in front.
fn is_rijksregister(digits: &[u8]) -> bool {
    let (number, check) = (value(&digits[..9]), value(&digits[9..]));
    let born = is_month_day(value(&digits[2..4]) % 20, value(&digits[4..6]));
    born && (97 - number % 97 == check || 97 - (2_000_000_000 + number) % 97 == check)
}

/// Romania's CNP.
fn is_cnp(digits: &[u8]) -> bool {
    let rest = weighted(&digits[..12], &[2, 7, 9, 1, 4, 6, 3, 5, 8, 2, 7, 9]) % 11;
    let check = if rest == 10 { 1 } else { rest };
    let county = value(&digits[7..9]);
    let born = is_month_day(value(&digits[3..5]), value(&digits[5..7]));
    matches!(digits[0], b'1'..=b'8') && born && (1..=52).contains(&county) && check == digit(digits[12])
}

/// Czechia's and Slovakia's birth number.
fn is_rodne_cislo(digits: &[u8]) -> bool {
    let month = value(&digits[2..4]) % 50;
    is_month_day(if month > 20 { month - 20 } else { month }, value(&digits[4..6])) && value(digits).is_multiple_of(11)
}

/// Korea's resident registration number.
fn is_rrn(digits: &[u8]) -> bool {
    let check = (11 - weighted(&digits[..12], &[2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5]) % 11) % 10;
    is_month_day(value(&digits[2..4]), value(&digits[4..6])) && check == digit(digits[12])
}

/// Switzerland's AHV number: the digits of an EAN that begins with 756.
fn is_ahv(digits: &[u8]) -> bool {
    digits.starts_with(b"756") && weighted(digits, &[1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1, 3, 1]).is_multiple_of(10)
}

/// Japan's My Number.
fn is_my_number(digits: &[u8]) -> bool {
    let rest = weighted(&digits[..11], &[6, 5, 4, 3, 2, 7, 6, 5, 4, 3, 2]) % 11;
    (if rest <= 1 { 0 } else { 11 - rest }) == digit(digits[11])
}

/// Spain's letter for eight digits.
fn dni_letter(digits: &[u8]) -> u8 {
    b"TRWAGMYFPDXBNJZSQVHLCKE"[(value(digits) % 23) as usize]
}

/// Spain's number for foreigners: X, Y or Z stands for 0, 1 or 2.
fn is_nie(word: &[u8]) -> bool {
    let first = match word[0].to_ascii_uppercase() {
        b'X' => b'0',
        b'Y' => b'1',
        b'Z' => b'2',
        _ => return false,
    };
    let mut digits = [first; 8];
    digits[1..].copy_from_slice(&word[1..8]);
    digits.iter().all(u8::is_ascii_digit) && word[8].to_ascii_uppercase() == dni_letter(&digits)
}

/// Finland's identity code: the letter is the number modulo 31.
fn is_hetu(day: &[u8], code: &[u8]) -> bool {
    let [century, number @ .., check] = code else { return false };
    let is_century = matches!(century, b'-' | b'A'..=b'F' | b'U'..=b'Y');
    if !is_century || !number.iter().all(u8::is_ascii_digit) || !is_month_day(value(&day[2..4]), value(&day[..2])) {
        return false;
    }
    let rest = (value(day) * 1000 + value(number)) % 31;
    b"0123456789ABCDEFHJKLMNPRSTUVWXY"[rest as usize] == check.to_ascii_uppercase()
}

/// China's resident identity number: ISO 7064, MOD 11-2.
fn is_chinese(word: &[u8]) -> bool {
    const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];
    let born = is_month_day(value(&word[10..12]), value(&word[12..14]));
    born && b"10X98765432"[(weighted(&word[..17], &WEIGHTS) % 11) as usize] == word[17].to_ascii_uppercase()
}

/// Italy's tax code; where two people would share one, digits are replaced by letters.
fn is_codice_fiscale(word: &[u8]) -> bool {
    const FORM: &[u8; 16] = b"AAAAAA00A00A000A";
    let has_form = word.iter().zip(FORM).all(|(byte, form)| match form {
        b'A' => byte.is_ascii_alphabetic(),
        _ => byte.is_ascii_digit() || b"LMNPQRSTUV".contains(&byte.to_ascii_uppercase()),
    });
    // Values of characters at odd places, by letter; a digit counts as the letter of its position.
    const ODD: [u32; 26] = [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let place = |byte: u8| usize::from(if byte.is_ascii_digit() { byte - b'0' } else { byte.to_ascii_uppercase() - b'A' });
    has_form && {
        let sum: u32 = word[..15]
            .iter()
            .enumerate()
            .map(|(at, byte)| if at % 2 == 0 { ODD[place(*byte)] } else { place(*byte) as u32 })
            .sum();
        b'A' + (sum % 26) as u8 == word[15].to_ascii_uppercase()
    }
}

/// Mexico's CURP: the last digit checks the seventeen before.
fn is_curp(word: &[u8]) -> bool {
    let has_form = word[..4].iter().all(u8::is_ascii_alphabetic)
        && word[4..10].iter().all(u8::is_ascii_digit)
        && word[10..16].iter().all(u8::is_ascii_alphabetic)
        && word[16].is_ascii_alphanumeric()
        && word[17].is_ascii_digit();
    has_form && {
        let place = |byte: u8| match byte.to_ascii_uppercase() {
            digit @ b'0'..=b'9' => u32::from(digit - b'0'),
            letter @ b'A'..=b'N' => u32::from(letter - b'A') + 10,
            letter => u32::from(letter - b'O') + 25,
        };
        let sum: u32 = word[..17].iter().enumerate().map(|(at, byte)| place(*byte) * (18 - at as u32)).sum();
        (10 - sum % 10) % 10 == digit(word[17])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Specimens that the issuing offices or their national encyclopedias print.
    #[test]
    fn takes_published_specimens() {
        type Check = fn(&[u8]) -> bool;
        let checks: &[(Check, &str)] = &[
            (is_steuer_id, "86095742719"),
            (is_cpf, "52998224725"),
            (is_pesel, "44051401359"),
            (is_tckn, "10000000146"),
            (is_personnummer, "6408233234"),
            (is_personnummer, "196408233234"),
            (is_verhoeff, "2363"),
            (is_nir, "255081416802538"),
            (is_bsn, "111222333"),
            (is_nif_pt, "501964843"),
            (is_tfn, "123456782"),
            (is_nhs, "9434765919"),
            (is_egn, "7523169263"),
            (is_svnr, "1237010180"),
            (is_fodselsnummer, "15108695088"),
            (is_rijksregister, "93051822361"),
            (is_cnp, "1630615123457"),
            (is_rodne_cislo, "7103192745"),
            (is_ahv, "7569217076985"),
            (is_my_number, "123456789018"),
            (is_nie, "X1234567L"),
            (is_chinese, "11010519491231002X"),
            (is_codice_fiscale, "RSSMRA85T10A562S"),
            (is_curp, "BOXW310820HNERXN09"),
            (is_oib, "33392005961"),
        ];
        for (check, specimen) in checks {
            assert!(check(specimen.as_bytes()), "{specimen}");
            let mut wrong = specimen.as_bytes().to_vec();
            let last = wrong.len() - 2;
            wrong[last] = if wrong[last] == b'9' { b'1' } else { wrong[last] + 1 };
            assert!(!check(&wrong), "{specimen} with another digit");
        }
        assert_eq!(dni_letter(b"12345678"), b'Z');
        assert!(is_hetu(b"131052", b"-308T") && !is_hetu(b"131052", b"-308U"));
    }
}
