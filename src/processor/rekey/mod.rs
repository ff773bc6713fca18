//! The stage before the processor: a topic with any keys → a topic keyed by user, exactly once. It keeps no state: each
//! record goes, with its time and its headers, to the partition of the user that is on it.
//!
//! A session is a consumer in a group and a transactional producer. Whatever fails in one, all of it is dropped, and the
//! next begins at the committed position: what was open is undone by the broker. It must not know profiles.

mod session;

use std::time::{Duration, Instant};

use super::access::{self, Need, Right};
use super::{Config, Fault, Shutdown, random_name};
use session::{Broken, Session};

/// Which topics, as whom.
#[derive(Debug, Clone)]
pub struct Request {
    pub from: String,
    pub to: String,
    pub group: String,
    /// End once all that is there at the start is done.
    pub until_end: bool,
}

/// What was done so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Done {
    pub records: u64,
    /// Records written: more than were read where batches hold messages of several users.
    pub written: u64,
    /// Of those, without a user.
    pub nobodys: u64,
}

/// A rival with our name fences us as often as we come back; a broker that ended a slow transaction does so once.
const FENCED_MAX: u32 = 4;
const BACKOFF_MAX: Duration = Duration::from_secs(5);
const NAP: Duration = Duration::from_millis(50);

/// Until told to stop, or the end is reached.
pub fn run(config: &Config, request: &Request, shutdown: &Shutdown) -> Result<Done, Fault> {
    let partitions = partitions(config, request)?;
    let instance = config.instance.clone().unwrap_or_else(random_name);
    let (mut done, mut fenced, mut backoff) = (Done::default(), 0, NAP);
    loop {
        let before = done;
        let ended = Session::open(config, request, &instance, partitions)
            .and_then(|mut session| session.run(shutdown, &mut done));
        if done != before {
            (fenced, backoff) = (0, NAP);
        }
        match ended {
            Ok(()) => return Ok(done),
            Err(Broken::For(fault)) => return Err(fault),
            Err(Broken::Fenced(text)) if fenced + 1 >= FENCED_MAX => return Err(Fault::Fenced(text)),
            Err(Broken::Fenced(cause)) => {
                fenced += 1;
                tracing::warn!(cause, "fenced; beginning again at the committed position");
            }
            Err(Broken::Now(cause)) => tracing::warn!(cause, "beginning again at the committed position"),
        }
        let until = Instant::now() + backoff;
        while Instant::now() < until && !shutdown.is_stopping() {
            std::thread::sleep(NAP);
        }
        if shutdown.is_stopping() {
            return Ok(done);
        }
        backoff = (backoff * 2).min(BACKOFF_MAX);
    }
}

/// How many partitions the topic to write has; both must be there, and ours to use.
fn partitions(config: &Config, request: &Request) -> Result<i32, Fault> {
    let needs = [
        Need::topic(&request.from, &[Right::Read]),
        Need::topic(&request.to, &[Right::Write]),
        Need::group(&request.group, &[Right::Read]),
    ];
    let access = access::check(&config.client(), &needs)?;
    let mut wrong = Vec::new();
    if request.from == request.to {
        wrong.push(format!("{} can't be read and written at once: name another topic", request.from));
    }
    let mut count = |topic: &str| match access.partitions(topic) {
        Ok(Some(count)) => count,
        Ok(None) => {
            wrong.push(format!("the topic {topic} is not there: create it, or name another by --from and --to"));
            0
        }
        Err(error) => {
            wrong.push(error);
            0
        }
    };
    count(&request.from);
    let partitions = count(&request.to);
    if wrong.is_empty() { Ok(partitions) } else { Err(Fault::Checks(wrong)) }
}
