//! What lies between the sidecar and an endpoint's answer: addresses, certificates, redirects, limits nobody speaks of.

use super::{Setup, check, message};
use crate::support::broker::shared;
use crate::support::segment::{Fault, Segment};
use crate::support::topics::{self, Record};
use crate::support::{ports, tls};

const FAST: &str = "rate = 1000000\n";
const NETWORK: &str = "kairos_forward_retried_total{reason=\"network\"}";

/// Nothing arrives, nothing is given up; with other settings everything is delivered.
fn waits_until_mended(setup: &Setup, segment: &Segment, mend: impl Fn(String) -> String) {
    setup.produce(100, 4);
    let (sidecar, admin) = setup.start_with_admin();
    topics::wait_for("tries", || admin.metric(NETWORK) > Some(0.0));
    assert_eq!((segment.requests(), setup.committed()), (0, 0));
    assert!(setup.dead_letters().is_empty());
    sidecar.kill();
    setup.change(mend);
    let sidecar = setup.start();
    setup.wait_for_committed(100);
    assert_eq!(check(segment, 100), 0);
    sidecar.kill();
}

#[test]
fn an_unknown_authority_is_refused_and_one_by_setting_is_not() {
    let segment = Segment::start_with_tls();
    let setup = Setup::new(shared(), &segment, FAST);
    let line = format!("[forward]\nca_file = \"{}\"\n", tls::authority().display());
    waits_until_mended(&setup, &segment, |text| text.replace("[forward]\n", &line));
}

#[test]
fn a_certificate_for_another_name_is_refused() {
    let segment = Segment::start_with_tls();
    let setup = Setup::new(shared(), &segment, &format!("{FAST}ca_file = \"{}\"\n", tls::authority().display()));
    // Loopback under an address that the certificate does not hold.
    setup.change(|text| text.replace("https://127.0.0.1", "https://127.0.0.2"));
    waits_until_mended(&setup, &segment, |text| text.replace("https://127.0.0.2", "https://127.0.0.1"));
}

#[test]
fn a_name_without_an_address_is_asked_for_again() {
    let segment = Segment::start(|_, _| Fault::None);
    let setup = Setup::new(shared(), &segment, FAST);
    setup.change(|text| text.replace("http://127.0.0.1", "http://no-such-host.invalid"));
    waits_until_mended(&setup, &segment, |text| text.replace("http://no-such-host.invalid", "http://127.0.0.1"));
}

#[test]
fn nobody_listens_at_first() {
    let segment = Segment::start(|_, _| Fault::None);
    let setup = Setup::new(shared(), &segment, FAST);
    let (there, nobody) = (segment.url(), format!("http://127.0.0.1:{}/v1/batch", ports::free()));
    setup.change(|text| text.replace(&there, &nobody));
    waits_until_mended(&setup, &segment, |text| text.replace(&nobody, &there));
}

#[test]
fn a_redirect_is_not_followed_and_stops_it() {
    let other = Segment::start(|_, _| Fault::None);
    let there = other.url();
    let segment = Segment::start(move |_, _| Fault::Answer { status: 307, headers: vec![("location", there.clone())] });
    let setup = Setup::new(shared(), &segment, FAST);
    setup.produce(100, 4);
    let (sidecar, admin) = setup.start_with_admin();
    topics::wait_for("readiness to go", || admin.status("/readyz") == Some(503));
    topics::wait_for("the halt", || admin.metric("kairos_forward_halted") == Some(1.0));
    assert_eq!((other.requests(), setup.committed()), (0, 0), "the write key is for nobody else");
    sidecar.kill();
    setup.change(|text| text.replace(&segment.url(), &other.url()));
    let sidecar = setup.start();
    setup.wait_for_committed(100);
    assert_eq!(check(&other, 100), 0);
    sidecar.kill();
}

/// Items up to the last byte that is allowed, with texts that take more bytes than characters, in batches as large as
/// they may be: had one been dropped without a word, it would be missing here.
#[test]
fn nothing_exceeds_what_the_endpoint_drops_silently() {
    let segment = Segment::start(|_, _| Fault::None);
    let setup = Setup::new(shared(), &segment, FAST);
    setup.change(|text| text.replace("max_items = 50", "max_items = 2500"));
    let texts = ["x", "é", "漢", "😀", "\\\"", "\\u00e9", "\\ud83d\\ude00"];
    let sized = |n: u64, bytes: usize| {
        let small = message(n, n % 4);
        let json = String::from_utf8(small.value.clone().expect("a value")).expect("a text");
        let (head, tail) = (json.trim_end_matches('}').to_owned() + r#","x":""#, "\"}}");
        let text = texts[n as usize % texts.len()];
        let room = bytes - head.len() - tail.len();
        let value = format!("{head}{}{}{tail}", text.repeat(room / text.len()), "y".repeat(room % text.len()));
        assert_eq!(value.len(), bytes);
        Record { value: Some(value.into_bytes()), ..small }
    };
    let sizes = [31_999, 31_998, 25_000, 9_000, 3_000, 200];
    let mut records: Vec<Record> = (0..400).map(|n| sized(n, sizes[n as usize % sizes.len()])).collect();
    records.extend((400..6_400).map(|n| message(n, n % 4)));
    records.push(sized(6_400, 32_000));
    topics::produce(shared(), &setup.topic, &records);
    let sidecar = setup.start();
    setup.wait_for_committed(6_401);
    assert_eq!(segment.distinct_count(), 6_400);
    let (items, bytes) = segment.most();
    assert!(items <= 2_500 && (400_000..500_000).contains(&bytes), "{items} items, {bytes} bytes");
    assert_eq!(setup.dead_letters().len(), 1);
    sidecar.kill();
}
