//! The directory of customers.

use huan_chassis::{
    directory::{Directory, Row, upsert},
    server::Owners as _,
    store::{Store, test},
};

use crate::bench::Migrator;

#[tokio::test]
async fn a_customer_is_found_by_number_and_by_key_in_its_own_tenant() {
    test::each(Migrator, async |store| {
        write(&store, vec![row("c-1", "/hq/east")]).await;
        let directory = Directory::new(store);
        assert_eq!(directory.owner_path("bank", "c-1").await.unwrap().as_deref(), Some("/hq/east"));
        assert_eq!(directory.owner_path("bank", "c-2").await.unwrap(), None);
        assert_eq!(directory.owner_path("other", "c-1").await.unwrap(), None);
        assert_eq!(directory.find_by_key("bank", "key-c-1").await.unwrap().unwrap().customer_id, "c-1");
        assert!(directory.find_by_key("other", "key-c-1").await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn what_is_written_last_holds() {
    test::each(Migrator, async |store| {
        write(&store, vec![row("c-1", "/hq/east"), row("c-2", "/hq/east"), row("c-1", "/hq/west")]).await;
        let read = async || Directory::new(store.clone()).owner_path("bank", "c-1").await.unwrap().unwrap();
        assert_eq!(read().await, "/hq/west");
        write(&store, vec![row("c-1", "/hq/south")]).await;
        assert_eq!(read().await, "/hq/south");
    })
    .await;
}

#[tokio::test]
async fn many_customers_are_written_at_once() {
    test::each(Migrator, async |store| {
        write(&store, (0..2_500).map(|n| row(&format!("c-{n}"), "/hq")).collect()).await;
        assert!(Directory::new(store).find("bank", "c-2499").await.unwrap().is_some());
    })
    .await;
}

async fn write(store: &Store, rows: Vec<Row>) {
    let tx = store.begin().await.unwrap();
    upsert(&tx, rows).await.unwrap();
    tx.commit().await.unwrap();
}

fn row(of: &str, owner_path: &str) -> Row {
    Row {
        tenant: "bank".into(),
        customer_id: of.into(),
        customer_key: format!("key-{of}"),
        partition: 1,
        owner_path: owner_path.into(),
    }
}
