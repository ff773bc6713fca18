//! A broker inside this process: librdkafka's mock cluster. It keeps nothing, forgets the older records of a partition
//! past 5 MB, and its transactions are stubs; good enough to look at, no proof of anything.

use rdkafka::ClientConfig;
use rdkafka::bindings::{rd_kafka_handle_mock_cluster, rd_kafka_mock_group_initial_rebalance_delay_ms};
use rdkafka::error::KafkaError;
use rdkafka::producer::{BaseProducer, Producer as _};

/// Gone, with all that it holds, when it is dropped.
pub struct Broker {
    owner: BaseProducer,
}

impl Broker {
    pub fn start(topics: &[String], partitions: i32) -> Result<Self, KafkaError> {
        let owner: BaseProducer = ClientConfig::new().set("test.mock.num.brokers", "1").create()?;
        let broker = Self { owner };
        broker.let_groups_start_at_once();
        let cluster = broker.owner.client().mock_cluster().expect("a client with mock brokers has a cluster");
        for topic in topics {
            cluster.create_topic(topic, partitions, 1)?;
        }
        drop(cluster);
        Ok(broker)
    }

    pub fn address(&self) -> String {
        self.owner.client().mock_cluster().expect("a client with mock brokers has a cluster").bootstrap_servers()
    }

    /// A group's first member otherwise waits 3 s for others. Only the C interface has this setting.
    #[allow(unsafe_code)]
    fn let_groups_start_at_once(&self) {
        // SAFETY: the handle is of a live client, which owns the cluster for as long as `self` lives; the second call
        // takes the cluster's own lock.
        unsafe {
            let cluster = rd_kafka_handle_mock_cluster(self.owner.client().native_ptr());
            rd_kafka_mock_group_initial_rebalance_delay_ms(cluster, 0);
        }
    }
}
