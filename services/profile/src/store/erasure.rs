//! Erasing a person. In one transaction the rows go, a tombstone that names nobody takes their place, and the feed is
//! told; then snapshots are rewritten and the keys destroyed, so that copies of the rows elsewhere, in backups above all,
//! open no more. What was cut short between the two is finished later.

use std::{
    collections::{BTreeSet, HashSet},
    time::Duration,
};

use huan_chassis::{Error, Result, clock, feed, page::Page, store::Tx, vault::PLAIN};
use huan_proto::profile::v1::{ChangeKind, ErasureState as State};
use sea_orm::{
    ActiveValue::Set,
    ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect,
    Select,
    sea_query::{Alias, Expr, Query},
};
use uuid::Uuid;

use super::{
    CHUNK, Store, customer as customer_store,
    entity::{customer, dead_letter, erasure, identity, relation, tombstone},
    hold, merge, related,
    tenant::View,
    token_text, vector,
};
use crate::{bucket::Bucket, convert};

/// Where personal rows lie: each table with the columns that name a customer. A test holds it against the schema.
/// The other ends of relations, and refused events that name an identity, are found otherwise.
pub const PERSONAL: &[(&str, &[&str])] = &[
    ("identity", &["customer_id"]),
    ("holding", &["customer_id"]),
    ("consent", &["customer_id"]),
    ("event", &["customer_id"]),
    ("event_day", &["customer_id"]),
    ("vector", &["customer_id"]),
    ("tag", &["customer_id"]),
    ("tag_history", &["customer_id"]),
    ("kyc_answer", &["customer_id"]),
    ("relation", &["customer_id"]),
    ("dead_letter", &["customer_id"]),
    ("lookup", &["customer_id"]),
    ("merge_edge", &["absorbed", "survivor"]),
    ("merge_proposal", &["absorbed", "survivor"]),
    ("feed", &["customer_id"]),
    ("customer", &["customer_id"]),
];

/// How often the customers of a person are read again because they were merged meanwhile.
const ATTEMPTS: usize = 10;
/// How often an erasure that was cut short is looked for.
const EVERY: Duration = Duration::from_secs(30);

/// What is asked of ErasePerson.
#[derive(Clone, Debug)]
pub struct Asked {
    /// The request.
    pub request_id: String,
    /// One of the person's customers.
    pub customer_id: String,
    /// Why.
    pub reason: String,
    /// Who asks.
    pub by: String,
}

impl Store {
    /// Erases a person, or notes that it is to be done once the last legal hold is lifted. Errors: NotFound.
    pub async fn erase_person(&self, view: &View, bucket: &Bucket, asked: Asked) -> Result<erasure::Model> {
        let tx = self.db.begin().await?;
        if let Some(known) = known(&tx, view, &asked).await? {
            drop(tx);
            return Ok(self.finish_or_later(bucket, known).await);
        }
        let members = members(&tx, &view.tenant, &asked.customer_id).await?;
        let named = members.iter().find(|member| member.customer_id == asked.customer_id);
        let named = named.ok_or(Error::NotFound { what: "customer", field: "customer_id" })?;
        let row = match waiting(&tx, view, &members).await? {
            Some(waiting) => waiting,
            None => note(&tx, view, asked, named).await?,
        };
        let (row, others) = match members.iter().any(hold::is_held) {
            true => (row, Vec::new()),
            false => erase(&tx, view, row, &members).await?,
        };
        tx.commit().await?;
        self.follow_erasure(view, others).await;
        Ok(self.finish_or_later(bucket, row).await)
    }

    /// Reads an erasure. Errors: NotFound.
    pub async fn get_erasure(&self, tenant: &str, erasure_id: &str) -> Result<erasure::Model> {
        let row = erasure::Entity::find_by_id((tenant.to_owned(), erasure_id.to_owned())).one(self.db.read()).await?;
        row.ok_or(Error::NotFound { what: "erasure", field: "erasure_id" })
    }

    /// Lists erasures, newest first. Errors: InvalidPageToken.
    pub async fn list_erasures(&self, tenant: &str, page: &Page) -> Result<Vec<erasure::Model>> {
        let mut query = erasure::Entity::find().filter(erasure::Column::Tenant.eq(tenant));
        if let Some(key) = &page.after {
            query = query.filter(erasure::Column::ErasureId.lt(token_text(key, 0)?));
        }
        let query = query.order_by_desc(erasure::Column::ErasureId).limit(page.limit + 1);
        Ok(query.all(self.db.read()).await?)
    }

    /// Finishes erasures that were cut short, now and every so often, until the store is closed.
    pub async fn finish_for_ever(self, bucket: Bucket) {
        let closed = self.db.closed();
        tokio::pin!(closed);
        loop {
            if let Err(error) = self.finish_erasures(&bucket).await {
                tracing::warn!(%error, "an erasure is not finished, trying again");
            }
            tokio::select! {
                () = &mut closed => return,
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Finishes erasures that were cut short, and begins those that nothing holds any more.
    pub async fn finish_erasures(&self, bucket: &Bucket) -> Result<()> {
        for row in in_state(State::Waiting).all(self.db.read()).await? {
            self.erase_waiting(row).await?;
        }
        for row in in_state(State::Erasing).all(self.db.read()).await? {
            self.finish_erasure(bucket, row).await?;
        }
        Ok(())
    }

    /// Erases a person who waits though no hold is left: an un-merge may have parted them from who is held.
    async fn erase_waiting(&self, row: erasure::Model) -> Result<()> {
        let view = self.view(&row.tenant).await?;
        let tx = self.db.begin().await?;
        let of_key = customer::Entity::find().filter(customer::Column::Tenant.eq(&row.tenant));
        let of_key = of_key.filter(customer::Column::CustomerKey.eq(&row.customer_key));
        let Some(named) = of_key.one(&*tx).await? else { return Ok(()) };
        let members = members(&tx, &row.tenant, &named.customer_id).await?;
        // Another replica may have been first.
        let is_waiting = waiting(&tx, &view, &members).await?.is_some_and(|found| found.erasure_id == row.erasure_id);
        if !is_waiting || members.iter().any(hold::is_held) {
            return Ok(());
        }
        let (_, others) = erase(&tx, &view, row, &members).await?;
        tx.commit().await?;
        self.follow_erasure(&view, others).await;
        Ok(())
    }

    /// Finishes an erasure; one that cannot be finished now is answered as it stands, and finished later.
    pub(super) async fn finish_or_later(&self, bucket: &Bucket, row: erasure::Model) -> erasure::Model {
        self.finish_erasure(bucket, row.clone()).await.unwrap_or_else(|error| {
            tracing::warn!(%error, erasure_id = row.erasure_id, "an erasure is not finished, trying again");
            row
        })
    }

    /// Lets the vectors of those follow who had a relation with somebody erased. They are locked one by one, and after the
    /// commit: an erasure waits for nobody but the person. Who is cut short here follows with the next change that is no
    /// event, or with the first event of another day.
    pub(super) async fn follow_erasure(&self, view: &View, others: Vec<String>) {
        for customer_id in others {
            let revise = async {
                let tx = self.db.begin().await?;
                let customers = customer_store::lock(&tx, &view.tenant, std::slice::from_ref(&customer_id)).await?;
                vector::follow(&tx, view, customers).await?;
                tx.commit().await
            };
            if let Err(error) = revise.await {
                tracing::warn!(%error, "a vector does not follow an erasure");
            }
        }
    }

    /// Takes those out of the snapshots whose rows are gone, then destroys their keys.
    async fn finish_erasure(&self, bucket: &Bucket, row: erasure::Model) -> Result<erasure::Model> {
        if row.state != State::Erasing as i16 {
            return Ok(row);
        }
        let of_tenant = tombstone::Entity::find().filter(tombstone::Column::Tenant.eq(&row.tenant));
        let erased = of_tenant.filter(tombstone::Column::ErasureId.eq(&row.erasure_id)).all(self.db.read()).await?;
        let mut gone = Vec::with_capacity(erased.len());
        // One whose key is gone is done with.
        for tombstone in self.db.vault()?.unseal_known(erased).await? {
            let customer_id = String::from_utf8_lossy(&tombstone.payload).into_owned();
            self.forget_letters(&row.tenant, &customer_id).await?;
            self.forget_in_snapshots(bucket, &row.tenant, &customer_id, &tombstone.customer_key).await?;
            self.db.vault()?.destroy(&row.tenant, &tombstone.customer_key).await?;
            gone.push(customer_id);
        }
        let tx = self.db.begin().await?;
        let mut done = row.into_active_model();
        done.state = Set(State::Done as i16);
        let row = erasure::Entity::update(done).exec(&*tx).await?;
        // The snapshots' own rows named the person until now.
        tx.scrub(gone.iter().map(String::as_str)).await?;
        tx.commit().await?;
        tracing::info!(customer_key = row.customer_key, "person erased");
        Ok(row)
    }
}

/// The token of the page after a full one.
pub fn next_page(filter: &[&str], rows: &mut Vec<erasure::Model>, limit: u64) -> String {
    super::next_page(filter, rows, limit, |row| vec![row.erasure_id.clone()])
}

/// Takes a person's rows away, leaves tombstones and tells the feed; answers with those too who had relations with the
/// person, as far as a feature may depend on it. The members are locked.
pub(super) async fn erase(
    tx: &Tx,
    view: &View,
    row: erasure::Model,
    members: &[customer::Model],
) -> Result<(erasure::Model, Vec<String>)> {
    let now = clock::micros(clock::system_now());
    let ids: Vec<&str> = members.iter().map(|member| member.customer_id.as_str()).collect();
    let mut others = erase_other_ends(tx, &view.tenant, &ids).await?;
    if related::asked(view).is_empty() {
        others.clear();
    }
    erase_letters(tx, &view.tenant, &ids).await?;
    erase_merges(tx, &view.tenant, &ids).await?;
    for (table, columns) in PERSONAL {
        for column in *columns {
            let column = Expr::col(Alias::new(*column)).is_in(ids.iter().copied());
            let of_tenant = Expr::col(Alias::new("tenant")).eq(view.tenant.as_str());
            let delete =
                Query::delete().from_table(Alias::new(*table)).and_where(of_tenant).and_where(column).to_owned();
            tx.execute(&delete).await?;
        }
    }
    let tombstones: Vec<tombstone::Model> = members.iter().map(|member| tombstone(view, member, &row, now)).collect();
    feed::publish(tx, tombstones.iter().map(convert::feed::erasure_row).collect()).await?;
    let rows = tx.vault()?.seal(tombstones).await?.into_iter().map(IntoActiveModel::into_active_model);
    tombstone::Entity::insert_many(rows).exec_without_returning(&**tx).await?;
    let mut erasing = row.into_active_model();
    (erasing.state, erasing.erase_time) = (Set(State::Erasing as i16), Set(Some(now)));
    tx.scrub(ids.iter().copied()).await?;
    Ok((erasure::Entity::update(erasing).exec(&**tx).await?, others))
}

/// Takes the rows of relations away that lie at their other ends, which this end's rows name; answers with whose they were.
async fn erase_other_ends(tx: &Tx, tenant: &str, ids: &[&str]) -> Result<Vec<String>> {
    let of_tenant = || relation::Column::Tenant.eq(tenant);
    let own = relation::Entity::find().filter(of_tenant());
    let own = own.filter(relation::Column::CustomerId.is_in(ids.iter().copied())).select_only();
    let others: Vec<String> = own.column(relation::Column::OtherId).distinct().into_tuple().all(&**tx).await?;
    for others in others.chunks(CHUNK) {
        let delete = relation::Entity::delete_many().filter(of_tenant());
        let delete = delete.filter(relation::Column::CustomerId.is_in(others));
        delete.filter(relation::Column::OtherId.is_in(ids.iter().copied())).exec(&**tx).await?;
    }
    Ok(others)
}

/// Takes refused events away that name a customer by an identity.
async fn erase_letters(tx: &Tx, tenant: &str, ids: &[&str]) -> Result<()> {
    let own = identity::Entity::find().filter(identity::Column::Tenant.eq(tenant));
    let own = own.filter(identity::Column::CustomerId.is_in(ids.iter().copied())).select_only();
    let hashes: Vec<String> = own.column(identity::Column::ValueHash).into_tuple().all(&**tx).await?;
    for hashes in hashes.chunks(CHUNK) {
        let delete = dead_letter::Entity::delete_many().filter(dead_letter::Column::Tenant.eq(tenant));
        delete.filter(dead_letter::Column::IdentityHash.is_in(hashes)).exec(&**tx).await?;
    }
    Ok(())
}

/// Takes rows out of the feed by which others were told that they are part of the profile of one of these. Whoever was
/// has left it since, and was told that as well.
async fn erase_merges(tx: &Tx, tenant: &str, ids: &[&str]) -> Result<()> {
    let merges = feed::entity::Entity::find().filter(feed::entity::Column::Tenant.eq(tenant));
    let merges = merges.filter(feed::entity::Column::Kind.eq(ChangeKind::Merge as i32)).select_only();
    let merges = merges.columns([feed::entity::Column::Seq, feed::entity::Column::Payload]);
    let mut named = Vec::new();
    for (seq, payload) in merges.into_tuple::<(i64, Vec<u8>)>().all(&**tx).await? {
        let root = convert::feed::root_of(&payload)?;
        named.extend(root.is_some_and(|root| ids.contains(&root.as_str())).then_some(seq));
    }
    for named in named.chunks(CHUNK) {
        let delete = feed::entity::Entity::delete_many();
        delete.filter(feed::entity::Column::Seq.is_in(named.iter().copied())).exec(&**tx).await?;
    }
    Ok(())
}

/// Those of the customers who were erased.
pub async fn erased(tx: &Tx, view: &View, ids: &[String]) -> Result<HashSet<String>> {
    let mut found = HashSet::new();
    for ids in ids.chunks(CHUNK) {
        let hashes: Vec<(String, &String)> = ids.iter().map(|id| (hash(view, id), id)).collect();
        let query = tombstone::Entity::find().filter(tombstone::Column::Tenant.eq(&view.tenant));
        let query = query.filter(tombstone::Column::CustomerHash.is_in(hashes.iter().map(|(hash, _)| hash.as_str())));
        let query = query.select_only().column(tombstone::Column::CustomerHash);
        let gone: BTreeSet<String> = query.into_tuple::<String>().all(&**tx).await?.into_iter().collect();
        found.extend(hashes.into_iter().filter(|(hash, _)| gone.contains(hash)).map(|(_, id)| id.clone()));
    }
    Ok(found)
}

/// Locks the customers of a person, whose envelopes stay sealed: an erasure must do without a key that is gone. None if
/// there is no such customer. Errors: Overloaded if they are being merged meanwhile.
pub(super) async fn members(tx: &Tx, tenant: &str, customer_id: &str) -> Result<Vec<customer::Model>> {
    for _ in 0..ATTEMPTS {
        let ids = merge::members(&**tx, tenant, &[customer_id]).await?;
        let query = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant));
        let query = query.filter(customer::Column::CustomerId.is_in(&ids)).order_by_asc(customer::Column::CustomerId);
        let rows = query.lock_exclusive().all(&**tx).await?;
        // Nobody joins or leaves a profile whose customers are locked.
        if merge::members(&**tx, tenant, &[customer_id]).await? == ids {
            return Ok(rows);
        }
    }
    Err(Error::Overloaded)
}

/// An erasure of these customers that waits for a hold to be lifted.
pub(super) async fn waiting(tx: &Tx, view: &View, members: &[customer::Model]) -> Result<Option<erasure::Model>> {
    let keys = members.iter().map(|member| member.customer_key.as_str());
    let query = erasure::Entity::find().filter(erasure::Column::Tenant.eq(&view.tenant));
    let query = query.filter(erasure::Column::CustomerKey.is_in(keys));
    Ok(query.filter(erasure::Column::State.eq(State::Waiting as i16)).one(&**tx).await?)
}

fn in_state(state: State) -> Select<erasure::Entity> {
    erasure::Entity::find().filter(erasure::Column::State.eq(state as i16))
}

/// Notes that a person is to be erased.
async fn note(tx: &Tx, view: &View, asked: Asked, named: &customer::Model) -> Result<erasure::Model> {
    let row = erasure::Model {
        tenant: view.tenant.clone(),
        erasure_id: Uuid::now_v7().simple().to_string(),
        request_id: asked.request_id,
        customer_key: named.customer_key.clone(),
        state: State::Waiting as i16,
        reason: asked.reason,
        requested_by: asked.by,
        request_time: clock::micros(clock::system_now()),
        erase_time: None,
    };
    erasure::Entity::insert(row.clone().into_active_model()).exec_without_returning(&**tx).await?;
    Ok(row)
}

/// The erasure that this very request asked for, or that erased the customer before.
async fn known(tx: &Tx, view: &View, asked: &Asked) -> Result<Option<erasure::Model>> {
    let of_tenant = || erasure::Entity::find().filter(erasure::Column::Tenant.eq(&view.tenant));
    let again = of_tenant().filter(erasure::Column::RequestId.eq(&asked.request_id)).one(&**tx).await?;
    if again.is_some() {
        return Ok(again);
    }
    let key = (view.tenant.clone(), hash(view, &asked.customer_id));
    let Some(tombstone) = tombstone::Entity::find_by_id(key).one(&**tx).await? else { return Ok(None) };
    Ok(of_tenant().filter(erasure::Column::ErasureId.eq(tombstone.erasure_id)).one(&**tx).await?)
}

fn tombstone(view: &View, member: &customer::Model, row: &erasure::Model, now: i64) -> tombstone::Model {
    tombstone::Model {
        tenant: view.tenant.clone(),
        customer_hash: hash(view, &member.customer_id),
        customer_key: member.customer_key.clone(),
        partition: feed::partition(&member.customer_id).cast_signed(),
        erasure_id: row.erasure_id.clone(),
        erase_time: now,
        format: PLAIN,
        key_id: String::new(),
        payload: member.customer_id.clone().into_bytes(),
    }
}

fn hash(view: &View, customer_id: &str) -> String {
    view.hash("customer", customer_id)
}
