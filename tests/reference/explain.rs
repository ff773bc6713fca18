//! What `kairos explain` foretells, under random playbooks and after random streams: it comes true when nothing more
//! happens, at the minute that was foretold, and nothing else does.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use kairos::engine::explain::Found;
use kairos::engine::explain::said::{Flip, Next};
use kairos::engine::{Action, Engine, Input, Millis};
use proptest::test_runner::TestCaseError;

use crate::compare::{number, runner};
use crate::model::Reading;
use crate::model::json::Json;
use crate::{engine, generate};

const DAY: Millis = 86_400_000;
/// Most minutes at which something is due, of one case.
const MINUTES: usize = 5_000;

/// By user and moment.
type Steps = BTreeMap<(String, String), Flip>;

/// The next step of each moment that will be sent, of users whose messages are not held back.
fn foretold(engine: &Engine, program: &kairos::engine::playbook::program::Program, users: &BTreeSet<String>) -> Steps {
    let mut steps = Steps::new();
    for user in users {
        let Found::User(subject) = engine.find_subject(user) else { continue };
        let said = subject.explain(false);
        if said.held_back_until.is_some() {
            continue;
        }
        for (moment, meant) in said.moments.iter().zip(&program.playbook.moments) {
            let flip = match moment.next {
                Next::Fires(flip) if meant.enabled => flip,
                Next::Ends(flip) if meant.enabled && meant.ended => flip,
                Next::Fires(_) | Next::Ends(_) => continue,
            };
            // Who was merged away is explained as who took them over.
            steps.insert((said.user.clone(), moment.name.clone()), flip);
        }
    }
    steps
}

/// Steps the clock alone; the first message of each of these moments, and how far it went: what flaps each minute is not
/// followed for long.
fn happened(engine: &mut Engine, wanted: &Steps, until: Millis) -> (BTreeMap<(String, String), Millis>, Millis) {
    let mut found = BTreeMap::new();
    for _ in 0..MINUTES {
        let Some(minute) = engine.next_due().filter(|minute| *minute <= until) else { return (found, until) };
        let mut actions = Vec::new();
        let _ = engine.step(Input::Clock(minute), usize::MAX, &mut actions);
        for action in actions {
            let Action::Emit(message) = action else { continue };
            let value = message.value.expect("only records delete");
            // Most are identifies, or come again and again.
            let is_new = |(user, moment): &&(String, String)| *user == message.key && is_named(&value, moment);
            if !wanted.keys().filter(|key| !found.contains_key(*key)).any(|key| is_new(&key)) {
                continue;
            }
            let value = Json::parse(&value).expect("a message is JSON");
            let Some(Json::Text(event)) = value.get("event") else { continue };
            let name = event.trim_start_matches("mk_");
            for name in [name, name.trim_end_matches("_ended")] {
                let key = (message.key.clone(), name.to_owned());
                if wanted.contains_key(&key) {
                    found.entry(key).or_insert(minute);
                }
            }
        }
    }
    let until = engine.clock().expect("it was stepped");
    (found, until)
}

fn is_named(message: &[u8], moment: &str) -> bool {
    let name = format!("\"mk_{moment}");
    message.windows(name.len()).any(|part| part == name.as_bytes())
}

#[test]
fn what_is_foretold_comes_true() {
    let (steps, flips) = (Cell::new(0), Cell::new(0));
    let cases = number("KAIROS_CASES", 300) / 2;
    let outcome = runner(cases).run(&(generate::playbook(), generate::picks()), |(playbook, picks)| {
        let Ok(program) = engine::compile(&playbook) else { return Ok(()) };
        let mut engine = engine::start(program.clone(), &Reading::default());
        let mut actions = Vec::new();
        generate::inputs(&picks).iter().for_each(|input| engine::step(&mut engine, input, usize::MAX, &mut actions));
        let users: BTreeSet<String> = actions
            .iter()
            .filter_map(|action| match action {
                Action::Emit(message) => Some(message.key.clone()),
                Action::DeadLetter(_) => None,
            })
            .collect();
        let Some(clock) = engine.clock() else { return Ok(()) };
        let foretold = foretold(&engine, &program, &users);
        let (happened, until) = happened(&mut engine, &foretold, clock + 40 * DAY);
        for (key, flip) in &foretold {
            let expected = match flip {
                Flip::At(at) if at.0 <= until => Some(at.0),
                Flip::At(_) | Flip::Never => None,
                Flip::NotBefore(_) => continue,
            };
            steps.set(steps.get() + 1);
            flips.set(flips.get() + u32::from(expected.is_some()));
            if happened.get(key).copied() != expected {
                let text = format!("{playbook}\n{picks:?}\n{key:?} at {clock}: {flip:?}, but {:?}", happened.get(key));
                return Err(TestCaseError::fail(text));
            }
        }
        Ok(())
    });
    println!("{} moments explained, {} of them with a step ahead", steps.get(), flips.get());
    if let Err(error) = outcome {
        panic!("{error}");
    }
    assert!(flips.get() > 0, "nothing was foretold");
}
