//! A profile as expressions see it at one clock: the scores worked out so far, and what is remembered.

use super::Millis;
use super::eval::{Env, NEVER, Timed, Val, compare, compare_numbers};
use super::playbook::meant::{Compare, SignalQuery, Window};
use super::playbook::program::{ACCOUNT, CellId, EMAIL, FIRST, Program};
use super::profile::body::Body;
use super::profile::numbers::{Basic, Last};
use super::profile::{distinct, kept, numbers, series, streak, values};
use super::score::ScoreNow;

const MILLION: u64 = 1_000_000;

pub struct Person<'a> {
    pub program: &'a Program,
    pub body: &'a Body,
    pub clock: Millis,
    /// By score; those not worked out yet are zero.
    pub scores: &'a [ScoreNow],
}

impl Person<'_> {
    /// The text at `traits.email`.
    pub fn email(&self) -> Option<String> {
        kept::read(self.body.get(EMAIL)).as_text().map(str::to_owned)
    }

    fn plain(&self, cell: CellId, query: SignalQuery) -> (Option<f64>, Millis) {
        let payload = self.body.get(cell);
        let counted = |window: Window, ago: Millis| {
            let next = series::changes(payload, window, ago, self.clock).next().map_or(NEVER, |(at, _)| at);
            (Some(series::count(payload, window, ago, self.clock) as f64), next)
        };
        let valued = |window: Window, of: &dyn Fn(Option<values::Values>) -> Option<f64>| {
            (of(values::within(payload, window, self.clock)), values::next_change(payload, window, self.clock))
        };
        match query {
            SignalQuery::Count { window, ago } | SignalQuery::Days { window, ago } => counted(window, ago),
            SignalQuery::Sum(w) => valued(w, &|v| Some(v.map_or(0.0, |v| values::ratio(v.sum, MILLION)))),
            SignalQuery::Max(w) => valued(w, &|v| v.map(|v| values::ratio(i128::from(v.max), MILLION))),
            SignalQuery::Avg(w) => valued(w, &|v| v.map(|v| values::ratio(v.sum, MILLION * v.count))),
            SignalQuery::Last => {
                (Last::read(payload).map(|last| values::ratio(i128::from(last.micros), MILLION)), NEVER)
            }
            SignalQuery::Distinct(window) => {
                let (after, last) = series::span(window, 0, self.clock);
                let buckets = distinct::entries(payload).map(|(_, time)| series::bucket(time, window.bucket));
                let inside = buckets.filter(|k| after < *k && *k <= last);
                let (count, first) = inside.fold((0u32, i64::MAX), |(n, first), k| (n + 1, first.min(k)));
                let width = window.length / window.bucket;
                (Some(f64::from(count)), if count == 0 { NEVER } else { (first + width) * window.bucket })
            }
            SignalQuery::Total => (Some(Basic::read(payload).map_or(0.0, |b| b.total as f64)), NEVER),
            SignalQuery::Streak { window, .. } => {
                let next = streak::next_change(payload, window, self.clock);
                (Some(streak::count(payload, window, self.clock) as f64), next)
            }
            SignalQuery::Seen | SignalQuery::Silent(_) => (None, NEVER),
        }
    }
}

impl Env for Person<'_> {
    fn kept(&self, cell: CellId) -> Val<'_> {
        kept::read(self.body.get(cell)).into()
    }

    fn query(&self, cell: CellId, query: SignalQuery) -> Timed<'_> {
        let basic = || Basic::read(self.body.get(cell));
        match query {
            SignalQuery::Seen => Timed { value: Val::Bool(basic().is_some()), until: NEVER },
            SignalQuery::Silent(length) => match basic() {
                Some(Basic { latest, .. }) if self.clock - latest < length => {
                    Timed { value: Val::Bool(false), until: latest + length }
                }
                seen => Timed { value: Val::Bool(seen.is_some()), until: NEVER },
            },
            _ => {
                let (number, until) = self.plain(cell, query);
                Timed { value: number.map_or(Val::Null, Val::number), until }
            }
        }
    }

    fn query_holds(&self, op: Compare, cell: CellId, query: SignalQuery, constant: f64) -> (bool, Millis) {
        let (SignalQuery::Count { window, ago } | SignalQuery::Days { window, ago }) = query else {
            let Timed { value, until } = self.query(cell, query);
            return (compare(op, &value, &Val::Number(constant), self), until);
        };
        series::holds(self.body.get(cell), window, ago, self.clock, |count| compare_numbers(op, count as f64, constant))
    }

    fn score(&self, index: usize) -> Timed<'_> {
        let score = &self.scores[index];
        Timed { value: Val::Number(score.value), until: score.next_change() }
    }

    fn score_holds(&self, op: Compare, index: usize, constant: f64) -> (bool, Millis) {
        let score = &self.scores[index];
        (compare_numbers(op, score.value, constant), score.stays_on_its_side_of(constant))
    }

    fn segment(&self, index: usize) -> Timed<'_> {
        let score = &self.scores[index];
        let segment = &self.program.playbook.scores[index].segments[usize::from(score.segment)];
        Timed { value: Val::Text(segment.name.as_str().into()), until: score.segment_until }
    }

    fn first(&self) -> Option<Millis> {
        numbers::signed(self.body.get(FIRST))
    }

    fn clock(&self) -> Millis {
        self.clock
    }

    /// Of a well-formed address: something, the last `@`, something without spaces.
    fn email_domain(&self) -> Option<String> {
        let email = self.email()?;
        let (name, domain) = email.rsplit_once('@')?;
        let well_formed = !name.is_empty() && !domain.is_empty() && !domain.contains(char::is_whitespace);
        well_formed.then(|| domain.to_lowercase())
    }

    fn is_free_mail(&self, domain: &str) -> bool {
        self.program.free_mail.contains(domain)
    }

    fn account(&self) -> Val<'_> {
        let id = self.body.get(ACCOUNT).and_then(|id| std::str::from_utf8(id).ok());
        id.map_or(Val::Null, |id| Val::Text(id.into()))
    }
}
