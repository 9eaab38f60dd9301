//! Key pairs that are made once in a run, because making RSA keys is slow.

use std::sync::LazyLock;

use jsonwebtoken::Algorithm;

use crate::world::KeyPair;

const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::EdDSA, Algorithm::ES256, Algorithm::ES384, Algorithm::RS256, Algorithm::PS256];

/// One for each algorithm. Servers with keys accept their tokens.
pub static PAIRS: LazyLock<[KeyPair; 5]> = LazyLock::new(|| ALGORITHMS.map(KeyPair::new));

/// One for each algorithm that no server knows.
pub static UNKNOWN_PAIRS: LazyLock<[KeyPair; 5]> = LazyLock::new(|| ALGORITHMS.map(KeyPair::new));
