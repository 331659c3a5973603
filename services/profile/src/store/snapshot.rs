//! The state as it stands, as the feed's first items: tenants and catalogues, then standings, merges, vectors and
//! outcomes, each in the order of an index and read in pages.

use std::collections::{BTreeSet, HashMap};

use futures::{StreamExt, stream, stream::BoxStream};
use huan_chassis::{Result, clock, feed};
use huan_proto::{
    feed::v1::Header,
    profile::v1::{self as pb, WatchProfilesResponse, profile_change::Change},
};
use sea_orm::{ColumnTrait, Condition, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{
    CHUNK, Store, after as after_row, consent,
    entity::{customer, event, event_type, merge_edge, tenant, tombstone, vector},
    feature, root, token_number,
};
use crate::convert::{self, envelope};

type Items = BoxStream<'static, Result<WatchProfilesResponse>>;
type Key = Vec<String>;

impl Store {
    /// The state as it stands, of the kinds (none named = all) and customers wanted.
    pub fn snapshot(&self, kinds: &[i32], filter: feed::Filter) -> Items {
        let wants = |kind: pb::ChangeKind| kinds.is_empty() || kinds.contains(&kind.into());
        let mut parts: Vec<Items> = Vec::new();
        if wants(pb::ChangeKind::Tenant) || wants(pb::ChangeKind::Catalogue) {
            parts.push(self.tenants(wants(pb::ChangeKind::Tenant), wants(pb::ChangeKind::Catalogue)));
        }
        if wants(pb::ChangeKind::Standing) {
            parts.push(self.pages(|store, after| Box::pin(async move { store.standing_page(after).await })));
        }
        if wants(pb::ChangeKind::Merge) {
            parts.push(self.pages(|store, after| Box::pin(async move { store.merge_page(after).await })));
        }
        if wants(pb::ChangeKind::Vector) {
            parts.push(self.pages(|store, after| Box::pin(async move { store.vector_page(after).await })));
        }
        if wants(pb::ChangeKind::Outcome) {
            parts.push(self.pages(|store, after| Box::pin(async move { store.outcome_page(after).await })));
        }
        if wants(pb::ChangeKind::Erasure) {
            parts.push(self.pages(|store, after| Box::pin(async move { store.erasure_page(after).await })));
        }
        let wanted = move |item: &Result<WatchProfilesResponse>| {
            let header = item.as_ref().ok().and_then(convert::feed::header);
            std::future::ready(header.is_none_or(|header| filter.wants(header)))
        };
        stream::iter(parts).flatten().filter(wanted).boxed()
    }

    fn pages(&self, page: fn(Store, Key) -> futures::future::BoxFuture<'static, Result<PageOf>>) -> Items {
        let store = self.clone();
        feed::pages(Key::new(), move |after| page(store.clone(), after)).boxed()
    }

    fn tenants(&self, settings: bool, catalogues: bool) -> Items {
        let store = self.clone();
        let rows = async move {
            let items: Vec<Result<WatchProfilesResponse>> = match store.all_tenants(settings, catalogues).await {
                Ok(items) => items.into_iter().map(Ok).collect(),
                Err(error) => vec![Err(error)],
            };
            stream::iter(items)
        };
        stream::once(rows).flatten().boxed()
    }

    async fn all_tenants(&self, settings: bool, catalogues: bool) -> Result<Vec<WatchProfilesResponse>> {
        let mut items = Vec::new();
        for row in tenant::Entity::find().order_by_asc(tenant::Column::Tenant).all(self.db.read()).await? {
            items.extend(self.tenant_items(&row, settings, catalogues).await?);
        }
        Ok(items)
    }

    async fn tenant_items(
        &self,
        row: &tenant::Model,
        settings: bool,
        catalogue: bool,
    ) -> Result<Vec<WatchProfilesResponse>> {
        let settings = settings.then(|| Change::Tenant(convert::tenant::message(row)));
        let catalogue = match catalogue {
            true => Some(Change::Catalogue(feature::message(self.db.read(), &row.tenant).await?)),
            false => None,
        };
        let header = || Header {
            tenant_id: row.tenant.clone(),
            owner_path: "/".to_owned(),
            write_time: Some(clock::timestamp(clock::system_now())),
            ..Default::default()
        };
        Ok(settings.into_iter().chain(catalogue).map(|change| convert::feed::item(header(), Some(change))).collect())
    }

    async fn standing_page(self, after: Key) -> Result<PageOf> {
        let mut rows = self.customers(&after).await?;
        let next = next(&rows, |row| vec![row.tenant.clone(), row.customer_id.clone()]);
        rows.retain(|row| row.root_id == row.customer_id);
        let mut items = Vec::with_capacity(rows.len());
        for rows in rows.chunk_by(|one, other| one.tenant == other.tenant) {
            let roots = root::of(self.db.read(), &rows[0].tenant, rows.to_vec()).await?;
            let roots = root::unseal(self.db.vault()?, roots).await?;
            let holding = consent::holding(self.db.read(), &rows[0].tenant, &roots).await?;
            for (root, consents) in roots.iter().zip(holding) {
                let standing = convert::feed::standing(&root.message()?, &consents);
                items.push(convert::feed::item(header(&root.customer), Some(standing)));
            }
        }
        Ok((items, next))
    }

    /// Whose profile everybody is part of who was ever merged, those who stand alone again included: whoever reads this
    /// may know an older state.
    async fn merge_page(self, after: Key) -> Result<PageOf> {
        let mut query = merge_edge::Entity::find();
        if let [tenant, merge_id] = after.as_slice() {
            let columns = [merge_edge::Column::Tenant, merge_edge::Column::MergeId];
            query = query.filter(after_row(columns, [tenant.as_str().into(), merge_id.as_str().into()]));
        }
        let query = query.order_by_asc(merge_edge::Column::Tenant).order_by_asc(merge_edge::Column::MergeId);
        let edges = query.limit(CHUNK as u64).all(self.db.read()).await?;
        let next = next(&edges, |edge| vec![edge.tenant.clone(), edge.merge_id.clone()]);
        let mut items = Vec::new();
        for edges in edges.chunk_by(|one, other| one.tenant == other.tenant) {
            let ids: BTreeSet<&str> =
                edges.iter().flat_map(|edge| [edge.absorbed.as_str(), edge.survivor.as_str()]).collect();
            let query = customer::Entity::find().filter(customer::Column::Tenant.eq(&edges[0].tenant));
            let rows = query.filter(customer::Column::CustomerId.is_in(ids)).all(self.db.read()).await?;
            for root in root::of(self.db.read(), &edges[0].tenant, rows).await? {
                let merge = convert::feed::merge(&root.customer);
                items.extend(root.members().map(|row| convert::feed::item(header(row), Some(merge.clone()))));
            }
        }
        Ok((items, next))
    }

    async fn vector_page(self, after: Key) -> Result<PageOf> {
        let mut query = vector::Entity::find();
        if let [tenant, customer_id] = after.as_slice() {
            let columns = [vector::Column::Tenant, vector::Column::CustomerId];
            query = query.filter(after_row(columns, [tenant.as_str().into(), customer_id.as_str().into()]));
        }
        let query = query.order_by_asc(vector::Column::Tenant).order_by_asc(vector::Column::CustomerId);
        let rows = query.limit(CHUNK as u64).all(self.db.read()).await?;
        let next = next(&rows, |row| vec![row.tenant.clone(), row.customer_id.clone()]);
        let rows = self.db.vault()?.unseal_known(rows).await?;
        let headers = self.headers(rows.iter().map(|row| (row.tenant.as_str(), row.customer_id.as_str()))).await?;
        let mut items = Vec::with_capacity(rows.len());
        for row in rows {
            let Some(header) = headers.get(&(row.tenant, row.customer_id)) else {
                continue;
            };
            let vector = envelope::open(row.format, &row.payload)?;
            items.push(convert::feed::item(header.clone(), Some(Change::Vector(vector))));
        }
        Ok((items, next))
    }

    /// Whoever was away while a person was erased, and begins again, learns it here.
    async fn erasure_page(self, after: Key) -> Result<PageOf> {
        let mut query = tombstone::Entity::find();
        if let [tenant, hash] = after.as_slice() {
            let columns = [tombstone::Column::Tenant, tombstone::Column::CustomerHash];
            query = query.filter(after_row(columns, [tenant.as_str().into(), hash.as_str().into()]));
        }
        let query = query.order_by_asc(tombstone::Column::Tenant).order_by_asc(tombstone::Column::CustomerHash);
        let rows = query.limit(CHUNK as u64).all(self.db.read()).await?;
        let next = next(&rows, |row| vec![row.tenant.clone(), row.customer_hash.clone()]);
        let header = |row: &tombstone::Model| Header {
            tenant_id: row.tenant.clone(),
            customer_key: row.customer_key.clone(),
            partition: row.partition.cast_unsigned(),
            owner_path: "/".to_owned(),
            write_time: Some(clock::timestamp(clock::from_micros(row.erase_time))),
            ..Default::default()
        };
        let item = |row: &tombstone::Model| convert::feed::item(header(row), Some(convert::feed::erased(row)));
        Ok((rows.iter().map(item).collect(), next))
    }

    async fn outcome_page(self, after: Key) -> Result<PageOf> {
        let types = event_type::Entity::find().filter(event_type::Column::IsOutcome.eq(true));
        let measured = types.all(self.db.read()).await?.into_iter().fold(Condition::any(), |any, row| {
            let of_tenant = Condition::all().add(event::Column::Tenant.eq(row.tenant));
            any.add(of_tenant.add(event::Column::EventType.eq(row.name)))
        });
        if measured.is_empty() {
            return Ok((Vec::new(), None));
        }
        let mut query = event::Entity::find().filter(measured);
        use event::Column::{CustomerId, OccurTime, Source, SourceId, Tenant};
        let order = [Tenant, CustomerId, OccurTime, Source, SourceId];
        if let [tenant, customer_id, _, source, source_id] = after.as_slice() {
            let [tenant, customer_id, source, source_id] =
                [tenant, customer_id, source, source_id].map(|text| text.as_str().into());
            let time = token_number(&after, 2)?.into();
            query = query.filter(after_row(order, [tenant, customer_id, time, source, source_id]));
        }
        let query = order.into_iter().fold(query, QueryOrder::order_by_asc).limit(CHUNK as u64);
        let rows = query.all(self.db.read()).await?;
        let next = next(&rows, |row| {
            let event::Model { tenant, customer_id, occur_time, source, source_id, .. } = row;
            vec![tenant.clone(), customer_id.clone(), occur_time.to_string(), source.clone(), source_id.clone()]
        });
        let headers = self.headers(rows.iter().map(|row| (row.tenant.as_str(), row.customer_id.as_str()))).await?;
        let item = |row: event::Model| {
            let outcome = Change::Outcome(convert::event::outcome(&row));
            let header = headers.get(&(row.tenant, row.customer_id))?;
            Some(convert::feed::item(header.clone(), Some(outcome)))
        };
        Ok((rows.into_iter().filter_map(item).collect(), next))
    }

    async fn customers(&self, after: &Key) -> Result<Vec<customer::Model>> {
        let part = |place| after.get(place).map_or("", String::as_str).into();
        let columns = [customer::Column::Tenant, customer::Column::CustomerId];
        let query = customer::Entity::find().filter(after_row(columns, [part(0), part(1)]));
        let query = query.order_by_asc(customer::Column::Tenant).order_by_asc(customer::Column::CustomerId);
        Ok(query.limit(CHUNK as u64).all(self.db.read()).await?)
    }

    /// The headers of these customers, by tenant and customer.
    async fn headers<'a>(
        &self,
        keys: impl Iterator<Item = (&'a str, &'a str)>,
    ) -> Result<HashMap<(String, String), Header>> {
        let mut tenants: HashMap<&str, Vec<&str>> = HashMap::new();
        for (tenant, customer_id) in keys {
            tenants.entry(tenant).or_default().push(customer_id);
        }
        let mut found = HashMap::new();
        for (tenant, ids) in tenants {
            let query = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant));
            let rows = query.filter(customer::Column::CustomerId.is_in(ids)).all(self.db.read()).await?;
            found.extend(rows.into_iter().map(|row| ((row.tenant.clone(), row.customer_id.clone()), header(&row))));
        }
        Ok(found)
    }
}

type PageOf = (Vec<WatchProfilesResponse>, Option<Key>);

/// The key to go on after; none at the end.
fn next<T>(rows: &[T], key: impl Fn(&T) -> Key) -> Option<Key> {
    if rows.len() < CHUNK { None } else { rows.last().map(key) }
}

fn header(row: &customer::Model) -> Header {
    Header {
        tenant_id: row.tenant.clone(),
        customer_id: row.customer_id.clone(),
        customer_key: row.customer_key.clone(),
        partition: feed::partition(&row.customer_id),
        owner_path: row.owner_path.clone(),
        write_time: Some(clock::timestamp(clock::system_now())),
        ..Default::default()
    }
}
