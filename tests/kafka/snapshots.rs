//! `kairos snapshot`: files of a real run listed, checked, looked into; then one of them damaged.

use std::fs;

use crate::equivalence::playbook;
use crate::input::{self, PARTITIONS};
use crate::support::broker::shared;
use crate::support::kairos::Site;
use crate::support::topics;

fn said(site: &Site, words: &[&str], code: i32) -> String {
    let output = site.command(&[&["snapshot"], words].concat());
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{text}");
    text
}

#[test]
fn files_are_listed_checked_and_looked_into() {
    let site = Site::new(shared(), "snapshot", PARTITIONS, &playbook()).with("run", "threads = 1");
    topics::produce(shared(), &site.raw, &input::records(13, 800, 60));
    let mut instance = site.start("one");
    site.wait_until_done(&mut [&mut instance]);
    instance.stop();

    let listed = said(&site, &["ls"], 0);
    for partition in 0..PARTITIONS {
        assert!(listed.contains(&format!("partition {partition}: ")), "{listed}");
    }
    assert!(listed.contains("named") && listed.contains("format 1  playbook") && listed.contains("whole"), "{listed}");
    let checked = said(&site, &["verify"], 0);
    assert_eq!(checked.matches(" 0 faults").count(), PARTITIONS as usize, "{checked}");
    let inside = said(&site, &["inspect"], 0);
    let users =
        inside.lines().filter_map(|line| line.split(" users, ").next()?.rsplit(' ').next()?.parse::<u32>().ok());
    assert!(users.sum::<u32>() >= 60 && inside.contains("message ids, to know repeats"), "{inside}");
    assert!(said(&site, &["inspect", "--partition", "0", "--user", "nobody"], 0).contains("does not know this user"));
    assert!(said(&site, &["ls", "--partition", "99"], 2).contains("no partition 99"));

    let newest = site.snapshot_files().into_iter().rfind(|path| path.extension().is_some_and(|e| e == "kairos"));
    let newest = newest.expect("there is one");
    let mut bytes = fs::read(&newest).expect("read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    fs::write(&newest, bytes).expect("written");
    let found = said(&site, &["verify"], 1);
    let name = newest.file_stem().expect("a name").to_string_lossy().into_owned();
    assert!(found.contains(&format!("{name}: it is damaged")) && found.contains("what to do:"), "{found}");
    fs::remove_file(&newest).expect("removed");
    let found = said(&site, &["verify"], 1);
    assert!(found.contains(&format!("{name}: the committed position names it, and it is not there")), "{found}");
    assert!(said(&site, &["ls"], 0).contains("the committed position names it, and it is not there"));
}
