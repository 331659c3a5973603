//! Relations: writing them at both ends, under the locks of both customers, and listing them from either.

use std::collections::{HashMap, HashSet};

use huan_chassis::{Error, Identity, Result, clock, page::Page, store::Tx};
use huan_proto::profile::v1 as pb;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, FromQueryResult, IntoActiveModel, Iterable,
    QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Alias, Expr, Func, IntoColumnRef, JoinType, Query, SelectStatement},
};

use super::{
    MAX_BINDS, Store, UNKNOWN, after as after_row, chunks,
    customer::{self, Met},
    entity::{customer as customer_entity, relation},
    next_page, one_of, related, token_number, token_text, vector,
};
use crate::{
    convert::{
        self,
        relation::{Key, List},
    },
    store::tenant::View,
};

/// What PutRelations did.
#[derive(Debug, Default)]
pub struct Put {
    /// New relations.
    pub created: i32,
    /// Relations that were there.
    pub updated: i32,
    /// Refused ones.
    pub faults: Vec<pb::RowFault>,
}

impl Store {
    /// Creates or replaces relations, each on its own.
    pub async fn put_relations(&self, view: &View, rows: Vec<(usize, relation::Model)>) -> Result<Put> {
        let tenant = view.tenant.as_str();
        let mut ids: Vec<String> =
            rows.iter().flat_map(|(_, row)| [row.customer_id.clone(), row.other_id.clone()]).collect();
        ids.sort();
        ids.dedup();
        let tx = self.db.begin().await?;
        let customers = customer::lock(&tx, tenant, &ids).await?;
        let known: HashSet<&str> = customers.iter().map(|customer| customer.customer_id.as_str()).collect();
        let old = old(&tx, tenant, rows.iter().map(|(_, row)| row)).await?;
        let now = clock::micros(clock::system_now());
        let mut done = Put::default();
        let mut changed = Vec::with_capacity(2 * rows.len());
        for (index, row) in rows {
            if let Some(end) = unknown_end(&known, &row) {
                done.faults.push(convert::row_fault(index, format!("relations[{index}].{end}"), UNKNOWN));
                continue;
            }
            let old = old.get(&(row.customer_id.clone(), row.relation_type, row.other_id.clone()));
            let row = match convert::relation::over(old, row, now) {
                Ok(row) => row,
                Err(fault) => {
                    done.faults.push(convert::row_fault(index, format!("relations[{index}].end_day"), fault));
                    continue;
                }
            };
            *(if old.is_some() { &mut done.updated } else { &mut done.created }) += 1;
            if old.is_none_or(|old| !convert::relation::same(old, &row)) {
                changed.push(row);
            }
        }
        write(&tx, changed.clone()).await?;
        follow(&tx, view, customers, &changed).await?;
        tx.commit().await?;
        Ok(done)
    }

    /// Ends a relation on a day. Errors: NotFound; Invalid.
    pub async fn end_relation(&self, view: &View, key: &Key, end_day: i32) -> Result<relation::Model> {
        let tx = self.db.begin().await?;
        let (row, customers) = lock(&tx, &view.tenant, key).await?;
        convert::relation::check_end(&row, end_day)?;
        let update_time = clock::micros(clock::system_now());
        let row = relation::Model { end_day: Some(end_day), update_time, ..row };
        write(&tx, vec![row.clone()]).await?;
        follow(&tx, view, customers, std::slice::from_ref(&row)).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Takes a relation away. Errors: NotFound.
    pub async fn delete_relation(&self, view: &View, key: &Key) -> Result<()> {
        let tx = self.db.begin().await?;
        let (row, customers) = lock(&tx, &view.tenant, key).await?;
        for row in [convert::relation::mirrored(&row), row.clone()] {
            relation::Entity::delete(row.into_active_model()).exec(&*tx).await?;
        }
        follow(&tx, view, customers, &[row]).await?;
        tx.commit().await
    }

    /// Lists the relations of a customer's profile by direction, type and other end, without those whose other end lies
    /// outside the caller's scope. Errors: NotFound; InvalidPageToken.
    pub async fn list_relations(
        &self,
        view: &View,
        by: &Identity,
        list: &List,
        page: &Page,
    ) -> Result<pb::ListRelationsResponse> {
        let (db, tenant) = (self.db.read(), view.tenant.as_str());
        let ids = customer::members(db, tenant, &list.customer_id).await?;
        let rows = page_of(db, tenant, &ids, list, page).await?;
        shown(db, tenant, by, list, rows, page.limit).await
    }
}

/// The first page of a list that is narrowed by nothing, of a customer whose profile has these customers: one query
/// where a list of some types takes one for each.
pub async fn first(
    db: &impl ConnectionTrait,
    view: &View,
    by: &Identity,
    customer_id: &str,
    ids: &[String],
    limit: u64,
) -> Result<pb::ListRelationsResponse> {
    let request = pb::ListRelationsRequest { customer_id: customer_id.to_owned(), ..Default::default() };
    let list = convert::relation::list(&request, view)?;
    let query = relation::Entity::find().filter(relation::Column::Tenant.eq(&view.tenant));
    let query = query.filter(one_of(relation::Column::CustomerId, ids)).filter(holds(view.time.today().0));
    let order = [relation::Column::Direction, relation::Column::RelationType, relation::Column::OtherId];
    let order = order.into_iter().chain([relation::Column::CustomerId]);
    let rows = order.fold(query, QueryOrder::order_by_asc).limit(limit + 1).all(db).await?;
    shown(db, &view.tenant, by, &list, rows, limit).await
}

/// A page of which one row too many was read, without those whose other end lies outside the caller's scope.
async fn shown(
    db: &impl ConnectionTrait,
    tenant: &str,
    by: &Identity,
    list: &List,
    mut rows: Vec<relation::Model>,
    limit: u64,
) -> Result<pb::ListRelationsResponse> {
    let next_page_token = next_page(&list.filter(tenant), &mut rows, limit, |row| {
        let (other_id, customer_id) = (row.other_id.clone(), row.customer_id.clone());
        vec![row.direction.to_string(), row.relation_type.to_string(), other_id, customer_id]
    });
    let others: Vec<&str> = rows.iter().map(|row| row.other_id.as_str()).collect();
    let met = customer::met(db, tenant, &others).await?.into_iter().filter(|met| may_show(by, met));
    let shown: HashSet<String> = met.map(|met| met.customer_id).collect();
    let all = rows.len();
    rows.retain(|row| shown.contains(&row.other_id));
    let hidden = (all - rows.len()) as i32;
    let relations = rows.into_iter().map(convert::relation::message).collect();
    Ok(pb::ListRelationsResponse { relations, next_page_token, hidden })
}

/// Whether a customer may be shown to the caller.
pub fn may_show(by: &Identity, met: &Met) -> bool {
    by.check_owner("customer_id", &met.customer_id, &met.owner_path).is_ok()
}

/// The relations that hold on a day. Written so that no index of days can be taken for it: SQLite would, and walk over
/// the whole tenant.
pub fn holds(day: i32) -> Condition {
    let or = |column: relation::Column, always: i32| {
        Expr::from(Func::coalesce([Expr::col((relation::Entity, column)), Expr::val(always)]))
    };
    let begun = or(relation::Column::StartDay, i32::MIN).lte(day);
    Condition::all().add(begun).add(or(relation::Column::EndDay, i32::MAX).gt(day))
}

/// The rows of a page and one more. Each arm is asked for by itself, so that it is a range of the key.
async fn page_of(
    db: &impl ConnectionTrait,
    tenant: &str,
    ids: &[String],
    list: &List,
    page: &Page,
) -> Result<Vec<relation::Model>> {
    let limit = page.limit as usize + 1;
    let after = match &page.after {
        Some(key) => Some((
            (token_number(key, 0)? as i16, token_number(key, 1)? as i16),
            (token_text(key, 2)?, token_text(key, 3)?),
        )),
        None => None,
    };
    let mut rows = Vec::new();
    for arm in &list.arms {
        let place = (arm.direction as i16, arm.relation_type as i16);
        if rows.len() >= limit || after.is_some_and(|(last, _)| place < last) {
            continue;
        }
        let mut query = relation::Entity::find().filter(relation::Column::Tenant.eq(tenant));
        query = query.filter(one_of(relation::Column::CustomerId, ids));
        query =
            query.filter(relation::Column::Direction.eq(place.0)).filter(relation::Column::RelationType.eq(place.1));
        let order = [relation::Column::OtherId, relation::Column::CustomerId];
        if let Some((_, (other_id, customer_id))) = after.filter(|(last, _)| place == *last) {
            query = query.filter(after_row(order, [other_id.into(), customer_id.into()]));
        }
        if list.contact_kind != 0 && arm.relation_type == pb::RelationType::ContactPersonOf {
            query = query.filter(relation::Column::ContactKind.eq(list.contact_kind));
        }
        if let Some(day) = list.day {
            query = query.filter(holds(day));
        }
        let left = (limit - rows.len()) as u64;
        rows.extend(order.into_iter().fold(query, QueryOrder::order_by_asc).limit(left).all(db).await?);
    }
    Ok(rows)
}

/// Locks both customers of a relation and reads it. Errors: NotFound.
async fn lock(tx: &Tx, tenant: &str, key: &Key) -> Result<(relation::Model, Vec<customer_entity::Model>)> {
    let mut ids = vec![key.from.clone(), key.to.clone()];
    ids.sort();
    let customers = customer::lock(tx, tenant, &ids).await?;
    let out = pb::RelationDirection::Out as i16;
    let key = (tenant.to_owned(), key.from.clone(), out, key.relation_type, key.to.clone());
    let row = relation::Entity::find_by_id(key).one(&**tx).await?;
    Ok((row.ok_or(Error::NotFound { what: "relation", field: "to_customer_id" })?, customers))
}

/// Lets the vectors of locked customers follow relations that have changed, if a feature depends on such.
async fn follow(
    tx: &Tx,
    view: &View,
    mut customers: Vec<customer_entity::Model>,
    rows: &[relation::Model],
) -> Result<()> {
    let newer = view.newer(tx).await?;
    let view = newer.as_ref().unwrap_or(view);
    let concerned = related::concerned(view, rows);
    customers.retain(|customer| concerned.contains(&customer.customer_id));
    if customers.is_empty() {
        return Ok(());
    }
    vector::follow(tx, view, customers).await.map(|_| ())
}

/// Writes relations at both ends.
pub async fn write(tx: &Tx, rows: Vec<relation::Model>) -> Result<()> {
    let mirrored: Vec<relation::Model> = rows.iter().map(convert::relation::mirrored).collect();
    super::upsert(tx, [rows, mirrored].concat()).await
}

/// The field of a relation that names nobody.
fn unknown_end(known: &HashSet<&str>, row: &relation::Model) -> Option<&'static str> {
    let ends = [("from_customer_id", &row.customer_id), ("to_customer_id", &row.other_id)];
    ends.into_iter().find(|(_, id)| !known.contains(id.as_str())).map(|(field, _)| field)
}

/// Relations by from, type and to.
pub type Known = HashMap<(String, i16, String), relation::Model>;

/// The relations of these that there are, by their ends and type.
pub async fn old<'a>(tx: &Tx, tenant: &str, rows: impl Iterator<Item = &'a relation::Model>) -> Result<Known> {
    let keys = rows.map(|row| (row.customer_id.clone(), row.relation_type, row.other_id.clone()));
    let mut found = HashMap::new();
    for keys in chunks(keys.collect(), MAX_BINDS / 3) {
        for row in tx.query_all(&select_known(tenant, keys)).await? {
            let row = relation::Model::from_query_result(&row, "")?;
            found.insert((row.customer_id.clone(), row.relation_type, row.other_id.clone()), row);
        }
    }
    Ok(found)
}

/// Joins the keys, as a list of values, to the table: both databases then look each one up by the primary key, and
/// both call the columns of such a list column1, column2 and column3.
fn select_known(tenant: &str, keys: Vec<(String, i16, String)>) -> SelectStatement {
    let wanted = Alias::new("wanted");
    let given = |name: &'static str| Expr::col((wanted.clone(), Alias::new(name)).into_column_ref());
    let of = |column: relation::Column| Expr::col((relation::Entity, column));
    let on = of(relation::Column::Tenant)
        .eq(tenant)
        .and(of(relation::Column::CustomerId).eq(given("column1")))
        .and(of(relation::Column::Direction).eq(pb::RelationDirection::Out as i16))
        .and(of(relation::Column::RelationType).eq(given("column2")))
        .and(of(relation::Column::OtherId).eq(given("column3")));
    let mut select = Query::select();
    select.columns(relation::Column::iter().map(|column| (relation::Entity, column)));
    select.from_values(keys, wanted.clone()).join(JoinType::InnerJoin, relation::Entity, on);
    select
}
