//! `huan import`: loads real data sets, each into a tenant of its own, the same however often it is run. It owns what
//! the data sets share: the tenant, the report and the rule that consent is never invented.

mod bank_marketing;
mod berka;
mod cdnow;
mod feature;
mod hillstrom;
mod report;
mod table;
mod tenant;

use std::path::{Path, PathBuf};

use chrono::{DateTime, Utc};
use clap::{Args, ValueEnum};
use huan_chassis::clock;
use huan_proto::profile::v1::{self as pb, event_service_client::EventServiceClient};

pub use self::bank_marketing::DATASET as BANK_MARKETING;
use self::report::Sourced;
pub use self::report::{Fault, NAMED_FAULTS, Report};
use crate::door;
use crate::failure::{Failure, Result};
use crate::load::Door;

/// What consents say that an import assumed.
pub const ASSUMED: &str = "import-assumption";

/// What `huan import` takes.
#[derive(Args, Debug)]
pub struct Options {
    /// Which data set.
    #[arg(value_enum)]
    data_set: DataSet,
    /// The folder of its files, plain or .zst.
    folder: PathBuf,
    /// The tenant, made if missing. Each data set needs one of its own. [default: the data set's name]
    #[arg(long)]
    tenant: Option<String>,
    /// Record a marketing consent of every customer, with the evidence "import-assumption".
    #[arg(long)]
    assume_consent: bool,
    /// Write the report to this file as JSON, too.
    #[arg(long)]
    report: Option<PathBuf>,
    /// Where to load and in whose name.
    #[command(flatten)]
    door: door::Options,
}

/// The data sets that can be imported.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum DataSet {
    BankMarketing,
    Berka,
    Cdnow,
    Hillstrom,
}

/// What the one who runs an import decides.
#[derive(Clone, Copy, Debug, Default)]
pub struct Choice {
    /// Whether a marketing consent of every customer is recorded, with evidence [`ASSUMED`].
    pub assume_consent: bool,
}

/// Imports a data set into the suite that the options name, and prints what came of it.
///
/// # Errors
/// If a file is missing or of another format, or the suite does not take it.
pub async fn run(options: Options) -> Result<()> {
    let (name, choice) = (options.data_set.name(), Choice { assume_consent: options.assume_consent });
    let tenant = options.tenant.as_deref().unwrap_or(name);
    let door = options.door.open(tenant, "importer")?;
    let report = match options.data_set {
        DataSet::BankMarketing => bank_marketing(&options.folder, &door).await?,
        DataSet::Berka => berka(&options.folder, choice, &door).await?,
        DataSet::Cdnow => cdnow(&options.folder, choice, &door).await?,
        DataSet::Hillstrom => hillstrom(&options.folder, choice, &door).await?,
    };
    report.print(tenant);
    if let Some(file) = &options.report {
        let json = serde_json::to_vec_pretty(&report).map_err(|error| Failure::new(error.to_string()))?;
        std::fs::write(file, json)?;
    }
    Ok(())
}

/// Imports the UCI Bank Marketing data set: contacts with their outcome, as a sealed dataset that models learn from.
///
/// # Errors
/// As of [`berka`].
pub async fn bank_marketing(folder: &Path, door: &Door) -> Result<Report> {
    bank_marketing::import(folder, door).await
}

/// Imports the Berka data set: clients, what they hold and what they did.
///
/// # Errors
/// If a file is missing or of another format, or the suite does not take it. What was taken stays, and a second run
/// completes it.
pub async fn berka(folder: &Path, choice: Choice, door: &Door) -> Result<Report> {
    berka::import(folder, choice, door).await
}

/// Imports the CDNOW sample: customers and their purchases, with the features of the published summary.
///
/// # Errors
/// As of [`berka`].
pub async fn cdnow(folder: &Path, choice: Choice, door: &Door) -> Result<Report> {
    cdnow::import(folder, choice, door).await
}

/// Imports the Hillstrom data set: customers, their assignment to three arms, visits and purchases.
///
/// # Errors
/// As of [`berka`].
pub async fn hillstrom(folder: &Path, choice: Choice, door: &Door) -> Result<Report> {
    hillstrom::import(folder, choice, door).await
}

/// Registers types of event.
///
/// # Errors
/// If one is registered already and may not change.
pub async fn register(door: &Door, types: Vec<pb::EventType>) -> Result<()> {
    let mut client = EventServiceClient::new(door.channel.clone());
    for event_type in types {
        let request = pb::RegisterEventTypeRequest { event_type: Some(event_type) };
        client.register_event_type(door.request(request)).await?;
    }
    Ok(())
}

impl DataSet {
    fn name(self) -> &'static str {
        match self {
            DataSet::BankMarketing => "bank_marketing",
            DataSet::Berka => "berka",
            DataSet::Cdnow => "cdnow",
            DataSet::Hillstrom => "hillstrom",
        }
    }
}

/// The consents that the one who runs the import assumes: marketing on every channel, of every customer.
fn assumed_consents(customers: &[Sourced<pb::Customer>], now: DateTime<Utc>) -> Vec<Sourced<pb::Consent>> {
    let consent = |customer: &pb::Customer| pb::Consent {
        customer_id: customer.customer_id.clone(),
        purpose: pb::Purpose::Marketing.into(),
        allowed: true,
        evidence: ASSUMED.to_owned(),
        decide_time: Some(clock::timestamp(now)),
        ..Default::default()
    };
    customers.iter().map(|row| Sourced { item: consent(&row.item), file: row.file, line: row.line }).collect()
}

/// Makes a segment of an organisation path out of a name: `Hl.m. Praha` → `hl_m_praha`.
fn slug(name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' }).collect();
    plain.split_whitespace().collect::<Vec<_>>().join("_")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_segments_of_a_path() {
        assert_eq!(slug("Hl.m. Praha"), "hl_m_praha");
        assert_eq!(slug("north Moravia"), "north_moravia");
        assert_eq!(slug("Ústí - město"), "st_m_sto");
    }
}
