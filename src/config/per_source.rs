//! Settings that hold for every source of tokens, or for each source by its name: `JWKS_URL=a; BETTER_AUTH_URL=b,c`.

use super::parse::list;

/// The settings that name sources of tokens.
pub(super) const SOURCES: [&str; 4] = ["BETTER_AUTH_SECRET", "BETTER_AUTH_URL", "JWKS_URL", "JWKS_FILE"];

/// The values of a setting.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum PerSource {
    /// For every source. Empty: the setting is not set.
    Every(Vec<String>),
    /// For each source by its name.
    Each(Vec<(&'static str, Vec<String>)>),
}

impl Default for PerSource {
    fn default() -> Self {
        Self::Every(vec![])
    }
}

impl PerSource {
    /// Parses the values. Those of a source are comma-separated.
    ///
    /// A value can hold `=` and `;` itself, as URLs do. So a semicolon ends a value only before a text that looks like the
    /// name of a setting and an equals sign.
    ///
    /// # Errors
    /// When a value has no source or a source no value, or when a source is unknown, not `configured`, or there twice.
    pub(super) fn parse(text: &str, configured: &[&str]) -> Result<Self, String> {
        let text = text.trim().trim_end_matches(';');
        let mut parts = vec![];
        for piece in text.split(';') {
            match (named(piece), parts.last_mut()) {
                (Some((name, value)), _) => parts.push((Some(name), value.to_owned())),
                (None, Some((_, value))) => *value = format!("{value};{piece}"),
                (None, None) => parts.push((None, piece.to_owned())),
            }
        }

        let mut each: Vec<(&'static str, Vec<String>)> = vec![];
        for (name, value) in parts {
            let values = list(&value);
            if let Some((name, _)) = values.iter().find_map(|value| named(value)) {
                return Err(format!("put a semicolon before {name}, not a comma"));
            }
            let Some(name) = name else {
                if text.split(';').skip(1).any(|piece| named(piece).is_some()) {
                    return Err("its first value has no source: write every value as SOURCE=value".into());
                }
                return Ok(Self::Every(values));
            };
            let known = SOURCES.into_iter().find(|known| known.eq_ignore_ascii_case(name));
            let Some(name) = known else {
                return Err(format!("it names {name}, which is none of {}", SOURCES.join(", ")));
            };
            if !configured.contains(&name) {
                return Err(format!("it names {name}, which is not set"));
            } else if each.iter().any(|(other, _)| *other == name) {
                return Err(format!("it names {name} twice: separate the values of one source by commas"));
            } else if values.is_empty() {
                return Err(format!("it has no value for {name}"));
            }
            each.push((name, values));
        }
        Ok(Self::Each(each))
    }

    /// Whether there are values, and they name no source.
    pub(super) fn names_no_source(&self) -> bool {
        matches!(self, Self::Every(values) if !values.is_empty())
    }

    /// The values for this source; none if nothing is said for it.
    pub(super) fn of(&self, source: &str) -> Option<&[String]> {
        match self {
            Self::Every(values) => Some(&**values).filter(|values| !values.is_empty()),
            Self::Each(each) => each.iter().find(|(name, _)| *name == source).map(|(_, values)| &**values),
        }
    }
}

/// The name of a source, or of what should be one, and the text behind its equals sign.
fn named(piece: &str) -> Option<(&str, &str)> {
    let (name, value) = piece.split_once('=')?;
    let name = name.trim();
    let is_setting = |name: &str| {
        name.starts_with(|first: char| first.is_ascii_uppercase())
            && name.contains('_')
            && name.bytes().all(|byte| byte == b'_' || byte.is_ascii_uppercase() || byte.is_ascii_digit())
    };
    let is_source = SOURCES.iter().any(|known| known.eq_ignore_ascii_case(name));
    (is_source || is_setting(name)).then_some((name, value.trim()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn each(values: &[(&'static str, &[&str])]) -> PerSource {
        let texts = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect();
        PerSource::Each(values.iter().map(|(name, values)| (*name, texts(values))).collect())
    }

    #[test]
    fn a_value_holds_for_every_source_or_for_the_one_that_it_names() {
        let every = |values: &[&str]| PerSource::Every(values.iter().map(|v| (*v).to_owned()).collect());
        for (text, wanted) in [
            ("", every(&[])),
            (" , ", every(&[])),
            ("https://a.example, todo-app", every(&["https://a.example", "todo-app"])),
            ("https://a.example/?x=1;y=2", every(&["https://a.example/?x=1;y=2"])),
            ("dGVzdA==", every(&["dGVzdA=="])),
            ("A=b", every(&["A=b"])),
            ("JWKS_URL=https://a.example", each(&[("JWKS_URL", &["https://a.example"])])),
            (
                "JWKS_URL = a, b ;jwks_file=https://c.example/?x=1;y=2 ; BETTER_AUTH_URL=d;",
                each(&[
                    ("JWKS_URL", &["a", "b"]),
                    ("JWKS_FILE", &["https://c.example/?x=1;y=2"]),
                    ("BETTER_AUTH_URL", &["d"]),
                ]),
            ),
        ] {
            assert_eq!(PerSource::parse(text, &SOURCES), Ok(wanted), "{text}");
        }
    }

    #[test]
    fn a_wrong_source_is_named() {
        let configured = ["BETTER_AUTH_URL", "JWKS_URL"];
        for (text, wanted) in [
            ("JWKS_ULR=a", "JWKS_ULR, which is none of BETTER_AUTH_SECRET"),
            ("JWKS_URL=a; KEY_FILE=b", "KEY_FILE, which is none of"),
            ("JWKS_URL=a; JWKS_FILE=b", "JWKS_FILE, which is not set"),
            ("BETTER_AUTH_SECRET=a", "BETTER_AUTH_SECRET, which is not set"),
            ("JWKS_URL=a; JWKS_URL=b", "JWKS_URL twice"),
            ("JWKS_URL=; BETTER_AUTH_URL=b", "no value for JWKS_URL"),
            ("JWKS_URL=a, BETTER_AUTH_URL=b", "semicolon before BETTER_AUTH_URL"),
            ("a, JWKS_URL=b", "semicolon before JWKS_URL"),
            ("a; JWKS_URL=b", "first value has no source"),
        ] {
            let refused = PerSource::parse(text, &configured).expect_err(text);
            assert!(refused.contains(wanted), "{text}: {refused}");
        }
    }
}
