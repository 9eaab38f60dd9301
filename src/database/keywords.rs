//! Splits an address into its options, once: a URL, or `key=value` pairs as libpq reads them.

use std::iter::Peekable;
use std::str::Chars;

use percent_encoding::percent_decode_str;

use super::other_programs;

/// The options of an address under the names of libpq, in their order. Each name is there once, and no value is empty: as in
/// libpq the last value counts, and an empty one is none.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Keywords {
    options: Vec<(String, String)>,
    /// Whether they come from a URL.
    pub(super) is_url: bool,
}

/// How special characters of a URL are written. Errors must not repeat the text, so they say this instead.
const ENCODE: &str =
    "in the user, password and database of a URL write @ as %40, : as %3A, / as %2F, ? as %3F and % as %25";

/// Postgres ends a text there, so that it would read another one.
const ZERO_BYTE: &str = "has a zero byte, which no user, password and database can have: remove it";

impl Keywords {
    /// # Errors
    /// A sentence that repeats no part of the text but the scheme of a URL.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        if text.contains('\0') {
            return Err(ZERO_BYTE.into());
        }
        other_programs::check_spelling(text)?;
        match text.split_once("://") {
            Some((scheme, rest)) if is_scheme(scheme) => {
                check_scheme(scheme)?;
                from_url(rest)
            }
            _ => from_pairs(text),
        }
    }

    fn set(&mut self, name: &str, value: String) {
        self.options.retain(|(known, _)| known != name);
        if !value.is_empty() {
            self.options.push((name.to_owned(), value));
        }
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.options.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// Whether the text before `://` can be the scheme of a URL. In a password of `key=value` pairs it is not.
fn is_scheme(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | ':'))
}

/// Accepts `postgres` and `postgresql`, also with the driver that SQLAlchemy's addresses name (`postgresql+asyncpg`).
fn check_scheme(scheme: &str) -> Result<(), String> {
    let scheme = scheme.to_ascii_lowercase();
    let (name, driver) = scheme.split_once('+').unwrap_or((&scheme, ""));
    match name {
        _ if driver.contains(':') => Err(not_an_address()),
        "postgres" | "postgresql" => Ok(()),
        name @ ("jdbc:postgresql" | "r2dbc:postgresql" | "r2dbc:pool:postgresql") => {
            Err(format!("{name}:// is Java's spelling: write postgres://user:password@host/database"))
        }
        name @ ("pg" | "pgsql" | "psql" | "postgis" | "ecto" | "timescaledb" | "timescale") => {
            Err(format!("{name}:// is another program's spelling: write postgres:// instead"))
        }
        "prisma" => {
            Err("it is the address of a Prisma service, not of a database: write the database's own, \
                         postgres://user:password@host/database"
                .into())
        }
        // The text may be a user and a password without a scheme.
        name if name.contains(':') => Err(not_an_address()),
        name => Err(format!("{name}:// is not PostgreSQL: write postgres://user:password@host/database")),
    }
}

fn not_an_address() -> String {
    "not an address like postgres://user:password@host/database".into()
}

/// Reads what follows `postgres://`, as libpq does: `user:password@host:port,host:port/database?name=value&…`.
fn from_url(text: &str) -> Result<Keywords, String> {
    let mut keywords = Keywords { is_url: true, ..Keywords::default() };
    let mut rest = text;
    if let Some((login, after)) = text.split_once('@') {
        let is_login =
            !login.contains('/') && !login.split_once('?').is_some_and(|(_, query)| query.contains('='));
        if !is_login || after.contains('@') {
            return Err(format!("has an @ where none can be, or more than one @: {ENCODE}"));
        }
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        keywords.set("user", decode(user)?);
        keywords.set("password", decode(password)?);
        rest = after;
    }

    let (before, query) = rest.split_once('?').unwrap_or((rest, ""));
    let (hosts, database) = before.split_once('/').unwrap_or((before, ""));
    let (hosts, ports) = split_ports(hosts)?;
    keywords.set("host", decode(&hosts)?);
    keywords.set("port", decode(&ports)?);
    keywords.set("dbname", decode(database)?);
    for part in query.split('&').filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(|| {
            format!("has an option without a value after the ?, such as sslmode without =require; {ENCODE}")
        })?;
        keywords.set(&decode(name)?, decode(value)?);
    }
    Ok(keywords)
}

/// The hosts and their ports as two lists. IPv6 addresses stand in brackets.
fn split_ports(text: &str) -> Result<(String, String), String> {
    let wrong = || {
        format!(
            "has a host or a port that cannot be read: a port is a number, and an IPv6 address stands in brackets as in \
                 [::1]:5432; {ENCODE}"
        )
    };
    let (mut hosts, mut ports) = (Vec::new(), Vec::new());
    for part in text.split(',') {
        let (host, port) = match part.strip_prefix('[') {
            Some(bracketed) => {
                let (host, after) = bracketed.split_once(']').ok_or_else(wrong)?;
                (host, if after.is_empty() { "" } else { after.strip_prefix(':').ok_or_else(wrong)? })
            }
            None => part.split_once(':').unwrap_or((part, "")),
        };
        if !port.is_empty() && port.parse::<u16>().is_err() {
            return Err(wrong());
        }
        hosts.push(host);
        ports.push(port);
    }
    let ports = if ports.iter().all(|port| port.is_empty()) { String::new() } else { ports.join(",") };
    Ok((hosts.join(","), ports))
}

fn decode(text: &str) -> Result<String, String> {
    let is_escape =
        |rest: &str| rest.as_bytes().get(..2).is_some_and(|two| two.iter().all(u8::is_ascii_hexdigit));
    let decoded = percent_decode_str(text).decode_utf8().ok();
    let decoded = decoded.filter(|_| text.split('%').skip(1).all(is_escape));
    match decoded {
        Some(decoded) if decoded.contains('\0') => Err(ZERO_BYTE.into()),
        Some(decoded) => Ok(decoded.into()),
        None => Err(format!("has a % that does not encode UTF-8: {ENCODE}")),
    }
}

/// Reads `name=value` pairs. A value stands in single quotes if it has spaces, and a backslash stands before a quote.
fn from_pairs(text: &str) -> Result<Keywords, String> {
    let mut keywords = Keywords::default();
    let mut rest = text.chars().peekable();
    loop {
        skip_spaces(&mut rest);
        if rest.peek().is_none() {
            return Ok(keywords);
        }
        let name = take_while(&mut rest, |c| c != '=' && !is_space(c));
        skip_spaces(&mut rest);
        if rest.next() != Some('=') || name.is_empty() {
            return Err(not_an_address());
        }
        skip_spaces(&mut rest);
        let value =
            value(&mut rest).ok_or("has a value in quotes that does not end: write ' as \\' in a value")?;
        keywords.set(&name, value);
    }
}

fn skip_spaces(rest: &mut Peekable<Chars<'_>>) {
    take_while(rest, is_space);
}

/// The white space of C, as for libpq. Others, such as the no-break space, belong to the value.
fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r')
}

fn take_while(rest: &mut Peekable<Chars<'_>>, accept: impl Fn(char) -> bool) -> String {
    std::iter::from_fn(|| rest.next_if(|&c| accept(c))).collect()
}

/// None: the closing quote is missing.
fn value(rest: &mut Peekable<Chars<'_>>) -> Option<String> {
    let quoted = rest.next_if_eq(&'\'').is_some();
    let mut value = String::new();
    loop {
        match rest.peek() {
            None => return (!quoted).then_some(value),
            Some('\'') if quoted => {
                rest.next();
                return Some(value);
            }
            Some(c) if !quoted && is_space(*c) => return Some(value),
            Some('\\') => {
                rest.next();
                value.extend(rest.next());
            }
            Some(_) => value.extend(rest.next()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_parses(text: &str, wanted: &[(&str, &str)]) {
        let found = Keywords::parse(text).map(|found| {
            found.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect::<Vec<_>>()
        });
        let wanted = wanted.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        assert_eq!(found, Ok(wanted), "{text}");
    }

    #[test]
    fn urls_are_read_as_libpq_reads_them() {
        assert_parses("postgres://", &[]);
        assert_parses("POSTGRESQL://h", &[("host", "h")]);
        assert_parses("postgresql+psycopg2://u@h/d", &[("user", "u"), ("host", "h"), ("dbname", "d")]);
        assert_parses(
            "postgres://me:p%40ss%3a%2F%C3%A9@[::1]:5433/my%20db?sslmode=require&host=",
            &[
                ("user", "me"),
                ("password", "p@ss:/é"),
                ("port", "5433"),
                ("dbname", "my db"),
                ("sslmode", "require"),
            ],
        );
        assert_parses(
            "postgres://a:1,[2001:db8::2],c:3?user=u",
            &[("host", "a,2001:db8::2,c"), ("port", "1,,3"), ("user", "u")],
        );
        assert_parses("postgres://u:p?w#x y@h", &[("user", "u"), ("password", "p?w#x y"), ("host", "h")]);
        assert_parses(
            "postgres://u:sslmode=disable@h",
            &[("user", "u"), ("password", "sslmode=disable"), ("host", "h")],
        );
        // Cloud SQL: the directory of the socket.
        assert_parses(
            "postgres://u@/d?host=/cloudsql/p:r:i",
            &[("user", "u"), ("dbname", "d"), ("host", "/cloudsql/p:r:i")],
        );
        assert_parses("postgres://%2Frun%2Fpg/d", &[("host", "/run/pg"), ("dbname", "d")]);
    }

    #[test]
    fn pairs_are_read_as_libpq_reads_them() {
        assert_parses("", &[]);
        assert_parses(
            "host = h  password='it\\'s \"one\" \\\\' user=a\\ b dbname='' user=c",
            &[("host", "h"), ("password", "it's \"one\" \\"), ("user", "c")],
        );
        assert_parses("host=h password=sslmode=disable", &[("host", "h"), ("password", "sslmode=disable")]);
        assert_parses("host=h password=postgres://x", &[("host", "h"), ("password", "postgres://x")]);
        assert_parses("host=h password=a\u{a0}user=x", &[("host", "h"), ("password", "a\u{a0}user=x")]);
    }

    #[test]
    fn a_text_that_is_no_address_is_refused_and_not_repeated() {
        for text in [
            "hush",
            "hush hush",
            "=hush",
            "host=h password='hush",
            "user:hush@host/database",
            "mysql://u:hush@h/d",
            "jdbc:postgresql://h/d?password=hush",
            "user:hush://h/d",
            "postgres://u:hush@hush@h/d",
            "postgres://u:hush/x@h/d",
            "postgres://u:hush",
            "postgres://u:hush@h:hush/d",
            "postgres://u@::1:hush/d",
            "postgres://u@[::1]hush/d",
            "postgres://u:hush@h/d?hush",
            "postgres://u:%ffhush@h/d",
            "postgres://u:hush%@h/d",
            "postgres://u:%zzhush@h/d",
            "postgres://h?user=u&password=hush@hush",
            "postgres://u:hu/sh@h",
            "postgres://u:hush%00@h",
            "host=h password=hush\0",
        ] {
            let problem = Keywords::parse(text).expect_err(text);
            assert!(!problem.contains("hu"), "{text}: {problem}");
        }
    }
}
