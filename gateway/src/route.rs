//! Which service answers which RPC, read from the contracts' descriptors when the gateway starts.

use std::{collections::HashMap, fmt::Write as _};

use http::uri::PathAndQuery;
use huan_chassis::{
    Error, Result, config,
    policy::{self, MethodPolicy},
};
use prost_reflect::{DescriptorPool, MessageDescriptor, MethodDescriptor};

use crate::upstream::Upstream;

/// One RPC.
#[derive(Debug)]
pub struct Route {
    /// What the contract says of it.
    pub policy: &'static MethodPolicy,
    /// Its path.
    pub path: PathAndQuery,
    /// What it takes.
    pub input: MessageDescriptor,
    /// What it answers.
    pub output: MessageDescriptor,
    upstream: usize,
}

impl Route {
    /// True if either side sends a stream.
    pub fn streams(&self) -> bool {
        self.policy.client_streaming || self.policy.server_streaming
    }
}

/// All RPCs by their paths, and the services that answer them.
#[derive(Debug)]
pub struct Table {
    routes: HashMap<String, Route>,
    upstreams: Vec<Upstream>,
}

impl Table {
    /// Reads the contracts. A package goes to the service that its second word names; one that no service bears, such
    /// as huan.feed, which every service answers for itself, cannot be reached from outside. Errors: Invalid if a url
    /// cannot be read.
    pub fn new(pool: &DescriptorPool, upstreams: &[(&'static str, &config::Upstream)]) -> Result<Self> {
        let names: Vec<_> = upstreams.iter().map(|(name, _)| *name).collect();
        let upstreams = upstreams.iter().map(|(name, config)| Upstream::new(name, config)).collect::<Result<_>>()?;
        let mut routes = HashMap::new();
        for method in pool.services().flat_map(|service| service.methods().collect::<Vec<_>>()) {
            if let Some((path, route)) = route(&method, &names)? {
                routes.insert(path, route);
            }
        }
        Ok(Self { routes, upstreams })
    }

    /// Finds the RPC of a path.
    pub fn route(&self, path: &str) -> Option<&Route> {
        self.routes.get(path)
    }

    /// The service that answers an RPC.
    pub fn upstream(&self, route: &Route) -> &Upstream {
        &self.upstreams[route.upstream]
    }

    /// A page that tells people where the doors are.
    pub fn page(&self) -> String {
        let mut services: Vec<_> = self.routes.values().map(|route| route.policy.service_name.as_str()).collect();
        services.sort_unstable();
        services.dedup();
        let mut page = String::from(PAGE);
        for service in services {
            let _ = writeln!(page, "  {service}");
        }
        page
    }
}

const PAGE: &str = "Huan's gateway. One port, two tongues:

  gRPC  over HTTP/2 without TLS; grpc.health.v1 and grpc.reflection.v1 are open to all
  JSON  POST /package.Service/Method with content-type application/json (the Connect protocol)

Both want `authorization: Bearer TOKEN`. GET /healthz says ok while calls are taken.

Services:
";

fn route(method: &MethodDescriptor, upstreams: &[&str]) -> Result<Option<(String, Route)>> {
    let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
    let Some(policy) = policy::of(&path) else {
        return Ok(None);
    };
    let Some(upstream) = upstreams.iter().position(|name| *name == policy.service) else {
        return Ok(None);
    };
    let parsed = PathAndQuery::try_from(path.as_str()).map_err(|error| Error::Internal(format!("{path}: {error}")))?;
    let route = Route { policy, path: parsed, input: method.input(), output: method.output(), upstream };
    Ok(Some((path, route)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table() -> Table {
        let upstream = config::Upstream { url: "http://127.0.0.1:1".into(), timeout_millis: 1 };
        let names = ["profile", "segment", "strategy", "evaluation"];
        Table::new(huan_proto::pool(), &names.map(|name| (name, &upstream))).unwrap()
    }

    #[test]
    fn every_rpc_of_a_service_has_a_way() {
        let table = table();
        for service in huan_proto::pool().services().filter(|service| service.package_name() != "huan.feed.v1") {
            for method in service.methods() {
                let path = format!("/{}/{}", service.full_name(), method.name());
                let route = table.route(&path).unwrap_or_else(|| panic!("{path}"));
                assert!(service.package_name().contains(table.upstream(route).service()), "{path}");
            }
        }
    }

    #[test]
    fn what_every_service_answers_for_itself_has_none() {
        assert!(table().route("/huan.feed.v1.FeedService/GetFeedStatus").is_none());
    }

    #[test]
    fn the_page_names_the_services() {
        assert!(table().page().ends_with("  huan.strategy.v1.StrategyService\n"));
    }
}
