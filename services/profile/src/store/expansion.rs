//! Walking relations: a step at a time, each one query for a run of customers.

use std::collections::HashMap;

use huan_chassis::{Identity, Result};
use huan_proto::profile::v1 as pb;
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, DatabaseConnection, FromQueryResult, Iterable, Order,
    sea_query::{Alias, Expr, ExprTrait, Query, SelectStatement, WindowStatement},
};

use super::{Store, customer, entity::relation, relation as relations};
use crate::{
    convert::{self, relation::Expand},
    relation::{Arm, Climb, Expansion, Link, arms_of},
    store::tenant::View,
};

/// Customers whose relations are read at once.
const RUN: usize = 50;
/// The most relations that are met in one step.
const MAX_MET: usize = 20_000;
/// The most levels of a group of companies.
const MAX_LEVELS: usize = 32;
/// The most companies of a group.
const MAX_MEMBERS: usize = 1000;
/// The most daughters, or parents, of one company.
const MAX_DAUGHTERS: usize = 200;

impl Store {
    /// Walks a customer's relations. Errors: NotFound.
    pub async fn expand_relations(
        &self,
        view: &View,
        by: &Identity,
        expand: &Expand,
    ) -> Result<pb::ExpandRelationsResponse> {
        let (arms, day, fan_out) = (expand.arms.clone(), expand.day, expand.max_fan_out);
        let mut walk = Walk::begin(self, view, by, &expand.customer_id, Reach { arms, day, fan_out }).await?;
        let mut expansion = Expansion::begin(&expand.customer_id, expand.max_nodes);
        for _ in 0..expand.steps {
            walk.step(&mut expansion).await?;
        }
        Ok(pb::ExpandRelationsResponse {
            nodes: walk.nodes(&expansion),
            edges: expansion.edges,
            hidden: expansion.hidden.len() as i32,
            truncated: expansion.truncated,
        })
    }

    /// Finds the group of companies of a customer. Errors: NotFound.
    pub async fn get_group(
        &self,
        view: &View,
        by: &Identity,
        customer_id: &str,
        day: i32,
    ) -> Result<pb::GetGroupResponse> {
        let reach = |direction| {
            let arms = arms_of(direction, &[pb::RelationType::ParentOf]);
            Reach { arms, day, fan_out: MAX_DAUGHTERS }
        };
        let mut walk = Walk::begin(self, view, by, customer_id, reach(pb::RelationDirection::In)).await?;
        let head = walk.climb(customer_id).await?;
        let mut expansion = Expansion::begin(&head, MAX_MEMBERS);
        expansion.hidden.extend(walk.hidden());
        walk.reach = reach(pb::RelationDirection::Out);
        for _ in 0..MAX_LEVELS {
            walk.step(&mut expansion).await?;
        }
        expansion.truncated |= !expansion.frontier().is_empty();
        Ok(pb::GetGroupResponse {
            ultimate_parent_customer_id: head,
            members: walk.nodes(&expansion),
            edges: expansion.edges,
            hidden: expansion.hidden.len() as i32,
            truncated: expansion.truncated,
        })
    }
}

/// Which relations are followed.
struct Reach {
    arms: Vec<Arm>,
    day: i32,
    fan_out: usize,
}

/// A walk, and whom it has met.
struct Walk<'a> {
    db: &'a DatabaseConnection,
    tenant: &'a str,
    by: &'a Identity,
    reach: Reach,
    /// The types of those met; none = outside the caller's scope.
    met: HashMap<String, Option<i16>>,
}

impl<'a> Walk<'a> {
    /// Errors: NotFound.
    async fn begin(
        store: &'a Store,
        view: &'a View,
        by: &'a Identity,
        customer_id: &str,
        reach: Reach,
    ) -> Result<Self> {
        let db = store.db.read();
        let found = customer::find(db, &view.tenant, customer_id).await?;
        let met = HashMap::from([(customer_id.to_owned(), Some(found.customer_type))]);
        Ok(Self { db, tenant: &view.tenant, by, reach, met })
    }

    async fn step(&mut self, expansion: &mut Expansion) -> Result<()> {
        let (links, cut) = self.links(expansion.frontier()).await?;
        self.meet(&links).await?;
        expansion.truncated |= cut;
        expansion.step(links, |id| self.may_show(id));
        Ok(())
    }

    /// Goes up from a company to its ultimate parent.
    async fn climb(&mut self, customer_id: &str) -> Result<String> {
        let mut climb = Climb::begin(customer_id);
        for _ in 0..MAX_LEVELS {
            let (links, _) = self.links(&[climb.at().to_owned()]).await?;
            self.meet(&links).await?;
            let Some(parent) = links.into_iter().find(|link| self.may_show(&link.other_id)) else {
                break;
            };
            if let Some(head) = climb.up(parent.other_id) {
                return Ok(head);
            }
        }
        Ok(climb.at().to_owned())
    }

    /// The relations met at these customers, in their order, the weightiest of each first; and whether there are more.
    async fn links(&self, customers: &[String]) -> Result<(Vec<Link>, bool)> {
        let (mut links, mut cut) = (Vec::new(), false);
        for run in customers.chunks(RUN) {
            if links.len() >= MAX_MET {
                return Ok((links, true));
            }
            let mut met: HashMap<String, Vec<Link>> = HashMap::with_capacity(run.len());
            for row in self.db.query_all(&weightiest(self.tenant, run, &self.reach)).await? {
                let link = convert::relation::link(relation::Model::from_query_result(&row, "")?);
                met.entry(link.customer_id.clone()).or_default().push(link);
            }
            for mut of_customer in run.iter().filter_map(|id| met.remove(id)) {
                cut |= of_customer.len() > self.reach.fan_out;
                of_customer.truncate(self.reach.fan_out);
                links.append(&mut of_customer);
            }
        }
        Ok((links, cut))
    }

    /// Finds out who they are that are met for the first time.
    async fn meet(&mut self, links: &[Link]) -> Result<()> {
        let mut new: Vec<&str> = links.iter().map(|link| link.other_id.as_str()).collect();
        new.retain(|id| !self.met.contains_key(*id));
        new.sort_unstable();
        new.dedup();
        let shown = relations::shown(self.db, self.tenant, self.by, &new).await?;
        self.met.extend(new.into_iter().map(|id| (id.to_owned(), shown.get(id).copied())));
        Ok(())
    }

    fn may_show(&self, customer_id: &str) -> bool {
        self.met.get(customer_id).is_some_and(Option::is_some)
    }

    fn hidden(&self) -> impl Iterator<Item = String> + '_ {
        self.met.iter().filter(|(_, shown)| shown.is_none()).map(|(id, _)| id.clone())
    }

    fn nodes(&self, expansion: &Expansion) -> Vec<pb::RelationNode> {
        let node = |id: &String| pb::RelationNode {
            customer_id: id.clone(),
            r#type: self.met.get(id).copied().flatten().map(i32::from).unwrap_or_default(),
            distance: expansion.distance(id),
        };
        expansion.reached.iter().map(node).collect()
    }
}

/// The relations of these customers, of each the weightiest and one more than are followed.
fn weightiest(tenant: &str, customers: &[String], reach: &Reach) -> SelectStatement {
    use relation::Column;
    let rank = Alias::new("place");
    let order = WindowStatement::partition_by(Column::CustomerId)
        .order_by(Column::Weight, Order::Desc)
        .order_by(Column::Direction, Order::Asc)
        .order_by(Column::RelationType, Order::Asc)
        .order_by(Column::OtherId, Order::Asc)
        .take();
    let mut met = Query::select();
    met.columns(Column::iter()).expr_window_as(Expr::cust("ROW_NUMBER()"), order, rank.clone());
    met.from(relation::Entity).and_where(Column::Tenant.eq(tenant)).and_where(Column::CustomerId.is_in(customers));
    met.cond_where(Condition::all().add(of_arms(&reach.arms)).add(relations::holds(reach.day)));
    let mut select = Query::select();
    select.columns(Column::iter()).from_subquery(met, Alias::new("met"));
    select.and_where(Expr::col(rank.clone()).lte(reach.fan_out as i64 + 1));
    select.order_by(Column::CustomerId, Order::Asc).order_by(rank, Order::Asc);
    select
}

fn of_arms(arms: &[Arm]) -> Condition {
    let of = |arm: &Arm| {
        let direction = relation::Column::Direction.eq(arm.direction as i16);
        Condition::all().add(direction).add(relation::Column::RelationType.eq(arm.relation_type as i16))
    };
    arms.iter().map(of).fold(Condition::any(), Condition::add)
}
