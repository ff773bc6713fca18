//! Whether the process is ready, and if not, why, in words. It must not know who asks or what is behind a reason.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

/// Reasons for not being ready, by what they are about. Ready is when there are none.
#[derive(Clone, Default)]
pub struct Health(Arc<Mutex<BTreeMap<String, String>>>);

impl Health {
    /// Not ready until the reason is cleared.
    pub fn starting(what: &str, why: &str) -> Self {
        let health = Self::default();
        health.set(what, Some(why.to_owned()));
        health
    }

    /// Sets or clears the reason of one thing. True when that changed it.
    pub fn set(&self, what: &str, why: Option<String>) -> bool {
        let mut reasons = self.lock();
        if reasons.get(what) == why.as_ref() {
            return false;
        }
        match why {
            Some(why) => reasons.insert(what.to_owned(), why),
            None => reasons.remove(what),
        };
        true
    }

    /// One line each; empty: ready.
    pub fn reasons(&self) -> Vec<String> {
        self.lock().iter().map(|(what, why)| format!("{what}: {why}")).collect()
    }

    pub fn is_ready(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, String>> {
        self.0.lock().expect("nothing panics while holding it")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_when_no_reason_is_left() {
        let health = Health::starting("group", "not joined yet");
        assert!(health.set("partition 3", Some("restoring".into())));
        assert!(!health.set("partition 3", Some("restoring".into())));
        assert_eq!(health.reasons(), ["group: not joined yet", "partition 3: restoring"]);
        health.set("group", None);
        health.set("partition 3", None);
        assert!(health.is_ready());
    }
}
