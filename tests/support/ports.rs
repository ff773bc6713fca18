//! Ports that stay ours: below the range from which the system takes the ports of outgoing connections (a client that
//! reconnects to a stopped broker could be given the broker's own port, and then talk to itself), and locked against
//! other test processes for as long as this one lives.

use std::fs::File;
use std::net::TcpListener;
use std::sync::Mutex;

const FIRST: u16 = 20_000;
const COUNT: u16 = 10_000;

/// A free port of the loopback interface.
pub fn free() -> u16 {
    static HELD: Mutex<Vec<File>> = Mutex::new(Vec::new());
    let mut held = HELD.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let folder = std::env::temp_dir().join("kairos-test-ports");
    std::fs::create_dir_all(&folder).expect("a folder for locks of ports");
    let start = (std::process::id() as u16).wrapping_mul(97) % COUNT;
    for step in 0..COUNT {
        let port = FIRST + (start + step) % COUNT;
        let lock = File::create(folder.join(port.to_string())).expect("a lock file for a port");
        if lock.try_lock().is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            held.push(lock);
            return port;
        }
    }
    panic!("no free port between {FIRST} and {}", FIRST + COUNT);
}
