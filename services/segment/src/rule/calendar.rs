//! Days and years before a day, and years between two. All days count from 1970-01-01.

use chrono::{Datelike, Days, NaiveDate};

/// Whole years from one day to another, as people count age: one more on the birthday; 29 February turns on 1 March.
pub(super) fn years_between(since: i32, today: i32) -> Option<i32> {
    let (since, today) = (date(since)?, date(today)?);
    let before_birthday = (today.month(), today.day()) < (since.month(), since.day());
    Some(today.year() - since.year() - i32::from(before_birthday))
}

/// The latest day of birth of someone who is `years` old today: so `years_between(since, today) >= years` exactly when
/// `since <= years_before(today, years)`. 28 February where 29 February is no day.
pub(super) fn years_before(today: i32, years: i32) -> Option<i32> {
    let today = date(today)?;
    let year = today.year().checked_sub(years)?;
    let then = NaiveDate::from_ymd_opt(year, today.month(), today.day());
    then.or_else(|| NaiveDate::from_ymd_opt(year, today.month(), 28)).map(number)
}

/// The day on which someone born on `since` turns `years`.
pub(super) fn birthday(since: i32, years: i32) -> Option<i32> {
    let since = date(since)?;
    let year = since.year().checked_add(years)?;
    let then = NaiveDate::from_ymd_opt(year, since.month(), since.day());
    then.or_else(|| NaiveDate::from_ymd_opt(year, 3, 1)).map(number)
}

fn date(day: i32) -> Option<NaiveDate> {
    let (epoch, days) = (NaiveDate::default(), Days::new(u64::from(day.unsigned_abs())));
    if day < 0 { epoch.checked_sub_days(days) } else { epoch.checked_add_days(days) }
}

// A date of chrono's is at most 96 million days from the epoch.
fn number(date: NaiveDate) -> i32 {
    date.signed_duration_since(NaiveDate::default()).num_days() as i32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_and_birthdays_agree_on_every_day_of_forty_years() {
        // 1990-01-01 to 2030-12-31, a leap day among the births.
        for since in (7305..22_280).step_by(11).chain([7364, 8825, 11_016]) {
            for today in [20_779, 19_782, 11_016, 11_017, 11_381, 20_512] {
                for years in [0, 1, 18, 26, 60] {
                    let age = years_between(since, today).expect("both are days");
                    let latest = years_before(today, years).expect("it is a day");
                    assert_eq!(age >= years, since <= latest, "{since} {today} {years}");
                    let turns = birthday(since, years).expect("it is a day");
                    assert_eq!(today >= turns, age >= years, "{since} {today} {years}");
                }
            }
        }
    }
}
