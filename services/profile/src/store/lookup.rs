//! What customers are searched by, and what pairs of them share: keyed hashes of normalised personal values, renewed
//! with every write of a customer.

use std::collections::{BTreeSet, HashMap, HashSet};

use huan_chassis::{
    Result,
    store::{
        Tx,
        rows::{self, Conflict, runs},
    },
};
use huan_proto::profile::v1 as pb;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QuerySelect,
    sea_query::{Alias, Asterisk, Expr, Func, Query, SelectStatement},
};

use super::{
    CHUNK,
    entity::{customer, lookup},
    tenant::View,
};
use crate::{convert, normal};

/// A name.
pub const NAME: i16 = 1;
/// A telephone number.
pub const PHONE: i16 = 2;
/// An identity document.
pub const ID_NUMBER: i16 = 3;

/// A value that more customers than this have is a placeholder, and says nothing of who they are.
const PLACEHOLDER: u64 = 20;

/// The row of a value; none if there is nothing left of it.
pub fn row(view: &View, kind: i16, value: &str, customer_id: &str) -> Option<lookup::Model> {
    let (name, normal) = match kind {
        NAME => ("lookup name", normal::name(value)),
        PHONE => ("lookup phone", normal::phone(value)),
        _ => ("lookup id_number", normal::id_number(value)),
    };
    let (tenant, customer_id) = (view.tenant.clone(), customer_id.to_owned());
    (!normal.is_empty()).then(|| lookup::Model { tenant, kind, value_hash: view.hash(name, &normal), customer_id })
}

/// Renews what customers that were just written are found by. Answers with what is new.
pub async fn renew(tx: &Tx, view: &View, customers: &[customer::Model]) -> Result<Vec<lookup::Model>> {
    let mut wanted = BTreeSet::new();
    for customer in customers {
        wanted.extend(rows(view, customer)?);
    }
    let ids: Vec<&str> = customers.iter().map(|customer| customer.customer_id.as_str()).collect();
    let known = of(&**tx, &view.tenant, &ids).await?;
    let stale: Vec<&lookup::Model> = known.difference(&wanted).collect();
    for row in stale {
        let key = (row.tenant.clone(), row.kind, row.value_hash.clone(), row.customer_id.clone());
        lookup::Entity::delete_by_id(key).exec(&**tx).await?;
    }
    let fresh: Vec<lookup::Model> = wanted.difference(&known).cloned().collect();
    rows::write(tx, fresh.clone(), Conflict::Leave).await?;
    Ok(fresh)
}

/// Who else has the same telephone number or identity document: for each of these rows the others, unless the value is
/// a placeholder.
pub async fn shared(
    db: &impl ConnectionTrait,
    tenant: &str,
    rows: &[lookup::Model],
) -> Result<Vec<(lookup::Model, String)>> {
    let mut pairs = Vec::new();
    for kind in [PHONE, ID_NUMBER] {
        let of_kind: Vec<&lookup::Model> = rows.iter().filter(|row| row.kind == kind).collect();
        for chunk in of_kind.chunks(CHUNK) {
            let hashes: HashSet<&str> = chunk.iter().map(|row| row.value_hash.as_str()).collect();
            let mut having: HashMap<String, Vec<String>> = HashMap::new();
            for (hash, id) in having_one_of(db, tenant, kind, &hashes).await? {
                having.entry(hash).or_default().push(id);
            }
            for row in chunk {
                let all = having.get(&row.value_hash).map(Vec::as_slice).unwrap_or_default();
                if all.len() as u64 <= PLACEHOLDER {
                    let others = all.iter().filter(|id| **id != row.customer_id);
                    pairs.extend(others.map(|id| ((*row).clone(), id.clone())));
                }
            }
        }
    }
    Ok(pairs)
}

/// The ids of customers with this value, so many at most.
pub async fn find(db: &impl ConnectionTrait, row: &lookup::Model, limit: u64) -> Result<Vec<String>> {
    let query = lookup::Entity::find().filter(lookup::Column::Tenant.eq(&row.tenant));
    let query = query.filter(lookup::Column::Kind.eq(row.kind)).filter(lookup::Column::ValueHash.eq(&row.value_hash));
    let query = query.select_only().column(lookup::Column::CustomerId).limit(limit);
    let mut ids: Vec<String> = query.into_tuple().all(db).await?;
    ids.sort_unstable();
    Ok(ids)
}

fn rows(view: &View, customer: &customer::Model) -> Result<Vec<lookup::Model>> {
    let pb::Customer { person, company, .. } = convert::customer::message(customer)?;
    let pb::Person { name, phone, id_number, .. } = &person.unwrap_or_default();
    let code = &company.unwrap_or_default().social_credit_code;
    let values = [(NAME, name), (PHONE, phone), (ID_NUMBER, id_number), (ID_NUMBER, code)];
    Ok(values.into_iter().filter_map(|(kind, value)| row(view, kind, value, &customer.customer_id)).collect())
}

async fn of(db: &impl ConnectionTrait, tenant: &str, ids: &[&str]) -> Result<BTreeSet<lookup::Model>> {
    let mut found = BTreeSet::new();
    for ids in runs(ids) {
        let query = lookup::Entity::find().filter(lookup::Column::Tenant.eq(tenant));
        found.extend(query.filter(rows::among(db, lookup::Column::CustomerId, ids)).all(db).await?);
    }
    Ok(found)
}

/// Pairs of hash and customer, of hashes that several customers have and that are no placeholders.
async fn having_one_of(
    db: &impl ConnectionTrait,
    tenant: &str,
    kind: i16,
    hashes: &HashSet<&str>,
) -> Result<Vec<(String, String)>> {
    let mut few = Vec::new();
    for row in db.query_all(&count_some(tenant, kind, hashes)).await? {
        let (hash, count): (String, i64) = (row.try_get_by_index(0)?, row.try_get_by_index(1)?);
        few.extend((2..=PLACEHOLDER as i64).contains(&count).then_some(hash));
    }
    if few.is_empty() {
        return Ok(Vec::new());
    }
    let rows = lookup::Entity::find().filter(lookup::Column::Tenant.eq(tenant));
    let rows = rows.filter(lookup::Column::Kind.eq(kind)).filter(lookup::Column::ValueHash.is_in(few)).select_only();
    Ok(rows.columns([lookup::Column::ValueHash, lookup::Column::CustomerId]).into_tuple().all(db).await?)
}

/// Counts the customers of each hash, and stops at one more than makes a placeholder: millions may have that.
fn count_some(tenant: &str, kind: i16, hashes: &HashSet<&str>) -> SelectStatement {
    let wanted = Alias::new("wanted");
    let hash = || Expr::col((wanted.clone(), Alias::new("column1")));
    let of_hash = Query::select()
        .expr(Expr::value(1))
        .from(lookup::Entity)
        .and_where(Expr::col(lookup::Column::Tenant).eq(tenant))
        .and_where(Expr::col(lookup::Column::Kind).eq(kind))
        .and_where(Expr::col(lookup::Column::ValueHash).eq(hash()))
        .limit(PLACEHOLDER + 1)
        .to_owned();
    let count = Query::select().expr(Func::count(Expr::col(Asterisk))).from_subquery(of_hash, "some").to_owned();
    let hashes: Vec<&str> = hashes.iter().copied().collect();
    Query::select().expr(hash()).expr(Expr::from(count)).from_values(hashes, wanted.clone()).to_owned()
}
