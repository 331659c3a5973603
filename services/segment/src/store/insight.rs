//! Insights: the finding, what speaks for it, the discussion, the votes and the verdict. No person but users is in it.

use huan_chassis::page::Page;
use huan_chassis::store::{Store, Tx};
use huan_chassis::{Error, Result, clock};
use huan_proto::segment::v1 as pb;
use prost::Message as _;
use sea_orm::sea_query::{Expr, OnConflict};
use sea_orm::{
    ColumnTrait as _, ConnectionTrait, EntityTrait as _, IntoActiveModel as _, PaginatorTrait as _, QueryFilter as _,
    QueryOrder as _, QuerySelect as _,
};

use super::definition_version::Author;
use super::entity::insight::{Column, Entity, Model};
use super::entity::{insight_comment as comment, insight_evidence as evidence, insight_vote as vote};
use super::tenant;
use crate::memory::decode;

/// The most pieces of evidence, and the most things that an insight becomes.
pub const MAX_EVIDENCE: usize = 20;
/// The most comments.
pub const MAX_COMMENTS: u64 = 1000;

/// Creates an insight, OPEN, with its first evidence, or answers with the one that the same request made.
pub async fn create_insight(
    store: &Store,
    of: &str,
    request_id: &str,
    insight: pb::Insight,
    first: Vec<pb::Evidence>,
) -> Result<pb::Insight> {
    let tx = store.begin().await?;
    tenant::lock(&tx, of).await?;
    let all = || Entity::find().filter(Column::Tenant.eq(of));
    if let Some(same) = all().filter(Column::RequestId.eq(request_id)).one(&*tx).await? {
        return whole(&*tx, same).await;
    }
    let last =
        all().select_only().column_as(Column::Number.max(), "last").into_tuple::<Option<i64>>().one(&*tx).await?;
    let number = last.flatten().unwrap_or(0) + 1;
    let status = pb::InsightStatus::Open.into();
    let insight = pb::Insight { insight_id: format!("i{number}"), status, revision: 1, ..insight };
    let row = Model {
        tenant: of.to_owned(),
        insight_id: insight.insight_id.clone(),
        request_id: request_id.to_owned(),
        number,
        status: status as i16,
        revision: insight.revision,
        payload: insight.encode_to_vec(),
    };
    Entity::insert(row.clone().into_active_model()).exec_without_returning(&*tx).await?;
    for (number, first) in (1..).zip(first) {
        insert_evidence(&tx, &row, &format!("{request_id}/{number}"), &pb::Evidence { number, ..first }).await?;
    }
    let insight = whole(&*tx, row).await?;
    tx.commit().await?;
    Ok(insight)
}

/// Reads an insight whole. Errors: NotFound.
pub async fn get_insight(store: &Store, of: &str, insight_id: &str) -> Result<pb::Insight> {
    let row = Entity::find_by_id((of.to_owned(), insight_id.to_owned())).one(store.read()).await?;
    whole(store.read(), row.ok_or_else(missing)?).await
}

/// Reads a page of insights, newest first, and one more if there is one, each with its number; without evidence, comments
/// and votes. Errors: InvalidPageToken.
pub async fn list_insights(
    store: &Store,
    of: &str,
    status: pb::InsightStatus,
    page: &Page,
) -> Result<Vec<(i64, pb::Insight)>> {
    let mut rows = Entity::find().filter(Column::Tenant.eq(of)).order_by_desc(Column::Number).limit(page.limit + 1);
    if status != pb::InsightStatus::Unspecified {
        rows = rows.filter(Column::Status.eq(i32::from(status) as i16));
    }
    if let Some(before) = page.after.as_ref().and_then(|key| key.first()) {
        let before: i64 = before.parse().map_err(|_| Error::InvalidPageToken)?;
        rows = rows.filter(Column::Number.lt(before));
    }
    rows.all(store.read()).await?.into_iter().map(|row| Ok((row.number, decode(&row.payload)?))).collect()
}

/// Reads the evidence that a request added, if it did.
pub async fn evidence_of_request(
    store: &Store,
    of: &str,
    insight_id: &str,
    request_id: &str,
) -> Result<Option<pb::Evidence>> {
    let found = evidence::Entity::find().filter(evidence::Column::Tenant.eq(of));
    let found = found.filter(evidence::Column::InsightId.eq(insight_id));
    let row = found.filter(evidence::Column::RequestId.eq(request_id)).one(store.read()).await?;
    row.map(|row| decode(&row.payload)).transpose()
}

/// Adds evidence to an OPEN insight, or answers with what the same request added. Errors: NotFound, WrongState.
pub async fn add_evidence(
    store: &Store,
    of: &str,
    insight_id: &str,
    request_id: &str,
    added: pb::Evidence,
) -> Result<pb::Evidence> {
    let tx = store.begin().await?;
    let row = lock(&tx, of, insight_id).await?;
    let all: Vec<evidence::Model> = evidence_rows(&*tx, &row).await?;
    if let Some(same) = all.iter().find(|each| each.request_id == request_id) {
        return decode(&same.payload);
    }
    check_open(&row)?;
    if all.len() >= MAX_EVIDENCE {
        return Err(wrong(format!("full: it has {MAX_EVIDENCE} pieces of evidence")));
    }
    let added = pb::Evidence { number: all.len() as i32 + 1, ..added };
    insert_evidence(&tx, &row, request_id, &added).await?;
    tx.commit().await?;
    Ok(added)
}

/// Adds a comment, or answers with the one that the same request added. Errors: NotFound, WrongState.
pub async fn add_comment(
    store: &Store,
    of: &str,
    insight_id: &str,
    request_id: &str,
    text: String,
    by: &Author,
) -> Result<pb::Comment> {
    let tx = store.begin().await?;
    let row = lock(&tx, of, insight_id).await?;
    let all = || comment::Entity::find().filter(comment::Column::Tenant.eq(of));
    let all = || all().filter(comment::Column::InsightId.eq(insight_id));
    if let Some(same) = all().filter(comment::Column::RequestId.eq(request_id)).one(&*tx).await? {
        return decode(&same.payload);
    }
    let count = all().count(&*tx).await?;
    if count >= MAX_COMMENTS {
        return Err(wrong(format!("full: it has {MAX_COMMENTS} comments")));
    }
    let number = count as i32 + 1;
    let written = pb::Comment {
        number,
        written_by: by.name.clone(),
        write_time: Some(clock::timestamp(clock::from_micros(by.time))),
        text,
    };
    let model = comment::Model {
        tenant: row.tenant,
        insight_id: row.insight_id,
        number,
        request_id: request_id.to_owned(),
        payload: written.encode_to_vec(),
    };
    comment::Entity::insert(model.into_active_model()).exec_without_returning(&*tx).await?;
    tx.commit().await?;
    Ok(written)
}

/// Takes a user's vote in place of the one before; answers with how many agree and disagree. Errors: NotFound, WrongState.
pub async fn vote_on_insight(
    store: &Store,
    of: &str,
    insight_id: &str,
    voted: pb::Vote,
    by: &Author,
) -> Result<(i64, i64)> {
    let tx = store.begin().await?;
    let row = lock(&tx, of, insight_id).await?;
    check_open(&row)?;
    let key = (row.tenant.clone(), row.insight_id.clone(), by.name.clone());
    if voted == pb::Vote::Unspecified {
        vote::Entity::delete_by_id(key).exec(&*tx).await?;
    } else {
        let (tenant, insight_id, user_id) = key;
        let model = vote::Model { tenant, insight_id, user_id, vote: i32::from(voted) as i16, voted: by.time };
        let key = [vote::Column::Tenant, vote::Column::InsightId, vote::Column::UserId];
        let replace = OnConflict::columns(key).update_columns([vote::Column::Vote, vote::Column::Voted]).to_owned();
        vote::Entity::insert(model.into_active_model()).on_conflict(replace).exec_without_returning(&*tx).await?;
    }
    let votes = vote_rows(&*tx, &row).await?;
    tx.commit().await?;
    let count = |wanted: pb::Vote| votes.iter().filter(|vote| i32::from(vote.vote) == i32::from(wanted)).count() as i64;
    Ok((count(pb::Vote::Agree), count(pb::Vote::Disagree)))
}

/// Gives a verdict, or opens the insight again. Errors: NotFound, StaleRevision.
pub async fn close_insight(
    store: &Store,
    of: &str,
    (insight_id, revision): (&str, i64),
    status: pb::InsightStatus,
    reason: String,
    by: &Author,
) -> Result<pb::Insight> {
    let tx = store.begin().await?;
    let row = lock(&tx, of, insight_id).await?;
    if row.revision != revision {
        return Err(Error::StaleRevision { what: "insight" });
    }
    let head: pb::Insight = decode(&row.payload)?;
    let verdict = pb::Verdict {
        given_by: by.name.clone(),
        give_time: Some(clock::timestamp(clock::from_micros(by.time))),
        reason,
    };
    let verdict = (status != pb::InsightStatus::Open).then_some(verdict);
    save(&tx, row, pb::Insight { status: status.into(), verdict, revision: revision + 1, ..head }).await?;
    tx.commit().await?;
    get_insight(store, of, insight_id).await
}

/// Notes what a confirmed insight became; the same again changes nothing. Errors: NotFound, WrongState.
pub async fn link_insight(store: &Store, of: &str, insight_id: &str, outcome: pb::Outcome) -> Result<pb::Insight> {
    let tx = store.begin().await?;
    let row = lock(&tx, of, insight_id).await?;
    if i32::from(row.status) != i32::from(pb::InsightStatus::Confirmed) {
        return Err(wrong("not confirmed".into()));
    }
    let mut head: pb::Insight = decode(&row.payload)?;
    if !head.outcomes.contains(&outcome) {
        if head.outcomes.len() >= MAX_EVIDENCE {
            return Err(wrong(format!("full: it became {MAX_EVIDENCE} things already")));
        }
        head.outcomes.push(outcome);
        save(&tx, row, head).await?;
    }
    tx.commit().await?;
    get_insight(store, of, insight_id).await
}

async fn save(tx: &Tx, row: Model, head: pb::Insight) -> Result<()> {
    let update = Entity::update_many()
        .col_expr(Column::Status, Expr::value(head.status as i16))
        .col_expr(Column::Revision, Expr::value(head.revision))
        .col_expr(Column::Payload, Expr::value(head.encode_to_vec()))
        .filter(Column::Tenant.eq(row.tenant));
    update.filter(Column::InsightId.eq(row.insight_id)).exec(&**tx).await?;
    Ok(())
}

async fn insert_evidence(tx: &Tx, row: &Model, request_id: &str, added: &pb::Evidence) -> Result<()> {
    let model = evidence::Model {
        tenant: row.tenant.clone(),
        insight_id: row.insight_id.clone(),
        number: added.number,
        request_id: request_id.to_owned(),
        payload: added.encode_to_vec(),
    };
    evidence::Entity::insert(model.into_active_model()).exec_without_returning(&**tx).await?;
    Ok(())
}

/// The insight with all that hangs on it.
async fn whole<C: ConnectionTrait>(db: &C, row: Model) -> Result<pb::Insight> {
    let head: pb::Insight = decode(&row.payload)?;
    let comments = comment::Entity::find().filter(comment::Column::Tenant.eq(&row.tenant));
    let comments = comments.filter(comment::Column::InsightId.eq(&row.insight_id));
    let comments = comments.order_by_asc(comment::Column::Number).all(db).await?;
    let vote = |row: vote::Model| pb::UserVote {
        user_id: row.user_id,
        vote: row.vote.into(),
        vote_time: Some(clock::timestamp(clock::from_micros(row.voted))),
    };
    Ok(pb::Insight {
        evidence: evidence_rows(db, &row).await?.iter().map(|row| decode(&row.payload)).collect::<Result<_>>()?,
        comments: comments.iter().map(|row| decode(&row.payload)).collect::<Result<_>>()?,
        votes: vote_rows(db, &row).await?.into_iter().map(vote).collect(),
        ..head
    })
}

async fn evidence_rows<C: ConnectionTrait>(db: &C, row: &Model) -> Result<Vec<evidence::Model>> {
    let found = evidence::Entity::find().filter(evidence::Column::Tenant.eq(&row.tenant));
    let found = found.filter(evidence::Column::InsightId.eq(&row.insight_id));
    Ok(found.order_by_asc(evidence::Column::Number).all(db).await?)
}

async fn vote_rows<C: ConnectionTrait>(db: &C, row: &Model) -> Result<Vec<vote::Model>> {
    let found = vote::Entity::find().filter(vote::Column::Tenant.eq(&row.tenant));
    let found = found.filter(vote::Column::InsightId.eq(&row.insight_id));
    Ok(found.order_by_asc(vote::Column::UserId).all(db).await?)
}

/// Reads an insight's row and lets changes of it follow one another. Errors: NotFound.
async fn lock(tx: &Tx, of: &str, insight_id: &str) -> Result<Model> {
    let row = Entity::find().filter(Column::Tenant.eq(of)).filter(Column::InsightId.eq(insight_id));
    row.lock_exclusive().one(&**tx).await?.ok_or_else(missing)
}

fn check_open(row: &Model) -> Result<()> {
    match i32::from(row.status) == i32::from(pb::InsightStatus::Open) {
        true => Ok(()),
        false => Err(wrong("closed".into())),
    }
}

fn missing() -> Error {
    Error::NotFound { what: "insight", field: "insight_id" }
}

fn wrong(state: String) -> Error {
    Error::WrongState { what: "insight", state }
}
