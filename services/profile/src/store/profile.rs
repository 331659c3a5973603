//! The whole of a customer, or some parts of it, read at one moment. Those who ask at the same time are answered together:
//! what all of them want (the head of a profile: customer, features, consents) is read by one statement each for all.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use huan_chassis::{
    Error, Identity, Result, clock,
    store::{Store as Database, rows::runs},
};
use huan_proto::{profile::v1 as pb, types::v1::Value};
use sea_orm::{
    ColumnTrait, ConnectionTrait, DatabaseTransaction, EntityTrait, IsolationLevel, QueryFilter, TransactionTrait,
};

use super::{
    Store, consent, customer,
    entity::{consent as consent_entity, vector},
    holding, identity, kyc, relation,
    root::Root,
    tag,
    tenant::View,
};
use crate::convert::{
    self, envelope,
    profile::{Part, Parts},
};

/// The most holdings, identities and relations that a profile shows.
const SHOWN: usize = 100;

/// Whose profile is asked for, by whom, and which parts of it.
#[derive(Debug)]
pub struct Asked {
    view: Arc<View>,
    by: Identity,
    customer_id: String,
    parts: Parts,
}

impl Store {
    /// Reads these parts of the profile that a customer is part of, at one moment. Errors: NotFound; Erased; Overloaded.
    pub async fn get_profile(
        &self,
        view: &Arc<View>,
        by: &Identity,
        customer_id: &str,
        parts: Parts,
    ) -> Result<pb::GetProfileResponse> {
        let asked = Asked { view: view.clone(), by: by.clone(), customer_id: customer_id.to_owned(), parts };
        self.readers.next().submit(Arc::new(asked)).await
    }

    /// Reads these parts of many profiles at one moment; answers with the ids too of customers that there are not, who
    /// are erased this very moment, or whose profile lies outside the caller's scope.
    pub async fn batch_get_profiles(
        &self,
        view: &Arc<View>,
        by: &Identity,
        ids: Vec<String>,
        parts: Parts,
    ) -> Result<(Vec<pb::CustomerProfile>, Vec<String>)> {
        let asked = |customer_id| Arc::new(Asked { view: view.clone(), by: by.clone(), customer_id, parts });
        let asked: Vec<Arc<Asked>> = ids.into_iter().map(asked).collect();
        let tx = snapshot_of_all(&self.db).await?;
        let together = Together::read(&tx, &asked).await?;
        let (mut profiles, mut missing) = (Vec::with_capacity(asked.len()), Vec::new());
        for asked in &asked {
            let found = match together.root(asked) {
                Ok(root) if root.is_seen_by(by) => read(&tx, &self.db, asked, &together).await,
                Ok(_) => Err(Error::NotFound { what: "customer", field: "customers" }),
                Err(error) => Err(error),
            };
            let id = asked.customer_id.clone();
            match found {
                Ok(profile) => profiles.push(pb::CustomerProfile { id, profile: Some(profile) }),
                Err(Error::NotFound { .. } | Error::Erased { .. }) => missing.push(id),
                Err(error) => return Err(error),
            }
        }
        tx.commit().await?;
        Ok((profiles, missing))
    }
}

/// Answers those who asked at the same time. Fails as a whole if the database does.
pub async fn answer(db: Database, asked: Vec<Arc<Asked>>) -> Result<Vec<Result<pb::GetProfileResponse>>> {
    let tx = snapshot_of_all(&db).await?;
    let together = Together::read(&tx, &asked).await?;
    let mut answers = Vec::with_capacity(asked.len());
    for asked in &asked {
        answers.push(match read(&tx, &db, asked, &together).await {
            Err(error) if !matches!(error, Error::NotFound { .. } | Error::Erased { .. }) => return Err(error),
            answer => answer,
        });
    }
    tx.commit().await?;
    Ok(answers)
}

/// What was read for several at once, by tenant and customer.
#[derive(Default)]
struct Together<'a>(BTreeMap<&'a str, Heads>);

#[derive(Default)]
struct Heads {
    /// By the customer that was asked for.
    roots: HashMap<String, Root>,
    /// By the root's customer.
    vectors: HashMap<String, vector::Model>,
    /// By the root's customer.
    consents: HashMap<String, Vec<consent_entity::Model>>,
}

impl<'a> Together<'a> {
    async fn read(db: &impl ConnectionTrait, asked: &'a [Arc<Asked>]) -> Result<Self> {
        let mut tenants: BTreeMap<&str, Vec<&Asked>> = BTreeMap::new();
        for asked in asked {
            tenants.entry(&asked.view.tenant).or_default().push(asked);
        }
        let mut together = Self::default();
        for (tenant, asked) in tenants {
            together.0.insert(tenant, Heads::read(db, tenant, &asked).await?);
        }
        Ok(together)
    }

    fn heads(&self, asked: &Asked) -> Option<&Heads> {
        self.0.get(asked.view.tenant.as_str())
    }

    /// Errors: NotFound.
    fn root(&self, asked: &Asked) -> Result<&Root> {
        let found = self.heads(asked).and_then(|heads| heads.roots.get(&asked.customer_id));
        found.ok_or(Error::NotFound { what: "customer", field: "customer_id" })
    }
}

impl Heads {
    async fn read(db: &impl ConnectionTrait, tenant: &str, asked: &[&Asked]) -> Result<Self> {
        let ids: Vec<&str> = asked.iter().map(|asked| asked.customer_id.as_str()).collect();
        let mut heads = Self { roots: customer::wholes(db, tenant, &ids).await?, ..Self::default() };
        let wanting = |part| {
            let of = asked.iter().filter(|asked| asked.parts.has(part));
            let roots = of.filter_map(|asked| heads.roots.get(&asked.customer_id));
            roots.map(|root| (root.customer.customer_id.as_str(), root)).collect::<BTreeMap<_, _>>()
        };
        let (of_features, of_consents) = (wanting(Part::Features), wanting(Part::Consents));
        let mut vectors = HashMap::with_capacity(of_features.len());
        for ids in runs(&of_features.into_keys().collect::<Vec<_>>()) {
            let query = vector::Entity::find().filter(vector::Column::Tenant.eq(tenant));
            let rows = query.filter(vector::Column::CustomerId.is_in(ids.iter().copied())).all(db).await?;
            vectors.extend(rows.into_iter().map(|row| (row.customer_id.clone(), row)));
        }
        let (ids, roots): (Vec<&str>, Vec<Root>) = of_consents.into_iter().map(|(id, root)| (id, root.clone())).unzip();
        let held = if roots.is_empty() { Vec::new() } else { consent::holding(db, tenant, &roots).await? };
        let consents = ids.into_iter().map(str::to_owned).zip(held).collect();
        (heads.vectors, heads.consents) = (vectors, consents);
        Ok(heads)
    }
}

/// Reads the parts of a profile that were not read for all. Errors: NotFound; Erased.
async fn read(
    tx: &DatabaseTransaction,
    db: &Database,
    asked: &Asked,
    together: &Together<'_>,
) -> Result<pb::GetProfileResponse> {
    let root = together.root(asked)?;
    let root_id = &root.customer.customer_id;
    let heads = together.heads(asked);
    let (view, parts, vault) = (&asked.view, asked.parts, db.vault()?);
    let (tenant, now) = (view.tenant.as_str(), clock::micros(view.time.now()));
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
        let row = heads.and_then(|heads| heads.vectors.get(root_id)).cloned();
        if let Some(row) = vault.unseal(Vec::from_iter(row)).await?.pop() {
            let vector: pb::Vector = envelope::open(row.format, &row.payload)?;
            (profile.as_of_time, profile.position) = (vector.as_of_time, row.position);
            profile.features = named(view, vector);
        }
    }
    if parts.has(Part::Tags) {
        profile.tags = tag::of(tx, tenant, &ids, now).await?.into_iter().map(convert::tag::message).collect();
    }
    if parts.has(Part::Holdings) {
        profile.holdings = holding::of(tx, vault, tenant, &ids).await?;
        profile.holdings.truncate(SHOWN);
    }
    if parts.has(Part::Identities) {
        profile.identities = identity::of(tx, vault, tenant, &ids).await?;
        profile.identities.truncate(SHOWN);
    }
    if parts.has(Part::Consents) {
        let held = heads.and_then(|heads| heads.consents.get(root_id)).into_iter().flatten();
        let holding_now = held.filter(|consent| consent.expire_time > now).cloned();
        profile.consents = holding_now.map(convert::consent::message).collect();
    }
    if parts.has(Part::Relations) {
        let first = relation::first(tx, view, &asked.by, &asked.customer_id, &ids, SHOWN as u64).await?;
        profile.relations = first.relations;
        (profile.relations_page_token, profile.relations_hidden) = (first.next_page_token, first.hidden);
    }
    if parts.has(Part::Kyc) {
        profile.kyc = kyc::concerning(tx, vault, view, root).await?;
    }
    Ok(profile)
}

/// A transaction that reads everything as it stands at one moment.
async fn snapshot_of_all(db: &Database) -> Result<DatabaseTransaction> {
    let db = db.read();
    let postgres = db.get_database_backend() == sea_orm::DbBackend::Postgres;
    // SQLite reads one snapshot anyway.
    Ok(db.begin_with_config(postgres.then_some(IsolationLevel::RepeatableRead), None).await?)
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
