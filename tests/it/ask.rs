//! What several stories ask of a suite.

use huan::{
    demo::Desk,
    suite::{Place, SERVICES},
};
use huan_chassis::store::test;
use huan_proto::{
    segment::v1::{EvaluateCustomerRequest, membership_service_client::MembershipServiceClient},
    types::v1::value::Kind,
};

/// A place whose stores are fresh PostgreSQL databases, one a service.
pub async fn on_postgres(mut place: Place) -> Place {
    for service in SERVICES {
        place.databases.insert(service, test::postgres().await.url);
    }
    place
}

/// A customer's feature of type number, as segment has it.
pub async fn feature(desk: &Desk, customer_id: &str, feature: &str) -> f64 {
    let door = desk.door("relationship_manager");
    let request = EvaluateCustomerRequest {
        customer_id: customer_id.to_owned(),
        features: vec![feature.to_owned()],
        ..Default::default()
    };
    let answer = MembershipServiceClient::new(door.channel.clone()).evaluate_customer(door.request(request)).await;
    match answer.unwrap().into_inner().values.first().and_then(|value| value.kind.clone()) {
        Some(Kind::Number(number)) => number,
        other => panic!("{feature} of {customer_id} is {other:?}"),
    }
}
