-- Which server this is, and in which encoding the database keeps text.
select current_setting('server_version_num')::integer as version,
       current_setting('server_version')              as version_text,
       current_setting('server_encoding')             as encoding
