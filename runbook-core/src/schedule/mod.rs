//! When a runbook is meant to run: five fields of cron in a time zone.
//!
//! Nothing here starts a run, and nothing here knows what time it is. Schedulers differ in what they make of
//! unusual fields, so only what all of them understand alike is accepted.

mod export;
mod fields;

pub use export::{Form, Job, export};

use croner::parser::{CronParser, Seconds, Year};
use jiff::Zoned;
use jiff::tz::{TimeZone, TimeZoneDatabase};
use serde::{Deserialize, Serialize};

use crate::diag::closest;
use fields::Fields;

/// When a runbook is meant to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    cron: String,
    timezone: String,
}

/// Why something is not a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ScheduleError {
    /// The five fields make no sense.
    #[error("{0}")]
    Cron(String),
    /// The tz database has no such zone.
    #[error("there is no time zone `{name}`")]
    Zone {
        /// What was written.
        name: String,
        /// What was probably meant.
        meant: Option<String>,
    },
}

impl Schedule {
    /// The times of `cron` in `timezone`, UTC when there is none.
    ///
    /// # Errors
    /// Everything that is wrong with either.
    ///
    /// ```
    /// use runbook_core::schedule::Schedule;
    /// let schedule = Schedule::new("30 3 * * mon-fri", Some("Europe/Moscow")).unwrap();
    /// let after = "2026-11-20T12:00:00Z".parse().unwrap();
    /// let next: Vec<String> = schedule.next(after).take(2).map(|time| time.to_string()).collect();
    /// assert_eq!(next, ["2026-11-23T03:30:00+03:00[Europe/Moscow]", "2026-11-24T03:30:00+03:00[Europe/Moscow]"]);
    /// assert!(Schedule::new("30 25 * * *", None).is_err());
    /// ```
    pub fn new(cron: &str, timezone: Option<&str>) -> Result<Self, Vec<ScheduleError>> {
        let name = timezone.unwrap_or("UTC");
        let problems: Vec<ScheduleError> =
            [Fields::parse(cron).err().map(ScheduleError::Cron), zone(name).err()]
                .into_iter()
                .flatten()
                .collect();
        match problems.is_empty() {
            true => Ok(Schedule { cron: cron.trim().to_owned(), timezone: name.to_owned() }),
            false => Err(problems),
        }
    }

    /// The fields of cron, as written.
    pub fn cron(&self) -> &str {
        &self.cron
    }

    /// The name of the time zone.
    pub fn timezone(&self) -> &str {
        &self.timezone
    }

    /// The times after `after`, in the schedule's zone. A time that a change of clocks leaves out is moved, and one
    /// that happens twice is taken once.
    pub fn next(&self, after: jiff::Timestamp) -> impl Iterator<Item = Zoned> + use<> {
        let times =
            Fields::parse(&self.cron).ok().zip(zone(&self.timezone).ok()).and_then(|(fields, zone)| {
                let parser =
                    CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
                Some(parser.parse(&fields.plain()).ok()?.iter_after(after.to_zoned(zone)))
            });
        times.into_iter().flatten()
    }
}

/// The zone called `name`, in the database that is built in: the same on every machine.
fn zone(name: &str) -> Result<TimeZone, ScheduleError> {
    let database = TimeZoneDatabase::bundled();
    let wrong = || {
        let names: Vec<String> = database.available().map(|name| name.as_str().to_owned()).collect();
        let meant = closest(name, names.iter().map(String::as_str)).map(str::to_owned);
        ScheduleError::Zone { name: name.to_owned(), meant }
    };
    match database.get(name) {
        // Schedulers look for a file of this name: its capital letters matter.
        Ok(zone) if zone.iana_name().is_none_or(|exact| exact == name) => Ok(zone),
        _ => Err(wrong()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    #[test]
    fn what_all_schedulers_understand_is_accepted() {
        for cron in [
            "30 3 * * *",
            "*/15 * * * *",
            "0 0 1,15 * *",
            "0 9-17/2 * * 1-5",
            "5 4 * JAN-mar Sun",
            "0 0 1 * 7",
            "@daily",
            "@hourly",
            "@weekly",
            "@monthly",
            "@yearly",
            "@annually",
            "@midnight",
            "0 0 29 2 *",
        ] {
            assert!(Schedule::new(cron, None).is_ok(), "{cron}: {:?}", Schedule::new(cron, None));
        }
    }

    #[test]
    fn what_some_take_for_something_else_is_refused() {
        for cron in [
            "",
            "* * * *",
            "* * * * * *",
            "60 * * * *",
            "* 24 * * *",
            "* * 0 * *",
            "* * * 13 *",
            "* * * * 8",
            "0 0 L * *",
            "0 0 15W * *",
            "0 0 * * 5#2",
            "0 0 ? * *",
            "5/15 * * * *",
            "*/0 * * * *",
            "0 0 30 2 *",
            "0 0 31 4,6 *",
            "@reboot",
            "@every 5m",
            "0 0 * * fri-sun",
            "5-1 * * * *",
            "0 0 */2 * 1",
            "0 0 */1 * 1",
            "0 0 13 * */2",
            "0 0 13 * 0-7",
            "0 0 1-31 * fri",
            "H 3 * * *",
            "MON 0 * * *",
            "0 0 * * monday",
            "1,,2 * * * *",
            "* * * * *,",
        ] {
            assert!(Schedule::new(cron, None).is_err(), "{cron}");
        }
    }

    #[test]
    fn a_zone_is_one_of_the_database_as_it_is_spelt() {
        for name in ["UTC", "Europe/Moscow", "Asia/Yekaterinburg", "Europe/Kiev", "America/New_York"] {
            assert!(Schedule::new("@daily", Some(name)).is_ok(), "{name}");
        }
        for (name, close) in [("Europe/Moskow", "Europe/Moscow"), ("europe/moscow", "Europe/Moscow")] {
            let expected = ScheduleError::Zone { name: name.into(), meant: Some(close.into()) };
            assert_eq!(Schedule::new("@daily", Some(name)), Err(vec![expected]));
        }
        assert_eq!(Schedule::new("x", Some("Mars/Base")).map_err(|found| found.len()), Err(2));
    }

    #[test]
    fn either_day_field_is_enough() {
        let schedule = Schedule::new("0 0 13 * fri", None).unwrap();
        let after = "2026-11-20T12:00:00Z".parse().unwrap();
        let days: Vec<i8> = schedule.next(after).take(4).map(|time| time.day()).collect();
        assert_eq!(days, [27, 4, 11, 13]);
    }
}
