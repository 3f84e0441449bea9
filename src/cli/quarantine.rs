//! `privet quarantine`: sealed records, opened with the operator's identity.

use super::{common, output};
use crate::evidence::{self, Identities};
use anyhow::Context;
use clap::Subcommand;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use zeroize::Zeroizing;

/// Arguments of `privet quarantine`.
#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Print sealed records as JSON lines: where each came from, why it was set aside, and its bytes in base64
    Open(Open),
}

#[derive(clap::Args)]
struct Open {
    /// The identity file of `age-keygen` whose public half is the recipient in the configuration
    #[arg(long, value_name = "FILE")]
    identity: PathBuf,
    /// Values of the quarantine topic: one a file, several in a row, behind 4-byte lengths (`kcat -f '%R%s'`),
    /// or in base64, one a line; `-` or nothing is standard input
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
}

/// A file is held in memory as a whole; larger ones can be cut.
const FILE_BYTES: u64 = 1 << 30;

/// Opens every batch; one that does not open is named on standard error, and the exit code is 1.
pub(crate) fn run(args: Args) -> anyhow::Result<ExitCode> {
    let Command::Open(Open { identity, mut files }) = args.command;
    let identities = read_identities(&identity)?;
    if files.is_empty() {
        files.push("-".into());
    }
    let mut results = output::results();
    let mut faults = 0usize;
    for file in &files {
        let name = common::display_name(file);
        let text = read(file).with_context(|| format!("reading {name}"))?;
        let batches = match evidence::split(&text) {
            Ok(batches) => batches,
            Err(error) => {
                faults += 1;
                output::complain(format_args!("error: {name}: {error}"));
                continue;
            }
        };
        for (number, batch) in (1usize..).zip(&batches) {
            match evidence::open(batch, &identities) {
                Ok(lines) => results.write_all(&lines)?,
                Err(error) => {
                    faults += 1;
                    output::complain(format_args!("error: {name}: batch {number}: {error}"));
                }
            }
        }
    }
    results.flush()?;
    Ok(if faults > 0 { ExitCode::from(1) } else { ExitCode::SUCCESS })
}

fn read_identities(path: &Path) -> anyhow::Result<Identities> {
    let about = || format!("reading the identity {}", path.display());
    let file = File::open(path).with_context(about)?;
    if file.metadata().with_context(about)?.mode() & 0o077 != 0 {
        output::complain(format_args!("warning: {}: others may read this identity; chmod 600", path.display()));
    }
    Identities::read(file).with_context(about)
}

fn read(file: &Path) -> io::Result<Zeroizing<Vec<u8>>> {
    let mut text = Zeroizing::new(Vec::new());
    let input: &mut dyn Read = if file.as_os_str() == "-" { &mut io::stdin().lock() } else { &mut File::open(file)? };
    input.take(FILE_BYTES + 1).read_to_end(&mut text)?;
    if text.len() as u64 > FILE_BYTES {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, "larger than 1 GiB; cut it at a line end or batch"));
    }
    Ok(text)
}
