//! The claims that a token with a verified signature must have, and the texts that tell a developer what is wrong.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::issuer::canonical_issuer;
use super::other_purposes::other_purpose;
use super::{LEEWAY, MAX_USER_ID_CHARS, UserId};
use crate::refusal::{Refusal, TokenProblem};

/// What the claims of a token must be.
#[derive(Clone, Debug)]
pub(super) struct ClaimRules {
    /// Whether a secret signs the tokens. Sign-ins sign other texts with theirs, too.
    pub(super) is_of_secret: bool,
    /// The issuers to accept. Empty: any issuer but the foreign ones, or none.
    pub(super) issuers: Vec<String>,
    /// The issuers whose tokens only another source may judge, in canonical spelling.
    pub(super) foreign_issuers: Vec<String>,
    /// The audiences to accept. Empty: any audience, or none.
    pub(super) audiences: Vec<String>,
    /// The claim that names the user.
    pub(super) user_claim: String,
    /// How far in the future the expiry may be, in seconds.
    pub(super) max_lifetime: u64,
    /// The moment before which no token may have been issued. With it, tokens need `iat`.
    pub(super) not_before: Option<Timestamp>,
}

/// The audience of the session cookies that Better Auth can sign with the same key as its tokens.
const SESSION_COOKIE_AUDIENCE: &str = "better-auth:session-cache";

/// The refusal of such a cookie.
pub(super) const SESSION_COOKIE: &str = "this is a session cookie, not an API token: get a token from GET \
                                         /api/auth/token of your Better Auth server and send that";

/// The refusal of a token that names the issuer of another source.
const FOREIGN_ISSUER: &str = "the token names an issuer (iss) that signs its tokens with other keys: send a token of that \
                              issuer, or one without its name";

/// The longest time that a text mentions, in seconds. A claim can hold any number, such as 1e300.
const MAX_SECONDS_IN_TEXT: f64 = 1e12;

impl ClaimRules {
    /// Checks the claims at the time `now`, in seconds since 1970, and returns the user that they name.
    ///
    /// # Errors
    /// The first rule that the claims break. The text repeats nothing from the claims.
    pub(super) fn check(&self, claims: &Map<String, Value>, now: i64) -> Result<UserId, Refusal> {
        check_types(claims)?;
        if self.is_of_secret
            && let Some(purpose) = other_purpose(claims)
        {
            let problem = match purpose {
                SESSION_COOKIE => TokenProblem::Session,
                _ => TokenProblem::OtherPurpose,
            };
            return refuse(problem, purpose);
        }
        self.check_times(claims, now)?;
        self.check_origin(claims)?;
        check_subject(claims)?;
        self.user(claims)
    }

    fn check_times(&self, claims: &Map<String, Value>, now: i64) -> Result<(), Refusal> {
        let server_time = || Timestamp::from_second(now).map(|now| now.to_string()).unwrap_or_default();
        let leeway = LEEWAY as f64;
        let seconds_from_now = |name| claims.get(name).and_then(Value::as_f64).map(|time| time - now as f64);

        match seconds_from_now("exp") {
            None => {
                return refuse(
                    TokenProblem::Claims,
                    "the token does not say when it expires: it needs the claim exp",
                );
            }
            Some(left) if left < -leeway => {
                let ago = (-left).min(MAX_SECONDS_IN_TEXT);
                let time = server_time();
                return refuse(
                    TokenProblem::Expired,
                    format!("the token expired {ago:.0} s ago; server time is {time}: get a new one"),
                );
            }
            Some(left) if left > self.max_lifetime as f64 => {
                return refuse(
                    TokenProblem::Lifetime,
                    format!(
                        "the token expires too far in the future (exp): at most {} s from now are allowed \
                         (JWT_MAX_LIFETIME), and exp counts seconds, not milliseconds",
                        self.max_lifetime
                    ),
                );
            }
            Some(_) => {}
        }
        for (name, event) in [("nbf", "becomes valid in"), ("iat", "says that it will be issued in")] {
            if let Some(wait) = seconds_from_now(name).filter(|wait| *wait > leeway) {
                let wait = wait.min(MAX_SECONDS_IN_TEXT);
                return refuse(
                    TokenProblem::NotYetValid,
                    format!(
                        "the token {event} {wait:.0} s ({name}); server time is {}: compare the clocks",
                        server_time()
                    ),
                );
            }
        }
        self.check_issued_at(claims)
    }

    /// Refuses tokens of the time before a leak. There is no leeway: with one, a token that was stolen just before would be
    /// accepted. An issuer whose clock is slow waits for the moment instead.
    fn check_issued_at(&self, claims: &Map<String, Value>) -> Result<(), Refusal> {
        let Some(moment) = self.not_before else { return Ok(()) };
        match claims.get("iat").and_then(Value::as_f64) {
            Some(issued) if issued >= moment.as_duration().as_secs_f64() => Ok(()),
            Some(_) => refuse(
                TokenProblem::IssuedTooEarly,
                format!(
                    "the token was issued (iat) before {moment}, and older tokens are not accepted any more: get a new one"
                ),
            ),
            None => refuse(
                TokenProblem::Claims,
                format!(
                    "the token does not say when it was issued: it needs the claim iat, because tokens from before {moment} are \
                     not accepted any more"
                ),
            ),
        }
    }

    /// Checks where the token comes from and whom it is meant for. Both come from the same settings of the issuer, so one
    /// refusal tells of both.
    fn check_origin(&self, claims: &Map<String, Value>) -> Result<(), Refusal> {
        let (issuers, audiences) = (strings(claims, "iss"), strings(claims, "aud"));
        if audiences.contains(&SESSION_COOKIE_AUDIENCE) {
            return refuse(TokenProblem::Session, SESSION_COOKIE);
        }
        let is_foreign = |issuer: &&str| self.foreign_issuers.contains(&canonical_issuer(issuer));
        let issuer = if issuers.iter().any(is_foreign) {
            Some(FOREIGN_ISSUER.into())
        } else {
            (!is_accepted(&issuers, &self.issuers)).then(|| self.wrong_issuer(issuers.is_empty()))
        };
        let audience =
            (!is_accepted(&audiences, &self.audiences)).then(|| self.wrong_audience(audiences.is_empty()));

        let problem = if issuer.is_some() { TokenProblem::Issuer } else { TokenProblem::Audience };
        let texts: Vec<_> = issuer.into_iter().chain(audience).collect();
        if texts.is_empty() { Ok(()) } else { refuse(problem, texts.join("; ")) }
    }

    fn wrong_issuer(&self, is_absent: bool) -> String {
        let accepted = self.issuers.join(" or ");
        if is_absent {
            format!("the token does not say who issued it: this server needs {accepted} in the claim iss")
        } else {
            format!("the token's issuer (iss) is not {accepted}: set JWT_ISSUER to what your tokens say")
        }
    }

    fn wrong_audience(&self, is_absent: bool) -> String {
        let accepted = self.audiences.join(" or ");
        if is_absent {
            format!(
                "the token does not say whom it is meant for: this server needs {accepted} in the claim aud"
            )
        } else {
            format!("the token's audience (aud) is not {accepted}: set JWT_AUDIENCE to what your tokens say")
        }
    }

    fn user(&self, claims: &Map<String, Value>) -> Result<UserId, Refusal> {
        let refuse = |why: &str| {
            let text = format!("the claim that names the user ({}) {why}", self.user_claim);
            refuse(TokenProblem::Subject, text)
        };
        let id = match claims.get(&self.user_claim) {
            Some(Value::String(id)) => id,
            Some(_) => return refuse("must be a string"),
            None => return refuse("is missing"),
        };

        if id.chars().all(char::is_whitespace) {
            refuse("is blank")
        } else if id.chars().count() > MAX_USER_ID_CHARS {
            refuse(&format!("is longer than {MAX_USER_ID_CHARS} characters"))
        } else if id.chars().any(char::is_control) {
            // Postgres cannot store U+0000. The others forge lines of logs and reports that show the id.
            refuse("holds control characters")
        } else {
            Ok(UserId(id.as_str().into()))
        }
    }
}

/// Refuses a token without a subject, whatever claim names the user.
///
/// A text that Better Auth signs for a link in an e-mail has an `email` and a `userId`, and no `sub`.
fn check_subject(claims: &Map<String, Value>) -> Result<(), Refusal> {
    match claims.get("sub").and_then(Value::as_str) {
        Some(subject) if !subject.chars().all(char::is_whitespace) => Ok(()),
        _ => refuse(
            TokenProblem::Subject,
            "the token does not say whom it was issued to: it needs the claim sub, also where JWT_USER_CLAIM names another claim",
        ),
    }
}

fn refuse<T>(problem: TokenProblem, why: impl Into<std::borrow::Cow<'static, str>>) -> Result<T, Refusal> {
    Err(Refusal::invalid_token(problem, why))
}

/// Refuses a claim that does not have the type of RFC 7519, section 4.1. Null is a wrong type, too.
///
/// The library treats such a claim as absent: a token with `"nbf": "tomorrow"` would be valid today.
fn check_types(claims: &Map<String, Value>) -> Result<(), Refusal> {
    const TIME: &str = "a number of seconds since 1970";

    let is_list_of_strings =
        |value: &Value| value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
    for (name, value) in claims {
        let (is_right, wanted) = match name.as_str() {
            "exp" => (value.is_number(), TIME),
            // No token was signed before 1970. The library also ignores a negative `nbf`. A negative `exp` has expired.
            "nbf" | "iat" => (value.as_f64().is_some_and(|time| time >= 0.0), TIME),
            "iss" | "sub" | "jti" => (value.is_string(), "a string"),
            "aud" => (value.is_string() || is_list_of_strings(value), "a string or a list of strings"),
            _ => continue,
        };
        if !is_right {
            return refuse(TokenProblem::Claims, format!("the claim {name} of the token must be {wanted}"));
        }
    }
    Ok(())
}

/// The strings of a claim that is one string or a list.
fn strings<'a>(claims: &'a Map<String, Value>, name: &str) -> Vec<&'a str> {
    match claims.get(name) {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(value) => value.as_str().into_iter().collect(),
        None => vec![],
    }
}

/// Whether one of these values is accepted. An empty list accepts any value, or none.
fn is_accepted(values: &[&str], accepted: &[String]) -> bool {
    accepted.is_empty() || values.iter().any(|value| accepted.iter().any(|accepted| accepted == value))
}

#[cfg(test)]
impl ClaimRules {
    /// Rules of a secret that accept every issuer and audience.
    pub(super) fn lax() -> Self {
        Self {
            is_of_secret: true,
            issuers: vec![],
            foreign_issuers: vec![],
            audiences: vec![],
            user_claim: "sub".into(),
            max_lifetime: 3600,
            not_before: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn rules() -> ClaimRules {
        ClaimRules::lax()
    }

    /// Checks claims of alice with these changes.
    fn check(rules: &ClaimRules, changes: Value) -> Result<(), String> {
        let mut claims = Map::new();
        claims.insert("sub".into(), "alice".into());
        claims.insert("exp".into(), (NOW + 900).into());
        claims.extend(changes.as_object().expect("an object").clone());
        match rules.check(&claims, NOW) {
            Ok(user) => {
                assert_eq!(user.as_str(), "alice");
                Ok(())
            }
            Err(Refusal::InvalidToken { text, .. }) => Err(text.into_owned()),
            Err(refusal) => Err(format!("another refusal: {refusal:?}")),
        }
    }

    #[test]
    fn clocks_may_differ_by_thirty_seconds_and_no_more() {
        for (changes, is_accepted) in [
            (json!({ "exp": NOW - 30 }), true),
            (json!({ "exp": NOW as f64 - 29.5 }), true),
            (json!({ "exp": NOW as f64 - 30.5 }), false),
            (json!({ "exp": NOW - 31 }), false),
            (json!({ "nbf": NOW + 30 }), true),
            (json!({ "nbf": NOW as f64 + 30.5 }), false),
            (json!({ "nbf": NOW + 31 }), false),
            (json!({ "iat": NOW + 30 }), true),
            (json!({ "iat": NOW + 31 }), false),
            (json!({ "exp": NOW + 3600 }), true),
            (json!({ "exp": NOW + 3601 }), false),
        ] {
            assert_eq!(check(&rules(), changes.clone()).is_ok(), is_accepted, "{changes}");
        }
    }

    #[test]
    fn the_text_says_how_long_ago_and_what_time_it_is() {
        let expired = check(&rules(), json!({ "exp": NOW - 42 })).expect_err("expired");
        assert_eq!(expired, "the token expired 42 s ago; server time is 2027-01-15T08:00:00Z: get a new one");

        let early = check(&rules(), json!({ "nbf": NOW + 42 })).expect_err("early");
        assert_eq!(
            early,
            "the token becomes valid in 42 s (nbf); server time is 2027-01-15T08:00:00Z: compare the clocks"
        );
    }

    #[test]
    fn a_claim_of_the_wrong_type_is_refused_and_not_taken_as_absent() {
        for name in ["exp", "nbf", "iat", "iss", "sub", "jti", "aud"] {
            for value in [json!(null), json!(true), json!({}), json!([1]), json!(["x", 1]), json!([null])] {
                assert!(check(&rules(), json!({ name: value })).is_err(), "{name}: {value}");
            }
            let number = matches!(name, "exp" | "nbf" | "iat");
            let other = if number { json!(NOW.to_string()) } else { json!(5) };
            assert!(check(&rules(), json!({ name: other })).is_err(), "{name}: {other}");
        }
        let by_name = ClaimRules { user_claim: "name".into(), ..rules() };
        assert_eq!(check(&by_name, json!({ "name": "alice", "sub": "bob" })), Ok(()));
        assert!(check(&by_name, json!({ "name": "alice", "sub": 5 })).is_err());
    }

    #[test]
    fn a_token_needs_a_subject_whatever_claim_names_the_user() {
        let by_name = ClaimRules { user_claim: "name".into(), ..rules() };
        for subject in [json!(""), json!(" \t\u{a0}")] {
            assert!(check(&by_name, json!({ "name": "alice", "sub": subject })).is_err(), "{subject}");
        }
        let mut claims = Map::new();
        claims.insert("name".into(), "alice".into());
        claims.insert("exp".into(), (NOW + 900).into());
        assert!(by_name.check(&claims, NOW).is_err());
        claims.insert("sub".into(), "any".into());
        assert!(by_name.check(&claims, NOW).is_ok());
    }

    #[test]
    fn tokens_from_before_the_moment_of_a_leak_are_refused_without_leeway() {
        let moment = NOW - 100;
        let not_before = Some(Timestamp::from_second(moment).expect("a moment"));
        let rules = ClaimRules { not_before, ..rules() };
        for (changes, is_accepted) in [
            (json!({ "iat": moment }), true),
            (json!({ "iat": moment + 1 }), true),
            (json!({ "iat": moment as f64 + 0.5 }), true),
            (json!({ "iat": moment as f64 - 0.5 }), false),
            (json!({ "iat": moment - 1 }), false),
            (json!({ "iat": 0 }), false),
            (json!({}), false),
        ] {
            assert_eq!(check(&rules, changes.clone()).is_ok(), is_accepted, "{changes}");
        }
    }

    #[test]
    fn one_of_several_issuers_and_audiences_is_enough() {
        let several = ClaimRules {
            issuers: vec!["a".into(), "b".into()],
            foreign_issuers: vec![],
            audiences: vec!["c".into(), "d".into()],
            ..rules()
        };
        for (iss, aud, is_accepted) in [
            (json!("a"), json!("c"), true),
            (json!("b"), json!(["x", "d"]), true),
            (json!("c"), json!("c"), false),
            (json!("a"), json!("a"), false),
            (json!("a"), json!([]), false),
            (json!(""), json!("c"), false),
            (json!("a or b"), json!("c"), false),
        ] {
            let changes = json!({ "iss": iss, "aud": aud });
            assert_eq!(check(&several, changes.clone()).is_ok(), is_accepted, "{changes}");
        }
    }
}
