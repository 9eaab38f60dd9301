//! The two functions that say who is asking, rewritten in ways that look right.

use super::bench::Bench;
use super::mutant::{Mutant, mutant, try_each};

const UNSAID: &str = "FAIL identity app.current_user_id() does not say what it must";
const DRIFTED: &str = "FAIL drift function app.current_user_id() is not as declared";
const OTHER_BODY: &str = "FAIL identity app.identify(text) does not say what it must";
const OTHER_IDENTIFY: &str = "FAIL drift function app.identify(text) is not as declared";

/// `app.current_user_id` with another body, and what a trial shows then.
fn asks(properties: &str, body: &str, proof: &[&str]) -> Mutant {
    let harm = format!("create or replace function app.current_user_id() returns text {properties} {body}");
    mutant(harm, &[&[UNSAID, DRIFTED], proof].concat())
}

/// `app.identify` with another body.
fn identifies(language: &str, body: &str, proof: &[&str]) -> Mutant {
    let harm = format!(
        "create or replace function app.identify(user_id text) returns void language {language} volatile \
         set search_path = '' as $body$ {body} $body$"
    );
    mutant(harm, &[&[OTHER_IDENTIFY], proof].concat())
}

const AS_IT_WAS: &str = "language sql stable parallel safe set search_path = ''";
const REFUSES: &str = "if user_id is null or user_id = '' then raise exception 'app.identify needs a user id' \
                       using errcode = 'invalid_authorization_specification'; end if;";
const SETS: &str = "execute pg_catalog.format('set local app.user_id = %L', user_id);";
const RESTRICTS: &str = "set local role rowkeep_api;";

#[tokio::test]
async fn a_current_user_that_is_somebody_else_is_named() {
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
        asks(
            "language plpgsql stable parallel safe set search_path = ''",
            &format!("as $$ begin return {own}; end $$"),
            &[],
        ),
        asks(
            "language plpgsql stable parallel safe set search_path = ''",
            "as $$ begin return 'alice'; end $$",
            &["FAIL proof"],
        ),
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
                "FAIL drift function app.current_user_id(text) is live, and not declared",
            ],
        ),
    ];
    try_each(Bench::shared().await, "migrated", mutants).await;
}

#[tokio::test]
async fn an_identification_that_identifies_otherwise_is_named() {
    let own_body = format!("begin {REFUSES} {SETS} {RESTRICTS} end");
    let mutants = vec![
        identifies(
            "plpgsql",
            &format!(
                "begin {REFUSES} perform pg_catalog.set_config('app.user_id', user_id, false); {RESTRICTS} end"
            ),
            &[OTHER_BODY],
        ),
        identifies(
            "plpgsql",
            &format!(
                "begin {REFUSES} execute pg_catalog.format('set app.user_id = %L', user_id); {RESTRICTS} end"
            ),
            &[OTHER_BODY],
        ),
        identifies(
            "plpgsql",
            &format!(
                "begin {REFUSES} perform pg_catalog.set_config('app.user_id', user_id, true); {RESTRICTS} end"
            ),
            &[OTHER_BODY],
        ),
        identifies(
            "plpgsql",
            &format!("begin {REFUSES} {SETS} end"),
            &[OTHER_BODY, "FAIL proof app.tasks: SELECT as A: showed"],
        ),
        identifies("plpgsql", &format!("begin {REFUSES} {SETS} set role rowkeep_api; end"), &[OTHER_BODY]),
        identifies(
            "plpgsql",
            &format!("begin {REFUSES} {SETS} set local role rowkeep_owner; end"),
            &[OTHER_BODY, "FAIL proof"],
        ),
        identifies("plpgsql", &format!("begin {SETS} {RESTRICTS} end"), &[OTHER_BODY]),
        identifies(
            "plpgsql",
            &format!("begin if user_id is null then return; end if; {SETS} {RESTRICTS} end"),
            &[OTHER_BODY],
        ),
        identifies(
            "plpgsql",
            &format!("begin {REFUSES} if user_id = 'root' then return; end if; {SETS} {RESTRICTS} end"),
            &[OTHER_BODY],
        ),
        identifies(
            "plpgsql",
            &format!("begin {REFUSES} user_id := lower(user_id); {SETS} {RESTRICTS} end"),
            &[OTHER_BODY],
        ),
        identifies(
            "plpgsql",
            &format!(
                "begin {REFUSES} execute 'set local app.user_id = ''' || user_id || ''''; {RESTRICTS} end"
            ),
            &[OTHER_BODY],
        ),
        identifies(
            "plpgsql",
            &format!(
                "begin {REFUSES} execute pg_catalog.format('set local app.user = %L', user_id); {RESTRICTS} end"
            ),
            &[OTHER_BODY, "FAIL proof"],
        ),
        identifies(
            "plpgsql",
            &format!("begin {REFUSES} {SETS} set local row_security = off; {RESTRICTS} end"),
            &[OTHER_BODY, "FAIL proof"],
        ),
        identifies("plpgsql", "begin end", &[OTHER_BODY, "FAIL proof"]),
        identifies(
            "sql",
            "select pg_catalog.set_config('app.user_id', user_id, true), pg_catalog.set_config('role', 'rowkeep_api', true); select null::void",
            &["FAIL function app.identify(text) is not plpgsql"],
        ),
        mutant(
            format!(
                "create or replace function app.identify(user_id text) returns void language plpgsql as $body$ {own_body} $body$"
            ),
            &["FAIL function app.identify(text) is not bound to search_path", OTHER_IDENTIFY],
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
                "FAIL drift function app.identify(character varying) is live, and not declared",
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
    try_each(Bench::shared().await, "migrated", mutants).await;
}

#[tokio::test]
async fn a_stand_in_for_one_of_postgres_own_functions_is_named() {
    let stands_in = |name: &str, body: &str| {
        let said = format!("FAIL identity pg_catalog.{name} is not PostgreSQL's own");
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
    // Some of what an audit does itself goes by these names, so that each of them has a copy of its own.
    for mutant in mutants {
        try_each(Bench::shared().await, "migrated", vec![mutant]).await;
    }
}
