//! Every setting, route, command and make target is in its page, and those in the pages exist.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use clap::{Command, CommandFactory};
use rowkeep::config::Cli;

use super::markdown::{Page, codes, root, rows};
use crate::http::routes::ROUTES;

/// The commands of the program, each with the page that describes it.
const COMMANDS: [(&str, &str); 7] = [
    ("serve", "docs/operate.md"),
    ("migrate", "docs/operate.md"),
    ("healthcheck", "docs/operate.md"),
    ("audit", "docs/audit.md"),
    ("adopt", "docs/migrate-from-fastapi.md"),
    ("token", "docs/sign-in.md"),
    ("openapi", "docs/api.md"),
];

/// Every setting with its default. The default is empty if the program computes it.
fn settings() -> BTreeMap<String, String> {
    let program = Cli::command();
    let variable = |argument: &clap::Arg| {
        let name = argument.get_env()?.to_string_lossy().into_owned();
        let default = argument.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
        Some((name, default.unwrap_or_default()))
    };
    program.get_arguments().filter_map(variable).collect()
}

/// Each variable of the table of settings, with the text of its default.
fn documented() -> BTreeMap<String, String> {
    let mut documented = BTreeMap::new();
    let pages =
        ["docs/operate.md", "docs/tracing.md"].map(|page| rows(&Page::read(page).section("Settings")));
    for row in pages.concat() {
        let [names, default, ..] = row.as_slice() else { continue };
        let (names, defaults) = (codes(names), codes(default));
        for (at, name) in names.iter().enumerate() {
            // A row with several variables has their defaults in the same order.
            let default =
                if defaults.len() == names.len() { defaults[at] } else { defaults.first().unwrap_or(&"") };
            let before = documented.insert((*name).to_owned(), default.to_owned());
            assert!(before.is_none(), "{name} is in the table twice");
        }
    }
    documented
}

/// Whether a file in the directory reads this variable by its name, or has a constant with the name.
fn is_read(directory: &Path, name: &str) -> bool {
    std::fs::read_dir(directory).expect("a directory").flatten().any(|entry| {
        let path = entry.path();
        if path.is_dir() {
            return is_read(&path, name);
        }
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let reads =
            [format!("var_os(\"{name}\")"), format!("var(\"{name}\")"), format!("{name}: &str = \"{name}\"")];
        reads.iter().any(|reads| text.contains(reads))
    })
}

#[test]
fn every_setting_is_in_the_table_of_settings_with_its_default() {
    let documented = documented();

    for (name, default) in settings() {
        let shown = documented.get(&name).unwrap_or_else(|| panic!("docs/operate.md does not name {name}"));
        assert!(default.is_empty() || *shown == default, "{name}: the default is {default}, not {shown}");
    }
}

#[test]
fn every_setting_of_the_table_of_settings_exists() {
    let settings = settings();

    for name in documented().keys() {
        assert!(settings.contains_key(name) || is_read(&root().join("src"), name), "nothing reads {name}");
    }
}

#[test]
fn the_routes_of_the_api_page_are_those_of_the_server() {
    let page = Page::read("docs/api.md").section("Routes");
    let routes = rows(&page).into_iter().filter_map(|row| {
        let code = codes(row.first()?).first().map(|code| (*code).to_owned())?;
        code.split_once(' ').filter(|(_, path)| path.starts_with('/'))?;
        Some(code)
    });
    let routes: Vec<_> = routes.collect();
    let served = ROUTES
        .iter()
        .flat_map(|(path, methods)| methods.iter().map(move |method| format!("{method} {path}")));

    assert_eq!(routes.iter().cloned().collect::<BTreeSet<_>>(), served.collect());
    assert_eq!(routes.len(), routes.iter().collect::<BTreeSet<_>>().len(), "a route is in the page twice");
}

/// The names of the commands, each with the names of its options.
fn commands() -> BTreeMap<String, Vec<String>> {
    let program = Cli::command();
    let options = |command: &Command| {
        let long = command.get_arguments().filter_map(|argument| argument.get_long().map(str::to_owned));
        long.chain(["help".into(), "version".into()]).collect::<Vec<_>>()
    };
    let of_all = options(&program);
    let names = program.get_subcommands().map(|command| {
        (command.get_name().to_owned(), options(command).into_iter().chain(of_all.clone()).collect())
    });
    names.chain([(String::new(), of_all.clone())]).collect()
}

/// The arguments of `rowkeep` in the commands of a page. `cargo run --` counts as `rowkeep`.
fn calls(page: &Page) -> Vec<Vec<String>> {
    let mut calls = Vec::new();
    for line in page.command_lines() {
        for part in line.split(['|', ';', '(', ')']) {
            let words: Vec<_> = part.split_whitespace().take_while(|word| !word.starts_with('#')).collect();
            let after = match words.as_slice() {
                ["rowkeep", after @ ..] | ["target/release/rowkeep", after @ ..] => after,
                ["cargo", "run", after @ ..] => {
                    let after: Vec<_> = after.iter().skip_while(|word| **word != "--").skip(1).collect();
                    calls.push(after.into_iter().map(|word| (*word).to_owned()).collect());
                    continue;
                }
                _ => continue,
            };
            calls.push(after.iter().map(|word| (*word).to_owned()).collect());
        }
    }
    calls
}

#[test]
fn every_command_named_in_a_page_exists() {
    let known = commands();
    let mut found = 0;
    for page in Page::for_readers() {
        for words in calls(&page) {
            found += 1;
            let command = words.first().filter(|word| !word.starts_with('-')).cloned().unwrap_or_default();
            let options = known.get(&command);
            let options = options.unwrap_or_else(|| panic!("{}: there is no rowkeep {command}", page.path));
            for option in words.iter().filter_map(|word| word.strip_prefix("--")) {
                let name = option.split('=').next().unwrap_or_default();
                assert!(options.iter().any(|known| known == name), "{}: no --{name} in {words:?}", page.path);
            }
        }
    }
    assert!(found > 10, "only {found} commands are named: the pages are not parsed correctly");
}

#[test]
fn every_command_is_described_in_its_page() {
    let known: BTreeSet<_> =
        commands().into_keys().filter(|name| !matches!(name.as_str(), "" | "help")).collect();

    assert_eq!(known, COMMANDS.iter().map(|(name, _)| (*name).to_owned()).collect());
    for (name, page) in COMMANDS {
        let named =
            calls(&Page::read(page)).iter().any(|words| words.first().is_some_and(|word| word == name));
        assert!(named, "{page} does not say what `rowkeep {name}` does");
    }
}

/// The targets of the Makefile.
fn targets(makefile: &str) -> BTreeSet<String> {
    let names = makefile.lines().filter_map(|line| line.split_once(':').map(|(name, _)| name));
    let is_name = |name: &&str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    names.filter(is_name).map(str::to_owned).collect()
}

#[test]
fn every_make_target_named_in_a_page_exists_and_those_for_people_are_explained() {
    let makefile = std::fs::read_to_string(root().join("Makefile")).expect("a Makefile");
    let targets = targets(&makefile);
    let called = |page: &Page| {
        let lines = page.command_lines().into_iter();
        let words = lines.filter_map(|line| line.strip_prefix("make ").map(str::to_owned));
        words.filter_map(|words| words.split_whitespace().next().map(str::to_owned)).collect::<BTreeSet<_>>()
    };

    for page in Page::for_readers() {
        for name in called(&page) {
            assert!(targets.contains(&name), "{}: there is no make {name}", page.path);
        }
    }
    // The comment at the top of the Makefile lists the targets for people.
    let explained = called(&Page::read("CONTRIBUTING.md"));
    let head = makefile.lines().filter_map(|line| line.strip_prefix("# make ")?.split_whitespace().next());
    let head: Vec<_> = head.collect();
    assert!(head.len() > 4, "{head:?}");
    for name in head {
        assert!(explained.contains(name), "CONTRIBUTING.md does not say what `make {name}` does");
    }
}
