//! A report as one page.

use std::fmt::Write as _;

use super::{Report, StepNote, StepReport};
use crate::page::{elapsed, html, page};

pub(super) fn render(report: &Report) -> String {
    let mut body = String::new();
    head(report, &mut body);
    verdict(report, &mut body);
    pictures(report, &mut body);
    evidence(report, &mut body);
    decisions(report, &mut body);
    if !report.outputs.is_empty() {
        body.push_str("<h2>Outputs</h2>\n");
        facts(&report.outputs, &mut body);
    }
    steps(report, &mut body);
    log(report, &mut body);
    // Writing into a text cannot fail.
    let _ = writeln!(
        body,
        "<footer>Written from the stored plan and log of run <code>{}</code>. Plan <code>{}</code>. Times are in {}.</footer>",
        html(&report.facts.run),
        html(&report.facts.digest),
        html(&report.zone())
    );
    let title = report.title.as_deref().unwrap_or(&report.runbook);
    page(&format!("{title} · {}", report.facts.run), &body)
}

fn head(report: &Report, body: &mut String) {
    let title = report.title.as_deref().unwrap_or(&report.runbook);
    let badge = |class: &str, text: &str| format!("<span class=\"badge {class}\">{}</span>", html(text));
    let _ = write!(
        body,
        "<h1>{}</h1>\n<p>{}",
        html(title),
        badge(report.headline.tone.class(), &report.headline.status.replace('_', " "))
    );
    if let Some(severity) = &report.severity {
        let _ = write!(body, " {}", badge("warn", severity));
    }
    let _ = writeln!(body, " <span class=\"muted\">{}</span></p>", html(&report.runbook));
    let mut rows: Vec<(String, String)> = vec![("Run".into(), report.facts.run.clone())];
    rows.extend(report.started.map(|at| ("Started".to_owned(), report.at(at))));
    rows.extend(report.updated.map(|at| {
        let took = report.took().map_or_else(String::new, |took| format!(", after {}", elapsed(took)));
        ("Last entry".to_owned(), format!("{}{took}", report.at(at)))
    }));
    if !report.by.is_empty() {
        rows.push(("By".into(), report.by.join(", ")));
    }
    rows.extend(report.owner.iter().map(|owner| ("Owner".to_owned(), owner.clone())));
    rows.extend(report.facts.file.iter().map(|file| ("File".to_owned(), file.clone())));
    facts(&rows, body);
    if !report.inputs.is_empty() {
        body.push_str("<details open><summary>Inputs</summary>\n");
        facts(&report.inputs, body);
        body.push_str("</details>\n");
    }
}

fn facts(rows: &[(String, String)], body: &mut String) {
    body.push_str("<dl>\n");
    for (name, value) in rows {
        let value = if value.contains('\n') { format!("<pre>{}</pre>", html(value)) } else { html(value) };
        let _ = writeln!(body, "<dt>{}</dt><dd>{value}</dd>", html(name));
    }
    body.push_str("</dl>\n");
}

/// What happened, where, what was undone, what is left to do.
fn verdict(report: &Report, body: &mut String) {
    let standing = &report.standing;
    let _ = writeln!(
        body,
        "<section class=\"verdict {}\"><strong>{}</strong>",
        report.headline.tone.class(),
        html(&report.headline.text)
    );
    let mut rows = String::new();
    let mut row = |name: &str, value: String| {
        if !value.is_empty() {
            let _ = writeln!(rows, "<dt>{name}</dt><dd>{value}</dd>");
        }
    };
    row("Not met", standing.not_met.iter().map(|text| format!("<div>{}</div>", html(text))).collect());
    row("What happened", notes(&standing.failed));
    row("In doubt or waiting", notes(&standing.waiting));
    row("Stopped", notes(&standing.stopped));
    row("Survived", notes(&standing.survived));
    row("Warnings", notes(&standing.warned));
    row("Undone", notes(&standing.undone));
    row("Undoing failed", notes(&standing.undo_failed));
    row("Not undone", notes(&standing.left));
    row("Given up because", standing.abandoned.as_deref().map(html).unwrap_or_default());
    let to_do = standing.to_do(&report.headline);
    row("Left to do", to_do.iter().map(|text| format!("<div>{}</div>", html(text))).collect());
    let next = report.facts.next.iter();
    row("Type next", next.map(|command| format!("<div><code>{}</code></div>", html(command))).collect());
    if !rows.is_empty() {
        let _ = write!(body, "<dl>\n{rows}</dl>\n");
    }
    body.push_str("</section>\n");
}

fn notes(notes: &[StepNote]) -> String {
    notes
        .iter()
        .map(|note| {
            let title = if note.title.is_empty() { String::new() } else { format!(" {}", html(&note.title)) };
            let text = if note.text.is_empty() { String::new() } else { format!(": {}", html(&note.text)) };
            let words = if note.words.is_empty() {
                String::new()
            } else {
                format!("<pre>{}</pre>", html(&note.words))
            };
            format!("<div><code>{}</code>{title}{text}{words}</div>", html(&note.key))
        })
        .collect()
}

fn pictures(report: &Report, body: &mut String) {
    if !report.dag.is_empty() {
        let _ = writeln!(body, "<h2>Steps</h2>\n{}", report.dag);
    }
    if !report.timeline.is_empty() {
        let _ = writeln!(
            body,
            "<h2>Time</h2>\n{}<p class=\"muted small\">Full bars: the action. Violet: waiting for people. Light: settling and verification.</p>",
            report.timeline
        );
    }
}

fn evidence(report: &Report, body: &mut String) {
    if report.evidence.is_empty() {
        return;
    }
    body.push_str("<h2>Evidence</h2>\n");
    for one in &report.evidence {
        let at = one.at.map_or_else(String::new, |at| report.clock(at));
        let _ = writeln!(
            body,
            "<h3>{} <span class=\"muted small\"><code>{}</code> {}</span></h3>\n{}",
            html(&one.label),
            html(&one.key),
            at,
            output(&one.text)
        );
    }
}

fn output(text: &str) -> String {
    match text.trim_end() {
        "" => "<p class=\"muted\">empty</p>".to_owned(),
        text => format!("<pre>{}</pre>", html(text)),
    }
}

fn decisions(report: &Report, body: &mut String) {
    let decisions: Vec<_> = report.log.iter().filter(|line| line.is_decision).collect();
    if decisions.is_empty() {
        return;
    }
    body.push_str(
        "<h2>Approvals and decisions</h2>\n<table><tr><th>When</th><th>Who</th><th>What</th></tr>\n",
    );
    for line in decisions {
        let key = line.key.as_deref().map_or_else(String::new, |key| format!("<code>{}</code> ", html(key)));
        let _ = writeln!(
            body,
            "<tr><td class=\"time\">{}</td><td>{}</td><td>{key}{}</td></tr>",
            report.clock(line.at),
            html(line.who.as_deref().unwrap_or("the engine, by its rules")),
            html(&line.text)
        );
    }
    body.push_str("</table>\n");
}

fn steps(report: &Report, body: &mut String) {
    body.push_str("<h2>Step by step</h2>\n");
    let (reached, rest): (Vec<_>, Vec<_>) =
        report.steps.iter().filter(|step| !step.is_group).partition(|step| step.reached);
    for step in reached {
        one_step(report, step, body);
    }
    let rest: Vec<_> = rest.into_iter().filter(|step| step.purpose.is_none()).collect();
    if !rest.is_empty() {
        let keys: Vec<String> = rest.iter().map(|step| format!("<code>{}</code>", html(&step.key))).collect();
        let _ = writeln!(body, "<p class=\"muted\">Not reached: {}</p>", keys.join(" "));
    }
}

fn status(step: &StepReport) -> String {
    let status = step.status.replace('_', " ");
    if step.failed && step.status.starts_with("und") { format!("failed, {status}") } else { status }
}

fn one_step(report: &Report, step: &StepReport, body: &mut String) {
    let took = step.started.zip(step.ended).map(|(from, to)| to.as_millisecond() - from.as_millisecond());
    let _ = writeln!(
        body,
        "<section class=\"step {tone}\"><header><span class=\"name\">{}</span> <code>{}</code> <span class=\"badge {tone}\">{}</span>{}<span class=\"took\">{}{}</span></header>",
        html(if step.title.is_empty() { &step.key } else { &step.title }),
        html(&step.key),
        html(&status(step)),
        step.purpose
            .as_deref()
            .map_or_else(String::new, |what| format!(" <span class=\"muted small\">{}</span>", html(what))),
        step.started.map_or_else(String::new, |at| format!("{} · ", report.clock(at))),
        took.map_or_else(String::new, elapsed),
        tone = step.tone.class(),
    );
    if let Some(reason) = &step.reason {
        let _ = writeln!(body, "<p>{}</p>", html(reason));
    }
    if !step.command.trim().is_empty() {
        let _ = writeln!(body, "<pre>{}</pre>", html(step.command.trim_end()));
    }
    let mut line = vec![format!("{} on {}", step.effect, step.target)];
    if step.attempts > 1 {
        line.push(format!("{} attempts", step.attempts));
    }
    line.extend(step.exit_code.map(|code| format!("exit code {code}")));
    line.extend(step.approved.as_ref().map(|by| format!("approved by {} ({})", by.who, by.how)));
    line.extend(step.done_by.as_ref().map(|by| format!("done by {} ({})", by.who, by.how)));
    let _ = writeln!(body, "<p class=\"muted small\">{}</p>", html(&line.join(" · ")));
    if !step.checks.is_empty() {
        body.push_str("<ul class=\"plain small\">\n");
        for check in &step.checks {
            let (class, mark) = match (check.passed, check.warn_only) {
                (true, _) => ("good", "holds"),
                (false, true) => ("warn", "does not hold"),
                (false, false) => ("bad", "does not hold"),
            };
            let why = check.reason.as_deref().map_or_else(String::new, |why| format!(": {}", html(why)));
            let tries = if check.tries > 1 {
                format!(" <span class=\"muted\">({} tries)</span>", check.tries)
            } else {
                String::new()
            };
            let _ = writeln!(
                body,
                "<li><span class=\"badge {class}\">{mark}</span> {}{why}{tries}</li>",
                html(&check.title)
            );
        }
        body.push_str("</ul>\n");
    }
    for (label, text) in [("Standard error", &step.stderr), ("Output", &step.stdout)] {
        if !text.trim().is_empty() {
            let open = if step.tone.class() == "bad" || text.lines().count() <= 4 { " open" } else { "" };
            let _ = writeln!(
                body,
                "<details{open}><summary class=\"small\">{label}, {}</summary><pre>{}</pre></details>",
                match text.trim_end().lines().count() {
                    1 => "1 line".to_owned(),
                    lines => format!("{lines} lines"),
                },
                html(text.trim_end())
            );
        }
    }
    if !step.outputs.is_empty() {
        facts(&step.outputs, body);
    }
    body.push_str("</section>\n");
}

fn log(report: &Report, body: &mut String) {
    body.push_str("<h2>Log</h2>\n<table><tr><th>When</th><th>Step</th><th>What</th><th>Who</th></tr>\n");
    for line in &report.log {
        let key = line.key.as_deref().map_or_else(String::new, |key| format!("<code>{}</code>", html(key)));
        let _ = writeln!(
            body,
            "<tr><td class=\"time\">{}</td><td>{key}</td><td><span class=\"{}\" style=\"color:var(--tone)\">●</span> {}</td><td>{}</td></tr>",
            report.clock(line.at),
            line.tone.class(),
            html(&line.text),
            html(line.who.as_deref().unwrap_or_default())
        );
    }
    body.push_str("</table>\n");
}
