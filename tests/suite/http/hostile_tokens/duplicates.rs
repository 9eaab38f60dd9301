//! Members that are there twice: two readers of one token could see two users.

use serde_json::{Value, json};

use super::forge::Forge;
use super::table::Table;
use crate::http::tokens::now;

pub fn table(forge: &Forge) -> Table {
    let mut table = Table::default();
    // Every member that the tests add again is there once.
    let origin = forge.required.as_deref().unwrap_or("https://todo.example");
    let header =
        forge.header(json!({ "typ": "JWT", "kid": forge.header(json!({}))["kid"].as_str().unwrap_or("a") }));
    let claims = forge.claims(json!({
        "iss": origin, "aud": origin, "nbf": now() - 10, "jti": "1", "name": "Alice", "email": "alice@example.org",
    }));
    let (head, body) = (header.to_string(), claims.to_string());

    table.accepted("each once", forge.texts(&head, &body));
    for member in
        [r#""x": 1"#, r#""Sub": "bob""#, r#""sub ": "bob""#, r#""ſub": "bob""#, r#""user": {"sub": "bob"}"#]
    {
        for (position, text) in first_and_last(&body, member) {
            table.accepted(format!("claims with {member} {position}"), forge.texts(&head, text));
        }
        for (position, text) in first_and_last(&head, member) {
            table.accepted(format!("a header with {member} {position}"), forge.texts(text, &body));
        }
    }

    let mut in_header = members_again(&header);
    in_header.extend([
        r#""alg": "none""#.to_owned(),
        r#""alg": "HS512""#.into(),
        r#""alg": null"#.into(),
        r#""\u0061lg": "none""#.into(),
        r#""typ": "better-auth.session-cache+jwt""#.into(),
        r#""kid": "another""#.into(),
        r#""k\u0069d": "another""#.into(),
        r#""x": 1, "x": 1"#.into(),
        r#""x": 1, "\u0078": 2"#.into(),
        r#""jwk": {}, "jwk": {}"#.into(),
        r#""crit": ["exp"], "crit": []"#.into(),
    ]);
    for member in in_header {
        for (position, text) in first_and_last(&head, &member) {
            table.refused(format!("a header with {member} {position}"), forge.texts(text, &body));
        }
    }

    let mut in_claims = members_again(&claims);
    in_claims.extend([
        r#""sub": "bob""#.to_owned(),
        r#""sub": null"#.into(),
        r#""sub": ["alice"]"#.into(),
        r#""\u0073ub": "bob""#.into(),
        r#""s\u0075b": "\u0061lice""#.into(),
        r#""exp": 1"#.into(),
        r#""exp": 4102444800"#.into(),
        r#""exp": null"#.into(),
        format!(r#""\u0065xp": {}"#, now() + 7200),
        r#""nbf": 0"#.into(),
        r#""iat": 0"#.into(),
        r#""iss": "https://other.example""#.into(),
        r#""aud": "https://other.example""#.into(),
        format!(r#""aud": ["{origin}"]"#),
        r#""name": "Bob""#.into(),
        r#""x": 1, "x": 2"#.into(),
        r#""x": 1, "\u0078": 1"#.into(),
    ]);
    for member in in_claims {
        for (position, text) in first_and_last(&body, &member) {
            table.refused(format!("claims with {member} {position}"), forge.texts(&head, text));
        }
    }
    table
}

/// The text of each member of an object.
fn members_again(object: &Value) -> Vec<String> {
    let members = object.as_object().expect("an object").iter();
    members.map(|(name, value)| format!("{}: {value}", Value::from(name.as_str()))).collect()
}

/// An object's text with one more member, as the first and as the last one.
fn first_and_last(object: &str, member: &str) -> [(&'static str, String); 2] {
    let inside = object.strip_prefix('{').and_then(|text| text.strip_suffix('}')).expect("an object");
    [("first", format!("{{{member},{inside}}}")), ("last", format!("{{{inside},{member}}}"))]
}
