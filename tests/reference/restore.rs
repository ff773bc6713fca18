//! Snapshots and replays under random playbooks and streams: whatever is cut when, whenever all is lost, what was
//! committed is what a straight run says, and the state is the same. `KAIROS_CASES` and `KAIROS_SEED` as in `compare`.

use std::cell::Cell;

use kairos::engine::{Action, Engine};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

use crate::compare::{number, runner};
use crate::model::time::{DAY, HOUR, MINUTE};
use crate::model::{Input, Reading};
use crate::world::{Seen, World, changed, state, whole};
use crate::{engine, generate};

/// A turn of the shell: what, and how much of it.
type Turn = (u8, u8);

/// A fact that is in no record: before which input, what, how far from the clock there.
type Extra = (u8, u8, u8);

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    vec((0..20u8, 0..6u8), 1..120)
}

fn extras() -> impl Strategy<Value = Vec<Extra>> {
    vec((0..40u8, 0..6u8, 0..8u8), 0..4)
}

/// The stream with its extra facts.
fn inputs(picks: &[generate::Pick], extras: &[Extra]) -> Vec<Input> {
    let (mut clock, mut held) = (0, i64::MIN);
    let mut all = Vec::new();
    for (at, input) in generate::inputs(picks).into_iter().enumerate() {
        match input {
            Input::Record { time, .. } | Input::Clock(time) => clock = clock.max(time),
            Input::HoldBack { until, .. } => held = until,
            Input::Horizon(_) => {}
        }
        for (_, what, how) in extras.iter().filter(|(before, _, _)| usize::from(*before) == at) {
            let away = [-26 * HOUR, -90_000, -1, 0, 20_000, MINUTE + 1, HOUR, DAY][usize::from(*how)];
            match what {
                // A hold-back is set anew only by a clock past the present one.
                0 | 1 if held < clock => {
                    held = clock + away;
                    all.push(Input::HoldBack { until: held, resumed: *what == 0 });
                }
                0 | 1 => {}
                2 => all.push(Input::Horizon(clock + away.max(-HOUR))),
                _ => all.push(Input::Clock(clock + away.max(0))),
            }
        }
        all.push(input);
    }
    all
}

fn play(world: &mut World<'_>, turns: &[Turn]) {
    for (what, much) in turns {
        let much = usize::from(*much);
        match what {
            0..=8 => {
                world.step(1 + much / 2);
                if *what < 6 {
                    world.commit();
                }
                if *what < 3 && world.is_inside_a_minute() {
                    world.crash(much / 2);
                }
            }
            9 | 10 => world.begin_cut(true),
            11 | 12 => world.begin_cut(false),
            13..=16 => world.cut(1 + much),
            17 if much == 0 => world.abandon_cut(),
            17 => world.cut(100),
            _ => world.crash(much / 2),
        }
    }
    while !world.is_over() {
        world.step(3);
        world.commit();
    }
    world.commit();
}

fn tell(playbook: &str, inputs: &[Input], turns: &[Turn], how: &str) -> TestCaseError {
    let told: Vec<String> = inputs
        .iter()
        .map(|input| match input {
            Input::Record { time, value, .. } => {
                let value = String::from_utf8_lossy(value.as_deref().unwrap_or_default()).into_owned();
                format!("{} {value}", crate::model::time::format(*time))
            }
            Input::Clock(time) => format!("{} clock", crate::model::time::format(*time)),
            other => format!("{other:?}"),
        })
        .collect();
    TestCaseError::fail(format!("{playbook}\n{}\n{turns:?}\n{how}\n", told.join("\n")))
}

fn shown(action: Option<&Action>) -> String {
    match action {
        Some(Action::Emit(message)) => {
            let value = message.value.as_deref().map(String::from_utf8_lossy);
            format!("{} {:?} {value:?}", message.key, message.cause)
        }
        other => format!("{other:?}"),
    }
}

/// A straight run, and one with cuts and crashes. `change`: before which input another playbook takes over.
fn case(
    playbook: &str,
    change: Option<(usize, &str)>,
    inputs: &[Input],
    turns: &[Turn],
) -> Result<Option<(Seen, usize)>, TestCaseError> {
    let Ok(program) = engine::compile(playbook) else { return Ok(None) };
    let change = match change.map(|(at, other)| (at, engine::compile(other))) {
        Some((_, Err(_))) => return Ok(None),
        Some((at, Ok(other))) => Some((at, other)),
        None => None,
    };
    let mut straight = engine::start(program.clone(), &Reading::default());
    let mut expected = Vec::new();
    for at in 0..=inputs.len() {
        if let Some((_, other)) = change.as_ref().filter(|(before, _)| *before == at) {
            straight = changed(&mut straight, other.clone());
        }
        inputs.get(at).iter().for_each(|input| engine::step(&mut straight, input, usize::MAX, &mut expected));
    }
    let mut world = World::new(program, change, inputs);
    play(&mut world, turns);
    compare(&mut straight, &expected, &mut world).map_err(|how| tell(playbook, inputs, turns, &how))?;
    // What is due after the last input comes out in a long silence.
    if let Some(clock) = straight.clock() {
        engine::step(&mut straight, &Input::Clock(clock + 8 * DAY), usize::MAX, &mut expected);
        world.fall_silent(clock + 8 * DAY);
    }
    compare(&mut straight, &expected, &mut world).map_err(|how| tell(playbook, inputs, turns, &how))?;
    Ok(Some((world.seen, expected.len())))
}

fn compare(straight: &mut Engine, expected: &[Action], world: &mut World<'_>) -> Result<(), String> {
    if expected != world.said {
        let same = expected.iter().zip(&world.said).take_while(|(a, b)| a == b).count();
        let (a, b) = (shown(expected.get(same)), shown(world.said.get(same)));
        return Err(format!("said otherwise\nstraight: {a}\nrestored: {b}"));
    }
    let (a, b) = (state(straight), world.state());
    let different = a.iter().zip(&b).find(|(a, b)| a != b);
    if a == b { Ok(()) } else { Err(format!("another state: {different:?}")) }
}

/// Many cases; how often each thing happened.
fn cases(stream: impl Strategy<Value = (Change, Vec<generate::Pick>, Vec<Extra>, Vec<Turn>)>) {
    let (seen, said, refused) = (Cell::new(Seen::default()), Cell::new(0), Cell::new(0));
    let outcome = runner(number("KAIROS_CASES", 300)).run(&stream, |((playbook, change), picks, extras, turns)| {
        let inputs = inputs(&picks, &extras);
        let change = change.as_ref().map(|(at, other)| (at % (inputs.len() + 1), other.as_str()));
        match case(&playbook, change, &inputs, &turns)? {
            Some((one, messages)) => {
                seen.set(seen.get() + one);
                said.set(said.get() + messages);
            }
            None => refused.set(refused.get() + 1),
        }
        Ok(())
    });
    println!("{} messages compared, {} playbooks refused, {:?}", said.get(), refused.get(), seen.get());
    if let Err(error) = outcome {
        panic!("{error}");
    }
    let Seen { restores, from_deltas, inside_a_minute, steps_inside_a_cut } = seen.get();
    let all = [restores, from_deltas, inside_a_minute, steps_inside_a_cut];
    assert!(all.iter().all(|count| *count > 0), "something never happened: {:?}", seen.get());
}

/// A line: the record's time, a space, its value.
fn recorded(lines: &str) -> Vec<Input> {
    let record = |(offset, line): (usize, &str)| {
        let (time, value) = line.split_once(' ').expect("a time and a value");
        let time = time.parse().expect("milliseconds");
        Input::Record { offset: offset as i64, time, value: Some(value.as_bytes().to_vec()) }
    };
    lines.lines().enumerate().map(record).collect()
}

/// Snapshots of these versions lie in people's buckets: this build and all later ones read them as they were meant.
fn reads_for_ever(golden: &[u8], imported: u64) {
    let program = engine::compile(include_str!("../golden/state-v1.toml")).expect("a playbook");
    let mut straight = engine::start(program.clone(), &Reading::default());
    let mut actions = Vec::new();
    for input in recorded(include_str!("../golden/state-v1.records")) {
        engine::step(&mut straight, &input, usize::MAX, &mut actions);
    }
    straight.end_import(imported);
    let cells = straight.parts(None).cells;
    let empty = program.cells.iter().zip(&cells).filter(|(_, (profiles, _))| *profiles == 0);
    assert_eq!(empty.map(|(cell, _)| format!("{cell:?}")).collect::<Vec<_>>(), [""; 0], "nobody has one");
    let mut engine = engine::start(program.clone(), &Reading::default());
    engine.load(golden).expect("it reads");
    engine.finish_load(&program.playbook.fingerprint);
    assert!(state(&mut engine) == state(&mut straight), "what a snapshot holds means something else");
    assert!(whole(&mut engine) == golden, "what is written has changed: that needs a new version");
}

#[test]
fn state_of_version_1_reads_for_ever() {
    reads_for_ever(include_bytes!("../golden/state-v1.kairos"), 0);
}

/// The same with history that was imported before it.
#[test]
fn state_of_version_2_reads_for_ever() {
    reads_for_ever(include_bytes!("../golden/state-v2.kairos"), 7);
}

/// A playbook, and before which input which other one takes over.
type Change = (String, Option<(usize, String)>);

#[test]
fn a_restored_run_is_a_straight_run() {
    cases((generate::playbook().prop_map(|playbook| (playbook, None)), generate::picks(), extras(), turns()));
}

#[test]
fn a_restored_run_is_a_straight_run_across_a_changed_playbook() {
    let change = (generate::changed_playbook(), 0..50usize).prop_map(|((one, other), at)| (one, Some((at, other))));
    cases((change, generate::picks(), extras(), turns()));
}

/// The first inputs as imported history, left as a snapshot; the rest as a log that begins with them. `None`: no playbook.
fn import(playbook: &str, inputs: &[Input], before: usize) -> Result<Option<usize>, TestCaseError> {
    let Ok(program) = engine::compile(playbook) else { return Ok(None) };
    let (before, after) = inputs.split_at(before);
    let records = before.iter().filter(|input| matches!(input, Input::Record { .. })).count();
    let mut straight = engine::start(program.clone(), &Reading::default());
    before.iter().for_each(|input| engine::step(&mut straight, input, usize::MAX, &mut Vec::new()));
    straight.end_import(records as u64);
    let mut restored = engine::start(program.clone(), &Reading::default());
    restored.load(&whole(&mut straight)).expect("it is the engine's own");
    restored.finish_load(&program.playbook.fingerprint);
    straight.end_import(0);
    let (mut expected, mut found) = (Vec::new(), Vec::new());
    for input in after {
        engine::step(&mut straight, input, usize::MAX, &mut expected);
        let mut moved = input.clone();
        if let Input::Record { offset, .. } = &mut moved {
            *offset -= records as i64;
        }
        engine::step(&mut restored, &moved, usize::MAX, &mut found);
    }
    let said = |actions: &[Action], shift: i64| -> Vec<String> {
        let shifted = |action: &Action| match action.clone() {
            Action::Emit(mut message) => {
                message.cause = message.cause.map(|cause| cause + shift);
                shown(Some(&Action::Emit(message)))
            }
            Action::DeadLetter(mut dead) => {
                dead.offset += shift;
                shown(Some(&Action::DeadLetter(dead)))
            }
        };
        actions.iter().map(shifted).collect()
    };
    let (expected, found) = (said(&expected, 0), said(&found, records as i64));
    let people =
        |engine: &mut Engine| -> Vec<_> { state(engine).into_iter().filter(|(kind, ..)| *kind != 0).collect() };
    if expected != found || people(&mut straight) != people(&mut restored) {
        let how = format!("{} inputs before\nstraight: {expected:?}\nimported: {found:?}", before.len());
        return Err(tell(playbook, inputs, &[], &how));
    }
    Ok(Some(expected.len()))
}

#[test]
fn an_imported_past_is_like_any_other() {
    let said = Cell::new(0);
    let stream = (generate::playbook(), generate::picks(), extras(), 0..50usize);
    let outcome = runner(number("KAIROS_CASES", 300)).run(&stream, |(playbook, picks, extras, before)| {
        let inputs = inputs(&picks, &extras);
        said.set(said.get() + import(&playbook, &inputs, before % (inputs.len() + 1))?.unwrap_or_default());
        Ok(())
    });
    println!("{} messages compared", said.get());
    if let Err(error) = outcome {
        panic!("{error}");
    }
    assert!(said.get() > 1_000, "{} messages only", said.get());
}
