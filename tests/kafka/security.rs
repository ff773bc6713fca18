//! A broker that asks who comes and what they may do: TLS, passwords, and the rights that SECURITY.md names.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use kairos::processor::access::{Access, Need, Right};
use serde_json::json;

use crate::support::acl::{Grant, Rights};
use crate::support::broker::Broker;
use crate::support::kairos::{Instance, Site};
use crate::support::now;
use crate::support::secure::{self, PASSWORD, PLAIN_USER, Secure};
use crate::support::segment::{Fault, Segment};
use crate::support::topics::{self, Record};

const PLAYBOOK: &str = "[signals.came]\non = \"page\"\n\n[moments.first_came]\nwhen = 'came.count(\"1d\") >= 1'\n";
const USERS: [&str; 2] = ["kairos-run", "kairos-forward"];

struct Secured {
    broker: Broker,
    port: u16,
    rights: Rights,
    folder: tempfile::TempDir,
}

/// One broker for all tests here. It ends with the process.
fn secured() -> &'static Secured {
    static SECURED: OnceLock<Secured> = OnceLock::new();
    SECURED.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder");
        let secure = Secure::new(folder.path());
        std::fs::write(folder.path().join("playbook.toml"), PLAYBOOK).expect("a playbook is written");
        for (name, text) in [("password", PASSWORD), ("wrong", "another-password"), ("key", "a-key-of-tests")] {
            std::fs::write(folder.path().join(name), text).expect("a secret is written");
        }
        let port = secure.port;
        let broker = Broker::start_secured(secure);
        let rights = Rights::new(&broker.bootstrap());
        USERS.iter().for_each(|user| rights.add_user(user, PASSWORD));
        Secured { broker, port, rights, folder }
    })
}

impl Secured {
    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn site(&self, user: &str) -> Site {
        let site = Site::new(&self.broker.bootstrap(), "secured", 2, &self.path("playbook.toml"));
        topics::create_on(&site.bootstrap, &format!("{}.dead", site.outgoing), 1, &[]);
        self.login(site, user, "SCRAM-SHA-256", "password", &self.path("ca.pem"))
    }

    fn login(&self, site: Site, user: &str, mechanism: &str, password: &str, authority: &Path) -> Site {
        let property = |key: &str, value: &str| format!("\"{key}\" = \"{value}\"");
        site.with("kafka", &format!("brokers = \"127.0.0.1:{}\"", self.port))
            .with("kafka.properties", &property("security.protocol", "sasl_ssl"))
            .with("kafka.properties", &property("ssl.ca.location", &authority.display().to_string()))
            .with("kafka.properties", &property("sasl.mechanism", mechanism))
            .with("kafka.properties", &property("sasl.username", user))
            .with("kafka.properties", &property("sasl.password_file", &self.path(password).display().to_string()))
    }

    /// Waits until the broker goes by all that was granted and revoked: it learns of both in their order.
    fn settle(&self) {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let last = format!("granted-last-{}", NEXT.fetch_add(1, Ordering::Relaxed));
        self.rights.grant(&Grant {
            user: USERS[0].into(),
            kind: "topic".into(),
            name: last.clone(),
            is_prefix: false,
            right: "Describe".into(),
        });
        let mut client = topics::client(&format!("127.0.0.1:{}", self.port));
        client.set("security.protocol", "sasl_ssl").set("sasl.mechanism", "SCRAM-SHA-256");
        client.set("ssl.ca.location", self.path("ca.pem").display().to_string());
        client.set("sasl.username", USERS[0]).set("sasl.password", PASSWORD);
        let access = Access::open(&client).expect("it lets us in");
        let need = Need::topic(&last, &[Right::Describe]);
        topics::wait_for("rights to hold", || {
            access.missing(std::slice::from_ref(&need)).is_ok_and(|missing| missing.is_empty())
        });
    }
}

/// The rows of SECURITY.md's tables, for the names of a site.
fn documented(site: &Site) -> Vec<Grant> {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("SECURITY.md")).expect("it is there");
    let mut user = "";
    let mut grants = Vec::new();
    for line in text.lines() {
        user = USERS.iter().find(|name| line.contains(&format!("as user `{name}`"))).unwrap_or(&user);
        let Some((resource, rights)) = line.strip_prefix("| ").and_then(|row| row.split_once("` | ")) else { continue };
        let Some((kind, name)) = resource.split_once(" `").filter(|_| !user.is_empty()) else { continue };
        let (kind, is_prefix) = kind.strip_suffix(", prefix").map_or((kind, false), |kind| (kind, true));
        let name = name_on(site, name);
        grants.extend(rights.trim_end_matches(" |").split(", ").map(|right| Grant {
            user: user.to_owned(),
            kind: kind.to_owned(),
            name: name.clone(),
            is_prefix,
            right: right.to_owned(),
        }));
    }
    grants
}

fn name_on(site: &Site, default: &str) -> String {
    match default {
        "segment-events" => site.raw.clone(),
        "segment-events.dead" => site.dead(),
        "kairos-outgoing" => site.outgoing.clone(),
        "kairos-outgoing.dead" => format!("{}.dead", site.outgoing),
        "kairos" => site.group.clone(),
        "kairos.marks" => format!("{}.marks", site.group),
        "kairos-" => format!("{}-", site.group),
        "kairos-forward" => format!("{}-forward", site.group),
        other => panic!("SECURITY.md names {other}, which no default setting does"),
    }
}

fn visit(site: &Site, user: &str) {
    let value = json!({ "type": "page", "userId": user, "messageId": format!("{user}-{}", now()) }).to_string();
    let key = Some(user.as_bytes().to_vec());
    let broken = Record { partition: 0, time: now(), key: None, value: Some(b"no event".to_vec()) };
    let record = Record { partition: 1, time: now(), key, value: Some(value.into_bytes()) };
    topics::produce(&site.bootstrap, &site.raw, &[record, broken]);
}

fn forwarding(secured: &Secured, site: Site, segment: &Segment) -> Site {
    let group = format!("group = \"{}-forward\"", site.group);
    let site = secured.login(site, USERS[1], "SCRAM-SHA-256", "password", &secured.path("ca.pem"));
    site.with("forward", &group)
        .with("forward", &format!("endpoint = \"{}\"", segment.url()))
        .with("forward", &format!("write_key_file = \"{}\"", secured.path("key").display()))
        .with("forward", "max_wait = \"20ms\"")
}

/// It must end by itself; what it said, and with which code.
fn refused(mut instance: Instance) -> (i32, String) {
    let code = instance.wait();
    (code, instance.log())
}

#[test]
fn the_documented_rights_suffice_and_each_is_needed() {
    let secured = secured();
    let site = secured.site(USERS[0]);
    let grants = documented(&site);
    assert_eq!(grants.len(), 13, "{grants:#?}");
    grants.iter().for_each(|grant| secured.rights.grant(grant));
    secured.settle();

    visit(&site, "ann");
    let mut run = site.start("one");
    site.wait_until_done(&mut [&mut run]);
    assert_eq!(site.tracks().len(), 1, "{}", run.log_tail());
    assert_eq!(topics::committed(&site.bootstrap, &site.dead()).len(), 1, "{}", run.log_tail());
    run.stop();

    let missing = |site: &Site, command: &str, user: &str| {
        for grant in grants.iter().filter(|grant| grant.user == user) {
            secured.rights.revoke(grant);
            secured.settle();
            let (code, log) = refused(site.start_command(&[command], "one"));
            assert_eq!(code, 2, "without {grant:?}:\n{log}");
            let named = log.lines().any(|line| line.contains(&grant.right) && line.contains(&grant.name));
            assert!(named, "without {grant:?} it says:\n{log}");
            secured.rights.grant(grant);
        }
        secured.settle();
    };
    missing(&site, "run", USERS[0]);

    let segment = Segment::start(|_, _| Fault::None);
    let site = forwarding(secured, site, &segment);
    let forward = site.start_command(&["forward"], "two");
    topics::wait_for("the message to be delivered", || !segment.items().is_empty());
    forward.stop();
    missing(&site, "forward", USERS[1]);
}

/// An event comes in, and its moment goes out. What was logged.
fn assert_works(site: &Site) -> String {
    visit(site, "ann");
    let mut run = site.start("one");
    site.wait_until_done(&mut [&mut run]);
    assert_eq!(site.tracks().len(), 1, "{}", run.log_tail());
    let log = run.log();
    run.stop();
    log
}

#[test]
fn plain_passwords_work_within_tls() {
    let secured = secured();
    let site = secured.site(USERS[0]);
    for grant in documented(&site) {
        secured.rights.grant(&Grant { user: PLAIN_USER.into(), ..grant });
    }
    secured.settle();
    let site = secured.login(site, PLAIN_USER, "PLAIN", "password", &secured.path("ca.pem"));
    // With all that can be logged about it, by librdkafka too.
    let site = site.with("log", "level = \"trace\"").with("kafka.properties", "\"debug\" = \"security,conf\"");
    let log = assert_works(&site);
    assert!(log.contains("SASL") && log.contains("TRACE"), "it logs less than it could");
    assert!(!log.contains(PASSWORD), "the password is in the log");
}

/// A token that nobody signed, which brokers take only where they are told nothing else; the way it travels is the real one.
#[test]
fn tokens_work_within_tls() {
    let secured = secured();
    std::fs::write(secured.path("token"), "principal=token-user").expect("a token's claims are written");
    let site = secured.site(USERS[0]);
    for grant in documented(&site) {
        secured.rights.grant(&Grant { user: "token-user".into(), ..grant });
    }
    secured.settle();
    let site = secured.login(site, "unused", "OAUTHBEARER", "password", &secured.path("ca.pem"));
    let claims = secured.path("token").display().to_string();
    let site = site
        .with("kafka.properties", "\"enable.sasl.oauthbearer.unsecure.jwt\" = \"true\"")
        .with("kafka.properties", &format!("\"sasl.oauthbearer.config_file\" = \"{claims}\""));
    assert_works(&site);
}

#[test]
fn a_wrong_password_is_said_in_words() {
    let secured = secured();
    let segment = Segment::start(|_, _| Fault::None);
    let site = forwarding(secured, secured.site(USERS[0]), &segment);
    let site = secured.login(site, USERS[1], "SCRAM-SHA-256", "wrong", &secured.path("ca.pem"));
    for command in ["run", "forward"] {
        let (code, log) = refused(site.start_command(&[command], "one"));
        assert_eq!(code, 3, "{log}");
        assert!(log.contains("lets us in") && log.contains("uthentication failed"), "{log}");
        assert!(!log.contains("another-password"), "{log}");
    }
    let looked = site.command(&["state"]);
    let said = String::from_utf8_lossy(&looked.stderr);
    assert!(looked.status.code() == Some(3) && said.contains("lets us in"), "{said}");
}

#[test]
fn an_unknown_authority_is_said_in_words() {
    let secured = secured();
    let (stranger, _) = secure::certificate(secured.folder.path(), "stranger");
    let segment = Segment::start(|_, _| Fault::None);
    let site = forwarding(secured, secured.site(USERS[0]), &segment);
    let site = secured.login(site, USERS[0], "SCRAM-SHA-256", "password", &stranger);
    for command in ["run", "forward"] {
        let (code, log) = refused(site.start_command(&[command], "one"));
        assert_eq!(code, 3, "{log}");
        assert!(log.contains("certificate") && log.contains("ssl.ca.location"), "{log}");
    }
}
