//! Traces: the spans of requests, at a real collector.

mod collector;
mod database;
mod export;
mod faults;
mod off;
mod parents;
mod requests;
mod secrets;
mod settings;
