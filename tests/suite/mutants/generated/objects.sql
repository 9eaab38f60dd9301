-- Views, child tables, copies, keys and publications that bypass the policies of a table.
--   damage    the statements that a superuser runs
--   notices   the facts that the audit must report then
--   by_hand   whether a fix is left to a person
with tables as (
    select c.oid, c.relname, format('%I.%I', n.nspname, c.relname) as name,
           format('user_id, %I', (select max(a.attname) from pg_attribute a
                                   where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and not a.attnotnull))
           as columns,
           (select string_agg(format('%I %s %s', a.attname, format_type(a.atttypid, a.atttypmod),
                                     case when a.attnotnull then 'not null' else '' end), ', ' order by a.attnum)
              from pg_attribute a
             where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as shape
      from pg_class c join pg_namespace n on n.oid = c.relnamespace
     where n.nspname = 'app' and c.relkind in ('r', 'p')
),

-- %1$s the table, %2$s its columns with their types
damages (damage, by_hand, notices) as (values
    ('create view public.peek as table %1$s', false,
     array['FAIL objects view public.peek .. reads as its owner']),
    ('create view public.peek with (security_barrier) as table %1$s', false,
     array['FAIL objects view public.peek .. reads as its owner']),
    ('create view public.peek with (security_invoker = false) as table %1$s', false,
     array['FAIL objects view public.peek .. reads as its owner']),
    ('create view public.peek as table %1$s; grant select on public.peek to rowkeep_api', false,
     array['FAIL objects view public.peek .. reads as its owner', 'FAIL grants select on public.peek to rowkeep_api']),
    ('create view public.peek as table %1$s; grant select on public.peek to public', false,
     array['FAIL objects view public.peek .. reads as its owner',
           'NOTE grants select on one table or view of other schemas to public .. public.peek']),
    ('create view public.peek with (security_invoker) as table %1$s', false,
     array['NOTE objects view public.peek .. reads as its caller']),
    ('create view public.peek with (security_invoker) as table %1$s; create view public.on_top as table public.peek', false,
     array['NOTE objects view public.peek .. reads as its caller', 'FAIL objects view public.on_top .. reads as its owner']),
    ('create view public.peek as table %1$s; create view public.on_top with (security_invoker) as table public.peek', false,
     array['FAIL objects view public.peek .. reads as its owner', 'NOTE objects view public.on_top']),
    ('create view public.peek as select count(*) from %1$s', false,
     array['FAIL objects view public.peek .. reads as its owner']),
    ('create view public.peek as select exists (select from %1$s where user_id = ''bob'')', false,
     array['FAIL objects view public.peek .. reads as its owner']),
    ('create schema backups; create view backups.peek as table %1$s', false,
     array['FAIL objects view backups.peek .. reads as its owner']),
    ('create view app.peek as table %1$s', false,
     array['FAIL objects view app.peek .. reads as its owner', 'FAIL drift view app.peek exists, but is not declared']),
    ('create view app.peek as select 1 as one', false, array['NOTE objects .. (1): app.peek']),
    ('create materialized view public.peek as table %1$s', false,
     array['FAIL objects materialized view public.peek .. keeps a copy of rows, to which no policy applies']),
    ('create materialized view app.peek as table %1$s', false,
     array['FAIL objects materialized view app.peek .. keeps a copy of rows', 'FAIL drift materialized view app.peek exists']),
    ('create materialized view public.peek as table %1$s; create view public.on_top as table public.peek', true,
     array['FAIL objects materialized view public.peek', 'FAIL objects view public.on_top .. reads as its owner']),
    ('create rule echo as on insert to %1$s do also select * from %1$s', false,
     array['FAIL objects rule echo on %1$s', 'FAIL drift rule echo on %1$s exists, but is not declared']),
    ('create table public.log (user_id text); create rule echo as on insert to %1$s '
     'do also insert into public.log values (new.user_id)', false,
     array['FAIL objects rule echo on %1$s', 'FAIL drift rule echo on %1$s exists, but is not declared']),
    ('create rule never as on delete to %1$s do instead nothing', false,
     array['FAIL objects rule never on %1$s', 'FAIL drift rule never on %1$s exists, but is not declared']),
    ('create table public.child () inherits (%1$s)', true,
     array['FAIL objects public.child inherits from %1$s', 'FAIL drift inheritance of public.child exists, but is not declared']),
    ('create table app.child () inherits (%1$s)', true,
     array['FAIL objects app.child inherits from %1$s', 'FAIL table app.child has every column of %1$s']),
    ('create table public.child () inherits (%1$s); create table public.grandchild () inherits (public.child)', true,
     array['FAIL objects public.child inherits from %1$s', 'FAIL objects public.grandchild inherits from %1$s']),
    ('create table public.parent (user_id text collate "C" not null); alter table %1$s inherit public.parent', false,
     array['FAIL objects %1$s inherits from public.parent: a query of that table reads rows of app',
           'FAIL drift inheritance of %1$s exists, but is not declared']),
    ('create table public.root (user_id text collate "C" not null); create table public.parent () inherits (public.root); '
     'alter table %1$s inherit public.parent', false,
     array['FAIL objects %1$s inherits from public.parent: a query of that table reads rows of app']),
    ('create table public.spare as table %1$s; grant select on public.spare to rowkeep_api', false,
     array['FAIL grants select on public.spare to rowkeep_api: no policy of app applies to it']),
    ('create table public.spare as table %1$s; grant select (user_id) on public.spare to rowkeep_api', false,
     array['FAIL grants select .. on public.spare to rowkeep_api: no policy of app applies to it']),
    ('create table public.spare as table %1$s; grant all on public.spare to public', false,
     array['NOTE grants .. select .. on one table or view of other schemas to public .. public.spare',
           'FAIL bypass public.spare has the columns .. of %1$s; read by public: no policy binds it']),
    ('create table public.spare as table %1$s; grant select on public.spare to rowkeep_auditor', false,
     array['FAIL grants select on public.spare to rowkeep_auditor']),
    ('create table public.spare as table %1$s; alter table public.spare owner to rowkeep_api', true,
     array['FAIL role rowkeep_api owns objects in this database: table public.spare']),
    ('create table app.spare as table %1$s; alter table app.spare owner to rowkeep_owner', true,
     array['FAIL table app.spare has every column of %1$s; nobody but its owner reads it; owner rowkeep_owner']),
    ('create table app.spare (like %1$s including all); alter table app.spare owner to rowkeep_owner, '
     'enable row level security; grant delete on app.spare to rowkeep_api', true,
     array['FAIL table app.spare: row security enabled, NOT forced', 'FAIL policy app.spare has no fence']),
    ('create table app.spare (like %1$s including all); alter table app.spare owner to rowkeep_owner, '
     'enable row level security, force row level security; grant select on app.spare to rowkeep_api', true,
     array['FAIL policy app.spare has no fence', 'NOTE policy app.spare: rowkeep_api can', 'FAIL trigger app.spare has no trigger that keeps',
           'FAIL drift table app.spare exists, but is not declared']),
    ('create table app.spare (like %1$s including all); alter table app.spare owner to rowkeep_owner; '
     'grant select, delete on app.spare to rowkeep_api', true,
     array['FAIL table app.spare: row security NOT enabled', 'FAIL proof app.spare: ']),
    ('create table public.refers (user_id text, id bigint, foreign key (user_id, id) references %1$s (user_id, id))', false,
     array['FAIL foreign key refers_ .. on public.refers']),
    ('create table public.refers (user_id text, id bigint, foreign key (user_id, id) references %1$s (user_id, id) '
     'on delete cascade); alter table %1$s disable trigger all', true,
     array['FAIL foreign key refers_ .. on public.refers', 'FAIL trigger an internal trigger of %1$s is disabled']),
    ('create unique index oracle on %1$s (id); '
     'create table app.refers (user_id text not null, of_id bigint references %1$s (id))', true,
     array['FAIL foreign key refers_ .. on app.refers .. without user_id it can show and change rows of other users',
           'FAIL table %1$s: unique: .. does not begin with user_id']),
    ('create table app.refers (user_id text not null, of_user text, of_id bigint, '
     'foreign key (of_user, of_id) references %1$s (user_id, id))', true,
     array['FAIL foreign key refers_ .. on app.refers .. without user_id it can show and change rows of other users']),
    ('create publication spread for table %1$s', false,
     array['NOTE bypass publication spread of postgres sends %1$s: a role that may replicate']),
    ('create publication spread for all tables', false,
     array['NOTE bypass publication spread of postgres sends all tables: a role that may replicate']),
    ('create publication spread for tables in schema app', false,
     array['NOTE bypass publication spread of postgres sends schema app: a role that may replicate']),
    ('create function public.peek() returns setof %1$s language sql security definer as ''table %1$s''', false,
     array['FAIL function public.peek() runs as postgres (SECURITY DEFINER)']),
    ('create function public.peek() returns bigint language sql security definer begin atomic select count(*) from %1$s; end', false,
     array['FAIL function public.peek() runs as postgres (SECURITY DEFINER)']),
    ('create procedure public.empty() language plpgsql security definer as $$ begin delete from %1$s; end $$', false,
     array['FAIL function public.empty() runs as postgres (SECURITY DEFINER)']),
    ('create function public.peek() returns bigint language plpgsql security definer as '
     '$$ begin return (select count(*) from %1$s); end $$; revoke all on function public.peek() from public; '
     'grant execute on function public.peek() to rowkeep_api', false,
     array['FAIL function public.peek() runs as postgres (SECURITY DEFINER), and rowkeep_api may execute it']),
    ('create function app.peek() returns setof %1$s language sql security definer set search_path = '''' as ''table %1$s''', false,
     array['FAIL function app.peek() is SECURITY DEFINER', 'FAIL function app.peek() is owned by postgres',
           'FAIL grants execute on app.peek() to public', 'FAIL drift function app.peek() exists, but is not declared']),
    ('create function public.peek() returns setof %1$s language sql security definer as ''table %1$s''; '
     'create view public.on_top as select * from public.peek()', false,
     array['FAIL function public.peek() runs as postgres (SECURITY DEFINER)'])
)

select regexp_replace(format(h.damage, t.name), h.names, '\1_' || h.number || 'x', 'g') as damage,
       array(select regexp_replace(format(n, t.name), h.names, '\1_' || h.number || 'x', 'g') from unnest(h.notices) n) as notices,
       h.by_hand
  from tables t
 cross join (select *, row_number() over (order by damage) as number,
                    '\m(peek|on_top|echo|log|child|grandchild|parent|root|spare|refers|oracle|spread|backups|empty)(?![_a-z])' as names
               from damages) h
 order by h.damage, 1
