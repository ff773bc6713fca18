//! What tests against real Kafka share: a broker, topics to write and read, a process on a leash.
//!
//! Kafka tests are modules of the one test binary `tests/kafka/`, so that they share one broker:
//!
//! ```text
//! let topic = topics::create("orders", 4);                 // a name of its own on the shared broker
//! topics::produce(broker::shared(), &records);
//! let seen = topics::committed(broker::shared(), &topic);  // what a read_committed reader sees, to the end
//! let mut own = broker::Broker::start();                   // for tests that stop, freeze or restart it
//! ```
//!
//! Which Kafka: `$KAFKA_BOOTSTRAP` if set; else a container, if a docker daemon answers and has the image or can get
//! it; else the server's jars, fetched by Maven and run with Java 17 or newer. Without any of them tests fail and say
//! what to install: they are never skipped.
#![allow(dead_code)] // each test binary uses a part of it

pub mod acl;
pub mod admin;
pub mod broker;
pub mod bucket;
pub mod http2;
pub mod kairos;
pub mod leash;
pub mod ports;
pub mod proxy;
pub mod random;
pub mod secure;
pub mod segment;
pub mod server;
pub mod tls;
pub mod topics;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// A name that no other test, and no other run on the same broker, uses.
pub fn unique(stem: &str) -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("{stem}-{:x}-{:x}-{number}", now(), std::process::id())
}

/// The wall clock, in milliseconds since 1970.
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock stands after 1970");
    since.as_millis() as i64
}
