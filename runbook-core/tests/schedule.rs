//! Schedules in the words of other programs.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::process::Command;

use proptest::prelude::*;
use runbook_core::schedule::{Form, Job, Schedule, export};

fn job() -> Job {
    let words = [
        "runbook",
        "run",
        "/opt/books/nightly.yaml",
        "--non-interactive",
        "-i",
        "note=100% it's \"$HOME\" ${{ x }} $(y)",
    ];
    Job {
        name: "nightly_backup.v2".into(),
        title: "Ночная копия".into(),
        command: words.map(str::to_owned).to_vec(),
        image: Some("registry.example.net/runbook:1".into()),
        now: "2026-11-20T12:00:00Z".parse().unwrap(),
    }
}

fn shown(cron: &str, zone: &str, form: Form) -> String {
    export(&Schedule::new(cron, Some(zone)).unwrap(), &job(), form)
        .unwrap_or_else(|why| format!("refused: {why}"))
}

/// The lines of `text` that begin with `start`.
fn lines(text: &str, start: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.trim().strip_prefix(start))
        .map(|rest| rest.trim().to_owned())
        .collect()
}

#[test]
fn every_form_of_one_schedule() {
    for (name, form) in [
        ("crontab", Form::Crontab),
        ("systemd", Form::Systemd),
        ("kubernetes", Form::Kubernetes),
        ("github", Form::Github),
    ] {
        insta::assert_snapshot!(name, shown("30 3 1,15 * mon-fri", "UTC", form));
    }
}

#[test]
fn what_a_form_cannot_say_is_refused_with_the_reason() {
    let refused = |cron, zone, form, why: &str| {
        let text = shown(cron, zone, form);
        assert!(text.starts_with("refused: ") && text.contains(why), "{text}");
    };
    refused("@daily", "America/New_York", Form::Github, "changes its clocks, next on 2027-03-14");
    refused("30 1 1 * *", "Europe/Moscow", Form::Github, "on another day than in Europe/Moscow");
    refused("*/2 * * * *", "UTC", Form::Github, "every five minutes");
    let schedule = Schedule::new("@daily", None).unwrap();
    let no_image = Job { image: None, ..job() };
    assert!(export(&schedule, &no_image, Form::Kubernetes).unwrap_err().contains("--image"));
    let two_lines = Job { command: vec!["a\nb".into()], ..job() };
    for form in [Form::Crontab, Form::Systemd, Form::Kubernetes, Form::Github] {
        assert!(export(&schedule, &two_lines, form).unwrap_err().contains("more than one line"));
    }
}

#[test]
fn a_zone_with_a_fixed_offset_is_turned_into_utc() {
    for (cron, zone, expected) in [
        ("30 3 * * *", "Europe/Moscow", &["30 0 * * *"][..]),
        ("30 1 * * *", "Europe/Moscow", &["30 22 * * *"]),
        ("30 1 * * mon", "Europe/Moscow", &["30 22 * * 0"]),
        ("0 1,5 * * sun", "Europe/Moscow", &["0 22 * * 6", "0 2 * * 0"]),
        ("0 9 1 * *", "Europe/Moscow", &["0 6 1 * *"]),
        ("0,30 9 * * *", "Asia/Kolkata", &["0 4 * * *", "30 3 * * *"]),
        ("*/15 * * * *", "Asia/Kolkata", &["0,15,30,45 * * * *"]),
        ("15 3 * * *", "UTC", &["15 3 * * *"]),
    ] {
        let found: Vec<String> = lines(&shown(cron, zone, Form::Github), "- cron:");
        let found: Vec<&str> = found.iter().map(|line| line.trim_matches('"')).collect();
        assert_eq!(found, expected, "{cron} {zone}");
    }
}

#[test]
fn nicknames_and_sunday_are_written_as_everybody_reads_them() {
    assert_eq!(lines(&shown("@weekly", "UTC", Form::Kubernetes), "schedule:"), ["\"0 0 * * 0\""]);
    assert_eq!(lines(&shown("0 5 * * 5-7", "UTC", Form::Kubernetes), "schedule:"), ["\"0 5 * * 0,5,6\""]);
    assert_eq!(
        lines(&shown("*/20 9-17 * * 6,7", "UTC", Form::Systemd), "OnCalendar="),
        ["Sun,Sat *-*-* 09..17:00,20,40:00 UTC"]
    );
}

#[test]
fn a_shell_gets_the_words_as_they_are() {
    let text = shown("@daily", "UTC", Form::Crontab);
    let command = text.lines().last().unwrap().split_once("0 0 * * * runbook ").unwrap().1;
    // What cron does with the line before a shell sees it.
    let command = command.replace("\\%", "%");
    let output = Command::new("sh").args(["-c", &format!("printf '%s\\n' {command}")]).output().unwrap();
    let words: Vec<&str> = std::str::from_utf8(&output.stdout).unwrap().lines().collect();
    let given = job().command;
    assert_eq!(words, given.iter().skip(1).map(String::as_str).collect::<Vec<_>>());
}

/// Numbers that systemd says come next, or nothing when it is not there.
fn systemd_next(calendar: &str, after: &str, count: usize) -> Option<Vec<String>> {
    let output = Command::new("systemd-analyze")
        .args(["calendar", "--iterations", &count.to_string(), "--base-time", after, calendar])
        .env("TZ", "UTC")
        .env("LC_ALL", "C")
        .output()
        .ok()?;
    let text = String::from_utf8(output.stdout).unwrap();
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("unrecognized option"), "{calendar}: {said}");
        return None;
    }
    let times = text.lines().filter_map(|line| {
        let (name, time) = line.trim().split_once(": ")?;
        let is_time =
            name.starts_with("Next elapse") || name.starts_with("Iter") || name.starts_with("Iteration");
        let words: Vec<&str> = time.split_whitespace().collect();
        (is_time && words.len() == 4).then(|| format!("{} {}", words[1], words[2]))
    });
    Some(times.collect())
}

#[test]
fn systemd_agrees_on_the_next_times() {
    for (cron, zone) in [
        ("30 3 * * *", "UTC"),
        ("*/20 9-17 * * 1-5", "UTC"),
        ("0 0 1,15 * *", "UTC"),
        ("5 4 * jan-mar sun", "UTC"),
        ("30 3 * * 1-5", "Europe/Moscow"),
        ("0 6 29 2 *", "Asia/Yekaterinburg"),
        ("@hourly", "America/New_York"),
    ] {
        let schedule = Schedule::new(cron, Some(zone)).unwrap();
        let calendars = lines(&shown(cron, zone, Form::Systemd), "OnCalendar=");
        let [calendar] = calendars.as_slice() else { panic!("{calendars:?}") };
        let Some(theirs) = systemd_next(calendar, "2026-11-20 12:00:00 UTC", 5) else {
            println!("skipped: there is no systemd-analyze that knows --base-time");
            return;
        };
        let after = "2026-11-20T12:00:00Z".parse().unwrap();
        let ours: Vec<String> =
            schedule.next(after).take(5).map(|time| time.timestamp().strftime("%F %T").to_string()).collect();
        assert_eq!(ours, theirs, "{cron} {zone}: {calendar}");
    }
}

proptest! {
    /// Whatever is accepted can be said to crontab and systemd, and comes around.
    #[test]
    fn what_is_accepted_can_be_exported(
        minute in "(\\*|[0-5]?[0-9]|\\*/[1-9]|[0-9]-[1-5][0-9])",
        hour in "(\\*|1?[0-9]|\\*/[1-6]|[0-9]-1[0-9])",
        day in "(\\*|1?[1-9]|[1-9],2[0-9])",
        month in "(\\*|[1-9]|feb|jun-sep)",
        weekday in "(\\*|[0-7]|mon-fri|sun,6)",
    ) {
        let cron = format!("{minute} {hour} {day} {month} {weekday}");
        if let Ok(schedule) = Schedule::new(&cron, Some("Europe/Moscow")) {
            let after: jiff::Timestamp = "2026-11-20T12:00:00Z".parse().unwrap();
            let next: Vec<_> = schedule.next(after).take(3).collect();
            prop_assert_eq!(next.len(), 3, "{}", cron);
            prop_assert!(next.windows(2).all(|pair| pair[0] < pair[1]) && next[0].timestamp() > after);
            for form in [Form::Crontab, Form::Systemd, Form::Kubernetes] {
                prop_assert!(export(&schedule, &job(), form).is_ok(), "{} {:?}", cron, form);
            }
        }
    }

    /// Nothing panics, whatever is written.
    #[test]
    fn any_text_is_read(cron in "\\PC{0,30}", zone in "\\PC{0,20}") {
        let _ = Schedule::new(&cron, Some(&zone));
    }
}
