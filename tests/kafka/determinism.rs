//! The same records give the same bytes: whatever the number of threads, the size of batches, the pace of the input.

use crate::equivalence::{assert_as_faultless, playbook, records};
use crate::input::PARTITIONS;
use crate::support::broker::shared;
use crate::support::kairos::Site;
use crate::support::topics;

#[test]
fn threads_and_batches_do_not_show() {
    for (threads, interval) in [(1, "20ms"), (4, "1s")] {
        let site = Site::new(shared(), "same", PARTITIONS, &playbook())
            .with("run", &format!("threads = {threads}"))
            .with("run", &format!("commit_interval = \"{interval}\""));
        topics::produce(shared(), &site.raw, records());
        let mut instance = site.start("one");
        site.wait_until_done(&mut [&mut instance]);
        instance.stop();
        assert_as_faultless(&site);
    }
}
