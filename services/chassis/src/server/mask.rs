//! Personal fields in answers: masked for users without "sensitive.read", as the contract marks them. Answers without
//! such fields, and those of callers who may see them, pass untouched.

use std::sync::Arc;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use huan_proto::auth::v1::Sensitive;
use prost_reflect::{DynamicMessage, Kind as FieldKind, MessageDescriptor, ReflectMessage as _, Value};
use tonic::body::Body;

use super::frame;
use super::step::{Next, Request, Response, Step, go_on, policy, refuse};
use crate::error::{Error, Result};
use crate::identity::{Identity, Kind};
use crate::policy;
use crate::telemetry::span;

const SEE: &str = "sensitive.read";

#[derive(Clone)]
pub(super) struct Mask;

impl Step for Mask {
    async fn answer(&self, request: Request, next: impl Next) -> Response {
        let Some(policy) = policy(&request).filter(|_| !may_see(&request)) else {
            return go_on(next, request).await;
        };
        let Some(output) = &policy.sensitive else {
            return go_on(next, request).await;
        };
        if policy.server_streaming {
            // A stream's messages are not masked, so that only those who may see them get any.
            return refuse(Error::NoPermission { permission: SEE.to_owned() });
        }
        let response = go_on(next, request).await;
        if span::code(response.headers()).is_some() {
            return response;
        }
        masked(response, output).await.unwrap_or_else(refuse)
    }
}

fn may_see(request: &Request) -> bool {
    let identity = request.extensions().get::<Arc<Identity>>();
    identity.is_some_and(|identity| identity.kind == Kind::Service || identity.may(SEE))
}

async fn masked(response: Response, output: &MessageDescriptor) -> Result<Response> {
    let broken = |why: String| Error::Internal(format!("masking {}: {why}", output.full_name()));
    let (head, body) = response.into_parts();
    let collected = body.collect().await.map_err(Error::Status)?;
    let trailers = collected.trailers().cloned();
    let mut frame = collected.to_bytes();
    if !frame.is_empty() {
        let message = frame::message(&frame).map_err(|error| broken(error.to_string()))?;
        frame = masked_frame(output, message).map_err(|error| broken(error.to_string()))?;
    }
    let body = Full::new(frame).with_trailers(std::future::ready(trailers.map(Ok)));
    Ok(Response::from_parts(head, Body::new(body)))
}

fn masked_frame(output: &MessageDescriptor, message: Bytes) -> Result<Bytes, prost::DecodeError> {
    let mut message = DynamicMessage::decode(output.clone(), message)?;
    mask(&mut message);
    Ok(frame::framed(&message))
}

/// Masks all personal fields of a message, at any depth.
fn mask(message: &mut DynamicMessage) {
    for field in message.descriptor().fields().filter(|field| message.has_field(field)).collect::<Vec<_>>() {
        let sensitive = policy::sensitive(&field);
        let leads = matches!(field.kind(), FieldKind::Message(inner) if policy::bears_sensitive(&inner));
        if leads || sensitive != Sensitive::Unspecified {
            mask_value(message.get_field_mut(&field), sensitive);
        }
    }
}

fn mask_value(value: &mut Value, sensitive: Sensitive) {
    match value {
        Value::Message(inner) => mask(inner),
        Value::List(items) => items.iter_mut().for_each(|item| mask_value(item, sensitive)),
        Value::Map(entries) => entries.values_mut().for_each(|entry| mask_value(entry, sensitive)),
        Value::String(text) => *text = masked_text(text, sensitive),
        _ => {}
    }
}

fn masked_text(text: &str, sensitive: Sensitive) -> String {
    let length = text.chars().count();
    let (head, tail) = match sensitive {
        Sensitive::Unspecified => return text.to_owned(),
        Sensitive::Name => (1, 0),
        Sensitive::Phone | Sensitive::IdNumber | Sensitive::Account => (0, 4),
        Sensitive::Address | Sensitive::Words => (0, 0),
    };
    // What is no longer than what may stay would stay whole: then nothing does.
    let stays = |i: usize| length > head + tail && (i < head || i >= length - tail);
    text.chars().enumerate().map(|(i, c)| if stays(i) { c } else { '*' }).collect()
}

#[cfg(test)]
mod tests {
    use huan_proto::profile::v1 as profile;
    use prost::Message as _;

    use super::*;

    #[test]
    fn each_kind_leaves_what_it_may() {
        let cases = [
            (Sensitive::Name, "张三丰", "张**"),
            (Sensitive::Name, "张", "*"),
            (Sensitive::Phone, "13800138000", "*******8000"),
            (Sensitive::IdNumber, "11010519491231002X", "**************002X"),
            (Sensitive::Account, "H-0001", "**0001"),
            (Sensitive::Account, "0001", "****"),
            (Sensitive::Address, "1 Main St", "*********"),
            (Sensitive::Words, "owes us", "*******"),
            (Sensitive::Name, "", ""),
        ];
        for (sensitive, text, expected) in cases {
            assert_eq!(masked_text(text, sensitive), expected);
        }
    }

    #[test]
    fn nested_and_repeated_messages_are_masked_and_the_rest_stays() {
        let holding = profile::Holding { holding_id: "H-0001".into(), customer_id: "C-1".into(), ..Default::default() };
        let answer =
            profile::ListHoldingsResponse { holdings: vec![holding.clone(), holding], next_page_token: "t".into() };
        let output = huan_proto::pool().get_message_by_name("huan.profile.v1.ListHoldingsResponse").unwrap();
        let frame = masked_frame(&output, answer.encode_to_vec().into()).unwrap();
        let masked = profile::ListHoldingsResponse::decode(frame::message(&frame).unwrap()).unwrap();
        let ids: Vec<_> = masked.holdings.iter().map(|h| (h.holding_id.as_str(), h.customer_id.as_str())).collect();
        assert_eq!(ids, [("**0001", "C-1"), ("**0001", "C-1")]);
        assert_eq!(masked.next_page_token, "t");
    }
}
