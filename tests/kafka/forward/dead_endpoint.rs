//! An endpoint that is dead while a lot waits for it.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::Setup;
use crate::support::broker::shared;
use crate::support::segment::{Fault, Segment};
use crate::support::topics::{self, Record, Writer};

const COUNT: u64 = 1_000_000;
const MB: u64 = 1_000_000;
/// Past the first tries and the first pause.
const WATCH: Duration = Duration::from_secs(10);

/// The most memory it ever had, as the system counted it.
fn resident_max(pid: u32) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("it lives");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("the system tells its memory");
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().expect("a number of kB");
    kib * 1024
}

/// About as long as a moment's message with its signals.
fn padded(n: u64) -> Record {
    let small = super::message(n, n % 20_000);
    let json = String::from_utf8(small.value.expect("a value")).expect("a text");
    let value = format!("{},\"x\":\"{}\"}}", json.strip_suffix('}').expect("an object"), "y".repeat(400));
    Record { value: Some(value.into_bytes()), ..small }
}

/// It takes connections and requests, and never answers: it blocks, and says so.
#[test]
fn a_million_messages_that_wait_take_less_than_100_mb() {
    let segment = Segment::start(|_, _| Fault::None);
    let dead = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = dead.local_addr().expect("it listens");
    let setup = Setup::new(shared(), &segment, "rate = 1000000\n");
    setup.change(|text| {
        let text = text.replace(&segment.url(), &format!("http://{address}/v1/batch"));
        text.replace("[forward]\n", "[forward]\nstalled_after = \"5s\"\n")
    });
    let writer = Writer::new(shared());
    for from in (0..COUNT).step_by(20_000) {
        let records: Vec<Record> = (from..from + 20_000).map(padded).collect();
        writer.send_all(&setup.topic, &records);
    }
    writer.finish();
    let (sidecar, admin) = setup.start_with_admin();
    let waits = "kairos_forward_retried_total{reason=\"timeout\"}";
    topics::wait_for("tries", || admin.metric(waits) > Some(0.0));
    let started = Instant::now();
    while started.elapsed() < WATCH {
        let resident = resident_max(sidecar.pid());
        assert!(resident < 100 * MB, "{} MB", resident / MB);
        std::thread::sleep(Duration::from_millis(200));
    }
    let held = admin.metric("kairos_forward_held_messages").expect("it answers");
    println!("{held} messages held, {} MB at most", resident_max(sidecar.pid()) / MB);
    assert!(held > 10_000.0, "it holds what it may: {held}");
    assert_eq!((setup.committed(), admin.status("/readyz")), (0, Some(503)));
    assert_eq!(admin.metric("kairos_forward_ready"), Some(0.0));
    assert!(setup.log_text().contains("not ready: nothing was delivered for"), "{}", setup.log_text());
    sidecar.kill();
}
