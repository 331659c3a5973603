//! TagService.

use huan_proto::profile::v1 as pb;

use crate::bank::*;

fn attach(customer_id: &str, name: &str, expire: Option<i64>) -> pb::AttachTagRequest {
    let tag =
        pb::Tag { name: name.into(), source: "person:u-1".into(), expire_time: expire.map(at), ..Default::default() };
    pb::AttachTagRequest { customer_id: customer_id.into(), tag: Some(tag) }
}

fn detach(customer_id: &str, name: &str) -> pb::DetachTagRequest {
    pb::DetachTagRequest { customer_id: customer_id.into(), name: name.into() }
}

async fn names(bank: &Bank) -> Vec<String> {
    let request = pb::ListTagsRequest { customer_id: "C-1".into() };
    let tags = bank.tags().list_tags(bank.service(request)).await.unwrap().into_inner().tags;
    tags.into_iter().map(|tag| tag.name).collect()
}

async fn open() -> Bank {
    let bank = Bank::open().await;
    bank.import(vec![customer("C-1", "/hq/east")]).await;
    bank
}

#[tokio::test]
async fn tags_hold_until_they_are_taken_off_or_end() {
    let bank = open().await;
    for (name, expire) in [("vip", None), ("new", Some(NOON + 1)), ("old", Some(NOON))] {
        bank.tags().attach_tag(bank.service(attach("C-1", name, expire))).await.unwrap();
    }
    assert_eq!(names(&bank).await, ["new", "vip"]);
    assert_eq!(bank.profile("C-1").await.tags[1].confidence, Some(1.0));
    bank.tags().detach_tag(bank.service(detach("C-1", "vip"))).await.unwrap();
    assert_eq!(names(&bank).await, ["new"]);
    assert_eq!(refused(bank.tags().detach_tag(bank.service(detach("C-1", "vip"))).await), MISSING);
}

#[tokio::test]
async fn faults_and_unknown_customers_are_refused() {
    let bank = open().await;
    let tag = pb::Tag { name: "VIP".into(), confidence: Some(1.5), ..Default::default() };
    let faulty = pb::AttachTagRequest { customer_id: "C-1".into(), tag: Some(tag) };
    let named = fields(bank.tags().attach_tag(bank.service(faulty)).await);
    assert_eq!(named, ["tag.name", "tag.source", "tag.confidence"]);
    assert!(names(&bank).await.is_empty());
    assert_eq!(refused(bank.tags().attach_tag(bank.service(attach("C-9", "vip", None))).await), MISSING);
    assert_eq!(refused(bank.tags().detach_tag(bank.service(detach("C-9", "vip"))).await), MISSING);
    let request = pb::ListTagsRequest { customer_id: "C-9".into() };
    assert_eq!(refused(bank.tags().list_tags(bank.service(request)).await), MISSING);
    let west = bank.manager("/hq/west", attach("C-1", "vip", None));
    assert_eq!(refused(bank.tags().attach_tag(west).await), OUT_OF_SCOPE);
}
