//! Parses the parts of Markdown that the documents use, as GitHub does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The root of the checkout.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// A Markdown file of this repository.
pub struct Page {
    /// The path from the root of the checkout, such as `docs/api.md`.
    pub path: String,
    pub text: String,
}

/// A fenced block.
#[derive(Clone, Debug)]
pub struct Block {
    pub language: String,
    pub text: String,
}

impl Page {
    pub fn read(path: &str) -> Self {
        let text = std::fs::read_to_string(root().join(path));
        Self { path: path.into(), text: text.unwrap_or_else(|error| panic!("{path}: {error}")) }
    }

    /// Every Markdown file, except those in `target` and `node_modules`.
    pub fn all() -> Vec<Self> {
        let mut paths = Vec::new();
        find(root(), &mut paths);
        paths.sort();
        let relative =
            |path: &PathBuf| path.strip_prefix(root()).expect("below the root").display().to_string();
        paths.iter().map(|path| Self::read(&relative(path))).collect()
    }

    /// The pages at the root and in `docs/`.
    pub fn for_readers() -> Vec<Self> {
        let mut pages = Self::all();
        pages.retain(|page| !page.path.contains('/') || page.path.starts_with("docs/"));
        pages
    }

    /// The text of the page outside fenced blocks.
    pub fn prose(&self) -> String {
        let mut fenced = false;
        let lines = self.text.lines().filter(|line| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            !fence && !fenced
        });
        lines.map(|line| format!("{line}\n")).collect()
    }

    pub fn blocks(&self) -> Vec<Block> {
        let mut parts = self.text.split("\n```");
        parts.next();
        let block = |part: &str| {
            let (language, text) = part.split_once('\n').unwrap_or((part, ""));
            Block { language: language.trim().into(), text: text.trim_end().into() }
        };
        parts.step_by(2).map(block).collect()
    }

    /// The fenced blocks under the heading with that name, up to the next heading of the same or a higher level.
    pub fn blocks_of(&self, name: &str) -> Vec<Block> {
        let mut fenced = false;
        let mut level = None;
        let mut text = String::new();
        for line in self.text.lines() {
            fenced ^= line.starts_with("```");
            match (heading(line).filter(|_| !fenced), level) {
                (Some((found, title)), None) if title == name => level = Some(found),
                (Some((found, _)), Some(level)) if found <= level => break,
                (_, Some(_)) => text.push_str(&format!("\n{line}")),
                (_, None) => {}
            }
        }
        assert!(level.is_some(), "{}: no {name}", self.path);
        Self { path: self.path.clone(), text }.blocks()
    }

    /// Each block of commands that is followed by its output, and that output.
    pub fn commands_with_output(&self) -> Vec<(String, String)> {
        let blocks = self.blocks();
        let pairs = blocks
            .windows(2)
            .filter(|pair| pair[0].language == "sh" && matches!(pair[1].language.as_str(), "text" | "json"));
        pairs.map(|pair| (pair[0].text.clone(), pair[1].text.clone())).collect()
    }

    /// The texts between backticks, outside fenced blocks.
    pub fn code_spans(&self) -> Vec<String> {
        self.prose().split('`').skip(1).step_by(2).map(str::to_owned).collect()
    }

    /// The command lines in blocks of `sh` and between backticks, without leading assignments of variables.
    pub fn command_lines(&self) -> Vec<String> {
        let blocks = self.blocks().into_iter().filter(|block| block.language == "sh");
        let lines = blocks.flat_map(|block| block.text.lines().map(str::to_owned).collect::<Vec<_>>());
        let is_assignment = |word: &&str| {
            word.split_once('=')
                .is_some_and(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
        };
        let command =
            |line: String| line.split_whitespace().skip_while(is_assignment).collect::<Vec<_>>().join(" ");
        lines.chain(self.code_spans()).map(command).collect()
    }

    /// The text under the heading with that name, up to the next heading of the same or a higher level.
    pub fn section(&self, name: &str) -> String {
        let prose = self.prose();
        let mut lines = prose.lines().skip_while(|line| heading(line).is_none_or(|(_, text)| text != name));
        let (level, _) = lines.next().and_then(heading).unwrap_or_else(|| panic!("{}: no {name}", self.path));
        let lines = lines.take_while(|line| heading(line).is_none_or(|(other, _)| other > level));
        lines.map(|line| format!("{line}\n")).collect()
    }

    /// The anchors of the headings, as GitHub makes them.
    pub fn anchors(&self) -> Vec<String> {
        let mut counts = BTreeMap::<String, usize>::new();
        let prose = self.prose();
        let headings = prose.lines().filter_map(heading);
        let anchor = |(_, text): (usize, &str)| {
            let anchor = anchor(text);
            let count = counts.entry(anchor.clone()).or_default();
            *count += 1;
            if *count == 1 { anchor } else { format!("{anchor}-{}", *count - 1) }
        };
        headings.map(anchor).collect()
    }

    /// The targets of the links and images of the page.
    pub fn links(&self) -> Vec<String> {
        let without_code: String = self.prose().split('`').step_by(2).collect();
        let targets = without_code.split("](").skip(1);
        targets.filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())).collect()
    }
}

/// The cells of the rows of all tables in a text, with headers and separator lines.
pub fn rows(text: &str) -> Vec<Vec<String>> {
    let lines = text.lines().filter_map(|line| line.strip_prefix('|')?.strip_suffix('|'));
    lines.map(|line| line.split('|').map(|cell| cell.trim().to_owned()).collect()).collect()
}

/// The texts between backticks in one cell.
pub fn codes(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn heading(line: &str) -> Option<(usize, &str)> {
    let level = line.bytes().take_while(|byte| *byte == b'#').count();
    Some((level, line.get(level..)?.strip_prefix(' ')?.trim())).filter(|_| (1..=6).contains(&level))
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).flat_map(char::to_lowercase).collect()
}

fn find(directory: &Path, paths: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(directory).expect("a directory").flatten() {
        let (path, name) = (entry.path(), entry.file_name().to_string_lossy().into_owned());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            if !matches!(name.as_str(), ".git" | "target" | "node_modules") {
                find(&path, paths);
            }
        } else if name.ends_with(".md") {
            paths.push(path);
        }
    }
}

#[test]
fn anchors_are_those_of_github() {
    let page = Page {
        path: "page.md".into(),
        text: "# A `code` title, twice!\n\n```sh\n# no heading\n```\n## Back up & restore\n### Été_2\n## Back up & restore\n"
            .into(),
    };

    assert_eq!(page.anchors(), ["a-code-title-twice", "back-up--restore", "été_2", "back-up--restore-1"]);
}
