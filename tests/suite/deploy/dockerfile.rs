//! The Dockerfile builds the right program from everything that it needs, and from nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

use super::tools::{passes, text};
use crate::documents::markdown::root;

/// The instructions of a Dockerfile, each with its arguments.
pub struct Dockerfile(Vec<(String, String)>);

impl Dockerfile {
    pub fn read(path: &str) -> Self {
        let text = text(path);
        let lines = text.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty());
        let joined = lines.collect::<Vec<_>>().join("\n").replace("\\\n", "");
        let instruction = |line: &str| {
            let (name, arguments) = line.split_once(' ').expect("an instruction");
            (name.to_owned(), arguments.split_whitespace().collect::<Vec<_>>().join(" "))
        };
        Self(joined.lines().map(instruction).collect())
    }

    /// The arguments of each instruction with this name.
    pub fn all(&self, name: &str) -> Vec<&str> {
        self.0.iter().filter(|(found, _)| found == name).map(|(_, arguments)| arguments.as_str()).collect()
    }

    /// The arguments of the only instruction with this name.
    pub fn only(&self, name: &str) -> &str {
        let all = self.all(name);
        assert_eq!(all.len(), 1, "{name}: {all:?}");
        all[0]
    }

    /// The variables that the image sets.
    pub fn variables(&self) -> BTreeMap<String, String> {
        let pairs = self.all("ENV").into_iter().flat_map(str::split_whitespace);
        let pair = |pair: &str| pair.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned()));
        pairs.map(|text| pair(text).expect("a variable")).collect()
    }

    /// The files and folders of the checkout that it copies.
    fn copied(&self) -> BTreeSet<String> {
        let copies = self.all("COPY").into_iter().filter(|arguments| !arguments.starts_with("--from"));
        let sources = |arguments: &str| {
            let words: Vec<_> = arguments.split(' ').map(str::to_owned).collect();
            words.split_last().map(|(_, sources)| sources.to_vec()).unwrap_or_default()
        };
        copies.flat_map(sources).collect()
    }
}

/// What .dockerignore lets through. It excludes everything else.
fn let_through(ignore: &str) -> BTreeSet<String> {
    let text = text(ignore);
    let mut lines = text.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    assert_eq!(lines.next(), Some("*"), "{ignore}");
    lines.filter_map(|line| line.strip_prefix('!')).map(str::to_owned).collect()
}

#[test]
fn the_image_is_compiled_by_the_release_of_rust_that_passes_the_tests() {
    let toolchain = text("rust-toolchain.toml");
    let pinned = toolchain.lines().find_map(|line| line.strip_prefix("channel = ")).expect("a release");

    let dockerfile = Dockerfile::read("Dockerfile");

    let base = dockerfile.all("FROM")[0];
    let pinned = pinned.trim_matches('"');
    assert_eq!(base, format!("rust:{pinned}-bookworm AS build"));
}

#[test]
fn the_builder_gets_the_files_that_the_dockerfile_copies_and_no_others() {
    let dockerfile = Dockerfile::read("Dockerfile");

    let copied = dockerfile.copied();

    assert_eq!(copied, let_through(".dockerignore"));
    for path in &copied {
        assert!(root().join(path).exists(), "{path}");
    }
}

/// The files that `include_str!` and its relatives name in the sources below a directory.
fn embedded(directory: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let path = entry.path();
        if path.is_dir() {
            embedded(&path, found);
            continue;
        }
        let text = std::fs::read_to_string(&path).expect("a source");
        for name in ["include_str!(\"", "include_bytes!(\"", "include_dir!(\"", "embed_migrations!(\""] {
            for rest in text.split(name).skip(1) {
                let target = rest.split('"').next().unwrap_or_default();
                let target = target.strip_prefix("$CARGO_MANIFEST_DIR/").map_or_else(
                    || if name.starts_with("embed") { root().join(target) } else { directory.join(target) },
                    |target| root().join(target),
                );
                found.insert(target);
            }
        }
    }
}

#[test]
fn the_build_has_every_folder_whose_files_the_program_embeds() {
    let mut files = BTreeSet::new();
    embedded(&root().join("src"), &mut files);
    let copied = Dockerfile::read("Dockerfile").copied();

    let mut folders = BTreeSet::new();
    for file in &files {
        let file = std::fs::canonicalize(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
        let below =
            file.strip_prefix(root().canonicalize().expect("the checkout")).expect("below the checkout");
        if let Some(Component::Normal(folder)) = below.components().next() {
            folders.insert(folder.to_string_lossy().into_owned());
        }
    }

    assert!(folders.len() > 2, "{folders:?}");
    assert!(folders.is_subset(&copied), "{folders:?} {copied:?}");
}

/// Docker's cache takes the layer of the dependencies if what was copied before it is the same.
#[test]
fn a_change_of_a_source_does_not_compile_the_dependencies_again() {
    let dockerfile = Dockerfile::read("Dockerfile");
    let before_build: Vec<_> = dockerfile
        .0
        .iter()
        .take_while(|(name, _)| name != "RUN")
        .map(|(_, arguments)| arguments.as_str())
        .collect();

    let first_run = dockerfile.all("RUN")[0];

    assert!(first_run.contains("build"), "{first_run}");
    for source in ["src", "sql", "policies", "migrations", "."] {
        assert!(
            !before_build.iter().any(|arguments| arguments.split(' ').any(|word| word == source)),
            "{source}"
        );
    }
    // The commit is another one each time.
    assert!(!before_build.iter().any(|arguments| arguments.contains("REVISION")), "{before_build:?}");
}

#[test]
fn the_example_gets_the_files_that_its_dockerfile_copies_and_no_others() {
    let top = |path: String| path.split('/').next().unwrap_or_default().to_owned();

    let copied: BTreeSet<_> = Dockerfile::read("examples/Dockerfile").copied().into_iter().map(top).collect();

    assert_eq!(copied, let_through("examples/.dockerignore"));
    for path in &copied {
        assert!(root().join("examples").join(path).exists(), "{path}");
    }
}

#[tokio::test]
#[ignore = "needs hadolint: `make test-all`"]
async fn a_linter_of_dockerfiles_finds_nothing() {
    passes("hadolint", &["--failure-threshold", "style", "Dockerfile", "examples/Dockerfile"]).await;
}
