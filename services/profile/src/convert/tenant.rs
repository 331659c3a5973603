//! Tenants between wire and disk.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use huan_chassis::{
    Error, Result,
    check::Faults,
    clock::{self, Clock, TenantTime},
};
use huan_proto::profile::v1::{self as pb, business_clock::Source};

use super::envelope::PLAIN;
use crate::store::entity::tenant;

const SYSTEM: i16 = 0;
const OFFSET: i16 = 1;
const FIXED: i16 = 2;

/// The row that a CreateTenant asks for; the store fills in what the caller does not say.
pub fn create(request: pb::CreateTenantRequest, tenant: &str) -> Result<tenant::Model> {
    let mut faults = Faults::new();
    let request_id = faults.id("request_id", &request.request_id);
    let settings = faults.required("tenant", request.tenant).unwrap_or_default();
    let (clock_kind, clock_micros) = clock_columns(&mut faults, "tenant.clock", settings.clock.as_ref());
    let model = tenant::Model {
        tenant: faults.id("huan-tenant", tenant),
        request_id,
        display_name: faults.text("tenant.display_name", &settings.display_name, 200),
        time_zone: zone(&mut faults, "tenant.time_zone", &settings.time_zone),
        currency: currency(&mut faults, "tenant.currency", &settings.currency),
        clock_kind,
        clock_micros,
        format: PLAIN,
        key_id: String::new(),
        secret: Vec::new(),
        rolled_day: 0,
        rolled_time: 0,
        catalogue: 0,
        merge_by_id_number: settings.merge_by_id_number,
        consent_defaults: 0,
        revision: 1,
        create_time: 0,
    };
    faults.finish().map(|()| model)
}

/// The revision that an UpdateTenant names, and the new clock columns.
pub fn update(request: &pb::UpdateTenantRequest) -> Result<(i64, (i16, i64))> {
    let mut faults = Faults::new();
    if request.revision < 1 {
        faults.add("revision", "is required");
    }
    let columns = clock_columns(&mut faults, "clock", request.clock.as_ref());
    faults.finish().map(|()| (request.revision, columns))
}

/// The message of a row.
pub fn message(row: &tenant::Model) -> pb::Tenant {
    let source = match row.clock_kind {
        OFFSET => Some(Source::Offset(duration(row.clock_micros))),
        FIXED => Some(Source::FixedTime(clock::timestamp(clock::from_micros(row.clock_micros)))),
        _ => None,
    };
    pb::Tenant {
        tenant_id: row.tenant.clone(),
        display_name: row.display_name.clone(),
        time_zone: row.time_zone.clone(),
        currency: row.currency.clone(),
        clock: source.map(|source| pb::BusinessClock { source: Some(source) }),
        consent_defaults: super::consent::defaults(row.consent_defaults),
        revision: row.revision,
        create_time: Some(clock::timestamp(clock::from_micros(row.create_time))),
        merge_by_id_number: row.merge_by_id_number,
    }
}

/// The clock and zone of a row.
pub fn time(row: &tenant::Model) -> Result<TenantTime> {
    let zone = row.time_zone.parse().map_err(|_| Error::Internal("unknown time zone in store".to_owned()))?;
    let clock = match row.clock_kind {
        OFFSET => Clock::Offset(TimeDelta::microseconds(row.clock_micros)),
        FIXED => Clock::Fixed(clock::from_micros(row.clock_micros)),
        _ => Clock::System,
    };
    Ok(TenantTime { clock, zone })
}

fn zone(faults: &mut Faults, field: &str, name: &str) -> String {
    let name = if name.is_empty() { "Asia/Shanghai" } else { name };
    if name.parse::<Tz>().is_err() {
        faults.add(field, "is not an IANA time zone");
    }
    name.to_owned()
}

fn currency(faults: &mut Faults, field: &str, code: &str) -> String {
    let code = if code.is_empty() { "CNY" } else { code };
    if code.len() != 3 || !code.bytes().all(|byte| byte.is_ascii_uppercase()) {
        faults.add(field, "is not an ISO 4217 code of three capital letters");
    }
    code.to_owned()
}

fn clock_columns(faults: &mut Faults, field: &str, clock: Option<&pb::BusinessClock>) -> (i16, i64) {
    match clock.and_then(|clock| clock.source.as_ref()) {
        None => (SYSTEM, 0),
        Some(Source::Offset(offset)) => (OFFSET, offset_micros(faults, &format!("{field}.offset"), offset)),
        Some(Source::FixedTime(time)) => {
            let field = format!("{field}.fixed_time");
            let time: DateTime<Utc> = faults.time(&field, Some(time));
            super::event::check_year(faults, &field, time);
            (FIXED, clock::micros(time))
        }
    }
}

/// An offset of at most 120 years, so that business time stays within 1900 and 2200.
fn offset_micros(faults: &mut Faults, field: &str, offset: &prost_types::Duration) -> i64 {
    const MOST_SECONDS: i64 = 120 * 365 * 86_400;
    if offset.seconds.abs() > MOST_SECONDS || offset.nanos.abs() >= 1_000_000_000 {
        faults.add(field, "is longer than 120 years");
        return 0;
    }
    offset.seconds * 1_000_000 + i64::from(offset.nanos) / 1_000
}

fn duration(micros: i64) -> prost_types::Duration {
    prost_types::Duration { seconds: micros / 1_000_000, nanos: (micros % 1_000_000 * 1_000) as i32 }
}
