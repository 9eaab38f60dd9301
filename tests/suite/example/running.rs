//! Starts `examples/start.mjs` with free ports, on a database of one test.

use std::path::PathBuf;

use crate::browser::browse;
use crate::documents::markdown::root;
use crate::operation::program::{Directory, Program, Running};
use crate::world::Database;

/// The example of one test. Dropping it kills `start.mjs`, and so ends the servers, too.
pub struct Example {
    pub running: Running,
    /// Where it keeps its users and logs.
    pub data: Directory,
    _database: Option<Database>,
}

/// `start.mjs` with any free ports, and these settings of Rowkeep.
pub fn program(data: &Directory, settings: &[&str]) -> Program {
    let missing = "the example is not installed: run `make test-all`, which installs it";
    assert!(root().join("examples/node_modules/vite").is_dir(), "{missing}");

    // Where `.ci/node` installs Node.js, if the system has none that is new enough.
    let path = std::env::var("PATH").unwrap_or_default();
    let path = format!("{}:{path}", root().join("target/node/bin").display());
    let mut program = Program::new(&["-c", "exec node examples/start.mjs \"$@\"", "sh"]).inside(root());
    program.file = PathBuf::from("sh");
    program.arguments.extend(settings.iter().map(|text| (*text).to_owned()));
    program
        .with(&[("PATH", &path), ("ROWKEEP", env!("CARGO_BIN_EXE_rowkeep"))])
        .with(&[("API_PORT", "0"), ("AUTH_PORT", "0"), ("PAGE_PORT", "0")])
        .with(&[("DATA", &data.0.display().to_string())])
}

impl Example {
    pub async fn start() -> Self {
        let database = Database::new().await;
        let url = database.url("rowkeep_login");
        Self { _database: Some(database), ..Self::on(&url).await }
    }

    /// The same, on this database.
    pub async fn on(database_url: &str) -> Self {
        let data = Directory::named("example");
        data.write("database", database_url);
        let settings = [
            &format!("--database-url-file={}", data.0.join("database").display()),
            "--environment=production",
            "--rate-limit=0", // scripts are faster than people
            "--request-timeout=4",
        ];
        loop {
            let mut running = program(&data, &settings).start();
            if running.says_before_it_ends("Ctrl+C ends all three").await {
                return Self { running, data, _database: None };
            }
            // Another test can take a free port before the example does.
            let (out, err) = (running.out(), running.err());
            let taken = ["already in use", "Address already in use", "EADDRINUSE", "is taken"];
            assert!(
                taken.iter().any(|text| (out.clone() + &err).contains(text)),
                "does not start:\n{out}{err}"
            );
        }
    }

    /// The address that it prints after this name.
    pub fn address(&self, name: &str) -> String {
        let out = self.running.out();
        let rest = out.split(name).nth(1).unwrap_or_else(|| panic!("no {name} in\n{out}"));
        rest.split_whitespace().next().expect("an address").to_owned()
    }

    /// Runs a script of `tests/browser` against it.
    pub async fn browse(&self, script: &str, variables: &[(&str, &str)]) {
        let [page, api, auth] = ["The page", "Rowkeep", "Better Auth"].map(|name| self.address(name));
        let mut all = vec![("PAGE", page.as_str()), ("API", &api), ("AUTH", &auth)];
        all.extend(variables);
        browse(script, &all).await;
    }

    /// The processes that it has started and that still run, itself among them.
    pub fn processes(&self) -> Vec<u32> {
        processes_with(&format!("DATA={}", self.data.0.display()))
    }
}

/// The processes with this variable in their environment.
pub fn processes_with(variable: &str) -> Vec<u32> {
    let has_it = |id: &u32| {
        let environment = std::fs::read(format!("/proc/{id}/environ")).unwrap_or_default();
        environment.split(|byte| *byte == 0).any(|entry| entry == variable.as_bytes())
    };
    let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
    entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).filter(has_it).collect()
}
