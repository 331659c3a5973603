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
    /// Walks the relations of a customer's profile. Errors: NotFound.
    pub async fn expand_relations(
        &self,
        view: &View,
        by: &Identity,
        expand: &Expand,
    ) -> Result<pb::ExpandRelationsResponse> {
        let (arms, day, fan_out) = (expand.arms.clone(), expand.day, expand.max_fan_out);
        let (mut walk, root) = Walk::begin(self, view, by, &expand.customer_id, Reach { arms, day, fan_out }).await?;
        let mut expansion = Expansion::begin(&root, expand.max_nodes);
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
        let (mut walk, root) = Walk::begin(self, view, by, customer_id, reach(pb::RelationDirection::In)).await?;
        let head = walk.climb(&root).await?;
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
    /// The types of the profiles met, by their roots; none = outside the caller's scope.
    met: HashMap<String, Option<i16>>,
    /// The roots of the customers met.
    roots: HashMap<String, String>,
}

impl<'a> Walk<'a> {
    /// Begins at a customer's profile, whose root is answered too. Errors: NotFound.
    async fn begin(
        store: &'a Store,
        view: &'a View,
        by: &'a Identity,
        customer_id: &str,
        reach: Reach,
    ) -> Result<(Self, String)> {
        let db = store.db.read();
        let found = customer::find(db, &view.tenant, customer_id).await?;
        let (met, roots) = (HashMap::new(), HashMap::new());
        let mut walk = Self { db, tenant: &view.tenant, by, reach, met, roots };
        walk.meet(&[found.root_id.as_str()]).await?;
        Ok((walk, found.root_id))
    }

    async fn step(&mut self, expansion: &mut Expansion) -> Result<()> {
        let (links, cut) = self.links(expansion.frontier()).await?;
        expansion.truncated |= cut;
        expansion.step(links, |id| self.may_show(id));
        Ok(())
    }

    /// Goes up from a company to its ultimate parent.
    async fn climb(&mut self, customer_id: &str) -> Result<String> {
        let mut climb = Climb::begin(customer_id);
        for _ in 0..MAX_LEVELS {
            let (links, _) = self.links(&[climb.at().to_owned()]).await?;
            let Some(parent) = links.into_iter().find(|link| self.may_show(&link.other_id)) else {
                break;
            };
            if let Some(head) = climb.up(parent.other_id) {
                return Ok(head);
            }
        }
        Ok(climb.at().to_owned())
    }

    /// The relations met at these profiles, in their order, the weightiest of each first; and whether there are more.
    async fn links(&mut self, roots: &[String]) -> Result<(Vec<Link>, bool)> {
        let (mut links, mut cut) = (Vec::new(), false);
        for run in roots.chunks(RUN) {
            if links.len() >= MAX_MET {
                return Ok((links, true));
            }
            let mut met = self.run(run).await?;
            for mut of_root in run.iter().filter_map(|root| met.remove(root)) {
                of_root.sort_by(|one, other| other.relation.weight().total_cmp(&one.relation.weight()));
                cut |= of_root.len() > self.reach.fan_out;
                of_root.truncate(self.reach.fan_out);
                links.append(&mut of_root);
            }
        }
        Ok((links, cut))
    }

    /// The relations met at a run of profiles, by their roots, from whichever of their customers.
    async fn run(&mut self, roots: &[String]) -> Result<HashMap<String, Vec<Link>>> {
        let absorbed = customer::absorbed(self.db, self.tenant, roots).await?;
        let ids: Vec<String> = roots.iter().chain(absorbed.iter().map(|(id, _)| id)).cloned().collect();
        self.roots.extend(absorbed);
        let mut rows = Vec::new();
        for row in self.db.query_all(&weightiest(self.tenant, &ids, &self.reach)).await? {
            rows.push(relation::Model::from_query_result(&row, "")?);
        }
        self.meet(&rows.iter().map(|row| row.other_id.as_str()).collect::<Vec<_>>()).await?;
        let mut met: HashMap<String, Vec<Link>> = HashMap::with_capacity(roots.len());
        for row in rows {
            let (here, other) = (self.root(&row.customer_id), self.root(&row.other_id));
            // What binds two customers of one profile binds it to nobody.
            if here != other {
                let link =
                    Link { customer_id: here.clone(), other_id: other, relation: convert::relation::message(row) };
                met.entry(here).or_default().push(link);
            }
        }
        Ok(met)
    }

    /// Finds out who they are that are met for the first time.
    async fn meet(&mut self, ids: &[&str]) -> Result<()> {
        let mut new: Vec<&str> = ids.iter().filter(|id| !self.known(id)).copied().collect();
        new.sort_unstable();
        new.dedup();
        for met in customer::met(self.db, self.tenant, &new).await? {
            let shown = relations::may_show(self.by, &met).then_some(met.customer_type);
            self.met.insert(met.root_id.clone(), shown);
            if met.root_id != met.customer_id {
                self.roots.insert(met.customer_id, met.root_id);
            }
        }
        Ok(())
    }

    fn known(&self, customer_id: &str) -> bool {
        self.met.contains_key(&self.root(customer_id))
    }

    fn root(&self, customer_id: &str) -> String {
        self.roots.get(customer_id).cloned().unwrap_or_else(|| customer_id.to_owned())
    }

    fn may_show(&self, customer_id: &str) -> bool {
        self.met.get(customer_id).is_some_and(Option::is_some)
    }

    fn hidden(&self) -> impl Iterator<Item = String> + '_ {
        self.met.iter().filter(|(_, shown)| shown.is_none()).map(|(id, _)| id.clone())
    }

    fn nodes(&self, expansion: &Expansion) -> Vec<pb::RelationNode> {
        let node = |id: &String| {
            let absorbed = self.roots.iter().filter(|(_, root)| *root == id).map(|(absorbed, _)| absorbed.clone());
            let mut merged_customer_ids: Vec<String> = absorbed.collect();
            merged_customer_ids.sort_unstable();
            pb::RelationNode {
                customer_id: id.clone(),
                r#type: self.met.get(id).copied().flatten().map(i32::from).unwrap_or_default(),
                distance: expansion.distance(id),
                merged_customer_ids,
            }
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
