//! Runs the properties for so many iterations from a seed, after everything that was ever found.
//!
//!     privet-fuzz [--iterations N] [--seed S] [--property NAME]
//!
//! Iteration i uses a seed of its own, which a finding names: `--iterations 1 --only SEED` repeats it.

use privet_fuzz::judge::Judge;
use privet_fuzz::properties::{ALL, Finding, Property, accepts};
use privet_fuzz::random::Random;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

struct Options {
    iterations: u64,
    seed: u64,
    property: Option<String>,
    only: Option<u64>,
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(what) => {
            eprintln!("privet-fuzz: {what}");
            return ExitCode::from(2);
        }
    };
    let mut found = regressions();
    for (name, property) in ALL.iter().filter(|(name, _)| options.property.as_deref().is_none_or(|wanted| wanted == *name)) {
        found += run(name, *property, &options);
    }
    if found == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn options() -> Result<Options, String> {
    let mut options = Options { iterations: 2_000, seed: 1, property: None, only: None };
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let value = args.next().ok_or_else(|| format!("{arg} needs a value"))?;
        let number = || value.parse::<u64>().map_err(|_| format!("{arg} needs a number"));
        match arg.as_str() {
            "--iterations" => options.iterations = number()?,
            "--seed" => options.seed = number()?,
            "--only" => options.only = Some(number()?),
            "--property" if ALL.iter().any(|(name, _)| *name == value) => options.property = Some(value),
            "--property" => return Err(format!("no property is called {value}")),
            _ => return Err(format!("unknown option {arg}")),
        }
    }
    Ok(options)
}

/// Runs one property; answers with the number of findings, at which it stops: 0 or 1.
fn run(name: &str, property: Property, options: &Options) -> usize {
    let began = Instant::now();
    let mut judge = Judge::new();
    for iteration in 0..options.iterations {
        let seed = options.only.unwrap_or_else(|| Random::from_seed(options.seed.wrapping_add(iteration << 20)).next());
        if let Err(finding) = guarded(&mut judge, |judge| property(judge, &mut Random::from_seed(seed))) {
            report(name, seed, &finding);
            return 1;
        }
    }
    let rate = options.iterations as f64 / began.elapsed().as_secs_f64();
    println!("{name}: {} iterations from seed {} without a finding, {rate:.0} a second", options.iterations, options.seed);
    0
}

/// A panic is a finding too; the engine that panicked is not used again.
fn guarded(judge: &mut Judge, run: impl FnOnce(&mut Judge) -> Result<(), Finding>) -> Result<(), Finding> {
    match catch_unwind(AssertUnwindSafe(|| run(judge))) {
        Ok(ended) => ended,
        Err(_) => {
            *judge = Judge::new();
            Err(Finding { what: "it panics".into(), input: Vec::new() })
        }
    }
}

fn report(name: &str, seed: u64, finding: &Finding) {
    println!("{name}: {} (seed {seed})", finding.what);
    let file = folder().join("findings");
    let path = file.join(format!("{name}-{seed}.json"));
    let written = std::fs::create_dir_all(&file).and_then(|()| std::fs::write(&path, &finding.input));
    match written {
        Ok(()) => println!("  the input is in {}", path.display()),
        Err(fault) => println!("  the input cannot be written: {fault}"),
    }
    println!("  once mended, add `{seed}` to fuzz/regressions/{name}.seeds, or the input to fuzz/regressions/accepts/");
}

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Everything that was found before: seeds of properties and documents for `accepts`.
fn regressions() -> usize {
    let folder = folder().join("regressions");
    let mut judge = Judge::new();
    let (mut count, mut found) = (0, 0);
    for (name, property) in ALL {
        let seeds = std::fs::read_to_string(folder.join(format!("{name}.seeds"))).unwrap_or_default();
        for seed in seeds.lines().filter_map(|line| line.split_whitespace().next()?.parse().ok()) {
            count += 1;
            if let Err(finding) = guarded(&mut judge, |judge| property(judge, &mut Random::from_seed(seed))) {
                report(name, seed, &finding);
                found += 1;
            }
        }
    }
    for path in documents(&folder.join("accepts")) {
        count += 1;
        let input = std::fs::read(&path).unwrap_or_default();
        if let Err(finding) = guarded(&mut judge, |judge| accepts(judge, &input)) {
            println!("accepts: {}: {}", path.display(), finding.what);
            found += 1;
        }
    }
    println!("{count} cases found before, {found} of them again");
    found
}

fn documents(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(|path| path.is_file()).collect();
    files.sort();
    files
}
