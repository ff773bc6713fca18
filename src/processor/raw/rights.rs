//! What the broker says that this program may do with a topic or a group. It must not know what is needed.

use std::ffi::{CStr, CString, c_char};
use std::ptr::{self, NonNull};
use std::time::Duration;

use rdkafka::bindings as sys;
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::RDKafkaErrorCode;
use rdkafka::types::RDKafkaRespErr;

/// An operation of Kafka's access control, by the name that people know.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    Read,
    Write,
    Describe,
    DescribeConfigs,
}

/// The answer for one topic or group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Held {
    Rights(Vec<Right>),
    /// Too old a broker to say, or the topic is not there.
    Unknown,
    /// Not even that may be asked.
    Refused,
}

/// What may be done with these topics, in no particular order.
pub fn of_topics<C: ClientContext>(
    client: &Client<C>,
    topics: &[&str],
    timeout: Duration,
) -> Result<Vec<(String, Held)>, String> {
    let names = Names::new(topics)?;
    let ask = Ask::new(client, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, timeout);
    // SAFETY: all pointers are alive for the call, which copies what it needs.
    unsafe {
        let collection = sys::rd_kafka_TopicCollection_of_topic_names(names.pointers().as_mut_ptr(), topics.len());
        sys::rd_kafka_DescribeTopics(client.native_ptr(), collection, ask.options, ask.queue);
        sys::rd_kafka_TopicCollection_destroy(collection);
    }
    let event = ask.answer(timeout)?;
    // SAFETY: the event is of this kind; all that it lends lives until it is dropped at the end.
    unsafe {
        let mut count = 0;
        let result = sys::rd_kafka_event_DescribeTopics_result(event.0.as_ptr());
        let found = slice(sys::rd_kafka_DescribeTopics_result_topics(result, &raw mut count), count);
        let one = |topic: &*const sys::rd_kafka_TopicDescription_t| {
            let mut count = 0;
            let rights = sys::rd_kafka_TopicDescription_authorized_operations(*topic, &raw mut count);
            let name = CStr::from_ptr(sys::rd_kafka_TopicDescription_name(*topic)).to_string_lossy().into_owned();
            (name, held(sys::rd_kafka_TopicDescription_error(*topic), rights, count))
        };
        Ok(found.iter().map(one).collect())
    }
}

/// What may be done with a group, whether or not it has members.
pub fn of_group<C: ClientContext>(client: &Client<C>, group: &str, timeout: Duration) -> Result<Held, String> {
    let names = Names::new(&[group])?;
    let ask = Ask::new(client, sys::rd_kafka_admin_op_t::RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, timeout);
    // SAFETY: as above.
    unsafe {
        let mut pointers = names.pointers();
        sys::rd_kafka_DescribeConsumerGroups(client.native_ptr(), pointers.as_mut_ptr(), 1, ask.options, ask.queue);
    }
    let event = ask.answer(timeout)?;
    // SAFETY: as above.
    unsafe {
        let mut count = 0;
        let result = sys::rd_kafka_event_DescribeConsumerGroups_result(event.0.as_ptr());
        let found = slice(sys::rd_kafka_DescribeConsumerGroups_result_groups(result, &raw mut count), count);
        let Some(group) = found.first() else { return Ok(Held::Unknown) };
        let mut count = 0;
        let rights = sys::rd_kafka_ConsumerGroupDescription_authorized_operations(*group, &raw mut count);
        Ok(held(sys::rd_kafka_ConsumerGroupDescription_error(*group), rights, count))
    }
}

/// SAFETY: `error` is null or alive; `rights` is null or has `count` elements.
unsafe fn held(error: *const sys::rd_kafka_error_t, rights: *const sys::rd_kafka_AclOperation_t, count: usize) -> Held {
    use sys::rd_kafka_AclOperation_t as Operation;
    // SAFETY: as the caller promises; no error has the code 0.
    let (code, all) = unsafe { (RDKafkaErrorCode::from(sys::rd_kafka_error_code(error)), slice(rights, count)) };
    match code {
        RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::GroupAuthorizationFailed => Held::Refused,
        RDKafkaErrorCode::NoError if !rights.is_null() => Held::Rights(
            all.iter()
                .filter_map(|operation| match operation {
                    Operation::RD_KAFKA_ACL_OPERATION_READ => Some(Right::Read),
                    Operation::RD_KAFKA_ACL_OPERATION_WRITE => Some(Right::Write),
                    Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE => Some(Right::Describe),
                    Operation::RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS => Some(Right::DescribeConfigs),
                    _ => None,
                })
                .collect(),
        ),
        _ => Held::Unknown,
    }
}

/// SAFETY: `start` is null or has `count` elements, alive for as long as the caller uses them.
unsafe fn slice<'a, T>(start: *const T, count: usize) -> &'a [T] {
    // SAFETY: as the caller promises.
    if start.is_null() { &[] } else { unsafe { std::slice::from_raw_parts(start, count) } }
}

struct Names(Vec<CString>);

impl Names {
    fn new(names: &[&str]) -> Result<Self, String> {
        let own = names.iter().map(|name| CString::new(*name)).collect::<Result<_, _>>();
        own.map(Self).map_err(|_| "a name has a zero in it".to_owned())
    }

    fn pointers(&self) -> Vec<*const c_char> {
        self.0.iter().map(|name| name.as_ptr()).collect()
    }
}

/// A question under way: its options, and the queue that the answer comes by.
struct Ask {
    options: *mut sys::rd_kafka_AdminOptions_t,
    queue: *mut sys::rd_kafka_queue_t,
}

impl Ask {
    fn new<C: ClientContext>(client: &Client<C>, kind: sys::rd_kafka_admin_op_t, timeout: Duration) -> Self {
        let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX);
        // SAFETY: the client is alive; a setting that is refused is only less than what was asked for.
        unsafe {
            let options = sys::rd_kafka_AdminOptions_new(client.native_ptr(), kind);
            sys::rd_kafka_AdminOptions_set_request_timeout(options, millis, ptr::null_mut(), 0);
            let refused = sys::rd_kafka_AdminOptions_set_include_authorized_operations(options, 1);
            if !refused.is_null() {
                sys::rd_kafka_error_destroy(refused);
            }
            Self { options, queue: sys::rd_kafka_queue_new(client.native_ptr()) }
        }
    }

    fn answer(&self, timeout: Duration) -> Result<Event, String> {
        let millis = i32::try_from(timeout.as_millis()).unwrap_or(i32::MAX).saturating_add(1_000);
        // SAFETY: the queue is ours; the event is ours to destroy.
        let event = NonNull::new(unsafe { sys::rd_kafka_queue_poll(self.queue, millis) }).map(Event);
        let event = event.ok_or("the broker does not answer")?;
        // SAFETY: the event is alive, and its text with it.
        unsafe {
            if sys::rd_kafka_event_error(event.0.as_ptr()) == RDKafkaRespErr::RD_KAFKA_RESP_ERR_NO_ERROR {
                return Ok(event);
            }
            Err(CStr::from_ptr(sys::rd_kafka_event_error_string(event.0.as_ptr())).to_string_lossy().into_owned())
        }
    }
}

impl Drop for Ask {
    fn drop(&mut self) {
        // SAFETY: both are ours and not used again.
        unsafe {
            sys::rd_kafka_AdminOptions_destroy(self.options);
            sys::rd_kafka_queue_destroy(self.queue);
        }
    }
}

struct Event(NonNull<sys::rd_kafka_event_t>);

impl Drop for Event {
    fn drop(&mut self) {
        // SAFETY: it came from a queue and is destroyed once.
        unsafe { sys::rd_kafka_event_destroy(self.0.as_ptr()) }
    }
}
