//! Somebody between client and broker who cuts the line at the worst moment: when a transaction is being ended.
//!
//! Reads just enough of Kafka's protocol: each request is a length, then its kind, its version and its number; each
//! answer a length, then the number.

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::thread;

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
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// The broker never sees the request.
    BeforeRequest,
    /// The broker has acted on it, and the client never learns.
    BeforeAnswer,
}

impl Proxy {
    pub fn bind() -> Self {
        let listener = TcpListener::bind(("127.0.0.1", super::ports::free())).expect("the port is free");
        let shared = Shared { order: AtomicU64::new(NOTHING), cuts: AtomicU32::new(0) };
        Self { listener, shared: Arc::new(shared) }
    }

    pub fn port(&self) -> u16 {
        self.listener.local_addr().expect("it is bound").port()
    }

    /// Passes everything on to this port, until the test process ends.
    pub fn forward_to(&self, port: u16) {
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
}

/// One connection. Its end, on either side, is the end of both.
fn serve(client: TcpStream, port: u16, shared: &Arc<Shared>) {
    let Ok(broker) = TcpStream::connect(("127.0.0.1", port)) else { return };
    let _ = (client.set_nodelay(true), broker.set_nodelay(true));
    let unanswered = Arc::new(AtomicU64::new(NOTHING)); // number of the request whose answer must not arrive
    let (mut from, mut to) = (client.try_clone().expect("clone"), broker.try_clone().expect("clone"));
    let (numbers, shared) = (unanswered.clone(), shared.clone());
    let requests = thread::spawn(move || {
        let _ = pass_frames(&mut from, &mut to, |frame| {
            let kind = i16::from_be_bytes([frame[0], frame[1]]);
            if shared.take(kind, Moment::BeforeAnswer) {
                let number = u32::from_be_bytes([frame[4], frame[5], frame[6], frame[7]]);
                numbers.store(u64::from(number), Ordering::SeqCst);
            }
            !shared.take(kind, Moment::BeforeRequest)
        });
        close(&from, &to);
    });
    let (mut from, mut to) = (broker, client);
    let _ = pass_frames(&mut from, &mut to, |frame| {
        let number = u32::from_be_bytes([frame[0], frame[1], frame[2], frame[3]]);
        u64::from(number) != unanswered.load(Ordering::SeqCst)
    });
    close(&from, &to);
    let _ = requests.join();
}

/// Until the line ends, or a frame may not pass.
fn pass_frames(from: &mut TcpStream, to: &mut TcpStream, mut may_pass: impl FnMut(&[u8]) -> bool) -> io::Result<()> {
    loop {
        let mut length = [0; 4];
        from.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        from.read_exact(&mut frame)?;
        if !may_pass(&frame) {
            return Ok(());
        }
        to.write_all(&[&length[..], &frame].concat())?;
    }
}

fn close(one: &TcpStream, other: &TcpStream) {
    let _ = (one.shutdown(Shutdown::Both), other.shutdown(Shutdown::Both));
}
