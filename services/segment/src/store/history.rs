//! Memberships over time: what every customer was last known to belong to, what each joined and left, and how many did so
//! on a day. Whoever writes holds the lease of the customer's partition.

use std::collections::{BTreeMap, HashMap};

use huan_chassis::page::Page;
use huan_chassis::store::{
    Store, Tx,
    rows::{self, Conflict},
};
use huan_chassis::{Error, Result, feed};
use sea_orm::sea_query::{Alias, Expr, ExprTrait as _, OnConflict};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _,
    QuerySelect as _,
};

use super::entity::{membership_code, membership_day, membership_move, membership_state};
use crate::history::Tally;

/// Rows of one statement with six values each, well below SQLite's limit of bound values.
const CHUNK: usize = 500;

/// What is written of one judgement of many customers.
#[derive(Debug, Default)]
pub struct Moves {
    /// What each customer belongs to now.
    pub states: Vec<membership_state::Model>,
    /// What each joined and left.
    pub moves: Vec<membership_move::Model>,
    /// How many did so.
    pub tally: Tally,
    /// The rows of the feed.
    pub feed: Vec<feed::Row>,
}

/// Writes moves, all in one transaction with the feed's rows.
pub async fn write(tx: &Tx, of: &str, moves: Moves) -> Result<()> {
    rows::write::<_, membership_state::ActiveModel>(tx, moves.states, Conflict::Replace).await?;
    rows::write::<_, membership_move::ActiveModel>(tx, moves.moves, Conflict::Fail).await?;
    count(tx, of, &moves.tally).await?;
    feed::publish(tx, moves.feed).await?;
    Ok(())
}

/// Reads what these customers were last known to belong to, by ordinal.
pub async fn states(tx: &Tx, of: &str, ordinals: &[i64]) -> Result<BTreeMap<i64, membership_state::Model>> {
    use membership_state::{Column, Entity};
    let mut found = BTreeMap::new();
    for run in rows::runs(ordinals) {
        let these = Entity::find().filter(Column::Tenant.eq(of)).filter(Column::Ordinal.is_in(run));
        found.extend(these.all(&**tx).await?.into_iter().map(|state| (state.ordinal, state)));
    }
    Ok(found)
}

/// Reads what the customers after an ordinal and up to another were last known to belong to, ascending; at most `limit`.
pub async fn states_between(
    store: &Store,
    of: &str,
    (after, last): (i64, i64),
    limit: u64,
) -> Result<Vec<membership_state::Model>> {
    use membership_state::{Column, Entity};
    let found = Entity::find().filter(Column::Tenant.eq(of)).filter(Column::Ordinal.gt(after));
    let found = found.filter(Column::Ordinal.lte(last)).order_by_asc(Column::Ordinal).limit(limit);
    Ok(found.all(store.read()).await?)
}

/// Reads the codes of a tenant's memberships.
pub async fn codes<C: ConnectionTrait>(db: &C, of: &str) -> Result<HashMap<String, u32>> {
    use membership_code::{Column, Entity};
    let rows = Entity::find().filter(Column::Tenant.eq(of)).all(db).await?;
    let code = |row: membership_code::Model| Some((row.membership, u32::try_from(row.code).ok()?));
    Ok(rows.into_iter().filter_map(code).collect())
}

/// Gives codes to memberships that have none, and answers with all codes. Call it under the tenant's lock.
pub async fn add_codes(tx: &Tx, of: &str, memberships: &[String]) -> Result<HashMap<String, u32>> {
    let mut codes = codes(&**tx, of).await?;
    let mut last = codes.values().copied().max().unwrap_or(0);
    let mut added = Vec::new();
    for membership in memberships {
        if !codes.contains_key(membership) {
            last += 1;
            codes.insert(membership.clone(), last);
            let (tenant, membership) = (of.to_owned(), membership.clone());
            added.push(membership_code::Model { tenant, membership, code: last.into() });
        }
    }
    rows::write::<_, membership_code::ActiveModel>(tx, added, Conflict::Fail).await?;
    Ok(codes)
}

/// Reads a page of a customer's moves, newest first, and one more if there is one. Errors: InvalidPageToken.
pub async fn moves_of(store: &Store, of: &str, ordinal: u32, page: &Page) -> Result<Vec<membership_move::Model>> {
    use membership_move::{Column, Entity};
    let found = Entity::find().filter(Column::Tenant.eq(of)).filter(Column::Ordinal.eq(i64::from(ordinal)));
    let mut rows = found.order_by_desc(Column::Number).limit(page.limit + 1);
    if let Some(before) = page.after.as_ref().and_then(|key| key.first()) {
        let before: i64 = before.parse().map_err(|_| Error::InvalidPageToken)?;
        rows = rows.filter(Column::Number.lt(before));
    }
    Ok(rows.all(store.read()).await?)
}

/// Reads how many joined and left an owner's memberships, from a day to another, in the order of day and membership.
pub async fn days_of(
    store: &Store,
    of: &str,
    owner_id: &str,
    (first, last): (i32, i32),
) -> Result<Vec<membership_day::Model>> {
    use membership_day::{Column, Entity};
    let found = Entity::find().filter(Column::Tenant.eq(of)).filter(Column::OwnerId.eq(owner_id));
    let found = found.filter(Column::Day.between(first, last)).order_by_asc(Column::Day);
    Ok(found.order_by_asc(Column::Membership).all(store.read()).await?)
}

/// Takes an erased customer out of the history, and its number out of the feed; what was counted stays.
pub async fn erase(tx: &Tx, of: &str, ordinal: i64, customer_key: &str) -> Result<()> {
    let states = membership_state::Entity::delete_many().filter(membership_state::Column::Tenant.eq(of));
    states.filter(membership_state::Column::Ordinal.eq(ordinal)).exec(&**tx).await?;
    let moves = membership_move::Entity::delete_many().filter(membership_move::Column::Tenant.eq(of));
    moves.filter(membership_move::Column::Ordinal.eq(ordinal)).exec(&**tx).await?;
    let unname = feed::entity::Entity::update_many().col_expr(feed::entity::Column::CustomerId, Expr::value(""));
    let unname = unname.filter(feed::entity::Column::Tenant.eq(of));
    unname.filter(feed::entity::Column::CustomerKey.eq(customer_key)).exec(&**tx).await?;
    Ok(())
}

/// Adds to the counts of days.
async fn count(tx: &Tx, of: &str, tally: &Tally) -> Result<()> {
    use membership_day::{Column, Entity, Model};
    let row = |(owner, day, membership, joined, departed): (&str, i32, &str, i64, i64)| Model {
        tenant: of.to_owned(),
        owner_id: owner.to_owned(),
        day,
        membership: membership.to_owned(),
        joined,
        departed,
    };
    let rows: Vec<_> = tally.rows().map(row).collect();
    let sum = |column: Column| Expr::col((Entity, column)).add(Expr::col((Alias::new("excluded"), column)));
    for chunk in rows.chunks(CHUNK) {
        let key = [Column::Tenant, Column::OwnerId, Column::Day, Column::Membership];
        let mut add = OnConflict::columns(key);
        add.value(Column::Joined, sum(Column::Joined)).value(Column::Departed, sum(Column::Departed));
        let rows = chunk.iter().cloned().map(Model::into_active_model);
        Entity::insert_many(rows).on_conflict(add).exec_without_returning(&**tx).await?;
    }
    Ok(())
}
