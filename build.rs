//! Compresses the script of the page `/docs`, finds out the commit, and rebuilds the crate when a file is added to a folder
//! that it embeds. Cargo notices changes of existing files by itself.

#[path = "build/commit.rs"]
mod commit;

use std::env;
use std::fs;
use std::io::Write;
use std::path::Path;

use commit::{Checkout, SOURCES};
use flate2::Compression;
use flate2::write::GzEncoder;

fn main() {
    for source in SOURCES {
        println!("cargo::rerun-if-changed={source}");
    }
    println!("cargo::rustc-env=ROWKEEP_COMMIT={}", commit());
    compress_scalar();
}

/// The commit in the variable `ROWKEEP_COMMIT`, for builds without git. Else that of this checkout.
fn commit() -> String {
    println!("cargo::rerun-if-env-changed=ROWKEEP_COMMIT");
    if let Some(commit) = env::var("ROWKEEP_COMMIT").ok().filter(|commit| !commit.is_empty()) {
        let is_word = commit.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_'));
        assert!(is_word, "ROWKEEP_COMMIT has other characters than letters, digits, '-', '.' and '_'");
        return commit;
    }
    let root = env::var("CARGO_MANIFEST_DIR").expect("cargo sets it");
    let Some(checkout) = Checkout::at(Path::new(&root)) else { return "unknown".into() };
    for file in checkout.files {
        println!("cargo::rerun-if-changed={}", file.display());
    }
    checkout.commit
}

fn compress_scalar() {
    let script = scalar_api_reference::get_asset("scalar.js").expect("the script of Scalar");
    let folder = env::var("OUT_DIR").expect("cargo sets it");
    let (plain, compressed) = (Path::new(&folder).join("scalar.js"), Path::new(&folder).join("scalar.js.gz"));
    // This program runs after each change of a source, and to compress takes longer than everything else here.
    if compressed.exists() && fs::read(&plain).is_ok_and(|last| last == *script) {
        return;
    }
    let file = fs::File::create(compressed).expect("a file");
    let mut encoder = GzEncoder::new(file, Compression::best());
    encoder.write_all(&script).and_then(|()| encoder.finish()).expect("a compressed script");
    // Last: it says that the compressed file is complete.
    fs::write(plain, script).expect("a copy of the script");
}
