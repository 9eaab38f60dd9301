//! Cargo sees changes inside the files that the crate embeds; new files in these folders it has to be told about.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=policies");
    println!("cargo::rerun-if-changed=sql/audit/declared");
}
