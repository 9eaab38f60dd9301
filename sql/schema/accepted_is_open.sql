-- Whether another role than rowkeep_owner can write rowkeep.accepted. Then nothing in it counts (policies/00_reset.sql). Applying
-- the policies takes that right away, and the rows stay.
select c.relkind <> 'r'
       or c.relowner <> 'rowkeep_owner'::regrole
       or exists (select
                    from (select grantee, privilege_type from aclexplode(c.relacl)
                           union all
                          select x.grantee, x.privilege_type
                            from pg_attribute t, aclexplode(t.attacl) x
                           where t.attrelid = c.oid) a
                   where a.grantee <> c.relowner and a.privilege_type <> 'SELECT') as is_open
  from pg_class c
 where c.oid = to_regclass('rowkeep.accepted')
