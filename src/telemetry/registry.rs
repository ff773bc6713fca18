//! The metrics of one process, as Prometheus reads them. It must not know what any of them is about.

use std::collections::BTreeMap;

use prometheus::{CounterVec, Encoder as _, GaugeVec, HistogramOpts, HistogramVec, Opts, TextEncoder};

use super::metrics::{self, Form, Metric};

/// Only the metrics of the part that runs are registered, so that a dashboard sees no idle ones.
#[derive(Clone)]
pub struct Registry {
    registry: prometheus::Registry,
    known: BTreeMap<&'static str, Family>,
}

#[derive(Clone)]
enum Family {
    Counter(CounterVec),
    Gauge(GaugeVec),
    Histogram(HistogramVec),
}

const NEW: &str = "each metric has its own name and is registered once";

impl Registry {
    /// With the metrics whose names begin so, beside those of every process.
    pub fn new(of: impl Fn(&Metric) -> bool) -> Self {
        let registry = prometheus::Registry::new();
        let mut known = BTreeMap::new();
        let common = [metrics::BUILD.name, metrics::READY.name];
        for metric in metrics::ALL.iter().filter(|metric| common.contains(&metric.name) || of(metric)) {
            known.insert(metric.name, register(&registry, metric));
        }
        registry.register(Box::new(prometheus::process_collector::ProcessCollector::for_self())).expect(NEW);
        let all = Self { registry, known };
        all.set(&metrics::BUILD, &[env!("KAIROS_VERSION")], 1.0);
        all
    }

    /// Adding nothing still shows the counter: a rate needs a zero to start from.
    pub fn add(&self, metric: &Metric, labels: &[&str], by: f64) {
        if let Some(Family::Counter(family)) = self.known.get(metric.name) {
            family.with_label_values(labels).inc_by(by);
        }
    }

    pub fn set(&self, metric: &Metric, labels: &[&str], to: f64) {
        if let Some(Family::Gauge(family)) = self.known.get(metric.name) {
            family.with_label_values(labels).set(to);
        }
    }

    pub fn observe(&self, metric: &Metric, labels: &[&str], value: f64) {
        if let Some(Family::Histogram(family)) = self.known.get(metric.name) {
            family.with_label_values(labels).observe(value);
        }
    }

    /// For a part that registers its own.
    pub fn inner(&self) -> &prometheus::Registry {
        &self.registry
    }

    /// Forgets a gauge of something that is no longer here.
    pub fn remove(&self, metric: &Metric, labels: &[&str]) {
        if let Some(Family::Gauge(family)) = self.known.get(metric.name) {
            // One that was never set is as good as gone.
            let _ = family.remove_label_values(labels);
        }
    }

    /// The text that Prometheus scrapes.
    pub fn text(&self) -> String {
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text).expect("a Vec takes all that is written");
        String::from_utf8(text).expect("the format is UTF-8")
    }
}

fn register(registry: &prometheus::Registry, metric: &Metric) -> Family {
    let opts = Opts::new(metric.name, metric.help);
    let family = match metric.form {
        Form::Counter => Family::Counter(CounterVec::new(opts, metric.labels).expect(NEW)),
        Form::Gauge => Family::Gauge(GaugeVec::new(opts, metric.labels).expect(NEW)),
        Form::Histogram(buckets) => {
            let opts = HistogramOpts::from(opts).buckets(buckets.to_vec());
            Family::Histogram(HistogramVec::new(opts, metric.labels).expect(NEW))
        }
    };
    let collector: Box<dyn prometheus::core::Collector> = match family.clone() {
        Family::Counter(family) => Box::new(family),
        Family::Gauge(family) => Box::new(family),
        Family::Histogram(family) => Box::new(family),
    };
    registry.register(collector).expect(NEW);
    start_at_zero(&family, metric);
    family
}

/// What has labels shows once somebody adds to it.
fn start_at_zero(family: &Family, metric: &Metric) {
    match family {
        Family::Counter(family) if metric.labels.is_empty() => drop(family.with_label_values(&[] as &[&str])),
        Family::Histogram(family) if metric.labels.is_empty() => drop(family.with_label_values(&[] as &[&str])),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_come_out_as_prometheus_reads_them() {
        let registry = Registry::new(|metric| !metric.name.starts_with("kairos_forward"));
        registry.add(&metrics::DEAD_LETTERS, &["no_id"], 3.0);
        registry.observe(&metrics::COMMIT_SECONDS, &[], 0.02);
        registry.set(&metrics::LAG, &["7"], 12.0);
        registry.add(&metrics::FORWARD_SENT, &[], 1.0);
        let text = registry.text();
        assert!(text.contains("kairos_dead_letters_total{reason=\"no_id\"} 3"), "{text}");
        assert!(text.contains("kairos_commit_seconds_count 1"), "{text}");
        assert!(text.contains("kairos_lag_records{partition=\"7\"} 12"), "{text}");
        assert!(text.contains("kairos_duplicates_total 0"), "{text}");
        assert!(!text.contains("kairos_forward_"), "{text}");
        registry.remove(&metrics::LAG, &["7"]);
        assert!(!registry.text().contains("kairos_lag_records{"));
    }
}
