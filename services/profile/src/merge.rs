//! Merges: which customers make one profile, and what they are together. Pure: edges and customers are arguments.

use std::collections::BTreeMap;

use huan_proto::profile::v1 as pb;

/// The most customers of one profile.
pub const MAX_MEMBERS: usize = 100;

/// The root of each of these customers under edges (absorbed, survivor), in the order in which they were made. An edge
/// within one profile changes nothing, and holds the profile together when others are taken back.
pub fn roots<'a>(
    members: impl IntoIterator<Item = &'a str>,
    edges: &[(&'a str, &'a str)],
) -> BTreeMap<&'a str, &'a str> {
    let mut roots: BTreeMap<&str, &str> = members.into_iter().map(|id| (id, id)).collect();
    for (absorbed, survivor) in edges {
        let (Some(from), Some(to)) = (roots.get(absorbed).copied(), roots.get(survivor).copied()) else {
            continue;
        };
        roots.values_mut().filter(|root| **root == from).for_each(|root| *root = to);
    }
    roots
}

/// What the customers of a profile are together. The root's word goes before the others', whose words fill its gaps;
/// the risk level is the least of those tested, the relationship began with the first, gates and a refusal of
/// personalisation hold if they hold for anyone.
pub fn together(root: pb::Customer, others: &[pb::Customer]) -> pb::Customer {
    let mut whole = root;
    for other in others {
        for (name, value) in &other.attributes {
            whole.attributes.entry(name.clone()).or_insert_with(|| value.clone());
        }
        let birth_day = other.person.as_ref().map(|person| person.birth_day.as_str()).unwrap_or_default();
        let person = whole.person.get_or_insert_default();
        if person.birth_day.is_empty() {
            person.birth_day = birth_day.to_owned();
        }
        whole.company = whole.company.or_else(|| other.company.clone());
        whole.gates.extend(&other.gates);
        whole.personalisation_refused |= other.personalisation_refused;
        whole.risk_level = least(whole.risk_level, other.risk_level);
        whole.open_day = first(&whole.open_day, &other.open_day);
    }
    whole.gates.sort_unstable();
    whole.gates.dedup();
    whole
}

/// The lesser of two risk levels; 0 = not tested.
fn least(one: i32, other: i32) -> i32 {
    if one == 0 || other == 0 { one.max(other) } else { one.min(other) }
}

/// The earlier of two days; "" = not known.
fn first(one: &str, other: &str) -> String {
    if one.is_empty() || other.is_empty() { one.max(other) } else { one.min(other) }.to_owned()
}

#[cfg(test)]
mod tests {
    use huan_proto::types::v1::{Value, value::Kind};

    use super::*;

    fn root<'a>(edges: &[(&'a str, &'a str)], id: &str) -> &'a str {
        roots(["a", "b", "c", "d"], edges)[id]
    }

    #[test]
    fn the_survivors_root_is_the_root_of_both() {
        assert_eq!(root(&[("a", "b"), ("b", "c")], "a"), "c");
        assert_eq!(root(&[("b", "c"), ("a", "b")], "a"), "c");
        assert_eq!(root(&[("a", "b"), ("c", "d")], "c"), "d");
        assert_eq!(root(&[], "a"), "a");
    }

    #[test]
    fn an_edge_within_a_profile_holds_it_together_when_another_goes() {
        let (ab, bc, ac) = (("a", "b"), ("b", "c"), ("a", "c"));
        assert_eq!(root(&[ab, bc, ac], "b"), "c");
        assert_eq!(root(&[ab, ac], "b"), "c");
        assert_eq!(root(&[bc, ac], "a"), "c");
        assert_eq!(root(&[ab, ("b", "a")], "a"), "b");
    }

    #[test]
    fn the_stricter_word_holds_and_gaps_are_filled() {
        let text = |text: &str| Value { kind: Some(Kind::Text(text.into())) };
        let root = pb::Customer {
            customer_id: "a".into(),
            risk_level: 3,
            gates: vec![2],
            open_day: "2020-01-01".into(),
            attributes: [("city".to_owned(), text("x"))].into(),
            ..Default::default()
        };
        let other = pb::Customer {
            customer_id: "b".into(),
            risk_level: 2,
            gates: vec![1, 2],
            personalisation_refused: true,
            open_day: "2019-01-01".into(),
            attributes: [("city".to_owned(), text("y")), ("job".to_owned(), text("z"))].into(),
            person: Some(pb::Person { birth_day: "1990-02-03".into(), ..Default::default() }),
            ..Default::default()
        };
        let whole = together(root, &[other, pb::Customer::default()]);
        assert_eq!((whole.customer_id.as_str(), whole.risk_level, whole.gates), ("a", 2, vec![1, 2]));
        assert_eq!((whole.personalisation_refused, whole.open_day.as_str()), (true, "2019-01-01"));
        assert_eq!((&whole.attributes["city"], &whole.attributes["job"]), (&text("x"), &text("z")));
        assert_eq!(whole.person.unwrap().birth_day, "1990-02-03");
    }
}
