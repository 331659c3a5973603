//! Who a simulated customer is: the customer record and its identities, every personal value of it marked.

use std::collections::HashMap;

use huan_chassis::clock::Day;
use huan_proto::profile::v1 as pb;
use huan_proto::types::v1::{Value, value};

use super::Sim;
use super::draw::{Draws, Stream};
use super::traits::{Kind, LifeStyle};

/// Regions, their districts, and the average monthly salary of each in yuan.
const REGIONS: &[(&str, [(&str, f64); 4])] = &[
    ("east", [("pudong", 14_200.0), ("xihu", 11_800.0), ("gulou", 10_900.0), ("siming", 10_100.0)]),
    ("south", [("tianhe", 12_100.0), ("nanshan", 13_900.0), ("chancheng", 8_700.0), ("qingxiu", 7_200.0)]),
    ("north", [("chaoyang", 13_400.0), ("heping", 8_300.0), ("lixia", 8_100.0), ("yuhua", 6_900.0)]),
    ("west", [("wuhou", 8_800.0), ("yubei", 8_400.0), ("yanta", 8_000.0), ("chengguan", 6_500.0)]),
];

/// Classes of GB/T 4754-2017 in which the simulated companies work.
const INDUSTRIES: &[&str] = &[
    "0111", "1311", "1821", "2140", "2511", "2710", "3311", "3670", "3921", "4790", "5111", "5212", "5421", "6110",
    "6210", "6513", "7010", "7211", "8211",
];

/// Branches of a region.
const BRANCHES: u32 = 5;

pub(super) fn customer(sim: &Sim) -> pb::Customer {
    let mut draws = sim.draws(Stream::Person);
    let (region, districts) = draws.pick(REGIONS);
    let (district, salary) = draws.pick(&districts);
    let branch = 1 + draws.below(BRANCHES);
    let managed = sim.traits.kind == Kind::Corporate || sim.traits.wealth > 0.8;
    let manager = 1 + draws.below(8);
    let birth_day = birth_day(sim, &mut draws);
    let mut attributes = HashMap::from([
        ("region".to_owned(), text(region)),
        ("district".to_owned(), text(district)),
        ("average_salary".to_owned(), Value { kind: Some(value::Kind::Number(salary)) }),
    ]);
    attributes.extend(own_attributes(sim, &mut draws));
    pb::Customer {
        customer_id: sim.customer_id(),
        r#type: kind(sim) as i32,
        owner_path: format!("/hq/{region}/branch_{branch:02}"),
        manager_id: if managed { format!("rm-{region}-{branch:02}-{manager}") } else { String::new() },
        risk_level: risk_level(sim, &mut draws) as i32,
        gates: gates(sim).into_iter().map(i32::from).collect(),
        personalisation_refused: draws.chance(0.02),
        open_day: open_day(sim).map(|day| day.to_string()).unwrap_or_default(),
        person: Some(person(sim, district, birth_day)),
        attributes,
        ..Default::default()
    }
}

pub(super) fn identities(sim: &Sim) -> Vec<pb::Identity> {
    let mut draws = sim.draws(Stream::Identity);
    let prospect = sim.traits.kind == Kind::Prospect;
    let number = sim.index;
    let mut identities = Vec::new();
    let mut add = |namespace: &str, value: String| {
        identities.push(pb::Identity { namespace: namespace.to_owned(), value, ..Default::default() });
    };
    if !prospect {
        add("bank_number", format!("MARKBANK{number:010}"));
    }
    add("phone", phone(sim));
    if prospect || draws.chance(0.7) {
        add("app_device", format!("MARKDEVICE{number:010}"));
    }
    if draws.chance(0.4) {
        add("wecom", format!("MARKWECOM{number:010}"));
    }
    identities
}

/// Finds the day on which the relationship began; prospects have none.
pub(super) fn open_day(sim: &Sim) -> Option<Day> {
    let mut draws = sim.draws(Stream::Age);
    let before_history = draws.below(5_000) + sim.settings.history_days + 30;
    match (sim.traits.kind, sim.traits.style) {
        (Kind::Prospect, _) => None,
        (_, LifeStyle::New) => Some(sim.day_before(sim.turn)),
        (_, LifeStyle::Growing) => Some(sim.day_before(sim.settings.history_days + before_history % 700)),
        _ => Some(sim.day_before(before_history)),
    }
}

/// Reasons to leave the customer alone, for about one in forty.
pub(super) fn gates(sim: &Sim) -> Vec<pb::Gate> {
    let mut draws = sim.draws(Stream::Gate);
    let gates = [(pb::Gate::Complaint, 0.012), (pb::Gate::Hardship, 0.008), (pb::Gate::Closed, 0.004)];
    gates.into_iter().filter(|(_, share)| draws.chance(*share)).map(|(gate, _)| gate).collect()
}

fn kind(sim: &Sim) -> pb::CustomerType {
    match sim.traits.kind {
        Kind::Retail => pb::CustomerType::Retail,
        Kind::Corporate => pb::CustomerType::Corporate,
        Kind::Prospect => pb::CustomerType::Prospect,
    }
}

fn own_attributes(sim: &Sim, draws: &mut Draws) -> Vec<(String, Value)> {
    if sim.traits.kind == Kind::Corporate {
        return vec![("industry_code".to_owned(), text(draws.pick(INDUSTRIES)))];
    }
    let income = match sim.traits.wealth {
        wealth if wealth < 0.4 => "low",
        wealth if wealth < 0.85 => "middle",
        _ => "high",
    };
    vec![("gender".to_owned(), text(draws.pick(&["female", "male"]))), ("income_level".to_owned(), text(income))]
}

fn risk_level(sim: &Sim, draws: &mut Draws) -> pb::RiskLevel {
    let tested = sim.traits.kind != Kind::Prospect && draws.chance(0.85);
    if !tested {
        return pb::RiskLevel::Unspecified;
    }
    draws.weighted(&[
        (pb::RiskLevel::C1, 0.15),
        (pb::RiskLevel::C2, 0.25),
        (pb::RiskLevel::C3, 0.30),
        (pb::RiskLevel::C4, 0.20),
        (pb::RiskLevel::C5, 0.10),
    ])
}

fn person(sim: &Sim, district: &str, birth_day: Day) -> pb::Person {
    let number = sim.index;
    let company = if sim.traits.kind == Kind::Corporate { " Co Ltd" } else { "" };
    pb::Person {
        name: format!("MARKNAME-{number}{company}"),
        phone: phone(sim),
        id_number: format!("MARKID{number:012}"),
        address: format!("MARKADDR {number}, {district}"),
        birth_day: birth_day.to_string(),
    }
}

/// Writes a number that no one has: three digits longer than any in use.
fn phone(sim: &Sim) -> String {
    format!("+86 1990000{:07}", sim.index)
}

fn birth_day(sim: &Sim, draws: &mut Draws) -> Day {
    let years = if sim.traits.kind == Kind::Corporate { draws.between(16.0, 40.0) } else { draws.between(18.0, 80.0) };
    sim.day_before((years * 365.25) as u32)
}

fn text(text: &str) -> Value {
    Value { kind: Some(value::Kind::Text(text.to_owned())) }
}

#[cfg(test)]
mod tests {
    use super::super::{Bank, Settings};
    use super::*;

    fn customers() -> Vec<pb::Customer> {
        let settings = Settings { seed: 2, customers: 5_000, last_day: Day(20_000), history_days: 365 };
        Bank::new(settings).customers().map(|sim| sim.customer()).collect()
    }

    #[test]
    fn companies_have_an_industry_and_persons_a_gender() {
        for customer in customers() {
            let corporate = customer.r#type() == pb::CustomerType::Corporate;
            assert_eq!(customer.attributes.contains_key("industry_code"), corporate);
            assert_eq!(customer.attributes.contains_key("gender"), !corporate);
            assert_eq!(customer.open_day.is_empty(), customer.r#type() == pb::CustomerType::Prospect);
        }
    }

    #[test]
    fn every_region_and_branch_owns_customers() {
        let paths: std::collections::BTreeSet<_> = customers().into_iter().map(|c| c.owner_path).collect();
        assert_eq!(paths.len(), REGIONS.len() * BRANCHES as usize);
        assert!(paths.iter().all(|path| path.starts_with("/hq/")));
    }

    #[test]
    fn few_are_gated_and_few_refuse_personalisation() {
        let all = customers();
        let share = |count: usize| count as f64 / all.len() as f64;
        assert!((0.01..0.04).contains(&share(all.iter().filter(|c| !c.gates.is_empty()).count())));
        assert!((0.01..0.03).contains(&share(all.iter().filter(|c| c.personalisation_refused).count())));
        assert!((0.10..0.25).contains(&share(all.iter().filter(|c| c.risk_level == 0).count())));
    }
}
