//! The OpenAPI document describes the server, and nothing that is not there.

mod description;
mod docs_page;
mod in_browser;
mod numbers;
mod ready_token;
mod requests;
mod served;
mod tools;
mod walk;
