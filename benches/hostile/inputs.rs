//! Records of 1 MiB that were made to be slow, and the policy that they were made for.

/// The size of each.
pub(crate) const SIZE: usize = 1 << 20;

/// Rules that meet things everywhere: `..` in several places, wildcards, text in strings, a transform of each costly kind.
pub(crate) const POLICY: &str = r#"privet: 1
controller: {name: Test, country: DE}
purposes: {operations: {legal_basis: contract, because: test}}
regimes: [{in: ["*"], silence: deny}]
keys: {keep: {}}
streams:
  web:
    topics: [in]
    format: json
    jurisdiction: {otherwise: EEA}
    classes:
      user.contact.email: [$.user.email, "$..email"]
      user.unique_id: [$.userId]
sinks:
  keep:
    topic: out.keep
    purposes: [operations]
    unlisted: keep
    fields:
      user.contact.email: drop
      user.unique_id: {pseudonym: {key: keep}}
      "$..a..b..c": drop
      "$.*.*.x": drop
      "$..items[*].y": {mask: {keep_last: 4}}
      $.url: {url: {drop_params: [email]}}
      $.mask: {mask: {keep_last: 4}}
      $.ip: {truncate_ip: {v4: 24, v6: 48}}
      $.time: {coarsen_time: {to: day}}
      $.payload: {json: {fields: {$.email: drop, $.payload: {json: {fields: {$.payload: {json: {fields: {$.x: drop}}}}}}}}}
  allow:
    topic: out.allow
    purposes: [operations]
    unlisted: drop
    fields: {$.event: keep, "$..a.b.c": keep, $.items: keep}
"#;

/// Strings that are to be read as text, as they stand in a record, and how many of them one may hold: each is a place, and so is
/// what a rule names in it, and a record has 10,000 of them at most.
const STRINGS: [(&str, &str, usize); 7] = [
    ("strings of text", r#""{\"email\":1,\"k\":2}""#, 4_900),
    ("strings of short text", r#""{\"x\":0}""#, 9_900),
    ("strings of empty text", r#""{}""#, 9_900),
    ("strings of nearly text", r#""{\"\":}""#, 9_900),
    ("strings of a quote in braces", r#""{\"}""#, 9_900),
    ("strings of nearly an object", r#""{x}""#, 9_900),
    ("strings of no text", r#""{""#, 9_900),
];

/// Records of nothing but such strings, with how many they are.
pub(crate) fn crowded() -> impl Iterator<Item = (&'static str, usize, Vec<u8>)> {
    STRINGS.into_iter().map(|(name, string, count)| (name, count, format!("{{{}}}", payload(string, count)).into_bytes()))
}

fn payload(string: &str, count: usize) -> String {
    format!("\"payload\":[{}]", vec![string; count].join(","))
}

/// Every input by name.
pub(crate) fn inputs() -> Vec<(&'static str, Vec<u8>)> {
    let mut all: Vec<(&'static str, Vec<u8>)> = Vec::new();
    let mut add = |name, text: Vec<u8>| all.push((name, text));
    // Structure.
    add("brackets only", vec![b'['; SIZE]);
    add("128 deep, again and again", list(&format!("{}1{}", "[".repeat(126), "]".repeat(126))));
    add("objects 126 deep", list(&format!("{}1{}", "{\"a\":".repeat(126), "}".repeat(126))));
    add("a million members", object(|number| format!("\"{number:x}\":0")));
    add("objects of 9,999 members", list(&members(9_999, |number| format!("\"{number:x}\":0"))));
    add("members that differ in case", list(&members(32, |number| format!("\"{}\":{{}}", cased("email", number)))));
    add("names like the policy's", list(&members(9_999, |number| format!("\"e{number:04}\":0"))));
    add("empty containers", list("{},[]"));
    add("white space", [vec![b' '; SIZE - 2], b"{}".to_vec()].concat());
    // Names.
    add("names of 8 KiB", list(&members(2, |number| format!("\"{}{number}\":0", "n".repeat(8_190)))));
    add("one name of a million", format!("{{\"{}\":1}}", "n".repeat(SIZE - 8)).into_bytes());
    add("escaped names of 8 KiB", list(&members(1, |_| format!("\"{}\":0", "\\u006E".repeat(8_190)))));
    add("confusable names", list(&members(999, |number| format!("\"\u{435}mail{number}\":0"))));
    add("confusable names that match", list("{\"\u{435}m\u{430}il\":0}"));
    add("confusable names of 8 KiB", list(&members(1, |_| format!("\"{}\":0", "\u{435}".repeat(4_095)))));
    add("names that grow under NFKC", list(&members(1, |_| format!("\"{}\":0", "\u{FDFA}".repeat(2_730)))));
    add("names of combining marks", list(&members(1, |_| format!("\"a{}\":0", "\u{327}\u{301}\u{323}".repeat(1_364)))));
    add("names of ignorable letters", list(&members(1, |_| format!("\"email{}\":0", "\u{200B}".repeat(2_728)))));
    add("dotted names", list(&members(1, |_| format!("\"{}x\":0", "a.".repeat(4_095)))));
    add("dotted names that match", list(&members(1, |_| format!("\"{}c\":0", "a.b.".repeat(2_047)))));
    add("dotted confusable names", list(&members(1, |_| format!("\"{}\u{435}\":0", "\u{430}.".repeat(2_729)))));
    let deep = |name: &str| list(&format!("{}1{}", format!("{{\"{name}\":").repeat(120), "}".repeat(120)));
    add("dotted names 120 deep", deep("a.b"));
    add("dotted confusable names 120 deep", deep("\u{430}."));
    add("short dotted marks", list(&members(9_990, |number| format!("\"\u{327}.{number:x}\":0"))));
    add("short slashed confusable names", list(&members(9_990, |number| format!("\"/\u{430}.{number:x}\":0"))));
    add("short dotted names", list(&members(9_990, |number| format!("\"{number:x}.\":0"))));
    add("short dotted confusable names", list(&members(9_990, |number| format!("\"\u{430}.{number:x}\":0"))));
    add("short names with marks", list(&members(9_990, |number| format!("\"{number:x}\u{327}\u{301}\":0"))));
    add("slashed names of positions", list(&members(1, |_| format!("\"/{}x\":0", "1/".repeat(4_094)))));
    add(
        "a name twice at the end",
        [b"{".to_vec(), members(9_998, |number| format!("\"{number:x}\":0")).into_bytes()[1..].to_vec()].concat(),
    );
    // Matches.
    add(
        "9,000 matches",
        format!("{{\"k\":[{}],\"pad\":\"{}\"}}", vec!["{\"email\":1}"; 9_000].join(","), "p".repeat(SIZE - 110_000)).into_bytes(),
    );
    add("matches inside matches", list(&format!("{}1{}", "{\"email\":".repeat(100), "}".repeat(100))));
    add("a, b, c in turns", list(&format!("{}1{}", "{\"a\":{\"b\":{\"c\":".repeat(40), "}}}".repeat(40))));
    add("more places than a record may touch", list("{\"email\":1}"));
    add("wildcards", format!("{{\"items\":[{}]}}", vec!["{\"y\":\"abc\",\"z\":1}"; 9_000].join(",")).into_bytes());
    add("elements where objects are expected", format!("{{\"user\":[{}]}}", vec!["1"; SIZE / 2 - 8].join(",")).into_bytes());
    // Values.
    add("backslashes", string(&"\\\\".repeat(SIZE / 2 - 8)));
    add("escapes of four digits", string(&"\\u0041".repeat(SIZE / 6 - 8)));
    add("surrogate pairs", string(&"\\ud83d\\ude00".repeat(SIZE / 12 - 8)));
    add("letters of four bytes", string(&"😀".repeat(SIZE / 4 - 8)));
    add("one number", [b"[".to_vec(), vec![b'1'; SIZE - 2], b"]".to_vec()].concat());
    add("numbers", list("-1.5e+10"));
    for name in ["userId", "url", "mask", "ip", "time"] {
        add(place(name), format!("{{\"{name}\":\"{}\"}}", "\\u0061".repeat(SIZE / 6 - 8)).into_bytes());
    }
    add("a URL of parameters", format!("{{\"url\":\"https://x/?{}\"}}", "a=1&".repeat(SIZE / 4 - 12)).into_bytes());
    add("a URL of escapes", format!("{{\"url\":\"https://x/?{}\"}}", "%2565=%25&".repeat(SIZE / 10 - 12)).into_bytes());
    add("a URL of look-alikes", format!("{{\"url\":\"https://x/?{}\"}}", "\u{435}m=1&".repeat(SIZE / 6 - 12)).into_bytes());
    add(
        "a URL parameter of look-alikes",
        format!("{{\"url\":\"https://x/?{}=1\"}}", "\u{435}.".repeat(SIZE / 3 - 12)).into_bytes(),
    );
    // Text in strings.
    let inner = |text: &str| format!("{{\"payload\":{}}}", quoted(text));
    add(
        "text of members",
        inner(&String::from_utf8_lossy(&object_of(SIZE / 2, |number| format!("\"k{number:x}\":[0]")))).into_bytes(),
    );
    let third = format!("{{\"payload\":\"{}\"}}", "x".repeat(SIZE / 4));
    add("text in text in text", inner(&inner(&inner(&third))).into_bytes());
    add("text of broken text", inner(&format!("{{\"payload\":{}}}", quoted(&"{\"".repeat(SIZE / 16)))).into_bytes());
    add("slashed names that match", list(&members(1, |_| format!("\"/{}x\":0", "a/b/1/".repeat(1_364)))));
    for (name, string, count) in STRINGS {
        let strings = payload(string, count);
        add(name, format!("{{{strings},\"pad\":\"{}\"}}", "p".repeat(SIZE - strings.len() - 11)).into_bytes());
    }
    all
}

fn place(name: &str) -> &'static str {
    match name {
        "userId" => "a long pseudonym",
        "url" => "a long URL",
        "mask" => "a long mask",
        "ip" => "a long address",
        _ => "a long time",
    }
}

/// A list of one thing, again and again, up to the size.
fn list(of: &str) -> Vec<u8> {
    let count = (SIZE - 2) / (of.len() + 1);
    format!("[{}]", vec![of; count].join(",")).into_bytes()
}

/// An object of so many members.
fn members(count: usize, member: impl Fn(usize) -> String) -> String {
    format!("{{{}}}", (0..count).map(member).collect::<Vec<_>>().join(","))
}

fn object(member: impl Fn(usize) -> String) -> Vec<u8> {
    object_of(SIZE, member)
}

fn object_of(size: usize, member: impl Fn(usize) -> String) -> Vec<u8> {
    let mut text = b"{".to_vec();
    let mut number = 0;
    while text.len() < size - 40 && number < 9_000 || size == SIZE && text.len() < size - 40 {
        text.extend(member(number).bytes());
        text.push(b',');
        number += 1;
    }
    text.pop();
    text.push(b'}');
    text
}

fn string(inner: &str) -> Vec<u8> {
    format!("{{\"s\":\"{inner}\"}}").into_bytes()
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

/// The name with each letter's case told by a bit.
fn cased(name: &str, bits: usize) -> String {
    let upper = |(position, letter): (usize, char)| if bits >> position & 1 == 1 { letter.to_ascii_uppercase() } else { letter };
    name.chars().enumerate().map(upper).collect()
}
