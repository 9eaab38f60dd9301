//! `.env` is read in development, and in no other environment.

use std::path::Path;

use super::program::{Directory, Program};

/// The program's error. It names the unknown `LOG_LEVEL`, and so tells where that was read.
async fn error_of(directory: &Path, arguments: &[&str], settings: &[(&str, &str)]) -> String {
    let mut all = vec!["serve"];
    all.extend(arguments);
    Program::new(&all).with(settings).inside(directory).run().await.err
}

#[tokio::test]
async fn dotenv_is_read_in_development() {
    let directory = Directory::new();
    directory.write(".env", "# a comment\n\nLOG_LEVEL=from-file\nexport CORS_ORIGINS='*'\n");

    for settings in [&[][..], &[("ENVIRONMENT", "development")], &[("ENVIRONMENT", "")]] {
        let error = error_of(&directory.0, &[], settings).await;
        assert!(error.contains("from-file") && error.contains("CORS_ORIGINS"), "{error}");
    }
}

#[tokio::test]
async fn dotenv_is_read_from_the_root_of_the_checkout_and_from_no_directory_above() {
    let directory = Directory::new();
    directory.write(".env", "LOG_LEVEL=from-file\n");
    let inside = |path: &str| {
        let path = directory.0.join(path);
        std::fs::create_dir_all(&path).expect("a directory");
        path
    };
    std::fs::create_dir(directory.0.join(".git")).expect("a checkout");

    let below = error_of(&inside("src"), &[], &[]).await;
    inside("another/.git");
    let another = error_of(&inside("another"), &[], &[("CORS_ORIGINS", "*")]).await;

    assert!(below.contains("from-file"), "{below}");
    assert!(another.contains("CORS_ORIGINS") && !another.contains("from-file"), "{another}");
}

#[tokio::test]
async fn dotenv_is_not_read_in_other_environments() {
    let directory = Directory::new();
    directory.write(".env", "LOG_LEVEL=from-file\n");

    for environment in ["production", "staging"] {
        let as_variable = error_of(&directory.0, &[], &[("ENVIRONMENT", environment)]).await;
        let as_flag = error_of(&directory.0, &["--environment", environment], &[]).await;

        for error in [as_variable, as_flag] {
            assert!(error.contains("DATABASE_URL is missing") && !error.contains("from-file"), "{error}");
        }
    }
}

/// The file of a checkout says development, and the variable can name the database of another environment.
#[tokio::test]
async fn dotenv_does_not_say_the_environment_of_a_database_that_a_variable_names() {
    let directory = Directory::new();
    directory.write(".env", "ENVIRONMENT=development\nLOG_LEVEL=from-file\n");

    let error = error_of(&directory.0, &[], &[("DATABASE_URL", "postgres://u@127.0.0.1:9/d")]).await;

    assert!(error.contains("ENVIRONMENT is missing") && !error.contains("from-file"), "{error}");
}

#[tokio::test]
async fn a_database_in_dotenv_needs_an_environment_in_dotenv() {
    let directory = Directory::new();
    directory.write(".env", "DATABASE_URL=postgres://u@127.0.0.1:9/d\n");

    let error = error_of(&directory.0, &[], &[]).await;

    assert!(error.contains("ENVIRONMENT is missing"), "{error}");
}

#[tokio::test]
async fn a_variable_wins_over_dotenv() {
    let directory = Directory::new();
    directory.write(".env", "LOG_LEVEL=from-file\n");

    let error = error_of(&directory.0, &[], &[("LOG_LEVEL", "from-environment")]).await;

    assert!(error.contains("from-environment") && !error.contains("from-file"), "{error}");
}

#[tokio::test]
async fn the_error_for_a_wrong_line_of_dotenv_does_not_repeat_the_line() {
    let directory = Directory::new();
    directory.write(".env", "LOG_LEVEL=info\nBETTER_AUTH_SECRET=hush 'hush\n");

    let error = error_of(&directory.0, &[], &[]).await;

    assert!(error.contains(".env: line 2 is not NAME=value") && !error.contains("hush"), "{error}");
}
