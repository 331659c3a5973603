//! ScriptService.

use huan_chassis::{Identity, page};
use huan_proto::strategy::v1::{self as pb, script_service_server::ScriptService};
use tonic::{Request, Response, Status};

use super::Rpc;
use crate::convert::{self, script};

#[tonic::async_trait]
impl ScriptService for Rpc {
    async fn list_scripts(
        &self,
        request: Request<pb::ListScriptsRequest>,
    ) -> Result<Response<pb::ListScriptsResponse>, Status> {
        let tenant = Identity::of(&request)?.tenant()?;
        let message = request.get_ref();
        let page = page::page(message.page_size, &message.page_token, &[tenant, "script"])?;
        let (rows, next_page_token) = self.store.list_scripts(tenant, page).await?;
        let scripts = rows.into_iter().map(script::message).collect();
        Ok(Response::new(pb::ListScriptsResponse { scripts, next_page_token }))
    }

    async fn put_script(
        &self,
        request: Request<pb::PutScriptRequest>,
    ) -> Result<Response<pb::PutScriptResponse>, Status> {
        let caller = Identity::of(&request)?.clone();
        caller.check_bank_wide("script")?;
        let row = script::row(caller.tenant()?, &caller.subject, request.into_inner().script)?;
        let script = script::message(self.store.put_script(row).await?);
        Ok(Response::new(pb::PutScriptResponse { script: Some(script) }))
    }

    async fn sign_script(
        &self,
        request: Request<pb::SignScriptRequest>,
    ) -> Result<Response<pb::SignScriptResponse>, Status> {
        let caller = Identity::of(&request)?;
        caller.check_bank_wide("script_id")?;
        let message = request.get_ref();
        let id = convert::id("script_id", &message.script_id)?;
        let row = self.store.sign_script(caller.tenant()?, &id, message.revision, &caller.subject).await?;
        Ok(Response::new(pb::SignScriptResponse { script: Some(script::message(row)) }))
    }
}
