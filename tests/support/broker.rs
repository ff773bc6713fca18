//! A broker on loopback: one that all tests share, or one of your own to stop and restart.

use std::net::TcpStream;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use super::leash::Leash;
use super::secure::Secure;
use super::server::{Place, Server};

const START_LIMIT: Duration = Duration::from_secs(60);

/// Address of the broker that the whole test binary shares. It ends with the test process.
pub fn shared() -> &'static str {
    static SHARED: OnceLock<Result<Shared, String>> = OnceLock::new();
    match SHARED.get_or_init(start_shared) {
        Ok(shared) => &shared.bootstrap,
        Err(why) => panic!("{why}"),
    }
}

struct Shared {
    bootstrap: String,
    _leash: Option<Leash>,
}

fn start_shared() -> Result<Shared, String> {
    if let Ok(bootstrap) = std::env::var("KAFKA_BOOTSTRAP") {
        return Ok(Shared { bootstrap, _leash: None });
    }
    let server = Server::find()?;
    let place = server.place(None);
    let mut leash = server.start(&place, true);
    wait_until_up(place.port, &mut leash, START_LIMIT).map_err(|why| format!("{why}\n{}", place.log_tail()))?;
    Ok(Shared { bootstrap: format!("127.0.0.1:{}", place.port), _leash: Some(leash) })
}

/// A broker of one's own. Keeps its ports and its data over restarts.
pub struct Broker {
    server: Server,
    place: Place,
    leash: Option<Leash>,
}

impl Broker {
    pub fn start() -> Self {
        Self::start_at(None, None, false)
    }

    /// With a second way in, [`Broker::detour`], which sends its clients on to `advertised`: where a proxy listens.
    pub fn start_behind(advertised: u16) -> Self {
        Self::start_at(Some(advertised), None, false)
    }

    /// With a second way in, over TLS, by password, within the rights that were granted. The usual way may do anything.
    pub fn start_secured(secure: Secure) -> Self {
        Self::start_at(None, Some(secure), false)
    }

    /// One that makes each topic that is asked for, as it comes out of the box.
    pub fn start_making_topics() -> Self {
        Self::start_at(None, None, true)
    }

    fn start_at(detour: Option<u16>, secure: Option<Secure>, makes_topics: bool) -> Self {
        let server = Server::find().unwrap_or_else(|why| panic!("{why}"));
        let place = server.place_with(detour, secure, makes_topics);
        let mut broker = Self { server, place, leash: None };
        broker.resume();
        broker
    }

    pub fn bootstrap(&self) -> String {
        format!("127.0.0.1:{}", self.place.port)
    }

    /// Where the proxy connects to.
    pub fn detour(&self) -> u16 {
        self.place.detour_port().expect("started with start_behind")
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        if let Some(leash) = self.leash.take() {
            leash.kill();
        }
    }

    /// Starts it again after [`Broker::kill`], and waits until it answers.
    pub fn resume(&mut self) {
        assert!(self.leash.is_none(), "kill it first");
        let mut leash = self.server.start(&self.place, false);
        let up = wait_until_up(self.place.port, &mut leash, START_LIMIT);
        up.unwrap_or_else(|why| panic!("{why}\n{}", self.place.log_tail()));
        self.leash = Some(leash);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        self.kill();
        // Its log and its topics tell what happened.
        if std::thread::panicking() {
            eprintln!("{} is kept", self.place.folder.display());
        } else {
            self.server.remove(&self.place);
        }
    }
}

/// Until the port is open, which this broker does once it can serve.
pub fn wait_until_up(port: u16, leash: &mut Leash, limit: Duration) -> Result<(), String> {
    let started = Instant::now();
    while started.elapsed() < limit {
        if leash.has_ended() {
            return Err("the broker ended while it started".into());
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Err(format!("the broker did not open port {port} within {} s", limit.as_secs()))
}
