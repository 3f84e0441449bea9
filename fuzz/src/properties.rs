//! What must hold for every input. A property answers with what is wrong, in words that hold nothing of the input.

use crate::consent;
use crate::events::event;
use crate::judge::{Judge, Verdict};
use crate::random::Random;
use crate::reference::{self, Node, Value};
use crate::text::{mutate, plain_document, text};
use crate::tree::{Style, Tree, spell};

/// A property's finding: what is wrong, and the input.
pub struct Finding {
    /// In words.
    pub what: String,
    /// The document.
    pub input: Vec<u8>,
}

/// One property.
pub type Property = fn(&mut Judge, &mut Random<'_>) -> Result<(), Finding>;

/// Every property, by name.
pub const ALL: &[(&str, Property)] = &[
    ("accepts", |judge, random| {
        let input = text(random);
        accepts(judge, &input)
    }),
    ("scrubs", scrubs),
    ("spellings", spellings),
    ("untouched", untouched),
    ("consents", |_, random| {
        let input = consent::string(random);
        consents(&input)
    }),
    ("ways", |judge, random| {
        let input = text(random);
        ways(judge, &input)
    }),
    ("repeats", repeats),
];

/// A consent string is refused or read as what it says.
pub fn consents(input: &[u8]) -> Result<(), Finding> {
    consent::holds(input).map_err(|what| Finding { what: what.into(), input: input.to_vec() })
}

/// Accepted exactly if the strict reader accepts and no rule of `scrub.md` refuses, whatever the plan looks for; and the
/// strict reader agrees with others.
pub fn accepts(judge: &mut Judge, input: &[u8]) -> Result<(), Finding> {
    let wrong = |what: String| Err(Finding { what, input: input.to_vec() });
    let tree = reference::read(input);
    if let Err(what) = peers_agree(input, tree.is_some()) {
        return wrong(what);
    }
    let accepted = tree.as_ref().is_some_and(|tree| !reference::refused(tree)) && input.len() <= 1 << 20;
    for plan in 0..judge.plans() {
        let verdicts = judge.judge(plan, input);
        let unread =
            |verdict: &Verdict| verdict.outcome == "quarantine" && ["malformed", "limit_exceeded"].contains(&verdict.reason);
        let refused = verdicts.iter().any(unread);
        if refused == accepted {
            return wrong(format!("plan {plan}: refused is {refused}, the strict reader accepts: {accepted}"));
        }
        if let Some(verdict) =
            verdicts.iter().find(|verdict| verdict.value.as_ref().is_some_and(|value| reference::read(value).is_none()))
        {
            return wrong(format!("plan {plan}: sink {} gets no JSON", verdict.sink));
        }
    }
    // The first plan has no rule that meets anything.
    match judge.judge(0, input).first() {
        Some(Verdict { value: Some(value), .. }) if accepted && value == input => Ok(()),
        Some(Verdict { value: None, .. }) if !accepted => Ok(()),
        _ => wrong("what no rule meets does not come out as it came in".into()),
    }
}

/// Two other readers say the same as the strict one, but for what each is known to do otherwise.
fn peers_agree(input: &[u8], accepted: bool) -> Result<(), String> {
    let serde = serde_json::from_slice::<serde_json::Value>(input);
    let serde_differs = |fault: &serde_json::Error| {
        // It has doubles for numbers and a limit of its own on depth.
        let said = fault.to_string();
        said.contains("number out of range") || said.contains("recursion limit")
    };
    match &serde {
        Ok(_) if !accepted => return Err("serde_json accepts what the strict reader refuses".into()),
        Err(fault) if accepted && !serde_differs(fault) => return Err("serde_json refuses what the strict reader accepts".into()),
        Ok(_) | Err(_) => {}
    }
    let sonic = sonic_rs::from_slice::<sonic_rs::Value>(input);
    match &sonic {
        Ok(_) if !accepted => Err("sonic-rs accepts what the strict reader refuses".into()),
        Err(fault)
            if accepted && !fault.to_string().to_lowercase().contains("number") && !fault.to_string().contains("depth") =>
        {
            Err(format!("sonic-rs refuses what the strict reader accepts: {:?}", fault.classify()))
        }
        Ok(_) | Err(_) => Ok(()),
    }
}

/// No forbidden word comes out in any decoding, and what no rule is about comes out byte for byte, in its order.
pub fn scrubs(judge: &mut Judge, random: &mut Random<'_>) -> Result<(), Finding> {
    let event = event(random);
    let input = spell(&event.tree, Style { shuffle: false, numbers: false }, random);
    let wrong = |what: String| Err(Finding { what, input: input.clone() });
    let Some(before) = reference::read(&input) else { return wrong("the generator makes no JSON".into()) };
    for verdict in judge.judge(judge.rules(), &input) {
        let Some(output) = &verdict.value else {
            if ["malformed", "limit_exceeded"].contains(&verdict.reason) && !reference::refused(&before) {
                return wrong(format!("sink {}: a readable event is quarantined", verdict.sink));
            }
            continue;
        };
        let Some(after) = reference::read(output) else { return wrong(format!("sink {} gets no JSON", verdict.sink)) };
        if reference::refused(&after) {
            return wrong(format!("sink {} gets what Privet itself would refuse", verdict.sink));
        }
        let keeps = verdict.sink == "keep";
        if leaks(output, &event.secret) || (!keeps && leaks(output, &event.unlisted)) {
            return wrong(format!("sink {}: a forbidden word comes out", verdict.sink));
        }
        if keeps && !same_but_ruled((&input, &before), (output, &after)) {
            return wrong("what no rule is about did not come out byte for byte".into());
        }
        if !keeps && !is_part((&input, &before), (output, &after)) {
            return wrong(format!("sink {} gets what was not in the event", verdict.sink));
        }
    }
    Ok(())
}

/// Two spellings of one document have one fate, and outputs that mean the same.
pub fn spellings(judge: &mut Judge, random: &mut Random<'_>) -> Result<(), Finding> {
    let event = event(random);
    let plain = spell(&event.tree, Style { shuffle: false, numbers: false }, random);
    let other = spell(&event.tree, Style { shuffle: true, numbers: true }, random);
    let ours = judge.judge(judge.rules(), &plain);
    let theirs = judge.judge(judge.rules(), &other);
    for (one, two) in ours.iter().zip(&theirs) {
        let same = (one.outcome, one.reason) == (two.outcome, two.reason) && meaning(one) == meaning(two);
        if !same {
            let input = [&plain[..], b"\n", &other[..]].concat();
            return Err(Finding { what: format!("sink {}: two spellings end differently", one.sink), input });
        }
    }
    Ok(())
}

/// An event without any place that a rule of the deny-list is about comes out as it came in.
pub fn untouched(judge: &mut Judge, random: &mut Random<'_>) -> Result<(), Finding> {
    let event = event(random);
    let tree = neutral_only(&event.tree);
    let input = spell(&tree, Style { shuffle: false, numbers: false }, random);
    let verdicts = judge.judge(judge.rules(), &input);
    let keep = verdicts.iter().find(|verdict| verdict.sink == "keep");
    let found = keep.map(|verdict| (verdict.outcome, verdict.value.as_deref() == Some(&input[..])));
    // An array of scalars at the root stands where rules expect an object.
    let is_root_list = matches!(tree, Tree::List(_));
    match found {
        Some(("allow", true)) => Ok(()),
        _ if is_root_list => Ok(()),
        _ => Err(Finding { what: "what no rule is about does not come out as it came in".into(), input }),
    }
}

/// Every way in which this processor can read a record finds the same places and refuses the same records at the same byte.
pub fn ways(judge: &mut Judge, input: &[u8]) -> Result<(), Finding> {
    for plan in 0..judge.plans() {
        let found = judge.scan(plan, input);
        if found.windows(2).any(|pair| pair[0] != pair[1]) {
            return Err(Finding { what: format!("plan {plan}: two ways to read find different places"), input: input.to_vec() });
        }
    }
    Ok(())
}

/// What was remembered of a document changes nothing about what is found in it, nor in documents that are nearly the same.
pub fn repeats(judge: &mut Judge, random: &mut Random<'_>) -> Result<(), Finding> {
    if random.once_in(8) {
        judge.forget();
    }
    let usual = plain_document(random);
    // Names are known after one reading, stretches of members after two.
    for _ in 0..3 {
        ways(judge, &usual)?;
    }
    for _ in 0..4 {
        let mut other = usual.clone();
        for _ in 0..1 + random.below(2) {
            change(&mut other, random);
        }
        ways(judge, &other)?;
        ways(judge, &usual)?;
    }
    Ok(())
}

/// Changes bytes, or a value or a name as a whole.
fn change(text: &mut Vec<u8>, random: &mut Random<'_>) {
    const VALUES: &[&str] =
        &["1", "-0.5", "true", "null", "\"\"", "\"a\\n\"", "{}", "[]", "[1]", "{\"a\":1}", "01", "tru", "\"\\x\""];
    let starts: Vec<usize> = (1..text.len()).filter(|at| text[at - 1] == b':').collect();
    if starts.is_empty() || random.once_in(3) {
        return mutate(text, random);
    }
    let start = *random.pick(&starts);
    if random.once_in(3) {
        // A letter of the name: its quote stands before the colon.
        let at = start.saturating_sub(3);
        text[at] ^= 1 << random.below(6);
        return;
    }
    let end = (start..text.len()).find(|at| b",}]".contains(&text[*at])).unwrap_or(text.len());
    text.splice(start..end, random.pick(VALUES).bytes());
}

/// The tree without members that rules are about.
fn neutral_only(tree: &Tree) -> Tree {
    match tree {
        Tree::Map(members) => {
            let neutral = members.iter().filter(|(name, _)| is_neutral(name));
            Tree::Map(neutral.map(|(name, value)| (name.clone(), neutral_only(value))).collect())
        }
        Tree::List(elements) => Tree::List(elements.iter().map(neutral_only).collect()),
        Tree::Plain(_) | Tree::Text(_) => tree.clone(),
    }
}

/// Whether the generator made the name for a member that no rule is about.
fn is_neutral(name: &str) -> bool {
    name.strip_prefix('n').is_some_and(|rest| rest.starts_with(|letter: char| letter.is_ascii_digit()))
}

/// Every member with a neutral name is in the output, at its place in the order, and what is no container is the same bytes.
fn same_but_ruled((input, before): (&[u8], &Node), (output, after): (&[u8], &Node)) -> bool {
    match (&before.value, &after.value) {
        (Value::Map(before), Value::Map(after)) => {
            let mut left = after.iter();
            before.iter().filter(|(name, _)| is_neutral(name)).all(|(name, value)| {
                let found = left.find(|(other, _)| other == name);
                found.is_some_and(|(_, kept)| same_but_ruled((input, value), (output, kept)))
            })
        }
        (Value::List(before), Value::List(after)) => {
            before.len() == after.len()
                && before.iter().zip(after).all(|(one, other)| same_but_ruled((input, one), (output, other)))
        }
        _ => input[before.span.0..before.span.1] == output[after.span.0..after.span.1],
    }
}

/// Every member of the output stands in the input, in the same order, and what is no container is the same bytes (text with
/// rules inside apart).
fn is_part((input, before): (&[u8], &Node), (output, after): (&[u8], &Node)) -> bool {
    match (&before.value, &after.value) {
        (Value::Map(before), Value::Map(after)) => {
            let mut all = before.iter();
            after.iter().all(|(name, value)| {
                let found = all.find(|(other, _)| other == name);
                found.is_some_and(|(_, whole)| name == "payload" || is_part((input, whole), (output, value)))
            })
        }
        (Value::List(before), Value::List(after)) => {
            let mut all = before.iter();
            after.iter().all(|value| all.any(|whole| is_part((input, whole), (output, value))))
        }
        _ => input[before.span.0..before.span.1] == output[after.span.0..after.span.1],
    }
}

/// What a verdict's bytes mean: members sorted, numbers by value.
fn meaning(verdict: &Verdict) -> Option<String> {
    let node = reference::read(verdict.value.as_ref()?)?;
    let mut out = String::new();
    write_meaning(&node, &mut out);
    Some(out)
}

fn write_meaning(node: &Node, out: &mut String) {
    match &node.value {
        Value::Plain(text) => match text.parse::<f64>() {
            Ok(number) if number.is_finite() => out.push_str(&format!("{number:?}")),
            _ => out.push_str(text),
        },
        Value::Text(text) => out.push_str(&format!("{text:?}")),
        Value::List(elements) => {
            out.push('[');
            elements.iter().for_each(|one| {
                write_meaning(one, out);
                out.push(',');
            });
            out.push(']');
        }
        Value::Map(members) => {
            let mut sorted: Vec<&(String, Node)> = members.iter().collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            out.push('{');
            sorted.iter().for_each(|(name, one)| {
                out.push_str(&format!("{name:?}:"));
                write_meaning(one, out);
                out.push(',');
            });
            out.push('}');
        }
    }
}

/// Whether a word stands in the bytes, or in any string in any decoding: escapes, percent-encoding, JSON in strings.
pub fn leaks(output: &[u8], word: &str) -> bool {
    let holds = |text: &str| text.to_lowercase().contains(word);
    if holds(&String::from_utf8_lossy(output)) {
        return true;
    }
    reference::read(output).is_some_and(|node| leaks_in(&node, word, 0))
}

fn leaks_in(node: &Node, word: &str, level: usize) -> bool {
    match &node.value {
        Value::Plain(_) => false,
        Value::Text(text) => leaks_in_text(text, word, level),
        Value::List(elements) => elements.iter().any(|one| leaks_in(one, word, level)),
        Value::Map(members) => members.iter().any(|(name, one)| leaks_in_text(name, word, level) || leaks_in(one, word, level)),
    }
}

fn leaks_in_text(text: &str, word: &str, level: usize) -> bool {
    let mut decoded = text.to_owned();
    for _ in 0..4 {
        if decoded.to_lowercase().contains(word) {
            return true;
        }
        decoded = percent_decoded(&decoded);
    }
    let inner = || reference::read(text.trim().as_bytes());
    level < 6 && text.trim_start().starts_with(['{', '[', '"']) && inner().is_some_and(|node| leaks_in(&node, word, level + 1))
}

fn percent_decoded(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let code = bytes.get(at + 1..at + 3).filter(|_| bytes[at] == b'%').and_then(|two| std::str::from_utf8(two).ok());
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) => {
                out.push(byte);
                at += 3;
            }
            None => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}
