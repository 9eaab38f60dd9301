//! What is wrong in a landscape is named, one line for each, and what it can do.

use super::{
    AZURE, CLOUD_NATIVE_PG, CLOUD_SQL, COMPANY, Landscape, NEON, Place, RDS, SUPABASE, in_one_line, is_named,
};

/// Something that an administrator or a stranger did, and the line that must name it.
type Planted = (&'static str, &'static str);

/// What can be wrong anywhere.
const ANYWHERE: &[Planted] = &[
    ("create role planted_super login superuser", "NOTE RK-601 bypass planted_super is a superuser"),
    (
        "create role planted_bypass login bypassrls",
        "NOTE RK-602 bypass planted_bypass has BYPASSRLS: it has no privilege on a table of app",
    ),
    (
        "create role planted_reader login bypassrls; grant pg_read_all_data to planted_reader",
        "NOTE RK-602 bypass planted_reader has BYPASSRLS and privileges in app: it reads every row",
    ),
    ("create role planted_copier login replication", "NOTE RK-603 bypass planted_copier has REPLICATION"),
    (
        "create role planted_owner login; grant rowkeep_owner to planted_owner",
        "NOTE RK-604 bypass planted_owner can become rowkeep_owner, the owner of app.tasks",
    ),
    (
        "create role planted_support login createrole; grant rowkeep_api to planted_support",
        "NOTE RK-605 bypass planted_support can become rowkeep_api: it can call app.identify() with the id of any user",
    ),
    (
        "create role planted_helper login; grant rowkeep_api to planted_helper",
        "NOTE RK-605 bypass planted_helper can become rowkeep_api",
    ),
    (
        "create role planted_group; grant rowkeep_api to planted_group",
        "NOTE RK-605 bypass planted_group can become rowkeep_api",
    ),
    (
        "create role planted_files login; grant pg_read_server_files, pg_execute_server_program to planted_files",
        "NOTE RK-607 bypass planted_files is a member of pg_execute_server_program, pg_read_server_files",
    ),
    (
        "create role planted_monitor login; grant pg_read_all_data to planted_monitor",
        "NOTE RK-609 bypass planted_monitor is a member of pg_read_all_data: statistics contain values of the rows of all users, \
         and no policy applies, nor to TOAST tables, which have long descriptions; it also reads the hashes of passwords in pg_authid, with which it can log in as others",
    ),
    (
        "create role planted_rewind login; grant execute on function pg_read_binary_file(text) to planted_rewind",
        "NOTE RK-608 bypass planted_rewind may execute pg_read_binary_file(text): reads the files of all tables",
    ),
    (
        "create role planted_stats login; grant select on pg_statistic to planted_stats",
        "NOTE RK-609 bypass planted_stats may read pg_statistic: statistics contain values of the rows of all users",
    ),
    (
        "create role planted_hashes login; grant select on pg_authid to planted_hashes",
        "NOTE RK-610 bypass planted_hashes may read pg_authid",
    ),
    (
        "create role planted_archiver login; grant alter system on parameter archive_command to planted_archiver",
        "NOTE RK-611 bypass planted_archiver has alter system on parameter archive_command",
    ),
    ("create publication planted_feed for table app.tasks", "NOTE RK-614 bypass publication planted_feed"),
    (
        "create subscription planted_sub connection 'dbname=nowhere' publication p with (connect = false, slot_name = none)",
        "NOTE RK-616 bypass subscription planted_sub",
    ),
    (
        "create table app.planted_part as select user_id, title from app.tasks; grant select on app.planted_part to planted_bypass",
        "FAIL RK-309 table app.planted_part has the columns user_id, title of app.tasks; read by planted_bypass; owner",
    ),
    (
        "create table app.planted_more as select *, 1 as extra from app.tasks; \
         alter table app.planted_more enable row level security, force row level security; \
         create policy planted on app.planted_more using (true); grant select (title) on app.planted_more to planted_bypass",
        "FAIL RK-309 table app.planted_more has every column of app.tasks; read by planted_bypass; owner",
    ),
    (
        "create schema planted; create table planted.tasks_old as table app.tasks",
        "NOTE RK-618 bypass planted.tasks_old has the columns user_id, title, description, completed of app.tasks; read by members of \
         pg_read_all_data: no policy binds it",
    ),
    (
        "create table planted.shared as table app.tasks; grant select on planted.shared to planted_bypass",
        "NOTE RK-618 bypass planted.shared has the columns user_id, title, description, completed of app.tasks; read by planted_bypass",
    ),
    (
        "create table planted.open as table app.tasks; grant select on planted.open to public",
        "FAIL RK-618 bypass planted.open has the columns",
    ),
    (
        "create function planted.run(q text) returns setof record language plpgsql security definer as \
         $$ begin return query execute q; end $$; grant usage on schema planted to planted_helper; \
         revoke execute on function planted.run(text) from public; grant execute on function planted.run(text) to planted_bypass; \
         grant usage on schema planted to planted_bypass; \
         create extension if not exists citext schema public; alter extension citext add function planted.run(text)",
        "NOTE RK-622 bypass planted_bypass may call planted.run(text)",
    ),
    (
        "create function planted.run_json(q jsonb) returns setof record language plpgsql security definer as \
         $$ begin return query execute q ->> 'sql'; end $$; alter extension citext add function planted.run_json(jsonb)",
        "FAIL RK-622 bypass public may call planted.run_json(jsonb)",
    ),
    (
        "create function planted.run_first(q text[]) returns void language plpgsql security definer as \
         $$ begin execute q[1]; end $$; alter extension citext add function planted.run_first(text[])",
        "FAIL RK-622 bypass public may call planted.run_first(text[])",
    ),
    (
        "create function planted.as_xml(q text) returns xml language sql security definer as \
         'select query_to_xml(q, true, false, '''')'; alter extension citext add function planted.as_xml(text)",
        "FAIL RK-622 bypass public may call planted.as_xml(text)",
    ),
    (
        "create schema planted_open; grant usage on schema planted_open to public; \
         create function planted_open.run(q text) returns setof record language plpgsql security definer as \
         $$ begin return query execute q; end $$; alter extension citext add function planted_open.run(text)",
        "FAIL RK-622 bypass public may call planted_open.run(text)",
    ),
    (
        "create foreign data wrapper planted_wrapper; \
         do $$ begin execute format('create server planted_loop foreign data wrapper planted_wrapper options (dbname %L)', \
             current_database()); end $$",
        "NOTE RK-613 bypass foreign server planted_loop leads to this database",
    ),
    (
        "create server planted_far foreign data wrapper planted_wrapper options (host 'db.internal.example'); \
         do $$ begin execute format('alter server planted_far options (add dbname %L)', current_database()); end $$; \
         create user mapping for public server planted_far options (user 'postgres'); \
         create foreign table planted.ft (t text options (column_name 'title')) server planted_far \
             options (schema_name 'app', table_name 'tasks'); grant select on planted.ft to planted_bypass",
        "NOTE RK-613 bypass foreign table planted.ft is app.tasks on server planted_far; read by planted_bypass: they read as the \
         login of a user mapping; this audit does not know whether it leads to this database",
    ),
    ("select", "where foreign servers lead (planted_far)"),
    (
        "create role planted_grantee; grant select on app.tasks to planted_grantee",
        "RK-503 grants select on app.tasks to planted_grantee",
    ),
    ("create policy planted on app.tasks using (true)", "FAIL RK-311 policy app.tasks planted"),
];

/// Everything is planted at once, by the superuser. Each must be named, as `rowkeep audit` prints it for the login of requests.
async fn expect_each_named(landscape: Landscape, more: &[Planted]) {
    let place = Place::migrated(landscape).await;
    let superuser = place.superuser().await;
    for (statement, _) in ANYWHERE.iter().chain(more) {
        superuser
            .batch_execute(statement)
            .await
            .unwrap_or_else(|error| panic!("{landscape:?}: {statement}: {error:?}"));
    }

    let report = in_one_line(&place.audit("rowkeep_login").await);

    let missing: Vec<_> =
        ANYWHERE.iter().chain(more).filter(|(_, named)| !is_named(&report, named)).collect();
    assert!(missing.is_empty(), "{landscape:?}: {missing:#?}\n{}", report.replace(" RK-", "\nRK-"));
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn what_is_wrong_on_neon_is_named() {
    let more = [(
        "create role planted_console login in role neon_superuser",
        "NOTE RK-602 bypass planted_console can become neon_superuser, which has BYPASSRLS and privileges in app: it reads every row",
    )];
    expect_each_named(NEON, &more).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn what_is_wrong_on_supabase_is_named() {
    let more = [
        (
            "create table public.tasks_backup as table app.tasks",
            "NOTE RK-618 bypass public.tasks_backup has the columns user_id, title, description, completed of app.tasks; \
             read by anon, authenticated, postgres, service_role",
        ),
        (
            "create publication planted_all for all tables",
            "NOTE RK-614 bypass publication planted_all of supabase_admin sends all tables",
        ),
        (
            "grant service_role to rowkeep_login",
            "NOTE RK-702 login rowkeep_login serves requests: has BYPASSRLS",
        ),
    ];
    expect_each_named(SUPABASE, &more).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn what_is_wrong_on_rds_is_named() {
    let more = [
        ("grant rds_replication to shop", "NOTE RK-603 bypass shop is a member of rds_replication"),
        ("grant rds_superuser to analyst", "NOTE RK-603 bypass analyst is a member of rds_replication"),
    ];
    expect_each_named(RDS, &more).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn what_is_wrong_on_cloud_sql_is_named() {
    let more = [(
        "alter role \"backend@example.iam\" replication",
        "NOTE RK-603 bypass \"backend@example.iam\" has REPLICATION",
    )];
    expect_each_named(CLOUD_SQL, &more).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn what_is_wrong_on_azure_is_named() {
    let more = [(
        "grant dbadmin to \"team@example.com\"",
        "NOTE RK-604 bypass \"team@example.com\" can become rowkeep_owner, the owner of app.tasks",
    )];
    expect_each_named(AZURE, &more).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn what_is_wrong_on_cloudnativepg_is_named() {
    let more = [
        (
            "grant execute on function pg_read_binary_file(text) to grafana",
            "NOTE RK-608 bypass grafana may execute pg_read_binary_file(text)",
        ),
        // The landscape grants it in the database postgres, as CloudNativePG does.
        (
            "select",
            "NOTE RK-623 bypass streaming_replica may execute pg_read_binary_file(text), \
             pg_read_binary_file(text,bigint,bigint,boolean) in database postgres",
        ),
    ];
    expect_each_named(CLOUD_NATIVE_PG, &more).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn what_is_wrong_in_a_company_is_named() {
    let more = [
        (
            "grant usage on schema datadog to public",
            "FAIL RK-412 function datadog.explain_statement(text) runs as postgres (SECURITY DEFINER), and",
        ),
        (
            "grant pg_read_server_files to zabbix",
            "NOTE RK-607 bypass zabbix is a member of pg_read_server_files",
        ),
    ];
    expect_each_named(COMPANY, &more).await;
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_job_that_names_app_is_named_and_jobs_that_are_hidden_are_not_called_clean() {
    let place = Place::migrated(COMPANY).await;
    let plant = "insert into cron.job (schedule, command, username, jobname) values
        ('0 4 * * *', 'create table crm.export as select user_id, title from app.tasks where title <> ''<a>&b''', 'postgres', 'export'),
        ('0 5 * * *', 'select crm.outer_export()', 'postgres', 'nightly_export');
        create function crm.export() returns bigint language sql as 'select count(*) from app.tasks';
        create function crm.outer_export() returns bigint language sql as 'select crm.export()';
        create schema _timescaledb_config;
        create table _timescaledb_config.bgw_job (id integer, application_name name, proc_schema name, proc_name name, owner regrole,
                                                  config jsonb);
        insert into _timescaledb_config.bgw_job values (1000, 'User-Defined Action [1000]', 'crm', 'export', 'postgres', null),
                                                       (1, 'Telemetry Reporter [1]', 'public', 'telemetry', 'postgres', null)";
    place.superuser().await.batch_execute(plant).await.expect("a job");

    let seen = in_one_line(&place.audit_by_psql("postgres").await);
    let hidden = in_one_line(&place.audit("rowkeep_login").await);

    let job = "NOTE RK-617 bypass job export in cron.job runs as postgres (";
    let command = "it names app: create table crm.export as select user_id, title from app.tasks where title <> '<a>&b'";
    assert!(seen.contains(job) && seen.contains(command), "{seen}");
    for called in [
        "NOTE RK-617 bypass job nightly_export in cron.job runs as postgres (",
        "it leads to crm.export(), which names app: select crm.outer_export()",
        "NOTE RK-617 bypass job \"User-Defined Action [1000]\" in _timescaledb_config.bgw_job runs as postgres (",
        "it leads to crm.export(), which names app: call crm.export()",
    ] {
        assert!(seen.contains(called), "{called}: {seen}");
    }
    assert!(!seen.contains("Telemetry") && !seen.contains("job totals"), "{seen}");
    assert!(!seen.contains("jobs of others in cron.job") && !seen.contains("job nightly in"), "{seen}");
    assert!(!hidden.contains(job), "{hidden}");
    assert!(
        hidden.contains(
            "NOTE RK-690 bypass not looked at: this login cannot read the jobs of others in cron.job"
        ),
        "{hidden}"
    );
}

/// A view could call any function, as the person who audits.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn the_audit_does_not_read_a_table_of_jobs_that_is_not_a_superusers() {
    let place = Place::migrated(NEON).await;
    let superuser = place.superuser().await;
    let trap = "create role mallory login; create schema cron authorization mallory;
        create function cron.evil() returns bigint language plpgsql as $$ begin raise exception 'called by %', current_user; end $$;
        create view cron.job as select cron.evil() as jobid; alter view cron.job owner to mallory;
        grant usage on schema cron to public; grant select on cron.job to public";
    superuser.batch_execute(trap).await.expect("a trap");

    let report = in_one_line(&place.audit_by_psql("cloud_admin").await);

    assert!(report.contains(" facts: ") && !report.contains("called by"), "{report}");
    assert!(
        report.contains(
            "NOTE RK-690 bypass not looked at: this login cannot read the jobs of others in cron.job"
        ),
        "{report}"
    );
}

#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn the_administrator_as_the_login_of_requests_is_named_with_what_it_can_do() {
    let place = Place::migrated(NEON).await;

    let with_another_login = in_one_line(&place.audit("neondb_owner").await);
    place.superuser().await.batch_execute("alter role rowkeep_login nologin").await.expect("no login");
    let alone = in_one_line(&place.audit("neondb_owner").await);

    let named = "NOTE RK-702 login neondb_owner serves requests: can become rowkeep_owner, the owner of app.tasks; has BYPASSRLS";
    assert!(with_another_login.contains(named), "{with_another_login}");
    let fails = "FAIL RK-702 login neondb_owner serves requests, and no login without such a power does: ";
    assert!(alone.contains(fails), "{alone}");
    assert!(!with_another_login.contains("alter role neondb_owner set role"), "{with_another_login}");
}
