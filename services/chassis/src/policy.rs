//! The access policy, read once from the contracts: for each RPC its permission, where its request names whose data is
//! asked for, and whether its answer holds personal fields. It decides nothing; the server's layers do.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    sync::LazyLock,
};

use huan_proto::auth::v1::{Scope, Sensitive};
use prost_reflect::{
    DescriptorPool, DynamicMessage, ExtensionDescriptor, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor,
};

/// What the contract says of one RPC.
#[derive(Debug)]
pub struct MethodPolicy {
    /// The package's second word: "profile".
    pub service: String,
    /// The full name of the gRPC service: "huan.profile.v1.CustomerService".
    pub service_name: String,
    /// The RPC's name: "GetCustomer".
    pub method: String,
    /// The permission that a caller must hold; empty = nobody may call.
    pub permission: String,
    /// Where the request's type is in [`scope_node`], if it names whose data is asked for.
    pub scope: Option<usize>,
    /// The answer's type if it holds personal fields.
    pub sensitive: Option<MessageDescriptor>,
    /// The caller sends a stream.
    pub client_streaming: bool,
    /// The answer is a stream.
    pub server_streaming: bool,
    /// Calling twice does no more than calling once, told by the name.
    pub idempotent: bool,
}

/// The fields of one message type that name whose data is asked for, or lead to such fields, by number.
#[derive(Debug)]
pub struct ScopeNode(pub Vec<(u32, ScopeStep)>);

/// What to do at such a field.
#[derive(Debug)]
pub enum ScopeStep {
    /// Its value names whose data is asked for.
    Read(Scope, String),
    /// Its value is a message that may.
    Into(usize),
}

/// Finds the policy of `/package.Service/Method`. `None`: not in our contracts.
pub fn of(path: &str) -> Option<&'static MethodPolicy> {
    POLICIES.methods.get(path)
}

/// Every permission that the contracts ask for or grant, sorted.
pub fn permissions() -> &'static [String] {
    &POLICIES.permissions
}

/// The scope fields of a message type.
pub fn scope_node(index: usize) -> &'static ScopeNode {
    &POLICIES.scopes[index]
}

/// True if the type holds personal fields, at any depth.
pub fn bears_sensitive(message: &MessageDescriptor) -> bool {
    POLICIES.sensitive.contains(message.full_name())
}

/// How the contract says a field is personal.
pub fn sensitive(field: &FieldDescriptor) -> Sensitive {
    Sensitive::try_from(number(&field.options(), &OPTIONS.sensitive)).unwrap_or_default()
}

/// How the contract says a field binds the caller.
pub fn scope(field: &FieldDescriptor) -> Scope {
    Scope::try_from(number(&field.options(), &OPTIONS.scope)).unwrap_or_default()
}

struct Policies {
    methods: HashMap<String, MethodPolicy>,
    permissions: Vec<String>,
    scopes: Vec<ScopeNode>,
    sensitive: HashSet<String>,
}

struct Options {
    permission: ExtensionDescriptor,
    scope: ExtensionDescriptor,
    sensitive: ExtensionDescriptor,
}

static POLICIES: LazyLock<Policies> = LazyLock::new(|| Policies::read(huan_proto::pool()));

static OPTIONS: LazyLock<Options> = LazyLock::new(|| {
    let option = |name: &str| {
        let full = format!("huan.auth.v1.{name}");
        huan_proto::pool().get_extension_by_name(&full).expect("the contracts define the options of our own")
    };
    Options { permission: option("permission"), scope: option("scope"), sensitive: option("sensitive") }
});

impl Policies {
    fn read(pool: &DescriptorPool) -> Policies {
        let sensitive = bearing(pool, |field| sensitive(field) != Sensitive::Unspecified);
        let (scopes, index) = scope_graph(pool);
        let methods: HashMap<_, _> =
            methods(pool).map(|method| (path(&method), MethodPolicy::read(&method, &index, &sensitive))).collect();
        let granted = crate::identity::grants().into_iter().flat_map(|(_, granted)| granted);
        let asked = methods.values().map(|method| method.permission.clone());
        let permissions: BTreeSet<String> = granted.chain(asked).filter(|name| !name.is_empty()).collect();
        Policies { methods, permissions: permissions.into_iter().collect(), scopes, sensitive }
    }
}

impl MethodPolicy {
    fn read(method: &MethodDescriptor, scopes: &HashMap<String, usize>, sensitive: &HashSet<String>) -> MethodPolicy {
        let output = method.output();
        let package = method.parent_service().package_name();
        MethodPolicy {
            service: package.split('.').nth(1).unwrap_or_default().to_owned(),
            service_name: method.parent_service().full_name().to_owned(),
            method: method.name().to_owned(),
            permission: permission(method),
            scope: scopes.get(method.input().full_name()).copied(),
            sensitive: sensitive.contains(output.full_name()).then_some(output),
            client_streaming: method.is_client_streaming(),
            server_streaming: method.is_server_streaming(),
            idempotent: idempotent(method.name()),
        }
    }
}

/// True if an RPC of this name only reads, and so may be sent again.
fn idempotent(method: &str) -> bool {
    ["Get", "List", "BatchGet", "Evaluate", "Resolve", "Check"].iter().any(|verb| method.starts_with(verb))
}

fn methods(pool: &DescriptorPool) -> impl Iterator<Item = MethodDescriptor> {
    pool.services()
        .filter(|service| service.full_name().starts_with("huan."))
        .flat_map(|service| service.methods().collect::<Vec<_>>())
}

fn path(method: &MethodDescriptor) -> String {
    format!("/{}/{}", method.parent_service().full_name(), method.name())
}

fn permission(method: &MethodDescriptor) -> String {
    method.options().get_extension(&OPTIONS.permission).as_str().unwrap_or_default().to_owned()
}

fn number(options: &DynamicMessage, option: &ExtensionDescriptor) -> i32 {
    options.get_extension(option).as_enum_number().unwrap_or_default()
}

/// The types that hold a field for which `wanted` is true, at any depth.
fn bearing(pool: &DescriptorPool, wanted: impl Fn(&FieldDescriptor) -> bool) -> HashSet<String> {
    let mut found = HashSet::new();
    loop {
        let before = found.len();
        for message in pool.all_messages() {
            let bears = |field: &FieldDescriptor| match field.kind() {
                Kind::Message(inner) => found.contains(inner.full_name()) || wanted(field),
                _ => wanted(field),
            };
            if message.fields().any(|field| bears(&field)) {
                found.insert(message.full_name().to_owned());
            }
        }
        if found.len() == before {
            return found;
        }
    }
}

/// The types that hold scope fields, as a graph, so that types may nest in themselves.
fn scope_graph(pool: &DescriptorPool) -> (Vec<ScopeNode>, HashMap<String, usize>) {
    let bearing = bearing(pool, |field| scope(field) != Scope::Unspecified);
    let messages: Vec<_> = pool.all_messages().filter(|message| bearing.contains(message.full_name())).collect();
    let index: HashMap<_, _> =
        messages.iter().enumerate().map(|(i, message)| (message.full_name().to_owned(), i)).collect();
    let step = |field: FieldDescriptor| match (scope(&field), field.kind()) {
        (Scope::Unspecified, Kind::Message(inner)) => {
            index.get(inner.full_name()).map(|inner| (field.number(), ScopeStep::Into(*inner)))
        }
        (Scope::Unspecified, _) => None,
        (scope, _) => Some((field.number(), ScopeStep::Read(scope, field.name().to_owned()))),
    };
    let nodes = messages.iter().map(|message| ScopeNode(message.fields().filter_map(step).collect())).collect();
    (nodes, index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request_fields(message: &MessageDescriptor, seen: &mut HashSet<String>) -> Vec<FieldDescriptor> {
        if !seen.insert(message.full_name().to_owned()) {
            return Vec::new();
        }
        let mut fields: Vec<_> = message.fields().collect();
        for field in message.fields() {
            if let Kind::Message(inner) = field.kind() {
                fields.extend(request_fields(&inner, seen));
            }
        }
        fields
    }

    #[test]
    fn every_rpc_asks_for_a_permission() {
        let without: Vec<_> =
            methods(huan_proto::pool()).filter(|method| permission(method).is_empty()).map(|m| path(&m)).collect();
        assert!(without.is_empty(), "without (huan.auth.v1.permission): {without:#?}");
    }

    #[test]
    fn a_customers_data_is_asked_for_in_scope() {
        let mut without = BTreeSet::new();
        for method in methods(huan_proto::pool()) {
            for field in request_fields(&method.input(), &mut HashSet::new()) {
                let names_customer = field.name().ends_with("customer_id") || field.name().ends_with("customer_ids");
                if names_customer && scope(&field) != Scope::Customer {
                    without.insert(format!("{} in {}", field.full_name(), path(&method)));
                }
            }
        }
        assert!(without.is_empty(), "without (huan.auth.v1.scope) = SCOPE_CUSTOMER: {without:#?}");
    }

    #[test]
    fn a_scope_is_a_text() {
        for method in methods(huan_proto::pool()) {
            for field in request_fields(&method.input(), &mut HashSet::new()) {
                if scope(&field) != Scope::Unspecified {
                    assert_eq!(field.kind(), Kind::String, "{}", field.full_name());
                }
            }
        }
    }

    #[test]
    fn a_sensitive_field_is_a_text() {
        let all = huan_proto::pool().all_messages().flat_map(|message| message.fields().collect::<Vec<_>>());
        for field in all.filter(|field| sensitive(field) != Sensitive::Unspecified) {
            assert_eq!(field.kind(), Kind::String, "{}", field.full_name());
        }
    }

    #[test]
    fn roles_grant_only_what_some_rpc_asks_for() {
        let asked: HashSet<_> = methods(huan_proto::pool()).map(|method| permission(&method)).collect();
        let idle: BTreeSet<_> = crate::identity::grants()
            .into_iter()
            .flat_map(|(_, granted)| granted)
            .filter(|granted| granted != "sensitive.read" && !asked.contains(granted))
            .collect();
        assert!(idle.is_empty(), "no RPC asks for {idle:#?}");
    }

    #[test]
    fn a_policy_is_found_by_path() {
        let policy = of("/huan.profile.v1.CustomerService/GetCustomer").unwrap();
        assert_eq!((policy.service.as_str(), policy.method.as_str()), ("profile", "GetCustomer"));
        assert_eq!(policy.permission, "profile.read");
        assert!(policy.idempotent && policy.scope.is_some() && policy.sensitive.is_some());
        assert!(!of("/huan.profile.v1.CustomerService/CreateCustomer").unwrap().idempotent);
        let status = of("/huan.feed.v1.FeedService/GetFeedStatus").unwrap();
        assert!(status.scope.is_none() && status.sensitive.is_none());
        assert!(of("/grpc.health.v1.Health/Check").is_none());
    }
}
