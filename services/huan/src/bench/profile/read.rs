//! Profiles read over gRPC beside bare point reads of vectors on one connection, in a small bank and in a large one: the
//! head (attributes, features, consents) and the whole.

use std::time::{Duration, Instant};

use huan_chassis::store::connect;
use huan_profile::store::entity::vector;
use huan_proto::profile::v1::{self as pb, profile_service_client::ProfileServiceClient};
use sea_orm::{ColumnTrait as _, EntityTrait as _, QueryFilter as _};

use super::{Place, Service, TENANT};
use crate::{
    bank::{Bank, Sim},
    bench::{Options, Row, pace},
    demo,
    failure::Result,
    load,
};

/// Calls in flight.
const IN_FLIGHT: usize = 32;
/// What the head of a profile is.
const HEAD: [&str; 3] = ["customer", "features", "consents"];

/// Measures on two services, the second with as many customers as was asked for by `--large`.
pub async fn run(options: &Options, place: &Place) -> Result<Vec<Row>> {
    let small = measure(options, place, options.customers).await?;
    let large = measure(options, place, options.large).await?;
    let name = place.name;
    let flat = format!("whole profile with {} customers beside {}, {name}", options.large, options.customers);
    Ok(vec![
        Row::rate(&format!("profile head beside bare point reads, {name}"), "reads/s", small.head, small.bare, 0.5),
        Row::rate(&format!("whole profile beside bare point reads, {name}"), "reads/s", small.whole, small.bare, 0.15),
        Row::rate(&flat, "reads/s", large.whole / large.bare, small.whole / small.bare, 0.8),
    ])
}

/// Reads a second.
struct Rates {
    head: f64,
    whole: f64,
    bare: f64,
}

async fn measure(options: &Options, place: &Place, customers: u32) -> Result<Rates> {
    let bank = demo::bank(1, customers)?;
    let service = Service::with_customers(place, &bank).await?;
    let admin = service.desk.door("admin");
    load::holdings(&admin, bank.customers().flat_map(|sim| sim.holdings())).await?;
    load::consents(&admin, bank.customers().flat_map(|sim| sim.consents())).await?;
    let active = bank.customers().take(10_000).flat_map(|sim: Sim| sim.events());
    load::events(&admin, active).await?;
    let length = Duration::from_secs(options.seconds);
    let bare = bare(&service, &bank, length).await?;
    let head = read(&service, &bank, &HEAD, length).await?;
    let whole = read(&service, &bank, &[], length).await?;
    service.stop().await?;
    Ok(Rates { head, whole, bare })
}

async fn read(service: &Service, bank: &Bank, fields: &[&str], length: Duration) -> Result<f64> {
    let door = service.desk.door("relationship_manager");
    let mask = prost_types::FieldMask { paths: fields.iter().map(|field| (*field).to_owned()).collect() };
    let read_mask = (!fields.is_empty()).then_some(mask);
    let bank = *bank;
    let client = ProfileServiceClient::new(door.channel.clone());
    pace::closed(IN_FLIGHT, length, move |number| {
        let customer_id = bank.customer(scattered(number, bank.settings().customers)).customer_id();
        let request = door.request(pb::GetProfileRequest { customer_id, read_mask: read_mask.clone() });
        let mut client = client.clone();
        async move { client.get_profile(request).await.map(drop) }
    })
    .await
}

/// Reads of one row by its key, one after the other.
async fn bare(service: &Service, bank: &Bank, length: Duration) -> Result<f64> {
    let db = connect(&service.database).await?;
    let ids: Vec<String> =
        (0..10_000).map(|number| bank.customer(scattered(number, bank.settings().customers)).customer_id()).collect();
    let started = Instant::now();
    let mut reads = 0;
    while started.elapsed() < length {
        let query = vector::Entity::find().filter(vector::Column::Tenant.eq(TENANT));
        let query = query.filter(vector::Column::CustomerId.eq(&ids[reads % ids.len()]));
        query.one(&db).await.map_err(huan_chassis::Error::from)?;
        reads += 1;
    }
    Ok(reads as f64 / started.elapsed().as_secs_f64())
}

/// The nth of customers in no order (a multiplicative hash after Knuth).
fn scattered(number: u64, customers: u32) -> u32 {
    ((number.wrapping_mul(2_654_435_761) >> 7) % u64::from(customers)) as u32
}
