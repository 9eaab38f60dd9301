-- Relations and functions that an older database lacks, or that this login may not read. A statement that names one fails
-- as a whole there. ts_stat() runs a text, and only where the object can be read. It returns the words of text search
-- vectors: each is a numbered part of the rows as JSON, because a word has 2046 bytes at most. (query_to_xml() needs a
-- PostgreSQL with libxml.) To read another relation, add its name to the list.
--
-- Not with format(text, text): the audit reports that function if it is a changed one.
-- Only ordinary tables, and functions of app that are exactly those of this release: a view or a changed function could
-- run the code of somebody else with the rights of this login.
optional_sources (name, source, may_read) as (
    select format('%I.%I', n.nspname, c.relname), format('%I.%I', n.nspname, c.relname),
           has_schema_privilege(n.oid, 'USAGE') and has_table_privilege(c.oid, 'SELECT')
      from (values ('rowkeep', 'migrations'), ('rowkeep', 'policies'), ('pg_catalog', 'pg_dist_partition')) w (nspname, relname)
      join pg_namespace n on n.nspname = w.nspname
      join pg_class c on c.relnamespace = n.oid and c.relname = w.relname and c.relkind in ('r', 'p')
    union all
    select w.name, w.name,
           has_schema_privilege(n.oid, 'USAGE') and has_function_privilege(f.oid, 'EXECUTE')
           -- The function fails if its owner cannot read these.
           and not exists (select
                             from (values ('app.accepted()', 'accepted', 'id'), ('app.accepted()', 'accepted', 'subject'),
                                          ('app.accepted()', 'accepted', 'why'), ('app.accepted()', 'accepted', 'who'),
                                          ('app.accepted()', 'accepted', 'until'),
                                          ('app.schema_version()', 'migrations', 'version'),
                                          ('app.schema_version()', 'policies', 'id'),
                                          ('app.schema_version()', 'policies', 'digest')) r (name, relname, attname)
                            where r.name = w.name
                              and not exists (select
                                                from pg_class c
                                                join pg_namespace s on s.oid = c.relnamespace and s.nspname = 'rowkeep'
                                                join pg_attribute a on a.attrelid = c.oid and a.attname = r.attname
                                                                   and not a.attisdropped
                                               where c.relname = r.relname
                                                 and has_schema_privilege(f.proowner, s.oid, 'USAGE')
                                                 and has_table_privilege(f.proowner, c.oid, 'SELECT')))
      from expected_definers w
      join pg_proc f on f.pronargs = 0 and f.prosecdef and f.prosrc = w.body and f.proconfig = array['search_path=""']
      join pg_namespace n on n.oid = f.pronamespace and n.nspname = 'app' and w.name = format('%I.%I()', n.nspname, f.proname)
      join pg_language l on l.oid = f.prolang and l.lanname = 'sql'
      join pg_roles o on o.oid = f.proowner and o.rolname = 'rowkeep_owner'
     where w.name in ('app.accepted()', 'app.schema_version()')
    union all
    -- Each node of a distributed database (Citus) that has shards of app, with their names, and its answer to node_question.
    -- Each is asked once, one after the other.
    select 'nodes',
           format('(select n.*, r.success, r.result
                      from (select n.nodename, n.nodeport, array_agg(s.name) as shards
                              from (select h.shardid, pg_catalog.shard_name(h.logicalrelid, h.shardid) as name
                                      from pg_catalog.pg_dist_shard h
                                      join pg_catalog.pg_class c on c.oid = h.logicalrelid
                                      join pg_catalog.pg_namespace a on a.oid = c.relnamespace and a.nspname = ''app'') s
                              join pg_catalog.pg_dist_placement p on p.shardid = s.shardid
                              join pg_catalog.pg_dist_node n on n.groupid = p.groupid and n.noderole = ''primary''
                             group by n.nodename, n.nodeport
                            offset 0) n
                     cross join lateral pg_catalog.master_run_on_worker(array[n.nodename], array[n.nodeport], array[%L], false) r)',
                  q.question), d.is_there
      from node_question q
     cross join has_nodes d
     where d.is_there
    union all
    select 'coordinator', format('(%s)', q.question), d.is_there
      from node_question q
     cross join has_nodes d
     where d.is_there
),

has_nodes (is_there) as (
    select exists (select
                     from pg_depend d
                     join pg_extension e on e.oid = d.refobjid and e.extname = 'citus'
                    where d.refclassid = 'pg_extension'::regclass
                      and d.deptype = 'e'
                      and d.objid = to_regprocedure('pg_catalog.master_run_on_worker(text[],integer[],text[],boolean)'))
),

optional_rows (name, rows) as materialized (
    select o.name,
           (select string_agg(substr(w.word, 9), '' order by w.word collate "C")::jsonb
              from ts_stat(case when o.may_read
                                then replace('select array_to_tsvector(array[lpad(n::text, 8, ''0'') || substr(j.rows, 1 + 400 * n, 400)])
                                                from (select jsonb_agg(to_jsonb(t))::text as rows from SOURCE t) j,
                                                     generate_series(0, (length(j.rows) - 1) / 400) n', 'SOURCE', o.source)
                                else 'select null::tsvector where false' end) w)
      from optional_sources o
)
