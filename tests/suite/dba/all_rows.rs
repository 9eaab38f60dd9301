//! Recipes that read the rows of all users, and load them elsewhere.

use super::recipe::Recipe;
use super::site::{OWNER, OWNERS, Place, Site, assert_same};
use crate::database::support::texts;

/// The recipe to read all rows, the command that runs it, and the recipe to load them.
fn blocks() -> [String; 3] {
    let mut recipe = Recipe::of("Read all rows without BYPASSRLS");
    [recipe.sql(), recipe.sh(), recipe.sql()]
}

/// Loads the rows into another database, and returns its rows.
async fn loads(target: &Place<'_>, login: &str, source: &Place<'_>) -> Vec<String> {
    let rows = source.directory.0.join("tasks.tsv");
    std::fs::copy(rows, target.directory.0.join("tasks.tsv")).expect("a copy");
    target.psql(login, &[], &blocks()[2]).await.expect("rows");
    target.stored().await
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn an_owner_without_bypassrls_reads_all_rows_and_loads_them_elsewhere() {
    for login in OWNERS {
        let (source, target) = (Site::shared().await.with_tasks().await, Site::shared().await.empty().await);
        let (before, elsewhere) = (source.audit().await, target.audit().await);
        let [read, command, _] = blocks();
        source.directory.write("all-rows.sql", &read);

        source.sh(&command, &[("MIGRATION_DATABASE_URL", &source.url(login))]).await;

        assert_same(&before, &source.audit().await);
        assert_eq!(loads(&target, login, &source).await, source.stored().await, "{login}");
        assert_same(&elsewhere, &target.audit().await);
        let behind = "select (last_value >= (select max(id) from app.tasks))::text from app.tasks_id_seq";
        assert_eq!(texts(&target.superuser, behind).await, ["true"], "{login}");
        target.assert_sound().await;
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn an_empty_table_can_be_loaded_as_well() {
    let (source, target) = (Site::shared().await.empty().await, Site::shared().await.empty().await);
    source.directory.write("tasks.tsv", "");

    assert_eq!(loads(&target, OWNER, &source).await, [""; 0]);
    target.assert_sound().await;
}

/// Titles, descriptions and users' ids.
const TEXTS: [&str; 6] = ["secret", "words", "alice", "bob", "carol", " of "];

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn staging_gets_as_many_tasks_of_the_same_lengths_and_nobodys_texts() {
    let site = Site::shared().await;
    let (production, staging) = (site.with_tasks().await, site.empty().await);
    let before = (production.audit().await, staging.audit().await);
    let make = "create role backup login bypassrls; grant pg_read_all_data to backup";
    production.superuser.batch_execute(make).await.expect("a login for backups");
    let mut recipe = Recipe::of("Copy to staging without the texts");
    let (read, command) = (recipe.sql(), recipe.sh());
    production.directory.write("without-texts.sql", &read);

    production.sh(&command, &[]).await;

    let copied = std::fs::read_to_string(production.directory.0.join("tasks.tsv")).expect("a copy");
    assert_eq!(copied.lines().count(), 9, "{copied}");
    assert!(TEXTS.iter().all(|text| !copied.contains(text)), "{copied}");
    loads(&staging, OWNER, &production).await;
    let kept = "select concat_ws(' ', id, char_length(title), char_length(description), completed, created_at, updated_at)
                  from app.tasks order by id";
    assert_eq!(texts(&staging.superuser, kept).await, texts(&production.superuser, kept).await);
    // Two tasks have the same user there if they have the same user here.
    let users = "select string_agg(id::text, ' ' order by id) from app.tasks group by user_id order by 1";
    assert_eq!(texts(&staging.superuser, users).await, texts(&production.superuser, users).await);
    assert_same(&before.0, &production.audit().await);
    assert_same(&before.1, &staging.audit().await);
    staging.assert_sound().await;
}

/// Where the hosting service allows no role with BYPASSRLS.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn the_owner_can_read_for_staging_with_force_lifted() {
    let production = Site::shared().await.with_tasks().await;
    let mut recipe = Recipe::of("Copy to staging without the texts");
    let (read, _) = (recipe.sql(), recipe.sh());
    let [frame, ..] = blocks();
    let (before, after) = frame.split_once("copy (").expect("a copy");
    let (_, after) = after.split_once("to stdout;").expect("an end");

    let copied = production.psql(OWNER, &[], &format!("{before}{read}{after}")).await.expect("rows");

    assert_eq!(copied.matches("user-").count(), 9, "{copied}");
    assert!(TEXTS.iter().all(|text| !copied.contains(text)), "{copied}");
}
