//! What the messages themselves hold that a playbook may have missed: names of events, texts where numbers are compared.
//! It knows nothing of profiles.

use crate::engine::event::{Glance, Slot, Wanted};
use crate::engine::playbook::meant::{Expr, Path, Playbook, SignalKind, TermKind};
use crate::engine::playbook::program::Set;
use crate::engine::playbook::walk::each;

/// Names of events that are remembered.
const NAMES_MAX: usize = 10_000;

/// Looks at messages on their way past.
pub struct Census {
    /// The paths that are compared as numbers, and how often a text stood there.
    paths: Vec<Slot>,
    texts: Vec<u64>,
    names: Set<String>,
    fresh: Vec<String>,
}

/// What was seen since it was last taken.
#[derive(Debug, Default)]
pub struct Found {
    pub texts: Vec<u64>,
    /// Names not seen before by the same census.
    pub names: Vec<String>,
}

impl Census {
    pub fn new(paths: &[Path], wanted: &Wanted) -> Self {
        let paths: Vec<Slot> = paths.iter().filter_map(|path| wanted.slot(path)).collect();
        Self { texts: vec![0; paths.len()], paths, names: Set::default(), fresh: Vec::new() }
    }

    /// Another one that has seen nothing yet.
    pub fn again(&self) -> Self {
        Self { paths: self.paths.clone(), texts: vec![0; self.paths.len()], names: Set::default(), fresh: Vec::new() }
    }

    pub fn look(&mut self, message: &Glance<'_>) {
        for (slot, texts) in self.paths.iter().zip(&mut self.texts) {
            *texts += u64::from(message.holds_text(*slot));
        }
        if let Some(name) = message.event_name()
            && !self.names.contains(&*name)
            && self.names.len() < NAMES_MAX
        {
            self.names.insert(name.clone().into_owned());
            self.fresh.push(name.into_owned());
        }
    }

    pub fn take(&mut self) -> Found {
        let texts = vec![0; self.paths.len()];
        Found { texts: std::mem::replace(&mut self.texts, texts), names: std::mem::take(&mut self.fresh) }
    }
}

impl Found {
    pub fn add(&mut self, other: Self) {
        self.texts.resize(other.texts.len(), 0);
        self.texts.iter_mut().zip(other.texts).for_each(|(all, more)| *all += more);
        let room = NAMES_MAX.saturating_sub(self.names.len());
        self.names.extend(other.names.into_iter().take(room));
    }
}

/// The paths that a playbook compares with numbers or reckons with.
pub fn number_paths(playbook: &Playbook) -> Vec<Path> {
    let mut paths = Vec::new();
    let mut look = |expr: &Expr| {
        each(expr, &mut |part| {
            if let Expr::Compare(_, a, b) = part {
                paths.extend(number_path(a, b).or_else(|| number_path(b, a)));
            }
        });
    };
    for signal in &playbook.signals {
        if let SignalKind::Plain { filter: Some(filter), .. } = &signal.kind {
            look(filter);
        }
    }
    for term in playbook.scores.iter().flat_map(|score| &score.terms) {
        if let TermKind::Attribute { when } = &term.kind {
            look(when);
        }
    }
    for moment in &playbook.moments {
        look(&moment.when);
        moment.until.iter().for_each(&mut look);
    }
    paths.sort();
    paths.dedup();
    paths
}

/// A path beside a number.
fn number_path(path: &Expr, number: &Expr) -> Option<Path> {
    match (path, number) {
        (Expr::Path(path), Expr::Number(_) | Expr::Negate(_)) => Some(path.clone()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::{Ahead, Reader, Scratch};

    #[test]
    fn texts_where_numbers_are_compared_and_names() {
        let text = r#"
            [signals.big]
            on = "track"
            where = 'properties.amount > 10 && properties.plan == "x"'
            [scores.s]
            half = 1
            segments = { low = 0 }
            terms = [{ when = 'traits.size >= 5', points = 1, label = "big" }, { signal = "big", points = 1, lifespan = "1d", label = "x" }]
        "#;
        let playbook = crate::engine::playbook::read(text, "p").playbook.expect("it is good");
        let paths = number_paths(&playbook);
        assert_eq!(paths.iter().map(|p| p.keys.join(".")).collect::<Vec<_>>(), ["size", "amount"]);
        let reader = Reader::new(Wanted::new(&paths), &[], &[]);
        let mut census = Census::new(&paths, reader.wanted());
        for event in [
            r#"{"event":"A","properties":{"amount":"11"},"traits":{"size":5}}"#,
            r#"{"event":"A","properties":{"amount":11},"context":{"traits":{"size":"5-10"}}}"#,
        ] {
            let (mut scratch, mut ahead) = Default::default();
            let _: (&Scratch, &Ahead) = (&scratch, &ahead);
            reader.read_ahead(event.as_bytes(), &mut scratch, &mut ahead, &mut |message| census.look(&message));
        }
        let found = census.take();
        assert_eq!((found.texts, found.names), (vec![1, 1], vec!["A".to_owned()]));
    }
}
