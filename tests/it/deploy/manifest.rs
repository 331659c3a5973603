//! Rendered manifests and the defaults of the services, as data to compare. What must hold of them is the parent's.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;
use serde_json::Value;

/// One process of the suite: its crate's folder and its commented defaults.
pub struct Service {
    /// The folder's own name, which is the service's everywhere.
    pub name: String,
    /// The crate's folder below the root.
    pub folder: String,
    defaults: toml::Table,
}

impl Service {
    /// The port that it listens on unless told otherwise.
    pub fn port(&self) -> u16 {
        let address = self.setting(&["listen", "address"]).and_then(toml::Value::as_str).expect("a default address");
        address.rsplit(':').next().and_then(|port| port.parse().ok()).expect("an address ends with a port")
    }

    /// The default at a path of keys.
    pub fn setting<K: AsRef<str>>(&self, path: &[K]) -> Option<&toml::Value> {
        let (last, tables) = path.split_last()?;
        let parent = tables.iter().try_fold(&self.defaults, |table, key| table.get(key.as_ref())?.as_table())?;
        parent.get(last.as_ref())
    }

    /// The services that it calls: the tables with an address to call and a time to wait.
    pub fn upstreams(&self) -> Vec<String> {
        let calls = |value: &toml::Value| value.get("url").is_some() && value.get("timeout_millis").is_some();
        self.defaults.iter().filter(|(_, value)| calls(value)).map(|(name, _)| name.clone()).collect()
    }

    /// The variables of the settings whose defaults are of one machine: addresses of others, and files.
    pub fn local_settings(&self) -> Vec<String> {
        let local = |key: &str| key == "url" || key.ends_with("_file") || key.ends_with("_dir");
        let sections = self.defaults.iter().filter_map(|(section, value)| Some((section, value.as_table()?)));
        let keys = sections.flat_map(|(section, keys)| keys.keys().map(move |key| (section, key)));
        let variable =
            |(section, key): (&String, &String)| format!("HUAN_{}__{section}__{key}", self.name).to_uppercase();
        keys.filter(|(_, key)| local(key)).map(variable).collect()
    }

    /// The environment of its container, by name.
    pub fn env(&self, manifests: &Manifests) -> BTreeMap<String, Value> {
        let env = manifests.container(&self.name)["env"].as_array().cloned().unwrap_or_default();
        env.into_iter()
            .map(|entry| (entry["name"].as_str().expect("a variable has a name").to_owned(), entry))
            .collect()
    }
}

/// Every crate with defaults of its own: the services and the gateway.
pub fn services() -> Vec<Service> {
    let folders = std::fs::read_dir(root().join("services")).expect("the folder of services");
    let mut names: Vec<String> =
        folders.map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    let folders = names.into_iter().map(|name| format!("services/{name}")).chain(["gateway".to_owned()]);
    folders.filter(|folder| root().join(folder).join("config.default.toml").is_file()).map(service).collect()
}

fn service(folder: String) -> Service {
    let name = folder.rsplit('/').next().expect("a folder has a name").to_owned();
    let defaults =
        read(&format!("{folder}/config.default.toml")).parse().unwrap_or_else(|fault| panic!("{folder}: {fault}"));
    Service { name, folder, defaults }
}

/// The objects of one overlay.
pub struct Manifests(Vec<Value>);

impl Manifests {
    /// Renders a folder of `deploy/k8s` with kubectl.
    pub fn render(overlay: &str) -> Manifests {
        let yaml = kustomize(overlay);
        let documents = serde_yaml_ng::Deserializer::from_slice(&yaml);
        Manifests(documents.map(|document| Value::deserialize(document).expect("kubectl writes YAML")).collect())
    }

    /// All objects of a kind.
    pub fn all(&self, kind: &'static str) -> impl Iterator<Item = &Value> {
        self.0.iter().filter(move |object| object["kind"] == kind)
    }

    /// The Deployments and StatefulSets.
    pub fn workloads(&self) -> impl Iterator<Item = &Value> {
        self.all("Deployment").chain(self.all("StatefulSet"))
    }

    /// The object of this kind and name.
    pub fn find(&self, kind: &str, name: &str) -> Option<&Value> {
        self.0.iter().find(|object| object["kind"] == kind && named(object) == name)
    }

    /// The object of this kind and name, which must be there.
    pub fn get(&self, kind: &str, name: &str) -> &Value {
        self.find(kind, name).unwrap_or_else(|| panic!("no {kind} {name}"))
    }

    /// The one container of a Deployment.
    pub fn container(&self, deployment: &str) -> &Value {
        &self.get("Deployment", deployment)["spec"]["template"]["spec"]["containers"][0]
    }
}

/// An object's name.
pub fn named(object: &Value) -> &str {
    object["metadata"]["name"].as_str().expect("an object has a name")
}

/// What a workload's pods take from Secrets and ConfigMaps: kind, name, and the key if one is named.
pub fn references(workload: &Value) -> Vec<(&'static str, String, Option<String>)> {
    let pod = &workload["spec"]["template"]["spec"];
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let mut found = Vec::new();
    for container in pod["containers"].as_array().into_iter().flatten() {
        for variable in container["env"].as_array().into_iter().flatten() {
            for (kind, field) in [("Secret", "secretKeyRef"), ("ConfigMap", "configMapKeyRef")] {
                let reference = &variable["valueFrom"][field];
                found.extend(text(&reference["name"]).map(|name| (kind, name, text(&reference["key"]))));
            }
        }
    }
    for volume in pod["volumes"].as_array().into_iter().flatten() {
        found.extend(text(&volume["secret"]["secretName"]).map(|name| ("Secret", name, None)));
        found.extend(text(&volume["configMap"]["name"]).map(|name| ("ConfigMap", name, None)));
    }
    found
}

/// Checks an overlay against the published schemas, refusing unknown fields.
pub fn validate(overlay: &str) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("rendered.yaml");
    std::fs::write(&file, kustomize(overlay)).expect("a file in the temporary folder");
    run(Command::new(program("kubernetes-validate")).args(["--strict", "--quiet"]).arg(file));
}

fn kustomize(overlay: &str) -> Vec<u8> {
    run(Command::new(program("kubectl")).arg("kustomize").arg(root().join("deploy/k8s").join(overlay))).stdout
}

fn run(command: &mut Command) -> Output {
    let output = command.output().unwrap_or_else(|fault| panic!("{command:?}: {fault}; `make tools` installs it"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?} failed\n{out}\n{err}");
    output
}

/// A tool that `make tools` put beside the build, or else one on the path.
fn program(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test runs from a file");
    let beside = test.ancestors().map(|folder| folder.join("tools/bin").join(name)).find(|file| file.is_file());
    beside.unwrap_or_else(|| name.into())
}

/// The root of the checkout.
pub fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."))
}

/// The text of a file, named from the root.
pub fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|fault| panic!("{path}: {fault}"))
}
