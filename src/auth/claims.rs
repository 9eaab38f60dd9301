//! What a token whose signature was verified must say, and how a developer hears what it does not.

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::{LEEWAY, LONGEST_USER_ID, UserId};
use crate::refusal::Refusal;

/// What the claims of a token must say to be believed.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    /// The issuers to accept; none: any, or no issuer at all.
    pub(super) issuers: Vec<String>,
    /// The audiences to accept; none: any, or no audience at all.
    pub(super) audiences: Vec<String>,
    /// The claim that names the user.
    pub(super) user_claim: String,
    /// How far away an expiry may be, in seconds.
    pub(super) max_lifetime: u64,
}

/// The audience of the session cookies that Better Auth can sign with the key of its tokens. No API is meant by it.
const SESSION_CACHE: &str = "better-auth:session-cache";

/// What such a cookie is answered.
pub(super) const SESSION_COOKIE: &str = "this is a session cookie, not a token for an API: get one from GET \
                                         /api/auth/token of your Better Auth server and send that";

/// A number of seconds that is long enough to be told: a time can be any number.
const LONG: f64 = 1e12;

impl Expected {
    /// The user that these claims name, `now` being in seconds since 1970.
    ///
    /// # Errors
    /// The first thing that is wrong with them. Says nothing of what the claims hold.
    pub(super) fn user(&self, claims: &Map<String, Value>, now: i64) -> Result<UserId, Refusal> {
        refuse_wrong_types(claims)?;
        self.refuse_other_times(claims, now)?;
        self.refuse_other_parties(claims)?;
        user_id(claims, &self.user_claim)
    }

    fn refuse_other_times(&self, claims: &Map<String, Value>, now: i64) -> Result<(), Refusal> {
        let server_time = || Timestamp::from_second(now).map(|now| now.to_string()).unwrap_or_default();
        let leeway = LEEWAY as f64;
        // Positive: still to come.
        let from_now = |name| claims.get(name).and_then(Value::as_f64).map(|time| time - now as f64);

        match from_now("exp") {
            None => return refuse("the token does not say when it expires (exp)"),
            Some(left) if left < -leeway => {
                let ago = (-left).min(LONG);
                let time = server_time();
                return refuse(format!(
                    "the token expired {ago:.0} s ago; server time is {time}: get a new one"
                ));
            }
            Some(left) if left > self.max_lifetime as f64 => {
                return refuse(format!(
                    "the token expires too far in the future: {} s are allowed (JWT_MAX_LIFETIME), and exp counts \
                     seconds, not milliseconds",
                    self.max_lifetime
                ));
            }
            Some(_) => {}
        }
        for (name, event) in [("nbf", "is not valid for another"), ("iat", "says that it will be issued in")]
        {
            if let Some(wait) = from_now(name).filter(|wait| *wait > leeway) {
                let wait = wait.min(LONG);
                return refuse(format!(
                    "the token {event} {wait:.0} s ({name}); server time is {}: compare the clocks",
                    server_time()
                ));
            }
        }
        Ok(())
    }

    fn refuse_other_parties(&self, claims: &Map<String, Value>) -> Result<(), Refusal> {
        let issuers = texts(claims, "iss");
        if !is_accepted(&issuers, &self.issuers) {
            let accepted = self.issuers.join(" or ");
            return refuse(if issuers.is_empty() {
                format!("the token does not say who issued it (iss); this server accepts {accepted}")
            } else {
                format!("the token's issuer (iss) is not {accepted}: set JWT_ISSUER to what your tokens say")
            });
        }

        let audiences = texts(claims, "aud");
        if audiences.contains(&SESSION_CACHE) {
            return refuse(SESSION_COOKIE);
        }
        if !is_accepted(&audiences, &self.audiences) {
            let accepted = self.audiences.join(" or ");
            return refuse(if audiences.is_empty() {
                format!("the token does not say whom it is meant for (aud); this server accepts {accepted}")
            } else {
                format!(
                    "the token's audience (aud) is not {accepted}: set JWT_AUDIENCE to what your tokens say"
                )
            });
        }
        Ok(())
    }
}

fn refuse<T>(why: impl Into<std::borrow::Cow<'static, str>>) -> Result<T, Refusal> {
    Err(Refusal::invalid_token(why))
}

/// A claim that RFC 7519, section 4.1, defines and that is of another type is refused, never taken as absent; null is
/// another type.
fn refuse_wrong_types(claims: &Map<String, Value>) -> Result<(), Refusal> {
    let is_list_of_texts =
        |value: &Value| value.as_array().is_some_and(|list| list.iter().all(Value::is_string));
    for (name, value) in claims {
        let right = match name.as_str() {
            "exp" => value.is_number(),
            // Nobody has signed a token before 1970: who says so counts something else. (`exp` has been by then.)
            "nbf" | "iat" => value.as_f64().is_some_and(|time| time >= 0.0),
            "iss" | "sub" | "jti" => value.is_string(),
            "aud" => value.is_string() || is_list_of_texts(value),
            _ => true,
        };
        if !right {
            return refuse(match name.as_str() {
                "exp" => "the time at which the token expires is not a number of seconds since 1970 (exp)",
                "nbf" => "the time from which the token is valid is not a number of seconds since 1970 (nbf)",
                "iat" => "the time at which the token was issued is not a number of seconds since 1970 (iat)",
                "iss" => "the issuer of the token is not a text (iss)",
                "sub" => "the user in the token is not a text (sub)",
                "jti" => "the id of the token is not a text (jti)",
                _ => "the audience of the token is neither a text nor a list of texts (aud)",
            });
        }
    }
    Ok(())
}

/// A claim's text, or its texts.
fn texts<'a>(claims: &'a Map<String, Value>, name: &str) -> Vec<&'a str> {
    match claims.get(name) {
        Some(Value::Array(list)) => list.iter().filter_map(Value::as_str).collect(),
        Some(value) => value.as_str().into_iter().collect(),
        None => vec![],
    }
}

/// Whether anything that is said is accepted, or anything is.
fn is_accepted(said: &[&str], accepted: &[String]) -> bool {
    accepted.is_empty() || said.iter().any(|one| accepted.iter().any(|accepted| accepted == one))
}

fn user_id(claims: &Map<String, Value>, name: &str) -> Result<UserId, Refusal> {
    let refuse = |why| refuse(format!("{why} ({name})"));
    let id = match claims.get(name) {
        Some(Value::String(id)) => id,
        Some(_) => return refuse("the user in the token is not a text"),
        None => return refuse("the token does not say whose it is"),
    };

    if id.chars().all(char::is_whitespace) {
        refuse("the user in the token is blank")
    } else if id.chars().count() > LONGEST_USER_ID {
        refuse("the user in the token is longer than 255 characters")
    } else if id.chars().any(char::is_control) {
        refuse("the user in the token holds control characters")
    } else {
        Ok(UserId(id.as_str().into()))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NOW: i64 = 1_800_000_000;

    fn expected() -> Expected {
        Expected { issuers: vec![], audiences: vec![], user_claim: "sub".into(), max_lifetime: 3600 }
    }

    /// Whether claims with these changes name alice.
    fn judged(expected: &Expected, changes: Value) -> Result<(), String> {
        let mut claims = Map::new();
        claims.insert("sub".into(), "alice".into());
        claims.insert("exp".into(), (NOW + 900).into());
        claims.extend(changes.as_object().expect("an object").clone());
        match expected.user(&claims, NOW) {
            Ok(user) => {
                assert_eq!(user.as_str(), "alice");
                Ok(())
            }
            Err(Refusal::InvalidToken(why)) => Err(why.into_owned()),
            Err(refusal) => Err(format!("not a token's fault: {refusal:?}")),
        }
    }

    #[test]
    fn clocks_may_differ_by_thirty_seconds_and_no_more() {
        for (changes, believed) in [
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
            assert_eq!(judged(&expected(), changes.clone()).is_ok(), believed, "{changes}");
        }
    }

    #[test]
    fn the_words_say_how_long_ago_and_what_time_it_is() {
        let expired = judged(&expected(), json!({ "exp": NOW - 42 })).expect_err("expired");
        assert_eq!(expired, "the token expired 42 s ago; server time is 2027-01-15T08:00:00Z: get a new one");

        let early = judged(&expected(), json!({ "nbf": NOW + 42 })).expect_err("early");
        assert_eq!(
            early,
            "the token is not valid for another 42 s (nbf); server time is 2027-01-15T08:00:00Z: compare the clocks"
        );
    }

    #[test]
    fn a_claim_of_another_type_is_never_taken_as_absent() {
        for name in ["exp", "nbf", "iat", "iss", "sub", "jti", "aud"] {
            for value in [json!(null), json!(true), json!({}), json!([1]), json!(["x", 1]), json!([null])] {
                assert!(judged(&expected(), json!({ name: value })).is_err(), "{name}: {value}");
            }
            let number = matches!(name, "exp" | "nbf" | "iat");
            let other = if number { json!(NOW.to_string()) } else { json!(5) };
            assert!(judged(&expected(), json!({ name: other })).is_err(), "{name}: {other}");
        }
        let by_name = Expected { user_claim: "name".into(), ..expected() };
        assert_eq!(judged(&by_name, json!({ "name": "alice", "sub": "bob" })), Ok(()));
        assert!(judged(&by_name, json!({ "name": "alice", "sub": 5 })).is_err());
    }

    #[test]
    fn one_of_several_issuers_and_audiences_is_enough() {
        let several = Expected {
            issuers: vec!["a".into(), "b".into()],
            audiences: vec!["c".into(), "d".into()],
            ..expected()
        };
        for (iss, aud, believed) in [
            (json!("a"), json!("c"), true),
            (json!("b"), json!(["x", "d"]), true),
            (json!("c"), json!("c"), false),
            (json!("a"), json!("a"), false),
            (json!("a"), json!([]), false),
            (json!(""), json!("c"), false),
            (json!("a or b"), json!("c"), false),
        ] {
            let changes = json!({ "iss": iss, "aud": aud });
            assert_eq!(judged(&several, changes.clone()).is_ok(), believed, "{changes}");
        }
    }
}
