//! The store on SQLite and PostgreSQL: caps and capacity under any order and concurrency, idempotence, reservations.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on panics")]

mod bank;

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use bank::{Bank, DAY};
use chrono::TimeDelta;
use huan_chassis::{
    Error, clock,
    store::{Store as Database, test},
};
use huan_proto::strategy::v1 as pb;
use huan_strategy::record;
use huan_strategy::store::{
    batch::{Ask, Job, Outcome},
    contact,
    entity::{channel_load, contact as contact_row, decision},
    migration::Migrator,
};
use sea_orm::{ConnectionTrait as _, DbBackend, EntityTrait, IdenStatic as _, Iterable as _, Statement};

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_is_decided_once() {
    test::each(Migrator, async |db| {
        let bank = Bank::open(db, &bank::content(10, 0)).await;
        let job = bank.job("r-1", "c-1");
        let twice = bank.deciding.decide_batch(&[job.clone(), job.clone()]).await.unwrap();
        let again = bank.deciding.decide_batch(&[job]).await.unwrap();
        let ids: Vec<_> = twice.iter().chain(&again).map(|outcome| decided(outcome).0).collect();
        assert!(ids.iter().all(|id| *id == ids[0]), "{ids:?}");
        assert_eq!(decision::Entity::find().all(bank.db.read()).await.unwrap().len(), 1);
        assert_eq!(bank.contacts().await.len(), 1);
        let other = bank.deciding.decide_batch(&[bank.job("r-1", "c-2")]).await.unwrap();
        assert!(matches!(&other[0], Err(Error::Invalid(faults)) if faults[0].field == "request_id"));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_customer_is_not_found_and_spares_the_others() {
    test::each(Migrator, async |db| {
        let bank = Bank::open(db, &bank::content(10, 0)).await;
        let answers = bank.deciding.decide_batch(&[bank.job("r-1", "nobody"), bank.job("r-2", "c-1")]).await.unwrap();
        assert!(matches!(answers[0], Err(Error::NotFound { what: "customer", field: "customer_id" })));
        assert_eq!(decided(&answers[1]).1, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn another_map_is_noticed_in_the_commit() {
    test::each(Migrator, async |db| {
        let bank = Bank::open(db, &bank::content(10, 0)).await;
        let old = bank.job("r-1", "c-1");
        bank.publish(&bank::content(9, 0)).await;
        let answers = bank.deciding.decide_batch(&[old]).await.unwrap();
        assert!(matches!(answers[0], Ok(Outcome::MapMoved)));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_default_reaches_decisions_and_old_ones_replay() {
    test::each(Migrator, async |db| {
        let mut content = bank::content(10, 0);
        content.strategies.iter_mut().for_each(|strategy| strategy.purpose = pb::ContactPurpose::Care as i32);
        let bank = Bank::open(db, &content).await;
        let picks =
            async |request: &str| decided(&bank.deciding.decide_batch(&[bank.job(request, "c-1")]).await.unwrap()[0]).1;
        assert_eq!(picks("r-1").await, 0, "nothing was said about care, and there is no default");
        bank.care_by_default(true).await;
        assert_eq!(picks("r-2").await, 1);
        bank.care_by_default(false).await;
        assert_eq!(picks("r-3").await, 0);
        for row in decision::Entity::find().all(bank.db.read()).await.unwrap() {
            let row = bank.db.vault().unwrap().unseal(vec![row]).await.unwrap().remove(0);
            let replayed = record::replay(&row.payload, &bank.published.map).unwrap();
            assert!(replayed.identical, "the record holds what was allowed then");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn jobs_of_one_batch_see_each_others_reservations() {
    test::each(Migrator, async |db| {
        let bank = Bank::open(db, &bank::content(2, 0)).await;
        let jobs: Vec<_> = (0..5).map(|n| bank.job(&format!("r-{n}"), "c-1")).collect();
        let answers = bank.deciding.decide_batch(&jobs).await.unwrap();
        assert_eq!(answers.iter().map(|answer| decided(answer).1).collect::<Vec<_>>(), [1, 1, 0, 0, 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caps_and_capacity_hold_in_any_order() {
    test::each(Migrator, async |db| {
        let bank = Bank::open(db, &bank::content(3, 11)).await;
        for round in 0..8_u64 {
            let mut jobs: Vec<_> =
                (0..40).map(|n| bank.job(&format!("r-{round}-{n}"), &format!("c-{}", n % 7))).collect();
            bank::shuffle(&mut jobs, round);
            for batch in jobs.chunks(1 + (round as usize * 5) % 17) {
                bank.deciding.decide_batch(batch).await.unwrap();
            }
            bank.check(3, 11).await;
        }
        assert_eq!(bank.contacts().await.len(), 21, "nothing that could be said is left unsaid");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn caps_and_capacity_hold_under_concurrency() {
    test::each(Migrator, async |db| {
        let bank = Bank::open(db.clone(), &bank::content(3, 11)).await;
        let other = bank.replica(db);
        let mut running = Vec::new();
        for n in 0..120 {
            let store = if n % 2 == 0 { bank.store.clone() } else { other.clone() };
            let job = Job::clone(&bank.job(&format!("r-{n}"), &format!("c-{}", n % 7)));
            running.push(tokio::spawn(async move { store.decide(job).await }));
        }
        for decision in running {
            decision.await.unwrap().unwrap();
        }
        bank.check(3, 11).await;
        assert_eq!(bank.contacts().await.len(), 21);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_request_from_two_replicas_is_decided_once() {
    test::each(Migrator, async |db| {
        let bank = Bank::open(db.clone(), &bank::content(100, 0)).await;
        let other = bank.replica(db);
        for n in 0..20 {
            let job = Job::clone(&bank.job(&format!("r-{n}"), "c-1"));
            let (one, two) = tokio::join!(bank.store.decide(job.clone()), other.decide(job));
            assert_eq!(decided(&one).0, decided(&two).0);
        }
        assert_eq!(bank.contacts().await.len(), 20);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_channel_gives_way_to_the_next() {
    test::each(Migrator, async |db| {
        let bank = Bank::open(db, &bank::content(10, 1)).await;
        let jobs = [bank.job("r-1", "c-1"), bank.job("r-2", "c-2")];
        let answers = bank.deciding.decide_batch(&jobs).await.unwrap();
        let Ok(Outcome::Decided(second)) = &answers[1] else { panic!("not decided") };
        assert_eq!(second.input.full_channels, [0]);
        let channels: Vec<_> = bank.contacts().await.into_iter().map(|contact| contact.channel_id).collect();
        assert_eq!(channels, ["app", "sms"]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reservation_that_ran_out_gives_its_place_back() {
    test::each(Migrator, async |db| {
        let bank = Bank::open(db, &bank::content(1, 11)).await;
        bank.deciding.decide_batch(&[bank.job("r-1", "c-1")]).await.unwrap();
        let later = clock::system_now() + TimeDelta::minutes(61);
        assert_eq!(bank.store.free_expired(later).await.unwrap(), 1);
        assert_eq!(bank.store.free_expired(later).await.unwrap(), 0);
        assert_eq!(bank.contacts().await[0].state, contact::FREED);
        assert_eq!(bank.loads().await["app"], 0);
        let again = bank.deciding.decide_batch(&[bank.job("r-2", "c-1")]).await.unwrap();
        assert_eq!(decided(&again[0]).1, 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn held_customers_load_no_channel_and_are_exposed() {
    test::each(Migrator, async |db| {
        let mut content = bank::content(1, 1);
        content.policy.as_mut().unwrap().universal_holdout_share = 0.5;
        let bank = Bank::open(db, &content).await;
        let jobs: Vec<_> = (0..7).map(|n| bank.job(&format!("r-{n}"), &format!("c-{n}"))).collect();
        let answers = bank.deciding.decide_batch(&jobs).await.unwrap();
        let picked: u32 = answers.iter().map(|answer| decided(answer).1).sum();
        assert!(picked < 7, "nobody is held out");
        let contacts = bank.contacts().await;
        let reserved = contacts.iter().filter(|contact| contact.state == contact::RESERVED).count() as u32;
        assert_eq!((reserved, contacts.len()), (picked, 7));
        assert!(bank.loads().await["app"] <= i64::from(picked));
        let exposed = decision::Entity::find().all(bank.db.read()).await.unwrap();
        assert!(exposed.iter().all(|row| row.exposed));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn held_customers_come_to_the_caps_as_all_do() {
    test::each(Migrator, async |db| {
        let mut content = bank::content(2, 100);
        content.policy.as_mut().unwrap().universal_holdout_share = 0.5;
        let bank = Bank::open(db, &content).await;
        let mut held = 0;
        for customer in 0..7 {
            let job = |n: u32| bank.job(&format!("r-{customer}-{n}"), &format!("c-{customer}"));
            let first = bank.deciding.decide_batch(&[job(0), job(1), job(2)]).await.unwrap();
            let then = bank.deciding.decide_batch(&[job(3)]).await.unwrap();
            let all = || first.iter().chain(&then);
            assert_eq!(all().map(exposed).collect::<Vec<_>>(), [1, 1, 0, 0]);
            let picked: u32 = all().map(|answer| decided(answer).1).sum();
            assert!(picked == 0 || picked == 2, "{picked}");
            held += 2 - i64::from(picked);
        }
        assert!((2..14).contains(&held), "nobody is held out, or all are");
        assert_eq!(bank.loads().await["app"], 14 - held);
        let freed = bank.store.free_expired(clock::system_now() + TimeDelta::minutes(61)).await.unwrap();
        let withheld = bank.contacts().await.into_iter().filter(|contact| contact.state == contact::WITHHELD).count();
        assert_eq!((freed as i64, withheld as i64), (14 - held, held));
        assert_eq!(bank.loads().await["app"], 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stale_knowledge_stops_marketing() {
    test::each(Migrator, async |db| {
        let bank = Bank::open(db, &bank::content(10, 0)).await;
        let mut job = Job::clone(&bank.job("r-1", "c-1"));
        job.evaluated.fresh_time = Some(clock::system_now() - TimeDelta::seconds(6));
        let mut unknown = job.clone();
        unknown.ask.request_id = "r-2".into();
        unknown.evaluated.fresh_time = None;
        let answers = bank.deciding.decide_batch(&[Arc::new(job), Arc::new(unknown)]).await.unwrap();
        assert_eq!(answers.iter().map(|answer| decided(answer).1).collect::<Vec<_>>(), [0, 0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_stays_within_its_budget_and_replays() {
    test::each(Migrator, async |db| {
        let bank = Bank::open(db, &bank::wide(50, 36)).await;
        let mut job = Job::clone(&bank.job("r-1", "c-1"));
        job.evaluated.values = bank::numbers(36);
        bank.deciding.decide_batch(&[Arc::new(job)]).await.unwrap();
        let rows = decision::Entity::find().all(bank.db.read()).await.unwrap();
        let row = bank.db.vault().unwrap().unseal(rows).await.unwrap().remove(0);
        assert!(row.payload.len() <= 900, "{} bytes", row.payload.len());
        let replayed = huan_strategy::record::replay(&row.payload, &bank.published.map).unwrap();
        assert!(replayed.identical);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn contacts_of_merged_customers_add_until_it_is_taken_back() {
    test::each(Migrator, async |db| {
        let bank = Bank::open(db, &bank::content(2, 0)).await;
        let decide = async |request: &str, id: &str| {
            bank.deciding.decide_batch(&[bank.job(request, id)]).await.unwrap().remove(0)
        };
        assert_eq!(decided(&decide("r-1", "c-1").await).1, 1);
        assert_eq!(decided(&decide("r-2", "c-2").await).1, 1);
        bank.merge("c-1", "c-2").await;
        assert!(matches!(decide("r-3", "c-1").await, Ok(Outcome::Merged)));
        assert_eq!(decided(&decide("r-4", "c-2").await).1, 0, "both of the cap are used up");
        let again = decided(&decide("r-1", "c-2").await);
        assert_eq!(again.1, 1, "what was decided about either is decided");
        assert_eq!(bank.store.profile("bank", "c-1").await.unwrap().unwrap().root_id, "c-2");
        let (rows, _) = bank.store.list_decisions("bank", "c-1", page()).await.unwrap();
        assert_eq!(rows.iter().map(|row| row.customer_id.as_str()).collect::<Vec<_>>(), ["c-2", "c-2", "c-1"]);
        let mut stale = Job::clone(&bank.job("r-9", "c-2"));
        stale.ask.asked_id = "c-1".into();
        let stale = Arc::new(stale);
        assert_eq!(decided(&bank.deciding.decide_batch(std::slice::from_ref(&stale)).await.unwrap()[0]).1, 0);
        bank.merge("c-1", "c-1").await;
        let stale = Arc::new(Job { ask: Ask { request_id: "r-10".into(), ..stale.ask.clone() }, ..Job::clone(&stale) });
        assert!(matches!(bank.deciding.decide_batch(&[stale]).await.unwrap()[0], Ok(Outcome::Merged)));
        assert_eq!(decided(&decide("r-5", "c-1").await).1, 1);
        assert_eq!(decided(&decide("r-6", "c-2").await).1, 1);
        assert_eq!(decided(&decide("r-7", "c-1").await).1, 0);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_was_left_alone_still_is_after_a_merge() {
    test::each(Migrator, async |db| {
        let mut content = bank::content(100, 0);
        content.policy.as_mut().unwrap().universal_holdout_share = 0.5;
        content.strategies[0].holdout_share = 0.5;
        let bank = Bank::open(db, &content).await;
        let mut drawn = HashMap::new();
        for id in (0..7).map(|n| format!("c-{n}")) {
            let outcome = bank.deciding.decide_batch(&[bank.job(&id, &id)]).await.unwrap().remove(0);
            let Ok(Outcome::Decided(decided)) = outcome else { panic!("{outcome:?}") };
            drawn.insert(id, (decided.input.universal_draw, decided.input.strategy_draws));
        }
        for id in (1..7).map(|n| format!("c-{n}")) {
            bank.merge(&id, "c-0").await;
        }
        let outcome = bank.deciding.decide_batch(&[bank.job("r", "c-0")]).await.unwrap().remove(0);
        let Ok(Outcome::Decided(decided)) = outcome else { panic!("{outcome:?}") };
        let least = |of: fn(&(f64, Vec<f64>)) -> f64| drawn.values().map(of).fold(1.0, f64::min);
        assert_eq!(decided.input.universal_draw, least(|drawn| drawn.0));
        assert_eq!(decided.input.strategy_draws, [least(|drawn| drawn.1[0])]);
        assert_eq!(decided.input.customer_key, "key-of-c-0");
    })
    .await;
}

fn page() -> huan_chassis::page::Page {
    huan_chassis::page::Page { limit: 10, after: None }
}

fn decided(outcome: &huan_chassis::Result<Outcome>) -> (String, u32) {
    let Ok(Outcome::Decided(decided)) = outcome else { panic!("{outcome:?}") };
    let picked = decided.output.picks.iter().filter(|pick| pick.stage() == pb::Stage::Picked).count();
    (decided.decision_id.clone(), picked as u32)
}

fn exposed(outcome: &huan_chassis::Result<Outcome>) -> usize {
    let Ok(Outcome::Decided(decided)) = outcome else { panic!("{outcome:?}") };
    decided.output.picks.len()
}

impl Bank {
    async fn contacts(&self) -> Vec<contact_row::Model> {
        let mut rows = contact_row::Entity::find().all(self.db.read()).await.unwrap();
        rows.sort_by(|a, b| a.decision_id.cmp(&b.decision_id));
        rows
    }

    async fn loads(&self) -> HashMap<String, i64> {
        let rows = channel_load::Entity::find().all(self.db.read()).await.unwrap();
        rows.into_iter().map(|row| (row.channel_id, row.used)).collect()
    }

    // No customer above the cap, no channel above its capacity, and what is counted is what is there.
    async fn check(&self, cap: usize, capacity: i64) {
        let contacts = self.contacts().await;
        let mut of_customer: HashMap<_, usize> = HashMap::new();
        let mut of_channel: HashMap<_, i64> = HashMap::new();
        for contact in &contacts {
            *of_customer.entry(contact.customer_id.clone()).or_default() += 1;
            *of_channel.entry(contact.channel_id.clone()).or_default() += 1;
            assert_eq!(contact.day, DAY);
        }
        assert!(of_customer.values().all(|count| *count <= cap), "{of_customer:?}");
        assert!(of_channel.get("app").copied().unwrap_or(0) <= capacity, "{of_channel:?}");
        assert_eq!(self.loads().await.get("app"), of_channel.get("app"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_has_the_entities_columns() {
    use huan_strategy::store::entity::*;
    test::each(Migrator, async |db| {
        same_columns::<assignment::Entity>(&db).await;
        same_columns::<channel::Entity>(&db).await;
        same_columns::<channel_load::Entity>(&db).await;
        same_columns::<contact::Entity>(&db).await;
        same_columns::<customer::Entity>(&db).await;
        same_columns::<decision::Entity>(&db).await;
        same_columns::<experiment::Entity>(&db).await;
        same_columns::<objective::Entity>(&db).await;
        same_columns::<product::Entity>(&db).await;
        same_columns::<published_map::Entity>(&db).await;
        same_columns::<response::Entity>(&db).await;
        same_columns::<script::Entity>(&db).await;
        same_columns::<strategy::Entity>(&db).await;
        same_columns::<tenant::Entity>(&db).await;
    })
    .await;
}

async fn same_columns<E: EntityTrait>(db: &Database) {
    let backend = db.read().get_database_backend();
    let table = E::default().table_name().to_owned();
    let query = match backend {
        DbBackend::Sqlite => format!("SELECT name FROM pragma_table_info('{table}')"),
        _ => format!("SELECT column_name AS name FROM information_schema.columns WHERE table_name = '{table}'"),
    };
    let rows = db.read().query_all_raw(Statement::from_string(backend, query)).await.unwrap();
    let live: BTreeSet<String> = rows.iter().map(|row| row.try_get("", "name").unwrap()).collect();
    let written: BTreeSet<String> = E::Column::iter().map(|column| column.as_str().to_owned()).collect();
    assert_eq!(live, written, "{table}");
}
