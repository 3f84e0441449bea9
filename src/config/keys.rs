//! The section `keys`: where the key file is, and who keeps its roots.

use super::build::loopback;
use super::read::Section;
use super::{AwsKms, KeyProvider, Place, Problem, Vault, VaultToken};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The sections of providers, by the word that asks for them.
const SECTIONS: [(&str, &str); 2] = [("vault", "vault"), ("aws-kms", "aws_kms")];

/// The key file and who keeps its roots; `None` where what is missing keeps it from being built.
pub(super) fn keys(
    mut keys: Section,
    at: Place,
    base: &Path,
    plaintext: bool,
    problems: &mut Vec<Problem>,
) -> Option<(PathBuf, KeyProvider)> {
    let path = keys.text("path").map(|path| base.join(path));
    let provider = keys.text("provider");
    let age_at = keys.place("max_age");
    let max_age = keys.duration("max_age");
    let mut sections = SECTIONS.map(|(word, name)| (word, name, keys.place(name), keys.section(name)));
    let provider = provider?;
    for (word, name, place, section) in &sections {
        match (section, *word == provider) {
            (Some(_), false) => {
                let what = format!("`{name}` is for `provider: {word}`, and the provider is {provider}");
                problems.push(Problem::new(place.unwrap_or(at), what));
            }
            // A section with faults is there in the text and not here; its faults are told already.
            (None, true) if place.is_none() => {
                problems.push(Problem::new(at, format!("`{name}` is missing: `provider: {word}` needs it")));
            }
            (Some(_), true) | (None, _) => {}
        }
    }
    if let (Some(age_at), "file") = (age_at, provider.as_str()) {
        problems.push(Problem::new(age_at, "`max_age` is for `vault` and `aws-kms`: a file is read again when it changes"));
    }
    let max_age = max_age.unwrap_or(KeyProvider::MAX_AGE);
    let mut take = |name: &str| sections.iter_mut().find(|section| section.1 == name).and_then(|section| section.3.take());
    let provider = match provider.as_str() {
        "vault" => take("vault")
            .and_then(|section| vault(section, at, base, plaintext, problems))
            .map(|vault| KeyProvider::Vault { vault, max_age }),
        "aws-kms" => take("aws_kms")
            .and_then(|section| aws_kms(section, at, plaintext, problems))
            .map(|kms| KeyProvider::AwsKms { kms, max_age }),
        _ => Some(KeyProvider::File),
    };
    Some((path?, provider?))
}

fn vault(mut section: Section, at: Place, base: &Path, plaintext: bool, problems: &mut Vec<Problem>) -> Option<Vault> {
    let address_at = section.place("address").unwrap_or(at);
    let address = section.text("address").inspect(|address| check_address(address_at, "address", address, plaintext, problems));
    let mount_at = section.place("mount").unwrap_or(at);
    let mount = section.text("mount").unwrap_or_else(|| "transit".to_owned());
    let key_at = section.place("key").unwrap_or(at);
    let key = section.text("key");
    for (place, name, text) in [(mount_at, "mount", Some(&mount)), (key_at, "key", key.as_ref())] {
        let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-' | b'/');
        let odd = |text: &&String| !text.bytes().all(plain) || text.split('/').any(|part| matches!(part, "" | "." | ".."));
        if text.as_ref().is_some_and(odd) {
            problems.push(Problem::new(place, format!("`{name}`: expected letters, digits, `.`, `_`, `-`, and `/` between")));
        }
    }
    let namespace_at = section.place("namespace").unwrap_or(at);
    let namespace = section.text("namespace");
    if namespace.as_ref().is_some_and(|name| !name.bytes().all(|byte| byte.is_ascii_graphic())) {
        problems.push(Problem::new(namespace_at, "`namespace`: expected ASCII without white space"));
    }
    let token_at = section.place("token_file").unwrap_or(at);
    let token = match (section.text("token"), section.text("token_file")) {
        (Some(token), None) => Some(VaultToken::Here(token.into())),
        (None, Some(file)) => Some(VaultToken::File(base.join(file))),
        (Some(_), Some(_)) | (None, None) => {
            problems.push(Problem::new(token_at, "`vault` takes either `token` or `token_file`"));
            None
        }
    };
    Some(Vault {
        address: address?.trim_end_matches('/').to_owned(),
        key: key?,
        mount,
        token: token?,
        namespace,
        ca: section.text("ca").map(|path| base.join(path)),
        timeout: timeout(&mut section),
    })
}

fn aws_kms(mut section: Section, at: Place, plaintext: bool, problems: &mut Vec<Problem>) -> Option<AwsKms> {
    let endpoint_at = section.place("endpoint").unwrap_or(at);
    let endpoint =
        section.text("endpoint").inspect(|address| check_address(endpoint_at, "endpoint", address, plaintext, problems));
    Some(AwsKms { key_id: section.text("key_id")?, region: section.text("region"), endpoint, timeout: timeout(&mut section) })
}

fn timeout(section: &mut Section) -> Duration {
    section.duration("timeout").unwrap_or(KeyProvider::TIMEOUT)
}

/// An address with a scheme and a host, and nothing else: what stands in front of an `@` would be shown where the address is.
fn check_address(at: Place, name: &str, address: &str, plaintext: bool, problems: &mut Vec<Problem>) {
    let (scheme, rest) = address.split_once("://").unwrap_or_default();
    let host = rest.trim_end_matches('/');
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-' | b'_' | b':' | b'[' | b']');
    let port = host.rsplit_once(':').filter(|(_, port)| !port.ends_with(']')).map(|(_, port)| port);
    let is_port = port.is_none_or(|port| port.parse::<u16>().is_ok());
    if !matches!(scheme, "https" | "http") || host.is_empty() || !host.bytes().all(plain) || !is_port {
        problems.push(Problem::new(at, format!("`{name}`: expected https://host:port, and nothing behind it")));
    } else if scheme == "http" && !plaintext && !loopback(host) {
        let what = format!("`{name}` beyond loopback without TLS: use https, or accept it with `allow_plaintext: true`");
        problems.push(Problem::new(at, what));
    }
}
