//! Links between the documents, and the files that they name.

use std::path::{Component, Path, PathBuf};

use super::markdown::{Page, root};

/// The path of a link from the root of the checkout. None if it is outside of the checkout.
fn resolved(page: &str, target: &str) -> Option<PathBuf> {
    let mut path = PathBuf::new();
    for part in Path::new(page).parent()?.join(target).components() {
        match part {
            Component::Normal(name) => path.push(name),
            Component::ParentDir if path.pop() => {}
            Component::CurDir => {}
            _ => return None,
        }
    }
    Some(path)
}

/// Why a link is broken. None if it has a target.
fn problem(page: &Page, link: &str) -> Option<String> {
    if link.starts_with("https://") || link.starts_with("http://") || link.starts_with("mailto:") {
        return None;
    }
    let (target, anchor) = link.split_once('#').unwrap_or((link, ""));
    let anchors = match target {
        "" => page.anchors(),
        target => match resolved(&page.path, target).filter(|path| root().join(path).exists()) {
            // Only pages have headings.
            Some(path) if target.ends_with(".md") => Page::read(&path.display().to_string()).anchors(),
            Some(_) => vec![],
            None => return Some(format!("{}: {link} there is no such file", page.path)),
        },
    };
    let exists = anchor.is_empty() || anchors.iter().any(|known| known == anchor);
    (!exists).then(|| format!("{}: {link} there is no such heading", page.path))
}

#[test]
fn every_link_has_a_target() {
    let pages = Page::all();

    let problem =
        |page: &Page| page.links().iter().filter_map(|link| problem(page, link)).collect::<Vec<_>>();
    let problems: Vec<_> = pages.iter().flat_map(problem).collect();

    assert!(
        pages.iter().map(|page| page.links().len()).sum::<usize>() > 50,
        "too few links: the pages are not parsed correctly"
    );
    assert_eq!(problems, [""; 0]);
}

#[test]
fn broken_links_are_found() {
    let page = Page {
        path: "docs/page.md".into(),
        text: "# Here\n[a](#here) [b](../README.md#run-it) [c](#there) [d](other.md) [e](../README.md#walk-it) [f](../../x)\n"
            .into(),
    };

    let problems: Vec<_> = page.links().iter().filter_map(|link| problem(&page, link)).collect();

    assert_eq!(
        problems,
        [
            "docs/page.md: #there there is no such heading",
            "docs/page.md: other.md there is no such file",
            "docs/page.md: ../README.md#walk-it there is no such heading",
            "docs/page.md: ../../x there is no such file",
        ]
    );
}

/// Checks paths between backticks. The changelog also names files of the past, so it is left out.
#[test]
fn every_file_named_in_a_page_exists() {
    const FOLDERS: [&str; 12] = [
        "src/",
        "sql/",
        "policies/",
        "migrations/",
        "tests/",
        "bench/",
        "docs/",
        "examples/",
        "build/",
        "deploy/",
        "fuzz/",
        ".ci/",
    ];
    let mut missing = Vec::new();
    let mut found = 0;
    for page in Page::all().iter().filter(|page| page.path != "CHANGELOG.md") {
        for span in page.code_spans() {
            let is_path = FOLDERS.iter().any(|folder| span.starts_with(folder));
            if !is_path || span.contains(['<', '{', '*', '…', ' ']) {
                continue;
            }
            found += 1;
            if !root().join(&span).exists() {
                missing.push(format!("{}: {span}", page.path));
            }
        }
    }

    assert!(found > 20, "only {found} files are named: the pages are not parsed correctly");
    assert_eq!(missing, [""; 0]);
}

#[test]
fn the_readme_links_to_every_page() {
    let links = Page::read("README.md").links();

    for page in Page::for_readers().iter().filter(|page| page.path != "README.md") {
        assert!(links.contains(&page.path), "README.md does not link to {}", page.path);
    }
}

#[test]
fn the_readme_has_fewer_than_two_hundred_lines() {
    let lines = Page::read("README.md").text.lines().count();

    assert!(lines < 200, "{lines} lines");
}

#[test]
fn one_page_has_the_figures_of_the_benchmark() {
    let pages = Page::all();
    let with_table = pages.iter().filter(|page| page.text.contains("<!-- benchmark -->"));

    assert_eq!(with_table.map(|page| page.path.as_str()).collect::<Vec<_>>(), ["docs/performance.md"]);
}
