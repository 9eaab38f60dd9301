//! Rows that Rowkeep cannot hold: each is named, and nothing is changed.

use super::old_server::{OldServer, assert_refused};

/// One good row, and others that break one rule each.
const BROKEN: &str = "
    create table public.tasks (id bigint, user_id text, title text, description text, completed boolean,
                               created_at timestamp, updated_at timestamp);
    insert into public.tasks select n, 'alice', 'x', null, false, '2026-01-01', '2026-01-01'
      from generate_series(0, 18) n;
    insert into public.tasks values
        (9007199254740991, 'alice', 'x', null, false, '2026-01-01', '2026-01-01'),
        (null,             'alice', 'x', null, false, '2026-01-01', '2026-01-01'),
        (18,               'bob',   'x', null, false, '2026-01-01', '2026-01-01');
    update public.tasks set title       = E'\\u3000\\t'                       where id = 2;
    update public.tasks set title       = repeat('x', 201)                    where id = 3;
    update public.tasks set title       = ''                                  where id = 4;
    update public.tasks set title       = null                                where id = 5;
    update public.tasks set description = repeat('x', 1001)                   where id = 6;
    update public.tasks set completed   = null                                where id = 7;
    update public.tasks set created_at  = null, updated_at = null             where id = 8;
    update public.tasks set created_at  = 'infinity'                          where id = 9;
    update public.tasks set updated_at  = '-infinity'                         where id = 10;
    update public.tasks set created_at  = '9999-12-31 23:59:59.999999'        where id = 11;
    update public.tasks set created_at  = '0001-12-31 BC'                     where id = 12;
    update public.tasks set user_id     = null                                where id = 13;
    update public.tasks set user_id     = ''                                  where id = 14;
    update public.tasks set user_id     = E' \\u2003'                         where id = 15;
    update public.tasks set user_id     = E'alice\\n'                         where id = 16;
    update public.tasks set user_id     = repeat('x', 256)                    where id = 17;";

/// One line for each broken rule, in the order of the ids.
const NAMED: &str = "
          row without an id: id is null
          row 0: id must be 1 to 9007199254740990
          row 2: title must not be blank
          row 3: title must be 1 to 200 characters long
          row 4: title must be 1 to 200 characters long
          row 4: title must not be blank
          row 5: title is null
          row 6: description must be at most 1000 characters long
          row 7: completed is null
          row 8: created_at is null
          row 9: created_at must be from 0001-01-01 to 9999-12-29
          row 10: updated_at must be from 0001-01-01 to 9999-12-29
          row 11: created_at must be from 0001-01-01 to 9999-12-29
          row 12: created_at must be from 0001-01-01 to 9999-12-29
          row 13: user_id is null
          row 14: user_id must be 1 to 255 characters long
          row 15: user_id must not be blank: no token can name this user
          row 16: user_id must not hold control characters: no token can name this user
          row 17: user_id must be 1 to 255 characters long
          row 18: the source has 2 rows with this id
          row 9007199254740991: id must be 1 to 9007199254740990
";

#[tokio::test]
async fn every_row_that_breaks_a_rule_is_named_and_nothing_is_changed() {
    let old = OldServer::with(BROKEN).await;
    let before = old.written().await;

    let ended = old.adopt("public.tasks", &["--all-problems"]).run().await;

    assert_refused(&ended, "nothing was changed: 21 of 22 rows cannot be adopted");
    assert!(ended.out.ends_with(NAMED), "{}", ended.out);
    assert!(
        ended.out.contains("\nproblems  21 in 21 rows\n          3 rows: created_at must be from 0001"),
        "{}",
        ended.out
    );
    assert_eq!(old.written().await, before);
}

#[tokio::test]
async fn without_all_problems_the_first_twenty_are_shown_and_the_others_counted() {
    let old = OldServer::with(BROKEN).await;

    let ended = old.previews().await;

    assert_refused(&ended, "nothing was changed");
    let end = "          row 18: the source has 2 rows with this id\n          and 1 more: --all-problems shows them\n";
    assert!(ended.out.ends_with(end), "{}", ended.out);
}

#[tokio::test]
async fn a_view_that_mends_the_rows_is_adopted() {
    let old = OldServer::with(&format!(
        "{BROKEN}
         create view public.mended as
         select id, user_id, left(title, 200) as title, left(description, 1000) as description, completed, created_at, updated_at
           from public.tasks
          where id in (1, 3, 6)"
    ))
    .await;

    let ended = old.applies("public.mended", &[]).await;

    assert!(ended.out.contains("copied    3 tasks"), "{ended:?}");
}
