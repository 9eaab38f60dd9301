//! Key pairs that all tests share, because making an RSA key takes seconds.

use std::sync::LazyLock;

use jsonwebtoken::Algorithm;

use crate::world::KeyPair;

const ALGORITHMS: [Algorithm; 5] =
    [Algorithm::EdDSA, Algorithm::ES256, Algorithm::ES384, Algorithm::RS256, Algorithm::PS256];

/// One key pair for each algorithm. Servers under test trust these.
pub static PAIRS: LazyLock<[KeyPair; 5]> = LazyLock::new(|| ALGORITHMS.map(KeyPair::new));

/// One key pair for each algorithm that no server trusts.
pub static STRANGERS: LazyLock<[KeyPair; 5]> = LazyLock::new(|| ALGORITHMS.map(KeyPair::new));
