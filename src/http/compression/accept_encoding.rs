//! Chooses the coding of an answer by the `Accept-Encoding` of its request (RFC 9110, section 12.5.3).

#[cfg(any(test, fuzzing))]
pub(in crate::http) mod fuzz;

use http::HeaderMap;
use http::header::ACCEPT_ENCODING;

use super::encoder::Coding;

/// What a client says about codings. The weights are thousandths; 0 means that it does not accept the coding.
#[derive(Default)]
struct Weights {
    brotli: Option<u16>,
    gzip: Option<u16>,
    identity: Option<u16>,
    /// `*`: every coding that is not named.
    others: Option<u16>,
}

/// The coding that the client accepts and likes best; `None` if it accepts no coding, or likes the plain answer better.
pub(in crate::http) fn preferred_coding(request: &HeaderMap) -> Option<Coding> {
    let weights = Weights::of(request);
    // If the client likes both equally, gzip: it is faster here than brotli, and its answers are shorter.
    let codings = [(Coding::Gzip, weights.gzip), (Coding::Brotli, weights.brotli)];
    let mut best: Option<(Coding, u16)> = None;
    for (coding, weight) in codings {
        let weight = weight.or(weights.others).unwrap_or(0);
        if weight > best.map_or(0, |(_, best)| best) {
            best = Some((coding, weight));
        }
    }
    let plain = weights.identity.or(weights.others).unwrap_or(0);
    best.filter(|(_, weight)| *weight >= plain).map(|(coding, _)| coding)
}

impl Weights {
    fn of(request: &HeaderMap) -> Self {
        let mut weights = Self::default();
        let lists = request.get_all(ACCEPT_ENCODING).iter().filter_map(|list| list.to_str().ok());
        for entry in lists.flat_map(|list| list.split(',')) {
            let (coding, weight) = entry.split_once(';').unwrap_or((entry, "q=1"));
            // An entry that cannot be read says nothing.
            let Some(weight) = thousandths(weight) else { continue };
            let place = match coding.trim().to_ascii_lowercase().as_str() {
                "br" => &mut weights.brotli,
                "gzip" | "x-gzip" => &mut weights.gzip,
                "identity" => &mut weights.identity,
                "*" => &mut weights.others,
                _ => continue,
            };
            *place = Some(weight);
        }
        weights
    }
}

/// The weight `q=0.5`, which has at most three digits after the point and is not greater than 1.
fn thousandths(weight: &str) -> Option<u16> {
    let (name, value) = weight.trim().split_once('=')?;
    let (whole, digits) = value.split_once('.').unwrap_or((value, ""));
    let is_valid = name.eq_ignore_ascii_case("q")
        && matches!(whole, "0" | "1")
        && digits.len() <= 3
        && digits.bytes().all(|digit| digit.is_ascii_digit());
    let weight = format!("{whole}{digits:0<3}").parse().ok().filter(|_| is_valid)?;
    (weight <= 1000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn chosen(lists: &[&'static str]) -> Option<Coding> {
        let mut request = HeaderMap::new();
        for list in lists {
            request.append(ACCEPT_ENCODING, HeaderValue::from_static(list));
        }
        preferred_coding(&request)
    }

    #[test]
    fn the_coding_with_the_greatest_weight_is_chosen() {
        use Coding::{Brotli, Gzip};
        for (list, wanted) in [
            ("gzip", Some(Gzip)),
            ("br", Some(Brotli)),
            ("gzip, deflate, br, zstd", Some(Gzip)),
            ("GZip", Some(Gzip)),
            ("x-gzip", Some(Gzip)),
            ("gzip;q=1.0, br;q=0.9", Some(Gzip)),
            ("gzip;q=0.001", Some(Gzip)),
            (" br ; q=0.8 ,gzip;Q=0.801", Some(Gzip)),
            ("br;q=0, gzip", Some(Gzip)),
            ("*", Some(Gzip)),
            ("*;q=0.5, br;q=0.4", Some(Gzip)),
            ("br;q=0, *", Some(Gzip)),
            ("gzip;q=0, *", Some(Brotli)),
            ("gzip;q=0.999, br", Some(Brotli)),
            ("gzip, identity", Some(Gzip)),
            ("gzip;q=0.5, identity;q=0.5", Some(Gzip)),
            ("gzip;q=0.5, *;q=0.1", Some(Gzip)),
            ("identity;q=0, gzip", Some(Gzip)),
        ] {
            assert_eq!(chosen(&[list]), wanted, "{list}");
        }
        assert_eq!(chosen(&["deflate", "gzip;q=0.5"]), Some(Gzip));
    }

    #[test]
    fn an_answer_stays_plain_if_the_client_accepts_or_likes_nothing_else() {
        for list in [
            "",
            ",",
            "identity",
            "deflate",
            "zstd, compress",
            "gzip;q=0",
            "gzip;q=0.000, br;q=0",
            "*;q=0",
            "gzip;q=0, br;q=0, *",
            "gzip;q=0.5, identity",
            "gzip;q=0.5, br;q=0.4, identity;q=0.6",
            "identity;q=0",
            "identity;q=0, *;q=0",
            "gzipped",
            "gzip;q=1.001",
            "gzip;q=2",
            "gzip;q=0.1234",
            "gzip;q=-1",
            "gzip;q=",
            "gzip;level=9",
            "gzip;q=0.5;q=1",
            "gzip br",
        ] {
            assert_eq!(chosen(&[list]), None, "{list}");
        }
        assert_eq!(chosen(&[]), None);
    }
}
