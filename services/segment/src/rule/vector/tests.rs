//! That the two evaluators agree, on thousands of rules that were drawn at random over rows that were too.

use huan_chassis::clock::Day;
use huan_proto::profile::v1 as profile;
use huan_proto::types::v1::{Value, ValueType, value};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::operand::{Range, Unit, days, ranges, rest};
use super::{Node, Program, Tags};
use crate::catalogue::Catalogue;
use crate::columns::{Columns, Customer, ROWS, Row, Words};
use crate::rule::tree::Comparison;
use crate::rule::{Rule, Truth};

/// A chunk and a bit of a second.
const CUSTOMERS: u32 = ROWS as u32 + 100;

/// Values at which a column widens, and values that are none.
const NUMBERS: [f64; 20] = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    2.0,
    127.0,
    128.0,
    -127.0,
    -128.0,
    32_767.0,
    -32_768.0,
    40_000.0,
    2_147_483_647.0,
    -2_147_483_648.0,
    1e15,
    0.5,
    -1e300,
    f64::NAN,
    f64::INFINITY,
    f64::NEG_INFINITY,
];

const DAYS: [&str; 9] = [
    "1900-01-01",
    "1969-12-31",
    "2000-02-29",
    "2025-11-22",
    "2026-11-21",
    "2026-11-22",
    "2026-11-23",
    "2027-03-01",
    "2200-12-31",
];

const COMPARISONS: [&str; 6] = ["<", "<=", ">", ">=", "==", "!="];

const FEATURES: [(&str, ValueType); 10] = [
    ("n1", ValueType::Number),
    ("n2", ValueType::Number),
    ("n3", ValueType::Number),
    ("t1", ValueType::Text),
    ("t2", ValueType::Text),
    ("d1", ValueType::Day),
    ("d2", ValueType::Day),
    ("f1", ValueType::Flag),
    ("f2", ValueType::Flag),
    ("never", ValueType::Number),
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

/// The second chunk has small numbers only, and stays narrow.
fn vector(rng: &mut StdRng, ordinal: u32) -> profile::Vector {
    let numbers = &NUMBERS[..if ordinal < ROWS as u32 { NUMBERS.len() } else { 7 }];
    let mut vector = profile::Vector::default();
    for (number, (name, r#type)) in (1..).zip(FEATURES) {
        if name == "never" || rng.gen_bool(0.3) {
            continue;
        }
        let kind = match r#type {
            ValueType::Number => value::Kind::Number(*numbers.choose(rng).unwrap()),
            ValueType::Text => value::Kind::Text(format!("w{}", rng.gen_range(0..150))),
            ValueType::Day => value::Kind::Day(DAYS.choose(rng).unwrap().to_string()),
            _ => value::Kind::Flag(rng.r#gen()),
        };
        vector.features.push(number);
        vector.values.push(Value { kind: Some(kind) });
    }
    vector.tags = ["vip", "new", "old"].iter().filter(|_| rng.gen_bool(0.5)).map(ToString::to_string).collect();
    vector
}

fn put(columns: &mut Columns, rng: &mut StdRng, ordinal: u32) {
    let id = format!("c{ordinal}");
    let customer = Customer { customer_id: &id, customer_key: "key", owner_path: "/hq", as_of: 0 };
    columns.put(&catalogue(), ordinal, customer, &vector(rng, ordinal));
}

/// Rows of customers and, here and there, of nobody.
fn columns(rng: &mut StdRng) -> Columns {
    let mut columns = Columns::default();
    for ordinal in 0..CUSTOMERS {
        if rng.gen_bool(0.98) {
            put(&mut columns, rng, ordinal);
        }
        if rng.gen_bool(0.02) {
            columns.forget(&format!("c{}", rng.gen_range(0..=ordinal)));
        }
    }
    columns
}

fn flag(rng: &mut StdRng, depth: u32) -> String {
    let inner = |rng: &mut StdRng| flag(rng, depth - 1);
    let comparison = |rng: &mut StdRng| *COMPARISONS.choose(rng).unwrap();
    let word = |rng: &mut StdRng| format!("\"w{}\"", rng.gen_range(0..150));
    match if depth == 0 { rng.gen_range(0..11) } else { rng.gen_range(0..20) } {
        0 => ["f1", "f2", "true", "false"].choose(rng).unwrap().to_string(),
        1 => format!("has_tag(\"{}\")", ["vip", "new", "none"].choose(rng).unwrap()),
        2 => format!("has({})", FEATURES.choose(rng).unwrap().0),
        3 => format!("t1 in [{}, {}]", word(rng), word(rng)),
        4 => format!("{} {} t1", ["t2".to_owned(), word(rng)].choose(rng).unwrap(), ["==", "!="].choose(rng).unwrap()),
        5 => format!("t1.startsWith(\"w{}\")", rng.gen_range(0..15)),
        6 => format!("{} {} {}", day(rng), comparison(rng), day(rng)),
        7 => format!("{} in [{}, {}]", day(rng), literal_day(rng), literal_day(rng)),
        8 => format!("{} {} {}", number(rng, 0), comparison(rng), number(rng, 0)),
        9 => format!("{} in [{}, {}]", number(rng, 0), literal(rng), literal(rng)),
        10 => format!("{} {} {}", ["n1", "n2"].choose(rng).unwrap(), comparison(rng), literal(rng)),
        11 | 12 => format!("({} && {})", inner(rng), inner(rng)),
        13 | 14 => format!("({} || {})", inner(rng), inner(rng)),
        15 => format!("!({})", inner(rng)),
        16 => format!("({} ? {} : {})", inner(rng), inner(rng), inner(rng)),
        17 => format!("(({}) == ({}))", inner(rng), inner(rng)),
        18 => format!("(({}) != ({}))", inner(rng), inner(rng)),
        _ => format!("({} {} {})", number(rng, depth), comparison(rng), number(rng, depth)),
    }
}

fn number(rng: &mut StdRng, depth: u32) -> String {
    match if depth == 0 { rng.gen_range(0..5) } else { rng.gen_range(0..8) } {
        0 => literal(rng),
        1 | 2 => ["n1", "n2", "n3", "never"].choose(rng).unwrap().to_string(),
        3 => format!("days_since({})", day(rng)),
        4 => format!("years_since({})", day(rng)),
        5 => format!("(-{})", number(rng, depth - 1)),
        6 => format!("(f1 ? {} : {})", number(rng, depth - 1), number(rng, depth - 1)),
        _ => {
            let operator = ["+", "-", "*", "/"].choose(rng).unwrap();
            format!("({} {operator} {})", number(rng, depth - 1), number(rng, depth - 1))
        }
    }
}

fn literal(rng: &mut StdRng) -> String {
    let finite: Vec<f64> = NUMBERS.into_iter().filter(|number| number.is_finite()).collect();
    match rng.gen_range(0..4) {
        0 => rng.gen_range(0..400).to_string(),
        1 => format!("{:?}", finite.choose(rng).unwrap().abs() + 0.5),
        _ => format!("{:?}", finite.choose(rng).unwrap()),
    }
}

fn day(rng: &mut StdRng) -> String {
    match rng.gen_range(0..4) {
        0 => literal_day(rng),
        1 => format!("(f2 ? d1 : {})", literal_day(rng)),
        _ => ["d1", "d2"].choose(rng).unwrap().to_string(),
    }
}

fn literal_day(rng: &mut StdRng) -> String {
    format!("day(\"{}\")", DAYS.choose(rng).unwrap())
}

fn has(words: &Words, at: usize) -> bool {
    words[at / 64] >> (at % 64) & 1 == 1
}

/// Where a rule is true, and where it is false.
fn nodes(program: &mut Program, rule: &Rule) -> [Node; 2] {
    [true, false].map(|is| program.known(&rule.root, is, &mut super::Walked::new()))
}

fn truth(words: &[Words], nodes: [Node; 2], at: usize) -> Truth {
    match nodes.map(|node| has(node.of(words), at)) {
        [true, false] => Truth::True,
        [false, true] => Truth::False,
        [false, false] => Truth::Unknown,
        [true, true] => panic!("both true and false"),
    }
}

#[test]
fn both_evaluators_agree_on_every_row() {
    let mut rng = StdRng::seed_from_u64(4);
    let mut columns = columns(&mut rng);
    let (mut rules, mut seen) = (0, [0_u64; 3]);
    for _ in 0..120 {
        let sources: Vec<String> = (0..20).map(|_| flag(&mut rng, 3)).collect();
        let check =
            |source: &String| Some((source.clone(), Rule::new(source, &catalogue(), columns.names_mut()).ok()?));
        let checked: Vec<(String, Rule)> = sources.iter().filter_map(check).collect();
        let mut program = Program::new(today());
        let nodes: Vec<_> = checked.iter().map(|(_, rule)| nodes(&mut program, rule)).collect();
        let clauses: Vec<_> = checked.iter().map(|(_, rule)| program.clause(rule.clause())).collect();
        let (snapshot, mut words) = (columns.snapshot(), Vec::new());
        let tags = program.tags(&snapshot.names);
        for chunk in 0..snapshot.chunks.len() {
            let block = snapshot.block(chunk, today());
            program.run(&block, &tags, &mut words);
            for (at, row) in block.rows() {
                for ((source, rule), (nodes, clause)) in checked.iter().zip(nodes.iter().zip(&clauses)) {
                    let (found, right) = (truth(&words, *nodes, at), rule.truth(&row));
                    assert_eq!(found, right, "{source} of row {at} of chunk {chunk}");
                    assert_eq!(truth(&words, *clause, at), right, "clauses of {source} of row {at} of chunk {chunk}");
                    seen[found as usize] += 1;
                }
            }
            let present = block.chunk().present();
            let nobody = (0..ROWS).filter(|at| !has(present, *at));
            nobody.for_each(|at| assert!(nodes.iter().all(|nodes| truth(&words, *nodes, at) == Truth::Unknown)));
        }
        rules += checked.len();
    }
    assert!(rules > 2000, "only {rules} rules");
    assert!(seen.iter().all(|times| *times > 100_000), "{seen:?}");
}

#[test]
fn drawn_rows_are_judged_as_where_they_lie() {
    let mut rng = StdRng::seed_from_u64(5);
    let mut columns = columns(&mut rng);
    for round in 0..100 {
        let sources: Vec<String> = (0..10).map(|_| flag(&mut rng, 3)).collect();
        let check = |source: &String| Rule::new(source, &catalogue(), columns.names_mut()).ok();
        let checked: Vec<Rule> = sources.iter().filter_map(check).collect();
        let mut program = Program::new(today());
        let nodes: Vec<_> = checked.iter().map(|rule| nodes(&mut program, rule)).collect();
        let mut ordinals: Vec<u32> = (0..CUSTOMERS).filter(|_| rng.gen_bool(0.1)).take(ROWS).collect();
        ordinals.push(CUSTOMERS + 5 * ROWS as u32);
        let (snapshot, mut words) = (columns.snapshot(), Vec::new());
        let block = snapshot.draw(&ordinals, &program.columns(), today());
        program.run(&block, &Tags::default(), &mut words);
        let rows: Vec<(usize, Row<'_>)> = block.rows().collect();
        let present = ordinals.iter().filter(|ordinal| snapshot.customer(**ordinal).is_some()).count();
        assert_eq!(rows.len(), present, "round {round}");
        for (at, row) in rows {
            assert_eq!(row.customer().customer_id, format!("c{}", ordinals[at]));
            for (rule, nodes) in checked.iter().zip(&nodes) {
                assert_eq!(truth(&words, *nodes, at), rule.truth(&row), "{rule:?} of c{}", ordinals[at]);
            }
        }
    }
}

#[test]
fn what_rules_have_in_common_is_found_once() {
    let mut columns = Columns::default();
    let mut rule = |source: &str| Rule::new(source, &catalogue(), columns.names_mut()).unwrap();
    let mut program = Program::new(today());
    program.holds(&rule("n1 > 5 && n2 < 3"));
    let steps = program.steps.len();
    program.holds(&rule("n2 < 3 && 5 < n1"));
    program.holds(&rule("!(n1 <= 5 || n2 >= 3)"));
    program.holds(&rule("true && n1 > 5 && !false && n2 < 3"));
    assert_eq!(program.steps.len(), steps + 1, "but for everybody");
    let tower = (0..60).fold("f1".to_owned(), |tower, _| format!("({tower} == f2)"));
    program.holds(&rule(&tower));
    program.clause(rule(&tower).clause());
    assert!(program.steps.len() < steps + 500);
}

#[test]
fn ranges_hold_what_compares_so() {
    for value in NUMBERS.into_iter().filter(|number| number.is_finite()) {
        for other in NUMBERS.into_iter().filter(|number| number.is_finite()) {
            let within = |ranges: Vec<Range>| ranges.iter().any(|range| range.low <= other && other <= range.high);
            assert_eq!(within(ranges(Comparison::Less, value)), other < value, "{other} {value}");
            assert_eq!(within(ranges(Comparison::LessEqual, value)), other <= value, "{other} {value}");
            assert_eq!(within(ranges(Comparison::NotEqual, value)), other != value, "{other} {value}");
            assert_eq!(within(ranges(Comparison::Equal, value)), other == value, "{other} {value}");
            assert_eq!(within(rest(vec![value, 1.0, value])), other != value && other != 1.0, "{other} {value}");
        }
    }
    assert!(ranges(Comparison::NotEqual, f64::NAN).is_empty());
}

#[test]
fn the_days_of_an_age_are_those_of_the_calendar() {
    let of = |day: &str| f64::from(day.parse::<Day>().unwrap().0);
    let eighteen = days(Unit::Years, today().0, Comparison::Equal, 18.0);
    assert_eq!(eighteen, [Range { low: of("2007-11-23"), high: of("2008-11-22") }]);
    let new = days(Unit::Days, today().0, Comparison::LessEqual, 90.5);
    assert_eq!(new, [Range { low: of("2026-08-24"), high: f64::from(i32::MAX) }]);
    assert!(days(Unit::Years, today().0, Comparison::Equal, 0.5).is_empty());
}
