//! An object store that speaks as much of S3's protocol as snapshots need: put (only where nothing is), get, delete by list, list
//! by prefix and delimiter. In memory, on loopback; it does not check signatures.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};

pub const NAME: &str = "snapshots";

#[derive(Default)]
struct Objects {
    by_key: BTreeMap<String, Bytes>,
    /// As some look-alikes do: a put replaces what is there, whatever it asks for.
    is_careless: bool,
}

type Shared = Arc<Mutex<Objects>>;

pub struct Bucket {
    port: u16,
    objects: Shared,
}

impl Bucket {
    pub fn start() -> Self {
        let objects = Shared::default();
        let shown = objects.clone();
        let router = Router::new().fallback(move |method: Method, uri: Uri, headers: HeaderMap, body: Bytes| {
            let answer = answer(&shown, &method, &uri, &headers, body);
            async move { answer }
        });
        let listener = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a free port");
        listener.set_nonblocking(true).expect("as tokio wants it");
        let port = listener.local_addr().expect("it is bound").port();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        std::thread::spawn(move || {
            runtime.block_on(async {
                let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
                axum::serve(listener, router).await
            })
        });
        Self { port, objects }
    }

    /// What the program reads of its environment to find it.
    pub fn environment(&self) -> Vec<String> {
        [
            format!("AWS_ENDPOINT=http://127.0.0.1:{}", self.port),
            "AWS_ALLOW_HTTP=true".into(),
            "AWS_REGION=here".into(),
            "AWS_ACCESS_KEY_ID=somebody".into(),
            "AWS_SECRET_ACCESS_KEY=something".into(),
        ]
        .into()
    }

    /// All keys, in order.
    pub fn keys(&self) -> Vec<String> {
        self.objects.lock().expect("nobody panics with it").by_key.keys().cloned().collect()
    }

    pub fn ignore_conditions(&self) {
        self.objects.lock().expect("nobody panics with it").is_careless = true;
    }
}

type Answer = (StatusCode, HeaderMap, Bytes);

fn answer(objects: &Shared, method: &Method, uri: &Uri, headers: &HeaderMap, body: Bytes) -> Answer {
    let mut objects = objects.lock().expect("nobody panics with it");
    let Some(key) = uri.path().strip_prefix(&format!("/{NAME}")) else { return plain(StatusCode::NOT_FOUND) };
    let key = key.trim_start_matches('/').to_owned();
    let is_conditional = headers.contains_key("if-none-match") && !objects.is_careless;
    match *method {
        Method::GET if key.is_empty() => (StatusCode::OK, HeaderMap::new(), list(&objects.by_key, uri.query()).into()),
        Method::GET => objects.by_key.get(&key).map_or(plain(StatusCode::NOT_FOUND), found),
        Method::PUT if is_conditional && objects.by_key.contains_key(&key) => plain(StatusCode::PRECONDITION_FAILED),
        Method::PUT => {
            objects.by_key.insert(key, body);
            found(&Bytes::new())
        }
        Method::POST if uri.query() == Some("delete") => {
            let answer = delete(&mut objects.by_key, &String::from_utf8_lossy(&body));
            (StatusCode::OK, HeaderMap::new(), answer.into())
        }
        _ => plain(StatusCode::METHOD_NOT_ALLOWED),
    }
}

fn plain(status: StatusCode) -> Answer {
    (status, HeaderMap::new(), Bytes::new())
}

fn found(bytes: &Bytes) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert("etag", HeaderValue::from_static("\"1\""));
    headers.insert("last-modified", HeaderValue::from_static("Thu, 26 Nov 2026 10:00:00 GMT"));
    (StatusCode::OK, headers, bytes.clone())
}

/// Each key that is named between its marks.
fn delete(objects: &mut BTreeMap<String, Bytes>, xml: &str) -> String {
    let mut answer = String::from("<DeleteResult>");
    for key in xml.split("<Key>").skip(1).filter_map(|rest| rest.split("</Key>").next()) {
        objects.remove(key);
        write!(answer, "<Deleted><Key>{key}</Key></Deleted>").expect("a text takes everything");
    }
    answer + "</DeleteResult>"
}

/// `list-type=2`: objects under a prefix, without those below a further slash.
fn list(objects: &BTreeMap<String, Bytes>, query: Option<&str>) -> String {
    let pairs = query.unwrap_or_default().split('&').filter_map(|pair| pair.split_once('='));
    let prefix = pairs.clone().find(|(name, _)| *name == "prefix").map_or("", |(_, value)| value);
    let prefix = prefix.replace("%2F", "/");
    let mut xml = String::from("<ListBucketResult><IsTruncated>false</IsTruncated>");
    let direct = objects.iter().filter(|(key, _)| key.strip_prefix(&prefix).is_some_and(|rest| !rest.contains('/')));
    for (key, bytes) in direct {
        let size = bytes.len();
        write!(
            xml,
            "<Contents><Key>{key}</Key><Size>{size}</Size><ETag>\"1\"</ETag>\
             <LastModified>2026-11-26T10:00:00.000Z</LastModified></Contents>"
        )
        .expect("a text takes everything");
    }
    xml + "</ListBucketResult>"
}
