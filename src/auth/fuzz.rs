//! A fuzz target: no token is accepted unless a simple reader of its own accepts it, too.
//!
//! The first line of an input says who signs and which server gets the token: `first plain`. The second line is the header of
//! the token, and the rest its claims; `<900>` in the claims is the time in 900 seconds. The fuzzer cannot sign, so the target
//! signs. After `raw plain` each line is an `Authorization` header as it is; `{token}` in it is a good token.

use std::sync::LazyLock;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P256_SHA256_FIXED_SIGNING, ED25519, EcdsaKeyPair, Ed25519KeyPair, KeyPair,
    UnparsedPublicKey,
};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::FutureExt;
use http::HeaderValue;
use http::header::{AUTHORIZATION, HeaderMap};
use secrecy::SecretString;
use serde_json::{Value, json};
use struson::reader::{JsonReader, JsonStreamReader, ReaderError, ReaderSettings};

pub(crate) use super::jwk::fuzz::key_set;
pub(crate) use super::jwks_reader::fuzz::max_age;
use super::{JwksLocation, SourceKeys, TokenRules, TokenSource, UserId, Verifier, bearer_token, now};

const FIRST: &str = "the secret of this server, which is long enough";
const SECOND: &str = "the secret before it, which is also long enough";
const WRONG: &str = "a secret of somebody else, which is long enough";

/// The moment before which the strict server accepts no token: 2026-01-01.
const NOT_BEFORE: i64 = 1_767_225_600;

static ED: LazyLock<Ed25519KeyPair> = LazyLock::new(|| Ed25519KeyPair::generate().expect("a key pair"));
static ES: LazyLock<EcdsaKeyPair> =
    LazyLock::new(|| EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).expect("a key pair"));

/// One secret and one key set with both keys.
static PLAIN: LazyLock<Server> = LazyLock::new(|| Server {
    verifier: verifier(TokenRules {
        sources: vec![
            secrets(&[FIRST, SECOND], &[], &[]),
            set("plain", &[ed_jwk(), es_jwk()], &["https://auth.example"], &["todo-api"]),
        ],
        user_claim: "sub".into(),
        max_lifetime: 3600,
        not_before: None,
    }),
    trusted: vec![
        Trusted { issuers: &[], audiences: &[], foreign: "https://auth.example", ..Trusted::of(Key::First) },
        Trusted { issuers: &[], audiences: &[], foreign: "https://auth.example", ..Trusted::of(Key::Second) },
        Trusted { issuers: &["https://auth.example"], audiences: &["todo-api"], ..Trusted::of(Key::Ed) },
        Trusted { issuers: &["https://auth.example"], audiences: &["todo-api"], ..Trusted::of(Key::Es) },
    ],
    user_claim: "sub",
    max_lifetime: 3600.0,
    not_before: None,
});

/// A secret and two key sets. One of the sets accepts any issuer that no other source has.
static STRICT: LazyLock<Server> = LazyLock::new(|| Server {
    verifier: verifier(TokenRules {
        sources: vec![
            secrets(&[FIRST], &["todo-app"], &["todo-api", "todo-web"]),
            set("es", &[es_jwk()], &["https://a.example"], &[]),
            set("ed", &[ed_jwk()], &[], &[]),
        ],
        user_claim: "id".into(),
        max_lifetime: 86_400,
        not_before: Some(jiff::Timestamp::from_second(NOT_BEFORE).expect("a moment")),
    }),
    trusted: vec![
        Trusted { issuers: &["todo-app"], audiences: &["todo-api", "todo-web"], ..Trusted::of(Key::First) },
        Trusted { issuers: &["https://a.example"], audiences: &[], ..Trusted::of(Key::Es) },
        Trusted { issuers: &[], audiences: &[], foreign: "https://a.example", ..Trusted::of(Key::Ed) },
    ],
    user_claim: "id",
    max_lifetime: 86_400.0,
    not_before: Some(NOT_BEFORE as f64),
});

/// A server, and what it is meant to accept.
struct Server {
    verifier: Verifier,
    trusted: Vec<Trusted>,
    user_claim: &'static str,
    max_lifetime: f64,
    not_before: Option<f64>,
}

/// A key, and what its tokens must claim.
struct Trusted {
    key: Key,
    issuers: &'static [&'static str],
    audiences: &'static [&'static str],
    /// An issuer that has keys of its own.
    foreign: &'static str,
}

#[derive(Clone, Copy)]
enum Key {
    First,
    Second,
    Ed,
    Es,
}

impl Trusted {
    fn of(key: Key) -> Self {
        Self { key, issuers: &[], audiences: &[], foreign: "no issuer" }
    }
}

/// A token is accepted only if [`assert_is_good`] says so.
pub fn token(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    let Some((first, rest)) = text.split_once('\n') else { return false };
    let (signer, server) = first.split_once(' ').unwrap_or((first, ""));
    let server = if server == "strict" { &*STRICT } else { &*PLAIN };
    let earliest = now();

    let mut headers = HeaderMap::new();
    if signer == "raw" {
        let good = signed("first", r#"{"alg":"HS256"}"#, r#"{"sub":"alice","id":"alice","exp":<900>}"#);
        for line in rest.split('\n') {
            let Ok(value) = HeaderValue::from_str(&line.replace("{token}", &good)) else { return false };
            headers.append(AUTHORIZATION, value);
        }
    } else {
        let (header, claims) = rest.split_once('\n').unwrap_or((rest, ""));
        let token = signed(signer, header, claims);
        headers.insert(AUTHORIZATION, format!("Bearer {token}").parse().expect("base64url"));
    }

    let Ok(token) = bearer_token(&headers).map(str::to_owned) else { return false };
    let Ok(user) = server.verifier.user_of_token(&token) else {
        assert!(server.verifier.accepted.get(&token, now()).is_none(), "a refused token was remembered");
        return false;
    };
    assert_eq!(headers.len(), 1, "one of two headers was chosen");
    assert_is_good(server, &token, &user, earliest);
    // The second time the answer comes from the cache.
    for _ in 0..2 {
        let again = server.verifier.user(&headers).now_or_never();
        assert_eq!(
            again.and_then(Result::ok).as_ref(),
            Some(&user),
            "the header has another user than its token"
        );
    }
    assert_changes_are_refused(server, &token);
    true
}

/// The token of these parts.
fn signed(signer: &str, header: &str, claims: &str) -> String {
    let claims = with_times(claims);
    let text = format!("{}.{}", URL_SAFE_NO_PAD.encode(header), URL_SAFE_NO_PAD.encode(claims));
    let mac = |secret: &[u8]| {
        hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), text.as_bytes()).as_ref().to_vec()
    };
    let signature = match signer {
        "first" => mac(FIRST.as_bytes()),
        "second" => mac(SECOND.as_bytes()),
        "wrong" => mac(WRONG.as_bytes()),
        // The public key, which everybody knows, as a secret.
        "public" => mac(ED.public_key().as_ref()),
        "ed" => ED.sign(text.as_bytes()).as_ref().to_vec(),
        "es" => ES.sign(&SystemRandom::new(), text.as_bytes()).expect("a signature").as_ref().to_vec(),
        _ => vec![],
    };
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Replaces `<900>` by the time in 900 seconds.
fn with_times(text: &str) -> String {
    let mut parts = text.split('<');
    let mut result = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        match part.split_once('>').and_then(|(offset, rest)| Some((offset.parse::<i64>().ok()?, rest))) {
            Some((offset, rest)) => result.push_str(&format!("{}{rest}", now().saturating_add(offset))),
            None => result.push_str(&format!("<{part}")),
        }
    }
    result
}

/// Asserts what an accepted token must be, with as little of the parsers of `auth` as possible.
fn assert_is_good(server: &Server, token: &str, user: &UserId, earliest: i64) {
    assert!(token.len() <= 16 * 1024, "a token of {} bytes", token.len());
    let parts: Vec<&str> = token.split('.').collect();
    let [header, claims, signature] = *parts else { panic!("not three parts: {token}") };
    let [header_json, claims_json, signature] = [header, claims, signature]
        .map(|part| base64url(part).unwrap_or_else(|| panic!("not canonical base64url: {part}")));

    let [header, claims] = [&header_json, &claims_json].map(|json| {
        assert!(has_each_member_once(json), "not an object that has each member once: {json:?}");
        serde_json::from_slice::<Value>(json).expect("JSON")
    });
    for member in ["crit", "enc", "zip"] {
        assert_eq!(header.get(member), None, "{header}");
    }
    assert!(header.get("b64").is_none_or(|b64| *b64 == json!(true)), "{header}");
    let typ = header.get("typ").map(|typ| typ.as_str().unwrap_or("no text").to_ascii_lowercase());
    assert!(typ.as_deref().is_none_or(|typ| matches!(typ, "jwt" | "at+jwt")), "{header}");

    let text = token.rsplit_once('.').map_or("", |(text, _)| text).as_bytes();
    let trusted = server.trusted.iter().find(|trusted| verifies(trusted.key, text, &signature));
    let trusted = trusted.unwrap_or_else(|| panic!("no trusted key has signed {header} {claims}"));
    let (alg, kid) = match trusted.key {
        Key::First | Key::Second => ("HS256", None),
        Key::Ed => ("EdDSA", Some("ed")),
        Key::Es => ("ES256", Some("es")),
    };
    assert_eq!(header.get("alg"), Some(&json!(alg)), "the key verifies another algorithm");
    if let (Some(kid), Some(named)) = (kid, header.get("kid")) {
        assert_eq!(*named, json!(kid), "the token names another key");
    }
    assert_claims(server, trusted, &claims, earliest);

    assert_eq!(claims.get(server.user_claim), Some(&json!(user.as_str())), "another user: {claims}");
    let characters = user.as_str().chars().count();
    assert!((1..=255).contains(&characters) && !user.as_str().trim().is_empty(), "{claims}");
    assert!(!user.as_str().contains(char::is_control), "{claims}");
}

fn assert_claims(server: &Server, trusted: &Trusted, claims: &Value, earliest: i64) {
    let (earliest, latest) = (earliest as f64, now() as f64);
    let time = |name| claims.get(name).map(|time| time.as_f64().unwrap_or(f64::NAN));
    let expiry = time("exp").expect("a token without an expiry");
    assert!(expiry >= earliest - 30.0 && expiry <= latest + server.max_lifetime, "exp: {claims}");
    for name in ["nbf", "iat"] {
        assert!(time(name).is_none_or(|time| time >= 0.0 && time <= latest + 30.0), "{name}: {claims}");
    }
    if let Some(moment) = server.not_before {
        assert!(time("iat").is_some_and(|issued| issued >= moment), "iat: {claims}");
    }

    let list = |name| match claims.get(name) {
        None => vec![],
        Some(Value::Array(list)) => list.iter().map(|value| value.as_str().expect("a text")).collect(),
        Some(value) => vec![value.as_str().expect("a text")],
    };
    let (issuers, audiences): (Vec<&str>, Vec<&str>) = (list("iss"), list("aud"));
    let accepts = |accepted: &[&str], named: &[&str]| {
        accepted.is_empty() || named.iter().any(|name| accepted.contains(name))
    };
    assert!(accepts(trusted.issuers, &issuers), "iss: {claims}");
    assert!(accepts(trusted.audiences, &audiences), "aud: {claims}");
    assert!(!issuers.iter().any(|issuer| issuer.trim_end_matches('/') == trusted.foreign), "iss: {claims}");

    let subject = claims.get("sub").and_then(Value::as_str).expect("a token without a subject");
    assert!(!subject.trim().is_empty(), "sub: {claims}");
    if matches!(trusted.key, Key::First | Key::Second) {
        // Other texts that a sign-in signs with its secret.
        for name in ["type", "token_type", "typ", "use", "kind"] {
            let kind = claims.get(name).and_then(Value::as_str).unwrap_or_default();
            assert!(!matches!(kind, "refresh" | "reset" | "verify" | "id" | "logout"), "{name}: {claims}");
        }
        assert!(
            claims.get("updateTo").is_none_or(|to| to.as_str().is_some_and(str::is_empty) || to.is_null())
        );
    }
}

/// A token that differs in the last character that counts, or that lacks a part, is another token.
fn assert_changes_are_refused(server: &Server, token: &str) {
    let Some((text, signature)) = token.rsplit_once('.') else { return };
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let rest = signature.get(1..).unwrap_or_default();
    for changed in [
        format!("{text}.{first}{rest}"),
        format!("{text}."),
        format!("{text}.{rest}"),
        format!("{text}.{signature}="),
        format!("{text}.{signature}."),
        format!(" {token}"),
        format!("{token} "),
    ] {
        let refused = server.verifier.user_of_token(&changed).is_err();
        assert!(refused, "changed and accepted: {changed}");
        assert!(server.verifier.accepted.get(&changed, now()).is_none(), "changed and remembered: {changed}");
    }
}

fn verifies(key: Key, text: &[u8], signature: &[u8]) -> bool {
    let mac = |secret: &str| {
        hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, secret.as_bytes()), text, signature).is_ok()
    };
    match key {
        Key::First => mac(FIRST),
        Key::Second => mac(SECOND),
        Key::Ed => UnparsedPublicKey::new(&ED25519, ED.public_key().as_ref()).verify(text, signature).is_ok(),
        Key::Es => {
            let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, ES.public_key().as_ref());
            key.verify(text, signature).is_ok()
        }
    }
}

/// Decodes base64url without padding (RFC 4648, section 5), in its one canonical form.
fn base64url(text: &str) -> Option<Vec<u8>> {
    let (mut bytes, mut bits, mut count) = (Vec::new(), 0_u32, 0);
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        (bits, count) = (bits << 6 | u32::from(value), count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (count < 6 && bits == 0).then_some(bytes)
}

/// By another JSON parser than the one of `auth`.
fn has_each_member_once(json: &[u8]) -> bool {
    let names = || -> Result<Vec<String>, ReaderError> {
        let settings = ReaderSettings { restrict_number_values: false, ..ReaderSettings::default() };
        let mut reader = JsonStreamReader::new_custom(json, settings);
        let mut names = Vec::new();
        reader.begin_object()?;
        while reader.has_next()? {
            names.push(reader.next_name_owned()?);
            reader.skip_value()?;
        }
        reader.end_object()?;
        reader.consume_trailing_whitespace()?;
        Ok(names)
    };
    let Ok(mut names) = names() else { return false };
    let count = names.len();
    names.sort_unstable();
    names.dedup();
    names.len() == count
}

fn ed_jwk() -> Value {
    let x = URL_SAFE_NO_PAD.encode(ED.public_key().as_ref());
    json!({ "kty": "OKP", "crv": "Ed25519", "kid": "ed", "x": x })
}

fn es_jwk() -> Value {
    // An uncompressed point: the byte 4, then x and y.
    let point = ES.public_key().as_ref();
    let [x, y] = [1..33, 33..65].map(|part| URL_SAFE_NO_PAD.encode(point.get(part).unwrap_or_default()));
    json!({ "kty": "EC", "crv": "P-256", "alg": "ES256", "kid": "es", "x": x, "y": y })
}

fn strings(texts: &[&str]) -> Vec<String> {
    texts.iter().map(|text| (*text).to_owned()).collect()
}

fn secrets(secrets: &[&str], issuers: &[&str], audiences: &[&str]) -> TokenSource {
    let keys = SourceKeys::Secrets(secrets.iter().map(|secret| SecretString::from(*secret)).collect());
    TokenSource {
        setting: "BETTER_AUTH_SECRET",
        keys,
        issuers: strings(issuers),
        audiences: strings(audiences),
    }
}

/// A key set in a file.
fn set(name: &str, keys: &[Value], issuers: &[&str], audiences: &[&str]) -> TokenSource {
    let path = std::env::temp_dir().join(format!("rowkeep-fuzz-{}-{name}.json", std::process::id()));
    std::fs::write(&path, json!({ "keys": keys }).to_string()).expect("a file");
    TokenSource {
        setting: "JWKS_FILE",
        keys: SourceKeys::Set {
            location: JwksLocation::File(path),
            read_timeout: std::time::Duration::from_secs(10),
        },
        issuers: strings(issuers),
        audiences: strings(audiences),
    }
}

/// A verifier that has read its key sets. They are not read again: their files are removed.
fn verifier(rules: TokenRules) -> Verifier {
    let verifier = Verifier::new(&rules).expect("rules");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(verifier.read_key_sets()).expect("key sets");
    for source in &rules.sources {
        if let SourceKeys::Set { location: JwksLocation::File(path), .. } = &source.keys {
            std::fs::remove_file(path).expect("removed");
        }
    }
    verifier
}
