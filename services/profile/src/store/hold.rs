//! Legal holds: while one holds, a customer's record and identities are neither changed nor deleted, an erasure waits,
//! and a gate keeps marketing away.

use huan_chassis::{Error, Result, clock, store::Tx};
use huan_proto::profile::v1::Gate;
use sea_orm::{ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder};
use uuid::Uuid;

use super::{
    Store, customer,
    entity::{customer as customer_entity, erasure as erasure_entity, legal_hold},
    erasure,
    seal::upsert_sealed,
    tenant::View,
};
use crate::bucket::Bucket;

/// The gate of a held customer, as a bit of the column.
const HELD: i32 = 1 << (Gate::LegalHold as i32);

/// What is asked of PlaceLegalHold.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The request.
    pub request_id: String,
    /// The customer.
    pub customer_id: String,
    /// Why.
    pub reason: String,
    /// Who asks.
    pub by: String,
}

/// What is asked of LiftLegalHold.
#[derive(Clone, Debug)]
pub struct Lift {
    /// The customer.
    pub customer_id: String,
    /// The hold.
    pub hold_id: String,
    /// Who asks.
    pub by: String,
}

/// What lifting a hold did.
#[derive(Clone, Debug)]
pub struct Lifted {
    /// The hold.
    pub hold: legal_hold::Model,
    /// The erasure that waited for it.
    pub erasure: Option<erasure_entity::Model>,
}

impl Store {
    /// Places a hold, or answers with the one that this very request placed. Errors: NotFound; Erased.
    pub async fn place_legal_hold(&self, view: &View, asked: Asked) -> Result<legal_hold::Model> {
        let tx = self.db.begin().await?;
        let customer = customer::lock_one(&tx, &view.tenant, &asked.customer_id).await?;
        let again = legal_hold::Entity::find().filter(legal_hold::Column::Tenant.eq(&view.tenant));
        if let Some(again) = again.filter(legal_hold::Column::RequestId.eq(&asked.request_id)).one(&*tx).await? {
            return Ok(again);
        }
        let hold = legal_hold::Model {
            tenant: view.tenant.clone(),
            customer_key: customer.customer_key.clone(),
            hold_id: Uuid::now_v7().simple().to_string(),
            request_id: asked.request_id,
            reason: asked.reason,
            placed_by: asked.by,
            place_time: clock::micros(clock::system_now()),
            lifted_by: String::new(),
            lift_time: None,
        };
        legal_hold::Entity::insert(hold.clone().into_active_model()).exec_without_returning(&*tx).await?;
        let gates = customer.gates | HELD;
        set_gates(&tx, view, customer, gates).await?;
        tx.commit().await?;
        Ok(hold)
    }

    /// Lifts a hold; with the last one of a person, an erasure that waits is done. Errors: NotFound.
    pub async fn lift_legal_hold(&self, view: &View, bucket: &Bucket, asked: Lift) -> Result<Lifted> {
        let Lift { customer_id, hold_id, by } = asked;
        let tx = self.db.begin().await?;
        let customer = customer::lock_one(&tx, &view.tenant, &customer_id).await?;
        let holds = holds(&*tx, &view.tenant, &customer.customer_key).await?;
        let hold = holds.iter().find(|hold| hold.hold_id == hold_id).cloned();
        let hold = hold.ok_or(Error::NotFound { what: "legal hold", field: "hold_id" })?;
        if hold.lift_time.is_some() {
            return Ok(Lifted { hold, erasure: None });
        }
        let mut lifted = hold.into_active_model();
        lifted.lifted_by = Set(by);
        lifted.lift_time = Set(Some(clock::micros(clock::system_now())));
        let hold = legal_hold::Entity::update(lifted).exec(&*tx).await?;
        let others = holds.iter().any(|other| other.hold_id != hold_id && other.lift_time.is_none());
        let erasure = if others { None } else { release(&tx, view, customer).await? };
        tx.commit().await?;
        let erasure = match erasure {
            Some((erasing, others)) => {
                self.follow_erasure(view, others).await;
                Some(self.finish_or_later(bucket, erasing).await)
            }
            None => None,
        };
        Ok(Lifted { hold, erasure })
    }

    /// Lists a customer's holds, newest first. Errors: NotFound.
    pub async fn list_legal_holds(&self, tenant: &str, customer_id: &str) -> Result<Vec<legal_hold::Model>> {
        let customer = customer::find(self.db.read(), tenant, customer_id).await?;
        holds(self.db.read(), tenant, &customer.customer_key).await
    }
}

/// Whether a customer is under a legal hold.
pub fn is_held(customer: &customer_entity::Model) -> bool {
    customer.gates & HELD != 0
}

/// Refuses to change a customer that is under a legal hold. Errors: LegalHold.
pub fn check(customer: &customer_entity::Model) -> Result<()> {
    if is_held(customer) { Err(Error::LegalHold { what: "customer" }) } else { Ok(()) }
}

async fn holds(db: &impl ConnectionTrait, tenant: &str, customer_key: &str) -> Result<Vec<legal_hold::Model>> {
    let query = legal_hold::Entity::find().filter(legal_hold::Column::Tenant.eq(tenant));
    let query = query.filter(legal_hold::Column::CustomerKey.eq(customer_key));
    Ok(query.order_by_desc(legal_hold::Column::HoldId).all(db).await?)
}

/// Opens the gate, and erases the person if that waits and nothing else holds it.
async fn release(
    tx: &Tx,
    view: &View,
    customer: customer_entity::Model,
) -> Result<Option<(erasure_entity::Model, Vec<String>)>> {
    let (customer_id, gates) = (customer.customer_id.clone(), customer.gates & !HELD);
    set_gates(tx, view, customer, gates).await?;
    let members = erasure::members(tx, &view.tenant, &customer_id).await?;
    if members.iter().any(is_held) {
        return Ok(None);
    }
    match erasure::waiting(tx, view, &members).await? {
        Some(waiting) => erasure::erase(tx, view, waiting, &members).await.map(Some),
        None => Ok(None),
    }
}

async fn set_gates(tx: &Tx, view: &View, customer: customer_entity::Model, gates: i32) -> Result<()> {
    if customer.gates == gates {
        return Ok(());
    }
    let update_time = clock::micros(clock::system_now());
    let row = customer_entity::Model { gates, update_time, revision: customer.revision + 1, ..customer };
    upsert_sealed(tx, vec![row.clone()]).await?;
    customer::publish(tx, view, vec![row]).await
}
