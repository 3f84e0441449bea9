//! What is found and what is left: texts with the finds marked by their labels.

use super::Finder;
use crate::plan::{DetectRule, Dialling, Label, OnFind, Pattern};
use proptest::prelude::*;
use regex::Regex;
use std::sync::Arc;

fn rule() -> DetectRule {
    DetectRule {
        find: Label::ALL.into_iter().collect(),
        patterns: Vec::new(),
        with: OnFind::Redact,
        dialling: Dialling::shared(),
    }
}

/// The text with its finds as `[label]`.
fn redacted(text: &str, rule: &DetectRule) -> String {
    let mut finder = Finder::default();
    let mut out = Vec::new();
    let mut output = crate::transform::output::Output::bare(&mut out);
    super::write(text, rule, finder.search(text, rule), &mut output);
    String::from_utf8(out).unwrap()
}

#[track_caller]
fn check(cases: &[(&str, &str)]) {
    let rule = rule();
    for (text, expected) in cases {
        assert_eq!(redacted(text, &rule), *expected, "{text}");
    }
}

#[track_caller]
fn check_nothing(texts: &[&str]) {
    let rule = rule();
    for text in texts {
        assert_eq!(redacted(text, &rule), *text);
    }
}

#[test]
fn e_mail_addresses() {
    check(&[
        ("<ann.lee+shop@mail.example.org>.", "<[email]>."),
        ("?q=ann%40example.com&page=2", "?q=[email]&page=2"),
        ("?q=ann%2Bnews%40example.com%26x", "?q=[email]%26x"),
        ("to:jürgen@müller-söhne.de, z", "to:[email], z"),
        ("x@例え.テスト", "[email]"),
        ("メールはhanako@example.jpです", "メールは[email]です"),
        ("{'to': 'o'neil@x.io'}", "{'to': '[email]'}"),
        (r"line\nann@x.io", r"line\n[email]"),
        (r#"\"ann@x.io\""#, r#"\"[email]\""#),
        ("mailto:a@b.museum?subject=x", "mailto:[email]?subject=x"),
        ("ann@xn--mller-kva.de!", "[email]!"),
        ("a@b.co;c@d.co", "[email];[email]"),
        (r#""ann lee"@x.io"#, "[email]"),
        ("ann＠x.io", "[email]"),
    ]);
    check_nothing(&[
        "logo@2x.png",
        "lodash@4.9.8-rc.2",
        "@angular/core@19.0.2",
        "user@localhost",
        "meet @ 10, gate 4",
        "@handle",
        "maps/@99.32,49.6,15z",
        "git@github.com:org/repo.git",
        "a@",
        "@b.com",
        "x@.com",
        "5 @ 3.50 each",
        "Class@4243b0f",
    ]);
}

#[test]
fn telephone_numbers() {
    check(&[
        ("call +1 (415) 555-2671 x12 now", "call [phone] now"),
        ("tel=%2B442079460958&x=1", "tel=[phone]&x=1"),
        ("+44 (0)20 7946 0958", "[phone]"),
        ("+49-30-123456, room 7", "[phone], room 7"),
        ("(415) 555-2671", "[phone]"),
        ("my phone is 0151 12345678.", "my phone is [phone]."),
        (r#"{"mobile_number":"12345678","lat":80.95}"#, r#"{"mobile_number":"[phone]","lat":80.95}"#),
        ("phoneNumber: 555.123.4567", "phoneNumber: [phone]"),
        ("電話番号は03-1234-5678です。注文番号23494376755", "電話番号は[phone]です。注文番号23494376755"),
        ("Call me at 6014248522 after 5pm about order 8796-9599", "Call me at [phone] after 5pm about order 8796-9599"),
        ("Tel. 030 123456, Fax 030 123457", "Tel. [phone], Fax [phone]"),
        ("phones: 555-123-4567, 555-123-4568", "phones: [phone], [phone]"),
        ("<phone>0301234567</phone>", "<phone>[phone]</phone>"),
        ("телефон 8 495 123-45-67", "телефон [phone]"),
        ("0049 151 12345678", "[phone]"),
        ("Soita minulle numeroon 040 123 4567, tilaus 55412377", "Soita minulle numeroon [phone], tilaus 55412377"),
        ("제 전화번호는 010-1234-5678입니다. 주문번호 20240115778", "제 전화번호는 [phone]입니다. 주문번호 20240115778"),
        ("Số điện thoại 0912 345 678, đơn hàng 12398745", "Số điện thoại [phone], đơn hàng 12398745"),
        (r#"{"type":"phone","value":"0412345678"}"#, r#"{"type":"phone","value":"[phone]"}"#),
        ("VALUES ('+43 664 1234567',12345678901)", "VALUES ('[phone]',12345678901)"),
        (r#"{"phones":["0412345678","0412345679"]}"#, r#"{"phones":["[phone]","[phone]"]}"#),
    ]);
    check_nothing(&[
        "order 4155552671",
        "Where is my order 1138378737?",
        "2020-01-01T10:00:00+0200",
        "+100 points",
        "SMS sent at 2020-01-14",
        "ts=1584789008599",
        "ISBN 978-3-84-449670-8",
        "phone 12345",
        "UTC+05:30",
        r#"{"phone":"","order":"4155552671"}"#,
        "tracking 00212827336495520154",
        "call id=ORD-74549086",
        "heap 0835K->(658382K)",
    ]);
}

#[test]
fn cards_and_accounts() {
    check(&[
        ("4111 1111 1111 1111", "[credit_card]"),
        ("card 3782-822463-10005 exp 12/27", "card [credit_card] exp 12/27"),
        ("2223003122003222", "[credit_card]"),
        ("02|5555555555554444|99", "02|[credit_card]|99"),
        ("cc=4111+1111+1111+1111&x", "cc=[credit_card]&x"),
        ("4111\u{a0}1111\u{a0}1111\u{a0}1111", "[credit_card]"),
        ("4111‑1111‑1111‑1111", "[credit_card]"),
        ("IBAN DE89 3704 0044 0532 0130 00 thanks", "IBAN [iban] thanks"),
        ("gb29nwbk60161331926819", "[iban]"),
        ("imei=490154203237518", "imei=[imei]"),
        ("49-015420-323751-8", "[imei]"),
    ]);
    check_nothing(&[
        "4111 1111 1111 1112",
        "DE88370400440532013000",
        "00490154203237518000",
        "490154203237518",
        "41111111111111111111",
        "a4111111111111111",
        "4111111111111111a",
    ]);
}

#[test]
fn official_numbers() {
    check(&[
        ("my SSN is 078-05-1120.", "my SSN is [us_ssn]."),
        ("ssn=078051120&x", "ssn=[us_ssn]&x"),
        ("AB 12 34 56 C", "[uk_nino]"),
        ("nino=AB123456C;", "nino=[uk_nino];"),
        ("CPF 529.982.247-25", "CPF [national_id]"),
        ("cpf: 52998224725", "cpf: [national_id]"),
        ("PESEL 44051401359", "PESEL [national_id]"),
        ("RSSMRA85T10A562S", "[national_id]"),
        ("DNI 12345678Z", "DNI [national_id]"),
        ("19640823-3234", "[national_id]"),
        ("131052-308T", "[national_id]"),
    ]);
    check_nothing(&[
        "666-05-1120",
        "900-05-1120",
        "078-00-1120",
        "078-05-0000",
        "4078-05-1120",
        "078-05-1120-1",
        "078051120",
        "44051401359",
        "BG123456C",
        "AB123456E",
        "QQ123456C",
        "12345678A",
        "AB1234567C",
    ]);
}

#[test]
fn addresses_of_the_network() {
    check(&[
        ("from 203.0.113.9:8080.", "from [ip_address]:8080."),
        ("http://[2001:db8::5]:443/", "http://[[ip_address]]:443/"),
        ("fe80::ecbf:62ff:fe28:ea24%eth0, rule 3", "[ip_address], rule 3"),
        ("from ::ffff:203.0.113.9: no", "from [ip_address]: no"),
        ("mac 3e-57-7c-fc-33-36", "mac [mac]"),
        ("3e:57:7C:fc:33:36", "[mac]"),
        ("de:ad:be:ef:ca:f0", "[mac]"),
        ("24e3.1453.9d98", "[mac]"),
        ("https://x.io/lookup/203.0.113.9", "https://x.io/lookup/[ip_address]"),
    ]);
    check_nothing(&[
        "Chrome/120.0.0.0",
        "version 1.2.3.4",
        "app v3.5.150.43",
        "Section 302.326.183.0",
        "1.2.3.4.5",
        "256.1.1.1",
        "10:42:33",
        "std::map",
        "Foo::Bar",
        "5F:59:02:56:5B:9C:7E:3B:99:4A:90:72",
        "add::fade",
        "::1",
        "lib-1.2.3.4.jar",
        "foo==1.2.3.4",
        "§ 12.3.4.5",
        "upgrade from 1.2.3.4 to 1.2.3.5",
        "1.3.6.1.4.1.311",
    ]);
}

#[test]
fn secrets() {
    check(&[
        ("Authorization: Bearer qZ1lX0pXXczevH5ozF", "Authorization: Bearer [bearer_token]"),
        ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln", "[bearer_token]"),
        ("mysql://root:s3cret%21@db/x", "mysql://[url_credentials]@db/x"),
        ("redis://:pw@web:6379", "redis://[url_credentials]@web:6379"),
    ]);
    check_nothing(&[
        "bearer authentication",
        "the bearer of this",
        "https://medium.example/@ann/post",
        "eyJ",
        "https://x.io/a@b",
    ]);
}

#[test]
fn patterns_of_the_policy() {
    let pattern = |name: &str, regex: &str| Arc::new(Pattern { name: name.into(), regex: Regex::new(regex).unwrap() });
    let mut rule = DetectRule { patterns: vec![pattern("ticket", "T-[0-9]+"), pattern("word", "[a-z]*")], ..rule() };
    assert_eq!(redacted("T-12 A a@b.co", &rule), "[ticket] A [email]");
    rule.find = Default::default();
    assert_eq!(redacted("T-12 A a@b.co", &rule), "[ticket] A [word]@[word].[word]");
}

#[test]
fn only_what_is_asked_for() {
    let text = "a@b.co 203.0.113.9 4111111111111111";
    for (label, expected) in [
        (Label::Email, "[email] 203.0.113.9 4111111111111111"),
        (Label::IpAddress, "a@b.co [ip_address] 4111111111111111"),
        (Label::CreditCard, "a@b.co 203.0.113.9 [credit_card]"),
        (Label::Iban, text),
    ] {
        let rule = DetectRule { find: [label].into_iter().collect(), ..rule() };
        assert_eq!(redacted(text, &rule), expected);
    }
}

/// Pieces of which hostile texts are made: whatever begins something, and what breaks it off.
const PIECES: &[&str] = &[
    "@",
    "%40",
    "%2B",
    "%",
    "+",
    "(",
    ")",
    "-",
    ".",
    ":",
    "::",
    "://",
    "eyJ",
    "Bearer ",
    "tel ",
    "1",
    "12",
    "4111 1111",
    "0049",
    "DE89",
    "AB",
    "é",
    "例",
    "\u{a0}",
    "＠",
    "x",
    "\"",
    "\\",
    "\\u0040",
    "fe80",
    "/",
    "=",
    "&",
    " ",
    "\n",
    "７",
    "😀",
    "phone:",
    "%3A",
    "&#64;",
    "\u{2009}",
    "－",
    "＋",
    "'",
    "^",
    "{",
    "}",
    "`",
    " ext ",
    "\\n",
    "is my ",
    "电话",
    "♥",
    "imei ",
    "[",
    "]",
];

proptest! {
    /// Finds stand in order, do not overlap, are not empty and lie at borders of characters.
    #[test]
    fn finds_are_well_formed(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
        let text = pieces.concat();
        let rule = rule();
        let mut finder = Finder::default();
        let mut end = 0;
        for find in finder.search(&text, &rule) {
            prop_assert!(find.start >= end && find.start < find.end, "{text:?}");
            prop_assert!(text.is_char_boundary(find.start) && text.is_char_boundary(find.end), "{text:?}");
            end = find.end;
        }
    }

    #[test]
    fn any_text_is_searched(text in "\\PC{0,60}") {
        let mut finder = Finder::default();
        let found = finder.search(&text, &rule()).to_vec();
        prop_assert_eq!(finder.search(&text, &rule()), found.as_slice());
    }
}

/// Where the name of a number stands, when it does not stand right before it.
#[test]
fn numbers_named_from_elsewhere() {
    check(&[
        // A heading, a cell, a line above, a word behind.
        (
            "id,telefon,city\n58074,40 68 73 80,Hagen\n58075,40 68 73 81,Ås",
            "id,telefon,city\n58074,[phone],Hagen\n58075,[phone],Ås",
        ),
        ("name\tfax\n\"Lee\tAnn\"\t0301234567", "name\tfax\n\"Lee\tAnn\"\t[phone]"),
        ("| id | msisdn |\n|---|---|\n| 7 | 6912343020 |", "| id | msisdn |\n|---|---|\n| 7 | [phone] |"),
        ("17;tel;0301234567;Ostrava", "17;tel;[phone];Ostrava"),
        ("Your mobile?\n> sure, 0412345678", "Your mobile?\n> sure, [phone]"),
        ("Bana (0212) 345-68-90 numaralı telefondan ulaşın", "Bana [phone] numaralı telefondan ulaşın"),
        ("0412 345 678 (mobile)", "[phone] (mobile)"),
        // Elements of layout name nothing.
        ("<p>tel: <b>0301234567</b></p>", "<p>tel: <b>[phone]</b></p>"),
        ("<td>Handy</td><td>0301234567</td>", "<td>Handy</td><td>[phone]</td>"),
        ("&lt;mobile&gt;0301234567&lt;/mobile&gt;", "&lt;mobile&gt;[phone]&lt;/mobile&gt;"),
        ("<phone><![CDATA[0301234567]]></phone>", "<phone><![CDATA[[phone]]]></phone>"),
        (r#"{"telephone":{"home":"0301234567"}}"#, r#"{"telephone":{"home":"[phone]"}}"#),
        ("name%22%3A%22Ann%22%2C%22mobile%22%3A%220301234567%22", "name%22%3A%22Ann%22%2C%22mobile%22%3A%22[phone]%22"),
        ("رقم هاتفي 02 34591162 شكرا", "رقم هاتفي [phone] شكرا"),
        ("workphone 0301234567", "workphone [phone]"),
    ]);
    check_nothing(&[
        "phone,order\n,4155552671",
        "<phone/><qty>12345678</qty>",
        "phone;4711\norder;4155552671",
        "4155552671 phones sold",
        "Order 4155552671 (express)",
        "GET /reach 404 610047",
        r#"{"telephone":{"home":"x"},"orders":{"last":"4155552671"}}"#,
    ]);
}

#[test]
fn borders_of_values() {
    check(&[
        (r"Card:\n4111111111111111\n", r"Card:\n[credit_card]\n"),
        (r"\u003e4111111111111111\u003c", r"\u003e[credit_card]\u003c"),
        ("scan_4111111111111111.pdf", "scan_[credit_card].pdf"),
        ("v2_DE89370400440532013000", "v2_[iban]"),
        ("4242  4242  4242  4242", "[credit_card]"),
        ("4000_0566_5566_5556", "[credit_card]"),
        ("4111&nbsp;1111&nbsp;1111&nbsp;1111", "[credit_card]"),
        ("src:2001:db8::1", "src:[ip_address]"),
        ("mac:00:00:5e:00:53:af", "mac:[mac]"),
        ("2001:db8:1:2:3:4:5:6:443", "[ip_address]:443"),
        ("ip-203.0.113.9 up", "ip-[ip_address] up"),
        ("firmware update from 203.0.113.9", "firmware update from [ip_address]"),
        ("nginx 203.0.113.9 - GET", "nginx [ip_address] - GET"),
        (r"https:\/\/ann:s3cret@x.io\/", r"https:\/\/[url_credentials]@x.io\/"),
        ("ל-ann@x.io", "ל-[email]"),
        ("ann@x.comको", "[email]को"),
        ("ann#1@x.io", "[email]"),
        ("356938035643809", "[imei]"),
    ]);
    check_nothing(&[
        "openssl 3.0.13.2",
        "ab 0.0.0.1 release",
        "päivitys 1.1.28.1 asennettu",
        "update 5.1.220.76 available",
        "libssl 1.1.2.3 => 1.1.2.4",
        "Clause 8.53.8.8",
        "12:30::45",
        "order 356938035643809",
        "356938035643808",
        "Bearer Authentication",
        "20240305_140501",
    ]);
}

/// Programs that write URLs, pages and JSON inside JSON spell signs in escapes: no validator behind may see less for that.
#[test]
fn signs_written_as_escapes() {
    check(&[
        ("mac=3e%3A57%3A7C%3Afc%3A33%3A36&n=1", "mac=[mac]&n=1"),
        ("mac%3ade%3aad%3abe%3aef%3aca%3af0", "mac%3a[mac]"),
        ("ip=2001%3Adb8%3A%3A5&n=1", "ip=[ip_address]&n=1"),
        ("?a=fe80%3A%3Aecbf%3A62ff%3Afe28%3Aea24", "?a=[ip_address]"),
        ("mail ann&#64;x.io, bob&commat;x.io, eve&#x40;x.io.", "mail [email], [email], [email]."),
        (r"ann\u0040x.io", "[email]"),
        ("ann﹫x.io", "[email]"),
        ("?e=ann%231%40x.io", "?e=[email]"),
        // A plus is a blank in a query, and only there.
        ("tel=%2B49+30+1234567&n=1", "tel=[phone]&n=1"),
        ("phone=030+1234567&n=1", "phone=[phone]&n=1"),
        ("cc=4111%2D1111%2D1111%2D1111", "cc=[credit_card]"),
        ("+49%C2%A030%C2%A01234567", "[phone]"),
    ]);
    check_nothing(&[
        "t=12%3A30%3A45",
        "u=https%3A%2F%2Fx.io%3A8080",
        "fp=5F%3A59%3A02%3A56%3A5B%3A9C%3A7E%3A3B%3A99%3A4A%3A90%3A72",
        "std%3A%3Amap",
        "R&D 64; a&b",
        "a &#64; b",
        r"C:\users\u0040",
    ]);
}

/// Typographers part digits by thin spaces, word processors by signs without width, pages by entities; Japanese keyboards
/// write full-width digits. The number is the same.
#[test]
fn digits_as_they_are_set() {
    check(&[
        ("tel 030\u{2009}123\u{2009}4567", "tel [phone]"),
        ("tel 030\u{202f}123\u{200b}4567", "tel [phone]"),
        ("tel 030&thinsp;123&thinsp;4567", "tel [phone]"),
        ("+49\u{2060}30\u{2060}1234567", "[phone]"),
        ("4111\u{2009}1111\u{2009}1111\u{2009}1111", "[credit_card]"),
        ("078\u{2043}05\u{2043}1120", "[us_ssn]"),
        ("電話０９０－１２３４－５６７８まで", "電話[phone]まで"),
        ("＋８１ ９０ １２３４ ５６７８", "[phone]"),
        ("４１１１－１１１１－１１１１－１１１１", "[credit_card]"),
        ("ＳＳＮ ０７８－０５－１１２０", "ＳＳＮ [us_ssn]"),
        ("マイナンバー１２３４５６７８９０１８", "マイナンバー[national_id]"),
        ("電話03ー1234ー5678", "電話[phone]"),
    ]);
    check_nothing(&[
        "注文番号１２３４５６７８９０",
        "４１１１１１１１１１１１１１１２",
        "２０２４－０３－０５",
        "１２３４５６７８９０１２３４５６７８９０１２３",
    ]);
}

/// A switchboard's extension is a part of the number, whatever the language calls it.
#[test]
fn extensions() {
    for extension in [
        "ext 12",
        "Ext: 7455",
        "x103",
        "Durchwahl 12",
        "- Nebenstelle 44",
        "ramal 9",
        "anexo 77",
        "toestel 4",
        "wewn. 31",
        "доб. 5",
        "内線12",
        "내선 3",
    ] {
        check(&[(&format!("tel 030 1234567 {extension}, room"), "tel [phone], room")]);
    }
    check_nothing(&["order 12345678 ext 9"]);
}

/// `tfn` is a telephone in Swedish and a tax file number in Australia: nine digits with its check are the latter.
#[test]
fn words_with_two_meanings() {
    check(&[
        ("Tfn: 070-123 45 67", "Tfn: [phone]"),
        ("tfn 08-18 70 23", "tfn [phone]"),
        ("TFN 123 456 782", "TFN [national_id]"),
        ("caller_id=4155552671", "caller_id=[phone]"),
    ]);
    check_nothing(&["contact_id=4155552671", "phoneId: 4155552671", "call id 4155552671", r#"{"contact":{"id":"4155552671"}}"#]);
}

/// What a number is stands in front of it, around it, beside it or behind it, as the language or the format has it.
#[test]
fn names_in_many_places() {
    check(&[
        // In the object or block around.
        (r#"variable "cell" { default = "0301234567" }"#, r#"variable "cell" { default = "[phone]" }"#),
        (r#"phone_e164 { value: "0301234567" }"#, r#"phone_e164 { value: "[phone]" }"#),
        ("phone { value: 0301234567 }", "phone { value: [phone] }"),
        (r#"{"phone":{"cc":"DE","number":"0301234567"}}"#, r#"{"phone":{"cc":"DE","number":"[phone]"}}"#),
        // Beside.
        (r#"{"value":"0301234567","type":"phone"}"#, r#"{"value":"[phone]","type":"phone"}"#),
        (r#"<c value="0301234567" use="mobile"/>"#, r#"<c value="[phone]" use="mobile"/>"#),
        (r#"{"key":"phone","value":{"string_value":"0301234567"}}"#, r#"{"key":"phone","value":{"string_value":"[phone]"}}"#),
        (r#"{"k":"tel","v":"0301234567"}"#, r#"{"k":"tel","v":"[phone]"}"#),
        (r#"{"question":"Your phone?","answer":"0301234567"}"#, r#"{"question":"Your phone?","answer":"[phone]"}"#),
        (r#"<a href="tel:0301234567">030 1234567</a>"#, r#"<a href="tel:[phone]">[phone]</a>"#),
        ("TEL;TYPE=work,voice:0301234567", "TEL;TYPE=work,voice:[phone]"),
        // In the field before, also as HL7 and EDI part them.
        ("PID|1||98671|phone_e164|660269554|Ann", "PID|1||98671|phone_e164|[phone]|Ann"),
        ("OBX^7^tel^0301234567^F", "OBX^7^tel^[phone]^F"),
        ("OBX^7^origin^19.11.222.151^F", "OBX^7^origin^[ip_address]^F"),
        ("7*author*ann#1@x.io*Bonn~", "7*author*[email]*Bonn~"),
        // In the question before, or its answer behind a prompt.
        ("BOT> Handy?\nUSER> 0712 039 985", "BOT> Handy?\nUSER> [phone]"),
        ("phone:\n  - 0301234567", "phone:\n  - [phone]"),
        // Behind, over a word that joins, or a verb at the end.
        ("Is 21 818 035 your cell?", "Is [phone] your cell?"),
        ("0171 1234567 ist meine Handynummer", "[phone] ist meine Handynummer"),
        ("06 12 34 56 78, c'est mon portable", "[phone], c'est mon portable"),
        ("010-1234-5678로 전화주세요", "[phone]로 전화주세요"),
        ("मुझे 98765 43210 पर कॉल करें", "मुझे [phone] पर कॉल करें"),
        ("“3211622” – mobile_no", "“[phone]” – mobile_no"),
        ("Duplicate entry '0301234567' for key 'users.phone'", "Duplicate entry '[phone]' for key 'users.phone'"),
        ("'0301234567' is not a valid phone number", "'[phone]' is not a valid phone number"),
        ("0301234567 - mobile", "[phone] - mobile"),
        ("code sent to 07700 900123", "code sent to [phone]"),
        ("제 번호는 010-1234-5678 이고", "제 번호는 [phone] 이고"),
        // Nothing but whose it is, a sign, or a letter as people sign.
        ("Mein Nummer: 0171 1234567", "Mein Nummer: [phone]"),
        ("Mi número es 612 803 940", "Mi número es [phone]"),
        ("cell #4155552671", "cell #[phone]"),
        ("📞 030 1234567", "📞 [phone]"),
        ("T: 030 1234567 | F: 030 1234568", "T: [phone] | F: [phone]"),
        ("mailto: u'ann#1@x.io'", "mailto: u'[email]'"),
    ]);
    check_nothing(&[
        "Order 4155552671 is my phone order",
        r#"{"value":"4155552671","type":"order"}"#,
        "t: 1584789008599",
        "Duplicate entry '4155552671' for key 'orders.number'",
        "4155552671 - phone case",
        "sent 4155552671 bytes",
        "My order number is 4155552671",
        r#"{"phones":[{"model":"A5"}],"orders":{"number":"4155552671"}}"#,
    ]);
}

/// Numbers as versions and sections begin are addresses only where something says so.
#[test]
fn small_addresses_in_prose() {
    check(&[
        ("login from 5.6.7.8", "login from [ip_address]"),
        ("connect ECONNREFUSED 5.6.7.8", "connect ECONNREFUSED [ip_address]"),
        ("peer 5.6.7.8:443", "peer [ip_address]:443"),
        (r#"{"a":"5.6.7.8"}"#, r#"{"a":"[ip_address]"}"#),
        ("5.6.7.8 - - [10/Oct", "[ip_address] - - [10/Oct"),
        ("ssh root@5.6.7.8", "ssh root@[ip_address]"),
        ("see 203.0.113.9 below", "see [ip_address] below"),
    ]);
    check_nothing(&[
        "see 1.1.1.17 below",
        "table 9.67.9.9",
        "req 2.70.2.70 unmet",
        "app 7.85.222.85 crashed",
        "FROM base:8.8.43.43",
        "tool@1.2.3.4",
        "Art. 86.6.6.6",
        r#""^1.2.3.4""#,
    ]);
}
