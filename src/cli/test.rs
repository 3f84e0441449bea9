//! `privet test`: runs the unit tests of policies.

use super::{common, output};
use crate::event::Timestamp;
use crate::keys::KeySet;
use crate::policy::{Diagnostics, SourceMap};
use crate::tooling::testing::{self, Runner, TestFile};
use anyhow::Context;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// How a test file is recognised in a folder.
const SUFFIX: &str = ".test.yaml";
/// Folders in folders that are searched: enough for any layout, and an end to circular links.
const MAX_DEPTH: usize = 16;

/// Arguments of `privet test`.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Test files, or folders that hold `*.test.yaml`
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Key file; without it the published demonstration keys are used
    #[arg(long, value_name = "FILE")]
    keys: Option<PathBuf>,
}

/// What all files together came to.
#[derive(Default)]
struct Sum {
    passed: usize,
    failed: usize,
    /// Files that could not be run at all.
    unusable: usize,
}

/// Runs the tests of every file; results to standard output, faults of the files to standard error.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let mut files = Vec::new();
    for path in &args.paths {
        find(path, 0, &mut files)?;
    }
    anyhow::ensure!(!files.is_empty(), "no `*{SUFFIX}` found");
    let keys = common::keys_or_demonstration(args.keys.as_deref())?;
    let mut results = output::results();
    let mut sum = Sum::default();
    for file in &files {
        run_file(file, &keys, &mut results, &mut sum)?;
    }
    let Sum { passed, failed, unusable } = sum;
    write!(results, "{} tests: {passed} passed, {failed} failed", passed + failed)?;
    if unusable > 0 {
        write!(results, "; {unusable} of {} files could not be run", files.len())?;
    }
    writeln!(results)?;
    results.flush()?;
    Ok(if failed + unusable > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

/// A file is taken as it is; a folder is searched, in the order of names.
fn find(path: &Path, depth: usize, files: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    if !path.is_dir() {
        anyhow::ensure!(path.exists(), "there is no {}", path.display());
        files.push(path.to_owned());
        return Ok(());
    }
    let about = || format!("reading the folder {}", path.display());
    let mut inside = std::fs::read_dir(path)
        .with_context(about)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<Result<Vec<_>, _>>()
        .with_context(about)?;
    inside.sort();
    for entry in inside {
        let is_test = entry.file_name().is_some_and(|name| name.to_string_lossy().ends_with(SUFFIX));
        if (entry.is_dir() && depth < MAX_DEPTH) || (is_test && entry.is_file()) {
            find(&entry, depth + 1, files)?;
        }
    }
    Ok(())
}

fn run_file(file: &Path, keys: &KeySet, results: &mut impl Write, sum: &mut Sum) -> anyhow::Result<()> {
    let name = common::display_name(file);
    writeln!(results, "{name}")?;
    let source = SourceMap::new(&name, &common::read_policy(file)?);
    let mut diagnostics = Diagnostics::default();
    let parsed = testing::parse(&source, &mut diagnostics);
    output::complain_text(&diagnostics.render(&source, output::colour_on_stderr()));
    let plan = parsed.as_ref().and_then(|parsed| {
        let policy = file.parent().unwrap_or(Path::new("")).join(&parsed.policy);
        let plan = common::load_plan(&policy, keys);
        plan.map_err(|failure| output::complain(format_args!("error: {failure:#}"))).ok()
    });
    let (Some(parsed), Some(plan)) = (parsed, plan) else {
        sum.unusable += 1;
        writeln!(results, "  could not be run")?;
        return Ok(());
    };
    let mut runner = Runner::new(&plan);
    run_tests(&name, &parsed, &mut runner, results, sum)
}

fn run_tests(
    name: &str,
    file: &TestFile,
    runner: &mut Runner<'_>,
    results: &mut impl Write,
    sum: &mut Sum,
) -> anyhow::Result<()> {
    let colour = output::colour_on_stdout();
    let paint = |text: &str, code: &str| if colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() };
    let now = file.at.unwrap_or_else(Timestamp::now);
    for test in &file.tests {
        let failures = runner.run(test, now).failures;
        if failures.is_empty() {
            sum.passed += 1;
            writeln!(results, "  {}    {}", paint("ok", "32"), test.name)?;
            continue;
        }
        sum.failed += 1;
        writeln!(results, "  {}  {}", paint("FAIL", "1;31"), test.name)?;
        for failure in failures {
            writeln!(results, "        {name}:{}: {}", failure.line, failure.message)?;
        }
    }
    Ok(())
}
