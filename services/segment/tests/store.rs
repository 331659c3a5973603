//! The store on SQLite and on PostgreSQL.

#![allow(clippy::unwrap_used, reason = "a test fails where it unwraps")]

use std::collections::BTreeSet;

use huan_chassis::page::Page;
use huan_chassis::store::{Store, test};
use huan_proto::profile::v1 as profile;
use huan_segment::Migrator;
use huan_segment::memory::Memory;
use huan_segment::store::build::{Found, create_build, members_of, newest_builds};
use huan_segment::store::definition_version::Author;
use huan_segment::store::entity::{
    clustering, clustering_job, clustering_promotion, definition_version, distribution, insight, insight_comment,
    insight_evidence, insight_vote, lease, membership_code, membership_day, membership_move, membership_state,
    membership_version, segment, segment_set, segment_set_part, segment_source, tenant, vector,
};
use huan_segment::store::entity::{dataset, dataset_page, model_body, model_version};
use huan_segment::store::segment as segments;
use huan_segment::store::vector::{page_of_vectors, put_vectors};
use prost::Message as _;
use sea_orm::{ConnectionTrait as _, DbBackend, EntityTrait, IdenStatic as _, Iterable as _, Statement};

fn row(customer_id: &str) -> vector::Model {
    vector::Model {
        tenant: "bank".into(),
        customer_id: customer_id.into(),
        customer_key: format!("key of {customer_id}"),
        root_id: String::new(),
        owner_path: "/hq".into(),
        ordinal: -1,
        as_of: 7,
        position: "3".into(),
        format: 0,
        key_id: String::new(),
        payload: profile::Vector::default().encode_to_vec(),
    }
}

async fn put(store: &Store, rows: &mut [vector::Model]) {
    let tx = store.begin().await.unwrap();
    put_vectors(&tx, &rows[0].tenant.clone(), rows).await.unwrap();
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn a_customer_keeps_its_ordinal() {
    test::each(Migrator, async |store| {
        put(&store, &mut [row("a"), row("b")]).await;
        let mut rows = [row("c"), vector::Model { owner_path: "/hq/east".into(), ..row("b") }];
        put(&store, &mut rows).await;
        assert_eq!(rows.iter().map(|row| row.ordinal).collect::<Vec<_>>(), [2, 1]);
        put(&store, &mut [vector::Model { tenant: "other".into(), ..row("a") }]).await;
        let all = page_of_vectors(&store, "bank", -1, 10).await.unwrap();
        let seen: Vec<_> = all.iter().map(|row| (row.customer_id.as_str(), row.owner_path.as_str())).collect();
        assert_eq!(seen, [("a", "/hq"), ("b", "/hq/east"), ("c", "/hq")]);
        assert_eq!(page_of_vectors(&store, "bank", 0, 1).await.unwrap()[0].customer_id, "b");
    })
    .await;
}

#[tokio::test]
async fn memory_is_loaded_as_it_was_stored() {
    test::each(Migrator, async |store| {
        let tx = store.begin().await.unwrap();
        huan_segment::store::tenant::put_settings(&tx, "bank", Vec::new()).await.unwrap();
        tx.commit().await.unwrap();
        put(&store, &mut [row("a"), row("b")]).await;
        let memory = Memory::load(&store).await.unwrap();
        let found = memory.tenant("bank").read(|state| (state.columns.ordinal("b"), state.columns.ordinal("x")));
        assert_eq!(found, (Some(1), None));
    })
    .await;
}

#[tokio::test]
async fn a_new_version_tells_who_joined_and_who_left() {
    test::each(Migrator, async |store| {
        let found = |ordinals: &[u32], others: &[u32]| Found {
            population: 10,
            as_of: 5,
            memberships: vec![
                ("s/a".into(), ordinals.iter().copied().collect()),
                ("s/b".into(), others.iter().copied().collect()),
            ],
        };
        create_build(&store, "bank", "s", found(&[1, 2, 3], &[4])).await.unwrap();
        let second = create_build(&store, "bank", "s", found(&[2, 3, 70_000, 5], &[])).await.unwrap();
        let figures = |at: usize| (second[at].version, second[at].members, second[at].joined, second[at].departed);
        assert_eq!((figures(0), figures(1)), ((2, 4, 2, 1), (2, 0, 0, 1)));
        create_build(&store, "other", "s", found(&[9], &[])).await.unwrap();
        let newest = newest_builds(&store, "bank", &["s".into(), "nothing".into()]).await.unwrap();
        assert_eq!(newest["s"].iter().map(|build| build.version).collect::<Vec<_>>(), [2, 2]);
        let (version, members) = members_of(&store, "bank", "s/a", None).await.unwrap().unwrap();
        assert_eq!((version, members.iter().collect::<Vec<_>>()), (2, vec![2, 3, 5, 70_000]));
        let (_, first) = members_of(&store, "bank", "s/a", Some(1)).await.unwrap().unwrap();
        assert_eq!(first.len(), 3);
        assert!(members_of(&store, "bank", "s/x", None).await.unwrap().is_none());
    })
    .await;
}

#[tokio::test]
async fn another_tenants_segments_are_not_found() {
    test::each(Migrator, async |store| {
        let model = segment::Model {
            tenant: "bank".into(),
            segment_id: "s".into(),
            display_name: "S".into(),
            rule: "true".into(),
            revision: 1,
            request_id: "r".into(),
        };
        let by = Author::default();
        let twice = tokio::join!(
            segments::create_segment(&store, model.clone(), None, &by),
            segments::create_segment(&store, model.clone(), None, &by)
        );
        assert_eq!((twice.0.unwrap(), twice.1.unwrap()), (model.clone(), model.clone()));
        let all = Page { limit: 10, after: None };
        assert_eq!(segments::list_segments(&store, "bank", &all).await.unwrap(), [model]);
        assert!(segments::list_segments(&store, "other", &all).await.unwrap().is_empty());
        assert!(segments::get_segment(&store, "other", "s").await.is_err());
    })
    .await;
}

#[tokio::test]
async fn entities_have_the_columns_of_their_tables() {
    test::each(Migrator, async |store| {
        same_columns::<tenant::Entity>(&store).await;
        same_columns::<vector::Entity>(&store).await;
        same_columns::<segment::Entity>(&store).await;
        same_columns::<segment_set::Entity>(&store).await;
        same_columns::<segment_set_part::Entity>(&store).await;
        same_columns::<clustering::Entity>(&store).await;
        same_columns::<clustering_job::Entity>(&store).await;
        same_columns::<clustering_promotion::Entity>(&store).await;
        same_columns::<membership_version::Entity>(&store).await;
        same_columns::<dataset::Entity>(&store).await;
        same_columns::<dataset_page::Entity>(&store).await;
        same_columns::<model_version::Entity>(&store).await;
        same_columns::<model_body::Entity>(&store).await;
        same_columns::<definition_version::Entity>(&store).await;
        same_columns::<segment_source::Entity>(&store).await;
        same_columns::<membership_code::Entity>(&store).await;
        same_columns::<membership_state::Entity>(&store).await;
        same_columns::<membership_move::Entity>(&store).await;
        same_columns::<membership_day::Entity>(&store).await;
        same_columns::<lease::Entity>(&store).await;
        same_columns::<distribution::Entity>(&store).await;
        same_columns::<insight::Entity>(&store).await;
        same_columns::<insight_evidence::Entity>(&store).await;
        same_columns::<insight_comment::Entity>(&store).await;
        same_columns::<insight_vote::Entity>(&store).await;
    })
    .await;
}

async fn same_columns<E: EntityTrait>(store: &Store) {
    let backend = store.read().get_database_backend();
    let table = E::default().table_name().to_owned();
    let query = match backend {
        DbBackend::Sqlite => format!("SELECT name FROM pragma_table_info('{table}')"),
        _ => format!("SELECT column_name AS name FROM information_schema.columns WHERE table_name = '{table}'"),
    };
    let rows = store.read().query_all_raw(Statement::from_string(backend, query)).await.unwrap();
    let live: BTreeSet<String> = rows.iter().map(|row| row.try_get("", "name").unwrap()).collect();
    let written: BTreeSet<String> = E::Column::iter().map(|column| column.as_str().to_owned()).collect();
    assert_eq!(live, written, "{table}");
}
