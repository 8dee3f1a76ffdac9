//! The part of JSON Schema that ours use; and nothing may be in a document that its schema lacks.

use serde_json::Value;

/// Panics with the place where `value` is not what `schema` says. `root` is the whole schema; a
/// reference without `#` is to the schema of failure records.
pub fn validate(schema: &Value, root: &Value, value: &Value, at: &str) {
    if let Some(name) = schema["$ref"].as_str() {
        if name == "failure-record.schema.json" {
            let other = include_str!("../../man/failure-record.schema.json");
            let other: Value = serde_json::from_str(other).expect("JSON");
            return validate(&other, &other, value, at);
        }
        let target = root.pointer(name.trim_start_matches('#')).expect("a definition");
        return validate(target, root, value, at);
    }
    let kinds: Vec<&str> = match &schema["type"] {
        Value::String(kind) => vec![kind],
        Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(n) if n.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    assert!(kinds.is_empty() || kinds.contains(&kind), "{at} is a {kind}, not {kinds:?}");
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{at}: {value}");
    }
    if let Some(only) = schema.get("const") {
        assert_eq!(only, value, "{at}");
    }
    for (i, item) in value.as_array().into_iter().flatten().enumerate() {
        validate(&schema["items"], root, item, &format!("{at}[{i}]"));
    }
    if let Some(object) = value.as_object() {
        let mut names: Vec<&str> = object.keys().map(String::as_str).collect();
        names.sort_unstable();
        let mut required: Vec<&str> =
            schema["required"].as_array().expect(at).iter().filter_map(Value::as_str).collect();
        required.sort_unstable();
        assert_eq!(names, required, "{at}");
        for (name, value) in object {
            let at = format!("{at}.{name}");
            validate(schema["properties"].get(name).expect(&at), root, value, &at);
        }
    }
}
