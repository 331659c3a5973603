//! A data set's own tenant: its money, its days, and the moment at which its clock stands.

use chrono::{DateTime, Utc};
use huan_chassis::clock;
use huan_proto::profile::v1::{self as pb, tenant_service_client::TenantServiceClient};
use tonic::Code;

use crate::failure::{Failure, Result};
use crate::load::Door;

/// What a data set's tenant must be like.
pub(super) struct Setting {
    pub(super) display_name: &'static str,
    pub(super) time_zone: &'static str,
    pub(super) currency: &'static str,
    /// Where the business clock stands.
    pub(super) now: DateTime<Utc>,
}

/// Makes the tenant if it is missing. One that is there keeps its clock, and must have the same money and days.
pub(super) async fn ensure_tenant(door: &Door, setting: &Setting) -> Result<()> {
    let mut client = TenantServiceClient::new(door.channel.clone());
    match client.get_tenant(door.request(pb::GetTenantRequest {})).await {
        Ok(answer) => return check_tenant(&answer.into_inner().tenant.unwrap_or_default(), setting),
        Err(status) if status.code() != Code::NotFound => return Err(status.into()),
        Err(_) => {}
    }
    let fixed = pb::business_clock::Source::FixedTime(clock::timestamp(setting.now));
    let request = pb::CreateTenantRequest {
        request_id: "import-tenant".to_owned(),
        tenant: Some(pb::Tenant {
            display_name: setting.display_name.to_owned(),
            time_zone: setting.time_zone.to_owned(),
            currency: setting.currency.to_owned(),
            clock: Some(pb::BusinessClock { source: Some(fixed) }),
            ..Default::default()
        }),
    };
    client.create_tenant(door.request(request)).await?;
    Ok(())
}

fn check_tenant(tenant: &pb::Tenant, setting: &Setting) -> Result<()> {
    if tenant.currency == setting.currency && tenant.time_zone == setting.time_zone {
        return Ok(());
    }
    Err(Failure::usage(format!(
        "the tenant has {} and {}, and this data needs {} and {}; name another with --tenant",
        tenant.currency, tenant.time_zone, setting.currency, setting.time_zone
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_banks_tenant_is_not_filled() {
        let setting =
            Setting { display_name: "", time_zone: "Europe/Prague", currency: "CZK", now: clock::system_now() };
        let tenant = |currency: &str| pb::Tenant {
            time_zone: "Europe/Prague".to_owned(),
            currency: currency.to_owned(),
            ..Default::default()
        };
        assert!(check_tenant(&tenant("CZK"), &setting).is_ok());
        assert!(check_tenant(&tenant("CNY"), &setting).unwrap_err().to_string().contains("--tenant"));
    }
}
