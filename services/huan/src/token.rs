//! The development issuer: signs tokens with the key that all processes share.

use std::{path::PathBuf, time::Duration};

use clap::Args;
use huan_chassis::{
    clock,
    identity::Kind,
    token::{Claims, Keys},
};

use crate::failure::{Failure, Result};

/// The roles of `huan.auth.v1.Role`, as tokens spell them.
pub const ROLES: [&str; 9] = [
    "channel",
    "relationship_manager",
    "branch_manager",
    "strategist",
    "approver",
    "analyst",
    "auditor",
    "admin",
    "privacy_officer",
];

/// What `huan token` takes.
#[derive(Args, Debug)]
pub struct Options {
    /// The role; give it several times for several.
    #[arg(long = "role", required = true, value_parser = ROLES)]
    roles: Vec<String>,
    /// The tenant.
    #[arg(long, default_value = "demo")]
    tenant: String,
    /// The user's id.
    #[arg(long, default_value = "developer")]
    subject: String,
    /// The organisation path within which the user may act.
    #[arg(long, default_value = "/")]
    org_path: String,
    /// The one customer of a channel token, which must name one.
    #[arg(long)]
    customer: Option<String>,
    /// The key file of the suite that is to accept the token.
    #[arg(long, default_value = "huan-data/auth.key")]
    key_file: PathBuf,
    /// How long the token is good for, in hours.
    #[arg(long, default_value_t = 12)]
    hours: u64,
}

/// Prints a token.
///
/// # Errors
/// If the key file cannot be read.
pub fn run(options: &Options) -> Result<()> {
    let keys = Keys::from_file(&options.key_file).map_err(|error| {
        Failure::usage(format!(
            "cannot read the key file {}: {error}; start the suite with `huan up` or `huan demo` first, or name its key with --key-file",
            options.key_file.display()
        ))
    })?;
    let mut claims = user(&options.tenant, &options.subject, &options.roles, Duration::from_secs(options.hours * 3600));
    claims.org_path.clone_from(&options.org_path);
    claims.customer_id.clone_from(&options.customer);
    println!("{}", keys.sign(&claims));
    Ok(())
}

/// The claims of a user who may act in the whole tenant.
pub fn user<R: AsRef<str>>(tenant: &str, subject: &str, roles: &[R], life: Duration) -> Claims {
    let now = clock::system_now().timestamp();
    Claims {
        sub: subject.to_owned(),
        kind: Kind::User,
        tenant: Some(tenant.to_owned()),
        roles: roles.iter().map(|role| role.as_ref().to_owned()).collect(),
        org_path: "/".to_owned(),
        customer_id: None,
        iss: "huan-dev".to_owned(),
        aud: "huan".to_owned(),
        iat: now,
        exp: now + i64::try_from(life.as_secs()).unwrap_or(i64::MAX / 2),
    }
}
