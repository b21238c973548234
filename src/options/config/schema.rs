//! The JSON Schema of the configuration, for editors: made of the options themselves.

use clap::{Arg, ArgAction, CommandFactory};
use serde_json::{Map, Value, json};

use crate::options::Args;
use crate::options::config::described::{described, text};
use crate::options::config::kinds;
use crate::options::config::options::{SettableBy, of_files};
use crate::rules::RULES;
use crate::rules::engine::levels::ALL;

/// Returns the schema in draft 7, which editors support best.
pub fn schema() -> Value {
    let command = Args::command();
    let mut properties = Map::new();
    for (long, reach) in of_files() {
        if let Some(arg) = command.get_arguments().find(|arg| arg.get_long() == Some(long)) {
            properties.insert(long.to_owned(), described(of_option(arg), description(arg, reach)));
        }
    }
    let list = json!({ "anyOf": [text(), { "type": "array", "items": text() }] });
    let own = [
        ("rules", rules(), "Severities of rules for all files"),
        ("overrides", overrides(), "Severities of rules for some files; the last match wins"),
        ("mutable-tags", list.clone(), "Globs for mutable tags; they replace the built-in list"),
        ("allowed-registries", list, "Allowed registries and repository prefixes (globs)"),
        ("kinds", kinds::schema(), "Kinds whose objects contain images; they take precedence over the built-in kinds"),
    ];
    properties.extend(own.map(|(key, schema, words)| (key.to_owned(), described(schema, words.to_owned()))));
    json!({
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": ".pullcheck.yaml",
        "description": "pullcheck configuration",
        "type": ["object", "null"],
        "additionalProperties": false,
        "properties": properties,
    })
}

fn description(arg: &Arg, reach: SettableBy) -> String {
    let help = arg.get_help().map(ToString::to_string).unwrap_or_default();
    match reach {
        SettableBy::Operator(why) => format!("{help}. Allowed only in a file that is passed with --config: {why}"),
        _ => help,
    }
}

fn of_option(arg: &Arg) -> Value {
    let item = match arg.get_action() {
        ArgAction::SetTrue => return json!({ "type": "boolean" }),
        _ => of_value(arg),
    };
    match arg.get_action() {
        ArgAction::Append => json!({ "anyOf": [item, { "type": "array", "items": item }] }),
        _ => item,
    }
}

fn of_value(arg: &Arg) -> Value {
    let values: Vec<String> = arg.get_possible_values().iter().map(|value| value.get_name().to_owned()).collect();
    let name = arg.get_value_names().and_then(<[_]>::first).map(ToString::to_string).unwrap_or_default();
    match name.as_str() {
        _ if !values.is_empty() => json!({ "enum": values }),
        "N" => json!({ "type": "integer", "minimum": 0 }),
        "TIME" => json!({ "type": ["string", "number"], "pattern": "^[0-9.]+(ms|s|m|h)?$", "minimum": 0 }),
        "SIZE" => {
            json!({ "type": ["string", "number"], "pattern": "^[0-9.]+ *([kKmMgGtT]?[iI]?[bB]?)$", "minimum": 1 })
        }
        _ => text(),
    }
}

fn rules() -> Value {
    let level = |words: String| json!({ "enum": ["error", "warning", "note", "off"], "description": words });
    let all = (ALL.to_owned(), level("Every enabled rule that is not listed".to_owned()));
    let rule = |meta: &crate::rules::engine::meta::Meta| {
        let words = format!("{} [default: {}]", meta.title, meta.default_level());
        (meta.id.to_owned(), level(words))
    };
    let properties: Map<String, Value> =
        [all].into_iter().chain(RULES.iter().map(|entry| rule(entry.meta()))).collect();
    json!({ "type": ["object", "null"], "additionalProperties": false, "properties": properties })
}

fn overrides() -> Value {
    let paths = json!({
        "description": ".gitignore patterns, relative to the folder of this file",
        "anyOf": [text(), { "type": "array", "items": text() }],
    });
    let mut rules = rules();
    // The texts are at `rules` already, and are many.
    if let Some(properties) = rules.pointer_mut("/properties").and_then(Value::as_object_mut) {
        properties.values_mut().for_each(|rule| *rule = json!({ "enum": rule["enum"] }));
    }
    let properties = json!({ "paths": paths, "rules": rules });
    let item = json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["paths", "rules"],
        "properties": properties,
    });
    json!({ "type": ["array", "null"], "items": item })
}
