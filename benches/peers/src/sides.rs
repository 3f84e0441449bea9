//! The sides: each turns an event into the bytes of every sink.

use crate::rules::{Op, Rule, Task, replace};
use privet::event::{Position, Record, StreamId, Timestamp};
use privet::keys::{KeySet, MacKey};
use privet::pipeline::{Engine, Limits};
use privet::plan::Plan;
use sonic_rs::{JsonValueMutTrait, JsonValueTrait};

/// One side: hands the bytes of each sink to `each`.
pub trait Side {
    /// Its name in the table.
    fn name(&self) -> &'static str;
    /// Whether its output is the same document as the engine's.
    fn is_exact(&self) -> bool {
        true
    }
    /// Judges one event.
    fn run(&mut self, event: &[u8], each: &mut dyn FnMut(usize, &[u8]));
}

/// Privet.
pub struct Privet {
    plan: Plan,
    engine: Engine,
    now: Timestamp,
}

impl Privet {
    pub fn new(policy: &str, keys: &KeySet, now: Timestamp) -> Privet {
        let compiled = privet::policy::compile(policy, "policy.yaml", keys);
        let said = compiled.render(false);
        Privet { plan: compiled.plan.unwrap_or_else(|| panic!("{said}\n{policy}")), engine: Engine::new(Limits::default()), now }
    }
}

impl Side for Privet {
    fn name(&self) -> &'static str {
        "privet"
    }

    fn run(&mut self, event: &[u8], each: &mut dyn FnMut(usize, &[u8])) {
        let record = Record { position: Position::default(), timestamp: None, key: None, value: Some(event), headers: &[] };
        self.engine.evaluate(&self.plan, StreamId(0), &record, self.now, &mut |sink, verdict| {
            if let Some(value) = verdict.value {
                each(sink.index(), value);
            }
        });
    }
}

/// What the trees share.
pub struct Shared {
    consent: bool,
    sinks: Vec<Vec<Rule>>,
    keys: Vec<Vec<Option<MacKey>>>,
    scratch: Vec<u8>,
    out: Vec<u8>,
}

impl Shared {
    pub fn new(task: &Task, keys: &KeySet) -> Shared {
        Shared { consent: task.consent, sinks: task.sinks.clone(), keys: task.keys(keys), scratch: Vec::new(), out: Vec::new() }
    }
}

const CONSENT: [&str; 4] = ["context", "consent", "categoryPreferences", "Advertising"];

/// A tree of `serde_json`.
pub struct SerdeTree(pub Shared);

impl Side for SerdeTree {
    fn name(&self) -> &'static str {
        "serde_json tree"
    }

    fn run(&mut self, event: &[u8], each: &mut dyn FnMut(usize, &[u8])) {
        let Shared { consent, sinks, keys, scratch, out } = &mut self.0;
        let Ok(mut tree) = serde_json::from_slice::<serde_json::Value>(event) else { return };
        if *consent && CONSENT.iter().try_fold(&tree, |at, step| at.get(step)).and_then(serde_json::Value::as_bool) != Some(true)
        {
            return;
        }
        let last = sinks.len() - 1;
        for (sink, rules) in sinks.iter().enumerate() {
            let mut own = if sink == last { std::mem::take(&mut tree) } else { tree.clone() };
            for ((path, op), key) in rules.iter().zip(&keys[sink]) {
                serde_apply(&mut own, path, *op, key.as_ref(), scratch);
            }
            out.clear();
            if serde_json::to_writer(&mut *out, &own).is_ok() {
                each(sink, out);
            }
        }
    }
}

fn serde_apply(at: &mut serde_json::Value, path: &[&str], op: Op, key: Option<&MacKey>, scratch: &mut Vec<u8>) {
    match path {
        [] => {}
        ["*", rest @ ..] => at.as_array_mut().into_iter().flatten().for_each(|one| serde_apply(one, rest, op, key, scratch)),
        [name] => {
            let Some(members) = at.as_object_mut() else { return };
            let new = members.get(*name).and_then(|value| replace(op, value.as_str()?, key, scratch));
            match (new, members.get_mut(*name)) {
                (Some(new), Some(value)) => *value = new.into(),
                (None, Some(_)) => drop(members.shift_remove(*name)),
                (_, None) => {}
            }
        }
        [name, rest @ ..] => at.get_mut(*name).into_iter().for_each(|one| serde_apply(one, rest, op, key, scratch)),
    }
}

/// A tree of `sonic-rs`.
pub struct SonicTree(pub Shared);

impl Side for SonicTree {
    fn name(&self) -> &'static str {
        "sonic-rs tree"
    }

    fn run(&mut self, event: &[u8], each: &mut dyn FnMut(usize, &[u8])) {
        let Shared { consent, sinks, keys, scratch, out } = &mut self.0;
        let Ok(tree) = sonic_rs::from_slice::<sonic_rs::Value>(event) else { return };
        if *consent && tree.pointer(CONSENT).and_then(|value| value.as_bool()) != Some(true) {
            return;
        }
        for (sink, rules) in sinks.iter().enumerate() {
            let mut own = tree.clone();
            for ((path, op), key) in rules.iter().zip(&keys[sink]) {
                sonic_apply(&mut own, path, *op, key.as_ref(), scratch);
            }
            out.clear();
            if sonic_rs::to_writer(&mut *out, &own).is_ok() {
                each(sink, out);
            }
        }
    }
}

fn sonic_apply(at: &mut sonic_rs::Value, path: &[&str], op: Op, key: Option<&MacKey>, scratch: &mut Vec<u8>) {
    match path {
        [] => {}
        ["*", rest @ ..] => {
            if let Some(list) = at.as_array_mut() {
                list.iter_mut().for_each(|one| sonic_apply(one, rest, op, key, scratch));
            }
        }
        [name] => {
            let Some(members) = at.as_object_mut() else { return };
            let new = members.get(name).and_then(|value| replace(op, value.as_str()?, key, scratch));
            match (new, members.get_mut(name)) {
                (Some(new), Some(value)) => *value = sonic_rs::Value::from(&new),
                (None, Some(_)) => drop(members.remove(name)),
                (_, None) => {}
            }
        }
        [name, rest @ ..] => {
            if let Some(one) = at.get_mut(*name) {
                sonic_apply(one, rest, op, key, scratch);
            }
        }
    }
}

/// `sonic-rs`'s `get_many` with splicing, and none of the rules: names as spelled, no duplicates found, one place a path.
pub struct Splice {
    shared: Shared,
    tree: sonic_rs::PointerTree,
    /// By pointer: the place's path, with positions in place of `*`.
    paths: Vec<(Vec<String>, Vec<(usize, usize)>)>,
}

impl Splice {
    pub fn new(task: &Task, keys: &KeySet) -> Splice {
        let shared = Shared::new(task, keys);
        let mut paths: Vec<(Vec<String>, Vec<(usize, usize)>)> = Vec::new();
        for (sink, rules) in shared.sinks.iter().enumerate() {
            for (number, (path, _)) in rules.iter().enumerate() {
                for position in 0..if path.contains(&"*") { 200 } else { 1 } {
                    let steps: Vec<String> =
                        path.iter().map(|step| if *step == "*" { position.to_string() } else { (*step).into() }).collect();
                    match paths.iter_mut().find(|(known, _)| *known == steps) {
                        Some((_, users)) => users.push((sink, number)),
                        None => paths.push((steps, vec![(sink, number)])),
                    }
                }
            }
        }
        let mut tree = sonic_rs::PointerTree::new();
        if shared.consent {
            tree.add_path(CONSENT.iter());
        }
        for (steps, _) in &paths {
            let nodes: Vec<sonic_rs::PointerNode> = steps
                .iter()
                .map(|step| match step.parse::<usize>() {
                    Ok(position) => sonic_rs::PointerNode::Index(position),
                    Err(_) => sonic_rs::PointerNode::Key(step.clone().into()),
                })
                .collect();
            tree.add_path(nodes.iter());
        }
        Splice { shared, tree, paths }
    }
}

impl Side for Splice {
    fn name(&self) -> &'static str {
        "sonic-rs get_many, spliced"
    }

    fn is_exact(&self) -> bool {
        false
    }

    fn run(&mut self, event: &[u8], each: &mut dyn FnMut(usize, &[u8])) {
        let Shared { consent, sinks, keys, scratch, out } = &mut self.shared;
        let Ok(found) = sonic_rs::get_many(event, &self.tree) else { return };
        let mut found = found.iter();
        if *consent && found.next().and_then(|value| value.as_ref()?.as_bool()) != Some(true) {
            return;
        }
        let base = event.as_ptr() as usize;
        let mut places: Vec<(usize, usize, usize, usize)> = Vec::new();
        for (value, (_, users)) in found.zip(&self.paths) {
            let Some(value) = value else { continue };
            let raw = value.as_raw_str();
            let start = raw.as_ptr() as usize - base;
            places.extend(users.iter().map(|(sink, rule)| (start, start + raw.len(), *sink, *rule)));
        }
        places.sort_unstable();
        for sink in 0..sinks.len() {
            out.clear();
            let mut cursor = 0;
            for (start, end, _, rule) in places.iter().filter(|place| place.2 == sink) {
                let op = sinks[sink][*rule].1;
                // Escapes are not read; what is no string goes.
                let inner = event[*start..*end].strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\""));
                let text = inner.and_then(|text| std::str::from_utf8(text).ok());
                match text.and_then(|text| replace(op, text, keys[sink][*rule].as_ref(), scratch)) {
                    Some(new) => {
                        out.extend_from_slice(&event[cursor..*start]);
                        out.push(b'"');
                        out.extend_from_slice(new.as_bytes());
                        out.push(b'"');
                        cursor = *end;
                    }
                    None => {
                        let (first, last) = member(event, *start, *end, cursor);
                        out.extend_from_slice(&event[cursor.min(first)..first]);
                        cursor = last;
                    }
                }
            }
            out.extend_from_slice(&event[cursor..]);
            each(sink, out);
        }
    }
}

/// The member whose value stands there, with one comma; names without escapes, the first member keeps the comma behind it.
fn member(event: &[u8], start: usize, end: usize, cursor: usize) -> (usize, usize) {
    let colon = event[..start].iter().rposition(|byte| *byte == b':').unwrap_or(0);
    let close = event[..colon].iter().rposition(|byte| *byte == b'"').unwrap_or(0);
    let open = event[..close].iter().rposition(|byte| *byte == b'"').unwrap_or(0);
    let before = event[..open].iter().rposition(|byte| !byte.is_ascii_whitespace()).unwrap_or(0);
    if event[before] == b',' && before >= cursor {
        return (before, end);
    }
    let behind = event[end..].iter().position(|byte| !byte.is_ascii_whitespace()).map_or(end, |at| end + at);
    (open, if event.get(behind) == Some(&b',') { behind + 1 } else { end })
}

/// What no side can go below: validation by `sonic-rs`'s skip, and the same number of HMACs.
pub struct Bound {
    /// By event, in the order in which they come: whether its consent lets anything out.
    released: Vec<bool>,
    next: usize,
    keys: Vec<MacKey>,
    scratch: Vec<u8>,
}

impl Bound {
    pub fn new(task: &Task, events: &[Vec<u8>], keys: &KeySet) -> Bound {
        let mut tree = SerdeTree(Shared::new(task, keys));
        let releases = |event: &Vec<u8>| {
            let mut any = false;
            tree.run(event, &mut |_, _| any = true);
            any
        };
        let released = events.iter().map(releases).collect();
        Bound { released, next: 0, keys: task.keys(keys).into_iter().flatten().flatten().collect(), scratch: Vec::new() }
    }
}

impl Side for Bound {
    fn name(&self) -> &'static str {
        "bound: skip and HMACs"
    }

    fn is_exact(&self) -> bool {
        false
    }

    fn run(&mut self, event: &[u8], each: &mut dyn FnMut(usize, &[u8])) {
        let released = self.released[self.next % self.released.len()];
        self.next += 1;
        let Ok(whole) = sonic_rs::from_slice::<sonic_rs::LazyValue<'_>>(event) else { return };
        std::hint::black_box(whole.as_raw_str());
        if released {
            for key in &self.keys {
                self.scratch.clear();
                key.pseudonym(b"u-7a91-4c55-b6d2", &mut self.scratch);
            }
            each(0, &self.scratch);
        }
    }
}
