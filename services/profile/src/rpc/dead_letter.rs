//! DeadLetterService.

use huan_chassis::Identity;
use huan_proto::profile::v1::{self as pb, DeadLetterState as State, dead_letter_service_server::DeadLetterService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::{convert, store::dead_letter};

#[tonic::async_trait]
impl DeadLetterService for Rpc {
    async fn list_dead_letters(
        &self,
        request: Request<pb::ListDeadLettersRequest>,
    ) -> Result<Response<pb::ListDeadLettersResponse>, Status> {
        let (tenant, query) = (convert::dead_letter::tenant(Identity::of(&request)?)?, request.get_ref());
        let (filter, page) = convert::dead_letter::list(&tenant, query)?;
        let mut rows = self.store.list_dead_letters(&tenant, &filter, &page).await?;
        let state = query.state.to_string();
        let bound = convert::dead_letter::bound(&tenant, &filter, &state);
        let limit = convert::dead_letter::fitting(&rows, page.limit);
        let next_page_token = dead_letter::next_page(&bound, &mut rows, limit);
        let letters = rows.into_iter().map(convert::dead_letter::message);
        let dead_letters = letters.collect::<huan_chassis::Result<_>>()?;
        Ok(Response::new(pb::ListDeadLettersResponse { dead_letters, next_page_token }))
    }

    async fn replay_dead_letters(
        &self,
        request: Request<pb::ReplayDeadLettersRequest>,
    ) -> Result<Response<pb::ReplayDeadLettersResponse>, Status> {
        let by = Identity::of(&request)?.clone();
        let tenant = convert::dead_letter::tenant(&by)?;
        let pb::ReplayDeadLettersRequest { letter_ids, filter, page_token } = request.into_inner();
        let ids = convert::dead_letter::letter_ids(letter_ids, filter.as_ref())?;
        let (filter, page) = convert::dead_letter::open(&tenant, filter.as_ref(), &page_token)?;
        let (letters, next_page_token) = self.store.wanted_dead_letters(&tenant, &ids, &filter, &page).await?;
        let done = self.store.replay_dead_letters(&by, letters).await?;
        Ok(Response::new(convert::dead_letter::replayed(done, next_page_token)))
    }

    async fn drop_dead_letters(
        &self,
        request: Request<pb::DropDeadLettersRequest>,
    ) -> Result<Response<pb::DropDeadLettersResponse>, Status> {
        let tenant = convert::dead_letter::tenant(Identity::of(&request)?)?;
        let pb::DropDeadLettersRequest { letter_ids, filter } = request.into_inner();
        let ids = convert::dead_letter::letter_ids(letter_ids, filter.as_ref())?;
        let (filter, page) = convert::dead_letter::open(&tenant, filter.as_ref(), "")?;
        let (letters, _) = self.store.wanted_dead_letters(&tenant, &ids, &filter, &page).await?;
        let ids: Vec<String> = letters.into_iter().map(|letter| letter.letter_id).collect();
        let dropped = self.store.settle_dead_letters(&tenant, &ids, State::Dropped).await? as i32;
        Ok(Response::new(pb::DropDeadLettersResponse { dropped }))
    }
}
