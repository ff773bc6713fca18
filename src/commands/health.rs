//! `kairos health`: asks a running instance whether it is well; for probes in images without a shell.

use std::io::{Read as _, Write as _};
use std::net::{TcpStream, ToSocketAddrs as _};
use std::time::Duration;

use super::{ConfigArg, Exit, print};

#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(flatten)]
    config: ConfigArg,
    /// Ask whether it is ready (restored and caught up), not only alive
    #[arg(long)]
    ready: bool,
}

const TIMEOUT: Duration = Duration::from_secs(3);
/// Reasons are short; more than this is somebody else's port.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

pub fn run(args: Args) -> Result<(), Exit> {
    let settings = args.config.load()?;
    let listen =
        settings.admin.listen.ok_or_else(|| Exit::Usage("admin.listen is off: there is no port to ask".into()))?;
    let path = if args.ready { "/readyz" } else { "/healthz" };
    let answer = ask(&reachable(&listen), path).map_err(|error| {
        Exit::No(format!(
            "no answer on {listen}, where admin.listen says to ask: {error}. Does it run, with these settings?"
        ))
    })?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.starts_with("HTTP/1.1 200 ") { print(body) } else { Err(Exit::No(body.trim_end().to_owned())) }
}

/// One that listens on all addresses answers on the loopback one.
fn reachable(listen: &str) -> String {
    listen.replace("0.0.0.0:", "127.0.0.1:").replace("[::]:", "[::1]:")
}

fn ask(address: &str, path: &str) -> std::io::Result<String> {
    let address = address.to_socket_addrs()?.next().ok_or(std::io::ErrorKind::AddrNotAvailable)?;
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.take(ANSWER_BYTES_MAX).read_to_string(&mut answer)?;
    Ok(answer)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn listening_everywhere_is_asked_here() {
        assert_eq!(reachable("0.0.0.0:9464"), "127.0.0.1:9464");
        assert_eq!(reachable("[::]:9464"), "[::1]:9464");
        assert_eq!(reachable("10.0.0.7:9464"), "10.0.0.7:9464");
    }
}
