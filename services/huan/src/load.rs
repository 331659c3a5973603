//! Sends many rows over gRPC: in batches, a few at once, again where that does no harm. Every call it makes is
//! idempotent, so a load that failed half-way is simply run again. What the rows are is for the callers.

mod batch;
mod progress;

use std::fmt;

use huan_proto::profile::v1::{
    self as profile, consent_service_client::ConsentServiceClient, customer_service_client::CustomerServiceClient,
    event_service_client::EventServiceClient, holding_service_client::HoldingServiceClient,
};
use huan_proto::strategy::v1::{self as strategy, assignment_service_client::AssignmentServiceClient};
use tonic::Status;
use tonic::metadata::{AsciiMetadataKey, AsciiMetadataValue};
use tonic::transport::Channel;

pub(crate) use self::batch::persist;
use self::batch::{Answer, load};

/// The most faults that are kept one by one; the rest are counted.
pub const KEPT_FAULTS: usize = 1000;

/// The door through which rows go: where to, and in whose name. Cheap to clone.
#[derive(Clone)]
pub struct Door {
    /// The connection.
    pub channel: Channel,
    /// The caller's token.
    pub token: String,
    /// The tenant, which a service's token must name and a user's holds already.
    pub tenant: Option<String>,
}

/// What became of the rows of one load.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Loaded {
    /// Rows that were sent.
    pub sent: u64,
    /// Rows that were new. Of consents, which do not tell, all that were taken.
    pub new: u64,
    /// Rows that were known before: replaced, or left as they were.
    pub known: u64,
    /// Rows that were refused.
    pub refused: u64,
    /// The first [`KEPT_FAULTS`] refusals, in the order of their rows.
    pub faults: Vec<Fault>,
}

/// Why one row was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The row's place in the source, from 0.
    pub index: u64,
    /// The field at fault.
    pub field: String,
    /// What is wrong with it, without its value.
    pub description: String,
}

impl Door {
    /// Makes a request in the caller's name. A token that cannot be written is not sent, and the answer is
    /// UNAUTHENTICATED.
    pub fn request<T>(&self, message: T) -> tonic::Request<T> {
        let mut request = tonic::Request::new(message);
        let tenant = self.tenant.as_ref().map(|tenant| ("huan-tenant", tenant.clone()));
        for (key, value) in [("authorization", format!("Bearer {}", self.token))].into_iter().chain(tenant) {
            if let Ok(value) = AsciiMetadataValue::try_from(value) {
                request.metadata_mut().insert(AsciiMetadataKey::from_static(key), value);
            }
        }
        request
    }
}

impl fmt::Debug for Door {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Door").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "row {}: {} {}", self.index, self.field, self.description)
    }
}

/// Creates or replaces customers. Keys of new ones are drawn from `key_seed`, or at random if it is 0.
///
/// # Errors
/// The first status other than UNAVAILABLE and RESOURCE_EXHAUSTED, or one of those that lasted.
pub async fn customers(
    door: &Door,
    rows: impl Iterator<Item = profile::Customer>,
    key_seed: u64,
) -> Result<Loaded, Status> {
    load("customers", rows, |customers| async move {
        let mut client = CustomerServiceClient::new(door.channel.clone());
        let request = profile::ImportCustomersRequest { customers, key_seed };
        let answer = client.import_customers(door.request(request)).await?.into_inner();
        Ok(Answer { new: answer.created, known: answer.updated, faults: row_faults(answer.faults) })
    })
    .await
}

/// Creates or replaces holdings, whose customers must be there.
///
/// # Errors
/// As of [`customers`].
pub async fn holdings(door: &Door, rows: impl Iterator<Item = profile::Holding>) -> Result<Loaded, Status> {
    load("holdings", rows, |holdings| async move {
        let mut client = HoldingServiceClient::new(door.channel.clone());
        let request = profile::ImportHoldingsRequest { holdings };
        let answer = client.import_holdings(door.request(request)).await?.into_inner();
        Ok(Answer { new: answer.created, known: answer.updated, faults: row_faults(answer.faults) })
    })
    .await
}

/// Records consents and refusals.
///
/// # Errors
/// As of [`customers`].
pub async fn consents(door: &Door, rows: impl Iterator<Item = profile::Consent>) -> Result<Loaded, Status> {
    load("consents", rows, |consents| async move {
        let mut client = ConsentServiceClient::new(door.channel.clone());
        let request = profile::RecordConsentsRequest { consents };
        let answer = client.record_consents(door.request(request)).await?.into_inner();
        Ok(Answer { new: answer.recorded, known: 0, faults: row_faults(answer.faults) })
    })
    .await
}

/// Takes in events, whose types must be registered.
///
/// # Errors
/// As of [`customers`].
pub async fn events(door: &Door, rows: impl Iterator<Item = profile::Event>) -> Result<Loaded, Status> {
    load("events", rows, |events| async move {
        let mut client = EventServiceClient::new(door.channel.clone());
        let answer = client.ingest_events(door.request(profile::IngestEventsRequest { events })).await?.into_inner();
        Ok(Answer { new: answer.accepted, known: answer.duplicates, faults: row_faults(answer.faults) })
    })
    .await
}

/// Takes in the assignments of an experiment, which must be there.
///
/// # Errors
/// As of [`customers`].
pub async fn assignments(
    door: &Door,
    experiment_id: &str,
    rows: impl Iterator<Item = strategy::Assignment>,
) -> Result<Loaded, Status> {
    load("assignments", rows, |assignments| {
        let experiment_id = experiment_id.to_owned();
        async move {
            let mut client = AssignmentServiceClient::new(door.channel.clone());
            let request = strategy::ImportAssignmentsRequest { experiment_id, assignments };
            let answer = client.import_assignments(door.request(request)).await?.into_inner();
            let faults =
                answer.faults.into_iter().map(|fault| self::fault(fault.index, fault.field, fault.description));
            Ok(Answer { new: answer.accepted, known: answer.duplicates, faults: faults.collect() })
        }
    })
    .await
}

fn row_faults(faults: Vec<profile::RowFault>) -> Vec<Fault> {
    faults.into_iter().map(|fault| self::fault(fault.index, fault.field, fault.description)).collect()
}

fn fault(index: i32, field: String, description: String) -> Fault {
    Fault { index: u64::try_from(index).unwrap_or(0), field, description }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_door_speaks_in_its_callers_name_and_tells_nobody_the_token() {
        let channel = tonic::transport::Endpoint::from_static("http://127.0.0.1:1").connect_lazy();
        let door = Door { channel, token: "secret".to_owned(), tenant: Some("bank".to_owned()) };
        let request = door.request(());
        assert_eq!(request.metadata().get("authorization").unwrap(), "Bearer secret");
        assert_eq!(request.metadata().get("huan-tenant").unwrap(), "bank");
        assert!(!format!("{door:?}").contains("secret"));
    }

    #[tokio::test]
    async fn a_load_may_run_on_any_thread() {
        fn sent<T: Send>(_: &T) {}
        let channel = tonic::transport::Endpoint::from_static("http://127.0.0.1:1").connect_lazy();
        let door = Door { channel, token: String::new(), tenant: None };
        sent(&events(&door, Vec::new().into_iter()));
        sent(&assignments(&door, "e", Vec::new().into_iter()));
    }
}
