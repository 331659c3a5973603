//! Time: reading the clock, calendar days in a tenant's zone, and how times travel and are stored. It owns no
//! windows and no schedules.

use std::{fmt, str::FromStr};

use chrono::{DateTime, Datelike as _, Days, NaiveDate, NaiveTime, TimeDelta, TimeZone, Utc};
use chrono_tz::Tz;

/// Reads the system's clock; the one place that does. Everything else is given its `now`.
#[allow(clippy::disallowed_methods, reason = "the one place that reads the clock")]
pub fn system_now() -> DateTime<Utc> {
    Utc::now()
}

/// A calendar day, counted from 1970-01-01. Written `YYYY-MM-DD`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub i32);

/// The clock that a tenant's business runs by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Clock {
    /// The system's own.
    System,
    /// The system's, shifted.
    Offset(TimeDelta),
    /// Stands still.
    Fixed(DateTime<Utc>),
}

/// What time it is for one tenant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantTime {
    /// The business clock.
    pub clock: Clock,
    /// The zone whose days count.
    pub zone: Tz,
}

impl TenantTime {
    /// Reads the business time.
    pub fn now(&self) -> DateTime<Utc> {
        match self.clock {
            Clock::System => system_now(),
            Clock::Offset(offset) => system_now() + offset,
            Clock::Fixed(at) => at,
        }
    }

    /// Reads the business day.
    pub fn today(&self) -> Day {
        self.day(self.now())
    }

    /// Finds the business day of a time.
    pub fn day(&self, t: DateTime<Utc>) -> Day {
        Day::of(t, self.zone)
    }
}

impl Day {
    /// Finds the day of `t` in `zone`.
    pub fn of(t: DateTime<Utc>, zone: Tz) -> Day {
        Day::from_date(t.with_timezone(&zone).date_naive())
    }

    /// Finds the day's first instant in `zone`: midnight, or the end of the gap where the clocks skip midnight.
    pub fn start(self, zone: Tz) -> DateTime<Utc> {
        let midnight = self.date().and_time(NaiveTime::MIN);
        // A gap is at most a day long (a zone that crossed the date line), and is a multiple of a quarter of an hour.
        (0..=96)
            .find_map(|quarters| zone.from_local_datetime(&(midnight + TimeDelta::minutes(15 * quarters))).earliest())
            .map_or_else(|| midnight.and_utc(), |t| t.with_timezone(&Utc))
    }

    fn from_date(date: NaiveDate) -> Day {
        Day((date - NaiveDate::default()).num_days() as i32)
    }

    fn date(self) -> NaiveDate {
        let days = Days::new(u64::from(self.0.unsigned_abs()));
        let epoch = NaiveDate::default();
        let date = if self.0 < 0 { epoch.checked_sub_days(days) } else { epoch.checked_add_days(days) };
        date.unwrap_or(if self.0 < 0 { NaiveDate::MIN } else { NaiveDate::MAX })
    }
}

impl fmt::Display for Day {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let date = self.date();
        write!(f, "{:04}-{:02}-{:02}", date.year(), date.month(), date.day())
    }
}

/// The text is not a day `YYYY-MM-DD` of the years 1900 to 2200.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("is not a day YYYY-MM-DD of the years 1900 to 2200")]
pub struct NotADay;

impl FromStr for Day {
    type Err = NotADay;

    fn from_str(text: &str) -> Result<Day, NotADay> {
        let shaped = text.len() == 10
            && text.bytes().enumerate().all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
        if !shaped || !("1900".."2201").contains(&&text[..4]) {
            return Err(NotADay);
        }
        let number = |part: &str| part.parse().map_err(|_| NotADay);
        let year = text[..4].parse().map_err(|_| NotADay)?;
        NaiveDate::from_ymd_opt(year, number(&text[5..7])?, number(&text[8..])?).map(Day::from_date).ok_or(NotADay)
    }
}

/// Puts a time on the wire.
pub fn timestamp(t: DateTime<Utc>) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: t.timestamp(), nanos: t.timestamp_subsec_nanos().min(999_999_999) as i32 }
}

/// Takes a time off the wire; `None` if it is out of bounds.
pub fn datetime(t: &prost_types::Timestamp) -> Option<DateTime<Utc>> {
    let nanos = u32::try_from(t.nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    DateTime::from_timestamp(t.seconds, nanos)
}

/// Writes a time as tables keep it: microseconds since the epoch.
pub fn micros(t: DateTime<Utc>) -> i64 {
    t.timestamp_micros()
}

/// Reads a time as tables keep it.
pub fn from_micros(micros: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(micros).unwrap_or(if micros < 0 {
        DateTime::<Utc>::MIN_UTC
    } else {
        DateTime::<Utc>::MAX_UTC
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(text: &str) -> DateTime<Utc> {
        text.parse().unwrap()
    }

    #[test]
    fn a_day_is_written_and_read_alike() {
        for text in ["1900-01-01", "1969-12-31", "1970-01-01", "2024-02-29", "2200-12-31"] {
            assert_eq!(text.parse::<Day>().unwrap().to_string(), text);
        }
        assert_eq!("1970-01-02".parse(), Ok(Day(1)));
        assert_eq!("1969-12-31".parse(), Ok(Day(-1)));
    }

    #[test]
    fn what_is_no_day_is_refused() {
        for text in [
            "",
            "2024-02-30",
            "1899-12-31",
            "2201-01-01",
            "2024-2-3",
            "20240203",
            "2024-02-03 ",
            "二〇二四",
            "+024-01-01",
        ] {
            assert_eq!(text.parse::<Day>(), Err(NotADay), "{text}");
        }
    }

    #[test]
    fn the_day_turns_at_the_tenants_midnight() {
        let zone = Tz::Asia__Shanghai;
        assert_eq!(Day::of(at("2024-03-01T15:59:59Z"), zone).to_string(), "2024-03-01");
        assert_eq!(Day::of(at("2024-03-01T16:00:00Z"), zone).to_string(), "2024-03-02");
        assert_eq!("2024-03-02".parse::<Day>().unwrap().start(zone), at("2024-03-01T16:00:00Z"));
    }

    #[test]
    fn a_day_without_a_midnight_begins_after_the_gap() {
        // Beirut skipped from 2022-03-27 00:00 to 01:00.
        let start = "2022-03-27".parse::<Day>().unwrap().start(Tz::Asia__Beirut);
        assert_eq!(start, at("2022-03-26T22:00:00Z"));
    }

    #[test]
    fn a_fixed_clock_stands_still() {
        let time = TenantTime { clock: Clock::Fixed(at("2024-03-01T16:00:00Z")), zone: Tz::Asia__Shanghai };
        assert_eq!(time.now(), at("2024-03-01T16:00:00Z"));
        assert_eq!(time.today().to_string(), "2024-03-02");
    }

    #[test]
    fn times_survive_wire_and_table() {
        let t = at("1969-07-20T20:17:40.123456Z");
        assert_eq!(datetime(&timestamp(t)), Some(t));
        assert_eq!(from_micros(micros(t)), t);
        assert_eq!(datetime(&prost_types::Timestamp { seconds: 0, nanos: -1 }), None);
        assert_eq!(datetime(&prost_types::Timestamp { seconds: i64::MAX, nanos: 0 }), None);
    }
}
