//! `.env`: read in development, and nowhere else.

use std::path::Path;

use super::program::{Directory, Program};

/// What the program says of a `LOG_LEVEL` that it does not know tells which one it has read.
async fn level_it_complains_of(directory: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> String {
    let mut all = vec!["healthcheck", "--port=9"];
    all.extend(arguments);
    Program::new(&all).with(settings).inside(directory).run().await.err
}

#[tokio::test]
async fn development_reads_it() {
    let directory = Directory::new();
    directory.write(".env", "# a comment\n\nLOG_LEVEL=from-file\nexport CORS_ORIGINS='*'\n");

    for settings in [&[][..], &[("ENVIRONMENT", "development")], &[("ENVIRONMENT", "")]] {
        let said = level_it_complains_of(&directory.0, &[], settings).await;
        assert!(said.contains("from-file") && said.contains("CORS_ORIGINS"), "{said}");
    }
}

#[tokio::test]
async fn a_directory_of_the_checkout_reads_the_checkouts_and_nobody_reads_one_further_up() {
    let directory = Directory::new();
    directory.write(".env", "LOG_LEVEL=from-file\n");
    let inside = |path: &str| {
        let path = directory.0.join(path);
        std::fs::create_dir_all(&path).expect("a directory");
        path
    };
    std::fs::create_dir(directory.0.join(".git")).expect("a checkout");

    let below = level_it_complains_of(&inside("src"), &[], &[]).await;
    inside("another/.git");
    let another = level_it_complains_of(&inside("another"), &[], &[("CORS_ORIGINS", "*")]).await;

    assert!(below.contains("from-file"), "{below}");
    assert!(another.contains("CORS_ORIGINS") && !another.contains("from-file"), "{another}");
}

#[tokio::test]
async fn other_environments_do_not_read_it() {
    let directory = Directory::new();
    directory.write(".env", "LOG_LEVEL=from-file\n");

    for environment in ["production", "staging"] {
        let as_variable = level_it_complains_of(&directory.0, &[], &[("ENVIRONMENT", environment)]).await;
        let as_flag = level_it_complains_of(&directory.0, &["--environment", environment], &[]).await;

        for said in [as_variable, as_flag] {
            assert!(said.contains("DATABASE_URL is missing") && !said.contains("from-file"), "{said}");
        }
    }
}

#[tokio::test]
async fn the_environment_wins_over_it() {
    let directory = Directory::new();
    directory.write(".env", "LOG_LEVEL=from-file\n");

    let said = level_it_complains_of(&directory.0, &[], &[("LOG_LEVEL", "from-environment")]).await;

    assert!(said.contains("from-environment") && !said.contains("from-file"), "{said}");
}

#[tokio::test]
async fn a_line_that_cannot_be_read_is_an_error_that_does_not_repeat_it() {
    let directory = Directory::new();
    directory.write(".env", "LOG_LEVEL=info\nBETTER_AUTH_SECRET=hush 'hush\n");

    let said = level_it_complains_of(&directory.0, &[], &[]).await;

    assert!(said.contains(".env") && !said.contains("hush"), "{said}");
}
