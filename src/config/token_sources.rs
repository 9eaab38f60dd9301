//! The settings that name sources of tokens, and whether these sources can be trusted together.

use std::time::Duration;

use secrecy::SecretString;
use url::Url;

use super::Settings;
use super::key_urls::{issuer_names, jwks_location};
use super::parse::Problems;
use super::per_source::{PerSource, SOURCES};
use crate::auth::{JwksLocation, SourceKeys, TokenSource, canonical_issuer};
use crate::outgoing::is_loopback;

/// The value of `JWT_AUDIENCE` that accepts any audience, or none.
const ANY: &str = "any";

impl Settings {
    /// The sources that are configured. In development without any, that of the secret that will be made.
    pub(super) fn token_sources(
        &self,
        problems: &mut Problems,
        development: bool,
        secrets: Vec<SecretString>,
        read_timeout: Duration,
    ) -> Vec<TokenSource> {
        let allows_http = problems.boolean("JWKS_ALLOW_HTTP", &self.jwks_allow_http);
        let accepts_http = development || allows_http;
        let better_auth = self.better_auth(problems, accepts_http);
        let names = better_auth.as_ref().map(|(_, names)| names.clone()).unwrap_or_default();
        let mut sources = Vec::new();
        let mut add = |setting, keys| {
            let is_better_auth = setting == "BETTER_AUTH_URL";
            let names = if is_better_auth { names.clone() } else { vec![] };
            sources.push(TokenSource { setting, keys, issuers: names.clone(), audiences: names });
        };
        let set = |location| SourceKeys::Set { location, read_timeout };
        let configured = self.configured_sources(development);
        if configured.contains(&"BETTER_AUTH_SECRET") {
            add("BETTER_AUTH_SECRET", SourceKeys::Secrets(secrets));
        }
        if let Some((location, _)) = better_auth {
            add("BETTER_AUTH_URL", set(location));
        }
        if let Some(url) = problems.url("JWKS_URL", &self.jwks_url) {
            require_https(problems, accepts_http, "JWKS_URL", &url);
            add("JWKS_URL", set(JwksLocation::Urls(vec![url])));
        }
        if configured.contains(&"JWKS_FILE") {
            add("JWKS_FILE", set(JwksLocation::File(self.jwks_file.trim().into())));
        }

        self.set_issuers_and_audiences(problems, development, &configured, &mut sources);
        refuse_common_issuers(problems, &sources);
        let share = problems.boolean("JWT_ISSUERS_SHARE_USERS", &self.jwt_issuers_share_users);
        if !share {
            refuse_shared_users(problems, development, &sources, &names);
        }
        sources
    }

    /// The sources that are named, even if their values are wrong. In development there always is one.
    pub(super) fn configured_sources(&self, development: bool) -> Vec<&'static str> {
        let is_set = |text: &str| !text.trim().is_empty();
        let set = [
            self.has_secret(),
            is_set(&self.better_auth_url),
            is_set(&self.jwks_url),
            is_set(&self.jwks_file),
        ];
        let named: Vec<_> =
            SOURCES.into_iter().zip(set).filter(|(_, set)| *set).map(|(name, _)| name).collect();
        if named.is_empty() && development { vec!["BETTER_AUTH_SECRET"] } else { named }
    }

    /// Where the Better Auth server has its keys, and its own names in `iss` and `aud`.
    fn better_auth(
        &self,
        problems: &mut Problems,
        accepts_http: bool,
    ) -> Option<(JwksLocation, Vec<String>)> {
        let url = problems.url("BETTER_AUTH_URL", &self.better_auth_url)?;
        if url.query().is_some() || url.fragment().is_some() {
            problems
                .add("BETTER_AUTH_URL must have no query and no fragment: it is the issuer that tokens name");
        }
        require_https(problems, accepts_http, "BETTER_AUTH_URL", &url);
        Some((jwks_location(&url), issuer_names(&url, self.better_auth_url.trim())))
    }

    fn set_issuers_and_audiences(
        &self,
        problems: &mut Problems,
        development: bool,
        configured: &[&str],
        sources: &mut [TokenSource],
    ) {
        let issuers =
            problems.value("JWT_ISSUER", refuse_any_issuer(PerSource::parse(&self.jwt_issuer, configured)));
        let audiences = problems.value("JWT_AUDIENCE", PerSource::parse(&self.jwt_audience, configured));
        let is_any = |value: &String| value.eq_ignore_ascii_case(ANY);
        // An issuer belongs to one source. Tokens made by hand seldom name one, so it is the key set's.
        let only_of_key_set = issuers.names_no_source() && configured.len() > 1;
        if only_of_key_set {
            problems.add_unless(
                development,
                format!(
                    "JWT_ISSUER does not say whose issuer it is, and {} are set: write, for instance, JWT_ISSUER={}=…",
                    configured.join(" and "),
                    configured.last().unwrap_or(&"")
                ),
            );
        }

        for source in sources {
            let (setting, is_key_set) = (source.setting, matches!(source.keys, SourceKeys::Set { .. }));
            // How to name this source, if there are others.
            let of = if configured.len() > 1 { format!("{setting}=") } else { String::new() };
            if let Some(issuers) = issuers.of(setting).filter(|_| is_key_set || !only_of_key_set) {
                source.issuers = issuers.to_vec();
            }
            let said = audiences.of(setting);
            match said {
                Some([only]) if is_any(only) => source.audiences = vec![],
                Some(several) if several.iter().any(is_any) => problems
                    .add(format!("JWT_AUDIENCE has {ANY} and other values for {setting}: leave one of both")),
                Some(audiences) => source.audiences = audiences.to_vec(),
                None => {}
            }

            // The keys of an issuer sign for other servers, too: anyone who has such a token could send it here.
            if is_key_set && source.issuers.is_empty() {
                problems.add_unless(
                    development,
                    format!(
                        "JWT_ISSUER is missing for {setting}: the tokens of every issuer that uses these keys would be \
                         accepted; set JWT_ISSUER={of}… to the issuer that your tokens name (iss)"
                    ),
                );
            }
            if is_key_set && source.audiences.is_empty() && said.is_none() {
                problems.add_unless(
                    development,
                    format!(
                        "JWT_AUDIENCE is missing for {setting}: its tokens for other servers would be accepted; set \
                         JWT_AUDIENCE={of}… to what your tokens name (aud), or to {of}{ANY} if they name nothing"
                    ),
                );
            }
        }
    }
}

/// Adds a problem if an attacker on the network could replace the keys.
fn require_https(problems: &mut Problems, accepts_http: bool, setting: &str, url: &Url) {
    if url.scheme() == "http" && !is_loopback(url) {
        problems.add_unless(
            accepts_http,
            format!(
                "{setting} is an http URL: an attacker on the network can replace the keys, and then sign tokens for every \
                 user; use https (in a private network JWKS_ALLOW_HTTP=true accepts this risk)"
            ),
        );
    }
}

/// `any` is a word for `JWT_AUDIENCE` only. As an issuer it would refuse every token.
fn refuse_any_issuer(parsed: Result<PerSource, String>) -> Result<PerSource, String> {
    let issuers = parsed?;
    let is_any = |issuer: &String| issuer.eq_ignore_ascii_case(ANY);
    match SOURCES.iter().filter_map(|source| issuers.of(source)).flatten().any(is_any) {
        true => Err(format!("{ANY} is no issuer: write the issuer that your tokens name (iss)")),
        false => Ok(issuers),
    }
}

/// Adds a problem if a token could be judged by either of two sources.
fn refuse_common_issuers(problems: &mut Problems, sources: &[TokenSource]) {
    let is_key_set = |source: &TokenSource| matches!(source.keys, SourceKeys::Set { .. });
    for (position, one) in sources.iter().enumerate() {
        for two in sources.iter().skip(position + 1) {
            let (one_names, two_names) = (canonical(&one.issuers), canonical(&two.issuers));
            let both_accept_any =
                one_names.is_empty() && two_names.is_empty() && is_key_set(one) && is_key_set(two);
            let (one, two) = (one.setting, two.setting);
            let how = format!("write JWT_ISSUER={one}=…; {two}=…");
            if let Some(issuer) = one_names.iter().find(|issuer| two_names.contains(issuer)) {
                problems.add(format!(
                    "JWT_ISSUER: {one} and {two} have the same issuer, {issuer}, so a token does not say whose it is: give each its \
                     own, {how}"
                ));
            } else if both_accept_any {
                problems.add(format!(
                    "JWT_ISSUER: {one} and {two} both accept any issuer, so a token does not say whose it is: \
                     {how}"
                ));
            }
        }
    }
}

/// Adds a problem if two parties can name the same user, and nobody has said that this is meant.
///
/// `better_auth` are the names of one server, however many there are.
fn refuse_shared_users(
    problems: &mut Problems,
    development: bool,
    sources: &[TokenSource],
    better_auth: &[String],
) {
    const SHARE: &str =
        "if the same user id is the same person in all of them, set JWT_ISSUERS_SHARE_USERS=true";

    let settings: Vec<_> = sources.iter().map(|source| source.setting).collect();
    if settings.len() > 1 {
        let remove = match *settings {
            ["BETTER_AUTH_SECRET", "BETTER_AUTH_URL"] => {
                "remove BETTER_AUTH_SECRET here (it is in Better Auth's own .env, and Rowkeep does not need it beside \
                 BETTER_AUTH_URL)"
            }
            _ => "remove all but one",
        };
        problems.add_unless(
            development,
            format!(
                "{} are set, and each can name the users of the others: {remove}, or {SHARE}",
                settings.join(" and ")
            ),
        );
    }

    let own = canonical(better_auth);
    for source in sources {
        let mut issuers = canonical(&source.issuers);
        let is_own = |issuer: &String| source.setting == "BETTER_AUTH_URL" && own.contains(issuer);
        let own_name = issuers.iter().find(|issuer| is_own(issuer)).cloned();
        issuers.retain(|issuer| !is_own(issuer) || Some(issuer) == own_name.as_ref());
        if issuers.len() > 1 {
            problems.add_unless(
                development,
                format!(
                    "JWT_ISSUER has {} issuers for {}, and each can name the users of the others: leave one, or {SHARE}",
                    issuers.len(),
                    source.setting
                ),
            );
        }
    }
}

/// The issuers in one spelling, each once.
fn canonical(issuers: &[String]) -> Vec<String> {
    let mut canonical: Vec<_> = issuers.iter().map(|issuer| canonical_issuer(issuer)).collect();
    canonical.sort_unstable();
    canonical.dedup();
    canonical
}
