//! The few calls to librdkafka that the crate has no safe form of: records from a partition's own queue, positions whose
//! metadata may be any bytes, the group's generation, what we may do with a topic. The only unsafe code of the program;
//! it must not know what the bytes mean.
#![allow(unsafe_code)]

pub mod rights;

use std::ffi::{CStr, CString};
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::RDKafkaRespErr;
use rdkafka::{Offset, TopicPartitionList};

use crate::processor::batch::Committed;
use crate::processor::group::Member;

/// Wakes the worker's thread when something lies in one of its queues.
type Wake = Box<std::thread::Thread>;

/// The records of one partition, apart from those of others.
pub struct Queue {
    queue: NonNull<sys::rd_kafka_queue_t>,
    // Fields drop in this order: first nobody calls the callback (`Drop`), then its data may go.
    _wake: Wake,
    _consumer: Arc<BaseConsumer<Member>>,
}

/// A record on loan from librdkafka; it keeps its whole fetch buffer alive, so it is dropped soon.
#[derive(Debug)]
pub struct Fetched(NonNull<sys::rd_kafka_message_t>);

#[derive(Debug, Clone, Copy)]
pub struct Raw<'a> {
    pub offset: i64,
    pub time: Option<i64>,
    pub key: Option<&'a [u8]>,
    pub value: Option<&'a [u8]>,
    /// Where its headers are; they are looked up only for the few that need them.
    pub fetched: Option<&'a Fetched>,
}

impl<'a> Raw<'a> {
    /// The value of its last header of this name.
    pub fn header(&self, name: &CStr) -> Option<&'a [u8]> {
        self.fetched?.header(name)
    }
}

/// What a queue holds instead of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Signal {
    /// Nothing stable lies at this offset or after it.
    End(i64),
    Error(RDKafkaErrorCode),
}

impl Queue {
    /// To be called before the partition is assigned, so that no record goes elsewhere. `thread` is woken when
    /// the queue stops being empty.
    pub fn open(
        consumer: &Arc<BaseConsumer<Member>>,
        topic: &str,
        partition: i32,
        thread: std::thread::Thread,
    ) -> Option<Self> {
        let topic = CString::new(topic).ok()?;
        let wake: Wake = Box::new(thread);
        // SAFETY: the client outlives the queue (`_consumer`), `topic` outlives the call, and `wake` lives on the
        // heap until after the callback is taken back in `Drop`.
        let queue = unsafe {
            let queue = sys::rd_kafka_queue_get_partition(consumer.client().native_ptr(), topic.as_ptr(), partition);
            let queue = NonNull::new(queue)?;
            sys::rd_kafka_queue_forward(queue.as_ptr(), ptr::null_mut());
            let data = ptr::from_ref::<std::thread::Thread>(&wake).cast_mut().cast();
            sys::rd_kafka_queue_cb_event_enable(queue.as_ptr(), Some(unpark), data);
            queue
        };
        Some(Self { queue, _wake: wake, _consumer: Arc::clone(consumer) })
    }

    /// What lies there now, at most `max`, in order; it does not wait.
    ///
    /// One call a record: librdkafka 2.12's call for many takes the end of the log, which is an entry like a record, for
    /// a record that was read, and after the next rebalance goes on behind it: the record that comes there is never seen.
    pub fn take(&mut self, max: usize) -> impl Iterator<Item = Fetched> + '_ {
        // SAFETY: the queue is alive; what comes out of it is ours to destroy.
        let next = || NonNull::new(unsafe { sys::rd_kafka_consume_queue(self.queue.as_ptr(), 0) }).map(Fetched);
        std::iter::from_fn(next).take(max)
    }
}

impl Drop for Queue {
    fn drop(&mut self) {
        // SAFETY: the queue is ours until here; with no callback left, `_wake` may go after it.
        unsafe {
            sys::rd_kafka_queue_cb_event_enable(self.queue.as_ptr(), None, ptr::null_mut());
            sys::rd_kafka_queue_destroy(self.queue.as_ptr());
        }
    }
}

unsafe extern "C" fn unpark(_: *mut sys::rd_kafka_t, data: *mut std::ffi::c_void) {
    // SAFETY: `data` is the `Thread` in `Queue::_wake`, alive while the callback is set.
    unsafe { &*data.cast::<std::thread::Thread>() }.unpark();
}

impl Fetched {
    pub fn read(&self) -> Result<Raw<'_>, Signal> {
        // SAFETY: the message is ours until dropped; lengths and pointers are librdkafka's own.
        let message = unsafe { self.0.as_ref() };
        match message.err {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR => {}
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__PARTITION_EOF => return Err(Signal::End(message.offset)),
            other => return Err(Signal::Error(other.into())),
        }
        let bytes = |start: *mut std::ffi::c_void, len: usize| {
            // SAFETY: as above; a null pointer means there is no such part.
            (!start.is_null()).then(|| unsafe { std::slice::from_raw_parts(start.cast::<u8>(), len) })
        };
        let mut kind = sys::rd_kafka_timestamp_type_t::RD_KAFKA_TIMESTAMP_NOT_AVAILABLE;
        // SAFETY: both pointers are valid for the call.
        let time = unsafe { sys::rd_kafka_message_timestamp(self.0.as_ptr(), &raw mut kind) };
        Ok(Raw {
            offset: message.offset,
            time: (time >= 0).then_some(time),
            key: bytes(message.key, message.key_len),
            value: bytes(message.payload, message.len),
            fetched: Some(self),
        })
    }

    fn header(&self, name: &CStr) -> Option<&[u8]> {
        let (mut headers, mut value, mut size) = (ptr::null_mut(), ptr::null(), 0);
        // SAFETY: the message is ours, and used by one thread at a time; the headers are the message's and live as long;
        // librdkafka writes the pointers before it says that there is no error.
        unsafe {
            let found = sys::rd_kafka_message_headers(self.0.as_ptr(), &raw mut headers);
            if found != RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                return None;
            }
            let found = sys::rd_kafka_header_get_last(headers, name.as_ptr(), &raw mut value, &raw mut size);
            let is_there = found == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR && !value.is_null();
            is_there.then(|| std::slice::from_raw_parts(value.cast::<u8>(), size))
        }
    }
}

impl Drop for Fetched {
    fn drop(&mut self) {
        // SAFETY: made by `rd_kafka_consume_queue`, destroyed once.
        unsafe { sys::rd_kafka_message_destroy(self.0.as_ptr()) }
    }
}

/// The committed positions of these partitions, with their metadata as bytes: someone else's may be anything, and the
/// crate's own accessor panics on what is not UTF-8. An error also when a transaction is pending.
pub fn committed(
    consumer: &BaseConsumer<Member>,
    topic: &str,
    partitions: &[i32],
    timeout: Duration,
) -> Result<Vec<(i32, Committed)>, String> {
    let mut asked = TopicPartitionList::new();
    for partition in partitions {
        asked.add_partition(topic, *partition);
    }
    let found = consumer.committed_offsets(asked, timeout).map_err(|error| error.to_string())?;
    let elements = found.elements();
    elements.iter().try_for_each(|element| element.error()).map_err(|error| error.to_string())?;
    // SAFETY: the list is alive and has `cnt` elements.
    let raw =
        unsafe { std::slice::from_raw_parts((*found.ptr()).elems, usize::try_from((*found.ptr()).cnt).unwrap_or(0)) };
    let one = |element: &sys::rd_kafka_topic_partition_s| {
        let Offset::Offset(offset) = Offset::from_raw(element.offset) else { return (element.partition, None) };
        let metadata = if element.metadata.is_null() {
            Vec::new()
        } else {
            // SAFETY: the element owns `metadata_size` bytes there.
            unsafe { std::slice::from_raw_parts(element.metadata.cast::<u8>(), element.metadata_size) }.to_vec()
        };
        (element.partition, Some((offset, metadata)))
    };
    Ok(raw.iter().map(one).collect())
}

/// The group's generation as this member knows it; below 0: it is in none, and nothing may be sent.
pub fn generation(consumer: &BaseConsumer<Member>) -> i32 {
    // SAFETY: the metadata is ours and destroyed after its one use.
    unsafe {
        let metadata = sys::rd_kafka_consumer_group_metadata(consumer.client().native_ptr());
        if metadata.is_null() {
            return -1;
        }
        let generation = sys::rd_kafka_consumer_group_metadata_generation_id(metadata);
        sys::rd_kafka_consumer_group_metadata_destroy(metadata);
        generation
    }
}

/// The log's start and end (all that is written, also what is not yet stable) as the last fetch saw them.
pub fn seen_watermarks(consumer: &BaseConsumer<Member>, topic: &str, partition: i32) -> Option<(i64, i64)> {
    let topic = CString::new(topic).ok()?;
    let (mut low, mut high) = (-1, -1);
    // SAFETY: all pointers are valid for the call.
    let err = unsafe {
        let client = consumer.client().native_ptr();
        sys::rd_kafka_get_watermark_offsets(client, topic.as_ptr(), partition, &raw mut low, &raw mut high)
    };
    (err == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR && high >= 0).then_some((low, high))
}

// SAFETY: librdkafka's queues may be used from any thread; `&mut self` keeps it to one at a time.
unsafe impl Send for Queue {}
