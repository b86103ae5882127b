//! The table as a JSON Schema of draft 7, for editors.

use serde_json::json;

use super::shape::{Names, Shape};
use super::{Key, Place, pages, place, places};
use crate::kind::{Kinds, RestoreKind};
use crate::value::{Object, Value};

/// Every kind of file, with its place in the table where there is one.
const FILES: [(&str, &str); 4] =
    [("Runbook", "runbook"), ("Inventory", "inventory"), ("Policy", "policy"), ("RunbookTest", "test")];

/// Numbers with units from the longest to the shortest, at least one of them.
const DURATION: &str = r"^\s*(?=[0-9])([0-9]+d)?([0-9]+h)?([0-9]+m)?([0-9]+s)?([0-9]+ms)?\s*$";
const IDENTIFIER: &str = "^[a-z][a-z0-9_]*$";

/// The JSON Schema of every kind of file, with the actions and targets of `kinds`.
///
/// It knows keys, types and words. What an editor cannot know from a schema (names that do not exist, values in
/// scripts, expressions) is left to `runbook validate`. Of actions and targets that are in `kinds` but not in
/// the table only the names are known.
///
/// ```
/// use runbook_core::{kind::Kinds, language};
/// let schema = language::schema(&Kinds::default());
/// assert_eq!(schema["$schema"], "http://json-schema.org/draft-07/schema#");
/// assert!(schema["definitions"]["step"]["properties"]["retry"]["description"].is_string());
/// ```
pub fn schema(kinds: &Kinds) -> Value {
    let mut definitions = Object::new();
    for place in places() {
        definitions.insert(place.name.to_owned(), of_place(place, kinds));
    }
    let mut plain = of_place_named("expect", kinds);
    if let Some(plain) = plain.as_object_mut() {
        plain.insert("additionalProperties".into(), Value::Bool(false));
        plain.insert("minProperties".into(), 1.into());
    }
    definitions.insert(COMMAND_EXPECT.to_owned(), plain);
    let of_kind = FILES.iter().map(|(kind, name)| {
        let then = match place(name) {
            Some(place) => reference(place.name),
            // A kind of file that the table does not have yet.
            None => json!({}),
        };
        json!({"if": {"required": ["kind"], "properties": {"kind": {"const": kind}}}, "then": then})
    });
    let names: Vec<&str> = FILES.iter().map(|(kind, _)| *kind).collect();
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "runbook/v1",
        "description": "Runbooks and the files that belong to them.",
        "type": "object",
        "required": ["apiVersion", "kind"],
        "properties": {
            "apiVersion": {"description": "The version of the language.", "enum": ["runbook/v1"]},
            "kind": {"description": "What the file is.", "enum": names},
        },
        "allOf": of_kind.collect::<Vec<_>>(),
        "definitions": definitions,
    })
}

/// `expect` of a command: executors have no fields in it.
const COMMAND_EXPECT: &str = "expect.of_command";

fn reference(name: &str) -> Value {
    json!({"$ref": format!("#/definitions/{name}")})
}

fn of_place_named(name: &str, kinds: &Kinds) -> Value {
    place(name).map_or_else(|| json!({}), |place| of_place(place, kinds))
}

/// Actions or targets that the table does not know, for the places that take them.
fn foreign(place: &Place, kinds: &Kinds) -> Vec<String> {
    let keys: Vec<&str> = match place.name {
        "step" | "check" | "channel" => kinds.action_keys().filter(|key| *key != RestoreKind::KEY).collect(),
        "target" => kinds.target_keys().collect(),
        _ => Vec::new(),
    };
    // What stands in a step is known, even where a check does not take it.
    let known = |key: &str| {
        place.key(key).is_some() || super::place("step").is_some_and(|step| step.key(key).is_some())
    };
    keys.into_iter().filter(|key| !known(key)).map(str::to_owned).collect()
}

fn of_place(place: &Place, kinds: &Kinds) -> Value {
    let foreign = foreign(place, kinds);
    let mut properties = Object::new();
    let mut dependencies = Object::new();
    for key in place.keys {
        properties.insert(key.name.to_owned(), of_key(key, place.late));
        if !key.beside.is_empty() && !key.later {
            dependencies.insert(key.name.to_owned(), required(key.beside.iter().copied(), "anyOf"));
        }
    }
    for key in &foreign {
        properties.insert(key.clone(), json!({"description": format!("`{key}` of an executor.")}));
    }
    let mut schema = Object::new();
    schema.insert("description".into(), place.meaning.into());
    schema.insert("type".into(), "object".into());
    schema.insert("properties".into(), Value::Object(properties));
    let executors_have_fields = place.open && place.one_of.is_empty();
    schema.insert("additionalProperties".into(), executors_have_fields.into());
    let needed: Vec<&str> = place.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    if !needed.is_empty() {
        schema.insert("required".into(), needed.into());
    }
    if !dependencies.is_empty() {
        schema.insert("dependencies".into(), Value::Object(dependencies));
    }
    let mut all: Vec<Value> = Vec::new();
    if !place.one_of.is_empty() {
        let names = place.one_of.iter().copied().chain(foreign.iter().map(String::as_str));
        all.push(required(names, "oneOf"));
    }
    if !place.any_of.is_empty() {
        all.push(required(place.any_of.iter().copied(), "anyOf"));
    }
    if place.key("run").is_some() && place.key("expect").is_some() {
        let expect = json!({"anyOf": [{"not": {"type": "object"}}, reference(COMMAND_EXPECT)]});
        all.push(json!({"if": {"required": ["run"]}, "then": {"properties": {"expect": expect}}}));
    }
    if place.name == "input" {
        let is_enum = json!({"required": ["type"], "properties": {"type": {"const": "enum"}}});
        all.push(json!({"if": is_enum, "then": {"required": ["options"]}}));
    }
    if !all.is_empty() {
        schema.insert("allOf".into(), all.into());
    }
    Value::Object(schema)
}

/// One of these keys must be there.
fn required<'a>(names: impl Iterator<Item = &'a str>, how: &str) -> Value {
    let mut each: Vec<Value> = names.map(|name| json!({"required": [name]})).collect();
    match (each.len(), each.pop()) {
        (1, Some(only)) => only,
        (_, last) => {
            each.extend(last);
            json!({how: each})
        }
    }
}

fn of_key(key: &Key, late: bool) -> Value {
    let mut schema = match key.later {
        // Refused by the reader with a message of its own.
        true => json!({}),
        false => of_shape(&key.shape, late),
    };
    if schema.get("$ref").is_some() {
        // What stands beside a reference is not looked at.
        schema = json!({"allOf": [schema]});
    }
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".into(), pages::description(key).into());
        schema.insert("markdownDescription".into(), pages::hover(key).into());
        if let Some(default) = key.default.and_then(literal) {
            schema.insert("default".into(), default);
        }
    }
    schema
}

/// The value of a default that is one.
fn literal(default: &str) -> Option<Value> {
    let text = default.strip_prefix('`')?.strip_suffix('`').filter(|text| !text.contains('`'))?;
    Some(match text {
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        text => text.parse::<u64>().map_or_else(|_| text.into(), Value::from),
    })
}

/// `late`: a scalar with `${{ }}` fits every scalar.
fn of_shape(shape: &Shape, late: bool) -> Value {
    let scalar = |schema: Value| match late {
        true => json!({"anyOf": [schema, {"type": "string", "pattern": r"\$\{\{"}]}),
        false => schema,
    };
    match shape {
        Shape::Any => json!({}),
        Shape::Nothing => json!({"type": "null"}),
        // An unquoted whole number is a text as it stands.
        Shape::Text | Shape::Template => json!({"type": ["string", "integer"]}),
        Shape::Expression => json!({"type": ["string", "number", "boolean"]}),
        Shape::Bool => scalar(json!({"type": "boolean"})),
        Shape::Whole(least, most) if *most > u64::from(u32::MAX) => {
            scalar(json!({"type": "integer", "minimum": least}))
        }
        Shape::Whole(least, most) => scalar(json!({"type": "integer", "minimum": least, "maximum": most})),
        Shape::Number => scalar(json!({"type": "number"})),
        Shape::Duration => scalar(json!({"type": "string", "pattern": DURATION})),
        Shape::Share => scalar(json!({"anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "string", "pattern": r"^([0-9]+|0*(100|[0-9]{1,2})\s*%)$"},
        ]})),
        Shape::Size => scalar(json!({"anyOf": [
            {"type": "number", "minimum": 0},
            {"type": "string", "pattern": r"^\s*[0-9]+(\.[0-9]+)?\s*[kKMGTPE]?i?B?\s*$"},
        ]})),
        Shape::Regex => json!({"type": ["string", "number", "boolean"]}),
        Shape::Date => json!({"type": "string", "format": "date"}),
        Shape::Identifier => json!({"type": "string", "pattern": IDENTIFIER}),
        Shape::Name => json!({"type": ["string", "integer"], "pattern": "^[a-z0-9][a-z0-9_.-]*$"}),
        Shape::Words(words) => scalar(json!({"enum": words})),
        Shape::List(item) => json!({"type": "array", "items": of_shape(item, late)}),
        Shape::Items(item) => json!({"type": "array", "minItems": 1, "items": of_shape(item, late)}),
        Shape::Map(names, value) => {
            let mut schema = json!({"type": "object", "additionalProperties": of_shape(value, late)});
            let pattern = match names {
                Names::Any => None,
                Names::Identifiers => Some(IDENTIFIER),
                Names::Variables => Some("^[A-Za-z_][A-Za-z0-9_]*$"),
            };
            if let (Some(pattern), Some(schema)) = (pattern, schema.as_object_mut()) {
                schema.insert("propertyNames".into(), json!({"pattern": pattern}));
            }
            schema
        }
        Shape::Place(name) => reference(name),
        Shape::Either(shapes) => {
            json!({"anyOf": shapes.iter().map(|shape| of_shape(shape, late)).collect::<Vec<_>>()})
        }
    }
}
