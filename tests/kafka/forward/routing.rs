//! Two sidecars on one topic, each with a destination and a part of the messages.

use super::{Setup, message};
use crate::support::broker::shared;
use crate::support::segment::{Fault, Segment};
use crate::support::topics::{self, Record};

const COUNT: u64 = 100;

fn identify(n: u64) -> Record {
    let json = format!(
        r#"{{"type":"identify","messageId":"identify-{n:08}","userId":"u{}","traits":{{"email":"e","plan":"p"}}}}"#,
        n % 4
    );
    Record { value: Some(json.into_bytes()), ..message(n, n % 4) }
}

#[test]
fn two_sidecars_feed_two_destinations() {
    let [people, moments] = [(), ()].map(|()| Segment::start(|_, _| Fault::None));
    let setup = Setup::new(shared(), &people, "rate = 1000000\nkinds = [\"identify\"]\ntraits = [\"email\"]\n");
    let others: Vec<Record> = (0..COUNT).map(identify).collect();
    topics::produce(shared(), &setup.topic, &others);
    setup.produce(COUNT, 4);
    let first = setup.start();
    setup.wait_for_committed(2 * COUNT as i64);
    first.kill();

    let group = format!("group = \"{}-group", setup.topic);
    setup.change(|text| {
        let text = text.replace(&people.url(), &moments.url()).replace(&group, &format!("{group}-2"));
        text.replace(
            "kinds = [\"identify\"]\ntraits = [\"email\"]\n",
            "events = [\"mk_ready_to_buy\"]\nkinds = [\"track\"]\n",
        )
    });
    let second = setup.start();
    setup.wait_for_distinct(&moments, COUNT as usize);
    second.kill();

    let ids = |segment: &Segment| segment.items().into_iter().map(|item| item.id).collect::<Vec<_>>();
    assert_eq!((ids(&people).len(), ids(&moments).len()), (COUNT as usize, COUNT as usize));
    // A part of an identify goes under an id of its own: the receiver drops what it has seen, whichever source it is of.
    assert!(ids(&people).iter().all(|id| id.starts_with("identify-") && id.len() == "identify-00000000-".len() + 16));
    assert!(ids(&moments).iter().all(|id| id.starts_with("kairos-")));
}
