-- Sets the sequence of ids behind every id of app.tasks, if it is not. RESTART is undone with the transaction, and setval() is
-- not. After it the sequence must give a number once: `rowkeep migrate` takes a sequence that never did for a mistake.
do $$
declare
    last_id constant bigint := (select max(id) from app.tasks);
begin
    if last_id >= (select last_value + is_called::integer from app.tasks_id_seq) then
        execute format('alter table app.tasks alter column id restart with %s', last_id);
        perform nextval('app.tasks_id_seq');
    end if;
end
$$;

-- The planner needs to know the new rows before the first request.
analyze app.tasks
