//! The claims about time, user, issuer and audience.

use serde_json::{Value, json};

use super::forge::Forge;
use super::table::Table;
use crate::http::tokens::now;

/// `exp`, `nbf` and `iat` must be numbers of seconds within limits.
pub fn times(forge: &Forge) -> Table {
    let mut table = Table::default();
    let (now, hour) = (now(), now() + 3600);
    let with = |name: &str, raw: &str| with_time(forge, name, raw);

    table.accepted("exp in an hour", with("exp", &hour.to_string()));
    table.accepted("nbf now", with("nbf", &now.to_string()));
    table.accepted("iat now", with("iat", &now.to_string()));
    table.accepted("exp at the end of the leeway", with("exp", &(now - 10).to_string()));
    table.refused("no exp", forge.with_claims(json!({ "exp": null })));
    table.refused(
        "exp under another name",
        forge.with_claims(json!({ "exp": null, "Exp": hour, "expires": hour })),
    );

    for raw in [
        format!("\"{hour}\""),
        format!("\"{now}\""),
        "\"\"".into(),
        "\"0\"".into(),
        "\"tomorrow\"".into(),
        "\"2199-01-01T00:00:00Z\"".into(),
        "\"Infinity\"".into(),
        "true".into(),
        "false".into(),
        "null".into(),
        format!("[{now}]"),
        format!("[{hour}]"),
        "[]".into(),
        "{}".into(),
        format!("{{\"exp\": {hour}}}"),
        format!("{{\"$date\": {hour}}}"),
        format!("{}", hour * 1000),
        format!("{}", hour * 1_000_000),
        format!("{hour}e9"),
        "1e300".into(),
        "1e400".into(),
        "9223372036854775807".into(),
        "9223372036854775808".into(),
        "18446744073709551615".into(),
        "18446744073709551616".into(),
        "340282366920938463463374607431768211456".into(),
        "9".repeat(400),
        "NaN".into(),
        "Infinity".into(),
        "0x7fffffff".into(),
        format!("+{hour}"),
        format!("0{hour}"),
        format!("{hour}."),
        format!("{hour}n"),
        format!("{hour}_0"),
    ] {
        for name in ["exp", "nbf", "iat"] {
            let label = raw.chars().take(50).collect::<String>();
            table.refused(format!("{name}: {label}"), with(name, &raw));
        }
    }

    for expired in ["0", "1", "0.5", "1e-300", "1e9", &(now - 31).to_string(), &format!("{}.5", now - 32)] {
        table.refused(format!("exp: {expired}"), with("exp", expired));
    }
    for far in [now + 367 * 86_400, now + 100 * 366 * 86_400, i64::from(u32::MAX)] {
        table.refused(format!("exp: {far}"), with("exp", &far.to_string()));
    }
    for later in
        [format!("{}", now + 60), format!("{}.5", now + 60), hour.to_string(), (hour + 86_400).to_string()]
    {
        table.refused(format!("nbf: {later}"), with("nbf", &later));
        table.refused(format!("iat: {later}"), with("iat", &later));
    }
    table
}

/// `exp`, `nbf` and `iat` before 1970, when no token was signed.
pub fn times_before_1970(forge: &Forge) -> Table {
    let mut table = Table::default();
    table.accepted("none", forge.valid());
    for time in ["-1", "-0.5", "-1795270000", "-9223372036854775808", "-9223372036854775809", "-1e300"] {
        for name in ["exp", "nbf", "iat"] {
            table.refused(format!("{name}: {time}"), with_time(forge, name, time));
        }
    }
    table
}

/// A token with this JSON text as the claim. Some of the texts are not valid JSON.
fn with_time(forge: &Forge, name: &str, raw: &str) -> String {
    let claims = forge.claims(json!({ name: "the time" })).to_string();
    forge.texts(forge.header(json!({})).to_string(), claims.replace("\"the time\"", raw))
}

/// `sub` must be a string that can be a user id.
pub fn subjects(forge: &Forge) -> Table {
    let mut table = Table::default();
    for id in
        ["alice", "1", "null", "alice@example.org", "../bob", &"a".repeat(255), &"ü".repeat(255), "a b", "🙂"]
    {
        table.accepted(format!("{id:?}"), forge.with_claim("sub", &json!(id)));
    }

    let bob = json!({ "id": "bob", "sub": "bob" });
    let elsewhere = json!({ "sub": null, "user_id": "bob", "userId": "bob", "id": "bob", "uid": "bob",
        "email": "bob@example.org", "Sub": "bob", "SUB": "bob", "sub ": "bob", "user": bob, "session": bob });
    table.refused("none", forge.with_claims(json!({ "sub": null })));
    table.refused("none, and others that look like it", forge.with_claims(elsewhere));
    for sub in [
        json!(null),
        json!(""),
        json!(" "),
        json!("\u{a0}"),
        json!("\u{3000}\u{2003}\u{2028}"),
        json!("\t"),
        json!("\0"),
        json!("alice\0"),
        json!("alice\0bob"),
        json!("alice\n"),
        json!("alice\r\nX-User: bob"),
        json!("\u{1b}[31malice"),
        json!("alice\u{7f}"),
        json!("alice\u{85}"),
        json!("alice\u{9f}"),
        json!("a".repeat(256)),
        json!("ü".repeat(256)),
        json!("🙂".repeat(256)),
        json!("a".repeat(5000)),
        json!(1),
        json!(0),
        json!(-1),
        json!(1.5),
        json!(u64::MAX),
        json!(true),
        json!(false),
        json!([]),
        json!(["alice"]),
        json!([["alice"]]),
        json!({}),
        json!({ "id": "alice" }),
        json!({ "$ne": null }),
    ] {
        let label = sub.to_string().chars().take(40).collect::<String>();
        table.refused(label, forge.with_claim("sub", &sub));
    }
    table
}

/// `iss` must be exactly the right string; `aud` too, or a list of strings that has it.
pub fn origins(forge: &Forge) -> Table {
    let mut table = Table::default();
    let right = forge.required.clone().expect("a server with claim rules");
    table.accepted("the right ones", forge.valid());
    table.accepted("the right ones, set again", forge.with_claims(json!({ "iss": right, "aud": right })));
    table.accepted("in a list", forge.with_claims(json!({ "aud": [right] })));
    table.accepted(
        "in a list with another",
        forge.with_claims(json!({ "aud": ["https://other.example", right] })),
    );

    let (scheme, rest) = right.split_once("://").expect("an origin");
    for name in ["iss", "aud"] {
        table.refused(format!("no {name}"), forge.with_claims(json!({ name: null })));
        for wrong in [
            json!(null),
            json!(true),
            json!(0),
            json!([]),
            json!([null]),
            json!({}),
            json!({ "0": right }),
            json!({ &right: true }),
            json!([[right]]),
            json!([{ "aud": right }]),
            json!(["https://other.example"]),
            json!(["https://other.example", "https://another.example"]),
            json!([&right[..right.len() - 1]]),
            json!(""),
            json!(" "),
            json!("*"),
            json!("null"),
            json!("https://other.example"),
            json!(&right[..right.len() - 1]),
            json!(&right[1..]),
            json!(rest),
            json!(format!("{right}/")),
            json!(format!("{right}/api/auth")),
            json!(format!("{right}.")),
            json!(format!("{right}.example")),
            json!(format!("{right}0")),
            json!(format!("{right}#")),
            json!(format!("{right}?")),
            json!(format!("{right} ")),
            json!(format!(" {right}")),
            json!(format!("{right}\n")),
            json!(format!("{right}\0")),
            json!(format!("{right}\u{200b}")),
            json!(format!("{right},https://other.example")),
            json!(format!("https://other.example {right}")),
            json!(format!("https://other.example/{right}")),
            json!(format!("{scheme}://somebody@{rest}")),
            json!(format!("{}://{rest}", scheme.to_uppercase())),
            json!(format!("{scheme}s://{rest}")),
            json!(format!("{scheme}:{rest}")),
            json!(right.replacen(':', "%3A", 1)),
            json!(right.replacen('/', "%2F", 1)),
            json!(right.replacen("://", ":///", 1)),
            json!(right.replace("127.0.0.1", "localhost").replace("Team", "team")),
            json!(right.replace("127.0.0.1", "127.1").replace("todo.", "TODO.")),
            json!("better-auth:session-cache"),
            json!(["better-auth:session-cache"]),
        ] {
            table.refused(format!("{name}: {wrong}"), forge.with_claim(name, &wrong));
        }
    }

    // RFC 7519, section 4.1.1: an issuer is one string.
    table.refused("iss in a list", forge.with_claims(json!({ "iss": [right] })));
    table.refused("iss in a list with another", forge.with_claims(json!({ "iss": ["x", right] })));
    // A session cookie of Better Auth is signed with the same key.
    for aud in [json!([right, "better-auth:session-cache"]), json!(["better-auth:session-cache", right])] {
        table.refused(format!("aud: {aud}"), forge.with_claims(json!({ "aud": aud })));
    }
    for beside in [json!(5), json!(null), json!(true), json!(["x"]), json!({})] {
        let aud: Value = json!([right, beside]);
        table.refused(format!("aud: {aud}"), forge.with_claims(json!({ "aud": aud })));
    }
    table
}
