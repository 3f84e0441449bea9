//! The terminal: a picture drawn over the last one, or plain lines where nobody watches.

use super::view::Paper;
use crate::cli::output;
use console::{Term, truncate_str};
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// How wide text is where the width is not known.
const PLAIN_WIDTH: usize = 100;
/// How often the picture is drawn anew.
const FRAME: Duration = Duration::from_millis(250);

/// Where the demo draws.
pub(super) struct Screen {
    term: Term,
    live: bool,
    drawn: usize,
    last: Option<Instant>,
}

impl Screen {
    /// Standard output; live only on a terminal.
    pub(super) fn new() -> Screen {
        let term = Term::buffered_stdout();
        let live = term.is_term();
        Screen { term, live, drawn: 0, last: None }
    }

    /// Whether pictures are drawn over each other.
    pub(super) fn is_live(&self) -> bool {
        self.live
    }

    /// The paper to lay a picture out on.
    pub(super) fn paper(&self) -> Paper {
        let width = if self.live { usize::from(self.term.size().1).clamp(60, 140) } else { PLAIN_WIDTH };
        Paper { width, colour: output::colour_on_stdout() }
    }

    /// Whether it is time for the next picture.
    pub(super) fn is_due(&mut self) -> bool {
        let due = self.live && self.last.is_none_or(|last| last.elapsed() >= FRAME);
        if due {
            self.last = Some(Instant::now());
        }
        due
    }

    /// Draws a picture in place of the last one, as much of it as the terminal has lines for.
    pub(super) fn draw(&mut self, lines: &[String]) -> io::Result<()> {
        let (rows, columns) = self.term.size();
        self.term.clear_last_lines(self.drawn)?;
        let shown = lines.len().min(usize::from(rows).saturating_sub(2));
        for line in &lines[..shown] {
            self.term.write_line(&truncate_str(line, usize::from(columns), "…"))?;
        }
        self.drawn = shown;
        self.term.flush()
    }

    /// Writes lines that stay, in place of the last picture.
    pub(super) fn finish(&mut self, lines: &[String]) -> io::Result<()> {
        self.term.clear_last_lines(self.drawn)?;
        self.drawn = 0;
        for line in lines {
            writeln!(self.term, "{line}")?;
        }
        self.term.flush()
    }
}
