//! `runbook schedule`, and the schedule in `runbook plan`.

use std::fmt::Write as _;
use std::path::Path;

use jiff::Timestamp;
use runbook_core::plan::Plan;
use runbook_core::schedule::{Form, Job, export};

use super::load;
use crate::args::{Color, Request, Schedule, ScheduleForm};
use crate::exit::Exit;
use crate::fault::{Fault, reason};
use crate::output;
use crate::policies::Outside;

/// How many of the next times are shown.
const SHOWN: usize = 3;

/// Prints what another program needs to start the runbook.
pub(crate) fn execute(command: &Schedule, policies: &Outside, color: Color) -> Result<Exit, Fault> {
    // A run that is started by a program is asked nothing: whatever it needs must be given here.
    let request = Request { input: command.input.clone(), ..Request::default() };
    let plan = load::plan(&command.file, &request, None, policies, color)?;
    let Some(schedule) = &plan.runbook.schedule else {
        let shown = command.file.display();
        return Err(Fault::usage(format!("`{shown}` has no `schedule`"))
            .help("add for example `schedule: {cron: 30 3 * * *, timezone: Europe/Moscow}`"));
    };
    let (form, file) = match command.form {
        // These start it somewhere else.
        ScheduleForm::Crontab => (Form::Crontab, absolute(&command.file)?),
        ScheduleForm::Systemd => (Form::Systemd, absolute(&command.file)?),
        ScheduleForm::Kubernetes => (Form::Kubernetes, as_text(&command.file)?),
        ScheduleForm::Github => (Form::Github, as_text(&command.file)?),
    };
    let mut words = vec!["runbook".to_owned(), "run".to_owned(), file, "--non-interactive".to_owned()];
    for (name, value) in &command.input {
        words.extend(["-i".to_owned(), format!("{name}={value}")]);
    }
    let job = Job {
        name: plan.runbook.name.clone(),
        title: plan.runbook.title.clone().unwrap_or_default(),
        command: words,
        image: command.image.clone(),
        now: Timestamp::now(),
    };
    let text = export(schedule, &job, form).map_err(Fault::usage)?;
    output::data(&text);
    Ok(Exit::Succeeded)
}

fn absolute(file: &Path) -> Result<String, Fault> {
    let path = std::path::absolute(file).map_err(|error| {
        Fault::usage(format!("`{}` has no absolute path: {}", file.display(), reason(&error)))
    })?;
    as_text(&path)
}

fn as_text(file: &Path) -> Result<String, Fault> {
    let text = file.to_str().filter(|text| *text != "-");
    text.map(str::to_owned).ok_or_else(|| {
        Fault::usage("a schedule needs a file whose path is text").help("save the runbook as a file")
    })
}

/// When the runbook of `plan` is meant to run next; nothing when it does not say.
pub(super) fn times(plan: &Plan) -> String {
    let Some(schedule) = &plan.runbook.schedule else { return String::new() };
    let mut text = format!("\nschedule: {} ({})\n", schedule.cron(), schedule.timezone());
    for time in schedule.next(Timestamp::now()).take(SHOWN) {
        // Writing into a text cannot fail.
        let _ = writeln!(text, "  next: {}", time.strftime("%a %Y-%m-%d %H:%M %:z"));
    }
    text
}
