//! What is nearest to change a rule: examples, and that random rules do change when what was told is done.

use huan_chassis::clock::Day;
use huan_proto::profile::v1 as profile;
use huan_proto::types::v1::{Value, value};
use rand::SeedableRng as _;
use rand::rngs::StdRng;

use super::random::{Pair, flag};
use super::{catalogue, put, random_vector, today, vector};
use crate::columns::{Columns, Row};
use crate::rule::{Change, Clause, Goal, Known, Read, Rule, Shape, Truth, nearest};

/// The changes that turn a rule round for a row as the data files write it.
fn told(rule: &str, row: &str) -> Vec<String> {
    let mut columns = Columns::default();
    put(&mut columns, 0, &vector(&toml::from_str(row).unwrap()));
    let rule = Rule::new(rule, &catalogue(), columns.names_mut()).unwrap();
    let row = columns.row("c0", today()).unwrap();
    let changes = turn(&rule, &row).unwrap_or_default();
    let day = |day: i32| Day(day).to_string();
    let value = |known: Known| match known {
        Known::Missing => "missing".to_owned(),
        Known::Number(number) => number.to_string(),
        Known::Day(number) => day(number),
        Known::Text(code) if code < u32::MAX - 1 => row.spelling(code).to_owned(),
        Known::Text(_) => "another".to_owned(),
        Known::Flag(flag) => flag.to_string(),
    };
    let by_itself = |change: &Change<'_>| change.by_itself.map(|on| format!(" on {}", day(on))).unwrap_or_default();
    changes
        .iter()
        .map(|change| format!("{}: {}{}", change.place.part, value(change.value), by_itself(change)))
        .collect()
}

fn turn<'a>(rule: &'a Rule, row: &Row<'_>) -> Option<Vec<Change<'a>>> {
    let goal = match rule.truth(row) {
        Truth::True => Goal::HoldsNot(0, rule.clause()),
        _ => Goal::Holds(0, rule.clause()),
    };
    nearest(&goal, row)
}

#[test]
fn the_fewest_comparisons_come_first_and_then_the_least_distance() {
    let rule = "(balance_total >= 1000 && txn_count_30d > 3) || txn_count_90d >= 100";
    assert_eq!(
        told(rule, "balance_total = 900\ntxn_count_30d = 9\ntxn_count_90d = 1"),
        ["balance_total >= 1000: 1000"]
    );
    assert_eq!(told(rule, "balance_total = 900\ntxn_count_30d = 1\ntxn_count_90d = 1"), ["txn_count_90d >= 100: 100"]);
    assert_eq!(told(rule, "balance_total = 10\ntxn_count_30d = 9\ntxn_count_90d = 99"), ["txn_count_90d >= 100: 100"]);
    let both = "has_card && balance_total > 5";
    assert_eq!(told(both, "has_card = false\nbalance_total = 1").len(), 2);
    assert_eq!(told(both, "has_card = true\nbalance_total = 6"), ["balance_total > 5: 5"]);
}

#[test]
fn one_value_must_do_for_all_that_is_asked_of_it() {
    assert_eq!(told("balance_total > 5 && balance_total < 3", "balance_total = 2"), [""; 0]);
    assert_eq!(
        told("balance_total >= 5 && balance_total < 9", "balance_total = 20"),
        ["balance_total < 9: 8.999999999999998"]
    );
    assert_eq!(
        told("balance_total in [1, 8] && balance_total != 8", "balance_total = 7"),
        ["balance_total in [1, 8]: 1"]
    );
    assert_eq!(told("region == \"east\" || region == \"west\"", "region = \"west\""), ["region == \"west\": another"]);
}

#[test]
fn what_is_missing_must_become_known_and_days_come_by_themselves() {
    assert_eq!(told("balance_total >= 5", ""), ["balance_total >= 5: 5"]);
    assert_eq!(told("has(balance_total)", "balance_total = 1"), ["has(balance_total): missing"]);
    assert_eq!(
        told("days_since(last_event_day) > 90", "last_event_day = \"2026-10-01\""),
        ["days_since(last_event_day) > 90: 2026-08-23 on 2026-12-31"]
    );
    assert_eq!(
        told("years_since(birth_day) >= 60", "birth_day = \"1968-02-29\""),
        ["years_since(birth_day) >= 60: 1966-11-22 on 2028-02-29"]
    );
    assert_eq!(
        told("days_since(last_event_day) <= 7", "last_event_day = \"2026-10-01\""),
        ["days_since(last_event_day) <= 7: 2026-11-15"]
    );
}

#[test]
fn comparisons_of_more_than_one_feature_and_tags_are_named_too() {
    assert_eq!(
        told("txn_count_30d * 3 > txn_count_90d", "txn_count_30d = 1\ntxn_count_90d = 9"),
        ["txn_count_30d * 3 > txn_count_90d: true"]
    );
    assert_eq!(told("has_tag(\"vip\") && !has_tag(\"old\")", "tags = [\"old\"]").len(), 2);
    assert_eq!(
        told("[balance_total, txn_count_30d].exists(x, x > 5)", "balance_total = 4\ntxn_count_30d = 1"),
        ["x > 5 with x = balance_total: 5.000000000000001"]
    );
}

/// The row with the changes made; `None` if one is not of a single feature or tag.
fn changed(row: &Row<'_>, changes: &[Change<'_>]) -> Option<profile::Vector> {
    let catalogue = catalogue();
    let mut values: Vec<(u32, Value)> =
        catalogue.features().iter().map(|feature| (feature.number, row.value(feature.column))).collect();
    let mut tags = row.tags();
    for change in changes {
        match (change.read?, change.value) {
            (Read::Tag(tag, _), Known::Flag(has)) => {
                tags.retain(|known| known != tag);
                tags.extend(has.then(|| tag.clone()));
            }
            (Read::Feature(name, _), value) => {
                let number = catalogue.find(name).unwrap().number;
                let kind = match value {
                    Known::Missing => None,
                    Known::Number(number) => Some(value::Kind::Number(number)),
                    Known::Day(day) => Some(value::Kind::Day(Day(day).to_string())),
                    Known::Text(code) if code == u32::MAX - 1 => Some(value::Kind::Text("another".into())),
                    Known::Text(code) => Some(value::Kind::Text(row.spelling(code).to_owned())),
                    Known::Flag(flag) => Some(value::Kind::Flag(flag)),
                };
                values.iter_mut().find(|(known, _)| *known == number).unwrap().1.kind = kind;
            }
            _ => return None,
        }
    }
    let (features, values) = values.into_iter().unzip();
    Some(profile::Vector { features, values, tags, ..Default::default() })
}

#[test]
fn a_rule_turns_round_when_what_was_told_is_done() {
    let mut rng = StdRng::seed_from_u64(7);
    let (mut turned, mut none) = (0, 0);
    for _ in 0..250 {
        let Pair { ours, .. } = flag(&mut rng, 2);
        for _ in 0..20 {
            let mut columns = Columns::default();
            put(&mut columns, 0, &random_vector(&mut rng, 0.8));
            let rule = Rule::new(&ours, &catalogue(), columns.names_mut()).unwrap();
            let row = columns.row("c0", today()).unwrap();
            let before = rule.holds(&row);
            let Some(changes) = turn(&rule, &row) else {
                none += 1;
                continue;
            };
            assert!(!changes.is_empty(), "{ours}");
            let Some(vector) = changed(&row, &changes) else { continue };
            let mixed = mixes(&rule, &changes, &row);
            put(&mut columns, 0, &vector);
            let after = rule.holds(&columns.row("c0", today()).unwrap());
            // A comparison of several features that was left as it is may have moved with one of them.
            if !mixed {
                assert_ne!(before, after, "{ours} with {changes:?}");
                turned += 1;
            }
        }
    }
    assert!(turned > 1000, "{turned} turned, {none} cannot");
}

/// Whether something that changes is read by a comparison that is only told of as a whole.
fn mixes(rule: &Rule, changes: &[Change<'_>], row: &Row<'_>) -> bool {
    fn whole(clause: &Clause, of: &Read, row: &Row<'_>) -> bool {
        let is_whole = |goal: Goal<'_>| nearest(&goal, row).iter().flatten().any(|change| change.read.is_none());
        let own = match &clause.shape {
            // A tag may begin so.
            Shape::Comparison(_, reads)
                if reads.iter().any(|read| matches!((read, of), (Read::TagPrefix(_), Read::Tag(..)))) =>
            {
                true
            }
            Shape::Comparison(_, reads) if reads.contains(of) => {
                is_whole(Goal::Holds(0, clause)) || is_whole(Goal::HoldsNot(0, clause))
            }
            _ => false,
        };
        own || clause.clauses().iter().any(|below| whole(below, of, row))
    }
    changes.iter().filter_map(|change| change.read).any(|read| whole(rule.clause(), read, row))
}
