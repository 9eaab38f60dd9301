//! Real Better Auth servers, from sign-up to sign-out, and how Rowkeep answers to what they issue.

mod member;
mod node;

mod key_rotation;
mod tokens;
mod wrong_tokens;
