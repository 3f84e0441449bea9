//! The policy language, version 1, as one table: every key, word and range, each with the line that editors show.

use super::grammar::{
    Case, Choice, Form, Object, Options, Shape, Tagged, Variant, Word, at_most_one, later, may, need, not_here, one_of, word,
};

const TEXT: &Shape = &Shape::Text(Form::Free);
const NAME: &Shape = &Shape::Text(Form::Name);
const PATH: &Shape = &Shape::Text(Form::Path);
const DATE: &Shape = &Shape::Text(Form::Date);
const TEXTS: &Shape = &Shape::List { of: TEXT, least: 0 };
const NAMES: &Shape = &Shape::List { of: NAME, least: 0 };
const SOME_NAMES: &Shape = &Shape::List { of: NAME, least: 1 };
const BOOL: &Shape = &Shape::Bool;
/// TCF numbers its purposes from 1; a TC string has room for 24.
const TCF_PURPOSES: &Shape = &Shape::List { of: &Shape::Int { min: 1, max: 24 }, least: 0 };
const NONE: Shape = Shape::Word(&[word("none", "says nothing about it")]);

/// The whole file.
pub(super) static POLICY: Object = Object {
    name: "policy",
    keys: &[
        need("privet", &Shape::Version, "Version of the language."),
        may("controller", &Shape::Map(&CONTROLLER), "Who decides; where first-party sinks are unless they say `location`."),
        need("purposes", &Shape::Named { key: Form::Name, of: &Shape::Map(&PURPOSE), least: 1 }, "What data is used for."),
        may(
            "regions",
            &Shape::Named { key: Form::Name, of: SOME_NAMES, least: 0 },
            "Names for lists of countries and subdivisions.",
        ),
        need(
            "regimes",
            &Shape::List { of: &Shape::Map(&REGIME), least: 1 },
            "What silence means where; the first match wins, the last is \"*\".",
        ),
        may("vendors", &Shape::Named { key: Form::Name, of: &Shape::Map(&VENDOR), least: 0 }, "Third parties that receive data."),
        may(
            "keys",
            &Shape::Named { key: Form::Name, of: &Shape::Map(&KEY), least: 0 },
            "Names of keys; their material lives elsewhere.",
        ),
        need(
            "streams",
            &Shape::Named { key: Form::Name, of: &Shape::Map(&STREAM), least: 1 },
            "Kinds of event, and how to read them.",
        ),
        may("templates", &Shape::Named { key: Form::Name, of: &Shape::Map(&TEMPLATE), least: 0 }, "Shared parts of sinks."),
        may(
            "profiles",
            &Shape::Named { key: Form::Name, of: &Shape::Map(&PROFILE), least: 0 },
            "Complete field rules for `degrade`; what they do not name is dropped.",
        ),
        need(
            "sinks",
            &Shape::Named { key: Form::Name, of: &Shape::Map(&SINK), least: 1 },
            "Destination topics and what each may have.",
        ),
        may(
            "patterns",
            &Shape::Named { key: Form::Name, of: TEXT, least: 0 },
            "Regular expressions that `detect` may look for, by name.",
        ),
    ],
    groups: &[],
};

static CONTROLLER: Object = Object {
    name: "controller",
    keys: &[need("name", TEXT, "For people."), need("country", TEXT, "ISO 3166-1 alpha-2.")],
    groups: &[],
};

/// Why processing is lawful.
pub(super) static LEGAL_BASES: &[Word] = &[
    word("consent", "GDPR Article 6(1)(a)"),
    word("contract", "GDPR Article 6(1)(b); says why in `because`"),
    word("legal_obligation", "GDPR Article 6(1)(c); says why in `because`"),
    word("vital_interests", "GDPR Article 6(1)(d); says why in `because`"),
    word("public_task", "GDPR Article 6(1)(e); says why in `because`"),
    word("legitimate_interests", "GDPR Article 6(1)(f)"),
];

static PURPOSE: Object = Object {
    name: "purpose",
    keys: &[
        may("label", TEXT, "For people: in receipts and the console."),
        need("legal_basis", &Shape::Word(LEGAL_BASES), "Why it is lawful."),
        may("because", TEXT, "The ground, for every basis but consent and legitimate interests."),
        may(
            "tcf",
            &Shape::Either(&[NONE, Shape::List { of: &Shape::Int { min: 1, max: 24 }, least: 1 }]),
            "TCF purposes that must all be permitted, or `none`.",
        ),
        may("tcf_li", TCF_PURPOSES, "TCF purposes that legitimate interest may permit as well."),
        may(
            "tcf_special_features",
            &Shape::List { of: &Shape::Int { min: 1, max: 12 }, least: 0 },
            "TCF special features that must be opted in.",
        ),
        may(
            "opt_outs",
            &Shape::Either(&[NONE, Shape::List { of: &Shape::Word(OPT_OUTS), least: 1 }]),
            "US opt-outs that forbid it, or `none`.",
        ),
        may(
            "consent_mode",
            &Shape::Either(&[NONE, Shape::List { of: &Shape::Word(CONSENT_MODE), least: 1 }]),
            "Google Consent Mode types that must be granted, or `none`.",
        ),
        may("max_age", &Shape::Text(Form::Duration), "A grant older than this is no grant (ISO 8601)."),
        may(
            "silence",
            &Shape::Word(&[word("deny", "silence is no, whatever the regime says")]),
            "Beats the regime; never to allow.",
        ),
        may("special_categories", NAMES, "Special categories it may use; with any, only an explicit grant counts."),
    ],
    groups: &[],
};

static OPT_OUTS: &[Word] = &[
    word("sale", "sale of personal data"),
    word("sharing", "sharing for cross-context advertising"),
    word("targeted_advertising", "targeted advertising"),
    word("profiling", "profiling"),
    word("sensitive_data", "processing of sensitive data"),
    word("known_child", "data of a known child"),
];

static CONSENT_MODE: &[Word] = &[
    word("ad_storage", ""),
    word("ad_user_data", ""),
    word("ad_personalization", ""),
    word("analytics_storage", ""),
    word("functionality_storage", ""),
    word("personalization_storage", ""),
    word("security_storage", ""),
];

static REGIME: Object = Object {
    name: "regime",
    keys: &[
        need("in", SOME_NAMES, "Countries, subdivisions, EEA, EU, names of `regions`; \"*\" is everywhere."),
        need(
            "silence",
            &Shape::Word(&[word("deny", "opt-in: silence is no"), word("allow", "opt-out: silence is yes")]),
            "What silence means.",
        ),
        may("gpc", BOOL, "Whether Global Privacy Control is honoured; default true."),
    ],
    groups: &[],
};

static VENDOR: Object = Object {
    name: "vendor",
    keys: &[
        may("name", TEXT, "For people."),
        need(
            "role",
            &Shape::Word(&[
                word("controller", "decides about purposes itself"),
                word("joint_controller", "decides together with the controller"),
                word("processor", "acts on instruction"),
            ]),
            "What it is under the GDPR.",
        ),
        may("country", TEXT, "Where it processes: ISO 3166-1 alpha-2."),
        may("countries", SOME_NAMES, "Where it processes, if in several countries."),
        may("disclosed_since", DATE, "When people were first told about it; older grants do not cover it."),
        may("tcf", &Shape::Either(&[NONE, Shape::Map(&VENDOR_TCF)]), "Its registration on the Global Vendor List, or `none`."),
        may(
            "transfers",
            &Shape::List { of: &Shape::Map(&TRANSFER), least: 0 },
            "Whose data it may receive, on what ground; any unexpired one will do.",
        ),
        may("reviewed", DATE, "When its assessment was last looked at."),
    ],
    groups: &[one_of(&["country", "countries"])],
};

static VENDOR_TCF: Object = Object {
    name: "vendor registration",
    keys: &[
        need("id", &Shape::Int { min: 1, max: 65_535 }, "Its number on the Global Vendor List."),
        may("purposes", TCF_PURPOSES, "Purposes it declares on consent."),
        may("legitimate_interests", TCF_PURPOSES, "Purposes it declares on legitimate interest."),
        may("flexible", TCF_PURPOSES, "Purposes whose basis a publisher may move."),
    ],
    groups: &[],
};

static TRANSFER: Object = Object {
    name: "transfer",
    keys: &[
        need("from", SOME_NAMES, "Whose data: countries, groups, regions; \"*\" is everywhere."),
        need(
            "ground",
            &Shape::Word(&[
                word("adequacy", "adequacy decision, GDPR Article 45"),
                word("dpf", "EU-US Data Privacy Framework"),
                word("scc", "standard contractual clauses, Article 46(2)(c)"),
                word("bcr", "binding corporate rules, Article 47"),
                word("derogation", "derogation, Article 49"),
                word("domestic", "no border is crossed"),
            ]),
            "On what ground.",
        ),
        may("until", DATE, "The last UTC day on which it holds."),
    ],
    groups: &[],
};

static KEY: Object = Object {
    name: "key",
    keys: &[
        may("shared", BOOL, "The same pseudonyms in every sink that uses it; default false."),
        may(
            "overlap",
            &Shape::Map(&OVERLAP),
            "After a rotation, for a time, the pseudonym under the root before stands beside the new one.",
        ),
    ],
    groups: &[],
};

static OVERLAP: Object = Object {
    name: "overlap",
    keys: &[
        need("for", &Shape::Text(Form::Duration), "How long after the rotation, by the clock (ISO 8601)."),
        need(
            "suffix",
            &Shape::Text(Form::Free),
            "What the name of the member with the old pseudonym ends in; letters, digits, `_` and `-`.",
        ),
    ],
    groups: &[],
};

static STREAM: Object = Object {
    name: "stream",
    keys: &[
        need(
            "topics",
            &Shape::Either(&[Shape::List { of: TEXT, least: 1 }, Shape::Map(&TOPIC_MATCH)]),
            "Source topics, or a pattern that the whole name matches.",
        ),
        may(
            "format",
            &Shape::Word(&[
                word("json", "one JSON document a record"),
                later("cloudevents"),
                later("snowplow_tsv"),
                later("avro"),
                later("protobuf"),
            ]),
            "How records are written; default `json`.",
        ),
        may(
            "shape",
            &Shape::Word(&[
                word("segment@1", "Segment's events"),
                word("rudderstack@1", "RudderStack's events"),
                word("mparticle@1", "mParticle's batches"),
            ]),
            "A preset of `subject`, `time` and `classes` for a known event shape; own lines stand before it.",
        ),
        may(
            "subject",
            &Shape::List { of: &Shape::Map(&SUBJECT), least: 0 },
            "Identities to look for; every one present is checked.",
        ),
        may("time", &Shape::Map(&TIME), "Where the event says when it happened."),
        may("jurisdiction", &Shape::Map(&JURISDICTION), "Where the event says where its subject is."),
        may("consent", &Shape::List { of: &Shape::Tagged(&SIGNAL), least: 0 }, "The sources of consent."),
        may(
            "conflicts",
            &Shape::Word(&[
                word("denial_wins", "any denial wins over any grant"),
                word("latest_wins", "a statement with a time of its own may beat an older one"),
            ]),
            "How statements that disagree are settled; default `denial_wins`.",
        ),
        may(
            "match",
            &Shape::Word(&[word("folded", "whatever the case and look"), word("exact", "as written")]),
            "How member names are compared; default `folded`.",
        ),
        may(
            "duplicates",
            &Shape::Word(&[
                word("quarantine", "the record is malformed"),
                word("keep", "malformed only where a path of the policy is concerned"),
            ]),
            "Equal member names in one object; default `quarantine`.",
        ),
        may("when", &Shape::Chosen(&WHEN), "Leaves out events that no sink should see."),
        may(
            "classes",
            &Shape::Named { key: Form::Class, of: &Shape::List { of: PATH, least: 0 }, least: 0 },
            "Data categories, each with its paths.",
        ),
    ],
    groups: &[],
};

static TOPIC_MATCH: Object =
    Object { name: "topic pattern", keys: &[need("match", TEXT, "A regular expression for the whole name.")], groups: &[] };

/// How an identity is made comparable.
static NORMALIZE: &Shape = &Shape::Word(&[
    word("none", "as it is"),
    word("email", "trimmed and lower-cased; dots and plus-tags stay"),
    word("lower", "lower-cased"),
    later("phone_e164"),
]);

/// How a value is made comparable.
static VALUE_NORMALIZE: &Shape = &Shape::Word(&[
    word("none", "as it is"),
    word("email", "trimmed and lower-cased; dots and plus-tags stay"),
    word("lower", "lower-cased"),
    word("phone_e164", "a telephone number in E.164, read as people write it where the subject is"),
]);

static SUBJECT: Object = Object {
    name: "identity",
    keys: &[
        need(
            "kind",
            &Shape::Either(&[Shape::Text(Form::Name), Shape::List { of: NAME, least: 1 }]),
            "The kind of identity, or several that it is looked up as.",
        ),
        may("path", PATH, "Where it stands in the value."),
        may("header", TEXT, "The record header that holds it."),
        may("key", &Shape::True, "The record key holds it."),
        may(
            "names",
            &Shape::Word(&[word("person", "a person"), word("device", "a device that several persons may share")]),
            "Whom it names; default `person`.",
        ),
        may("normalize", NORMALIZE, "How it is made comparable; default `none`."),
    ],
    groups: &[one_of(&["path", "header", "key"])],
};

static TIME: Object = Object {
    name: "time",
    keys: &[
        may("path", PATH, "Where it stands in the value."),
        may("header", TEXT, "The record header that holds it."),
        may(
            "unit",
            &Shape::Word(&[
                word("rfc3339", "RFC 3339 text"),
                word("ms", "milliseconds since the epoch"),
                word("s", "seconds since the epoch"),
                word("snowplow", "2026-11-20 10:02:11.905, UTC"),
            ]),
            "How it is written; default `rfc3339`.",
        ),
    ],
    groups: &[one_of(&["path", "header"])],
};

static PLACE: &Shape = &Shape::Either(&[Shape::Text(Form::Path), Shape::Map(&HEADER)]);
static HEADER: Object = Object { name: "header", keys: &[need("header", TEXT, "The record header that holds it.")], groups: &[] };

static JURISDICTION: Object = Object {
    name: "jurisdiction",
    keys: &[
        may("country", PLACE, "Path to an ISO 3166-1 alpha-2 code."),
        may("region", PLACE, "Path to an ISO 3166-2 code."),
        may("otherwise", TEXT, "What holds where the event says nothing: a country or a group such as EEA."),
    ],
    groups: &[],
};

/// A source of consent.
static SIGNAL: Tagged = Tagged {
    name: "signal",
    key: "signal",
    about: "The kind of signal.",
    branches: &[
        ("gpc", Some(&GPC)),
        ("segment", Some(&SEGMENT)),
        ("boolean", Some(&BOOLEAN)),
        ("tcf", Some(&TCF)),
        ("gpp", Some(&GPP)),
        ("usp", Some(&USP)),
        ("consent_mode", Some(&CONSENT_MODE_SIGNAL)),
        ("rudderstack", Some(&RUDDERSTACK)),
        ("onetrust", Some(&ONETRUST)),
        ("mparticle", Some(&MPARTICLE)),
        ("snowplow", Some(&SNOWPLOW)),
        ("tealium", Some(&TEALIUM)),
        ("ledger", Some(&LEDGER)),
    ],
};

/// The purposes of the ledger are those of the policy, by name.
static LEDGER: Object = Object {
    name: "signal `ledger`",
    keys: &[
        may(
            "learn",
            &Shape::Word(&[word("denials", "what is denied and withdrawn"), word("all", "grants too, where nothing was denied")]),
            "What events of this stream say through its other signals goes into the ledger: `denials` (default where `learn_when` is said) or `all`.",
        ),
        may("learn_when", &Shape::Chosen(&WHEN), "Which events it learns from; default: every event that says something."),
    ],
    groups: &[],
};

static CATEGORIES: &Shape =
    &Shape::Named { key: Form::Name, of: &Shape::Either(&[Shape::Text(Form::Free), Shape::Map(&CATEGORY_SET)]), least: 1 };
static CATEGORY_SET: Object = Object {
    name: "categories",
    keys: &[
        may("all", &Shape::List { of: TEXT, least: 1 }, "All of these must be true."),
        may("any", &Shape::List { of: TEXT, least: 1 }, "One of these must be true."),
    ],
    groups: &[one_of(&["all", "any"])],
};

static GPC: Object = Object {
    name: "signal `gpc`",
    keys: &[may("path", PATH, "Where it stands in the value."), may("header", TEXT, "The record header that holds it.")],
    groups: &[one_of(&["path", "header"])],
};

static SEGMENT: Object = Object {
    name: "signal `segment`",
    keys: &[
        may("path", PATH, "Where `categoryPreferences` stands in the value."),
        may("header", TEXT, "The record header that holds it."),
        may("purposes", CATEGORIES, "Purpose to its category, to {all: […]} or {any: […]}, or to `none`."),
    ],
    groups: &[one_of(&["path", "header"])],
};

static BOOLEAN: Object = Object {
    name: "signal `boolean`",
    keys: &[
        may("path", PATH, "Where it stands in the value."),
        may("header", TEXT, "The record header that holds it."),
        may("purposes", CATEGORIES, "Purpose to its entry, to {all: […]} or {any: […]}, or to `none`."),
        may(
            "true_means",
            &Shape::Word(&[word("granted", "`true` is a grant"), word("opted_out", "`true` is an opt-out")]),
            "What `true` means; there is no default.",
        ),
        may("lenient", BOOL, "Also reads the texts \"true\", \"1\", \"false\", \"0\"; default false."),
    ],
    groups: &[one_of(&["path", "header"])],
};

static TCF: Object = Object {
    name: "signal `tcf`",
    keys: &[
        may("path", PATH, "Where the TC string stands in the value."),
        may("header", TEXT, "The record header that holds it."),
        may("gdpr_applies", PLACE, "Where the flag stands that says whether the string matters; 0 is silence."),
        may("publisher", BOOL, "Whether first-party sinks read the publisher segment; default false: they hear nothing."),
    ],
    groups: &[one_of(&["path", "header"])],
};

static GPP: Object = Object {
    name: "signal `gpp`",
    keys: &[
        may("path", PATH, "Where the GPP string stands in the value."),
        may("header", TEXT, "The record header that holds it."),
        may("sid", PLACE, "Where the ids of the sections in force stand; without them every section counts."),
    ],
    groups: &[one_of(&["path", "header"])],
};

static USP: Object = Object {
    name: "signal `usp`",
    keys: &[
        may("path", PATH, "Where the US Privacy string stands in the value."),
        may("header", TEXT, "The record header that holds it."),
    ],
    groups: &[one_of(&["path", "header"])],
};

static CONSENT_MODE_SIGNAL: Object = Object {
    name: "signal `consent_mode`",
    keys: &[
        may("path", PATH, "Where `gcs`, or the object with `ad_storage` and the like, stands in the value."),
        may("header", TEXT, "The record header that holds it."),
        may(
            "gcd",
            &Shape::Word(&[word("advisory", "the letters of `gcd`, which nobody published, may deny")]),
            "Also reads `gcd` there; default: it does not.",
        ),
    ],
    groups: &[one_of(&["path", "header"])],
};

static RUDDERSTACK: Object = Object {
    name: "signal `rudderstack`",
    keys: &[
        may("path", PATH, "Where `consentManagement` stands in the value."),
        may("header", TEXT, "The record header that holds it."),
        may("purposes", CATEGORIES, "Purpose to its consent id, to {all: […]} or {any: […]}, or to `none`."),
        may("provider", TEXT, "The consent platform whose ids these are, such as oneTrust, ketch or iubenda."),
        may(
            "resolution",
            &Shape::Word(&[word("all", "every id of a purpose must be allowed"), word("any", "one of them must be")]),
            "How several ids of one purpose count; default: as `purposes` says.",
        ),
    ],
    groups: &[one_of(&["path", "header"])],
};

static ONETRUST: Object = Object {
    name: "signal `onetrust`",
    keys: &[
        may("path", PATH, "Where the text of the cookies, or an object with `groups`, stands in the value."),
        may("header", TEXT, "The record header that holds it."),
        may("purposes", CATEGORIES, "Purpose to its category, to {all: […]} or {any: […]}, or to `none`."),
    ],
    groups: &[one_of(&["path", "header"])],
};

static MPARTICLE: Object = Object {
    name: "signal `mparticle`",
    keys: &[
        may("path", PATH, "Where `consent_state` stands in the value."),
        may("header", TEXT, "The record header that holds it."),
        may("purposes", CATEGORIES, "Purpose to its name under `gdpr`, to {all: […]} or {any: […]}, or to `none`."),
    ],
    groups: &[one_of(&["path", "header"])],
};

static SNOWPLOW: Object = Object {
    name: "signal `snowplow`",
    keys: &[
        may("path", PATH, "Where the contexts or the self-describing event stand in the value; `$` is the whole event."),
        may("header", TEXT, "The record header that holds it."),
        may("purposes", CATEGORIES, "Purpose to its consent scope or document id, to {all: […]} or {any: […]}, or to `none`."),
    ],
    groups: &[one_of(&["path", "header"])],
};

static TEALIUM: Object = Object {
    name: "signal `tealium`",
    keys: &[
        may("path", PATH, "Where `consent_categories`, or the object that holds it, stands; `$` is the whole event."),
        may("header", TEXT, "The record header that holds it."),
        may("purposes", CATEGORIES, "Purpose to its category, to {all: […]} or {any: […]}, or to `none`."),
    ],
    groups: &[one_of(&["path", "header"])],
};

/// A condition on an event.
static WHEN: Choice = Choice { name: "a condition", branches: &[("all", &ALL), ("any", &ANY), ("not", &NOT), ("path", &TEST)] };
static ALL: Object = Object {
    name: "condition `all`",
    keys: &[need("all", &Shape::List { of: &Shape::Chosen(&WHEN), least: 1 }, "All must hold.")],
    groups: &[],
};
static ANY: Object = Object {
    name: "condition `any`",
    keys: &[need("any", &Shape::List { of: &Shape::Chosen(&WHEN), least: 1 }, "One must hold.")],
    groups: &[],
};
static NOT: Object =
    Object { name: "condition `not`", keys: &[need("not", &Shape::Chosen(&WHEN), "It must not hold.")], groups: &[] };
static TEST: Object = Object {
    name: "test",
    keys: &[
        need("path", PATH, "What is tested."),
        may(
            "each",
            &Shape::Word(&[word("all", "every value passes"), word("any", "one value passes")]),
            "How several values count, for a path with a wildcard.",
        ),
        may("equals", &Shape::Scalar, "The value equals this."),
        may("in", &Shape::List { of: &Shape::Scalar, least: 1 }, "The value equals one of these."),
        may("exists", BOOL, "A value is there, or is not."),
        may("starts_with", TEXT, "The string begins with this."),
        may("matches", TEXT, "The string matches this regular expression."),
        may("gt", &Shape::Number, "The number is greater."),
        may("lt", &Shape::Number, "The number is less."),
    ],
    groups: &[one_of(&["equals", "in", "exists", "starts_with", "matches", "gt", "lt"])],
};

static FIELDS: &Shape = &Shape::Named { key: Form::ClassOrPath, of: &Shape::Variant(&TRANSFORM), least: 0 };

static PROFILE: Object = Object { name: "profile", keys: &[need("fields", FIELDS, "Rules by class or by path.")], groups: &[] };

static UNLISTED: &Shape = &Shape::Word(&[word("drop", "an allow-list"), word("keep", "a deny-list")]);
static DROP_OR_KEEP: &Shape = &Shape::Word(&[word("drop", "it goes"), word("keep", "it stays")]);
static TOMBSTONES: &Shape = &Shape::Word(&[word("drop", "it ends here"), word("pass", "its transformed key goes on")]);
static DENIED: &Shape = &Shape::Either(&[Shape::Word(&[word("drop", "the event does not go there")]), Shape::Map(&DEGRADE)]);
const NOT_IN_TEMPLATE: &str = "a template may not set it; set it in each sink";

static SINK: Object = Object {
    name: "sink",
    keys: &[
        may("use", NAME, "The template it begins from."),
        need("topic", TEXT, "The topic it writes."),
        may("vendor", NAME, "The third party behind it; absent: first party."),
        may("streams", SOME_NAMES, "The streams it takes; must be named where there is a vendor."),
        need(
            "purposes",
            &Shape::Either(&[Shape::List { of: NAME, least: 1 }, Shape::Map(&ANY_PURPOSE)]),
            "What it serves: all are needed, or one of {any: […]}.",
        ),
        may("location", TEXT, "Country of a first-party sink elsewhere than the controller."),
        may("transfers", &Shape::List { of: &Shape::Map(&TRANSFER), least: 0 }, "Transfer grounds of a first-party sink."),
        may("tcf", TCF_PURPOSES, "Overrides the purposes' own TCF list for this sink."),
        may("when", &Shape::Chosen(&WHEN), "Which events it takes."),
        may("unlisted", UNLISTED, "A field in no class and no rule; default `drop`."),
        may("fields", FIELDS, "Rules by class or by path."),
        may("consent_signal", DROP_OR_KEEP, "The consent fields themselves; default `drop`."),
        may("record_key", &Shape::Variant(&TRANSFORM), "The record key: `drop` (default), `keep` or a scalar transform."),
        may("headers", &Shape::Map(&HEADERS), "Record headers that pass; default none."),
        may("empty_parents", DROP_OR_KEEP, "Parents that a removal emptied; default `drop` with `unlisted: drop`, else `keep`."),
        may("tombstones", TOMBSTONES, "Records without a value; default `drop`."),
        may("denied", DENIED, "What happens when its purposes do not pass; default `drop`."),
    ],
    groups: &[],
};

static TEMPLATE: Object = Object {
    name: "template",
    keys: &[
        not_here("use", "templates do not build on templates"),
        not_here("topic", NOT_IN_TEMPLATE),
        not_here("vendor", NOT_IN_TEMPLATE),
        not_here("streams", NOT_IN_TEMPLATE),
        not_here("purposes", NOT_IN_TEMPLATE),
        may("location", TEXT, "Country of a first-party sink elsewhere than the controller."),
        may("transfers", &Shape::List { of: &Shape::Map(&TRANSFER), least: 0 }, "Transfer grounds of a first-party sink."),
        may("tcf", TCF_PURPOSES, "Overrides the purposes' own TCF list."),
        may("when", &Shape::Chosen(&WHEN), "Which events it takes."),
        may("unlisted", UNLISTED, "A field in no class and no rule; default `drop`."),
        may("fields", FIELDS, "Rules by class or by path."),
        may("consent_signal", DROP_OR_KEEP, "The consent fields themselves; default `drop`."),
        may("record_key", &Shape::Variant(&TRANSFORM), "The record key: `drop` (default), `keep` or a scalar transform."),
        may("headers", &Shape::Map(&HEADERS), "Record headers that pass; default none."),
        may("empty_parents", DROP_OR_KEEP, "Parents that a removal emptied; default `drop` with `unlisted: drop`, else `keep`."),
        may("tombstones", TOMBSTONES, "Records without a value; default `drop`."),
        may("denied", DENIED, "What happens when its purposes do not pass; default `drop`."),
    ],
    groups: &[],
};

static ANY_PURPOSE: Object =
    Object { name: "purposes", keys: &[need("any", SOME_NAMES, "One of these is needed.")], groups: &[] };
static HEADERS: Object = Object { name: "headers", keys: &[need("keep", TEXTS, "Names of headers that pass.")], groups: &[] };
static DEGRADE: Object = Object {
    name: "degrade",
    keys: &[
        need("degrade", NAME, "The profile that rules instead."),
        need("purposes", SOME_NAMES, "The purposes that must pass then."),
        need("on", SOME_NAMES, "The reasons for which it happens."),
    ],
    groups: &[],
};

/// What is done to one field.
pub(super) static TRANSFORM: Variant = Variant {
    name: "a transform",
    cases: &[
        alone("keep", "It stays as it is."),
        alone("drop", "The member or element goes."),
        alone("null", "Null in its place."),
        with("redact", &REDACT, "A constant in place of any value."),
        with("mask", &MASK, "`*` for every letter and digit but the last n, and never fewer than half of them."),
        with("pseudonym", &PSEUDONYM, "A keyed HMAC-SHA-256."),
        with("truncate_ip", &TRUNCATE_IP, "The network prefix of an IP address."),
        with("url", &URL, "A URL without some of its parameters."),
        alone("email_domain", "The part after the `@`."),
        with("coarsen_geo", &COARSEN_GEO, "A coordinate with fewer decimals."),
        with("coarsen_time", &COARSEN_TIME, "The start of the hour, day, week or month."),
        with("json", &JSON, "The string is JSON text of an object, with rules inside it; anything else is dropped."),
        with("token", &TOKEN, "Encrypted so that `privet reveal` can read it back."),
        with(
            "encrypt",
            &ENCRYPT,
            "Encrypted under the subject's own key, which an erasure destroys; `privet reveal` reads it back until then.",
        ),
        with("disclose_sha256", &DISCLOSE, "The bare SHA-256 of contact data, readable to whoever has a list of addresses."),
        with("prefix", &PREFIX, "The first characters."),
        with("bucket", &BUCKET, "The interval in which a number lies."),
        alone("user_agent", "A browser's family and major version."),
        with("detect", &DETECT, "Personal data inside free text; each find is replaced."),
        with(
            "filter",
            &FILTER,
            "Of an array, the elements that match stay as they are, and the others go; anything else is dropped.",
        ),
    ],
};

const fn alone(word: &'static str, about: &'static str) -> Case {
    Case { word, about, options: Options::None }
}

const fn with(word: &'static str, options: &'static Object, about: &'static str) -> Case {
    Case { word, about, options: Options::Some(options) }
}

static FILTER: Object = Object {
    name: "options of `filter`",
    keys: &[need("when", &Shape::Chosen(&WHEN), "Which elements stay; `$` is the element.")],
    groups: &[],
};
static REDACT: Object =
    Object { name: "options of `redact`", keys: &[need("with", &Shape::Text(Form::Any), "The constant.")], groups: &[] };
static MASK: Object = Object {
    name: "options of `mask`",
    keys: &[need("keep_last", &Shape::Int { min: 0, max: 65_535 }, "How many letters and digits stay at the end.")],
    groups: &[],
};
static PSEUDONYM: Object = Object {
    name: "options of `pseudonym`",
    keys: &[
        need("key", NAME, "A name of `keys`."),
        may("normalize", VALUE_NORMALIZE, "How the value is made comparable first; default `none`."),
        may(
            "per",
            &Shape::Word(&[word("day", "by the day"), word("week", "by the week, from Monday"), word("month", "by the month")]),
            "How long a pseudonym holds, by the event's time in UTC; without it for ever.",
        ),
    ],
    groups: &[],
};
static TRUNCATE_IP: Object = Object {
    name: "options of `truncate_ip`",
    keys: &[
        need("v4", &Shape::Int { min: 0, max: 32 }, "Bits kept of an IPv4 address."),
        need("v6", &Shape::Int { min: 0, max: 128 }, "Bits kept of an IPv6 address."),
    ],
    groups: &[],
};
static URL: Object = Object {
    name: "options of `url`",
    keys: &[
        may("drop_params", TEXTS, "Query parameters that go."),
        may("keep_params", TEXTS, "Query parameters that stay; all others go."),
        may("fragment", DROP_OR_KEEP, "The fragment; default `drop`."),
        may(
            "part",
            &Shape::Word(&[
                word("auto", "a URL; a bare query begins with `?`, a bare fragment with `#`"),
                word("query", "a bare query"),
                word("fragment", "a bare fragment"),
            ]),
            "What the value is a copy of; default `auto`.",
        ),
        may("schemes", TEXTS, "Schemes besides http and https that do not drop the value."),
    ],
    groups: &[at_most_one(&["drop_params", "keep_params"])],
};
static JSON: Object = Object {
    name: "options of `json`",
    keys: &[need("fields", FIELDS, "Rules inside the text, by class or by path; `$` is the text's own root.")],
    groups: &[],
};
static COARSEN_GEO: Object = Object {
    name: "options of `coarsen_geo`",
    keys: &[need("decimals", &Shape::Int { min: 0, max: 15 }, "Decimals that stay; one is about 11 km, two about 1 km.")],
    groups: &[],
};
static COARSEN_TIME: Object = Object {
    name: "options of `coarsen_time`",
    keys: &[need(
        "to",
        &Shape::Word(&[
            word("hour", "the start of the hour"),
            word("day", "the start of the day, UTC"),
            word("week", "the Monday"),
            word("month", "the first of the month"),
        ]),
        "How coarse.",
    )],
    groups: &[],
};

/// What `detect` finds.
static FINDINGS: &[Word] = &[
    word("email", "e-mail addresses, also percent-encoded and international"),
    word("phone", "telephone numbers; without a calling code only where the words in front say so"),
    word("credit_card", "payment cards: issuer ranges and check digit"),
    word("iban", "bank accounts: length by country, check digits"),
    word("us_ssn", "United States social security numbers"),
    word("uk_nino", "United Kingdom national insurance numbers"),
    word("ip_address", "IPv4 and IPv6 addresses, not versions"),
    word("mac", "hardware addresses"),
    word("imei", "numbers of mobile devices"),
    word("bearer_token", "what follows `Bearer`, and JSON Web Tokens"),
    word("url_credentials", "user name and password in a URL"),
    word("national_id", "national identifiers with check digits"),
];
static FOUND_PATTERN: Object =
    Object { name: "pattern to find", keys: &[need("pattern", NAME, "A name of `patterns`.")], groups: &[] };
static DETECT: Object = Object {
    name: "options of `detect`",
    keys: &[
        need(
            "find",
            &Shape::List { of: &Shape::Either(&[Shape::Word(FINDINGS), Shape::Map(&FOUND_PATTERN)]), least: 1 },
            "What is looked for.",
        ),
        may(
            "with",
            &Shape::Word(&[
                word("redact", "the name of what was found, in brackets"),
                word("pseudonym", "a keyed HMAC-SHA-256 of it"),
                word("drop", "nothing: it is cut out of the text"),
            ]),
            "What takes the place of a find; default `redact`.",
        ),
        may("key", NAME, "A name of `keys`, for `with: pseudonym`."),
    ],
    groups: &[],
};

static ENCRYPT: Object = Object { name: "options of `encrypt`", keys: &[need("key", NAME, "A name of `keys`.")], groups: &[] };
static TOKEN: Object = Object { name: "options of `token`", keys: &[need("key", NAME, "A name of `keys`.")], groups: &[] };
static DISCLOSE: Object = Object {
    name: "options of `disclose_sha256`",
    keys: &[
        need(
            "normalize",
            &Shape::Word(&[
                word("email", "trimmed and lower-cased; dots and plus-tags stay"),
                word("phone_e164", "a telephone number in E.164, read as people write it where the subject is"),
            ]),
            "How the value is made comparable first.",
        ),
        need("because", TEXT, "Why it must be."),
    ],
    groups: &[],
};
static PREFIX: Object = Object {
    name: "options of `prefix`",
    keys: &[need("keep", &Shape::Int { min: 1, max: 65_535 }, "How many characters stay.")],
    groups: &[],
};
static BUCKET: Object = Object {
    name: "options of `bucket`",
    keys: &[need("edges", &Shape::List { of: &Shape::Number, least: 1 }, "Where intervals begin and end; they ascend.")],
    groups: &[],
};
