//! Consents: the whole history, and what of it holds.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap, HashSet},
};

use huan_chassis::{
    Result, clock, feed,
    page::Page,
    store::{
        Tx,
        rows::{self, Conflict, runs},
    },
};
use huan_proto::profile::v1 as pb;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    Value,
};
use tokio::task::yield_now;

use super::{
    Store, UNKNOWN, before, customer,
    entity::{consent, customer as customer_entity, tenant as tenant_entity},
    identity, lookup, one_of,
    root::{self, Root},
    seal::upsert_sealed,
    tenant::{self, View},
    token_number, token_text,
};
use crate::{
    consent::check,
    convert::{self, consent::Reply},
};

/// The most customers who share a telephone number and are heard as one.
const MAX_SHARING: u64 = 1000;

/// The order of lists, descending.
const ORDER: [consent::Column; 6] = [
    consent::Column::DecideTime,
    consent::Column::Purpose,
    consent::Column::ChannelId,
    consent::Column::Allowed,
    consent::Column::ExpireTime,
    consent::Column::CustomerId,
];

impl Store {
    /// Records consents, each on its own. Answers with how many were recorded and which were refused.
    pub async fn record_consents(
        &self,
        tenant: &str,
        rows: Vec<(usize, consent::Model)>,
    ) -> Result<(i32, Vec<pb::RowFault>)> {
        let mut ids: Vec<String> = rows.iter().map(|(_, row)| row.customer_id.clone()).collect();
        ids.sort();
        ids.dedup();
        let tx = self.db.begin().await?;
        let customers = customer::lock(&tx, tenant, &ids).await?;
        let known: HashSet<&str> = customers.iter().map(|customer| customer.customer_id.as_str()).collect();
        let (rows, unknown): (Vec<_>, Vec<_>) =
            rows.into_iter().partition(|(_, row)| known.contains(row.customer_id.as_str()));
        let fault = |(index, _)| convert::row_fault(index, format!("consents[{index}].customer_id"), UNKNOWN);
        let faults = unknown.into_iter().map(fault).collect();
        let recorded = rows.len() as i32;
        append(&tx, rows.into_iter().map(|(_, row)| row).collect()).await?;
        let customers = follow(&tx, customers).await?;
        let standings = standings(&tx, tenant, &customers).await?;
        feed::publish(&tx, standings).await?;
        tx.commit().await?;
        Ok((recorded, faults))
    }

    /// Tells whether contact is allowed, and by which word. Errors: NotFound.
    pub async fn check_consent(
        &self,
        view: &View,
        customer_id: &str,
        purpose: pb::Purpose,
        channel_id: &str,
    ) -> Result<pb::CheckConsentResponse> {
        let root = customer::whole(self.db.read(), &view.tenant, customer_id).await?;
        let said = holding(self.db.read(), &view.tenant, std::slice::from_ref(&root)).await?;
        let said = said.into_iter().flatten().map(convert::consent::message).collect();
        let default = convert::consent::is_default(view.row.consent_defaults, purpose);
        let found = check(said, purpose, channel_id, default, view.time.now());
        if purpose == pb::Purpose::Personalisation {
            // It may have been refused without a word that was recorded.
            let allowed = !root.members().any(|member| member.personalisation_refused);
            let consent = found.consent.filter(|consent| consent.allowed == allowed);
            return Ok(pb::CheckConsentResponse { allowed, consent });
        }
        Ok(found)
    }

    /// Sets what holds for a purpose where a customer said nothing, and publishes it. Errors: NotFound.
    pub async fn set_consent_default(
        &self,
        tenant: &str,
        purpose: pb::Purpose,
        allowed: bool,
    ) -> Result<tenant_entity::Model> {
        let tx = self.db.begin().await?;
        let old = tenant::lock(&tx, tenant).await?;
        let bit = 1 << purpose as i32;
        let bits = if allowed { old.consent_defaults | bit } else { old.consent_defaults & !bit };
        if bits == old.consent_defaults {
            return Ok(old);
        }
        let row = tenant_entity::Model { consent_defaults: bits, revision: old.revision + 1, ..old };
        let mut change = row.clone().into_active_model();
        change.consent_defaults = Set(row.consent_defaults);
        change.revision = Set(row.revision);
        tenant_entity::Entity::update(change).exec(&*tx).await?;
        tenant::publish(&tx, &row).await?;
        tx.commit().await?;
        self.tenants.renew(tenant).await?;
        Ok(row)
    }

    /// Lets everybody with the number of an answer refuse, once a message; answers with how many they are.
    pub async fn handle_sms_reply(&self, view: &View, reply: &Reply) -> Result<i32> {
        let ids = self.with_phone(view, &reply.phone).await?;
        let known = self.said_in(&view.tenant, &ids, &reply.refusal.evidence).await?;
        let new = ids.iter().filter(|id| !known.contains(*id));
        let rows = new.map(|id| (0, consent::Model { customer_id: id.clone(), ..reply.refusal.clone() })).collect();
        self.record_consents(&view.tenant, rows).await?;
        Ok(ids.len() as i32)
    }

    /// Those of the customers who said something in a message.
    async fn said_in(&self, tenant: &str, ids: &[String], evidence: &str) -> Result<HashSet<String>> {
        let mut found = HashSet::new();
        for ids in runs(ids) {
            let query = consent::Entity::find().filter(consent::Column::Tenant.eq(tenant));
            let query = query.filter(rows::among(self.db.read(), consent::Column::CustomerId, ids));
            let query = query.filter(consent::Column::Evidence.eq(evidence)).select_only();
            found.extend(query.column(consent::Column::CustomerId).into_tuple::<String>().all(self.db.read()).await?);
        }
        Ok(found)
    }

    /// The customers with a telephone number, as their own or as an identity.
    async fn with_phone(&self, view: &View, phone: &str) -> Result<Vec<String>> {
        let mut ids = match lookup::row(view, lookup::PHONE, phone, "") {
            Some(row) => lookup::find(self.db.read(), &row, MAX_SHARING).await?,
            None => Vec::new(),
        };
        let identity = Some(pb::Identity { namespace: "phone".into(), value: phone.to_owned(), ..Default::default() });
        let row = convert::identity::row(None, identity, view)?;
        ids.extend(identity::find(self.db.read(), &row).await?.map(|found| found.customer_id));
        ids.sort_unstable();
        ids.dedup();
        Ok(ids)
    }

    /// Lists all that a customer's profile said, newest first. Errors: NotFound; InvalidPageToken.
    pub async fn list_consents(&self, tenant: &str, customer_id: &str, page: &Page) -> Result<Vec<consent::Model>> {
        let ids = customer::members(self.db.read(), tenant, customer_id).await?;
        let mut query = consent::Entity::find().filter(consent::Column::Tenant.eq(tenant));
        query = query.filter(one_of(consent::Column::CustomerId, &ids));
        if let Some(key) = &page.after {
            let (purpose, allowed) = (token_number(key, 1)? as i16, token_number(key, 3)? == 1);
            let (channel_id, expire_time) = (token_text(key, 2)?, token_number(key, 4)?);
            let (decide_time, customer_id) = (token_number(key, 0)?, token_text(key, 5)?);
            let said: [Value; 4] = [decide_time.into(), purpose.into(), channel_id.into(), allowed.into()];
            let [decide_time, purpose, channel_id, allowed] = said;
            let values = [decide_time, purpose, channel_id, allowed, expire_time.into(), customer_id.into()];
            query = query.filter(before(ORDER, values));
        }
        let query = ORDER.into_iter().fold(query, QueryOrder::order_by_desc).limit(page.limit + 1);
        Ok(query.all(self.db.read()).await?)
    }
}

/// Lets what customers are follow their own words on personalisation; answers with them as they are then.
pub async fn follow(tx: &Tx, customers: Vec<customer_entity::Model>) -> Result<Vec<customer_entity::Model>> {
    let said = said_of_personalisation(&**tx, &customers).await?;
    let update_time = clock::micros(clock::system_now());
    let (mut all, mut changed) = (Vec::with_capacity(customers.len()), Vec::new());
    for row in customers {
        let refused = said.get(&row.customer_id).copied().unwrap_or(row.personalisation_refused);
        if refused == row.personalisation_refused {
            all.push(row);
            continue;
        }
        let revision = row.revision + 1;
        let row = customer_entity::Model { personalisation_refused: refused, revision, update_time, ..row };
        changed.push(row.clone());
        all.push(row);
    }
    upsert_sealed(tx, changed).await?;
    Ok(all)
}

/// Whether these customers refused personalisation, as far as they said anything about it.
pub async fn said_of_personalisation(
    db: &impl ConnectionTrait,
    customers: &[customer_entity::Model],
) -> Result<HashMap<String, bool>> {
    let mut newest: HashMap<String, consent::Model> = HashMap::new();
    let ids: Vec<&str> = customers.iter().map(|customer| customer.customer_id.as_str()).collect();
    for ids in runs(&ids) {
        let query = consent::Entity::find().filter(consent::Column::Tenant.eq(&customers[0].tenant));
        let query = query.filter(rows::among(db, consent::Column::CustomerId, ids));
        let query = query.filter(consent::Column::Purpose.eq(pb::Purpose::Personalisation as i16));
        for row in query.all(db).await? {
            if newest.get(&row.customer_id).is_none_or(|known| rank(&row) > rank(known)) {
                newest.insert(row.customer_id.clone(), row);
            }
        }
    }
    Ok(newest.into_iter().map(|(customer_id, row)| (customer_id, !row.allowed)).collect())
}

/// The token of the page after a full one.
pub fn next_page(filter: &[&str], rows: &mut Vec<consent::Model>, limit: u64) -> String {
    super::next_page(filter, rows, limit, |row| {
        let allowed = i32::from(row.allowed).to_string();
        let (purpose, expire_time) = (row.purpose.to_string(), row.expire_time.to_string());
        let channel_id = row.channel_id.clone();
        vec![row.decide_time.to_string(), purpose, channel_id, allowed, expire_time, row.customer_id.clone()]
    })
}

/// The feed rows of what decisions must know of the profiles that these locked customers are part of.
pub async fn standings(tx: &Tx, tenant: &str, customers: &[customer_entity::Model]) -> Result<Vec<feed::Row>> {
    let roots = root::lock(tx, tenant, customers.to_vec()).await?;
    let mut holding = holding(&**tx, tenant, &roots).await?.into_iter();
    // Whoever is joined with this asks the database while these are made.
    yield_now().await;
    let row = |root: &Root| {
        let standing = convert::feed::standing(&root.message()?, &holding.next().unwrap_or_default());
        Ok(convert::feed::customer_row(&root.customer, standing, None))
    };
    roots.iter().map(row).collect()
}

/// The consent of each purpose and channel that holds for each of these profiles, expired ones included.
pub async fn holding(db: &impl ConnectionTrait, tenant: &str, roots: &[Root]) -> Result<Vec<Vec<consent::Model>>> {
    let ids: Vec<&str> = roots.iter().flat_map(Root::ids).collect();
    let mut newest = newest(db, tenant, &ids).await?;
    let of_root = |root: &Root| {
        let said = root.ids().filter_map(|id| newest.remove(id)).flatten().collect();
        if root.others.is_empty() { said } else { stricter(said, root.customer.merge_time) }
    };
    Ok(roots.iter().map(of_root).collect())
}

/// Of what the customers of a profile said, what holds for it: the newest word after their merge. If nobody said
/// anything since, a refusal goes before a consent, and one that ends sooner before one that ends later.
fn stricter(said: Vec<consent::Model>, merge_time: i64) -> Vec<consent::Model> {
    let strictness = |row: &consent::Model| {
        let again = row.record_time > merge_time;
        (again, if again { row.decide_time } else { 0 }, !row.allowed, Reverse(row.expire_time))
    };
    let mut held: BTreeMap<(i16, String), consent::Model> = BTreeMap::new();
    for row in said {
        let key = (row.purpose, row.channel_id.clone());
        if held.get(&key).is_none_or(|known| strictness(&row) > strictness(known)) {
            held.insert(key, row);
        }
    }
    held.into_values().collect()
}

/// The newest consent of each purpose and channel, by customer.
async fn newest(db: &impl ConnectionTrait, tenant: &str, ids: &[&str]) -> Result<HashMap<String, Vec<consent::Model>>> {
    let mut found: HashMap<String, BTreeMap<(i16, String), consent::Model>> = HashMap::new();
    for ids in runs(ids) {
        let query = consent::Entity::find().filter(consent::Column::Tenant.eq(tenant));
        for row in query.filter(rows::among(db, consent::Column::CustomerId, ids)).all(db).await? {
            let of_customer = found.entry(row.customer_id.clone()).or_default();
            let key = (row.purpose, row.channel_id.clone());
            if of_customer.get(&key).is_none_or(|known| rank(&row) > rank(known)) {
                of_customer.insert(key, row);
            }
        }
    }
    Ok(found.into_iter().map(|(customer, newest)| (customer, newest.into_values().collect())).collect())
}

/// Which of two consents holds: the newer one; of two at the same moment the refusal, then the one that ends sooner.
fn rank(row: &consent::Model) -> (i64, bool, i64) {
    (row.decide_time, !row.allowed, -row.expire_time)
}

/// Adds what customers said; the same again changes nothing.
pub async fn append(tx: &Tx, rows: Vec<consent::Model>) -> Result<()> {
    let record_time = clock::micros(clock::system_now());
    let rows = rows.into_iter().map(|row| consent::Model { record_time, ..row }).collect();
    rows::write(tx, rows, Conflict::Leave).await
}
