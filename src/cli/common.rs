//! What several commands do alike: reading a policy, choosing keys.

use super::output;
use crate::keys::KeySet;
use crate::plan::Plan;
use crate::policy;
use anyhow::Context;
use std::io::Read;
use std::path::Path;

/// A policy may be this large; far beyond what people write, small enough to hold and print excerpts of.
const POLICY_BYTES: u64 = 4 << 20;

/// The key set of `--keys`, or the published demonstration root with a line about it on standard error.
pub(crate) fn keys_or_demonstration(file: Option<&Path>) -> anyhow::Result<KeySet> {
    match file {
        Some(file) => KeySet::load(file).with_context(|| format!("reading keys from {}", file.display())),
        None => {
            output::complain(format_args!(
                "note: no --keys: using the published demonstration keys; the pseudonyms protect nobody"
            ));
            Ok(KeySet::demonstration())
        }
    }
}

/// The name of an input as messages show it.
pub(crate) fn display_name(file: &Path) -> String {
    if is_stdin(file) { "<stdin>".into() } else { file.display().to_string() }
}

fn is_stdin(file: &Path) -> bool {
    file.as_os_str() == "-"
}

/// The text of a policy file; `-` is standard input.
pub(crate) fn read_policy(file: &Path) -> anyhow::Result<String> {
    let about = || format!("reading the policy {}", display_name(file));
    let mut text = String::new();
    let input: &mut dyn Read =
        if is_stdin(file) { &mut std::io::stdin().lock() } else { &mut std::fs::File::open(file).with_context(about)? };
    input.take(POLICY_BYTES + 1).read_to_string(&mut text).with_context(about)?;
    anyhow::ensure!(text.len() as u64 <= POLICY_BYTES, "the policy {} is larger than {POLICY_BYTES} bytes", display_name(file));
    Ok(text)
}

/// The plan of a policy file; its errors and warnings go to standard error.
pub(crate) fn load_plan(file: &Path, keys: &KeySet) -> anyhow::Result<Plan> {
    let text = read_policy(file)?;
    let compiled = policy::compile(&text, &display_name(file), keys);
    output::complain_text(&compiled.render(output::colour_on_stderr()));
    compiled.plan.with_context(|| format!("the policy {} has errors", display_name(file)))
}
