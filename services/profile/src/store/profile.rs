//! The whole of one customer, read at one moment.

use huan_chassis::{Result, clock};
use huan_proto::{profile::v1 as pb, types::v1::Value};
use sea_orm::{ColumnTrait, EntityTrait, IsolationLevel, QueryFilter, TransactionTrait};

use super::{Store, consent, customer, entity::vector, holding, identity, tag, tenant::View};
use crate::convert::{self, envelope};

/// The most holdings and identities that a profile shows.
const SHOWN: usize = 100;

impl Store {
    /// Reads the profile that a customer is part of, in one read transaction. Errors: NotFound.
    pub async fn get_profile(&self, view: &View, customer_id: &str) -> Result<pb::GetProfileResponse> {
        let (tenant, now) = (view.tenant.as_str(), clock::micros(view.time.now()));
        let db = self.db.read();
        let postgres = db.get_database_backend() == sea_orm::DbBackend::Postgres;
        // SQLite reads one snapshot anyway.
        let tx = db.begin_with_config(postgres.then_some(IsolationLevel::RepeatableRead), None).await?;
        let root = customer::whole(&tx, tenant, customer_id).await?;
        let ids: Vec<String> = root.ids().map(str::to_owned).collect();
        let query = vector::Entity::find().filter(vector::Column::Tenant.eq(tenant));
        let row = query.filter(vector::Column::CustomerId.eq(&ids[0])).one(&tx).await?;
        let (vector, position) = match row {
            Some(row) => (envelope::open(row.format, &row.payload)?, row.position),
            None => (pb::Vector::default(), String::new()),
        };
        let tags = tag::of(&tx, tenant, &ids, now).await?;
        let mut holdings = holding::of(&tx, tenant, &ids).await?;
        let mut identities = identity::of(&tx, tenant, &ids).await?;
        let consents = consent::holding(&tx, tenant, std::slice::from_ref(&root)).await?;
        tx.commit().await?;
        holdings.truncate(SHOWN);
        identities.truncate(SHOWN);
        let holding_now = consents.into_iter().flatten().filter(|consent| consent.expire_time > now);
        Ok(pb::GetProfileResponse {
            customer: Some(convert::customer::message(&root.customer)?),
            merged: root.others.iter().map(convert::customer::message).collect::<Result<_>>()?,
            as_of_time: vector.as_of_time,
            features: named(view, vector),
            tags: tags.into_iter().map(convert::tag::message).collect(),
            holdings,
            identities,
            consents: holding_now.map(convert::consent::message).collect(),
            position,
        })
    }
}

/// A vector's values by their features' names. One whose feature is gone is left out.
fn named(view: &View, vector: pb::Vector) -> Vec<pb::NamedValue> {
    let features = &view.catalogue.features;
    let name = |(number, value): (u32, Value)| {
        let place = features.binary_search_by_key(&number, |feature| feature.number).ok()?;
        Some(pb::NamedValue { name: features[place].name.clone(), value: Some(value) })
    };
    vector.features.into_iter().zip(vector.values).filter_map(name).collect()
}
