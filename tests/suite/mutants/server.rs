//! Settings of the whole server.

use super::test_cluster::TestCluster;

/// `alter system` is for the whole server, and takes effect after a moment.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn a_setting_of_the_server_is_reported() {
    let test_cluster = TestCluster::own().await;
    let arrives = "select pg_reload_conf(); select pg_sleep(0.2)";
    let cases = [
        (
            "log_statement = 'all'",
            "log_statement",
            "NOTE server the server has log_statement = all, log_parameter",
        ),
        (
            "log_min_duration_statement = 0",
            "log_min_duration_statement",
            "NOTE server the server has log_min_duration_statement = 0",
        ),
        (
            "log_parameter_max_length_on_error = -1",
            "log_parameter_max_length_on_error",
            "NOTE server the server has log_parameter_max_length_on_error = -1",
        ),
        (
            "log_transaction_sample_rate = 1",
            "log_transaction_sample_rate",
            "NOTE server the server has log_transaction_sample_rate = 1",
        ),
        (
            "lo_compat_privileges = on",
            "lo_compat_privileges",
            "NOTE grants lo_compat_privileges is on: every role may read and change every large object",
        ),
        (
            "session_replication_role = replica",
            "session_replication_role",
            "FAIL settings session_replication_role is replica: triggers do not run",
        ),
    ];
    for (setting, name, expected) in cases {
        let copy = test_cluster.copy("migrated").await;
        let before = copy.audit().await;
        let set = format!("alter system set {setting}");
        copy.admin.batch_execute(&set).await.expect("a setting");
        for statement in arrives.split(';') {
            copy.admin.batch_execute(statement).await.expect("a reload");
        }

        let after = copy.audit().await;
        copy.admin.batch_execute(&format!("alter system reset {name}")).await.expect("a reset");
        for statement in arrives.split(';') {
            copy.admin.batch_execute(statement).await.expect("a reload");
        }
        let mended = copy.audit().await;

        assert!(after.facts.iter().any(|fact| fact.contains(expected)), "{set}: {}", after.text);
        assert!(!before.facts.iter().any(|fact| fact.contains(expected)), "{set}: {}", before.text);
        assert_eq!(mended.facts, before.facts, "{set}");
        copy.discard().await;
    }
}

/// The setting is in the server's configuration file, so every session begins as alice.
#[tokio::test]
#[ignore = "needs minutes, and clusters of its own: `make test-all`"]
async fn an_identity_in_the_server_configuration_is_reported() {
    let test_cluster = TestCluster::own().await;
    let copy = test_cluster.copy("migrated").await;
    // ALTER SYSTEM accepts a custom setting only after the session has used it.
    copy.admin.batch_execute("set app.user_id = 'nobody'").await.expect("a setting");
    let stored = copy.admin.batch_execute("alter system set app.user_id = 'alice'").await;
    if stored.is_err() {
        // Some releases never accept it, but the file can contain it.
        let append = "copy (select 'app.user_id = ''alice''') to program 'cat >> postgresql.auto.conf'";
        copy.admin.batch_execute(append).await.expect("a line");
    }
    copy.admin.batch_execute("select pg_reload_conf()").await.expect("a reload");
    copy.admin.batch_execute("select pg_sleep(0.2)").await.expect("a moment");

    let audit = copy.audit().await;

    let expected = "FAIL identity this session began with a user: the server or the client sets app.user_id";
    assert!(audit.facts.iter().any(|fact| fact.contains(expected)), "{}", audit.text);
    assert_eq!(audit.code, Some(1));
    copy.discard().await;
}
