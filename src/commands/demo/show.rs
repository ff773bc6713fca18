//! The terminal while the demo runs: which form it takes, how often it is renewed. It knows nothing of what it shows.

use std::io::{self, IsTerminal as _};
use std::sync::Mutex;
use std::time::{Duration, Instant};

use super::stage::lock;
use super::view::{ENTER, Figures, LEAVE, View};
use crate::commands::{Exit, print};

const PICTURE_EVERY: Duration = Duration::from_millis(200);
const STATUS_EVERY: Duration = Duration::from_secs(5);
/// Events a second are those of so long.
const RATE_OVER: Duration = Duration::from_secs(1);

pub struct Show {
    plain: bool,
    told_heading: bool,
    drawn: Option<Instant>,
    measured: (Instant, u64, f64),
}

impl Show {
    pub fn begin(plain: bool) -> Result<Self, Exit> {
        let plain = plain || !io::stdout().is_terminal();
        if !plain {
            print(ENTER)?;
        }
        Ok(Self { plain, told_heading: false, drawn: None, measured: (Instant::now(), 0, 0.0) })
    }

    /// Called often; draws when it is time.
    pub fn draw(&mut self, view: &Mutex<View>, mut figures: Figures) -> Result<(), Exit> {
        figures.rate = self.rate(figures.processed);
        if self.plain { self.lines(view, &figures) } else { self.picture(view, &figures) }
    }

    /// Gives the terminal back as it was; what no line has told is told.
    pub fn end(&mut self, view: &Mutex<View>) -> Result<(), Exit> {
        if self.plain {
            return print(&lock(view).lines());
        }
        self.plain = true;
        print(LEAVE)
    }

    fn lines(&mut self, view: &Mutex<View>, figures: &Figures) -> Result<(), Exit> {
        let mut view = lock(view);
        let mut text = String::new();
        if !self.told_heading {
            self.told_heading = true;
            text.push_str(&view.heading());
        }
        text.push_str(&view.lines());
        if self.is_time(STATUS_EVERY) {
            text.push_str(&view.status_line(figures));
        }
        if text.is_empty() { Ok(()) } else { print(&text) }
    }

    fn picture(&mut self, view: &Mutex<View>, figures: &Figures) -> Result<(), Exit> {
        if self.is_time(PICTURE_EVERY) { print(&lock(view).picture(figures)) } else { Ok(()) }
    }

    fn is_time(&mut self, every: Duration) -> bool {
        let is_time = self.drawn.is_none_or(|drawn| drawn.elapsed() >= every);
        if is_time {
            self.drawn = Some(Instant::now());
        }
        is_time
    }

    fn rate(&mut self, processed: u64) -> f64 {
        let (since, before, _) = self.measured;
        if since.elapsed() >= RATE_OVER {
            let rate = processed.saturating_sub(before) as f64 / since.elapsed().as_secs_f64();
            self.measured = (Instant::now(), processed, rate);
        }
        self.measured.2
    }
}

impl Drop for Show {
    /// Also when something broke: nobody is left with a screen without a cursor.
    fn drop(&mut self) {
        if !self.plain {
            let _ = print(LEAVE);
        }
    }
}
