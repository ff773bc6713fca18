//! `kairos demo`: a simulated company, a broker inside this process, the processor, the forwarder and a view of it all.

pub mod shipped;
pub mod simulator;
