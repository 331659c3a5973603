//! All services and the gateway in one process. Composition only: each is started by its own `serve`, with its own store,
//! and they talk real gRPC. What a test, the demo or the bench wants of a suite is asked through its doors.

use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use huan_chassis::{config, token::Keys, vault::Masters};
use tokio::{net::TcpListener, sync::watch, task::JoinSet};

use crate::failure::{Failure, Result};

/// The four services, in the order in which data flows.
pub const SERVICES: [&str; 4] = [huan_profile::NAME, huan_segment::NAME, huan_strategy::NAME, huan_evaluation::NAME];

/// Where a suite keeps its stores and opens its doors.
#[derive(Clone, Debug)]
pub struct Place {
    /// The folder of the SQLite files and of the key files; made if missing.
    pub folder: PathBuf,
    /// The gateway's address; `None` = a free port of this machine.
    pub gateway: Option<SocketAddr>,
    /// True = each service listens where its configuration says; false = on a free port.
    pub fixed_ports: bool,
    /// Database URLs by service, instead of the SQLite files.
    pub databases: BTreeMap<&'static str, String>,
}

impl Place {
    /// Everything on free ports, in one folder.
    pub fn folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: folder.into(), gateway: None, fixed_ports: false, databases: BTreeMap::new() }
    }

    /// The file of the key that all processes of the suite share.
    pub fn key_file(&self) -> PathBuf {
        self.folder.join("auth.key")
    }

    /// Where a service keeps the keys of its data: beside the data here, where one folder holds all of a suite.
    pub fn keys(&self, service: &'static str) -> config::Keys {
        let url = format!("sqlite://{}/{service}-keys.db?mode=rwc", self.folder.display());
        config::Keys { url, master_file: self.folder.join(format!("{service}-master.key")) }
    }

    fn database(&self, service: &'static str) -> String {
        self.databases
            .get(service)
            .cloned()
            .unwrap_or_else(|| format!("sqlite://{}/{service}.db?mode=rwc", self.folder.display()))
    }
}

/// Where a running suite is knocked at, in this process or in another.
#[derive(Clone, Debug)]
pub struct Doors {
    /// The gateway's address: the one door for everybody else.
    pub gateway: SocketAddr,
    /// Each service's address by name, for what concerns a service itself.
    pub services: BTreeMap<&'static str, SocketAddr>,
    /// The key with which tokens for this suite are signed.
    pub keys: Arc<Keys>,
}

/// A suite that runs in this process. Dropping it without [`Suite::stop`] ends it with the process.
#[derive(Debug)]
pub struct Suite {
    /// Where it is knocked at.
    pub doors: Doors,
    stop: watch::Sender<bool>,
    tasks: JoinSet<Result<()>>,
}

impl Suite {
    /// Starts everything and returns once every service says that it serves.
    ///
    /// # Errors
    /// If a configuration is faulty, a port is taken, a store cannot be opened, or a service is not ready in 30 s.
    pub async fn start(place: &Place) -> Result<Self> {
        let configs = Configs::load(place)?;
        std::fs::create_dir_all(&place.folder)?;
        let keys = Arc::new(shared_key(&place.key_file())?);
        for file in [&configs.profile.keys.master_file, &configs.strategy.keys.master_file] {
            make_master(file)?;
        }
        let listeners = Listeners::bind(place, &configs).await?;
        let doors = Doors { gateway: listeners.gateway.local_addr()?, services: listeners.addresses()?, keys };
        let (stop, stopped) = watch::channel(false);
        let mut suite = Self { doors, stop, tasks: JoinSet::new() };
        suite.spawn(configs, listeners, &stopped);
        suite.wait_until_ready(Duration::from_secs(30)).await?;
        Ok(suite)
    }

    /// Drains and stops everything.
    ///
    /// # Errors
    /// The first error with which a service ended.
    pub async fn stop(mut self) -> Result<()> {
        self.stop.send_replace(true);
        while let Some(ended) = self.tasks.join_next().await {
            ended.map_err(|error| Failure::new(error.to_string()))??;
        }
        Ok(())
    }

    /// Waits until it is told to stop or a service ends by itself, then stops everything.
    ///
    /// # Errors
    /// The first error with which a service ended.
    pub async fn run_until(mut self, told: impl Future<Output = ()>) -> Result<()> {
        tokio::select! {
            () = told => self.stop().await,
            Some(ended) = self.tasks.join_next() => {
                let failure = ended.map_err(|error| Failure::new(error.to_string()))?.err();
                self.stop().await?;
                Err(failure.unwrap_or_else(|| Failure::new("a service ended by itself")))
            }
        }
    }

    fn spawn(&mut self, configs: Configs, mut listeners: Listeners, stopped: &watch::Receiver<bool>) {
        let wait = || {
            let mut stopped = stopped.clone();
            async move {
                // An error means that the suite itself is gone, which is as good a reason to stop.
                let _ = stopped.wait_for(|stop| *stop).await;
            }
        };
        let Configs { profile, mut segment, mut strategy, mut evaluation, mut gateway } = configs;
        let url = |service: &str| format!("http://{}", self.doors.services[service]);
        segment.profile.url = url("profile");
        strategy.profile.url = url("profile");
        strategy.segment.url = url("segment");
        evaluation.profile.url = url("profile");
        evaluation.strategy.url = url("strategy");
        gateway.profile.url = url("profile");
        gateway.segment.url = url("segment");
        gateway.strategy.url = url("strategy");
        gateway.evaluation.url = url("evaluation");
        let keys = &self.doors.keys;
        let tasks = &mut self.tasks;
        let mut listener = |service| listeners.services.remove(service).expect("every service was bound");
        let (a, b, c, d) = (listener("profile"), listener("segment"), listener("strategy"), listener("evaluation"));
        tasks.spawn(named("profile", huan_profile::serve(profile, keys.clone(), a, wait())));
        tasks.spawn(named("segment", huan_segment::serve(segment, keys.clone(), b, wait())));
        tasks.spawn(named("strategy", huan_strategy::serve(strategy, keys.clone(), c, wait())));
        tasks.spawn(named("evaluation", huan_evaluation::serve(evaluation, keys.clone(), d, wait())));
        tasks.spawn(named("gateway", huan_gateway::serve(gateway, keys.clone(), listeners.gateway, wait())));
    }

    async fn wait_until_ready(&mut self, limit: Duration) -> Result<()> {
        let addresses: Vec<SocketAddr> = self.doors.services.values().copied().chain([self.doors.gateway]).collect();
        let ready = async {
            for address in addresses {
                while !serving(address).await {
                    tokio::time::sleep(Duration::from_millis(5)).await;
                }
            }
        };
        tokio::select! {
            () = ready => Ok(()),
            Some(ended) = self.tasks.join_next() => match ended {
                Ok(Err(failure)) => Err(failure),
                _ => Err(Failure::new("a service ended before it was ready")),
            },
            () = tokio::time::sleep(limit) => Err(Failure::new(format!("not ready within {limit:?}"))),
        }
    }
}

/// The five configurations: defaults, then the environment, then what the place says.
struct Configs {
    profile: huan_profile::Config,
    segment: huan_segment::Config,
    strategy: huan_strategy::Config,
    evaluation: huan_evaluation::Config,
    gateway: huan_gateway::Config,
}

impl Configs {
    /// Errors: every fault of every configuration.
    fn load(place: &Place) -> Result<Self> {
        let mut faults = Vec::new();
        let profile = loaded(&mut faults, huan_profile::Config::load(None));
        let segment = loaded(&mut faults, config::load(huan_segment::NAME, huan_segment::DEFAULTS, None));
        let strategy = loaded(&mut faults, huan_strategy::Config::load(None));
        let evaluation = loaded(&mut faults, config::load(huan_evaluation::NAME, huan_evaluation::DEFAULTS, None));
        let gateway = loaded(&mut faults, config::load(huan_gateway::NAME, huan_gateway::DEFAULTS, None));
        let all = (profile, segment, strategy, evaluation, gateway);
        let (Some(profile), Some(segment), Some(strategy), Some(evaluation), Some(gateway)) = all else {
            return Err(config::ConfigFaults(faults).into());
        };
        Ok(Self { profile, segment, strategy, evaluation, gateway }.placed(place))
    }

    /// What the place says goes over all else.
    fn placed(mut self, place: &Place) -> Self {
        self.profile.database.url = place.database("profile");
        self.profile.snapshot.root = place.folder.join("snapshots").display().to_string();
        self.segment.database.url = place.database("segment");
        self.strategy.database.url = place.database("strategy");
        self.evaluation.database.url = place.database("evaluation");
        self.profile.keys = place.keys("profile");
        self.strategy.keys = place.keys("strategy");
        self.strategy.holdout.key_file = place.folder.join("holdout.key");
        self
    }
}

/// The configuration, or nothing and its faults set down.
fn loaded<T>(faults: &mut Vec<String>, config: Result<T, config::ConfigFaults>) -> Option<T> {
    config.map_err(|more| faults.extend(more.0)).ok()
}

/// The bound listeners.
struct Listeners {
    services: BTreeMap<&'static str, TcpListener>,
    gateway: TcpListener,
}

impl Listeners {
    async fn bind(place: &Place, configs: &Configs) -> Result<Self> {
        let wanted = [
            configs.profile.listen.address,
            configs.segment.listen.address,
            configs.strategy.listen.address,
            configs.evaluation.listen.address,
        ];
        let mut services = BTreeMap::new();
        for (service, address) in SERVICES.into_iter().zip(wanted) {
            let address = if place.fixed_ports { address } else { free_port() };
            services.insert(service, bind(service, address).await?);
        }
        Ok(Self { services, gateway: bind("gateway", place.gateway.unwrap_or_else(free_port)).await? })
    }

    fn addresses(&self) -> Result<BTreeMap<&'static str, SocketAddr>> {
        self.services.iter().map(|(service, listener)| Ok((*service, listener.local_addr()?))).collect()
    }
}

async fn bind(service: &str, address: SocketAddr) -> Result<TcpListener> {
    TcpListener::bind(address).await.map_err(|error| {
        Failure::usage(format!("{service} cannot listen on {address}: {error}; is a suite running already?"))
    })
}

fn free_port() -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, 0))
}

async fn named<E: std::fmt::Display>(
    service: &'static str,
    run: impl Future<Output = std::result::Result<(), E>>,
) -> Result<()> {
    run.await.map_err(|error| Failure::new(format!("{service}: {error}")))
}

async fn serving(address: SocketAddr) -> bool {
    let Ok(endpoint) = tonic::transport::Endpoint::from_shared(format!("http://{address}")) else { return false };
    let mut client = tonic_health::pb::health_client::HealthClient::new(endpoint.connect_lazy());
    let answer = client.check(tonic_health::pb::HealthCheckRequest::default()).await;
    answer.is_ok_and(|answer| {
        answer.get_ref().status() == tonic_health::pb::health_check_response::ServingStatus::Serving
    })
}

/// Reads the shared key, or makes one that only this user can read.
fn shared_key(file: &Path) -> Result<Keys> {
    if !file.exists() {
        let (_, content) = Keys::generate();
        write_secret(file, &content)?;
    }
    Keys::from_file(file)
        .map_err(|error| Failure::usage(format!("the key file {} cannot be read: {error}", file.display())))
}

/// Makes a file with one master key that only this user can read, unless there is one.
pub(crate) fn make_master(file: &Path) -> Result<()> {
    if file.exists() { Ok(()) } else { write_secret(file, &Masters::generate("first")) }
}

fn write_secret(file: &Path, content: &str) -> Result<()> {
    use std::{fs::OpenOptions, io::Write, os::unix::fs::OpenOptionsExt};
    let mut out = OpenOptions::new().write(true).create_new(true).mode(0o600).open(file)?;
    out.write_all(content.as_bytes())?;
    Ok(out.sync_all()?)
}
