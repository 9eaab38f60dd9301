//! A fuzz target: an address means here what it means to libpq, or it is refused. No message repeats its password.
//!
//! The password of an input is known by the word `hush` in it.

use std::collections::BTreeMap;
use std::net::IpAddr;

use tokio_postgres::config::Host;

use super::*;

const SECRET: &str = "hush";

/// The input is the text of an address.
pub fn database_url(input: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(input) else { return false };
    let wanted = conninfo(text);
    let options = match read(text) {
        Ok(options) => options,
        Err(why) => {
            assert_keeps_secret(text, &why);
            return false;
        }
    };
    if options.root_certificates.is_some() {
        return false; // no file is read here
    }
    let address = match Address::parse(text) {
        Ok(address) => address,
        Err(why) => {
            assert_keeps_secret(text, &why);
            return false;
        }
    };

    let printed = address.for_libpq();
    let config = address.config();
    let is_secret_only = wanted
        .as_ref()
        .and_then(|wanted| wanted.get("password"))
        .is_some_and(|password| password.contains(SECRET) && text.matches(SECRET).count() == 1);
    assert!(!is_secret_only || !format!("{address} {address:?} {printed}").contains(SECRET), "{printed}");
    let texts = [config.get_user(), config.get_dbname(), config.get_application_name()];
    let hosts = address.hosts().all.iter().map(|endpoint| endpoint.host.as_str());
    for value in texts.into_iter().flatten().chain(hosts) {
        assert!(!value.contains('\0') && !value.is_empty(), "{value:?} can be in no connection");
    }
    assert!(
        !config.get_password().is_some_and(|password| password.contains(&0)),
        "a password with a zero byte"
    );

    // What psql is told is the same.
    let psql = conninfo(&printed).unwrap_or_else(|| panic!("{printed:?} is no address"));
    assert_means(&address, &psql, &printed);
    assert_eq!(psql.get("password"), None, "psql asks for the password");
    if let Some(mut wanted) = wanted {
        let password = wanted.remove("password").unwrap_or_default();
        assert_eq!(config.get_password().unwrap_or_default(), password.as_bytes(), "another password");
        assert_means(&address, &wanted, text);
    }
    true
}

/// Asserts that an address means what libpq reads.
fn assert_means(address: &Address, libpq: &BTreeMap<String, String>, text: &str) {
    let value = |name: &str| libpq.get(name).map_or("", String::as_str);
    let config = address.config();
    assert_eq!(config.get_user().unwrap_or_default(), value("user"), "{text:?}");
    assert_eq!(config.get_dbname().unwrap_or_default(), value("dbname"), "{text:?}");

    // libpq also knows sockets without a name, and a server at port 0 is nowhere.
    let lists = ["host", "hostaddr", "port"].map(|name| value(name).split(',').collect::<Vec<_>>());
    let [hosts, ips, ports] = &lists;
    let endpoints = &address.hosts().all;
    assert_eq!(
        endpoints.len(),
        if value("hostaddr").is_empty() { hosts.len() } else { ips.len() },
        "{text:?}"
    );
    for (at, endpoint) in endpoints.iter().enumerate() {
        let entry = |list: &[&'_ str]| list.get(at).map(|entry| (*entry).to_owned()).unwrap_or_default();
        let (host, ip) = (entry(hosts), entry(ips));
        let port = if let [only] = **ports { only.to_owned() } else { entry(ports) };
        let port = port.trim();
        let port = if port.is_empty() { Ok(5432) } else { port.parse::<u16>() };
        assert_eq!(Ok(endpoint.port), port, "{text:?}");
        // A name with a space around it is none, but a directory can have one.
        let host = if host.starts_with('/') { host.as_str() } else { host.trim() };
        assert!(host.is_empty() || endpoint.host == host, "{text:?}: {endpoint}");
        // psql looks the name up by itself, whatever `hostaddr` says.
        let ip = ip.trim().parse::<IpAddr>().ok().or_else(|| endpoint.host.parse().ok());
        assert!(endpoint.ip == ip || ip.is_none() && !libpq.contains_key("hostaddr"), "{text:?}");

        // The driver connects to this, and to nothing else.
        let config = address.config_for(endpoint);
        let driver_host = match config.get_hosts() {
            [Host::Tcp(name)] => name.clone(),
            [Host::Unix(path)] => path.display().to_string(),
            other => panic!("{text:?}: {other:?}"),
        };
        assert_eq!(
            (driver_host, config.get_ports()),
            (endpoint.host.clone(), &[endpoint.port][..]),
            "{text:?}"
        );
        assert_eq!(config.get_hostaddrs(), endpoint.ip.as_slice(), "{text:?}");
    }

    let is_required = matches!(value("sslmode"), "require" | "verify-ca" | "verify-full");
    // Other programs write it in other ways.
    let is_disabled = libpq.iter().any(|(name, value)| {
        let value = value.replace(['-', '_'], "").to_ascii_lowercase();
        let is_off = matches!(value.as_str(), "disable" | "false" | "0" | "off");
        is_off && matches!(name.to_ascii_lowercase().as_str(), "ssl" | "sslmode")
    });
    let mode = config.get_ssl_mode();
    assert!(!is_required || mode == SslMode::Require, "{text:?}: TLS is required");
    assert!(value("sslmode") != "disable" || mode == SslMode::Disable, "{text:?}: TLS is not wanted");
    let is_local = endpoints.iter().all(Endpoint::is_on_this_machine);
    assert!(mode != SslMode::Disable || is_disabled || is_local, "{text:?}: the network is used without TLS");
}

/// An error may repeat the scheme of a URL and the names of its options, and nothing else.
fn assert_keeps_secret(text: &str, why: &str) {
    let (scheme, rest) = text.split_once("://").unwrap_or(("", text));
    let query = rest.split_once('?').map_or("", |(_, query)| query);
    let is_name = query.split('&').any(|part| {
        let name = part.split('=').next().unwrap_or_default();
        percent_encoding::percent_decode_str(name).decode_utf8_lossy().contains(SECRET)
    });
    assert!(!why.contains(SECRET) || scheme.to_ascii_lowercase().contains(SECRET) || is_name, "{why:?}");
}

/// The options of an address as libpq reads them (`PQconninfoParse`, src/interfaces/libpq/fe-connect.c), without empty ones;
/// `None` if it refuses the text. The schemes are those of Rowkeep, and no name of an option is refused.
pub fn conninfo(text: &str) -> Option<BTreeMap<String, String>> {
    if text.contains('\0') {
        return None; // ends a text in C
    }
    let lower = text.to_ascii_lowercase();
    let after = lower.strip_prefix("postgresql").or_else(|| lower.strip_prefix("postgres"));
    let driver = after.and_then(|after| after.split_once("://")).map(|(driver, _)| driver);
    let is_driver = |driver: &str| {
        driver.is_empty()
            || driver.starts_with('+')
                && driver.chars().all(|c| c.is_ascii_alphanumeric() || "+-._".contains(c))
    };
    let options = match text.split_once("://").filter(|_| driver.is_some_and(is_driver)) {
        Some((_, rest)) => options_of_url(rest)?,
        None => options_of_pairs(text)?,
    };
    let mut last = BTreeMap::new();
    for (name, value) in options {
        last.insert(name, value);
    }
    last.retain(|_, value| !value.is_empty());
    Some(last)
}

/// `conninfo_uri_parse_options`
fn options_of_url(text: &str) -> Option<Vec<(String, String)>> {
    let mut options = Vec::new();
    let mut rest = text;
    let is_end = |c: char| matches!(c, '@' | '/');
    if let Some(at) = text.find(is_end).filter(|at| text.get(*at..).is_some_and(|end| end.starts_with('@'))) {
        let (login, after) = text.split_at(at);
        rest = after.strip_prefix('@')?;
        let (user, password) = login.split_once(':').unwrap_or((login, ""));
        options.push(("user", uri_decoded(user)?));
        options.push(("password", uri_decoded(password)?));
    }

    let (mut hosts, mut ports) = (String::new(), String::new());
    loop {
        if let Some(bracketed) = rest.strip_prefix('[') {
            let (host, after) = bracketed.split_once(']').filter(|(host, _)| !host.is_empty())?;
            if after.starts_with(|c| !matches!(c, ':' | '/' | '?' | ',')) {
                return None;
            }
            hosts.push_str(host);
            rest = after;
        } else {
            let (host, after) = rest.split_at(rest.find([':', '/', '?', ',']).unwrap_or(rest.len()));
            hosts.push_str(host);
            rest = after;
        }
        if let Some(after) = rest.strip_prefix(':') {
            let (port, after) = after.split_at(after.find(['/', '?', ',']).unwrap_or(after.len()));
            ports.push_str(port);
            rest = after;
        }
        match rest.strip_prefix(',') {
            Some(after) => rest = after,
            None => break,
        }
        hosts.push(',');
        ports.push(',');
    }
    options.push(("host", uri_decoded(&hosts)?));
    options.push(("port", uri_decoded(&ports)?));
    if let Some(after) = rest.strip_prefix('/') {
        let (database, after) = after.split_at(after.find('?').unwrap_or(after.len()));
        options.push(("dbname", uri_decoded(database)?));
        rest = after;
    }
    // An empty value in the path is no value. One in the query takes the value away.
    options.retain(|(_, value)| !value.is_empty());
    let mut options: Vec<_> = options.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();

    let mut query = rest.strip_prefix('?').unwrap_or_default();
    while !query.is_empty() {
        let (part, after) = query.split_once('&').unwrap_or((query, ""));
        let (name, value) = part.split_once('=').filter(|(_, value)| !value.contains('='))?;
        let (name, value) = (uri_decoded(name)?, uri_decoded(value)?);
        let is_jdbc = name == "ssl" && value == "true";
        options.push(if is_jdbc { ("sslmode".into(), "require".into()) } else { (name, value) });
        query = after;
    }
    Some(options)
}

/// `conninfo_uri_decode`
fn uri_decoded(text: &str) -> Option<String> {
    let mut bytes = text.bytes();
    let mut decoded = Vec::new();
    while let Some(byte) = bytes.next() {
        let digit = |byte: Option<u8>| char::from(byte?).to_digit(16);
        decoded.push(match byte {
            b'%' => {
                Some((16 * digit(bytes.next())? + digit(bytes.next())?) as u8).filter(|byte| *byte != 0)?
            }
            byte => byte,
        });
    }
    // To Postgres it would be another encoding.
    String::from_utf8(decoded).ok()
}

/// `conninfo_parse`
fn options_of_pairs(text: &str) -> Option<Vec<(String, String)>> {
    let is_space = |c: char| matches!(c, ' ' | '\t' | '\n' | '\u{b}' | '\u{c}' | '\r');
    let mut options = Vec::new();
    let mut rest = text.trim_start_matches(is_space);
    while !rest.is_empty() {
        let (name, after) = rest.split_at(rest.find(|c| c == '=' || is_space(c)).unwrap_or(rest.len()));
        rest = after.trim_start_matches(is_space).strip_prefix('=')?.trim_start_matches(is_space);
        let quoted = rest.strip_prefix('\'');
        let mut value = String::new();
        let mut letters = quoted.unwrap_or(rest).chars();
        loop {
            let before = letters.as_str();
            match letters.next() {
                None if quoted.is_some() => return None,
                None => break,
                Some('\'') if quoted.is_some() => break,
                Some(c) if quoted.is_none() && is_space(c) => {
                    letters = before.chars();
                    break;
                }
                Some('\\') => value.extend(letters.next()),
                Some(c) => value.push(c),
            }
        }
        options.push((name.to_owned(), value));
        rest = letters.as_str().trim_start_matches(is_space);
    }
    Some(options)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;

    #[test]
    #[ignore = "needs Python and libpq: `make test-all`"]
    fn libpq_reads_the_kept_addresses_as_the_target_does() {
        let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
        let entries = std::fs::read_dir(fuzz.join("seeds/database_url")).expect("a directory of inputs");
        let paths: Vec<_> = entries.map(|entry| entry.expect("an entry").path()).collect();

        let output =
            Command::new("python3").arg(fuzz.join("conninfo.py")).args(&paths).output().expect("Python");

        let text = String::from_utf8(output.stdout).expect("UTF-8");
        assert_eq!(text.lines().count(), paths.len(), "{}", String::from_utf8_lossy(&output.stderr));
        let mut compared = 0;
        for (path, line) in paths.iter().zip(text.lines()) {
            let libpq: Option<BTreeMap<String, String>> = serde_json::from_str(line).expect("JSON");
            let Some(libpq) = libpq else { continue };
            let ours =
                std::fs::read_to_string(path).ok().and_then(|text| conninfo(&text)).unwrap_or_default();
            for name in ["user", "password", "host", "hostaddr", "port", "dbname", "sslmode"] {
                assert_eq!(ours.get(name), libpq.get(name), "{name} of {}", path.display());
            }
            compared += 1;
        }
        assert!(compared > 20, "libpq refuses all but {compared} of the addresses");
    }
}
