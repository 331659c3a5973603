//! Bad requests through the gateway, as gRPC and as JSON: each is refused with the right code, a reason and the field's
//! name, and none of them writes anything.

use std::{net::SocketAddr, time::Duration};

use huan::{
    Suite,
    demo::{
        self, Desk,
        plan::{self, Habits},
    },
    load::Door,
    suite::{Doors, Place},
    token,
};
use huan_chassis::error::{field_faults, reason};
use huan_proto::{
    error::v1::ErrorReason as Reason,
    strategy::v1::{CreateStrategyRequest, strategy_service_client::StrategyServiceClient},
};
use serde_json::{Value, json};
use tonic::{Code, Status};

use crate::wire;

const CUSTOMER: &str = "huan.profile.v1.CustomerService";
const TENANT: &str = "huan.profile.v1.TenantService";
const SEGMENT: &str = "huan.segment.v1.SegmentService";
const MEMBERSHIP: &str = "huan.segment.v1.MembershipService";
const STRATEGY: &str = "huan.strategy.v1.StrategyService";
const DECISION: &str = "huan.strategy.v1.DecisionService";

/// A bad request and what must be said to it.
struct Case {
    name: &'static str,
    door: Door,
    path: String,
    body: Value,
    code: Code,
    reason: Reason,
    fields: &'static [&'static str],
    /// False if gRPC cannot even carry it.
    is_message: bool,
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_requests_are_refused_by_code_field_and_reason_and_write_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let suite = Suite::start(&Place::folder(folder.path())).await.unwrap();
    let bank = Bank { doors: suite.doors.clone() };
    bank.fill().await;
    let before = bank.everything().await;
    for case in bank.cases().await {
        let answer = wire::json(bank.gateway(), &case.door, &case.path, &case.body).await;
        check(&case, "JSON", answer.expect_err(case.name));
        if case.is_message {
            let answer = wire::grpc(&case.door, &case.path, &case.body).await;
            check(&case, "gRPC", answer.expect_err(case.name));
        }
    }
    assert_eq!(bank.everything().await, before, "nothing was written");
    suite.stop().await.unwrap();
}

fn check(case: &Case, way: &str, status: Status) {
    let name = format!("{} over {way}: {status:?}", case.name);
    assert_eq!((status.code(), reason(&status)), (case.code, Some(case.reason)), "{name}");
    let faults = field_faults(&status);
    for field in case.fields {
        let fault = faults.iter().find(|fault| fault.field == *field);
        assert!(fault.is_some_and(|fault| !fault.description.is_empty()), "{name}: {field} is not among {faults:?}");
    }
}

/// Two tenants; one has a map, customers in two branches, a segment and three drafts, the first of them handed in.
struct Bank {
    doors: Doors,
}

impl Bank {
    fn gateway(&self) -> SocketAddr {
        self.doors.gateway
    }

    fn door(&self, tenant: &str, roles: &[&str], org_path: &str) -> Door {
        let mut claims = token::user(tenant, "mei", roles, Duration::from_secs(600));
        claims.org_path = org_path.to_owned();
        let channel = Desk::new(&self.doors, tenant).unwrap().door("auditor").channel;
        Door { channel, token: self.doors.keys.sign(&claims), tenant: None }
    }

    async fn call(&self, door: &Door, path: &str, body: Value) -> Value {
        wire::json(self.gateway(), door, path, &body).await.unwrap_or_else(|status| panic!("{path}: {status}"))
    }

    async fn fill(&self) {
        demo::prepare(&self.doors, "bank", 1, 10).await.unwrap();
        let other = self.door("other", &["admin"], "/");
        let body = json!({ "request_id": "t", "tenant": { "display_name": "Another bank" } });
        self.call(&other, &format!("{TENANT}/CreateTenant"), body).await;
        for (tenant, customer_id, owner_path) in
            [("bank", "east", "/hq/east/b1"), ("bank", "west", "/hq/west/b2"), ("other", "theirs", "/hq/east/b1")]
        {
            let admin = self.door(tenant, &["admin"], "/");
            let body = json!({ "request_id": customer_id, "customer": customer(customer_id, owner_path) });
            self.call(&admin, &format!("{CUSTOMER}/CreateCustomer"), body).await;
        }
        demo::wait_for_feeds(&self.doors, "segment").await.unwrap();
        demo::wait_for_feeds(&self.doors, "strategy").await.unwrap();
        self.write().await;
    }

    async fn write(&self) {
        let mei = self.door("bank", &["strategist"], "/");
        let body = json!({ "request_id": "s", "segment": segment("movers", "txn_count_30d > 0") });
        self.call(&mei, &format!("{SEGMENT}/CreateSegment"), body).await;
        let habits = Habits { income: "salary", least_income_minor: 1, least_outflow_minor: 1, unit_minor: 100 };
        let mut client = StrategyServiceClient::new(mei.channel.clone());
        for mut strategy in plan::strategies(habits).into_iter().take(3) {
            strategy.strategy_id = format!("draft_{}", strategy.strategy_id);
            let request = CreateStrategyRequest { request_id: strategy.strategy_id.clone(), strategy: Some(strategy) };
            client.create_strategy(mei.request(request)).await.unwrap();
        }
        self.call(
            &mei,
            &format!("{STRATEGY}/SubmitStrategy"),
            json!({ "strategy_id": "draft_welcome", "revision": 1 }),
        )
        .await;
    }

    /// All that the requests could have changed.
    async fn everything(&self) -> Vec<Value> {
        let mut all = Vec::new();
        for tenant in ["bank", "other"] {
            let auditor = self.door(tenant, &["auditor"], "/");
            for list in [
                format!("{CUSTOMER}/ListCustomers"),
                format!("{SEGMENT}/ListSegments"),
                format!("{STRATEGY}/ListStrategies"),
            ] {
                all.push(self.call(&auditor, &list, json!({})).await);
            }
            for customer_id in ["east", "west", "theirs"] {
                let body = json!({ "customer_id": customer_id });
                let decisions = wire::json(self.gateway(), &auditor, &format!("{DECISION}/ListDecisions"), &body).await;
                all.push(decisions.unwrap_or_default());
            }
        }
        all
    }

    async fn cases(&self) -> Vec<Case> {
        let drafts = json!({ "state": "STRATEGY_STATE_DRAFT", "page_size": 1 });
        let auditor = self.door("bank", &["auditor"], "/");
        let page = self.call(&auditor, &format!("{STRATEGY}/ListStrategies"), drafts).await;
        let token = page["nextPageToken"].as_str().expect("there are more drafts").to_owned();
        let mut cases = self.bad_fields();
        cases.extend(self.bad_state(&token));
        cases.extend(self.not_ours());
        cases
    }

    fn bad_fields(&self) -> Vec<Case> {
        let strategist = || self.door("bank", &["strategist"], "/");
        let admin = || self.door("bank", &["admin"], "/");
        let manager = || self.door("bank", &["relationship_manager"], "/");
        let rule = |rule: &str| json!({ "request_id": "r", "segment": segment("new", rule) });
        let created = |customer| json!({ "request_id": "c", "customer": customer });
        let long = "x".repeat(65);
        let create_segment = format!("{SEGMENT}/CreateSegment");
        let create_customer = format!("{CUSTOMER}/CreateCustomer");
        let decide = format!("{DECISION}/Decide");
        let invalid = |name, door, path: &str, body, fields| Case {
            name,
            door,
            path: path.to_owned(),
            body,
            code: Code::InvalidArgument,
            reason: Reason::InvalidField,
            fields,
            is_message: true,
        };
        let bad_rule = |name, text: &str| Case {
            reason: Reason::InvalidRule,
            ..invalid(name, strategist(), &create_segment, rule(text), &["segment.rule"])
        };
        let unreadable = |case: Case| Case { is_message: false, ..case };
        let mut alien = customer("new", "/hq/east");
        alien["type"] = json!(99);
        let mut named_alien = alien.clone();
        named_alien["type"] = json!("CUSTOMER_TYPE_ALIEN");
        let list = format!("{STRATEGY}/ListStrategies");
        vec![
            bad_rule("unknown field of a rule", "no_such_feature > 0"),
            bad_rule("wrong type in a rule", "txn_count_30d == \"many\""),
            invalid(
                "request_id too long",
                manager(),
                &decide,
                json!({ "request_id": long, "customer_id": "east" }),
                &["request_id"],
            ),
            invalid(
                "customer_id too long",
                admin(),
                &create_customer,
                created(customer(&long, "/hq/east")),
                &["customer.customer_id"],
            ),
            invalid(
                "missing fields of a customer",
                admin(),
                &create_customer,
                created(json!({ "customer_id": "new" })),
                &["customer.type", "customer.owner_path"],
            ),
            invalid(
                "missing fields of a strategy",
                strategist(),
                &format!("{STRATEGY}/CreateStrategy"),
                json!({ "request_id": "n", "strategy": { "strategy_id": "new", "owner_path": "/hq" } }),
                &["strategy.display_name", "strategy.objective_id", "strategy.purpose"],
            ),
            invalid("unknown enum", admin(), &create_customer, created(alien), &["customer.type"]),
            unreadable(invalid(
                "unknown name of an enum",
                admin(),
                &create_customer,
                created(named_alien),
                &["customer.type"],
            )),
            unreadable(invalid("wrong type", strategist(), &list, json!({ "page_size": "many" }), &["page_size"])),
            unreadable(invalid("unknown field", strategist(), &list, json!({ "colour": 1 }), &["colour"])),
        ]
    }

    fn bad_state(&self, token: &str) -> Vec<Case> {
        let strategist = || self.door("bank", &["strategist", "approver"], "/");
        let case = |name, path: String, body, code, reason, fields| Case {
            name,
            door: strategist(),
            path,
            body,
            code,
            reason,
            fields,
            is_message: true,
        };
        let mut stale = segment("movers", "txn_count_30d > 1");
        stale["revision"] = json!(7);
        vec![
            case(
                "page token of another filter",
                format!("{STRATEGY}/ListStrategies"),
                json!({ "state": "STRATEGY_STATE_IN_REVIEW", "page_token": token }),
                Code::InvalidArgument,
                Reason::InvalidPageToken,
                &["page_token"],
            ),
            case(
                "stale revision of a segment",
                format!("{SEGMENT}/UpdateSegment"),
                json!({ "segment": stale }),
                Code::Aborted,
                Reason::StaleRevision,
                &["revision"],
            ),
            case(
                "stale revision of a strategy",
                format!("{STRATEGY}/SubmitStrategy"),
                json!({ "strategy_id": "draft_wake_dormant", "revision": 7 }),
                Code::Aborted,
                Reason::StaleRevision,
                &["revision"],
            ),
            case(
                "strategy approved by its own maker",
                format!("{STRATEGY}/JudgeStrategy"),
                json!({ "strategy_id": "draft_welcome", "revision": 2, "approve": true }),
                Code::PermissionDenied,
                Reason::OwnWork,
                &["strategy_id"],
            ),
        ]
    }

    fn not_ours(&self) -> Vec<Case> {
        let case = |name, org_path, path: String, body, code, reason, fields| Case {
            name,
            door: self.door("bank", &["branch_manager"], org_path),
            path,
            body,
            code,
            reason,
            fields,
            is_message: true,
        };
        let named = |customer_id: &str| {
            [
                (format!("{CUSTOMER}/GetCustomer"), json!({ "customer_id": customer_id })),
                (format!("{MEMBERSHIP}/EvaluateCustomer"), json!({ "customer_id": customer_id })),
                (format!("{DECISION}/Decide"), json!({ "request_id": "d", "customer_id": customer_id })),
            ]
        };
        let another_tenants = named("theirs").into_iter().map(|(path, body)| {
            case("another tenant's customer", "/", path, body, Code::NotFound, Reason::NotFound, &["customer_id"])
        });
        let denied = |name, path, body, fields| {
            case(name, "/hq/east", path, body, Code::PermissionDenied, Reason::OutOfScope, fields)
        };
        let another_branchs = named("west")
            .into_iter()
            .map(|(path, body)| denied("another branch's customer", path, body, &["customer_id"]));
        let created = json!({ "request_id": "c", "customer": customer("new", "/hq/west/b2") });
        let elsewhere = [
            denied("a customer for another branch", format!("{CUSTOMER}/CreateCustomer"), created, &["owner_path"]),
            denied(
                "another branch's list",
                format!("{CUSTOMER}/ListCustomers"),
                json!({ "owner_path": "/hq/west" }),
                &["owner_path"],
            ),
        ];
        another_tenants.chain(another_branchs).chain(elsewhere).collect()
    }
}

fn customer(customer_id: &str, owner_path: &str) -> Value {
    json!({ "customer_id": customer_id, "type": "CUSTOMER_TYPE_RETAIL", "owner_path": owner_path })
}

fn segment(segment_id: &str, rule: &str) -> Value {
    json!({ "segment_id": segment_id, "display_name": "Of the test", "rule": rule })
}
