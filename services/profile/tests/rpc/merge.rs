//! MergeService: customers who turn out to be one, and who turn out not to be.

use huan_proto::{
    feed::v1::Header,
    profile::v1::{self as pb, profile_change::Change},
};

use crate::{
    bank::*,
    profile::{ALL, read, watch, word},
};

fn merge(request_id: &str, survivor: &str, absorbed: &str) -> pb::MergeCustomersRequest {
    pb::MergeCustomersRequest {
        request_id: request_id.into(),
        survivor_customer_id: survivor.into(),
        absorbed_customer_id: absorbed.into(),
    }
}

fn unmerge(merge_id: &str) -> pb::UnmergeCustomersRequest {
    pb::UnmergeCustomersRequest { merge_id: merge_id.into() }
}

fn decide(proposal_id: &str, accept: bool) -> pb::DecideMergeProposalRequest {
    pb::DecideMergeProposalRequest { proposal_id: proposal_id.into(), accept }
}

fn person(customer_id: &str, owner_path: &str, phone: &str, id_number: &str) -> pb::Customer {
    let person = pb::Person { phone: phone.into(), id_number: id_number.into(), ..Default::default() };
    pb::Customer { person: Some(person), ..customer(customer_id, owner_path) }
}

fn of(customer_id: &str, event: pb::Event) -> pb::Event {
    pb::Event { customer_id: customer_id.into(), ..event }
}

impl Bank {
    async fn merged(&self, survivor: &str, absorbed: &str) -> pb::MergeEdge {
        let request = merge(&format!("{survivor}+{absorbed}"), survivor, absorbed);
        self.merges().merge_customers(self.service(request)).await.unwrap().into_inner().merge.unwrap()
    }

    async fn unmerged(&self, merge_id: &str) -> pb::MergeEdge {
        let answer = self.merges().unmerge_customers(self.service(unmerge(merge_id))).await;
        answer.unwrap().into_inner().merge.unwrap()
    }

    async fn proposals(&self, org_path: &str, state: pb::MergeProposalState) -> Vec<pb::MergeProposal> {
        let request = pb::ListMergeProposalsRequest { state: state.into(), ..Default::default() };
        let answer = self.merges().list_merge_proposals(self.manager(org_path, request)).await;
        answer.unwrap().into_inner().proposals
    }

    async fn rule(&self, merge_by_id_number: bool) {
        let revision = self.tenants().get_tenant(self.service(pb::GetTenantRequest {})).await.unwrap().into_inner();
        let request = pb::UpdateTenantRequest {
            revision: revision.tenant.unwrap().revision,
            clock: Some(fixed(NOON)),
            merge_by_id_number: Some(merge_by_id_number),
        };
        self.tenants().update_tenant(self.service(request)).await.unwrap();
    }
}

async fn open() -> Bank {
    let bank = Bank::open().await;
    let person = |id: &str, path: &str, digit: &str| person(id, path, &format!("1380000000{digit}"), "");
    bank.import(vec![person("C-1", "/hq/east", "1"), person("C-2", "/hq/west", "2"), person("C-3", "/hq/east", "3")])
        .await;
    bank.register(&["card_payment"], &["purchase"]).await;
    bank
}

#[tokio::test]
async fn a_merge_shows_both_under_the_survivor_and_can_be_taken_back() {
    let bank = open().await;
    bank.ingest(vec![event("1", "card_payment", NOON, 5), of("C-2", event("2", "card_payment", NOON, 7))]).await;
    let answer = bank.merges().merge_customers(bank.service(merge("m", "C-1", "C-2"))).await.unwrap().into_inner();
    let edge = answer.merge.unwrap();
    assert_eq!((edge.holds, edge.reason(), edge.made_by.as_str()), (true, pb::MergeReason::Explicit, "test"));
    for id in ["C-1", "C-2"] {
        let profile = bank.profile(id).await;
        assert_eq!((profile.customer.unwrap().customer_id, profile.position), ("C-1".into(), answer.position.clone()));
        assert_eq!((profile.merged[0].customer_id.as_str(), profile.merged[0].root_id.as_str()), ("C-2", "C-1"));
        assert_eq!(bank.number(id, "card_count_30d").await, Some(2.0));
        let list = pb::ListEventsRequest { customer_id: id.into(), ..Default::default() };
        let events = bank.events().list_events(bank.service(list)).await.unwrap().into_inner().events;
        assert_eq!(events.iter().map(|event| event.customer_id.as_str()).collect::<Vec<_>>(), ["C-2", "C-1"]);
    }
    bank.ingest(vec![of("C-2", event("3", "card_payment", NOON, 11))]).await;
    assert_eq!(bank.number("C-1", "card_sum_30d").await, Some(23.0));
    let edge = bank.unmerged(&edge.merge_id).await;
    assert!(!edge.holds && edge.revoke_time.is_some() && edge.revoked_by == "test");
    assert_eq!(bank.number("C-1", "card_sum_30d").await, Some(5.0));
    assert_eq!(bank.number("C-2", "card_sum_30d").await, Some(18.0));
    let list = pb::ListMergesRequest { customer_id: "C-2".into() };
    let merges = bank.merges().list_merges(bank.service(list)).await.unwrap().into_inner().merges;
    assert_eq!(merges, [edge]);
}

#[tokio::test]
async fn a_merge_comes_down_the_feed_before_what_is_computed() {
    let bank = open().await;
    let mut stream = bank.profiles().watch_profiles(bank.service(watch("", &ALL))).await.unwrap().into_inner();
    let (_, _) = read(&mut stream, 8).await;
    let edge = bank.merged("C-1", "C-2").await;
    let (news, _) = read(&mut stream, 3).await;
    assert_eq!(news.iter().map(word).collect::<Vec<_>>(), ["merge C-2", "standing C-1", "vector C-1"]);
    let root = |change: &pb::ProfileChange| match &change.change {
        Some(Change::Merge(merge)) => merge.root_id.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(root(&news[0]), "C-1");
    bank.ingest(vec![of("C-2", event("1", "purchase", NOON, 5))]).await;
    let (news, _) = read(&mut stream, 2).await;
    assert_eq!(news.iter().map(word).collect::<Vec<_>>(), ["outcome C-2", "vector C-1"]);
    let mut again = bank.profiles().watch_profiles(bank.service(watch("", &ALL[2..]))).await.unwrap().into_inner();
    let (state, _) = read(&mut again, 7).await;
    let words: Vec<_> = state.iter().map(word).collect();
    let expected =
        ["standing C-1", "standing C-3", "merge C-1", "merge C-2", "vector C-1", "vector C-3", "outcome C-2"];
    assert_eq!(words, expected);
    bank.unmerged(&edge.merge_id).await;
    let (news, _) = read(&mut stream, 5).await;
    let words: Vec<_> = news.iter().map(word).collect();
    assert_eq!(words, ["merge C-2", "standing C-1", "standing C-2", "vector C-1", "vector C-2"]);
    let Header { customer_id, .. } = news[0].header.clone().unwrap();
    assert_eq!((customer_id, root(&news[0])), ("C-2".into(), "C-2".into()));
}

#[tokio::test]
async fn a_merge_is_refused_for_its_faults() {
    let bank = open().await;
    let merge_as = async |request| bank.merges().merge_customers(bank.service(request)).await;
    let named = fields(merge_as(merge("", "", "")).await);
    assert_eq!(named, ["request_id", "survivor_customer_id", "absorbed_customer_id"]);
    assert_eq!(fields(merge_as(merge("m", "C-1", "C-1")).await), ["absorbed_customer_id"]);
    assert_eq!(refused(merge_as(merge("m", "C-1", "C-9")).await), MISSING);
    assert_eq!(refused(merge_as(merge("m", "C-9", "C-1")).await), MISSING);
    let edge = bank.merged("C-1", "C-2").await;
    assert_eq!(merge_as(merge("C-1+C-2", "C-1", "C-2")).await.unwrap().into_inner().merge, Some(edge));
    assert_eq!(fields(merge_as(merge("C-1+C-2", "C-1", "C-3")).await), ["request_id"]);
    assert_eq!(refused(merge_as(merge("again", "C-1", "C-2")).await), WRONG_STATE);
    let east = bank.manager("/hq/east", merge("m", "C-3", "C-1"));
    assert!(bank.merges().merge_customers(east).await.is_ok());
    let list = pb::ListMergesRequest { customer_id: "C-9".into() };
    assert_eq!(refused(bank.merges().list_merges(bank.service(list)).await), MISSING);
}

#[tokio::test]
async fn a_profile_holds_a_hundred_customers() {
    let bank = Bank::open().await;
    bank.import((0..101).map(|n| customer(&format!("C-{n}"), "/hq")).collect()).await;
    for n in 1..100 {
        bank.merged("C-0", &format!("C-{n}")).await;
    }
    let over = bank.merges().merge_customers(bank.service(merge("m", "C-0", "C-100"))).await;
    assert_eq!(refused(over), WRONG_STATE);
}

#[tokio::test]
async fn a_merge_is_taken_back_within_scope_only_and_once() {
    let bank = open().await;
    let west = bank.manager("/hq/west", merge("m", "C-1", "C-2"));
    assert_eq!(refused(bank.merges().merge_customers(west).await), OUT_OF_SCOPE);
    let edge = bank.merged("C-1", "C-2").await;
    let west = bank.manager("/hq/west", unmerge(&edge.merge_id));
    assert_eq!(refused(bank.merges().unmerge_customers(west).await), MISSING);
    assert_eq!(refused(bank.merges().unmerge_customers(bank.service(unmerge("none"))).await), MISSING);
    assert_eq!(fields(bank.merges().unmerge_customers(bank.service(unmerge(""))).await), ["merge_id"]);
    let taken = bank.unmerged(&edge.merge_id).await;
    assert_eq!(bank.unmerged(&edge.merge_id).await, taken);
    let list = |id: &str| pb::ListMergesRequest { customer_id: id.into() };
    assert_eq!(refused(bank.merges().list_merges(bank.manager("/hq/east", list("C-2"))).await), OUT_OF_SCOPE);
}

#[tokio::test]
async fn who_owns_the_profile_owns_all_of_it() {
    let bank = open().await;
    bank.merged("C-1", "C-2").await;
    let get = |id: &str| pb::GetProfileRequest { customer_id: id.into(), ..Default::default() };
    assert!(bank.profiles().get_profile(bank.manager("/hq/east", get("C-2"))).await.is_ok());
    assert_eq!(refused(bank.profiles().get_profile(bank.manager("/hq/west", get("C-2"))).await), OUT_OF_SCOPE);
}

#[tokio::test]
async fn the_same_phone_is_proposed_and_a_person_decides() {
    let bank = Bank::open().await;
    bank.rule(true).await;
    bank.import(vec![person("C-1", "/hq/east", "13900000001", "")]).await;
    bank.import(vec![person("C-2", "/hq/east/b1", "+86 139 0000 0001", ""), person("C-3", "/hq/west", "1", "")]).await;
    bank.import(vec![person("C-4", "/hq/west", "139-00000001", "")]).await;
    let all = bank.proposals("/", pb::MergeProposalState::Unspecified).await;
    assert_eq!(all.len(), 3);
    assert!(all.iter().all(|proposal| proposal.reason() == pb::MergeReason::Phone));
    let east = bank.proposals("/hq/east", pb::MergeProposalState::Open).await;
    assert_eq!(east.len(), 1);
    assert_eq!((&*east[0].survivor_customer_id, &*east[0].absorbed_customer_id), ("C-1", "C-2"));
    let id = &east[0].proposal_id;
    let decide_as = async |org_path: &str, id: &str, accept| {
        bank.merges().decide_merge_proposal(bank.manager(org_path, decide(id, accept))).await
    };
    assert_eq!(refused(decide_as("/hq/west", id, true).await), MISSING);
    assert_eq!(refused(decide_as("/", "none", true).await), MISSING);
    assert_eq!(fields(decide_as("/", "", true).await), ["proposal_id"]);
    let accepted = decide_as("/hq/east", id, true).await.unwrap().into_inner();
    assert!(!accepted.position.is_empty());
    let proposal = accepted.proposal.unwrap();
    assert_eq!((proposal.state(), proposal.decided_by.as_str()), (pb::MergeProposalState::Accepted, "u-1"));
    assert_eq!(bank.profile("C-2").await.customer.unwrap().customer_id, "C-1");
    assert_eq!(decide_as("/hq/east", id, true).await.unwrap().into_inner().proposal.unwrap(), proposal);
    assert_eq!(refused(decide_as("/hq/east", id, false).await), WRONG_STATE);
    let rest = bank.proposals("/", pb::MergeProposalState::Open).await;
    decide_as("/", &rest[0].proposal_id, false).await.unwrap();
    bank.import(vec![person("C-4", "/hq/west", "", "")]).await;
    bank.import(vec![person("C-4", "/hq/west", "13900000001", "")]).await;
    assert_eq!(bank.proposals("/", pb::MergeProposalState::Open).await.len(), 1);
    assert_eq!(bank.proposals("/", pb::MergeProposalState::Rejected).await.len(), 1);
    let foreign = pb::ListMergeProposalsRequest { page_token: "x".into(), page_size: 1, ..Default::default() };
    assert_eq!(refused(bank.merges().list_merge_proposals(bank.service(foreign)).await), BAD_TOKEN);
}

#[tokio::test]
async fn proposals_come_in_pages() {
    let bank = Bank::open().await;
    for n in 0..3 {
        bank.import(vec![person(&format!("C-{n}"), "/hq", "13900000001", "")]).await;
    }
    let mut request = pb::ListMergeProposalsRequest { page_size: 2, ..Default::default() };
    let first = bank.merges().list_merge_proposals(bank.service(request.clone())).await.unwrap().into_inner();
    request.page_token = first.next_page_token;
    let second = bank.merges().list_merge_proposals(bank.service(request)).await.unwrap().into_inner();
    assert_eq!((first.proposals.len(), second.proposals.len(), second.next_page_token.as_str()), (2, 1, ""));
}

#[tokio::test]
async fn a_number_that_many_share_proposes_nobody() {
    let bank = Bank::open().await;
    bank.import((0..21).map(|n| person(&format!("C-{n:02}"), "/hq", "13900000001", "X")).collect()).await;
    let open = bank.proposals("/", pb::MergeProposalState::Open).await;
    assert!(open.is_empty(), "{open:?}");
}

#[tokio::test]
async fn the_same_document_merges_by_rule_or_is_proposed() {
    let bank = Bank::open().await;
    bank.import(vec![person("C-2", "/hq", "", "11010519491231002x")]).await;
    bank.import(vec![person("C-1", "/hq", "", "110105 19491231 002X")]).await;
    let open = bank.proposals("/", pb::MergeProposalState::Open).await;
    assert_eq!((open.len(), open[0].reason()), (1, pb::MergeReason::IdNumber));
    assert_eq!(bank.profile("C-1").await.merged, []);
    bank.rule(true).await;
    eventually(async || bank.profile("C-1").await.customer.unwrap().customer_id == "C-2").await;
    bank.import(vec![person("C-3", "/hq", "", "11010519491231002X")]).await;
    let merged = bank.profile("C-3").await.merged;
    assert_eq!(merged.len(), 2, "at once, and into the older");
    let accepted = bank.proposals("/", pb::MergeProposalState::Accepted).await;
    assert!(accepted.iter().all(|proposal| proposal.decided_by == "rule"));
    let list = pb::ListMergesRequest { customer_id: "C-3".into() };
    let merges = bank.merges().list_merges(bank.service(list)).await.unwrap().into_inner().merges;
    for merge in merges.iter().filter(|merge| merge.absorbed_customer_id == "C-3") {
        bank.unmerged(&merge.merge_id).await;
    }
    bank.import(vec![person("C-3", "/hq", "", "11010519491231002X")]).await;
    assert_eq!(bank.profile("C-3").await.merged, [], "what was taken back is not merged again");
}

#[tokio::test]
async fn while_merged_the_stricter_consent_holds_unless_reconfirmed() {
    let bank = open().await;
    let said = |id: &str, channel_id: &str, allowed, seconds| pb::Consent {
        customer_id: id.into(),
        purpose: pb::Purpose::Marketing.into(),
        channel_id: channel_id.into(),
        allowed,
        evidence: "form".into(),
        decide_time: Some(at(seconds)),
        ..Default::default()
    };
    let record = async |consents| {
        let request = pb::RecordConsentsRequest { consents };
        bank.consents().record_consents(bank.service(request)).await.unwrap();
    };
    let held = async |id: &str| {
        let consents = bank.profile(id).await.consents;
        consents.into_iter().map(|one| (one.channel_id, one.allowed)).collect::<Vec<_>>()
    };
    record(vec![said("C-1", "sms", true, NOON - 5), said("C-1", "app", true, NOON - 5)]).await;
    record(vec![said("C-2", "sms", false, NOON - 9), said("C-2", "call", true, NOON - 9)]).await;
    let edge = bank.merged("C-1", "C-2").await;
    let strict = [("app".to_owned(), true), ("call".to_owned(), true), ("sms".to_owned(), false)];
    assert_eq!(held("C-1").await, strict);
    record(vec![said("C-1", "sms", true, NOON - 1)]).await;
    assert_eq!(held("C-2").await[2], ("sms".to_owned(), true));
    bank.unmerged(&edge.merge_id).await;
    assert_eq!(held("C-2").await, [("call".to_owned(), true), ("sms".to_owned(), false)]);
    assert_eq!(held("C-1").await, [("app".to_owned(), true), ("sms".to_owned(), true)]);
}
