//! Who may come in: the bearer of a token that our issuer signed and that has not expired. What the caller may do is
//! for the service that answers.

use http::{HeaderMap, header};
use huan_chassis::{Error, Result, clock, token::Keys};

/// Checks the caller's token. Errors: Unauthenticated.
pub fn check(keys: &Keys, headers: &HeaderMap) -> Result<()> {
    let sent = headers.get(header::AUTHORIZATION).ok_or(Error::Unauthenticated { why: "no token" })?;
    let token = sent.to_str().ok().and_then(|text| text.strip_prefix("Bearer "));
    let token = token.ok_or(Error::Unauthenticated { why: "authorization is not a bearer token" })?;
    keys.verify(token, clock::system_now()).map(|_| ())
}
