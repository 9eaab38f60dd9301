-- Temporary tables for the rows of the source. No rule of app.tasks applies to them, so that every row that breaks one can be
-- named. They end with the transaction.
create temporary table adopted (
    id          bigint,
    user_id     text collate "C",
    title       text,
    description text,
    completed   boolean,
    created_at  timestamptz,
    updated_at  timestamptz
) on commit drop;

create temporary table adopted_sums (
    user_id  text collate "C",
    tasks    bigint,
    checksum numeric
) on commit drop;

-- A row is a reason why a row of the source cannot be adopted.
create temporary table adopted_problems (
    id      bigint,
    problem text
) on commit drop;

grant select                 on pg_temp.adopted, pg_temp.adopted_sums to rowkeep_owner;
grant select, insert, delete on pg_temp.adopted_problems              to rowkeep_owner
