//! The name of this process among others that serve the same database.

use std::sync::LazyLock;

/// The longest `application_name` that PostgreSQL keeps, in bytes. It cuts longer ones (NAMEDATALEN).
const MAX_APPLICATION_NAME: usize = 63;

static NAME: LazyLock<String> = LazyLock::new(|| {
    let host = rustix::system::uname();
    of(std::process::id(), &host.nodename().to_string_lossy())
});

/// The process id and the machine: `4711@web-1`. In a container the machine is the container.
pub fn name() -> &'static str {
    &NAME
}

/// The `application_name` of connections to the database.
pub fn application_name() -> String {
    format!("{PREFIX}{}", name())
}

const PREFIX: &str = "rowkeep ";

/// PostgreSQL shows other characters than printable ASCII as `\x..`, so they are left out.
fn of(process: u32, host: &str) -> String {
    let host = host.chars().filter(char::is_ascii_graphic);
    format!("{process}@").chars().chain(host).take(MAX_APPLICATION_NAME - PREFIX.len()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_fits_into_what_postgres_keeps_and_begins_with_the_process() {
        assert_eq!(of(4711, "web-1"), "4711@web-1");
        assert_eq!(of(1, "wéb 1\n"), "1@wb1");
        assert_eq!(of(u32::MAX, &"x".repeat(64)).len() + PREFIX.len(), MAX_APPLICATION_NAME);
    }
}
