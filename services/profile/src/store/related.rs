//! Relations as vectors follow them: reading what features sum up, and finding whose vectors a change concerns.

use std::{
    collections::{BTreeSet, HashMap, HashSet},
    ops::RangeInclusive,
};

use huan_chassis::{
    Result,
    store::{Tx, rows::runs},
};
use huan_proto::profile::v1 as pb;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryResult, QuerySelect,
    sea_query::{Alias, Expr, Func, JoinType, Query, SelectStatement},
};

use super::{
    entity::{customer as customer_entity, relation},
    relation::holds,
    root::Root,
    tenant::View,
};
use crate::{
    kyc,
    related::{self, Related, Sums},
    relation::Arm,
};

/// What the relations of locked profiles come to today, by their roots; empty if no feature asks.
pub async fn sums<'a>(
    tx: &Tx,
    view: &View,
    day: i32,
    roots: impl Iterator<Item = &'a Root>,
) -> Result<HashMap<String, Sums>> {
    let arms = related::arms(&view.catalogue);
    if arms.is_empty() {
        return Ok(HashMap::new());
    }
    let mut found: HashMap<&str, Vec<Related>> = HashMap::new();
    let mut of: HashMap<&str, &str> = HashMap::new();
    for root in roots {
        found.insert(&root.customer.customer_id, Vec::new());
        of.extend(root.ids().map(|id| (id, root.customer.customer_id.as_str())));
    }
    let all_days = view.catalogue.relations().any(|(_, source)| source.include_all_days);
    let ids: Vec<&str> = of.keys().copied().collect();
    for ids in runs(&ids) {
        let select = select(&view.tenant, &arms, &ids, (!all_days).then_some(day));
        for row in tx.query_all(&select).await? {
            let customer_id: String = row.try_get_by_index(0)?;
            let Some(root) = of.get(customer_id.as_str()) else { continue };
            let related = related(&row)?;
            // What binds two customers of one profile is no relation of it.
            if related.other != *root {
                found.entry(root).or_default().push(related);
            }
        }
    }
    let sums = |(root, rows): (&str, Vec<Related>)| (root.to_owned(), related::sums(&view.catalogue, &rows, day));
    Ok(found.into_iter().map(sums).collect())
}

/// The relations that vectors follow from: what features sum up and, if one asks how complete the answers to questions
/// are, what answers those.
pub fn asked(view: &View) -> BTreeSet<Arm> {
    let mut arms = related::arms(&view.catalogue);
    arms.extend(of_questions(view));
    arms
}

/// Those at the ends of these relations, each seen from its first, whose vectors follow from them.
pub fn concerned(view: &View, rows: &[relation::Model]) -> HashSet<String> {
    use pb::RelationDirection as Direction;
    let arms = asked(view);
    let asks = |direction: Direction, row: &&relation::Model| {
        arms.iter().any(|arm| arm.direction == direction && arm.relation_type as i16 == row.relation_type)
    };
    let out = rows.iter().filter(|row| asks(Direction::Out, row)).map(|row| row.customer_id.clone());
    let back = rows.iter().filter(|row| asks(Direction::In, row)).map(|row| row.other_id.clone());
    out.chain(back).collect()
}

/// Customers of whom relations that vectors follow from begin or end on one of these days.
pub async fn moved(db: &impl ConnectionTrait, view: &View, days: &RangeInclusive<i64>) -> Result<Vec<String>> {
    let mut arms = related::dated_arms(&view.catalogue);
    arms.extend(of_questions(view));
    let mut found = Vec::new();
    if arms.is_empty() {
        return Ok(found);
    }
    for column in [relation::Column::StartDay, relation::Column::EndDay] {
        let query = relation::Entity::find().filter(relation::Column::Tenant.eq(&view.tenant));
        let query = query.filter(column.between(*days.start(), *days.end()));
        let query = query.filter(any_of(arms.iter().copied())).select_only();
        found.extend(query.column(relation::Column::CustomerId).distinct().into_tuple::<String>().all(db).await?);
    }
    Ok(found)
}

/// One customer, ascending, of each profile that is bound to several of these customers, and is none of theirs: it counts
/// one customer less once they are merged, and one more once they are parted.
pub async fn between(tx: &Tx, view: &View, ids: &[String]) -> Result<Vec<String>> {
    let newer = view.newer(tx).await?;
    let view = newer.as_ref().unwrap_or(view);
    let arms = related::arms(&view.catalogue);
    if arms.is_empty() {
        return Ok(Vec::new());
    }
    let rows = tx.query_all(&select_between(&view.tenant, &arms, ids)).await?;
    let mut found = rows.iter().map(|row| row.try_get_by_index(0)).collect::<Result<Vec<String>, _>>()?;
    found.sort_unstable();
    Ok(found)
}

/// The relations that answer questions, if a feature asks how many are answered.
fn of_questions(view: &View) -> Vec<Arm> {
    if view.catalogue.asks_kyc() { kyc::arms(&view.kyc) } else { Vec::new() }
}

/// Relations of customers with the profiles at their other ends; `day` = those alone that hold on it.
fn select(tenant: &str, arms: &BTreeSet<Arm>, ids: &[&str], day: Option<i32>) -> SelectStatement {
    use relation::Column;
    let mut select = Query::select();
    let columns = [Column::CustomerId, Column::Direction, Column::RelationType];
    select.columns(columns.map(|column| (relation::Entity, column)));
    select.column((Alias::new("other"), customer_entity::Column::RootId));
    select.columns([Column::StartDay, Column::EndDay, Column::Weight].map(|column| (relation::Entity, column)));
    with_others(&mut select, tenant);
    select.and_where(of(Column::CustomerId).is_in(ids.iter().copied()));
    select.cond_where(any_of(arms.iter().copied()));
    if let Some(day) = day {
        select.cond_where(holds(day));
    }
    select
}

fn select_between(tenant: &str, arms: &BTreeSet<Arm>, ids: &[String]) -> SelectStatement {
    use relation::Column;
    let mut select = Query::select();
    select.expr(Func::min(of(Column::OtherId)));
    with_others(&mut select, tenant);
    select.and_where(of(Column::CustomerId).is_in(ids)).and_where(of(Column::OtherId).is_not_in(ids));
    // Here a relation is seen from the other end.
    select.cond_where(any_of(arms.iter().map(|arm| arm.turned())));
    select.group_by_col((Alias::new("other"), customer_entity::Column::RootId));
    select.and_having(of(Column::CustomerId).count_distinct().gt(1));
    select
}

/// Relations of a tenant, each with the customer at its other end.
fn with_others(select: &mut SelectStatement, tenant: &str) {
    let other = Alias::new("other");
    let of_other = |column: customer_entity::Column| Expr::col((other.clone(), column));
    let on = of_other(customer_entity::Column::Tenant)
        .eq(tenant)
        .and(of_other(customer_entity::Column::CustomerId).eq(of(relation::Column::OtherId)));
    select.from(relation::Entity).join_as(JoinType::InnerJoin, customer_entity::Entity, other.clone(), on);
    select.and_where(of(relation::Column::Tenant).eq(tenant));
}

/// The relations of any of these arms.
fn any_of(arms: impl Iterator<Item = Arm>) -> Condition {
    let mut types: HashMap<i16, Vec<i16>> = HashMap::new();
    for arm in arms {
        types.entry(arm.direction as i16).or_default().push(arm.relation_type as i16);
    }
    types.into_iter().fold(Condition::any(), |any, (direction, types)| {
        let of_direction = of(relation::Column::Direction).eq(direction);
        any.add(of_direction.and(of(relation::Column::RelationType).is_in(types)))
    })
}

fn of(column: relation::Column) -> Expr {
    Expr::col((relation::Entity, column))
}

fn related(row: &QueryResult) -> Result<Related> {
    let (direction, relation_type): (i16, i16) = (row.try_get_by_index(1)?, row.try_get_by_index(2)?);
    Ok(Related {
        arm: Arm {
            direction: pb::RelationDirection::try_from(i32::from(direction)).unwrap_or_default(),
            relation_type: pb::RelationType::try_from(i32::from(relation_type)).unwrap_or_default(),
        },
        other: row.try_get_by_index(3)?,
        start_day: row.try_get_by_index(4)?,
        end_day: row.try_get_by_index(5)?,
        weight: row.try_get_by_index(6)?,
    })
}
