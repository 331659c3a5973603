//! Clients as customers.

use std::collections::{BTreeMap, BTreeSet};

use huan_chassis::clock::Day;
use huan_proto::profile::v1 as pb;
use huan_proto::types::v1::{Value, value};

use super::tables::{Client, District, Tables};
use crate::import::report::{Faults, Sourced};
use crate::import::slug;

const FILE: &str = "client.asc";

/// The bank's number of a client.
pub(super) fn customer_id(client: u32) -> String {
    format!("berka-{client}")
}

/// Makes a customer of each client. One of an unknown district is a fault, and is taken in without a district.
pub(super) fn customers(tables: &Tables, faults: &mut Faults) -> Vec<Sourced<pb::Customer>> {
    let dispositions = || tables.dispositions.values();
    let disponents: BTreeSet<u32> = dispositions().filter(|d| !d.is_owner).map(|d| d.client).collect();
    let mut opened: BTreeMap<u32, Day> = BTreeMap::new();
    for disposition in dispositions() {
        let day = tables.accounts[&disposition.account].opened;
        opened.entry(disposition.client).and_modify(|first| *first = day.min(*first)).or_insert(day);
    }
    let mut customers = Vec::new();
    for (id, client) in &tables.clients {
        let district = tables.districts.get(&client.district);
        if district.is_none() {
            faults.add(FILE, client.line, "district_id is not among the districts; taken in without one");
        }
        let mut item = customer(*id, client, district, disponents.contains(id));
        item.open_day = opened.get(id).map(Day::to_string).unwrap_or_default();
        customers.push(Sourced { item, file: FILE, line: client.line });
    }
    customers
}

fn customer(id: u32, client: &Client, district: Option<&District>, disponent: bool) -> pb::Customer {
    let text = |text: &str| value::Kind::Text(text.to_owned());
    let mut attributes = vec![("gender", text(client.gender)), ("disponent", value::Kind::Flag(disponent))];
    let mut owner_path = "/hq".to_owned();
    if let Some(district) = district {
        attributes.push(("region", text(&district.region)));
        attributes.push(("district", text(&district.name)));
        attributes.extend(district.figures.iter().map(|(name, figure)| (*name, value::Kind::Number(*figure))));
        owner_path = format!("/hq/{}/{}", slug(&district.region), slug(&district.name));
    }
    let named = |(name, kind): (&str, _)| (name.to_owned(), Value { kind: Some(kind) });
    pb::Customer {
        customer_id: customer_id(id),
        r#type: pb::CustomerType::Retail.into(),
        owner_path,
        person: Some(pb::Person { birth_day: client.birth_day.to_string(), ..Default::default() }),
        attributes: attributes.into_iter().map(named).collect(),
        ..Default::default()
    }
}
