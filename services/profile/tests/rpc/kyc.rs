//! KycService.

use huan_proto::profile::v1::{self as pb, kyc_answer::Answer};

use crate::bank::*;

fn answer(question_id: &str, answer: Answer, seconds: i64) -> pb::KycAnswer {
    let (question_id, answer, answer_time) = (question_id.into(), Some(answer), Some(at(seconds)));
    pb::KycAnswer { question_id, answer, answer_time, ..Default::default() }
}

fn text(words: &str) -> Answer {
    Answer::Text(words.into())
}

fn record(answers: Vec<pb::KycAnswer>) -> pb::RecordKycAnswersRequest {
    pb::RecordKycAnswersRequest { customer_id: "F-1".into(), answers }
}

fn question(question_id: &str, kind: pb::KycAnswerKind) -> pb::KycQuestion {
    pb::KycQuestion { question_id: question_id.into(), text: "what?".into(), kind: kind.into(), ..Default::default() }
}

fn set(questions: Vec<pb::KycQuestion>, revision: i64) -> pb::SetKycTemplateRequest {
    pb::SetKycTemplateRequest { template: Some(pb::KycTemplate { questions, revision, update_time: None }) }
}

async fn get(bank: &Bank) -> pb::Kyc {
    let request = pb::GetKycRequest { customer_id: "F-1".into() };
    bank.kyc().get_kyc(bank.service(request)).await.unwrap().into_inner().kyc.unwrap()
}

async fn open() -> Bank {
    let bank = Bank::open().await;
    let firm = pb::Customer { r#type: pb::CustomerType::Corporate.into(), ..customer("F-1", "/hq/east") };
    bank.import(vec![firm, customer("P-1", "/hq/east")]).await;
    bank
}

#[tokio::test]
async fn ten_questions_ship_and_the_profile_answers_some() {
    let bank = open().await;
    let template = bank.kyc().get_kyc_template(bank.service(pb::GetKycTemplateRequest {})).await.unwrap().into_inner();
    let template = template.template.unwrap();
    assert_eq!((template.questions.len(), template.revision), (10, 0));
    let none = get(&bank).await;
    assert_eq!((none.completeness, none.next_question_ids.len()), (0.0, 10));
    assert_eq!(none.next_question_ids[0], "owner");

    let relation = pb::Relation {
        from_customer_id: "P-1".into(),
        r#type: pb::RelationType::LegalPersonOf.into(),
        to_customer_id: "F-1".into(),
        source: "core".into(),
        ..Default::default()
    };
    let request = pb::PutRelationsRequest { relations: vec![relation] };
    bank.relations().put_relations(bank.service(request)).await.unwrap();
    let company = Some(pb::Company { industry_code: "3491".into(), ..Default::default() });
    let firm = pb::Customer { r#type: pb::CustomerType::Corporate.into(), company, ..customer("F-1", "/hq/east") };
    bank.import(vec![firm]).await;
    let some = get(&bank).await;
    assert!(some.items[0].from_profile && some.items[1].from_profile && !some.items[2].from_profile);
    assert_eq!(some.next_question_ids[0], "supply_chain");
    assert!((some.completeness - 4.0 / 14.0).abs() < 1e-12);
}

#[tokio::test]
async fn answers_are_kept_with_time_and_author_and_grow_stale() {
    let bank = open().await;
    let said =
        vec![answer("risks", text("one large buyer"), NOON - 10), answer("cash_cycle", Answer::Number(45.0), NOON)];
    let manager = bank.user("bank", "relationship_manager", "/hq/east", record(said));
    let kyc = bank.kyc().record_kyc_answers(manager).await.unwrap().into_inner().kyc.unwrap();
    let item = kyc.items.iter().find(|item| item.question_id == "risks").unwrap();
    assert_eq!(item.state(), pb::KycState::Answered);
    let kept = item.answer.clone().unwrap();
    assert_eq!((kept.answer, kept.answered_by.as_str()), (Some(text("one large buyer")), "u-1"));
    assert!(!kyc.next_question_ids.contains(&"risks".to_owned()));

    let older = record(vec![answer("risks", text("none"), NOON - 11)]);
    let kyc = bank.kyc().record_kyc_answers(bank.service(older)).await.unwrap().into_inner().kyc.unwrap();
    let item = kyc.items.iter().find(|item| item.question_id == "risks").unwrap();
    assert_eq!(item.answer.as_ref().unwrap().answer, Some(text("one large buyer")), "the later one holds");

    let old = record(vec![answer("plans", text("a second site"), NOON - 366 * DAY)]);
    let kyc = bank.kyc().record_kyc_answers(bank.service(old)).await.unwrap().into_inner().kyc.unwrap();
    assert_eq!(kyc.next_question_ids.last().map(String::as_str), Some("plans"), "stale ones are asked last");

    let auditor = bank.user("bank", "auditor", "/", pb::GetKycRequest { customer_id: "F-1".into() });
    let masked = bank.kyc().get_kyc(auditor).await.unwrap().into_inner().kyc.unwrap();
    let item = masked.items.iter().find(|item| item.question_id == "risks").unwrap();
    assert_eq!(item.answer.as_ref().unwrap().answer, Some(text("***************")));
}

#[tokio::test]
async fn the_bank_sets_its_own_questions() {
    let bank = open().await;
    let own = vec![
        pb::KycQuestion {
            fact: Some(pb::KycFact { fact: Some(pb::kyc_fact::Fact::HoldingKind("loan".into())) }),
            ..question("debt", pb::KycAnswerKind::Text)
        },
        pb::KycQuestion { weight: Some(3.0), ..question("listed", pb::KycAnswerKind::Flag) },
        question("audit", pb::KycAnswerKind::Day),
    ];
    let set_first = bank.user("bank", "strategist", "/", set(own.clone(), 0));
    let kept = bank.kyc().set_kyc_template(set_first).await.unwrap().into_inner().template.unwrap();
    assert_eq!((kept.revision, &kept.questions), (1, &own));
    assert_eq!(refused(bank.kyc().set_kyc_template(bank.service(set(own.clone(), 0))).await), STALE);
    let loan = pb::Holding {
        holding_id: "L-1".into(),
        customer_id: "F-1".into(),
        kind: "loan".into(),
        open_day: "2024-01-01".into(),
        ..Default::default()
    };
    let request = pb::ImportHoldingsRequest { holdings: vec![loan] };
    bank.holdings().import_holdings(bank.service(request)).await.unwrap();
    let said = vec![answer("listed", Answer::Flag(false), NOON)];
    bank.kyc().record_kyc_answers(bank.service(record(said))).await.unwrap();
    let kyc = get(&bank).await;
    assert_eq!((kyc.completeness, kyc.next_question_ids, kyc.template_revision), (0.8, vec!["audit".to_owned()], 1));
}

#[tokio::test]
async fn faults_strangers_and_branches_are_refused() {
    let bank = open().await;
    let long = pb::KycQuestion {
        weight: Some(0.0),
        stale_after_days: -1,
        fact: Some(pb::KycFact { fact: None }),
        ..question("Debt", pb::KycAnswerKind::Unspecified)
    };
    let twice = question("a", pb::KycAnswerKind::Text);
    let named = fields(bank.kyc().set_kyc_template(bank.service(set(vec![long, twice.clone(), twice], -1))).await);
    let of = |name: &str| format!("template.questions[0].{name}");
    let expected = ["question_id", "kind", "weight", "stale_after_days", "fact"].map(of).to_vec();
    let expected =
        [vec!["template.revision".to_owned()], expected, vec!["template.questions[2].question_id".to_owned()]];
    assert_eq!(named, expected.concat());
    let branch = bank.user("bank", "strategist", "/hq", set(vec![question("a", pb::KycAnswerKind::Text)], 0));
    assert_eq!(refused(bank.kyc().set_kyc_template(branch).await), OUT_OF_SCOPE);

    let faulty = record(vec![
        answer("nothing", text("x"), NOON),
        answer("risks", Answer::Flag(true), NOON),
        answer("risks", text(""), NOON + 61),
        answer("cash_cycle", Answer::Number(f64::NAN), NOON),
        pb::KycAnswer { question_id: "plans".into(), ..Default::default() },
    ]);
    let named = fields(bank.kyc().record_kyc_answers(bank.service(faulty)).await);
    let expected =
        ["[0].question_id", "[1].answer", "[2].question_id", "[2].text", "[2].answer_time", "[3].number", "[4].answer"];
    assert_eq!(named, expected.map(|field| format!("answers{field}")));
    let nobody =
        pb::RecordKycAnswersRequest { customer_id: "X".into(), answers: vec![answer("risks", text("x"), NOON)] };
    assert_eq!(refused(bank.kyc().record_kyc_answers(bank.service(nobody)).await), MISSING);
    let request = pb::GetKycRequest { customer_id: "X".into() };
    assert_eq!(refused(bank.kyc().get_kyc(bank.service(request)).await), MISSING);
    let said = record(vec![answer("risks", text("x"), NOON)]);
    assert_eq!(refused(bank.kyc().record_kyc_answers(bank.manager("/hq/west", said.clone())).await), OUT_OF_SCOPE);
    let analyst = bank.user("bank", "analyst", "/", said);
    assert_eq!(refused(bank.kyc().record_kyc_answers(analyst).await), NO_PERMISSION);
}
