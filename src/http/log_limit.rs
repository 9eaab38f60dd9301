//! A limit for warnings that any client can cause.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

const PERIOD: Duration = Duration::from_secs(60);

/// How many texts are logged in a period. A client that invents new ones causes no more lines, and uses no more memory.
const MAX_TEXTS: usize = 20;

/// The longest text in the log, in characters.
const MAX_CHARACTERS: usize = 200;

/// Lets each text into the log once a minute, and few texts in all.
pub struct LogLimit(Mutex<Period>);

struct Period {
    began: Instant,
    texts: Vec<String>,
}

impl Default for LogLimit {
    fn default() -> Self {
        Self(Mutex::new(Period { began: Instant::now(), texts: vec![] }))
    }
}

impl LogLimit {
    /// The text as the log may show it, in ASCII and cut if it is long; `None` if it is not to be logged now.
    pub fn admit(&self, text: &[u8]) -> Option<String> {
        self.admit_at(text, Instant::now())
    }

    fn admit_at(&self, text: &[u8], now: Instant) -> Option<String> {
        let text: String = text.escape_ascii().take(MAX_CHARACTERS).map(char::from).collect();
        let mut period = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if now.saturating_duration_since(period.began) >= PERIOD {
            *period = Period { began: now, texts: vec![] };
        }
        if period.texts.len() >= MAX_TEXTS || period.texts.contains(&text) {
            return None;
        }
        period.texts.push(text.clone());
        Some(text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_admitted_once_a_period() {
        let (limit, now) = (LogLimit::default(), Instant::now());

        assert_eq!(limit.admit_at(b"a", now), Some("a".into()));
        assert_eq!(limit.admit_at(b"a", now), None);
        assert_eq!(limit.admit_at(b"b", now), Some("b".into()));
        assert_eq!(limit.admit_at(b"a", now + PERIOD), Some("a".into()));
    }

    #[test]
    fn a_million_texts_take_bounded_memory_and_few_lines() {
        let (limit, now) = (LogLimit::default(), Instant::now());

        let admitted =
            (0..1_000_000).filter(|number| limit.admit_at(number.to_string().as_bytes(), now).is_some());

        assert_eq!(admitted.count(), MAX_TEXTS);
        assert_eq!(limit.0.lock().expect("no poison").texts.len(), MAX_TEXTS);
    }

    #[test]
    fn an_admitted_text_is_short_and_ascii() {
        let limit = LogLimit::default();

        assert_eq!(limit.admit("\u{1b}[31mü".as_bytes()), Some(r"\x1b[31m\xc3\xbc".into()));
        assert_eq!(limit.admit(&[b'x'; 60_000]).map(|text| text.len()), Some(MAX_CHARACTERS));
    }
}
