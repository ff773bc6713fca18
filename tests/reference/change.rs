//! A playbook that is exchanged keeps what it can (architecture.md, 11): what means the same goes on, what is new starts
//! empty and warming, and everybody is looked at in the next minute.

use std::cell::Cell;

use kairos::engine::playbook::program::{self, Program};
use kairos::engine::{Action, Engine};
use proptest::test_runner::TestCaseError;

use crate::compare::{number, runner};
use crate::model::json::Json;
use crate::model::time::{DAY, HOUR, MINUTE};
use crate::model::{Input, Reading};
use crate::world::changed;
use crate::{engine, generate};

const START: i64 = 1_772_409_600_000;

fn run(playbook: &str, inputs: &[Input]) -> (Engine, Vec<Action>) {
    let program = engine::compile(playbook).expect("a playbook");
    let mut engine = engine::start(program, &Reading::default());
    let mut actions = Vec::new();
    inputs.iter().for_each(|input| engine::step(&mut engine, input, usize::MAX, &mut actions));
    (engine, actions)
}

fn page(at: i64) -> Input {
    let value = br#"{"type":"page","userId":"u","properties":{"path":"/pricing"}}"#;
    Input::Record { offset: at, time: at, value: Some(value.to_vec()) }
}

/// The clock goes on alone: each event that is sent, with its minute.
fn silence(engine: &mut Engine, until: i64) -> Vec<(String, i64)> {
    let mut events = Vec::new();
    while let Some(minute) = engine.next_due().filter(|minute| *minute <= until) {
        let mut actions = Vec::new();
        engine::step(engine, &Input::Clock(minute), usize::MAX, &mut actions);
        for action in actions {
            let Action::Emit(message) = action else { continue };
            let value = Json::parse(&message.value.expect("nobody is deleted")).expect("a message is JSON");
            if let Some(Json::Text(event)) = value.get("event") {
                events.push((event.clone(), minute));
            }
        }
    }
    events
}

/// The same cells, another condition: what is true of somebody now is noticed without an event of theirs.
#[test]
fn everybody_is_looked_at_in_the_next_minute() {
    let playbook =
        |least: u32| format!("[signals.came]\non = \"page\"\n[moments.m]\nwhen = 'came.count(\"9d\") >= {least}'\n");
    let (mut before, actions) = run(&playbook(3), &[page(START), page(START + 5)]);
    assert_eq!(actions.len(), 0, "two are not three");
    let other = engine::compile(&playbook(2)).expect("a playbook");
    let mut after = changed(&mut before, other);
    assert_eq!(silence(&mut after, START + DAY), [("mk_m".to_owned(), START + MINUTE)]);
}

#[test]
fn history_of_a_new_signal_counts_from_the_change() {
    let old = "[signals.came]\non = \"page\"\n[moments.m]\nwhen = 'came.count(\"9d\") >= 9'\n";
    let new = "[signals.came]\non = \"page\"\n[signals.bought]\nevent = \"Bought\"\n
        [moments.m]\nwhen = 'came.count(\"9d\") >= 1'\nneeds_history = \"2h\"\n
        [moments.n]\nwhen = 'came.count(\"9d\") >= 1 && bought.count(\"9d\") == 0'\nneeds_history = \"2h\"\n";
    let (mut before, _) = run(old, &[page(START), page(START + 3 * HOUR)]);
    let mut after = changed(&mut before, engine::compile(new).expect("a playbook"));
    let expected = [("mk_m".to_owned(), START + 3 * HOUR + MINUTE), ("mk_n".to_owned(), START + 5 * HOUR)];
    assert_eq!(silence(&mut after, START + DAY), expected);
    // The same again: a snapshot remembers since when.
    let again = after.program().clone();
    assert_eq!(changed(&mut after, again).history_of(&new_moment(&after)), Some(START + 3 * HOUR));
}

fn new_moment(engine: &Engine) -> kairos::engine::playbook::meant::Moment {
    engine.program().playbook.moments[1].clone()
}

/// Two signals of one playbook mean the same: each keeps its own counts, and a third that is added knows them too.
#[test]
fn signals_that_mean_the_same_are_not_taken_for_one() {
    let playbook = |names: &[&str]| -> String {
        let one = |name: &&str| {
            format!("[signals.{name}]\non = \"page\"\n[moments.m{name}]\nwhen = '{name}.count(\"9d\") >= 3'\n")
        };
        names.iter().map(one).collect()
    };
    let (mut before, _) = run(&playbook(&["a", "b"]), &[page(START), page(START + 5)]);
    let mut after = changed(&mut before, engine::compile(&playbook(&["a", "b", "c"])).expect("a playbook"));
    let mut actions = Vec::new();
    engine::step(&mut after, &page(START + 10), usize::MAX, &mut actions);
    assert_eq!(actions.len(), 3, "{actions:?}");
}

/// What is remembered of events, as against what was said.
fn is_of_events(cell: &program::Cell) -> bool {
    use program::Cell::{Messages, Moment, Score, Sent};
    !matches!(cell, Messages | Sent | Score(_) | Moment(_))
}

/// Every cell of every user: as if the new playbook had always been there where the old one had it too, else empty.
fn kept(old: &Program, carried: &Engine, fresh: &Engine) -> Result<usize, String> {
    let new = carried.program();
    let mut users = Vec::new();
    fresh.each_user(|user, _, _| users.push(user.to_owned()));
    for user in &users {
        let (Some(have), Some(want)) = (carried.find_user(user), fresh.find_user(user)) else {
            return Err(format!("{user} is gone"));
        };
        for (id, cell) in (0..).zip(&new.cells).filter(|(_, cell)| is_of_events(cell)) {
            let is_old = old.fingerprints.contains(&new.fingerprints[usize::from(id)]);
            let want = want.get(id).filter(|_| is_old);
            if have.get(id) != want {
                return Err(format!("{user} {cell:?}: {:?}, but {want:?}", have.get(id)));
            }
        }
    }
    Ok(users.len())
}

#[test]
fn what_means_the_same_is_kept_and_nothing_else() {
    let users = Cell::new(0);
    let stream = (generate::changed_playbook(), generate::picks());
    let outcome = runner(number("KAIROS_CASES", 300)).run(&stream, |((one, other), picks)| {
        let (Ok(old), Ok(new)) = (engine::compile(&one), engine::compile(&other)) else { return Ok(()) };
        let inputs = generate::inputs(&picks);
        let (mut before, _) = run(&one, &inputs);
        let (fresh, _) = run(&other, &inputs);
        let carried = changed(&mut before, new);
        match kept(&old, &carried, &fresh) {
            Ok(count) => users.set(users.get() + count),
            Err(how) => return Err(TestCaseError::fail(format!("{one}\n{other}\n{picks:?}\n{how}"))),
        }
        Ok(())
    });
    println!("{} users compared", users.get());
    if let Err(error) = outcome {
        panic!("{error}");
    }
    assert!(users.get() > 0, "a comparison of nothing");
}
