//! The service's configuration, every key of it. The defaults stand in `config.default.toml`.

use std::path::{Path, PathBuf};

use huan_chassis::config::{self, Auth, ConfigFaults, Database, Feed, Keys, Listen, Telemetry, Upstream};
use serde::Deserialize;

/// The whole configuration.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    /// Where to listen.
    pub listen: Listen,
    /// The store.
    pub database: Database,
    /// Where the keys of that data lie.
    pub keys: Keys,
    /// Logs and traces.
    pub telemetry: Telemetry,
    /// The key that tokens are signed with.
    pub auth: Auth,
    /// The feed that this service publishes.
    pub feed: Feed,
    /// The profile service.
    pub profile: Upstream,
    /// The segment service.
    pub segment: Upstream,
    /// Who is left alone.
    pub holdout: Holdout,
    /// How decisions are made.
    pub decision: Decision,
}

/// Who is left alone.
#[derive(Clone, Debug, Deserialize)]
pub struct Holdout {
    /// The key of the holdout draws, any bytes, at least 32. A file that is missing is made, readable by its owner only:
    /// keep it, for another key holds other customers out.
    pub key_file: PathBuf,
}

/// How decisions are made.
#[derive(Clone, Debug, Deserialize)]
pub struct Decision {
    /// The most decisions in one commit.
    pub max_batch: usize,
    /// How long a contact stays reserved without a response, in minutes of system time; then it no longer counts.
    pub reservation_minutes: i64,
    /// How long to wait for the feed position that a trigger names, in milliseconds.
    pub wait_millis: u64,
}

/// The defaults, in TOML.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

impl Config {
    /// Reads the defaults, `file` over them and the environment over both. Errors: every fault.
    pub fn load(file: Option<&Path>) -> Result<Self, ConfigFaults> {
        let config: Self = config::load(crate::NAME, DEFAULTS, file)?;
        config.keys.apart(&config.database)?;
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_whole() {
        let config = Config::load(None).unwrap();
        assert_eq!(config.listen.address.port(), 50053);
        assert_eq!(config.decision.reservation_minutes, 7 * 24 * 60);
    }
}
