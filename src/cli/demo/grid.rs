//! Text in columns for a terminal or a file: widths as shown, colour only where it is wanted.

use console::{Style, measure_text_width, truncate_str};

/// One cell.
pub(super) struct Cell {
    text: String,
    style: Style,
    right: bool,
}

/// A cell of text.
pub(super) fn text(text: impl Into<String>) -> Cell {
    Cell { text: text.into(), style: Style::new(), right: false }
}

/// A number with its thousands marked, aligned to the right.
pub(super) fn number(value: u64) -> Cell {
    let style = if value == 0 { Style::new().dim() } else { Style::new() };
    Cell { text: grouped(value), style, right: true }
}

impl Cell {
    /// The same, painted.
    pub(super) fn painted(mut self, style: Style) -> Cell {
        self.style = style;
        self
    }

    /// The same, aligned to the right.
    pub(super) fn right(mut self) -> Cell {
        self.right = true;
        self
    }
}

/// `12345` as `12,345`.
pub(super) fn grouped(value: u64) -> String {
    let digits = value.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (position, digit) in digits.chars().enumerate() {
        if position > 0 && (digits.len() - position).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Lays rows out in columns, indented by two. No cell is wider than `widest`; longer ones end in `…`.
pub(super) fn lay_out(rows: &[Vec<Cell>], widest: usize, colour: bool) -> Vec<String> {
    let columns = rows.iter().map(Vec::len).max().unwrap_or(0);
    let mut widths = vec![0; columns];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = measure_text_width(&cell.text).min(widest).max(*width);
        }
    }
    let line = |row: &Vec<Cell>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| one(cell, *width, colour));
        format!("  {}", cells.collect::<Vec<_>>().join("  ")).trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

fn one(cell: &Cell, width: usize, colour: bool) -> String {
    let shown = truncate_str(&cell.text, width, "…");
    let padding = " ".repeat(width.saturating_sub(measure_text_width(&shown)));
    let painted = paint(&shown, &cell.style, colour);
    if cell.right { padding + &painted } else { painted + &padding }
}

/// Text in a style, where colour is wanted.
pub(super) fn paint(text: &str, style: &Style, colour: bool) -> String {
    if colour { style.clone().force_styling(true).apply_to(text).to_string() } else { text.to_owned() }
}

/// Two texts without the beginning that they share, where one of them is wider than `width`.
pub(super) fn around_difference(one: &str, other: &str, width: usize) -> (String, String) {
    // So much of what they share is left, for orientation.
    const LEFT: usize = 10;
    let shared = one.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    let widest = measure_text_width(one).max(measure_text_width(other));
    if widest <= width || shared <= LEFT {
        return (one.to_owned(), other.to_owned());
    }
    let cut = |text: &str| format!("…{}", text.chars().skip(shared - LEFT).collect::<String>());
    (cut(one), cut(other))
}

/// A list of words with commas, broken into lines that fit `width`, each indented.
pub(super) fn flow<'a>(words: impl IntoIterator<Item = &'a str>, indent: &str, width: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    for word in words {
        match lines.last_mut() {
            // Room for the word, the comma and space before it, and the comma that may follow.
            Some(line) if measure_text_width(line) + measure_text_width(word) + 3 <= width => {
                line.push_str(", ");
                line.push_str(word);
            }
            Some(line) => {
                line.push(',');
                lines.push(format!("{indent}{word}"));
            }
            None => lines.push(format!("{indent}{word}")),
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_marked() {
        for (value, expected) in [(0, "0"), (999, "999"), (1000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(value), expected);
        }
    }

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows =
            [vec![text("sink"), text("rows").right()], vec![text("ads"), number(1200)], vec![text("a long name"), number(7)]];
        assert_eq!(lay_out(&rows, 8, false), ["  sink       rows", "  ads       1,200", "  a long …      7"]);
    }

    #[test]
    fn a_difference_is_shown_where_it_is() {
        let (one, other) = ("https://shop.example/p?a=1&email=x%40example.com", "https://shop.example/p?a=1");
        let cut = ("…mple/p?a=1&email=x%40example.com".to_owned(), "…mple/p?a=1".to_owned());
        assert_eq!(around_difference(one, other, 30), cut);
        assert_eq!(around_difference(one, other, 80), (one.to_owned(), other.to_owned()));
        assert_eq!(around_difference("abc", "xyz", 2), ("abc".to_owned(), "xyz".to_owned()));
    }

    #[test]
    fn words_flow_into_lines() {
        assert_eq!(flow(["a", "bb", "ccc", "dddd"], "  ", 9), ["  a, bb,", "  ccc,", "  dddd"]);
        assert!(flow([], "", 10).is_empty());
    }
}
