//! Which whole minutes can't be left out: a shortcut for long spans, by dates alone. Every minute near anything that has a
//! date is kept; what it leaves out is shown to be nothing by running both ways on short spans.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::json::Json;
use crate::model::person::Person;
use crate::model::playbook::Playbook;
use crate::model::time::{HOUR, MINUTE};
use crate::model::value::Value;

pub struct Dates<'a> {
    pub playbook: &'a Playbook,
    pub start: i64,
    pub hold_back: Option<i64>,
}

/// What an evaluation changes. If it changed something, the next minute may change something more.
#[derive(PartialEq)]
pub struct State(Vec<(bool, Option<i64>, Option<i64>, bool)>, Vec<Option<usize>>, Option<i64>);

impl State {
    pub fn of(person: &Person) -> State {
        let moments = person.moments.iter().map(|m| (m.on, m.fired, m.since, m.unsent)).collect();
        State(moments, person.segments.clone(), person.sent.as_ref().map(|sent| sent.at))
    }
}

impl Dates<'_> {
    /// Minutes after `from`, up to `to`.
    pub fn all(&self, users: &BTreeMap<String, Person>, from: i64, to: i64) -> BTreeSet<(i64, String)> {
        let mut agenda = BTreeSet::new();
        let first = from.div_euclid(MINUTE) * MINUTE + MINUTE;
        for (user, person) in users {
            let mut minutes: BTreeSet<i64> = BTreeSet::new();
            // Buckets of an hour or a day end at whole hours.
            minutes.extend((first..=to).step_by(MINUTE as usize).filter(|minute| minute % HOUR == 0));
            minutes.extend(self.fine(person, first, to));
            minutes.extend(self.instants(&self.given_dates(person)));
            minutes.extend(self.instants(&own_dates(person)));
            // The first minute settles what the last event's evaluation left.
            minutes.insert(first);
            let inside = minutes.into_iter().filter(|minute| (first..=to).contains(minute));
            agenda.extend(inside.map(|minute| (minute, user.clone())));
        }
        agenda
    }

    pub fn after_change(&self, person: &Person, minute: i64, to: i64) -> Vec<i64> {
        let mut minutes = self.instants(&own_dates(person));
        minutes.push(minute + MINUTE);
        minutes.retain(|next| *next > minute && *next <= to);
        minutes
    }

    /// Each minute while an event is within reach of a window whose buckets are shorter than an hour.
    fn fine(&self, person: &Person, first: i64, to: i64) -> Vec<i64> {
        let fine = self.playbook.spans.iter().filter(|span| span.bucket < HOUR);
        let Some(reach) = fine.map(|span| span.length).max() else { return Vec::new() };
        let mut minutes = Vec::new();
        let mut next = first;
        for time in &person.event_times {
            next = next.max(time.div_euclid(MINUTE) * MINUTE);
            while next <= to && next <= time + reach + 2 * MINUTE {
                minutes.push(next);
                next += MINUTE;
            }
        }
        minutes
    }

    /// Dates that exact durations are counted from and that no evaluation changes.
    fn given_dates(&self, person: &Person) -> Vec<i64> {
        let mut dates: Vec<i64> = person.event_times.iter().copied().collect();
        dates.extend(person.first);
        dates.push(self.start);
        dates.extend(self.hold_back);
        dates_in(&person.traits, &mut dates);
        dates_in(&person.group_traits, &mut dates);
        dates
    }

    /// The two minutes after each date, and after each date with each duration of the playbook before or after it.
    fn instants(&self, dates: &[i64]) -> Vec<i64> {
        let lengths: BTreeSet<i64> =
            self.playbook.spans.iter().flat_map(|span| [span.length, -span.length, 0]).collect();
        let after = |date: i64| {
            let minute = date.div_euclid(MINUTE) * MINUTE;
            [minute, minute + MINUTE, minute + 2 * MINUTE]
        };
        dates
            .iter()
            .flat_map(|date| lengths.iter().flat_map(move |length| after(date.saturating_add(*length))))
            .collect()
    }
}

fn own_dates(person: &Person) -> Vec<i64> {
    let moments = person.moments.iter().flat_map(|moment| [moment.fired, moment.since]).flatten();
    moments.chain(person.sent.as_ref().map(|sent| sent.at)).collect()
}

/// Whatever `time_since` could take for a time.
fn dates_in(json: &Json, dates: &mut Vec<i64>) {
    match json {
        Json::List(items) => items.iter().for_each(|item| dates_in(item, dates)),
        Json::Object(members) => members.iter().for_each(|(_, value)| dates_in(value, dates)),
        scalar => dates.extend(Value::of(Some(scalar)).instant().filter(|date| date.abs() < 1 << 52)),
    }
}
