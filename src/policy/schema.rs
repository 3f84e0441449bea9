//! The JSON Schema of the policy language (draft 2020-12), from the same table that checks its form.
//!
//! A schema cannot say everything: paths, dates and names are looked at more closely by `privet check`.

use super::grammar::{Form, Key, Need, Object, Options, Shape, Tagged, Variant, Word};
use super::language;
use serde_json::{Map, Value, json};

/// The schema, as `privet schema policy` prints it.
pub fn schema() -> Value {
    let mut writer = Writer { definitions: Map::new() };
    let mut root = json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Privet policy",
        "description": "A policy of Privet, a streaming privacy filter; version 1 of the language.",
    });
    let policy = writer.object(&language::POLICY, None);
    let members = root.as_object_mut().expect("made as an object above");
    members.extend(policy.as_object().expect("an object's schema is an object").clone());
    members.insert("$defs".into(), Value::Object(writer.definitions));
    root
}

struct Writer {
    /// By the slug of the object's name; what is being written stands there already, for those that hold themselves.
    definitions: Map<String, Value>,
}

impl Writer {
    fn shape(&mut self, shape: &'static Shape) -> Value {
        match shape {
            Shape::Version => json!({"const": 1}),
            Shape::Any => json!({}),
            Shape::Text(form) => text(*form),
            Shape::Word(words) => word(words),
            Shape::Bool => json!({"type": "boolean"}),
            Shape::True => json!({"const": true}),
            Shape::Int { min, max } => json!({"type": "integer", "minimum": min, "maximum": max}),
            Shape::Number => json!({"type": "number"}),
            Shape::Scalar => json!({"type": ["string", "number", "boolean"]}),
            Shape::List { of, least } => json!({"type": "array", "items": self.shape(of), "minItems": least}),
            Shape::Named { key, of, least } => json!({
                "type": "object",
                "propertyNames": text(*key),
                "patternProperties": own_keys(),
                "additionalProperties": self.shape(of),
                "minProperties": least,
            }),
            Shape::Map(object) => self.reference(object.name, |writer| writer.object(object, None)),
            Shape::Either(shapes) => any_of(shapes.iter().map(|shape| self.shape(shape)).collect()),
            Shape::Chosen(choice) => any_of(
                choice
                    .branches
                    .iter()
                    .map(|(_, object)| self.reference(object.name, |writer| writer.object(object, None)))
                    .collect(),
            ),
            Shape::Tagged(tagged) => self.tagged(tagged),
            Shape::Variant(variant) => self.reference(variant.name, |writer| writer.variant(variant)),
        }
    }

    /// A reference to a definition, which is written once.
    fn reference(&mut self, name: &str, write: impl FnOnce(&mut Writer) -> Value) -> Value {
        let slug: String = name.chars().filter(|letter| *letter != '`').map(|l| if l == ' ' { '-' } else { l }).collect();
        if !self.definitions.contains_key(&slug) {
            self.definitions.insert(slug.clone(), Value::Null);
            let definition = write(self);
            self.definitions.insert(slug.clone(), definition);
        }
        json!({"$ref": format!("#/$defs/{slug}")})
    }

    /// `tag` is a key with its word that belongs to the mapping besides the object's own.
    fn object(&mut self, object: &'static Object, tag: Option<(&str, &str, &str)>) -> Value {
        let mut properties = Map::new();
        let mut required = Vec::new();
        if let Some((key, word, about)) = tag {
            properties.insert(key.into(), json!({"const": word, "description": about}));
            required.push(key);
        }
        for key in object.usable() {
            properties.insert(key.name.into(), self.key(key));
            if key.need == Need::Required {
                required.push(key.name);
            }
        }
        let groups: Vec<Value> = object.groups.iter().map(|group| exclusive(group.keys, group.required)).collect();
        let mut schema = json!({
            "type": "object",
            "properties": properties,
            "required": required,
            "patternProperties": own_keys(),
            "additionalProperties": false,
        });
        if !groups.is_empty() {
            schema["allOf"] = groups.into();
        }
        schema
    }

    fn key(&mut self, key: &'static Key) -> Value {
        let mut schema = self.shape(key.shape);
        schema["description"] = key.about.into();
        schema
    }

    fn tagged(&mut self, tagged: &'static Tagged) -> Value {
        let usable = tagged.branches.iter().filter_map(|(word, object)| Some((*word, (*object)?)));
        any_of(
            usable
                .map(|(word, object)| {
                    let tag = Some((tagged.key, word, tagged.about));
                    self.reference(object.name, |writer| writer.object(object, tag))
                })
                .collect(),
        )
    }

    fn variant(&mut self, variant: &'static Variant) -> Value {
        let mut alone = Vec::new();
        let mut properties = Map::new();
        for case in variant.cases {
            match &case.options {
                Options::None => {
                    alone.push(json!({"const": case.word, "description": case.about}));
                    if case.word == "null" {
                        alone.push(json!({"const": null, "description": case.about}));
                    }
                }
                Options::Some(object) => {
                    let mut options = self.reference(object.name, |writer| writer.object(object, None));
                    options["description"] = case.about.into();
                    properties.insert(case.word.into(), options);
                }
            }
        }
        let one: Vec<Value> = properties.keys().map(|word| json!({"required": [word]})).collect();
        alone.push(json!({
            "type": "object",
            "properties": properties,
            "patternProperties": own_keys(),
            "additionalProperties": false,
            "oneOf": one,
        }));
        any_of(alone)
    }
}

/// Keys that begin with `x-` are the author's own.
fn own_keys() -> Value {
    json!({"^x-": true})
}

fn any_of(schemas: Vec<Value>) -> Value {
    json!({"anyOf": schemas})
}

fn word(words: &[Word]) -> Value {
    let usable: Vec<&Word> = words.iter().filter(|word| !word.later).collect();
    if usable.iter().all(|word| word.about.is_empty()) {
        return json!({"enum": usable.iter().map(|word| word.word).collect::<Vec<_>>()});
    }
    any_of(usable.iter().map(|word| json!({"const": word.word, "description": word.about})).collect())
}

fn text(form: Form) -> Value {
    match form {
        Form::Any => json!({"type": "string"}),
        Form::Free => json!({"type": "string", "minLength": 1}),
        Form::Name => json!({"type": "string", "pattern": "^\\S+$", "maxLength": 128}),
        Form::Path => json!({"type": "string", "pattern": "^\\$"}),
        Form::Class => json!({"type": "string", "pattern": "^[\\p{L}\\p{N}_-]+(\\.[\\p{L}\\p{N}_-]+)*$"}),
        Form::ClassOrPath => json!({"type": "string", "pattern": "^(\\$.*|[\\p{L}\\p{N}_-]+(\\.[\\p{L}\\p{N}_-]+)*)$"}),
        Form::Date => json!({"type": "string", "format": "date", "pattern": "^\\d{4}-\\d{2}-\\d{2}$"}),
        Form::Duration => json!({"type": "string", "pattern": "^P[A-Z0-9]+$"}),
    }
}

fn exclusive(keys: &[&str], required: bool) -> Value {
    if required {
        json!({"oneOf": keys.iter().map(|key| json!({"required": [key]})).collect::<Vec<_>>()})
    } else {
        json!({"not": {"required": keys}})
    }
}
