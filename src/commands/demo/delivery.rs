//! The forwarder and the endpoint that it delivers to, both on loopback. What happens to a message that arrived is the
//! caller's.

use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use prometheus::Registry;
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::commands::Exit;
use crate::forwarder::local_endpoint::{Arrived, LocalEndpoint};
use crate::forwarder::{self, Config, Error, Metrics, Routing, WriteKeySource};
use crate::settings::Secret;

pub struct Delivery {
    endpoint: LocalEndpoint,
    stop: oneshot::Sender<()>,
    forwarder: JoinHandle<Result<(), Error>>,
}

impl Delivery {
    pub async fn start(
        brokers: &str,
        topic: &str,
        on_item: impl Fn(&Value) + Send + Sync + 'static,
    ) -> Result<Self, Exit> {
        let endpoint = LocalEndpoint::start(on_item).await;
        let endpoint = endpoint.map_err(|error| Exit::Fault(format!("no port on loopback to listen on: {error}")))?;
        let metrics = Metrics::register(&Registry::new()).expect("a new registry has no names that could clash");
        let (stop, stopped) = oneshot::channel();
        let config = config(brokers, topic, endpoint.url());
        let forwarder = tokio::spawn(forwarder::run(config, Arc::new(metrics), async {
            // Also when the sender is gone: then there is nobody to deliver for.
            let _ = stopped.await;
        }));
        Ok(Self { endpoint, stop, forwarder })
    }

    pub fn arrived(&self) -> Arrived {
        self.endpoint.arrived()
    }

    pub fn has(&self, message_id: &str) -> bool {
        self.endpoint.has(message_id)
    }

    pub fn has_ended(&self) -> bool {
        self.forwarder.is_finished()
    }

    /// What is under way is finished first.
    pub async fn stop(self) -> Result<Arrived, Exit> {
        let _ = self.stop.send(());
        match self.forwarder.await {
            Ok(ended) => ended.map_err(|error| Exit::Fault(format!("the forwarder: {error}")))?,
            Err(error) => return Err(Exit::Fault(format!("the forwarder: {error}"))),
        }
        Ok(self.endpoint.arrived())
    }
}

fn config(brokers: &str, topic: &str, endpoint: String) -> Config {
    Config {
        brokers: brokers.to_owned(),
        properties: Vec::new(),
        topic: topic.to_owned(),
        group: "kairos-demo-forward".to_owned(),
        instance: None,
        endpoint,
        write_key: WriteKeySource::Given(Secret::new("demo")),
        ca_file: None,
        gzip: false,
        timeout: Duration::from_secs(10),
        routing: Routing::default(),
        max_items: 100,
        max_wait: Duration::from_millis(50),
        concurrency: 4,
        rate: None,
        instances: NonZeroU32::MIN,
        stalled_after: Duration::from_secs(60),
        stop_timeout: Duration::from_secs(5),
    }
}
