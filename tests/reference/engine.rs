//! The engine, run on the model's inputs, its actions told in the model's words.

use std::sync::Arc;

use kairos::engine::playbook::{self, program::Program};
use kairos::engine::{self, Action, Engine, Mark, Options, Progress, Record};

use crate::model::json::Json;
use crate::model::{Dead, Input, Output, Reading};

/// One run, straight through.
pub fn run(playbook: &str, reading: &Reading, inputs: &[Input]) -> Result<Vec<Output>, String> {
    let mut engine = start(compile(playbook)?, reading);
    let mut actions = Vec::new();
    inputs.iter().for_each(|input| step(&mut engine, input, usize::MAX, &mut actions));
    Ok(actions.iter().map(told).collect())
}

pub fn compile(playbook: &str) -> Result<Arc<Program>, String> {
    let read = playbook::read(playbook, "playbook.toml");
    let mistakes: Vec<String> = read.errors().map(|mistake| format!("{mistake:?}")).collect();
    let playbook = read.playbook.ok_or_else(|| format!("refused: {}", mistakes.join("\n")))?;
    Ok(Arc::new(Program::compile(playbook)))
}

pub fn start(program: Arc<Program>, reading: &Reading) -> Engine {
    let (unwrap, placeholders) = (reading.unwrap.clone(), reading.placeholders.clone());
    let options = Options { unwrap, placeholders, ..Options::default() };
    Engine::new(program, options)
}

/// Steps one input to its end, in turns of at most about `room` messages.
pub fn step(engine: &mut Engine, input: &Input, room: usize, actions: &mut Vec<Action>) {
    while engine.step(meant(input), room, actions) == Progress::Full {}
}

/// The same input, for the engine.
pub fn meant(input: &Input) -> engine::Input<'_> {
    match input {
        Input::Record { offset, time, value } => {
            engine::Input::Record(Record { offset: *offset, time: *time, key: None, value: value.as_deref() })
        }
        Input::Clock(time) => engine::Input::Clock(*time),
        Input::HoldBack { until, resumed } => engine::Input::Mark(Mark::HoldBack { until: *until, resumed: *resumed }),
        Input::Horizon(wall) => engine::Input::Mark(Mark::Horizon(*wall)),
    }
}

/// An action without its messageId.
pub fn told(action: &Action) -> Output {
    match action {
        Action::Emit(message) => Output::Message {
            key: message.key.clone(),
            value: message.value.as_deref().map(|bytes| {
                let mut value = Json::parse(bytes).expect("a message is JSON");
                value.remove("messageId").expect("a message has its id");
                value
            }),
            cause: message.cause,
        },
        Action::DeadLetter(letter) => {
            let item = letter.item.as_ref();
            let item = item.map(|(index, bytes)| (*index, Json::parse(bytes).expect("an item is JSON")));
            Output::Dead { offset: letter.offset, dead: Dead { reason: letter.reason.as_str(), item } }
        }
    }
}
