//! Relations on both databases: a batch at its largest, and walks that keep to their limits.

use huan_chassis::{Identity, clock, page::Page, store::test, token::Claims, token::Keys};
use huan_profile::{
    convert,
    store::{Store, migration::Migrator},
};
use huan_proto::profile::v1 as pb;

async fn open(db: huan_chassis::store::Store) -> Store {
    let store = Store::new(db);
    let tenant = Some(pb::Tenant { display_name: "Bank".into(), ..Default::default() });
    let create = pb::CreateTenantRequest { request_id: "r".into(), tenant };
    store.create_tenant(convert::tenant::create(create, "bank").unwrap()).await.unwrap();
    let view = store.view("bank").await.unwrap();
    let customer = |n| pb::Customer {
        customer_id: format!("C-{n:04}"),
        r#type: pb::CustomerType::Corporate.into(),
        owner_path: "/hq".into(),
        ..Default::default()
    };
    let (rows, _) = convert::customer::batch((0..1001).map(customer).collect(), "bank");
    store.import_customers(&view, rows, 1).await.unwrap();
    store
}

fn supplies(from: usize, to: usize) -> pb::Relation {
    pb::Relation {
        from_customer_id: format!("C-{from:04}"),
        r#type: pb::RelationType::Supplies.into(),
        to_customer_id: format!("C-{to:04}"),
        weight: Some(to as f64),
        source: "core".into(),
        ..Default::default()
    }
}

/// A branch manager of "/hq".
pub fn manager() -> Identity {
    let keys = Keys::generate().0;
    let claims = Claims::user("u-1", "bank", &["branch_manager"], "/hq", clock::system_now());
    keys.verify(&keys.sign(&claims), clock::system_now()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_is_written_listed_and_walked_within_its_limits() {
    test::each(Migrator, async |db| {
        let (store, by) = (open(db).await, manager());
        let view = store.view("bank").await.unwrap();
        let put = async || {
            let (rows, faults) = convert::relation::batch((1..=1000).map(|n| supplies(0, n)).collect(), "bank");
            assert!(faults.is_empty());
            store.put_relations(&view, rows).await.unwrap()
        };
        assert_eq!((put().await.created, put().await.updated), (1000, 1000));
        let request = pb::ListRelationsRequest { customer_id: "C-0000".into(), ..Default::default() };
        let list = convert::relation::list(&request, &view).unwrap();
        let page = Page { limit: 999, after: None };
        let listed = store.list_relations(&view, &by, &list, &page).await.unwrap();
        assert_eq!((listed.relations.len(), listed.hidden), (999, 0));
        assert!(!listed.next_page_token.is_empty());
        let expand = async |from: &str, steps, max_nodes, max_fan_out| {
            let customer_id = from.into();
            let request =
                pb::ExpandRelationsRequest { customer_id, steps, max_nodes, max_fan_out, ..Default::default() };
            let expand = convert::relation::expand(&request, &view).unwrap();
            let found = store.expand_relations(&view, &by, &expand).await.unwrap();
            (found.nodes.len(), found.edges.len(), found.truncated)
        };
        assert_eq!(expand("C-0000", 1, 1000, 200).await, (201, 200, true));
        assert_eq!(expand("C-0000", 1, 100, 200).await, (100, 99, true));
        assert_eq!(expand("C-0001", 2, 1000, 200).await, (202, 201, true));
        assert_eq!(expand("C-0001", 1, 1000, 200).await, (2, 1, false));
    })
    .await;
}
