//! The configuration of evaluation. Every key stands with its default in `config.default.toml`.

use huan_chassis::config::{Auth, Database, Listen, Telemetry, Upstream};
use serde::Deserialize;

/// The defaults, as TOML.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// The whole configuration.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    /// Where the service listens.
    pub listen: Listen,
    /// Where it keeps its data.
    pub database: Database,
    /// How callers are recognised.
    pub auth: Auth,
    /// What it tells of itself.
    pub telemetry: Telemetry,
    /// The profile service, whose feed holds the outcomes.
    pub profile: Upstream,
    /// The strategy service, whose feed holds would-be picks and assignments.
    pub strategy: Upstream,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_whole() {
        let config: Config = huan_chassis::config::load(crate::NAME, DEFAULTS, None).unwrap();
        assert_eq!(config.listen.address.port(), 50054);
    }
}
