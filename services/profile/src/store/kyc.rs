//! Questions about companies, their answers, and which of them the profile answers.

use std::collections::{HashMap, HashSet};

use huan_chassis::{Error, Result, clock, vault::Vault};
use huan_proto::profile::v1::{self as pb, kyc_fact::Fact};
use sea_orm::{ColumnTrait, ConnectionTrait, EntityTrait, QueryFilter, QuerySelect};

use super::{
    Store, customer,
    entity::{customer as customer_entity, holding, kyc_answer, kyc_template, relation},
    one_of, relation as relations,
    root::{self, Root},
    seal::seal,
    tenant::{self, View},
    upsert,
};
use crate::{
    convert,
    kyc::{SHIPPED, assess},
    relation::arms_of,
    vector,
};

impl Store {
    /// Replaces a tenant's questions. Errors: NotFound (the tenant); StaleRevision.
    pub async fn set_kyc_template(&self, row: kyc_template::Model) -> Result<pb::KycTemplate> {
        let tx = self.db.begin().await?;
        tenant::lock(&tx, &row.tenant).await?;
        let known = template(&*tx, &row.tenant).await?;
        if known.revision != row.revision {
            return Err(Error::StaleRevision { what: "template" });
        }
        let update_time = clock::micros(clock::system_now());
        let row = kyc_template::Model { revision: row.revision + 1, update_time, ..row };
        upsert(&tx, vec![row.clone()]).await?;
        tx.commit().await?;
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
        upsert(&tx, seal(&tx, rows.into_iter().filter(newer).collect()).await?).await?;
        let kyc = kyc(&*tx, tx.vault()?, view, template, &customer).await?;
        tx.commit().await?;
        Ok(kyc)
    }

    /// Reads how a customer stands by the questions. Errors: NotFound.
    pub async fn get_kyc(&self, view: &View, customer_id: &str) -> Result<pb::Kyc> {
        let db = self.db.read();
        let customer = customer::find(db, &view.tenant, customer_id).await?;
        kyc(db, self.db.vault()?, view, &template(db, &view.tenant).await?, &customer).await
    }
}

/// How a customer stands by these questions.
async fn kyc(
    db: &impl ConnectionTrait,
    vault: &Vault,
    view: &View,
    template: &pb::KycTemplate,
    customer: &customer_entity::Model,
) -> Result<pb::Kyc> {
    let root = customer::whole(db, &view.tenant, &customer.customer_id).await?;
    let ids: Vec<String> = root.ids().map(str::to_owned).collect();
    let whole = root::unseal(vault, vec![root]).await?;
    let whole = whole.first().map(Root::message).transpose()?.unwrap_or_default();
    let mut rows = vault.unseal(answers(db, &view.tenant, &ids).await?).await?;
    // Of the answers of several customers of a profile the last holds: it comes last into the map below.
    rows.sort_by_key(|row| row.answer_time);
    let messages = rows.into_iter().map(convert::kyc::answer_message).collect::<Result<Vec<_>>>()?;
    let answers = messages.into_iter().map(|answer| (answer.question_id.clone(), answer)).collect();
    let facts = facts(db, view, template, &whole, &ids).await?;
    Ok(assess(template, answers, &facts, view.time.now()))
}

/// The questions that the profile answers.
async fn facts(
    db: &impl ConnectionTrait,
    view: &View,
    template: &pb::KycTemplate,
    customer: &pb::Customer,
    ids: &[String],
) -> Result<HashSet<String>> {
    let mut found = HashSet::new();
    for question in &template.questions {
        let is_there = match question.fact.as_ref().and_then(|fact| fact.fact.as_ref()) {
            None => false,
            Some(Fact::Attribute(name)) => vector::attribute_of(name, customer).is_some(),
            Some(Fact::HoldingKind(kind)) => is_held(db, view, ids, kind).await?,
            Some(Fact::Relation(relation)) => is_related(db, view, ids, relation).await?,
        };
        if is_there {
            found.insert(question.question_id.clone());
        }
    }
    Ok(found)
}

async fn is_held(db: &impl ConnectionTrait, view: &View, ids: &[String], kind: &str) -> Result<bool> {
    let today = view.time.today().0;
    let query = holding::Entity::find().filter(holding::Column::Tenant.eq(&view.tenant));
    let query = query.filter(one_of(holding::Column::CustomerId, ids)).filter(holding::Column::Kind.eq(kind));
    let query = query.select_only().column(holding::Column::OpenDay).column(holding::Column::CloseDay);
    let days: Vec<(i32, Option<i32>)> = query.into_tuple().all(db).await?;
    Ok(days.into_iter().any(|(open, close)| open <= today && close.is_none_or(|close| close > today)))
}

async fn is_related(
    db: &impl ConnectionTrait,
    view: &View,
    ids: &[String],
    relation: &pb::KycRelation,
) -> Result<bool> {
    for arm in arms_of(relation.direction(), &[relation.r#type()]) {
        let query = relation::Entity::find().filter(relation::Column::Tenant.eq(&view.tenant));
        let query = query.filter(one_of(relation::Column::CustomerId, ids));
        let query = query.filter(relation::Column::Direction.eq(arm.direction as i16));
        let query = query.filter(relation::Column::RelationType.eq(arm.relation_type as i16));
        if query.filter(relations::holds(view.time.today().0)).one(db).await?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn template(db: &impl ConnectionTrait, tenant: &str) -> Result<pb::KycTemplate> {
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
