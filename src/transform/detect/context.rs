//! The words in front of a number: they tell a telephone from an order, and an address from a version.

use super::email::is_unspaced;
use super::scan::Scan;

/// What the nearest telling word says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Near {
    /// Nothing telling is near.
    Nothing,
    /// A telephone.
    Phone,
    /// Somebody is called, written to or reached.
    Reach,
    /// A mobile device's number.
    Device,
    /// A social security number.
    SocialSecurity,
    /// A hardware address.
    Mac,
    /// A national identifier.
    National,
    /// A version, or a section of a text.
    Version,
    /// Something else that has a number: an order, a price, a card.
    Other,
}

/// The words before one place, looked up when they are first asked for.
pub(super) struct Context {
    start: usize,
    near: Option<Near>,
}

/// How far back words are looked for, in bytes and in words.
const REACH_BYTES: usize = 96;
const REACH_WORDS: usize = 5;
/// Longer words tell nothing.
const LONGEST_WORD: usize = 32;

impl Context {
    /// For a candidate that begins at `start`.
    pub(super) fn new(start: usize) -> Context {
        Context { start, near: None }
    }

    /// What the nearest telling word says.
    pub(super) fn near(&mut self, scan: &Scan<'_>) -> Near {
        *self.near.get_or_insert_with(|| look_back(scan, self.start))
    }
}

fn look_back(scan: &Scan<'_>, start: usize) -> Near {
    let mut least = start.saturating_sub(REACH_BYTES);
    let mut inherited = Near::Nothing;
    if let Some(last) = scan.last()
        && last.end > least
    {
        // A list: what holds for the find before holds for what only punctuation or a joining word parts from it.
        least = last.end;
        let between = &scan.text[least..start];
        // A quote that ends one value and begins the next parts two of a list; one that only ends parts two columns.
        let quoted = between.starts_with(['"', '\'']) && between.chars().next() != between.chars().next_back();
        let between = between.trim_matches(|letter: char| !letter.is_alphanumeric());
        if !quoted
            && matches!(
                between,
                "" | "or" | "and" | "und" | "oder" | "y" | "o" | "e" | "et" | "ou" | "og" | "och" | "en" | "of" | "i" | "lub"
            )
        {
            inherited = of_label(last.what);
        }
    }
    while !scan.text.is_char_boundary(least) {
        least += 1;
    }
    let before = &scan.text[least..start];
    match key_of(before) {
        Some(key) => match classify_key(key) {
            Some(near) => near,
            None => in_prose(&before[..key.as_ptr() as usize - before.as_ptr() as usize]),
        },
        None => match in_prose(before) {
            Near::Nothing => inherited,
            near => near,
        },
    }
}

/// What a find says about its neighbour in a list.
fn of_label(what: super::What) -> Near {
    use crate::plan::Label;
    match what {
        super::What::Label(Label::Phone) => Near::Phone,
        super::What::Label(Label::Imei) => Near::Device,
        super::What::Label(Label::UsSsn) => Near::SocialSecurity,
        super::What::Label(_) | super::What::Pattern(_) => Near::Nothing,
    }
}

/// The name in front of a value, where the text is written for machines: `name=`, `"name":"`, `<name>`.
fn key_of(before: &str) -> Option<&str> {
    let value = before.trim_end_matches(['+', '(', '\'', '"', '\\', '[', ' ', '%']);
    let value = value.strip_suffix("%2B").or_else(|| value.strip_suffix("%22")).unwrap_or(value);
    let name =
        if let Some(name) = value.strip_suffix('=').or_else(|| value.strip_suffix("%3D")).or_else(|| value.strip_suffix("%3d")) {
            name.trim_end_matches([']', ' ', ')'])
        } else if let Some(name) = value.strip_suffix(':') {
            name.trim_end().strip_suffix(['"', '\''])?
        } else {
            value.strip_suffix('>')?
        };
    let name = name.trim_end_matches(['"', '\'', '\\']);
    let is_name = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '-' | '.');
    let start = name.char_indices().rev().take_while(|(_, letter)| is_name(*letter)).last()?.0;
    Some(&name[start..])
}

/// What a name says; `None` where it only says that there is a value.
fn classify_key(key: &str) -> Option<Near> {
    let mut rest = key;
    let mut any = false;
    while let Some((before, word)) = last_word(rest) {
        rest = before;
        match lookup(word) {
            Near::Nothing => any |= !is_holder(word),
            near => return Some(near),
        }
    }
    any.then_some(Near::Nothing)
}

/// Names that hold anything: what the value is, is said before them.
fn is_holder(word: &str) -> bool {
    [
        "value",
        "val",
        "number",
        "num",
        "no",
        "to",
        "from",
        "text",
        "data",
        "input",
        "content",
        "msg",
        "message",
        "for",
        "recipient",
        "target",
    ]
    .iter()
    .any(|holder| word.eq_ignore_ascii_case(holder))
}

/// What the nearest telling word says.
fn in_prose(before: &str) -> Near {
    let mut rest = before;
    for distance in 0..REACH_WORDS {
        let Some((front, word)) = last_word(rest) else { return Near::Nothing };
        let gap = &rest[front.len() + word.len()..];
        let mut near = lookup(word);
        if word.eq_ignore_ascii_case("id") {
            // An id of something: of a person where the word before says so, else of whatever it is.
            near = last_word(front).map_or(Near::Other, |(_, owner)| lookup(owner));
            near = if near == Near::Nothing { Near::Other } else { near };
        }
        // Over the end of a sentence only an abbreviation reaches: `Tel. 030 …`.
        if gap.contains(['\n', ';', '|', '}', '{', '。', '!', '?', '•', '&']) || (gap.contains(',') && distance > 0) {
            return Near::Nothing;
        }
        if gap.contains(". ") && !(distance == 0 && word.chars().count() <= 5) {
            return Near::Nothing;
        }
        let reaches = match near {
            Near::Nothing => false,
            Near::Version => distance < 3,
            Near::Phone | Near::Reach | Near::Device | Near::SocialSecurity | Near::Mac | Near::National | Near::Other => true,
        };
        if reaches {
            return near;
        }
        rest = front;
    }
    Near::Nothing
}

/// The last word of a text and what is before it. `phoneNumber` and `phone_number` are two words.
fn last_word(text: &str) -> Option<(&str, &str)> {
    let end = text.trim_end_matches(|letter: char| !is_letter(letter)).len();
    let text = &text[..end];
    let last = text.chars().next_back()?;
    let wide = is_unspaced(last);
    let mut start = end;
    for (at, letter) in text.char_indices().rev() {
        if !is_letter(letter) || is_unspaced(letter) != wide || end - at > 2 * LONGEST_WORD {
            break;
        }
        let next = text[start..].chars().next();
        if start < end && letter.is_lowercase() && next.is_some_and(char::is_uppercase) {
            break;
        }
        start = at;
    }
    Some((&text[..start], &text[start..]))
}

fn is_letter(letter: char) -> bool {
    letter.is_alphabetic() || matches!(letter, '\u{0300}'..='\u{036F}' | '\u{0900}'..='\u{0DFF}' | '\u{0E30}'..='\u{0E4E}')
}

/// What one word says.
fn lookup(word: &str) -> Near {
    if word.chars().next().is_some_and(is_unspaced) {
        return unspaced(word);
    }
    let mut lower = [0u8; LONGEST_WORD];
    let mut length = 0;
    for letter in word.chars().flat_map(char::to_lowercase) {
        let Some(slot) = lower.get_mut(length..length + letter.len_utf8()) else { return Near::Nothing };
        letter.encode_utf8(slot);
        length += letter.len_utf8();
    }
    let Ok(word) = std::str::from_utf8(&lower[..length]) else { return Near::Nothing };
    // The words are sorted: a word that begins like one of ours stands right behind it.
    if let Ok(at) = WORDS.binary_search_by(|(known, _)| (*known).cmp(word)) {
        return WORDS[at].1;
    }
    let known = STEMS.partition_point(|(stem, _)| *stem <= word);
    match known.checked_sub(1).map(|at| STEMS[at]) {
        Some((stem, near)) if word.starts_with(stem) => near,
        _ => Near::Nothing,
    }
}

/// The last telling word in text without spaces.
fn unspaced(text: &str) -> Near {
    let at = |start: usize| UNSPACED.iter().find(|(word, _)| text[start..].starts_with(word)).map(|(_, near)| *near);
    text.char_indices().rev().find_map(|(start, _)| at(start)).unwrap_or(Near::Nothing)
}

/// Whole words, sorted.
#[rustfmt::skip]
const WORDS: &[(&str, Near)] = &[
    ("account", Near::Other), ("ahv", Near::National), ("ani", Near::Phone), ("appel", Near::Reach), ("asn", Near::Other),
    ("avs", Near::National), ("bel", Near::Reach), ("bsn", Near::National), ("build", Near::Version), ("buzz", Near::Reach),
    ("call", Near::Reach), ("caller", Near::Phone), ("callto", Near::Phone), ("card", Near::Other), ("case", Near::Other),
    ("cel", Near::Phone), ("cell", Near::Phone), ("cf", Near::National), ("chapter", Near::Version),
    ("chrome", Near::Version), ("cip", Near::Other), ("client", Near::Other), ("cnp", Near::National), ("code", Near::Other),
    ("contract", Near::Other), ("cpf", Near::National), ("cpr", Near::National), ("curp", Near::National),
    ("customer", Near::Other), ("direct", Near::Reach), ("dni", Near::National), ("driver", Near::Version),
    ("ean", Near::Other), ("egn", Near::National), ("error", Near::Other), ("fax", Near::Phone), ("firmware", Near::Version),
    ("fon", Near::Phone), ("fw", Near::Version), ("gsm", Near::Phone), ("gtin", Near::Other), ("gọi", Near::Reach),
    ("handset", Near::Phone), ("hetu", Near::National), ("hubungi", Near::Reach), ("idnr", Near::National),
    ("imei", Near::Device), ("imeisv", Near::Device), ("insz", Near::National), ("invoice", Near::Other),
    ("iphone", Near::Nothing), ("isbn", Near::Other), ("item", Near::Other), ("kernel", Near::Version),
    ("landline", Near::Phone), ("line", Near::Nothing), ("lot", Near::Other), ("mac", Near::Mac), ("mob", Near::Phone),
    ("model", Near::Other), ("msisdn", Near::Phone), ("nhs", Near::National), ("ni", Near::Other), ("nie", Near::National),
    ("nif", Near::National), ("nino", Near::Other), ("nip", Near::Other), ("nir", Near::National), ("niss", Near::National),
    ("nummer", Near::Nothing), ("oib", Near::National), ("order", Near::Other), ("os", Near::Version),
    ("pager", Near::Phone), ("pan", Near::Other), ("parcel", Near::Other), ("part", Near::Other), ("patch", Near::Version),
    ("pesel", Near::National), ("ph", Near::Phone), ("pid", Near::Other), ("pin", Near::Other), ("portable", Near::Phone),
    ("postcode", Near::Other), ("pps", Near::National), ("price", Near::Other), ("puh", Near::Phone), ("ref", Near::Other),
    ("release", Near::Version), ("rev", Near::Version), ("revision", Near::Version), ("rfc", Near::Version),
    ("ring", Near::Reach), ("ringa", Near::Reach), ("rsvp", Near::Reach), ("ruf", Near::Reach), ("rut", Near::National),
    ("sdk", Near::Version), ("section", Near::Version), ("sin", Near::National), ("siren", Near::Other),
    ("siret", Near::Other), ("sku", Near::Other), ("smartphone", Near::Nothing), ("sms", Near::Phone),
    ("soc", Near::SocialSecurity), ("social", Near::SocialSecurity), ("soita", Near::Reach), ("ssn", Near::SocialSecurity),
    ("sta", Near::Mac), ("sună", Near::Reach), ("svnr", Near::National), ("tax", Near::SocialSecurity),
    ("tckn", Near::National), ("tel", Near::Phone), ("telp", Near::Phone), ("text", Near::Reach), ("texted", Near::Reach),
    ("tfn", Near::National), ("thoại", Near::Phone), ("ticket", Near::Other), ("tin", Near::SocialSecurity),
    ("tlf", Near::Phone), ("tracking", Near::Other), ("uid", Near::Other), ("upc", Near::Other), ("update", Near::Version),
    ("upgrade", Near::Version), ("user", Near::Other), ("v", Near::Version), ("vat", Near::Other), ("ver", Near::Version),
    ("voicemail", Near::Phone), ("wa", Near::Phone), ("whats", Near::Phone), ("zavola", Near::Reach), ("zip", Near::Other),
    ("ара", Near::Reach), ("моб", Near::Phone), ("тел", Near::Phone), ("טל", Near::Phone), ("טלפון", Near::Phone),
    ("נייד", Near::Phone), ("اتصل", Near::Reach), ("تلفن", Near::Phone), ("جوال", Near::Phone), ("موبايل", Near::Phone),
    ("هاتف", Near::Phone), ("कॉल", Near::Reach), ("फ़ोन", Near::Phone), ("फोन", Near::Phone), ("मोबाइल", Near::Phone),
];

/// Beginnings of words, sorted, none the beginning of another: languages that bend and join their words.
#[rustfmt::skip]
const STEMS: &[(&str, Near)] = &[
    ("aadha", Near::National), ("anrufe", Near::Reach), ("apela", Near::Reach), ("appele", Near::Reach),
    ("auftrag", Near::Other), ("bellen", Near::Reach), ("bestell", Near::Other), ("bestil", Near::Other),
    ("beställ", Near::Other), ("burgerservice", Near::National), ("callback", Near::Reach), ("called", Near::Reach),
    ("callee", Near::Phone), ("calling", Near::Reach), ("cellphone", Near::Phone), ("cellul", Near::Phone),
    ("celular", Near::Phone), ("chiam", Near::Reach), ("codice", Near::National), ("comand", Near::Other),
    ("commande", Near::Other), ("contact", Near::Reach), ("contat", Near::Reach), ("cuenta", Near::Other),
    ("dial", Near::Reach), ("downgrad", Near::Version), ("durchwahl", Near::Phone), ("dzwon", Near::Reach),
    ("factur", Near::Other), ("faktur", Near::Other), ("fattur", Near::Other), ("fernsprech", Near::Phone),
    ("festnetz", Near::Phone), ("handy", Near::Phone), ("identif", Near::National), ("kimlik", Near::National),
    ("komork", Near::Phone), ("komór", Near::Phone), ("kontakt", Near::Reach), ("kund", Near::Other), ("ligar", Near::Reach),
    ("ligue", Near::Reach), ("llam", Near::Reach), ("llám", Near::Reach), ("matkapuh", Near::Phone), ("mobiel", Near::Phone),
    ("mobil", Near::Phone), ("movil", Near::Phone), ("móvil", Near::Phone), ("objedn", Near::Other), ("orden", Near::Other),
    ("ordin", Near::Other), ("ordre", Near::Other), ("pedido", Near::Other), ("personnr", Near::National),
    ("personnum", Near::National), ("phone", Near::Phone), ("puhelin", Near::Phone), ("rechnung", Near::Other),
    ("referen", Near::Other), ("rufen", Near::Reach), ("rückruf", Near::Reach), ("serial", Near::Other),
    ("signal", Near::Nothing), ("sipari", Near::Other), ("steuer", Near::National), ("telef", Near::Phone),
    ("telep", Near::Phone), ("telé", Near::Phone), ("tilau", Near::Other), ("tél", Near::Phone), ("upgrad", Near::Version),
    ("version", Near::Version), ("versión", Near::Version), ("wersj", Near::Version), ("whatsapp", Near::Phone),
    ("zadzw", Near::Reach), ("zamow", Near::Other), ("zamów", Near::Other), ("zavol", Near::Reach), ("κιν", Near::Phone),
    ("τηλ", Near::Phone), ("дзвон", Near::Reach), ("заказ", Near::Other), ("звон", Near::Reach), ("мобил", Near::Phone),
    ("позвон", Near::Reach), ("телеф", Near::Phone), ("התקשר", Near::Reach),
];

/// Words of scripts without spaces.
#[rustfmt::skip]
const UNSPACED: &[(&str, Near)] = &[
    ("電話", Near::Phone), ("電話番号", Near::Phone), ("携帯", Near::Phone), ("携帯番号", Near::Phone), ("ケータイ", Near::Phone), ("でんわ", Near::Phone), ("ファックス", Near::Phone),
    ("连絡先", Near::Reach), ("連絡先", Near::Reach), ("手机", Near::Phone), ("手機", Near::Phone), ("电话", Near::Phone), ("座机", Near::Phone),
    ("전화", Near::Phone), ("연락", Near::Reach), ("拨打", Near::Reach), ("致电", Near::Reach), ("连络", Near::Reach), ("전화번호", Near::Phone), ("휴대폰", Near::Phone), ("핸드폰", Near::Phone), ("연락처", Near::Phone),
    ("โทร", Near::Phone), ("มือถือ", Near::Phone), ("注文", Near::Other), ("订单", Near::Other), ("訂單", Near::Other), ("주문", Near::Other),
    ("カード", Near::Other), ("口座", Near::Other), ("バージョン", Near::Version), ("版本", Near::Version), ("버전", Near::Version),
    ("マイナンバー", Near::National), ("身份证", Near::National), ("주민등록", Near::National), ("郵便", Near::Other), ("コード", Near::Other),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_are_sorted() {
        assert!(WORDS.is_sorted_by_key(|(word, _)| *word), "words");
        assert!(STEMS.is_sorted_by_key(|(stem, _)| *stem), "stems");
        for pair in STEMS.windows(2) {
            assert!(!pair[1].0.starts_with(pair[0].0), "{} begins {}", pair[0].0, pair[1].0);
        }
    }
}
