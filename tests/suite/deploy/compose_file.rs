//! Reads docker-compose.yml, with anchors and variables resolved as Docker Compose does it.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value};

use super::tools::yaml;

/// The services, without variables in their texts.
pub struct ComposeFile {
    pub services: Map<String, Value>,
    /// The variables that the file names.
    pub variables: BTreeSet<String>,
}

impl ComposeFile {
    /// The file, with no variable set.
    pub async fn read() -> Self {
        Self::with(&[]).await
    }

    pub async fn with(set: &[(&str, &str)]) -> Self {
        let mut documents = yaml("docker-compose.yml").await;
        let mut variables = BTreeSet::new();
        let file = resolve(documents.remove(0), set, &mut variables);
        let services = file["services"].as_object().expect("services").clone();
        Self { services, variables }
    }

    /// The services that run the program.
    pub fn of_rowkeep(&self) -> Vec<(&str, &Value)> {
        let of_rowkeep = |service: &Value| service["image"] == "rowkeep";
        let services = self.services.iter().map(|(name, service)| (name.as_str(), service));
        services.filter(|(_, service)| of_rowkeep(service)).collect()
    }

    /// The variables of a service that are not empty: Rowkeep takes an empty one as a missing one.
    pub fn environment(&self, service: &str) -> BTreeMap<String, String> {
        let environment = self.services[service]["environment"].as_object().expect("variables");
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let all = environment.iter().map(|(name, value)| (name.clone(), text(value)));
        all.filter(|(_, value)| !value.is_empty()).collect()
    }

    /// The words of a command or an entry point.
    pub fn words(&self, service: &str, name: &str) -> Vec<String> {
        let words = self.services[service][name].as_array().cloned().unwrap_or_default();
        words.iter().map(|word| word.as_str().expect("a word").to_owned()).collect()
    }

    /// The mounts of a service: source, target, and whether it is read only.
    pub fn mounts(&self, service: &str) -> Vec<(String, String, bool)> {
        let mounts = self.services[service]["volumes"].as_array().cloned().unwrap_or_default();
        let parts = |mount: &Value| {
            let parts: Vec<_> = mount.as_str().expect("a mount").split(':').map(str::to_owned).collect();
            (parts[0].clone(), parts[1].clone(), parts.get(2).is_some_and(|options| options == "ro"))
        };
        mounts.iter().map(parts).collect()
    }

    /// What a service waits for: the other service, and the condition.
    pub fn waits_for(&self, service: &str) -> BTreeMap<String, String> {
        let others = self.services[service]["depends_on"].as_object().cloned().unwrap_or_default();
        let condition = |value: &Value| value["condition"].as_str().expect("a condition").to_owned();
        others.iter().map(|(name, value)| (name.clone(), condition(value))).collect()
    }
}

fn resolve(value: Value, set: &[(&str, &str)], names: &mut BTreeSet<String>) -> Value {
    match value {
        Value::String(text) => Value::String(expand(&text, set, names)),
        Value::Array(values) => values.into_iter().map(|value| resolve(value, set, names)).collect(),
        Value::Object(members) => {
            let resolved = members.into_iter().map(|(name, value)| (name, resolve(value, set, names)));
            Value::Object(resolved.collect())
        }
        other => other,
    }
}

/// `${NAME:-default}` is the default where the variable is empty or not set, `${NAME-default}` only where it is not set.
fn expand(text: &str, set: &[(&str, &str)], names: &mut BTreeSet<String>) -> String {
    let mut parts = text.split("${");
    let mut expanded = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let (inner, rest) = part.split_once('}').expect("a variable");
        let end = inner.find([':', '-']).unwrap_or_else(|| panic!("{inner}: no default"));
        let (name, default) = (&inner[..end], &inner[end..]);
        let value = set.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        names.insert(name.to_owned());
        expanded.push_str(match default.strip_prefix(":-") {
            Some(default) => value.filter(|value| !value.is_empty()).unwrap_or(default),
            None => value.unwrap_or_else(|| default.strip_prefix('-').expect("a default")),
        });
        expanded.push_str(rest);
    }
    expanded
}

#[test]
fn variables_are_resolved_as_docker_compose_does_it() {
    let set = [("A", "1"), ("EMPTY", "")];
    for (text, wanted) in [
        ("plain", "plain"),
        ("x ${A:-2} y ${B:-2}", "x 1 y 2"),
        ("${EMPTY:-2}${EMPTY-2}", "2"),
        ("127.0.0.1:${B:-80}:80", "127.0.0.1:80:80"),
    ] {
        assert_eq!(expand(text, &set, &mut BTreeSet::new()), wanted, "{text}");
    }
}
