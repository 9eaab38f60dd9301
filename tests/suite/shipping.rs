//! What is shipped is what it says: the program names its commit, the archive holds what the page about releases promises, and
//! the crates are known.

mod archive;
mod crates;
mod reproducible;
mod sbom;
mod version;
mod workflows;
