//! The files with which operators install Rowkeep: the Dockerfile, docker-compose.yml, and the folder `deploy`.

mod compose;
mod compose_file;
mod compose_start;
mod container;
mod dockerfile;
mod image;
mod kubernetes;
mod secrets;
mod settings;
mod systemd;
pub mod tools;
