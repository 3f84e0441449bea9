//! Texts that are JSON, nearly JSON, or far from it.

use crate::events::event;
use crate::random::Random;
use crate::tree::{Style, spell};

/// Pieces in which readers of JSON differ.
const PIECES: &[&[u8]] = &[
    b"{",
    b"}",
    b"[",
    b"]",
    b"\"",
    b",",
    b":",
    b"\\",
    b"\\u",
    b"\\u0000",
    b"\\ud800",
    b"\\udc00",
    b"\\ud83d\\ude00",
    b"\\u0041",
    b"\\n",
    b"\\/",
    b"\\x",
    b" ",
    b"\t",
    b"\n",
    b"\r",
    b"\x0c",
    b"\x0b",
    b"0",
    b"1",
    b"-",
    b"+",
    b".",
    b"e",
    b"E",
    b"-0",
    b"01",
    b"1e5",
    b"1.5",
    b".5",
    b"1.",
    b"1e400",
    b"NaN",
    b"Infinity",
    b"true",
    b"false",
    b"null",
    b"nul",
    b"True",
    b"\"a\":1",
    b"\"a\":1,",
    b"\"x\":{}",
    b"\"\":",
    b"a",
    b"x",
    b"u",
    b"/*c*/",
    b"//",
    b"'",
    b"\x00",
    b"\x01",
    b"\x1f",
    b"\x7f",
    b"\xc2\x80",
    b"\xc3\xa9",
    b"\xef\xbb\xbf",
    b"\xff",
    b"\xc0\xaf",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"\xf0\x9f\x98\x80",
    b"\xe2\x80\xa8",
];

/// Makes a text.
pub fn text(random: &mut Random<'_>) -> Vec<u8> {
    match random.below(200) {
        0 => limits(random),
        1..=90 => {
            let mut text = document(random);
            for _ in 0..random.below(3) {
                mutate(&mut text, random);
            }
            text
        }
        _ => {
            let mut text = vec![b' '; if random.once_in(3) { random.below(130) } else { 0 }];
            for _ in 0..random.below(14) {
                text.extend_from_slice(piece(random));
            }
            text
        }
    }
}

fn document(random: &mut Random<'_>) -> Vec<u8> {
    let event = event(random);
    spell(&event.tree, Style { shuffle: false, numbers: true }, random)
}

/// A document as one program writes it again and again: no escapes that it does not need, no white space, no name twice.
pub fn plain_document(random: &mut Random<'_>) -> Vec<u8> {
    let text = document(random);
    serde_json::from_slice::<serde_json::Value>(&text).map_or(text, |tree| tree.to_string().into_bytes())
}

/// Changes a few bytes.
pub fn mutate(text: &mut Vec<u8>, random: &mut Random<'_>) {
    let at = random.below(text.len() + 1);
    let end = (at + random.below(4)).min(text.len());
    match random.below(6) {
        0 => drop(text.drain(at..end)),
        1 => text.truncate(at),
        2 if at < text.len() => text[at] ^= 1 << random.below(8),
        3 => {
            let again: Vec<u8> = text[at..(at + random.below(40)).min(text.len())].to_vec();
            text.splice(at..at, again);
        }
        _ => drop(text.splice(at..end, piece(random).iter().copied())),
    }
}

/// Documents on both sides of a limit.
fn limits(random: &mut Random<'_>) -> Vec<u8> {
    let near = |limit: usize, random: &mut Random<'_>| limit - 2 + random.below(5);
    match random.below(4) {
        0 => {
            let depth = near(128, random);
            let (open, close) = *random.pick(&[("[", "]"), ("{\"a\":", "}"), ("[{\"x\":", "}]")]);
            let levels = if open.len() == 6 { depth / 2 } else { depth };
            format!("{}1{}", open.repeat(levels), close.repeat(levels)).into_bytes()
        }
        1 => {
            let name = *random.pick(&["n", "é", "\\u0061"]);
            let decoded = if name == "n" || name.starts_with('\\') { 1 } else { 2 };
            format!("{{\"{}\":1}}", name.repeat(near(8192, random) / decoded)).into_bytes()
        }
        2 if random.once_in(20) => {
            let count = near(10_000, random);
            let members: Vec<String> = (0..count).map(|number| format!("\"{number}\":0")).collect();
            format!("{{{}}}", members.join(",")).into_bytes()
        }
        2 => {
            let count = 10 + random.below(30);
            let twice = random.below(count);
            let members: Vec<String> = (0..count).chain([twice]).map(|number| format!("\"n{number}\":0")).collect();
            format!("{{{}}}", members[..count + random.below(2)].join(",")).into_bytes()
        }
        _ => {
            let filler = near((1 << 20) - 7, random);
            if random.once_in(10) {
                format!("{{\"n\":\"{}\"}}", "x".repeat(filler - 1)).into_bytes()
            } else {
                b" ".repeat(random.below(70))
            }
        }
    }
}

fn piece(random: &mut Random<'_>) -> &'static [u8] {
    PIECES[random.below(PIECES.len())]
}
