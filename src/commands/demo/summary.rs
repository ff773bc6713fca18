//! The account at the end: what was sent, what came out of it, and that all of it arrived, once.

use std::fmt;
use std::time::Duration;

use crate::commands::Exit;
use crate::forwarder::local_endpoint::Arrived;

pub struct Summary {
    pub lasted: Duration,
    pub sent: u64,
    pub processed: u64,
    pub dead: u64,
    pub written: usize,
    pub written_doubled: usize,
    pub arrived: Arrived,
    pub missing: usize,
    /// As a line.
    pub moments: String,
}

impl Summary {
    /// On the topic and at the endpoint.
    pub fn doubled(&self) -> usize {
        self.written_doubled + (self.arrived.items - self.arrived.distinct)
    }
}

impl Summary {
    /// The demo itself is a check: what it says must hold.
    pub fn verdict(&self) -> Result<(), Exit> {
        let unprocessed = self.sent.saturating_sub(self.processed);
        if self.missing == 0 && self.doubled() == 0 && unprocessed == 0 {
            return Ok(());
        }
        let doubled = self.doubled();
        Err(Exit::Fault(format!(
            "{unprocessed} events unprocessed, {} messages missing, {doubled} doubled",
            self.missing
        )))
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { lasted, sent, processed, dead, written, arrived, missing, moments, .. } = self;
        writeln!(to, "\nAfter {:.1} s:", lasted.as_secs_f64())?;
        writeln!(to, "  events sent          {sent}, processed {processed}, dead letters {dead}")?;
        writeln!(to, "  moments              {moments}")?;
        writeln!(to, "  on the outgoing topic {written} messages")?;
        writeln!(to, "  at the endpoint      {} messages in {} requests", arrived.items, arrived.requests)?;
        writeln!(to, "  missing {missing}, doubled {}", self.doubled())
    }
}
