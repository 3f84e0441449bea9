//! What is done to which places, said once for all sides: from it come the policy of the engine, the programs of VRL and
//! what the trees do.

use privet::keys::{KeySet, MacKey};

/// What is done to a place.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Op {
    /// A keyed hash of the string.
    Pseudonym,
    /// The member goes.
    Drop,
    /// The address's network.
    Ip,
    /// The URL without fragment and parameter `email`.
    Url,
}

/// One rule; a step `*` is every element.
pub type Rule = (&'static [&'static str], Op);

/// What the sides are asked to do.
pub struct Task {
    /// Its name in the table.
    pub name: &'static str,
    /// Whether `context.consent.categoryPreferences.Advertising` must be true.
    pub consent: bool,
    /// The identities.
    pub identities: &'static [&'static str],
    /// One list of rules a sink.
    pub sinks: Vec<Vec<Rule>>,
}

/// The path in the language.
pub fn path_text(path: &[&str]) -> String {
    path.iter().fold("$".into(), |text, step| if *step == "*" { text + "[*]" } else { format!("{text}.{step}") })
}

impl Task {
    /// The task as a policy.
    pub fn policy(&self) -> String {
        let purpose = if self.consent {
            "{legal_basis: consent, opt_outs: none, max_age: P13M}"
        } else {
            "{legal_basis: contract, because: bench}"
        };
        let consent = if self.consent {
            "    consent: [{signal: segment, path: $.context.consent.categoryPreferences, purposes: {use: Advertising}}]\n"
        } else {
            ""
        };
        let identities: Vec<String> =
            self.identities.iter().map(|path| format!("{{kind: \"{path}\", path: {path}, names: device}}")).collect();
        let mut text = format!(
            "privet: 1\ncontroller: {{name: B, country: DE}}\npurposes: {{use: {purpose}}}\nregimes: [{{in: [\"*\"], silence: deny}}]\n\
             keys: {{ads: {{}}}}\nstreams:\n  s:\n    topics: [in]\n    format: json\n    jurisdiction: {{otherwise: EEA}}\n    \
             subject: [{}]\n{consent}    time: {{path: $.timestamp, unit: rfc3339}}\nsinks:\n",
            identities.join(", ")
        );
        for (number, rules) in self.sinks.iter().enumerate() {
            let signal = if self.consent { "consent_signal: keep, " } else { "" };
            let rules: Vec<String> = rules
                .iter()
                .map(|(path, op)| {
                    let transform = match op {
                        Op::Pseudonym => "{pseudonym: {key: ads}}",
                        Op::Drop => "drop",
                        Op::Ip => "{truncate_ip: {v4: 24, v6: 48}}",
                        Op::Url => "{url: {drop_params: [email]}}",
                    };
                    format!("\"{}\": {transform}", path_text(path))
                })
                .chain(["user.unique_id: keep".to_owned()])
                .collect();
            text += &format!(
                "  s{number}: {{topic: o{number}, purposes: [use], unlisted: keep, {signal}fields: {{{}}}}}\n",
                rules.join(", ")
            );
        }
        text
    }

    /// By sink and rule: the key of a pseudonym.
    pub fn keys(&self, keys: &KeySet) -> Vec<Vec<Option<MacKey>>> {
        let key = |sink: usize, (path, op): &Rule| {
            let text = path_text(path);
            let class = if self.identities.contains(&&*text) { "user.unique_id" } else { &text };
            (*op == Op::Pseudonym).then(|| keys.pseudonym_key("ads", Some(&format!("s{sink}")), class))
        };
        self.sinks.iter().enumerate().map(|(sink, rules)| rules.iter().map(|rule| key(sink, rule)).collect()).collect()
    }
}

/// The replacement of a string, on all sides that have no transform of their own.
pub fn replace(op: Op, text: &str, key: Option<&MacKey>, scratch: &mut Vec<u8>) -> Option<String> {
    match op {
        Op::Pseudonym => {
            scratch.clear();
            key?.pseudonym(text.as_bytes(), scratch);
            Some(String::from_utf8_lossy(scratch).into_owned())
        }
        Op::Drop => None,
        Op::Ip => truncate(text),
        Op::Url => Some(without_email(text)),
    }
}

/// The network of an address.
pub fn truncate(address: &str) -> Option<String> {
    Some(match address.parse().ok()? {
        std::net::IpAddr::V4(address) => std::net::Ipv4Addr::from(u32::from(address) & 0xFFFF_FF00).to_string(),
        std::net::IpAddr::V6(address) => std::net::Ipv6Addr::from(u128::from(address) & (u128::MAX << 80)).to_string(),
    })
}

/// A URL without fragment and `email`.
pub fn without_email(url: &str) -> String {
    let without_fragment = url.split('#').next().unwrap_or_default();
    let Some((base, query)) = without_fragment.split_once('?') else { return without_fragment.to_owned() };
    let kept: Vec<&str> = query.split('&').filter(|parameter| parameter.split('=').next() != Some("email")).collect();
    if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) }
}
