//! Writing many rows: in a few statements, with and without values, and what becomes of those whose key is taken.

use huan_chassis::{
    Error, Result,
    directory::entity::{ActiveModel, Entity, Model},
    store::{
        Store,
        rows::{Conflict, write, write_made},
        test,
    },
};
use sea_orm::{ConnectionTrait as _, EntityTrait as _, QueryOrder as _, Schema};

use crate::bench::Migrator;

/// More than any statement takes, and not a multiple of any of the sizes.
const MANY: usize = 779;

fn row(number: usize, key: &str) -> Model {
    Model {
        tenant: "bank".to_owned(),
        customer_id: format!("{number:04}"),
        customer_key: format!("{key}-{number}"),
        partition: number as i32 % 64,
        owner_path: "/hq".to_owned(),
    }
}

async fn put(store: &Store, rows: Vec<Model>, conflict: Conflict) -> Result<()> {
    let tx = store.begin().await?;
    write(&tx, rows, conflict).await?;
    tx.commit().await
}

async fn all(store: &Store) -> Vec<Model> {
    use huan_chassis::directory::entity::Column;
    Entity::find().order_by_asc(Column::CustomerId).all(store.read()).await.unwrap()
}

#[tokio::test]
async fn all_rows_are_written_however_many_there_are() {
    test::each(Migrator, async |store| {
        let rows: Vec<Model> = (0..MANY).map(|number| row(number, "first")).collect();
        put(&store, rows.clone(), Conflict::Fail).await.unwrap();
        assert_eq!(all(&store).await, rows);
        put(&store, Vec::new(), Conflict::Fail).await.unwrap();
    })
    .await;
}

/// A table with a column of each type that stores have.
mod measured {
    use sea_orm::entity::prelude::*;

    #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
    #[sea_orm(table_name = "measured")]
    pub struct Model {
        #[sea_orm(primary_key, auto_increment = false)]
        pub id: i64,
        pub flag: bool,
        pub ratio: f64,
        pub bytes: Vec<u8>,
        pub small: i16,
        pub text: Option<String>,
        pub day: Option<i32>,
        pub time: Option<i64>,
    }

    #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
    pub enum Relation {}

    impl ActiveModelBehavior for ActiveModel {}
}

#[tokio::test]
async fn what_a_row_lacks_stays_missing_beside_rows_that_have_it() {
    test::each(Migrator, async |store| {
        let row = |id: i64| measured::Model {
            id,
            flag: id % 2 == 0,
            ratio: id as f64 / 8.0,
            bytes: vec![0, id as u8, 0xff],
            small: -(id as i16),
            text: (id % 3 == 0).then(|| if id % 2 == 0 { String::new() } else { "{\"乙\", NULL}".to_owned() }),
            day: (id >= 300).then_some(-1),
            time: None,
        };
        let tx = store.begin().await.unwrap();
        let table = Schema::new(tx.get_database_backend()).create_table_from_entity(measured::Entity);
        tx.execute(&table).await.unwrap();
        let rows: Vec<_> = (0..MANY as i64).map(row).collect();
        write(&tx, rows.clone(), Conflict::Fail).await.unwrap();
        let read = || measured::Entity::find().order_by_asc(measured::Column::Id).all(&*tx);
        assert_eq!(read().await.unwrap(), rows);
        let lacking = |row: measured::Model| measured::Model { text: None, day: None, time: Some(row.id), ..row };
        let rows: Vec<_> = rows.into_iter().map(lacking).collect();
        write(&tx, rows.clone(), Conflict::Replace).await.unwrap();
        assert_eq!(read().await.unwrap(), rows);
    })
    .await;
}

#[tokio::test]
async fn a_row_whose_key_is_taken_fails_stays_away_or_takes_the_place() {
    test::each(Migrator, async |store| {
        let (first, second) = (|number| row(number, "first"), |number| row(number, "second"));
        put(&store, (0..MANY).step_by(2).map(first).collect(), Conflict::Fail).await.unwrap();
        let again: Vec<Model> = (0..MANY).map(second).collect();
        assert!(put(&store, again.clone(), Conflict::Fail).await.is_err());
        assert_eq!(all(&store).await.len(), MANY.div_ceil(2), "what failed wrote nothing");
        put(&store, again.clone(), Conflict::Leave).await.unwrap();
        let mixed: Vec<Model> =
            (0..MANY).map(|number| if number % 2 == 0 { first(number) } else { second(number) }).collect();
        assert_eq!(all(&store).await, mixed);
        put(&store, again.clone(), Conflict::Replace).await.unwrap();
        assert_eq!(all(&store).await, again);
    })
    .await;
}

#[tokio::test]
async fn rows_that_cannot_be_made_fail_the_whole() {
    test::each(Migrator, async |store| {
        let make = |numbers: Vec<usize>| match numbers.contains(&700) {
            true => Err(Error::Internal("no seven hundred".to_owned())),
            false => Ok(numbers.into_iter().map(|number| row(number, "made")).collect::<Vec<_>>()),
        };
        let tx = store.begin().await.unwrap();
        let written = write_made::<usize, Model, ActiveModel>(&tx, (0..MANY).collect(), Conflict::Fail, make).await;
        assert_eq!(written.unwrap_err().to_string(), Error::Internal("no seven hundred".to_owned()).to_string());
        drop(tx);
        assert_eq!(all(&store).await, []);
    })
    .await;
}
