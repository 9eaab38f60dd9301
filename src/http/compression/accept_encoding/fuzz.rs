//! A fuzz target: an answer is never in a coding that its client does not accept.

use http::HeaderValue;

use super::*;

/// Each line is an `Accept-Encoding` header.
pub fn accept_encoding(input: &[u8]) -> bool {
    let mut request = HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n') {
        let Ok(value) = HeaderValue::from_bytes(line) else { return false };
        request.append(ACCEPT_ENCODING, value);
    }

    let chosen = preferred_coding(&request);

    let is_chosen = |coding: &Coding, names: &[&str]| {
        let text = input.to_ascii_lowercase();
        let has = |name: &&str| text.windows(name.len()).any(|part| part == name.as_bytes());
        assert!(names.iter().any(has), "{coding:?} is not named: {request:?}");
    };
    match &chosen {
        Some(coding @ Coding::Gzip) => is_chosen(coding, &["gzip", "*"]),
        Some(coding @ Coding::Brotli) => is_chosen(coding, &["br", "*"]),
        None => {}
    }
    if let Some(weights) = weights(&request) {
        let weight = |names: &[&str]| {
            let last = |name: &&str| weights.iter().rev().find(|(known, _)| known == name);
            // An entry of the coding's own counts, else that of all others.
            let own = weights.iter().rev().find(|(known, _)| names.contains(&known.as_str()));
            own.or_else(|| last(&"*")).map_or(0.0, |(_, weight)| *weight)
        };
        let (gzip, brotli, plain) = (weight(&["gzip", "x-gzip"]), weight(&["br"]), weight(&["identity"]));
        let wanted = if gzip >= brotli { (Coding::Gzip, gzip) } else { (Coding::Brotli, brotli) };
        let wanted = Some(wanted).filter(|(_, weight)| *weight > 0.0 && *weight >= plain);
        assert_eq!(chosen, wanted.map(|(coding, _)| coding), "{request:?}");
    }
    chosen.is_some()
}

/// The entries with their weights, if all of them are as RFC 9110, section 12.5.3, writes them.
fn weights(request: &HeaderMap) -> Option<Vec<(String, f64)>> {
    let mut found = Vec::new();
    for line in request.get_all(ACCEPT_ENCODING) {
        for entry in line.to_str().ok()?.split(',') {
            let (name, parameter) = match entry.trim_matches([' ', '\t']).split_once(';') {
                Some((name, parameter)) => (name, Some(parameter.trim_matches([' ', '\t']))),
                None => (entry, None),
            };
            let name = name.trim_matches([' ', '\t']).to_ascii_lowercase();
            let is_name = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'*');
            if !name.bytes().all(is_name) {
                return None;
            }
            let weight = match parameter {
                None => 1.0,
                Some(parameter) => {
                    let digits = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="))?;
                    let is_weight = digits.len() <= 5
                        && digits.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.')
                        && matches!(digits.split('.').next(), Some("0" | "1"));
                    digits.parse().ok().filter(|weight| is_weight && (0.0..=1.0).contains(weight))?
                }
            };
            found.push((name, weight));
        }
    }
    Some(found)
}
