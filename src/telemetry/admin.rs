//! The admin port: `/metrics`, `/healthz`, `/readyz`, `/users/{id}`, on a thread of its own, so that it answers
//! whatever the workers do. It must not know what figures mean or what is known of a user.

use std::net::{IpAddr, SocketAddr, TcpListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, Path, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use tokio::sync::oneshot;

use super::{Health, Registry, metrics};
use crate::settings::{Admin as Settings, Users};

/// Asks whoever holds a user; the answer comes by the channel.
pub type LookUp = Arc<dyn Fn(String, oneshot::Sender<Answer>) + Send + Sync>;

#[derive(Debug)]
pub enum Answer {
    Known(serde_json::Value),
    /// A sentence: where nobody knows the id.
    Unknown(String),
    /// Nobody had the time.
    Late,
}

/// Those who are asked give up sooner, and say so.
const LOOK_UP_TIMEOUT: Duration = Duration::from_secs(10);

/// What the port answers from.
#[derive(Clone)]
pub struct Sources {
    pub registry: Registry,
    pub health: Health,
    pub look_up: Option<LookUp>,
}

/// The port; closed when dropped.
pub struct Admin {
    pub address: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Admin {
    /// Opens the port, unless settings say `off`.
    pub fn start(settings: &Settings, sources: Sources) -> Result<Option<Self>, String> {
        let Some(listen) = &settings.listen else { return Ok(None) };
        let fault = |error| {
            format!(
                "can't listen on {listen}: {error}. `run` and `forward` have the same default port: give one of them \
                 another by admin.listen or KAIROS__ADMIN__LISTEN"
            )
        };
        let listener = TcpListener::bind(listen).map_err(fault)?;
        listener.set_nonblocking(true).map_err(fault)?;
        let address = listener.local_addr().map_err(fault)?;
        let (stop, stopped) = oneshot::channel();
        let app = router(sources, settings.users);
        let thread = std::thread::Builder::new()
            .name("admin".into())
            .spawn(move || serve(listener, app, stopped))
            .map_err(fault)?;
        Ok(Some(Self { address, stop: Some(stop), thread: Some(thread) }))
    }
}

impl Drop for Admin {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been reported by its own thread.
            let _ = thread.join();
        }
    }
}

fn serve(listener: TcpListener, app: Router, stopped: oneshot::Receiver<()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = match runtime {
        Ok(runtime) => runtime,
        Err(error) => return tracing::error!(%error, "the admin port can't run"),
    };
    runtime.block_on(async move {
        let listener = match tokio::net::TcpListener::from_std(listener) {
            Ok(listener) => listener,
            Err(error) => return tracing::error!(%error, "the admin port can't run"),
        };
        let service = app.into_make_service_with_connect_info::<SocketAddr>();
        tokio::select! {
            // A scrape that is under way is not worth waiting for.
            _ = stopped => {}
            ended = axum::serve(listener, service) => if let Err(error) = ended {
                tracing::error!(%error, "the admin port has closed");
            }
        }
    });
}

#[derive(Clone)]
struct Shared {
    sources: Sources,
    users: Users,
}

fn router(sources: Sources, users: Users) -> Router {
    let mut router = Router::new()
        .route("/metrics", get(metrics))
        .route("/healthz", get(async || "alive\n"))
        .route("/readyz", get(readyz));
    if sources.look_up.is_some() && users != Users::Nobody {
        router = router.route("/users/{id}", get(user));
    }
    router.with_state(Shared { sources, users })
}

async fn metrics(State(shared): State<Shared>) -> Response {
    let ready = if shared.sources.health.is_ready() { 1.0 } else { 0.0 };
    shared.sources.registry.set(&metrics::READY, &[], ready);
    let text_format = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (text_format, shared.sources.registry.text()).into_response()
}

async fn readyz(State(shared): State<Shared>) -> Response {
    let reasons = shared.sources.health.reasons();
    if reasons.is_empty() {
        return "ready\n".into_response();
    }
    (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n").into_response()
}

async fn user(
    State(shared): State<Shared>,
    ConnectInfo(caller): ConnectInfo<SocketAddr>,
    Path(id): Path<String>,
    headers: HeaderMap,
) -> Response {
    let allowed = shared.users == Users::Any || (caller.ip().to_canonical().is_loopback() && is_local_name(&headers));
    // Who asked, but not for whom: ids can be personal data.
    tracing::info!(%caller, allowed, "user look-up");
    tracing::debug!(%caller, id, "user look-up");
    if !allowed {
        let why = "look-ups are answered on this machine only (admin.users = \"loopback\")\n";
        return (StatusCode::FORBIDDEN, why).into_response();
    }
    let Some(look_up) = &shared.sources.look_up else { return StatusCode::NOT_FOUND.into_response() };
    let (answer, answered) = oneshot::channel();
    look_up(id, answer);
    match tokio::time::timeout(LOOK_UP_TIMEOUT, answered).await {
        Ok(Ok(Answer::Known(user))) => axum::Json(user).into_response(),
        Ok(Ok(Answer::Unknown(where_not))) => (StatusCode::NOT_FOUND, where_not + "\n").into_response(),
        Ok(Err(_)) => (StatusCode::SERVICE_UNAVAILABLE, "the workers are not running\n").into_response(),
        Ok(Ok(Answer::Late)) | Err(_) => {
            (StatusCode::GATEWAY_TIMEOUT, "the workers did not answer in time; try again\n").into_response()
        }
    }
}

/// A web page elsewhere can make a browser here ask, under a name of its own that leads to this machine.
fn is_local_name(headers: &HeaderMap) -> bool {
    let Some(host) = headers.get(header::HOST).and_then(|host| host.to_str().ok()) else { return true };
    let name = host.strip_suffix(|c: char| c.is_ascii_digit()).map_or(host, |_| {
        host.rsplit_once(':')
            .filter(|(_, port)| port.bytes().all(|b| b.is_ascii_digit()))
            .map_or(host, |(name, _)| name)
    });
    let name = name.trim_start_matches('[').trim_end_matches(']');
    name == "localhost" || name.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::TcpStream;

    use super::*;

    fn start(users: Users, look_up: Option<LookUp>) -> (Admin, Health) {
        let settings = Settings { listen: Some("127.0.0.1:0".into()), users, redact: false };
        let health = Health::default();
        let sources = Sources { registry: Registry::new(|_| true), health: health.clone(), look_up };
        (Admin::start(&settings, sources).unwrap().unwrap(), health)
    }

    fn ask(admin: &Admin, path: &str, host: &str) -> String {
        let mut stream = TcpStream::connect(admin.address).unwrap();
        write!(stream, "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        answer
    }

    #[test]
    fn probes_and_metrics_are_answered() {
        let (admin, health) = start(Users::Loopback, None);
        assert!(ask(&admin, "/healthz", "localhost").starts_with("HTTP/1.1 200"));
        assert!(ask(&admin, "/readyz", "localhost").starts_with("HTTP/1.1 200"));
        health.set("partition 3", Some("restoring".into()));
        let answer = ask(&admin, "/readyz", "localhost");
        assert!(answer.starts_with("HTTP/1.1 503") && answer.contains("partition 3: restoring"), "{answer}");
        assert!(ask(&admin, "/metrics", "localhost").contains("kairos_ready 0"));
        assert!(ask(&admin, "/users/u1", "localhost").starts_with("HTTP/1.1 404"));
    }

    #[test]
    fn users_are_looked_up_from_here_only() {
        let known: LookUp = Arc::new(|id, answer| {
            answer
                .send(match id.as_str() {
                    "u 1" => Answer::Known(serde_json::json!({"userId": id})),
                    _ => Answer::Unknown("nobody".into()),
                })
                .unwrap();
        });
        let (admin, _) = start(Users::Loopback, Some(known.clone()));
        assert!(ask(&admin, "/users/u%201", "127.0.0.1:9464").contains("{\"userId\":\"u 1\"}"));
        assert!(ask(&admin, "/users/u2", "[::1]:9464").starts_with("HTTP/1.1 404"));
        assert!(ask(&admin, "/users/u%201", "evil.example:9464").starts_with("HTTP/1.1 403"));
        let (admin, _) = start(Users::Nobody, Some(known));
        assert!(ask(&admin, "/users/u%201", "localhost").starts_with("HTTP/1.1 404"));
    }

    #[test]
    fn a_worker_that_is_gone_is_said_to_be() {
        let (admin, _) = start(Users::Any, Some(Arc::new(|_, answer| drop(answer))));
        assert!(ask(&admin, "/users/u1", "kairos:9464").starts_with("HTTP/1.1 503"));
    }

    #[test]
    fn a_taken_port_is_a_sentence() {
        let (admin, _) = start(Users::Any, None);
        let settings = Settings { listen: Some(admin.address.to_string()), users: Users::Any, redact: false };
        let sources = Sources { registry: Registry::new(|_| true), health: Health::default(), look_up: None };
        let error = Admin::start(&settings, sources).err().unwrap();
        assert!(error.contains("admin.listen"), "{error}");
    }
}
