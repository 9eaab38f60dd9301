-- Which server this is, who asks, and in which encoding it keeps text.
select current_setting('server_version_num')::integer as version,
       current_setting('server_version')              as version_text,
       current_setting('server_encoding')             as encoding,
       session_user::text                             as login,
       current_database()::text                       as database
