//! The way to a running suite, as commands are told of it: where it is, and in whose name it is spoken to.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use huan_chassis::token::Keys;
use tonic::transport::Endpoint;

use crate::{
    failure::{Failure, Result},
    load::Door,
    token,
};

/// How long a token that a command signs for itself is good.
const LIFE: Duration = Duration::from_secs(24 * 3_600);

/// Where a suite is and in whose name it is spoken to.
#[derive(Args, Debug)]
// Beside the options of the command that they belong to, which are called so, too.
#[group(id = "door")]
pub struct Options {
    /// The gateway of the running suite, or the service itself.
    #[arg(long, visible_alias = "profile", default_value = "http://127.0.0.1:8080")]
    gateway: String,
    /// The key file of the running suite, with which an administrator's token is signed.
    #[arg(long, default_value = "huan-data/auth.key")]
    key_file: PathBuf,
    /// The caller's token, instead of one that the key file signs.
    #[arg(long, env = "HUAN_TOKEN", hide_env_values = true)]
    token: Option<String>,
}

impl Options {
    /// Opens the door in the name of `subject`, or of whom the token names.
    ///
    /// # Errors
    /// If the key file cannot be read or the address is none.
    pub fn open(&self, tenant: &str, subject: &str) -> Result<Door> {
        let endpoint = Endpoint::from_shared(self.gateway.clone())
            .map_err(|_| Failure::usage("--gateway is not an address such as http://127.0.0.1:8080"))?;
        let token = match &self.token {
            Some(token) => token.clone(),
            None => self.sign(tenant, subject)?,
        };
        Ok(Door { channel: endpoint.tcp_nodelay(true).connect_lazy(), token, tenant: None })
    }

    fn sign(&self, tenant: &str, subject: &str) -> Result<String> {
        let keys = Keys::from_file(&self.key_file).map_err(|error| {
            Failure::usage(format!("cannot read the key file {}: {error}", self.key_file.display()))
        })?;
        Ok(keys.sign(&token::user(tenant, subject, &["admin"], LIFE)))
    }
}
