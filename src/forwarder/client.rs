//! One HTTP request, and what came of it. Follows no redirects; verifies certificates.
//!
//! Knows nothing of retries: it tells what happened, once.

use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use flate2::Compression;
use flate2::write::GzEncoder;
use reqwest::header::{CONTENT_ENCODING, CONTENT_TYPE, HeaderMap, RETRY_AFTER};
use reqwest::{Certificate, redirect};

use super::answer::{Answer, Headers, Why, meaning};
use super::config::Config;
use crate::settings::Secret;

/// Of an answer, no more is read than this; what it says stands at its beginning.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub struct Client {
    http: reqwest::Client,
    endpoint: String,
    authorities: Vec<Certificate>,
    timeout: Duration,
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
        let http = build(&authorities, config.timeout)?;
        let (endpoint, timeout, gzip) = (config.endpoint.clone(), config.timeout, config.gzip);
        Ok(Self { http, endpoint, authorities, timeout, gzip })
    }

    /// Forgets its connections, so that the next request asks for the endpoint's address again.
    pub fn reconnect(&mut self) {
        // It was built of the same parts before.
        if let Ok(http) = build(&self.authorities, self.timeout) {
            self.http = http;
        }
    }

    pub fn post(&self, body: Vec<u8>, key: &Secret) -> impl Future<Output = Outcome> + Send + 'static {
        let request = self.http.post(&self.endpoint).basic_auth(key.expose(), Some(""));
        let request = request.header(CONTENT_TYPE, "application/json");
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

fn build(authorities: &[Certificate], timeout: Duration) -> Result<reqwest::Client, String> {
    let mut builder = reqwest::Client::builder()
        .user_agent(concat!("kairos/", env!("CARGO_PKG_VERSION")))
        .redirect(redirect::Policy::none())
        .connect_timeout(timeout)
        .timeout(timeout)
        .pool_idle_timeout(IDLE_TIMEOUT);
    if !authorities.is_empty() {
        builder = builder.tls_certs_merge(authorities.iter().cloned());
    }
    builder.build().map_err(|e| format!("no HTTP client: {}", describe(e)))
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
