//! What real Better Auth servers issue, from sign-up to sign-out, and what Rowkeep makes of it.

mod member;
mod node;

mod keys;
mod tokens;
mod wrong_tokens;
