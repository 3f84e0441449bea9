//! Snowplow's consent events and contexts: `consent_preferences`, `consent_granted`, `consent_withdrawn`, `consent_document`.
//!
//! Looks at self-describing JSON (an object or array, or its text), at the members that the Analytics SDK makes of it
//! (`unstruct_event_com_snowplowanalytics_snowplow_consent_preferences_1`), or at the data of one such event; `$` is the whole
//! event. In `consent_preferences` the scopes are the names: `allow_all` grants, `allow_selected` grants what is listed and
//! denies what is not, `deny_all` and `withdrawn` deny; `pending` and `implicit_consent` are silence, and so is any grant on a
//! basis other than consent, or on none. `consent_granted` grants the documents beside it until its expiry, `consent_withdrawn`
//! withdraws them (or all). The `gdpr` context and all other schemas are silence. Data that cannot be read, and models of these
//! schemas that are not known, are broken.

use super::{Answer, Answers, Buffers, MAX_INPUT, Said, Spelling, Value, add, is_empty, mapped, spelling};
use crate::consent::time::rfc3339;
use crate::event::PurposeId;
use crate::event::Timestamp;
use crate::event::json::{Kind, Text};
use crate::plan::Categories;

const VENDOR: &[u8] = b"iglu:com.snowplowanalytics.snowplow/";
const SDK_PREFIXES: [&[u8]; 2] = [b"unstruct_event_com_snowplowanalytics_snowplow_", b"contexts_com_snowplowanalytics_snowplow_"];
/// The columns of an enriched event that hold self-describing JSON.
const COLUMNS: [&str; 3] = ["contexts", "unstruct_event", "derived_contexts"];
/// An event inside its envelope inside a list: more is no form that Snowplow writes.
const MAX_DEPTH: usize = 6;

/// The schemas that speak about consent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Schema {
    Preferences,
    Granted,
    Withdrawn,
    Document,
    /// One of these in a model that is not known.
    Unknown,
}

pub(super) fn read(purposes: &[(PurposeId, Categories)], value: Value<'_>, buffers: &mut Buffers, said: &mut Said<'_>) {
    let Buffers { names, text, more } = buffers;
    text.clear();
    text.push(b'[');
    let node = match value {
        Value::Silent => return,
        Value::Broken => None,
        Value::Raw(raw) => append(raw.as_bytes(), text).then_some(None),
        Value::Json(json) => match json.kind() {
            Kind::String => nested(json, more, text).then_some(None),
            Kind::Array => Some(Some(json)),
            Kind::Object => columns(json, names, more, text).then_some(Some(json)),
            Kind::Null | Kind::True | Kind::False | Kind::Number => None,
        },
    };
    text.push(b']');
    let Some(node) = node else { return add(&mut said.plain().invalid, mapped(purposes)) };
    let event = Found { nodes: [node, Some(Text::new(text))] };
    event.settle(purposes, names, more, said);
}

/// Appends JSON text and a comma, if it is JSON of a size that is read.
fn append(json: &[u8], out: &mut Vec<u8>) -> bool {
    let valid = json.len() <= MAX_INPUT && super::wellformed::is_json(json);
    if valid {
        out.extend_from_slice(json);
        out.push(b',');
    }
    valid
}

/// Appends the JSON that a string holds.
fn nested(string: Text<'_>, decoded: &mut Vec<u8>, out: &mut Vec<u8>) -> bool {
    decoded.clear();
    string.decode_into(decoded) && append(decoded, out)
}

/// Appends the columns of a whole event that hold their JSON as text.
fn columns(event: Text<'_>, names: &mut Vec<u8>, decoded: &mut Vec<u8>, out: &mut Vec<u8>) -> bool {
    let is_column = |member: &[u8], names: &mut Vec<u8>| {
        COLUMNS.iter().any(|column| matches!(spelling(member, column, names), Spelling::Exact))
    };
    event
        .members()
        .filter(|(_, value)| value.kind() == Kind::String && !is_empty(*value))
        .all(|(member, value)| !is_column(member.0, names) || nested(value, decoded, out))
}

/// The places in which consent may stand.
struct Found<'t> {
    nodes: [Option<Text<'t>>; 2],
}

impl<'t> Found<'t> {
    /// Shows every piece of consent to `see`.
    fn each(&self, names: &mut Vec<u8>, see: &mut dyn FnMut(Schema, Text<'t>, &mut Vec<u8>)) {
        self.nodes.iter().flatten().for_each(|node| walk(*node, 0, names, see));
    }

    fn settle(&self, purposes: &[(PurposeId, Categories)], names: &mut Vec<u8>, spare: &mut Vec<u8>, said: &mut Said<'_>) {
        let (mut granted, mut withdrawn, mut all, mut documents) = (None, false, false, false);
        self.each(names, &mut |schema, data, names| match schema {
            _ if says_twice(data, names) => add(&mut said.plain().invalid, mapped(purposes)),
            Schema::Preferences => preferences(purposes, data, [&mut *names, &mut *spare], said),
            Schema::Granted => match expiry(data, names, spare) {
                Ok(expires) => granted = Some(granted.map_or(expires, |before| earliest(before, expires))),
                Err(()) => add(&mut said.plain().invalid, mapped(purposes)),
            },
            Schema::Withdrawn => {
                withdrawn = true;
                all |= member(data, "all", names).is_some_and(|all| all.kind() != Kind::False);
            }
            Schema::Document => {
                documents = true;
                if !member(data, "id", names).is_some_and(is_id) {
                    add(&mut said.plain().invalid, mapped(purposes));
                }
            }
            Schema::Unknown => add(&mut said.plain().invalid, mapped(purposes)),
        });
        if withdrawn && (all || !documents) {
            add(&mut said.plain().withdrawn, mapped(purposes));
        }
        if !documents || granted.is_none() && !withdrawn {
            return;
        }
        for (purpose, categories) in purposes {
            let answers: Answers = categories.names.iter().map(|name| self.document(name, names, spare)).collect();
            if withdrawn && (answers.yes || answers.no) {
                said.plain().withdrawn.insert(*purpose);
            }
            if let Some(expires) = granted
                && answers.settle(categories.any) == Answer::Yes
            {
                said.at(None, expires).granted.insert(*purpose);
            }
        }
    }

    /// Whether a document of that id is there: yes; no if only in another spelling; or silence.
    fn document(&self, name: &str, names: &mut Vec<u8>, spare: &mut Vec<u8>) -> Answer {
        let mut found = Answer::Silent;
        self.each(names, &mut |schema, data, names| {
            let Some(id) = (schema == Schema::Document).then(|| member(data, "id", names)).flatten() else { return };
            match spelling(inner(id), name, spare) {
                Spelling::Exact => found = Answer::Yes,
                Spelling::Folded if found == Answer::Silent => found = Answer::No,
                Spelling::Folded | Spelling::Other => {}
            }
        });
        found
    }
}

/// The id of a document: a text, or a number that is written like one.
fn is_id(id: Text<'_>) -> bool {
    match id.kind() {
        Kind::String => !is_empty(id),
        Kind::Number => id.raw().iter().all(u8::is_ascii_digit),
        Kind::Null | Kind::True | Kind::False | Kind::Array | Kind::Object => false,
    }
}

/// Of two ends the first; none is the last of all.
fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

fn walk<'t>(node: Text<'t>, depth: usize, names: &mut Vec<u8>, see: &mut dyn FnMut(Schema, Text<'t>, &mut Vec<u8>)) {
    if depth > MAX_DEPTH {
        return see(Schema::Unknown, node, names);
    }
    match node.kind() {
        Kind::Null => return,
        Kind::Array => return node.elements().for_each(|element| walk(element, depth + 1, names, see)),
        // Where consent may stand, text may hold it: what is encoded once more is not read, and not passed over either.
        Kind::True | Kind::False | Kind::Number | Kind::String => return see(Schema::Unknown, node, names),
        Kind::Object => {}
    }
    if says_twice(node, names) {
        return see(Schema::Unknown, node, names);
    }
    let schema = member(node, "schema", names);
    match schema.map(|schema| described(schema, node, names)) {
        Some(Envelope::Holds(schema)) => {
            return match member(node, "data", names) {
                Some(data) if data.kind() == Kind::Object => see(schema, data, names),
                Some(_) | None => see(Schema::Unknown, node, names),
            };
        }
        Some(Envelope::Wraps) => {
            return match member(node, "data", names) {
                Some(data) => walk(data, depth + 1, names, see),
                None => see(Schema::Unknown, node, names),
            };
        }
        Some(Envelope::Other) | None => {}
    }
    // An event may have a `schema` of its own, which hides nothing of what stands beside it.
    let mut bare = schema.is_none();
    for (name, value) in node.members() {
        if COLUMNS.iter().any(|column| matches!(spelling(name.0, column, names), Spelling::Exact)) {
            bare = false;
            // The text of an event's own columns was taken apart before.
            if depth > 0 && !is_empty(value) || value.kind() != Kind::String {
                walk(value, depth + 1, names, see);
            }
        } else if let Some(schema) = sdk_member(name.0, names) {
            bare = false;
            one_or_many(schema, value, names, see);
        }
    }
    if bare && let Some(schema) = by_members(node, names) {
        see(schema, node, names);
    }
}

/// Whether a word that counts stands there twice: in text nobody else refused that, and nobody knows which holds.
fn says_twice(object: Text<'_>, names: &mut Vec<u8>) -> bool {
    const WORDS: [&str; 8] = ["schema", "data", "id", "eventType", "basisForProcessing", "consentScopes", "expiry", "all"];
    let is = |member: &[u8], word: &str, names: &mut Vec<u8>| matches!(spelling(member, word, names), Spelling::Exact);
    WORDS.iter().any(|word| object.members().filter(|(member, _)| is(member.0, word, names)).nth(1).is_some())
}

/// What the Analytics SDK makes of a context is an array, of an event an object.
fn one_or_many<'t>(schema: Schema, value: Text<'t>, names: &mut Vec<u8>, see: &mut dyn FnMut(Schema, Text<'t>, &mut Vec<u8>)) {
    match value.kind() {
        Kind::Object => see(schema, value, names),
        Kind::Array => value.elements().for_each(|element| match element.kind() {
            Kind::Object => see(schema, element, names),
            Kind::Null | Kind::True | Kind::False | Kind::Number | Kind::String | Kind::Array => {
                see(Schema::Unknown, element, names);
            }
        }),
        Kind::Null => {}
        Kind::True | Kind::False | Kind::Number | Kind::String => see(Schema::Unknown, value, names),
    }
}

/// What a self-describing JSON holds, by its schema.
enum Envelope {
    Holds(Schema),
    /// Other self-describing JSON.
    Wraps,
    Other,
}

/// What a `schema` says of the data beside it. Of one that is no text nobody knows what the data is.
fn described(schema: Text<'_>, node: Text<'_>, names: &mut Vec<u8>) -> Envelope {
    names.clear();
    if schema.decode_into(names) {
        envelope(names)
    } else if member(node, "data", names).is_some() {
        Envelope::Holds(Schema::Unknown)
    } else {
        Envelope::Other
    }
}

fn envelope(schema: &[u8]) -> Envelope {
    let Some(rest) = schema.strip_prefix(VENDOR) else { return Envelope::Other };
    let mut parts = rest.split(|letter| *letter == b'/');
    let (name, format, version) = (parts.next().unwrap_or_default(), parts.next(), parts.next().unwrap_or_default());
    if matches!(name, b"contexts" | b"unstruct_event") {
        return Envelope::Wraps;
    }
    match known(name) {
        Some(schema) if format == Some(b"jsonschema") && version.starts_with(b"1-") => Envelope::Holds(schema),
        Some(_) => Envelope::Holds(Schema::Unknown),
        None => Envelope::Other,
    }
}

fn known(name: &[u8]) -> Option<Schema> {
    match name {
        b"consent_preferences" => Some(Schema::Preferences),
        b"consent_granted" => Some(Schema::Granted),
        b"consent_withdrawn" => Some(Schema::Withdrawn),
        b"consent_document" => Some(Schema::Document),
        _ => None,
    }
}

/// What a member of the Analytics SDK's form holds, by its name.
fn sdk_member(member: &[u8], names: &mut Vec<u8>) -> Option<Schema> {
    let name = if member.contains(&b'\\') {
        names.clear();
        crate::event::json::unescape_into(member, names);
        names
    } else {
        member
    };
    let rest = SDK_PREFIXES.iter().find_map(|prefix| name.strip_prefix(*prefix))?;
    let split = rest.iter().rposition(|letter| *letter == b'_')?;
    let schema = known(&rest[..split])?;
    Some(if &rest[split..] == b"_1" { schema } else { Schema::Unknown })
}

/// What data without a schema beside it is, by the members that only one of the schemas has.
fn by_members(data: Text<'_>, names: &mut Vec<u8>) -> Option<Schema> {
    if member(data, "eventType", names).is_some() {
        Some(Schema::Preferences)
    } else if member(data, "expiry", names).is_some() {
        Some(Schema::Granted)
    } else if member(data, "all", names).is_some() {
        Some(Schema::Withdrawn)
    } else {
        None
    }
}

/// The member of that name; null is none.
fn member<'t>(object: Text<'t>, name: &str, names: &mut Vec<u8>) -> Option<Text<'t>> {
    let mut found = object
        .members()
        .filter(|(member, value)| value.kind() != Kind::Null && matches!(spelling(member.0, name, names), Spelling::Exact));
    found.next().map(|(_, value)| value)
}

/// A string's text between its quotes, or the value as it stands.
fn inner(value: Text<'_>) -> &[u8] {
    let raw = value.raw();
    raw.strip_prefix(b"\"").and_then(|raw| raw.strip_suffix(b"\"")).unwrap_or(raw)
}

fn expiry(data: Text<'_>, names: &mut Vec<u8>, spare: &mut Vec<u8>) -> Result<Option<Timestamp>, ()> {
    let Some(expiry) = member(data, "expiry", names) else { return Ok(None) };
    spare.clear();
    if !expiry.decode_into(spare) {
        return Err(());
    }
    rfc3339(spare).map(Some).ok_or(())
}

fn preferences(purposes: &[(PurposeId, Categories)], data: Text<'_>, [names, spare]: [&mut Vec<u8>; 2], said: &mut Said<'_>) {
    spare.clear();
    // A basis that cannot be read is none that could be taken for consent.
    if member(data, "basisForProcessing", names).is_some_and(|basis| !basis.decode_into(spare)) {
        return add(&mut said.plain().invalid, mapped(purposes));
    }
    let on_consent = spare.as_slice() == b"consent";
    spare.clear();
    if let Some(kind) = member(data, "eventType", names) {
        kind.decode_into(spare);
    }
    match spare.as_slice() {
        b"deny_all" => add(&mut said.plain().denied, mapped(purposes)),
        b"withdrawn" => add(&mut said.plain().withdrawn, mapped(purposes)),
        b"pending" | b"implicit_consent" => {}
        b"allow_all" if on_consent => add(&mut said.plain().granted, mapped(purposes)),
        b"expired" if on_consent => add(&mut said.at(None, Some(Timestamp::UNIX_EPOCH)).granted, mapped(purposes)),
        b"allow_all" | b"expired" => {}
        b"allow_selected" => selected(purposes, member(data, "consentScopes", names), on_consent, names, said),
        _ => add(&mut said.plain().invalid, mapped(purposes)),
    }
}

fn selected(
    purposes: &[(PurposeId, Categories)],
    scopes: Option<Text<'_>>,
    on_consent: bool,
    names: &mut Vec<u8>,
    said: &mut Said<'_>,
) {
    let is_list = |scopes: &Text<'_>| scopes.kind() == Kind::Array && scopes.elements().all(|scope| scope.kind() == Kind::String);
    let Some(scopes) = scopes.filter(is_list) else {
        return add(&mut said.plain().invalid, mapped(purposes));
    };
    for (purpose, categories) in purposes {
        let mut named = |name: &str| {
            let listed = scopes
                .elements()
                .any(|scope| scope.kind() == Kind::String && matches!(spelling(inner(scope), name, names), Spelling::Exact));
            if listed { Answer::Yes } else { Answer::No }
        };
        match categories.names.iter().map(|name| named(name)).collect::<Answers>().settle(categories.any) {
            Answer::Yes if on_consent => said.plain().granted.insert(*purpose),
            Answer::Yes => {}
            Answer::No | Answer::Silent | Answer::Broken => said.plain().denied.insert(*purpose),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::tests::{Case, at, categories};
    use crate::event::{PurposeId, SlotId};
    use crate::plan::{SignalKind, Source};

    /// Purposes: `analytics`; all of `ads` and `social`; any of them.
    fn case() -> Case {
        let lists =
            [categories(&["analytics"], false), categories(&["ads", "social"], false), categories(&["ads", "social"], true)];
        let purposes = lists.into_iter().enumerate().map(|(index, names)| (PurposeId(index as u8), names)).collect();
        Case::new().signal(Source::Slot(SlotId(0)), SignalKind::Snowplow { purposes })
    }

    #[track_caller]
    fn check(value: &str, expected: [&str; 3]) {
        assert_eq!(case().capture(0, value).said(3), expected, "{value}");
    }

    fn described(name: &str, data: &str) -> String {
        format!(r#"{{"schema":"iglu:com.snowplowanalytics.snowplow/{name}/jsonschema/1-0-0","data":{data}}}"#)
    }

    fn preferences(rest: &str) -> String {
        format!(r#"{{"basisForProcessing":"consent",{rest}}}"#)
    }

    #[test]
    fn preferences_in_every_form() {
        let data = preferences(r#""eventType":"allow_selected","consentScopes":["necessary","analytics","social"]"#);
        let expected = ["granted", "denied", "granted"];
        let event = described("unstruct_event", &described("consent_preferences", &data));
        check(&event, expected);
        check(&serde_json::to_string(&event).expect("a string"), expected);
        check(&described("contexts", &format!("[{}]", described("consent_preferences", &data))), expected);
        check(&data, expected);
        check(
            &format!(r#"{{"user_id":"u","unstruct_event_com_snowplowanalytics_snowplow_consent_preferences_1":{data}}}"#),
            expected,
        );
        check(&format!(r#"{{"unstruct_event":{event},"contexts":null}}"#), expected);
        let text = serde_json::to_string(&event).expect("a string");
        check(&format!(r#"{{"unstruct_event":{text},"contexts":""}}"#), expected);
        let facts = case().capture(0, "1").facts();
        assert_eq!(facts.statements.len(), 1);
    }

    #[test]
    fn what_each_kind_of_preference_means() {
        for (kind, expected) in [
            ("allow_all", "granted"),
            ("deny_all", "denied"),
            ("withdrawn", "withdrawn"),
            ("pending", ""),
            ("implicit_consent", ""),
            ("expired", "granted"),
            ("something_new", "invalid"),
        ] {
            check(&preferences(&format!(r#""eventType":"{kind}","consentScopes":["analytics"]"#)), [expected; 3]);
        }
        let expired = preferences(r#""eventType":"expired","consentScopes":[]"#);
        assert!(case().capture(0, &expired).facts().statements[0].expires.is_some_and(|end| end < at("1970-01-02T00:00:00Z")));
        check(&preferences(r#""eventType":"allow_selected""#), ["invalid"; 3]);
        check(&preferences(r#""eventType":7"#), ["invalid"; 3]);
        for basis in ["contract", "legitimate_interests"] {
            check(&format!(r#"{{"basisForProcessing":"{basis}","eventType":"allow_all","consentScopes":[]}}"#), ["", "", ""]);
            check(&format!(r#"{{"basisForProcessing":"{basis}","eventType":"deny_all","consentScopes":[]}}"#), ["denied"; 3]);
        }
        for unreadable in ["5", "true", "[\"consent\"]", "{}"] {
            let data = format!(r#"{{"basisForProcessing":{unreadable},"eventType":"allow_all","consentScopes":[]}}"#);
            check(&data, ["invalid"; 3]);
        }
    }

    #[test]
    fn documents_are_granted_until_their_expiry_and_withdrawn() {
        let documents = |ids: &[&str]| {
            let each = ids.iter().map(|id| described("consent_document", &format!(r#"{{"id":"{id}","version":"5"}}"#)));
            described("contexts", &format!("[{}]", each.collect::<Vec<_>>().join(",")))
        };
        let event = |name, data, ids: &[&str]| {
            let event = described("unstruct_event", &described(name, data));
            format!(r#"{{"unstruct_event":{event},"contexts":{}}}"#, documents(ids))
        };
        let granted = event("consent_granted", r#"{"expiry":"2027-01-01T00:00:00Z"}"#, &["analytics", "ads"]);
        check(&granted, ["granted", "", "granted"]);
        assert_eq!(case().capture(0, &granted).facts().statements[0].expires, Some(at("2027-01-01T00:00:00Z")));
        check(&event("consent_granted", "{}", &["ads", "social"]), ["", "granted", "granted"]);
        check(&event("consent_granted", "{}", &["Analytics"]), ["", "", ""]);
        check(&event("consent_granted", "{}", &[]), ["", "", ""]);
        check(&event("consent_granted", r#"{"expiry":"never"}"#, &["analytics"]), ["invalid"; 3]);
        check(&event("consent_withdrawn", r#"{"all":false}"#, &["Analytics"]), ["withdrawn", "", ""]);
        check(&event("consent_withdrawn", r#"{"all":false}"#, &["social"]), ["", "withdrawn", "withdrawn"]);
        check(&event("consent_withdrawn", r#"{"all":true}"#, &["social"]), ["withdrawn"; 3]);
        check(&event("consent_withdrawn", r#"{"all":false}"#, &[]), ["withdrawn"; 3]);
        check(&documents(&["analytics"]), ["", "", ""]);
    }

    #[test]
    fn other_schemas_are_silence_and_other_models_broken() {
        for silent in ["null", "\"\"", "{}", "[]", r#"{"user_id":"u","event":"page_view"}"#] {
            check(silent, ["", "", ""]);
        }
        check(&described("gdpr", r#"{"basisForProcessing":"consent","documentId":"analytics"}"#), ["", "", ""]);
        check(&described("link_click", r#"{"eventType":"allow_all"}"#), ["", "", ""]);
        let model = described("consent_preferences", &preferences(r#""eventType":"allow_all""#)).replace("1-0-0", "2-0-0");
        check(&model, ["invalid"; 3]);
        check(&described("consent_preferences", "7"), ["invalid"; 3]);
        check(
            r#"{"unstruct_event_com_snowplowanalytics_snowplow_consent_preferences_2":{"eventType":"allow_all"}}"#,
            ["invalid"; 3],
        );
        let twice = preferences(r#""eventType":"allow_all","eventType":"deny_all""#);
        check(&serde_json::to_string(&described("consent_preferences", &twice)).expect("a string"), ["invalid"; 3]);
        check(&twice, ["invalid"; 3]);
        for odd in ["1", "true", "\"{\"", "\"x\"", r#"{"contexts":"{"}"#] {
            check(odd, ["invalid"; 3]);
        }
    }
}
