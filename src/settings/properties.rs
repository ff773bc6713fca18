//! `[kafka.properties]`: what may be passed on to librdkafka, and what may not. It must not know how they are used.

use std::path::Path;

use rdkafka::ClientConfig;
use rdkafka::error::KafkaError;
use rdkafka::types::RDKafkaConfRes;

use super::librdkafka;
use super::mistake::{Mistake, Origin, did_you_mean};
use super::secret::Secret;

/// A property for every client, with where it came from.
#[derive(Debug, Clone, PartialEq)]
pub struct Property {
    pub name: String,
    /// Masked in every output if the name is one of a secret; kept as one in any case.
    pub value: Secret,
    pub origin: Origin,
}

impl Property {
    pub fn is_secret(&self) -> bool {
        SECRET.contains(&self.name.as_str())
    }
}

/// What exactly-once or another setting decides: refused, with the reason.
const FIXED: &[(&str, &str)] = &[
    ("bootstrap.servers", "set kafka.brokers"),
    ("metadata.broker.list", "set kafka.brokers"),
    ("group.id", "set run.group or forward.group"),
    ("group.instance.id", "set run.instance or forward.instance"),
    ("group.protocol", "the classic one is needed"),
    ("partition.assignment.strategy", "it must be cooperative-sticky"),
    ("enable.auto.commit", "offsets are committed with the messages they led to"),
    ("auto.commit.enable", "offsets are committed with the messages they led to"),
    ("enable.auto.offset.store", "offsets are committed with the messages they led to"),
    ("auto.offset.reset", "Kairos itself decides where to begin"),
    ("isolation.level", "only committed records are read"),
    ("enable.partition.eof", "it is needed to tell when all has been read"),
    ("enable.idempotence", "exactly-once needs it"),
    ("acks", "exactly-once needs all of them"),
    ("request.required.acks", "exactly-once needs all of them"),
    ("transactional.id", "it follows from run.group and run.instance"),
    ("transaction.timeout.ms", "an open transaction stops every reader, so it must be short"),
    ("message.timeout.ms", "it must fit into a transaction"),
    ("message.max.bytes", "dead letters must fit"),
    ("partitioner", "set raw.partitioner"),
];

const SECRET: &[&str] = &[
    "sasl.password",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    "sasl.oauthbearer.config",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
];

/// librdkafka's own names with an underscore: all others have dots only.
const UNDERSCORED: &[&str] = &["log_level"];

/// The property that an environment variable's last part names: `SASL_PASSWORD` → `sasl.password`.
pub fn from_variable(part: &str) -> String {
    let lower = part.to_ascii_lowercase();
    if UNDERSCORED.contains(&lower.as_str()) {
        return lower;
    }
    let dotted = lower.replace('_', ".");
    match dotted.strip_suffix(".file") {
        Some(name) if SECRET.contains(&name) => format!("{name}_file"),
        _ => dotted,
    }
}

/// Takes a property as written; `folder`: what a relative path in it starts from.
pub fn read(written: &str, text: String, origin: Origin, folder: &Path) -> Result<Property, Mistake> {
    let mistake = |what| Mistake { origin: origin.clone(), key: Some(format!("kafka.properties.\"{written}\"")), what };
    let (name, text) = match written.strip_suffix("_file") {
        Some(name) if SECRET.contains(&name) => (name, read_file(&folder.join(&text)).map_err(&mistake)?),
        _ => (written, text),
    };
    if let Some((_, why)) = FIXED.iter().find(|(fixed, _)| *fixed == name) {
        return Err(mistake(format!("can't be set: {why}")));
    }
    let in_file = matches!(origin, Origin::File { .. }) && !written.ends_with("_file");
    if in_file && SECRET.contains(&name) {
        let variable = name.to_ascii_uppercase().replace('.', "_");
        return Err(mistake(format!(
            "a secret must not stand in the file: set KAIROS__KAFKA__PROPERTIES__{variable} or \"{name}_file\""
        )));
    }
    judge(name, &text).map_err(&mistake)?;
    Ok(Property { name: name.to_owned(), value: Secret::new(text), origin })
}

/// The text of a file with a secret, without the line end that editors leave behind it.
pub fn read_file(path: &Path) -> Result<String, String> {
    let text = std::fs::read_to_string(path).map_err(|error| format!("can't read {}: {error}", path.display()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// librdkafka is the judge of its own names and values.
fn judge(name: &str, value: &str) -> Result<(), String> {
    match ClientConfig::new().set(name, value).create_native_config() {
        Ok(_) => Ok(()),
        // What was meant for a secret may stand here, so the value is not shown.
        Err(KafkaError::ClientConfig(RDKafkaConfRes::RD_KAFKA_CONF_UNKNOWN, ..)) => {
            Err(format!("librdkafka knows no such property{}", nearest(name)))
        }
        // librdkafka's own sentence shows the value.
        Err(_) if SECRET.contains(&name) => Err("librdkafka refuses its value".into()),
        Err(KafkaError::ClientConfig(_, what, _, _)) => Err(format!("librdkafka refuses it: {what}")),
        Err(_) => Err("librdkafka refuses it".into()),
    }
}

fn nearest(name: &str) -> String {
    let files: Vec<String> = SECRET.iter().map(|secret| format!("{secret}_file")).collect();
    did_you_mean(name, librdkafka::NAMES.iter().copied().chain(files.iter().map(String::as_str)))
}

/// What the user's properties leave open and librdkafka would get wrong.
pub fn complete(properties: &mut Vec<Property>) {
    let has = |name: &str| properties.iter().any(|property| property.name == name);
    let tls = properties.iter().any(|property| {
        property.name == "security.protocol" && property.value.expose().to_ascii_lowercase().ends_with("ssl")
    });
    // An OpenSSL that is compiled in finds no certificates unless it is told to look in the usual places.
    if tls && !has("ssl.ca.location") && !has("ssl.ca.pem") {
        properties.push(Property {
            name: "ssl.ca.location".into(),
            value: Secret::new("probe"),
            origin: Origin::Default,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_file(name: &str, value: &str) -> Result<Property, Mistake> {
        let origin = Origin::File { path: "kairos.toml".into(), line: 3 };
        read(name, value.into(), origin, Path::new("."))
    }

    #[test]
    fn what_exactly_once_needs_is_refused() {
        for (name, _) in FIXED {
            assert!(in_file(name, "x").unwrap_err().what.contains("can't be set"), "{name}");
        }
    }

    #[test]
    fn librdkafka_judges_the_rest() {
        assert!(in_file("fetch.wait.max.ms", "100").is_ok());
        assert!(in_file("fetch.wait.max.ms", "soon").is_err());
        let refused = in_file("fetch.weight", "1").unwrap_err().to_string();
        assert_eq!(refused, "kairos.toml:3: kafka.properties.\"fetch.weight\": librdkafka knows no such property");
    }

    /// Short ones above all: cut out of a sentence they would be told by what is left.
    #[test]
    fn only_values_that_are_no_secrets_are_shown() {
        let refused = in_file("fetch.wait.max.ms", "a").unwrap_err().what;
        assert!(refused.contains("\"fetch.wait.max.ms\"") && !refused.contains('…'), "{refused}");
        let variable = Origin::Variable("X".into());
        let refused = read("ssl.key.password", "a\0".into(), variable, Path::new(".")).unwrap_err().what;
        assert_eq!(refused, "librdkafka refuses its value");
    }

    #[test]
    fn the_nearest_property_is_named() {
        for (wrong, right) in [
            ("sasl.pasword", "sasl.password"),
            ("sasl.pasword_file", "sasl.password_file"),
            ("security.protocoll", "security.protocol"),
        ] {
            let refused = in_file(wrong, "hunter2").unwrap_err().what;
            assert_eq!(refused, format!("librdkafka knows no such property; did you mean `{right}`?"));
        }
    }

    #[test]
    fn hints_name_what_librdkafka_knows_and_may_be_set() {
        for name in librdkafka::NAMES {
            let unknown = judge(name, "").is_err_and(|what| what.contains("knows no such"));
            assert!(!unknown && !FIXED.iter().any(|(fixed, _)| fixed == name), "{name}");
        }
    }

    #[test]
    fn secrets_come_by_environment_or_file() {
        let refused = in_file("sasl.password", "hunter2").unwrap_err().to_string();
        assert!(refused.contains("KAIROS__KAFKA__PROPERTIES__SASL_PASSWORD"), "{refused}");
        assert!(!refused.contains("hunter2"), "{refused}");
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("password"), "hunter2\n").unwrap();
        let origin = Origin::File { path: "kairos.toml".into(), line: 3 };
        let property = read("sasl.password_file", "password".into(), origin, folder.path()).unwrap();
        assert_eq!((property.name.as_str(), property.value.expose()), ("sasl.password", "hunter2"));
        assert!(property.is_secret());
    }

    #[test]
    fn variables_name_properties() {
        assert_eq!(from_variable("SASL_PASSWORD"), "sasl.password");
        assert_eq!(from_variable("SASL_PASSWORD_FILE"), "sasl.password_file");
        assert_eq!(from_variable("LOG_LEVEL"), "log_level");
    }

    #[test]
    fn tls_looks_for_certificates() {
        let mut properties = vec![in_file("security.protocol", "plaintext").unwrap()];
        complete(&mut properties);
        assert_eq!(properties.len(), 1);
        properties[0].value = Secret::new("SASL_SSL");
        complete(&mut properties);
        assert_eq!(properties[1].name, "ssl.ca.location");
    }
}
