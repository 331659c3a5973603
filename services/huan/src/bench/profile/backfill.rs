//! A feature added to a bank that has its events already: from the request until every vector has it, beside the bare
//! reading of the same rows, each once, in the order of their key.

use std::time::{Duration, Instant};

use futures::TryStreamExt as _;
use huan_chassis::{Error, store::connect};
use huan_profile::store::entity::event;
use huan_proto::profile::v1::{self as pb, feature::Source, feature_service_client::FeatureServiceClient};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _};

use super::{Place, Service, TENANT};
use crate::{
    bench::Row,
    failure::{Failure, Result},
};

/// How often the feature's state is asked for.
const EVERY: Duration = Duration::from_millis(20);

/// Measures on a service with events. An amount that few events reach, so that they must all be looked at.
pub async fn run(service: &Service, place: &Place) -> Result<Row> {
    let (bare, count) = bare(service).await?;
    let started = Instant::now();
    add(service).await?;
    let ours = count / started.elapsed().as_secs_f64();
    let work = format!("feature backfilled over {count} events beside bare reading, {}", place.name);
    Ok(Row::rate(&work, "events/s", ours, bare, 0.5))
}

async fn add(service: &Service) -> Result<()> {
    let door = service.desk.door("admin");
    let mut client = FeatureServiceClient::new(door.channel.clone());
    let aggregate = pb::AggregateSource {
        op: pb::AggregateOp::Count.into(),
        window_days: 90,
        filter: "amount_minor >= 1000000".to_owned(),
        ..Default::default()
    };
    let name = "large_count_90d".to_owned();
    let feature = pb::Feature { name: name.clone(), source: Some(Source::Aggregate(aggregate)), ..Default::default() };
    let create = pb::CreateFeatureRequest { request_id: name.clone(), feature: Some(feature) };
    client.create_feature(door.request(create)).await?;
    loop {
        let answer = client.get_feature(door.request(pb::GetFeatureRequest { name: name.clone() })).await?;
        if answer.into_inner().feature.is_some_and(|feature| feature.state() == pb::FeatureState::Live) {
            return Ok(());
        }
        tokio::time::sleep(EVERY).await;
    }
}

/// Events read a second, and how many there are.
async fn bare(service: &Service) -> Result<(f64, f64)> {
    let db = connect(&service.database).await?;
    let started = Instant::now();
    let query = event::Entity::find().filter(event::Column::Tenant.eq(TENANT)).select_only();
    let query = query.column(event::Column::CustomerId).column(event::Column::OccurTime).column(event::Column::Source);
    let query = query.column(event::Column::EventType).column(event::Column::AmountMinor);
    let query = query.order_by_asc(event::Column::CustomerId).into_tuple::<(String, i64, String, String, i64)>();
    let mut rows = query.stream(&db).await.map_err(Error::from)?;
    let mut count = 0.0;
    while rows.try_next().await.map_err(Error::from)?.is_some() {
        count += 1.0;
    }
    if count == 0.0 {
        return Err(Failure::new("there are no events to backfill from"));
    }
    Ok((count / started.elapsed().as_secs_f64(), count))
}
