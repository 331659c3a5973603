//! Tags on customers, and the history of who put them on and took them off.

use std::collections::{HashMap, HashSet};

use huan_chassis::{
    Error, Result, clock,
    page::Page,
    store::{
        Tx, lists,
        rows::{among, runs},
    },
};
use huan_proto::profile::v1 as pb;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect, QueryTrait};

use super::{
    Store, UNKNOWN, before, customer,
    entity::{tag, tag_history},
    one_of, tag_definition,
    tenant::View,
    token_number, token_text, upsert, vector,
};
use crate::convert;

/// The most tags that a list shows.
const MAX_TAGS: u64 = 1000;

/// What became of a batch of tags: how many were put on, and of the others their index, field and fault.
#[derive(Debug, Default)]
pub struct Attached {
    /// How many were put on or renewed.
    pub attached: i32,
    /// The others.
    pub refused: Vec<(usize, Refused)>,
}

/// Why a tag was not put on.
#[derive(Debug)]
pub enum Refused {
    /// There is no such customer.
    Unknown,
    /// The dictionary does not allow it: the tag's field, and what is wrong with it.
    Dictionary(&'static str, &'static str),
}

impl Store {
    /// Puts a tag on a customer, or renews it. Errors: NotFound; Invalid.
    pub async fn attach_tag(&self, view: &View, row: tag::Model) -> Result<()> {
        match self.attach_tags(view, vec![(0, row)]).await?.refused.pop() {
            None => Ok(()),
            Some((_, Refused::Unknown)) => Err(Error::NotFound { what: "customer", field: "customer_id" }),
            Some((_, Refused::Dictionary(field, fault))) => Err(Error::invalid(format!("tag.{field}"), fault)),
        }
    }

    /// Puts many tags on, each on its own.
    pub async fn batch_attach_tags(
        &self,
        view: &View,
        rows: Vec<(usize, tag::Model)>,
    ) -> Result<(i32, Vec<pb::RowFault>)> {
        let done = self.attach_tags(view, rows).await?;
        let fault = |(index, refused)| match refused {
            Refused::Unknown => convert::row_fault(index, format!("tags[{index}].customer_id"), UNKNOWN),
            Refused::Dictionary(field, fault) => convert::row_fault(index, format!("tags[{index}].tag.{field}"), fault),
        };
        Ok((done.attached, done.refused.into_iter().map(fault).collect()))
    }

    async fn attach_tags(&self, view: &View, rows: Vec<(usize, tag::Model)>) -> Result<Attached> {
        let mut ids: Vec<String> = rows.iter().map(|(_, row)| row.customer_id.clone()).collect();
        ids.sort();
        ids.dedup();
        let tx = self.db.begin().await?;
        let mut customers = customer::lock(&tx, &view.tenant, &ids).await?;
        let known: HashSet<&str> = customers.iter().map(|customer| customer.customer_id.as_str()).collect();
        let dictionary = tag_definition::dictionary(&*tx, &view.tenant).await?;
        let mut done = Attached::default();
        let mut allowed = Vec::with_capacity(rows.len());
        for (index, row) in rows {
            if !known.contains(row.customer_id.as_str()) {
                done.refused.push((index, Refused::Unknown));
                continue;
            }
            match tag_definition::allowed(&dictionary, row, &view.time) {
                Ok(row) => allowed.push(row),
                Err((field, fault)) => done.refused.push((index, Refused::Dictionary(field, fault))),
            }
        }
        done.attached = allowed.len() as i32;
        let changed = write(&tx, view, allowed).await?;
        customers.retain(|customer| changed.contains(&customer.customer_id));
        let revised = vector::revise(&tx, view, customers).await?;
        vector::publish(&tx, revised, Vec::new()).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Takes a tag off a customer. Errors: NotFound (the customer or the tag).
    pub async fn detach_tag(&self, view: &View, by: &str, customer_id: &str, name: &str) -> Result<()> {
        let tx = self.db.begin().await?;
        let customer = customer::lock_one(&tx, &view.tenant, customer_id).await?;
        let key = (view.tenant.clone(), customer_id.to_owned(), name.to_owned());
        let row = tag::Entity::find_by_id(key.clone()).one(&*tx).await?;
        let row = row.ok_or(Error::NotFound { what: "tag", field: "name" })?;
        upsert(&tx, ended(&row, view, by)).await?;
        tag::Entity::delete_by_id(key).exec(&*tx).await?;
        let revised = vector::revise(&tx, view, vec![customer]).await?;
        vector::publish(&tx, revised, Vec::new()).await?;
        tx.commit().await
    }

    /// Lists the tags that hold on a customer's profile by name. Errors: NotFound.
    pub async fn list_tags(&self, view: &View, customer_id: &str) -> Result<Vec<tag::Model>> {
        let ids = customer::members(self.db.read(), &view.tenant, customer_id).await?;
        of(self.db.read(), &view.tenant, &ids, clock::micros(view.time.now())).await
    }

    /// Lists what tags were on a customer's profile, newest first; no name = all. Errors: NotFound; InvalidPageToken.
    pub async fn list_tag_history(
        &self,
        tenant: &str,
        customer_id: &str,
        name: &str,
        page: &Page,
    ) -> Result<Vec<tag_history::Model>> {
        let ids = customer::members(self.db.read(), tenant, customer_id).await?;
        let order = [tag_history::Column::AttachTime, tag_history::Column::Name, tag_history::Column::CustomerId];
        let mut query = tag_history::Entity::find().filter(tag_history::Column::Tenant.eq(tenant));
        query = query.filter(one_of(tag_history::Column::CustomerId, &ids));
        if !name.is_empty() {
            query = query.filter(tag_history::Column::Name.eq(name));
        }
        if let Some(key) = &page.after {
            let values = [token_number(key, 0)?.into(), token_text(key, 1)?.into(), token_text(key, 2)?.into()];
            query = query.filter(before(order, values));
        }
        let query = order.into_iter().fold(query, QueryOrder::order_by_desc).limit(page.limit + 1);
        Ok(query.all(self.db.read()).await?)
    }
}

/// The token of the page after a full one of the history.
pub fn next_page(filter: &[&str], rows: &mut Vec<tag_history::Model>, limit: u64) -> String {
    super::next_page(filter, rows, limit, |row| {
        vec![row.attach_time.to_string(), row.name.clone(), row.customer_id.clone()]
    })
}

/// The tags that hold on a profile's customers at a moment, by name.
pub async fn of(db: &impl ConnectionTrait, tenant: &str, ids: &[String], now: i64) -> Result<Vec<tag::Model>> {
    let query = tag::Entity::find().filter(tag::Column::Tenant.eq(tenant));
    let query = query.filter(one_of(tag::Column::CustomerId, ids)).filter(tag::Column::ExpireTime.gt(now));
    Ok(query.order_by_asc(tag::Column::Name).order_by_asc(tag::Column::CustomerId).limit(MAX_TAGS).all(db).await?)
}

/// The names of the tags that hold at a moment, ascending, by customer. The moment is compared here: SQLite would take
/// the index of ends for it, and walk over the whole tenant.
pub async fn names(tx: &Tx, tenant: &str, ids: &[&str], now: i64) -> Result<HashMap<String, Vec<String>>> {
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    for ids in runs(ids) {
        let query = tag::Entity::find().filter(tag::Column::Tenant.eq(tenant));
        let query = query.filter(among(&**tx, tag::Column::CustomerId, ids)).select_only();
        let query = query.column(tag::Column::CustomerId).column(tag::Column::Name);
        let query = query.column(tag::Column::ExpireTime).into_query();
        let lists = lists::read(&**tx, query, ["customer_id", "name", "expire_time"], None).await?;
        for ([customer_id, name, expire_time], _) in lists.rows()? {
            if lists::number::<i64>(expire_time)? > now {
                found.entry(customer_id.to_owned()).or_default().push(name.to_owned());
            }
        }
    }
    found.values_mut().for_each(|names| names.sort());
    Ok(found)
}

/// Writes tags of locked customers and their history; answers with the customers for whom something changed.
pub async fn write(tx: &Tx, view: &View, rows: Vec<tag::Model>) -> Result<HashSet<String>> {
    let old = old(tx, &view.tenant, &rows).await?;
    let (now, business) = (clock::micros(clock::system_now()), clock::micros(view.time.now()));
    let (mut tags, mut periods) = (Vec::with_capacity(rows.len()), Vec::new());
    for row in rows {
        let row = match old.get(&(row.customer_id.clone(), row.name.clone())) {
            Some(old) if old.expire_time > business && convert::tag::goes_on(old, &row) => {
                if old.expire_time == row.expire_time {
                    continue;
                }
                tag::Model { expire_time: row.expire_time, ..old.clone() }
            }
            Some(old) => {
                periods.extend(ended(old, view, &row.attached_by));
                // Never the same moment as before, of which the key of the history would make one row.
                tag::Model { create_time: now.max(old.create_time + 1), ..row }
            }
            None => tag::Model { create_time: now, ..row },
        };
        periods.push(convert::tag::period(&row, None));
        tags.push(row);
    }
    let changed = tags.iter().map(|row| row.customer_id.clone()).collect();
    upsert(tx, tags).await?;
    upsert(tx, periods).await?;
    Ok(changed)
}

/// The row that closes a tag's time; none for one that has ended by itself.
fn ended(row: &tag::Model, view: &View, by: &str) -> Vec<tag_history::Model> {
    let now = clock::micros(clock::system_now());
    let on = row.expire_time > clock::micros(view.time.now());
    on.then(|| convert::tag::period(row, Some((now, by)))).into_iter().collect()
}

/// The tags, ended or not, of the customers that these rows name.
async fn old(tx: &Tx, tenant: &str, rows: &[tag::Model]) -> Result<HashMap<(String, String), tag::Model>> {
    let mut ids: Vec<&str> = rows.iter().map(|row| row.customer_id.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut found = HashMap::with_capacity(rows.len());
    for ids in runs(&ids) {
        let query = tag::Entity::find().filter(tag::Column::Tenant.eq(tenant));
        for row in query.filter(tag::Column::CustomerId.is_in(ids.iter().copied())).all(&**tx).await? {
            found.insert((row.customer_id.clone(), row.name.clone()), row);
        }
    }
    Ok(found)
}
