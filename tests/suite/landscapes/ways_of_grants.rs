//! What single grants, functions and copies give is tried for real, and the audit names it.

use std::io::Write;
use std::time::Duration;

use rowkeep::development::Programs;
use rowkeep::session::connect_once;

use super::ground::{SECRET, ground, text};

#[tokio::test]
async fn a_granted_function_that_reads_files_reads_those_of_every_table() {
    let ground = ground().await;
    ground
        .prepare(
            "create role rewinder login; grant execute on function pg_read_binary_file(text) to rewinder;
             create role importer login; grant execute on function lo_import(text) to importer",
        )
        .await;
    let (rewinder, importer) = (ground.login("rewinder").await, ground.login("importer").await);

    let read = format!("select encode(pg_read_binary_file('{}'), 'escape')", ground.file);
    let imported = text(&importer, &format!("select lo_import('{}')::text", ground.file)).await;
    let imported = format!("select encode(lo_get({imported}), 'escape')");

    assert!(text(&rewinder, &read).await.contains(SECRET));
    assert!(text(&importer, &imported).await.contains(SECRET));
    ground.names("NOTE RK-608 bypass rewinder may execute pg_read_binary_file(text): reads the files of all tables").await;
    ground
        .names("NOTE RK-608 bypass importer may execute lo_import(text): reads the files of all tables")
        .await;
}

/// The files are those of the whole cluster. A backup tool gets its grants in the database postgres.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_function_that_was_granted_in_another_database_reads_the_files_of_every_table() {
    let ground = ground().await;
    ground.prepare("create role rewinds_elsewhere login").await;
    ground.prepare("create database elsewhere").await;
    let grants = "grant execute on function pg_read_binary_file(text) to rewinds_elsewhere;
                  grant select on pg_authid to rewinds_elsewhere";
    ground.cluster.superuser("elsewhere").await.batch_execute(grants).await.expect("two grants");
    let reader = connect_once(&ground.cluster.address("rewinds_elsewhere", "elsewhere")).await;
    let reader = reader.expect("a connection");

    let read = format!("select encode(pg_read_binary_file('{}'), 'escape')", ground.file);
    let hashes = "select rolpassword from pg_authid where rolname = 'rowkeep_login'";

    assert!(text(&reader, &read).await.contains(SECRET));
    assert!(text(&reader, hashes).await.starts_with("SCRAM"));
    ground
        .names(
            "NOTE RK-623 bypass rewinds_elsewhere may execute pg_read_binary_file(text) in database elsewhere: \
             reads the files of all tables",
        )
        .await;
    ground
        .names("NOTE RK-623 bypass rewinds_elsewhere has a privilege on pg_authid in database elsewhere")
        .await;
    // The superuser of this database does not see all of the other one, either.
    ground
        .names(
            "NOTE RK-690 bypass not looked at: this login cannot read what other databases of this cluster grant \
             to PUBLIC and on functions of extensions",
        )
        .await;
}

#[tokio::test]
async fn a_granted_dblink_connect_u_logs_in_as_the_superuser() {
    let ground = ground().await;
    ground
        .prepare("create role linker login; grant execute on function dblink_connect_u(text, text) to linker")
        .await;
    let linker = ground.login("linker").await;

    let connect = format!(
        "select dblink_connect_u('loop', 'host={} port=5432 user=postgres dbname=postgres')",
        ground.cluster.socket_directory().display()
    );
    linker.batch_execute(&connect).await.expect("a connection");

    let titles = "select title from dblink('loop', 'select title from app.tasks limit 1') as t (title text)";
    assert_eq!(text(&linker, titles).await, SECRET);
    ground
        .names("NOTE RK-608 bypass linker may execute public.dblink_connect_u(text,text): logs in as another role")
        .await;
}

/// An owner needs no grant, and can give one to others.
#[tokio::test]
async fn an_owner_of_dblink_connect_u_who_is_no_superuser_is_named() {
    let ground = ground().await;
    ground
        .prepare("create role owner_of_dblink login; alter function dblink_connect_u(text, text) owner to owner_of_dblink")
        .await;

    let named = "NOTE RK-608 bypass owner_of_dblink may execute public.dblink_connect_u(text,text): logs in as another role";
    ground.names(named).await;

    ground.prepare("alter function dblink_connect_u(text, text) owner to postgres").await;
    assert!(!ground.audit().await.contains("owner_of_dblink may execute"));
}

#[tokio::test]
async fn select_on_pg_statistic_shows_values_of_every_user() {
    let ground = ground().await;
    ground.prepare("create role statistician login; grant select on pg_statistic to statistician").await;
    let statistician = ground.login("statistician").await;

    let values =
        text(&statistician, "select stavalues1::text from pg_statistic where stavalues1::text ~ 'secret'")
            .await;

    assert!(values.contains(SECRET), "{values}");
    ground.names("NOTE RK-609 bypass statistician may read pg_statistic").await;
}

/// PostgreSQL keeps a value outside of a row of more than 2 kB. Letters such as those of Chinese make one so long.
#[tokio::test]
async fn select_on_the_toast_table_shows_long_descriptions_of_every_user() {
    let ground = ground().await;
    let toast = "select reltoastrelid::regclass::text from pg_class where oid = 'app.tasks'::regclass";
    let toast = text(&ground.superuser().await, toast).await;
    ground
        .prepare(&format!(
            "begin; select app.identify('alice');
             insert into app.tasks (title, description)
             select 'long', '{SECRET}' || string_agg(chr(131072 + (hashint4(n) & 32767)), '') from generate_series(1, 950) n;
             commit;
             create role chunker login; grant usage on schema pg_toast to chunker; grant select on {toast} to chunker;
             create role reader_of_all login in role pg_read_all_data"
        ))
        .await;

    for login in ["chunker", "reader_of_all"] {
        let reader = ground.login(login).await;
        let chunks = format!("select string_agg(encode(chunk_data, 'escape'), '') from {toast}");
        assert!(text(&reader, &chunks).await.contains(SECRET), "{login}");
    }

    ground.names("NOTE RK-609 bypass chunker may read the TOAST table of app.tasks: it has the long").await;
    ground
        .names("NOTE RK-609 bypass reader_of_all is a member of pg_read_all_data: statistics contain values")
        .await;
}

#[tokio::test]
async fn alter_system_on_archive_command_runs_a_program_that_reads_every_row() {
    let ground = ground().await;
    ground
        .prepare("create role archivist login; grant alter system on parameter archive_command to archivist")
        .await;
    let archivist = ground.login("archivist").await;

    let command = format!("grep -a -m 1 -o \"{SECRET}\" {} > stolen; true", ground.file);
    archivist
        .batch_execute(&format!("alter system set archive_command = '{command}'"))
        .await
        .expect("a setting");
    ground.prepare("select pg_reload_conf()").await;

    let admin = ground.superuser().await;
    let mut stolen = String::new();
    for _ in 0..100 {
        admin
            .batch_execute("select pg_logical_emit_message(true, 'x', 'y')")
            .await
            .expect("something to archive");
        admin.batch_execute("select pg_switch_wal()").await.expect("a file to archive");
        stolen = text(&admin, "select pg_read_file('stolen', 0, 1000, true)").await;
        if !stolen.is_empty() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(stolen.contains(SECRET), "{stolen}");
    ground.names("NOTE RK-611 bypass archivist has alter system on parameter archive_command").await;
}

/// PostgreSQL calls an immutable function while it plans, as the owner of the explaining function.
#[tokio::test]
async fn a_definer_function_of_an_extension_that_explains_sql_reads_every_row() {
    let ground = ground().await;
    ground
        .prepare(
            "create role watcher login; create schema agent; grant usage on schema agent to watcher;
             create function agent.explain(query text, out plan json) returns setof json language plpgsql security definer as $$
             declare
                 curs refcursor;
             begin
                 set transaction read only;
                 open curs for execute pg_catalog.concat('explain (format json) ', query);
                 fetch curs into plan;
                 close curs;
                 return next;
             end $$;
             alter extension citext add function agent.explain(text)",
        )
        .await;
    let watcher = ground.login("watcher").await;
    let code = "create function pg_temp.steal() returns text language plpgsql immutable as $$
                declare found text; begin select title into found from app.tasks limit 1; raise exception '%', found; end $$";
    watcher.batch_execute(code).await.expect("a function");

    let error =
        watcher.query("select agent.explain('select pg_temp.steal()')", &[]).await.expect_err("an error");

    assert_eq!(error.as_db_error().map(|error| error.message()), Some(SECRET));
    ground.names("NOTE RK-622 bypass watcher may call agent.explain(text)").await;
    ground.names("which runs SQL as postgres: no policy binds that role").await;
}

#[tokio::test]
async fn a_monitor_reads_user_ids_where_statements_inside_functions_are_kept() {
    let ground = ground().await;
    ground.prepare("create role monitor login; grant pg_monitor to monitor").await;
    ground.prepare("begin; select app.identify('user-whom-nobody-knows'); rollback").await;
    let monitor = ground.login("monitor").await;
    let old = Programs::find(None).expect("PostgreSQL's programs").major < 18;

    let found =
        text(&monitor, "select query from pg_stat_statements where query ~* 'set local app.user_id'").await;

    assert_eq!(found.contains("user-whom-nobody-knows"), old, "{found}");
    let named = "NOTE RK-619 bypass monitor may read pg_stat_statements, which keeps user ids";
    assert_eq!(ground.audit().await.contains(named), old);
}

#[tokio::test]
async fn a_copy_of_the_table_shows_every_row_to_those_who_may_read_it() {
    let ground = ground().await;
    ground
        .prepare(
            "create role reporter login; create schema reports; create table reports.tasks_2026 as table app.tasks;
             grant usage on schema reports to reporter; grant select on reports.tasks_2026 to reporter",
        )
        .await;
    let reporter = ground.login("reporter").await;

    assert_eq!(text(&reporter, "select title from reports.tasks_2026 limit 1").await, SECRET);
    ground
        .names(
            "NOTE RK-618 bypass reports.tasks_2026 has the columns user_id, title, description, completed of app.tasks; \
             read by reporter",
        )
        .await;
}

#[tokio::test]
async fn a_copy_shows_every_row_through_a_view_and_to_members_of_its_owner() {
    let ground = ground().await;
    ground
        .prepare(
            "create schema copied; create table copied.tasks_2027 as table app.tasks; create role copied_owner; create role co_member login;
             alter table copied.tasks_2027 owner to copied_owner; grant copied_owner to co_member; create role viewer login;
             grant usage on schema copied to copied_owner, viewer; create view copied.seen as table copied.tasks_2027;
             create view copied.seen_again as table copied.seen; grant select on copied.seen_again to viewer;
             create role through_all login in role pg_read_all_data;
             create view copied.as_caller with (security_invoker = true) as table copied.tasks_2027;
             grant select on copied.as_caller to public",
        )
        .await;

    for (login, table) in
        [("viewer", "seen_again"), ("co_member", "tasks_2027"), ("through_all", "tasks_2027")]
    {
        let title = format!("select title from copied.{table} limit 1");
        assert_eq!(text(&ground.login(login).await, &title).await, SECRET, "{login}");
    }
    ground
        .names(
            "NOTE RK-618 bypass copied.tasks_2027 has the columns user_id, title, description, completed of app.tasks; \
             read by members of copied_owner, members of pg_read_all_data, viewer through copied.seen_again: no policy binds it",
        )
        .await;
}

/// The view depends on the function alone. The superuser who makes the view reads all rows, and its readers ask no policy.
#[tokio::test]
async fn a_materialized_view_of_a_function_shows_every_row_to_those_who_may_read_it() {
    let ground = ground().await;
    ground
        .prepare(
            "create role keeper login; create schema kept; grant usage on schema kept to keeper;
             create function kept.titles() returns setof text language plpgsql as $$
             begin return query select title from app.tasks; end $$;
             create function kept.greeting(app text) returns text language sql as '
             -- not from app.tasks
             select app || ''!'' ';
             create materialized view kept.copied as select t as thing from kept.titles() t;
             create materialized view kept.harmless as select kept.greeting('hello') as greeting;
             grant select on kept.copied, kept.harmless to keeper",
        )
        .await;
    let keeper = ground.login("keeper").await;

    assert_eq!(text(&keeper, "select thing from kept.copied limit 1").await, SECRET);
    ground.names("FAIL RK-802 objects materialized view kept.copied (definition").await;
    assert!(!ground.audit().await.contains("materialized view kept.harmless"));
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_line_of_pg_hba_conf_that_trusts_other_machines_is_named() {
    let ground = ground().await;
    let admin = ground.superuser().await;
    let file = text(&admin, "show hba_file").await;
    let mut opened = std::fs::OpenOptions::new().append(true).open(&file).expect("pg_hba.conf");
    let lines = "host all all 127.0.0.1/32 trust\nhost all all 127.0.0.0/8 trust\nhost all all localhost trust\n\
                 host all +rowkeep_api,anna 10.0.0.0/8 trust\nhost all berta 127.0.0.1/0 trust\n\
                 host samerole clara 10.0.0.0/8 trust\nhost sameuser dora 10.0.0.0/8 trust\n\
                 host all emma 0.0.0.0/0 ident\nhost elsewhere frida 10.0.0.0/8 trust";
    writeln!(opened, "{lines}").expect("lines");
    drop(opened);

    for (users, from) in [
        ("+rowkeep_api, anna", "10.0.0.0/255.0.0.0 without a password: everybody who reaches"),
        ("berta", "127.0.0.1/0.0.0.0 without a password"),
        ("clara", "10.0.0.0/255.0.0.0 without a password"),
        ("dora", "10.0.0.0/255.0.0.0 without a password"),
        (
            "emma",
            "0.0.0.0/0.0.0.0 without a password (ident): the other machine says who they are, and can lie",
        ),
    ] {
        ground.names(&format!("NOTE RK-621 bypass pg_hba.conf lets {users} in from {from}")).await;
    }

    let report = ground.audit().await;
    assert!(
        !report.contains("lets all in from 127.0.0.") && !report.contains("lets all in from localhost"),
        "{report}"
    );
    assert!(!report.contains("lets frida in"), "{report}");
}
