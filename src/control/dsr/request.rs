//! A request as it comes over the wire → [`Request`], with every fault at once and no value in any of them.

use super::RequestType;
use super::callback::MOST_CALLBACKS;
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// The most identities of one request: far beyond what one person has.
pub const MOST_IDENTITIES: usize = 100;

/// The most characters of one identity; addresses have at most 254.
const MOST_CHARACTERS: usize = 1024;

/// How far a controller's clock may be ahead, as with events.
const SKEW: SignedDuration = SignedDuration::from_mins(5);

/// A request that may be taken. It does not implement `Debug`: it holds identities.
pub struct Request {
    /// The controller's id of it: a UUID of version 4, in lower case.
    pub id: String,
    /// What is asked for.
    pub kind: RequestType,
    /// The law it refers to, where it says so.
    pub regulation: Option<&'static str>,
    /// When the data subject asked.
    pub submitted: Timestamp,
    /// Who asks.
    pub identities: Vec<Identity>,
    /// Where the controller wants to be told of changes of its status, each once.
    pub callbacks: Vec<String>,
}

/// One identity of a request.
#[derive(Clone)]
pub struct Identity {
    /// Its type, as OpenDSR names it.
    pub kind: String,
    /// What the value is.
    pub format: Format,
    /// The identity, or its hash in lower-case hexadecimal digits.
    pub value: Zeroizing<String>,
}

/// What the value of an identity is (OpenDSR, section 5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// The identity itself.
    Raw,
    /// Its SHA-256.
    Sha256,
    /// Its SHA-1.
    Sha1,
    /// Its MD5.
    Md5,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 4] = [Format::Raw, Format::Sha256, Format::Sha1, Format::Md5];

    /// The word of OpenDSR.
    pub fn as_str(self) -> &'static str {
        match self {
            Format::Raw => "raw",
            Format::Sha256 => "sha256",
            Format::Sha1 => "sha1",
            Format::Md5 => "md5",
        }
    }

    /// How many hexadecimal digits its values have.
    fn digits(self) -> Option<usize> {
        match self {
            Format::Raw => None,
            Format::Sha256 => Some(64),
            Format::Sha1 => Some(40),
            Format::Md5 => Some(32),
        }
    }
}

/// One thing that is wrong with a request. Neither part holds anything of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// A word for programs.
    pub reason: &'static str,
    /// A sentence for people.
    pub message: String,
}

impl Fault {
    fn new(reason: &'static str, message: impl Into<String>) -> Fault {
        Fault { reason, message: message.into() }
    }

    fn missing(name: &str) -> Fault {
        Fault::new("missing", format!("`{name}` is required"))
    }
}

/// The members of a request (OpenDSR, section 7.1.1). Another one is refused: whoever writes it means something by it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    regulation: Option<String>,
    subject_request_id: Option<String>,
    subject_request_type: Option<String>,
    subject_identities: Option<Vec<WrittenIdentity>>,
    submitted_time: Option<String>,
    api_version: Option<String>,
    status_callback_urls: Option<Vec<String>>,
    extensions: Option<BTreeMap<String, IgnoredAny>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenIdentity {
    identity_type: Option<String>,
    identity_value: Option<String>,
    identity_format: Option<String>,
}

impl Request {
    /// Reads a body. `types` are the types of identity that are understood, `domain` is the processor's own; `may_call` says which
    /// addresses may be called back.
    pub fn read(
        body: &[u8],
        types: &[&str],
        domain: &str,
        may_call: &dyn Fn(&str) -> bool,
        now: Timestamp,
    ) -> Result<Request, Vec<Fault>> {
        let written: Written = serde_json::from_slice(body).map_err(|error| vec![unreadable(&error)])?;
        let mut faults = Vec::new();
        if written.api_version.as_deref().is_some_and(|version| version != "3" && !version.starts_with("3.")) {
            faults.push(Fault::new("unsupported", "`api_version`: this is version 3"));
        }
        let callbacks = callbacks(written.status_callback_urls.unwrap_or_default(), may_call, &mut faults);
        // The extensions of other processors are none of this one's business.
        if written.extensions.is_some_and(|extensions| extensions.keys().any(|name| name.eq_ignore_ascii_case(domain))) {
            faults.push(Fault::new("unsupported", "`extensions`: this processor has none"));
        }
        let regulation = regulation(written.regulation.as_deref(), &mut faults);
        let id = written.subject_request_id.filter(|id| is_request_id(id));
        if id.is_none() {
            faults.push(Fault::new("malformed", "`subject_request_id` is required: a UUID of version 4 in lower case"));
        }
        let kind = kind(written.subject_request_type.as_deref(), &mut faults);
        let submitted = submitted(written.submitted_time.as_deref(), now, &mut faults);
        let identities = identities(written.subject_identities.unwrap_or_default(), types, &mut faults);
        match (id, kind, submitted) {
            (Some(id), Some(kind), Some(submitted)) if faults.is_empty() => {
                Ok(Request { id, kind, regulation, submitted, identities, callbacks })
            }
            _ => Err(faults),
        }
    }
}

fn callbacks(mut written: Vec<String>, may_call: &dyn Fn(&str) -> bool, faults: &mut Vec<Fault>) -> Vec<String> {
    if written.len() > MOST_CALLBACKS {
        faults.push(Fault::new("malformed", format!("`status_callback_urls` has more than {MOST_CALLBACKS}")));
        return Vec::new();
    }
    for at in (0..written.len()).filter(|at| !may_call(&written[*at])) {
        let what = "no `https` address of a host that may be called back here (`dsr.callbacks` of the configuration): leave it out and ask for the status";
        faults.push(Fault::new("unsupported", format!("`status_callback_urls[{at}]`: {what}")));
    }
    written.sort_unstable();
    written.dedup();
    written
}

/// Whether a text is a UUID of version 4 in lower case (RFC 9562, section 5.4), as OpenDSR demands of request ids.
pub(super) fn is_request_id(text: &str) -> bool {
    let fits = |(at, byte): (usize, u8)| match at {
        8 | 13 | 18 | 23 => byte == b'-',
        14 => byte == b'4',
        19 => matches!(byte, b'8' | b'9' | b'a' | b'b'),
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    text.len() == 36 && text.bytes().enumerate().all(fits)
}

fn unreadable(error: &serde_json::Error) -> Fault {
    let place = format!("line {}, column {}", error.line(), error.column());
    if error.is_data() {
        // The library's words name the member, and a member's name may be a value by mistake.
        return Fault::new("malformed", format!("a member is unknown, there twice, or of the wrong type ({place})"));
    }
    Fault::new("malformed", format!("the body is not JSON ({place})"))
}

fn regulation(written: Option<&str>, faults: &mut Vec<Fault>) -> Option<&'static str> {
    let found = ["gdpr", "ccpa"].into_iter().find(|known| written == Some(known));
    if written.is_some() && found.is_none() {
        faults.push(Fault::new("unsupported", "`regulation` is `gdpr` or `ccpa`"));
    }
    found
}

fn kind(written: Option<&str>, faults: &mut Vec<Fault>) -> Option<RequestType> {
    let found = RequestType::ALL.into_iter().find(|known| written == Some(known.as_str()));
    if found.is_none() {
        faults.push(Fault::new("malformed", "`subject_request_type` is required: `erasure`, `access` or `portability`"));
    }
    found
}

fn submitted(written: Option<&str>, now: Timestamp, faults: &mut Vec<Fault>) -> Option<Timestamp> {
    let Some(written) = written else {
        faults.push(Fault::missing("submitted_time"));
        return None;
    };
    let time = written.parse::<Timestamp>().ok();
    match time {
        None => faults.push(Fault::new("malformed", "`submitted_time` is no time of RFC 3339")),
        Some(time) if now.duration_until(time) > SKEW => {
            faults.push(Fault::new("malformed", "`submitted_time` is in the future"))
        }
        Some(_) => {}
    }
    time
}

fn identities(written: Vec<WrittenIdentity>, types: &[&str], faults: &mut Vec<Fault>) -> Vec<Identity> {
    if written.is_empty() {
        faults.push(Fault::missing("subject_identities"));
    }
    if written.len() > MOST_IDENTITIES {
        faults.push(Fault::new("malformed", format!("`subject_identities` has more than {MOST_IDENTITIES}")));
        return Vec::new();
    }
    let read = |(at, written): (usize, WrittenIdentity)| match identity(written, types) {
        Ok(identity) => Some(identity),
        Err(Fault { reason, message }) => {
            faults.push(Fault::new(reason, format!("`subject_identities[{at}]`: {message}")));
            None
        }
    };
    written.into_iter().enumerate().filter_map(read).collect()
}

fn identity(written: WrittenIdentity, types: &[&str]) -> Result<Identity, Fault> {
    let kind = written.identity_type.ok_or_else(|| Fault::missing("identity_type"))?;
    let mut value = Zeroizing::new(written.identity_value.ok_or_else(|| Fault::missing("identity_value"))?);
    let format = written.identity_format.ok_or_else(|| Fault::missing("identity_format"))?;
    if !types.contains(&&*kind) {
        return Err(Fault::new("unsupported", "this `identity_type` is not supported; `/opendsr/v3/discovery` says which are"));
    }
    let known = Format::ALL.into_iter().find(|known| known.as_str() == format);
    let format = known.ok_or_else(|| Fault::new("malformed", "`identity_format` is `raw`, `sha256`, `sha1` or `md5`"))?;
    if value.trim().is_empty() || value.chars().count() > MOST_CHARACTERS || value.chars().any(char::is_control) {
        let message = format!("`identity_value` is empty, longer than {MOST_CHARACTERS} characters, or holds control characters");
        return Err(Fault::new("malformed", message));
    }
    if let Some(digits) = format.digits() {
        if value.len() != digits || !value.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(Fault::new(
                "malformed",
                format!("`identity_value`: a {} has {digits} hexadecimal digits", format.as_str()),
            ));
        }
        value.make_ascii_lowercase();
    }
    Ok(Identity { kind, format, value })
}
