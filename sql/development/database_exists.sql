-- Whether a development cluster has its database yet.
select exists (select from pg_database where datname = 'rowkeep') as made
