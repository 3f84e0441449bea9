//! Where a command's words go: results to standard output, everything else to standard error.

use std::io::{self, BufWriter, IsTerminal, StdoutLock, Write};

/// Standard output for results. A closed pipe comes back as an error, which ends the command quietly; the caller
/// flushes before it returns.
pub(crate) fn results() -> BufWriter<StdoutLock<'static>> {
    BufWriter::with_capacity(1 << 16, io::stdout().lock())
}

/// Writes one line to standard error. Where that is closed there is nobody left to tell.
pub(crate) fn complain(line: std::fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr().lock(), "{line}");
}

/// Writes text as it is to standard error.
pub(crate) fn complain_text(text: &str) {
    let _ = io::stderr().lock().write_all(text.as_bytes());
}

/// Whether standard error takes colour.
pub(crate) fn colour_on_stderr() -> bool {
    io::stderr().is_terminal() && colour_wanted()
}

/// Whether standard output takes colour.
pub(crate) fn colour_on_stdout() -> bool {
    io::stdout().is_terminal() && colour_wanted()
}

/// `NO_COLOR` counts when it is set and not empty (no-color.org).
fn colour_wanted() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    !set("NO_COLOR") && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
}

/// Whether a failure is only that nobody reads the results any more.
pub(crate) fn is_closed_pipe(failure: &anyhow::Error) -> bool {
    failure.chain().filter_map(|cause| cause.downcast_ref::<io::Error>()).any(|cause| cause.kind() == io::ErrorKind::BrokenPipe)
}

#[cfg(test)]
mod tests {
    use super::*;
    use anyhow::Context;

    #[test]
    fn a_closed_pipe_is_known_under_its_context() {
        let closed: io::Result<()> = Err(io::ErrorKind::BrokenPipe.into());
        assert!(is_closed_pipe(&closed.context("writing results").expect_err("an error")));
        let missing: io::Result<()> = Err(io::ErrorKind::NotFound.into());
        assert!(!is_closed_pipe(&missing.context("reading the policy").expect_err("an error")));
    }
}
