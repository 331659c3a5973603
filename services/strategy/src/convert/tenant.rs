//! Tenants as profile's feed tells them and as their table keeps them.

use huan_chassis::{
    Error, Result,
    clock::{self, Clock, TenantTime},
};
use huan_proto::profile::v1::{self as profile, business_clock::Source};

use crate::store::entity::tenant::Model;

const SYSTEM: i16 = 0;
const OFFSET: i16 = 1;
const FIXED: i16 = 2;

/// The time zone of a tenant that names none, or of which nothing is known yet.
pub const TIME_ZONE: &str = "Asia/Shanghai";

/// The row of a tenant that has no map. Errors: Internal if its clock is out of bounds.
pub fn row(message: &profile::Tenant) -> Result<Model> {
    let (clock_kind, clock_micros) = clock(message.clock.as_ref())?;
    let time_zone = if message.time_zone.is_empty() { TIME_ZONE } else { &message.time_zone };
    Ok(Model {
        tenant: message.tenant_id.clone(),
        time_zone: time_zone.to_owned(),
        clock_kind,
        clock_micros,
        consent_defaults: message.consent_defaults.iter().fold(0, |bits, default| bits | bit(default)),
        map_number: 0,
        epoch: 0,
    })
}

/// The bit of a purpose that is allowed by default.
fn bit(default: &profile::ConsentDefault) -> i32 {
    if default.allowed { 1 << default.purpose.clamp(0, 30) } else { 0 }
}

/// What time it is for a tenant. Errors: Internal if its zone is unknown.
pub fn time(row: &Model) -> Result<TenantTime> {
    let clock = match row.clock_kind {
        OFFSET => Clock::Offset(chrono::TimeDelta::microseconds(row.clock_micros)),
        FIXED => Clock::Fixed(clock::from_micros(row.clock_micros)),
        _ => Clock::System,
    };
    let zone = row.time_zone.parse().map_err(|_| Error::Internal("a tenant's time zone is unknown".into()))?;
    Ok(TenantTime { clock, zone })
}

fn clock(clock: Option<&profile::BusinessClock>) -> Result<(i16, i64)> {
    let broken = || Error::Internal("a tenant's clock is out of bounds".into());
    match clock.and_then(|clock| clock.source.as_ref()) {
        None => Ok((SYSTEM, 0)),
        Some(Source::Offset(offset)) => {
            let seconds = offset.seconds.checked_mul(1_000_000).ok_or_else(broken)?;
            Ok((OFFSET, seconds + i64::from(offset.nanos / 1000)))
        }
        Some(Source::FixedTime(at)) => Ok((FIXED, clock::micros(clock::datetime(at).ok_or_else(broken)?))),
    }
}
