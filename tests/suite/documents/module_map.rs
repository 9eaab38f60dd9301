//! The module map in src/lib.rs names every module, and a module uses only modules that stand below it in the map.

use std::fs;
use std::path::Path;

/// The modules in the order of the map.
fn map() -> Vec<String> {
    let rows = include_str!("../../../src/lib.rs").lines().filter_map(|line| line.strip_prefix("//! | "));
    // A module that is not in every build has no link.
    let rows = rows.filter_map(|row| row.trim_start_matches('[').strip_prefix('`'));
    let names = rows.filter_map(|row| row.split('`').next()).filter(|name| !name.contains(':'));
    names.map(str::to_owned).collect()
}

/// The top-level modules that a text uses as `crate::name` or `crate::{name, ..}`.
fn used_modules(text: &str) -> Vec<&str> {
    let is_name = |c: char| c.is_ascii_lowercase() || c == '_';
    text.split("crate::")
        .skip(1)
        .flat_map(|rest| match rest.strip_prefix('{') {
            Some(list) => list.split('}').next().unwrap_or_default().split(',').collect::<Vec<_>>(),
            None => vec![rest],
        })
        .map(|path| {
            let path = path.trim();
            path.split(|c| !is_name(c)).next().unwrap_or_default()
        })
        .collect()
}

fn check(file: &Path, module: &str, map: &[String]) {
    let text = fs::read_to_string(file).expect("a source file");
    let rank = |name: &str| map.iter().position(|known| known == name);
    for used in used_modules(&text) {
        let stands_above = rank(used).is_some_and(|used| Some(used) < rank(module));
        assert!(!stands_above, "{} uses {used}, which stands above {module} in the map", file.display());
    }
}

#[test]
fn every_module_is_in_the_map_and_uses_only_modules_below_it() {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let map = map();

    let mut folders = vec![source.clone()];
    let mut modules = 0;
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let inside = path.strip_prefix(&source).expect("a file in src").with_extension("");
            let module = inside.iter().next().expect("a name").to_string_lossy().into_owned();
            if module == "lib" || module == "main" {
                continue;
            }
            assert!(map.contains(&module), "the map in src/lib.rs does not name {module}");
            check(&path, &module, &map);
            modules += 1;
        }
    }
    assert!(modules > map.len(), "the source files were not found");
}
