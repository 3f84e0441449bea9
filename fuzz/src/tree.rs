//! Documents as trees, and their spellings: one tree has many texts that mean the same.

use crate::random::Random;

/// A document to be spelled.
#[derive(Clone, Debug, PartialEq)]
pub enum Tree {
    /// `null`, `true`, `false` or a number, as written.
    Plain(String),
    /// A string.
    Text(String),
    /// Elements.
    List(Vec<Tree>),
    /// Members; names may differ only in spelling.
    Map(Vec<(String, Tree)>),
}

/// How freely a tree is spelled.
#[derive(Clone, Copy)]
pub struct Style {
    /// Members in another order.
    pub shuffle: bool,
    /// Numbers in another notation of the same value.
    pub numbers: bool,
}

/// Spells a tree: white space, escapes and, as the style says, order and numbers by choice.
pub fn spell(tree: &Tree, style: Style, random: &mut Random<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    // Every position of a structural character in a block of 64 and 128 bytes is met.
    let pad = if random.once_in(4) { random.below(130) } else { 0 };
    out.resize(pad, b' ');
    spell_value(tree, style, random, &mut out);
    space(random, &mut out);
    out
}

fn spell_value(tree: &Tree, style: Style, random: &mut Random<'_>, out: &mut Vec<u8>) {
    match tree {
        Tree::Plain(text) if style.numbers && text.parse::<i32>().is_ok_and(|number| number != 0) => {
            out.extend(number(text, random).bytes())
        }
        Tree::Plain(text) => out.extend(text.bytes()),
        Tree::Text(text) => string(text, random, out),
        Tree::List(elements) => {
            out.push(b'[');
            for (position, element) in elements.iter().enumerate() {
                comma(position, random, out);
                spell_value(element, style, random, out);
            }
            space(random, out);
            out.push(b']');
        }
        Tree::Map(members) => {
            let mut order: Vec<usize> = (0..members.len()).collect();
            if style.shuffle {
                for position in (1..order.len()).rev() {
                    order.swap(position, random.below(position + 1));
                }
            }
            out.push(b'{');
            for (position, member) in order.into_iter().enumerate() {
                comma(position, random, out);
                string(&members[member].0, random, out);
                space(random, out);
                out.push(b':');
                space(random, out);
                spell_value(&members[member].1, style, random, out);
            }
            space(random, out);
            out.push(b'}');
        }
    }
}

fn comma(position: usize, random: &mut Random<'_>, out: &mut Vec<u8>) {
    if position > 0 {
        space(random, out);
        out.push(b',');
    }
    space(random, out);
}

fn space(random: &mut Random<'_>, out: &mut Vec<u8>) {
    let spaces = ["", "", "", "", " ", "\n", "\t ", "\r\n    "];
    out.extend(random.pick(&spaces).bytes());
}

/// The same whole number, otherwise.
fn number(text: &str, random: &mut Random<'_>) -> String {
    match random.below(4) {
        0 => format!("{text}.0"),
        1 => format!("{text}e0"),
        2 => format!("{text}0E-1"),
        _ => text.into(),
    }
}

/// A string with escapes by choice, a surrogate pair for what is beyond the basic plane.
fn string(text: &str, random: &mut Random<'_>, out: &mut Vec<u8>) {
    let often = *random.pick(&[0usize, 0, 2, 6]);
    out.push(b'"');
    for letter in text.chars() {
        let must = letter < ' ' || letter == '"' || letter == '\\';
        if !must && (often == 0 || !random.once_in(often)) {
            out.extend_from_slice(letter.encode_utf8(&mut [0; 4]).as_bytes());
            continue;
        }
        let short = match letter {
            '"' | '\\' | '/' => Some(letter),
            '\n' => Some('n'),
            '\t' => Some('t'),
            '\r' => Some('r'),
            '\u{8}' => Some('b'),
            '\u{c}' => Some('f'),
            _ => None,
        };
        match short.filter(|_| random.once_in(2)) {
            Some(short) => out.extend([b'\\', short as u8]),
            None => {
                let upper = random.once_in(2);
                for unit in letter.encode_utf16(&mut [0; 2]) {
                    let spelled = if upper { format!("\\u{unit:04X}") } else { format!("\\u{unit:04x}") };
                    out.extend(spelled.bytes());
                }
            }
        }
    }
    out.push(b'"');
}
