//! What `kairos schema` prints, in the hands of a validator: it takes every playbook that the checker takes, and refuses
//! those whose shape is wrong. What names and expressions mean is for `kairos check` alone.

use std::process::Command;

use boon::{Compiler, SchemaIndex, Schemas};
use kairos::engine::playbook::mistake::{Code, Severity};
use kairos::engine::playbook::read;
use serde_json::Value;

/// Mistakes that a shape can show. Of some only the plain ones: see [`is_beyond_shapes`].
const SHAPES: [Code; 11] = [
    Code::UnknownKey,
    Code::MissingKey,
    Code::WrongType,
    Code::ConflictingKeys,
    Code::BadName,
    Code::BadDuration,
    Code::BadNumber,
    Code::BadEventName,
    Code::BadSegments,
    Code::UnknownCall,
    Code::NotYet,
];

struct Validator {
    schemas: Schemas,
    index: SchemaIndex,
}

impl Validator {
    fn new() -> Self {
        let output = Command::new(env!("CARGO_BIN_EXE_kairos")).arg("schema").output().expect("the program starts");
        let schema: Value = serde_json::from_slice(&output.stdout).expect("it prints JSON");
        let (mut schemas, mut compiler) = (Schemas::new(), Compiler::new());
        compiler.add_resource("playbook.json", schema).expect("a resource");
        let index = compiler.compile("playbook.json", &mut schemas).unwrap_or_else(|error| panic!("{error:#}"));
        Self { schemas, index }
    }

    fn refuses(&self, playbook: &str) -> Option<String> {
        let value: toml::Table = toml::from_str(playbook).expect("it is TOML");
        self.schemas.validate(&json(toml::Value::Table(value)), self.index).err().map(|error| format!("{error:#}"))
    }
}

/// As an editor sees it: dates are texts.
fn json(value: toml::Value) -> Value {
    match value {
        toml::Value::String(text) => text.into(),
        toml::Value::Integer(number) => number.into(),
        toml::Value::Float(number) => number.into(),
        toml::Value::Boolean(flag) => flag.into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(items) => items.into_iter().map(json).collect(),
        toml::Value::Table(table) => Value::Object(table.into_iter().map(|(key, value)| (key, json(value))).collect()),
    }
}

/// What the checker refuses for a reason that no shape shows: it stands elsewhere, or in an expression.
const BEYOND_SHAPES: [&str; 13] = [
    "[traits]⏎email",  // names that go out anyway
    "[signals.email]", // a name that means something in expressions
    "low = 0.1",       // thresholds beside each other
    "high = 0",
    "points = 1.2345", // how many digits a number has
    "\"500d\"",        // longer than the longest window
    "\"trak\"",        // a type may be in any case
    "bought.count(",   // in expressions
    "bought.days(",
    "viewed.sum(",
    "duration(\"soon\")",
    "account.x",
    "table.x",
];

fn is_beyond_shapes(change: &str) -> bool {
    let to = change.split_once(" => ").expect("what replaces what").1;
    BEYOND_SHAPES.iter().any(|part| to.contains(part))
}

#[test]
fn what_the_checker_takes_it_takes() {
    let validator = Validator::new();
    let shipped =
        [include_str!("../playbooks/b2b-saas.toml"), include_str!("../deploy/kubernetes/example/playbook.toml")];
    let mut taken = 0;
    let mut see = |playbook: &str| {
        if read(playbook, "p").errors().next().is_none() {
            taken += 1;
            assert_eq!(validator.refuses(playbook), None, "{playbook}");
        }
    };
    shipped.iter().for_each(|playbook| see(playbook));
    for entry in std::fs::read_dir("tests/golden").expect("the golden cases") {
        let path = entry.expect("an entry").path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(path).expect("a text");
        let file: toml::Table = toml::from_str(&text).expect("it is TOML");
        let Some(cases) = file.get("case") else {
            see(&text); // that of the golden state is a playbook itself
            continue;
        };
        let cases = cases.as_array().expect("cases").iter().filter_map(|case| case.get("playbook"));
        cases.chain(file.get("playbook")).for_each(|playbook| see(playbook.as_str().expect("a text")));
    }
    changed().iter().for_each(|(_, playbook)| see(playbook));
    assert!(taken > 60, "only {taken} playbooks");
}

#[test]
fn what_is_of_the_wrong_shape_it_refuses() {
    let validator = Validator::new();
    let (mut refused, mut taken) = (0, String::new());
    for (change, playbook) in changed() {
        let reading = read(&playbook, "p");
        let shapes = || reading.mistakes.iter().filter(|mistake| SHAPES.contains(&mistake.code));
        if toml::from_str::<toml::Table>(&playbook).is_err() || shapes().next().is_none() || is_beyond_shapes(&change) {
            continue;
        }
        assert!(shapes().all(|mistake| mistake.code.severity() == Severity::Error));
        refused += 1;
        if validator.refuses(&playbook).is_none() {
            let said: Vec<_> = shapes().map(|mistake| &mistake.message).collect();
            taken += &format!("{change}\n  {said:?}\n");
        }
    }
    assert!(taken.is_empty(), "taken:\n{taken}");
    assert!(refused > 15, "only {refused} playbooks");
}

/// The playbooks of `mistakes.txt`, each with its change.
fn changed() -> Vec<(String, String)> {
    let right = include_str!("mistakes.rs").split("r#\"").nth(1).and_then(|rest| rest.split("\"#").next());
    let right = right.expect("the playbook with nothing wrong");
    let cases = include_str!("mistakes.txt").split("\n\n").filter_map(|case| case.trim_start().lines().next());
    let made = cases.map(|change| {
        let (from, to) = change.split_once(" => ").expect("what replaces what");
        (change.to_owned(), right.replace(from, &to.replace('⏎', "\n")))
    });
    made.collect()
}
