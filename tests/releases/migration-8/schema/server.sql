-- The release of the server, and the encoding in which the database stores text.
select current_setting('server_version_num')::integer as version,
       current_setting('server_version')              as version_text,
       current_setting('server_encoding')             as encoding
