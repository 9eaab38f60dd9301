//! Secrets and passwords in files, as Docker and Kubernetes mount them.

use rowkeep::database::{Address, Defaults};
use rowkeep::session::connect_once;

use super::overload::eventually;
use super::program::{Directory, Ended, Program};
use crate::world::{Database, OwnCluster, Person, SECRET, Server, World};

/// A database that asks for passwords, at a socket.
async fn with_passwords() -> OwnCluster {
    let cluster = OwnCluster::start().await;
    cluster.migrate().await;
    let admin = cluster.superuser("postgres").await;
    let rules =
        "copy (select 'local all postgres trust'::text union all select 'local all all scram-sha-256')
                 to program 'cat > pg_hba.conf'; alter role rowkeep_login password 'first';
                 select pg_reload_conf(), pg_sleep(0.5)";
    admin.batch_execute(rules).await.expect("a server that asks for passwords");
    cluster
}

async fn problems(files: &Directory, settings: &[(&str, &str)]) -> Ended {
    Program::checking_settings().with(settings).inside(&files.0).run().await
}

#[tokio::test]
async fn a_server_takes_its_address_and_its_secret_from_files() {
    let database = Database::new().await;
    let files = Directory::new();
    files.write("url", &format!("{}\n", database.url("rowkeep_login")));
    files.write("secret", &format!("{SECRET}\n"));
    let path = |name: &str| files.0.join(name).display().to_string();
    let (url, secret) = (path("url"), path("secret"));

    let settings = [("DATABASE_URL_FILE", url.as_str()), ("BETTER_AUTH_SECRET_FILE", secret.as_str())];
    let server = Server::start(&settings).await.expect("a server");

    assert_eq!(Person::new(server.address, "alice").get("/api/tasks").await.status(), 200);
}

#[tokio::test]
async fn a_migration_takes_its_address_from_a_file() {
    let database = Database::unmigrated().await;
    let files = Directory::new();
    files.write("url", &database.url("postgres"));
    let settings = [
        ("ENVIRONMENT", "production"),
        ("DATABASE_URL", "postgres://nobody@127.0.0.1:9/d"),
        ("MIGRATION_DATABASE_URL_FILE", "url"),
        ("BETTER_AUTH_SECRET", SECRET),
    ];

    let ended = Program::new(&["migrate"]).with(&settings).inside(&files.0).run().await;

    assert!(ended.out.contains("applied the policies"), "{ended:?}");
}

#[tokio::test]
async fn a_setting_and_its_file_together_are_an_error() {
    let files = Directory::new();
    files.write("file", "postgres://u:hush@127.0.0.1:9/d");
    for name in
        ["DATABASE_URL", "MIGRATION_DATABASE_URL", "BETTER_AUTH_SECRET", "BETTER_AUTH_SECRET_PREVIOUS"]
    {
        let in_file = format!("{name}_FILE");
        let both = [(name, "postgres://u:hush@127.0.0.1:9/d"), (in_file.as_str(), "file")];

        let ended = problems(&files, &both).await;

        assert!(ended.err.contains(&format!("{name} and {in_file} are both set")), "{}", ended.err);
        assert!(!ended.err.contains("hush"), "{}", ended.err);
    }
    let two = [("DATABASE_URL", "postgres://u:hush@127.0.0.1:9/d"), ("DATABASE_PASSWORD_FILE", "file")];
    let ended = problems(&files, &two).await;
    assert!(
        ended.err.contains("DATABASE_URL: has a password, and DATABASE_PASSWORD_FILE is set"),
        "{}",
        ended.err
    );
}

#[tokio::test]
async fn a_file_that_is_missing_or_empty_is_named_at_start() {
    let files = Directory::new();
    files.write("empty", "\n");
    let names = [
        "DATABASE_URL_FILE",
        "MIGRATION_DATABASE_URL_FILE",
        "BETTER_AUTH_SECRET_FILE",
        "BETTER_AUTH_SECRET_PREVIOUS_FILE",
    ];
    for (file, problem) in [("missing", "cannot be read"), ("empty", "is empty")] {
        let ended = problems(&files, &names.map(|name| (name, file))).await;

        for name in names {
            let line = ended.err.lines().find(|line| line.trim().starts_with(&format!("{name}: ")));
            let line = line.unwrap_or_else(|| panic!("{name}: {}", ended.err));
            assert!(line.contains(file) && line.contains(problem), "{line}");
        }
        let password = [("DATABASE_URL", "postgres://u@127.0.0.1:9/d"), ("DATABASE_PASSWORD_FILE", file)];
        let ended = problems(&files, &password).await;
        let wanted = format!("DATABASE_PASSWORD_FILE: the file {file} ");
        assert!(ended.err.contains(&wanted) && ended.err.contains(problem), "{}", ended.err);
    }
}

#[tokio::test]
async fn a_file_that_cannot_be_read_is_one_problem() {
    let files = Directory::new();
    let database = ("DATABASE_URL", "postgres://u@127.0.0.1:9/d");
    let secret = ("BETTER_AUTH_SECRET", SECRET);
    for (name, others) in [
        ("DATABASE_URL_FILE", &[secret][..]),
        ("DATABASE_URL_FILE", &[secret, ("DATABASE_PASSWORD_FILE", "/etc/hostname")]),
        ("DATABASE_PASSWORD_FILE", &[secret, database]),
        ("MIGRATION_DATABASE_URL_FILE", &[secret, database]),
        ("BETTER_AUTH_SECRET_FILE", &[database]),
        ("BETTER_AUTH_SECRET_FILE", &[database, ("BETTER_AUTH_SECRET_PREVIOUS", SECRET)]),
        ("BETTER_AUTH_SECRET_PREVIOUS_FILE", &[database, secret]),
    ] {
        let ended = problems(&files, &[others, &[(name, "missing")]].concat()).await;

        let lines: Vec<_> =
            ended.err.lines().skip(1).filter(|line| !line.contains("SHUTDOWN_TIMEOUT")).collect();
        assert!(
            lines.len() == 1 && lines[0].trim().starts_with(&format!("{name}: ")),
            "{name}: {}",
            ended.err
        );
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_command_does_not_look_at_addresses_files_and_keys_that_it_does_not_use() {
    let world = World::new().await;
    let port = world.server.address.port().to_string();
    let (login, superuser) = (world.database.url("rowkeep_login"), world.database.url("postgres"));
    let serving_login = ["DATABASE_URL", "DATABASE_URL_FILE", "DATABASE_PASSWORD_FILE"];
    let migrating_login = ["MIGRATION_DATABASE_URL", "MIGRATION_DATABASE_URL_FILE"];
    let keys = [
        "BETTER_AUTH_SECRET",
        "BETTER_AUTH_SECRET_FILE",
        "BETTER_AUTH_SECRET_PREVIOUS",
        "BETTER_AUTH_SECRET_PREVIOUS_FILE",
        "BETTER_AUTH_URL",
        "JWKS_URL",
        "JWKS_FILE",
    ];
    for (command, used, unused) in [
        ("healthcheck", ("PORT", &port), [&serving_login[..], &migrating_login, &keys].concat()),
        ("audit", ("DATABASE_URL", &login), [&migrating_login[..], &keys].concat()),
        ("migrate", ("DATABASE_URL", &superuser), keys.to_vec()),
        ("migrate", ("MIGRATION_DATABASE_URL", &superuser), [&serving_login[..], &keys].concat()),
    ] {
        for unused in unused {
            let settings = [("ENVIRONMENT", "production"), (used.0, used.1.as_str()), (unused, "wrong")];

            let ended = Program::new(&[command]).with(&settings).run().await;

            assert_eq!(ended.code, Some(0), "{command} {unused}: {ended:?}");
        }
    }
}

#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_password_that_has_changed_in_its_file_is_taken_for_the_next_connection() {
    let cluster = with_passwords().await;
    let admin = cluster.superuser("postgres").await;
    let url = cluster.url("rowkeep_login", "postgres");
    let files = Directory::new();
    files.write("password", "first\n");
    files.write("url", &format!("{url} password=first"));
    let by_password = Defaults { password_file: Some(files.0.join("password")), ..Defaults::default() };
    let by_url = Defaults { url_file: Some(files.0.join("url")), ..Defaults::default() };
    let addresses = [
        Address::with(&url, &by_password).expect("an address"),
        Address::with(&format!("{url} password=first"), &by_url).expect("an address"),
    ];
    for address in &addresses {
        connect_once(address).await.expect("a connection with the first password");
    }

    admin.batch_execute("alter role rowkeep_login password 'second'").await.expect("a password");
    for address in &addresses {
        assert!(connect_once(address).await.is_err(), "the first password still works");
    }
    files.write("password", "second\n");
    files.write("url", &format!("{url} password=second"));

    for address in &addresses {
        connect_once(address).await.expect("a connection with the second password");
    }
}

/// As when a secret store rotates the password of the login.
#[tokio::test]
#[ignore = "takes long: `make test-all`"]
async fn a_running_server_takes_a_new_password_from_its_file_without_a_restart() {
    let cluster = with_passwords().await;
    let admin = cluster.superuser("postgres").await;
    let url = cluster.url("rowkeep_login", "postgres");
    let files = Directory::new();
    files.write("password", "first\n");
    let path = files.0.join("password").display().to_string();
    let settings = [
        ("DATABASE_URL", url.as_str()),
        ("DATABASE_PASSWORD_FILE", path.as_str()),
        ("BETTER_AUTH_SECRET", SECRET),
        ("REQUEST_TIMEOUT", "3"),
    ];
    let server = Server::start(&settings).await.expect("a server");
    let alice = Person::new(server.address, "alice");
    assert_eq!(alice.get("/api/tasks").await.status(), 200);
    let end_connections =
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where usename = 'rowkeep_login'";

    admin.batch_execute("alter role rowkeep_login password 'second'").await.expect("a new password");
    eventually("the old password is refused", async || {
        // A connection that was being opened still had the old one.
        admin.batch_execute(end_connections).await.expect("the end of the connections");
        alice.get("/api/tasks").await;
        server.log().iter().any(|line| line.contains("28P01"))
    })
    .await;
    files.write("password", "second\n");

    eventually("an answer", async || alice.get("/api/tasks").await.status() == 200).await;
}
