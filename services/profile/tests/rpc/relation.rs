//! RelationService.

use huan_proto::profile::v1::{self as pb, RelationDirection as Direction, RelationType as Type, RelationView as View};

use crate::bank::*;

fn relation(from: &str, relation_type: Type, to: &str) -> pb::Relation {
    pb::Relation {
        from_customer_id: from.into(),
        r#type: relation_type.into(),
        to_customer_id: to.into(),
        source: "core".into(),
        ..Default::default()
    }
}

fn contact(person: &str, firm: &str, kind: pb::ContactKind) -> pb::Relation {
    pb::Relation { contact_kind: kind.into(), ..relation(person, Type::ContactPersonOf, firm) }
}

async fn put(bank: &Bank, relations: Vec<pb::Relation>) -> pb::PutRelationsResponse {
    let request = pb::PutRelationsRequest { relations };
    bank.relations().put_relations(bank.service(request)).await.unwrap().into_inner()
}

fn list(customer_id: &str, view: View) -> pb::ListRelationsRequest {
    pb::ListRelationsRequest { customer_id: customer_id.into(), view: view.into(), ..Default::default() }
}

fn expand(customer_id: &str, types: &[Type], direction: Direction, steps: i32) -> pb::ExpandRelationsRequest {
    let types = types.iter().map(|one| i32::from(*one)).collect();
    let direction = direction.into();
    pb::ExpandRelationsRequest { customer_id: customer_id.into(), types, direction, steps, ..Default::default() }
}

/// The other ends of those listed.
async fn others(bank: &Bank, request: pb::ListRelationsRequest) -> Vec<String> {
    let customer_id = request.customer_id.clone();
    let listed = bank.relations().list_relations(bank.service(request)).await.unwrap().into_inner();
    let other = |row: pb::Relation| match row.from_customer_id == customer_id {
        true => row.to_customer_id,
        false => row.from_customer_id,
    };
    listed.relations.into_iter().map(other).collect()
}

/// Customers "a" to "f" in the east and "w" in the west.
async fn open() -> Bank {
    let bank = Bank::open().await;
    let mut customers: Vec<_> = ["a", "b", "c", "d", "e", "f"].map(|id| customer(id, "/hq/east")).into();
    customers.push(customer("w", "/hq/west"));
    bank.import(customers).await;
    bank
}

#[tokio::test]
async fn relations_are_seen_from_both_ends() {
    let bank = open().await;
    let supplies = pb::Relation { weight: Some(0.3), ..relation("a", Type::Supplies, "b") };
    let sits = relation("a", Type::LocatedIn, "d");
    let done = put(&bank, vec![supplies.clone(), sits.clone()]).await;
    assert_eq!((done.created, done.updated, done.faults.len()), (2, 0, 0));
    assert_eq!(others(&bank, list("b", View::Suppliers)).await, ["a"]);
    assert_eq!(others(&bank, list("a", View::Buyers)).await, ["b"]);
    assert_eq!(others(&bank, list("a", View::SupplyChain)).await, ["b"]);
    assert_eq!(others(&bank, list("d", View::ParkTenants)).await, ["a"]);
    assert_eq!(others(&bank, list("a", View::Parks)).await, ["d"]);
    assert!(others(&bank, list("a", View::Suppliers)).await.is_empty());
    let first = bank.relations().list_relations(bank.service(list("a", View::Buyers))).await.unwrap().into_inner();
    let again = put(&bank, vec![supplies.clone()]).await;
    assert_eq!((again.created, again.updated), (0, 1));
    let second = bank.relations().list_relations(bank.service(list("a", View::Buyers))).await.unwrap().into_inner();
    assert_eq!(first, second, "the same again changes nothing");
    put(&bank, vec![pb::Relation { weight: Some(0.7), ..supplies }]).await;
    let third = bank.relations().list_relations(bank.service(list("b", View::Suppliers))).await.unwrap().into_inner();
    assert_eq!(third.relations[0].weight, Some(0.7));
    assert_eq!(third.relations[0].create_time, first.relations[0].create_time);
}

#[tokio::test]
async fn days_left_empty_stay_when_a_relation_is_put_again() {
    let bank = open().await;
    let dated = |start_day: &str, end_day: &str| pb::Relation {
        start_day: start_day.into(),
        end_day: end_day.into(),
        ..relation("a", Type::Supplies, "b")
    };
    let days = async || {
        let request = pb::ListRelationsRequest { include_all_days: true, ..list("a", View::Buyers) };
        let row =
            bank.relations().list_relations(bank.service(request)).await.unwrap().into_inner().relations.remove(0);
        (row.start_day, row.end_day)
    };
    let is = |start_day: &str, end_day: &str| (start_day.to_owned(), end_day.to_owned());
    put(&bank, vec![dated("2024-01-01", "2024-06-01")]).await;
    let again = pb::Relation { weight: Some(0.5), ..dated("", "") };
    assert_eq!(put(&bank, vec![again]).await.updated, 1);
    assert_eq!(days().await, is("2024-01-01", "2024-06-01"), "what a table does not say is not taken away");
    let faults = put(&bank, vec![dated("", "2024-01-01")]).await.faults;
    assert_eq!(faults[0].field, "relations[0].end_day");
    put(&bank, vec![dated("2024-06-10", "")]).await;
    assert_eq!(days().await, is("2024-06-10", ""), "it begins anew");
    assert_eq!(others(&bank, list("b", View::Suppliers)).await, ["a"]);
}

#[tokio::test]
async fn the_easy_questions_have_easy_answers() {
    let bank = open().await;
    let relations = vec![
        relation("a", Type::LegalPersonOf, "b"),
        relation("c", Type::PaysWagesOf, "a"),
        relation("a", Type::Guarantees, "d"),
        contact("a", "e", pb::ContactKind::Official),
        contact("f", "e", pb::ContactKind::Personal),
        relation("a", Type::Referred, "f"),
        relation("b", Type::Referred, "a"),
    ];
    assert_eq!(put(&bank, relations).await.created, 7);
    assert_eq!(others(&bank, list("a", View::Firms)).await, ["b", "d", "e", "c"]);
    assert_eq!(others(&bank, list("c", View::Employees)).await, ["a"]);
    assert_eq!(others(&bank, list("a", View::Referrals)).await, ["f", "b"]);
    assert_eq!(others(&bank, list("e", View::Contacts)).await, ["a", "f"]);
    let official =
        pb::ListRelationsRequest { contact_kind: pb::ContactKind::Official.into(), ..list("e", View::Contacts) };
    assert_eq!(others(&bank, official).await, ["a"]);
}

#[tokio::test]
async fn relations_hold_from_their_first_day_to_the_one_before_their_last() {
    let bank = open().await;
    let dated = |to, start: &str, end: &str| pb::Relation {
        start_day: start.into(),
        end_day: end.into(),
        ..relation("a", Type::Supplies, to)
    };
    let days = [("b", "", ""), ("c", "2024-06-15", ""), ("d", "2024-06-16", ""), ("e", "", "2024-06-15")];
    put(&bank, days.map(|(to, start, end)| dated(to, start, end)).into()).await;
    assert_eq!(others(&bank, list("a", View::Buyers)).await, ["b", "c"]);
    let on = |day: &str| pb::ListRelationsRequest { as_of_day: day.into(), ..list("a", View::Buyers) };
    assert_eq!(others(&bank, on("2024-06-14")).await, ["b", "e"]);
    assert_eq!(others(&bank, on("2024-06-16")).await, ["b", "c", "d"]);
    let all = pb::ListRelationsRequest { include_all_days: true, ..list("a", View::Buyers) };
    assert_eq!(others(&bank, all).await, ["b", "c", "d", "e"]);

    let end = |to: &str, end_day: &str| pb::EndRelationRequest {
        from_customer_id: "a".into(),
        r#type: Type::Supplies.into(),
        to_customer_id: to.into(),
        end_day: end_day.into(),
    };
    let ended = bank.relations().end_relation(bank.service(end("b", ""))).await.unwrap().into_inner();
    assert_eq!(ended.relation.unwrap().end_day, "2024-06-15");
    assert_eq!(others(&bank, list("a", View::Buyers)).await, ["c"]);
    assert!(others(&bank, list("b", View::Suppliers)).await.is_empty());
    assert_eq!(fields(bank.relations().end_relation(bank.service(end("c", "2024-06-15"))).await), ["end_day"]);
    assert_eq!(refused(bank.relations().end_relation(bank.service(end("f", ""))).await), MISSING);

    let delete = || pb::DeleteRelationRequest {
        from_customer_id: "a".into(),
        r#type: Type::Supplies.into(),
        to_customer_id: "c".into(),
    };
    bank.relations().delete_relation(bank.service(delete())).await.unwrap();
    assert!(others(&bank, list("c", View::Suppliers)).await.is_empty());
    assert_eq!(refused(bank.relations().delete_relation(bank.service(delete())).await), MISSING);
    let nameless = pb::DeleteRelationRequest::default();
    let named = fields(bank.relations().delete_relation(bank.service(nameless)).await);
    assert_eq!(named, ["from_customer_id", "type", "to_customer_id"]);
}

#[tokio::test]
async fn bad_relations_are_named_and_the_rest_land() {
    let bank = open().await;
    let kindless = relation("a", Type::ContactPersonOf, "b");
    let kind = pb::ContactKind::Official.into();
    let relations = vec![
        relation("a", Type::Supplies, "x"),
        relation("x", Type::Supplies, "a"),
        relation("a", Type::Supplies, "a"),
        relation("a", Type::Unspecified, "b"),
        kindless,
        pb::Relation { contact_kind: kind, ..relation("a", Type::Supplies, "b") },
        pb::Relation { weight: Some(-1.0), ..relation("a", Type::Supplies, "b") },
        pb::Relation { weight: Some(f64::NAN), ..relation("a", Type::Supplies, "b") },
        pb::Relation { source: String::new(), ..relation("a", Type::Supplies, "b") },
        pb::Relation {
            start_day: "2024-01-02".into(),
            end_day: "2024-01-02".into(),
            ..relation("a", Type::Supplies, "b")
        },
        relation("a", Type::Supplies, "b"),
        relation("a", Type::Supplies, "b"),
    ];
    let done = put(&bank, relations).await;
    let mut faults: Vec<_> = done.faults.iter().map(|fault| (fault.index, fault.field.clone())).collect();
    faults.sort();
    let expected = [
        (0, "relations[0].to_customer_id"),
        (1, "relations[1].from_customer_id"),
        (2, "relations[2].to_customer_id"),
        (3, "relations[3].type"),
        (4, "relations[4].contact_kind"),
        (5, "relations[5].contact_kind"),
        (6, "relations[6].weight"),
        (7, "relations[7].weight"),
        (8, "relations[8].source"),
        (9, "relations[9].end_day"),
        (11, "relations[11]"),
    ];
    assert_eq!(faults, expected.map(|(index, field)| (index, field.to_owned())));
    assert_eq!(done.created, 1);
    let none = pb::PutRelationsRequest::default();
    assert_eq!(fields(bank.relations().put_relations(bank.service(none)).await), ["relations"]);
}

#[tokio::test]
async fn lists_come_in_pages_bound_to_their_filter() {
    let bank = open().await;
    let mut relations: Vec<_> = ["b", "c", "d"].map(|to| relation("a", Type::Supplies, to)).into();
    relations.extend(["b", "c"].map(|from| relation(from, Type::Supplies, "a")));
    relations.push(relation("a", Type::Guarantees, "f"));
    put(&bank, relations).await;
    let mut found = Vec::new();
    let mut token = String::new();
    loop {
        let page = pb::ListRelationsRequest { page_size: 2, page_token: token, ..list("a", View::Unspecified) };
        let page = bank.relations().list_relations(bank.service(page)).await.unwrap().into_inner();
        assert!(page.relations.len() <= 2);
        found.extend(page.relations.into_iter().map(|row| row.from_customer_id + ">" + &row.to_customer_id));
        token = page.next_page_token;
        if token.is_empty() {
            break;
        }
    }
    assert_eq!(found, ["a>b", "a>c", "a>d", "a>f", "b>a", "c>a"]);
    let first = pb::ListRelationsRequest { page_size: 2, ..list("a", View::Unspecified) };
    let page_token = bank.relations().list_relations(bank.service(first)).await.unwrap().into_inner().next_page_token;
    let other = pb::ListRelationsRequest { page_token, ..list("a", View::Buyers) };
    assert_eq!(refused(bank.relations().list_relations(bank.service(other)).await), BAD_TOKEN);
    assert_eq!(refused(bank.relations().list_relations(bank.service(list("x", View::Buyers))).await), MISSING);
    let both = pb::ListRelationsRequest {
        types: vec![9, Type::Supplies.into()],
        as_of_day: "2024-06-15".into(),
        include_all_days: true,
        ..list("a", View::Buyers)
    };
    let named = fields(bank.relations().list_relations(bank.service(both)).await);
    assert_eq!(named, ["types[0]", "view", "as_of_day"]);
}

#[tokio::test]
async fn an_expansion_walks_its_steps_and_ends_in_a_circle() {
    let bank = open().await;
    let ring = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "a"), ("e", "b")];
    put(&bank, ring.map(|(from, to)| relation(from, Type::Supplies, to)).into()).await;
    put(&bank, vec![relation("a", Type::Referred, "f")]).await;
    let nodes = async |request: pb::ExpandRelationsRequest| {
        let found = bank.relations().expand_relations(bank.service(request)).await.unwrap().into_inner();
        let nodes: Vec<_> = found.nodes.iter().map(|node| (node.customer_id.clone(), node.distance)).collect();
        (nodes, found.edges.len(), found.truncated)
    };
    let at = |list: &[(&str, i32)]| list.iter().map(|(id, far)| ((*id).to_owned(), *far)).collect::<Vec<_>>();
    let out = |steps| expand("a", &[Type::Supplies], Direction::Out, steps);
    assert_eq!(nodes(out(0)).await, (at(&[("a", 0), ("b", 1)]), 1, false));
    assert_eq!(nodes(out(4)).await, (at(&[("a", 0), ("b", 1), ("c", 2), ("d", 3)]), 4, false));
    let both = nodes(expand("a", &[], Direction::Unspecified, 2)).await;
    assert_eq!(both, (at(&[("a", 0), ("b", 1), ("f", 1), ("d", 1), ("c", 2), ("e", 2)]), 6, false));
    let few = pb::ExpandRelationsRequest { max_nodes: 2, ..out(4) };
    assert_eq!(nodes(few).await, (at(&[("a", 0), ("b", 1)]), 1, true));
    let past = pb::ExpandRelationsRequest { as_of_day: "2023-01-01".into(), ..out(1) };
    assert_eq!(nodes(past).await.1, 1, "without a first day it always held");

    let faulty = pb::ExpandRelationsRequest { max_nodes: 1001, max_fan_out: -1, ..out(5) };
    let named = fields(bank.relations().expand_relations(bank.service(faulty)).await);
    assert_eq!(named, ["steps", "max_nodes", "max_fan_out"]);
    let nobody = expand("x", &[], Direction::Out, 1);
    assert_eq!(refused(bank.relations().expand_relations(bank.service(nobody)).await), MISSING);
}

#[tokio::test]
async fn of_many_relations_the_weightiest_are_followed() {
    let bank = open().await;
    let weighed = |to, weight| pb::Relation { weight: Some(weight), ..relation("a", Type::Supplies, to) };
    put(&bank, vec![weighed("b", 1.0), weighed("c", 9.0), weighed("d", 5.0)]).await;
    let request = pb::ExpandRelationsRequest { max_fan_out: 2, ..expand("a", &[], Direction::Out, 1) };
    let found = bank.relations().expand_relations(bank.service(request)).await.unwrap().into_inner();
    let nodes: Vec<_> = found.nodes.iter().map(|node| node.customer_id.as_str()).collect();
    assert_eq!((nodes, found.truncated), (vec!["a", "c", "d"], true));
}

#[tokio::test]
async fn a_group_is_found_from_any_of_its_members() {
    let bank = open().await;
    let owns = |from, to, weight| pb::Relation { weight: Some(weight), ..relation(from, Type::ParentOf, to) };
    put(&bank, vec![owns("a", "b", 1.0), owns("b", "c", 0.6), owns("d", "c", 0.4), owns("e", "f", 1.0)]).await;
    put(&bank, vec![owns("f", "e", 1.0)]).await;
    let group = |id: &str| pb::GetGroupRequest { customer_id: id.into(), ..Default::default() };
    for id in ["a", "b", "c"] {
        let found = bank.relations().get_group(bank.service(group(id))).await.unwrap().into_inner();
        let members: Vec<_> = found.members.iter().map(|node| (node.customer_id.as_str(), node.distance)).collect();
        assert_eq!(found.ultimate_parent_customer_id, "a");
        assert_eq!(members, [("a", 0), ("b", 1), ("c", 2)]);
        assert_eq!((found.edges.len(), found.hidden, found.truncated), (2, 0, false));
    }
    for id in ["e", "f"] {
        let found = bank.relations().get_group(bank.service(group(id))).await.unwrap().into_inner();
        assert_eq!((found.ultimate_parent_customer_id.as_str(), found.members.len()), ("e", 2), "a circle ends");
    }
    let alone = bank.relations().get_group(bank.service(group("w"))).await.unwrap().into_inner();
    assert_eq!((alone.ultimate_parent_customer_id.as_str(), alone.members.len()), ("w", 1));
    assert_eq!(refused(bank.relations().get_group(bank.service(group("x"))).await), MISSING);
    let dayless = pb::GetGroupRequest { as_of_day: "today".into(), ..group("") };
    assert_eq!(fields(bank.relations().get_group(bank.service(dayless)).await), ["customer_id", "as_of_day"]);
}

#[tokio::test]
async fn who_lies_outside_the_callers_scope_is_counted_and_not_shown() {
    let bank = open().await;
    put(&bank, vec![relation("w", Type::ParentOf, "a"), relation("a", Type::ParentOf, "b")]).await;
    put(&bank, vec![relation("w", Type::ParentOf, "c")]).await;
    let listed = bank.relations().list_relations(bank.manager("/hq/east", list("a", View::Unspecified))).await;
    let listed = listed.unwrap().into_inner();
    assert_eq!((listed.relations.len(), listed.hidden), (1, 1));
    let walk = expand("a", &[], Direction::Unspecified, 4);
    let walked = bank.relations().expand_relations(bank.manager("/hq/east", walk)).await.unwrap().into_inner();
    assert_eq!((walked.nodes.len(), walked.hidden), (2, 1), "c lies behind w");
    let group = pb::GetGroupRequest { customer_id: "b".into(), ..Default::default() };
    let found = bank.relations().get_group(bank.manager("/hq/east", group)).await.unwrap().into_inner();
    assert_eq!((found.ultimate_parent_customer_id.as_str(), found.members.len(), found.hidden), ("a", 2, 1));
    let request = pb::PutRelationsRequest { relations: vec![relation("a", Type::Supplies, "w")] };
    assert_eq!(refused(bank.relations().put_relations(bank.manager("/hq/east", request.clone())).await), OUT_OF_SCOPE);
    let analyst = bank.user("bank", "analyst", "/", request);
    assert_eq!(refused(bank.relations().put_relations(analyst).await), NO_PERMISSION);
    let elsewhere = bank.manager("/hq/west", list("a", View::Unspecified));
    assert_eq!(refused(bank.relations().list_relations(elsewhere).await), OUT_OF_SCOPE);
}

#[tokio::test]
async fn relations_of_merged_customers_are_the_survivors() {
    let bank = open().await;
    put(&bank, vec![relation("a", Type::Supplies, "b"), relation("c", Type::Supplies, "d")]).await;
    put(&bank, vec![relation("a", Type::Guarantees, "c"), relation("d", Type::ParentOf, "c")]).await;
    let merge = pb::MergeCustomersRequest {
        request_id: "m-1".into(),
        survivor_customer_id: "a".into(),
        absorbed_customer_id: "c".into(),
    };
    let merged = bank.merges().merge_customers(bank.service(merge)).await.unwrap().into_inner().merge.unwrap();
    for id in ["a", "c"] {
        let listed = bank.relations().list_relations(bank.service(list(id, View::Buyers))).await.unwrap().into_inner();
        let ends: Vec<_> =
            listed.relations.iter().map(|row| (row.from_customer_id.as_str(), row.to_customer_id.as_str())).collect();
        assert_eq!(ends, [("a", "b"), ("c", "d")], "each row keeps the customer that it was put for");
        let walk = bank.service(expand(id, &[], Direction::Out, 1));
        let walked = bank.relations().expand_relations(walk).await.unwrap().into_inner();
        let nodes: Vec<_> = walked.nodes.iter().map(|node| node.customer_id.as_str()).collect();
        assert_eq!((nodes, walked.edges.len()), (vec!["a", "b", "d"], 2), "nobody guarantees themselves");
        assert_eq!(walked.nodes[0].merged_customer_ids, ["c"]);
    }
    let from_b = expand("b", &[], Direction::Unspecified, 4);
    let walked = bank.relations().expand_relations(bank.service(from_b)).await.unwrap().into_inner();
    let nodes: Vec<_> = walked.nodes.iter().map(|node| (node.customer_id.as_str(), node.distance)).collect();
    assert_eq!(nodes, [("b", 0), ("a", 1), ("d", 2)]);
    let group = pb::GetGroupRequest { customer_id: "a".into(), ..Default::default() };
    let found = bank.relations().get_group(bank.service(group)).await.unwrap().into_inner();
    assert_eq!((found.ultimate_parent_customer_id.as_str(), found.members.len()), ("d", 2));
    let unmerge = pb::UnmergeCustomersRequest { merge_id: merged.merge_id };
    bank.merges().unmerge_customers(bank.service(unmerge)).await.unwrap();
    assert_eq!(others(&bank, list("a", View::Buyers)).await, ["b"]);
}
