//! Compresses the script of the page `/docs`, and rebuilds the crate when a file is added to a folder that it embeds. Cargo
//! notices changes of existing files by itself.

use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

fn main() {
    println!("cargo::rerun-if-changed=migrations");
    println!("cargo::rerun-if-changed=policies");
    println!("cargo::rerun-if-changed=sql/audit/declared");
    compress_scalar();
}

fn compress_scalar() {
    let script = scalar_api_reference::get_asset("scalar.js").expect("the script of Scalar");
    let folder = std::env::var("OUT_DIR").expect("cargo sets it");
    let file = std::fs::File::create(Path::new(&folder).join("scalar.js.gz")).expect("a file");
    let mut encoder = GzEncoder::new(file, Compression::best());
    encoder.write_all(&script).and_then(|()| encoder.finish()).expect("a compressed script");
}
