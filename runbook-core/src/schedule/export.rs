//! A schedule in the words of the programs that start runs.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use jiff::Timestamp;

use super::fields::{Fields, ranges};
use super::{Schedule, zone};
use crate::shell::quote;
use crate::value::Value;

/// Whose words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Form {
    /// A line of a crontab.
    Crontab,
    /// A timer and a service of systemd.
    Systemd,
    /// A CronJob of Kubernetes.
    Kubernetes,
    /// A workflow of GitHub Actions.
    Github,
}

/// What is started.
#[derive(Clone, Debug, Default)]
pub struct Job {
    /// The runbook's name.
    pub name: String,
    /// One line for people.
    pub title: String,
    /// The program with its arguments.
    pub command: Vec<String>,
    /// The image that Kubernetes starts.
    pub image: Option<String>,
    /// What time it is: a zone that changes its clocks no more after this has a fixed offset.
    pub now: Timestamp,
}

/// `schedule` with `job` in the words of `form`.
///
/// # Errors
/// Why that program cannot do it, for people.
pub fn export(schedule: &Schedule, job: &Job, form: Form) -> Result<String, String> {
    let fields = Fields::parse(schedule.cron())?;
    if job.command.iter().any(|word| word.contains(['\n', '\r', '\0'])) {
        return Err(
            "an argument has more than one line, which schedulers cannot pass on; use `--inputs FILE`"
                .to_owned(),
        );
    }
    match form {
        Form::Crontab => Ok(crontab(schedule, &fields, job)),
        Form::Systemd => Ok(systemd(schedule, &fields, job)),
        Form::Kubernetes => kubernetes(schedule, &fields, job),
        Form::Github => github(schedule, &fields, job),
    }
}

/// One line of comment.
fn comment(job: &Job) -> String {
    format!("{}: {}", job.name, job.title.replace(['\n', '\r'], " ")).trim_end_matches([':', ' ']).to_owned()
}

fn shell_line(command: &[String]) -> String {
    command.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

fn crontab(schedule: &Schedule, fields: &Fields, job: &Job) -> String {
    // To cron `%` is the end of a line, quoted or not.
    let command = shell_line(&job.command).replace('%', "\\%");
    format!(
        "# {}\n# CRON_TZ holds for the lines below it. cronie knows it; Debian's cron uses the machine's own zone.\n\
         CRON_TZ={}\n{} {command}\n",
        comment(job),
        schedule.timezone(),
        fields.plain(),
    )
}

/// `OnCalendar` expressions; a time that fits any of them counts.
fn calendars(schedule: &Schedule, fields: &Fields) -> Vec<String> {
    const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
    let two = |value: u16| format!("{value:02}");
    let all = |values: &[u16], count: usize| match values.len() == count {
        true => "*".to_owned(),
        false => ranges(values, "..", two),
    };
    let some = |values: &Option<Vec<u16>>| {
        values.as_ref().map_or_else(|| "*".to_owned(), |values| ranges(values, "..", two))
    };
    let time = format!("{}:{}:00 {}", all(&fields.hours, 24), all(&fields.minutes, 60), schedule.timezone());
    let weekdays = fields.weekdays.as_ref().map(|days| {
        let show = |day: u16| DAYS.get(usize::from(day)).copied().unwrap_or("Sun").to_owned();
        ranges(days, "..", show)
    });
    let months = some(&fields.months);
    let mut calendars = Vec::new();
    if fields.days.is_some() || weekdays.is_none() {
        calendars.push(format!("*-{months}-{} {time}", some(&fields.days)));
    }
    if let Some(weekdays) = weekdays {
        calendars.push(format!("{weekdays} *-{months}-* {time}"));
    }
    calendars
}

fn systemd(schedule: &Schedule, fields: &Fields, job: &Job) -> String {
    let calendars: String =
        calendars(schedule, fields).iter().map(|calendar| format!("OnCalendar={calendar}\n")).collect();
    let command = job.command.iter().map(|word| systemd_word(word)).collect::<Vec<_>>().join(" ");
    let description = comment(job).replace('%', "%%");
    format!(
        "# /etc/systemd/system/{0}.timer\n[Unit]\nDescription={description}\n\n[Timer]\n{calendars}Persistent=true\n\n\
         [Install]\nWantedBy=timers.target\n\n\
         # /etc/systemd/system/{0}.service\n[Unit]\nDescription={description}\n\n[Service]\nType=oneshot\n\
         ExecStart={command}\n",
        job.name,
    )
}

/// One word of `ExecStart`, which has quotes, escapes, specifiers and variables of its own.
fn systemd_word(word: &str) -> String {
    let escaped = word.replace('\\', "\\\\").replace('"', "\\\"").replace('%', "%%").replace('$', "$$");
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_-./:,+@=%".contains(&byte);
    match !escaped.is_empty() && escaped.bytes().all(plain) {
        true => escaped,
        false => format!("\"{escaped}\""),
    }
}

/// A text of YAML, and of JSON.
fn text(text: &str) -> String {
    Value::from(text).to_string()
}

fn kubernetes(schedule: &Schedule, fields: &Fields, job: &Job) -> Result<String, String> {
    let image = job
        .image
        .as_deref()
        .ok_or("Kubernetes needs to know which image has `runbook`: add `--image IMAGE`")?;
    let mut name: String = job
        .name
        .chars()
        .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '-' })
        .collect();
    // Kubernetes adds eleven characters to it.
    name.truncate(52);
    let name = name.trim_matches('-');
    let mut yaml = format!(
        "# {}\napiVersion: batch/v1\nkind: CronJob\nmetadata:\n  name: {}\nspec:\n  schedule: {}\n  timeZone: {}\n  \
         concurrencyPolicy: Forbid\n  jobTemplate:\n    spec:\n      backoffLimit: 0\n      template:\n        spec:\n          \
         restartPolicy: Never\n          containers:\n            - name: runbook\n              image: {}\n              command:\n",
        comment(job),
        text(name),
        text(&fields.plain()),
        text(schedule.timezone()),
        text(image),
    );
    for word in &job.command {
        // `$(NAME)` is a variable to Kubernetes, and `$$` a dollar.
        let _ = writeln!(yaml, "                - {}", text(&word.replace("$(", "$$(")));
    }
    Ok(yaml)
}

fn github(schedule: &Schedule, fields: &Fields, job: &Job) -> Result<String, String> {
    let times = in_utc(schedule, fields, job.now)?;
    let close = |minutes: &[u16]| {
        let around = minutes.iter().zip(minutes.iter().skip(1)).any(|(one, next)| next - one < 5);
        let first_and_last = minutes.first().zip(minutes.last());
        around || first_and_last.is_some_and(|(first, last)| minutes.len() > 1 && first + 60 - last < 5)
    };
    if close(&fields.minutes) {
        return Err("GitHub Actions starts a workflow every five minutes at most".to_owned());
    }
    let mut yaml = format!("# {}\n", comment(job));
    if schedule.timezone() != "UTC" {
        let _ = writeln!(
            yaml,
            "# {} in {}; GitHub Actions knows UTC only.",
            schedule.cron(),
            schedule.timezone()
        );
    }
    let _ = write!(yaml, "name: {}\non:\n  schedule:\n", text(&job.name));
    for cron in times {
        let _ = writeln!(yaml, "    - cron: {}", text(&cron));
    }
    // What GitHub would take for an expression of its own stays text.
    let command = shell_line(&job.command).replace("${{", "${{ '${{' }}");
    let _ = write!(
        yaml,
        "permissions:\n  contents: read\nconcurrency: {}\njobs:\n  run:\n    runs-on: ubuntu-latest\n    steps:\n      \
         - uses: actions/checkout@v4\n      # Install `runbook` here.\n      - run: {}\n",
        text(&job.name),
        text(&command),
    );
    Ok(yaml)
}

/// The same times in UTC, as lines of cron.
fn in_utc(schedule: &Schedule, fields: &Fields, now: Timestamp) -> Result<Vec<String>, String> {
    let zone = zone(schedule.timezone()).map_err(|error| error.to_string())?;
    if let Some(change) = zone.following(now).next() {
        return Err(format!(
            "GitHub Actions knows UTC only, and {} changes its clocks, next on {}; write the schedule in UTC or in a \
             zone with a fixed offset",
            schedule.timezone(),
            change.timestamp().to_zoned(zone.clone()).date(),
        ));
    }
    let offset = zone.to_offset(now).seconds();
    if offset == 0 {
        return Ok(vec![fields.plain()]);
    }
    // Where every day is meant, it does not matter which day it then is.
    let limited = fields.days.is_some() || fields.months.is_some() || fields.weekdays.is_some();
    let mut shifted: BTreeMap<(i32, u16), Vec<u16>> = BTreeMap::new();
    for hour in &fields.hours {
        for minute in &fields.minutes {
            let utc = i32::from(*hour) * 60 + i32::from(*minute) - offset / 60;
            let within = u16::try_from(utc.rem_euclid(24 * 60)).unwrap_or_default();
            let day = if limited { utc.div_euclid(24 * 60) } else { 0 };
            shifted.entry((day, within / 60)).or_default().push(within % 60);
        }
    }
    let mut lines: BTreeMap<(i32, Vec<u16>), Vec<u16>> = BTreeMap::new();
    for ((day, hour), mut minutes) in shifted {
        minutes.sort_unstable();
        let hours = lines.entry((day, minutes)).or_default();
        hours.push(hour);
        hours.sort_unstable();
    }
    let number = |value: u16| value.to_string();
    let list = |values: &[u16], all: usize| match values.len() == all {
        true => "*".to_owned(),
        false => ranges(values, "-", number),
    };
    let one = |((day, minutes), hours): (&(i32, Vec<u16>), &Vec<u16>)| {
        let (date, month) = match day {
            0 => (fields.days.as_deref(), fields.months.as_deref()),
            _ if fields.days.is_some() || fields.months.is_some() => {
                return Err(format!(
                    "GitHub Actions knows UTC only, where some of these times are on another day than in {}; write the \
                     schedule in UTC",
                    schedule.timezone()
                ));
            }
            _ => (None, None),
        };
        let weekdays = fields.weekdays.as_ref().map(|days| {
            let moved = |weekday: &u16| (i32::from(*weekday) + day).rem_euclid(7);
            let mut days: Vec<u16> =
                days.iter().map(|weekday| u16::try_from(moved(weekday)).unwrap_or_default()).collect();
            days.sort_unstable();
            days
        });
        let some = |values: Option<&[u16]>| {
            values.map_or_else(|| "*".to_owned(), |values| ranges(values, "-", number))
        };
        let (minutes, hours) = (list(minutes, 60), list(hours, 24));
        Ok(format!("{minutes} {hours} {} {} {}", some(date), some(month), some(weekdays.as_deref())))
    };
    lines.iter().map(one).collect()
}
