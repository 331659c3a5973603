//! All that is kept of one person, for the person to read: everything but events at once, then events a page at a time.

use huan_chassis::{Error, Result, page::Page};
use huan_proto::profile::v1 as pb;
use sea_orm::{ColumnTrait, EntityTrait, QueryFilter, QueryOrder, QuerySelect};

use super::{
    Store, customer,
    entity::{
        consent, customer as customer_entity, dead_letter, identity as identity_entity, merge_proposal, relation, tag,
        tag_history, vector,
    },
    holding, identity, kyc, one_of, profile,
    tenant::View,
};
use crate::convert::{self, envelope};

/// What of a person comes next, and the key after it; none at the end.
pub type Part = (Vec<pb::PersonPart>, Option<Vec<String>>);

/// Rows of a kind that are not read page by page.
const MOST: u64 = 1000;
/// What stands in a key before that of the last event.
const EVENTS: &str = "events";

impl Store {
    /// Reads what is kept of a person: first all but the events, then the events, newest first. Errors: NotFound; Erased;
    /// InvalidPageToken.
    pub async fn export_person(&self, view: &View, customer_id: &str, page: &Page) -> Result<Part> {
        match page.after.as_deref() {
            None => {
                let root = customer::whole(self.db.read(), &view.tenant, customer_id).await?;
                let members = self.db.vault()?.unseal(root.members().cloned().collect()).await?;
                let mut parts = Vec::with_capacity(members.len());
                for member in &members {
                    parts.push(self.person_part(view, member).await?);
                }
                Ok((parts, Some(vec![EVENTS.to_owned()])))
            }
            Some([events]) if events == EVENTS => self.person_events(view, customer_id, page.limit, None).await,
            Some([events, after @ ..]) if events == EVENTS => {
                self.person_events(view, customer_id, page.limit, Some(after.to_vec())).await
            }
            Some(_) => Err(Error::InvalidPageToken),
        }
    }

    /// The next events of a person, each with the customer that it was recorded for.
    async fn person_events(
        &self,
        view: &View,
        customer_id: &str,
        limit: u64,
        after: Option<Vec<String>>,
    ) -> Result<Part> {
        let page = Page { limit, after };
        let mut rows = self.list_events(&view.tenant, customer_id, "", &page).await?;
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(|last| {
            vec![EVENTS.to_owned(), last.occur_time.to_string(), last.source.clone(), last.source_id.clone()]
        });
        let mut parts: Vec<pb::PersonPart> = Vec::new();
        for row in rows {
            let customer_id = row.customer_id.clone();
            let event = convert::event::message(row)?;
            match parts.last_mut().filter(|part| part.customer_id == customer_id) {
                Some(part) => part.events.push(event),
                None => parts.push(pb::PersonPart { customer_id, events: vec![event], ..Default::default() }),
            }
        }
        Ok((parts, next))
    }

    /// All of one customer but the events.
    async fn person_part(&self, view: &View, member: &customer_entity::Model) -> Result<pb::PersonPart> {
        let (db, vault, id) = (self.db.read(), self.db.vault()?, member.customer_id.as_str());
        let ids = std::slice::from_ref(&member.customer_id);
        let consents = consent::Entity::find().filter(consent::Column::Tenant.eq(&view.tenant));
        let consents = consents.filter(consent::Column::CustomerId.eq(id)).order_by_desc(consent::Column::DecideTime);
        let tags = tag::Entity::find().filter(tag::Column::Tenant.eq(&view.tenant));
        let tags = tags.filter(tag::Column::CustomerId.eq(id)).order_by_asc(tag::Column::Name).all(db).await?;
        let relations = relation::Entity::find().filter(relation::Column::Tenant.eq(&view.tenant));
        let relations = relations.filter(relation::Column::CustomerId.eq(id)).all(db).await?;
        let vector = vector::Entity::find().filter(vector::Column::Tenant.eq(&view.tenant));
        let vector = vector.filter(vector::Column::CustomerId.eq(id)).all(db).await?;
        let vector = match vault.unseal(vector).await?.pop() {
            Some(row) => envelope::open(row.format, &row.payload)?,
            None => pb::Vector::default(),
        };
        let holds = self.list_legal_holds(&view.tenant, id).await?;
        let merges = self.list_merges(&view.tenant, id).await?;
        let answers = vault.unseal(kyc::answers(db, &view.tenant, ids).await?).await?;
        let history = tag_history::Entity::find().filter(tag_history::Column::Tenant.eq(&view.tenant));
        let history = history.filter(tag_history::Column::CustomerId.eq(id));
        let history = history.order_by_desc(tag_history::Column::AttachTime).all(db).await?;
        Ok(pb::PersonPart {
            customer_id: member.customer_id.clone(),
            customer: Some(convert::customer::message(member)?),
            identities: identity::of(db, vault, &view.tenant, ids).await?,
            holdings: holding::of(db, vault, &view.tenant, ids).await?,
            consents: consents.all(db).await?.into_iter().map(convert::consent::message).collect(),
            tags: tags.into_iter().map(convert::tag::message).collect(),
            features: profile::named(view, vector),
            events: Vec::new(),
            legal_holds: holds.into_iter().map(convert::rights::hold).collect(),
            relations: relations.into_iter().map(convert::relation::message).collect(),
            merges: merges.into_iter().map(convert::merge::message).collect(),
            kyc_answers: answers.into_iter().map(convert::kyc::answer_message).collect::<Result<_>>()?,
            tag_history: history.into_iter().map(convert::tag::period_message).collect(),
            refused_events: self.refused_events(view, id).await?,
            merge_proposals: self.merge_proposals(view, id).await?,
        })
    }

    /// A customer's refused events: those that name the customer, and those that name an identity of theirs.
    async fn refused_events(&self, view: &View, customer_id: &str) -> Result<Vec<pb::DeadLetter>> {
        let own = identity_entity::Entity::find().filter(identity_entity::Column::Tenant.eq(&view.tenant));
        let own = own.filter(identity_entity::Column::CustomerId.eq(customer_id)).select_only();
        let hashes: Vec<String> =
            own.column(identity_entity::Column::ValueHash).into_tuple().all(self.db.read()).await?;
        let of_tenant = || dead_letter::Entity::find().filter(dead_letter::Column::Tenant.eq(&view.tenant));
        let mut rows = Vec::new();
        // Each by an index of its own.
        for query in [
            of_tenant().filter(dead_letter::Column::CustomerId.eq(customer_id)),
            of_tenant().filter(one_of(dead_letter::Column::IdentityHash, &hashes)),
        ] {
            rows.extend(query.limit(MOST).all(self.db.read()).await?);
        }
        let rows = self.db.vault()?.unseal_known::<dead_letter::Model>(rows).await?;
        rows.into_iter().map(convert::dead_letter::message).collect()
    }

    /// The merges with others that were proposed of a customer.
    async fn merge_proposals(&self, view: &View, customer_id: &str) -> Result<Vec<pb::MergeProposal>> {
        let of_tenant = || merge_proposal::Entity::find().filter(merge_proposal::Column::Tenant.eq(&view.tenant));
        let mut found = Vec::new();
        for column in [merge_proposal::Column::Absorbed, merge_proposal::Column::Survivor] {
            found.extend(of_tenant().filter(column.eq(customer_id)).limit(MOST).all(self.db.read()).await?);
        }
        Ok(found.into_iter().map(convert::merge::proposal).collect())
    }
}
