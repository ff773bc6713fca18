//! What a process used, as the kernel tells: CPU of all its threads, memory.

use std::time::Duration;

#[derive(Debug, Clone, Copy)]
pub struct Usage {
    pub wall: Duration,
    pub cpu: Duration,
    pub peak_mb: u64,
    pub now_mb: u64,
}

impl Usage {
    /// Of a process that still runs.
    pub fn of(pid: u32, wall: Duration) -> Self {
        let read = |what: &str| std::fs::read_to_string(format!("/proc/{pid}/{what}")).expect("the process runs");
        let (stat, status) = (read("stat"), read("status"));
        // The name, in parentheses, may hold anything; user and system time are the 12th and 13th after it, in 1/100 s.
        let after = stat.rsplit(')').next().expect("a name in parentheses");
        let ticks: u64 = after.split_whitespace().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
        let megabytes = |key: &str| {
            let line = status.lines().find(|line| line.starts_with(key)).expect("the kernel tells memory");
            line.split_whitespace().nth(1).and_then(|kb| kb.parse::<u64>().ok()).expect("a number of kB") / 1024
        };
        Self { wall, cpu: Duration::from_millis(ticks * 10), peak_mb: megabytes("VmHWM:"), now_mb: megabytes("VmRSS:") }
    }
}
