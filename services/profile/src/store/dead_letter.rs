//! Dead letters: events that were refused, one for each source and source id, bounded in age and number. What is wrong
//! with an event is found elsewhere.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use chrono::TimeDelta;
use huan_chassis::{Identity, Result, clock, feed::Position, page::Page, store::Tx};
use huan_proto::profile::v1::DeadLetterState as State;
use sea_orm::{
    ColumnTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect, Select,
    sea_query::{Expr, OnConflict},
};
use tokio::sync::Notify;

use super::{
    CHUNK, Store, chunks,
    entity::{dead_letter, event},
    erasure,
    ingest::Taken,
    intake::WhenFull,
    one_of,
    seal::TENANT_KEY,
    tenant::View,
    token_text,
};
use crate::{
    config,
    convert::{self, event::Refused},
};

/// Letters read, replayed or dropped at a time.
pub const MOST: u64 = 1000;
/// After how many new letters the oldest are looked for.
const TRIM_EVERY: u64 = 1000;
/// What the page tokens of letters to replay are bound to, beside their filter.
pub const REPLAY: &str = "replay";
/// How often letters that are too old are looked for.
const EVERY: Duration = Duration::from_secs(60);

/// What this process knows of new letters.
#[derive(Debug, Default)]
pub struct Letters {
    count: AtomicU64,
    many: Notify,
}

/// What became of letters that were replayed.
#[derive(Debug, Default)]
pub struct Replayed {
    /// How many landed, or had landed before.
    pub replayed: usize,
    /// How many were refused again.
    pub refused: usize,
    /// The feed position that has seen those that landed.
    pub position: Option<Position>,
}

/// Which letters.
#[derive(Debug, Default)]
pub struct Filter {
    /// Only of this source; "" = of any.
    pub source: String,
    /// Only of this type; "" = of any.
    pub event_type: String,
    /// Only in this state; 0 = in any.
    pub state: i16,
}

impl Store {
    /// Lists letters by id.
    pub async fn list_dead_letters(
        &self,
        tenant: &str,
        filter: &Filter,
        page: &Page,
    ) -> Result<Vec<dead_letter::Model>> {
        let mut query = of(tenant).order_by_asc(dead_letter::Column::LetterId).limit(page.limit + 1);
        let wanted =
            [(dead_letter::Column::Source, &filter.source), (dead_letter::Column::EventType, &filter.event_type)];
        for (column, text) in wanted.into_iter().filter(|(_, text)| !text.is_empty()) {
            query = query.filter(column.eq(text));
        }
        if filter.state != 0 {
            query = query.filter(dead_letter::Column::State.eq(filter.state));
        }
        if let Some(key) = &page.after {
            query = query.filter(dead_letter::Column::LetterId.gt(token_text(key, 0)?));
        }
        self.db.vault()?.unseal(query.all(self.db.read()).await?).await
    }

    /// Reads the open ones of the letters named, or, if none are, those of a page, with the token of the next.
    pub async fn wanted_dead_letters(
        &self,
        tenant: &str,
        letter_ids: &[String],
        filter: &Filter,
        page: &Page,
    ) -> Result<(Vec<dead_letter::Model>, String)> {
        if letter_ids.is_empty() {
            let mut rows = self.list_dead_letters(tenant, filter, page).await?;
            let token = next_page(&convert::dead_letter::bound(tenant, filter, REPLAY), &mut rows, page.limit);
            return Ok((rows, token));
        }
        let mut rows = Vec::with_capacity(letter_ids.len());
        for ids in letter_ids.chunks(CHUNK) {
            let query = open(tenant).filter(one_of(dead_letter::Column::LetterId, ids));
            rows.extend(self.db.vault()?.unseal(query.all(self.db.read()).await?).await?);
        }
        Ok((rows, String::new()))
    }

    /// Takes in the events of letters again. Those that are refused are kept again, with their new reason.
    pub async fn replay_dead_letters(&self, by: &Identity, letters: Vec<dead_letter::Model>) -> Result<Replayed> {
        let (cut, letters): (Vec<_>, Vec<_>) = letters.into_iter().partition(|letter| letter.cut);
        let events = letters.iter().map(convert::dead_letter::event).collect::<Result<Vec<_>>>()?;
        if events.is_empty() {
            return Ok(Replayed { refused: cut.len(), ..Default::default() });
        }
        let Taken { refused, position, .. } = self.take_in(by, events, WhenFull::Refuse).await?;
        let again: HashSet<usize> = refused.iter().map(|refused| refused.index).collect();
        let landed = letters.into_iter().enumerate().filter(|(index, _)| !again.contains(index));
        let landed: Vec<String> = landed.map(|(_, letter)| letter.letter_id).collect();
        self.settle_dead_letters(by.tenant()?, &landed, State::Replayed).await?;
        Ok(Replayed { replayed: landed.len(), refused: again.len() + cut.len(), position })
    }

    /// Sets the state of those of the letters that are open; answers with how many there were.
    pub async fn settle_dead_letters(&self, tenant: &str, letter_ids: &[String], state: State) -> Result<u64> {
        let tx = self.db.begin().await?;
        let mut settled = 0;
        for ids in letter_ids.chunks(CHUNK) {
            settled += settle(&tx, tenant, dead_letter::Column::LetterId, ids, state).await?;
        }
        tx.commit().await?;
        Ok(settled)
    }

    /// Keeps refused events: a letter that there is already is open again, with the new event and its reason.
    pub async fn keep_dead_letters(&self, view: &View, refused: &[Refused]) -> Result<()> {
        if refused.is_empty() {
            return Ok(());
        }
        let now = clock::micros(clock::system_now());
        // One a digest, in one order for all writers.
        let mut rows: BTreeMap<String, dead_letter::Model> = refused
            .iter()
            .map(|refused| convert::dead_letter::row(view, refused, now))
            // Of no customer for certain: sealed under the tenant's own key.
            .map(|row| (row.digest.clone(), dead_letter::Model { key_id: TENANT_KEY.to_owned(), ..row }))
            .collect();
        let tx = self.db.begin().await?;
        // Of an erased person nothing is kept again.
        let ids: BTreeSet<String> = rows.values().map(|row| row.customer_id.clone()).collect();
        let erased = erasure::erased(&tx, view, &Vec::from_iter(ids)).await?;
        rows.retain(|_, row| !erased.contains(&row.customer_id));
        let count = rows.len() as u64;
        let rows = tx.vault()?.seal(rows.into_values().collect()).await?;
        for rows in chunks(rows, CHUNK) {
            let rows = rows.into_iter().map(IntoActiveModel::into_active_model);
            let insert = dead_letter::Entity::insert_many(rows).on_conflict(again());
            insert.exec_without_returning(&*tx).await?;
        }
        tx.commit().await?;
        let before = self.letters.count.fetch_add(count, Ordering::Relaxed);
        if before / TRIM_EVERY != (before + count) / TRIM_EVERY {
            self.letters.many.notify_one();
        }
        Ok(())
    }

    /// Deletes the letters of an erased customer once more: one may have been kept while the customer was erased.
    pub(super) async fn forget_letters(&self, tenant: &str, customer_id: &str) -> Result<()> {
        let tx = self.db.begin().await?;
        let delete = dead_letter::Entity::delete_many().filter(dead_letter::Column::Tenant.eq(tenant));
        delete.filter(dead_letter::Column::CustomerId.eq(customer_id)).exec(&*tx).await?;
        tx.commit().await
    }

    /// Deletes a tenant's letters but the newest `keep`.
    pub async fn trim_dead_letters(&self, tenant: &str, keep: u64) -> Result<()> {
        let query = of(tenant).order_by_desc(dead_letter::Column::LetterId).offset(keep).limit(1);
        let last: Option<String> =
            query.select_only().column(dead_letter::Column::LetterId).into_tuple().one(self.db.read()).await?;
        match last {
            Some(last) => self.delete_dead_letters(tenant, &last).await,
            None => Ok(()),
        }
    }

    /// Deletes letters that are too old or too many, every minute or when many have come, until the store is closed.
    pub async fn retain_dead_letters(self, config: config::DeadLetter) {
        let closed = self.db.closed();
        tokio::pin!(closed);
        loop {
            let pass = async {
                if let Err(error) = self.delete_old_letters(&config).await {
                    tracing::warn!(%error, "cannot delete old dead letters, trying again later");
                }
            };
            tokio::select! {
                () = &mut closed => return,
                () = pass => {}
            }
            tokio::select! {
                () = &mut closed => return,
                () = self.letters.many.notified() => {}
                () = tokio::time::sleep(EVERY) => {}
            }
        }
    }

    /// Deletes letters that are too old or too many.
    pub async fn delete_old_letters(&self, config: &config::DeadLetter) -> Result<()> {
        let age = TimeDelta::try_days(config.retention_days.into()).unwrap_or(TimeDelta::MAX);
        let Some(before) = clock::system_now().checked_sub_signed(age) else { return Ok(()) };
        let last = convert::dead_letter::last_id_before(before);
        for tenant in self.tenant_ids().await? {
            self.delete_dead_letters(&tenant, &last).await?;
            self.trim_dead_letters(&tenant, config.keep).await?;
        }
        Ok(())
    }

    /// Deletes letters up to one, which may not be there.
    async fn delete_dead_letters(&self, tenant: &str, last: &str) -> Result<()> {
        let tx = self.db.begin().await?;
        let delete = dead_letter::Entity::delete_many().filter(dead_letter::Column::Tenant.eq(tenant));
        delete.filter(dead_letter::Column::LetterId.lte(last)).exec(&*tx).await?;
        tx.commit().await
    }
}

/// Closes the open letters of events that have landed. Costs one look if there are none open, which is usual.
pub async fn close(tx: &Tx, view: &View, landed: impl Iterator<Item = &event::Model>) -> Result<()> {
    let any = open(&view.tenant).select_only().column(dead_letter::Column::State).limit(1);
    if any.into_tuple::<i16>().one(&**tx).await?.is_none() {
        return Ok(());
    }
    let mut digests: Vec<String> =
        landed.map(|row| convert::dead_letter::digest(view, &row.source, &row.source_id)).collect();
    digests.sort_unstable();
    for digests in digests.chunks(CHUNK) {
        settle(tx, &view.tenant, dead_letter::Column::Digest, digests, State::Replayed).await?;
    }
    Ok(())
}

/// The token of the page after a full one.
pub fn next_page(filter: &[&str], rows: &mut Vec<dead_letter::Model>, limit: u64) -> String {
    super::next_page(filter, rows, limit, |row| vec![row.letter_id.clone()])
}

async fn settle(tx: &Tx, tenant: &str, column: dead_letter::Column, values: &[String], state: State) -> Result<u64> {
    let now = clock::micros(clock::system_now());
    let update = dead_letter::Entity::update_many()
        .col_expr(dead_letter::Column::State, Expr::value(state as i16))
        .col_expr(dead_letter::Column::UpdateTime, Expr::value(now))
        .filter(dead_letter::Column::Tenant.eq(tenant))
        .filter(dead_letter::Column::State.eq(State::Open as i16))
        .filter(one_of(column, values));
    Ok(update.exec(&**tx).await?.rows_affected)
}

fn of(tenant: &str) -> Select<dead_letter::Entity> {
    dead_letter::Entity::find().filter(dead_letter::Column::Tenant.eq(tenant))
}

fn open(tenant: &str) -> Select<dead_letter::Entity> {
    of(tenant).filter(dead_letter::Column::State.eq(State::Open as i16))
}

/// What changes when an event is refused again.
fn again() -> OnConflict {
    use dead_letter::Column as C;
    OnConflict::columns([C::Tenant, C::Digest])
        .update_columns([
            C::EventType,
            C::CustomerId,
            C::IdentityHash,
            C::State,
            C::Field,
            C::Description,
            C::UpdateTime,
            C::Format,
            C::KeyId,
            C::Payload,
        ])
        .to_owned()
}
