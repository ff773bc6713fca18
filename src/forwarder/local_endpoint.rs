//! An endpoint on loopback that answers as Segment's does and counts what arrives: for trying things out.
//!
//! Knows nothing of the forwarder. As the real one, it says 200 to what it drops.

use std::collections::HashSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

const BODY_BYTES_END: usize = 500_000;
const ITEM_BYTES_END: usize = 32_000;
const ITEMS_MAX: usize = 2_500;

/// What arrived so far.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Arrived {
    pub requests: usize,
    pub items: usize,
    /// By `messageId`.
    pub distinct: usize,
    /// Answered with 200 and dropped.
    pub dropped: usize,
}

/// Ends when it is dropped.
pub struct LocalEndpoint {
    address: SocketAddr,
    shared: Arc<Shared>,
    task: JoinHandle<()>,
}

struct Shared {
    book: Mutex<Book>,
    on_item: Box<dyn Fn(&Value) + Send + Sync>,
}

#[derive(Default)]
struct Book {
    arrived: Arrived,
    seen: HashSet<String>,
}

impl LocalEndpoint {
    /// `on_item` sees each message when it arrives for the first time.
    pub async fn start(on_item: impl Fn(&Value) + Send + Sync + 'static) -> std::io::Result<Self> {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { book: Mutex::default(), on_item: Box::new(on_item) });
        let routes = Router::new()
            .route("/v1/batch", post(batch))
            .layer(DefaultBodyLimit::max(4 * BODY_BYTES_END))
            .with_state(shared.clone());
        let task = tokio::spawn(async move {
            if let Err(error) = axum::serve(listener, routes).await {
                tracing::error!(%error, "local endpoint");
            }
        });
        Ok(Self { address, shared, task })
    }

    /// For `forward.endpoint`.
    pub fn url(&self) -> String {
        format!("http://{}/v1/batch", self.address)
    }

    pub fn arrived(&self) -> Arrived {
        self.shared.book.lock().unwrap_or_else(PoisonError::into_inner).arrived
    }

    /// Whether a message has arrived.
    pub fn has(&self, message_id: &str) -> bool {
        self.shared.book.lock().unwrap_or_else(PoisonError::into_inner).seen.contains(message_id)
    }
}

impl Drop for LocalEndpoint {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Reply = (StatusCode, axum::Json<Value>);

async fn batch(State(shared): State<Arc<Shared>>, headers: HeaderMap, body: Bytes) -> Reply {
    let reply = |code, what| (code, axum::Json(what));
    if !headers.contains_key("authorization") {
        return reply(StatusCode::UNAUTHORIZED, json!({"success": false, "message": "no write key"}));
    }
    let Ok(Value::Object(mut envelope)) = serde_json::from_slice(&body) else {
        return reply(StatusCode::BAD_REQUEST, json!({"success": false, "message": "malformed JSON"}));
    };
    let Some(Value::Array(items)) = envelope.remove("batch") else {
        return reply(StatusCode::BAD_REQUEST, json!({"success": false, "message": "no batch"}));
    };
    if body.len() >= BODY_BYTES_END {
        return reply(StatusCode::BAD_REQUEST, json!({"success": false, "message": "too large"}));
    }
    shared.note(&items);
    reply(StatusCode::OK, json!({"success": true}))
}

impl Shared {
    fn note(&self, items: &[Value]) {
        let too_many = items.len() > ITEMS_MAX;
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        book.arrived.requests += 1;
        for item in items {
            if too_many || item.to_string().len() >= ITEM_BYTES_END {
                book.arrived.dropped += 1;
                continue;
            }
            book.arrived.items += 1;
            if book.seen.insert(item["messageId"].as_str().unwrap_or_default().to_owned()) {
                book.arrived.distinct += 1;
                (self.on_item)(item);
            }
        }
    }
}
