//! Reading statements for every kind of role. Without policies and privileges they show the tasks that their list names.

/// Reads every task. Needs only SELECT.
pub(super) const READS: &[&str] = &[
    "table app.tasks",
    "select * from only app.tasks",
    "select t from app.tasks t",
    "select t::text from app.tasks t where t is distinct from null",
    "select (t).title from (select t from app.tasks t) s",
    "select distinct title from app.tasks order by title desc",
    "select title from app.tasks where user_id is not null and id >= 0 and title like '%-_'",
    "select title from app.tasks where ctid >= '(0,0)'",
    "select tableoid, xmin, cmin, ctid, title from app.tasks",
    "select title from app.tasks tablesample system (100)",
    "select title from app.tasks tablesample bernoulli (100) repeatable (1)",
    "select title from (select * from app.tasks offset 0) t",
    // Joins, with the table on either side.
    "select b.title from app.tasks a join app.tasks b on true",
    "select title from (select id, title from app.tasks) a natural join (select id, title from app.tasks) b",
    "select b.title from app.tasks a left join app.tasks b using (id)",
    "select b.title from app.tasks a full join app.tasks b on a.id = b.id",
    "select t.title from (values (1)) v left join lateral (select * from app.tasks) t on true",
    "select t.title from generate_series(1, 4) g, lateral (select * from app.tasks where id = g) t",
    "select t.title from unnest(array[1, 2, 3, 4]) u (id) join app.tasks t using (id)",
    // Inside an expression.
    "select (select string_agg(title, ' ') from app.tasks)",
    "select array(select title from app.tasks)",
    "select v.t from (values ('alice-1'), ('alice-2'), ('bob-1'), ('bob-2')) v (t) where exists (select from app.tasks where title = v.t)",
    "select v.t from (values ('alice-1'), ('alice-2'), ('bob-1'), ('bob-2')) v (t) where v.t in (select title from app.tasks)",
    "select case when title = any (select title from app.tasks) then title end from app.tasks",
    "select title from app.tasks union all select null",
    "select title from app.tasks intersect select title from app.tasks",
    "select title from app.tasks except select ''",
    // With.
    "with t as (select * from app.tasks) select title from t",
    "with t as materialized (select * from app.tasks) select title from t",
    "with t as not materialized (select * from app.tasks) select a.title from t a join t b on true",
    "with recursive t (id, title) as (
         select 0, '' union all select t.id + 1, (select title from app.tasks a where a.id = t.id + 1) from t where t.id < 4
     ) table t",
    "with recursive t as (select * from app.tasks union select a.* from app.tasks a join t on a.id = t.id + 1) select title from t",
    // Aggregates and windows.
    "select string_agg(title, ' ') from app.tasks",
    "select json_agg(t), jsonb_object_agg(id, title) from app.tasks t",
    "select user_id, array_agg(title) from app.tasks group by rollup (user_id)",
    "select user_id, max(title), min(title) from app.tasks group by user_id having count(*) > 0",
    "select string_agg(title, ' ') over (order by id rows between unbounded preceding and unbounded following) from app.tasks",
    "select first_value(title) over w, last_value(title) over w, nth_value(title, 2) over w
       from app.tasks window w as (partition by user_id)",
    "select title, lag(title) over (order by id), lead(title) over (order by id) from app.tasks",
    "select row_to_json(t), to_jsonb(t) from app.tasks t",
    // Cursors.
    "declare c cursor for table app.tasks; fetch all from c",
    "declare c scroll cursor for table app.tasks; move all from c; fetch backward all from c",
    "declare c cursor with hold for table app.tasks; commit; fetch all from c",
    "declare c binary cursor for select title from app.tasks; fetch all from c",
    "prepare q as table app.tasks; execute q",
    "set plan_cache_mode = force_generic_plan; prepare q (text) as select * from app.tasks where title <> $1; execute q ('')",
    "savepoint s; select title from app.tasks; rollback to s; select title from app.tasks",
    "set local enable_seqscan = off; set local enable_indexscan = off; select title from app.tasks",
    "set local enable_seqscan = off; set local enable_bitmapscan = off; select title from app.tasks where user_id > ''",
    "set local parallel_setup_cost = 0; set local parallel_tuple_cost = 0; set local min_parallel_table_scan_size = 0;
     table app.tasks",
    // Copies.
    "copy app.tasks to stdout",
    "copy app.tasks (title) to stdout with (format csv, header)",
    "copy (select title from app.tasks) to stdout",
    "create temp table copied as table app.tasks; table copied",
    "select * into temp copied from app.tasks; table copied",
    "create temp table copied (like app.tasks); insert into copied table app.tasks; table copied",
    "create temp view seen as table app.tasks; table seen",
    "create temp view seen with (security_barrier) as table app.tasks; table seen",
    "create temp view seen with (security_invoker) as table app.tasks; table seen",
    "prepare q as table app.tasks; create temp table copied as execute q; table copied",
    // In a block or a function.
    "do $$ declare r record; begin for r in table app.tasks loop raise notice '%', r.title; end loop; end $$",
    "do $$ declare r text; begin execute 'select string_agg(title, '' '') from app.tasks' into r; raise notice '%', r; end $$",
    "create function pg_temp.look() returns setof text language sql as 'select title from app.tasks'; select pg_temp.look()",
    "create function pg_temp.look() returns setof text language sql security definer as 'select title from app.tasks'; select pg_temp.look()",
    "create function pg_temp.look() returns setof text language plpgsql immutable parallel safe cost 0.0000001 as
     $$ begin return query select title from app.tasks; end $$; select pg_temp.look()",
    "create function pg_temp.tells(t text) returns boolean language plpgsql cost 0.0000001 as
     $$ begin raise notice '%', t; return true; end $$; select from app.tasks where pg_temp.tells(title)",
    "create operator pg_temp.=== (leftarg = text, rightarg = text, function = pg_catalog.texteq);
     select title from app.tasks where title operator(pg_temp.===) title",
];

/// The same, on a server that was built with XML.
pub(super) const XML_READS: &[&str] = &[
    "select query_to_xml('table app.tasks', false, false, '')",
    "select table_to_xml('app.tasks', true, true, '')",
    "declare c cursor for table app.tasks; select cursor_to_xml('c', 10, false, false, '')",
    "select query_to_xml_and_xmlschema('table app.tasks', false, false, '')",
    "select xpath('//title/text()', query_to_xml('table app.tasks', false, false, ''))",
];

/// Reads and locks every task, for which Postgres also requires UPDATE.
pub(super) const LOCKING_READS: &[&str] = &[
    "select title from app.tasks for update",
    "select title from app.tasks for no key update",
    "select title from app.tasks for share",
    "select title from app.tasks for key share",
    "select title from app.tasks for update nowait",
    "select title from app.tasks for update skip locked",
    "select title from app.tasks for key share skip locked",
    "select a.title from app.tasks a join app.tasks b using (id) for update of a",
    "declare c cursor for select title from app.tasks for update; fetch all from c",
];

/// Reads alice's tasks, which it names.
pub(super) const READS_OF_ALICES: &[&str] = &[
    "select title from app.tasks where user_id = 'alice'",
    "select title from app.tasks where user_id like 'a%'",
    "select title from app.tasks where user_id <> 'bob'",
    "select title from app.tasks where id in (1, 2)",
    "select title from app.tasks where id = 1 union all select title from app.tasks where title = 'alice' || '-2'",
    "select title from app.tasks where (user_id, id) >= ('alice', 1) and user_id < 'b' order by id fetch first 2 rows only",
    "select title from app.tasks where ctid in (select ctid from app.tasks where user_id < 'b')",
    "select t.title from (values ('alice')) v (user_id) join app.tasks t using (user_id)",
    "select b.title from app.tasks a right join app.tasks b on a.id = b.id and a.user_id = 'bob'
      where a.id is null and b.user_id <> 'bob'",
    "select (select string_agg(t.title, ' ') from app.tasks t where t.user_id <> 'bob')",
    "select string_agg(title, ' ') filter (where user_id = 'alice') from app.tasks",
    "with t as materialized (select * from app.tasks) select title from t where user_id = 'alice'",
    "prepare q (text) as select title from app.tasks where user_id = $1; execute q ('alice')",
    "set plan_cache_mode = force_generic_plan;
     prepare q (text) as select title from app.tasks where user_id = $1; execute q ('alice')",
    "copy (select title from app.tasks where user_id = 'alice') to stdout",
];

/// Raises an error with the content of the row as soon as it meets a task of alice.
pub(super) const READS_THAT_FAIL_ON_ALICES: &[&str] = &[
    "select from app.tasks where 1 / (case when user_id = 'alice' then 0 else 1 end) = 1",
    "select from app.tasks where (case when user_id = 'alice' then title else '1' end)::int = 1",
    "select from app.tasks where title similar to case when user_id = 'alice' then '(' else '%' end",
    "select from app.tasks where (case when user_id = 'alice' then title else '{}' end)::json is not null",
];

/// Reads the values that the planner keeps of every task. Only privileges protect these tables, because no policy applies.
pub(super) const STATISTICS: &[&str] = &[
    "select stavalues1, stavalues2, stavalues3, stavalues4, stavalues5 from pg_statistic",
    "table pg_statistic",
];

/// The same through the views for PUBLIC. They show nothing of a table if its policies apply to the reader.
pub(super) const STATISTICS_FOR_PUBLIC: &[&str] = &[
    "select histogram_bounds from pg_stats",
    "table pg_stats",
    "select * from pg_stats where schemaname = 'app'",
];
