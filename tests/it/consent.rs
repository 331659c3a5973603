//! A customer's word, and what holds where there is none, reach what strategy decides by within a second of their commit,
//! on SQLite and on PostgreSQL.

use std::time::{Duration, Instant};

use chrono::TimeDelta;
use huan::{Suite, suite::Place};
use huan_chassis::{client, clock, config, store, vault::Vault};
use huan_proto::profile::v1::{
    self as profile, consent_service_client::ConsentServiceClient, customer_service_client::CustomerServiceClient,
    tenant_service_client::TenantServiceClient,
};
use huan_strategy::{
    holdout::MasterKey,
    store::{Store, entity::tenant},
};
use prost::Message as _;
use sea_orm::EntityTrait as _;

use crate::ask;

const TENANT: &str = "bank";
const WITHIN: Duration = Duration::from_secs(1);

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_word_reaches_strategy_within_a_second_on_sqlite() {
    let folder = tempfile::tempdir().unwrap();
    let place = Place::folder(folder.path());
    let url = format!("sqlite://{}/strategy.db", folder.path().display());
    changes_arrive(&place, url).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_customers_word_reaches_strategy_within_a_second_on_postgres() {
    let folder = tempfile::tempdir().unwrap();
    let place = ask::on_postgres(Place::folder(folder.path())).await;
    let url = place.databases["strategy"].clone();
    changes_arrive(&place, url).await;
}

async fn changes_arrive(place: &Place, url: String) {
    let suite = Suite::start(place).await.unwrap();
    let bank = Bank::open(&suite, place, url).await;
    for round in 0..20 {
        let allowed = round % 2 == 0;
        bank.say(allowed).await;
        let said = Instant::now();
        while bank.known().await != Some(allowed) {
            assert!(said.elapsed() < WITHIN, "word {round} is not known after {:?}", said.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        bank.set_default(allowed).await;
        let said = Instant::now();
        while bank.cares_by_default().await != allowed {
            assert!(said.elapsed() < WITHIN, "default {round} is not known after {:?}", said.elapsed());
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    suite.stop().await.unwrap();
}

/// A bank with one customer, and strategy's own store.
struct Bank {
    channel: client::Channel,
    keys: std::sync::Arc<huan_chassis::token::Keys>,
    strategy: Store,
}

impl Bank {
    async fn open(suite: &Suite, place: &Place, url: String) -> Self {
        let keys = suite.doors.keys.clone();
        let upstream =
            config::Upstream { url: format!("http://{}", suite.doors.services["profile"]), timeout_millis: 20_000 };
        let channel = client::connect_lazy(&upstream, keys.clone(), "test").await.unwrap();
        let db = store::connect(&config::Database { url, max_connections: 1 }).await.unwrap();
        // Only read from: the key draws nothing.
        let db = store::Store::new(db).with_vault(Vault::open(&place.keys("strategy")).await.unwrap());
        let strategy = Store::new(db, MasterKey::new(&[7; 32]), 1, TimeDelta::minutes(60));
        let bank = Self { channel, keys, strategy };
        let tenant = Some(profile::Tenant { display_name: "Bank".into(), ..Default::default() });
        let create = profile::CreateTenantRequest { request_id: "open".into(), tenant };
        TenantServiceClient::new(bank.channel.clone()).create_tenant(bank.request(create)).await.unwrap();
        let customer = profile::Customer {
            customer_id: "C-1".into(),
            r#type: profile::CustomerType::Retail.into(),
            owner_path: "/hq".into(),
            ..Default::default()
        };
        let import = profile::ImportCustomersRequest { customers: vec![customer], key_seed: 1 };
        CustomerServiceClient::new(bank.channel.clone()).import_customers(bank.request(import)).await.unwrap();
        bank
    }

    fn request<T>(&self, message: T) -> tonic::Request<T> {
        client::as_service(&self.keys, "test", Some(TENANT), message)
    }

    /// Says that marketing by text message is allowed or refused; returns once that is committed.
    async fn say(&self, allowed: bool) {
        let consent = profile::Consent {
            customer_id: "C-1".into(),
            purpose: profile::Purpose::Marketing.into(),
            channel_id: "sms".into(),
            allowed,
            evidence: "form".into(),
            decide_time: Some(clock::timestamp(clock::system_now())),
            ..Default::default()
        };
        let request = self.request(profile::RecordConsentsRequest { consents: vec![consent] });
        let answer = ConsentServiceClient::new(self.channel.clone()).record_consents(request).await.unwrap();
        assert_eq!(answer.into_inner().recorded, 1);
    }

    /// Sets what holds where a customer said nothing about care.
    async fn set_default(&self, allowed: bool) {
        let default = Some(profile::ConsentDefault { purpose: profile::Purpose::Care.into(), allowed });
        let request = self.request(profile::SetConsentDefaultRequest { default });
        ConsentServiceClient::new(self.channel.clone()).set_consent_default(request).await.unwrap();
    }

    /// What strategy knows of that.
    async fn cares_by_default(&self) -> bool {
        let row = tenant::Entity::find_by_id(TENANT).one(self.strategy.database().read()).await.unwrap();
        row.is_some_and(|row| row.consent_defaults & (1 << profile::Purpose::Care as i32) != 0)
    }

    /// What strategy knows of it.
    async fn known(&self) -> Option<bool> {
        let sealed = self.strategy.customer(TENANT, "C-1").await.unwrap()?;
        let row = self.strategy.database().vault().unwrap().unseal(vec![sealed]).await.unwrap().remove(0);
        let standing = profile::Standing::decode(row.payload.as_slice()).unwrap();
        standing.consents.first().map(|word| word.allowed)
    }
}
