//! The manifests of `deploy/k8s` say what the services are: names, ports, settings, probes and callers agree with each
//! crate's `config.default.toml`, and every pod runs with the least it needs. Rendering and reading is in `manifest`.

mod manifest;

use std::collections::BTreeSet;

use base64::{Engine as _, prelude::BASE64_STANDARD};
use huan::{Suite, suite::Place};
use huan_chassis::token::Keys;
use manifest::{Manifests, Service, named, services, validate};
use serde_json::{Value, json};
use tonic::transport::Endpoint;
use tonic_health::pb::{HealthCheckRequest, health_check_response::ServingStatus, health_client::HealthClient};

const OVERLAYS: [&str; 2] = ["base", "overlays/dev"];
const PROBES: [&str; 3] = ["startupProbe", "readinessProbe", "livenessProbe"];

#[test]
fn every_service_has_its_manifests() {
    let base = Manifests::render("base");
    for Service { name, .. } in services() {
        let file = manifest::root().join(format!("deploy/k8s/base/{name}.yaml"));
        assert!(file.is_file(), "{name} has no file deploy/k8s/base/{name}.yaml");
        for kind in ["Deployment", "Service", "ServiceAccount", "PodDisruptionBudget"] {
            assert!(base.find(kind, &name).is_some(), "{name} has no {kind}");
        }
    }
}

#[test]
fn every_deployment_is_of_a_service() {
    let names: BTreeSet<String> = services().into_iter().map(|service| service.name).collect();
    let base = Manifests::render("base");
    let deployed: BTreeSet<String> = base.all("Deployment").map(|deployment| named(deployment).to_owned()).collect();
    assert_eq!(deployed, names);
}

#[test]
fn ports_are_those_of_the_defaults() {
    let base = Manifests::render("base");
    for service in services() {
        let (name, port) = (&service.name, service.port());
        let container = base.container(name);
        assert_eq!(container["ports"][0]["containerPort"], json!(port), "{name}: containerPort");
        assert_eq!(base.get("Service", name)["spec"]["ports"][0]["port"], json!(port), "{name}: Service port");
        assert_eq!(
            base.get("Service", name)["spec"]["ports"][0]["targetPort"],
            container["ports"][0]["name"],
            "{name}: targetPort"
        );
        let listen = format!("HUAN_{}__LISTEN__ADDRESS", name.to_uppercase());
        assert_eq!(service.env(&base)[&listen]["value"], json!(format!("0.0.0.0:{port}")), "{listen}");
        for probe in PROBES {
            assert_eq!(container[probe]["grpc"]["port"], json!(port), "{name}: {probe}");
        }
    }
}

#[test]
fn settings_exist_in_the_defaults() {
    for overlay in OVERLAYS {
        let manifests = Manifests::render(overlay);
        for service in services() {
            for key in service.env(&manifests).keys() {
                let prefix = format!("HUAN_{}__", service.name.to_uppercase());
                let path = key
                    .strip_prefix(&prefix)
                    .unwrap_or_else(|| panic!("{overlay}: {key} does not begin with {prefix}"));
                let path: Vec<String> = path.split("__").map(str::to_lowercase).collect();
                assert!(
                    service.setting(&path).is_some(),
                    "{overlay}: {key} is no key of {}'s config.default.toml",
                    service.name
                );
            }
        }
    }
}

#[test]
fn nothing_local_is_left_to_the_defaults() {
    let base = Manifests::render("base");
    for service in services() {
        let env = service.env(&base);
        let mounts = base.container(&service.name)["volumeMounts"].as_array().cloned().unwrap_or_default();
        for key in service.local_settings() {
            let set = env.get(&key).unwrap_or_else(|| panic!("{key} is left to its default, which is of one machine"));
            let Some(path) = set["value"].as_str().filter(|value| value.starts_with('/')) else {
                continue;
            };
            let below = |mount: &Value| mount["mountPath"].as_str().is_some_and(|folder| path.starts_with(folder));
            assert!(mounts.iter().any(below), "{key} names {path}, which nothing mounts");
        }
    }
}

#[test]
fn upstreams_are_addressed_and_admit_their_callers() {
    let base = Manifests::render("base");
    let services = services();
    for callee in services.iter().filter(|service| service.name != "gateway") {
        let mut callers = BTreeSet::new();
        for caller in services.iter().filter(|caller| caller.upstreams().contains(&callee.name)) {
            let key = format!("HUAN_{}__{}__URL", caller.name.to_uppercase(), callee.name.to_uppercase());
            let url = format!("http://{}:{}", callee.name, callee.port());
            assert_eq!(caller.env(&base).get(&key).map(|env| env["value"].clone()), Some(json!(url)), "{key}");
            callers.insert(caller.name.clone());
        }
        let ingress = &base.get("NetworkPolicy", &callee.name)["spec"]["ingress"][0];
        let admitted = &ingress["from"][0]["podSelector"]["matchExpressions"][0]["values"];
        let admitted: BTreeSet<String> = serde_json::from_value(admitted.clone()).expect("a list of names");
        assert_eq!(admitted, callers, "callers of {}", callee.name);
        assert_eq!(ingress["ports"][0]["port"], json!(callee.port()), "port of {}", callee.name);
    }
}

#[test]
fn readiness_asks_for_a_service_of_the_contract() {
    let base = Manifests::render("base");
    for Service { name, .. } in services() {
        if let Some(asked) = base.container(&name)["readinessProbe"]["grpc"]["service"].as_str() {
            assert!(huan_proto::pool().get_service_by_name(asked).is_some(), "{name}: no service {asked}");
            assert!(asked.starts_with(&format!("huan.{name}.v1.")), "{name} does not serve {asked}");
        } else {
            assert_eq!(name, "gateway", "{name}: readiness names no service");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn probes_are_answered_by_a_running_suite() {
    let folder = tempfile::tempdir().unwrap();
    let suite = Suite::start(&Place::folder(folder.path())).await.unwrap();
    let base = Manifests::render("base");
    for Service { name, .. } in services() {
        let address = suite.doors.services.get(name.as_str()).copied().unwrap_or(suite.doors.gateway);
        let channel = Endpoint::from_shared(format!("http://{address}")).unwrap().connect_lazy();
        for probe in PROBES {
            let service = base.container(&name)[probe]["grpc"]["service"].as_str().unwrap_or_default().to_owned();
            let answer = HealthClient::new(channel.clone()).check(HealthCheckRequest { service }).await;
            let status = answer.unwrap_or_else(|fault| panic!("{name}: {probe}: {fault}")).into_inner().status();
            assert_eq!(status, ServingStatus::Serving, "{name}: {probe}");
        }
    }
    suite.stop().await.unwrap();
}

#[test]
fn binaries_are_those_of_the_image() {
    let base = Manifests::render("base");
    let containerfile = manifest::read("Containerfile");
    for Service { name, folder, .. } in services() {
        let package = format!("huan-{name}");
        assert!(manifest::read(&format!("{folder}/Cargo.toml")).contains(&format!("name = \"{package}\"")), "{folder}");
        assert!(containerfile.contains(&format!("-p {package} ")), "the Containerfile does not build {package}");
        assert_eq!(base.container(&name)["command"], json!([format!("/usr/local/bin/{package}")]));
    }
}

#[test]
fn pods_run_with_the_least_they_need() {
    for overlay in OVERLAYS {
        for workload in Manifests::render(overlay).workloads() {
            let name = format!("{overlay}: {}", named(workload));
            let pod = &workload["spec"]["template"]["spec"];
            assert_eq!(pod["automountServiceAccountToken"], json!(false), "{name}");
            assert_eq!(pod["serviceAccountName"], workload["metadata"]["name"], "{name}");
            assert_eq!(pod["securityContext"]["runAsNonRoot"], json!(true), "{name}");
            assert_eq!(pod["securityContext"]["seccompProfile"]["type"], json!("RuntimeDefault"), "{name}");
            for container in pod["containers"].as_array().expect("a pod has containers") {
                let security = &container["securityContext"];
                assert_eq!(security["allowPrivilegeEscalation"], json!(false), "{name}");
                assert_eq!(security["readOnlyRootFilesystem"], json!(true), "{name}");
                assert_eq!(security["capabilities"]["drop"], json!(["ALL"]), "{name}");
                assert!(security["capabilities"].get("add").is_none(), "{name}");
                for (bound, unit) in
                    [("requests", "cpu"), ("requests", "memory"), ("limits", "cpu"), ("limits", "memory")]
                {
                    assert!(container["resources"][bound][unit].is_string(), "{name}: no {bound} of {unit}");
                }
            }
        }
    }
}

#[test]
fn nothing_is_reached_that_no_policy_allows() {
    let base = Manifests::render("base");
    let deny = &base.get("NetworkPolicy", "default-deny")["spec"];
    assert_eq!(deny["podSelector"], json!({}));
    assert_eq!(deny["policyTypes"], json!(["Ingress", "Egress"]));
    assert!(deny.get("ingress").is_none() && deny.get("egress").is_none());
}

#[test]
fn dev_overlay_holds_all_that_it_refers_to() {
    let dev = Manifests::render("overlays/dev");
    for workload in dev.workloads() {
        for (kind, name, key) in manifest::references(workload) {
            let object = dev.find(kind, &name).unwrap_or_else(|| panic!("{}: no {kind} {name}", named(workload)));
            assert!(key.is_none_or(|key| object["data"].get(&key).is_some()), "{kind} {name} lacks a key");
        }
    }
}

#[test]
fn dev_key_is_one_that_the_services_take() {
    let dev = Manifests::render("overlays/dev");
    let volumes = &dev.get("Deployment", "gateway")["spec"]["template"]["spec"]["volumes"];
    let secret = volumes[0]["secret"]["secretName"].as_str().expect("the gateway mounts the key");
    let key = &dev.get("Secret", secret)["data"]["key"];
    // A Secret's data is base64 of the file, which is base64 itself.
    let content = BASE64_STANDARD.decode(key.as_str().expect("a key")).expect("base64");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("key");
    std::fs::write(&file, content).expect("a file in the temporary folder");
    Keys::from_file(&file).expect("a key of the right length");
}

#[test]
fn every_service_has_a_database_of_its_own() {
    let dev = Manifests::render("overlays/dev");
    let mut references = BTreeSet::new();
    for service in services().iter().filter(|service| service.name != "gateway") {
        let key = format!("HUAN_{}__DATABASE__URL", service.name.to_uppercase());
        let env = service.env(&dev);
        let reference = env.get(&key).unwrap_or_else(|| panic!("no {key}"));
        let secret =
            reference["valueFrom"]["secretKeyRef"]["name"].as_str().unwrap_or_else(|| panic!("{key} is no secret"));
        assert!(references.insert(secret.to_owned()), "{secret} serves two services");
    }
}

#[test]
fn strict_validation_passes() {
    for overlay in OVERLAYS {
        validate(overlay);
    }
}

#[test]
fn labels_name_the_part_and_the_whole() {
    for overlay in OVERLAYS {
        for workload in Manifests::render(overlay).workloads() {
            let labels = &workload["spec"]["template"]["metadata"]["labels"];
            assert_eq!(labels["app.kubernetes.io/name"], workload["metadata"]["name"]);
            assert_eq!(labels["app.kubernetes.io/part-of"], json!("huan"));
            assert!(labels["app.kubernetes.io/component"].is_string());
            assert_eq!(workload["spec"]["selector"]["matchLabels"], selector(named(workload)));
        }
    }
}

fn selector(name: &str) -> Value {
    json!({ "app.kubernetes.io/name": name })
}
