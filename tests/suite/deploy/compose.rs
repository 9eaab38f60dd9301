//! docker-compose.yml is valid, and gives its services few rights and no known password.

use std::collections::BTreeSet;

use serde_json::json;

use super::compose_file::ComposeFile;
use super::tools::{passes, text};

const COMPLETED: &str = "service_completed_successfully";

/// The services that end, and must have done their work.
const ONE_SHOTS: [&str; 3] = ["login", "migrate", "secrets"];

#[tokio::test]
#[ignore = "needs check-jsonschema: `make test-all`"]
async fn the_compose_file_is_valid_by_the_schema_of_the_compose_specification() {
    passes("check-jsonschema", &["--builtin-schema", "vendor.compose-spec", "docker-compose.yml"]).await;
}

/// `docker compose up --wait` fails at a container that has ended, unless another service waits for its end.
#[tokio::test]
#[ignore = "needs Python: `make test-all`"]
async fn each_service_that_ends_is_awaited_and_each_other_one_has_a_health_check() {
    let file = ComposeFile::read().await;

    let waited = file.services.keys().flat_map(|name| file.waits_for(name));
    let completed: BTreeSet<_> =
        waited.filter(|(_, condition)| condition == COMPLETED).map(|(name, _)| name).collect();

    assert_eq!(completed, ONE_SHOTS.map(str::to_owned).into());
    for (name, service) in &file.services {
        let has_check = service["healthcheck"]["interval"].is_string();
        assert_eq!(has_check, !ONE_SHOTS.contains(&name.as_str()), "{name}");
        // A service that is started again when it ends never completes.
        assert!(!has_check || service["restart"] != "no", "{name}");
    }
}

#[tokio::test]
#[ignore = "needs Python: `make test-all`"]
async fn the_programs_of_the_compose_file_have_no_rights_and_no_service_can_be_reached_by_other_machines() {
    let file = ComposeFile::read().await;

    for (name, service) in &file.services {
        let ports = service["ports"].as_array().cloned().unwrap_or_default();
        for port in ports {
            assert!(port.as_str().is_some_and(|port| port.starts_with("127.0.0.1:")), "{name}: {port}");
        }
        // PostgreSQL's image starts as root, and takes on its own user.
        if ["secrets", "database"].contains(&name.as_str()) {
            continue;
        }
        assert_eq!(service["read_only"], json!(true), "{name}");
        assert_eq!(service["cap_drop"], json!(["ALL"]), "{name}");
        assert_eq!(service["security_opt"], json!(["no-new-privileges:true"]), "{name}");
    }
}

#[tokio::test]
#[ignore = "needs Python: `make test-all`"]
async fn the_api_never_gets_the_superusers_password_and_no_password_is_in_the_compose_file() {
    let file = ComposeFile::read().await;

    for name in ["api", "example-api"] {
        let sources: Vec<_> = file.mounts(name).into_iter().map(|(source, ..)| source).collect();
        assert_eq!(sources, ["api-secrets"], "{name}");
    }
    for name in file.services.keys().filter(|name| file.services[*name]["environment"].is_object()) {
        for (variable, value) in file.environment(name) {
            let is_secret = ["PASSWORD", "SECRET"].iter().any(|word| variable.ends_with(word));
            assert!(!is_secret, "{name}: {variable}={value}");
            let user =
                value.split_once("://").and_then(|(_, rest)| rest.split_once('@')).map(|(user, _)| user);
            assert!(user.is_none_or(|user| !user.contains(':')), "{name}: {variable}={value}");
        }
    }
}

#[tokio::test]
#[ignore = "needs Python: `make test-all`"]
async fn the_compose_file_explains_each_of_its_variables() {
    let file = ComposeFile::read().await;
    let text = text("docker-compose.yml");
    let head: Vec<_> = text.lines().take_while(|line| line.starts_with('#')).collect();

    let is_name = |word: &&str| word.len() > 3 && word.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let lines = head
        .iter()
        .filter(|line| line.starts_with("#   ") && line.contains("  ") && !line.contains("export "));
    let words = lines.flat_map(|line| line[4..].split("  ").next().unwrap_or_default().split([',', ' ']));
    let explained: BTreeSet<_> = words.filter(is_name).map(str::to_owned).collect();

    let mut named = file.variables.clone();
    // It is explained together with BETTER_AUTH_URL.
    named.remove("BETTER_AUTH_SECRET_FILE");
    assert_eq!(explained, named);
    assert!(head.iter().any(|line| line.contains("BETTER_AUTH_SECRET_FILE=")), "{head:?}");
}

#[tokio::test]
#[ignore = "needs Python: `make test-all`"]
async fn the_postgresql_of_the_compose_file_has_no_known_hole_in_row_security() {
    let file = ComposeFile::read().await;

    let images = file.services.values().filter_map(|service| service["image"].as_str());
    let postgres: BTreeSet<_> = images.filter_map(|image| image.strip_prefix("postgres:")).collect();

    let [release] = postgres.into_iter().collect::<Vec<_>>()[..] else { panic!("one release") };
    let minor: u32 = release.strip_prefix("17.").and_then(|minor| minor.parse().ok()).expect("17");
    assert!(minor >= 12, "CVE-2026-120154: {release}");
}

#[tokio::test]
#[ignore = "needs Python: `make test-all`"]
async fn with_better_auth_url_the_compose_file_turns_the_secret_off_if_it_is_told_so() {
    let set = [("BETTER_AUTH_URL", "https://auth.example.com"), ("BETTER_AUTH_SECRET_FILE", "")];

    let file = ComposeFile::with(&set).await;

    let environment = file.environment("api");
    assert_eq!(environment["BETTER_AUTH_URL"], "https://auth.example.com");
    assert!(!environment.contains_key("BETTER_AUTH_SECRET_FILE"), "{environment:?}");
    let default = ComposeFile::read().await.environment("api");
    assert_eq!(default["BETTER_AUTH_SECRET_FILE"], "/secrets/api/better-auth-secret");
    assert!(!default.contains_key("BETTER_AUTH_URL"), "{default:?}");
}
