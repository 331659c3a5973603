//! docs/rules.md is true: its truth tables, examples, costs and faults, and that it names every function.

use super::super::check::FUNCTIONS;
use super::{FEATURES, catalogue, put, today, vector};
use crate::columns::{Columns, Names};
use crate::rule::{Fault, Rule, Truth};

const DOC: &str = include_str!("../../../../../docs/rules.md");

/// The tables of the page, cell by cell, without backticks.
fn tables() -> Vec<Vec<Vec<String>>> {
    let mut tables = vec![Vec::new()];
    for line in DOC.lines() {
        if let Some(row) = line.strip_prefix("| ").and_then(|line| line.strip_suffix(" |")) {
            let cells = row.split(" | ").map(|cell| cell.trim().trim_matches('`').replace("\\|", "|"));
            tables.last_mut().unwrap().push(cells.collect());
        } else if !line.starts_with("|") {
            tables.push(Vec::new());
        }
    }
    tables.retain(|table| !table.is_empty());
    tables
}

fn tables_of(header: &[&str]) -> Vec<Vec<String>> {
    let found: Vec<_> =
        tables().into_iter().filter(|table| table[0] == header).flat_map(|table| table[1..].to_vec()).collect();
    assert!(!found.is_empty(), "no table of {header:?}");
    found
}

fn truth(word: &str) -> Truth {
    match word {
        "true" => Truth::True,
        "false" => Truth::False,
        "unknown" => Truth::Unknown,
        _ => panic!("{word} is no truth"),
    }
}

/// What a rule says of a row: `feature = value`, parted by semicolons; "nothing" = nothing known.
fn said(rule: &str, row: &str) -> Truth {
    let mut columns = Columns::default();
    let row = if row == "nothing" { String::new() } else { row.replace("; ", "\n") };
    put(&mut columns, 0, &vector(&toml::from_str(&row).unwrap()));
    let rule = Rule::new(rule, &catalogue(), columns.names_mut()).unwrap_or_else(|faults| panic!("{rule}: {faults:?}"));
    rule.truth(&columns.row("c0", today()).unwrap())
}

fn faults(rule: &str) -> Vec<Fault> {
    Rule::new(rule, &catalogue(), &mut Names::default()).expect_err(rule)
}

#[test]
fn the_truth_tables_are_true() {
    let of = |name: &str, value: &str| match value {
        "unknown" => String::new(),
        known => format!("{name} = {known}; "),
    };
    let mut cells = 0;
    for table in tables().into_iter().filter(|table| table[0][1..].iter().all(|cell| cell.starts_with("b "))) {
        let rule = table[0][0].replace("a ", "has_card ").replace(" b", " has_loan");
        for row in &table[1..] {
            for (at, expected) in row.iter().enumerate().skip(1) {
                let (a, b) = (row[0].trim_start_matches("a "), table[0][at].trim_start_matches("b "));
                let values = format!("{}{}tags = []", of("has_card", a), of("has_loan", b));
                assert_eq!(said(&rule, &values), truth(expected), "{rule} of {values}");
                cells += 1;
            }
        }
    }
    assert_eq!(cells, 4 * 9, "four tables of nine cells");
}

#[test]
fn the_examples_are_true() {
    let examples = tables_of(&["rule", "of", "says"]);
    for example in &examples {
        assert_eq!(said(&example[0], &example[1]), truth(&example[2]), "{example:?}");
    }
    assert!(examples.len() > 30);
}

#[test]
fn the_costs_are_true() {
    for example in tables_of(&["rule", "costs"]) {
        let rule = Rule::new(&example[0], &catalogue(), &mut Names::default()).unwrap();
        assert_eq!(rule.cost().to_string(), example[1], "{example:?}");
    }
}

#[test]
fn the_faults_are_true() {
    for example in tables_of(&["rule", "says", "at"]) {
        let fault = &faults(&example[0])[0];
        assert_eq!(fault.description, example[1]);
        assert_eq!(format!("{}:{}", fault.place.line, fault.place.column), example[2]);
    }
}

#[test]
fn every_function_is_written_down_as_it_is_used_and_every_feature_of_the_examples_is_named() {
    for (name, usage) in FUNCTIONS {
        assert!(DOC.contains(&format!("| `{usage}` |")), "{name} is written {usage}");
    }
    for (name, _) in FEATURES {
        assert!(DOC.contains(&format!("`{name}`")), "{name}");
    }
}
