//! Follows the `Link` header of `/api/v1/tasks` from page to page, as clients do.

use std::collections::BTreeMap;

use serde_json::Value;

use super::contracts::encoded;
use crate::world::{Answer, Person};

/// The address of the next page, or none on the last page.
pub fn next(answer: &Answer) -> Option<String> {
    let links: Vec<_> = answer.headers.get_all("link").iter().collect();
    assert!(links.len() <= 1, "{links:?}");
    let link = links.first()?.to_str().expect("ASCII");
    let inner = link.strip_prefix('<').and_then(|rest| rest.strip_suffix(">; rel=\"next\""));
    let inner = inner.unwrap_or_else(|| panic!("{link}"));
    // Any of these characters would end the reference.
    assert!(!inner.contains(['<', '>', '"', ' ']), "{link}");
    Some(inner.to_owned())
}

/// The decoded query parameters of an address. Panics when one is there twice.
pub fn parameters(address: &str) -> BTreeMap<String, String> {
    let (_, query) = address.split_once('?').expect("a query");
    let pairs: Vec<_> = url::form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let parameters: BTreeMap<_, _> = pairs.iter().cloned().collect();
    assert_eq!(parameters.len(), pairs.len(), "{address}");
    parameters
}

/// The cursor of the next page.
pub fn cursor(answer: &Answer) -> String {
    let next = next(answer).unwrap_or_else(|| panic!("no Link: {answer:?}"));
    parameters(&next).remove("cursor").expect("a cursor")
}

/// All pages from this one on.
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

/// The ids of all tasks of these pages, in their order.
pub fn ids(pages: &[Answer]) -> Vec<i64> {
    pages.iter().flat_map(Answer::ids).collect()
}

/// The path of a list with these parameters.
pub fn list(parameters: &[(&str, &str)]) -> String {
    let parameters: Vec<_> =
        parameters.iter().map(|(name, value)| format!("{name}={}", encoded(value))).collect();
    format!("/api/v1/tasks?{}", parameters.join("&"))
}

pub fn id(task: &Value) -> i64 {
    task["id"].as_i64().unwrap_or_else(|| panic!("no id: {task}"))
}
