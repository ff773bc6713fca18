//! Addresses in settings: what they must look like, and that no secrets stand in them, as they are shown wherever settings
//! are. It must not know any setting by name.

use super::mistake::is;

/// Names of a URL's parameters that hold secrets end so.
const SECRET: &[&str] = &["key", "secret", "token", "password", "passwd", "pwd", "signature", "credential", "sas"];

pub fn brokers(text: &str) -> Result<(), String> {
    if !text.contains('@') {
        return Ok(());
    }
    Err("must hold no user and no password: set kafka.properties, \"sasl.username\" in the file and \
         KAIROS__KAFKA__PROPERTIES__SASL_PASSWORD"
        .into())
}

/// URL of a snapshot store.
pub fn store(text: &str) -> Result<(), String> {
    const INSTEAD: &str = "credentials come from the store's own environment variables, such as AWS_SECRET_ACCESS_KEY";
    without_secrets(text, INSTEAD)?;
    scheme(text, &["file:///", "s3://", "gs://", "az://"])
}

pub fn http(text: &str) -> Result<(), String> {
    without_secrets(text, "the write key goes along by itself")?;
    scheme(text, &["https://", "http://"])?;
    if authority(text).is_empty() { Err("names no host".into()) } else { Ok(()) }
}

pub fn listen(text: &str) -> Result<(), String> {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty()).map(|(_, port)| port.parse::<u16>());
    match port {
        Some(Ok(_)) => Ok(()),
        _ => Err(format!("{}, but wants an address and a port, such as 127.0.0.1:9464, or \"off\"", is(text))),
    }
}

fn scheme(text: &str, schemes: &[&str]) -> Result<(), String> {
    if schemes.iter().any(|scheme| text.len() > scheme.len() && text.starts_with(scheme)) {
        return Ok(());
    }
    Err(format!("{}, but must begin with one of: {}", is(text), schemes.join(" ")))
}

/// Before anything else is said about a URL, as that may show it.
fn without_secrets(url: &str, instead: &str) -> Result<(), String> {
    let authority = authority(url);
    // A password may have slashes; then what seems to be a port is none.
    let is_cut = authority.rsplit_once(':').is_some_and(|(_, port)| !port.bytes().all(|byte| byte.is_ascii_digit()));
    if authority.contains('@') || (is_cut && url.contains('@')) {
        return Err(format!("must hold no user and no password: {instead}"));
    }
    let query = url.split_once('?').map_or("", |(_, query)| query);
    let names = query.split(['&', '#']).map(|pair| pair.split('=').next().unwrap_or_default());
    match names.into_iter().find(|name| is_secret(name)) {
        Some(name) => Err(format!("must hold no `{name}`: {instead}")),
        None => Ok(()),
    }
}

fn is_secret(parameter: &str) -> bool {
    let name = parameter.to_ascii_lowercase();
    name == "sig" || SECRET.iter().any(|secret| name.ends_with(secret))
}

fn authority(url: &str) -> &str {
    url.split_once("://").and_then(|(_, rest)| rest.split('/').next()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_show_a_secret_is_refused_without_showing_it() {
        for refused in [
            brokers("user:hunter2@localhost:9092"),
            store("s3://user:hunter2@bucket/prefix"),
            store("s3://user:hunt/er2@bucket"),
            store("S3://user:hunter2@bucket"),
            store("az://container/prefix?sv=1&sig=hunter2"),
            store("s3://bucket?X-Amz-Signature=hunter2"),
            http("https://user:hunter2@example.com/v1/batch"),
            http("https://example.com/v1/batch?writeKey=hunter2"),
            http("https://example.com?a=1&api_key=hunter2"),
        ] {
            let what = refused.unwrap_err();
            assert!(what.starts_with("must hold no ") && !what.contains("er2"), "{what}");
        }
    }

    #[test]
    fn other_addresses_are_taken() {
        assert_eq!(brokers("a:9092,[::1]:9092"), Ok(()));
        assert_eq!(store("file:///var/lib/a@b"), Ok(()));
        assert_eq!(store("s3://bucket/pre@fix"), Ok(()));
        assert_eq!(http("http://[::1]:8080/v1/batch?region=eu"), Ok(()));
        assert!(http("https:///v1").is_err() && http("https://").is_err() && http("ftp://x").is_err());
    }
}
