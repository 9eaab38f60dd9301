//! The files for Kubernetes are valid, fit together, and give their pods no rights.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::tools::{passes, text, yaml};
use crate::documents::markdown::root;
use crate::metrics::scrape::Watched;

const FOLDER: &str = "deploy/kubernetes";

fn files() -> Vec<String> {
    let entries = std::fs::read_dir(root().join(FOLDER)).expect("a folder").flatten();
    let mut files: Vec<_> =
        entries.map(|entry| format!("{FOLDER}/{}", entry.file_name().to_string_lossy())).collect();
    files.sort();
    files
}

/// The objects of all files.
pub async fn objects() -> Vec<Value> {
    let mut objects = Vec::new();
    for file in files() {
        objects.extend(yaml(&file).await);
    }
    objects
}

/// The only object of this kind with this name.
fn object<'a>(objects: &'a [Value], kind: &str, name: &str) -> &'a Value {
    let found: Vec<_> = objects
        .iter()
        .filter(|object| object["kind"] == kind && object["metadata"]["name"] == name)
        .collect();
    assert_eq!(found.len(), 1, "{kind} {name}");
    found[0]
}

/// The specification of the pods of the deployment and of the job.
pub fn pods(objects: &[Value]) -> Vec<Value> {
    let pods: Vec<_> = objects
        .iter()
        .map(|object| &object["spec"]["template"]["spec"])
        .filter(|pod| pod.is_object())
        .collect();
    assert_eq!(pods.len(), 2, "a deployment and a job");
    pods.into_iter().cloned().collect()
}

/// The variables of the servers.
fn variable(pod: &Value, name: &str) -> Option<String> {
    let variables = pod["containers"][0]["env"].as_array().expect("variables");
    let found = variables.iter().find(|variable| variable["name"] == name)?;
    found["value"].as_str().map(str::to_owned)
}

#[tokio::test]
#[ignore = "needs kubernetes-validate: `make test-all`"]
async fn the_files_for_kubernetes_are_valid_by_its_schemas() {
    let files = files();
    let mut arguments = vec!["--strict"];
    arguments.extend(files.iter().map(String::as_str));

    assert!(files.len() > 5, "{files:?}");
    passes("kubernetes-validate", &arguments).await;
}

#[tokio::test]
#[ignore = "needs Python: `make test-all`"]
async fn no_pod_has_rights_and_each_has_limits() {
    for pod in pods(&objects().await) {
        let (of_pod, container) = (&pod["securityContext"], &pod["containers"][0]);
        assert_eq!(of_pod["runAsNonRoot"], json!(true));
        assert_eq!((&of_pod["runAsUser"], &of_pod["runAsGroup"]), (&json!(65_532), &json!(65_532)));
        assert_eq!(of_pod["seccompProfile"]["type"], "RuntimeDefault");
        assert_eq!(pod["automountServiceAccountToken"], json!(false));
        let wanted = json!({
            "allowPrivilegeEscalation": false,
            "readOnlyRootFilesystem": true,
            "capabilities": { "drop": ["ALL"] },
        });
        assert_eq!(container["securityContext"], wanted);
        let resources = &container["resources"];
        assert!(resources["requests"]["cpu"].is_string(), "{resources}");
        assert!(resources["limits"]["memory"].is_string(), "{resources}");
        assert!(
            container["volumeMounts"]
                .as_array()
                .expect("mounts")
                .iter()
                .all(|mount| mount["readOnly"] == json!(true))
        );
    }
}

#[tokio::test]
#[ignore = "needs Python: `make test-all`"]
async fn only_the_job_gets_the_migrating_login() {
    let objects = objects().await;

    for (kind, name, secret, key) in [
        ("Deployment", "rowkeep", "rowkeep-serving", "DATABASE_URL_FILE"),
        ("Job", "rowkeep-migrate", "rowkeep-migrating", "MIGRATION_DATABASE_URL_FILE"),
    ] {
        let pod = &object(&objects, kind, name)["spec"]["template"]["spec"];
        let volumes = pod["volumes"].as_array().expect("volumes");
        let secrets: Vec<_> = volumes.iter().map(|volume| &volume["secret"]["secretName"]).collect();
        assert_eq!(secrets, [secret], "{kind}");
        // The file that the setting names is a key of the secret.
        let path = variable(pod, key).expect(key);
        let file = path.strip_prefix("/secrets/").expect("below the mount");
        assert_eq!(pod["containers"][0]["volumeMounts"][0]["mountPath"], "/secrets");
        assert!(object(&objects, "Secret", secret)["stringData"][file].is_string(), "{secret}: {file}");
    }
}

#[tokio::test]
#[ignore = "needs Python: `make test-all`"]
async fn kubernetes_waits_longer_for_a_server_that_stops_than_the_server_takes() {
    let objects = objects().await;
    let pod = &object(&objects, "Deployment", "rowkeep")["spec"]["template"]["spec"];

    let seconds = |name| variable(pod, name).and_then(|text| text.parse::<u64>().ok()).expect(name);

    let grace = pod["terminationGracePeriodSeconds"].as_u64().expect("seconds");
    assert!(grace > seconds("SHUTDOWN_DELAY") + seconds("SHUTDOWN_TIMEOUT"), "{grace}");
    // One check that fails must fit into the delay, so that the balancer has noticed.
    let check = &pod["containers"][0]["readinessProbe"];
    assert!(check["periodSeconds"].as_u64().expect("seconds") <= seconds("SHUTDOWN_DELAY"), "{check}");
}

#[tokio::test]
#[ignore = "needs Python: `make test-all`"]
async fn the_checks_ask_the_second_listener_and_only_the_readiness_check_asks_for_the_database() {
    let objects = objects().await;
    let pod = &object(&objects, "Deployment", "rowkeep")["spec"]["template"]["spec"];
    let container = &pod["containers"][0];
    let admin = variable(pod, "ADMIN_ADDR").expect("a second listener");

    let check = |check: &str| container[check]["httpGet"].clone();

    assert_eq!(check("livenessProbe"), json!({ "path": "/live", "port": "admin" }));
    assert_eq!(check("readinessProbe"), json!({ "path": "/ready", "port": "admin" }));
    let ports = json!([
        { "name": "http", "containerPort": 8000 },
        { "name": "admin", "containerPort": port_of(&admin) },
    ]);
    assert_eq!(container["ports"], ports);
}

/// The port of an address on which every address of the pod listens.
fn port_of(address: &str) -> u16 {
    let address: std::net::SocketAddr = address.parse().expect("an address");
    assert!(address.ip().is_unspecified(), "the node reaches a pod at its address, not at {address}");
    address.port()
}

#[tokio::test]
#[ignore = "needs Python: `make test-all`"]
async fn the_two_listeners_of_the_files_answer_what_the_checks_ask() {
    let objects = objects().await;
    let pod = &object(&objects, "Deployment", "rowkeep")["spec"]["template"]["spec"];
    let watched = Watched::with(&[]).await;

    for check in ["livenessProbe", "readinessProbe"] {
        let path = pod["containers"][0][check]["httpGet"]["path"].as_str().expect("a path");
        assert_eq!(watched.admin.get(path).await.status(), 200, "{path}");
    }
}

/// Metrics need no token, so the network decides who reads them.
#[tokio::test]
#[ignore = "needs Python: `make test-all`"]
async fn only_the_namespace_of_prometheus_reaches_the_metrics_and_no_service_leads_to_them() {
    let objects = objects().await;

    let policy = object(&objects, "NetworkPolicy", "rowkeep-api");

    let from = |namespace: &str, port: &str| {
        json!({
            "from": [{ "namespaceSelector": {
                "matchLabels": { "kubernetes.io/metadata.name": namespace },
            } }],
            "ports": [{ "port": port }],
        })
    };
    let ingress = json!([from("ingress-nginx", "http"), from("monitoring", "admin")]);
    assert_eq!(policy["spec"]["ingress"], ingress);
    let services: Vec<_> = objects.iter().filter(|object| object["kind"] == "Service").collect();
    assert!(!services.is_empty());
    for service in services {
        for port in service["spec"]["ports"].as_array().expect("ports") {
            assert_eq!(port["targetPort"], "http", "{service}");
        }
    }
}

/// Whether every label of the selector is among the labels.
fn selects(selector: &Value, labels: &Value) -> bool {
    let selector = selector.as_object().expect("labels");
    !selector.is_empty() && selector.iter().all(|(name, value)| labels[name] == *value)
}

#[tokio::test]
#[ignore = "needs Python: `make test-all`"]
async fn each_selector_finds_the_pods_that_are_meant_and_no_others() {
    let objects = objects().await;
    let labels = |kind: &str, name: &str| {
        object(&objects, kind, name)["spec"]["template"]["metadata"]["labels"].clone()
    };
    let (servers, job) = (labels("Deployment", "rowkeep"), labels("Job", "rowkeep-migrate"));

    for (kind, name, selector, finds_servers) in [
        ("Deployment", "rowkeep", "/spec/selector/matchLabels", true),
        ("Service", "rowkeep", "/spec/selector", true),
        ("PodDisruptionBudget", "rowkeep", "/spec/selector/matchLabels", true),
        ("NetworkPolicy", "rowkeep-api", "/spec/podSelector/matchLabels", true),
        ("NetworkPolicy", "rowkeep-migrate", "/spec/podSelector/matchLabels", false),
    ] {
        let selector = object(&objects, kind, name).pointer(selector).expect("a selector");
        assert_eq!(selects(selector, &servers), finds_servers, "{kind} {name}");
        assert_eq!(selects(selector, &job), !finds_servers, "{kind} {name}");
    }
    let namespaces = objects.iter().filter(|object| object["kind"] != "Namespace");
    let namespaces: BTreeSet<_> =
        namespaces.map(|object| object["metadata"]["namespace"].to_string()).collect();
    assert_eq!(namespaces, ["\"rowkeep\"".to_owned()].into());
    let enforced = &object(&objects, "Namespace", "rowkeep")["metadata"]["labels"];
    assert_eq!(enforced["pod-security.kubernetes.io/enforce"], "restricted");
}

#[tokio::test]
#[ignore = "needs Python: `make test-all`"]
async fn a_server_stays_while_a_node_is_emptied_and_during_an_upgrade() {
    let objects = objects().await;
    let deployment = &object(&objects, "Deployment", "rowkeep")["spec"];

    let replicas = deployment["replicas"].as_u64().expect("a number");

    let budget = object(&objects, "PodDisruptionBudget", "rowkeep")["spec"]["minAvailable"].as_u64();
    assert!(budget.expect("a number") < replicas, "no node could be emptied");
    assert_eq!(deployment["strategy"]["rollingUpdate"]["maxUnavailable"], json!(0));
}

#[test]
fn the_job_and_the_servers_are_of_the_release_of_this_checkout() {
    for file in ["migrate.yaml", "deployment.yaml"] {
        let image = concat!("image: ghcr.io/example/rowkeep:", env!("CARGO_PKG_VERSION"), "\n");

        assert!(text(&format!("{FOLDER}/{file}")).contains(image), "{file}: {image}");
    }
}
