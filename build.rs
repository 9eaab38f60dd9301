//! Tells Cargo to compile again when a file is added to a folder that the program embeds. Cargo sees changes of known files
//! only.

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=policies");
    println!("cargo::rerun-if-changed=sql/audit/declared");
}
