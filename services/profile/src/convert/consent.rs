//! Consents between wire and disk.

use chrono::{DateTime, TimeDelta, Utc};
use huan_chassis::{Result, check::Faults, clock};
use huan_proto::profile::v1 as pb;

use super::{NEVER, event::check_year, keep, time_column, time_message};
use crate::{consent::may_default, store::entity::consent};

/// How far the clocks of senders may be ahead of ours.
const MAX_AHEAD: TimeDelta = TimeDelta::seconds(60);

/// The rows of a batch, and the first fault of each one refused. `now` is business time.
pub fn batch(
    consents: Vec<pb::Consent>,
    tenant: &str,
    now: DateTime<Utc>,
) -> (Vec<(usize, consent::Model)>, Vec<pb::RowFault>) {
    let mut refused = Vec::new();
    let mut rows = Vec::with_capacity(consents.len());
    for (index, consent) in consents.into_iter().enumerate() {
        let mut faults = Faults::new();
        let row = row(&mut faults, &format!("consents[{index}]"), consent, tenant, now);
        rows.extend(keep(index, faults, row, &mut refused).map(|row| (index, row)));
    }
    (rows, refused)
}

/// The row that a consent asks for. `now` is business time.
pub fn row(faults: &mut Faults, field: &str, consent: pb::Consent, tenant: &str, now: DateTime<Utc>) -> consent::Model {
    let at = |name: &str| format!("{field}.{name}");
    let decide_time = faults.time(&at("decide_time"), consent.decide_time.as_ref());
    if faults.is_empty() {
        check_year(faults, &at("decide_time"), decide_time);
    }
    // The newest holds: one from the future would outlast every later word.
    if decide_time > now + MAX_AHEAD {
        faults.add(at("decide_time"), "is in the future");
    }
    let expire_time = faults.optional_time(&at("expire_time"), consent.expire_time.as_ref());
    if expire_time.is_some_and(|expire_time| expire_time <= decide_time) {
        faults.add(at("expire_time"), "is not after decide_time");
    }
    let purpose = faults.enumeration::<pb::Purpose>(&at("purpose"), consent.purpose);
    if purpose == pb::Purpose::Personalisation && !consent.channel_id.is_empty() {
        faults.add(at("channel_id"), "is given, but personalisation is of all channels");
    }
    if purpose == pb::Purpose::Personalisation && expire_time.is_some() {
        faults.add(at("expire_time"), "is given, but a word on personalisation has no end");
    }
    consent::Model {
        tenant: tenant.to_owned(),
        customer_id: faults.id(&at("customer_id"), &consent.customer_id),
        decide_time: clock::micros(decide_time),
        purpose: purpose as i16,
        channel_id: faults.optional_text(&at("channel_id"), &consent.channel_id, 64),
        allowed: consent.allowed,
        expire_time: time_column(expire_time),
        evidence: faults.text(&at("evidence"), &consent.evidence, 200),
        source: faults.optional_text(&at("source"), &consent.source, 64),
        record_time: 0,
    }
}

/// The customer, the purpose and the channel that a CheckConsent names.
pub fn check(request: &pb::CheckConsentRequest) -> Result<(String, pb::Purpose, String)> {
    let mut faults = Faults::new();
    let customer_id = faults.id("customer_id", &request.customer_id);
    let purpose = faults.enumeration::<pb::Purpose>("purpose", request.purpose);
    let channel_id = faults.optional_text("channel_id", &request.channel_id, 64);
    faults.finish().map(|()| (customer_id, purpose, channel_id))
}

/// The default that a SetConsentDefault names.
pub fn default(request: pb::SetConsentDefaultRequest) -> Result<(pb::Purpose, bool)> {
    let mut faults = Faults::new();
    let default = faults.required("default", request.default).unwrap_or_default();
    let purpose = faults.enumeration::<pb::Purpose>("default.purpose", default.purpose);
    if let Err(fault) = may_default(purpose, default.allowed) {
        faults.add("default.allowed", fault);
    }
    faults.finish().map(|()| (purpose, default.allowed))
}

/// All defaults of a tenant, from their bits.
pub fn defaults(bits: i32) -> Vec<pb::ConsentDefault> {
    let purposes = (1..).map_while(|number| pb::Purpose::try_from(number).ok());
    purposes.map(|purpose| pb::ConsentDefault { purpose: purpose.into(), allowed: is_default(bits, purpose) }).collect()
}

/// Whether a purpose is allowed where a customer said nothing. Personalisation is: it is the customer's to refuse.
pub fn is_default(bits: i32, purpose: pb::Purpose) -> bool {
    purpose == pb::Purpose::Personalisation || bits & (1 << purpose as i32) != 0
}

/// An answer to a text message.
#[derive(Debug)]
pub struct Reply {
    /// The telephone number that it came from.
    pub phone: String,
    /// What it says.
    pub text: String,
    /// What everybody with that number says if it is a word that opts out; the customer is to be filled in.
    pub refusal: consent::Model,
}

/// Reads an answer to a text message.
pub fn reply(request: pb::HandleSmsReplyRequest, tenant: &str, now: DateTime<Utc>) -> Result<Reply> {
    let mut faults = Faults::new();
    let message_id = faults.id("message_id", &request.message_id);
    let phone = faults.text("phone", &request.phone, 32);
    let text = if request.text.len() > 1000 { String::new() } else { request.text };
    let receive_time = faults.time("receive_time", request.receive_time.as_ref());
    if faults.is_empty() {
        check_year(&mut faults, "receive_time", receive_time);
    }
    if receive_time > now + MAX_AHEAD {
        faults.add("receive_time", "is in the future");
    }
    let channel_id = if request.channel_id.is_empty() { "sms" } else { &request.channel_id };
    let refusal = consent::Model {
        tenant: tenant.to_owned(),
        customer_id: String::new(),
        decide_time: clock::micros(receive_time),
        purpose: pb::Purpose::Marketing as i16,
        channel_id: faults.text("channel_id", channel_id, 64),
        allowed: false,
        expire_time: NEVER,
        evidence: format!("reply {message_id}"),
        source: "sms_reply".to_owned(),
        record_time: 0,
    };
    faults.finish().map(|()| Reply { phone, text, refusal })
}

/// The message of a row.
pub fn message(row: consent::Model) -> pb::Consent {
    pb::Consent {
        customer_id: row.customer_id,
        purpose: i32::from(row.purpose),
        channel_id: row.channel_id,
        allowed: row.allowed,
        evidence: row.evidence,
        decide_time: Some(clock::timestamp(clock::from_micros(row.decide_time))),
        expire_time: time_message(row.expire_time),
        source: row.source,
        record_time: time_message(row.record_time),
    }
}

/// What a decision learns of a row.
pub fn state(row: &consent::Model) -> pb::ConsentState {
    pb::ConsentState {
        purpose: i32::from(row.purpose),
        channel_id: row.channel_id.clone(),
        allowed: row.allowed,
        expire_time: time_message(row.expire_time),
    }
}
