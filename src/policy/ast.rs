//! A policy as written: every value with its place in the file, nothing resolved, nothing defaulted.
//!
//! `read` makes it from YAML and reports what is not of the language's form; `lower` gives it meaning.

use crate::event::Path;
use std::ops::Range;

/// Byte range in the policy file.
pub type Span = Range<usize>;

/// A value and where it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct Spanned<T> {
    /// The value.
    pub value: T,
    /// Where it stands.
    pub span: Span,
}

/// Text and where it stands.
pub type Text = Spanned<String>;

/// A mapping in the order of the file: names are unique.
pub type Named<T> = Vec<(Text, T)>;

/// A whole policy file, version 1.
#[derive(Clone, Debug, Default)]
pub struct Policy {
    /// `controller`
    pub controller: Option<Controller>,
    /// `purposes`
    pub purposes: Named<Purpose>,
    /// `regions`
    pub regions: Named<Vec<Text>>,
    /// `regimes`
    pub regimes: Vec<Spanned<Regime>>,
    /// `vendors`
    pub vendors: Named<Vendor>,
    /// `keys`
    pub keys: Named<Key>,
    /// `patterns`: regular expressions.
    pub patterns: Named<Text>,
    /// `streams`
    pub streams: Named<Stream>,
    /// `templates`
    pub templates: Named<Sink>,
    /// `profiles`
    pub profiles: Named<Profile>,
    /// `sinks`
    pub sinks: Named<Sink>,
    /// Names whose entries had faults of form and are left out above. Their faults are reported already, so using
    /// such a name is not reported again. What stands in this tree is of right form: every word of a closed list
    /// is in that list, every number in its range, every date a date.
    pub unread: Vec<(Section, String)>,
}

impl Policy {
    /// Whether the name was declared by an entry that could not be read.
    pub fn is_unread(&self, section: Section, name: &str) -> bool {
        self.unread.iter().any(|(its, unread)| *its == section && unread == name)
    }
}

/// The parts of a policy that declare names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// `purposes`
    Purposes,
    /// `regions`
    Regions,
    /// `vendors`
    Vendors,
    /// `keys`
    Keys,
    /// `patterns`
    Patterns,
    /// `streams`
    Streams,
    /// The classes of any stream.
    Classes,
    /// `templates`
    Templates,
    /// `profiles`
    Profiles,
    /// `sinks`
    Sinks,
}

/// `controller`
#[derive(Clone, Debug)]
pub struct Controller {
    /// `name`
    pub name: Text,
    /// `country`
    pub country: Text,
}

/// A list that may be written `none`.
#[derive(Clone, Debug)]
pub enum OrNone<T> {
    /// `none`
    None(Span),
    /// A list.
    Some(T),
}

/// An entry of `purposes`.
#[derive(Clone, Debug)]
pub struct Purpose {
    /// `label`
    pub label: Option<Text>,
    /// `legal_basis`
    pub legal_basis: Text,
    /// `because`
    pub because: Option<Text>,
    /// `tcf`: purpose numbers.
    pub tcf: Option<OrNone<Vec<Spanned<u8>>>>,
    /// `tcf_li`
    pub tcf_li: Vec<Spanned<u8>>,
    /// `tcf_special_features`
    pub tcf_special_features: Vec<Spanned<u8>>,
    /// `opt_outs`
    pub opt_outs: Option<OrNone<Vec<Text>>>,
    /// `consent_mode`
    pub consent_mode: Option<OrNone<Vec<Text>>>,
    /// `max_age`: ISO 8601.
    pub max_age: Option<Text>,
    /// `silence`
    pub silence: Option<Text>,
    /// `special_categories`
    pub special_categories: Vec<Text>,
}

/// An entry of `regimes`.
#[derive(Clone, Debug)]
pub struct Regime {
    /// `in`
    pub regions: Vec<Text>,
    /// `silence`
    pub silence: Text,
    /// `gpc`
    pub gpc: Option<bool>,
}

/// An entry of `vendors`.
#[derive(Clone, Debug)]
pub struct Vendor {
    /// `name`
    pub label: Option<Text>,
    /// `role`
    pub role: Text,
    /// `country` or `countries`
    pub countries: Vec<Text>,
    /// `disclosed_since`: a date.
    pub disclosed_since: Option<Text>,
    /// `tcf`
    pub tcf: Option<OrNone<VendorTcf>>,
    /// `transfers`
    pub transfers: Vec<Spanned<Transfer>>,
    /// `reviewed`: a date.
    pub reviewed: Option<Text>,
}

/// A vendor's registration on the Global Vendor List.
#[derive(Clone, Debug)]
pub struct VendorTcf {
    /// `id`
    pub id: Spanned<u16>,
    /// `purposes`
    pub purposes: Vec<Spanned<u8>>,
    /// `legitimate_interests`
    pub legitimate_interests: Vec<Spanned<u8>>,
    /// `flexible`
    pub flexible: Vec<Spanned<u8>>,
}

/// An entry of `transfers`.
#[derive(Clone, Debug)]
pub struct Transfer {
    /// `from`
    pub from: Vec<Text>,
    /// `ground`
    pub ground: Text,
    /// `until`: a date.
    pub until: Option<Text>,
}

/// An entry of `keys`.
#[derive(Clone, Debug, Default)]
pub struct Key {
    /// `shared`
    pub shared: bool,
    /// `overlap`
    pub overlap: Option<Spanned<Overlap>>,
}

/// `overlap` of a key.
#[derive(Clone, Debug)]
pub struct Overlap {
    /// `for`: ISO 8601.
    pub duration: Text,
    /// `suffix`
    pub suffix: Text,
}

/// An entry of `streams`.
#[derive(Clone, Debug)]
pub struct Stream {
    /// `topics`
    pub topics: Spanned<Topics>,
    /// `format`
    pub format: Text,
    /// `shape`
    pub shape: Option<Text>,
    /// `subject`
    pub subject: Vec<Spanned<Subject>>,
    /// `time`
    pub time: Option<Spanned<Time>>,
    /// `jurisdiction`
    pub jurisdiction: Option<Spanned<JurisdictionRule>>,
    /// `consent`
    pub consent: Vec<Spanned<Signal>>,
    /// `conflicts`
    pub conflicts: Option<Text>,
    /// `match`
    pub matching: Option<Text>,
    /// `duplicates`
    pub duplicates: Option<Text>,
    /// `when`
    pub when: Option<Spanned<When>>,
    /// `classes`: class → paths.
    pub classes: Named<Vec<Spanned<Path>>>,
}

/// `topics` of a stream.
#[derive(Clone, Debug)]
pub enum Topics {
    /// A list of names.
    Names(Vec<Text>),
    /// `{match: …}`
    Match(Text),
}

/// Where a control value stands: `path`, `header` or `key: true`.
#[derive(Clone, Debug)]
pub enum Source {
    /// `path`
    Path(Spanned<Path>),
    /// `header`
    Header(Text),
    /// `key: true`
    Key(Span),
}

/// An entry of `subject`.
#[derive(Clone, Debug)]
pub struct Subject {
    /// `kind`: one or several.
    pub kinds: Vec<Text>,
    /// Where it stands.
    pub source: Source,
    /// `names`
    pub names: Option<Text>,
    /// `normalize`
    pub normalize: Option<Text>,
}

/// `time` of a stream.
#[derive(Clone, Debug)]
pub struct Time {
    /// `path` or `header`
    pub source: Source,
    /// `unit`
    pub unit: Option<Text>,
}

/// `jurisdiction` of a stream.
#[derive(Clone, Debug)]
pub struct JurisdictionRule {
    /// `country`
    pub country: Option<Source>,
    /// `region`
    pub region: Option<Source>,
    /// `otherwise`
    pub otherwise: Option<Text>,
}

/// An entry of `consent`; options that only some signals have are absent elsewhere.
#[derive(Clone, Debug)]
pub struct Signal {
    /// `signal`
    pub signal: Text,
    /// `path` or `header`; absent for `ledger`.
    pub source: Option<Source>,
    /// `purposes`: purpose → its words there.
    pub purposes: Option<Spanned<Named<Categories>>>,
    /// `true_means`
    pub true_means: Option<Text>,
    /// `lenient`
    pub lenient: Option<bool>,
    /// `gdpr_applies` of `tcf`
    pub gdpr_applies: Option<Source>,
    /// `publisher` of `tcf`
    pub publisher: Option<bool>,
    /// `sid` of `gpp`
    pub sid: Option<Source>,
    /// `gcd` of `consent_mode`
    pub gcd: Option<Text>,
    /// `provider` of `rudderstack`
    pub provider: Option<Text>,
    /// `resolution` of `rudderstack`
    pub resolution: Option<Text>,
    /// `learn` of `ledger`
    pub learn: Option<Text>,
    /// `learn_when` of `ledger`
    pub learn_when: Option<Spanned<When>>,
}

/// A purpose's words in a signal.
#[derive(Clone, Debug)]
pub enum Categories {
    /// `none`
    None(Span),
    /// One name, or `{all: […]}`.
    All(Vec<Text>),
    /// `{any: […]}`
    Any(Vec<Text>),
}

/// A `when`.
#[derive(Clone, Debug)]
pub enum When {
    /// `all`
    All(Vec<Spanned<When>>),
    /// `any`
    Any(Vec<Spanned<When>>),
    /// `not`
    Not(Box<Spanned<When>>),
    /// A test.
    Test {
        /// `path`
        path: Spanned<Path>,
        /// `each`
        each: Option<Text>,
        /// The operator and its operand.
        test: Spanned<Test>,
    },
}

/// The operator of a test.
#[derive(Clone, Debug)]
pub enum Test {
    /// `equals`
    Equals(Scalar),
    /// `in`
    In(Vec<Scalar>),
    /// `exists`
    Exists(bool),
    /// `starts_with`
    StartsWith(String),
    /// `matches`
    Matches(Text),
    /// `gt`
    Gt(f64),
    /// `lt`
    Lt(f64),
}

/// A YAML scalar under the core schema.
#[derive(Clone, Debug, PartialEq)]
pub enum Scalar {
    /// A string.
    Text(String),
    /// A number.
    Number(f64),
    /// A boolean.
    Bool(bool),
}

/// An entry of `profiles`.
#[derive(Clone, Debug)]
pub struct Profile {
    /// `fields`
    pub fields: Named<Spanned<Transform>>,
}

/// An entry of `sinks` or `templates`; a template has no `vendor`, `topic`, `streams` and `purposes`.
#[derive(Clone, Debug)]
pub struct Sink {
    /// `use`
    pub template: Option<Text>,
    /// `streams`
    pub streams: Option<Spanned<Vec<Text>>>,
    /// `topic`
    pub topic: Option<Text>,
    /// `vendor`
    pub vendor: Option<Text>,
    /// `location`
    pub location: Option<Text>,
    /// `transfers`
    pub transfers: Vec<Spanned<Transfer>>,
    /// `purposes`
    pub purposes: Option<Spanned<SinkPurposes>>,
    /// `tcf`
    pub tcf: Option<Spanned<Vec<Spanned<u8>>>>,
    /// `when`
    pub when: Option<Spanned<When>>,
    /// `unlisted`
    pub unlisted: Option<Text>,
    /// `fields`: a class (a dotted name) or a path (begins with `$`) → transform.
    pub fields: Named<Spanned<Transform>>,
    /// `consent_signal`
    pub consent_signal: Option<Text>,
    /// `record_key`
    pub record_key: Option<Spanned<Transform>>,
    /// `headers: {keep: […]}`
    pub headers_keep: Option<Vec<Text>>,
    /// `empty_parents`
    pub empty_parents: Option<Text>,
    /// `tombstones`
    pub tombstones: Option<Text>,
    /// `denied`
    pub denied: Option<Spanned<Denied>>,
}

/// `purposes` of a sink.
#[derive(Clone, Debug)]
pub enum SinkPurposes {
    /// A list.
    All(Vec<Text>),
    /// `{any: […]}`
    Any(Vec<Text>),
}

/// `denied` of a sink.
#[derive(Clone, Debug)]
pub enum Denied {
    /// `drop`
    Drop,
    /// `{degrade, purposes, on}`
    Degrade {
        /// `degrade`: a profile.
        profile: Text,
        /// `purposes`
        purposes: Vec<Text>,
        /// `on`: reasons.
        on: Vec<Text>,
    },
}

/// A transform as written.
#[derive(Clone, Debug)]
pub enum Transform {
    /// `keep`
    Keep,
    /// `drop`
    Drop,
    /// `null`
    Null,
    /// `redact: {with}`
    Redact {
        /// `with`
        with: Text,
    },
    /// `mask: {keep_last}`
    Mask {
        /// `keep_last`
        keep_last: Spanned<u16>,
    },
    /// `pseudonym: {key, normalize, per}`
    Pseudonym {
        /// `key`
        key: Text,
        /// `normalize`
        normalize: Option<Text>,
        /// `per`
        per: Option<Text>,
    },
    /// `truncate_ip: {v4, v6}`
    TruncateIp {
        /// `v4`
        v4: Spanned<u8>,
        /// `v6`
        v6: Spanned<u8>,
    },
    /// `url`
    Url {
        /// `drop_params`
        drop_params: Option<Vec<Text>>,
        /// `keep_params`
        keep_params: Option<Vec<Text>>,
        /// `fragment`: keep or drop.
        fragment: Option<Text>,
        /// `part`
        part: Option<Text>,
        /// `schemes`: besides http and https.
        schemes: Vec<Text>,
    },
    /// `email_domain`
    EmailDomain,
    /// `coarsen_geo: {decimals}`
    CoarsenGeo {
        /// `decimals`
        decimals: Spanned<u8>,
    },
    /// `coarsen_time: {to}`
    CoarsenTime {
        /// `to`
        to: Text,
    },
    /// `json: {fields}`
    Json {
        /// `fields`: the rules inside.
        fields: Named<Spanned<Transform>>,
    },
    /// `token: {key}`
    Token {
        /// `key`
        key: Text,
    },
    /// `encrypt: {key}`
    Encrypt {
        /// `key`
        key: Text,
    },
    /// `disclose_sha256: {normalize, because}`
    DiscloseSha256 {
        /// `normalize`
        normalize: Text,
        /// `because`
        because: Text,
    },
    /// `prefix: {keep}`
    Prefix {
        /// `keep`
        keep: Spanned<u16>,
    },
    /// `bucket: {edges}`
    Bucket {
        /// `edges`
        edges: Vec<Spanned<f64>>,
    },
    /// `user_agent`
    UserAgent,
    /// `detect: {find, with, key}`
    Detect {
        /// `find`
        find: Vec<Finding>,
        /// `with`
        with: Option<Text>,
        /// `key`
        key: Option<Text>,
    },
    /// `filter: {when}`
    Filter {
        /// `when`: about one element.
        when: Spanned<When>,
    },
}

/// An entry of `find`.
#[derive(Clone, Debug)]
pub enum Finding {
    /// A word of the closed list.
    Label(Text),
    /// `{pattern: name}`
    Pattern(Text),
}
