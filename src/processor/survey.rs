//! A group seen from outside: its positions, the ends of its log, its members, its snapshots. For the operator's
//! commands; it joins nothing and changes nothing.

use std::sync::Arc;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};

use super::access::Access;
use super::batch::Committed;
use super::group::Member;
use super::members::{Holder, Members};
use super::position::Position;
use super::restore::Sources;
use super::snapshots::{StoreOrDamage, file_of, playbook_file, read_chain};
use super::{Config, Editions, Fault, raw};
use crate::storage::{self, Contents, Header, SnapshotId, Store, Unreadable};

const TIMEOUT: Duration = Duration::from_secs(15);

pub struct Survey {
    pub config: Arc<Config>,
    pub consumer: Arc<BaseConsumer<Member>>,
    pub store: Arc<Store>,
    /// Partitions of the raw topic.
    pub partitions: i32,
}

/// A snapshot's file.
#[derive(Debug, Clone)]
pub struct Stored {
    pub id: SnapshotId,
    pub bytes: u64,
    /// Version of its format, where it is a snapshot.
    pub format: Option<u16>,
    pub header: Result<Header, Unreadable>,
}

impl Stored {
    /// The position it was cut at, where it says one.
    pub fn position(&self) -> Option<Position> {
        let header = self.header.as_ref().ok()?;
        Position::decode(header.offset, header.position.as_bytes()).ok()
    }
}

impl Survey {
    /// What a restore reads from.
    pub fn sources(&self, editions: Arc<Editions>) -> Sources {
        Sources {
            config: Arc::clone(&self.config),
            consumer: Arc::clone(&self.consumer),
            store: Arc::clone(&self.store),
            editions,
            partitions: self.partitions,
        }
    }

    pub fn open(config: Config) -> Result<Self, Fault> {
        let config = Arc::new(config);
        let consumer = config.consumer(None).create_with_context(Member::default())?;
        let consumer: Arc<BaseConsumer<Member>> = Arc::new(consumer);
        let access = Access::open(&config.client())?;
        let topic = &config.raw_topic;
        let partitions = access.raw_partitions(topic)?;
        let store = Store::open(&config.snapshots_url, &[&access.cluster, &config.group, topic])?;
        Ok(Self { config, consumer, store: Arc::new(store), partitions })
    }

    /// Everything committed, by partition. An open transaction is an error: what it commits is not known yet.
    pub fn committed(&self) -> Result<Vec<Committed>, Fault> {
        let all: Vec<i32> = (0..self.partitions).collect();
        let mut found = raw::committed(&self.consumer, &self.config.raw_topic, &all, TIMEOUT).map_err(Fault::Kafka)?;
        found.sort_by_key(|(partition, _)| *partition);
        Ok(found.into_iter().map(|(_, committed)| committed).collect())
    }

    /// Where a partition's log begins and ends.
    pub fn ends(&self, partition: i32) -> Result<(i64, i64), Fault> {
        Ok(self.consumer.fetch_watermarks(&self.config.raw_topic, partition, TIMEOUT)?)
    }

    /// The end of a partition of the marks topic; nothing where there is no such topic.
    pub fn marks_end(&self, partition: i32) -> Option<i64> {
        let ends = self.consumer.fetch_watermarks(&self.config.marks_topic(), partition, TIMEOUT);
        ends.ok().map(|(_, end)| end)
    }

    /// Who is in the group at the moment, and holds what of the raw topic.
    pub fn holders(&self) -> Result<Vec<Holder>, Fault> {
        let members = Members::of(self.consumer.client(), &self.config.group, &self.config.raw_topic, TIMEOUT)?;
        Ok(members.holders)
    }

    /// A partition's snapshot files, oldest first, with what their headers say.
    pub fn snapshots(&self, partition: i32) -> Result<Vec<Stored>, Fault> {
        self.stored(partition, |_, bytes| storage::read_header(bytes))
    }

    /// The same with all of each file read, and every checksum in it.
    pub fn checked_snapshots(&self, partition: i32) -> Result<Vec<Stored>, Fault> {
        self.stored(partition, |id, bytes| storage::read(id, bytes).map(|contents| contents.header))
    }

    fn stored(
        &self,
        partition: i32,
        read: impl Fn(&SnapshotId, &[u8]) -> Result<Header, Unreadable>,
    ) -> Result<Vec<Stored>, Fault> {
        let mut all = Vec::new();
        for entry in self.store.list(&partition.to_string())? {
            let Some(id) = SnapshotId::of_file(&entry.name) else { continue };
            // Its owner may prune meanwhile.
            let Some(bytes) = self.store.get(&file_of(partition, &id))? else { continue };
            let (format, header) = (storage::version(&bytes), read(&id, &bytes));
            all.push(Stored { id, bytes: entry.bytes, format, header });
        }
        all.sort_by_key(|stored| (stored.position().map(|position| position.wall), stored.id.offset));
        Ok(all)
    }

    /// A snapshot and all it rests on, base first.
    pub fn chain(&self, partition: i32, id: &SnapshotId) -> Result<Result<Vec<Contents>, Unreadable>, Fault> {
        match read_chain(&self.store, partition, id) {
            Ok(chain) => Ok(Ok(chain)),
            Err(StoreOrDamage::Damage(damage)) => Ok(Err(damage)),
            Err(StoreOrDamage::Store(error)) => Err(error.into()),
        }
    }

    /// The text of a playbook that was in force; what is there may be anything.
    pub fn playbook(&self, fingerprint: &str) -> Result<Option<String>, Fault> {
        let text = self.store.get(&playbook_file(fingerprint))?;
        Ok(text.and_then(|bytes| String::from_utf8(bytes).ok()))
    }
}
