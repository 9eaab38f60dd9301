//! A fuzz target: whatever an issuer writes into `Cache-Control`, its key set is read again in time.

use super::*;

/// Each line is a `Cache-Control` header, or after `age:` the header `Age`.
pub fn max_age(input: &[u8]) -> bool {
    let mut headers = http::HeaderMap::new();
    for line in input.split(|byte| *byte == b'\n') {
        let (name, value) = match line.strip_prefix(b"age:") {
            Some(age) => (AGE, age),
            None => (CACHE_CONTROL, line),
        };
        let Ok(value) = HeaderValue::from_bytes(value) else { return false };
        headers.append(name, value);
    }

    let found = super::max_age(&headers);

    assert!((Duration::from_secs(1)..=Duration::from_secs(3600)).contains(&found), "{headers:?}: {found:?}");
    let Some(directives) = directives(&headers) else { return false };
    let has = |name: &str| directives.iter().any(|(known, _)| known == name);
    let ages: Vec<_> = directives.iter().filter(|(name, _)| name == "max-age").collect();
    let age = headers.get(AGE).map_or("0", |age| age.to_str().unwrap_or_default());
    if has("no-store") || has("no-cache") {
        assert_eq!(found, Duration::from_secs(60), "{headers:?}");
    } else if let ([(_, Some(seconds))], Ok(age)) = (&*ages, age.parse::<u64>())
        && directives.iter().all(|(name, value)| name == "max-age" || value.is_none())
    {
        let left = seconds.saturating_sub(age);
        let wanted = if left == 0 { 60 } else { left.min(3600) };
        assert_eq!(found, Duration::from_secs(wanted), "{headers:?}");
    } else if ages.is_empty() && directives.iter().all(|(_, value)| value.is_none()) {
        assert_eq!(found, Duration::from_secs(300), "{headers:?}");
    }
    true
}

/// The directives with their numbers, by a simple reader; `None` for lists that are not as simple as most are.
fn directives(headers: &http::HeaderMap) -> Option<Vec<(String, Option<u64>)>> {
    let mut found = Vec::new();
    for line in headers.get_all(CACHE_CONTROL) {
        let line = line.to_str().ok().filter(|line| !line.contains('"'))?;
        for entry in line.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
            let (name, value) = entry.split_once('=').unwrap_or((entry, ""));
            // These have no number, so that nobody knows what is meant (RFC 9111, section 5.2.2).
            if ["no-store", "no-cache"].contains(&&*name.to_ascii_lowercase()) && entry != name {
                return None;
            }
            let value =
                Some(value).filter(|value| !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit()));
            found.push((name.to_ascii_lowercase(), value.and_then(|value| value.parse().ok())));
        }
    }
    Some(found)
}
