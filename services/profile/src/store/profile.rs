//! The whole of a customer, or some parts of it, read at one moment.

use huan_chassis::{Error, Identity, Result, clock};
use huan_proto::{profile::v1 as pb, types::v1::Value};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IsolationLevel, QueryFilter, TransactionTrait,
};

use super::{
    Store, consent, customer, entity::vector, holding, identity, kyc, relation, root::Root, tag, tenant::View,
};
use crate::convert::{
    self, envelope,
    profile::{Part, Parts},
};

/// The most holdings, identities and relations that a profile shows.
const SHOWN: usize = 100;

impl Store {
    /// Reads these parts of the profile that a customer is part of, at one moment. Errors: NotFound; Erased.
    pub async fn get_profile(
        &self,
        view: &View,
        by: &Identity,
        customer_id: &str,
        parts: Parts,
    ) -> Result<pb::GetProfileResponse> {
        let tx = self.snapshot_of_all().await?;
        let root = customer::whole(&tx, &view.tenant, customer_id).await?;
        let profile = self.read_profile(&tx, view, Asked { by, customer_id, root: &root }, parts).await?;
        tx.commit().await?;
        Ok(profile)
    }

    /// Reads these parts of many profiles at one moment; answers with the ids too of customers that there are not, who
    /// are erased this very moment, or whose profile lies outside the caller's scope.
    pub async fn batch_get_profiles(
        &self,
        view: &View,
        by: &Identity,
        ids: Vec<String>,
        parts: Parts,
    ) -> Result<(Vec<pb::CustomerProfile>, Vec<String>)> {
        let (mut profiles, mut missing) = (Vec::with_capacity(ids.len()), Vec::new());
        let tx = self.snapshot_of_all().await?;
        for id in ids {
            let found = match customer::whole(&tx, &view.tenant, &id).await {
                Ok(root) if root.is_seen_by(by) => {
                    self.read_profile(&tx, view, Asked { by, customer_id: &id, root: &root }, parts).await
                }
                Ok(_) => Err(Error::NotFound { what: "customer", field: "customers" }),
                Err(error) => Err(error),
            };
            match found {
                Ok(profile) => profiles.push(pb::CustomerProfile { id, profile: Some(profile) }),
                Err(Error::NotFound { .. } | Error::Erased { .. }) => missing.push(id),
                Err(error) => return Err(error),
            }
        }
        tx.commit().await?;
        Ok((profiles, missing))
    }

    async fn read_profile(
        &self,
        db: &impl ConnectionTrait,
        view: &View,
        asked: Asked<'_>,
        parts: Parts,
    ) -> Result<pb::GetProfileResponse> {
        let root = asked.root;
        let (tenant, now) = (view.tenant.as_str(), clock::micros(view.time.now()));
        let vault = self.db.vault()?;
        let ids: Vec<String> = root.ids().map(str::to_owned).collect();
        let mut profile = pb::GetProfileResponse::default();
        if parts.has(Part::Customer) {
            let own = vault.unseal(vec![root.customer.clone()]).await?;
            profile.customer = own.first().map(convert::customer::message).transpose()?;
        }
        if parts.has(Part::Merged) {
            let others = vault.unseal(root.others.clone()).await?;
            profile.merged = others.iter().map(convert::customer::message).collect::<Result<_>>()?;
        }
        if parts.has(Part::Features) {
            let query = vector::Entity::find().filter(vector::Column::Tenant.eq(tenant));
            let row = query.filter(vector::Column::CustomerId.eq(&ids[0])).one(db).await?;
            if let Some(row) = vault.unseal(Vec::from_iter(row)).await?.pop() {
                let vector: pb::Vector = envelope::open(row.format, &row.payload)?;
                (profile.as_of_time, profile.position) = (vector.as_of_time, row.position);
                profile.features = named(view, vector);
            }
        }
        if parts.has(Part::Tags) {
            profile.tags = tag::of(db, tenant, &ids, now).await?.into_iter().map(convert::tag::message).collect();
        }
        if parts.has(Part::Holdings) {
            profile.holdings = holding::of(db, vault, tenant, &ids).await?;
            profile.holdings.truncate(SHOWN);
        }
        if parts.has(Part::Identities) {
            profile.identities = identity::of(db, vault, tenant, &ids).await?;
            profile.identities.truncate(SHOWN);
        }
        if parts.has(Part::Consents) {
            let held = consent::holding(db, tenant, std::slice::from_ref(root)).await?.into_iter().flatten();
            let holding_now = held.filter(|consent| consent.expire_time > now);
            profile.consents = holding_now.map(convert::consent::message).collect();
        }
        if parts.has(Part::Relations) {
            let first = relation::first(db, view, asked.by, asked.customer_id, &ids, SHOWN as u64).await?;
            profile.relations = first.relations;
            (profile.relations_page_token, profile.relations_hidden) = (first.next_page_token, first.hidden);
        }
        if parts.has(Part::Kyc) {
            profile.kyc = kyc::concerning(db, vault, view, root).await?;
        }
        Ok(profile)
    }

    /// A transaction that reads everything as it stands at one moment.
    async fn snapshot_of_all(&self) -> Result<DatabaseTransaction> {
        let db = self.db.read();
        let postgres = db.get_database_backend() == sea_orm::DbBackend::Postgres;
        // SQLite reads one snapshot anyway.
        Ok(db.begin_with_config(postgres.then_some(IsolationLevel::RepeatableRead), None).await?)
    }
}

/// Whose profile is asked for, and by whom.
struct Asked<'a> {
    by: &'a Identity,
    customer_id: &'a str,
    root: &'a Root,
}

/// A vector's values by their features' names. One whose feature is gone is left out.
pub(super) fn named(view: &View, vector: pb::Vector) -> Vec<pb::NamedValue> {
    let features = &view.catalogue.features;
    let name = |(number, value): (u32, Value)| {
        let place = features.binary_search_by_key(&number, |feature| feature.number).ok()?;
        Some(pb::NamedValue { name: features[place].name.clone(), value: Some(value) })
    };
    vector.features.into_iter().zip(vector.values).filter_map(name).collect()
}
