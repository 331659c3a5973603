//! Reading many rows as lists: all of them, in their order, with whatever is in them.

use std::time::Duration;

use huan_chassis::store::{
    lists,
    rows::{Conflict, write},
    test,
};
use sea_orm::{
    ConnectionTrait as _, DbBackend, EntityTrait as _, Order, QueryOrder as _, QueryTrait as _, Schema,
    sea_query::{Expr, Query, SelectStatement},
};

use crate::bench::Migrator;

mod listed {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "listed")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub text: String,
        pub bytes: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

use listed::{ActiveModel, Column, Entity, Model};

fn ordered(order: Order) -> SelectStatement {
    Entity::find().order_by(Column::Id, order).into_query()
}

#[tokio::test]
async fn rows_come_as_lists_in_their_order() {
    test::each(Migrator, async |store| {
        let table = Schema::new(store.read().get_database_backend()).create_table_from_entity(Entity);
        store.read().execute(&table).await.unwrap();
        let list =
            async |order| lists::read(store.read(), ordered(order), ["id", "text"], Some("bytes")).await.unwrap();
        assert_eq!(list(Order::Asc).await.rows().unwrap(), []);

        // Nothing, all that text may hold, and bytes that are no text.
        let texts = ["", "乙, \"b\" \\ '", "x"];
        let row = |id: i64| Model {
            id: id - 2,
            text: texts[id as usize % 3].to_owned(),
            bytes: (0..id as usize % 4 * 100).map(|place| (place * 7 + id as usize) as u8).collect(),
        };
        let rows: Vec<Model> = (0..600).map(row).collect();
        let tx = store.begin().await.unwrap();
        write::<_, ActiveModel>(&tx, rows[..1].to_vec(), Conflict::Fail).await.unwrap();
        tx.commit().await.unwrap();
        // One row, whose texts and bytes are empty.
        assert_eq!(list(Order::Asc).await.rows().unwrap(), [(["-2", ""], &[][..])]);

        let tx = store.begin().await.unwrap();
        write::<_, ActiveModel>(&tx, rows[1..].to_vec(), Conflict::Fail).await.unwrap();
        tx.commit().await.unwrap();
        let model = |([id, text], bytes): ([&str; 2], &[u8])| Model {
            id: id.parse().unwrap(),
            text: text.to_owned(),
            bytes: bytes.to_vec(),
        };
        let lists = list(Order::Asc).await;
        assert_eq!(lists.rows().unwrap().into_iter().map(model).collect::<Vec<_>>(), rows);
        let texts = lists::read(store.read(), ordered(Order::Asc), ["text", "id"], None).await.unwrap();
        let ids = rows.iter().map(|row| row.id.to_string()).collect::<Vec<_>>();
        let expected: Vec<_> = rows.iter().zip(&ids).map(|(row, id)| ([row.text.as_str(), id], &[][..])).collect();
        assert_eq!(texts.rows().unwrap(), expected);
        let copied = lists::copy(store.read(), ordered(Order::Asc), ["id", "text"], Some("bytes")).await.unwrap();
        assert_eq!(copied.rows().unwrap().into_iter().map(model).collect::<Vec<_>>(), rows);
        let texts = lists::copy(store.read(), ordered(Order::Asc), ["text", "id"], None).await.unwrap();
        assert_eq!(texts.rows().unwrap(), expected);
        let lists = list(Order::Desc).await;
        assert_eq!(lists.rows().unwrap().into_iter().rev().map(model).collect::<Vec<_>>(), rows);
    })
    .await;
}

mod varied {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "varied")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub is_odd: bool,
        pub text: String,
        pub small: i16,
        pub first: Vec<u8>,
        pub some_text: Option<String>,
        pub some_number: Option<i32>,
        pub is_some: Option<bool>,
        pub second: Vec<u8>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[tokio::test]
async fn a_table_is_read_whole_with_its_nulls() {
    use varied::{ActiveModel, Column, Entity, Model};

    test::each(Migrator, async |store| {
        let table = Schema::new(store.read().get_database_backend()).create_table_from_entity(Entity);
        store.read().execute(&table).await.unwrap();
        let ordered = |order| Entity::find().order_by(Column::Id, order).into_query();
        let all = async |order| lists::all::<Entity>(store.read(), ordered(order)).await.unwrap();
        assert_eq!(all(Order::Asc).await, []);

        let row = |id: i64| Model {
            id: i64::MAX - 600 + id,
            is_odd: id % 2 == 1,
            text: ["", "甲"][id as usize % 2].to_owned(),
            small: i16::MIN + id as i16,
            first: vec![id as u8; id as usize % 3],
            some_text: (id % 3 > 0).then(|| format!("{id}")),
            some_number: (id % 5 > 0).then_some(i32::MAX - id as i32),
            is_some: (id % 7 > 0).then_some(id % 7 > 3),
            second: vec![0, id as u8, 255],
        };
        let mut rows: Vec<Model> = (0..600).map(row).collect();
        let tx = store.begin().await.unwrap();
        write::<_, ActiveModel>(&tx, rows.clone(), Conflict::Fail).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(all(Order::Asc).await, rows);
        rows.reverse();
        assert_eq!(all(Order::Desc).await, rows);
    })
    .await;
}

#[tokio::test]
async fn a_copy_that_is_not_waited_for_leaves_nothing_to_the_next_query() {
    test::each(Migrator, async |store| {
        let numbers = |count: i64| {
            let mut select = Query::select();
            match store.read().get_database_backend() {
                DbBackend::Postgres => select.expr_as(Expr::cust(format!("generate_series(1, {count})")), "number"),
                _ => select.expr_as(count, "number"),
            };
            select
        };
        let copy = |count| lists::copy(store.read(), numbers(count), ["number"], None);
        for wait in 0..40 {
            // Given up sooner or later.
            let _ = tokio::time::timeout(Duration::from_micros(wait * 100), copy(20_000)).await;
            let lists = lists::read(store.read(), numbers(1), ["number"], None).await.unwrap();
            assert_eq!(lists.rows().unwrap(), [(["1"], &[][..])]);
        }
        let mut fault = Query::select();
        fault.expr_as(Expr::cust("no_such_column"), "number");
        assert!(lists::copy(store.read(), fault, ["number"], None).await.is_err());
        assert_eq!(copy(1).await.unwrap().rows().unwrap().len(), 1);
    })
    .await;
}

#[tokio::test]
async fn a_text_of_two_lines_is_an_error_and_no_other_row() {
    test::each(Migrator, async |store| {
        let one = |text: &str, bytes: Vec<u8>| {
            let mut select = Query::select();
            select.expr_as(text, "text").expr_as(bytes, "bytes");
            select
        };
        let lists = lists::read(store.read(), one("a\nb", vec![1, 2]), ["text"], Some("bytes")).await.unwrap();
        assert!(lists.rows().is_err());
        let lists = lists::read(store.read(), one("a", vec![1, 2]), ["text"], Some("bytes")).await.unwrap();
        assert_eq!(lists.rows().unwrap(), [(["a"], &[1, 2][..])]);
    })
    .await;
}
