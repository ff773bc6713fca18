//! `kairos schema`: the playbook's JSON Schema, so that editors complete and validate it. It describes shapes; what
//! names and expressions mean is for `kairos check`.

use serde_json::{Value, json};

use super::{Exit, print};

#[derive(Debug, clap::Args)]
pub struct Args {}

pub fn run(_: Args) -> Result<(), Exit> {
    print(&format!("{:#}\n", schema()))
}

fn schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Kairos playbook",
        "type": "object",
        "additionalProperties": false,
        "properties": {
            "settings": settings(),
            "traits": { "type": "object", "description": "Traits of the outgoing identify: the first path that has a value.", "additionalProperties": texts() },
            "signals": { "type": "object", "propertyNames": identifier(), "additionalProperties": signal() },
            "scores": { "type": "object", "propertyNames": identifier(), "additionalProperties": score() },
            "moments": { "type": "object", "propertyNames": { "pattern": "^[A-Za-z0-9_-]+$" }, "additionalProperties": moment() },
            "tests": { "type": "array", "items": test() },
        },
        "$defs": {
            "duration": { "type": "string", "pattern": "^0*[1-9][0-9]*[smhdw]$", "description": "A whole number and a unit: s, m, h, d, w." },
            "expression": { "type": "string", "minLength": 1, "maxLength": 4096 },
        },
    })
}

fn settings() -> Value {
    table(
        &[],
        json!({
            "min_interval": { "type": "string", "pattern": "^[0-9]+[smhdw]$", "description": "Between two identifies that only a drifting score asks for; \"0s\" is none." },
            "free_mail": texts(),
            "revision": { "type": "integer", "minimum": 0, "description": "Raise it with each change that is rolled out." },
        }),
    )
}

fn signal() -> Value {
    let call = json!({ "enum": ["track", "page", "screen", "identify", "group", "alias"] });
    let name = json!({ "type": "string", "pattern": "[^ _.-]" });
    let mut signal = table(
        &[],
        json!({
            "on": { "anyOf": [call, { "type": "array", "items": call, "minItems": 1 }], "description": "Call types it listens to." },
            "event": { "anyOf": [name, { "type": "array", "items": name, "minItems": 1 }], "description": "Names of track events; case, spaces, _, - and . don't count." },
            "sequence": { "type": "array", "items": { "type": "string" }, "minItems": 2, "description": "Plain signals, in order." },
            "within": duration("How long after the step before it a step still counts."),
            "where": expression("What must hold of the event."),
            "value": { "type": "string", "description": "Path of the number that sum, max, avg and last look at." },
            "distinct": { "type": "string", "description": "Path of the value that distinct looks at." },
        }),
    );
    signal["anyOf"] =
        json!([{ "required": ["on"] }, { "required": ["event"] }, { "required": ["sequence", "within"] }]);
    signal["dependentRequired"] = json!({ "within": ["sequence"] });
    signal["dependentSchemas"] = json!({
        "event": { "properties": { "on": { "anyOf": [{ "const": "track" }, { "const": ["track"] }] } } },
        "sequence": { "properties": { "on": false, "event": false, "where": false, "value": false, "distinct": false } },
    });
    signal
}

fn score() -> Value {
    let unit = json!({ "type": "number", "minimum": 0, "maximum": 1 });
    table(
        &["half", "segments", "terms"],
        json!({
            "half": { "type": "number", "exclusiveMinimum": 0, "description": "How many points make a score of 0.50." },
            "segments": { "type": "object", "additionalProperties": unit, "minProperties": 1 },
            "terms": { "type": "array", "items": term() },
            "publish_score": { "type": "boolean" },
            "publish_signals": { "type": "boolean" },
            "min_delta": { "type": "number", "minimum": 0.01, "maximum": 1 },
            "margin": unit,
        }),
    )
}

fn term() -> Value {
    let mut term = table(
        &["points"],
        json!({
            "label": { "type": "string" },
            "points": { "type": "number", "not": { "const": 0 } },
            "signal": { "type": "string" },
            "lifespan": duration("How long an occurrence counts, less and less."),
            "cap": { "type": "number", "exclusiveMinimum": 0 },
            "when": expression("Points while this is true."),
        }),
    );
    term["oneOf"] = json!([{ "required": ["signal", "lifespan"] }, { "required": ["when"] }]);
    term["dependentRequired"] = json!({ "lifespan": ["signal"], "cap": ["signal"] });
    term
}

fn moment() -> Value {
    table(
        &["when"],
        json!({
            "when": expression("The moment fires when this becomes true."),
            "until": expression("It is over when this is true; else when `when` is false."),
            "for": duration("How long `when` must have been true."),
            "cooldown": duration("Between two firings."),
            "needs_history": duration("It does not fire while less was recorded."),
            "score": { "type": "string", "description": "The score whose figures go out with it." },
            "trait": { "type": "boolean" },
            "ended": { "type": "boolean" },
            "enabled": { "type": "boolean" },
        }),
    )
}

fn test() -> Value {
    let time = json!({ "type": "string", "description": "A time, or `+2h` after the test's start." });
    let calls = json!(["track", "page", "screen", "identify", "group", "alias", "delete"]);
    let event = json!({ "type": "object", "required": ["at", "type"], "properties": {
        "at": time, "type": { "anyOf": [{ "enum": calls }, { "type": "string" }] }, "times": { "type": "integer", "minimum": 1 }, "every": duration("Between two of them."),
    }});
    let expect = table(
        &["userId"],
        json!({
            "userId": { "type": "string" },
            "moment": { "type": "string" }, "not": { "type": "string" },
            "ended": { "type": "string" }, "not_ended": { "type": "string" },
            "score": { "type": "string" }, "segment": { "type": "string" }, "trait": { "type": "string" },
            "after": time, "before": time, "at": time, "is": {}, "missing": { "type": "boolean" },
            "at_least": { "type": "number" }, "at_most": { "type": "number" },
        }),
    );
    table(
        &["name", "events", "expect"],
        json!({
            "name": { "type": "string" },
            "start": time,
            "events": { "type": "array", "items": event },
            "expect": { "type": "array", "items": expect },
        }),
    )
}

fn table(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "additionalProperties": false, "required": required, "properties": properties })
}

fn texts() -> Value {
    json!({ "anyOf": [{ "type": "string" }, { "type": "array", "items": { "type": "string" }, "minItems": 1 }] })
}

fn identifier() -> Value {
    json!({ "pattern": "^[A-Za-z_][A-Za-z0-9_]*$" })
}

fn duration(description: &str) -> Value {
    json!({ "$ref": "#/$defs/duration", "description": description })
}

fn expression(description: &str) -> Value {
    json!({ "$ref": "#/$defs/expression", "description": description })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The checker lists the keys it knows when it meets a stranger: the schema must know the same ones.
    #[test]
    fn the_schema_knows_the_keys_that_the_checker_knows() {
        let schema = schema();
        let of = |section: &str| &schema["properties"][section]["additionalProperties"]["properties"];
        for (text, known) in [
            ("[signals.a]\non = 'page'\nzzzzzzzzzz = 1", of("signals")),
            ("[scores.a]\nzzzzzzzzzz = 1", of("scores")),
            ("[moments.a]\nzzzzzzzzzz = 1", of("moments")),
        ] {
            let reading = crate::engine::playbook::read(text, "p");
            let stranger =
                reading.errors().find(|mistake| mistake.code.as_str() == "unknown_key").expect("one stranger");
            let help = stranger.help.clone().unwrap_or_default();
            let mut told: Vec<&str> = help.trim_start_matches("known are ").split(", ").collect();
            told.sort_unstable();
            let keys: Vec<&str> = known.as_object().expect("a table").keys().map(String::as_str).collect();
            assert_eq!(told, keys, "{text}");
        }
    }
}
