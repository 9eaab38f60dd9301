//! From one page of `/api/v1/tasks` to the next, as clients go: by `Link`.

use std::collections::BTreeMap;

use serde_json::Value;

use super::contracts::encoded;
use crate::world::{Answer, Person};

/// Where the next page is; none, when this is the last.
pub fn next(answer: &Answer) -> Option<String> {
    let links: Vec<_> = answer.headers.get_all("link").iter().collect();
    assert!(links.len() <= 1, "{links:?}");
    let link = links.first()?.to_str().expect("ASCII");
    let inner = link.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"next\""));
    let inner = inner.unwrap_or_else(|| panic!("{link}"));
    // A reference ends with the first of these.
    assert!(!inner.contains(['<', '>', '"', ' ']), "{link}");
    Some(inner.to_owned())
}

/// The parameters in an address, decoded. None is there twice.
pub fn parameters(address: &str) -> BTreeMap<String, String> {
    let (_, query) = address.split_once('?').expect("a query");
    let pairs: Vec<_> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let parameters: BTreeMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(parameters.len(), pairs.len(), "{address}");
    parameters
}

/// The cursor of the page that comes next.
pub fn cursor(answer: &Answer) -> String {
    let next = next(answer).unwrap_or_else(|| panic!("no Link: {answer:?}"));
    parameters(&next).remove("cursor").expect("a cursor")
}

/// Every page from this one on.
pub async fn walk(person: &Person, from: &str) -> Vec<Answer> {
    let (mut pages, mut path) = (Vec::new(), Some(from.to_owned()));
    while let Some(address) = path {
        let page = person.get(&address).await;
        assert_eq!(page.status(), 200, "{address}: {page:?}");
        path = next(&page);
        pages.push(page);
        assert!(pages.len() <= 500, "{from} does not end");
    }
    pages
}

/// The ids of all of them, in their order.
pub fn ids(pages: &[Answer]) -> Vec<i64> {
    pages.iter().flat_map(Answer::ids).collect()
}

/// A list with these parameters.
pub fn list(parameters: &[(&str, &str)]) -> String {
    let parameters: Vec<_> =
        parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    format!("/api/v1/tasks?{}", parameters.join("&"))
}

/// The number behind a name.
pub fn id(task: &Value) -> i64 {
    task["id"].as_i64().unwrap_or_else(|| panic!("no id: {task}"))
}
