//! Tokens that are honest but for one thing.

use serde_json::{Value, json};

use crate::http::tokens::{claims, part, signature};
use crate::world::{KeyPair, SECRET};

/// Whose tokens a server believes.
#[derive(Clone, Copy)]
pub enum Signer {
    /// Who knows the secret.
    Secret,
    /// Who has the private half of a published key.
    Pair(&'static KeyPair),
}

/// Makes tokens of one signer, honest or not, for one server.
pub struct Forge {
    pub signer: Signer,
    /// What that server demands as issuer and audience, if anything.
    pub demanded: Option<String>,
    /// Whether that server believes who knows the secret, whoever else it believes.
    pub has_secret: bool,
    /// Where somebody waits to be asked for keys, and must wait for ever.
    pub trap: String,
}

impl Forge {
    /// The algorithm that this signer's tokens have.
    pub fn alg(&self) -> String {
        match self.signer {
            Signer::Secret => "HS256".into(),
            Signer::Pair(pair) => pair.alg(),
        }
    }

    /// What an honest header says, with some members changed or added; null stays null.
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

    /// What honest claims say of alice, with some of them changed; null takes one away.
    pub fn claims(&self, changes: Value) -> Value {
        let mut all = match &self.demanded {
            Some(demanded) => json!({ "iss": demanded, "aud": demanded }),
            None => json!({}),
        };
        for (name, value) in changes.as_object().expect("an object") {
            all[name] = value.clone();
        }
        claims(all)
    }

    /// A token without fault.
    pub fn honest(&self) -> String {
        self.token(&self.header(json!({})), &self.claims(json!({})))
    }

    /// An honest header with these changes, on honest claims.
    pub fn with_header(&self, changes: Value) -> String {
        self.token(&self.header(changes), &self.claims(json!({})))
    }

    /// Honest claims with these changes, under an honest header.
    pub fn with_claims(&self, changes: Value) -> String {
        self.token(&self.header(json!({})), &self.claims(changes))
    }

    /// Honest claims with one of them set to whatever it is, null as well.
    pub fn with_claim(&self, name: &str, value: &Value) -> String {
        let mut claims = self.claims(json!({}));
        claims[name] = value.clone();
        self.token(&self.header(json!({})), &claims)
    }

    /// A signed token that says this.
    pub fn token(&self, header: &Value, claims: &Value) -> String {
        self.texts(header.to_string(), claims.to_string())
    }

    /// A signed token of these texts, whether they are JSON or not.
    pub fn texts(&self, header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
        self.parts(&part(header), &part(claims))
    }

    /// A signed token of these parts, however they are encoded.
    pub fn parts(&self, header: &str, claims: &str) -> String {
        let text = format!("{header}.{claims}");
        format!("{text}.{}", part(self.signature(&text)))
    }

    /// What this signer makes of `header.claims`.
    pub fn signature(&self, text: &str) -> Vec<u8> {
        match self.signer {
            Signer::Secret => bytes(&signature(text, SECRET)),
            Signer::Pair(pair) => pair.signature(text),
        }
    }
}

/// `header.claims` of a token, and its signature in bytes.
pub fn apart(token: &str) -> (&str, Vec<u8>) {
    let (text, end) = token.rsplit_once('.').expect("three parts");
    (text, bytes(end))
}

/// What a part of a token stands for.
pub fn bytes(part: &str) -> Vec<u8> {
    use base64::Engine;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.decode(part).expect("base64url")
}
