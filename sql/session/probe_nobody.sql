-- Whether a transaction without an identity has no user. sql/nodes/probe.sql looks whether it sees rows, if the database is
-- distributed: a node that is down would be in the way here.
select app.current_user_id() is null as sees_nothing
