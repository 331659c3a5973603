//! Strategies: writing them, and their way from draft to retirement.

use huan_chassis::{
    Error, Identity, Result, clock,
    identity::{Kind, within},
    page::Page,
    store::{Tx, is_unique_violation},
};
use huan_proto::strategy::v1::{Strategy, StrategyState};
use prost::Message as _;
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _, QuerySelect as _,
};

use super::{
    Store, after,
    entity::{published_map, strategy, tenant as tenant_row},
    next_page, tenant, upsert,
};
use crate::{
    convert,
    lifecycle::{self, Step},
};

/// Which strategy, as it was read.
#[derive(Clone, Debug)]
pub struct Read {
    /// The tenant.
    pub tenant: String,
    /// The strategy.
    pub strategy_id: String,
    /// The revision that was read.
    pub revision: i64,
}

impl Store {
    /// Reads one strategy. Errors: NotFound.
    pub async fn get_strategy(&self, tenant: &str, strategy_id: &str) -> Result<strategy::Model> {
        let key = (tenant.to_owned(), strategy_id.to_owned());
        let found = strategy::Entity::find_by_id(key).one(self.db.read()).await?;
        found.ok_or(Error::NotFound { what: "strategy", field: "strategy_id" })
    }

    /// Lists strategies, all or those in one state, in the order of their ids.
    pub async fn list_strategies(
        &self,
        tenant: &str,
        state: Option<i32>,
        page: Page,
        filter: &[&str],
    ) -> Result<(Vec<strategy::Model>, String)> {
        let mut found = strategy::Entity::find().filter(strategy::Column::Tenant.eq(tenant));
        if let Some(state) = state {
            found = found.filter(strategy::Column::State.eq(state));
        }
        let further = found.filter(strategy::Column::StrategyId.gt(after(&page)?));
        let ordered = further.order_by_asc(strategy::Column::StrategyId).limit(page.limit + 1);
        let mut rows = ordered.all(self.db.read()).await?;
        let token = next_page(filter, &mut rows, page.limit, |row| &row.strategy_id);
        Ok((rows, token))
    }

    /// Creates a strategy as a draft of `maker`. Errors: AlreadyExists, unless this very request created it.
    pub async fn create_strategy(
        &self,
        tenant: &str,
        maker: &str,
        request_id: &str,
        body: &Strategy,
    ) -> Result<strategy::Model> {
        let tx = self.db.begin().await?;
        let of_tenant = strategy::Entity::find().filter(strategy::Column::Tenant.eq(tenant));
        if let Some(found) = of_tenant.filter(strategy::Column::RequestId.eq(request_id)).one(&*tx).await? {
            return Ok(found);
        }
        let row = draft(tenant, maker, request_id, body);
        let inserted = strategy::Entity::insert(row.clone().into_active_model()).exec_without_returning(&*tx).await;
        match inserted {
            Err(error) if is_unique_violation(&error) => {
                Err(Error::AlreadyExists { what: "strategy", field: "strategy_id" })
            }
            Err(error) => Err(error.into()),
            Ok(_) => tx.commit().await.map(|()| row),
        }
    }

    /// Replaces a strategy, which becomes a draft of the caller. Errors: NotFound, WrongState, StaleRevision, OutOfScope.
    pub async fn update_strategy(&self, read: &Read, body: &Strategy, caller: &Identity) -> Result<strategy::Model> {
        let (tx, found) = self.read_strategy(read, caller, Step::Update).await?;
        let row = strategy::Model {
            owner_path: body.owner_path.clone(),
            maker: caller.subject.clone(),
            checker: String::new(),
            comment: String::new(),
            body: body.encode_to_vec(),
            ..found
        };
        save(tx, row).await
    }

    /// Hands a draft in. Errors: NotFound, WrongState, StaleRevision, OutOfScope.
    pub async fn submit_strategy(&self, read: &Read, caller: &Identity) -> Result<strategy::Model> {
        let (tx, found) = self.read_strategy(read, caller, Step::Submit).await?;
        save(tx, found).await
    }

    /// Approves a strategy or sends it back. Errors: NotFound, OwnWork, WrongState, StaleRevision, OutOfScope.
    pub async fn judge_strategy(
        &self,
        read: &Read,
        approve: bool,
        comment: String,
        caller: &Identity,
    ) -> Result<strategy::Model> {
        let step = if approve { Step::Approve } else { Step::SendBack };
        let (tx, found) = self.read_strategy(read, caller, step).await?;
        if found.maker == caller.subject {
            return Err(Error::OwnWork { what: "strategy", field: "strategy_id" });
        }
        let checker = if approve { caller.subject.clone() } else { String::new() };
        save(tx, strategy::Model { checker, comment, ..found }).await
    }

    /// Stops a strategy for now or for good, or lets it go on; the published map obeys at once. Errors: NotFound,
    /// WrongState, StaleRevision, OutOfScope.
    pub async fn move_strategy(&self, read: &Read, step: Step, caller: &Identity) -> Result<strategy::Model> {
        let (tx, found) = self.read_strategy(read, caller, step).await?;
        let stopped = lifecycle::stops(step).unwrap_or(found.stopped);
        if stopped != found.stopped {
            tenant::bump(&tx, &found.tenant).await?;
        }
        let row = save(tx, strategy::Model { stopped, ..found }).await?;
        self.maps.forget(&row.tenant);
        Ok(row)
    }

    // Locks a strategy, after its tenant as a publish does, and takes it a step further, not yet written.
    async fn read_strategy(&self, read: &Read, caller: &Identity, step: Step) -> Result<(Tx, strategy::Model)> {
        let tx = self.db.begin().await?;
        let head = tenant::lock_tenant(&tx, &read.tenant).await?;
        let key = (read.tenant.clone(), read.strategy_id.clone());
        let found = strategy::Entity::find_by_id(key).lock_exclusive().one(&*tx).await?;
        let found = found.ok_or(Error::NotFound { what: "strategy", field: "strategy_id" })?;
        if caller.kind == Kind::User && !within(&found.owner_path, &caller.org_path) {
            return Err(Error::OutOfScope { field: "strategy_id".into() });
        }
        if found.revision != read.revision {
            return Err(Error::StaleRevision { what: "strategy" });
        }
        let moves = lifecycle::stops(step).is_some();
        let stopped = (moves && runs(&tx, head, &found.strategy_id).await?).then_some(found.stopped);
        let state = lifecycle::next(StrategyState::try_from(found.state).unwrap_or_default(), step, stopped)?;
        Ok((tx, strategy::Model { state: state as i32, ..found }))
    }
}

// Whether the published map holds a version of the strategy.
async fn runs(tx: &Tx, head: tenant_row::Model, strategy_id: &str) -> Result<bool> {
    let Some(newest) = published_map::Entity::find_by_id((head.tenant, head.map_number)).one(&**tx).await? else {
        return Ok(false);
    };
    let content = convert::map::content(&newest.content)?;
    Ok(content.strategies.iter().any(|strategy| strategy.strategy_id == strategy_id))
}

fn draft(tenant: &str, maker: &str, request_id: &str, body: &Strategy) -> strategy::Model {
    strategy::Model {
        tenant: tenant.to_owned(),
        strategy_id: body.strategy_id.clone(),
        request_id: request_id.to_owned(),
        owner_path: body.owner_path.clone(),
        state: StrategyState::Draft as i32,
        stopped: false,
        maker: maker.to_owned(),
        checker: String::new(),
        comment: String::new(),
        body: body.encode_to_vec(),
        revision: 1,
        update_time: clock::micros(clock::system_now()),
    }
}

async fn save(tx: Tx, row: strategy::Model) -> Result<strategy::Model> {
    let update_time = clock::micros(clock::system_now());
    let row = strategy::Model { revision: row.revision + 1, update_time, ..row };
    upsert(&tx, vec![row.clone()]).await?;
    tx.commit().await?;
    Ok(row)
}
