//! What can be set. The defaults and what each key means stand in config.default.toml.

use huan_chassis::config;
use serde::Deserialize;

/// The configuration of this service.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Where to listen.
    pub listen: config::Listen,
    /// Where to keep vectors, definitions and builds.
    pub database: config::Database,
    /// Logs and traces.
    pub telemetry: config::Telemetry,
    /// How callers are known.
    pub auth: config::Auth,
    /// Where profile is, whose feed is followed.
    pub profile: config::Upstream,
    /// Segments, sets and clusterings.
    pub definitions: Definitions,
    /// The history of memberships.
    pub history: History,
    /// The feed of joins and leaves.
    pub feed: config::Feed,
}

/// The history of memberships.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct History {
    /// How long a replica that has fallen silent is waited for before others take over, in milliseconds.
    pub lease_millis: u64,
    /// How often to look for a new business day or definition, in milliseconds.
    pub look_millis: u64,
}

/// Segments, sets and clusterings.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Definitions {
    /// How often to look whether another replica changed some, in milliseconds.
    pub refresh_millis: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_can_be_read() {
        let config: Config = huan_chassis::config::load(crate::NAME, crate::DEFAULTS, None).unwrap();
        assert_eq!(config.listen.address.port(), 50052);
    }
}
