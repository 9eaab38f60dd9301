//! Addresses as other programs write them. Each of their options works, or is refused with what to write instead.

use tokio_postgres::config::SslMode;

use super::options::Meaning::{self, Nothing, Refused, Tls, Unknown};
use super::options::tls;

/// Refuses a text that is an address in another spelling.
///
/// # Errors
/// A sentence that names what is in the way. It repeats no part of the text.
pub(super) fn check_spelling(text: &str) -> Result<(), String> {
    let lower = text.trim().to_ascii_lowercase();
    let starts_with = |beginnings: &[&str]| beginnings.iter().any(|beginning| lower.starts_with(beginning));
    let problem = if starts_with(&["'", "\"", "`", "\u{201c}"]) {
        "stands in quotes: remove them"
    } else if starts_with(&["psql ", "psql\t", "pg_dump ", "export ", "set "]) {
        "begins with a command: write the address alone, without quotes"
    } else if has_variable_name(text.trim()) {
        "begins with the name of a variable: write the address alone, without quotes"
    } else if is_semicolon_list(&lower) {
        "is the spelling of .NET, ODBC or PHP: write postgres://user:password@host/database"
    } else if starts_with(&["postgres:", "postgresql:"]) && !lower.contains("://") {
        "has no // after postgres: write postgres://user:password@host/database"
    } else if starts_with(&["jdbc:", "r2dbc:"]) && !lower.contains("://") {
        "is Java's spelling: write postgres://user:password@host/database"
    } else if starts_with(&["sqlite:", "file:", "mysql:", "mssql:", "pgsql:"]) && !lower.contains("://") {
        "is not an address of PostgreSQL: write postgres://user:password@host/database"
    } else if has_placeholder(text) {
        "has a placeholder, such as [YOUR-PASSWORD] or <host>: write the value there. If it is a password in a URL, write [ as \
         %5B, ] as %5D, < as %3C, > as %3E, { as %7B, } as %7D and * as %2A"
    } else {
        return Ok(());
    };
    Err(problem.into())
}

/// `DATABASE_URL=postgres://…`: names of variables are upper case, and options are not.
fn has_variable_name(text: &str) -> bool {
    let is_upper = |name: &str| {
        !name.is_empty() && name.chars().all(|c| c.is_ascii_uppercase() || matches!(c, '_' | '0'..='9'))
    };
    text.split_once('=').is_some_and(|(name, _)| is_upper(name.trim()))
}

/// `Host=…;Username=…`, `Driver={PostgreSQL};Server=…`, `pgsql:host=…;dbname=…`. libpq has no semicolons between options.
fn is_semicolon_list(text: &str) -> bool {
    let Some((first, rest)) = text.split_once(';') else { return false };
    let Some((name, value)) = first.split_once('=') else { return false };
    let is_option = |c: char| c.is_ascii_alphabetic() || matches!(c, ' ' | '_' | ':');
    name.chars().all(is_option) && !value.contains(['=', '\'']) && (rest.contains('=') || rest.is_empty())
}

/// `[YOUR-PASSWORD]`, `<host>`, `${PASSWORD}`, `{{ password }}`, `****`: the whole of a value.
fn has_placeholder(text: &str) -> bool {
    let is_word = |word: &str| {
        let word = word.trim();
        word.contains(|c: char| c.is_ascii_alphabetic())
            && word.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | ' '))
    };
    let is_placeholder = |value: &str| {
        let inside = |open, close| value.strip_prefix(open).and_then(|rest: &str| rest.strip_suffix(close));
        [("[", "]"), ("<", ">"), ("${", "}"), ("$(", ")"), ("{{", "}}"), ("{", "}")]
            .into_iter()
            .any(|(open, close)| inside(open, close).is_some_and(is_word))
            || value.len() > 2 && value.chars().all(|c| c == '*')
    };
    text.split([':', '@', '/', '.', '?', '&', '=', ' ', '\'', ',']).any(|value| is_placeholder(value.trim()))
        || text
            .split([':', '@', '/', '.', '?', '&', '=', '\'', ','])
            .any(|value| is_placeholder(value.trim()))
}

/// What an option of another program asks for. Their names differ in case and hyphens.
pub(super) fn meaning(name: &str, value: &str) -> Meaning {
    match name.replace('-', "_").to_ascii_lowercase().as_str() {
        "ssl" => match value.to_ascii_lowercase().as_str() {
            "true" | "1" | "on" => Tls(SslMode::Require),
            "false" | "0" | "off" => Tls(SslMode::Disable),
            other => tls(other),
        },
        "sslaccept" if value == "strict" => Nothing,
        "sslaccept"
        | "sslfactory"
        | "sslhostnameverifier"
        | "ssl_verify"
        | "ssl_ca"
        | "trustservercertificate" => Refused(
            "every certificate is verified; write sslmode=require, and sslrootcert=/path/of/ca.pem for an authority of your \
                 own",
        ),
        "direct_tls" => Refused("write sslnegotiation=direct and sslmode=require"),
        // A pooler is recognised without it.
        "pgbouncer" | "uselibpqcompat" | "supa" | "workaround" => Nothing,
        "charset" | "encoding"
            if matches!(value.to_ascii_lowercase().as_str(), "utf8" | "utf-8" | "unicode") =>
        {
            Nothing
        }
        "charset" | "encoding" => Refused("text is always sent in UTF-8; remove it"),
        // What happens anyway.
        "tcpkeepalive" | "stringtype" | "serverversion" | "fetch_types" => Nothing,
        "schema" | "schemas" | "currentschema" | "search_path" => {
            Refused("the tables of Rowkeep are in the schemas app and rowkeep; remove it")
        }
        "connection_limit" | "pool" | "pool_size" | "max_pool_size" | "pool_max_conns" | "maxpoolsize"
        | "max" | "max_connections" | "maximumpoolsize" | "max_overflow" => {
            Refused("write the number into DATABASE_POOL_SIZE, and remove it")
        }
        "pool_min_conns" | "min_pool_size" | "minpoolsize" | "min_idle" | "minimumidle" => {
            Refused("write the number into DATABASE_POOL_MIN_IDLE, and remove it")
        }
        "conn_max_age" | "pool_recycle" | "pool_max_conn_lifetime" | "max_lifetime" | "maxlifetime" => {
            Refused("write the seconds into DATABASE_MAX_LIFETIME, and remove it")
        }
        "pool_timeout"
        | "socket_timeout"
        | "sockettimeout"
        | "command_timeout"
        | "statement_timeout"
        | "query_timeout"
        | "lock_timeout"
        | "idle_in_transaction_session_timeout"
        | "transaction_timeout"
        | "checkout_timeout" => Refused("write the seconds of a request into REQUEST_TIMEOUT, and remove it"),
        "timeout" | "connecttimeout" | "logintimeout" | "connect_timeout_ms" | "connectiontimeoutmillis" => {
            Refused("write the seconds into connect_timeout, and remove it")
        }
        "statement_cache_size"
        | "prepared_statement_cache_size"
        | "statement_cache_capacity"
        | "description_cache_capacity"
        | "preparethreshold"
        | "prepared_statements"
        | "prepare"
        | "preferquerymode"
        | "default_query_exec_mode"
        | "prefer_simple_protocol"
        | "binary_parameters" => {
            Refused("DATABASE_STATEMENTS=unnamed is for poolers that cannot keep statements; remove it")
        }
        "timezone"
        | "datestyle"
        | "intervalstyle"
        | "work_mem"
        | "default_transaction_isolation"
        | "default_transaction_read_only"
        | "server_settings" => Refused(
            "an address sets no parameters of Postgres; remove it. Times are always UTC, and other parameters are stored for the \
             login with ALTER ROLE .. SET",
        ),
        "targetservertype" => Refused("write target_session_attrs=read-write or read-only"),
        "loadbalancehosts" => Refused("write load_balance_hosts=random, or remove it"),
        "applicationname" => Refused("write application_name"),
        "unix_sock" | "unix_socket" | "unix_socket_directory" | "unixsocket" | "socket" => {
            Refused("write host= and the directory of the socket, without the name .s.PGSQL.5432")
        }
        "database" | "db" | "dbname" | "initial_catalog" | "path" => Refused("write dbname"),
        "username" | "user_name" | "user_id" | "uid" | "user" => Refused("write user"),
        "passwd" | "pass" | "pwd" | "password" => Refused("write password"),
        "server" | "hostname" | "data_source" | "host" => Refused("write host"),
        "port" => Refused("write port"),
        "engine" | "dialect" | "adapter" | "driver" | "echo" | "logging" | "async_fallback"
        | "pool_pre_ping" | "conn_health_checks" | "atomic_requests" => {
            Refused("it is a setting of another program; remove it")
        }
        _ => Unknown,
    }
}

#[cfg(test)]
mod tests {
    use crate::database::Address;

    #[test]
    fn an_address_in_another_spelling_is_refused_with_what_to_write() {
        for (text, named) in [
            ("Host=db.example;Port=5432;Username=u;Password=hush;Database=d", "spelling of .NET"),
            ("Server=db.example;User Id=u;Password=hush;", "spelling of .NET"),
            ("Driver={PostgreSQL Unicode};Server=h;Uid=u;Pwd=hush", "spelling of .NET"),
            ("pgsql:host=h;port=5432;dbname=d;password=hush", ".NET, ODBC or PHP"),
            ("pgsql:host=h", "is not an address of PostgreSQL"),
            ("psql 'postgresql://u:hush@h/d?sslmode=require'", "begins with a command"),
            ("psql \"host=h user=u password=hush\"", "begins with a command"),
            ("export DATABASE_URL=postgres://u:hush@h/d", "begins with a command"),
            ("DATABASE_URL=postgres://u:hush@h/d", "the name of a variable"),
            ("PGHOST=h PGPASSWORD=hush", "the name of a variable"),
            ("DATABASE_URL='postgres://u:hush@h/d'", "the name of a variable"),
            ("'postgres://u:hush@h/d'", "stands in quotes"),
            ("\"postgres://u:hush@h/d\"", "stands in quotes"),
            ("postgres:u:hush@h/d", "has no // after postgres"),
            ("postgresql:/u:hush@h/d", "has no // after postgres"),
            ("jdbc:postgresql://h/d?user=u&password=hush", "Java's spelling"),
            ("jdbc:postgresql:hush", "Java's spelling"),
            ("r2dbc:postgresql://u:hush@h/d", "Java's spelling"),
            ("prisma+postgres://accelerate.example/?api_key=hush", "address of a Prisma service"),
            ("sqlite:///hush.db", "sqlite:// is not PostgreSQL"),
            ("sqlite::memory:", "is not an address of PostgreSQL"),
            ("file:./hush.db", "is not an address of PostgreSQL"),
            ("mysql+pymysql://u:hush@h/d", "mysql:// is not PostgreSQL"),
            ("pgsql://u:hush@h/d", "write postgres:// instead"),
            ("postgis://u:hush@h/d", "write postgres:// instead"),
            ("postgres://u:[YOUR-PASSWORD]@db.example/d", "has a placeholder"),
            ("postgres://u:hush@db.[YOUR-PROJECT-REF].supabase.co/d", "has a placeholder"),
            ("postgres://u.[YOUR-PROJECT-REF]:hush@aws-0-x.pooler.supabase.com:6543/d", "has a placeholder"),
            ("postgres://u:<password>@h/d", "has a placeholder"),
            ("postgres://u:<db password>@h/d", "has a placeholder"),
            ("postgres://${DB_USER}:hush@h/d", "has a placeholder"),
            ("postgres://u:{{ password }}@h/d", "has a placeholder"),
            ("postgres://u:********@h/d", "has a placeholder"),
            ("host=h user=u password=<password> dbname=d", "has a placeholder"),
            ("postgres://u:hu@sh@h/d", "more than one @"),
            ("postgres://u:hush%@h/d", "% as %25"),
            ("postgres://u:hush/#@h/d", "/ as %2F"),
        ] {
            let problem = Address::parse(text).expect_err(text);

            assert!(problem.contains(named), "{text}: {problem}");
            assert!(!problem.contains("hu"), "{text}: {problem}");
        }
    }

    #[test]
    fn an_option_of_another_program_is_named_also_between_spaces() {
        for (option, advice) in [
            ("TimeZone=Asia/Shanghai", "Times are always UTC"),
            ("search_path=x", "schemas app and rowkeep"),
            ("pool=5", "DATABASE_POOL_SIZE"),
            ("pool_max_conns=5", "DATABASE_POOL_SIZE"),
            ("CONN_MAX_AGE=600", "DATABASE_MAX_LIFETIME"),
            ("statement_timeout=1", "REQUEST_TIMEOUT"),
            ("transaction_timeout=1", "REQUEST_TIMEOUT"),
            ("timeout=5000", "connect_timeout"),
            ("prefer_simple_protocol=true", "DATABASE_STATEMENTS"),
            ("default_query_exec_mode=exec", "DATABASE_STATEMENTS"),
            ("unix_sock=/run/pg/.s.PGSQL.5432", "write host="),
            ("targetServerType=primary", "target_session_attrs"),
            ("ApplicationName=x", "write application_name"),
            ("Username=u", "write user"),
            ("database=d", "write dbname"),
        ] {
            let (name, _) = option.split_once('=').expect("a value");
            for text in
                [format!("host=h user=u password=hush {option}"), format!("postgres://u:hush@h/d?{option}")]
            {
                let problem = Address::parse(&text).expect_err(&text);

                assert!(
                    problem.contains(&format!("{name}: ")) && problem.contains(advice),
                    "{text}: {problem}"
                );
                assert!(!problem.contains("hush"), "{text}: {problem}");
            }
        }
    }

    #[test]
    fn an_address_that_looks_like_another_spelling_and_is_none_works() {
        for text in [
            "postgres://u:a;b=c;d@h/d",
            "postgres://u:x[abc]y@h/d",
            "postgres://u:%5BYOUR-PASSWORD%5D@h/d",
            "postgres://u:pa$$word@[2001:db8::1]:5432/d",
            "postgres://u:p*ss@h/d",
            "host=h user=u password='a;b=c;d'",
            "host=h user=u password=a;b",
            "host=h user=u password=DATABASE_URL",
            "postgresql+psycopg2cffi://u:p@h/d",
            "postgres://u:p@h/d?sslmode=verify_full",
            "postgres://u:p@h/d?sslmode=VerifyFull",
            "postgres://u:p@h/d?charset=utf8&serverVersion=16&workaround=supabase-pooler.vercel",
        ] {
            assert_eq!(Address::parse(text).err(), None, "{text}");
        }
    }
}
