//! Tokens of the development issuer: an HS256 key that all processes share signs and verifies them. It says who
//! calls; what the caller may do is `identity`'s.

use std::{
    collections::HashMap,
    fmt,
    path::Path,
    sync::{Arc, Mutex, PoisonError, RwLock},
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use chrono::{DateTime, TimeDelta, Utc};
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::identity::{Identity, Kind, PermissionSet};

/// The development issuer.
pub const ISSUER: &str = "huan-dev";
/// Whom tokens are for.
pub const AUDIENCE: &str = "huan";

const LIFETIME: TimeDelta = TimeDelta::hours(1);
// A token from a clock that runs ahead of ours is taken up to this far.
const SKEW: TimeDelta = TimeDelta::seconds(60);
const MIN_KEY_BYTES: usize = 32;
const CACHED: usize = 4096;
// The role of `huan.auth.v1.Role` that is good for one customer only.
const CHANNEL: &str = "channel";

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claims {
    /// The user's or service's id.
    pub sub: String,
    /// User or service.
    pub kind: Kind,
    /// A user's tenant; never of a service.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tenant: Option<String>,
    /// A user's roles, such as "strategist".
    #[serde(default)]
    pub roles: Vec<String>,
    /// A user's organisation path; "/" = all.
    #[serde(default)]
    pub org_path: String,
    /// The one customer of a channel token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub customer_id: Option<String>,
    /// The issuer.
    pub iss: String,
    /// The audience.
    pub aud: String,
    /// Expiry, seconds since the epoch.
    pub exp: i64,
    /// Issue, seconds since the epoch.
    pub iat: i64,
}

impl Claims {
    /// Makes a user's claims, good for an hour.
    pub fn user(subject: &str, tenant: &str, roles: &[&str], org_path: &str, now: DateTime<Utc>) -> Claims {
        Claims {
            tenant: Some(tenant.to_owned()),
            roles: roles.iter().map(|role| (*role).to_owned()).collect(),
            org_path: org_path.to_owned(),
            ..Claims::of(subject, Kind::User, now)
        }
    }

    /// Makes a service's claims, good for an hour.
    pub fn service(name: &str, now: DateTime<Utc>) -> Claims {
        Claims { org_path: "/".to_owned(), ..Claims::of(name, Kind::Service, now) }
    }

    fn of(subject: &str, kind: Kind, now: DateTime<Utc>) -> Claims {
        Claims {
            sub: subject.to_owned(),
            kind,
            tenant: None,
            roles: Vec::new(),
            org_path: String::new(),
            customer_id: None,
            iss: ISSUER.to_owned(),
            aud: AUDIENCE.to_owned(),
            exp: (now + LIFETIME).timestamp(),
            iat: now.timestamp(),
        }
    }
}

/// The key that all processes share, and what was lately verified and signed with it.
pub struct Keys {
    signing: EncodingKey,
    verifying: DecodingKey,
    validation: Validation,
    // Verifying costs microseconds, and callers send the same token again and again.
    verified: RwLock<HashMap<String, Arc<Verified>>>,
    service_tokens: Mutex<HashMap<String, (String, i64)>>,
}

struct Verified {
    identity: Arc<Identity>,
    exp: i64,
}

impl Keys {
    /// Reads the key from a file: base64 of at least 32 bytes. Errors: Internal.
    pub fn from_file(path: &Path) -> Result<Keys> {
        let fault = |why: String| Error::Internal(format!("key file {}: {why}", path.display()));
        let content = std::fs::read_to_string(path).map_err(|error| fault(error.to_string()))?;
        let secret = BASE64_STANDARD.decode(content.trim()).map_err(|_| fault("is not base64".to_owned()))?;
        if secret.len() < MIN_KEY_BYTES {
            return Err(fault(format!("holds fewer than {MIN_KEY_BYTES} bytes")));
        }
        Ok(Keys::of(&secret))
    }

    /// Makes a new key; the text is the content of a key file.
    pub fn generate() -> (Keys, String) {
        // Three random UUIDs: 366 random bits.
        let secret: Vec<u8> = (0..3).flat_map(|_| uuid::Uuid::new_v4().into_bytes()).collect();
        (Keys::of(&secret), BASE64_STANDARD.encode(secret))
    }

    fn of(secret: &[u8]) -> Keys {
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_issuer(&[ISSUER]);
        validation.set_audience(&[AUDIENCE]);
        validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
        // Expiry is checked against the `now` that verify is given.
        validation.validate_exp = false;
        Keys {
            signing: EncodingKey::from_secret(secret),
            verifying: DecodingKey::from_secret(secret),
            validation,
            verified: RwLock::default(),
            service_tokens: Mutex::default(),
        }
    }

    /// Signs a token.
    pub fn sign(&self, claims: &Claims) -> String {
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), claims, &self.signing)
            .expect("claims are plain texts and numbers, and any key length does for HMAC")
    }

    /// Checks a token and says who its bearer is. Errors: Unauthenticated.
    pub fn verify(&self, token: &str, now: DateTime<Utc>) -> Result<Identity> {
        self.verify_shared(token, now).map(|identity| (*identity).clone())
    }

    /// Checks a token as `verify` does, remembering good ones until they expire.
    pub(crate) fn verify_shared(&self, token: &str, now: DateTime<Utc>) -> Result<Arc<Identity>> {
        let known = self.verified.read().unwrap_or_else(PoisonError::into_inner).get(token).cloned();
        let verified = match known {
            Some(verified) => verified,
            None => self.check(token, now)?,
        };
        if verified.exp <= now.timestamp() {
            return Err(Error::Unauthenticated { why: "the token has expired" });
        }
        Ok(verified.identity.clone())
    }

    /// A token of one of our services, signed anew when half its life is over.
    pub(crate) fn service_token(&self, service: &str, now: DateTime<Utc>) -> String {
        let mut tokens = self.service_tokens.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh_until = (now + LIFETIME / 2).timestamp();
        if let Some((token, _)) = tokens.get(service).filter(|(_, exp)| *exp > fresh_until) {
            return token.clone();
        }
        let claims = Claims::service(service, now);
        let token = self.sign(&claims);
        tokens.insert(service.to_owned(), (token.clone(), claims.exp));
        token
    }

    fn check(&self, token: &str, now: DateTime<Utc>) -> Result<Arc<Verified>> {
        let bad = |_| Error::Unauthenticated { why: "the token is malformed or wrongly signed" };
        let claims = jsonwebtoken::decode::<Claims>(token, &self.verifying, &self.validation).map_err(bad)?.claims;
        if claims.iat > (now + SKEW).timestamp() {
            return Err(Error::Unauthenticated { why: "the token is from the future" });
        }
        let verified = Arc::new(Verified { exp: claims.exp, identity: Arc::new(identity(claims)?) });
        let mut cache = self.verified.write().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= CACHED {
            cache.retain(|_, verified| verified.exp > now.timestamp());
        }
        if cache.len() >= CACHED {
            cache.clear();
        }
        cache.insert(token.to_owned(), verified.clone());
        Ok(verified)
    }
}

fn identity(claims: Claims) -> Result<Identity> {
    let (permissions, tenant) = match claims.kind {
        Kind::Service => (PermissionSet::ALL, None),
        Kind::User => {
            let tenant = claims.tenant.filter(|tenant| !tenant.is_empty());
            let tenant = tenant.ok_or(Error::Unauthenticated { why: "a user's token names no tenant" })?;
            // An empty path would be all of the bank: it must be said, or the token be one customer's.
            if claims.org_path.is_empty() && claims.customer_id.is_none() {
                return Err(Error::Unauthenticated { why: "a user's token names no organisation path" });
            }
            // A channel app acts for one customer: a token that names none would be good for all.
            if claims.customer_id.is_none() && claims.roles.iter().any(|role| role == CHANNEL) {
                return Err(Error::Unauthenticated { why: "a channel's token names no customer" });
            }
            (PermissionSet::of_roles(&claims.roles), Some(tenant))
        }
    };
    Ok(Identity {
        subject: claims.sub,
        kind: claims.kind,
        tenant,
        permissions,
        org_path: claims.org_path,
        customer_id: claims.customer_id,
    })
}

impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Keys(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-01-01T00:00:00Z".parse().unwrap()
    }

    fn why(result: Result<Identity>) -> &'static str {
        match result {
            Err(Error::Unauthenticated { why }) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_signed_token_names_its_bearer() {
        let (keys, _) = Keys::generate();
        let token = keys.sign(&Claims::user("u1", "bank", &["strategist"], "/hq/east", now()));
        let identity = keys.verify(&token, now()).unwrap();
        assert_eq!((identity.subject.as_str(), identity.kind), ("u1", Kind::User));
        assert_eq!(identity.tenant().unwrap(), "bank");
        assert!(identity.may("strategy.write") && !identity.may("strategy.approve"));
        assert_eq!(identity.org_path, "/hq/east");
    }

    #[test]
    fn an_expired_token_is_refused_even_if_remembered() {
        let (keys, _) = Keys::generate();
        let token = keys.sign(&Claims::user("u1", "bank", &[], "/", now()));
        assert!(keys.verify(&token, now()).is_ok());
        assert_eq!(why(keys.verify(&token, now() + LIFETIME)), "the token has expired");
    }

    #[test]
    fn a_token_of_another_key_issuer_or_audience_is_refused() {
        let (keys, _) = Keys::generate();
        let claims = Claims::user("u1", "bank", &[], "/", now());
        let bad = "the token is malformed or wrongly signed";
        assert_eq!(why(keys.verify(&Keys::generate().0.sign(&claims), now())), bad);
        assert_eq!(why(keys.verify(&keys.sign(&Claims { iss: "x".into(), ..claims.clone() }), now())), bad);
        assert_eq!(why(keys.verify(&keys.sign(&Claims { aud: "x".into(), ..claims.clone() }), now())), bad);
        assert_eq!(why(keys.verify("nonsense", now())), bad);
        let unsigned = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.eyJzdWIiOiJ1In0.";
        assert_eq!(why(keys.verify(unsigned, now())), bad);
        let nobody = keys.sign(&Claims { tenant: None, ..claims });
        assert_eq!(why(keys.verify(&nobody, now())), "a user's token names no tenant");
        let nowhere = keys.sign(&Claims::user("u1", "bank", &[], "", now()));
        assert_eq!(why(keys.verify(&nowhere, now())), "a user's token names no organisation path");
        let everyone = keys.sign(&Claims::user("app", "bank", &["channel"], "/", now()));
        assert_eq!(why(keys.verify(&everyone, now())), "a channel's token names no customer");
    }

    #[test]
    fn a_service_names_no_tenant_in_its_token() {
        let (keys, _) = Keys::generate();
        let claims = Claims { tenant: Some("bank".into()), ..Claims::service("segment", now()) };
        let identity = keys.verify(&keys.sign(&claims), now()).unwrap();
        assert!(identity.tenant().is_err() && identity.may("feed.read"));
    }

    #[test]
    fn a_service_token_is_signed_anew_at_half_life() {
        let (keys, _) = Keys::generate();
        let first = keys.service_token("segment", now());
        assert_eq!(keys.service_token("segment", now() + TimeDelta::minutes(29)), first);
        assert_ne!(keys.service_token("segment", now() + TimeDelta::minutes(31)), first);
    }

    #[test]
    fn a_key_file_is_what_generate_gives() {
        let (keys, content) = Keys::generate();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        std::fs::write(&path, format!("{content}\n")).unwrap();
        let token = keys.sign(&Claims::service("segment", now()));
        assert!(Keys::from_file(&path).unwrap().verify(&token, now()).is_ok());
        std::fs::write(&path, "c2hvcnQ=").unwrap();
        assert!(Keys::from_file(&path).unwrap_err().to_string().contains("fewer than 32 bytes"));
        assert!(Keys::from_file(&folder.path().join("none")).is_err());
    }
}
