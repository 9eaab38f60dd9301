//! The OpenAPI document describes the server, and nothing that is not there.

mod description;
mod docs_page;
mod numbers;
mod ready_token;
mod requests;
mod served;
mod walk;
