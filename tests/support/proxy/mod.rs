//! Somebody between client and broker who cuts the line at the worst moment: when a transaction is being ended; or who
//! loses a write whose successor the broker takes.
//!
//! Reads just enough of Kafka's protocol: each request is a length, then its kind, its version and its number; each
//! answer a length, then the number.

mod write;

use std::io::{self, Read, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::broker::Broker;
use write::Write;

/// Requests of the protocol, by the numbers it gives them.
pub const ADD_OFFSETS_TO_TRANSACTION: i16 = 25;
pub const END_TRANSACTION: i16 = 26;
pub const TRANSACTION_OFFSET_COMMIT: i16 = 28;

const NOTHING: u64 = u64::MAX;

pub struct Proxy {
    listener: TcpListener,
    shared: Arc<Shared>,
}

struct Shared {
    /// The next request to be cut: kind and moment, packed; `NOTHING` when none.
    order: AtomicU64,
    cuts: AtomicU32,
    /// The topic whose next write is to be lost.
    to_lose: Mutex<Option<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The broker never sees the request.
    BeforeRequest,
    /// The broker has acted on it, and the client never learns.
    BeforeAnswer,
}

impl Proxy {
    /// In front of a broker of one's own.
    pub fn start() -> (Self, Broker) {
        let proxy = Self::bind();
        let broker = Broker::start_behind(proxy.port());
        proxy.forward_to(broker.detour());
        (proxy, broker)
    }

    /// The `[kafka]` setting of a client that comes through it.
    pub fn setting(&self) -> String {
        format!("brokers = \"127.0.0.1:{}\"", self.port())
    }

    fn bind() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", super::ports::free())).expect("the port is free");
        let shared = Shared { order: AtomicU64::new(NOTHING), cuts: AtomicU32::new(0), to_lose: Mutex::new(None) };
        Self { listener, shared: Arc::new(shared) }
    }

    fn port(&self) -> u16 {
        self.listener.local_addr().expect("it is bound").port()
    }

    /// Passes everything on to this port, until the test process ends.
    fn forward_to(&self, port: u16) {
        let (listener, shared) = (self.listener.try_clone().expect("a listener can be cloned"), self.shared.clone());
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let shared = shared.clone();
                thread::spawn(move || serve(client, port, &shared));
            }
        });
    }

    /// The next request of this kind, on any connection, ends its connection.
    pub fn cut_next(&self, kind: i16, moment: Moment) {
        self.shared.order.store(pack(kind, moment), Ordering::SeqCst);
    }

    pub fn cuts(&self) -> u32 {
        self.shared.cuts.load(Ordering::SeqCst)
    }

    /// The next write to this topic never reaches the broker. Before the next one to its partition does, the client
    /// hears of the lost one that the broker is not the partition's leader, as it may while leaders change.
    pub fn lose_next_write(&self, topic: &str) {
        *self.shared.to_lose.lock().expect("not poisoned") = Some(topic.to_owned());
    }

    pub fn has_lost(&self) -> bool {
        self.shared.has_lost()
    }
}

fn pack(kind: i16, moment: Moment) -> u64 {
    (kind as u64) << 1 | u64::from(moment == Moment::BeforeAnswer)
}

impl Shared {
    /// Takes the order if it is for this request.
    fn take(&self, kind: i16, moment: Moment) -> bool {
        let order = pack(kind, moment);
        let taken = self.order.compare_exchange(order, NOTHING, Ordering::SeqCst, Ordering::SeqCst).is_ok();
        if taken {
            self.cuts.fetch_add(1, Ordering::SeqCst);
        }
        taken
    }

    fn has_lost(&self) -> bool {
        self.to_lose.lock().expect("not poisoned").is_none()
    }

    fn is_to_be_lost(&self, write: &Write) -> bool {
        self.to_lose.lock().expect("not poisoned").take_if(|topic| *topic == write.topic).is_some()
    }
}

/// What becomes of a frame.
enum Fate {
    Passes,
    Vanishes,
    EndsTheLine,
}

/// One connection. Its end, on either side, is the end of both.
fn serve(client: TcpStream, port: u16, shared: &Arc<Shared>) {
    let Ok(broker) = TcpStream::connect(("127.0.0.1", port)) else { return };
    let _ = (client.set_nodelay(true), broker.set_nodelay(true));
    let (mut from, mut to) = (client.try_clone().expect("clone"), broker.try_clone().expect("clone"));
    let line = Arc::new(Line {
        shared: shared.clone(),
        client: Mutex::new(client),
        unanswered: AtomicU64::new(NOTHING),
        lost: Mutex::new(None),
    });
    let requests = {
        let line = line.clone();
        thread::spawn(move || {
            let _ends = Ends::of(&from, &to);
            let _ = pass_frames(&mut from, |frame| line.fate_of_request(frame), |frame| send(&mut to, frame));
        })
    };
    let mut from = broker;
    let ends = Ends::of(&from, &line.client.lock().expect("not poisoned"));
    let to_client = |frame: &[u8]| send(&mut line.client.lock().expect("not poisoned"), frame);
    let _ = pass_frames(&mut from, |frame| line.fate_of_answer(frame), to_client);
    drop(ends);
    let _ = requests.join();
}

/// Closes both ends of a line when it goes, be it by a panic.
struct Ends(TcpStream, TcpStream);

impl Ends {
    fn of(one: &TcpStream, other: &TcpStream) -> Self {
        Self(one.try_clone().expect("clone"), other.try_clone().expect("clone"))
    }
}

impl Drop for Ends {
    fn drop(&mut self) {
        let _ = (self.0.shutdown(Shutdown::Both), self.1.shutdown(Shutdown::Both));
    }
}

/// What both directions of a connection know.
struct Line {
    shared: Arc<Shared>,
    /// Whole frames at a time: both directions write to it.
    client: Mutex<TcpStream>,
    /// Number of the request whose answer must not arrive.
    unanswered: AtomicU64,
    lost: Mutex<Option<Write>>,
}

impl Line {
    fn fate_of_request(&self, frame: &[u8]) -> Fate {
        if self.loses(frame) {
            return Fate::Vanishes;
        }
        let kind = i16::from_be_bytes([frame[0], frame[1]]);
        if self.shared.take(kind, Moment::BeforeAnswer) {
            let number = u32::from_be_bytes([frame[4], frame[5], frame[6], frame[7]]);
            self.unanswered.store(u64::from(number), Ordering::SeqCst);
        }
        if self.shared.take(kind, Moment::BeforeRequest) { Fate::EndsTheLine } else { Fate::Passes }
    }

    /// Loses a write if one is to be lost, and answers it before its successor goes on.
    fn loses(&self, frame: &[u8]) -> bool {
        let mut lost = self.lost.lock().expect("not poisoned");
        let looks = lost.is_some() || !self.shared.has_lost();
        let Some(write) = looks.then(|| Write::read(frame)).flatten() else { return false };
        if self.shared.is_to_be_lost(&write) {
            *lost = Some(write);
            return true;
        }
        if let Some(lost) = lost.take_if(|lost| lost.is_to_the_partition_of(&write)) {
            let _ = send(&mut self.client.lock().expect("not poisoned"), &lost.refusal());
        }
        false
    }

    fn fate_of_answer(&self, frame: &[u8]) -> Fate {
        let number = u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]);
        let arrives = u64::from(number) != self.unanswered.load(Ordering::SeqCst);
        if arrives { Fate::Passes } else { Fate::EndsTheLine }
    }
}

/// Until the line ends, or a frame ends it.
fn pass_frames(
    from: &mut TcpStream,
    mut fate: impl FnMut(&[u8]) -> Fate,
    mut pass: impl FnMut(&[u8]) -> io::Result<()>,
) -> io::Result<()> {
    loop {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        from.read_exact(&mut frame)?;
        match fate(&frame) {
            Fate::Passes => pass(&frame)?,
            Fate::Vanishes => {}
            Fate::EndsTheLine => return Ok(()),
        }
    }
}

fn send(to: &mut TcpStream, frame: &[u8]) -> io::Result<()> {
    to.write_all(&[&(frame.len() as u32).to_be_bytes()[..], frame].concat())
}
