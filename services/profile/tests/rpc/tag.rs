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

fn lineage(author: pb::TagAuthor, author_id: &str, version: &str) -> Option<pb::TagLineage> {
    let (author, author_id, version) = (author.into(), author_id.into(), version.into());
    Some(pb::TagLineage { author, author_id, version, evidence: "score 0.9".into(), decide_time: None })
}

fn by_model(customer_id: &str, name: &str, version: &str) -> pb::CustomerTag {
    let lineage = lineage(pb::TagAuthor::Model, "churn", version);
    let tag = pb::Tag { name: name.into(), lineage, ..Default::default() };
    pb::CustomerTag { customer_id: customer_id.into(), tag: Some(tag) }
}

async fn batch(bank: &Bank, tags: Vec<pb::CustomerTag>) -> pb::BatchAttachTagsResponse {
    let request = pb::BatchAttachTagsRequest { tags };
    bank.tags().batch_attach_tags(bank.service(request)).await.unwrap().into_inner()
}

fn history(customer_id: &str, name: &str) -> pb::ListTagHistoryRequest {
    pb::ListTagHistoryRequest { customer_id: customer_id.into(), name: name.into(), ..Default::default() }
}

#[tokio::test]
async fn history_says_who_put_a_tag_on_and_took_it_off() {
    let bank = open().await;
    batch(&bank, vec![by_model("C-1", "leaving", "v1")]).await;
    let first = bank.tags().list_tags(bank.service(pb::ListTagsRequest { customer_id: "C-1".into() })).await;
    let first = first.unwrap().into_inner().tags.remove(0);
    assert_eq!(first.source, "model:churn");
    let kept = first.lineage.clone().unwrap();
    assert_eq!((kept.version.as_str(), kept.evidence.as_str()), ("v1", "score 0.9"));
    assert_eq!(kept.decide_time, Some(at(NOON)));
    assert_eq!(batch(&bank, vec![by_model("C-1", "leaving", "v1")]).await.attached, 1, "the same counts");
    let later = pb::CustomerTag {
        tag: Some(pb::Tag { expire_time: Some(at(NOON + 9)), ..by_model("C-1", "leaving", "v1").tag.unwrap() }),
        ..by_model("C-1", "leaving", "v1")
    };
    batch(&bank, vec![later, by_model("C-1", "rich", "v1")]).await;
    batch(&bank, vec![by_model("C-1", "leaving", "v2")]).await;
    let request = bank.manager("/hq", detach("C-1", "leaving"));
    bank.tags().detach_tag(request).await.unwrap();
    let listed = bank.tags().list_tag_history(bank.service(history("C-1", "leaving"))).await.unwrap().into_inner();
    let periods: Vec<_> = listed
        .periods
        .iter()
        .map(|period| {
            let tag = period.tag.clone().unwrap();
            (
                tag.lineage.unwrap().version,
                tag.expire_time.is_some(),
                period.attached_by.as_str(),
                period.detached_by.as_str(),
            )
        })
        .collect();
    assert_eq!(periods, [("v2".to_owned(), false, "test", "u-1"), ("v1".to_owned(), true, "test", "test")]);
    assert!(listed.periods.iter().all(|period| period.detach_time.is_some()));
    let first_period = listed.periods[1].tag.clone().unwrap();
    assert_eq!(first_period.create_time, first.create_time, "the same author's tag went on");

    let page = |page_token: String, name: &str| {
        bank.service(pb::ListTagHistoryRequest { page_size: 2, page_token, ..history("C-1", name) })
    };
    let one = bank.tags().list_tag_history(page(String::new(), "")).await.unwrap().into_inner();
    let token = one.next_page_token;
    let rest = bank.tags().list_tag_history(page(token.clone(), "")).await.unwrap().into_inner();
    assert_eq!((one.periods.len(), rest.periods.len()), (2, 1));
    assert_eq!(refused(bank.tags().list_tag_history(page(token, "rich")).await), BAD_TOKEN);
    assert_eq!(refused(bank.tags().list_tag_history(bank.service(history("C-9", ""))).await), MISSING);
    assert_eq!(fields(bank.tags().list_tag_history(bank.service(history("", "VIP"))).await), ["customer_id", "name"]);
}

#[tokio::test]
async fn bad_tags_of_a_batch_are_named_and_the_rest_land() {
    let bank = open().await;
    let with = |change: fn(&mut pb::Tag)| {
        let mut tag = by_model("C-1", "rich", "v1");
        change(tag.tag.as_mut().unwrap());
        tag
    };
    let tags = vec![
        by_model("C-9", "rich", "v1"),
        pb::CustomerTag { tag: None, ..by_model("C-1", "rich", "v1") },
        with(|tag| tag.lineage.as_mut().unwrap().author = 0),
        with(|tag| tag.lineage.as_mut().unwrap().author_id = String::new()),
        with(|tag| tag.lineage.as_mut().unwrap().decide_time = Some(at(NOON + 61))),
        with(|tag| tag.lineage = None),
        with(|_| {}),
        with(|_| {}),
    ];
    let done = batch(&bank, tags).await;
    let mut faults: Vec<_> = done.faults.iter().map(|fault| fault.field.clone()).collect();
    faults.sort();
    let expected = [
        "[0].customer_id",
        "[1].tag",
        "[2].tag.lineage.author",
        "[3].tag.lineage.author_id",
        "[4].tag.lineage.decide_time",
        "[5].tag.source",
        "[7]",
    ];
    assert_eq!((faults, done.attached), (expected.map(|field| format!("tags{field}")).to_vec(), 1));
    assert_eq!(names(&bank).await, ["rich"]);
    let none = pb::BatchAttachTagsRequest::default();
    assert_eq!(fields(bank.tags().batch_attach_tags(bank.service(none)).await), ["tags"]);
    let west = bank.manager("/hq/west", pb::BatchAttachTagsRequest { tags: vec![with(|_| {})] });
    assert_eq!(refused(bank.tags().batch_attach_tags(west).await), OUT_OF_SCOPE);
}
