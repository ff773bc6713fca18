//! An endpoint that answers as Segment's does, silent drops included, with faults on request: for tests of the
//! forwarder. Plain sockets, since a reset in the middle of an answer is what no HTTP library offers.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::{http2, ports, tls};

/// What happens to a request.
#[derive(Debug, Clone)]
pub enum Fault {
    None,
    Answer {
        status: u16,
        headers: Vec<(&'static str, String)>,
    },
    /// The connection is cut before the body is read; nothing arrives.
    CutBefore,
    /// It arrives, and the connection is cut without an answer.
    CutAfter,
    /// It arrives; the answer ends in its middle.
    Half,
    /// It arrives; the answer comes byte by byte, over so long a time.
    Slow(Duration),
    /// A page with a 200; nothing arrives.
    Page,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    pub id: String,
    pub user: String,
    pub number: u64,
    pub bytes: usize,
    pub at: Instant,
}

#[derive(Default)]
struct Book {
    items: Vec<Item>,
    seen: BTreeSet<String>,
    requests: usize,
    /// How many connections came, and on which of them requests.
    connected: usize,
    used: BTreeSet<usize>,
    paths: BTreeSet<String>,
    /// How often each request said that it was tried before.
    tried: Vec<u32>,
    items_most: usize,
    bytes_most: usize,
    /// Answers 401 or 403 to any other `Authorization` than this.
    wanted: Option<(u16, &'static str)>,
    connections: Vec<TcpStream>,
    threads: Vec<JoinHandle<()>>,
    dead: bool,
}

type Chooser = dyn Fn(usize, &[String]) -> Fault + Send + Sync;

#[derive(Clone)]
pub struct Segment {
    port: u16,
    book: Arc<Mutex<Book>>,
    choose: Arc<Chooser>,
    tls: Option<Arc<rustls::ServerConfig>>,
}

impl Segment {
    /// `choose` gets the request's number and the ids in it.
    pub fn start(choose: impl Fn(usize, &[String]) -> Fault + Send + Sync + 'static) -> Self {
        Self::start_as(choose, None)
    }

    /// Speaks TLS, with a certificate of [`tls::authority`].
    pub fn start_with_tls() -> Self {
        Self::start_as(|_, _| Fault::None, Some(tls::server(&[])))
    }

    /// Speaks TLS, and on it HTTP/2 and nothing else. Of the faults it knows answers and resets.
    pub fn start_with_http2() -> Self {
        Self::start_as(|_, _| Fault::None, Some(tls::server(&["h2"])))
    }

    fn start_as(
        choose: impl Fn(usize, &[String]) -> Fault + Send + Sync + 'static,
        tls: Option<Arc<rustls::ServerConfig>>,
    ) -> Self {
        let segment = Self { port: ports::free(), book: Arc::default(), choose: Arc::new(choose), tls };
        segment.listen();
        segment
    }

    pub fn url(&self) -> String {
        let scheme = if self.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://127.0.0.1:{}/v1/batch", self.port)
    }

    /// From now on answers `status` to a request without this `Authorization`.
    pub fn want(&self, status: u16, authorization: &'static str) {
        self.book().wanted = Some((status, authorization));
    }

    /// Cuts every connection and refuses new ones. Once it is back, nobody listens and nothing arrives any more.
    pub fn kill(&self) {
        let mut book = self.book();
        book.dead = true;
        book.connections.drain(..).for_each(|connection| drop(connection.shutdown(Shutdown::Both)));
        let threads = std::mem::take(&mut book.threads);
        drop(book);
        // Wakes the listener, which then closes.
        drop(TcpStream::connect(("127.0.0.1", self.port)));
        threads.into_iter().for_each(|thread| thread.join().expect("an endpoint's thread does not panic"));
    }

    pub fn resume(&self) {
        self.book().dead = false;
        self.listen();
    }

    fn listen(&self) {
        let started = Instant::now();
        let listener = loop {
            match TcpListener::bind(("127.0.0.1", self.port)) {
                Ok(listener) => break listener,
                Err(e) => assert!(started.elapsed() < Duration::from_secs(10), "port {}: {e}", self.port),
            }
            thread::yield_now();
        };
        let segment = self.clone();
        let thread = thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let mut book = segment.book();
                if book.dead {
                    return;
                }
                book.connections.push(connection.try_clone().expect("a socket can be cloned"));
                book.connected += 1;
                let (segment, number) = (segment.clone(), book.connected);
                book.threads.push(thread::spawn(move || segment.greet(number, connection)));
            }
        });
        self.book().threads.push(thread);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.book.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    pub fn items(&self) -> Vec<Item> {
        self.book().items.clone()
    }

    pub fn requests(&self) -> usize {
        self.book().requests
    }

    /// On how many connections they came.
    pub fn connections(&self) -> usize {
        self.book().used.len()
    }

    /// Where they were sent.
    pub fn paths(&self) -> Vec<String> {
        self.book().paths.iter().cloned().collect()
    }

    /// How often each request said that it was tried before.
    pub fn tried(&self) -> Vec<u32> {
        self.book().tried.clone()
    }

    /// How many arrived, by `messageId`.
    pub fn distinct_count(&self) -> usize {
        self.book().seen.len()
    }

    /// Most items and most bytes of a request.
    pub fn most(&self) -> (usize, usize) {
        let book = self.book();
        (book.items_most, book.bytes_most)
    }

    /// The numbers of each user's messages, in the order in which each arrived for the first time.
    pub fn first_arrivals(&self) -> BTreeMap<String, Vec<u64>> {
        let (mut seen, mut firsts) = (BTreeSet::new(), BTreeMap::<String, Vec<u64>>::new());
        for item in self.items() {
            if seen.insert(item.id) {
                firsts.entry(item.user).or_default().push(item.number);
            }
        }
        firsts
    }

    pub fn wait_for_distinct(&self, count: usize, limit: Duration) {
        let started = Instant::now();
        while self.distinct_count() < count {
            assert!(started.elapsed() < limit, "{} of {count} arrived within {limit:?}", self.distinct_count());
            thread::sleep(Duration::from_millis(50));
        }
    }

    fn greet(&self, number: usize, connection: TcpStream) {
        let line = connection.try_clone().expect("a socket can be cloned");
        match &self.tls {
            None => self.serve(number, connection),
            Some(tls) if tls.alpn_protocols.is_empty() => {
                let session = rustls::ServerConnection::new(tls.clone()).expect("the settings are good");
                self.serve(number, rustls::StreamOwned::new(session, connection));
            }
            Some(tls) => {
                let segment = self.clone();
                http2::serve(connection, tls.clone(), move |headers, body| segment.answer_http2(number, headers, body));
            }
        }
        let _ = line.shutdown(Shutdown::Both);
    }

    fn serve(&self, number: usize, connection: impl Read + Write) {
        let mut reader = BufReader::new(connection);
        while let Some(head) = read_head(&mut reader) {
            let mut body = vec![0; head.length];
            // Peeking at the ids needs the body; cut before it is answered is all the sender can tell apart.
            if reader.read_exact(&mut body).is_err() {
                return;
            }
            if head.gzip {
                let packed = std::mem::take(&mut body);
                flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut body).expect("it is gzip");
            }
            let fault = self.take(number, &head, &body);
            if !answer(reader.get_mut(), fault) {
                return;
            }
        }
    }

    fn answer_http2(&self, number: usize, headers: &http::HeaderMap, body: Vec<u8>) -> http2::Answer {
        let mut head = Head::default();
        headers.iter().for_each(|(name, value)| head.note(name.as_str(), value.to_str().expect("plain headers")));
        match self.take(number, &head, &body) {
            Fault::None => Some((200, vec![("content-type", "application/json".to_owned())], YES)),
            Fault::Answer { status, headers } => Some((status, headers, NO)),
            _ => None,
        }
    }

    /// Books what arrives; what is to happen to the request.
    fn take(&self, number: usize, head: &Head, body: &[u8]) -> Fault {
        let items = parse(body);
        let ids: Vec<String> = items.iter().map(|item| item.id.clone()).collect();
        let fault = {
            let mut book = self.book();
            book.requests += 1;
            book.used.insert(number);
            book.tried.push(head.tried);
            book.paths.insert(head.path.clone());
            (book.items_most, book.bytes_most) = (book.items_most.max(items.len()), book.bytes_most.max(body.len()));
            match book.wanted {
                Some((status, wanted)) if wanted != head.authorization => Fault::Answer { status, headers: Vec::new() },
                _ => (self.choose)(book.requests, &ids),
            }
        };
        let arrives = matches!(fault, Fault::None | Fault::CutAfter | Fault::Half | Fault::Slow(_));
        if arrives && items.len() <= 2_500 && body.len() < 500_000 {
            let mut book = self.book();
            // What is too large is dropped without a word.
            let items: Vec<Item> = items.into_iter().filter(|item| item.bytes < 32_000).collect();
            book.seen.extend(items.iter().map(|item| item.id.clone()));
            book.items.extend(items);
        }
        fault
    }
}

const YES: &str = r#"{"success":true}"#;
const NO: &str = r#"{"success":false}"#;

/// Whether the connection goes on.
fn answer(connection: &mut impl Write, fault: Fault) -> bool {
    let ok = answer_text(200, &[("content-type", "application/json".to_owned())], YES);
    match fault {
        Fault::None => connection.write_all(ok.as_bytes()).is_ok(),
        Fault::Answer { status, headers } => connection.write_all(answer_text(status, &headers, NO).as_bytes()).is_ok(),
        Fault::CutBefore | Fault::CutAfter => false,
        Fault::Half => connection.write_all(&ok.as_bytes()[..ok.len() - 5]).is_err(),
        Fault::Slow(over) => slowly(connection, ok.as_bytes(), over),
        Fault::Page => {
            let page = answer_text(200, &[("content-type", "text/html".to_owned())], "<p>Please sign in</p>");
            connection.write_all(page.as_bytes()).is_ok()
        }
    }
}

fn slowly(connection: &mut impl Write, bytes: &[u8], over: Duration) -> bool {
    let step = over / u32::try_from(bytes.len()).expect("an answer is short");
    bytes.iter().all(|byte| {
        thread::sleep(step);
        connection.write_all(&[*byte]).is_ok()
    })
}

fn answer_text(status: u16, headers: &[(&'static str, String)], body: &str) -> String {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {status} Said\r\ncontent-length: {}\r\n{headers}\r\n{body}", body.len())
}

#[derive(Default)]
struct Head {
    path: String,
    length: usize,
    gzip: bool,
    authorization: String,
    tried: u32,
}

impl Head {
    fn note(&mut self, name: &str, value: &str) {
        match name.to_ascii_lowercase().as_str() {
            "content-length" => self.length = value.parse().expect("a length is a number"),
            "content-encoding" => self.gzip = value == "gzip",
            "authorization" => self.authorization = value.to_owned(),
            "x-retry-count" => self.tried = value.parse().expect("a count is a number"),
            _ => {}
        }
    }
}

/// `None` at the end of the connection.
fn read_head(reader: &mut impl BufRead) -> Option<Head> {
    let mut head = Head::default();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) if !head.path.is_empty() => head.note(name, value.trim()),
            None if line.trim_end().is_empty() => return Some(head),
            // The first line: `POST /path HTTP/1.1`.
            _ => head.path = line.split(' ').nth(1).unwrap_or_default().to_owned(),
        }
    }
}

/// The message's number within its user is `properties.n`, where tests write the messages.
fn parse(body: &[u8]) -> Vec<Item> {
    #[derive(serde::Deserialize)]
    struct Batch<'a> {
        #[serde(borrow)]
        batch: Vec<&'a serde_json::value::RawValue>,
        #[serde(rename = "sentAt")]
        sent_at: String,
    }
    let batch: Batch<'_> = serde_json::from_slice(body).expect("the body is a batch");
    assert!(batch.sent_at.ends_with('Z'));
    let read = |raw: &&serde_json::value::RawValue| {
        let item: serde_json::Value = serde_json::from_str(raw.get()).expect("an item is JSON");
        Item {
            id: item["messageId"].as_str().expect("an id").to_owned(),
            user: item["userId"].as_str().or(item["anonymousId"].as_str()).expect("a user").to_owned(),
            number: item["properties"]["n"].as_u64().unwrap_or_default(),
            bytes: raw.get().len(),
            at: Instant::now(),
        }
    };
    batch.batch.iter().map(read).collect()
}
