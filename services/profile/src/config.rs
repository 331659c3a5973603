//! The service's configuration. Defaults lie in config.default.toml, which names every key.

use huan_chassis::config;
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
    /// How callers are known.
    pub auth: config::Auth,
    /// Logs and traces.
    pub telemetry: config::Telemetry,
    /// The feed of changes.
    pub feed: config::Feed,
    /// The daily roll of windows.
    pub roll: Roll,
}

/// The daily roll of windows.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Roll {
    /// How often tenants are looked through, in milliseconds.
    pub every_millis: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_set_every_key_and_no_other() {
        let config: Config = config::load(crate::NAME, DEFAULTS, None).unwrap();
        assert_eq!(config.listen.address.port(), 50051);
    }
}
