//! A tiny bank behind real servers: a few customers, and ways to be slow, away, or far.

#![allow(dead_code, reason = "each test file uses its own part")]

use std::{
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use futures::{FutureExt as _, Stream, future::BoxFuture, stream};
use huan_chassis::{
    Error, Identity, Result,
    client::{self, Channel},
    clock, config,
    server::{self, Owners, Parts},
    token::{Claims, Keys},
};
use huan_proto::profile::v1::{
    self as pb, customer_service_client::CustomerServiceClient, customer_service_server::CustomerService,
    customer_service_server::CustomerServiceServer, profile_service_server::ProfileService,
    profile_service_server::ProfileServiceServer,
};
use tokio::{net::TcpListener, sync::oneshot, task::JoinHandle};
use tonic::{Request, Response, Status, service::Routes};

pub const EAST: &str = "E-1";
pub const WEST: &str = "W-1";
/// Never answers.
pub const SLOW: &str = "slow";
/// Is asked of the bank further on.
pub const FAR: &str = "far";
/// Answers with the deadline that came along.
pub const DEADLINE: &str = "deadline";

#[derive(Clone, Default)]
pub struct Customers {
    /// How many calls are still to be answered with UNAVAILABLE.
    pub away: Arc<AtomicU32>,
    pub calls: Arc<AtomicU32>,
    pub further: Option<Channel>,
}

pub struct Bank {
    pub keys: Arc<Keys>,
    pub url: String,
    stop: Option<oneshot::Sender<()>>,
    pub served: JoinHandle<Result<()>>,
}

impl Bank {
    pub async fn open(customers: Customers) -> Bank {
        Bank::open_with(customers, Arc::new(Keys::generate().0)).await
    }

    pub async fn open_with(customers: Customers, keys: Arc<Keys>) -> Bank {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let parts = Parts {
            service: "profile",
            routes: Routes::new(CustomerServiceServer::new(customers)).add_service(ProfileServiceServer::new(Profiles)),
            keys: keys.clone(),
            owners: Arc::new(Book),
            names: &["huan.profile.v1.CustomerService", "huan.profile.v1.ProfileService"],
        };
        let (stop, stopped) = oneshot::channel();
        let served = tokio::spawn(server::serve(parts, listener, stopped.map(|_| ())));
        Bank { keys, url, stop: Some(stop), served }
    }

    pub fn stop(&mut self) {
        self.stop.take().unwrap().send(()).unwrap();
    }

    pub async fn channel(&self, timeout_millis: u64) -> Channel {
        let upstream = config::Upstream { url: self.url.clone(), timeout_millis };
        client::connect_lazy(&upstream, self.keys.clone(), "test").await.unwrap()
    }

    pub async fn customers(&self) -> CustomerServiceClient<Channel> {
        CustomerServiceClient::new(self.channel(10_000).await)
    }

    /// A bare connection, that adds nothing to what it is given.
    pub fn bare(&self) -> tonic::transport::Channel {
        tonic::transport::Endpoint::from_shared(self.url.clone()).unwrap().connect_lazy()
    }

    pub fn user<T>(&self, role: &str, org_path: &str, message: T) -> Request<T> {
        self.bearer(&Claims::user("u-1", "bank", &[role], org_path, clock::system_now()), message)
    }

    /// A channel app's token for one customer.
    pub fn own<T>(&self, customer_id: &str, message: T) -> Request<T> {
        let claims = Claims::user("app", "bank", &["channel"], "/", clock::system_now());
        self.bearer(&Claims { customer_id: Some(customer_id.to_owned()), ..claims }, message)
    }

    pub fn bearer<T>(&self, claims: &Claims, message: T) -> Request<T> {
        let mut request = Request::new(message);
        let token = format!("Bearer {}", self.keys.sign(claims));
        request.metadata_mut().insert("authorization", token.parse().unwrap());
        request
    }

    pub fn service<T>(&self, tenant: Option<&str>, message: T) -> Request<T> {
        client::as_service(&self.keys, "segment", tenant, message)
    }
}

pub fn get(customer_id: &str) -> pb::GetCustomerRequest {
    pb::GetCustomerRequest { customer_id: customer_id.to_owned() }
}

struct Book;

impl Owners for Book {
    fn owner_path<'a>(&'a self, tenant: &'a str, customer_id: &'a str) -> BoxFuture<'a, Result<Option<String>>> {
        assert_eq!(tenant, "bank");
        let path = match customer_id {
            EAST => Some("/hq/east/b1".to_owned()),
            WEST => Some("/hq/west".to_owned()),
            _ => None,
        };
        async move { Ok(path) }.boxed()
    }
}

fn customer(customer_id: &str, note: &str) -> pb::Customer {
    let person = pb::Person { name: "张三丰".into(), phone: "13800138000".into(), ..Default::default() };
    pb::Customer {
        customer_id: customer_id.to_owned(),
        manager_id: note.to_owned(),
        person: Some(person),
        ..Default::default()
    }
}

#[tonic::async_trait]
impl CustomerService for Customers {
    async fn get_customer(
        &self,
        request: Request<pb::GetCustomerRequest>,
    ) -> Result<Response<pb::GetCustomerResponse>, Status> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.away.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
            return Err(Status::unavailable("away"));
        }
        Identity::of(&request)?.tenant()?;
        let id = request.get_ref().customer_id.as_str();
        let note = match id {
            EAST | WEST => String::new(),
            SLOW => std::future::pending().await,
            DEADLINE => {
                request.metadata().get("grpc-timeout").map(|t| t.to_str().unwrap().to_owned()).unwrap_or_default()
            }
            FAR => {
                let further = CustomerServiceClient::new(self.further.clone().unwrap());
                return further.clone().get_customer(client::on_behalf(&request, get(DEADLINE))).await;
            }
            _ => return Err(Error::NotFound { what: "customer", field: "customer_id" }.into()),
        };
        Ok(Response::new(pb::GetCustomerResponse { customer: Some(customer(id, &note)) }))
    }

    async fn list_customers(
        &self,
        _: Request<pb::ListCustomersRequest>,
    ) -> Result<Response<pb::ListCustomersResponse>, Status> {
        let customers = vec![customer(EAST, ""), customer(WEST, "")];
        Ok(Response::new(pb::ListCustomersResponse { customers, next_page_token: String::new() }))
    }

    async fn search_customers(
        &self,
        _request: Request<pb::SearchCustomersRequest>,
    ) -> Result<Response<pb::SearchCustomersResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn create_customer(
        &self,
        request: Request<pb::CreateCustomerRequest>,
    ) -> Result<Response<pb::CreateCustomerResponse>, Status> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.away.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
            return Err(Status::unavailable("away"));
        }
        Ok(Response::new(pb::CreateCustomerResponse { customer: request.into_inner().customer }))
    }

    async fn update_customer(
        &self,
        _: Request<pb::UpdateCustomerRequest>,
    ) -> Result<Response<pb::UpdateCustomerResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    async fn import_customers(
        &self,
        _: Request<pb::ImportCustomersRequest>,
    ) -> Result<Response<pb::ImportCustomersResponse>, Status> {
        Ok(Response::new(pb::ImportCustomersResponse::default()))
    }
}

struct Profiles;

type Watched = Pin<Box<dyn Stream<Item = Result<pb::WatchProfilesResponse, Status>> + Send>>;

#[tonic::async_trait]
impl ProfileService for Profiles {
    async fn get_profile(&self, _: Request<pb::GetProfileRequest>) -> Result<Response<pb::GetProfileResponse>, Status> {
        Err(Status::unimplemented("not here"))
    }

    type WatchProfilesStream = Watched;

    async fn batch_get_profiles(
        &self,
        _request: Request<pb::BatchGetProfilesRequest>,
    ) -> Result<Response<pb::BatchGetProfilesResponse>, Status> {
        Ok(Response::new(Default::default()))
    }

    async fn watch_profiles(&self, _: Request<pb::WatchProfilesRequest>) -> Result<Response<Watched>, Status> {
        let one = stream::iter([Ok(pb::WatchProfilesResponse::default())]);
        Ok(Response::new(Box::pin(futures::StreamExt::chain(one, stream::pending()))))
    }
}
