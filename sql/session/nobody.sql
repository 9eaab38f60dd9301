-- Whether a transaction that is nobody's sees nothing at all.
select not exists (select from app.tasks) as sees_nothing
