//! Deterministic fuzzing of rules: what the grammar makes and what mutation makes of it, checked, evaluated and explained.
//! A seed gives the same rules in the same order. Shared by a short test and by `cargo run --example fuzz_rules`.

use std::time::{Duration, Instant};

use huan_proto::profile::v1 as profile;
use huan_proto::types::v1::{Value, ValueType, value};
use huan_segment::catalogue::Catalogue;
use huan_segment::columns::{Columns, Customer};
use huan_segment::rule::{Fault, Goal, MAX_BYTES, MAX_COST, Rule, Truth, nearest};
use rand::rngs::StdRng;
use rand::seq::SliceRandom as _;
use rand::{Rng as _, SeedableRng as _};

const FEATURES: [(&str, ValueType); 6] = [
    ("balance_total", ValueType::Number),
    ("txn_count_30d", ValueType::Number),
    ("region", ValueType::Text),
    ("birth_day", ValueType::Day),
    ("has_card", ValueType::Flag),
    ("年龄", ValueType::Number),
];

const TOKENS: [&str; 64] = [
    "&&",
    "||",
    "!",
    "==",
    "!=",
    "<",
    "<=",
    ">",
    ">=",
    "+",
    "-",
    "*",
    "/",
    "%",
    "?",
    ":",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ".",
    " in ",
    " ",
    "\n",
    "//",
    "\"",
    "'",
    "\"\"\"",
    "\\",
    "r\"",
    "b\"",
    "0",
    "1",
    "-7",
    "1e308",
    "1e999",
    "0x1F",
    "2u",
    "9223372036854775807",
    "null",
    "true",
    "false",
    "has",
    "has_tag",
    "has_tag_prefix",
    "day",
    "days_since",
    "years_since",
    "min",
    "max",
    "abs",
    "size",
    ".startsWith",
    ".matches",
    ".lowerAscii()",
    ".all(x, ",
    ".exists(x, ",
    ".filter(x, ",
    "x",
    "华东",
    "\u{0}",
];

/// What was seen.
#[derive(Debug, Default)]
pub struct Report {
    /// Rules that were tried.
    pub rules: u64,
    /// Those that are rules.
    pub valid: u64,
    /// Those at which the parser gave up.
    pub unparsed: u64,
    /// The most that one took.
    pub slowest: Duration,
    /// The one that took it.
    pub slowest_rule: String,
}

/// Tries rules until told to stop. Panics where a rule breaks a promise.
pub fn run(seed: u64, mut go_on: impl FnMut(&Report) -> bool) -> Report {
    let mut rng = StdRng::seed_from_u64(seed);
    let (mut report, mut world) = (Report::default(), World::new());
    let mut corpus: Vec<String> = Vec::new();
    while go_on(&report) {
        let depth = rng.gen_range(0..5);
        let fresh = grown(&mut rng, depth);
        let parent = corpus.choose(&mut rng).unwrap_or(&fresh).clone();
        let rule = if rng.gen_bool(0.3) { fresh } else { mutated(&mut rng, &parent, &fresh) };
        let before = Instant::now();
        let outcome = world.try_rule(&rule);
        let took = before.elapsed();
        report.rules += 1;
        report.valid += u64::from(outcome.is_ok());
        report.unparsed +=
            u64::from(outcome.is_err_and(|faults| faults[0].description.contains("could not be parsed")));
        if took > report.slowest {
            (report.slowest, report.slowest_rule) = (took, rule.clone());
        }
        if rule.len() <= MAX_BYTES {
            let place = rng.gen_range(0..500);
            if place < corpus.len() { corpus[place] = rule } else { corpus.push(rule) }
        }
    }
    report
}

struct World {
    catalogue: Catalogue,
    columns: Columns,
    customers: Vec<String>,
}

impl World {
    fn new() -> Self {
        let feature = |(number, (name, r#type)): (u32, (&str, ValueType))| profile::Feature {
            number,
            name: name.into(),
            r#type: r#type.into(),
            ..Default::default()
        };
        let catalogue = Catalogue::of(&(1..).zip(FEATURES).map(feature).collect::<Vec<_>>());
        let mut world = Self { catalogue, columns: Columns::default(), customers: Vec::new() };
        let kinds = |number: f64, text: &str, day: &str, flag: bool| {
            [
                value::Kind::Number(number),
                value::Kind::Number(-number),
                value::Kind::Text(text.into()),
                value::Kind::Day(day.into()),
                value::Kind::Flag(flag),
                value::Kind::Number(number / 3.0),
            ]
        };
        world.put(&[]);
        world.put(&kinds(f64::NAN, "", "0001-01-01", false));
        world.put(&kinds(0.0, "华东", "9999-12-31", true));
        world.put(&kinds(1e308, "east", "2000-02-29", true));
        world
    }

    fn put(&mut self, kinds: &[value::Kind]) {
        let id = format!("c{}", self.customers.len());
        let vector = profile::Vector {
            features: (1..=kinds.len() as u32).collect(),
            values: kinds.iter().cloned().map(|kind| Value { kind: Some(kind) }).collect(),
            tags: vec!["vip".into(), "x".into()],
            ..Default::default()
        };
        let customer = Customer { customer_id: &id, customer_key: "key", owner_path: "/", as_of: 0 };
        self.columns.put(&self.catalogue, self.customers.len() as u32, customer, &vector);
        self.customers.push(id);
    }

    fn try_rule(&mut self, source: &str) -> Result<(), Vec<Fault>> {
        let rule = match Rule::new(source, &self.catalogue, self.columns.names_mut()) {
            Ok(rule) => rule,
            Err(faults) => {
                assert!(!faults.is_empty(), "no fault of {source:?}");
                faults.iter().for_each(|fault| points_into(source, fault));
                return Err(faults);
            }
        };
        assert!((1..=MAX_COST).contains(&rule.cost()), "{source:?} costs {}", rule.cost());
        // A day on which 29 February matters.
        let today = "2028-02-29".parse().unwrap();
        for customer in &self.customers {
            let row = self.columns.row(customer, today).unwrap();
            let truth = rule.truth(&row);
            assert_eq!(truth, rule.clause().truth(&row), "{source:?} taken apart");
            assert_eq!(truth == Truth::True, rule.holds(&row), "{source:?}");
            let goal = match truth {
                Truth::True => Goal::HoldsNot(0, rule.clause()),
                _ => Goal::Holds(0, rule.clause()),
            };
            let changes = nearest(&goal, &row);
            assert!(
                changes.iter().flatten().all(|change| (0.0..=1.0).contains(&change.distance)),
                "{source:?} {changes:?}"
            );
        }
        Ok(())
    }
}

/// A fault's line and column are in the rule, and its part stands there.
fn points_into(source: &str, fault: &Fault) {
    assert!(!fault.description.is_empty(), "{source:?}: {fault:?}");
    let (line, column) = (fault.place.line as usize, fault.place.column as usize);
    if line == 0 {
        assert!(column == 0 && fault.place.part.is_empty(), "{source:?}: {fault:?}");
        return;
    }
    let rest: Vec<&str> = source.split('\n').skip(line - 1).collect();
    let rest: String = rest.join("\n").chars().skip(column - 1).collect();
    assert!(rest.starts_with(&fault.place.part), "{source:?}: {fault:?}");
}

/// A rule as the grammar makes it, with a mistake of type now and then.
fn grown(rng: &mut StdRng, depth: u32) -> String {
    let inner = |rng: &mut StdRng| grown(rng, depth.saturating_sub(1));
    match if depth == 0 { rng.gen_range(0..9) } else { rng.gen_range(0..20) } {
        0 => FEATURES.choose(rng).unwrap().0.to_owned(),
        1 => ["true", "has_card", "0", "-1.5", "\"east\"", "day(\"2000-02-29\")"].choose(rng).unwrap().to_string(),
        2 => format!("has({})", FEATURES.choose(rng).unwrap().0),
        3 => format!("has_tag{}(\"{}\")", ["", "_prefix"].choose(rng).unwrap(), ["vip", "v", ""].choose(rng).unwrap()),
        4 => {
            format!("days_since(birth_day) {} {}", ["<", ">=", "==", "!="].choose(rng).unwrap(), rng.gen_range(-9..99))
        }
        5 => {
            format!("years_since(birth_day) {} {}", ["<", ">=", "==", "!="].choose(rng).unwrap(), rng.gen_range(-9..99))
        }
        6 => format!(
            "region.{}(\"{}\")",
            ["matches", "contains", "endsWith"].choose(rng).unwrap(),
            ["e.*", "(", "^$"].choose(rng).unwrap()
        ),
        7 => "region.upperAscii() in [\"EAST\", \"华东\"]".to_owned(),
        8 => format!("balance_total {} {:?}", ["<", ">=", "=="].choose(rng).unwrap(), rng.gen_range(-2.0..2.0_f64)),
        9 | 10 => format!("({} && {})", inner(rng), inner(rng)),
        11 | 12 => format!("({} || {})", inner(rng), inner(rng)),
        13 => format!("!({})", inner(rng)),
        14 => format!("({} ? {} : {})", inner(rng), inner(rng), inner(rng)),
        15 => format!(
            "[{}, {}].{}(x, {})",
            inner(rng),
            inner(rng),
            ["all", "exists", "exists_one"].choose(rng).unwrap(),
            inner(rng)
        ),
        16 => format!("[{}].filter(x, {}).size() > 0", inner(rng), inner(rng)),
        17 => format!("{}({}, {}) > 0", ["min", "max"].choose(rng).unwrap(), inner(rng), inner(rng)),
        18 => format!("({} {} {})", inner(rng), ["+", "-", "*", "/", "%"].choose(rng).unwrap(), inner(rng)),
        _ => format!("({} {} {})", inner(rng), ["<", "==", "!=", ">="].choose(rng).unwrap(), inner(rng)),
    }
}

/// A rule with some of its bytes, tokens or brackets changed.
fn mutated(rng: &mut StdRng, parent: &str, other: &str) -> String {
    let mut bytes = parent.as_bytes().to_vec();
    for _ in 0..rng.gen_range(1..4) {
        let at = rng.gen_range(0..=bytes.len());
        let to = (at + rng.gen_range(0..12)).min(bytes.len());
        match rng.gen_range(0..9) {
            0 => bytes.insert(at, rng.r#gen()),
            1 => drop(bytes.drain(at..to)),
            2 if at < bytes.len() => bytes[at] ^= 1 << rng.gen_range(0..8),
            3 => drop(bytes.splice(at..at, other.bytes())),
            4 => drop(bytes.splice(at..to, TOKENS.choose(rng).unwrap().bytes())),
            5 => {
                let twice = bytes[at..to].to_vec();
                drop(bytes.splice(at..at, twice));
            }
            6 => {
                let (open, close) =
                    [("(", ")"), ("!(", ")"), ("[", "].all(x, x)"), ("true ? ", " : false")].choose(rng).unwrap();
                let times = rng.gen_range(1..4);
                bytes = [open.repeat(times).as_bytes(), &bytes, close.repeat(times).as_bytes()].concat();
            }
            7 => {
                bytes = [bytes.as_slice(), [" && ", " || "].choose(rng).unwrap().as_bytes(), other.as_bytes()].concat()
            }
            _ => drop(bytes.splice(at..at, TOKENS.choose(rng).unwrap().bytes())),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
