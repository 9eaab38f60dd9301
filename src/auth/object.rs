//! A JSON object in which no member stands twice.

use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, MapAccess, Visitor};
use serde_json::{Map, Value};

/// The members of an object. Of a member that stands twice two readers believe two things (RFC 7515, section 4, and
/// RFC 7519, section 4, let a reader refuse it): such an object is none.
#[derive(Debug, Default)]
pub(super) struct Object(pub(super) Map<String, Value>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Members)
    }
}

struct Members;

impl<'de> Visitor<'de> for Members {
    type Value = Object;

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object in which no member stands twice")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Object, A::Error> {
        let mut object = Map::new();
        while let Some((name, value)) = members.next_entry()? {
            if object.insert(name, value).is_some() {
                return Err(A::Error::custom("a member stands twice"));
            }
        }
        Ok(Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::Object;

    #[test]
    fn a_member_may_stand_once() {
        for (text, good) in [
            (r#"{"sub":"alice","aud":["a","a"]}"#, true),
            ("{}", true),
            (r#"{"sub":"alice","sub":"bob"}"#, false),
            (r#"{"sub":"alice","sub":"alice"}"#, false),
            (r#"{"sub":"alice","s\u0075b":"bob"}"#, false),
            (r#"["sub"]"#, false),
            (r#""sub""#, false),
            ("null", false),
            (r#"{"sub":"alice"} "#, true),
            (r#"{"sub":"alice"}x"#, false),
        ] {
            assert_eq!(serde_json::from_str::<Object>(text).is_ok(), good, "{text}");
        }
    }
}
