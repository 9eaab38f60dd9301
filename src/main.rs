//! The program `rowkeep`: runs a command, and prints its error if it fails.

use std::process::ExitCode;

use rowkeep::commands::ExitStatus;
use rowkeep::schema::SchemaError;

#[cfg(feature = "jemalloc")]
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match rowkeep::commands::run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let text = error.to_string();
            if !text.is_empty() {
                let statements = error.downcast_ref().map_or("", SchemaError::statements);
                rowkeep::logging::print_error(&text, statements);
            }
            error.downcast_ref().map_or(ExitCode::FAILURE, |exit: &ExitStatus| exit.status.into())
        }
    }
}
