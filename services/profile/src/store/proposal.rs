//! Pairs of customers that may be one: found when a customer is written, decided by a person, or by the tenant's rule.
//! A pair is proposed once a reason: whatever was decided of it holds.

use std::collections::{BTreeMap, HashMap};

use huan_chassis::{
    Error, Identity, Result, clock,
    feed::Position,
    page::Page,
    store::{
        Tx,
        rows::{self, Conflict},
    },
};
use huan_proto::profile::v1::{MergeProposalState, MergeReason};
use sea_orm::{
    ColumnTrait, Condition, ConnectionTrait, EntityTrait, ExprTrait, QueryFilter, QueryOrder, QuerySelect,
    sea_query::{Expr, Query},
};
use sha2::{Digest, Sha256};

use super::{
    CHUNK, Store, after, below,
    entity::{customer, lookup as lookup_entity, merge_proposal},
    lookup, merge,
    tenant::View,
    token_number, token_text, upsert,
};
use crate::convert::merge::List;

/// Proposals that the rule accepts at once.
const AT_ONCE: u64 = 500;
/// Who decides for a tenant's rule.
const RULE: &str = "rule";

impl Store {
    /// Lists proposals, oldest first. Errors: InvalidPageToken.
    pub async fn list_merge_proposals(
        &self,
        tenant: &str,
        list: &List,
        page: &Page,
    ) -> Result<Vec<merge_proposal::Model>> {
        use merge_proposal::Column;
        let mut query = in_state(tenant, list.state);
        if list.owner_path != "/" {
            query = query.filter(owned(tenant, Column::Absorbed, &list.owner_path));
            query = query.filter(owned(tenant, Column::Survivor, &list.owner_path));
        }
        if let Some(key) = &page.after {
            let (create_time, proposal_id) = (token_number(key, 0)?, token_text(key, 1)?);
            query =
                query.filter(after([Column::CreateTime, Column::ProposalId], [create_time.into(), proposal_id.into()]));
        }
        let query = query.order_by_asc(Column::CreateTime).order_by_asc(Column::ProposalId);
        Ok(query.limit(page.limit + 1).all(self.db.read()).await?)
    }

    /// Accepts or rejects a proposal. Errors: NotFound, for one outside the caller's scope too; WrongState if it was
    /// decided otherwise or the profile gets too large.
    pub async fn decide_merge_proposal(
        &self,
        view: &View,
        by: &Identity,
        proposal_id: &str,
        accept: bool,
    ) -> Result<(merge_proposal::Model, Option<Position>)> {
        let row = find(self.db.read(), &view.tenant, proposal_id).await?.ok_or_else(missing)?;
        self.check_pair(view, by, &row.absorbed, &row.survivor, missing).await?;
        self.decide(view, &by.subject, row, accept).await
    }

    /// Lets the rule of every tenant that has one decide what nobody has decided yet.
    pub async fn merge_by_rule(&self, view: &View) -> Result<()> {
        if !view.row.merge_by_id_number {
            return Ok(());
        }
        let open = in_state(&view.tenant, MergeProposalState::Open.into());
        let open = open.filter(merge_proposal::Column::Reason.eq(MergeReason::IdNumber as i16));
        let open = open.order_by_asc(merge_proposal::Column::CreateTime);
        for row in open.order_by_asc(merge_proposal::Column::ProposalId).limit(AT_ONCE).all(self.db.read()).await? {
            match self.decide(view, RULE, row, true).await {
                // A profile that is full waits for a person.
                Ok(_) | Err(Error::WrongState { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    async fn decide(
        &self,
        view: &View,
        by: &str,
        row: merge_proposal::Model,
        accept: bool,
    ) -> Result<(merge_proposal::Model, Option<Position>)> {
        let wanted = if accept { MergeProposalState::Accepted } else { MergeProposalState::Rejected };
        if row.state == wanted as i16 {
            return Ok((row, None));
        }
        if row.state != MergeProposalState::Open as i16 {
            return Err(Error::WrongState { what: "proposal", state: "decided otherwise".to_owned() });
        }
        let (merge_id, position) = if accept { self.accept(view, by, &row).await? } else { Default::default() };
        let tx = self.db.begin().await?;
        let key = (row.tenant.clone(), row.proposal_id.clone());
        let row = merge_proposal::Entity::find_by_id(key).lock_exclusive().one(&*tx).await?.ok_or_else(missing)?;
        let decide_time = clock::micros(clock::system_now());
        let row =
            merge_proposal::Model { state: wanted as i16, decided_by: by.to_owned(), decide_time, merge_id, ..row };
        upsert(&tx, vec![row.clone()]).await?;
        tx.commit().await?;
        Ok((row, position))
    }

    /// Merges the two, if nobody has merged just them before: the proposal's id is the request's.
    async fn accept(&self, view: &View, by: &str, row: &merge_proposal::Model) -> Result<(String, Option<Position>)> {
        let ask = merge::Ask {
            request_id: Some(row.proposal_id.clone()),
            absorbed: row.absorbed.clone(),
            survivor: row.survivor.clone(),
            reason: MergeReason::try_from(i32::from(row.reason)).unwrap_or_default(),
            made_by: by.to_owned(),
        };
        let (edge, position) = self.merge_customers(view, &ask).await?;
        Ok((edge.merge_id, position))
    }
}

/// The token of the page after a full one.
pub fn next_page(filter: &[&str], rows: &mut Vec<merge_proposal::Model>, limit: u64) -> String {
    super::next_page(filter, rows, limit, |row| vec![row.create_time.to_string(), row.proposal_id.clone()])
}

/// Renews what customers are found by who are written in this transaction (before this, where others may write the same
/// ones), and proposes those that share a telephone number or an identity document with others.
pub async fn renew(tx: &Tx, view: &View, customers: &[customer::Model]) -> Result<()> {
    let fresh = lookup::renew(tx, view, customers).await?;
    let pairs = lookup::shared(&**tx, &view.tenant, &fresh).await?;
    let mut ages = ages(tx, view, &pairs).await?;
    ages.extend(customers.iter().map(|row| (row.customer_id.clone(), Age::of(row))));
    let now = clock::micros(clock::system_now());
    let mut rows: BTreeMap<String, merge_proposal::Model> = BTreeMap::new();
    for (row, other) in pairs {
        let (Some(one), Some(other)) = (ages.get(&row.customer_id), ages.get(&other)) else { continue };
        if one.root_id == other.root_id {
            continue;
        }
        let made = proposal(view, row.kind, one.clone(), other.clone(), now);
        rows.insert(made.proposal_id.clone(), made);
    }
    rows::write(tx, rows.into_values().collect(), Conflict::Leave).await
}

/// How old a customer is: of two, the lesser one is the older.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Age {
    create_time: i64,
    customer_id: String,
    root_id: String,
}

impl Age {
    fn of(row: &customer::Model) -> Self {
        Self { create_time: row.create_time, customer_id: row.customer_id.clone(), root_id: row.root_id.clone() }
    }
}

async fn ages(tx: &Tx, view: &View, pairs: &[(lookup_entity::Model, String)]) -> Result<HashMap<String, Age>> {
    let mut ids: Vec<&str> = pairs.iter().map(|(_, other)| other.as_str()).collect();
    ids.sort_unstable();
    ids.dedup();
    let mut found = HashMap::with_capacity(ids.len());
    for ids in ids.chunks(CHUNK) {
        let query = customer::Entity::find().filter(customer::Column::Tenant.eq(&view.tenant));
        let query = query.filter(customer::Column::CustomerId.is_in(ids.iter().copied())).select_only();
        let query = query.column(customer::Column::CreateTime).column(customer::Column::CustomerId);
        let rows: Vec<(i64, String, String)> = query.column(customer::Column::RootId).into_tuple().all(&**tx).await?;
        let age = |(create_time, customer_id, root_id): (i64, String, String)| {
            (customer_id.clone(), Age { create_time, customer_id, root_id })
        };
        found.extend(rows.into_iter().map(age));
    }
    Ok(found)
}

fn proposal(view: &View, kind: i16, one: Age, other: Age, now: i64) -> merge_proposal::Model {
    let (older, younger) = if one <= other { (one, other) } else { (other, one) };
    let reason = if kind == lookup::ID_NUMBER { MergeReason::IdNumber } else { MergeReason::Phone };
    let digest = [older.customer_id.as_str(), &younger.customer_id, reason.as_str_name()]
        .iter()
        .fold(Sha256::new(), |digest, text| digest.chain_update((text.len() as u64).to_be_bytes()).chain_update(text));
    let digest = digest.finalize();
    merge_proposal::Model {
        tenant: view.tenant.clone(),
        proposal_id: hex::encode(&digest[..16]),
        absorbed: younger.customer_id,
        survivor: older.customer_id,
        reason: reason as i16,
        state: MergeProposalState::Open as i16,
        create_time: now,
        decided_by: String::new(),
        decide_time: 0,
        merge_id: String::new(),
    }
}

async fn find(db: &impl ConnectionTrait, tenant: &str, proposal_id: &str) -> Result<Option<merge_proposal::Model>> {
    let key = (tenant.to_owned(), proposal_id.to_owned());
    Ok(merge_proposal::Entity::find_by_id(key).one(db).await?)
}

fn missing() -> Error {
    Error::NotFound { what: "proposal", field: "proposal_id" }
}

fn in_state(tenant: &str, state: i32) -> sea_orm::Select<merge_proposal::Entity> {
    let query = merge_proposal::Entity::find().filter(merge_proposal::Column::Tenant.eq(tenant));
    query.filter(merge_proposal::Column::State.eq(state))
}

/// Whether the customer that a column names is owned at or below a path.
fn owned(tenant: &str, column: merge_proposal::Column, path: &str) -> Expr {
    let at_or_below =
        Condition::any().add(customer::Column::OwnerPath.eq(path)).add(customer::Column::OwnerPath.like(below(path)));
    let of_customer = Query::select()
        .expr(Expr::value(1))
        .from(customer::Entity)
        .and_where(Expr::col((customer::Entity, customer::Column::Tenant)).eq(tenant))
        .and_where(
            Expr::col((customer::Entity, customer::Column::CustomerId)).eq(Expr::col((merge_proposal::Entity, column))),
        )
        .cond_where(at_or_below)
        .to_owned();
    Expr::exists(of_customer)
}
