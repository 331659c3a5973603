//! Consents between wire and disk.

use chrono::{DateTime, TimeDelta, Utc};
use huan_chassis::{check::Faults, clock};
use huan_proto::profile::v1 as pb;

use super::{event::check_year, keep, time_column, time_message};
use crate::store::entity::consent;

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

fn row(faults: &mut Faults, field: &str, consent: pb::Consent, tenant: &str, now: DateTime<Utc>) -> consent::Model {
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
    consent::Model {
        tenant: tenant.to_owned(),
        customer_id: faults.id(&at("customer_id"), &consent.customer_id),
        decide_time: clock::micros(decide_time),
        purpose: faults.enumeration::<pb::Purpose>(&at("purpose"), consent.purpose) as i16,
        channel_id: faults.optional_text(&at("channel_id"), &consent.channel_id, 64),
        allowed: consent.allowed,
        expire_time: time_column(expire_time),
        evidence: faults.text(&at("evidence"), &consent.evidence, 200),
        record_time: 0,
    }
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
