//! A batch of rows worked out in memory: each is laid over what is known, the rows before it included, and is kept whole
//! or refused whole. It remembers what has to be written, and reads all that it needs at once, in a few queries.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use huan_chassis::{
    FieldFault, Result,
    check::Faults,
    clock,
    store::{
        Tx,
        rows::{among, runs},
    },
};
use huan_proto::profile::v1 as pb;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QuerySelect};

use crate::{
    convert::{
        self,
        bulk::{Batch, Row, merge_customer, merge_holding},
    },
    store::{
        UNKNOWN, consent as spoken,
        customer_key::CustomerKeys,
        entity::{consent, customer, holding, identity, relation, tag, tag_definition as tag_definition_entity},
        erasure, hold,
        identity::MAX_IDENTITIES,
        related, relation as relations, tag_definition,
        tenant::View,
    },
};

/// What a row came to.
pub enum Kind {
    /// A new customer.
    New,
    /// Something changed.
    Changed,
    /// Nothing changed.
    Same,
}

/// What a batch changes.
#[derive(Default)]
pub struct Changes {
    /// The keys of the new customers.
    pub new_keys: BTreeSet<String>,
    /// Customers to write.
    pub customers: Vec<customer::Model>,
    /// Holdings to write.
    pub holdings: Vec<holding::Model>,
    /// Tags to write.
    pub tags: Vec<tag::Model>,
    /// Identities to add.
    pub identities: Vec<identity::Model>,
    /// Consents to add.
    pub consents: Vec<consent::Model>,
    /// Relations to write.
    pub relations: Vec<relation::Model>,
    /// Customers of whom decisions must learn, in the order of their ids.
    pub standing: Vec<customer::Model>,
    /// Customers whose vectors may change, in the order of their ids.
    pub touched: Vec<customer::Model>,
}

/// A batch while it is worked out.
pub struct Stage<'a> {
    view: &'a View,
    now: i64,
    customer_mask: Vec<String>,
    holding_mask: Vec<String>,
    customers: BTreeMap<String, Customer>,
    keys: CustomerKeys,
    new_keys: BTreeSet<String>,
    /// Those who are not there because they were erased.
    erased: HashSet<String>,
    holdings: HashMap<String, (holding::Model, bool)>,
    tags: HashMap<(String, String), (tag::Model, bool)>,
    /// The tenant's dictionary of tags by name.
    dictionary: HashMap<String, tag_definition_entity::Model>,
    /// Whether customers refused personalisation, as far as they said so themselves: no table goes over that.
    said: HashMap<String, bool>,
    identities: HashMap<(String, String), (identity::Model, bool)>,
    /// How many identities the customers have whom rows give some.
    identity_counts: HashMap<String, u64>,
    /// The profiles of those who have the identities.
    roots: HashMap<String, String>,
    consents: HashSet<Said>,
    new_consents: Vec<consent::Model>,
    relations: relations::Known,
    new_relations: BTreeMap<(String, i16, String), relation::Model>,
}

/// A customer as the batch leaves them.
struct Customer {
    row: customer::Model,
    message: pb::Customer,
    written: bool,
    standing: bool,
    touched: bool,
}

/// What makes a consent the same one.
type Said = (String, i64, i16, String, bool, i64);

impl<'a> Stage<'a> {
    /// Reads what is known of what the rows name. The customers are locked.
    pub async fn read(tx: &Tx, view: &'a View, batch: &Batch, locked: Vec<customer::Model>) -> Result<Stage<'a>> {
        let rows = &batch.rows;
        let hashes = rows.iter().flat_map(|row| row.holdings.iter().map(|(hash, _)| hash.as_str())).collect();
        let holdings = holdings(tx, &view.tenant, hashes).await?;
        let tagged = rows.iter().any(|row| !row.tags.is_empty());
        let with_tags = rows.iter().filter(|row| !row.tags.is_empty()).map(|row| row.customer_id.as_str()).collect();
        let tags = tags(tx, &view.tenant, with_tags).await?;
        let named = rows.iter().flat_map(|row| &row.identities).collect();
        let identities = identities(tx, &view.tenant, named).await?;
        let spoke = rows.iter().filter(|row| !row.consents.is_empty()).map(|row| row.customer_id.as_str()).collect();
        let of_personalisation = batch.customer_mask.iter().any(|path| path == "personalisation_refused");
        let said = match of_personalisation {
            true => spoken::said_of_personalisation(&**tx, &locked).await?,
            false => HashMap::new(),
        };
        let mut customers = BTreeMap::new();
        for row in locked {
            let message = convert::customer::message(&row)?;
            let customer = Customer { row, message, written: false, standing: false, touched: false };
            customers.insert(customer.row.customer_id.clone(), customer);
        }
        let new: BTreeSet<&String> = rows.iter().map(|row| &row.customer_id).collect();
        let new: Vec<String> = new.into_iter().filter(|id| !customers.contains_key(*id)).cloned().collect();
        Ok(Stage {
            view,
            erased: erasure::erased(tx, view, &new).await?,
            now: clock::micros(clock::system_now()),
            customer_mask: batch.customer_mask.clone(),
            holding_mask: batch.holding_mask.clone(),
            roots: roots(tx, &view.tenant, &identities).await?,
            identity_counts: counts(tx, &view.tenant, rows).await?,
            customers,
            keys: CustomerKeys::draw(),
            new_keys: BTreeSet::new(),
            holdings,
            dictionary: if tagged { tag_definition::dictionary(&**tx, &view.tenant).await? } else { HashMap::new() },
            said,
            tags,
            identities,
            consents: consents(tx, &view.tenant, spoke).await?,
            new_consents: Vec::new(),
            relations: relations::old(tx, &view.tenant, rows.iter().flat_map(|row| &row.relations)).await?,
            new_relations: BTreeMap::new(),
        })
    }

    /// Works a row out and keeps it, or says what is wrong with it.
    pub fn add(&mut self, row: Row) -> Result<Result<Kind, Vec<FieldFault>>> {
        let mut faults = Faults::new();
        let is_new = !self.customers.contains_key(&row.customer_id);
        let customer = self.customer(&mut faults, &row)?;
        let holdings = self.holdings(&mut faults, &row)?;
        let tags = self.tags(&mut faults, row.tags.clone());
        self.check_identities(&mut faults, &row);
        self.check_relations(&mut faults, &row);
        if !faults.is_empty() {
            return Ok(Err(faults.into_vec()));
        }
        let mut change = customer.is_some();
        if let Some(customer) = customer {
            if is_new {
                self.new_keys.insert(customer.row.customer_key.clone());
            }
            self.customers.insert(row.customer_id.clone(), customer);
        }
        let Some(customer) = self.customers.get_mut(&row.customer_id) else {
            return Ok(Ok(Kind::Same));
        };
        let mut touched = !holdings.is_empty();
        self.holdings.extend(holdings.into_iter().map(|row| (row.holding_hash.clone(), (row, true))));
        let business = clock::micros(self.view.time.now());
        for tag in tags {
            touched |= put_tag(&mut self.tags, tag, business);
        }
        for identity in row.identities {
            let key = (identity.namespace.clone(), identity.value_hash.clone());
            if !self.identities.contains_key(&key) {
                change = true;
                *self.identity_counts.entry(row.customer_id.clone()).or_default() += 1;
                self.identities.insert(key, (identity, true));
            }
        }
        for consent in row.consents {
            if self.consents.insert(said(&consent)) {
                self.new_consents.push(consent);
                customer.standing = true;
                change = true;
            }
        }
        customer.touched |= touched;
        for relation in row.relations {
            change |= put_relation(&mut self.relations, &mut self.new_relations, relation, self.now);
        }
        Ok(Ok(match change || touched {
            _ if is_new => Kind::New,
            true => Kind::Changed,
            false => Kind::Same,
        }))
    }

    /// What the rows that were kept change.
    pub fn finish(self) -> Changes {
        let mut changes = Changes {
            new_keys: self.new_keys,
            consents: self.new_consents,
            relations: self.new_relations.into_values().collect(),
            ..Changes::default()
        };
        let concerned = related::concerned(self.view, &changes.relations);
        for customer in self.customers.into_values() {
            if customer.standing {
                changes.standing.push(customer.row.clone());
            }
            if customer.touched || concerned.contains(&customer.row.customer_id) {
                changes.touched.push(customer.row.clone());
            }
            if customer.written {
                changes.customers.push(customer.row);
            }
        }
        changes.holdings = written(self.holdings);
        changes.tags = written(self.tags);
        changes.identities = written(self.identities);
        changes
    }

    /// The customer with the row laid over; none if it says nothing new.
    fn customer(&self, faults: &mut Faults, row: &Row) -> Result<Option<Customer>> {
        let known = self.customers.get(&row.customer_id);
        let Some(given) = row.customer.as_ref() else {
            if known.is_none() {
                faults.add("customer_id", UNKNOWN);
            }
            return Ok(None);
        };
        let mut message = match known {
            Some(known) => known.message.clone(),
            None => pb::Customer { customer_id: row.customer_id.clone(), ..Default::default() },
        };
        merge_customer(&mut message, given, &self.customer_mask);
        if let Some(refused) = self.said.get(&row.customer_id) {
            message.personalisation_refused = *refused;
        }
        if known.is_some_and(|known| known.message == message) {
            return Ok(None);
        }
        if self.erased.contains(&row.customer_id) {
            faults.add("customer_id", "was erased");
        }
        if known.is_some_and(|known| hold::is_held(&known.row)) {
            faults.add("customer_id", "is under a legal hold");
        }
        let made = convert::customer::row(faults, "customer", &self.view.tenant, message.clone());
        if !faults.is_empty() {
            return Ok(None);
        }
        let made = match known {
            // Several rows of a batch are one change.
            Some(known) if known.written => {
                customer::Model { revision: known.row.revision, ..convert::customer::replacing(&known.row, made) }
            }
            Some(known) => convert::customer::replacing(&known.row, made),
            None => customer::Model { customer_key: self.keys.next_key(), create_time: self.now, ..made },
        };
        let row = customer::Model { update_time: self.now, ..made };
        Ok(Some(Customer { row, message, written: true, standing: true, touched: true }))
    }

    /// The holdings that the row changes.
    fn holdings(&self, faults: &mut Faults, row: &Row) -> Result<Vec<holding::Model>> {
        let mut changed = Vec::with_capacity(row.holdings.len());
        for (index, (hash, given)) in row.holdings.iter().enumerate() {
            let field = format!("holdings[{index}]");
            let known = self.holdings.get(hash).map(|(known, _)| known);
            if known.is_some_and(|known| known.customer_id != row.customer_id) {
                faults.add(format!("{field}.customer_id"), "is not the customer of this holding");
                continue;
            }
            let before = known.map(|known| convert::holding::message(known.clone())).transpose()?;
            let mut message = before.clone().unwrap_or_else(|| pb::Holding {
                holding_id: given.holding_id.clone(),
                customer_id: row.customer_id.clone(),
                ..Default::default()
            });
            merge_holding(&mut message, given, &self.holding_mask);
            if before.as_ref() != Some(&message) {
                changed.push(convert::holding::row(faults, &field, message, self.view));
            }
        }
        Ok(changed)
    }

    /// The row's own customer may be new with it; the other end must be there, and the days fit what is known.
    fn check_relations(&self, faults: &mut Faults, row: &Row) {
        for (index, relation) in row.relations.iter().enumerate() {
            let ends = [("from_customer_id", &relation.customer_id), ("to_customer_id", &relation.other_id)];
            for (field, id) in ends {
                if *id != row.customer_id && !self.customers.contains_key(id) {
                    faults.add(format!("relations[{index}].{field}"), UNKNOWN);
                }
            }
            let key = (relation.customer_id.clone(), relation.relation_type, relation.other_id.clone());
            if let Err(fault) = convert::relation::over(self.relations.get(&key), relation.clone(), self.now) {
                faults.add(format!("relations[{index}].end_day"), fault);
            }
        }
    }

    /// The tags as the dictionary allows them.
    fn tags(&self, faults: &mut Faults, tags: Vec<tag::Model>) -> Vec<tag::Model> {
        let mut allowed = Vec::with_capacity(tags.len());
        for (index, tag) in tags.into_iter().enumerate() {
            match tag_definition::allowed(&self.dictionary, tag, &self.view.time) {
                Ok(tag) => allowed.push(tag),
                Err((field, fault)) => faults.add(format!("tags[{index}].{field}"), fault),
            }
        }
        allowed
    }

    fn check_identities(&self, faults: &mut Faults, row: &Row) {
        let mut count = self.identity_counts.get(&row.customer_id).copied().unwrap_or_default();
        for (index, identity) in row.identities.iter().enumerate() {
            let key = (identity.namespace.clone(), identity.value_hash.clone());
            let profile = |id: &str| {
                let known = self.customers.get(id).map(|customer| &customer.row.root_id);
                known.or(self.roots.get(id)).map_or(id.to_owned(), Clone::clone)
            };
            let owner = self.identities.get(&key).map(|(known, _)| profile(&known.customer_id));
            if owner.is_some_and(|owner| owner != profile(&row.customer_id)) {
                faults.add(format!("identities[{index}]"), "is another customer's");
            }
            count += u64::from(!self.identities.contains_key(&key));
            if count > MAX_IDENTITIES {
                faults.add(format!("identities[{index}]"), format!("is more than the {MAX_IDENTITIES} of a customer"));
            }
        }
    }
}

/// Puts a relation; false if the same one is there.
fn put_relation(
    known: &mut relations::Known,
    fresh: &mut BTreeMap<(String, i16, String), relation::Model>,
    row: relation::Model,
    now: i64,
) -> bool {
    let key = (row.customer_id.clone(), row.relation_type, row.other_id.clone());
    let old = known.get(&key);
    // One whose days do not fit what is known was refused with its row.
    let Ok(row) = convert::relation::over(old, row, now) else { return false };
    if old.is_some_and(|old| convert::relation::same(old, &row)) {
        return false;
    }
    known.insert(key.clone(), row.clone());
    fresh.insert(key, row);
    true
}

/// Puts a tag on; false if the same one is on. `business` is business time.
fn put_tag(tags: &mut HashMap<(String, String), (tag::Model, bool)>, tag: tag::Model, business: i64) -> bool {
    let key = (tag.customer_id.clone(), tag.name.clone());
    let same = |known: &tag::Model| {
        known.expire_time > business && known.expire_time == tag.expire_time && convert::tag::goes_on(known, &tag)
    };
    if tags.get(&key).is_some_and(|(known, _)| same(known)) {
        return false;
    }
    tags.insert(key, (tag, true));
    true
}

fn written<K: Ord, M>(rows: HashMap<K, (M, bool)>) -> Vec<M> {
    let mut rows: Vec<(K, M)> =
        rows.into_iter().filter(|(_, (_, written))| *written).map(|(key, (row, _))| (key, row)).collect();
    rows.sort_unstable_by(|one, other| one.0.cmp(&other.0));
    rows.into_iter().map(|(_, row)| row).collect()
}

fn said(row: &consent::Model) -> Said {
    (row.customer_id.clone(), row.decide_time, row.purpose, row.channel_id.clone(), row.allowed, row.expire_time)
}

async fn holdings(tx: &Tx, tenant: &str, hashes: Vec<&str>) -> Result<HashMap<String, (holding::Model, bool)>> {
    let mut found = HashMap::with_capacity(hashes.len());
    for hashes in runs(&hashes) {
        let query = holding::Entity::find().filter(holding::Column::Tenant.eq(tenant));
        let query = query.filter(among(&**tx, holding::Column::HoldingHash, hashes));
        let rows = tx.vault()?.unseal_known(query.all(&**tx).await?).await?;
        found.extend(rows.into_iter().map(|row| (row.holding_hash.clone(), (row, false))));
    }
    Ok(found)
}

async fn tags(tx: &Tx, tenant: &str, ids: Vec<&str>) -> Result<HashMap<(String, String), (tag::Model, bool)>> {
    let mut found = HashMap::new();
    for ids in runs(&ids) {
        let query = tag::Entity::find().filter(tag::Column::Tenant.eq(tenant));
        let rows = query.filter(tag::Column::CustomerId.is_in(ids.iter().copied())).all(&**tx).await?;
        found.extend(rows.into_iter().map(|row| ((row.customer_id.clone(), row.name.clone()), (row, false))));
    }
    Ok(found)
}

async fn identities(
    tx: &Tx,
    tenant: &str,
    named: Vec<&identity::Model>,
) -> Result<HashMap<(String, String), (identity::Model, bool)>> {
    let mut hashes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for identity in named {
        hashes.entry(&identity.namespace).or_default().push(&identity.value_hash);
    }
    let mut found = HashMap::new();
    for (namespace, hashes) in hashes {
        for hashes in runs(&hashes) {
            let query = identity::Entity::find().filter(identity::Column::Tenant.eq(tenant));
            let query = query.filter(identity::Column::Namespace.eq(namespace));
            let rows = query.filter(identity::Column::ValueHash.is_in(hashes.iter().copied())).all(&**tx).await?;
            found.extend(rows.into_iter().map(|row| ((row.namespace.clone(), row.value_hash.clone()), (row, false))));
        }
    }
    Ok(found)
}

/// How many identities those customers have whom these rows give some.
async fn counts(tx: &Tx, tenant: &str, rows: &[Row]) -> Result<HashMap<String, u64>> {
    let ids: BTreeSet<&str> =
        rows.iter().filter(|row| !row.identities.is_empty()).map(|row| row.customer_id.as_str()).collect();
    let ids: Vec<&str> = ids.into_iter().collect();
    let mut found = HashMap::with_capacity(ids.len());
    for ids in runs(&ids) {
        let query = identity::Entity::find().filter(identity::Column::Tenant.eq(tenant));
        let query = query.filter(identity::Column::CustomerId.is_in(ids.iter().copied())).select_only();
        let query = query.column(identity::Column::CustomerId).column_as(identity::Column::ValueHash.count(), "count");
        let counts: Vec<(String, i64)> = query.group_by(identity::Column::CustomerId).into_tuple().all(&**tx).await?;
        found.extend(counts.into_iter().map(|(customer_id, count)| (customer_id, count.unsigned_abs())));
    }
    Ok(found)
}

/// The profiles of those who have these identities.
async fn roots(
    tx: &Tx,
    tenant: &str,
    identities: &HashMap<(String, String), (identity::Model, bool)>,
) -> Result<HashMap<String, String>> {
    let ids: Vec<&str> = identities.values().map(|(identity, _)| identity.customer_id.as_str()).collect();
    let mut found = HashMap::with_capacity(ids.len());
    for ids in runs(&ids) {
        let query = customer::Entity::find().filter(customer::Column::Tenant.eq(tenant));
        let query = query.filter(customer::Column::CustomerId.is_in(ids.iter().copied())).select_only();
        let query = query.column(customer::Column::CustomerId).column(customer::Column::RootId);
        found.extend(query.into_tuple::<(String, String)>().all(&**tx).await?);
    }
    Ok(found)
}

async fn consents(tx: &Tx, tenant: &str, ids: Vec<&str>) -> Result<HashSet<Said>> {
    let mut found = HashSet::new();
    for ids in runs(&ids) {
        let query = consent::Entity::find().filter(consent::Column::Tenant.eq(tenant));
        let rows = query.filter(consent::Column::CustomerId.is_in(ids.iter().copied())).all(&**tx).await?;
        found.extend(rows.iter().map(said));
    }
    Ok(found)
}
