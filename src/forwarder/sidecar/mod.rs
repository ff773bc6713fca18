//! The loop around the core: one task that reads, sends, buries and commits, each as the core says.
//!
//! Decides nothing about order, retries or limits. Every wait is in one place, the `select!` of [`Sidecar::deliver`].

mod closing;
mod partitions;

use std::sync::Arc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use rdkafka::TopicPartitionList;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::{self, Duration};

use crate::forwarder::answer::{Answer, Why};
use crate::forwarder::client::{Client, Outcome};
use crate::forwarder::config::Config;
use crate::forwarder::dispatch::{Action, Dispatch, Letter, Note};
use crate::forwarder::fault::{Error, check_topic, judge};
use crate::forwarder::kafka::{self, Consumer, Event, Reach, Start};
use crate::forwarder::key::{Look, WriteKey};
use crate::forwarder::letters::Letters;
use crate::forwarder::metrics::Metrics;
use crate::forwarder::record::Record;

const TICK: Duration = Duration::from_millis(200);
/// Records taken at a turn, before answers and timers are looked at again.
const TURN_RECORDS: usize = 500;

/// Delivers until `stop` is ready; then waits for what is under way and commits what is settled, for `stop_timeout` at
/// most. A thread that waits for the broker may outlive that: the caller ends the process without it.
pub async fn run(config: Config, metrics: Arc<Metrics>, stop: impl Future<Output = ()>) -> Result<(), Error> {
    tokio::pin!(stop);
    let mut sidecar = tokio::select! {
        started = Sidecar::start(config, metrics) => started?,
        () = &mut stop => return Ok(()),
    };
    let delivered = sidecar.deliver(stop).await;
    sidecar.close().await?;
    delivered
}

struct Sidecar {
    config: Config,
    core: Dispatch,
    consumer: Arc<Consumer>,
    events: UnboundedReceiver<Event>,
    client: Client,
    letters: Letters,
    key: WriteKey,
    requests: JoinSet<Sent>,
    burials: JoinSet<(Letter, Result<(), KafkaError>)>,
    /// Partitions that are ours once their positions are known.
    assigning: Option<TopicPartitionList>,
    starts: JoinSet<Result<Vec<Start>, KafkaError>>,
    /// A partition's place was lost: it is not read until it is taken anew.
    displaced: bool,
    reaches: JoinSet<Result<Vec<Reach>, KafkaError>>,
    leaving: Option<Leaving>,
    paused: bool,
    /// The commit that is under way, if any. Its answer is waited for on a thread of its own: a stream consumer never
    /// serves the queue on which librdkafka would tell the outcome of an asynchronous one.
    committing: JoinSet<Result<(), KafkaError>>,
    hindered: bool,
    /// What last went wrong below HTTP, for the log.
    trouble: Option<String>,
    metrics: Arc<Metrics>,
}

/// A request that has come home: its lane, and the numbers of the key and the connections it was sent with.
struct Sent {
    lane: usize,
    key: u64,
    connections: u64,
    outcome: Outcome,
}

/// Partitions that go as soon as their requests have come home.
struct Leaving {
    partitions: TopicPartitionList,
    deadline: Instant,
}

impl Sidecar {
    async fn start(config: Config, metrics: Arc<Metrics>) -> Result<Self, Error> {
        let key = WriteKey::load(config.write_key.clone()).map_err(Error::Settings)?;
        let client = Client::new(&config).map_err(Error::Settings)?;
        let letters = Letters::new(&config)?;
        let (consumer, events) = kafka::subscribe(&config)?;
        let consumer = Arc::new(consumer);
        for topic in [config.topic.clone(), config.dead_topic()] {
            let consumer = consumer.clone();
            tokio::task::spawn_blocking(move || check_topic(&consumer, topic)).await??;
        }
        let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_nanos() as u64);
        let core = Dispatch::new(config.limits(), config.pace(), config.routing.clone(), seed);
        Ok(Self {
            config,
            core,
            consumer,
            events,
            client,
            letters,
            key,
            requests: JoinSet::new(),
            burials: JoinSet::new(),
            assigning: None,
            starts: JoinSet::new(),
            displaced: false,
            reaches: JoinSet::new(),
            leaving: None,
            paused: false,
            committing: JoinSet::new(),
            hindered: false,
            trouble: None,
            metrics,
        })
    }

    async fn deliver(&mut self, mut stop: impl Future<Output = ()> + Unpin) -> Result<(), Error> {
        let mut tick = time::interval(TICK);
        loop {
            self.act()?;
            let wake = self.core.poll_timeout(Instant::now());
            tokio::select! {
                () = &mut stop => return Ok(()),
                Some(event) = self.events.recv() => self.handle_event(event)?,
                Some(done) = self.requests.join_next() => self.handle_outcome(done?),
                Some(done) = self.burials.join_next() => self.handle_burial(done?)?,
                Some(done) = self.committing.join_next() => self.handle_commit(done?),
                Some(done) = self.starts.join_next() => self.handle_starts(done?)?,
                Some(done) = self.reaches.join_next() => self.handle_reaches(done?)?,
                next = next_record(&self.consumer) => self.read(next).await?,
                () = wait_until(wake) => {}
                _ = tick.tick() => self.tick(),
            }
        }
    }

    /// Performs what the core asks for.
    fn act(&mut self) -> Result<(), Error> {
        let now = Instant::now();
        while let Some(action) = self.core.poll_action(now) {
            match action {
                Action::Send { lane, items, tries, body } => self.send(lane, items, tries, body.sent_at(&sent_at())),
                Action::Bury(letter) => {
                    let letters = self.letters.clone();
                    self.burials.spawn(async move {
                        let written = letters.write(&letter).await;
                        (letter, written)
                    });
                }
                Action::Note(note) => self.note(&note),
            }
        }
        self.finish_leaving(now)?;
        self.commit();
        self.pause_or_resume()
    }

    fn send(&mut self, lane: usize, items: usize, tries: u32, body: Vec<u8>) {
        self.metrics.request_items.observe(items as f64);
        self.metrics.request_bytes.observe(body.len() as f64);
        let request = self.client.post(body, self.key.secret(), tries);
        let (key, connections) = (self.key.number(), self.client.number());
        self.requests.spawn(async move { Sent { lane, key, connections, outcome: request.await } });
    }

    fn note(&mut self, note: &Note) {
        match note {
            Note::Halted(refusal) => tracing::error!(
                answer = %refusal,
                "sending has stopped: the endpoint refuses the write key or the address. Nothing is lost; it goes on \
                 when the write key file changes, or after a restart with other settings"
            ),
            Note::Resumed => tracing::info!("another write key: sending goes on"),
            Note::Shut { why, wait } => {
                let trouble = self.trouble.take().unwrap_or_default();
                tracing::warn!(reason = why.name(), wait_ms = wait.as_millis(), trouble, "all requests wait");
            }
            Note::Opened => tracing::info!("the endpoint answers again"),
        }
    }

    // ---- what comes in

    /// The record that woke us, and what lies ready behind it.
    async fn read(&mut self, first: Result<Record, KafkaError>) -> Result<(), Error> {
        let (mut next, now) = (Some(first), Instant::now());
        for left in (0..TURN_RECORDS).rev() {
            match next {
                Some(Ok(record)) => self.core.handle_record(record, now),
                Some(Err(error)) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::AutoOffsetReset) => {
                    self.displaced = true;
                    return Ok(());
                }
                Some(Err(error)) => return judge(error),
                None => break,
            }
            // What is taken from the consumer must be handled: never take one more than that.
            if left == 0 || !self.core.has_room() {
                break;
            }
            next = tokio::select! {
                biased;
                next = next_record(&self.consumer) => Some(next),
                () = std::future::ready(()) => None,
            };
        }
        Ok(())
    }

    fn handle_outcome(&mut self, Sent { lane, key, connections, mut outcome }: Sent) {
        self.metrics.request_seconds.observe(outcome.took.as_secs_f64());
        if let Some(trouble) = outcome.trouble {
            tracing::debug!(trouble, "request failed");
            self.trouble = Some(trouble);
        }
        // All that fail on the same connections are one reason for new ones.
        let doubted = matches!(outcome.answer, Answer::Again { why, .. } if why.doubts_the_address());
        if doubted && connections == self.client.number() {
            self.client.reconnect();
        }
        // A refusal of the key before this one says nothing about this one.
        if matches!(outcome.answer, Answer::Halt(_)) && key != self.key.number() {
            outcome.answer = Answer::Again { why: Why::Transient, wait: None };
        }
        self.core.handle_answer(lane, outcome.answer, Instant::now());
    }

    fn handle_burial(&mut self, (letter, written): (Letter, Result<(), KafkaError>)) -> Result<(), Error> {
        written?;
        self.core.handle_buried(&letter, Instant::now());
        Ok(())
    }

    fn handle_event(&mut self, event: Event) -> Result<(), Error> {
        match event {
            Event::Assign(partitions) => {
                self.assigning = Some(partitions);
                self.ask_for_starts();
            }
            Event::Revoke { partitions, lost: true } => {
                tracing::warn!(partitions = partitions.count(), "partitions lost: another instance may have them");
                self.give_up(&partitions)?;
            }
            Event::Revoke { partitions, lost: false } => {
                ids(&partitions).for_each(|id| self.core.handle_leaving(id));
                let deadline = Instant::now() + self.config.stop_timeout;
                self.leaving = Some(Leaving { partitions, deadline });
            }
        }
        Ok(())
    }

    fn handle_commit(&mut self, result: Result<(), KafkaError>) {
        match result {
            Ok(()) => self.core.handle_committed(),
            Err(error) => {
                tracing::debug!(%error, "commit failed; it is repeated");
                self.metrics.commits_failed.inc();
                self.core.handle_commit_failed();
            }
        }
    }

    fn tick(&mut self) {
        match self.key.look() {
            Look::Same => {}
            Look::Changed => {
                tracing::info!("the write key has changed");
                self.core.handle_new_key();
            }
            Look::Unreadable(why) => tracing::warn!("{why}; the key that was read before stays in use"),
        }
        self.ask_for_starts();
        self.ask_for_reaches();
        self.report();
    }

    fn report(&mut self) {
        let standing = self.core.standing(Instant::now());
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| d.as_millis() as i64);
        self.metrics.follow(self.core.tally(), &standing, now);
        let hindered = standing.hindrance.is_some();
        if hindered != self.hindered {
            self.hindered = hindered;
            match self.metrics.hindrance() {
                Some(why) => tracing::error!(held = standing.held, "not ready: {why}"),
                None => tracing::info!("ready again"),
            }
        }
    }
}

async fn next_record(consumer: &Consumer) -> Result<Record, KafkaError> {
    consumer.recv().await.map(|message| kafka::to_record(&message))
}

async fn wait_until(at: Option<Instant>) {
    match at {
        Some(at) => time::sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

fn ids(partitions: &TopicPartitionList) -> impl Iterator<Item = i32> {
    partitions.elements().iter().map(|element| element.partition()).collect::<Vec<_>>().into_iter()
}

fn sent_at() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}
