//! `${NAME}` and `${file:/path}` inside settings: secrets and machine names stay out of the file.

use std::path::Path;

/// A secret file is a password, a token or a key: small.
const MAX_FILE_BYTES: u64 = 64 << 10;

/// Where `${…}` finds its values; the process environment and the file system, or a test's own.
pub trait Lookup {
    /// The environment variable of that name.
    fn variable(&self, name: &str) -> Option<String>;

    /// The text of a file, or why it cannot be read.
    fn file(&self, path: &Path) -> Result<String, String>;

    /// This machine's host name.
    fn host_name(&self) -> Option<String>;
}

/// The environment and the file system of this process.
pub struct System;

impl Lookup for System {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &Path) -> Result<String, String> {
        let size = std::fs::metadata(path).map_err(|fault| fault.kind().to_string())?.len();
        if size > MAX_FILE_BYTES {
            return Err(format!("larger than {MAX_FILE_BYTES} bytes"));
        }
        std::fs::read_to_string(path).map_err(|fault| fault.kind().to_string())
    }

    fn host_name(&self) -> Option<String> {
        let kernel = std::fs::read_to_string("/proc/sys/kernel/hostname").ok();
        kernel.or_else(|| std::env::var("HOSTNAME").ok()).map(|name| name.trim().to_owned())
    }
}

/// Replaces every `${…}`; `$${` is a literal `${`. An error names what was looked for, never what was found.
pub(super) fn expand(text: &str, lookup: &dyn Lookup) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        if rest[..start].ends_with('$') {
            out.push_str(&rest[..start - 1]);
            out.push_str("${");
            rest = &rest[start + 2..];
            continue;
        }
        out.push_str(&rest[..start]);
        let inside = &rest[start + 2..];
        let end = inside.find('}').ok_or("`${` without its `}`; write `$${` for the characters themselves")?;
        out.push_str(&one(&inside[..end], lookup)?);
        rest = &inside[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

fn one(name: &str, lookup: &dyn Lookup) -> Result<String, String> {
    if let Some(path) = name.strip_prefix("file:") {
        if !path.starts_with('/') {
            return Err(format!("`${{file:{path}}}`: the path must be absolute"));
        }
        let text = lookup.file(Path::new(path)).map_err(|why| format!("`${{file:{path}}}` cannot be read: {why}"))?;
        return Ok(text.strip_suffix("\r\n").or_else(|| text.strip_suffix('\n')).unwrap_or(&text).to_owned());
    }
    let valid = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    if !valid {
        return Err("inside `${…}` stands the name of an environment variable or `file:/path`".to_owned());
    }
    lookup.variable(name).ok_or_else(|| format!("environment variable `{name}` is not set"))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl Lookup for Fixed {
        fn variable(&self, name: &str) -> Option<String> {
            (name == "HOST").then(|| "kafka-1".to_owned())
        }

        fn file(&self, path: &Path) -> Result<String, String> {
            if path == Path::new("/run/token") { Ok("s3cret\n".to_owned()) } else { Err("entity not found".to_owned()) }
        }

        fn host_name(&self) -> Option<String> {
            None
        }
    }

    #[test]
    fn variables_and_files_are_put_in() {
        assert_eq!(expand("${HOST}:9092,b:1", &Fixed).unwrap(), "kafka-1:9092,b:1");
        assert_eq!(expand("${file:/run/token}", &Fixed).unwrap(), "s3cret");
        assert_eq!(expand("pa$$word $${HOST} $", &Fixed).unwrap(), "pa$$word ${HOST} $");
    }

    #[test]
    fn what_is_missing_is_an_error_that_names_it() {
        assert_eq!(expand("${NOPE}", &Fixed).unwrap_err(), "environment variable `NOPE` is not set");
        assert!(expand("${file:/x}", &Fixed).unwrap_err().contains("`${file:/x}` cannot be read"));
        assert!(expand("${file:x}", &Fixed).unwrap_err().contains("absolute"));
        assert!(expand("${HOST", &Fixed).is_err());
        assert!(expand("${a b}", &Fixed).is_err());
    }
}
