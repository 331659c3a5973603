//! Whose data: a user's request may name only customers and organisation paths within the user's scope, each message of a
//! stream like a request. The fields are found in the message's bytes; the message is not decoded. Services pass.

use std::{collections::HashSet, sync::Arc};

use bytes::{Bytes, BytesMut};
use futures::{TryStreamExt as _, stream};
use http_body::Frame;
use http_body_util::{Full, StreamBody};
use huan_proto::auth::v1 as pb;
use tonic::{Status, body::Body};

use super::Owners;
use super::frame;
use super::step::{Next, Request, Response, Step, go_on, policy, refuse};
use crate::error::{Error, Result};
use crate::identity::{Identity, Kind, within};
use crate::policy::{ScopeStep, scope_node};

#[derive(Clone)]
pub(super) struct Scope {
    pub(super) owners: Arc<dyn Owners>,
}

impl Step for Scope {
    async fn answer(&self, request: Request, next: impl Next) -> Response {
        match self.check(request).await {
            Ok(request) => go_on(next, request).await,
            Err(error) => refuse(error),
        }
    }
}

impl Scope {
    async fn check(&self, request: Request) -> Result<Request> {
        let identity =
            request.extensions().get::<Arc<Identity>>().filter(|identity| identity.kind == Kind::User).cloned();
        let scoped = policy(&request).and_then(|policy| policy.scope.map(|node| (policy, node)));
        let (Some(identity), Some((policy, node))) = (identity, scoped) else {
            return Ok(request);
        };
        if is_everyone(&identity) {
            return Ok(request);
        }
        if policy.client_streaming {
            return Ok(request.map(|body| self.clone().each(identity, node, body)));
        }
        let (head, body) = request.into_parts();
        let body = frame::collect(body).await?;
        self.check_message(&identity, node, &frame::message(&body)?).await?;
        Ok(Request::from_parts(head, Body::new(Full::new(body))))
    }

    /// A stream's body, each message of which is let through once it is checked; the first that is out of scope ends the
    /// stream with its error, and the service never sees it. One message is held at a time.
    fn each(self, identity: Arc<Identity>, node: usize, body: Body) -> Body {
        let state = (self, identity, body, BytesMut::new());
        let frames = stream::try_unfold(state, move |(scope, identity, mut body, mut rest)| async move {
            let Some(frame) = frame::next(&mut body, &mut rest).await? else { return Ok(None) };
            scope.check_message(&identity, node, &frame::body_of(&frame)).await?;
            Ok::<_, Error>(Some((Frame::data(frame), (scope, identity, body, rest))))
        });
        Body::new(StreamBody::new(frames.map_err(Status::from)))
    }

    async fn check_message(&self, identity: &Identity, node: usize, message: &Bytes) -> Result<()> {
        let mut found = Vec::new();
        scan(node, message, &mut found).ok_or_else(|| Error::invalid("request", "cannot be decoded"))?;
        let mut seen = HashSet::new();
        for Named { scope, field, value } in found.iter().filter(|named| !named.value.is_empty()) {
            if *scope == pb::Scope::OrgPath {
                if !within(value, &identity.org_path) {
                    return Err(out_of_scope(field));
                }
            } else if seen.insert(value) {
                self.check_customer(identity, field, value).await?;
            }
        }
        // Where customers are named at all, one who may see only themselves must name themselves.
        if identity.customer_id.is_some() && seen.is_empty() {
            return Err(out_of_scope(first_field(node)));
        }
        Ok(())
    }

    async fn check_customer(&self, identity: &Identity, field: &str, customer_id: &str) -> Result<()> {
        if identity.customer_id.as_deref().is_some_and(|own| own != customer_id) {
            return Err(out_of_scope(field));
        }
        if within("/", &identity.org_path) {
            return Ok(());
        }
        match self.owners.owner_path(identity.tenant()?, customer_id).await? {
            Some(owner) if !within(&owner, &identity.org_path) => Err(out_of_scope(field)),
            _ => Ok(()),
        }
    }
}

/// True if nothing is outside the caller's scope.
fn is_everyone(identity: &Identity) -> bool {
    identity.customer_id.is_none() && within("/", &identity.org_path)
}

fn out_of_scope(field: &str) -> Error {
    Error::OutOfScope { field: field.to_owned() }
}

/// The first scope field of a type or of those in it.
fn first_field(node: usize) -> &'static str {
    let mut left = vec![node];
    let mut seen = HashSet::new();
    while let Some(node) = left.pop() {
        for (_, step) in &scope_node(node).0 {
            match step {
                ScopeStep::Read(_, name) => return name,
                ScopeStep::Into(inner) if seen.insert(*inner) => left.push(*inner),
                ScopeStep::Into(_) => {}
            }
        }
    }
    "request"
}

/// A scope field found in a message.
struct Named<'a> {
    scope: pb::Scope,
    field: &'static str,
    value: &'a str,
}

/// Walks a message's wire format for scope fields. `None` if it is not a message that our decoder would take.
fn scan<'a>(node: usize, mut bytes: &'a [u8], found: &mut Vec<Named<'a>>) -> Option<()> {
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let number = u32::try_from(key >> 3).ok()?;
        if key & 7 != LENGTH_DELIMITED {
            skip(&mut bytes, key)?;
            continue;
        }
        let value = delimited(&mut bytes)?;
        match scope_node(node).0.iter().find(|(known, _)| *known == number) {
            Some((_, ScopeStep::Into(inner))) => scan(*inner, value, found)?,
            Some((_, ScopeStep::Read(scope, field))) => {
                found.push(Named { scope: *scope, field, value: std::str::from_utf8(value).ok()? });
            }
            None => {}
        }
    }
    Some(())
}

const VARINT: u64 = 0;
const FIXED64: u64 = 1;
const LENGTH_DELIMITED: u64 = 2;
const START_GROUP: u64 = 3;
const END_GROUP: u64 = 4;
const FIXED32: u64 = 5;

/// Skips what follows a key. Groups, which proto3 does not know, are skipped whole, as the decoder does.
fn skip(bytes: &mut &[u8], key: u64) -> Option<()> {
    match key & 7 {
        VARINT => varint(bytes).map(|_| ()),
        FIXED64 => bytes.split_off(..8).map(|_| ()),
        LENGTH_DELIMITED => delimited(bytes).map(|_| ()),
        FIXED32 => bytes.split_off(..4).map(|_| ()),
        START_GROUP => skip_group(bytes, key >> 3),
        _ => None,
    }
}

fn skip_group(bytes: &mut &[u8], number: u64) -> Option<()> {
    let mut open = vec![number];
    while let Some(innermost) = open.last() {
        let key = varint(bytes)?;
        match key & 7 {
            START_GROUP => open.push(key >> 3),
            END_GROUP if key >> 3 == *innermost => {
                open.pop();
            }
            _ => skip(bytes, key)?,
        }
    }
    Some(())
}

fn delimited<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = usize::try_from(varint(bytes)?).ok()?;
    bytes.split_off(..length)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let byte = *bytes.split_off_first()?;
        value |= u64::from(byte & 0x7f).checked_shl(shift)?;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use huan_proto::profile::v1 as profile;
    use prost::Message as _;

    use super::*;

    fn found(path: &str, bytes: &[u8]) -> Option<Vec<(pb::Scope, &'static str, String)>> {
        let mut found = Vec::new();
        scan(crate::policy::of(path).unwrap().scope.unwrap(), bytes, &mut found)?;
        Some(found.into_iter().map(|named| (named.scope, named.field, named.value.to_owned())).collect())
    }

    const GET: &str = "/huan.profile.v1.CustomerService/GetCustomer";
    const IMPORT: &str = "/huan.profile.v1.HoldingService/ImportHoldings";

    #[test]
    fn scope_fields_are_found_through_repeated_messages() {
        let holding = |id: &str| profile::Holding {
            holding_id: "h".into(),
            customer_id: id.into(),
            balance_minor: -1,
            ..Default::default()
        };
        let request = profile::ImportHoldingsRequest { holdings: vec![holding("C-1"), holding("C-2")] };
        let names = found(IMPORT, &request.encode_to_vec()).unwrap();
        let customer = |id: &str| (pb::Scope::Customer, "customer_id", id.to_owned());
        assert_eq!(names, [customer("C-1"), customer("C-2")]);
    }

    #[test]
    fn a_field_given_twice_is_found_twice() {
        let mut bytes = profile::GetCustomerRequest { customer_id: "C-1".into() }.encode_to_vec();
        bytes.extend(profile::GetCustomerRequest { customer_id: "C-2".into() }.encode_to_vec());
        assert_eq!(found(GET, &bytes).unwrap().len(), 2);
    }

    #[test]
    fn unknown_fields_and_groups_are_skipped() {
        let mut bytes = vec![0x78, 0x96, 0x01]; // field 15, varint
        bytes.extend([0x79, 0, 0, 0, 0, 0, 0, 0, 0]); // field 15, fixed64
        bytes.extend([0x7d, 0, 0, 0, 0]); // field 15, fixed32
        bytes.extend([0x7b, 0x0a, 0x01, b'x', 0x0b, 0x0c, 0x7c]); // group 15 with field 1 and group 1 in it
        bytes.extend(profile::GetCustomerRequest { customer_id: "C-1".into() }.encode_to_vec());
        assert_eq!(found(GET, &bytes).unwrap().len(), 1);
    }

    #[test]
    fn broken_bytes_are_refused() {
        for bytes in [&[0x0a][..], &[0x0a, 5, b'x'], &[0x0c], &[0x0b], &[0xff; 11], &[0x0a, 1, 0xff], &[0x0e]] {
            assert_eq!(found(GET, bytes), None, "{bytes:?}");
        }
    }

    #[test]
    fn the_first_scope_field_is_named() {
        assert_eq!(first_field(crate::policy::of(IMPORT).unwrap().scope.unwrap()), "customer_id");
    }
}
