//! Publishing maps, and reading them.

use huan_chassis::{Error, Result, clock, store::Tx};
use huan_proto::strategy::v1::{Policy, StrategyState};
use prost::Message as _;
use sea_orm::{
    ColumnTrait as _, EntityTrait as _, IntoActiveModel as _, QueryFilter as _, QueryOrder as _,
    sea_query::{Expr, ExprTrait as _},
};

use super::{
    Store,
    entity::{channel, objective, product, published_map, script, strategy, tenant as tenant_row},
    tenant,
};
use crate::{
    convert,
    map::{self, Known, Parts},
};

const APPROVED: i32 = StrategyState::Approved as i32;
const LIVE: i32 = StrategyState::Live as i32;

impl Store {
    /// Publishes all approved and live strategies with the policy. The same whole as the newest answers with that one.
    /// Errors: BrokenMap.
    pub async fn publish_map(
        &self,
        tenant: &str,
        publisher: &str,
        policy: Policy,
        known: &Known,
    ) -> Result<published_map::Model> {
        let tx = self.db.begin().await?;
        let head = tenant::lock_tenant(&tx, tenant).await?;
        let content = map::assemble(parts(&tx, tenant, policy).await?, known)?;
        let version = map::version_text(&map::version(&content));
        let newest = published_map::Entity::find_by_id((tenant.to_owned(), head.map_number)).one(&*tx).await?;
        let row = match newest.filter(|newest| newest.version == version) {
            Some(newest) => newest,
            None => add(&tx, &head, version, content.encode_to_vec(), publisher).await?,
        };
        go_live(&tx, tenant).await?;
        tenant::set_map(&tx, head, row.number).await?;
        tx.commit().await?;
        self.maps.forget(tenant);
        Ok(row)
    }

    /// Reads a version of the map, or the newest if it is empty. Errors: NotFound.
    pub async fn get_map(&self, tenant: &str, version: &str) -> Result<published_map::Model> {
        let mut found = published_map::Entity::find().filter(published_map::Column::Tenant.eq(tenant));
        if !version.is_empty() {
            found = found.filter(published_map::Column::Version.eq(version));
        }
        let newest = found.order_by_desc(published_map::Column::Number).one(self.db.read()).await?;
        newest.ok_or(Error::NotFound { what: "map", field: "version" })
    }
}

async fn parts(tx: &Tx, tenant: &str, policy: Policy) -> Result<Parts> {
    let strategies = strategy::Entity::find().filter(strategy::Column::Tenant.eq(tenant));
    let strategies = strategies.filter(strategy::Column::State.is_in([APPROVED, LIVE])).all(&**tx).await?;
    let products = product::Entity::find().filter(product::Column::Tenant.eq(tenant)).all(&**tx).await?;
    let channels = channel::Entity::find().filter(channel::Column::Tenant.eq(tenant)).all(&**tx).await?;
    let scripts = script::Entity::find().filter(script::Column::Tenant.eq(tenant)).all(&**tx).await?;
    let objectives = objective::Entity::find().filter(objective::Column::Tenant.eq(tenant)).all(&**tx).await?;
    Ok(Parts {
        strategies: strategies.into_iter().map(convert::strategy::message).collect::<Result<_>>()?,
        products: products.into_iter().map(convert::product::message).collect(),
        channels: channels.into_iter().map(convert::channel::message).collect(),
        scripts: scripts.into_iter().map(convert::script::message).collect(),
        objectives: objectives.into_iter().map(convert::objective::message).collect(),
        policy,
    })
}

async fn add(
    tx: &Tx,
    head: &tenant_row::Model,
    version: String,
    content: Vec<u8>,
    publisher: &str,
) -> Result<published_map::Model> {
    let row = published_map::Model {
        tenant: head.tenant.clone(),
        number: head.map_number + 1,
        version,
        content,
        publisher: publisher.to_owned(),
        publish_time: clock::micros(clock::system_now()),
    };
    published_map::Entity::insert(row.clone().into_active_model()).exec_without_returning(&**tx).await?;
    Ok(row)
}

// Approved ones go live, and what was stopped before is no longer: it was approved anew.
async fn go_live(tx: &Tx, tenant: &str) -> Result<()> {
    let now = clock::micros(clock::system_now());
    let live = strategy::Entity::update_many()
        .col_expr(strategy::Column::State, Expr::value(LIVE))
        .col_expr(strategy::Column::Stopped, Expr::value(false))
        .col_expr(strategy::Column::UpdateTime, Expr::value(now))
        .col_expr(strategy::Column::Revision, Expr::col(strategy::Column::Revision).add(1));
    let approved = live.filter(strategy::Column::Tenant.eq(tenant)).filter(strategy::Column::State.eq(APPROVED));
    approved.exec(&**tx).await?;
    Ok(())
}
