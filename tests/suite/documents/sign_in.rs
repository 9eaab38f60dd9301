//! The table of wrong tokens in docs/sign-in.md. A test sends each of them, and the page must quote the error.

use std::collections::BTreeSet;

use jsonwebtoken::Algorithm::EdDSA;
use serde_json::json;

use super::markdown::{Page, codes, rows};
use crate::http::tokens::{claims, header, now, signed, token_with};
use crate::world::{Issuer, JWKS_PATH, KeyPair, Reply, World};

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
#[ignore = "takes long: `make test-all`"]
async fn the_sign_in_page_quotes_the_error_for_each_wrong_token() {
    let (pair, other) = (KeyPair::new(EdDSA), KeyPair::new(EdDSA));
    let issuer = Issuer::new(&[&pair]).await;
    let (of_issuer, of_secret) = (World::of(&issuer, &[]).await, World::shared().await);
    let of_better_auth =
        async |url: &str| World::with(&[("BETTER_AUTH_SECRET", ""), ("BETTER_AUTH_URL", url)]).await;
    let out_of_reach = of_better_auth("http://127.0.0.1:1").await;
    let (without_table, without_plugin) = (Issuer::new(&[]).await, Issuer::new(&[]).await);
    without_table.reply(JWKS_PATH, Reply::new("").status(500));
    without_plugin.reply(JWKS_PATH, Reply::new("").status(404));
    let without_table = of_better_auth(&without_table.url()).await;
    let without_plugin = of_better_auth(&without_plugin.url()).await;
    let redirecting = Issuer::new(&[]).await;
    redirecting.reply(JWKS_PATH, Reply::new("").status(302).header("location", "https://www.example.com/"));
    let redirecting = of_better_auth(&redirecting.url()).await;
    let elsewhere = pair.token(&issuer.claims(json!({ "iss": "https://auth.example.com" })));
    let own_names = json!({ "iss": "https://tasks.example", "aud": "tasks" });
    let with_own_names = pair.token(&issuer.claims(own_names));
    let of_pair = pair.token(&issuer.claims(json!({})));
    let other_secret = signed(&header(), &claims(json!({})), "another secret of more than thirty-two bytes");
    let by_user_id = World::with(&[("JWT_USER_CLAIM", "userId")]).await;
    let after_a_leak = World::with(&[("JWT_NOT_BEFORE", &(now() - 60).to_string())]).await;
    let by_address = of_secret.bearer(&token_with(json!({ "sub": "alice@example.org" })));

    let answers = [
        refusal(&of_issuer, &elsewhere).await.replace(&issuer.url(), "http://auth:3000"),
        refusal(&of_issuer, &with_own_names).await.replace(&issuer.url(), "http://auth:3000"),
        refusal(&of_issuer, "Qm3xLAw8rYb0c2p6Qm3xLAw8rYb0c2p6").await,
        refusal(&of_secret, &token_with(json!({ "exp": now() - 95 }))).await,
        refusal(&of_secret, &token_with(json!({ "nbf": now() + 95 }))).await,
        refusal(&of_secret, &token_with(json!({ "iat": now() + 95 }))).await,
        refusal(&by_user_id, &token_with(json!({ "sub": null, "userId": "alice" }))).await,
        refusal(&of_secret, &token_with(json!({ "sub": null, "userId": "alice" }))).await,
        refusal(&of_secret, &token_with(json!({ "type": "refresh" }))).await,
        refusal(&after_a_leak, &token_with(json!({ "iat": now() - 3600 }))).await,
        refusal(&after_a_leak, &token_with(json!({ "iat": null }))).await,
        refusal(&of_secret, &token_with(json!({ "exp": (now() + 3600) * 1000 }))).await,
        refusal(&of_secret, &other_secret).await,
        refusal(&of_issuer, &token_with(json!({}))).await,
        refusal(&of_secret, &of_pair).await,
        refusal(&of_issuer, &other.token(&issuer.claims(json!({})))).await,
        refusal(&out_of_reach, &of_pair).await,
        refusal(&without_table, &of_pair).await,
        refusal(&without_plugin, &of_pair).await,
        refusal(&redirecting, &of_pair).await,
        refusal(&of_secret, "undefined").await,
        refusal(&of_secret, "[object Promise]").await,
        refusal(&of_secret, &json!({ "token": token_with(json!({})) }).to_string()).await,
        refusal(&of_secret, &format!("\"{}\"", token_with(json!({})))).await,
        refusal(&of_secret, &format!("Bearer {}", token_with(json!({})))).await,
        of_secret
            .anonymous()
            .get("/api/tasks")
            .await
            .detail()
            .replace("Not signed in: ", "")
            .trim_end_matches('.')
            .into(),
        by_address.get("/api/alice/tasks").await.detail(),
    ];

    let table = rows(&Page::read("docs/sign-in.md").section("Mistakes"));
    let quoted = table.iter().filter_map(|row| row.get(1)).flat_map(|answer| codes(answer));
    // An error text has several words. The name of a header or a path has one.
    let quoted: BTreeSet<_> = quoted.filter(|text| text.contains(' ')).map(without_numbers).collect();
    assert_eq!(quoted, answers.iter().map(|answer| without_numbers(answer)).collect());
}
