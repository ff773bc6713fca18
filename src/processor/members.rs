//! Who is in a consumer group and holds what of a topic, as the group's coordinator tells it. It must not know what
//! follows from that.

use std::fmt;
use std::time::Duration;

use rdkafka::client::{Client, ClientContext};
use rdkafka::error::KafkaError;
use rdkafka::groups::GroupMemberInfo;

#[derive(Debug, Default)]
pub struct Members {
    /// No rebalance is under way, as the coordinator sees it.
    pub is_stable: bool,
    pub holders: Vec<Holder>,
}

/// A member of the group, and what it holds of the topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Holder {
    /// Its stable name where it has one, else the id the broker gave it.
    pub name: String,
    pub host: String,
    pub partitions: Vec<i32>,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.name, self.host)
    }
}

impl Members {
    /// Nobody, where there is no such group.
    pub fn of<C: ClientContext>(
        client: &Client<C>,
        group: &str,
        topic: &str,
        timeout: Duration,
    ) -> Result<Self, KafkaError> {
        let groups = client.fetch_group_list(Some(group), timeout)?;
        let Some(found) = groups.groups().iter().find(|found| found.name() == group) else {
            return Ok(Self::default());
        };
        let holder = |member: &GroupMemberInfo| Holder {
            name: stable_name(member.id()).to_owned(),
            host: member.client_host().trim_start_matches('/').to_owned(),
            partitions: member.assignment().map(|bytes| assigned(bytes, topic)).unwrap_or_default(),
        };
        Ok(Self { is_stable: found.state() == "Stable", holders: found.members().iter().map(holder).collect() })
    }

    /// Those of so many partitions that nobody holds.
    pub fn unowned(&self, partitions: i32) -> Vec<i32> {
        let is_owned = |number: &i32| self.holders.iter().any(|holder| holder.partitions.contains(number));
        (0..partitions).filter(|number| !is_owned(number)).collect()
    }
}

/// A static member's id is its name, a dash and a random part of 36 characters.
fn stable_name(id: &str) -> &str {
    let at = id.len().checked_sub(37).filter(|at| id.as_bytes()[*at] == b'-' && *at > 0);
    at.and_then(|at| id.get(..at)).unwrap_or(id)
}

/// The partitions of one topic in a member's assignment, as consumers encode it: version, topics, each with its
/// partitions. What does not read is left out.
fn assigned(bytes: &[u8], topic: &str) -> Vec<i32> {
    let mut rest = bytes.get(2..).unwrap_or_default();
    let mut of_topic = Vec::new();
    for _ in 0..take(&mut rest).unwrap_or(0) {
        let Some(name) = take_text(&mut rest) else { break };
        for _ in 0..take(&mut rest).unwrap_or(0) {
            let Some(partition) = take(&mut rest) else { return of_topic };
            if name == topic.as_bytes() {
                of_topic.push(partition);
            }
        }
    }
    of_topic
}

fn take(rest: &mut &[u8]) -> Option<i32> {
    let (four, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(i32::from_be_bytes(*four))
}

fn take_text<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let (two, after) = rest.split_first_chunk::<2>()?;
    let (text, after) = after.split_at_checked(usize::from(u16::from_be_bytes(*two)))?;
    *rest = after;
    Some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_assignment_is_taken_apart() {
        let mut bytes = vec![0, 1, 0, 0, 0, 2];
        for (topic, partitions) in [("raw", [3, 5]), ("other", [0, 1])] {
            bytes.extend([0, topic.len() as u8]);
            bytes.extend(topic.as_bytes());
            bytes.extend([0, 0, 0, 2, 0, 0, 0, partitions[0], 0, 0, 0, partitions[1]]);
        }
        bytes.extend([0, 0, 0, 0]);
        assert_eq!(assigned(&bytes, "raw"), [3, 5]);
        assert!(assigned(&bytes, "none").is_empty());
        for cut in 0..bytes.len() {
            let _no_panic = assigned(&bytes[..cut], "raw");
        }
    }

    #[test]
    fn a_members_name_is_what_a_person_gave_it() {
        assert_eq!(stable_name("pod-1-0-0f8fad5b-d9cb-469f-a165-70867728950e"), "pod-1-0");
        assert_eq!(stable_name("short"), "short");
    }

    #[test]
    fn what_nobody_holds_is_unowned() {
        let holder =
            |partitions: &[i32]| Holder { name: String::new(), host: String::new(), partitions: partitions.into() };
        let members = Members { is_stable: true, holders: vec![holder(&[0, 4]), holder(&[]), holder(&[2])] };
        assert_eq!(members.unowned(5), [1, 3]);
        assert_eq!(Members::default().unowned(2), [0, 1]);
    }
}
