use huan_proto::types::v1::Value as Wire;

use super::*;

fn event(amount_minor: i64, attributes: &[(&str, Kind)]) -> pb::Event {
    let attribute = |(name, kind): &(&str, Kind)| ((*name).to_owned(), Wire { kind: Some(kind.clone()) });
    pb::Event {
        source: "core".into(),
        r#type: "transfer_in".into(),
        amount_minor,
        attributes: attributes.iter().map(attribute).collect(),
        ..Default::default()
    }
}

fn text(text: &str) -> Kind {
    Kind::Text(text.to_owned())
}

#[test]
fn an_event_passes_only_what_is_true_of_it() {
    let event = event(
        50_000,
        &[
            ("bank", text("AB")),
            ("rate", Kind::Number(0.5)),
            ("due", Kind::Day("2024-02-29".into())),
            ("night", Kind::Flag(true)),
        ],
    );
    for (filter, passes) in [
        ("type == 'transfer_in' && source == 'core'", true),
        ("amount_minor >= 50000", true),
        ("amount_minor > 50000", false),
        ("amount_minor / 100 == 500 && -amount_minor < 0", true),
        ("bank in ['AB', 'CD']", true),
        ("!(bank in ['EF'])", true),
        ("bank.startsWith('A')", true),
        ("due == day('2024-02-29') && due < day('2024-03-01')", true),
        ("night", true),
        ("!night", false),
        ("rate * 2 == 1.0", true),
        // Unknown: a missing attribute, another type, a division by zero.
        ("city == 'X'", false),
        ("!(city == 'X')", false),
        ("city == 'X' || night", true),
        ("city == 'X' && !night", false),
        ("has(city) || bank == 5", false),
        ("!has(city)", true),
        ("rate / 0 > 1", false),
        ("bank", false),
    ] {
        assert_eq!(Filter::new(filter).unwrap().passes(&event), passes, "{filter}");
    }
}

#[test]
fn faults_are_all_named() {
    for (filter, fault) in [
        ("", "does not parse"),
        ("amount_minor >", "does not parse"),
        ("amount_minor", "needs a flag for the whole"),
        ("type > 'a'", "orders texts or flags"),
        ("type == 5", "compares a text with a number"),
        ("amount_minor in ['a']", "are not all of the type"),
        ("size(type) > 3", "has size"),
        ("bank in other", "without a list"),
        ("due > day('2024-02-30')", "has a day(…)"),
        ("null == bank", "has null"),
        ("bank.name == 'x'", "has a part that is no field"),
    ] {
        let faults = Filter::new(filter).unwrap_err().join("; ");
        assert!(faults.contains(fault), "{filter}: {faults}");
    }
    let faults = Filter::new("type == 5 && source == 6").unwrap_err();
    assert_eq!(faults.len(), 2);
}

#[test]
fn a_filter_is_bounded() {
    assert!(Filter::new(&format!("type == '{}'", "x".repeat(MAX_BYTES))).is_err());
    let many = vec!["amount_minor > 1"; 30].join(" && ");
    assert!(Filter::new(&many).unwrap_err()[0].contains("nodes"));
    assert!(Filter::new(&format!("{}night{}", "(".repeat(300), ")".repeat(300))).is_err());
    assert!(!Filter::new("amount_minor > 1 && type == 'a'").unwrap().reads_attributes());
    assert!(Filter::new("amount_minor > 1 && !has(bank)").unwrap().reads_attributes());
}
