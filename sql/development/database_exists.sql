-- Whether a development cluster already has its database.
select exists (select from pg_database where datname = 'rowkeep') as made
