//! `privet inspect`: decodes consent strings, and asks TC strings what they permit.

mod decide;
mod gcd;
mod gpp;
mod lists;
mod tcf;
mod usp;

use super::{Usage, output};
use crate::consent::strings::{Broken, MAX_INPUT};
use anyhow::Context;
use std::ffi::OsString;
use std::io::{self, BufRead, BufReader, IsTerminal, Read, Write};
use std::process::ExitCode;

/// A line with a question may be this long: the longest string, and room for what the vendor registered.
const MAX_QUESTION: usize = 2 * MAX_INPUT;

/// Arguments of `privet inspect`.
#[derive(clap::Args)]
#[command(after_help = "One answer for each string, in their order. As JSON it is one object a line:\n\
    {\"ok\":true, …the fields} or {\"ok\":false,\"error\":\"…\"}\n\n\
    With --decide each string is a question about a TC string:\n\
    {\"tc\":\"…\",\"vendor\":755,\"purpose\":7,\"gvl\":{\"consentPurposes\":[7],\"liPurposes\":[],\"flexiblePurposes\":[]}}\n\
    and its answer {\"allowed\":true,\"reason\":\"consent\",\"basis\":\"consent\"}.\n\
    `specialFeature` or `specialPurpose` may stand for `purpose`.\n\
    A vendor without `gvl` is not on the vendor list.")]
pub(crate) struct Args {
    /// What the strings are
    #[arg(value_name = "KIND")]
    kind: Kind,
    /// Answer questions about TC strings instead of decoding them
    #[arg(long)]
    decide: bool,
    /// How to print the answers (default: text on a terminal, else json)
    #[arg(long, value_name = "FORMAT")]
    format: Option<Format>,
    /// The strings; `-` reads one a line from standard input. One that begins with a dash stands behind `--`
    #[arg(value_name = "STRING", required = true)]
    strings: Vec<OsString>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Kind {
    /// IAB TCF, version 2
    Tcf,
    /// IAB Global Privacy Platform
    Gpp,
    /// US Privacy (CCPA)
    Usp,
    /// Google Consent Mode's parameter; advisory
    Gcd,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    /// For people
    Text,
    /// For programs
    Json,
}

/// Runs it. A string that is broken has its answer like any other, and does not change the exit code.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    if args.decide && args.kind != Kind::Tcf {
        return Err(Usage("--decide answers questions about TC strings: `privet inspect tcf --decide`".into()).into());
    }
    let format = args.format.unwrap_or(if io::stdout().is_terminal() { Format::Text } else { Format::Json });
    let mut printer =
        Printer { kind: args.kind, decide: args.decide, format, out: output::results(), line: Vec::new(), first: true };
    for string in &args.strings {
        match string.as_encoded_bytes() {
            b"-" => printer.answer_lines(&mut BufReader::new(io::stdin().lock()))?,
            text => printer.answer(text)?,
        }
    }
    printer.out.flush().context("writing results")?;
    Ok(ExitCode::SUCCESS)
}

struct Printer<W> {
    kind: Kind,
    decide: bool,
    format: Format,
    out: W,
    /// One answer, so that a failure halfway leaves no half line.
    line: Vec<u8>,
    first: bool,
}

impl<W: Write> Printer<W> {
    /// One answer for every line, in bounded memory: of a longer line only so much is read as shows that it is too long.
    fn answer_lines(&mut self, input: &mut BufReader<impl Read>) -> anyhow::Result<()> {
        let limit = if self.decide { MAX_QUESTION } else { MAX_INPUT };
        let mut line = Vec::new();
        while next_line(input, limit + 1, &mut line).context("reading standard input")? {
            self.answer(&line)?;
            // Whoever waits for an answer before the next line gets it; in between, many answers go out at once.
            if input.buffer().is_empty() {
                self.out.flush().context("writing results")?;
            }
        }
        Ok(())
    }

    fn answer(&mut self, text: &[u8]) -> anyhow::Result<()> {
        self.line.clear();
        match self.format {
            Format::Json => {
                self.json(text).context("writing results")?;
                self.line.push(b'\n');
            }
            Format::Text => {
                if !std::mem::take(&mut self.first) {
                    self.line.push(b'\n');
                }
                self.text(text).context("writing results")?;
            }
        }
        self.out.write_all(&self.line).context("writing results")
    }

    fn json(&mut self, text: &[u8]) -> serde_json::Result<()> {
        if self.decide {
            return serde_json::to_writer(&mut self.line, &decide::answer(text));
        }
        let done = match self.kind {
            Kind::Tcf => tcf::json(text, &mut self.line),
            Kind::Gpp => gpp::json(text, &mut self.line),
            Kind::Usp => usp::json(text, &mut self.line),
            Kind::Gcd => gcd::json(text, &mut self.line),
        };
        done.or_else(|fault| {
            self.line.clear();
            serde_json::to_writer(&mut self.line, &Failed { ok: false, error: fault.to_string() })
        })
    }

    fn text(&mut self, text: &[u8]) -> io::Result<()> {
        if self.decide {
            return decide::print(&decide::answer(text), &mut self.line);
        }
        let done = match self.kind {
            Kind::Tcf => tcf::print(text, &mut self.line),
            Kind::Gpp => gpp::print(text, &mut self.line),
            Kind::Usp => usp::print(text, &mut self.line),
            Kind::Gcd => gcd::print(text, &mut self.line),
        };
        done.or_else(|fault| writeln!(self.line, "broken: {fault}"))
    }
}

#[derive(serde::Serialize)]
struct Failed {
    ok: bool,
    error: String,
}

/// Why there are no fields to show.
#[derive(Debug, thiserror::Error)]
enum Fault {
    #[error("{0}")]
    Broken(#[from] Broken),
    #[error("it names more than {} vendors", lists::MAX_LISTED)]
    TooMany,
    #[error("{0}")]
    Json(#[from] serde_json::Error),
    #[error("{0}")]
    Io(#[from] io::Error),
}

/// The next line without its end, at most `limit` bytes of it; the rest of a longer one is passed over. False at the end.
fn next_line(input: &mut impl BufRead, limit: usize, line: &mut Vec<u8>) -> io::Result<bool> {
    line.clear();
    let mut any = false;
    loop {
        let chunk = match input.fill_buf() {
            Ok(chunk) => chunk,
            Err(fault) if fault.kind() == io::ErrorKind::Interrupted => continue,
            Err(fault) => return Err(fault),
        };
        if chunk.is_empty() {
            return Ok(any);
        }
        any = true;
        let end = memchr::memchr(b'\n', chunk);
        let text = &chunk[..end.unwrap_or(chunk.len())];
        line.extend_from_slice(&text[..text.len().min(limit - line.len())]);
        let used = text.len() + usize::from(end.is_some());
        input.consume(used);
        if end.is_some() {
            return Ok(true);
        }
    }
}

/// A field's name and what it holds, for people.
fn row(out: &mut Vec<u8>, name: &str, value: impl std::fmt::Display) -> io::Result<()> {
    writeln!(out, "  {name:<36} {value}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_bounded_and_each_is_one() {
        let mut input = io::BufReader::with_capacity(3, &b"1YNN\n\nabcdefgh\r\nlast"[..]);
        let mut line = Vec::new();
        let mut lines = Vec::new();
        while next_line(&mut input, 6, &mut line).expect("reading memory does not fail") {
            lines.push(String::from_utf8(line.clone()).expect("text"));
        }
        assert_eq!(lines, ["1YNN", "", "abcdef", "last"]);
    }
}
