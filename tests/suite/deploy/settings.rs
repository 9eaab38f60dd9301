//! Every setting that a file for operators names exists.

use std::collections::BTreeSet;

use clap::CommandFactory;
use rowkeep::config::Cli;
use serde_json::Value;

use super::compose_file::ComposeFile;
use super::dockerfile::Dockerfile;
use super::kubernetes::{self, pods};
use super::systemd::{SERVICES, Unit};
use super::tools::text;

/// The variables that the program reads.
fn settings() -> BTreeSet<String> {
    let program = Cli::command();
    program.get_arguments().filter_map(|argument| Some(argument.get_env()?.to_str()?.to_owned())).collect()
}

fn assert_settings(file: &str, names: impl IntoIterator<Item = String>) {
    let settings = settings();
    let names: Vec<_> = names.into_iter().collect();
    assert!(!names.is_empty(), "{file} names no setting");
    for name in names {
        assert!(settings.contains(&name), "{file}: nothing reads {name}");
    }
}

#[test]
fn the_image_and_the_units_of_systemd_name_settings_that_exist() {
    assert_settings("Dockerfile", Dockerfile::read("Dockerfile").variables().into_keys());
    for service in SERVICES {
        assert_settings(service, Unit::read(service).variables().into_keys());
    }
    let file = text("deploy/systemd/rowkeep.env");
    let lines = file.lines().map(|line| line.trim_start_matches("# "));
    let is_name = |name: &&str| name.chars().all(|c| c.is_ascii_uppercase() || c == '_');
    let names = lines.filter_map(|line| line.split_once('=')).map(|(name, _)| name).filter(is_name);
    assert_settings("deploy/systemd/rowkeep.env", names.map(str::to_owned));
}

#[tokio::test]
#[ignore = "needs Python: `make test-all`"]
async fn the_compose_file_and_the_files_for_kubernetes_name_settings_that_exist() {
    let compose = ComposeFile::read().await;
    for (name, _) in compose.of_rowkeep() {
        assert_settings(&format!("docker-compose.yml: {name}"), compose.environment(name).into_keys());
    }
    for object in pods(&kubernetes::objects().await) {
        let variables = object["containers"][0]["env"].as_array().expect("variables").clone();
        let name = |variable: &Value| variable["name"].as_str().expect("a name").to_owned();
        assert_settings("deploy/kubernetes", variables.iter().map(name));
    }
}
