//! TLS on loopback: an authority of our own (`tls/make.sh` made it) and a server with its certificate.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

/// The certificate of whoever signed the server's.
pub fn authority() -> PathBuf {
    folder().join("ca.pem")
}

/// Offers these protocols by ALPN.
pub fn server(protocols: &[&str]) -> Arc<rustls::ServerConfig> {
    let certificate = CertificateDer::from_pem_file(folder().join("server.pem")).expect("a certificate");
    let key = PrivateKeyDer::from_pem_file(folder().join("server.key")).expect("a key");
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = rustls::ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.expect("the provider has them").with_no_client_auth();
    let mut config = config.with_single_cert(vec![certificate], key).expect("they belong together");
    config.alpn_protocols = protocols.iter().map(|name| name.as_bytes().to_vec()).collect();
    Arc::new(config)
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/tls")
}
