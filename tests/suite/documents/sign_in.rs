//! The table of wrong tokens in docs/sign-in.md. A test sends each of them, and the page must quote the error.

use std::collections::BTreeSet;

use jsonwebtoken::Algorithm::EdDSA;
use serde_json::json;

use super::markdown::{Page, codes, rows};
use crate::http::tokens::{claims, header, now, signed, token_with};
use crate::world::{Issuer, KeyPair, World};

/// Why a token is refused, from the header `WWW-Authenticate`.
async fn refusal(world: &World, token: &str) -> String {
    let answer = world.bearer(token).get("/api/tasks").await;
    assert_eq!(answer.status(), 401, "{answer:?}");
    let description =
        answer.header("www-authenticate").split("error_description=").nth(1).unwrap_or_default();
    description.trim_matches('"').to_owned()
}

/// The text without numbers, because seconds and the server time change.
fn without_numbers(text: &str) -> String {
    let words = text.split(' ').map(|word| {
        let is_number = word.starts_with(|c: char| c.is_ascii_digit());
        if is_number { "(number)" } else { word }
    });
    words.collect::<Vec<_>>().join(" ")
}

#[tokio::test]
async fn the_sign_in_page_quotes_the_error_for_each_wrong_token() {
    let (pair, other) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let issuer = Issuer::new(&[&pair]).await;
    let (of_issuer, of_secret) = (World::of(&issuer, &[]).await, World::new().await);
    let out_of_reach =
        World::with(&[("BETTER_AUTH_SECRET", ""), ("BETTER_AUTH_URL", "http://127.0.0.1:1")]).await;
    let elsewhere = pair.token(&issuer.claims(json!({ "iss": "https://auth.example.com" })));
    let own_names = json!({ "iss": "https://tasks.example", "aud": "tasks" });
    let with_own_names = pair.token(&issuer.claims(own_names));
    let of_pair = pair.token(&issuer.claims(json!({})));
    let other_secret = signed(&header(), &claims(json!({})), "another secret of more than thirty-two bytes");
    let by_address = of_secret.bearer(&token_with(json!({ "sub": "alice@example.org" })));

    let answers = [
        refusal(&of_issuer, &elsewhere).await.replace(&issuer.url(), "http://auth:3000"),
        refusal(&of_issuer, &with_own_names).await.replace(&issuer.url(), "http://auth:3000"),
        refusal(&of_issuer, "Qm3xLAw8rYb0c2p6Qm3xLAw8rYb0c2p6").await,
        refusal(&of_secret, &token_with(json!({ "exp": now() - 95 }))).await,
        refusal(&of_secret, &token_with(json!({ "nbf": now() + 95 }))).await,
        refusal(&of_secret, &token_with(json!({ "iat": now() + 95 }))).await,
        refusal(&of_secret, &token_with(json!({ "exp": (now() + 3600) * 1000 }))).await,
        refusal(&of_secret, &other_secret).await,
        refusal(&of_issuer, &token_with(json!({}))).await,
        refusal(&of_secret, &of_pair).await,
        refusal(&of_issuer, &other.token(&issuer.claims(json!({})))).await,
        refusal(&out_of_reach, &of_pair).await,
        by_address.get("/api/alice/tasks").await.detail(),
    ];

    let table = rows(&Page::read("docs/sign-in.md").section("Mistakes"));
    let quoted = table.iter().filter_map(|row| row.get(1)).flat_map(|answer| codes(answer));
    // An error text has several words. The name of a header or a path has one.
    let quoted: BTreeSet<_> = quoted.filter(|text| text.contains(' ')).map(without_numbers).collect();
    assert_eq!(quoted, answers.iter().map(|answer| without_numbers(answer)).collect());
}
