//! What an expression comes to over one event: whether a `where` holds, and whether the oracle says `true`.

use std::cell::Cell;
use std::sync::Arc;

use cel::{Context, Env, Program, Value, extensions};
use kairos::engine::playbook::program::Program as Compiled;
use kairos::engine::playbook::read;
use kairos::engine::{Engine, Input, Options, Record};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use proptest::test_runner::TestCaseError;

use crate::{on_a_large_stack, runner};

/// The event's properties, for both.
const PROPERTIES: &str = r#"{"n":2.5,"m":-7.0,"zero":0.0,"t":"Pro Plan","e":"é€","s":"12.5","yes":true,"no":false,
    "l":[1.0,2.5,3.0],"w":["Pro Plan","free"],"o":{"k":{"d":4.0},"a b":"x"}}"#;

/// Whether the condition held, by the engine; `None`: the checker refused it.
fn ours(condition: &str) -> Result<bool, String> {
    let playbook = format!("[signals.s]\non = 'page'\nwhere = '''{condition}'''\n[moments.m]\nwhen = 's.seen()'\n");
    let reading = read(&playbook, "p");
    let mistakes = || reading.errors().map(|mistake| mistake.message.clone()).collect::<Vec<_>>().join("; ");
    let playbook = reading.playbook.as_ref().ok_or_else(mistakes)?;
    let mut engine = Engine::new(Arc::new(Compiled::compile(playbook.clone())), Options::default());
    let event = format!(r#"{{"type":"page","userId":"u","properties":{PROPERTIES}}}"#);
    let record = Record { offset: 0, time: 1_772_409_600_000, key: None, value: Some(event.as_bytes()) };
    let mut actions = Vec::new();
    let _ = engine.step(Input::Record(record), usize::MAX, &mut actions);
    Ok(!actions.is_empty())
}

/// What the oracle makes of it.
struct Oracle {
    env: Arc<Env>,
    properties: serde_json::Value,
}

impl Oracle {
    fn new() -> Self {
        let mut env = Env::stdlib();
        env.add_extension(extensions::strings).expect("it is not there yet");
        Self { env: Arc::new(env), properties: serde_json::from_str(PROPERTIES).expect("JSON") }
    }

    fn eval(&self, source: &str) -> Result<Value, String> {
        let program: Program = self.env.compile(source).map_err(|error| error.to_string())?;
        let mut context = Context::with_env(Arc::clone(&self.env));
        context.add_variable("properties", &self.properties).map_err(|error| error.to_string())?;
        program.execute(&context).map_err(|error| format!("{error:?}"))
    }
}

/// Expressions of one type each, so that most have a value under both.
#[derive(Debug, Clone)]
struct Typed {
    number: BoxedStrategy<String>,
    text: BoxedStrategy<String>,
    truth: BoxedStrategy<String>,
}

fn leaves() -> Typed {
    let of = |all: &[&'static str]| select(all.to_vec()).prop_map(str::to_owned).boxed();
    Typed {
        number: of(&[
            "0.0",
            "1.0",
            "2.5",
            "-7.0",
            "properties.n",
            "properties.m",
            "properties.o.k.d",
            "properties.l[1]",
            "properties[\"zero\"]",
        ]),
        text: of(&[
            "'Pro'",
            "\"free\"",
            "r'^P.o'",
            "'é'",
            "''",
            "properties.t",
            "properties.e",
            "properties.w[1]",
            "properties.o['a b']",
        ]),
        truth: of(&[
            "true",
            "false",
            "properties.yes",
            "properties.no",
            "has(properties.t)",
            "has(properties.nothing)",
        ]),
    }
}

fn deeper(inner: &Typed) -> Typed {
    let Typed { number, text, truth } = inner.clone();
    let (n, t, b) = (|| number.clone(), || text.clone(), || truth.clone());
    let order = || select(vec!["==", "!=", "<", "<=", ">", ">="]);
    let choice =
        |of: BoxedStrategy<String>| (b(), of.clone(), of).prop_map(|(test, a, b)| format!("({test} ? {a} : {b})"));
    let numbers = prop_oneof![
        3 => n(),
        3 => (n(), select(vec!["+", "-", "*"]), n()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
        1 => (n(), select(vec!["2.0", "-4.0", "0.5"])).prop_map(|(a, b)| format!("({a} / {b})")),
        1 => n().prop_map(|a| format!("-({a})")),
        1 => choice(n()),
        1 => select(vec!["double(properties.s)", "double('-1.5e1')", "double(size(properties.l))", "double(7 % 4 - 9 % 2)"]).prop_map(str::to_owned),
        1 => t().prop_map(|a| format!("double(size({a}))")),
        1 => n().prop_map(|a| format!("double(int({a}))")),
    ];
    let texts = prop_oneof![
        3 => t(),
        2 => (t(), t()).prop_map(|(a, b)| format!("({a} + {b})")),
        1 => choice(t()),
        1 => t().prop_map(|a| format!("{a}.lowerAscii()")),
        1 => n().prop_map(|a| format!("string({a} + 0.0)")),
        1 => b().prop_map(|a| format!("string({a})")),
    ];
    let truths = prop_oneof![
        2 => b(),
        3 => (n(), order(), n()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
        2 => (t(), order(), t()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
        1 => (b(), select(vec!["==", "!="]), b()).prop_map(|(a, op, b)| format!("({a} {op} {b})")),
        2 => (b(), select(vec!["&&", "||"]), b(), select(vec!["&&", "||"]), b())
            .prop_map(|(a, one, b, two, c)| format!("({a} {one} {b} {two} {c})")),
        1 => b().prop_map(|a| format!("!({a})")),
        1 => choice(b()),
        2 => (t(), select(vec!["startsWith", "endsWith", "contains", "matches"]), select(vec!["'P'", "'n'", "r'e+'", "''", "'^.r'"]))
            .prop_map(|(a, f, b)| format!("{a}.{f}({b})")),
        1 => (n(), vec(n(), 0..3)).prop_map(|(a, list)| format!("({a} in [{}])", list.join(", "))),
        1 => (t(), vec(t(), 0..3)).prop_map(|(a, list)| format!("({a} in [{}])", list.join(", "))),
        1 => n().prop_map(|a| format!("({a} in properties.l)")),
        1 => (t(), 0..9).prop_map(|(a, n)| format!("(size({a}) > {n})")),
    ];
    Typed { number: numbers.boxed(), text: texts.boxed(), truth: truths.boxed() }
}

#[test]
fn values_are_the_same() {
    on_a_large_stack(|| {
        let oracle = Oracle::new();
        let conditions = (0..3).fold(leaves(), |inner, _| deeper(&inner)).truth;
        let (holds, fails, apart) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let outcome = runner(3_000).run(&conditions, |condition| {
            let (ours, theirs) = (ours(&condition), oracle.eval(&condition));
            match (&ours, &theirs) {
                (Ok(held), Ok(Value::Bool(true))) if *held => holds.set(holds.get() + 1),
                (Ok(held), Ok(Value::Bool(false))) if !held => fails.set(fails.get() + 1),
                // A number that is none here, or an error there.
                (Err(_), _) | (_, Err(_)) => apart.set(apart.get() + 1),
                _ => return Err(TestCaseError::fail(format!("{condition}\nours: {ours:?}\ntheirs: {theirs:?}"))),
            }
            Ok(())
        });
        println!("{} hold, {} do not, {} refused by one", holds.get(), fails.get(), apart.get());
        if let Err(error) = outcome {
            panic!("{error}");
        }
        let compared = holds.get() + fails.get();
        assert!(holds.get() > compared / 10 && fails.get() > compared / 10, "a comparison of nothing");
        assert!(apart.get() * 20 < compared, "too many that one of the two refuses");
    });
}
