//! What personal data looks like on disk: sealed, bound to its customer, and gone with its key.

use std::{collections::HashMap, fs, path::Path};

use huan_chassis::{
    Error,
    store::{Store as Database, test},
    vault::Vault,
};
use huan_profile::{
    convert::{self, profile::Parts},
    store::{
        Store,
        entity::{customer, event, event_day, holding, identity, tenant, vector},
        migration::Migrator,
        seal::TENANT_KEY,
    },
};
use huan_proto::{
    profile::v1 as pb,
    types::v1::{Value, value::Kind},
};
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, sea_query::Expr};

use crate::relation::manager;

/// Values that must be on no disk.
const MARKERS: [&str; 6] =
    ["Marker-Name", "13900007777", "11010119900307771X", "7 Marker Street", "6222020200077777777", "marker-attribute"];

async fn open(db: Database) -> Store {
    let store = Store::new(db);
    let tenant = Some(pb::Tenant { display_name: "Bank".into(), ..Default::default() });
    let create = pb::CreateTenantRequest { request_id: "r".into(), tenant };
    store.create_tenant(convert::tenant::create(create, "bank").unwrap()).await.unwrap();
    let event_type = Some(pb::EventType { name: "salary".into(), ..Default::default() });
    let row = convert::event_type::row(pb::RegisterEventTypeRequest { event_type }, "bank").unwrap();
    store.register_event_type(row).await.unwrap();
    store
}

/// Two customers, each with an identity, a holding and an event.
async fn fill(store: &Store) {
    let view = store.fresh_view("bank").await.unwrap();
    let person = || pb::Person {
        name: MARKERS[0].into(),
        phone: MARKERS[1].into(),
        id_number: MARKERS[2].into(),
        address: MARKERS[3].into(),
        ..Default::default()
    };
    let customer = |id: &str| pb::Customer {
        customer_id: id.into(),
        r#type: pb::CustomerType::Retail.into(),
        owner_path: "/hq".into(),
        person: Some(person()),
        attributes: marked(),
        ..Default::default()
    };
    let (rows, faults) = convert::customer::batch(vec![customer("C-1"), customer("C-2")], "bank");
    assert_eq!(faults, []);
    store.import_customers(&view, rows, 1).await.unwrap();
    for (id, account) in [("C-1", MARKERS[4]), ("C-2", "another")] {
        let identity = pb::Identity { namespace: "account".into(), value: account.into(), ..Default::default() };
        store.add_identity(convert::identity::row(Some(id), Some(identity), &view).unwrap()).await.unwrap();
        let holding = pb::Holding {
            holding_id: account.into(),
            customer_id: id.into(),
            kind: "account".into(),
            open_day: "2024-01-01".into(),
            ..Default::default()
        };
        let (rows, faults) = convert::holding::batch(vec![holding], &view);
        assert_eq!(faults, []);
        store.import_holdings(&view, rows).await.unwrap();
        let (rows, faults) = convert::event::batch(vec![event(id, id)], &view);
        assert!(faults.is_empty());
        store.ingest_events(view.clone(), rows).await.unwrap();
    }
}

fn marked() -> HashMap<String, Value> {
    [("note".to_owned(), Value { kind: Some(Kind::Text("marker-attribute".into())) })].into()
}

fn event(customer_id: &str, source_id: &str) -> pb::Event {
    pb::Event {
        source: "core".into(),
        source_id: source_id.into(),
        customer_id: customer_id.into(),
        r#type: "salary".into(),
        occur_time: Some(prost_types::Timestamp { seconds: 1_718_424_000, nanos: 0 }),
        attributes: marked(),
        ..Default::default()
    }
}

fn bytes(folder: &Path) -> Vec<u8> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    entries.flat_map(|path| if path.is_dir() { bytes(&path) } else { fs::read(path).unwrap() }).collect()
}

fn holds(all: &[u8], part: &str) -> bool {
    all.windows(part.len()).any(|window| window == part.as_bytes())
}

#[tokio::test(flavor = "multi_thread")]
async fn no_personal_value_lies_plain_in_the_files() {
    let (folder, database) = test::sqlite_file();
    let db = Database::open::<Migrator>(&database).await.unwrap();
    let store = open(db.with_vault(Vault::open(&test::keys()).await.unwrap())).await;
    fill(&store).await;
    let all = bytes(folder.path());
    assert!(holds(&all, "C-2"), "the files hold the customers");
    for marker in MARKERS {
        assert!(!holds(&all, marker), "{marker} lies plain in the files");
    }
    let view = store.view("bank").await.unwrap();
    let profile = store.get_profile(&view, &manager(), "C-1", Parts::ALL).await.unwrap();
    assert_eq!(profile.customer.unwrap().person.unwrap().name, MARKERS[0]);
    assert_eq!(
        (profile.identities[0].value.as_str(), profile.holdings[0].holding_id.as_str()),
        (MARKERS[4], MARKERS[4])
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_envelope_is_sealed_under_its_customers_key() {
    test::each(Migrator, async |db| {
        let store = open(db.clone()).await;
        fill(&store).await;
        let customers = customer::Entity::find().all(db.read()).await.unwrap();
        let key = |id: &str| customers.iter().find(|row| row.customer_id == id).unwrap().customer_key.clone();
        let read = db.read();
        let mut seen: Vec<(String, i16, String)> = Vec::new();
        seen.extend(customers.iter().cloned().map(|row| (row.customer_id, row.format, row.key_id)));
        let rows = identity::Entity::find().all(read).await.unwrap();
        seen.extend(rows.into_iter().map(|row| (row.customer_id, row.format, row.key_id)));
        let rows = holding::Entity::find().all(read).await.unwrap();
        seen.extend(rows.into_iter().map(|row| (row.customer_id, row.format, row.key_id)));
        let rows = event::Entity::find().all(read).await.unwrap();
        seen.extend(rows.into_iter().map(|row| (row.customer_id, row.format, row.key_id)));
        let rows = event_day::Entity::find().all(read).await.unwrap();
        seen.extend(rows.into_iter().map(|row| (row.customer_id, row.format, row.key_id)));
        for row in vector::Entity::find().all(read).await.unwrap() {
            seen.push((row.customer_id.clone(), row.format, row.key_id));
            seen.push((row.customer_id, row.state_format, row.state_key_id));
        }
        let secret = tenant::Entity::find_by_id("bank").one(read).await.unwrap().unwrap();
        assert_eq!((secret.format, secret.key_id.as_str()), (1, TENANT_KEY), "what keys the hashes lies sealed too");
        assert_eq!(seen.len(), 14);
        for (customer_id, format, key_id) in seen {
            assert_eq!((format, key_id), (1, key(&customer_id)), "{customer_id}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_moved_to_another_customer_does_not_open() {
    test::each(Migrator, async |db| {
        let store = open(db.clone()).await;
        fill(&store).await;
        let tx = db.begin().await.unwrap();
        let moved = identity::Entity::update_many().col_expr(identity::Column::CustomerId, Expr::value("C-2"));
        moved.filter(identity::Column::CustomerId.eq("C-1")).exec(&*tx).await.unwrap();
        tx.commit().await.unwrap();
        assert!(matches!(store.list_identities("bank", "C-2").await, Err(Error::Internal(_))));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_destroyed_key_sealed_is_erased_and_spares_the_others() {
    test::each(Migrator, async |db| {
        let store = open(db.clone()).await;
        fill(&store).await;
        let row = store.get_customer("bank", "C-1").await.unwrap();
        db.vault().unwrap().destroy("bank", &row.customer_key).await.unwrap();
        let view = store.view("bank").await.unwrap();
        assert!(matches!(store.get_customer("bank", "C-1").await, Err(Error::Erased { what: "customer" })));
        assert!(matches!(store.get_profile(&view, &manager(), "C-1", Parts::ALL).await, Err(Error::Erased { .. })));
        let page = huan_chassis::page::page(0, "", &[]).unwrap();
        assert!(matches!(store.list_events("bank", "C-1", "", &page).await, Err(Error::Erased { .. })));
        // In a batch the erased one is nobody, and the others are served.
        let (rows, _) = convert::event::batch(vec![event("C-1", "again-1"), event("C-2", "again-2")], &view);
        let taken = store.ingest_events(view, rows).await.unwrap();
        assert_eq!((taken.accepted, taken.refused.len()), (1, 1));
    })
    .await;
}
