//! The dictionary of tags: what may be put on, by whom and for how long.

use std::collections::HashMap;

use huan_chassis::{
    Error, Result,
    clock::{self, Day, TenantTime},
    page::Page,
    store::is_unique_violation,
};
use huan_proto::profile::v1 as pb;
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, IntoActiveModel, QueryFilter, QueryOrder, QuerySelect};

use super::{
    Store,
    entity::{tag, tag_definition},
    upsert,
};
use crate::convert::{self, NEVER};

impl Store {
    /// Enters a tag, or answers with what this very request entered. Errors: AlreadyExists.
    pub async fn create_tag_definition(&self, row: tag_definition::Model) -> Result<tag_definition::Model> {
        let tx = self.db.begin().await?;
        let again = of_tenant(&row.tenant).filter(tag_definition::Column::RequestId.eq(&row.request_id));
        if let Some(found) = again.one(&*tx).await? {
            return Ok(found);
        }
        let now = clock::micros(clock::system_now());
        let row = tag_definition::Model { create_time: now, update_time: now, ..row };
        let insert = tag_definition::Entity::insert(row.clone().into_active_model());
        insert.exec_without_returning(&*tx).await.map_err(|error| match is_unique_violation(&error) {
            true => Error::AlreadyExists { what: "tag definition", field: "definition.name" },
            false => error.into(),
        })?;
        tx.commit().await?;
        Ok(row)
    }

    /// Changes the masked fields of an entry. Errors: NotFound; StaleRevision; Invalid.
    pub async fn update_tag_definition(
        &self,
        tenant: &str,
        request: pb::UpdateTagDefinitionRequest,
    ) -> Result<tag_definition::Model> {
        let tx = self.db.begin().await?;
        let found = of_tenant(tenant).filter(tag_definition::Column::Name.eq(&request.name));
        let old = found.lock_exclusive().one(&*tx).await?.ok_or_else(missing)?;
        let revision = request.revision;
        let row = convert::tag_definition::updated(&old, request)?;
        if old.revision != revision {
            return Err(Error::StaleRevision { what: "tag definition" });
        }
        let row = tag_definition::Model { update_time: clock::micros(clock::system_now()), ..row };
        upsert(&tx, vec![row.clone()]).await?;
        tx.commit().await?;
        Ok(row)
    }

    /// Reads an entry. Errors: NotFound.
    pub async fn get_tag_definition(&self, tenant: &str, name: &str) -> Result<tag_definition::Model> {
        let found = of_tenant(tenant).filter(tag_definition::Column::Name.eq(name));
        found.one(self.db.read()).await?.ok_or_else(missing)
    }

    /// Lists the dictionary by name; no category = all.
    pub async fn list_tag_definitions(
        &self,
        tenant: &str,
        category: &str,
        page: &Page,
    ) -> Result<Vec<tag_definition::Model>> {
        let mut query = of_tenant(tenant);
        if !category.is_empty() {
            query = query.filter(tag_definition::Column::Category.eq(category));
        }
        if let Some(after) = page.after.as_ref().and_then(|key| key.first()) {
            query = query.filter(tag_definition::Column::Name.gt(after));
        }
        let query = query.order_by_asc(tag_definition::Column::Name).limit(page.limit + 1);
        Ok(query.all(self.db.read()).await?)
    }
}

/// The token of the page after a full one.
pub fn next_page(filter: &[&str], rows: &mut Vec<tag_definition::Model>, limit: u64) -> String {
    super::next_page(filter, rows, limit, |row| vec![row.name.clone()])
}

/// A tenant's whole dictionary by name. Empty, it allows every tag.
pub async fn dictionary(db: &impl ConnectionTrait, tenant: &str) -> Result<HashMap<String, tag_definition::Model>> {
    let rows = of_tenant(tenant).all(db).await?;
    Ok(rows.into_iter().map(|row| (row.name.clone(), row)).collect())
}

/// The tag as the dictionary lets it be put on; else the field of the tag that is at fault, and what is wrong with it.
pub fn allowed(
    dictionary: &HashMap<String, tag_definition::Model>,
    row: tag::Model,
    time: &TenantTime,
) -> std::result::Result<tag::Model, (&'static str, &'static str)> {
    let Some(definition) = dictionary.get(&row.name) else {
        return if dictionary.is_empty() { Ok(row) } else { Err(("name", "is not in the dictionary of tags")) };
    };
    if definition.retired {
        return Err(("name", "is retired"));
    }
    if definition.authors != 0 && definition.authors & (1 << row.author) == 0 {
        return Err(("lineage.author", "may not put this tag on"));
    }
    if row.expire_time != NEVER || definition.lifetime_days == 0 {
        return Ok(row);
    }
    let Day(today) = time.today();
    let end = Day(today + definition.lifetime_days).start(time.zone);
    Ok(tag::Model { expire_time: clock::micros(end), ..row })
}

fn of_tenant(tenant: &str) -> sea_orm::Select<tag_definition::Entity> {
    tag_definition::Entity::find().filter(tag_definition::Column::Tenant.eq(tenant))
}

fn missing() -> Error {
    Error::NotFound { what: "tag definition", field: "name" }
}
