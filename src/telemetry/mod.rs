//! How the program is watched: every metric in one table, logs, readiness, and the port that answers for them. It must
//! not know what the figures decide.

pub mod admin;
mod health;
mod log;
pub mod metrics;
mod registry;

pub use admin::{Admin, LookUp};
pub use health::Health;
pub use log::Log;
pub use metrics::{ALL, Form, Metric};
pub use registry::Registry;
