-- Runs sql/session/probe.sql on one node of a distributed database (Citus), as the role of requests, without an identity.
-- There the policies decide about the rows, and Citus has copied them. Returns the columns of the probe.
--   $1 host   $2 port   $3 the text of probe.sql, without a user   $4 the names of the shards that must be there
--   $5 an expression: whether no shard shows a row
select m.success                                                   as is_reached,
       case when not m.success then m.result end                   as problem,
       r.*,
       (select array_agg(s.name order by s.name)
          from unnest($4::text[]) s (name)
         where s.name <> all (r.tables))                           as unseen
  from master_run_on_worker(array[$1::text], array[$2::integer],
           array[format('select to_jsonb(p) || jsonb_build_object(''sees_nothing'', app.current_user_id() is null and %s) from (%s) p',
                        $5::text, $3::text)], false) m
  left join lateral jsonb_to_record(case when m.success then m.result::jsonb end) r (
           tables text[], role_assumed boolean, bound_by_policies boolean, owned text[], unprotected text[], unfenced text[],
           unsound text[], without_rows text[], disabled_triggers text[], disabled_triggers_fix text, missing_triggers text[],
           triggers_run boolean, identity_sound boolean, sees_nothing boolean, missing_privileges text[]) on true
