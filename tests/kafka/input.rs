//! A fixed stream of events over some days, ending just now: all kinds of calls, shapes and mistakes that a raw topic
//! sees, by seed. Every user keeps to one partition under all their ids, as producers who key by person do.

use serde_json::{Value, json};

use crate::support::now;
use crate::support::random::Random;
use crate::support::topics::Record;

pub const PARTITIONS: i32 = 4;
const DAYS: i64 = 5;
const DAY: i64 = 86_400_000;

/// `count` records of about `users` people, in the order of their times.
pub fn records(seed: u64, count: usize, users: u64) -> Vec<Record> {
    let mut source = Source { random: Random::new(seed), users, sent: 0, recent: Vec::new() };
    let (end, span) = (now() - 60_000, DAYS * DAY);
    (0..count).map(|n| source.record(end - span + span * n as i64 / count as i64)).collect()
}

/// Where the Java client puts a key, and so where Kairos expects the user.
pub fn partition_of(key: &str) -> i32 {
    ((murmur2(key.as_bytes()) & 0x7fff_ffff) % PARTITIONS as u32) as i32
}

struct Source {
    random: Random,
    users: u64,
    sent: u64,
    /// Messages that may be sent a second time.
    recent: Vec<(String, Value)>,
}

impl Source {
    fn record(&mut self, time: i64) -> Record {
        let user = self.user();
        let value = match self.random.below(1000) {
            0..3 => None,
            3..16 => Some(self.broken(&user)),
            16..34 => Some(self.again(&user).to_string().into_bytes()),
            34..60 => {
                let items: Vec<Value> = (0..self.random.between(1, 5)).map(|_| self.message(&user, time)).collect();
                Some(
                    json!({ "batch": items, "context": { "ip": "192.0.2.7" }, "sentAt": text(time) })
                        .to_string()
                        .into(),
                )
            }
            60..62 => Some(json!({ "type": "delete", "userId": user }).to_string().into_bytes()),
            62..64 => Some(own_message(&user).to_string().into_bytes()),
            _ => {
                let message = self.message(&user, time);
                self.remember(&user, &message);
                Some(message.to_string().into_bytes())
            }
        };
        // Records in a partition are not quite in the order of their times.
        let time = time - self.random.below(2_000) as i64;
        Record { partition: partition_of(&user), time, key: Some(user.into_bytes()), value }
    }

    /// A few people do most of it.
    fn user(&mut self) -> String {
        let (one, other) = (self.random.below(self.users), self.random.below(self.users));
        let number = if self.random.below(3) == 0 { one } else { one * other / self.users };
        format!("user-{number}")
    }

    /// Another id of the same person that lies in the same partition.
    fn second_id(&mut self, stem: &str, user: &str) -> String {
        let device = self.random.below(2);
        let ids = (0..).map(|try_| format!("{stem}-{user}-{device}-{try_}"));
        ids.into_iter().find(|id| partition_of(id) == partition_of(user)).expect("one in four does")
    }

    fn message(&mut self, user: &str, time: i64) -> Value {
        self.sent += 1;
        let mut message = self.call(user);
        message["messageId"] = json!(format!("m-{}", self.sent));
        match self.random.below(20) {
            0 => {}                                                                                  // no time of its own
            1 => message["timestamp"] = json!(text(time - self.random.below(5 * 3_600_000) as i64)), // late
            2 => message["timestamp"] = json!(text(time + 60_000)),                                  // a fast clock
            _ => message["timestamp"] = json!(text(time)),
        }
        message
    }

    fn call(&mut self, user: &str) -> Value {
        let anonymous = self.second_id("device", user);
        match self.random.below(100) {
            0..22 => {
                let page = *self.random.pick(&["/pricing", "/pricing/teams"]);
                json!({ "type": "page", "userId": user, "properties": { "path": page } })
            }
            22..47 => {
                let page = *self.random.pick(&["/", "/docs", "/blog/a", "/features"]);
                json!({ "type": "page", "userId": user, "name": "Page", "context": { "page": { "path": page } } })
            }
            47..52 => json!({ "type": "Track", "userId": user, "event": "Signed Up", "anonymousId": anonymous }),
            52..58 => json!({ "type": "track", "userId": user, "event": "project_created", "properties": null }),
            58..67 => json!({ "type": "track", "userId": user, "event": "Invite Sent" }),
            67..75 => self.order(user),
            75..84 => self.identify(user),
            84..88 => {
                let plan = *self.random.pick(&["free", "team", "enterprise"]);
                json!({ "type": "group", "userId": user, "groupId": format!("company-{}", self.random.below(90)),
                        "traits": { "plan": plan } })
            }
            88..97 => json!({ "type": "page", "anonymousId": anonymous, "userId": null,
                              "properties": { "url": "https://example.com/pricing?x=1" } }),
            97..99 => json!({ "type": "screen", "userId": user, "name": "Home" }),
            _ => {
                let previous = self.second_id("old", user);
                json!({ "type": "alias", "userId": user, "previousId": previous })
            }
        }
    }

    fn order(&mut self, user: &str) -> Value {
        let cents = self.random.below(40_000);
        let amount = format!("{}.{:02}", cents / 100, cents % 100);
        let revenue = if cents.is_multiple_of(2) { json!(amount) } else { json!(cents) };
        json!({ "type": "track", "userId": user, "event": "Order Completed",
                "properties": { "revenue": revenue, "order_id": self.random.below(9_000) } })
    }

    fn identify(&mut self, user: &str) -> Value {
        let mail = *self.random.pick(&["gmail.com", "initech.example", "acme.example"]);
        let title = *self.random.pick(&["CTO", "Head of Growth", "Größe \"x\"", ""]);
        let mut traits = json!({ "email": format!("{user}@{mail}"), "title": title,
                                 "company": { "employees": self.random.below(200) } });
        if self.random.below(3) == 0 {
            traits["address"] = json!({ "country": *self.random.pick(&["Canada", "Norge", "日本"]) });
        }
        json!({ "type": "identify", "userId": user, "traits": traits })
    }

    fn remember(&mut self, user: &str, message: &Value) {
        if self.recent.len() < 64 {
            self.recent.push((user.to_owned(), message.clone()));
        } else {
            let slot = self.random.below(64) as usize;
            self.recent[slot] = (user.to_owned(), message.clone());
        }
    }

    /// A message that was sent before, of the same person; else a new one without an id of its own.
    fn again(&mut self, user: &str) -> Value {
        let earlier = self.recent.iter().find(|(owner, _)| partition_of(owner) == partition_of(user));
        earlier.map(|(_, message)| message.clone()).unwrap_or_else(|| json!({ "type": "page", "userId": user }))
    }

    /// One of each reason for a dead letter.
    fn broken(&mut self, user: &str) -> Vec<u8> {
        match self.random.below(9) {
            0 => b"{\"type\":\"track\",".to_vec(),
            1 => b"\xff\xfe\x00 not text".to_vec(),
            2 => b"42".to_vec(),
            3 => json!({ "userId": user, "event": "x" }).to_string().into_bytes(),
            4 => json!({ "type": "page", "userId": "  ", "anonymousId": "null" }).to_string().into_bytes(),
            5 => json!({ "type": "track", "userId": user, "event": " " }).to_string().into_bytes(),
            6 => json!({ "type": "page", "userId": "x".repeat(513) }).to_string().into_bytes(),
            7 => json!({ "batch": [{ "type": "page", "userId": user }, 7, { "type": "track" }] }).to_string().into(),
            _ => Vec::new(),
        }
    }
}

/// What comes back when the write key is of the same source.
fn own_message(user: &str) -> Value {
    json!({ "type": "track", "userId": user, "event": "mk_ready_to_buy", "context": { "library": { "name": "kairos" } } })
}

fn text(time: i64) -> String {
    jiff::Timestamp::from_millisecond(time).expect("a time of our days").to_string()
}

fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    let mut hash = 0x9747_b28c ^ data.len() as u32;
    let mut words = data.chunks_exact(4);
    for word in &mut words {
        let mut k = u32::from_le_bytes([word[0], word[1], word[2], word[3]]).wrapping_mul(M);
        k = (k ^ (k >> 24)).wrapping_mul(M);
        hash = hash.wrapping_mul(M) ^ k;
    }
    let rest = words.remainder();
    for (at, byte) in rest.iter().enumerate() {
        hash ^= u32::from(*byte) << (8 * at);
    }
    if !rest.is_empty() {
        hash = hash.wrapping_mul(M);
    }
    hash = (hash ^ (hash >> 13)).wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[test]
fn partitions_are_the_java_clients() {
    // From the client's own tests.
    assert_eq!(murmur2(b"21") as i32, -973_932_308);
    assert_eq!(murmur2(b"foobar") as i32, -790_332_482);
    assert_eq!(murmur2(b"a-little-bit-long-string") as i32, -985_981_536);
}

#[test]
fn the_same_seed_gives_the_same_input() {
    let values = |seed| records(seed, 500, 50).into_iter().map(|r| (r.partition, r.key)).collect::<Vec<_>>();
    assert_eq!(values(1), values(1));
    assert_ne!(values(1), values(2));
}
