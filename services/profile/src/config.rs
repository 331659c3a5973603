//! The service's configuration. Defaults lie in config.default.toml, which names every key.

use std::{fmt, path::Path};

use huan_chassis::config::{self, ConfigFaults};
use serde::Deserialize;

/// The defaults, commented.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// Everything that can be set.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen.
    pub listen: config::Listen,
    /// Where the data lies.
    pub database: config::Database,
    /// Where the keys of that data lie.
    pub keys: config::Keys,
    /// How callers are known.
    pub auth: config::Auth,
    /// Logs and traces.
    pub telemetry: config::Telemetry,
    /// The feed of changes.
    pub feed: config::Feed,
    /// What customers allow.
    pub consent: Consent,
    /// The daily roll of windows.
    pub roll: Roll,
    /// Snapshots as Parquet files.
    pub snapshot: Snapshot,
    /// The events that were refused.
    pub dead_letter: DeadLetter,
}

/// The events that were refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DeadLetter {
    /// How long they are kept.
    pub retention_days: u32,
    /// How many of a tenant are kept.
    pub keep: u64,
}

/// What customers allow.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Consent {
    /// Answers to text messages by which people refuse marketing on that channel.
    pub opt_out_words: Vec<String>,
}

/// The daily roll of windows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roll {
    /// How often tenants are looked through, in milliseconds.
    pub every_millis: u64,
}

impl Config {
    /// Reads the defaults, `file` over them and the environment over both. Errors: every fault.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigFaults> {
        let config: Self = config::load(crate::NAME, DEFAULTS, file)?;
        config.keys.apart(&config.database)?;
        Ok(config)
    }
}

/// Where snapshots go.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Snapshot {
    /// A folder, or `s3://bucket/prefix`.
    pub root: String,
    /// The address of an S3-compatible store; empty = that of AWS.
    pub endpoint: String,
    /// The region of an S3 bucket.
    pub region: String,
    /// The key id for an S3 bucket; empty = requests are not signed.
    pub access_key_id: String,
    /// The secret key for an S3 bucket.
    pub secret_access_key: String,
    /// How often snapshots that nobody writes are looked for, in milliseconds.
    pub every_millis: u64,
}

// It holds a secret.
impl fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Snapshot").field("root", &self.root).field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_set_every_key_and_no_other() {
        let config = Config::load(None).unwrap();
        assert_eq!(config.listen.address.port(), 50051);
    }
}
