//! In which partition each person's history belongs: where whoever keys the raw topic by person sends them from now on.
//! It knows nothing of files or engines.

use std::collections::HashMap;

use crate::engine::Partitioner;
use crate::engine::event::Event;
use crate::engine::partition::of_key;
use crate::engine::playbook::meant::Call;

/// Users who took each other over in turn; more of them are a mistake.
const TAKEN_OVER_MAX: usize = 32;

/// How many aliases had come by then: the only time that matters here.
type Then = u32;

pub struct Homes {
    partitioner: Partitioner,
    partitions: i32,
    /// The user of an anonymous id, and since when: before the second reading the first one it ever has, in it the one
    /// it has by then.
    users: HashMap<Box<str>, (Then, Box<str>)>,
    /// The users that each took over what was known under an id, in order.
    heirs: HashMap<Box<str>, Vec<(Then, Box<str>)>>,
    now: Then,
}

impl Homes {
    pub fn new(partitioner: Partitioner, partitions: i32) -> Self {
        Self { partitioner, partitions, users: HashMap::new(), heirs: HashMap::new(), now: 0 }
    }

    /// The first reading: all of history, before any of it is dealt out.
    pub fn note(&mut self, event: &Event<'_>) {
        let Some(user) = event.user_id.as_deref() else { return };
        if let Some(previous) = previous(event) {
            self.now += 1;
            self.heirs.entry(previous.into()).or_default().push((self.now, user.into()));
            self.users.entry(previous.into()).or_insert_with(|| (self.now, user.into()));
        }
        if let Some(anonymous) = event.anonymous_id.as_deref() {
            self.users.entry(anonymous.into()).or_insert_with(|| (self.now, user.into()));
        }
    }

    /// The second reading, in the same order, begins.
    pub fn restart(&mut self) {
        self.now = 0;
    }

    /// In the second reading: where this event belongs. `None`: it is nobody's.
    pub fn of(&mut self, event: &Event<'_>) -> Option<i32> {
        self.now += u32::from(event.user_id.is_some() && previous(event).is_some());
        match (event.user_id.as_deref(), event.anonymous_id.as_deref()) {
            (Some(user), anonymous) => {
                for id in [anonymous, previous(event)].into_iter().flatten() {
                    self.link(id, user);
                }
                Some(self.of_user(self.now, user))
            }
            (None, Some(anonymous)) => Some(match self.users.get(anonymous) {
                Some((since, user)) => self.of_user(*since, user),
                None => self.of_id(anonymous),
            }),
            (None, None) => None,
        }
    }

    fn link(&mut self, id: &str, user: &str) {
        match self.users.get_mut(id) {
            Some((since, have)) if **have == *user => *since = self.now,
            Some(have) => *have = (self.now, user.into()),
            None => drop(self.users.insert(id.into(), (self.now, user.into()))),
        }
    }

    /// Where a user of some time ends up: whoever takes them over later has it all.
    fn of_user<'a>(&'a self, mut since: Then, mut user: &'a str) -> i32 {
        for _ in 0..TAKEN_OVER_MAX {
            let heirs = self.heirs.get(user).map(Vec::as_slice).unwrap_or_default();
            let Some((then, heir)) = heirs.iter().find(|(then, _)| *then > since) else { break };
            (since, user) = (*then, heir);
        }
        self.of_id(user)
    }

    fn of_id(&self, id: &str) -> i32 {
        of_key(self.partitioner, id.as_bytes(), self.partitions)
    }
}

/// The id that an `alias` takes over.
fn previous<'a>(event: &'a Event<'_>) -> Option<&'a str> {
    let previous = event.previous_id.as_deref().filter(|_| event.call == Call::Alias)?;
    (event.user_id.as_deref() != Some(previous)).then_some(previous)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::event::{Item, Reader, Scratch, Wanted};

    const MANY: i32 = 10_000;

    fn home(id: &str) -> Option<i32> {
        Some(of_key(Partitioner::Murmur2, id.as_bytes(), MANY))
    }

    /// Where each of these goes.
    fn homes(events: &[&str]) -> Vec<Option<i32>> {
        let reader = Reader::new(Wanted::new(&[]), &[], &[]);
        let mut homes = Homes::new(Partitioner::Murmur2, MANY);
        let mut found = Vec::new();
        for is_second in [false, true] {
            homes.restart();
            for event in events {
                let mut scratch = Scratch::default();
                match reader.read(Some(event.as_bytes()), &mut scratch).next_item() {
                    Some(Item::Event(event)) if is_second => found.push(homes.of(&event)),
                    Some(Item::Event(event)) => homes.note(&event),
                    other => panic!("{event}: {other:?}"),
                }
            }
        }
        found
    }

    #[test]
    fn an_anonymous_past_goes_where_its_user_will_be() {
        let found = homes(&[
            r#"{"type":"page","anonymousId":"x"}"#,
            r#"{"type":"page","anonymousId":"alone"}"#,
            r#"{"type":"identify","anonymousId":"x","userId":"ann"}"#,
            r#"{"type":"page","anonymousId":"x"}"#,
            r#"{"type":"identify","anonymousId":"x","userId":"bob"}"#,
            r#"{"type":"page","anonymousId":"x"}"#,
            r#"{"type":"group","groupId":"g"}"#,
        ]);
        let [ann, bob] = ["ann", "bob"].map(home);
        assert_eq!(found, [ann, home("alone"), ann, ann, bob, bob, None]);
    }

    #[test]
    fn an_alias_takes_the_past_with_it_and_not_what_comes_after() {
        let found = homes(&[
            r#"{"type":"page","userId":"a"}"#,
            r#"{"type":"alias","previousId":"a","userId":"b"}"#,
            r#"{"type":"page","userId":"a"}"#,
            r#"{"type":"page","userId":"b"}"#,
            r#"{"type":"alias","previousId":"b","userId":"c"}"#,
            r#"{"type":"page","userId":"c"}"#,
        ]);
        let [a, c] = ["a", "c"].map(home);
        assert_eq!(found, [c, c, a, c, c, c]);
    }

    #[test]
    fn whoever_was_linked_to_the_old_name_goes_with_it() {
        let found = homes(&[
            r#"{"type":"identify","anonymousId":"x","userId":"a"}"#,
            r#"{"type":"alias","previousId":"a","userId":"b"}"#,
            r#"{"type":"page","anonymousId":"x"}"#,
            r#"{"type":"identify","anonymousId":"y","userId":"a"}"#,
            r#"{"type":"page","anonymousId":"y"}"#,
            r#"{"type":"alias","previousId":"a","userId":"c"}"#,
            r#"{"type":"page","anonymousId":"x"}"#,
            r#"{"type":"page","anonymousId":"y"}"#,
        ]);
        let [b, c] = ["b", "c"].map(home);
        assert_eq!(found, [b, b, b, c, c, c, b, c]);
    }

    #[test]
    fn a_circle_of_aliases_ends() {
        let [one, other] =
            [r#"{"type":"alias","previousId":"a","userId":"b"}"#, r#"{"type":"alias","previousId":"b","userId":"a"}"#];
        assert_eq!(homes(&[one, other]).len(), 2);
    }
}
