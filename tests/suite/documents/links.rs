//! Links between the documents, and the files that they name.

use std::path::{Component, Path, PathBuf};

use super::markdown::{Page, root};

/// A path without `..`; none, when it leads out of the checkout.
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

/// Why a link of a page leads nowhere.
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
            None => return Some(format!("{}: {link} leads to no file", page.path)),
        },
    };
    let leads = anchor.is_empty() || anchors.iter().any(|known| known == anchor);
    (!leads).then(|| format!("{}: {link} leads to no heading", page.path))
}

#[test]
fn every_link_and_anchor_leads_somewhere() {
    let pages = Page::all();

    let problem =
        |page: &Page| page.links().iter().filter_map(|link| problem(page, link)).collect::<Vec<_>>();
    let problems: Vec<_> = pages.iter().flat_map(problem).collect();

    assert!(pages.iter().map(|page| page.links().len()).sum::<usize>() > 50, "links are found");
    assert_eq!(problems, [""; 0]);
}

#[test]
fn links_that_lead_nowhere_are_found() {
    let page = Page {
        path: "docs/page.md".into(),
        text: "# Here\n[a](#here) [b](../README.md#run-it) [c](#there) [d](other.md) [e](../README.md#walk-it) [f](../../x)\n"
            .into(),
    };

    let problems: Vec<_> = page.links().iter().filter_map(|link| problem(&page, link)).collect();

    assert_eq!(
        problems,
        [
            "docs/page.md: #there leads to no heading",
            "docs/page.md: other.md leads to no file",
            "docs/page.md: ../README.md#walk-it leads to no heading",
            "docs/page.md: ../../x leads to no file",
        ]
    );
}

/// What the documents call a file of this repository, between backticks, is one. The changelog speaks of the past as well.
#[test]
fn every_file_that_is_named_exists() {
    const FOLDERS: [&str; 8] =
        ["src/", "sql/", "policies/", "migrations/", "tests/", "bench/", "docs/", ".ci/"];
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

    assert!(found > 20, "{found} files are named");
    assert_eq!(missing, [""; 0]);
}

#[test]
fn the_readme_leads_to_every_page() {
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

/// Figures of the benchmark stand in one page.
#[test]
fn the_benchmark_writes_to_one_page() {
    let pages = Page::all();
    let with_table = pages.iter().filter(|page| page.text.contains("<!-- benchmark -->"));

    assert_eq!(with_table.map(|page| page.path.as_str()).collect::<Vec<_>>(), ["docs/performance.md"]);
}
