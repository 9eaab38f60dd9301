//! Makes tokens that are right except for one thing.

use serde_json::{Value, json};

use crate::http::tokens::{claims, part, signature};
use crate::world::{KeyPair, SECRET};

/// A signer whose tokens a server accepts.
#[derive(Clone, Copy)]
pub enum Signer {
    /// Has the secret.
    Secret,
    /// Has the private half of a published key.
    Pair(&'static KeyPair),
}

/// Makes valid and invalid tokens of one signer for one server.
pub struct Forge {
    pub signer: Signer,
    /// The issuer and audience that the server requires, if any.
    pub required: Option<String>,
    /// Whether the server accepts tokens signed with the secret, whichever signer this is.
    pub has_secret: bool,
    /// The URL of a server that counts requests. There must be none.
    pub trap: String,
}

impl Forge {
    /// The algorithm of this signer's tokens.
    pub fn alg(&self) -> String {
        match self.signer {
            Signer::Secret => "HS256".into(),
            Signer::Pair(pair) => pair.alg(),
        }
    }

    /// A valid header with some members changed or added. Null stays null.
    pub fn header(&self, changes: Value) -> Value {
        let mut header = match self.signer {
            Signer::Secret => json!({ "alg": "HS256", "typ": "JWT" }),
            Signer::Pair(pair) => json!({ "alg": pair.alg(), "kid": pair.kid }),
        };
        for (name, value) in changes.as_object().expect("an object") {
            header[name] = value.clone();
        }
        header
    }

    /// Valid claims of alice with some of them changed. Null removes a claim.
    pub fn claims(&self, changes: Value) -> Value {
        let mut all = match &self.required {
            Some(required) => json!({ "iss": required, "aud": required }),
            None => json!({}),
        };
        for (name, value) in changes.as_object().expect("an object") {
            all[name] = value.clone();
        }
        claims(all)
    }

    /// A valid token.
    pub fn valid(&self) -> String {
        self.token(&self.header(json!({})), &self.claims(json!({})))
    }

    /// A token with these changes of a valid header.
    pub fn with_header(&self, changes: Value) -> String {
        self.token(&self.header(changes), &self.claims(json!({})))
    }

    /// A token with these changes of valid claims.
    pub fn with_claims(&self, changes: Value) -> String {
        self.token(&self.header(json!({})), &self.claims(changes))
    }

    /// A token with one claim set to this value, which can be null.
    pub fn with_claim(&self, name: &str, value: &Value) -> String {
        let mut claims = self.claims(json!({}));
        claims[name] = value.clone();
        self.token(&self.header(json!({})), &claims)
    }

    /// A signed token with this header and these claims.
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        self.texts(header.to_string(), claims.to_string())
    }

    /// A signed token with these texts, which need not be JSON.
    pub fn texts(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        self.parts(&part(header), &part(claims))
    }

    /// A signed token with these encoded parts.
    pub fn parts(&self, header: &str, claims: &str) -> String {
        let text = format!("{header}.{claims}");
        format!("{text}.{}", part(self.signature(&text)))
    }

    /// The signature of `header.claims`.
    pub fn signature(&self, text: &str) -> Vec<u8> {
        match self.signer {
            Signer::Secret => bytes(&signature(text, SECRET)),
            Signer::Pair(pair) => pair.signature(text),
        }
    }
}

/// The part `header.claims` of a token, and the bytes of its signature.
pub fn split_signature(token: &str) -> (&str, Vec<u8>) {
    let (text, end) = token.rsplit_once('.').expect("three parts");
    (text, bytes(end))
}

/// The bytes of one part of a token.
pub fn bytes(part: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64url")
}
