//! The services of `docker-compose.yml` as processes on this machine: its settings file, its commands, and in the
//! environment only what containers have of their own (addresses, folders, topics of this test).

use std::path::Path;
use std::time::Duration;

use tempfile::TempDir;

use crate::support::broker::shared;
use crate::support::leash::{Leash, Orders};
use crate::support::segment::{Fault, Segment};
use crate::support::{ports, topics, unique};

const PARTITIONS: i32 = 4;

struct Compose {
    folder: TempDir,
    environment: Vec<String>,
}

impl Compose {
    fn new(segment: &Segment) -> Self {
        let (folder, group) = (tempfile::tempdir().expect("a folder"), unique("compose"));
        for topic in ["raw", "raw.dead", "out", "out.dead", "marks"] {
            let largest: &[(&str, &str)] = if topic == "raw.dead" { &[("max.message.bytes", "1114124")] } else { &[] };
            let settings = [&[("retention.ms", "-1")], largest].concat();
            topics::create_on(shared(), &format!("{group}.{topic}"), PARTITIONS, &settings);
        }
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let files = [("deploy/compose/kairos.toml", "kairos.toml"), ("playbooks/b2b-saas.toml", "playbook.toml")];
        for (from, to) in files {
            std::fs::copy(root.join(from), folder.path().join(to)).expect("a file of the compose file");
        }
        let environment = vec![
            format!("KAIROS_CONFIG={}", folder.path().join("kairos.toml").display()),
            format!("KAIROS__KAFKA__BROKERS={}", shared()),
            format!("KAIROS__RAW__TOPIC={group}.raw"),
            format!("KAIROS__OUTGOING__TOPIC={group}.out"),
            format!("KAIROS__RUN__GROUP={group}"),
            format!("KAIROS__SNAPSHOTS__URL=file://{}", folder.path().join("snapshots").display()),
            format!("KAIROS__FORWARD__GROUP={group}-forward"),
            format!("KAIROS__FORWARD__ENDPOINT={}", segment.url()),
            "KAIROS__FORWARD__WRITE_KEY=only-for-the-local-endpoint".to_owned(),
        ];
        Self { folder, environment }
    }

    fn command(&self, words: &[&str], admin_port: u16) -> Vec<String> {
        let admin = format!("KAIROS__ADMIN__LISTEN=0.0.0.0:{admin_port}");
        let program = [env!("CARGO_BIN_EXE_kairos").to_owned()];
        let words = words.iter().map(|word| (*word).to_owned());
        let first = ["env".to_owned()].into_iter().chain(self.environment.clone()).chain([admin]);
        first.chain(program).chain(words).collect()
    }

    fn start(&self, words: &[&str], admin_port: u16) -> Leash {
        Leash::start(&self.command(words, admin_port), &self.folder.path().join("log"), &Orders::default())
    }

    /// As the health check of the image asks.
    fn is_well(&self, admin_port: u16) -> bool {
        let command = self.command(&["health"], admin_port);
        let output = std::process::Command::new(&command[0]).args(&command[1..]).output();
        output.expect("env starts").status.success()
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }
}

#[test]
fn events_of_the_load_generator_reach_the_endpoint() {
    let segment = Segment::start(|_, _| Fault::None);
    let compose = Compose::new(&segment);
    let (run_port, forward_port) = (ports::free(), ports::free());
    let mut run = compose.start(&["run"], run_port);
    let mut forward = compose.start(&["forward"], forward_port);
    topics::wait_for("both to be healthy", || {
        let ended = (run.status(), forward.status());
        assert_eq!(ended, (None, None), "{}", compose.log());
        compose.is_well(run_port) && compose.is_well(forward_port)
    });
    let load = compose.start(&["demo", "--source-only"], ports::free());
    segment.wait_for_distinct(100, Duration::from_secs(40));
    load.kill();
    for mut one in [run, forward] {
        one.signal("TERM");
        topics::wait_for("the end of a service", || one.has_ended());
        assert_eq!(one.status(), Some(0), "{}", compose.log());
    }
}
