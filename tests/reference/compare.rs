//! Random playbooks and streams: the engine against the model, message by message. `KAIROS_CASES` says how many,
//! `KAIROS_SEED` which; a failure is shrunk and printed whole.

use std::cell::Cell;

use proptest::test_runner::{Config, RngAlgorithm, TestCaseError, TestRng, TestRunner};

use crate::model::touched;
use crate::model::{Input, Minutes, Output, Partition, Playbook, Reading};
use crate::{engine, generate, language};

/// Enough to touch all of the language.
const CASES: u32 = 300;

pub fn number(name: &str, default: u32) -> u32 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

pub fn runner(cases: u32) -> TestRunner {
    let seed = number("KAIROS_SEED", 1);
    println!("KAIROS_SEED={seed} KAIROS_CASES={cases}");
    let mut bytes = [0; 32];
    bytes[..4].copy_from_slice(&seed.to_le_bytes());
    let config = Config { cases, failure_persistence: None, max_shrink_iters: 3_000, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::from_seed(RngAlgorithm::ChaCha, &bytes))
}

fn by_model(playbook: &str, inputs: &[Input], minutes: Minutes) -> Vec<Output> {
    let playbook = Playbook::read(playbook).expect("the engine took it");
    let mut partition = Partition::new(playbook, Reading::default(), minutes);
    inputs.iter().flat_map(|input| partition.step(input)).collect()
}

fn tell(playbook: &str, inputs: &[Input], left: &[Output], right: &[Output]) -> TestCaseError {
    let at = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    let lines: Vec<String> = inputs
        .iter()
        .map(|input| match input {
            Input::Record { time, value, .. } => {
                let value = String::from_utf8_lossy(value.as_deref().unwrap_or_default()).into_owned();
                format!("{} {value}", crate::model::time::format(*time))
            }
            other => format!("{other:?}"),
        })
        .collect();
    let (left, right) = (left.get(at), right.get(at));
    TestCaseError::fail(format!("{playbook}\n{}\nmodel:  {left:?}\nother: {right:?}\n", lines.join("\n")))
}

#[test]
fn engine_as_model() {
    let (said, refused) = (Cell::new(0), Cell::new(0));
    let cases = number("KAIROS_CASES", CASES);
    let outcome = runner(cases).run(&(generate::playbook(), generate::picks()), |(playbook, picks)| {
        let inputs = generate::inputs(&picks);
        let Ok(happened) = engine::run(&playbook, &Reading::default(), &inputs) else {
            refused.set(refused.get() + 1);
            return Ok(());
        };
        touched::next_case();
        let expected = by_model(&playbook, &inputs, Minutes::Some);
        said.set(said.get() + expected.len());
        if happened == expected { Ok(()) } else { Err(tell(&playbook, &inputs, &expected, &happened)) }
    });
    let (touched, missing) = language::touched();
    println!("{touched}{cases} cases, {} messages compared, {} playbooks refused", said.get(), refused.get());
    if let Err(error) = outcome {
        panic!("{error}");
    }
    assert!(refused.get() * 5 < cases, "too many playbooks are refused");
    assert!(missing.is_empty() || cases < CASES, "never touched: {missing:?}");
}
