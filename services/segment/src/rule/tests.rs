//! The data files of tests/data, the bounds, and that the two ways to evaluate a rule agree.

mod agreement;
mod doc;
mod nearest;
mod random;

use std::collections::BTreeMap;

use huan_chassis::clock::Day;
use huan_proto::profile::v1 as profile;
use huan_proto::types::v1::{Value, ValueType, value};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};
use serde::Deserialize;

use super::{MAX_BYTES, MAX_COST, Place, Rule, Truth};
use crate::catalogue::Catalogue;
use crate::columns::{Columns, Customer, Names};
use crate::live::Draft;
use crate::store::definition::Definitions;
use crate::store::entity::segment;

const FEATURES: [(&str, ValueType); 10] = [
    ("balance_total", ValueType::Number),
    ("txn_count_30d", ValueType::Number),
    ("txn_count_90d", ValueType::Number),
    ("age_limit", ValueType::Number),
    ("customer_type", ValueType::Text),
    ("region", ValueType::Text),
    ("birth_day", ValueType::Day),
    ("last_event_day", ValueType::Day),
    ("has_card", ValueType::Flag),
    ("has_loan", ValueType::Flag),
];

fn catalogue() -> Catalogue {
    let feature = |(number, (name, r#type)): (u32, (&str, ValueType))| profile::Feature {
        number,
        name: name.into(),
        r#type: r#type.into(),
        ..Default::default()
    };
    Catalogue::of(&(1..).zip(FEATURES).map(feature).collect::<Vec<_>>())
}

fn today() -> Day {
    "2026-11-22".parse().unwrap()
}

fn put(columns: &mut Columns, ordinal: u32, vector: &profile::Vector) {
    let id = format!("c{ordinal}");
    let customer = Customer { customer_id: &id, customer_key: "key", owner_path: "/hq", as_of: 0 };
    columns.put(&catalogue(), ordinal, customer, vector);
}

#[derive(Deserialize)]
struct Cases<T> {
    case: Vec<T>,
}

#[derive(Deserialize)]
struct Case {
    rule: String,
    row: BTreeMap<String, toml::Value>,
    expected: String,
}

fn vector(row: &BTreeMap<String, toml::Value>) -> profile::Vector {
    let mut vector = profile::Vector::default();
    for (name, value) in row {
        if name == "tags" {
            vector.tags = value.clone().try_into().unwrap();
            continue;
        }
        let (number, (_, r#type)) = (1..).zip(FEATURES).find(|(_, (feature, _))| feature == name).expect("a feature");
        let kind = match (value, r#type) {
            (toml::Value::Integer(number), _) => value::Kind::Number(*number as f64),
            (toml::Value::Float(number), _) => value::Kind::Number(*number),
            (toml::Value::Boolean(flag), _) => value::Kind::Flag(*flag),
            (toml::Value::String(day), ValueType::Day) => value::Kind::Day(day.clone()),
            (toml::Value::String(text), _) => value::Kind::Text(text.clone()),
            _ => panic!("{value} is no value"),
        };
        vector.features.push(number);
        vector.values.push(Value { kind: Some(kind) });
    }
    vector
}

#[test]
fn rules_say_of_rows_what_the_data_file_says() {
    let cases: Cases<Case> = toml::from_str(include_str!("../../tests/data/rules.toml")).unwrap();
    for case in cases.case {
        let mut columns = Columns::default();
        put(&mut columns, 0, &vector(&case.row));
        let rule = Rule::new(&case.rule, &catalogue(), columns.names_mut());
        let rule = rule.unwrap_or_else(|faults| panic!("{}: {faults:?}", case.rule));
        let expected = match case.expected.as_str() {
            "true" => Truth::True,
            "false" => Truth::False,
            _ => Truth::Unknown,
        };
        assert_eq!(rule.truth(&columns.row("c0", today()).unwrap()), expected, "{} of {:?}", case.rule, case.row);
    }
}

#[derive(Deserialize)]
struct Refused {
    rule: String,
    faults: Vec<Expected>,
}

#[derive(Deserialize)]
struct Expected {
    says: String,
    part: String,
    /// Line and column.
    at: Option<(i32, i32)>,
}

#[test]
fn bad_rules_have_the_faults_of_the_data_file() {
    let cases: Cases<Refused> = toml::from_str(include_str!("../../tests/data/faults.toml")).unwrap();
    for case in cases.case {
        let faults = Rule::new(&case.rule, &catalogue(), &mut Names::default()).expect_err(&case.rule);
        assert_eq!(faults.len(), case.faults.len(), "{}: {faults:?}", case.rule);
        for (fault, expected) in faults.iter().zip(&case.faults) {
            assert!(fault.description.contains(&expected.says), "{}: {fault:?}", case.rule);
            assert!(expected.part.is_empty() || fault.place.part == expected.part, "{}: {fault:?}", case.rule);
            let at = (fault.place.line, fault.place.column);
            assert_eq!(expected.at.unwrap_or(at), at, "{}: {fault:?}", case.rule);
        }
    }
}

#[test]
fn a_rule_is_bounded_in_length_nodes_and_depth() {
    let check = |rule: &str| Rule::new(rule, &catalogue(), &mut Names::default());
    let long = format!("balance_total > {}1", " ".repeat(MAX_BYTES));
    assert!(check(&long).unwrap_err()[0].description.contains("at most 4096"));
    let wide = vec!["has_card"; 101].join(" || ");
    assert!(check(&wide).unwrap_err()[0].description.contains("at most 200"));
    let deep = format!("{}has_card{}", "(".repeat(65), ")".repeat(65));
    assert!(check(&deep).unwrap_err()[0].description.contains("nests 65 brackets; at most 64"));
    assert!(check(&"(\"".repeat(MAX_BYTES / 2)).is_err());
    let huge = "has_card && ".repeat((10 << 20) / 12);
    assert_eq!(check(&huge).unwrap_err()[0].place, Place::default());
    assert!(check(&vec!["has_card"; 100].join(" || ")).is_ok());
}

#[test]
fn a_rule_as_deep_as_its_length_allows_is_refused_and_not_the_end_of_the_process() {
    let check = |rule: &str| Rule::new(&rule[..MAX_BYTES.min(rule.len())], &catalogue(), &mut Names::default());
    for (open, close) in [("(", ")"), ("[", "]"), ("f(", ")"), ("true?1+2*f(", "):1"), ("!", ""), ("- ", "")] {
        let deep = format!("{}1{}", open.repeat(180), close.repeat(180));
        assert!(check(&deep).is_err(), "{deep}");
        assert!(check(&open.repeat(MAX_BYTES)).is_err(), "{open}");
    }
    for chain in ["1+", "1<", "a.", "true?true:", "true||", "a[1]."] {
        assert!(check(&format!("{}1", chain.repeat(MAX_BYTES))).is_err(), "{chain}");
        assert!(check(&format!("{}1", chain.repeat(300))).is_err(), "{chain}");
    }
}

#[test]
fn a_rule_names_the_features_that_it_reads() {
    let rule = "region == \"east\" && has(has_card) && balance_total > 1 && region != \"west\"";
    let rule = Rule::new(rule, &catalogue(), &mut Names::default()).unwrap();
    assert_eq!(rule.features().collect::<Vec<_>>(), ["balance_total", "has_card", "region"]);
}

/// Each feature is known with this probability.
fn random_vector(rng: &mut StdRng, known: f64) -> profile::Vector {
    let mut vector = profile::Vector::default();
    for (number, (_, r#type)) in (1..).zip(FEATURES).filter(|_| rng.gen_bool(known)).collect::<Vec<_>>() {
        let kind = match r#type {
            ValueType::Number => value::Kind::Number(f64::from(rng.gen_range(-2..3))),
            ValueType::Text => value::Kind::Text(["east", "West", "retail", ""].choose(rng).unwrap().to_string()),
            ValueType::Day if rng.gen_bool(0.3) => value::Kind::Day("1990-02-28".into()),
            ValueType::Day => value::Kind::Day(Day(today().0 - rng.gen_range(0..120)).to_string()),
            _ => value::Kind::Flag(rng.r#gen()),
        };
        vector.features.push(number);
        vector.values.push(Value { kind: Some(kind) });
    }
    vector.tags = ["vip", "new"].iter().filter(|_| rng.gen_bool(0.5)).map(ToString::to_string).collect();
    vector
}

#[test]
fn a_rule_is_bounded_in_cost_before_it_is_built() {
    let check = |rule: &str| Rule::new(rule, &catalogue(), &mut Names::default());
    assert_eq!(check("balance_total > 100").unwrap().cost(), 3);
    let many = vec!["region.matches(\"a+\")"; 45].join(" || ");
    let faults = check(&many).unwrap_err();
    assert_eq!(faults.len(), 1);
    assert!(faults[0].description.contains("costs too much from here on: more than 1000 units"), "{faults:?}");
    assert!(faults[0].place.column > 500, "{faults:?}");
    // Each list multiplies the one within: 4^12 conditions, were they all built.
    let lists = "[1, 2, 3, 4].all(x, ".repeat(12) + "x > 0" + &")".repeat(12);
    assert!(check(&lists).unwrap_err()[0].description.contains("costs too much"));
    assert!(check("[1, 2, 3, 4].all(x, x > balance_total)").unwrap().cost() < MAX_COST);
}

#[test]
fn an_element_of_a_list_cannot_speak_of_itself() {
    let check = |rule: &str| Rule::new(rule, &catalogue(), &mut Names::default());
    assert!(check("[x].all(x, x > 0)").unwrap_err()[0].description.contains("no feature is called x"));
    assert!(check("[balance_total].all(x, [x + 1].exists(x, x > 0))").is_ok());
}

#[test]
fn a_tag_or_text_that_nobody_has_is_hinted_at() {
    let mut names = Names::default();
    names.tags.intern("vip");
    names.texts.intern("retail");
    let rule = "has_tag(\"vpi\") || customer_type ==\n \"retial\" || has_tag(\"vip\") || region in [\"retail\"]";
    let parsed = super::Parsed::new(rule).unwrap();
    let (_, hints) = Rule::check_with_hints(&parsed, &catalogue(), &mut names).unwrap();
    let told: Vec<_> =
        hints.iter().map(|hint| (hint.description.as_str(), hint.place.line, hint.place.column)).collect();
    assert_eq!(
        told,
        [
            ("no customer has the tag \"vpi\" so far; did you mean \"vip\"?", 1, 9),
            ("no customer has the text \"retial\" so far; did you mean \"retail\"?", 2, 2),
        ]
    );
    let meant =
        |rule: &str| super::Parsed::new(rule).and_then(|parsed| Rule::check(&parsed, &catalogue(), &mut names.clone()));
    assert!(meant("vip").unwrap_err()[0].description.contains("did you mean has_tag(\"vip\")?"));
    assert!(meant("region == retail").unwrap_err()[0].description.contains("a text stands in quotes"));
}

#[test]
fn one_customer_and_all_customers_are_judged_alike() {
    let mut rng = StdRng::seed_from_u64(20261122);
    let mut columns = Columns::default();
    for ordinal in 0..1500 {
        put(&mut columns, ordinal, &random_vector(&mut rng, 0.7));
    }
    let mut some = 0;
    for _ in 0..150 {
        let source = random::flag(&mut rng, 3).ours;
        let Ok(rule) = Rule::new(&source, &catalogue(), columns.names_mut()) else {
            continue;
        };
        let segment = segment::Model {
            tenant: "t".into(),
            segment_id: "s".into(),
            display_name: "s".into(),
            rule: source.clone(),
            revision: 1,
            request_id: "r".into(),
        };
        let draft = Draft::new(Definitions { segments: vec![segment], ..Definitions::default() });
        let live = draft.compile(&catalogue(), columns.names_mut());
        let members = live.members("s", &columns.snapshot(), today()).unwrap().remove(0).1;
        for ordinal in 0..1500 {
            let row = columns.row(&format!("c{ordinal}"), today()).unwrap();
            assert_eq!(members.contains(ordinal), rule.holds(&row), "{source} of c{ordinal}");
            assert_eq!(live.memberships(&row).len(), usize::from(rule.holds(&row)));
        }
        some += usize::from(!members.is_empty() && members.len() < 1500);
    }
    assert!(some > 25, "only {some} rules told customers apart");
}
