//! What each option of an address means here. Addresses are copied from programs in other languages: each of their options
//! works, or is refused with what to write instead.

use tokio_postgres::Config;
use tokio_postgres::config::SslMode;

use super::hosts::{self, Endpoint};
use super::keywords::Keywords;
use super::other_programs;

/// The options that Rowkeep uses.
#[derive(Debug)]
pub(super) struct Options {
    /// Without hosts.
    pub(super) config: Config,
    pub(super) hosts: Vec<Endpoint>,
    /// `sslmode`, if the address has one.
    pub(super) ssl_mode: Option<SslMode>,
    /// `sslrootcert`, if the address has one.
    pub(super) root_certificates: Option<String>,
}

/// What to do with one option.
pub(super) enum Meaning {
    /// The driver reads it, under this name and with this value.
    Driver(&'static str, String),
    /// `host`, `hostaddr` or `port`.
    Location,
    Tls(SslMode),
    RootCertificates,
    /// It asks for what happens anyway.
    Nothing,
    /// It cannot be obeyed. The text says what to write instead.
    Refused(&'static str),
    Unknown,
}
use Meaning::{Driver, Location, Nothing, Refused, RootCertificates, Tls, Unknown};

impl Options {
    /// # Errors
    /// A sentence for each option that cannot be obeyed. It repeats no value: a password with special characters can look
    /// like several options.
    pub(super) fn of(keywords: &Keywords) -> Result<Self, String> {
        let mut problems = Vec::new();
        let mut driver = String::new();
        let (mut ssl_mode, mut root_certificates) = (None, None);
        for (at, (name, value)) in keywords.iter().enumerate() {
            match meaning(name, value) {
                Driver(name, value) => {
                    let value = value.replace('\\', "\\\\").replace('\'', "\\'");
                    driver.push_str(&format!("{name}='{value}' "));
                }
                Tls(mode) if ssl_mode.is_some_and(|other| other != mode) => {
                    problems.push("sslmode and ssl ask for different things: remove one".into());
                }
                Tls(mode) => ssl_mode = Some(mode),
                Location => {}
                RootCertificates => root_certificates = Some(value.to_owned()),
                Nothing => {}
                Refused(advice) => problems.push(format!("{name}: {advice}")),
                // The name may be a part of a password that stands without quotes.
                Unknown if !keywords.is_url || !is_name(name) => {
                    problems.push(format!(
                        "its option number {} is not known: remove it, or put a value with spaces into single quotes",
                        at + 1
                    ));
                }
                Unknown => problems.push(format!("{name}: no such option is known; remove it")),
            }
        }
        let config: Config = match driver.parse() {
            Ok(config) => config,
            Err(error) => {
                // This error of the driver names the option. The others would repeat its value.
                let reason = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
                let named = reason.strip_prefix("invalid value for option ");
                problems.push(format!(
                    "{}: its value cannot be used",
                    named.unwrap_or("an option").trim_matches('`')
                ));
                Config::new()
            }
        };
        let value = |name| keywords.iter().find(|(known, _)| *known == name).map_or("", |(_, value)| value);
        let (host, ip) = (value("host"), value("hostaddr"));
        let hosts = if host.is_empty() && ip.is_empty() {
            Err("names no host: add one, as in postgres://user:password@host/database".into())
        } else {
            hosts::parse(host, ip, value("port"))
        };
        match hosts {
            Ok(hosts) if problems.is_empty() => Ok(Self { config, hosts, ssl_mode, root_certificates }),
            Ok(_) => Err(problems.join("; ")),
            Err(problem) => Err([problems, vec![problem]].concat().join("; ")),
        }
    }
}

fn is_name(text: &str) -> bool {
    text.len() <= 40 && text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
}

/// The options of libpq (PostgreSQL manual, "Parameter Key Words"), then those of other programs.
fn meaning(name: &str, value: &str) -> Meaning {
    let same = |name| Driver(name, value.to_owned());
    match name {
        "user" => same("user"),
        "password" => same("password"),
        "dbname" => same("dbname"),
        "host" | "hostaddr" | "port" => Location,
        "application_name" => same("application_name"),
        "connect_timeout" => same("connect_timeout"),
        "keepalives" => same("keepalives"),
        "keepalives_idle" => same("keepalives_idle"),
        "keepalives_interval" => same("keepalives_interval"),
        "keepalives_count" => same("keepalives_retries"),
        "load_balance_hosts" => same("load_balance_hosts"),
        "channel_binding" => same("channel_binding"),
        "sslnegotiation" => same("sslnegotiation"),
        // libpq counts milliseconds here, and the driver seconds.
        "tcp_user_timeout" => match value.parse::<u64>() {
            Ok(milliseconds) => Driver("tcp_user_timeout", milliseconds.div_ceil(1000).to_string()),
            Err(_) => Refused("it is a number of milliseconds"),
        },
        "target_session_attrs" => match value {
            "primary" => Refused("write read-write instead of primary"),
            "standby" => Refused("write read-only instead of standby"),
            "prefer-standby" => {
                Refused("prefer-standby is not supported; write any, read-write or read-only")
            }
            _ => same("target_session_attrs"),
        },

        "sslmode" => tls(value),
        "sslrootcert" => RootCertificates,
        "sslcert" | "sslkey" | "sslpassword" | "sslidentity" | "sslcertmode" => {
            Refused("client certificates are not supported; log in with a password, and remove it")
        }
        "sslcrl" | "sslcrldir" => Refused("lists of revoked certificates are not read; remove it"),
        "ssl_min_protocol_version" if !value.eq_ignore_ascii_case("TLSv1.3") => Nothing,
        "ssl_min_protocol_version" | "ssl_max_protocol_version" => {
            Refused("TLS 1.2 and 1.3 are used, the newer one where the server knows it; remove it")
        }
        "sslsni" if value == "0" => Refused("the host's name is always sent; remove it"),
        "sslcompression" if value == "1" => Refused("TLS is never compressed; remove it"),
        "sslsni" | "sslcompression" => Nothing,
        "requiressl" => Refused("write sslmode=require"),
        "gssencmode" if value != "require" => Nothing,
        "gssencmode" | "krbsrvname" | "gsslib" | "gssdelegation" => {
            Refused("GSSAPI is not supported; log in with a password, and remove it")
        }
        "require_auth" => Refused("it is not supported; channel_binding=require allows SCRAM with TLS only"),
        "options" => Refused(
            "poolers do not accept it; remove it, and store settings for the login with ALTER ROLE .. SET. The host's name is \
             sent to the server (SNI), so a service needs no endpoint here",
        ),
        "passfile" => {
            Refused("write the password into a file of its own, and its path into DATABASE_PASSWORD_FILE")
        }
        "service" | "servicefile" => Refused("write host, port, user and dbname into the address"),
        "replication" => Refused("it is not for requests; remove it"),
        "client_encoding" if matches!(value.to_ascii_lowercase().as_str(), "utf8" | "utf-8" | "auto") => {
            Nothing
        }
        "client_encoding" => Refused("text is always sent in UTF-8; remove it"),
        "fallback_application_name" => Nothing,

        _ => other_programs::meaning(name, value),
    }
}

pub(super) fn tls(value: &str) -> Meaning {
    ssl_mode(value).map_or_else(Refused, Tls)
}

/// What a value of `sslmode` asks for.
///
/// # Errors
/// What to write instead.
pub(super) fn ssl_mode(value: &str) -> Result<SslMode, &'static str> {
    // Npgsql writes VerifyFull, and others verify_full.
    match value.replace(['-', '_'], "").to_ascii_lowercase().as_str() {
        "disable" => Ok(SslMode::Disable),
        "prefer" => Ok(SslMode::Prefer),
        // All three verify the chain and the name.
        "require" | "verifyca" | "verifyfull" => Ok(SslMode::Require),
        "allow" => Err("allow is not supported; write require, or disable in a private network"),
        "noverify" => {
            Err("no-verify is not supported, because every certificate is verified; write require, and \
                            sslrootcert=/path/of/ca.pem for an authority of your own")
        }
        _ => Err("write require, verify-full, prefer or disable"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Result<Options, String> {
        Options::of(&Keywords::parse(text)?)
    }

    #[test]
    fn addresses_of_other_programs_work() {
        for text in [
            "postgresql+asyncpg://u:p@h/d",
            "postgres://u:p@h/d?pgbouncer=true&ssl=true",
            "postgres://u:p@h/d?sslmode=require&channel_binding=require",
            "postgres://u:p@h/d?sslmode=verify-full&sslrootcert=system",
            "postgres://u:p@h/d?ssl=require&sslmode=verify-ca&sslaccept=strict",
            "host=h user=u fallback_application_name=x gssencmode=prefer sslcompression=0 sslsni=1 client_encoding=UTF8",
            "host=h connect_timeout=5 keepalives=1 keepalives_idle=9 keepalives_interval=9 keepalives_count=3",
            "postgres://u:p@a,b:6432/d?target_session_attrs=read-write&load_balance_hosts=random",
        ] {
            assert_eq!(parsed(text).err(), None, "{text}");
        }
    }

    #[test]
    fn an_option_that_cannot_be_obeyed_is_named_with_what_to_write_instead() {
        for (text, named) in [
            (
                "schema=public&connection_limit=5",
                &["schema: ", "connection_limit: ", "DATABASE_POOL_SIZE"][..],
            ),
            ("sslmode=no-verify", &["sslmode: no-verify", "sslrootcert"]),
            ("sslmode=allow", &["sslmode: allow", "write require"]),
            ("sslmode=off", &["sslmode: write require, verify-full, prefer or disable"]),
            ("options=-c%20search_path%3Dx", &["options: poolers"]),
            ("sslcert=a&sslkey=b", &["sslcert: client", "sslkey: client"]),
            ("sslsni=0", &["sslsni: "]),
            ("sslcompression=1", &["sslcompression: "]),
            ("requiressl=1", &["requiressl: write sslmode=require"]),
            ("gssencmode=require", &["gssencmode: "]),
            ("passfile=x", &["passfile: ", "DATABASE_PASSWORD_FILE"]),
            ("service=x", &["service: write host"]),
            ("ssl=true&sslmode=disable", &["sslmode and ssl ask for different things"]),
            ("target_session_attrs=primary", &["target_session_attrs: write read-write"]),
            ("target_session_attrs=any-old", &["target_session_attrs: its value cannot be used"]),
            ("connect_timeout=soon", &["connect_timeout: its value cannot be used"]),
            ("tcp_user_timeout=soon", &["tcp_user_timeout: "]),
            ("statement_cache_size=0", &["statement_cache_size: ", "DATABASE_STATEMENTS"]),
            ("x-unheard-of=1", &["x-unheard-of: no such option"]),
        ] {
            let problem = parsed(&format!("postgres://u:hush@h/d?{text}")).expect_err(text);

            for part in named {
                assert!(problem.contains(part), "{text}: {part} is not in {problem}");
            }
            assert!(!problem.contains("hush"), "{text}: {problem}");
        }
    }

    #[test]
    fn a_password_with_spaces_and_without_quotes_is_not_repeated() {
        let problem = parsed("host=h user=u password=my hush=hush").expect_err("an option that is not known");

        assert!(problem.contains("option number 4") && !problem.contains("hush"), "{problem}");
    }

    #[test]
    fn times_are_counted_as_libpq_counts_them() {
        let options = parsed("host=h tcp_user_timeout=1500 keepalives_count=3").expect("options");

        assert_eq!(options.config.get_tcp_user_timeout(), Some(&std::time::Duration::from_secs(2)));
        assert_eq!(options.config.get_keepalives_retries(), Some(3));
    }

    #[test]
    fn an_option_inside_a_password_is_no_option() {
        let options = parsed("host=h user=u password='sslmode=disable sslrootcert=x'").expect("options");

        assert_eq!((options.ssl_mode, options.root_certificates), (None, None));
        assert_eq!(options.config.get_password(), Some(&b"sslmode=disable sslrootcert=x"[..]));
    }
}
