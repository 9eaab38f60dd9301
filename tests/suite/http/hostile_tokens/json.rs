//! Headers and claims that are not JSON objects, each with a valid signature.

use serde_json::json;

use super::forge::Forge;
use super::table::Table;

pub fn table(forge: &Forge) -> Table {
    let mut table = Table::default();
    let header = forge.header(json!({})).to_string();
    let claims = forge.claims(json!({})).to_string();
    table.accepted("both right", forge.texts(&header, &claims));
    table.accepted("both with a member more", forge.texts(with(&header, "1"), with(&claims, "1")));

    for (label, text) in not_json_objects(&header) {
        table.refused(format!("header: {label}"), forge.texts(text, &claims));
    }
    for (label, text) in not_json_objects(&claims) {
        table.refused(format!("claims: {label}"), forge.texts(&header, text));
    }
    for (label, sub) in [
        ("half of a pair", r#""\ud800""#),
        ("the other half", r#""alice\udc00""#),
        ("a pair the wrong way round", r#""\udc00\ud800""#),
        ("an escape of nothing", r#""alic\e""#),
        ("an escape that is too short", r#""alic\u65""#),
        ("no quotes", "alice"),
        ("single quotes", "'alice'"),
        ("a line break", "\"alice\n\""),
    ] {
        let text = claims.replace(r#""alice""#, sub);
        assert_ne!(text, claims);
        table.refused(format!("sub with {label}"), forge.texts(&header, text));
    }
    table
}

/// An object with one more member that has this value.
fn with(object: &str, value: impl AsRef<[u8]>) -> Vec<u8> {
    let inside = object.strip_suffix('}').expect("an object");
    [inside.as_bytes(), b",\"x\":", value.as_ref(), b"}"].concat()
}

fn not_json_objects(object: &str) -> Vec<(String, Vec<u8>)> {
    let utf16 = |bytes: fn(u16) -> [u8; 2]| object.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let inside = &object[1..object.len() - 1];
    let mut all: Vec<(String, Vec<u8>)> = [
        ("nothing", ""),
        ("a blank", " "),
        ("null", "null"),
        ("true", "true"),
        ("a number", "5"),
        ("a text", "\"alice\""),
        ("an empty list", "[]"),
        ("an empty object", "{}"),
        ("a list", &format!("[{object}]")),
        ("pairs in a list", &format!("[{}]", inside.replace("\":", "\","))),
        ("a text with an object in it", &json!(object).to_string()),
        ("a member without the object", inside),
        ("a byte order mark", &format!("\u{feff}{object}")),
        ("a comma at the end", &format!("{{{inside},}}")),
        ("a comma at the start", &format!("{{,{inside}}}")),
        ("two commas", &object.replacen(',', ",,", 1)),
        ("a comment", &format!("{{/* x */{inside}}}")),
        ("a comment to the end of the line", &format!("{object} // x")),
        ("a comment of another kind", &format!("# x\n{object}")),
        ("single quotes", &object.replace('"', "'")),
        ("names without quotes", &object.replacen("\":", ":", 1).replacen("{\"", "{", 1)),
        ("an equals sign", &object.replacen("\":", "\"=", 1)),
        ("something behind", &format!("{object}x")),
        ("a brace behind", &format!("{object}}}")),
        ("twice", &format!("{object}{object}")),
        ("an empty object in front", &format!("{{}}{object}")),
        ("a zero behind", &format!("{object}\0")),
        ("a form feed in front", &format!("\u{c}{object}")),
        ("a no-break space in front", &format!("\u{a0}{object}")),
        ("no end", &object[..object.len() - 1]),
        ("the first half", &object[..object.len() / 2]),
        ("a form", "alg=HS256&sub=alice"),
        ("XML", "<sub>alice</sub>"),
    ]
    .into_iter()
    .map(|(label, text)| (label.to_owned(), text.as_bytes().to_vec()))
    .collect();
    all.push(("UTF-16".into(), utf16(u16::to_le_bytes)));
    all.push(("UTF-16 of the other kind".into(), utf16(u16::to_be_bytes)));

    let (deep, deep_objects) = (nested("[", "]"), nested("{\"a\":", "}"));
    let values: [&[u8]; 33] = [
        b"",
        b"NaN",
        b"Infinity",
        b"-Infinity",
        b"undefined",
        b"None",
        b"True",
        b"nul",
        b"01",
        b"+1",
        b".5",
        b"1.",
        b"1e",
        b"0x10",
        b"1_000",
        b"--1",
        b"'x'",
        b"x",
        b"\"x",
        b"\"\\x41\"",
        b"\"\\u12\"",
        b"\"\\ud800\"",
        b"\"\\udc00\\ud800\"",
        b"\"\n\"",
        b"\"\0\"",
        b"[1,]",
        b"[1 2]",
        b"{\"a\":1,}",
        b"{1:1}",
        b"\"\xff\"",
        b"\"\xc0\xaf\"",
        b"\"\xed\xa0\x80\"",
        b"\"\xf0\x9f\x98\"",
    ];
    for value in values.into_iter().chain([deep.as_bytes(), deep_objects.as_bytes()]) {
        let label = String::from_utf8_lossy(value).chars().take(30).collect::<String>();
        all.push((format!("a member that is {label:?}"), with(object, value)));
    }
    all
}

/// Deeper than the parser allows.
fn nested(open: &str, close: &str) -> String {
    format!("{}1{}", open.repeat(200), close.repeat(200))
}
