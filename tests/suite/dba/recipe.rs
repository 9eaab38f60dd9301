//! The blocks of a recipe.

use std::collections::VecDeque;

use crate::documents::markdown::{Block, Page};

/// A recipe of docs/dba.md. A test takes its blocks in their order. Dropping it fails the test if one is left.
pub struct Recipe {
    name: &'static str,
    blocks: VecDeque<Block>,
}

impl Recipe {
    pub fn of(name: &'static str) -> Self {
        Self { name, blocks: Page::read("docs/dba.md").blocks_of(name).into() }
    }

    /// The next block, which is SQL for psql.
    pub fn sql(&mut self) -> String {
        self.block("sql")
    }

    /// The next block, which is for the shell.
    pub fn sh(&mut self) -> String {
        self.block("sh")
    }

    fn block(&mut self, language: &str) -> String {
        let block = self.blocks.pop_front().unwrap_or_else(|| panic!("{}: no more blocks", self.name));
        assert_eq!(block.language, language, "{}: {}", self.name, block.text);
        block.text
    }
}

impl Drop for Recipe {
    fn drop(&mut self) {
        assert!(
            self.blocks.is_empty() || std::thread::panicking(),
            "{}: no test has run {:?}",
            self.name,
            self.blocks
        );
    }
}
