//! A few different texts and how often each came. It knows nothing of what they are.

#[derive(Debug, Default)]
pub struct Tally {
    /// In order of arrival.
    pub counts: Vec<(String, u64)>,
    /// There were more different ones than were to be remembered.
    pub has_more: bool,
}

impl Tally {
    /// `most`: different texts that are remembered.
    pub fn add(&mut self, text: &str, most: usize) {
        let is_full = self.counts.len() == most;
        match self.counts.iter_mut().find(|(known, _)| known == text) {
            Some((_, count)) => *count += 1,
            None if is_full => self.has_more = true,
            None => self.counts.push((text.to_owned(), 1)),
        }
    }

    /// The most frequent, of equal ones the first in order.
    pub fn common(&self, most: usize) -> Vec<(&str, u64)> {
        let mut counts: Vec<_> = self.counts.iter().map(|(text, count)| (text.as_str(), *count)).collect();
        counts.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        counts.truncate(most);
        counts
    }
}
