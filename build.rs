//! Rebuilds the crate when a file is added to a folder that it embeds. Cargo notices changes of existing files by itself.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=policies");
    println!("cargo::rerun-if-changed=sql/audit/declared");
}
