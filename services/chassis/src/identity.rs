//! Who calls: a user with roles or a service, what it may do and whose data it may touch. It trusts what it is given;
//! tokens are checked in `token`, and the server's layers put the identity into each request.

use std::{collections::HashMap, sync::Arc, sync::LazyLock};

use prost_reflect::Value;

use crate::error::{Error, Result};
use crate::policy;

/// The caller of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The user's or service's id.
    pub subject: String,
    /// User or service.
    pub kind: Kind,
    /// A user's tenant, or the one that a service named in `huan-tenant`.
    pub tenant: Option<String>,
    /// What the caller may do.
    pub permissions: PermissionSet,
    /// The organisation path below which a user's customers lie; "/" = all.
    pub org_path: String,
    /// The one customer of a channel token.
    pub customer_id: Option<String>,
}

/// What sort of caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// A person, or an app on behalf of one.
    User,
    /// One of our own services or jobs.
    Service,
}

impl Identity {
    /// Finds the identity that the server's layers put into the request. Errors: Unauthenticated.
    pub fn of<T>(request: &tonic::Request<T>) -> Result<&Identity> {
        let identity = request.extensions().get::<Arc<Identity>>();
        identity.map(Arc::as_ref).ok_or(Error::Unauthenticated { why: "no token" })
    }

    /// The tenant whose data this call is about. Errors: Invalid(`huan-tenant`) if a service named none.
    pub fn tenant(&self) -> Result<&str> {
        self.tenant.as_deref().ok_or_else(|| Error::invalid("huan-tenant", "is required of a service"))
    }

    /// True if the caller holds the permission.
    pub fn may(&self, permission: &str) -> bool {
        self.permissions.holds(permission)
    }

    /// Refuses data of a customer outside the caller's scope: for data that is found by another key than the
    /// customer_id, which the server's layers cannot check. Errors: OutOfScope(`field`).
    pub fn check_owner(&self, field: &str, customer_id: &str, owner_path: &str) -> Result<()> {
        let theirs = self.customer_id.as_deref().is_none_or(|own| own == customer_id);
        if self.kind == Kind::Service || (theirs && within(owner_path, &self.org_path)) {
            return Ok(());
        }
        Err(Error::OutOfScope { field: field.to_owned() })
    }

    /// Refuses a caller whose scope is not the whole bank: for what is written for all of it. Errors:
    /// OutOfScope(`field`).
    pub fn check_bank_wide(&self, field: &str) -> Result<()> {
        let everyone = self.customer_id.is_none() && within("/", &self.org_path);
        if self.kind == Kind::Service || everyone {
            return Ok(());
        }
        Err(Error::OutOfScope { field: field.to_owned() })
    }
}

/// True if `path` is `root` or below it: "/hq/east/b1" is within "/hq/east". Everything is within "/" and "".
pub fn within(path: &str, root: &str) -> bool {
    let root = root.trim_end_matches('/');
    path.strip_prefix(root).is_some_and(|rest| root.is_empty() || rest.is_empty() || rest.starts_with('/'))
}

/// A set of permissions: one bit for each that the contracts name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PermissionSet(u128);

impl PermissionSet {
    /// Every permission, as service identities hold.
    pub const ALL: PermissionSet = PermissionSet(u128::MAX);

    /// Adds up what the roles grant, each named as "strategist". An unknown role grants nothing.
    pub fn of_roles<R: AsRef<str>>(roles: &[R]) -> PermissionSet {
        PermissionSet(roles.iter().filter_map(|role| ROLES.get(role.as_ref())).fold(0, |bits, role| bits | role.0))
    }

    /// True if the set holds the permission. One that no contract names is held by nobody.
    pub fn holds(self, permission: &str) -> bool {
        policy::permissions()
            .binary_search_by(|known| known.as_str().cmp(permission))
            .is_ok_and(|i| self.0 >> i & 1 == 1)
    }
}

impl<P: AsRef<str>> FromIterator<P> for PermissionSet {
    fn from_iter<I: IntoIterator<Item = P>>(permissions: I) -> PermissionSet {
        let known = policy::permissions();
        let bit = |p: P| known.binary_search_by(|k| k.as_str().cmp(p.as_ref())).map_or(0, |i| 1 << i);
        PermissionSet(permissions.into_iter().map(bit).fold(0, |bits, bit| bits | bit))
    }
}

static ROLES: LazyLock<HashMap<String, PermissionSet>> =
    LazyLock::new(|| grants().into_iter().map(|(role, granted)| (role, granted.into_iter().collect())).collect());

/// The permissions that each role holds, by the role's name in tokens, as the contract states them.
pub fn grants() -> Vec<(String, Vec<String>)> {
    let pool = huan_proto::pool();
    let role = pool.get_enum_by_name("huan.auth.v1.Role").expect("the contracts define the roles");
    let grants = pool.get_extension_by_name("huan.auth.v1.grants").expect("the contracts define the option");
    let name = |full: &str| full.trim_start_matches("ROLE_").to_ascii_lowercase();
    role.values().map(|value| (name(value.name()), texts(&value.options().get_extension(&grants)))).collect()
}

fn texts(value: &Value) -> Vec<String> {
    value.as_list().unwrap_or_default().iter().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(org_path: &str, customer_id: Option<&str>) -> Identity {
        Identity {
            subject: "u".into(),
            kind: Kind::User,
            tenant: Some("bank".into()),
            permissions: PermissionSet::of_roles(&["relationship_manager"]),
            org_path: org_path.into(),
            customer_id: customer_id.map(str::to_owned),
        }
    }

    #[test]
    fn a_path_is_within_itself_and_its_ancestors() {
        assert!(within("/hq/east/b1", "/hq/east"));
        assert!(within("/hq/east", "/hq/east"));
        assert!(within("/hq/east", "/hq/east/"));
        assert!(within("/anything", "/") && within("/anything", "") && within("", "/"));
        assert!(!within("/hq/eastern", "/hq/east"));
        assert!(!within("/hq", "/hq/east"));
        assert!(!within("", "/hq"));
    }

    #[test]
    fn roles_hold_what_the_contract_grants() {
        let strategist = PermissionSet::of_roles(&["strategist"]);
        assert!(strategist.holds("strategy.write"));
        assert!(!strategist.holds("strategy.approve"));
        assert!(PermissionSet::of_roles(&["strategist", "approver"]).holds("strategy.approve"));
        assert_eq!(PermissionSet::of_roles(&["unspecified", "emperor"]), PermissionSet::default());
        assert!(PermissionSet::ALL.holds("feed.read"));
        assert!(!PermissionSet::ALL.holds("no.such"));
    }

    #[test]
    fn all_permissions_have_a_bit() {
        assert!(policy::permissions().len() <= 128);
    }

    #[test]
    fn an_owner_outside_the_scope_is_refused() {
        assert!(user("/hq/east", None).check_owner("decision_id", "C-1", "/hq/east/b1").is_ok());
        assert!(user("/hq/east", None).check_owner("decision_id", "C-1", "/hq/west").is_err());
        assert!(user("/", Some("C-1")).check_owner("decision_id", "C-2", "/hq").is_err());
        let service = Identity { kind: Kind::Service, ..user("/nowhere", Some("C-1")) };
        assert!(service.check_owner("decision_id", "C-2", "/hq").is_ok());
    }

    #[test]
    fn only_the_whole_bank_is_bank_wide() {
        assert!(user("/", None).check_bank_wide("product").is_ok());
        assert!(user("/hq", None).check_bank_wide("product").is_err());
        assert!(user("/", Some("C-1")).check_bank_wide("product").is_err());
        let service = Identity { kind: Kind::Service, ..user("", None) };
        assert!(service.check_bank_wide("product").is_ok());
    }
}
