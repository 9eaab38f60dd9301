//! A time as Postgres sends it and as JSON has it. A list has two for each task: by way of a calendar library they were an
//! eighth of what a list costs the server.

use std::error::Error;

use bytes::BytesMut;
use serde::{Serialize, Serializer};
use tokio_postgres::types::{FromSql, IsNull, ToSql, Type, accepts, to_sql_checked};

/// A `timestamptz` of the years 1 to 9999: microseconds since the beginning of 2000, UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(i64);

const SECOND: i64 = 1_000_000;
const DAY: i64 = 24 * 60 * 60 * SECOND;

/// From the beginning of the year 1, and to that of the year 10,000, in days since that of 2000.
const YEARS: std::ops::Range<i64> = -730_119..2_921_940;

impl Time {
    /// From microseconds since the beginning of 2000; none, when the year has no four digits.
    pub fn from_micros(micros: i64) -> Option<Self> {
        YEARS.contains(&micros.div_euclid(DAY)).then_some(Self(micros))
    }

    /// Microseconds since the beginning of 2000.
    pub fn micros(self) -> i64 {
        self.0
    }

    /// RFC 3339 in UTC with always six digits of a second, as precise as Postgres keeps it.
    fn rfc3339(self) -> [u8; 27] {
        let (year, month, day) = date(self.0.div_euclid(DAY));
        let seconds = self.0.rem_euclid(DAY) / SECOND;
        let numbers = [
            (0..4, year),
            (5..7, month),
            (8..10, day),
            (11..13, seconds / 3600),
            (14..16, seconds / 60 % 60),
            (17..19, seconds % 60),
            (20..26, self.0.rem_euclid(SECOND)),
        ];

        let mut text = *b"0000-00-00T00:00:00.000000Z";
        for (place, mut number) in numbers {
            for digit in text.get_mut(place).unwrap_or_default().iter_mut().rev() {
                *digit += (number % 10) as u8;
                number /= 10;
            }
        }
        text
    }
}

/// Year, month and day of a day that is counted from the beginning of 2000. Years begin in March here, so that the leap day
/// is the last, and 146,097 days are 400 years (the Gregorian calendar's cycle).
fn date(day: i64) -> (i64, i64, i64) {
    const FROM_MARCH_OF_YEAR_0: i64 = 730_425;
    let day = day + FROM_MARCH_OF_YEAR_0;
    let (cycle, day) = (day / 146_097, day % 146_097);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    // Five months have 153 days, from March and from August on.
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, after_new_year) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (400 * cycle + year + after_new_year, month, day)
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let text = self.rfc3339();
        serializer.serialize_str(std::str::from_utf8(&text).map_err(serde::ser::Error::custom)?)
    }
}

impl<'a> FromSql<'a> for Time {
    fn from_sql(_: &Type, bytes: &'a [u8]) -> Result<Self, Box<dyn Error + Sync + Send>> {
        let micros = i64::from_be_bytes(bytes.try_into()?);
        Self::from_micros(micros).ok_or_else(|| "the year of a time has no four digits".into())
    }

    accepts!(TIMESTAMPTZ);
}

impl ToSql for Time {
    fn to_sql(&self, _: &Type, out: &mut BytesMut) -> Result<IsNull, Box<dyn Error + Sync + Send>> {
        out.extend_from_slice(&self.0.to_be_bytes());
        Ok(IsNull::No)
    }

    accepts!(TIMESTAMPTZ);
    to_sql_checked!();
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    /// From 1970 to 2000, in microseconds.
    const SINCE_1970: i64 = 946_684_800 * SECOND;

    #[test]
    fn a_time_reads_as_a_calendar_library_writes_it() {
        let edges = YEARS.flat_map(|day| [day * DAY, day * DAY + DAY - 1]);
        let within =
            (0..100_000).map(|n: i64| n.wrapping_mul(7_046_029_254_386_353_131) % (8_000 * 365 * DAY));

        for micros in edges.step_by(5).chain(within) {
            let Some(time) = Time::from_micros(micros) else { continue };
            // The library's last year ends a day early.
            let Ok(wanted) = Timestamp::from_microsecond(micros + SINCE_1970) else { continue };
            assert_eq!(std::str::from_utf8(&time.rfc3339()), Ok(&*format!("{wanted:.6}")), "{micros}");
        }
    }

    #[test]
    fn a_year_has_four_digits() {
        let text = |micros| {
            Time::from_micros(micros).map(|time| String::from_utf8_lossy(&time.rfc3339()).into_owned())
        };

        assert_eq!(text(YEARS.start * DAY).as_deref(), Some("0001-01-01T00:00:00.000000Z"));
        assert_eq!(text(YEARS.end * DAY - 1).as_deref(), Some("9999-12-31T23:59:59.999999Z"));
        for outside in [YEARS.start * DAY - 1, YEARS.end * DAY, i64::MIN, i64::MAX] {
            assert_eq!(text(outside), None);
        }
    }
}
