//! What is probably wrong with valid settings. The log has it at start.

use secrecy::ExposeSecret;

use super::{Command, Config};
use crate::database::Address;
use crate::outgoing::is_loopback;

/// The lifetime of tokens from which on the log warns, in seconds: nobody can take a single token back.
const LONG_LIFETIME: u64 = 7 * DAY;

const DAY: u64 = 24 * 60 * 60;

/// The warnings, which repeat no secret.
pub(super) fn warnings(config: &Config, command: &Command) -> Vec<String> {
    let secrets = ["BETTER_AUTH_SECRET", "BETTER_AUTH_SECRET_PREVIOUS"].map(str::to_owned).into_iter();
    let configured = config.token_rules.secrets().map(|(_, secrets)| secrets).unwrap_or_default();
    let secrets = secrets.zip(configured.iter().map(|secret| secret.expose_secret().to_owned()));
    let addresses = [
        ("DATABASE_URL", &config.database),
        ("MIGRATION_DATABASE_URL", &config.migration_database),
        ("SOURCE_DATABASE_URL", &config.source_database),
    ];
    let replicas = config.replication.replicas.iter().map(|address| ("DATABASE_REPLICA_URL", Some(address)));
    let addresses = addresses.into_iter().map(|(name, address)| (name, address.as_ref())).chain(replicas);
    let passwords = addresses.filter_map(|(name, address)| {
        let password = address.and_then(Address::password)?;
        Some((format!("the password of {name}"), password))
    });
    let odd = secrets.chain(passwords).filter_map(|(name, secret)| about_edges(&name, &secret));
    odd.chain(about_lifetime(config, command)).chain(about_collector(config)).collect()
}

/// A secret is used as it is, because it can be meant so. If it is not, every token is a 401 and nothing says why.
fn about_edges(name: &str, secret: &str) -> Option<String> {
    oddity(secret).map(|oddity| {
        format!(
            "{name} {oddity}, and is used as it is: the other side must have exactly the same text, so remove it if it was not \
             meant"
        )
    })
}

fn about_lifetime(config: &Config, command: &Command) -> Option<String> {
    let lifetime = config.token_rules.max_lifetime;
    let is_served = *command == Command::Serve && !config.development;
    (is_served && lifetime >= LONG_LIFETIME).then(|| {
        format!(
            "tokens that are valid for up to {} days are accepted, and a stolen token cannot be taken back: set JWT_MAX_LIFETIME \
             to the seconds that the tokens of your sign-in are valid for",
            lifetime / DAY
        )
    })
}

/// A key for the collector is a secret, too.
fn about_collector(config: &Config) -> Option<String> {
    let traces = config.traces.as_ref()?;
    let is_plain = traces.endpoint.scheme() == "http" && !is_loopback(&traces.endpoint);
    (is_plain && !traces.headers.is_empty()).then(|| {
        "OTEL_EXPORTER_OTLP_HEADERS is set, and the collector is reached without TLS: its headers cross the network in clear \
         text; use https"
            .to_owned()
    })
}

/// What a text begins or ends with that is rarely meant, for a warning; `None` if there is nothing.
fn oddity(text: &str) -> Option<String> {
    let named = |verb: &str, at: Option<char>| at.and_then(name).map(|what| format!("{verb} with {what}"));
    let found = [named("begins", text.chars().next()), named("ends", text.chars().next_back())];
    let found: Vec<_> = found.into_iter().flatten().collect();
    (!found.is_empty()).then(|| found.join(" and "))
}

fn name(character: char) -> Option<&'static str> {
    match character {
        '\n' | '\r' => Some("a line break"),
        '"' | '\'' | '`' | '\u{2018}'..='\u{201f}' => Some("a quote"),
        _ if character.is_whitespace() => Some("white space"),
        // Zero-width characters, marks of direction, and the byte order mark.
        '\u{200b}'..='\u{200f}' | '\u{2060}' | '\u{feff}' => Some("an invisible character"),
        _ if character.is_control() => Some("a control character"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_line_breaks_quotes_and_invisible_characters_at_either_end_are_named() {
        for (text, wanted) in [
            ("plain", None),
            ("with spaces and 'quotes' inside.", None),
            ("pass=word==", None),
            ("", None),
            (" x", Some("begins with white space")),
            ("x\t", Some("ends with white space")),
            ("x\u{a0}", Some("ends with white space")),
            ("x\n", Some("ends with a line break")),
            ("x\r", Some("ends with a line break")),
            ("\"x\"", Some("begins with a quote and ends with a quote")),
            ("'x ", Some("begins with a quote and ends with white space")),
            ("\u{201c}x\u{201d}", Some("begins with a quote and ends with a quote")),
            ("\u{feff}x", Some("begins with an invisible character")),
            ("x\u{200b}", Some("ends with an invisible character")),
            ("x\u{7}", Some("ends with a control character")),
        ] {
            assert_eq!(oddity(text).as_deref(), wanted, "{text:?}");
        }
    }

    #[test]
    fn the_warning_does_not_repeat_the_secret() {
        let warning = about_edges("BETTER_AUTH_SECRET", " hush").expect("a warning");

        assert!(warning.starts_with("BETTER_AUTH_SECRET begins with white space"), "{warning}");
        assert!(!warning.contains("hush"), "{warning}");
    }
}
