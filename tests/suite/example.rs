//! The example: Rowkeep, Better Auth and the page of `examples/`, as `make example` starts them.

mod running;

mod page;
mod page_code;
mod start_and_stop;
