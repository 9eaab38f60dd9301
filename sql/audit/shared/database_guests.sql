-- Logins of requests that may connect to this database only because PUBLIC may, and that have a database of their own in
-- this cluster: one that they, or a role of theirs, own or may connect to by name. `serves` names those.
database_guests (name, serves) as (
    select l.name, string_agg(quote_ident(d.datname), ', ' order by d.datname collate "C")
      from logins l
      join pg_database d on d.datallowconn and d.datname <> current_database()
     where exists (select
                     from aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
                     join can_use u on u.role = l.oid and u.other = a.grantee
                    where a.privilege_type = 'CONNECT')
       and has_database_privilege(l.oid, current_database(), 'CONNECT')
       and not exists (select
                         from pg_database h
                        cross join aclexplode(coalesce(h.datacl, acldefault('d', h.datdba))) a
                         join can_use u on u.role = l.oid and u.other = a.grantee
                        where h.datname = current_database()
                          and a.privilege_type = 'CONNECT')
     group by l.name
)
