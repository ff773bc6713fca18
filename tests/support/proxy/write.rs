//! A request to write (Produce), read as far as its partition, and the answer of a broker that is not its leader.
//!
//! Both as Kafka's protocol guide has them for the versions with compact fields: a length is a varint and one too high,
//! and each structure ends with its tags, of which there are none here. A client of ours writes to one partition at once.

const PRODUCE: i16 = 0;
const COMPACT_SINCE: i16 = 9;
const NOT_LEADER: i16 = 6;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    number: i32,
    pub topic: String,
    pub partition: i32,
}

impl Write {
    /// `None`: it is another kind of request.
    pub fn read(frame: &[u8]) -> Option<Self> {
        let mut rest = frame;
        let (kind, version, number) = (short(&mut rest), short(&mut rest), int(&mut rest));
        if kind != PRODUCE {
            return None;
        }
        assert!(version >= COMPACT_SINCE, "this proxy can't read Produce of version {version}");
        let client = short(&mut rest).max(0) as usize;
        take(&mut rest, client);
        assert_eq!(take(&mut rest, 1)[0], 0, "no tags");
        compact(&mut rest); // the transactional id
        take(&mut rest, 6); // acks, time-out
        assert_eq!((take(&mut rest, 1)[0], version < 13), (2, true), "one topic, by name");
        let topic = String::from_utf8(compact(&mut rest).to_vec()).expect("a topic's name is text");
        assert_eq!(take(&mut rest, 1)[0], 2, "one partition");
        Some(Self { number, topic, partition: int(&mut rest) })
    }

    pub fn is_to_the_partition_of(&self, other: &Self) -> bool {
        (&self.topic, self.partition) == (&other.topic, other.partition)
    }

    /// The frame of the answer.
    pub fn refusal(&self) -> Vec<u8> {
        let mut answer = self.number.to_be_bytes().to_vec();
        answer.extend([0, 2, self.topic.len() as u8 + 1]);
        answer.extend(self.topic.as_bytes());
        answer.push(2);
        answer.extend(self.partition.to_be_bytes());
        answer.extend(NOT_LEADER.to_be_bytes());
        answer.extend([0xff; 24]); // no offset, no time, no start of the log
        answer.extend([1, 0, 0, 0]); // no errors of single records, no text; the ends of partition and topic
        answer.extend([0; 5]); // throttled for no time; the end
        answer
    }
}

fn take<'a>(rest: &mut &'a [u8], length: usize) -> &'a [u8] {
    let (taken, left) = rest.split_at(length);
    *rest = left;
    taken
}

fn short(rest: &mut &[u8]) -> i16 {
    i16::from_be_bytes(take(rest, 2).try_into().expect("two bytes"))
}

fn int(rest: &mut &[u8]) -> i32 {
    i32::from_be_bytes(take(rest, 4).try_into().expect("four bytes"))
}

/// Of less than 127 bytes, as all names here are.
fn compact<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let length = take(rest, 1)[0];
    assert!(length < 128, "a name too long for this proxy");
    take(rest, usize::from(length).saturating_sub(1))
}
