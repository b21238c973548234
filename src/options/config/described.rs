//! Descriptions of parts of the JSON schema.

use serde_json::{Value, json};

pub(super) fn described(mut schema: Value, words: String) -> Value {
    if let Some(schema) = schema.as_object_mut() {
        schema.insert("description".to_owned(), words.into());
    }
    schema
}

pub(super) fn text() -> Value {
    json!({ "type": "string", "minLength": 1 })
}
