//! A report as Markdown.

use std::fmt::Write as _;

use super::{Report, StepNote, StepReport};
use crate::page::{cell, code, elapsed, fence, markdown};

pub(super) fn render(report: &Report) -> String {
    let title = report.title.as_deref().unwrap_or(&report.runbook);
    let mut text = format!("# {}\n\n**{}**\n\n", markdown(title), markdown(&report.headline.text));
    head(report, &mut text);
    standing(report, &mut text);
    for (name, values) in [("Inputs", &report.inputs), ("Outputs", &report.outputs)] {
        if !values.is_empty() {
            // Writing into a text cannot fail.
            let _ = writeln!(text, "## {name}\n\n| name | value |\n|---|---|");
            for (name, value) in values {
                let _ = writeln!(text, "| {} | {} |", cell(name), markdown(value));
            }
            text.push('\n');
        }
    }
    evidence(report, &mut text);
    decisions(report, &mut text);
    steps(report, &mut text);
    log(report, &mut text);
    text
}

fn head(report: &Report, text: &mut String) {
    let mut rows = vec![("Run", cell(&report.facts.run)), ("Runbook", cell(&report.runbook))];
    rows.extend(report.severity.as_deref().map(|severity| ("Severity", markdown(severity))));
    rows.extend(report.started.map(|at| ("Started", report.at(at))));
    rows.extend(report.updated.map(|at| {
        let took = report.took().map_or_else(String::new, |took| format!(", after {}", elapsed(took)));
        ("Last entry", format!("{}{took}", report.at(at)))
    }));
    if !report.by.is_empty() {
        rows.push(("By", markdown(&report.by.join(", "))));
    }
    rows.extend(report.owner.as_deref().map(|owner| ("Owner", markdown(owner))));
    rows.extend(report.facts.file.as_deref().map(|file| ("File", cell(file))));
    rows.push(("Plan", cell(&report.facts.digest)));
    rows.push(("Times are in", markdown(&report.zone())));
    text.push_str("| | |\n|---|---|\n");
    for (name, value) in rows {
        let _ = writeln!(text, "| {name} | {value} |");
    }
    text.push('\n');
}

fn standing(report: &Report, text: &mut String) {
    let standing = &report.standing;
    let mut section = |name: &str, notes: &[StepNote]| {
        if notes.is_empty() {
            return;
        }
        let _ = writeln!(text, "## {name}\n");
        for note in notes {
            let title =
                if note.title.is_empty() { String::new() } else { format!(" {}", markdown(&note.title)) };
            let said =
                if note.text.is_empty() { String::new() } else { format!(": {}", markdown(&note.text)) };
            let _ = writeln!(text, "- {}{title}{said}", code(&note.key));
            if !note.words.is_empty() {
                let _ = write!(text, "\n{}\n", indented(&fence("", &note.words)));
            }
        }
        text.push('\n');
    };
    section("What happened", &standing.failed);
    section("In doubt or waiting", &standing.waiting);
    section("Stopped", &standing.stopped);
    section("Survived", &standing.survived);
    section("Warnings", &standing.warned);
    section("Undone", &standing.undone);
    section("Undoing failed", &standing.undo_failed);
    section("Not undone", &standing.left);
    if !standing.not_met.is_empty() {
        text.push_str("## Not met\n\n");
        standing.not_met.iter().for_each(|check| text.push_str(&format!("- {}\n", markdown(check))));
        text.push('\n');
    }
    if let Some(why) = &standing.abandoned {
        let _ = writeln!(text, "Given up: {}\n", markdown(why));
    }
    let to_do = standing.to_do(&report.headline);
    if !to_do.is_empty() {
        text.push_str("## Left to do\n\n");
        to_do.iter().for_each(|one| text.push_str(&format!("- {}\n", markdown(one))));
        text.push('\n');
    }
    if !report.facts.next.is_empty() {
        let _ = writeln!(text, "Type next:\n\n{}", fence("sh", &report.facts.next.join("\n")));
    }
}

fn indented(block: &str) -> String {
    block.lines().map(|line| format!("  {line}\n")).collect()
}

fn evidence(report: &Report, text: &mut String) {
    if report.evidence.is_empty() {
        return;
    }
    text.push_str("## Evidence\n\n");
    for one in &report.evidence {
        let at = one.at.map_or_else(String::new, |at| format!(", {}", report.clock(at)));
        let _ = writeln!(
            text,
            "**{}** ({}{at})\n\n{}",
            markdown(&one.label),
            code(&one.key),
            fence("", &one.text)
        );
    }
}

fn decisions(report: &Report, text: &mut String) {
    let decisions: Vec<_> = report.log.iter().filter(|line| line.is_decision).collect();
    if decisions.is_empty() {
        return;
    }
    text.push_str("## Approvals and decisions\n\n| when | who | what |\n|---|---|---|\n");
    for line in decisions {
        let key = line.key.as_deref().map_or_else(String::new, |key| cell(key) + " ");
        let who = line.who.as_deref().unwrap_or("the engine, by its rules");
        let _ = writeln!(
            text,
            "| {} | {} | {key}{} |",
            report.clock(line.at),
            markdown(who),
            markdown(&line.text)
        );
    }
    text.push('\n');
}

fn steps(report: &Report, text: &mut String) {
    text.push_str("## Steps\n\n| step | | status | took | |\n|---|---|---|---|---|\n");
    let shown = |step: &&StepReport| step.reached || step.purpose.is_none();
    for step in report.steps.iter().filter(shown) {
        let took = step.started.zip(step.ended).map(|(from, to)| to.as_millisecond() - from.as_millisecond());
        let about: Vec<String> = step
            .purpose
            .iter()
            .cloned()
            .chain((step.attempts > 1).then(|| format!("{} attempts", step.attempts)))
            .chain(step.approved.as_ref().map(|by| format!("approved by {}", by.who)))
            .chain(step.done_by.as_ref().map(|by| format!("done by {}", by.who)))
            .chain(step.reason.clone())
            .collect();
        let _ = writeln!(
            text,
            "| {}{} | {} | {} | {} | {} |",
            "&nbsp;&nbsp;".repeat(step.depth),
            cell(&step.key),
            markdown(&step.title),
            step.status.replace('_', " "),
            took.map_or_else(String::new, elapsed),
            markdown(&about.join("; "))
        );
    }
    text.push('\n');
}

fn log(report: &Report, text: &mut String) {
    text.push_str("## Log\n\n| when | step | what | who |\n|---|---|---|---|\n");
    for line in &report.log {
        let key = line.key.as_deref().map_or_else(String::new, cell);
        let who = line.who.as_deref().map_or_else(String::new, markdown);
        let _ = writeln!(text, "| {} | {key} | {} | {who} |", report.clock(line.at), markdown(&line.text));
    }
}
