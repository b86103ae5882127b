//! The five fields of cron, as the values they stand for.

use croner::parser::{CronParser, Seconds, Year};

const MONTHS: [&str; 12] =
    ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];
/// The most days a month can have.
const LONGEST: [u16; 12] = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
const NAMES: [&str; 5] = ["minute", "hour", "day of the month", "month", "day of the week"];
/// The smallest and the largest value of each.
const BOUNDS: [(u16, u16); 5] = [(0, 59), (0, 23), (1, 31), (1, 12), (0, 7)];

const NICKNAMES: [(&str, &str); 7] = [
    ("@hourly", "0 * * * *"),
    ("@daily", "0 0 * * *"),
    ("@midnight", "0 0 * * *"),
    ("@weekly", "0 0 * * 0"),
    ("@monthly", "0 0 1 * *"),
    ("@yearly", "0 0 1 1 *"),
    ("@annually", "0 0 1 1 *"),
];

/// The five fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fields {
    written: Vec<String>,
    /// From 0 to 59.
    pub(super) minutes: Vec<u16>,
    /// From 0 to 23.
    pub(super) hours: Vec<u16>,
    /// From 1 to 31; none for every day.
    pub(super) days: Option<Vec<u16>>,
    /// From 1 to 12; none for every month.
    pub(super) months: Option<Vec<u16>>,
    /// From 0, Sunday, to 6; none for every day.
    pub(super) weekdays: Option<Vec<u16>>,
}

impl Fields {
    /// The fields in `cron`; `Err` says for people why there are none.
    pub(super) fn parse(cron: &str) -> Result<Self, String> {
        let cron = cron.trim();
        let plain = if cron.starts_with('@') {
            let known = NICKNAMES.iter().find(|(name, _)| *name == cron.to_lowercase());
            let names = || NICKNAMES.map(|(name, _)| name).join(", ");
            known.ok_or_else(|| format!("`{cron}` is not one of {}", names()))?.1
        } else {
            cron
        };
        let written: Vec<String> = plain.split_whitespace().map(str::to_owned).collect();
        if written.len() != 5 {
            return Err(format!("{} instead of five: {}", written.len(), NAMES.join(", ")));
        }
        for ((field, name), bounds) in written.iter().zip(NAMES).zip(BOUNDS) {
            syntax(field, name, bounds)?;
        }
        let parser = CronParser::builder().seconds(Seconds::Disallowed).year(Year::Disallowed).build();
        let found =
            parser.parse(&written.join(" ")).map_err(|error| error.to_string().to_lowercase())?.pattern;
        let limited = |values: Vec<u16>, all: usize| Some(values).filter(|values| values.len() < all);
        let mut weekdays: Vec<u16> = found.days_of_week.values().into_iter().map(|day| day % 7).collect();
        weekdays.sort_unstable();
        weekdays.dedup();
        let fields = Fields {
            written,
            minutes: found.minutes.values(),
            hours: found.hours.values(),
            days: limited(found.days.values(), 31),
            months: limited(found.months.values(), 12),
            weekdays: limited(weekdays, 7),
        };
        fields.is_possible()?;
        Ok(fields)
    }

    /// The five fields in numbers, with Sunday as 0: not every cron takes ranges of names, or 7.
    pub(super) fn plain(&self) -> String {
        let mut fields = self.written.clone();
        for (place, values) in [(3, &self.months), (4, &self.weekdays)] {
            let Some(field) = fields.get_mut(place) else { continue };
            if field.contains(|c: char| c.is_ascii_alphabetic() || (place == 4 && c == '7')) {
                *field = values
                    .as_ref()
                    .map_or_else(|| "*".to_owned(), |values| ranges(values, "-", |value| value.to_string()));
            }
        }
        fields.join(" ")
    }

    fn is_possible(&self) -> Result<(), String> {
        if let (Some(days), None) = (&self.days, &self.weekdays) {
            let longest = |month: u16| LONGEST.get(usize::from(month) - 1).copied().unwrap_or(31);
            let most = match &self.months {
                Some(months) => months.iter().map(|month| longest(*month)).max(),
                None => Some(31),
            };
            if days.first().copied() > most {
                return Err("there is no such day in these months".to_owned());
            }
        }
        let (Some(day), Some(weekday)) = (self.written.get(2), self.written.get(4)) else { return Ok(()) };
        if day == "*" || weekday == "*" {
            return Ok(());
        }
        if day.contains('*') || weekday.contains('*') {
            // Vixie cron wants both fields to fit then, others are content with one.
            let why =
                "with both a day of the month and a day of the week, programs understand `*/` differently";
            return Err(format!("{why}; write the days out"));
        }
        if self.days.is_none() || self.weekdays.is_none() {
            // One of the two is enough, so that the other one says nothing.
            return Err("together these days are every day; write `*` for both".to_owned());
        }
        Ok(())
    }
}

/// Lists of values and ranges, ranges and `*` with steps, and nothing else.
fn syntax(field: &str, name: &str, (least, most): (u16, u16)) -> Result<(), String> {
    let value = |text: &str| -> Option<u16> {
        let lower = text.to_lowercase();
        let named = |names: &[&str], first: u16| {
            let place = names.iter().position(|name| *name == lower)?;
            Some(u16::try_from(place).ok()? + first)
        };
        match name {
            _ if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) => text.parse().ok(),
            "month" => named(&MONTHS, 1),
            "day of the week" => named(&WEEKDAYS, 0),
            _ => None,
        }
    };
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, Some(step)),
            None => (part, None),
        };
        let ends: Vec<Option<u16>> = range.split('-').map(value).collect();
        let fits = match ends.as_slice() {
            _ if range == "*" => true,
            // A step of a single value means different things to different programs.
            [Some(_)] => step.is_none(),
            [Some(first), Some(last)] if first <= last => true,
            [Some(_), Some(_)] => return Err(format!("{name}: the range `{range}` goes backwards")),
            _ => false,
        };
        if fits && ends.iter().flatten().any(|value| !(least..=most).contains(value)) {
            return Err(format!("{name}: `{range}` is not within {least} and {most}"));
        }
        let step_fits = step.is_none_or(|step| step.parse::<u16>().is_ok_and(|step| step > 0));
        if !fits || !step_fits {
            return Err(format!(
                "{name}: `{part}` is not a value, a range such as `1-5`, or a step such as `*/5`"
            ));
        }
    }
    Ok(())
}

/// `values`, in ascending order, as a list with ranges: `1-3,7`.
pub(super) fn ranges(values: &[u16], between: &str, show: impl Fn(u16) -> String) -> String {
    let mut parts: Vec<String> = Vec::new();
    let mut rest = values;
    while let [first, ..] = rest {
        let length = rest.iter().zip(*first..).take_while(|(value, expected)| **value == *expected).count();
        let (run, after) = rest.split_at(length.max(1));
        match run {
            [first, .., last] if run.len() > 2 => {
                parts.push(format!("{}{between}{}", show(*first), show(*last)))
            }
            run => parts.extend(run.iter().map(|value| show(*value))),
        }
        rest = after;
    }
    parts.join(",")
}
