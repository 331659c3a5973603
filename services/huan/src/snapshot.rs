//! `huan snapshot`: asks for a snapshot of all features, waits until it is whole, and says where its manifest is.

use std::{io::IsTerminal as _, time::Duration};

use clap::Args;
use huan_chassis::clock;
use huan_proto::profile::v1::{self as pb, snapshot_service_client::SnapshotServiceClient};
use tonic::Code;

use crate::{
    door,
    failure::{Failure, Result},
    load::Door,
    progress,
};

/// How often it is asked how far the snapshot is.
const EVERY: Duration = Duration::from_millis(200);

/// What `huan snapshot` takes.
#[derive(Args, Debug)]
pub struct Options {
    /// The tenant.
    #[arg(long)]
    tenant: String,
    /// A feature to write; give it several times for several. [default: all]
    #[arg(long = "feature")]
    features: Vec<String>,
    /// A folder below the service's configured root.
    #[arg(long, default_value = "")]
    destination: String,
    /// Write the bank's own number of each customer, too.
    #[arg(long)]
    include_bank_numbers: bool,
    /// Go on waiting for the snapshot of this request, or begin it.
    #[arg(long)]
    request_id: Option<String>,
    /// Whom to ask and in whose name.
    #[command(flatten)]
    door: door::Options,
}

/// Makes a snapshot and prints its manifest's address.
///
/// # Errors
/// If it cannot be begun, or does not become whole.
pub async fn run(options: Options) -> Result<()> {
    let door = options.door.open(&options.tenant, "snapshot")?;
    let request = pb::StartSnapshotRequest {
        request_id: options.request_id.unwrap_or_else(|| format!("snapshot-{}", clock::micros(clock::system_now()))),
        features: options.features,
        destination: options.destination,
        include_bank_numbers: options.include_bank_numbers,
    };
    let snapshot = wait(&door, request).await?;
    println!("{}", snapshot.manifest);
    Ok(())
}

/// Begins a snapshot and waits until it has ended.
///
/// # Errors
/// If it cannot be begun, or does not become whole.
pub async fn wait(door: &Door, request: pb::StartSnapshotRequest) -> Result<pb::Snapshot> {
    let mut client = SnapshotServiceClient::new(door.channel.clone());
    let mut snapshot = client.start_snapshot(door.request(request)).await?.into_inner().snapshot.unwrap_or_default();
    let bar = std::io::stderr().is_terminal().then(|| progress::bar("customers", 0));
    while snapshot.state() == pb::SnapshotState::Running {
        if let Some(bar) = &bar {
            bar.set_length(snapshot.customer_count.unsigned_abs());
            bar.set_position(snapshot.written_count.unsigned_abs());
        }
        tokio::time::sleep(EVERY).await;
        let get = pb::GetSnapshotRequest { snapshot_id: snapshot.snapshot_id.clone() };
        match client.get_snapshot(door.request(get)).await {
            Ok(answer) => snapshot = answer.into_inner().snapshot.unwrap_or_default(),
            // It goes on after a restart.
            Err(status) if status.code() == Code::Unavailable => {}
            Err(status) => return Err(status.into()),
        }
    }
    if let Some(bar) = &bar {
        bar.finish_and_clear();
    }
    match snapshot.state() {
        pb::SnapshotState::Done => Ok(snapshot),
        pb::SnapshotState::Cancelled => Err(Failure::new("the snapshot was cancelled")),
        _ => Err(Failure::new(format!("the snapshot failed: {}", snapshot.fault))),
    }
}
