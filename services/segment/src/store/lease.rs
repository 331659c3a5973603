//! Leases: work on partitions of customers that one replica at a time does. Who holds a partition may work until its lease
//! expires, and renews it before; who finds an expired one takes it. Replicas share the partitions evenly.
//!
//! A worker calls [`hold`] in the transaction of its work: the rows that it locks keep others from taking the partition
//! before the transaction has ended, however long that takes and whatever the clocks say.

use huan_chassis::Result;
use huan_chassis::feed::PARTITIONS;
use huan_chassis::store::{
    Store, Tx,
    rows::{self, Conflict},
};
use sea_orm::sea_query::Expr;
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _, QueryOrder as _, QuerySelect as _, Select};

use super::entity::lease::{ActiveModel, Column, Entity, Model};

/// Partitions as bits: the lowest is partition 0.
pub type Partitions = u64;

/// Renews an owner's leases of some work until a time, takes what is free and gives up what is more than its share.
/// Times are system time in microseconds since the epoch. Answers with the partitions that it holds.
pub async fn renew(store: &Store, work: &str, owner: &str, now: i64, until: i64) -> Result<Partitions> {
    let tx = store.begin().await?;
    let none = |partition| Model { work: work.to_owned(), partition, owner: String::new(), expires: 0 };
    let presence = Model { work: presence(work, owner), owner: owner.to_owned(), expires: until, ..none(0) };
    rows::write::<_, ActiveModel>(&tx, vec![presence], Conflict::Replace).await?;
    let present = Entity::find().filter(Column::Work.starts_with(presence_of(work))).all(&*tx).await?;
    let replicas = present.iter().filter(|replica| replica.expires > now).count();
    let gone = present.into_iter().filter(|replica| replica.expires <= now).map(|replica| replica.work);
    Entity::delete_many().filter(Column::Work.is_in(gone)).exec(&*tx).await?;
    let mut leases = find(work).lock_exclusive().all(&*tx).await?;
    if leases.len() < PARTITIONS as usize {
        let all = (0..PARTITIONS.cast_signed()).map(none).collect();
        rows::write::<_, ActiveModel>(&tx, all, Conflict::Leave).await?;
        leases = find(work).lock_exclusive().all(&*tx).await?;
    }
    let (held, given) = share(&leases, owner, now, replicas);
    update(&tx, work, held, owner, until).await?;
    update(&tx, work, given, "", 0).await?;
    tx.commit().await?;
    Ok(held)
}

/// Gives all of an owner's leases of some work up.
pub async fn release(store: &Store, work: &str, owner: &str) -> Result<()> {
    let tx = store.begin().await?;
    let held = find(work).filter(Column::Owner.eq(owner)).lock_exclusive().all(&*tx).await?;
    update(&tx, work, held.iter().fold(0, |bits, lease| bits | bit(lease)), "", 0).await?;
    Entity::delete_many().filter(Column::Work.eq(presence(work, owner))).exec(&*tx).await?;
    tx.commit().await
}

/// The partitions whose leases an owner holds; nobody takes them before the transaction has ended.
pub async fn hold(tx: &Tx, work: &str, owner: &str, now: i64) -> Result<Partitions> {
    let held = find(work).filter(Column::Owner.eq(owner)).filter(Column::Expires.gt(now)).lock_shared();
    Ok(held.all(&**tx).await?.iter().fold(0, |bits, lease| bits | bit(lease)))
}

/// The partitions that an owner is to hold from now on, and those that it gives up.
fn share(leases: &[Model], owner: &str, now: i64, replicas: usize) -> (Partitions, Partitions) {
    let share = leases.len().div_ceil(replicas.max(1));
    let (own, others): (Vec<_>, Vec<_>) = leases.iter().partition(|lease| lease.owner == owner);
    let free = others.into_iter().filter(|lease| lease.expires <= now);
    let held = own.iter().copied().chain(free).take(share).fold(0, |bits, lease| bits | bit(lease));
    let given = own.iter().skip(share).fold(0, |bits, lease| bits | bit(lease));
    (held, given)
}

async fn update(tx: &Tx, work: &str, partitions: Partitions, owner: &str, until: i64) -> Result<()> {
    let partitions: Vec<i32> =
        (0..PARTITIONS.cast_signed()).filter(|partition| partitions >> partition & 1 == 1).collect();
    if partitions.is_empty() {
        return Ok(());
    }
    let update = Entity::update_many()
        .col_expr(Column::Owner, Expr::value(owner))
        .col_expr(Column::Expires, Expr::value(until))
        .filter(Column::Work.eq(work));
    update.filter(Column::Partition.is_in(partitions)).exec(&**tx).await?;
    Ok(())
}

/// In one order, so that two replicas wait for one another and never for each other.
fn find(work: &str) -> Select<Entity> {
    Entity::find().filter(Column::Work.eq(work)).order_by_asc(Column::Partition)
}

fn bit(lease: &Model) -> Partitions {
    1 << lease.partition
}

/// The row that says that a replica is there.
fn presence(work: &str, owner: &str) -> String {
    format!("{}{owner}", presence_of(work))
}

fn presence_of(work: &str) -> String {
    format!("{work} by ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leases(owners: [(&str, i64); 4]) -> Vec<Model> {
        let lease = |(partition, (owner, expires)): (i32, (&str, i64))| Model {
            work: "w".into(),
            partition,
            owner: owner.into(),
            expires,
        };
        (0..).zip(owners).map(lease).collect()
    }

    #[test]
    fn the_first_replica_takes_everything() {
        assert_eq!(share(&leases([("", 0); 4]), "a", 10, 1), (0b1111, 0));
    }

    #[test]
    fn a_second_replica_is_given_its_half() {
        assert_eq!(share(&leases([("a", 20); 4]), "b", 10, 2), (0, 0));
        assert_eq!(share(&leases([("a", 20); 4]), "a", 10, 2), (0b0011, 0b1100));
        assert_eq!(share(&leases([("a", 20), ("a", 20), ("", 0), ("", 0)]), "b", 10, 2), (0b1100, 0));
    }

    #[test]
    fn an_expired_lease_is_anybodys_and_a_running_one_is_not() {
        assert_eq!(share(&leases([("a", 10), ("a", 11), ("b", 20), ("b", 5)]), "b", 10, 1), (0b1101, 0));
    }
}
