//! TagService: the dictionary.

use huan_proto::profile::v1 as pb;
use prost_types::FieldMask;

use crate::bank::*;

fn definition(name: &str) -> pb::TagDefinition {
    pb::TagDefinition {
        name: name.into(),
        description: "likely to leave within a quarter".into(),
        owner: "retail desk".into(),
        category: "value".into(),
        ..Default::default()
    }
}

fn create(name: &str) -> pb::CreateTagDefinitionRequest {
    pb::CreateTagDefinitionRequest { request_id: format!("r-{name}"), definition: Some(definition(name)) }
}

fn update(name: &str, revision: i64, paths: &[&str], to: pb::TagDefinition) -> pb::UpdateTagDefinitionRequest {
    let paths = paths.iter().map(|path| (*path).to_owned()).collect();
    let update_mask = Some(FieldMask { paths });
    pb::UpdateTagDefinitionRequest { name: name.into(), revision, update_mask, definition: Some(to) }
}

fn attach(name: &str, lineage: Option<pb::TagLineage>) -> pb::AttachTagRequest {
    let tag = pb::Tag { name: name.into(), source: "person:u-1".into(), lineage, ..Default::default() };
    pb::AttachTagRequest { customer_id: "C-1".into(), tag: Some(tag) }
}

async fn open() -> Bank {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq/east")]).await;
    bank
}

#[tokio::test]
async fn entries_are_created_once_read_and_listed() {
    let bank = open().await;
    let first = bank.tags().create_tag_definition(bank.service(create("leaving"))).await.unwrap().into_inner();
    let again = bank.tags().create_tag_definition(bank.service(create("leaving"))).await.unwrap().into_inner();
    assert_eq!(first, again);
    let other = pb::CreateTagDefinitionRequest { request_id: "r-2".into(), ..create("leaving") };
    assert_eq!(refused(bank.tags().create_tag_definition(bank.service(other)).await), TAKEN);
    let get = |name: &str| pb::GetTagDefinitionRequest { name: name.into() };
    let read = bank.tags().get_tag_definition(bank.service(get("leaving"))).await.unwrap().into_inner();
    assert_eq!(read.definition, first.definition);
    assert_eq!(refused(bank.tags().get_tag_definition(bank.service(get("rich"))).await), MISSING);
    assert_eq!(fields(bank.tags().get_tag_definition(bank.service(get(""))).await), ["name"]);
    for name in ["a", "b", "c"] {
        bank.tags().create_tag_definition(bank.service(create(name))).await.unwrap();
    }
    let list = async |category: &str, page_token: String| {
        let request = pb::ListTagDefinitionsRequest { category: category.into(), page_size: 3, page_token };
        bank.tags().list_tag_definitions(bank.service(request)).await
    };
    let one = list("value", String::new()).await.unwrap().into_inner();
    let rest = list("value", one.next_page_token.clone()).await.unwrap().into_inner();
    let names: Vec<_> = one.definitions.iter().chain(&rest.definitions).map(|row| row.name.as_str()).collect();
    assert_eq!(names, ["a", "b", "c", "leaving"]);
    assert_eq!(refused(list("risk", one.next_page_token).await), BAD_TOKEN);
    assert!(list("risk", String::new()).await.unwrap().into_inner().definitions.is_empty());
    assert_eq!(fields(list("Risk", String::new()).await), ["category"]);
}

#[tokio::test]
async fn an_entry_changes_by_mask_and_revision() {
    let bank = open().await;
    bank.tags().create_tag_definition(bank.service(create("leaving"))).await.unwrap();
    let to = pb::TagDefinition { owner: "risk desk".into(), lifetime_days: 30, ..Default::default() };
    let request = update("leaving", 1, &["owner", "lifetime_days"], to.clone());
    let changed = bank.tags().update_tag_definition(bank.service(request.clone())).await.unwrap().into_inner();
    let changed = changed.definition.unwrap();
    assert_eq!((changed.owner.as_str(), changed.lifetime_days, changed.revision), ("risk desk", 30, 2));
    assert_eq!(changed.description, definition("leaving").description);
    assert_eq!(refused(bank.tags().update_tag_definition(bank.service(request)).await), STALE);
    let nobody = update("rich", 1, &["owner"], to.clone());
    assert_eq!(refused(bank.tags().update_tag_definition(bank.service(nobody)).await), MISSING);
    let wrong = update("leaving", 2, &["name", "lifetime_days"], pb::TagDefinition { lifetime_days: -1, ..to });
    let named = fields(bank.tags().update_tag_definition(bank.service(wrong)).await);
    assert_eq!(named, ["update_mask", "definition.lifetime_days"]);
    let empty = pb::UpdateTagDefinitionRequest::default();
    let named = fields(bank.tags().update_tag_definition(bank.service(empty)).await);
    assert_eq!(named, ["name", "revision", "update_mask", "definition"]);
}

#[tokio::test]
async fn faults_and_callers_of_a_branch_are_refused() {
    let bank = open().await;
    let faulty = pb::TagDefinition {
        name: "VIP".into(),
        category: "Value".into(),
        authors: vec![9],
        lifetime_days: 3651,
        ..Default::default()
    };
    let request = pb::CreateTagDefinitionRequest { request_id: String::new(), definition: Some(faulty) };
    let mut named = fields(bank.tags().create_tag_definition(bank.service(request)).await);
    named.sort();
    let expected = ["authors[0]", "category", "description", "lifetime_days", "name", "owner"];
    let expected: Vec<_> =
        expected.iter().map(|field| format!("definition.{field}")).chain(["request_id".into()]).collect();
    assert_eq!(named, expected);
    let branch = bank.user("bank", "strategist", "/hq/east", create("leaving"));
    assert_eq!(refused(bank.tags().create_tag_definition(branch).await), OUT_OF_SCOPE);
    let branch = bank.user("bank", "strategist", "/hq/east", update("leaving", 1, &["owner"], definition("leaving")));
    assert_eq!(refused(bank.tags().update_tag_definition(branch).await), OUT_OF_SCOPE);
    let manager = bank.manager("/", create("leaving"));
    assert_eq!(refused(bank.tags().create_tag_definition(manager).await), NO_PERMISSION);
    let strategist = bank.user("bank", "strategist", "/", create("leaving"));
    assert!(bank.tags().create_tag_definition(strategist).await.is_ok());
}

#[tokio::test]
async fn a_dictionary_with_entries_rules_what_is_put_on() {
    let bank = open().await;
    bank.tags().attach_tag(bank.service(attach("anything", None))).await.unwrap();
    let only_models =
        pb::TagDefinition { authors: vec![pb::TagAuthor::Model.into()], lifetime_days: 2, ..definition("leaving") };
    let request = pb::CreateTagDefinitionRequest { request_id: "r-1".into(), definition: Some(only_models) };
    bank.tags().create_tag_definition(bank.service(request)).await.unwrap();
    assert_eq!(fields(bank.tags().attach_tag(bank.service(attach("anything", None))).await), ["tag.name"]);
    let named = fields(bank.tags().attach_tag(bank.service(attach("leaving", None))).await);
    assert_eq!(named, ["tag.lineage.author"]);
    let lineage =
        pb::TagLineage { author: pb::TagAuthor::Model.into(), author_id: "churn".into(), ..Default::default() };
    bank.tags().attach_tag(bank.service(attach("leaving", Some(lineage.clone())))).await.unwrap();
    let tags = bank.profile("C-1").await.tags;
    let ends: Vec<_> = tags.iter().map(|tag| (tag.name.as_str(), tag.expire_time)).collect();
    let midnight = NOON + 12 * 3600 + DAY;
    assert_eq!(ends, [("anything", None), ("leaving", Some(at(midnight)))], "what is on stays on");
    let request = update("leaving", 1, &["retired"], pb::TagDefinition { retired: true, ..Default::default() });
    bank.tags().update_tag_definition(bank.service(request)).await.unwrap();
    let batch = pb::BatchAttachTagsRequest {
        tags: vec![pb::CustomerTag { customer_id: "C-1".into(), tag: attach("leaving", Some(lineage)).tag }],
    };
    let done = bank.tags().batch_attach_tags(bank.service(batch)).await.unwrap().into_inner();
    assert_eq!((done.attached, done.faults[0].field.as_str()), (0, "tags[0].tag.name"));
}
