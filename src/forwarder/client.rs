//! One HTTP request, and what came of it. Follows no redirects; verifies certificates.
//!
//! Knows nothing of retries: it tells what happened, once.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Certificate, ClientBuilder, Url, redirect};

use super::answer::{Answer, Headers, Why, meaning};
use super::config::Config;
use crate::settings::Secret;

/// Of an answer, no more is read than this; what it says stands at its beginning.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// How often a batch was sent before, as Segment's own libraries say it.
const RETRY_COUNT: &str = "x-retry-count";

type Make = dyn Fn() -> reqwest::Result<reqwest::Client> + Send + Sync;

pub struct Client {
    /// Has connections of its own. Each new one asks for the endpoint's address; one that lives does not.
    http: reqwest::Client,
    make: Box<Make>,
    /// How often it was made anew.
    number: u64,
    endpoint: Url,
    gzip: bool,
}

/// A request's end.
#[derive(Debug)]
pub struct Outcome {
    pub answer: Answer,
    pub took: Duration,
    /// For the log: what went wrong below HTTP.
    pub trouble: Option<String>,
}

impl Client {
    pub fn new(config: &Config) -> Result<Self, String> {
        let authorities = config.ca_file.as_deref().map_or_else(|| Ok(Vec::new()), read_authorities)?;
        let timeout = config.timeout;
        let make = move || builder(timeout).tls_certs_merge(authorities.iter().cloned()).build();
        Self::made_by(Box::new(make), &config.endpoint, config.gzip)
    }

    fn made_by(make: Box<Make>, endpoint: &str, gzip: bool) -> Result<Self, String> {
        let http = make().map_err(|e| format!("no HTTP client: {}", describe(e)))?;
        let endpoint = Url::parse(endpoint).map_err(|e| format!("forward.endpoint {endpoint}: {e}"))?;
        Ok(Self { http, make, number: 0, endpoint, gzip })
    }

    /// Tells which connections a request was sent on.
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Leaves its connections to what is under way, so that the next request asks for the endpoint's address again.
    pub fn reconnect(&mut self) {
        // It was made of the same parts before.
        if let Ok(http) = (self.make)() {
            self.http = http;
            self.number += 1;
        }
    }

    pub fn post(&self, body: Vec<u8>, key: &Secret, tries: u32) -> impl Future<Output = Outcome> + Send + 'static {
        let request = self.http.post(self.endpoint.clone()).basic_auth(key.expose(), Some(""));
        let mut request = request.header(CONTENT_TYPE, "application/json");
        if tries > 0 {
            request = request.header(RETRY_COUNT, tries);
        }
        let gzip = self.gzip;
        async move {
            let started = Instant::now();
            let request =
                if gzip { request.header(CONTENT_ENCODING, "gzip").body(compress(&body)) } else { request.body(body) };
            let result = exchange(request).await;
            let took = started.elapsed();
            match result {
                Ok(answer) => Outcome { answer, took, trouble: None },
                Err(error) => {
                    let why = if error.is_timeout() { Why::Timeout } else { Why::Network };
                    Outcome { answer: Answer::Again { why, wait: None }, took, trouble: Some(describe(error)) }
                }
            }
        }
    }
}

async fn exchange(request: reqwest::RequestBuilder) -> Result<Answer, reqwest::Error> {
    let mut response = request.send().await?;
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    // To its end: half an answer is none, and the connection is fit for the next request only then.
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if body.len() < ANSWER_BYTES_MAX {
            body.extend_from_slice(&chunk);
        }
    }
    let text = |name: &str| header(&headers, name);
    let headers = Headers {
        retry_after: text(RETRY_AFTER.as_str()),
        rate_limit_reset: text("x-ratelimit-reset"),
        content_type: text(CONTENT_TYPE.as_str()),
    };
    Ok(meaning(status, headers, &body, SystemTime::now()))
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

/// Speaks HTTP/2 where the endpoint offers it.
fn builder(timeout: Duration) -> ClientBuilder {
    reqwest::Client::builder()
        .user_agent(concat!("kairos/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(timeout)
        .timeout(timeout)
        .pool_idle_timeout(IDLE_TIMEOUT)
}

fn read_authorities(path: &Path) -> Result<Vec<Certificate>, String> {
    let at = |what: String| format!("forward.ca_file {}: {what}", path.display());
    let pem = std::fs::read(path).map_err(|e| at(e.to_string()))?;
    match Certificate::from_pem_bundle(&pem) {
        Ok(found) if found.is_empty() => Err(at("there is no certificate in it".to_owned())),
        Ok(found) => Ok(found),
        Err(e) => Err(at(describe(e))),
    }
}

fn compress(body: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::with_capacity(body.len() / 4), Compression::fast());
    encoder.write_all(body).expect("a Vec takes all that is written");
    encoder.finish().expect("a Vec takes all that is written")
}

/// All that is known, without the address: it may hold what should not be in a log.
fn describe(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use std::io::{BufRead as _, BufReader, Write as _};
    use std::net::{SocketAddr, TcpListener, TcpStream};
    use std::sync::{Arc, Mutex};

    use reqwest::dns::{Addrs, Name, Resolve, Resolving};

    use super::*;

    /// A name server whose answer can change.
    #[derive(Clone)]
    struct Names(Arc<Mutex<SocketAddr>>);

    impl Resolve for Names {
        fn resolve(&self, _: Name) -> Resolving {
            let at = *self.0.lock().unwrap();
            Box::pin(async move { Ok(Box::new(std::iter::once(at)) as Addrs) })
        }
    }

    /// Gives every request the same answer, and keeps its connections open.
    fn server(status: u16) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                std::thread::spawn(move || answer(connection, status));
            }
        });
        address
    }

    fn answer(connection: TcpStream, status: u16) {
        let mut reader = BufReader::new(connection);
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|bytes| bytes > 0) {
            // The body of these requests is one line as well.
            if line == "{}\n" {
                write!(reader.get_mut(), "HTTP/1.1 {status} Said\r\ncontent-length: 0\r\n\r\n").unwrap();
            }
            line.clear();
        }
    }

    #[tokio::test]
    async fn a_name_that_leads_elsewhere_by_now_is_followed_after_a_failure() {
        let (old, new) = (server(503), server(200));
        let names = Names(Arc::new(Mutex::new(old)));
        let resolver = names.clone();
        let make = move || builder(Duration::from_secs(5)).dns_resolver(Arc::new(resolver.clone())).build();
        let mut client = Client::made_by(Box::new(make), "http://segment.example/v1/batch", false).unwrap();
        let key = Secret::new("key");
        let again = Answer::Again { why: Why::Server, wait: None };
        assert_eq!(client.post(b"{}\n".to_vec(), &key, 0).await.answer, again);
        *names.0.lock().unwrap() = new;
        // The connection lives, and asks nobody.
        assert_eq!(client.post(b"{}\n".to_vec(), &key, 1).await.answer, again);
        client.reconnect();
        assert_eq!(client.post(b"{}\n".to_vec(), &key, 2).await.answer, Answer::Accepted);
    }
}
