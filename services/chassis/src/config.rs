//! Configuration: defaults, a file over them, the environment over both. It knows the shapes that services share; each
//! service adds its own keys. Every key has a default, so the defaults are the list of keys.

use std::{collections::BTreeMap, fmt, net::SocketAddr, path::Path, path::PathBuf};

use figment::{
    Figment,
    providers::{Env, Format as _, Toml},
    value::{Dict, Value},
};
use serde::{Deserialize, de::DeserializeOwned};

/// Where a service listens.
#[derive(Clone, Debug, Deserialize)]
pub struct Listen {
    /// The address, such as 127.0.0.1:50051.
    pub address: SocketAddr,
}

/// Where a service keeps its data.
#[derive(Clone, Deserialize)]
pub struct Database {
    /// `sqlite://...` or `postgres://...`.
    pub url: String,
    /// The most connections in the pool.
    pub max_connections: u32,
}

// The url may hold a password.
impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("max_connections", &self.max_connections).finish_non_exhaustive()
    }
}

/// Where a service keeps the keys of what its data is sealed under.
#[derive(Clone, Deserialize)]
pub struct Keys {
    /// `sqlite://...` or `postgres://...`: another database than that of the data.
    pub url: String,
    /// The file of the master keys, a line `<id> <base64 of 32 bytes>` each, newest last.
    pub master_file: PathBuf,
}

impl Keys {
    /// Refuses to keep keys beside the data that they seal: whoever copies one must not have the other. Errors: the
    /// fault of keys.url.
    pub fn apart(&self, database: &Database) -> Result<(), ConfigFaults> {
        if place(&self.url) != place(&database.url) || self.url.contains(":memory:") {
            return Ok(());
        }
        let fault = "keys.url: names the database of the data, database.url; give the keys a database of their own";
        Err(ConfigFaults(vec![fault.to_owned()]))
    }
}

// The url may hold a password.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("master_file", &self.master_file).finish_non_exhaustive()
    }
}

/// What a service tells of itself.
#[derive(Clone, Debug, Deserialize)]
pub struct Telemetry {
    /// The shape of log lines.
    pub log: LogFormat,
    /// What is logged, in the words of tracing's EnvFilter, such as "info" or "info,huan_strategy=debug".
    pub level: String,
    /// Where traces go over OTLP/gRPC, such as http://127.0.0.1:4317; empty = nowhere.
    pub otlp_endpoint: String,
}

/// The shape of log lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Human,
    /// One JSON object a line.
    Json,
}

/// How callers are recognised.
#[derive(Clone, Debug, Deserialize)]
pub struct Auth {
    /// The file with the key that all processes share.
    pub key_file: PathBuf,
}

/// Another service.
#[derive(Clone, Debug, Deserialize)]
pub struct Upstream {
    /// Its address, such as http://127.0.0.1:50051.
    pub url: String,
    /// How long a call may take if the caller named no deadline.
    pub timeout_millis: u64,
}

/// How a service's feed behaves.
#[derive(Clone, Debug, Deserialize)]
pub struct Feed {
    /// How long rows are kept.
    pub retention_hours: u64,
    /// How often the outbox is read when nothing woke the reader.
    pub poll_millis: u64,
    /// How often a silent feed sends a heartbeat.
    pub heartbeat_millis: u64,
}

/// All that is wrong with a configuration, one fault a line.
#[derive(Debug, PartialEq, Eq)]
pub struct ConfigFaults(pub Vec<String>);

impl fmt::Display for ConfigFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for ConfigFaults {}

/// Loads a service's configuration: `defaults` (TOML), then `file` (TOML), then the environment, where
/// `HUAN_<SERVICE>__A__B` sets `a.b`. Errors: every unknown key and every value of the wrong type, each with its key,
/// where it came from and what to do.
pub fn load<T: DeserializeOwned>(
    service: &'static str,
    defaults: &'static str,
    file: Option<&Path>,
) -> Result<T, ConfigFaults> {
    let prefix = format!("HUAN_{}__", service.to_ascii_uppercase());
    let environment = Env::prefixed(&prefix).iter().map(|(key, value)| (key.to_string(), value)).collect();
    let (file, mut faults) = match file.map(read) {
        None => (None, Vec::new()),
        Some(Ok(file)) => (Some(file), Vec::new()),
        Some(Err(fault)) => (None, vec![fault]),
    };
    match overlay(service, defaults, file, environment) {
        Ok(config) if faults.is_empty() => Ok(config),
        Ok(_) => Err(ConfigFaults(faults)),
        Err(more) => {
            faults.extend(more);
            Err(ConfigFaults(faults))
        }
    }
}

fn read(path: &Path) -> Result<(String, String), String> {
    let text = std::fs::read_to_string(path);
    let text = text.map_err(|error| format!("{}: {error}; name a file that can be read", path.display()))?;
    Ok((path.display().to_string(), text))
}

/// A value that is to go over a default.
struct Setting {
    key: String,
    source: String,
    /// What it may be read as: an environment variable `7` is the number or the text.
    readings: Vec<Value>,
}

fn overlay<T: DeserializeOwned>(
    service: &str,
    defaults: &str,
    file: Option<(String, String)>,
    environment: Vec<(String, String)>,
) -> Result<T, Vec<String>> {
    let base = Figment::from(Toml::string(defaults));
    let known = leaves(&base).map_err(|fault| vec![format!("the defaults of {service}: {fault}")])?;
    let mut faults = Vec::new();
    let mut settings = Vec::new();
    if let Some((name, text)) = file {
        match leaves(&Figment::from(Toml::string(&text))) {
            Ok(found) => settings.extend(found.into_iter().map(|(key, value)| Setting::of_file(&name, key, value))),
            Err(fault) => faults.push(format!("{name}: {fault}; write it as TOML")),
        }
    }
    settings.extend(environment.into_iter().map(|(key, value)| Setting::of_environment(service, &key, &value)));

    let mut whole = base.clone();
    for setting in settings {
        match accept::<T>(&base, &known, &setting) {
            Ok(value) => whole = whole.merge((setting.key, value)),
            Err(fault) => faults.push(fault),
        }
    }
    let config = whole.extract::<T>();
    match config {
        Ok(config) if faults.is_empty() => Ok(config),
        // Each value did alone, yet not all together.
        Err(error) if faults.is_empty() => Err(error.into_iter().map(|error| error.to_string()).collect()),
        _ => Err(faults),
    }
}

/// Tries one value alone over the defaults, so that every fault is found and not only the first.
fn accept<T: DeserializeOwned>(
    base: &Figment,
    known: &BTreeMap<String, Value>,
    setting: &Setting,
) -> Result<Value, String> {
    let Setting { key, source, readings } = setting;
    let Some(default) = known.get(key) else {
        return Err(format!(
            "{key} ({source}): there is no such key; remove it, or see config.default.toml for the keys"
        ));
    };
    let mut fault = String::new();
    for value in readings {
        match base.clone().merge((key, value)).extract::<T>() {
            Ok(_) => return Ok(value.clone()),
            Err(error) => fault = error.kind.to_string(),
        }
    }
    Err(format!("{key} ({source}): {fault}; write it like its default, {}", shown(default)))
}

impl Setting {
    fn of_file(name: &str, key: String, value: Value) -> Setting {
        Setting { key, source: name.to_owned(), readings: vec![value] }
    }

    fn of_environment(service: &str, key: &str, text: &str) -> Setting {
        let variable = format!("HUAN_{service}__{key}").to_ascii_uppercase();
        let parsed: Value = text.parse().unwrap_or_else(|never: std::convert::Infallible| match never {});
        let readings = vec![Value::from(text), parsed];
        Setting { key: key.to_ascii_lowercase().replace("__", "."), source: variable, readings }
    }
}

fn leaves(figment: &Figment) -> Result<BTreeMap<String, Value>, String> {
    let mut found = BTreeMap::new();
    flatten("", figment.extract::<Dict>().map_err(|error| error.to_string())?, &mut found);
    Ok(found)
}

fn flatten(prefix: &str, dict: Dict, found: &mut BTreeMap<String, Value>) {
    for (name, value) in dict {
        let key = if prefix.is_empty() { name } else { format!("{prefix}.{name}") };
        match value {
            Value::Dict(_, inner) => flatten(&key, inner, found),
            leaf => {
                found.insert(key, leaf);
            }
        }
    }
}

/// A database's url without options and without who connects.
fn place(url: &str) -> &str {
    let place = url.split_once("://").or_else(|| url.split_once(':')).map_or(url, |(_, place)| place);
    let place = place.split_once('@').map_or(place, |(_, place)| place);
    // The options of PostgreSQL may say where the server is.
    if url.starts_with("sqlite") { place.split('?').next().unwrap_or(place) } else { place }
}

fn shown(value: &Value) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEFAULTS: &str = r#"
        name = "x"
        [listen]
        address = "127.0.0.1:50051"
        [telemetry]
        log = "human"
        level = "info"
        otlp_endpoint = ""
        [feed]
        retention_hours = 72
        poll_millis = 50
        heartbeat_millis = 500
    "#;

    #[derive(Debug, Deserialize)]
    struct Config {
        name: String,
        listen: Listen,
        telemetry: Telemetry,
        feed: Feed,
    }

    fn load(file: &str, environment: &[(&str, &str)]) -> Result<Config, Vec<String>> {
        let environment = environment.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        overlay("profile", DEFAULTS, Some(("huan.toml".to_owned(), file.to_owned())), environment)
    }

    #[test]
    fn the_environment_goes_over_the_file_over_the_defaults() {
        let file = "[feed]\nretention_hours = 1\npoll_millis = 1";
        let config = load(file, &[("feed__poll_millis", "2"), ("name", "7"), ("telemetry__log", "json")]).unwrap();
        assert_eq!((config.feed.retention_hours, config.feed.poll_millis, config.feed.heartbeat_millis), (1, 2, 500));
        assert_eq!(config.name, "7");
        assert_eq!(config.telemetry.log, LogFormat::Json);
        assert_eq!(config.listen.address.port(), 50051);
    }

    #[test]
    fn all_faults_are_named_with_key_and_source() {
        let file = "nmae = \"y\"\n[feed]\nretention_hours = \"long\"\nextra = 1\n[listen]\naddress = \"here\"";
        let faults = load(file, &[("telemetry__log", "xml"), ("feed__poll_millis", "-1")]).unwrap_err();
        let starts = [
            "feed.extra (huan.toml): there is no such key",
            "feed.retention_hours (huan.toml): invalid type",
            "listen.address (huan.toml): ",
            "nmae (huan.toml): there is no such key",
            "telemetry.log (HUAN_PROFILE__TELEMETRY__LOG): unknown variant",
            "feed.poll_millis (HUAN_PROFILE__FEED__POLL_MILLIS): ",
        ];
        assert_eq!(faults.len(), starts.len(), "{faults:#?}");
        for (fault, start) in faults.iter().zip(starts) {
            assert!(fault.starts_with(start), "{fault}");
        }
        assert!(faults[1].ends_with("write it like its default, 72"), "{}", faults[1]);
    }

    #[test]
    fn a_file_that_is_not_toml_is_a_fault() {
        assert!(load("[feed", &[]).unwrap_err()[0].starts_with("huan.toml: "));
        let missing = super::load::<Config>("nosuch", DEFAULTS, Some(Path::new("/no/such/file")));
        assert!(missing.unwrap_err().to_string().starts_with("/no/such/file: "));
    }

    #[test]
    fn keys_do_not_lie_beside_the_data() {
        let beside = |keys: &str, data: &str| {
            let keys = Keys { url: keys.into(), master_file: PathBuf::new() };
            keys.apart(&Database { url: data.into(), max_connections: 1 }).is_err()
        };
        assert!(beside("sqlite://data/p.db?mode=rwc", "sqlite:data/p.db"));
        assert!(beside("postgres://k:x@host/p", "postgres://p:y@host/p"));
        assert!(!beside("postgres://k:x@host/p_keys", "postgres://p:y@host/p"));
        assert!(!beside("sqlite://data/p-keys.db", "sqlite://data/p.db"));
        assert!(!beside("sqlite::memory:", "sqlite::memory:"));
    }

    #[test]
    fn a_databases_url_is_not_shown() {
        let database = Database { url: "postgres://u:secret@h/d".into(), max_connections: 3 };
        assert!(!format!("{database:?}").contains("secret"));
    }
}
