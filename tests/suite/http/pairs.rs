//! Key pairs that are made once in a run: RSA takes its time.

use std::sync::LazyLock;

use jsonwebtoken::Algorithm;

use crate::world::KeyPair;

const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::EdDSA, Algorithm::ES256, Algorithm::ES384, Algorithm::RS256, Algorithm::PS256];

/// One for each algorithm, which servers with keys believe.
pub static PAIRS: LazyLock<[KeyPair; 5]> = LazyLock::new(|| ALGORITHMS.map(KeyPair::new));

/// The same of somebody whom no server knows.
pub static STRANGERS: LazyLock<[KeyPair; 5]> = LazyLock::new(|| ALGORITHMS.map(KeyPair::new));
