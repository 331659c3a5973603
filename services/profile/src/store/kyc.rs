//! Questions about companies, their answers, and what of profiles answers them.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    ops::RangeInclusive,
};

use chrono::{DateTime, Utc};
use huan_chassis::{
    Error, Result, clock,
    store::{Tx, rows::runs},
    vault::Vault,
};
use huan_proto::profile::v1 as pb;
use sea_orm::{
    ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect,
    sea_query::{Expr, ExprTrait, Query, SelectStatement},
};

use super::{
    Store, customer,
    entity::{customer as customer_entity, kyc_answer, kyc_template, relation},
    feature, holding, one_of, relation as relations,
    root::{self, Root},
    seal::upsert_sealed,
    tenant::{self, View},
    upsert, vector,
};
use crate::{
    convert,
    kyc::{self, SHIPPED, assess},
    relation::Arm,
    vector::OpenHolding,
};

/// Microseconds of a day.
const MICROS_A_DAY: i64 = 86_400_000_000;

impl Store {
    /// Replaces a tenant's questions. Errors: NotFound (the tenant); StaleRevision.
    pub async fn set_kyc_template(&self, row: kyc_template::Model) -> Result<pb::KycTemplate> {
        let tx = self.db.begin().await?;
        let tenant = tenant::lock(&tx, &row.tenant).await?;
        let known = template(&*tx, &row.tenant).await?;
        if known.revision != row.revision {
            return Err(Error::StaleRevision { what: "template" });
        }
        let update_time = clock::micros(clock::system_now());
        let row = kyc_template::Model { revision: row.revision + 1, update_time, ..row };
        upsert(&tx, vec![row.clone()]).await?;
        feature::ask_again(&tx, tenant).await?;
        tx.commit().await?;
        self.catalogue_changed(&row.tenant).await?;
        convert::kyc::template_message(&row)
    }

    /// Reads a tenant's questions.
    pub async fn get_kyc_template(&self, tenant: &str) -> Result<pb::KycTemplate> {
        template(self.db.read(), tenant).await
    }

    /// Records answers about one customer; one that is older than what is known changes nothing. Errors: NotFound.
    pub async fn record_kyc_answers(
        &self,
        view: &View,
        template: &pb::KycTemplate,
        rows: Vec<kyc_answer::Model>,
    ) -> Result<pb::Kyc> {
        let tx = self.db.begin().await?;
        let customer_id = rows.first().map(|row| row.customer_id.clone()).unwrap_or_default();
        let customer = customer::lock_one(&tx, &view.tenant, &customer_id).await?;
        let known: HashMap<String, i64> = answers(&*tx, &view.tenant, std::slice::from_ref(&customer_id))
            .await?
            .into_iter()
            .map(|row| (row.question_id, row.answer_time))
            .collect();
        let newer = |row: &kyc_answer::Model| known.get(&row.question_id).is_none_or(|known| *known <= row.answer_time);
        upsert_sealed(&tx, rows.into_iter().filter(newer).collect()).await?;
        let root = customer::whole(&*tx, &view.tenant, &customer.customer_id).await?;
        let kyc = stand(&*tx, tx.vault()?, view, template, &root).await?;
        revise(&tx, view, vec![customer]).await?;
        tx.commit().await?;
        Ok(kyc)
    }

    /// Reads how a customer stands by the questions. Errors: NotFound.
    pub async fn get_kyc(&self, view: &View, customer_id: &str) -> Result<pb::Kyc> {
        let db = self.db.read();
        let root = customer::whole(db, &view.tenant, customer_id).await?;
        stand(db, self.db.vault()?, view, &view.kyc, &root).await
    }
}

/// How a profile stands by the tenant's questions; none if they are not about such a one and nothing was answered.
pub async fn concerning(db: &impl ConnectionTrait, vault: &Vault, view: &View, root: &Root) -> Result<Option<pb::Kyc>> {
    let rows = answers(db, &view.tenant, &ids(root)).await?;
    let whole = whole(vault, root).await?;
    if rows.is_empty() && !kyc::is_company(&whole) {
        return Ok(None);
    }
    assessed(db, vault, view, &view.kyc, root, &whole, rows).await.map(Some)
}

/// How a profile stands by these questions.
async fn stand(
    db: &impl ConnectionTrait,
    vault: &Vault,
    view: &View,
    template: &pb::KycTemplate,
    root: &Root,
) -> Result<pb::Kyc> {
    let rows = answers(db, &view.tenant, &ids(root)).await?;
    assessed(db, vault, view, template, root, &whole(vault, root).await?, rows).await
}

async fn assessed(
    db: &impl ConnectionTrait,
    vault: &Vault,
    view: &View,
    template: &pb::KycTemplate,
    root: &Root,
    whole: &pb::Customer,
    rows: Vec<kyc_answer::Model>,
) -> Result<pb::Kyc> {
    let (ids, day): (Vec<&str>, _) = (root.ids().collect(), view.time.today().0);
    let mut rows = vault.unseal(rows).await?;
    // Of the answers of several customers of a profile the last holds: it comes last into the map below.
    rows.sort_by_key(|row| row.answer_time);
    let messages = rows.into_iter().map(convert::kyc::answer_message).collect::<Result<Vec<_>>>()?;
    let answers = messages.into_iter().map(|answer| (answer.question_id.clone(), answer)).collect();
    let holdings = match kyc::asks_holdings(template) {
        true => holding::open(db, &view.tenant, &ids, day).await?.into_values().flatten().collect(),
        false => Vec::new(),
    };
    let related = related(db, &view.tenant, &kyc::arms(template), &ids, day).await?.into_values().flatten().collect();
    let facts = kyc::facts(template, whole, &holdings, &related);
    Ok(assess(template, answers, &facts, view.time.now()))
}

async fn whole(vault: &Vault, root: &Root) -> Result<pb::Customer> {
    let roots = root::unseal(vault, vec![root.clone()]).await?;
    roots.first().map(Root::message).transpose().map(Option::unwrap_or_default)
}

fn ids(root: &Root) -> Vec<String> {
    root.ids().map(str::to_owned).collect()
}

/// What is known of profiles by the tenant's questions besides what they say of themselves: when each question was
/// answered, and by what relations they are bound.
#[derive(Debug)]
pub struct Known {
    answers: HashMap<String, Vec<pb::KycAnswer>>,
    related: HashMap<String, BTreeSet<Arm>>,
}

impl Known {
    /// Reads it for locked profiles; none if no feature asks. Relations are read of those whom the questions are about.
    pub async fn read(
        tx: &Tx,
        view: &View,
        now: DateTime<Utc>,
        profiles: &[(&Root, &pb::Customer)],
    ) -> Result<Option<Self>> {
        if !view.catalogue.asks_kyc() {
            return Ok(None);
        }
        let ids: Vec<&str> = profiles.iter().flat_map(|(root, _)| root.ids()).collect();
        let answers = answer_times(tx, &view.tenant, &ids).await?;
        let concerns = |(root, whole): &&(&Root, &pb::Customer)| {
            kyc::is_company(whole) || root.ids().any(|id| answers.contains_key(id))
        };
        let ids: Vec<&str> = profiles.iter().filter(concerns).flat_map(|(root, _)| root.ids()).collect();
        let related = related(&**tx, &view.tenant, &kyc::arms(&view.kyc), &ids, view.time.day(now).0).await?;
        Ok(Some(Self { answers, related }))
    }

    /// How complete what is known of a profile is; none if the questions are not about such a one.
    pub fn completeness(
        &self,
        view: &View,
        now: DateTime<Utc>,
        root: &Root,
        whole: &pb::Customer,
        holdings: &[OpenHolding],
    ) -> Option<f64> {
        let mut answers: Vec<_> = root.ids().filter_map(|id| self.answers.get(id)).flatten().cloned().collect();
        if answers.is_empty() && !kyc::is_company(whole) {
            return None;
        }
        answers.sort_by_key(|answer| answer.answer_time.map(|at| (at.seconds, at.nanos)));
        let answers = answers.into_iter().map(|answer| (answer.question_id.clone(), answer)).collect();
        let related = root.ids().filter_map(|id| self.related.get(id)).flatten().copied().collect();
        let facts = kyc::facts(&view.kyc, whole, holdings, &related);
        Some(assess(&view.kyc, answers, &facts, now).completeness)
    }
}

/// When each question about customers was answered: what was said stays sealed.
async fn answer_times(tx: &Tx, tenant: &str, ids: &[&str]) -> Result<HashMap<String, Vec<pb::KycAnswer>>> {
    let mut found: HashMap<String, Vec<pb::KycAnswer>> = HashMap::new();
    for ids in runs(ids) {
        let query = kyc_answer::Entity::find().filter(kyc_answer::Column::Tenant.eq(tenant));
        let query = query.filter(kyc_answer::Column::CustomerId.is_in(ids.iter().copied())).select_only();
        let query = query.column(kyc_answer::Column::CustomerId).column(kyc_answer::Column::QuestionId);
        let rows: Vec<(String, String, i64)> =
            query.column(kyc_answer::Column::AnswerTime).into_tuple().all(&**tx).await?;
        for (customer_id, question_id, answer_time) in rows {
            let answer_time = Some(clock::timestamp(clock::from_micros(answer_time)));
            let answer = pb::KycAnswer { question_id, answer_time, ..Default::default() };
            found.entry(customer_id).or_default().push(answer);
        }
    }
    Ok(found)
}

/// Publishes the vectors of the profiles that locked customers are part of, as far as a feature that follows from the
/// tenant's questions changes them.
pub async fn revise(tx: &Tx, view: &View, customers: Vec<customer_entity::Model>) -> Result<()> {
    let newer = view.newer(tx).await?;
    let view = newer.as_ref().unwrap_or(view);
    if !view.catalogue.asks_kyc() || customers.is_empty() {
        return Ok(());
    }
    vector::follow(tx, view, customers).await.map(|_| ())
}

/// Customers of whom answers grow stale after one moment and up to another, both in microseconds of business time.
pub async fn stale(db: &impl ConnectionTrait, view: &View, times: &RangeInclusive<i64>) -> Result<Vec<String>> {
    let mut found = Vec::new();
    let mut by_days: BTreeMap<i32, Vec<&str>> = BTreeMap::new();
    for question in view.kyc.questions.iter().filter(|question| question.stale_after_days > 0) {
        by_days.entry(question.stale_after_days).or_default().push(&question.question_id);
    }
    for (days, questions) in by_days {
        let age = i64::from(days) * MICROS_A_DAY;
        let query = kyc_answer::Entity::find().filter(kyc_answer::Column::Tenant.eq(&view.tenant));
        let query = query.filter(kyc_answer::Column::AnswerTime.between(times.start() - age, times.end() - age));
        let query = query.filter(kyc_answer::Column::QuestionId.is_in(questions)).select_only();
        found.extend(query.column(kyc_answer::Column::CustomerId).into_tuple::<String>().all(db).await?);
    }
    Ok(found)
}

/// Which of these relations each of these customers has on a day; who has none is left out.
pub async fn related(
    db: &impl ConnectionTrait,
    tenant: &str,
    arms: &[Arm],
    ids: &[&str],
    day: i32,
) -> Result<HashMap<String, BTreeSet<Arm>>> {
    let mut found: HashMap<String, BTreeSet<Arm>> = HashMap::new();
    for ids in runs(ids).filter(|_| !arms.is_empty()) {
        for row in db.query_all(&select_related(tenant, arms, &ids, day)).await? {
            let customer_id: String = row.try_get_by_index(0)?;
            for (place, arm) in arms.iter().enumerate() {
                if row.try_get_by_index(place + 1)? {
                    found.entry(customer_id.clone()).or_default().insert(*arm);
                }
            }
        }
    }
    Ok(found)
}

/// Each customer, and whether there is one of each of these relations: both databases look that up by the primary key,
/// and stop at the first.
fn select_related(tenant: &str, arms: &[Arm], ids: &[&str], day: i32) -> SelectStatement {
    use relation::Column;
    let customer = |column: customer_entity::Column| Expr::col((customer_entity::Entity, column));
    let mut select = Query::select();
    select.expr(customer(customer_entity::Column::CustomerId)).from(customer_entity::Entity);
    select.and_where(customer_entity::Column::Tenant.eq(tenant));
    select.and_where(customer_entity::Column::CustomerId.is_in(ids.iter().copied()));
    for arm in arms {
        let of_customer = Expr::col((relation::Entity, Column::CustomerId));
        let mut one = Query::select();
        one.expr(Expr::cust("1")).from(relation::Entity).and_where(Column::Tenant.eq(tenant));
        one.and_where(of_customer.eq(customer(customer_entity::Column::CustomerId)));
        one.and_where(Column::Direction.eq(arm.direction as i16));
        one.and_where(Column::RelationType.eq(arm.relation_type as i16)).cond_where(relations::holds(day));
        select.expr(Expr::exists(one));
    }
    select
}

/// A tenant's questions.
pub async fn template(db: &impl ConnectionTrait, tenant: &str) -> Result<pb::KycTemplate> {
    match kyc_template::Entity::find_by_id(tenant.to_owned()).one(db).await? {
        Some(row) => convert::kyc::template_message(&row),
        None => Ok(SHIPPED.clone()),
    }
}

/// The answers about customers, whose envelopes stay sealed.
pub async fn answers(db: &impl ConnectionTrait, tenant: &str, ids: &[String]) -> Result<Vec<kyc_answer::Model>> {
    let query = kyc_answer::Entity::find().filter(kyc_answer::Column::Tenant.eq(tenant));
    Ok(query.filter(one_of(kyc_answer::Column::CustomerId, ids)).all(db).await?)
}
