//! An endpoint that only counts: as little of the machine as possible is its own.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, sleep};
use std::time::{Duration, Instant};

use memchr::memmem;

use crate::support::now;

pub struct Sink {
    port: u16,
    arrived: Arc<AtomicUsize>,
    /// Milliseconds from `sent`, by message.
    took: Arc<Mutex<Vec<i64>>>,
}

impl Sink {
    pub fn start() -> Self {
        Self::start_as(true)
    }

    /// Takes requests and never answers.
    pub fn start_hanging() -> Self {
        Self::start_as(false)
    }

    fn start_as(answers: bool) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", 0)).expect("a port");
        let port = listener.local_addr().expect("it is bound").port();
        let sink = Self { port, arrived: Arc::default(), took: Arc::default() };
        let (arrived, took) = (sink.arrived.clone(), sink.took.clone());
        thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let (arrived, took) = (arrived.clone(), took.clone());
                thread::spawn(move || serve(connection, answers, &arrived, &took));
            }
        });
        sink
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}/v1/batch", self.port)
    }

    pub fn wait_for(&self, count: usize, limit: Duration) {
        let started = Instant::now();
        while self.arrived.load(Ordering::SeqCst) < count {
            assert!(started.elapsed() < limit, "{} of {count} arrived", self.arrived.load(Ordering::SeqCst));
            sleep(Duration::from_millis(2));
        }
    }

    pub fn forget(&self) {
        self.took.lock().expect("nobody panics").clear();
        self.arrived.store(0, Ordering::SeqCst);
    }

    pub fn took(&self) -> Vec<i64> {
        self.took.lock().expect("nobody panics").clone()
    }
}

fn serve(mut connection: TcpStream, answers: bool, arrived: &AtomicUsize, took: &Mutex<Vec<i64>>) {
    let mut reader = BufReader::new(connection.try_clone().expect("a socket can be cloned"));
    while let Some((length, gzip)) = read_head(&mut reader) {
        let mut body = vec![0; length];
        if reader.read_exact(&mut body).is_err() {
            return;
        }
        if gzip {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(&body[..]).read_to_end(&mut plain).expect("gzip");
            body = plain;
        }
        if !answers {
            continue;
        }
        let at = now();
        let sent: Vec<i64> = memmem::find_iter(&body, b"\"sent\":\"")
            .map(|found| {
                at - std::str::from_utf8(&body[found + 8..found + 21]).expect("digits").parse::<i64>().expect("a time")
            })
            .collect();
        arrived.fetch_add(sent.len(), Ordering::SeqCst);
        took.lock().expect("nobody panics").extend(sent);
        let answer =
            "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 16\r\n\r\n{\"success\":true}";
        if connection.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn read_head(reader: &mut BufReader<TcpStream>) -> Option<(usize, bool)> {
    let (mut length, mut gzip) = (0, false);
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => length = value.trim().parse().ok()?,
            Some((name, value)) if name.eq_ignore_ascii_case("content-encoding") => gzip = value.trim() == "gzip",
            None if line.trim_end().is_empty() => return Some((length, gzip)),
            _ => {}
        }
    }
}
