//! The page `/docs`, as the server sends it.

use http::Method;
use http::header::IF_NONE_MATCH;

use crate::world::{Answer, World, send};

/// The addresses of the files that the page loads.
pub fn files(page: &Answer) -> Vec<String> {
    let html = String::from_utf8(page.body.to_vec()).expect("text");
    let attributes = html.split(['"', '\n']).filter(|text| text.starts_with("/docs/"));
    attributes.map(str::to_owned).collect()
}

#[tokio::test]
async fn the_page_has_a_policy_that_allows_no_other_server_and_no_script_in_its_text() {
    let world = World::shared().await;

    let page = world.anonymous().get("/docs").await;

    assert_eq!((page.status(), page.header("content-type")), (200, "text/html; charset=utf-8"));
    let policy = page.header("content-security-policy");
    let sources = |directive: &str| -> Vec<&str> {
        let found = policy.split(';').map(str::trim).find_map(|part| part.strip_prefix(directive));
        found.unwrap_or_else(|| panic!("no {directive} in {policy}")).split_whitespace().collect()
    };
    for directive in ["default-src", "base-uri", "form-action", "frame-ancestors"] {
        assert_eq!(sources(directive), ["'none'"], "{directive}");
    }
    for directive in ["script-src", "connect-src"] {
        assert_eq!(sources(directive), ["'self'"], "{directive}");
    }
    assert!(!policy.contains("unsafe-eval") && !policy.contains("http") && !policy.contains('*'), "{policy}");
    for (name, value) in [
        ("x-frame-options", "DENY"),
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-resource-policy", "same-origin"),
    ] {
        assert_eq!(page.header(name), value, "{name}");
    }
    let html = String::from_utf8_lossy(&page.body).into_owned();
    assert!(!html.contains("<script>") && !html.contains("<style") && !html.contains("://"), "{html}");
}

#[tokio::test]
async fn the_files_of_the_page_are_kept_for_ever_under_the_digest_of_their_content() {
    let world = World::shared().await;
    let anonymous = world.anonymous();
    let files = files(&anonymous.get("/docs").await);
    assert_eq!(files.len(), 4, "{files:?}");

    for file in files {
        let answer = anonymous.get(&file).await;

        assert_eq!(answer.status(), 200, "{file}");
        assert_eq!(answer.header("cache-control"), "public, max-age=31536000, immutable", "{file}");
        let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &answer.body);
        let digits: String = hash.as_ref().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        assert!(file.contains(&digits), "{file}: {digits}");
        let other = file.replace(&digits, "0123456789abcdef");
        assert_eq!(anonymous.get(&other).await.status(), 404, "{other}");
        assert_eq!(anonymous.call(Method::POST, &file).await.status(), 405, "{file}");
    }
}

#[tokio::test]
async fn the_page_is_sent_again_only_if_it_has_changed() {
    let world = World::shared().await;
    let anonymous = world.anonymous();
    let tag = anonymous.get("/docs/").await.header("etag").to_owned();

    let mut request = anonymous.request(Method::GET, "/docs", "");
    request.headers_mut().insert(IF_NONE_MATCH, tag.parse().expect("a tag"));
    let again = send(anonymous.address, request).await;

    assert_eq!((again.status(), again.body.len()), (304, 0));
}
