//! Makes a line of an event: the only place where a text becomes a part of a line.
//!
//! The names of fields are those of the Elastic Common Schema (ECS), where it has one, then those of OpenTelemetry, and else
//! begin with `rowkeep.`. docs/logs.md has all of them.
//!
//! Not the formats of tracing-subscriber: its text format writes line breaks as they are, its JSON format has names of its own
//! and leaves characters that change a terminal as they are. It also parses the fields of a span again for each line.

use std::cell::{Cell, RefCell};
use std::fmt::{self, Debug, Write};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use jiff::Timestamp;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use super::Format;
use super::printable::Quoted;
use super::queue::Queue;

/// The name of the field that says what has happened. `tracing` puts it before the others.
const MESSAGE: &str = "message";

/// The end of a line of JSON. `ecs.version` is that of the schema whose names are used.
const JSON_END: &str = concat!(
    r#","service.name":"rowkeep","service.version":""#,
    env!("CARGO_PKG_VERSION"),
    r#"","ecs.version":"9.3.0"}"#,
    "\n"
);

/// Writes a line for each event.
pub(super) struct Lines {
    pub(super) format: Format,
    /// Whether the level has a colour.
    pub(super) is_colored: bool,
    pub(super) queue: Arc<Queue>,
}

/// The fields of a span, as its lines have them.
struct SpanFields(Vec<u8>);

thread_local! {
    static LINE: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

impl<S: Subscriber + for<'a> LookupSpan<'a>> Layer<S> for Lines {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Vec::new();
        attributes.record(&mut Fields { format: self.format, line: &mut fields });
        span.extensions_mut().insert(SpanFields(fields));
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        if let Some(SpanFields(fields)) = span.extensions_mut().get_mut() {
            record.record(&mut Fields { format: self.format, line: fields });
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        LINE.with(|line| match line.try_borrow_mut() {
            Ok(mut line) => self.write(event, &context, &mut line),
            // A value logs while it is written.
            Err(_) => self.write(event, &context, &mut Vec::new()),
        });
    }
}

impl Lines {
    fn write<S: Subscriber + for<'a> LookupSpan<'a>>(
        &self,
        event: &Event<'_>,
        context: &Context<'_, S>,
        line: &mut Vec<u8>,
    ) {
        line.clear();
        let level = *event.metadata().level();
        match self.format {
            Format::Json => {
                line.extend_from_slice(br#"{"@timestamp":""#);
                write_time(line);
                put(line, &[r#"","log.level":""#, level_word(level), "\""]);
            }
            Format::Text => {
                write_time(line);
                let [before, after] = if self.is_colored { [color(level), "\u{1b}[0m"] } else { [""; 2] };
                put(line, &[" ", before, padded_level(level), after]);
            }
        }
        event.record(&mut Fields { format: self.format, line });
        for span in context.event_scope(event).into_iter().flatten() {
            if let Some(SpanFields(fields)) = span.extensions().get() {
                line.extend_from_slice(fields);
            }
        }
        match self.format {
            Format::Json => {
                put(line, &[r#","log.logger":""#, event.metadata().target(), "\"", JSON_END]);
            }
            Format::Text => line.push(b'\n'),
        }
        self.queue.put(line);
    }
}

/// Appends fields to a line: `,"name":value` or ` name=value`.
struct Fields<'a> {
    format: Format,
    line: &'a mut Vec<u8>,
}

impl Fields<'_> {
    fn name(&mut self, field: &Field) {
        match self.format {
            Format::Json => put(self.line, &[",\"", field.name(), "\":"]),
            Format::Text if field.name() == MESSAGE => self.line.push(b' '),
            Format::Text => put(self.line, &[" ", field.name(), "="]),
        }
    }

    fn text(&mut self, field: &Field, write: impl FnOnce(&mut Quoted<'_>) -> fmt::Result) {
        self.name(field);
        let start = self.line.len();
        self.line.push(b'"');
        // A value whose `Debug` fails ends there.
        let _ = write(&mut Quoted::new(self.format, self.line));
        let inside = self.line.get(start + 1..).unwrap_or_default();
        let is_plain = if field.name() == MESSAGE { is_sentence(inside) } else { is_word(inside) };
        if self.format == Format::Text && is_plain {
            self.line.remove(start);
        } else {
            self.line.push(b'"');
        }
    }

    /// Numbers and truth values look the same in both formats.
    fn plain(&mut self, field: &Field, value: impl fmt::Display) {
        self.name(field);
        // Nothing fails that writes to memory.
        let _ = std::io::Write::write_fmt(self.line, format_args!("{value}"));
    }
}

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, |quoted| quoted.write_str(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.text(field, |quoted| write!(quoted, "{value:?}"));
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.plain(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.plain(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.plain(field, value);
    }
}

/// Whether a value of the text format needs no quotes.
fn is_word(value: &[u8]) -> bool {
    !value.is_empty() && value.iter().all(|byte| byte.is_ascii_graphic() && !b"\"\\=".contains(byte))
}

/// Whether a message of the text format needs no quotes. Ours are constants. Libraries put texts into theirs, which could
/// look like fields.
fn is_sentence(message: &[u8]) -> bool {
    message.iter().all(|byte| !b"\"\\=".contains(byte))
}

fn put(line: &mut Vec<u8>, pieces: &[&str]) {
    for piece in pieces {
        line.extend_from_slice(piece.as_bytes());
    }
}

/// The words of `LOG_LEVEL`.
fn level_word(level: Level) -> &'static str {
    match level {
        Level::ERROR => "error",
        Level::WARN => "warn",
        Level::INFO => "info",
        Level::DEBUG => "debug",
        Level::TRACE => "trace",
    }
}

fn padded_level(level: Level) -> &'static str {
    match level {
        Level::ERROR => "ERROR",
        Level::WARN => " WARN",
        Level::INFO => " INFO",
        Level::DEBUG => "DEBUG",
        Level::TRACE => "TRACE",
    }
}

fn color(level: Level) -> &'static str {
    match level {
        Level::ERROR => "\u{1b}[31m",
        Level::WARN => "\u{1b}[33m",
        Level::INFO => "\u{1b}[32m",
        Level::DEBUG => "\u{1b}[34m",
        Level::TRACE => "\u{1b}[35m",
    }
}

/// Appends the time as in RFC 3339, in UTC and with microseconds.
fn write_time(line: &mut Vec<u8>) {
    thread_local! {
        /// A second, and its text: most lines are of the same second as the one before.
        static SECOND: Cell<(u64, [u8; 19])> = const { Cell::new((u64::MAX, [0; 19])) };
    }
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let (mut second, mut text) = SECOND.get();
    if second != since_1970.as_secs() {
        second = since_1970.as_secs();
        text = text_of_second(second);
        SECOND.set((second, text));
    }
    line.extend_from_slice(&text);
    let mut fraction = *b".000000Z";
    let mut micros = since_1970.subsec_micros();
    for digit in fraction.iter_mut().skip(1).take(6).rev() {
        *digit = b'0' + (micros % 10) as u8;
        micros /= 10;
    }
    line.extend_from_slice(&fraction);
}

/// The text of a second, without its zone. `1970-01-01T00:00:00` if the clock is in the far future.
fn text_of_second(second: u64) -> [u8; 19] {
    let time = i64::try_from(second).ok().and_then(|second| Timestamp::from_second(second).ok());
    let text = time.unwrap_or_default().to_string();
    text.as_bytes().first_chunk().copied().unwrap_or(*b"1970-01-01T00:00:00")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_has_its_text() {
        assert_eq!(&text_of_second(0), b"1970-01-01T00:00:00");
        assert_eq!(&text_of_second(1_800_000_000), b"2027-01-15T08:00:00");
        assert_eq!(&text_of_second(u64::MAX), b"1970-01-01T00:00:00");
    }

    #[test]
    fn a_time_has_microseconds_and_is_now() {
        let before = Timestamp::now();
        let mut line = Vec::new();
        write_time(&mut line);

        let text = String::from_utf8(line).expect("ASCII");
        let time: Timestamp = text.parse().expect("RFC 3339");
        assert_eq!(text.len(), "2027-01-15T08:00:00.000000Z".len());
        assert!(time.as_microsecond() >= before.as_microsecond() && time <= Timestamp::now(), "{text}");
    }

    #[test]
    fn a_message_of_the_text_format_is_quoted_if_it_could_hold_a_field() {
        for (message, is_plain) in
            [("", true), ("`rowkeep audit` fails", true), ("read a=b", false), (r#"a \" b"#, false)]
        {
            assert_eq!(is_sentence(message.as_bytes()), is_plain, "{message}");
        }
    }

    #[test]
    fn a_value_of_the_text_format_is_quoted_unless_it_is_a_word() {
        for (value, is_a_word) in
            [("", false), ("/api/{user_id}/tasks", true), ("a b", false), ("a=b", false), (r"a\\", false)]
        {
            assert_eq!(is_word(value.as_bytes()), is_a_word, "{value}");
        }
    }
}
