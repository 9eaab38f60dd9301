-- Tells the audit that this session is that of the server: the login of DATABASE_URL. Until the end of the transaction.
do $$ begin perform set_config('rowkeep.serving_login', session_user, true); end $$;
