//! Snapshots in an object store: state outlives the instance and the log; a store that replaces files is refused.

use crate::equivalence::{assert_as_faultless, playbook, records};
use crate::input::PARTITIONS;
use crate::support::broker::shared;
use crate::support::bucket::{Bucket, NAME};
use crate::support::kairos::Site;
use crate::support::topics;

fn site(stem: &str, bucket: &Bucket) -> Site {
    let url = format!("url = \"s3://{NAME}/state/of/us\"");
    let mut site = Site::new(shared(), stem, PARTITIONS, &playbook()).with("snapshots", &url);
    site.environment = bucket.environment();
    site
}

#[test]
fn state_in_an_object_store_outlives_the_instance_and_the_log() {
    let bucket = Bucket::start();
    let site = site("bucket", &bucket);
    let (first, rest) = records().split_at(records().len() / 2);
    site.work_off(first);
    let keys = bucket.keys();
    let snapshots = keys.iter().filter(|key| key.starts_with("state/of/us/") && key.ends_with(".kairos")).count();
    assert!(snapshots >= PARTITIONS as usize, "{keys:?}");
    // From here on only the snapshots know what came before.
    let ends = topics::watermarks(shared(), &site.raw).into_iter().map(|(_, end)| end);
    topics::delete_before(shared(), &site.raw, &(0..).zip(ends).collect::<Vec<_>>());
    site.work_off(rest);
    assert_as_faultless(&site);
}

#[test]
fn a_store_that_replaces_files_is_refused() {
    let bucket = Bucket::start();
    bucket.ignore_conditions();
    let site = site("bucket-careless", &bucket);
    let mut instance = site.start("one");
    assert_eq!(instance.wait(), 3, "{}", instance.log_tail());
    let log = instance.log();
    assert!(log.contains("/state/of/us can't be trusted: a second write replaced the first"), "{log}");
}
