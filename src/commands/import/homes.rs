//! In which partition each person's history belongs: where whoever keys the raw topic by person sends them from now on.
//! It knows nothing of files or engines.

use std::collections::HashMap;

use crate::engine::Partitioner;
use crate::engine::event::Event;
use crate::engine::partition::of_key;
use crate::engine::playbook::meant::Call;

/// Users who took each other over in turn; more of them are a circle.
const TAKEN_OVER_MAX: usize = 32;

pub struct Homes {
    partitioner: Partitioner,
    partitions: i32,
    /// The user of an anonymous id: before the second reading the first one it ever has, in it the one it has by then.
    users: HashMap<Box<str>, Box<str>>,
    /// The user that another one's history goes to, by an `alias` that is still to come.
    heirs: HashMap<Box<str>, Box<str>>,
}

impl Homes {
    pub fn new(partitioner: Partitioner, partitions: i32) -> Self {
        Self { partitioner, partitions, users: HashMap::new(), heirs: HashMap::new() }
    }

    /// The first reading: all of history, before any of it is dealt out.
    pub fn note(&mut self, event: &Event<'_>) {
        let Some(user) = event.user_id.as_deref() else { return };
        if let Some(anonymous) = event.anonymous_id.as_deref() {
            self.users.entry(anonymous.into()).or_insert_with(|| user.into());
        }
        if let Some(previous) = previous(event) {
            self.users.entry(previous.into()).or_insert_with(|| user.into());
            self.heirs.entry(previous.into()).or_insert_with(|| user.into());
        }
    }

    /// The second reading, in the same order: where this event belongs. `None`: it is nobody's.
    pub fn of(&mut self, event: &Event<'_>) -> Option<i32> {
        let home = match (event.user_id.as_deref(), event.anonymous_id.as_deref()) {
            (Some(user), _) => self.of_user(user),
            (None, Some(anonymous)) => match self.users.get(anonymous) {
                Some(user) => self.of_user(user),
                None => self.of_id(anonymous),
            },
            (None, None) => return None,
        };
        self.pass(event);
        Some(home)
    }

    /// What this event changes for those after it.
    fn pass(&mut self, event: &Event<'_>) {
        let Some(user) = event.user_id.as_deref() else { return };
        let link = |users: &mut HashMap<Box<str>, Box<str>>, id: &str| match users.get_mut(id) {
            Some(have) if **have == *user => {}
            Some(have) => *have = user.into(),
            None => drop(users.insert(id.into(), user.into())),
        };
        if let Some(anonymous) = event.anonymous_id.as_deref() {
            link(&mut self.users, anonymous);
        }
        if let Some(previous) = previous(event) {
            link(&mut self.users, previous);
            // Whoever goes on under the old id is another one.
            self.heirs.remove(previous);
        }
    }

    fn of_user(&self, user: &str) -> i32 {
        let mut last = user;
        for _ in 0..TAKEN_OVER_MAX {
            let Some(heir) = self.heirs.get(last) else { break };
            last = heir;
        }
        self.of_id(last)
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
    fn a_circle_of_aliases_ends() {
        let [one, other] =
            [r#"{"type":"alias","previousId":"a","userId":"b"}"#, r#"{"type":"alias","previousId":"b","userId":"a"}"#];
        assert_eq!(homes(&[one, other]).len(), 2);
    }
}
