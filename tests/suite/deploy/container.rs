//! Runs the program as a container engine does: in the root directory of the image, which is read only, with the user and the
//! variables of the Dockerfile, as process 1.
//!
//! This needs Linux and root. The network is that of this machine, so that tests use other ports than the image.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use super::dockerfile::Dockerfile;
use crate::documents::markdown::root;
use crate::operation::overload::eventually;
use crate::operation::program::{Directory, Ended, Program, Running};
use crate::world::listening;

/// Mounts are SOURCE:TARGET. They and the root are read only. `chroot` takes the rights of root away when it sets the user.
const ENTER: &str = r#"
    set -eu
    root=$1 user=$2
    shift 2
    mount --bind "$root" "$root"
    while [ "$1" != -- ]; do
        mount --bind "${1%%:*}" "$root${1#*:}"
        mount -o remount,bind,ro "$root${1#*:}"
        shift
    done
    shift
    mount -o remount,bind,ro "$root"
    # Only the shell knows where the programs of root are.
    exec setpriv --no-new-privs "$(command -v chroot)" --userspec="$user" --groups="${user#*:}" "$root" "$@""#;

/// Makes the root directory of an image with `deploy/image-root`.
pub fn image_root(program: &str, directory: &Path) -> Output {
    let script = root().join("deploy/image-root");
    let output = Command::new(script).arg(program).arg(root().join("LICENSE")).arg(directory).output();
    output.expect("the script")
}

/// A container that is not started. Dropping it deletes its root directory.
pub struct Container {
    files: Directory,
    mounts: Vec<String>,
    dockerfile: Dockerfile,
}

impl Container {
    /// A container of the image, with the program of the tests in the place of a release.
    pub fn new() -> Self {
        let files = Directory::named("container");
        let output = image_root(env!("CARGO_BIN_EXE_rowkeep"), &files.0.join("root"));
        assert!(output.status.success(), "{output:?}");
        Self { files, mounts: vec![], dockerfile: Dockerfile::read("Dockerfile") }
    }

    /// Its root directory.
    pub fn root(&self) -> PathBuf {
        self.files.0.join("root")
    }

    /// The same, with a directory of this machine at this path.
    pub fn with_directory(mut self, source: &Path, target: &str) -> Self {
        std::fs::create_dir_all(self.root().join(target.trim_start_matches('/'))).expect("a directory");
        self.mounts.push(format!("{}:{target}", source.display()));
        self
    }

    /// The same, which finds a host by its name. Container engines write /etc/hosts, too.
    pub fn with_host(self, name: &str, address: &str) -> Self {
        let path = self.root().join("etc/hosts");
        std::fs::write(&path, format!("{address} {name}\n127.0.0.1 localhost\n")).expect("a file");
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).expect("a mode");
        self
    }

    /// The program with these arguments, and these variables beside those of the Dockerfile.
    pub fn program(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Program {
        let user = self.dockerfile.only("USER");
        let entry: Vec<String> =
            serde_json::from_str(self.dockerfile.only("ENTRYPOINT")).expect("a list of words");
        let root = self.root().display().to_string();
        let enter = ["--mount", "--pid", "--fork", "sh", "-c", ENTER, "sh", &root, user];
        let mut program = Program::new(&enter);
        program.file = "unshare".into();
        program.arguments.extend(self.mounts.iter().cloned());
        program.arguments.push("--".into());
        program.arguments.extend(entry);
        program.arguments.extend(arguments.iter().map(|text| (*text).to_owned()));
        program.settings.extend(self.dockerfile.variables());
        program.with(&[("PORT", "0")]).with(variables)
    }

    /// The arguments of the health check of the Dockerfile, without the program.
    pub fn health_check(&self) -> Vec<String> {
        let check = self.dockerfile.only("HEALTHCHECK");
        let (_, command) = check.split_once("CMD ").expect("a command");
        let words: Vec<String> = serde_json::from_str(command).expect("a list of words");
        let entry = self.dockerfile.only("ENTRYPOINT");
        assert_eq!(entry, format!("[{:?}]", words[0]), "the program of the health check");
        words[1..].to_vec()
    }
}

/// A container that runs. Dropping it kills the program.
pub struct RunningContainer {
    outside: Running,
    /// The process id of the program, as this machine sees it.
    pub id: u32,
}

impl RunningContainer {
    /// Starts it, and waits until it has written this.
    pub async fn start(program: Program, wanted: &str) -> Self {
        let outside = program.start();
        let id = eventually_child_of(outside.id()).await;
        let mut container = Self { outside, id };
        container.outside.says(wanted).await;
        container
    }

    /// Where its server listens. That is every address, and this machine's network is its own.
    pub fn address(&self) -> SocketAddr {
        let log = self.outside.err();
        let mut events = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
        let event = events.find(|event| event["message"] == "listening").expect("an event");
        let address = listening(&event).expect("an address");
        assert!(address.ip().is_unspecified(), "{address}");
        ([127, 0, 0, 1], address.port()).into()
    }

    /// Sends a signal to the program, by its name (`TERM`), and waits until it has ended.
    pub async fn ends_at(mut self, signal: &str) -> Ended {
        kill(signal, self.id);
        self.outside.ended_here().await
    }
}

impl Drop for RunningContainer {
    fn drop(&mut self) {
        // The end of `unshare` does not end it: a process that changes its user loses that signal.
        kill("KILL", self.id);
    }
}

/// Does nothing if the process has ended.
fn kill(signal: &str, id: u32) {
    let mut command = Command::new("kill");
    command.arg(format!("-{signal}")).arg(id.to_string()).stderr(Stdio::null());
    let _ = command.status();
}

/// The only child of a process, as soon as it has one.
async fn eventually_child_of(parent: u32) -> u32 {
    let parent = parent.to_string();
    let is_child = |id: &u32| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        // "id (name) state parent …"; the name can have spaces.
        stat.rsplit_once(") ").and_then(|(_, rest)| rest.split(' ').nth(1)) == Some(&parent)
    };
    let mut child = None;
    eventually("a child", async || {
        let entries = std::fs::read_dir("/proc").expect("/proc").flatten();
        let mut ids = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        child = ids.find(is_child);
        child.is_some()
    })
    .await;
    child.expect("a child")
}
