//! The configuration of the gateway. Every key stands with its default in `config.default.toml`.

use huan_chassis::config::{Auth, Listen, Telemetry, Upstream};
use serde::Deserialize;

/// The defaults, as TOML.
pub const DEFAULTS: &str = include_str!("../config.default.toml");

/// The whole configuration.
#[derive(Clone, Debug, Deserialize)]
pub struct Config {
    /// Where the gateway listens.
    pub listen: Listen,
    /// How callers are recognised.
    pub auth: Auth,
    /// What it tells of itself.
    pub telemetry: Telemetry,
    /// What JSON callers may send.
    pub json: Json,
    /// Who serves the package huan.profile.
    pub profile: Upstream,
    /// Who serves the package huan.segment.
    pub segment: Upstream,
    /// Who serves the package huan.strategy.
    pub strategy: Upstream,
    /// Who serves the package huan.evaluation.
    pub evaluation: Upstream,
}

/// What JSON callers may send.
#[derive(Clone, Debug, Deserialize)]
pub struct Json {
    /// The most bytes of a body.
    pub max_body_bytes: usize,
}

impl Config {
    /// The services behind the gateway, by the second word of their packages.
    pub fn upstreams(&self) -> [(&'static str, &Upstream); 4] {
        [
            ("profile", &self.profile),
            ("segment", &self.segment),
            ("strategy", &self.strategy),
            ("evaluation", &self.evaluation),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_are_whole() {
        let config: Config = huan_chassis::config::load(crate::NAME, DEFAULTS, None).unwrap();
        assert_eq!(config.listen.address.port(), 8080);
    }
}
