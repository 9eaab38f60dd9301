//! The settings that say from where tokens come, and when several sources, or keys without TLS, are refused.

use futures_util::future::join_all;
use jsonwebtoken::Algorithm::EdDSA;
use serde_json::{Value, json};

use super::program::Program;
use crate::http::tokens::token_with;
use crate::world::{Database, Issuer, KeyPair, SECRET, World, token};

type Settings<'a> = &'a [(&'a str, &'a str)];

const SECRETS: (&str, &str) = ("BETTER_AUTH_SECRET", SECRET);
const BETTER_AUTH: (&str, &str) = ("BETTER_AUTH_URL", "https://auth.example.com");
const JWKS_URL: (&str, &str) = ("JWKS_URL", "https://keys.example/jwks");
const JWKS_FILE: (&str, &str) = ("JWKS_FILE", "/nowhere/keys.json");
const ANY_AUDIENCE: (&str, &str) = ("JWT_AUDIENCE", "any");
const SHARED: (&str, &str) = ("JWT_ISSUERS_SHARE_USERS", "true");

/// What the program says about these settings in that environment, but for the setting that is always wrong.
async fn problems(environment: &str, settings: Settings<'_>) -> String {
    let base = [("DATABASE_URL", "postgres://u@127.0.0.1:9/d"), ("ENVIRONMENT", environment)];
    let ended = Program::checking_settings().with(&base).with(settings).run().await;
    assert_eq!(ended.code, Some(1), "{settings:?}");
    let lines = ended.err.lines().skip(1).filter(|line| !line.contains("SHUTDOWN_TIMEOUT is"));
    lines.map(|line| line.trim().to_owned() + "\n").collect()
}

/// Checks that the settings are refused outside development with all of these words, and accepted in development.
async fn assert_refused_outside_development(settings: Settings<'_>, wanted: &[&str]) {
    let (production, staging, development) = tokio::join!(
        problems("production", settings),
        problems("staging", settings),
        problems("development", settings)
    );
    for refused in [production, staging] {
        for wanted in wanted {
            assert!(refused.contains(wanted), "{settings:?}: {wanted} in {refused:?}");
        }
    }
    assert_eq!(development, "", "{settings:?}");
}

#[tokio::test]
async fn several_sources_are_refused_unless_the_same_user_id_is_the_same_person_in_all() {
    let issuer = |value| ("JWT_ISSUER", value);
    let cases: [(Settings<'_>, &[&str]); 5] = [
        (
            &[SECRETS, BETTER_AUTH],
            &["BETTER_AUTH_SECRET and BETTER_AUTH_URL", "remove BETTER_AUTH_SECRET here"],
        ),
        (
            &[SECRETS, JWKS_FILE, issuer("JWKS_FILE=https://f.example")],
            &["SECRET and JWKS_FILE", "all but one"],
        ),
        (&[SECRETS, JWKS_URL, issuer("JWKS_URL=https://u.example")], &["SECRET and JWKS_URL", "all but one"]),
        (&[BETTER_AUTH, JWKS_URL, issuer("JWKS_URL=https://u.example")], &["BETTER_AUTH_URL and JWKS_URL"]),
        (
            &[JWKS_URL, JWKS_FILE, issuer("JWKS_URL=https://u.example; JWKS_FILE=https://f.example")],
            &["JWKS_URL and JWKS_FILE"],
        ),
    ];
    for (settings, wanted) in cases {
        let settings = [settings, &[ANY_AUDIENCE]].concat();

        let wanted = [wanted, &["set JWT_ISSUERS_SHARE_USERS=true"]].concat();
        assert_refused_outside_development(&settings, &wanted).await;
        assert_eq!(problems("production", &[&settings[..], &[SHARED]].concat()).await, "");
    }
    let previous = ("BETTER_AUTH_SECRET_PREVIOUS", "another secret, of more than thirty-two bytes");
    assert_eq!(problems("production", &[SECRETS, previous]).await, "", "it is one source");
}

#[tokio::test]
async fn several_issuers_of_one_source_are_refused_and_spellings_of_one_are_not() {
    let two = "https://a.example,https://b.example";
    for (settings, is_several) in [
        ([BETTER_AUTH, ("JWT_ISSUER", two), ANY_AUDIENCE], true),
        ([JWKS_URL, ("JWT_ISSUER", two), ANY_AUDIENCE], true),
        ([JWKS_FILE, ("JWT_ISSUER", two), ANY_AUDIENCE], true),
        ([SECRETS, ("JWT_ISSUER", two), ANY_AUDIENCE], true),
        (
            [JWKS_URL, ("JWT_ISSUER", "https://k.example/realms/a,https://k.example/realms/b"), ANY_AUDIENCE],
            true,
        ),
        ([BETTER_AUTH, ("JWT_ISSUER", "https://auth.example.com,http://auth:3000"), ANY_AUDIENCE], true),
        ([JWKS_URL, ("JWT_ISSUER", "https://A.example:443/,https://a.example"), ANY_AUDIENCE], false),
        (
            [BETTER_AUTH, ("JWT_ISSUER", "https://x.example, https://x.example/api/auth/"), ANY_AUDIENCE],
            false,
        ),
        (
            [
                ("BETTER_AUTH_URL", "https://a.example/app/"),
                ("JWT_ISSUER", "https://a.example,https://a.example/app"),
                ANY_AUDIENCE,
            ],
            false,
        ),
    ] {
        if is_several {
            assert_refused_outside_development(&settings, &["has 2 issuers for", "leave one, or"]).await;
            assert_eq!(problems("production", &[&settings[..], &[SHARED]].concat()).await, "");
        } else {
            assert_eq!(problems("production", &settings).await, "");
        }
    }
    for url in [
        "https://auth.example.com",
        "https://auth.example.com/",
        "HTTPS://Auth.Example.com:443",
        "https://auth.example.com/api/auth/",
        "https://auth.example.com/app/api/auth",
    ] {
        assert_eq!(problems("production", &[("BETTER_AUTH_URL", url)]).await, "", "{url}");
    }
}

#[tokio::test]
async fn keys_over_http_are_refused_unless_they_come_from_this_machine_or_http_is_allowed() {
    let accepted = [("JWT_ISSUER", "https://a.example"), ("JWT_AUDIENCE", "tasks")];
    for (url, is_refused) in [
        ("http://auth:3000", true),
        ("http://10.0.0.1/keys", true),
        ("http://auth.localhost/keys", true),
        ("http://localhost.example.com", true),
        ("http://[::ffff:127.0.0.1]:3000", true),
        ("http://localhost:3000/api/auth", false),
        ("http://127.0.0.1:3000", false),
        ("http://127.9.9.9", false),
        ("http://[::1]:3000", false),
        ("https://auth.example.com", false),
    ] {
        let checks = ["BETTER_AUTH_URL", "JWKS_URL"].map(async |setting| {
            let settings = [&[(setting, url)][..], &accepted].concat();
            if is_refused {
                let wanted = [&*format!("{setting} is an http URL"), "use https", "JWKS_ALLOW_HTTP=true"];
                assert_refused_outside_development(&settings, &wanted).await;
            }
            let allowed = [&settings[..], &[("JWKS_ALLOW_HTTP", "true")]].concat();
            let accepted = if is_refused { allowed } else { settings };
            assert_eq!(problems("production", &accepted).await, "", "{setting}={url}");
        });
        join_all(checks).await;
    }
}

#[tokio::test]
async fn a_key_set_without_issuer_or_audience_is_refused() {
    let (issuer, audience) = (("JWT_ISSUER", "https://a.example"), ("JWT_AUDIENCE", "tasks"));
    for set in [JWKS_URL, JWKS_FILE] {
        let no_issuer = format!("JWT_ISSUER is missing for {}", set.0);
        let no_audience = format!("JWT_AUDIENCE is missing for {}", set.0);

        assert_refused_outside_development(&[set], &[&no_issuer, &no_audience]).await;
        assert_refused_outside_development(&[set, audience], &[&no_issuer]).await;
        assert_refused_outside_development(&[set, ANY_AUDIENCE], &[&no_issuer]).await;
        assert_refused_outside_development(&[set, issuer], &[&no_audience, "or to any if"]).await;
        assert_eq!(problems("production", &[set, issuer, audience]).await, "");
        assert_eq!(problems("production", &[set, issuer, ANY_AUDIENCE]).await, "");
    }
    let of_another = [JWKS_URL, BETTER_AUTH, SHARED, ("JWT_ISSUER", "BETTER_AUTH_URL=https://a.example")];
    let refused = problems("production", &of_another).await;
    assert!(refused.contains("set JWT_ISSUER=JWKS_URL=…"), "{refused}");
    assert_eq!(
        problems("production", &[BETTER_AUTH]).await,
        "",
        "its issuer and audience follow from the URL"
    );
}

#[tokio::test]
async fn two_sources_with_a_common_issuer_are_refused_in_every_environment() {
    for environment in ["development", "production"] {
        for issuers in [
            "https://a.example",
            "JWKS_URL=https://a.example; JWKS_FILE=https://A.example:443/",
            "JWKS_URL=https://b.example,https://a.example; JWKS_FILE=https://a.example/api/auth",
        ] {
            let settings = [JWKS_URL, JWKS_FILE, ("JWT_ISSUER", issuers), ANY_AUDIENCE, SHARED];
            let refused = problems(environment, &settings).await;
            assert!(
                refused.contains("JWKS_URL and JWKS_FILE have the same issuer, https://a.example"),
                "{refused}"
            );
        }
        let by_hand = "BETTER_AUTH_SECRET=https://auth.example.com/api/auth";
        let refused = problems(environment, &[SECRETS, BETTER_AUTH, ("JWT_ISSUER", by_hand), SHARED]).await;
        assert!(refused.contains("BETTER_AUTH_SECRET and BETTER_AUTH_URL have the same issuer"), "{refused}");
        let refused = problems(environment, &[JWKS_URL, JWKS_FILE, ANY_AUDIENCE, SHARED]).await;
        assert!(refused.contains("both accept any issuer"), "{refused}");
        let own = [
            JWKS_URL,
            BETTER_AUTH,
            ("JWT_ISSUER", "JWKS_URL=https://auth.example.com/"),
            ANY_AUDIENCE,
            SHARED,
        ];
        let refused = problems(environment, &own).await;
        assert!(refused.contains("BETTER_AUTH_URL and JWKS_URL have the same issuer"), "{refused}");
    }
}

#[tokio::test]
async fn an_issuer_that_names_no_source_is_refused_beside_several() {
    let issuer = ("JWT_ISSUER", "https://a.example");
    for settings in [[SECRETS, BETTER_AUTH], [SECRETS, JWKS_URL], [SECRETS, JWKS_FILE]] {
        let settings = [&settings[..], &[issuer, ANY_AUDIENCE, SHARED]].concat();
        let wanted = format!("whose issuer it is, and BETTER_AUTH_SECRET and {} are set", settings[1].0);
        let way_out = format!("JWT_ISSUER={}=…", settings[1].0);

        assert_refused_outside_development(&settings, &[&wanted, &way_out]).await;
    }
    let audience = [SECRETS, BETTER_AUTH, ("JWT_AUDIENCE", "tasks"), SHARED];
    assert_eq!(problems("production", &audience).await, "", "one API has one audience");
}

#[tokio::test]
async fn a_wrong_value_for_a_source_is_named() {
    for (name, value, wanted) in [
        ("JWT_ISSUER", "JWKS_ULR=a", "JWT_ISSUER: it names JWKS_ULR, which is none of BETTER_AUTH_SECRET,"),
        ("JWT_AUDIENCE", "JWKS_FILE=a", "JWT_AUDIENCE: it names JWKS_FILE, which is not set"),
        ("JWT_ISSUER", "BETTER_AUTH_URL=a; BETTER_AUTH_URL=b", "JWT_ISSUER: it names BETTER_AUTH_URL twice"),
        ("JWT_AUDIENCE", "BETTER_AUTH_URL=", "JWT_AUDIENCE: it has no value for BETTER_AUTH_URL"),
        ("JWT_AUDIENCE", "BETTER_AUTH_URL=any,tasks", "JWT_AUDIENCE has any and other values"),
        ("JWT_ISSUER", "any", "JWT_ISSUER: any is no issuer"),
        (
            "JWT_ISSUERS_SHARE_USERS",
            "yes please",
            "JWT_ISSUERS_SHARE_USERS is \"yes please\"; it must be true or false",
        ),
        ("JWKS_ALLOW_HTTP", "1", "JWKS_ALLOW_HTTP is \"1\"; it must be true or false"),
    ] {
        for environment in ["development", "production"] {
            let refused = problems(environment, &[BETTER_AUTH, (name, value)]).await;
            assert!(refused.starts_with(wanted) && refused.lines().count() == 1, "{name}={value}: {refused}");
        }
    }
}

#[tokio::test]
async fn a_command_that_verifies_no_token_does_not_look_at_these_settings() {
    let wrong =
        [("JWT_ISSUER", "JWKS_ULR=a"), ("JWKS_ALLOW_HTTP", "1"), ("BETTER_AUTH_URL", "http://auth:3000")];
    let production = [
        ("ENVIRONMENT", "production"),
        ("JWT_ISSUERS_SHARE_USERS", "perhaps"),
        ("JWT_NOT_BEFORE", "tomorrow"),
    ];

    let printed = Program::new(&["openapi"]).with(&production).with(&wrong).run().await;

    assert_eq!(printed.code, Some(0), "{}", printed.err);
}

/// A server in development on a database of its own.
async fn in_development(settings: Settings<'_>) -> World {
    let database = Database::new().await;
    let url = database.url("postgres");
    let base = [("ENVIRONMENT", "development"), ("DATABASE_URL", &*url)];
    World::on(database, &[&base[..], settings].concat()).await
}

#[tokio::test]
async fn in_development_an_issuer_that_names_no_source_is_that_of_the_key_set() {
    let pair = KeyPair::new(EdDSA);
    let issuer = Issuer::new(&[&pair]).await;
    let settings = [("BETTER_AUTH_URL", &*issuer.url()), SECRETS, ("JWT_ISSUER", "https://a.example")];
    let world = in_development(&settings).await;
    let from_issuer = issuer.claims(json!({ "iss": "https://a.example" }));
    let status = async |token: &str| world.bearer(token).get("/api/tasks").await.status();

    assert_eq!(status(&pair.token(&from_issuer)).await, 200);
    assert_eq!(status(&pair.token(&issuer.claims(json!({})))).await, 401);
    assert_eq!(status(&token("alice")).await, 200);
    assert_eq!(status(&token_with(from_issuer)).await, 401);
    let warnings = warnings(&world);
    assert!(warnings.iter().any(|warning| warning.contains("whose issuer it is")), "{warnings:#?}");
}

/// The warnings at the start of a server.
fn warnings(world: &World) -> Vec<String> {
    let events = world.server.log().into_iter().filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let warnings = events.take_while(|event| event["message"] != "listening");
    let warnings = warnings.filter(|event| event["log.level"] == "warn");
    let text =
        |event: &Value| event["rowkeep.advice"].as_str().or(event["message"].as_str()).map(str::to_owned);
    warnings.filter_map(|event| text(&event)).collect()
}

#[tokio::test]
async fn in_development_a_warning_says_what_would_be_refused_elsewhere() {
    let unsafe_settings =
        [("JWKS_URL", "http://auth.invalid/keys"), ("BETTER_AUTH_URL", "http://127.0.0.1:1")];
    let world = in_development(&unsafe_settings).await;

    let warnings = warnings(&world);
    for wanted in [
        "JWKS_URL is an http URL",
        "JWT_ISSUER is missing for JWKS_URL",
        "JWT_AUDIENCE is missing for JWKS_URL",
        "BETTER_AUTH_SECRET and BETTER_AUTH_URL and JWKS_URL are set",
    ] {
        let count = warnings.iter().filter(|warning| warning.starts_with(wanted)).count();
        assert_eq!(count, 1, "{wanted}: {warnings:#?}");
    }
}

#[tokio::test]
async fn a_server_that_reads_keys_over_http_on_purpose_warns_at_start() {
    let url = ("BETTER_AUTH_URL", "http://auth.invalid");
    let settings = [("BETTER_AUTH_SECRET", ""), url, ("JWKS_ALLOW_HTTP", "true")];
    let world = World::with(&settings).await;

    let warnings = warnings(&world);
    assert!(
        warnings.iter().any(|warning| warning.starts_with("BETTER_AUTH_URL is an http URL")),
        "{warnings:#?}"
    );
}
