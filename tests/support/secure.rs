//! What a broker needs for a way in over TLS by password: a certificate, made by the openssl command, and its settings.

use std::path::{Path, PathBuf};
use std::process::Command;

use super::ports;

/// Which PLAIN users there are is a setting of the broker; those of SCRAM are made with [`super::acl`].
pub const PLAIN_USER: &str = "plain-user";
pub const PASSWORD: &str = "a-password-of-tests";

#[derive(Debug, Clone)]
pub struct Secure {
    pub port: u16,
    certificate: String,
    key: String,
}

impl Secure {
    /// Its certificate is also the authority that clients have to trust: `ca.pem` in the folder.
    pub fn new(folder: &Path) -> Self {
        let (certificate, key) = certificate(folder, "ca");
        Self { port: ports::free(), certificate: read(&certificate), key: read(&key) }
    }

    /// The broker's settings, beside its listeners. The usual way in stays without bounds.
    pub fn settings(&self) -> Vec<(String, String)> {
        let escaped = |pem: &str| pem.trim().replace('\n', "\\n");
        let common = "org.apache.kafka.common.security";
        let all = [
            ("authorizer.class.name", "org.apache.kafka.metadata.authorizer.StandardAuthorizer".to_owned()),
            ("super.users", "User:ANONYMOUS".to_owned()),
            ("ssl.keystore.type", "PEM".to_owned()),
            ("ssl.keystore.certificate.chain", escaped(&self.certificate)),
            ("ssl.keystore.key", escaped(&self.key)),
            ("sasl.enabled.mechanisms", "SCRAM-SHA-256,PLAIN,OAUTHBEARER".to_owned()),
            (
                "listener.name.secure.scram-sha-256.sasl.jaas.config",
                format!("{common}.scram.ScramLoginModule required;"),
            ),
            (
                "listener.name.secure.plain.sasl.jaas.config",
                format!("{common}.plain.PlainLoginModule required user_{PLAIN_USER}=\"{PASSWORD}\";"),
            ),
            (
                "listener.name.secure.oauthbearer.sasl.jaas.config",
                format!(
                    "{common}.oauthbearer.OAuthBearerLoginModule required unsecuredLoginStringClaim_sub=\"broker\";"
                ),
            ),
        ];
        all.map(|(key, value)| (key.to_owned(), value)).to_vec()
    }
}

/// A certificate for the loopback address that vouches for itself, and its key: `<name>.pem` and `<name>.key`.
pub fn certificate(folder: &Path, name: &str) -> (PathBuf, PathBuf) {
    let (certificate, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .unwrap_or_else(|e| panic!("the tests of TLS need the openssl command (Debian: apt-get install openssl): {e}"));
    assert!(made.status.success(), "openssl: {}", String::from_utf8_lossy(&made.stderr));
    (certificate, key)
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}
