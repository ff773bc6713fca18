//! A simulated B2B SaaS company: people arrive, look around, sign up, invite, look at prices, buy, go quiet and come back.
//!
//! A value that is stepped: `until(t)` gives the events up to simulated time `t`, in the order in which they reach Kafka.
//! The same seed gives the same bytes, whatever the steps. It knows nothing of Kafka, wall clocks or the playbook.

mod dice;
mod message;
mod person;

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};

use self::dice::Dice;
use self::message::Times;
pub use self::person::DAY;
use self::person::{Account, Act, HOUR, MINUTE, Person};
use crate::engine::Millis;

/// How long before `start` the company began: long enough for everything that asks for 90 days of history.
pub const HISTORY: Millis = 110 * DAY;

/// Companies a newcomer may belong to.
const ACCOUNTS_MAX: usize = 40;

#[derive(Debug, Clone)]
pub struct Settings {
    pub seed: u64,
    /// How many people have come by when `start` is reached; as many come in each [`HISTORY`] after it.
    pub users: u32,
    pub start: Millis,
    /// Simulated time per stamped time after `start`: above 1, the stamps go slower than the company lives.
    pub squeeze: f64,
}

/// One record for the raw topic.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Sent {
    pub time: Millis,
    /// `userId`, else `anonymousId`.
    pub key: String,
    pub value: Vec<u8>,
}

pub struct Simulator {
    settings: Settings,
    dice: Dice,
    /// By time, then by the order of making: nothing is left to chance or to the heap.
    due: BinaryHeap<Reverse<(Millis, u64, Due)>>,
    made: u64,
    people: Vec<Option<Person>>,
    free: Vec<usize>,
    arrived: u64,
    accounts: VecDeque<Account>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    Arrival,
    Visit(usize),
    Send(Sent),
}

impl Simulator {
    pub fn new(settings: Settings) -> Self {
        let dice = Dice::new(settings.seed);
        let begin = settings.start - HISTORY;
        let mut simulator = Self {
            settings,
            dice,
            due: BinaryHeap::new(),
            made: 0,
            people: Vec::new(),
            free: Vec::new(),
            arrived: 0,
            accounts: VecDeque::new(),
        };
        simulator.add(begin, Due::Arrival);
        simulator
    }

    /// The next event that reaches Kafka not later than simulated time `time`.
    pub fn next_until(&mut self, time: Millis) -> Option<Sent> {
        while self.due.peek().is_some_and(|Reverse((due, ..))| *due <= time) {
            let Reverse((now, _, due)) = self.due.pop()?;
            match due {
                Due::Arrival => self.arrive(now),
                Due::Visit(place) => self.visit(place, now),
                Due::Send(sent) => return Some(sent),
            }
        }
        None
    }

    /// People who have come by so far.
    pub fn arrived(&self) -> u64 {
        self.arrived
    }

    fn add(&mut self, time: Millis, due: Due) {
        self.made += 1;
        self.due.push(Reverse((time, self.made, due)));
    }

    fn arrive(&mut self, now: Millis) {
        self.arrived += 1;
        let account = self.account();
        let person = Person::new(&mut self.dice, self.arrived, account);
        let place = self.free.pop().unwrap_or_else(|| {
            self.people.push(None);
            self.people.len() - 1
        });
        self.people[place] = Some(person);
        let first = now + self.dice.between(0, 10 * HOUR);
        self.add(first, Due::Visit(place));
        let gap = HISTORY / Millis::from(self.settings.users.max(1));
        let next = now + self.dice.between(gap / 2, gap * 3 / 2).max(1);
        self.add(next, Due::Arrival);
    }

    /// A colleague of somebody, or the first of a company.
    fn account(&mut self) -> Account {
        if !self.accounts.is_empty() && self.dice.chance(0.4) {
            let place = self.dice.between(0, self.accounts.len() as Millis - 1) as usize;
            return self.accounts[place].clone();
        }
        let account = Account::new(&mut self.dice, self.arrived);
        self.accounts.push_back(account.clone());
        if self.accounts.len() > ACCOUNTS_MAX {
            self.accounts.pop_front();
        }
        account
    }

    fn visit(&mut self, place: usize, now: Millis) {
        let Some(mut person) = self.people[place].take() else { return };
        let visit = person.visit(&mut self.dice, now);
        let mut at = now;
        for &act in &visit.acts {
            self.send(&person, act, at);
            at += self.dice.between(8_000, 2 * MINUTE);
        }
        match visit.next {
            Some(after) => {
                self.people[place] = Some(person);
                self.add(at.max(now + after), Due::Visit(place));
            }
            None => self.free.push(place),
        }
    }

    fn send(&mut self, person: &Person, act: Act, happened: Millis) {
        // Until somebody says who they are, a browser has only its own id for them.
        let known = person.is_known() && act != Act::Page("/signup");
        let late = !matches!(act, Act::Identify | Act::Group) && self.dice.chance(0.02);
        let delay = if late { self.dice.between(2 * MINUTE, 5 * HOUR) } else { self.dice.between(50, 900) };
        let times = Times { happened: self.stamp(happened), received: self.stamp(happened + delay) };
        let value = message::write(&mut self.dice, person, known, act, times);
        let key = if known { &person.user_id } else { &person.anonymous_id };
        let sent = Sent { time: times.received, key: key.clone(), value };
        if self.dice.chance(0.01) {
            // An answer got lost on the way, so the library sends the same once more.
            let again = happened + delay + self.dice.between(2_000, 30 * MINUTE);
            let twice = Sent { time: self.stamp(again), ..sent.clone() };
            self.add(again, Due::Send(twice));
        }
        self.add(happened + delay, Due::Send(sent));
    }

    fn stamp(&self, time: Millis) -> Millis {
        let start = self.settings.start;
        if time <= start { time } else { start + ((time - start) as f64 / self.settings.squeeze) as Millis }
    }
}

#[cfg(test)]
mod tests;
