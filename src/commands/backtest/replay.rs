//! The replay itself: lines into one engine, or two side by side, and what came of each.

use std::collections::BTreeMap;
use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Instant;

use super::Out;
use super::input::{Input, Line};
use super::outcome::Outcome;
use crate::commands::Exit;
use crate::engine::event::Reader;
use crate::engine::playbook::meant::Playbook;
use crate::engine::playbook::program::{FIRST, Program};
use crate::engine::profile::numbers;
use crate::engine::{
    Action, Counts, DeadLetter, Engine, Input as Step, Millis, Options, Outgoing, Partitioner, Record,
};

const DAY: Millis = 86_400_000;
/// A step of record time that is more likely a mistake than history.
const JUMP_MAX: Millis = 400 * DAY;
/// Places of bad lines that are shown, by reason.
const PLACES_MAX: usize = 3;

pub struct Settings {
    pub unwrap: Vec<String>,
    pub dedupe_window: Millis,
    pub allow_jumps: bool,
}

/// A moment that fired.
#[derive(Debug, Clone, PartialEq)]
pub struct Firing {
    pub user: String,
    pub moment: usize,
    pub at: Millis,
    /// The clock at the user's first event.
    pub first: Millis,
}

/// One playbook's run.
pub struct Side {
    pub engine: Engine,
    pub counts: Counts,
    pub firings: Vec<Firing>,
    pub identifies: u64,
    events: BTreeMap<String, usize>,
}

pub struct Replay {
    pub main: Side,
    pub other: Option<Side>,
    pub outcome: Option<Outcome>,
    pub lines: u64,
    pub bytes: u64,
    /// First and last record time.
    pub span: Option<(Millis, Millis)>,
    pub seconds: f64,
    /// The first places of bad lines, by reason.
    pub places: BTreeMap<&'static str, Vec<String>>,
    settings: Settings,
}

impl Side {
    fn new(playbook: Playbook, settings: &Settings, watch: Option<usize>) -> Self {
        let options = Options {
            partition: 0,
            partitions: 1,
            partitioner: Partitioner::Murmur2,
            unwrap: settings.unwrap.clone(),
            placeholders: Vec::new(),
            dedupe_window: settings.dedupe_window,
        };
        let events = playbook.moments.iter().enumerate().map(|(i, m)| (format!("mk_{}", m.name), i)).collect();
        let counts = Counts::default();
        let program = Program::compile_watching(playbook, watch.as_slice());
        Self { engine: Engine::new(Arc::new(program), options), counts, firings: Vec::new(), identifies: 0, events }
    }

    fn note(&mut self, message: &Outgoing) {
        /// What tells a moment in a message of ours.
        #[derive(serde::Deserialize)]
        struct Track {
            event: String,
            timestamp: String,
        }
        let Some(value) = &message.value else { return };
        if value.starts_with(b"{\"type\":\"identify\"") {
            self.identifies += 1;
            return;
        }
        let Ok(track) = serde_json::from_slice::<Track>(value) else { return };
        let at = crate::engine::event::time::parse(&track.timestamp).unwrap_or_default();
        if let Some(&moment) = self.events.get(&track.event) {
            let first = self.engine.find_user(&message.key).and_then(|body| numbers::signed(body.get(FIRST)));
            self.firings.push(Firing { user: message.key.clone(), moment, at, first: first.unwrap_or(at) });
        }
    }

    pub fn playbook(&self) -> &Playbook {
        &self.engine.program().playbook
    }
}

impl Replay {
    pub fn new(playbook: Playbook, against: Option<Playbook>, outcome: Option<Outcome>, settings: Settings) -> Self {
        let watch = outcome.as_ref().map(|outcome| outcome.signal);
        Self {
            main: Side::new(playbook, &settings, watch),
            other: against.map(|playbook| Side::new(playbook, &settings, None)),
            outcome,
            lines: 0,
            bytes: 0,
            span: None,
            seconds: 0.0,
            places: BTreeMap::new(),
            settings,
        }
    }

    pub fn run(&mut self, paths: &[PathBuf], emit: &mut Option<Out>, rejects: &mut Option<Out>) -> Result<(), Exit> {
        let program = self.main.engine.program();
        let reader = Reader::new(program.wanted.clone(), &self.settings.unwrap, &[]);
        let mut input = Input::open(paths, reader)?;
        let started = Instant::now();
        let mut spare = Vec::new();
        let mut actions = Vec::new();
        let progress = std::io::stderr().is_terminal().then(indicatif::ProgressBar::new_spinner);
        while let Some(line) = input.next_line(std::mem::take(&mut spare))? {
            let time = self.time(&line, &input)?;
            let record = Record { offset: self.lines as i64, time, key: None, value: Some(&line.value) };
            self.step(record, &line, &input, &mut actions, emit, rejects)?;
            self.lines += 1;
            self.bytes += line.value.len() as u64;
            if let Some(bar) = progress.as_ref().filter(|_| self.lines.is_multiple_of(65_536)) {
                let rate = self.lines as f64 / started.elapsed().as_secs_f64();
                bar.set_message(format!("{} events, {rate:.0} a second", self.lines));
            }
            spare = line.value;
        }
        self.seconds = started.elapsed().as_secs_f64();
        self.main.counts = self.main.engine.take_counts();
        if let Some(other) = &mut self.other {
            other.counts = other.engine.take_counts();
        }
        Ok(())
    }

    fn step(
        &mut self,
        record: Record<'_>,
        line: &Line,
        input: &Input,
        actions: &mut Vec<Action>,
        emit: &mut Option<Out>,
        rejects: &mut Option<Out>,
    ) -> Result<(), Exit> {
        let _ = self.main.engine.step(Step::Record(record), usize::MAX, actions);
        for action in actions.drain(..) {
            match action {
                Action::Emit(message) => {
                    self.main.note(&message);
                    if let Some(out) = emit {
                        write_message(out, &message)
                            .map_err(|e| Exit::Fault(format!("can't write the messages: {e}")))?;
                    }
                }
                Action::DeadLetter(dead) => {
                    let places = self.places.entry(dead.reason.as_str()).or_default();
                    if places.len() < PLACES_MAX {
                        places.push(format!("{}:{}: {}", input.name(line.file), line.number, dead.detail));
                    }
                    if let Some(out) = rejects {
                        write_reject(out, line, &input.name(line.file), &dead)
                            .map_err(|e| Exit::Fault(format!("can't write the rejects: {e}")))?;
                    }
                }
            }
        }
        if let Some(outcome) = &mut self.outcome {
            outcome.look(&self.main.engine, line, record.time);
        }
        if let Some(other) = &mut self.other {
            let _ = other.engine.step(Step::Record(record), usize::MAX, actions);
            for action in actions.drain(..) {
                if let Action::Emit(message) = action {
                    other.note(&message);
                }
            }
        }
        Ok(())
    }

    /// The line's record time: its own, else the clock.
    fn time(&mut self, line: &Line, input: &Input) -> Result<Millis, Exit> {
        let clock = self.main.engine.clock();
        let time = line.time.or(clock).unwrap_or_else(now);
        if let Some(clock) = clock.filter(|clock| time - clock > JUMP_MAX && !self.settings.allow_jumps) {
            let at = crate::engine::event::time::format;
            return Err(Exit::No(format!(
                "{}:{}: time jumps by {} days, from {} to {}: mend the line, or go on with --allow-jumps",
                input.name(line.file),
                line.number,
                (time - clock) / DAY,
                at(clock),
                at(time),
            )));
        }
        let (first, last) = self.span.unwrap_or((time, time));
        self.span = Some((first.min(time), last.max(time)));
        Ok(time)
    }
}

/// For a history whose first lines say no time at all.
fn now() -> Millis {
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as Millis)
}

/// A deletion has no message of its own on the outgoing topic; here it is a line that says as much.
fn write_message(out: &mut Out, message: &Outgoing) -> std::io::Result<()> {
    match &message.value {
        Some(value) => out.write_all(value)?,
        None => serde_json::to_writer(&mut *out, &serde_json::json!({"type": "delete", "userId": message.key}))?,
    }
    out.write_all(b"\n")
}

fn write_reject(out: &mut Out, line: &Line, file: &str, dead: &DeadLetter) -> std::io::Result<()> {
    let raw = dead.item.as_ref().map_or(&line.value[..], |(_, bytes)| bytes);
    let reject = serde_json::json!({
        "file": file,
        "line": line.number,
        "item": dead.item.as_ref().map(|(index, _)| index),
        "reason": dead.reason.as_str(),
        "detail": dead.detail,
        "raw": String::from_utf8_lossy(raw),
    });
    serde_json::to_writer(&mut *out, &reject)?;
    out.write_all(b"\n")
}
