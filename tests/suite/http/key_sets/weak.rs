//! Keys that everybody could sign for, if they were used.

use aws_lc_rs::digest;
use serde_json::json;

use super::served::{Served, changed, header_with_kid};
use super::{assert_skipped, skipped};
use crate::http::key_pairs::PAIRS;
use crate::http::tokens::part;

/// With an exponent of 1 the signature is the padded digest itself, which everybody can compute.
#[tokio::test]
async fn a_signature_for_a_key_with_exponent_one_is_refused() {
    let [ed, _, _, rsa, _] = &*PAIRS;
    let set = [ed.jwk(), changed(&rsa.jwk(), json!({ "kid": "weak", "e": "AQ" }))];

    for served in Served::all(&set).await {
        let text = format!(
            "{}.{}",
            part(header_with_kid("RS256", "weak").to_string()),
            part(served.claims.to_string())
        );
        let digest = digest::digest(&digest::SHA256, text.as_bytes());
        // RFC 8017, section 9.2, with the name of SHA-256 from its note 1.
        let name = b"\x30\x31\x30\x0d\x06\x09\x60\x86\x48\x01\x65\x03\x04\x02\x01\x05\x00\x04\x20";
        let filler = vec![0xff; 256 - 3 - name.len() - digest.as_ref().len()];
        let padded = [&[0, 1], &*filler, &[0], name, digest.as_ref()].concat();

        let refusal = served.refusal(&format!("{text}.{}", part(padded))).await;

        assert!(refusal.is_some(), "{}", served.setting);
    }
}

/// If the key is a point of small order, the signature with R the neutral point and S zero fits every text, or one text in a
/// few (RFC 8032, section 5.1.7: S times the base point must be R plus the hash times the key).
#[tokio::test]
async fn a_signature_for_a_point_of_small_order_is_refused() {
    let [_, p256, ..] = &*PAIRS;
    let point = |y: u8| [&[y], &[0; 31][..]].concat();
    let entry = |kid: &str, y| json!({ "kty": "OKP", "crv": "Ed25519", "x": part(point(y)), "kid": kid });
    let set = [p256.jwk(), entry("neutral", 1), entry("four", 0)];

    for served in Served::all(&set).await {
        for (kid, attempt) in ["neutral", "four"].into_iter().flat_map(|kid| (0..40).map(move |n| (kid, n))) {
            let claims = changed(&served.claims, json!({ "jti": format!("{attempt}") }));
            let text =
                format!("{}.{}", part(header_with_kid("EdDSA", kid).to_string()), part(claims.to_string()));
            let signature = [point(1), vec![0; 32]].concat();

            let refusal = served.refusal(&format!("{text}.{}", part(signature))).await;

            assert!(refusal.is_some(), "{}: {kid}, attempt {attempt}", served.setting);
        }
    }
}

#[tokio::test]
async fn a_point_of_small_order_is_skipped() {
    assert_skipped(&skipped::small_order()).await;
}

#[tokio::test]
async fn an_exponent_that_is_longer_than_any_in_use_is_skipped() {
    assert_skipped(&skipped::long_exponents()).await;
}
