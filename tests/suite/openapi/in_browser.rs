//! The page `/docs` in Chromium.

use super::ready_token::Development;
use crate::browser::browse;

#[tokio::test]
#[ignore = "needs Chromium on Node.js: `make test-all`"]
async fn a_person_can_try_the_api_with_a_ready_and_with_a_pasted_token() {
    let server = Development::with(&[]).await;
    let address = server.own_origin();
    let token = server.token("bob").await;

    let pictures = std::env::var("PICTURES").unwrap_or_default();
    browse("docs.mjs", &[("ADDRESS", &address), ("TOKEN", &token), ("PICTURES", &pictures)]).await;
}
