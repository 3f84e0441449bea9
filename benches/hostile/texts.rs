//! Texts of 1 MiB that `detect` was to be slow with: every class of the words that it knows, every kind of candidate, and both in turns.

use super::inputs::SIZE;
use words::{HOSTS, INNER, OWNERS, PLACES, PROGRAMS, SENT, STEMS, TAILS, TOWARDS, WORDS};

/// The words themselves, so that none is forgotten here.
#[path = "../../src/transform/detect/context/words.rs"]
#[expect(dead_code, reason = "two of its items are for the detectors alone")]
mod words;

/// What a word says, as the tables have it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Near {
    Nothing,
    Phone,
    Reach,
    Number,
    PhoneOrTax,
    Device,
    SocialSecurity,
    Mac,
    National,
    Version,
    Release,
    Other,
}

/// All but those of words without meaning.
const CLASSES: [Near; 11] = [
    Near::Phone,
    Near::Reach,
    Near::Number,
    Near::PhoneOrTax,
    Near::Device,
    Near::SocialSecurity,
    Near::Mac,
    Near::National,
    Near::Version,
    Near::Release,
    Near::Other,
];

/// Every text by name.
pub(crate) fn texts() -> Vec<(String, String)> {
    let mut all = Vec::new();
    lists(&mut all);
    classes(&mut all);
    scripts(&mut all);
    numbers(&mut all);
    near_misses(&mut all);
    machines(&mut all);
    known(&mut all);
    all
}

type Texts = Vec<(String, String)>;

/// One piece without end.
fn piece(all: &mut Texts, piece: &str) {
    all.push((format!("`{}`", shown(piece)), piece.repeat(SIZE / piece.len())));
}

/// A piece as a cell of a table can have it.
fn shown(piece: &str) -> String {
    let start: String = piece.chars().take(44).collect();
    let more = if start.len() < piece.len() { "…" } else { "" };
    format!(
        "{}{more}",
        start.replace('\n', "\\n").replace('\t', "\\t").replace('\r', "\\r").replace('|', "\\|").replace('`', "'")
    )
}

/// Words in turn, each with something behind it, without end.
fn turns<'a>(words: impl Iterator<Item = &'a str> + Clone, behind: &str) -> String {
    let mut text = String::with_capacity(SIZE);
    for word in words.cycle() {
        if text.len() + word.len() + behind.len() > SIZE {
            break;
        }
        text.push_str(word);
        text.push_str(behind);
    }
    text
}

/// Every list of words alone, and in turns with what makes the detectors ask about them.
fn lists(all: &mut Texts) {
    let mut add = |name: &str, words: Vec<&str>| {
        for behind in [" ", " 1.1.1.17 ", " 1234567 ", " 351234567890123 "] {
            all.push((format!("{name}, each with `{}`", behind), turns(words.iter().copied(), behind)));
        }
    };
    add("whole words", WORDS.iter().map(|(word, _)| *word).collect());
    add("stems", STEMS.iter().map(|(word, _)| *word).collect());
    add("parts of words", INNER.iter().map(|(word, _)| *word).collect());
    add("tails", TAILS.to_vec());
    add("programs", PROGRAMS.to_vec());
    add("hosts", HOSTS.to_vec());
    add("owners", OWNERS.to_vec());
    add("places", PLACES.to_vec());
    add("what is sent, towards whom", SENT.iter().zip(TOWARDS.iter().cycle()).flat_map(|(sent, to)| [*sent, *to]).collect());
}

/// The words of each class in turns with the shortest number that a telephone may have.
fn classes(all: &mut Texts) {
    for class in CLASSES {
        let words = WORDS.iter().chain(STEMS).chain(INNER).filter(|(_, near)| *near == class).map(|(word, _)| *word);
        all.push((format!("words of {class:?}, each with `1234567;`"), turns(words.clone(), "1234567;")));
        all.push((format!("words of {class:?}, each with `1234567`"), turns(words, " 1234567 ")));
    }
    let silent = WORDS.iter().chain(STEMS).filter(|(_, near)| *near == Near::Nothing).map(|(word, _)| *word);
    all.push(("words of Nothing, each with `1234567`".into(), turns(silent, " 1234567 ")));
}

/// A word, a letter or a sign of each script in front of a number, behind it and on both sides.
fn scripts(all: &mut Texts) {
    for word in [
        "a",
        "book",
        "é",
        "тел",
        "и",
        "μου",
        "ի",
        "טל",
        "ר",
        "هاتف",
        "م",
        "फोन",
        "क",
        "ফোন",
        "போன்",
        "โทร",
        "ก",
        "ໂທ",
        "ဖုန်း",
        "ტელ",
        "ა",
        "ទូរ",
        "電",
        "電話",
        "の",
        "でんわ",
        "전화",
        "가",
        "ስልክ",
        "📞",
        "１",
        "＠",
    ] {
        piece(all, &format!("1234567{word}"));
        piece(all, &format!("1234567 {word} "));
        piece(all, &format!("{word} 1.1.1.17 "));
    }
}

/// Groups of digits of every size with every separator.
fn numbers(all: &mut Texts) {
    for separator in
        [" ", "-", ".", "/", "+", "_", ") (", "%20", "%2B", "&nbsp;", "\u{A0}", "\u{2011}", "ー", "\n", ";", ",", ":", "|", "\t"]
    {
        for digits in ["1", "0123", "123456789"] {
            piece(all, &format!("{digits}{separator}"));
        }
    }
    for number in [
        "1234567\n",
        "12345678901\n",
        "0049 30 1234567 ",
        "+49 ",
        "+1234567 ",
        "００１",
        "０３０１２３４５６７ ",
        "１-",
        "1.1.1.",
        "1:1:",
        "0-0-",
    ] {
        piece(all, number);
    }
}

/// What each detector nearly takes, and what it does take.
fn near_misses(all: &mut Texts) {
    for text in [
        "@",
        "a@",
        "a@b",
        "a@b.",
        "a@b.c ",
        "a.@",
        "a%40",
        "%40",
        "%2540",
        "a@1.2.",
        "ann@example.org ",
        "\"a\"@",
        "'a@",
        "＠",
        "a&#64;",
        "\\u0040",
        "é@é.",
        "漢@",
        "a#a@",
        "ל-a@",
        "xn--a@xn--",
        "a@x.png ",
        "4111 1111 1111 1112 ",
        "4111111111111111 ",
        "4111-",
        "222100",
        "4111_1111_",
        "DE88370400440532013000 ",
        "DE88 3704 0044 0532 0130 00 ",
        "de8",
        "NO9386011117947",
        "AB 12 34 56 E ",
        "AB12",
        "ab1",
        "078-05-1120 ",
        "000-00-0000 ",
        "123456789 ",
        "1.1.1.256 ",
        "203.0.113.9 ",
        "1.2.3.4.",
        "1.2.3.4 to ",
        "v1.2.3.4 ",
        "lib/1.2.3.4 ",
        "a-1.2.3.4 ",
        "2001:db8::",
        "::",
        "a:",
        "1::g",
        "fe80::1%eth0 ",
        "%3A",
        "1%3A",
        "a%3Ab%3A",
        "00:00:5e:00:53:0",
        "00-00-5e-",
        "0123.4567.",
        "00005e005301 ",
        "abcdef123456 ",
        "490154203237519 ",
        "49-015420-323751-9 ",
        "Bearer ",
        "bearer",
        "b",
        "Bearer a1",
        "eyJ",
        "eyJhbGciOiJub25lIn0.",
        "://",
        "a://",
        "http://a:b",
        "http://a@",
        ":\\/\\/",
        "12345678Z",
        "131052-308T ",
        "86095742718 ",
        "X1234567",
        "RSSMRA85T10A562",
        "a1",
        "_1",
        "1_",
        "a_1",
    ] {
        piece(all, text);
    }
}

/// Names, objects, rows, elements and questions, in which a number is looked for the name of.
fn machines(all: &mut Texts) {
    for text in [
        "\"a\":\"1234567\",",
        "{\"value\":\"1234567\"},",
        "{\"value\":1234567",
        "{\"v\":\"1234567\",\"type\":\"x\"}",
        "{\"a\":{\"to\":{\"no\":1234567;",
        "({(\"no\":\"1234567 ",
        "a{value:1234567 ",
        "{{{{value: 1234567 ",
        "value=1234567&",
        "no=\"1234567\" ",
        "value%3D1234567%26",
        "value\":\"1234567",
        "[[[[1234567",
        "((((\"1234567",
        "<td>1234567</td>",
        "<b><i><u><a>1234567",
        "<a b c d e f g h>1234567",
        "<value>1234567",
        "&lt;td&gt;1234567",
        "%3Ctd%3E1234567",
        "<1234567",
        "</a>1234567",
        ">1234567",
        "\"\"\"\"1234567",
        "%22%221234567",
        "&quot;1234567",
        "+++1234567",
        "1234567 (a) ",
        "1234567) ",
        "1234567 [tel ",
        "1234567 is a b c d ",
        "1234567 is my new work a ",
        "1234567, is my ",
        "1234567\" book ",
        "1234567 for key 'a_b_c' ",
        "1234567 - a.",
        "1234567-",
        "1234567|a|",
        "a;1234567;",
        "a|b|1234567\n",
        "a\nb 1234567\n",
        "a?\nb: 1234567\n",
        "Bot: a?\nb: 1234567 ",
        "a b?\nc> 1234567\n",
        "T: 1234567\n",
        "T:1234567",
        "TEL;a:1234567\n",
        "x.tel;1234567\n",
        "1234567 x",
        "1234567 ext",
        "1234567 доб ",
        "1234567 int. 123456789 ",
        "my 1234567 ",
        "my number 1234567 ",
        "no no no no 1234567 ",
        "id id 1234567 ",
        "of id 1234567 ",
        "phone #1234567 ",
        "sent to 1234567 ",
        "a to 1234567 ",
        "to to 1234567 ",
        "tel",
        "telefon",
        "abcdefgh",
        "aB",
        "aBcDeFgH 1234567",
        "\\n1234567",
        "\\u003e1",
        "1234567\\u003c",
        "1234567 a, ",
        "a. b. 1234567 ",
        "٠١٢ 1234567 ",
        "\u{301}1234567",
        "a\u{301} 1234567 ",
        "\u{200B}1234567",
        "\u{FE0F}1234567 ",
        "İ 1234567 ",
    ] {
        piece(all, text);
    }
    for heading in ["name,phone,order\n", "a;b;c;tel\n", "a\tb\tc\tphone\n", "a|b|c|value\n"] {
        let delimiter = heading.chars().find(|letter| !letter.is_alphanumeric()).unwrap_or(',');
        let rows = format!("x{delimiter}1234567{delimiter}y\n").repeat(SIZE / 13);
        all.push((format!("rows below `{}`", shown(heading)), format!("{heading}{rows}")));
    }
}

/// What was once found to be slow.
fn known(all: &mut Texts) {
    for text in
        ["see 1.1.1.17 ", "book 1.1.1.17 ", "is my my ", "is my my 1234567 ", "paropen ", "paropen 1234567 ", "paropen 1.1.1.17 "]
    {
        piece(all, text);
    }
}
