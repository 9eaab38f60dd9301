//! The two identity functions, replaced by versions that look right.

use super::mutant::{Mutant, mutant, try_each};
use super::test_cluster::TestCluster;

const UNSAID: &str = "FAIL identity app.current_user_id() does not have the expected body";
const DRIFTED: &str = "FAIL drift function app.current_user_id() is not as declared";
const OTHER_BODY: &str = "FAIL identity app.identify(text) does not have the expected body";
const UNBOUND: &str = "FAIL function app.identify(text) does not set search_path";
const OTHER_IDENTIFY: &str = "FAIL drift function app.identify(text) is not as declared";

/// `app.current_user_id` with another body, and what the proof shows then.
fn asks(properties: &str, body: &str, proof: &[&str]) -> Mutant {
    let harm = format!("create or replace function app.current_user_id() returns text {properties} {body}");
    let unbound = "FAIL function app.current_user_id() does not set search_path";
    mutant(harm, &[&[UNSAID, DRIFTED, unbound], proof].concat())
}

/// `app.identify` with another body.
fn identifies(language: &str, body: &str, notices: &[&str]) -> Mutant {
    let harm = format!(
        "create or replace function app.identify(user_id text) returns void language {language} volatile as $body${body}$body$"
    );
    mutant(harm, &[&[OTHER_IDENTIFY, OTHER_BODY, UNBOUND], notices].concat())
}

/// `app.identify` with one changed passage.
fn says(passage: &str, otherwise: &str, proof: &[&str]) -> Mutant {
    let migration = include_str!("../../../migrations/V4__cheaper_identity.sql");
    let body = migration.split("$$").nth(1).expect("a body");
    assert_eq!(body.matches(passage).count(), 1, "{passage}");
    identifies("plpgsql", &body.replace(passage, otherwise), proof)
}

const AS_IT_WAS: &str = "language sql stable parallel safe";

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_changed_current_user_id_is_reported() {
    let own = "nullif(pg_catalog.current_setting('app.user_id', true), '')";
    let mutants = vec![
        asks(AS_IT_WAS, "return pg_catalog.current_setting('app.user_id', true)", &[]),
        asks(AS_IT_WAS, "return pg_catalog.current_setting('app.user_id')", &["FAIL proof"]),
        asks(AS_IT_WAS, "return nullif(pg_catalog.current_setting('app.user_id', true), 'nobody')", &[]),
        asks(AS_IT_WAS, "return 'alice'", &["FAIL proof app.tasks: INSERT as nobody"]),
        asks(AS_IT_WAS, "return null", &["FAIL proof app.tasks: not tried"]),
        asks(AS_IT_WAS, "return nullif(pg_catalog.current_setting('app.user', true), '')", &["FAIL proof"]),
        asks(
            AS_IT_WAS,
            "return nullif(pg_catalog.current_setting('application_name', true), '')",
            &["FAIL proof"],
        ),
        asks(
            AS_IT_WAS,
            &format!("return coalesce({own}, 'alice')"),
            &["FAIL proof app.tasks: INSERT as nobody"],
        ),
        asks(
            AS_IT_WAS,
            &format!("return coalesce({own}, session_user)"),
            &["FAIL proof app.tasks: INSERT as nobody"],
        ),
        asks(AS_IT_WAS, &format!("return lower({own})"), &[]),
        asks(AS_IT_WAS, &format!("return btrim({own})"), &[]),
        asks(AS_IT_WAS, &format!("return left({own}, 10)"), &["FAIL proof"]),
        asks(AS_IT_WAS, &format!("return split_part({own}, ':', 1)"), &[]),
        asks(AS_IT_WAS, &format!("return case when {own} = 'root' then 'alice' else {own} end"), &[]),
        asks(AS_IT_WAS, "as $$ select nullif(pg_catalog.current_setting('app.user_id', true), '') $$", &[]),
        asks("language plpgsql stable parallel safe", &format!("as $$ begin return {own}; end $$"), &[]),
        asks("language plpgsql stable parallel safe", "as $$ begin return 'alice'; end $$", &["FAIL proof"]),
        mutant(
            "alter function app.current_user_id() immutable",
            &[
                "FAIL identity app.current_user_id() is IMMUTABLE",
                DRIFTED,
                "FAIL proof app.tasks: one prepared SELECT",
            ],
        ),
        mutant(
            "alter function app.current_user_id() volatile",
            &["FAIL identity app.current_user_id() is VOLATILE", DRIFTED],
        ),
        mutant(
            "alter function app.current_user_id() security definer",
            &["FAIL identity app.current_user_id() is SECURITY DEFINER", DRIFTED],
        ),
        mutant("alter function app.current_user_id() strict", &[DRIFTED]),
        mutant(
            "drop function app.current_user_id() cascade",
            &[
                "FAIL identity app.current_user_id() does not exist",
                "FAIL drift function app.current_user_id() is declared",
                "FAIL policy app.tasks has no fence",
                "FAIL proof",
            ],
        )
        .by_hand(),
        mutant(
            "create function app.current_user_id(fallback text) returns text language sql as 'select fallback'",
            &[
                "FAIL grants execute on app.current_user_id(text) to public",
                "FAIL drift function app.current_user_id(text) exists, but is not declared",
            ],
        ),
    ];
    try_each(TestCluster::shared().await, "migrated", mutants).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_changed_identify_is_reported() {
    let sets = "execute pg_catalog.format('set local app.user_id = %L', user_id);";
    let restricts = "set local role rowkeep_api;";
    let refuses = "if user_id is null or user_id operator(pg_catalog.=) '' then";
    let mutants = vec![
        says(sets, "perform pg_catalog.set_config('app.user_id', user_id, false);", &[]),
        says(sets, "perform pg_catalog.set_config('app.user_id', user_id, true);", &[]),
        says(sets, "execute pg_catalog.format('set app.user_id = %L', user_id);", &[]),
        says(sets, "execute pg_catalog.format('set local app.user = %L', user_id);", &["FAIL proof"]),
        says(sets, "execute 'set local app.user_id = ''' || user_id || '''';", &[]),
        says(sets, &format!("user_id := lower(user_id); {sets}"), &[]),
        says(restricts, "", &["FAIL proof app.tasks: SELECT as A: showed"]),
        says(restricts, "set role rowkeep_api;", &[]),
        says(restricts, "set local role rowkeep_owner;", &["FAIL proof"]),
        says(restricts, &format!("set local row_security = off; {restricts}"), &["FAIL proof"]),
        says(refuses, "if user_id is null then", &[]),
        says(refuses, "if user_id operator(pg_catalog.=) '' then", &[]),
        says(refuses, "if false then", &[]),
        says(refuses, &format!("if user_id = 'root' then return; end if; {refuses}"), &[]),
        says("raise exception", "raise warning", &[]),
        // A name that is found by search_path, and text that only looks like a comment.
        says("operator(pg_catalog.=)", "=", &[]),
        says("pg_catalog.format(", "format(", &[]),
        says("'set local app.user_id", "'set--' || version() || '\nlocal app.user_id", &[]),
        says("-- SET LOCAL and", "perform version(); -- SET LOCAL and", &[]),
        identifies("plpgsql", "begin end", &["FAIL proof"]),
        identifies(
            "sql",
            "select pg_catalog.set_config('app.user_id', user_id, true), pg_catalog.set_config('role', 'rowkeep_api', true); select null::void",
            &["FAIL function app.identify(text) is not plpgsql"],
        ),
        mutant(
            "alter function app.identify(text) security definer",
            &["FAIL function app.identify(text) is SECURITY DEFINER", OTHER_IDENTIFY, "FAIL proof"],
        ),
        mutant(
            "alter function app.identify(text) strict",
            &["FAIL identity app.identify(text) is STRICT", OTHER_IDENTIFY],
        ),
        mutant("alter function app.identify(text) stable", &[OTHER_IDENTIFY, "FAIL proof"]),
        mutant(
            "alter function app.identify(text) set role = 'rowkeep_owner'",
            &["FAIL function app.identify(text) has settings of its own", OTHER_IDENTIFY],
        ),
        mutant(
            "create function app.identify(user_id varchar) returns void language sql as 'select'",
            &[
                "FAIL grants execute on app.identify(character varying) to public",
                "FAIL drift function app.identify(character varying) exists, but is not declared",
            ],
        ),
        mutant(
            "drop function app.identify(text)",
            &[
                "FAIL identity app.identify(text) does not exist",
                "FAIL drift function app.identify(text) is declared",
                "FAIL proof",
            ],
        )
        .by_hand(),
    ];
    try_each(TestCluster::shared().await, "migrated", mutants).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_replaced_function_of_postgres_is_reported() {
    let stands_in = |name: &str, body: &str| {
        let said = format!("FAIL identity pg_catalog.{name} is not the one that PostgreSQL installs");
        mutant(format!("create or replace function pg_catalog.{name} {body}"), &[&said]).by_hand()
    };
    let mutants = vec![
        stands_in(
            "current_setting(text,boolean)",
            "returns text language sql stable as 'select ''alice''::text'",
        ),
        stands_in(
            "format(text,text)",
            "returns text language sql as 'select ''set local app.user_id = alice''::text'",
        ),
        stands_in("texteq(text,text)", "returns boolean language sql immutable strict as 'select true'"),
    ];
    // The audit itself calls some of these functions, so each mutant has its own copy of the database.
    for mutant in mutants {
        try_each(TestCluster::shared().await, "migrated", vec![mutant]).await;
    }
}
