//! The two identity functions, replaced by versions that look right.

use super::mutant::{Mutant, mutant, try_each};
use super::test_cluster::TestCluster;

const UNEXPECTED_BODY: &str = "FAIL identity app.current_user_id() does not have the expected body";
const DRIFT: &str = "FAIL drift function app.current_user_id() is not as declared";
const UNEXPECTED_IDENTIFY_BODY: &str = "FAIL identity app.identify(text) does not have the expected body";
const IDENTIFY_DRIFT: &str = "FAIL drift function app.identify(text) is not as declared";

/// `app.current_user_id` with another body, and what the proof shows then.
fn current_user_id_with(properties: &str, body: &str, proof: &[&str]) -> Mutant {
    let damage = format!("create or replace function app.current_user_id() returns text {properties} {body}");
    mutant(damage, &[&[UNEXPECTED_BODY, DRIFT], proof].concat())
}

/// `app.identify` with another body.
fn identify_with(language: &str, body: &str, notices: &[&str]) -> Mutant {
    let damage = format!(
        "create or replace function app.identify(user_id text) returns void language {language} volatile as $body${body}$body$"
    );
    let body = if language == "plpgsql" { UNEXPECTED_IDENTIFY_BODY } else { IDENTIFY_DRIFT };
    mutant(damage, &[&[IDENTIFY_DRIFT, body], notices].concat())
}

/// `app.identify` with one changed passage.
fn identify_with_passage(passage: &str, otherwise: &str, proof: &[&str]) -> Mutant {
    let migration = include_str!("../../../migrations/V4__cheaper_identity.sql");
    let body = migration.split("$$").nth(1).expect("a body");
    assert_eq!(body.matches(passage).count(), 1, "{passage}");
    identify_with("plpgsql", &body.replace(passage, otherwise), proof)
}

const UNCHANGED_PROPERTIES: &str = "language sql stable parallel safe";

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_changed_current_user_id_is_reported() {
    let own = "nullif(pg_catalog.current_setting('app.user_id', true), '')";
    let mutants = vec![
        current_user_id_with(
            UNCHANGED_PROPERTIES,
            "return pg_catalog.current_setting('app.user_id', true)",
            &[],
        ),
        current_user_id_with(
            UNCHANGED_PROPERTIES,
            "return pg_catalog.current_setting('app.user_id')",
            &["FAIL proof"],
        ),
        current_user_id_with(
            UNCHANGED_PROPERTIES,
            "return nullif(pg_catalog.current_setting('app.user_id', true), 'nobody')",
            &[],
        ),
        current_user_id_with(
            UNCHANGED_PROPERTIES,
            "return 'alice'",
            &["FAIL proof app.tasks: INSERT as nobody"],
        ),
        current_user_id_with(UNCHANGED_PROPERTIES, "return null", &["FAIL proof app.tasks: not tried"]),
        current_user_id_with(
            UNCHANGED_PROPERTIES,
            "return nullif(pg_catalog.current_setting('app.user', true), '')",
            &["FAIL proof"],
        ),
        current_user_id_with(
            UNCHANGED_PROPERTIES,
            "return nullif(pg_catalog.current_setting('application_name', true), '')",
            &["FAIL proof"],
        ),
        current_user_id_with(
            UNCHANGED_PROPERTIES,
            &format!("return coalesce({own}, 'alice')"),
            &["FAIL proof app.tasks: INSERT as nobody"],
        ),
        current_user_id_with(
            UNCHANGED_PROPERTIES,
            &format!("return coalesce({own}, session_user)"),
            &["FAIL proof app.tasks: INSERT as nobody"],
        ),
        current_user_id_with(UNCHANGED_PROPERTIES, &format!("return lower({own})"), &[]),
        current_user_id_with(UNCHANGED_PROPERTIES, &format!("return btrim({own})"), &[]),
        current_user_id_with(UNCHANGED_PROPERTIES, &format!("return left({own}, 10)"), &["FAIL proof"]),
        current_user_id_with(UNCHANGED_PROPERTIES, &format!("return split_part({own}, ':', 1)"), &[]),
        current_user_id_with(
            UNCHANGED_PROPERTIES,
            &format!("return case when {own} = 'root' then 'alice' else {own} end"),
            &[],
        ),
        current_user_id_with(
            UNCHANGED_PROPERTIES,
            "as $$ select nullif(pg_catalog.current_setting('app.user_id', true), '') $$",
            &[],
        ),
        current_user_id_with(
            "language plpgsql stable parallel safe",
            &format!("as $$ begin return {own}; end $$"),
            &[],
        ),
        current_user_id_with(
            "language plpgsql stable parallel safe",
            "as $$ begin return 'alice'; end $$",
            &["FAIL proof"],
        ),
        mutant(
            "alter function app.current_user_id() immutable",
            &[
                "FAIL identity app.current_user_id() is IMMUTABLE",
                DRIFT,
                "FAIL proof app.tasks: one prepared SELECT",
            ],
        ),
        mutant(
            "alter function app.current_user_id() volatile",
            &["FAIL identity app.current_user_id() is VOLATILE", DRIFT],
        ),
        mutant(
            "alter function app.current_user_id() security definer",
            &["FAIL function app.current_user_id() is SECURITY DEFINER", DRIFT],
        ),
        mutant("alter function app.current_user_id() strict", &[DRIFT]),
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
        identify_with_passage(sets, "perform pg_catalog.set_config('app.user_id', user_id, false);", &[]),
        identify_with_passage(sets, "perform pg_catalog.set_config('app.user_id', user_id, true);", &[]),
        identify_with_passage(sets, "execute pg_catalog.format('set app.user_id = %L', user_id);", &[]),
        identify_with_passage(
            sets,
            "execute pg_catalog.format('set local app.user = %L', user_id);",
            &["FAIL proof"],
        ),
        identify_with_passage(sets, "execute 'set local app.user_id = ''' || user_id || '''';", &[]),
        identify_with_passage(sets, &format!("user_id := lower(user_id); {sets}"), &[]),
        identify_with_passage(restricts, "", &["FAIL proof app.tasks: SELECT as A: showed"]),
        identify_with_passage(restricts, "set role rowkeep_api;", &[]),
        identify_with_passage(restricts, "set local role rowkeep_owner;", &["FAIL proof"]),
        identify_with_passage(
            restricts,
            &format!("set local row_security = off; {restricts}"),
            &["FAIL proof"],
        ),
        identify_with_passage(refuses, "if user_id is null then", &[]),
        identify_with_passage(refuses, "if user_id operator(pg_catalog.=) '' then", &[]),
        identify_with_passage(refuses, "if false then", &[]),
        identify_with_passage(refuses, &format!("if user_id = 'root' then return; end if; {refuses}"), &[]),
        identify_with_passage("raise exception", "raise warning", &[]),
        // A name that is found by search_path, and text that only looks like a comment.
        identify_with_passage("operator(pg_catalog.=)", "=", &[]),
        identify_with_passage("pg_catalog.format(", "format(", &[]),
        identify_with_passage("'set local app.user_id", "'set--' || version() || '\nlocal app.user_id", &[]),
        identify_with_passage("-- SET LOCAL and", "perform version(); -- SET LOCAL and", &[]),
        identify_with("plpgsql", "begin end", &["FAIL proof"]),
        identify_with(
            "sql",
            "select pg_catalog.set_config('app.user_id', user_id, true), pg_catalog.set_config('role', 'rowkeep_api', true); select null::void",
            &["FAIL function app.identify(text) is not plpgsql"],
        ),
        mutant(
            "alter function app.identify(text) security definer",
            &["FAIL function app.identify(text) is SECURITY DEFINER", IDENTIFY_DRIFT, "FAIL proof"],
        ),
        mutant(
            "alter function app.identify(text) strict",
            &["FAIL identity app.identify(text) is STRICT", IDENTIFY_DRIFT],
        ),
        mutant("alter function app.identify(text) stable", &[IDENTIFY_DRIFT, "FAIL proof"]),
        mutant(
            "alter function app.identify(text) set role = 'rowkeep_owner'",
            &["FAIL function app.identify(text) has settings of its own", IDENTIFY_DRIFT],
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
    let replaced = |name: &str, body: &str| {
        let expected = format!("FAIL identity pg_catalog.{name}: not the one that PostgreSQL installs");
        mutant(format!("create or replace function pg_catalog.{name} {body}"), &[&expected]).by_hand()
    };
    let mutants = vec![
        replaced(
            "current_setting(text,boolean)",
            "returns text language sql stable as 'select ''alice''::text'",
        ),
        replaced(
            "format(text,text)",
            "returns text language sql as 'select ''set local app.user_id = alice''::text'",
        ),
        replaced("texteq(text,text)", "returns boolean language sql immutable strict as 'select true'"),
    ];
    // The audit itself calls some of these functions, so each mutant has its own copy of the database.
    for mutant in mutants {
        try_each(TestCluster::shared().await, "migrated", vec![mutant]).await;
    }
}
