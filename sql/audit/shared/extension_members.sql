-- Objects that belong to an extension.
extension_members as (
    select d.classid, d.objid, e.extname from pg_depend d join pg_extension e on e.oid = d.refobjid where d.deptype = 'e'
)
