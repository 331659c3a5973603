//! The profile service as a process of its own, so that it can be killed and started again on the same stores.

use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::Duration,
};

use huan_chassis::{client, config, token::Keys, vault::Masters};
use huan_proto::profile::v1::{
    self as pb, customer_service_client::CustomerServiceClient, dead_letter_service_client::DeadLetterServiceClient,
    event_service_client::EventServiceClient, feature_service_client::FeatureServiceClient,
    identity_service_client::IdentityServiceClient, profile_service_client::ProfileServiceClient,
    tenant_service_client::TenantServiceClient,
};
use tonic::{Request, Status, transport::Channel};

/// How long a start may take.
const START: Duration = Duration::from_secs(60);

/// Where the service is started, again and again.
pub struct Place<'a> {
    /// The folder of key files and snapshots.
    pub folder: &'a Path,
    /// Its data.
    pub database: config::Database,
    /// The keys of its data.
    pub keys_url: String,
    keys: Arc<Keys>,
}

/// A service that runs. Killed when dropped.
pub struct Service {
    child: Child,
    /// Where it is knocked at.
    pub door: Door,
}

/// A connection to it.
#[derive(Clone)]
pub struct Door {
    channel: Channel,
    keys: Arc<Keys>,
}

impl<'a> Place<'a> {
    /// Writes the key files.
    pub fn new(folder: &'a Path, database: config::Database, keys_url: String) -> Self {
        let (keys, auth) = Keys::generate();
        std::fs::write(folder.join("auth.key"), auth).unwrap();
        std::fs::write(folder.join("master.key"), Masters::generate("first")).unwrap();
        Self { folder, database, keys_url, keys: Arc::new(keys) }
    }

    /// Starts it on a free port and waits until it says on which.
    pub fn start(&self) -> Service {
        let mut child = self.command().spawn().expect("the binary starts");
        let log = BufReader::new(child.stderr.take().expect("its log is piped"));
        let (say, said) = mpsc::channel();
        // Reads on until it ends: nobody else makes room in the pipe.
        thread::spawn(move || {
            for line in log.lines().map_while(Result::ok) {
                let line: serde_json::Value = serde_json::from_str(&line).unwrap_or_default();
                match (line["level"].as_str(), line["address"].as_str()) {
                    (_, Some(address)) => drop(say.send(address.to_owned())),
                    (Some("ERROR"), _) => eprintln!("{line}"),
                    _ => {}
                }
            }
        });
        let mut service = Service { child, door: Door { channel: lazy("127.0.0.1:1"), keys: self.keys.clone() } };
        service.door.channel = lazy(&said.recv_timeout(START).expect("it says where it listens"));
        service
    }

    fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_huan-profile"));
        let file = |name: &str| self.folder.join(name).display().to_string();
        let settings = [
            ("LISTEN__ADDRESS", "127.0.0.1:0".to_owned()),
            ("DATABASE__URL", self.database.url.clone()),
            ("KEYS__URL", self.keys_url.clone()),
            ("KEYS__MASTER_FILE", file("master.key")),
            ("AUTH__KEY_FILE", file("auth.key")),
            ("SNAPSHOT__ROOT", file("snapshots")),
            ("TELEMETRY__LOG", "json".to_owned()),
            // The day turns, and features are built, while the kills go on.
            ("ROLL__EVERY_MILLIS", "50".to_owned()),
        ];
        command.envs(settings.map(|(key, value)| (format!("HUAN_PROFILE__{key}"), value)));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }
}

impl Service {
    /// Kills it as a power cut would: no signal handler runs.
    pub fn kill(mut self) {
        self.child.kill().expect("it still runs");
        self.child.wait().expect("it can be waited for");
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Door {
    /// A request of another service about the bank.
    pub fn request<T>(&self, message: T) -> Request<T> {
        client::as_service(&self.keys, "test", Some("bank"), message)
    }

    /// Takes in events.
    pub async fn ingest(&self, events: Vec<pb::Event>) -> Result<pb::IngestEventsResponse, Status> {
        let answer = self.events().ingest_events(self.request(pb::IngestEventsRequest { events })).await?;
        Ok(answer.into_inner())
    }

    pub fn events(&self) -> EventServiceClient<Channel> {
        EventServiceClient::new(self.channel.clone())
    }

    pub fn tenants(&self) -> TenantServiceClient<Channel> {
        TenantServiceClient::new(self.channel.clone())
    }

    pub fn customers(&self) -> CustomerServiceClient<Channel> {
        CustomerServiceClient::new(self.channel.clone())
    }

    pub fn identities(&self) -> IdentityServiceClient<Channel> {
        IdentityServiceClient::new(self.channel.clone())
    }

    pub fn features(&self) -> FeatureServiceClient<Channel> {
        FeatureServiceClient::new(self.channel.clone())
    }

    pub fn profiles(&self) -> ProfileServiceClient<Channel> {
        ProfileServiceClient::new(self.channel.clone())
    }

    pub fn dead_letters(&self) -> DeadLetterServiceClient<Channel> {
        DeadLetterServiceClient::new(self.channel.clone())
    }
}

// No pool of our own and no second try: a call that a kill cut short must be seen to fail.
fn lazy(address: &str) -> Channel {
    let endpoint = tonic::transport::Endpoint::from_shared(format!("http://{address}")).expect("it is an address");
    endpoint.tcp_nodelay(true).connect_lazy()
}
