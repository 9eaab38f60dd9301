//! The recipes of docs/dba.md work: each test runs the blocks of one recipe, as the logins that the recipe names.

mod all_rows;
mod by_hand;
mod merging;
mod moving;
mod one_user;
pub mod recipe;
mod reports;
mod site;
mod upgrade;
mod watching;

use crate::documents::markdown::Page;

/// The sources of this module, in which each recipe has its test.
const TESTS: [&str; 9] = [
    include_str!("dba/all_rows.rs"),
    include_str!("dba/by_hand.rs"),
    include_str!("dba/merging.rs"),
    include_str!("dba/moving.rs"),
    include_str!("dba/one_user.rs"),
    include_str!("dba/reports.rs"),
    include_str!("dba/upgrade.rs"),
    include_str!("dba/watching.rs"),
    include_str!("database/restore.rs"),
];

/// A test of a recipe fails if it leaves a block of it out.
#[test]
fn every_recipe_of_the_page_has_a_test_that_runs_it() {
    let page = Page::read("docs/dba.md");

    let sections: Vec<_> = page.text.lines().filter_map(|line| line.strip_prefix("## ")).collect();
    let recipes = sections.iter().filter(|name| !page.blocks_of(name).is_empty() && **name != "The logins");

    assert!(sections.len() > 10, "{sections:?}");
    for recipe in recipes {
        let taken = format!("Recipe::of(\"{recipe}\")");
        assert!(TESTS.iter().any(|test| test.contains(&taken)), "no test runs the recipe {recipe}");
    }
}
