//! Loads of wide tables: how far each is, and the transaction that a batch of rows lands in. What the rows come to is
//! worked out by `stage`.

mod stage;

use std::collections::BTreeSet;

use futures::try_join;
use huan_chassis::{
    Error, Result, clock,
    page::Page,
    store::{Tx, rows::Conflict},
};
use huan_proto::profile::v1 as pb;
use sea_orm::{ColumnTrait, ConnectionTrait, DbBackend, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use self::stage::{Kind, Stage};
use super::{
    Store, consent, customer,
    entity::{bulk_load, relation},
    proposal,
    seal::{key_ids, name_keys, upsert_with, write_sealed},
    tenant::View,
    upsert, vector,
};
use crate::convert::{
    self,
    bulk::{Batch, Row},
};

/// What a batch came to.
#[derive(Debug)]
pub struct Loaded {
    /// How far the load is.
    pub load: bulk_load::Model,
    /// What was wrong with rows that were refused.
    pub faults: Vec<pb::BulkFault>,
}

impl Store {
    /// Takes in a batch of rows and notes how far the load is, in one transaction. A batch that was taken in before
    /// changes nothing. Errors: WrongState if the load is over, awaits another row or is of another source.
    pub async fn load_rows(&self, view: &View, batch: Batch) -> Result<Loaded> {
        let tx = self.db.begin().await?;
        let known = if batch.dry_run { None } else { lock(&tx, &view.tenant, &batch.load.load_id).await? };
        if let Some(known) = &known
            && is_again(known, &batch)?
        {
            return Ok(Loaded { load: known.clone(), faults: Vec::new() });
        }
        if known.is_none() && !batch.dry_run && batch.first_row != 1 {
            return Err(awaits(1));
        }
        let mut load = batch.load.clone();
        if let Some(known) = known {
            load = bulk_load::Model { state: load.state, next_row: load.next_row, ..known };
        }
        let (dry_run, mut faults) = (batch.dry_run, Vec::new());
        load.refused_count += batch.refused;
        apply(&tx, view, batch, &mut load, &mut faults).await?;
        if dry_run {
            return Ok(Loaded { load, faults });
        }
        load.update_time = clock::micros(clock::system_now());
        if load.create_time == 0 {
            load.create_time = load.update_time;
        }
        upsert(&tx, vec![load.clone()]).await?;
        tx.commit().await?;
        self.merge_by_rule(view).await?;
        Ok(Loaded { load, faults })
    }

    /// Reads how far a load is. Errors: NotFound.
    pub async fn get_load(&self, tenant: &str, load_id: &str) -> Result<bulk_load::Model> {
        let missing = Error::NotFound { what: "load", field: "load_id" };
        by_id(tenant, load_id).one(self.db.read()).await?.ok_or(missing)
    }

    /// Lists loads by load_id.
    pub async fn list_loads(&self, tenant: &str, page: &Page) -> Result<Vec<bulk_load::Model>> {
        let mut query = bulk_load::Entity::find().filter(bulk_load::Column::Tenant.eq(tenant));
        if let Some(after) = page.after.as_ref().and_then(|key| key.first()) {
            query = query.filter(bulk_load::Column::LoadId.gt(after));
        }
        let query = query.order_by_asc(bulk_load::Column::LoadId).limit(page.limit + 1);
        Ok(query.all(self.db.read()).await?)
    }
}

/// Works the rows out against what is known, and writes what they change.
async fn apply(
    tx: &Tx,
    view: &View,
    batch: Batch,
    load: &mut bulk_load::Model,
    faults: &mut Vec<pb::BulkFault>,
) -> Result<()> {
    let ends = |row: &relation::Model| [row.customer_id.clone(), row.other_id.clone()];
    let named = |row: &Row| row.relations.iter().flat_map(ends).chain([row.customer_id.clone()]).collect::<Vec<_>>();
    let ids: BTreeSet<String> = batch.rows.iter().flat_map(named).collect();
    let customers = customer::lock(tx, &view.tenant, &ids.into_iter().collect::<Vec<_>>()).await?;
    let newer = view.newer(tx).await?;
    let view = newer.as_ref().unwrap_or(view);
    let mut stage = Stage::read(tx, view, &batch, customers).await?;
    faults.extend(batch.faults);
    for row in batch.rows {
        let number = row.row;
        match stage.add(row)? {
            Ok(Kind::New) => load.new_count += 1,
            Ok(Kind::Changed) => load.changed_count += 1,
            Ok(Kind::Same) => load.same_count += 1,
            Err(found) => {
                load.refused_count += 1;
                faults.extend(convert::bulk::row_faults(number, found));
            }
        }
    }
    if batch.dry_run { Ok(()) } else { write(tx, view, stage).await }
}

/// Writes what was staged, then the vectors and the feed rows of whom it touches.
async fn write(tx: &Tx, view: &View, stage: Stage<'_>) -> Result<()> {
    let mut changes = stage.finish();
    let keys = key_ids(&changes.touched);
    name_keys(&mut changes.holdings, &keys);
    let new_keys = changes.new_keys.iter().map(String::as_str).collect();
    let new_keys = tx.vault()?.draw_new(&view.tenant, &new_keys).await?;
    let renewed = proposal::renew(tx, view, &changes.customers);
    let customers = upsert_with(tx, changes.customers.clone(), &new_keys);
    let holdings = upsert_with(tx, changes.holdings, &new_keys);
    // What is joined is made ready by one while the database is at the other's. Keys are another database's.
    if tx.get_database_backend() == DbBackend::Sqlite {
        try_join!(new_keys.write(), renewed, customers, holdings)?;
    } else {
        // Who else writes the same new customer is waited for before it is looked up what they are found by.
        let written = async {
            customers.await?;
            try_join!(renewed, holdings)
        };
        try_join!(new_keys.write(), written)?;
    }
    super::tag::write(tx, view, changes.tags).await?;
    write_sealed(tx, changes.identities, Conflict::Leave).await?;
    super::relation::write(tx, changes.relations).await?;
    consent::append(tx, changes.consents).await?;
    let standing = consent::follow(tx, changes.standing).await?;
    let standings = consent::standings(tx, &view.tenant, &standing);
    let (standings, mut revised) = try_join!(standings, vector::revise(tx, view, changes.touched))?;
    revised.retain(|revised| revised.changed);
    vector::publish(tx, revised, standings).await.map(|_| ())
}

/// The token of the page after a full one.
pub fn next_page(filter: &[&str], rows: &mut Vec<bulk_load::Model>, limit: u64) -> String {
    super::next_page(filter, rows, limit, |row| vec![row.load_id.clone()])
}

/// Whether a batch was taken in before. Errors: WrongState.
fn is_again(known: &bulk_load::Model, batch: &Batch) -> Result<bool> {
    if (&known.source, &known.source_hash) != (&batch.load.source, &batch.load.source_hash) {
        return Err(Error::WrongState { what: "load", state: "of another source".to_owned() });
    }
    let over = known.state == pb::LoadState::Done as i16;
    if batch.load.next_row <= known.next_row && (over || batch.first_row < known.next_row) {
        return Ok(true);
    }
    match over {
        true => Err(Error::WrongState { what: "load", state: "over".to_owned() }),
        false if batch.first_row != known.next_row => Err(awaits(known.next_row)),
        false => Ok(false),
    }
}

fn awaits(row: i64) -> Error {
    Error::WrongState { what: "load", state: format!("at row {row}") }
}

async fn lock(tx: &Tx, tenant: &str, load_id: &str) -> Result<Option<bulk_load::Model>> {
    Ok(by_id(tenant, load_id).lock_exclusive().one(&**tx).await?)
}

fn by_id(tenant: &str, load_id: &str) -> sea_orm::Select<bulk_load::Entity> {
    let query = bulk_load::Entity::find().filter(bulk_load::Column::Tenant.eq(tenant));
    query.filter(bulk_load::Column::LoadId.eq(load_id))
}
