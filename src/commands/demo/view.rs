//! What the terminal shows: a picture that renews itself, or plain lines. It takes figures and news and gives text; it
//! knows nothing of where they come from.

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Write as _;

use super::news::News;

/// Moments on screen at a time, and news that wait to be printed as lines.
const SHOWN_MAX: usize = 5;
const WAITING_MAX: usize = 1_000;
/// While the history is told, each kind of moment is printed so often; all are counted.
const FIRST_OF_HISTORY: usize = 2;

/// One look at the figures.
#[derive(Debug, Clone, Default)]
pub struct Figures {
    /// Simulated, `2026-03-12 19:11`.
    pub clock: String,
    pub live: bool,
    pub processed: u64,
    pub rate: f64,
    pub people: u64,
    pub profiles: usize,
    pub written: usize,
    pub arrived: usize,
}

pub struct View {
    heading: String,
    /// As messages have it; what comes before is history.
    live_from: String,
    counts: BTreeMap<String, usize>,
    shown: VecDeque<News>,
    waiting: VecDeque<News>,
    left_out: usize,
}

impl View {
    pub fn new(heading: String, live_from: String) -> Self {
        Self {
            heading,
            live_from,
            counts: BTreeMap::new(),
            shown: VecDeque::new(),
            waiting: VecDeque::new(),
            left_out: 0,
        }
    }

    pub fn note(&mut self, news: News) {
        let count = self.counts.entry(news.moment.clone()).or_default();
        *count += 1;
        let is_history = news.time < self.live_from;
        if (is_history && *count > FIRST_OF_HISTORY) || self.waiting.len() >= WAITING_MAX {
            self.left_out += 1;
        } else {
            self.waiting.push_back(news.clone());
        }
        self.shown.push_front(news);
        self.shown.truncate(SHOWN_MAX);
    }

    pub fn heading(&self) -> String {
        format!("{}\n", self.heading)
    }

    /// The moments that no line has told yet.
    pub fn lines(&mut self) -> String {
        let mut text = String::new();
        for news in self.waiting.drain(..) {
            push_news(&mut text, &news, "", "");
        }
        if self.left_out > 0 && !text.is_empty() {
            let _ = writeln!(text, "  ({} more moments of the history, counted)", self.left_out);
            self.left_out = 0;
        }
        text
    }

    pub fn status_line(&self, figures: &Figures) -> String {
        format!("-- {}\n", self.status(figures))
    }

    /// The whole picture, drawn over the last one.
    pub fn picture(&self, figures: &Figures) -> String {
        let mut text = format!("\x1b[H\x1b[1m{}\x1b[0m\n\n", self.heading);
        let _ = writeln!(text, "{}\n\n{}\n", self.status(figures), self.moments());
        for news in &self.shown {
            push_news(&mut text, news, "\x1b[1;36m", "\x1b[0m");
            text.push('\n');
        }
        text.push_str("\x1b[2mCtrl-C ends it with a summary\x1b[0m\n");
        // Clear to the end of each line, and what is below: no flicker.
        text.replace('\n', "\x1b[K\n") + "\x1b[J"
    }

    /// How often each moment came.
    pub fn moments(&self) -> String {
        let counts: Vec<String> = self.counts.iter().map(|(moment, count)| format!("{moment} {count}")).collect();
        if counts.is_empty() { "no moments yet".to_owned() } else { counts.join(" · ") }
    }

    fn status(&self, figures: &Figures) -> String {
        let Figures { clock, live, processed, rate, people, profiles, written, arrived } = figures;
        let phase = if *live { "live" } else { "history, as fast as it goes" };
        format!(
            "{clock} ({phase}): {rate:.0} events/s, {processed} so far; {people} people, {profiles} profiles; {written} messages out, {arrived} delivered"
        )
    }
}

/// Drawn into a screen of its own, with lines cut at its edge; the old screen comes back after it.
pub const ENTER: &str = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
pub const LEAVE: &str = "\x1b[?7h\x1b[?25h\x1b[?1049l";

fn push_news(text: &mut String, news: &News, bold: &str, plain: &str) {
    let News { time, moment, who, why, identify } = news;
    let time = time.get(..16).unwrap_or(time).replace('T', " ");
    let _ = writeln!(text, "{time}  {bold}{moment}{plain}  {who}");
    let _ = writeln!(text, "    why       {why}");
    let _ = writeln!(text, "    identify  {identify}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn news(time: &str, moment: &str) -> News {
        let text = |text: &str| text.to_owned();
        News {
            time: text(time),
            moment: text(moment),
            who: text("cto@initech.example"),
            why: text("why"),
            identify: text("how"),
        }
    }

    fn view() -> View {
        View::new("demo".to_owned(), "2026-03-02T09:00:00.000Z".to_owned())
    }

    #[test]
    fn a_history_is_told_by_its_first_moments_and_live_ones_all() {
        let mut view = view();
        (0..5).for_each(|_| view.note(news("2026-01-01T00:00:00.000Z", "at_risk")));
        assert_eq!(view.lines().matches("at_risk").count(), 2);
        (0..5).for_each(|_| view.note(news("2026-03-02T10:00:00.000Z", "at_risk")));
        assert_eq!(view.lines().matches("2026-03-02 10:00  at_risk  cto@initech.example").count(), 5);
        assert_eq!((view.lines(), view.moments()), (String::new(), "at_risk 10".to_owned()));
    }

    #[test]
    fn plain_lines_have_no_escapes_and_a_picture_fits_a_small_screen() {
        let mut view = view();
        (0..20).for_each(|_| view.note(news("2026-03-02T10:00:00.000Z", "ready_to_buy")));
        let figures = Figures::default();
        assert!(view.picture(&figures).lines().count() <= 28);
        assert!(!(view.lines() + &view.status_line(&figures)).contains('\x1b'));
    }
}
