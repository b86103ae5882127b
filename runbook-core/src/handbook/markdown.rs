//! The document as Markdown.

use std::fmt::Write as _;

use super::checks::Task;
use super::doing::Doing;
use super::fill::{plain, written};
use super::parts::Part;
use super::picture::mermaid;
use super::{Handbook, InputRow};
use crate::model::RollbackMode;
use crate::page::{cell, code, fence, markdown};

pub(super) fn render(book: &Handbook) -> String {
    let mut text = format!("# {}\n\n", markdown(&book.title));
    // Writing into a text cannot fail.
    let _ = writeln!(
        text,
        "> Written from {} ({}) by `runbook docs`. Change that file, not this page. When the engine works, use\n> {} instead of doing this by hand.\n",
        code(&book.file),
        code(&book.name),
        code(&format!("runbook run {}", book.file))
    );
    if !book.facts.is_empty() {
        text.push_str("| | |\n|---|---|\n");
        book.facts
            .iter()
            .for_each(|(name, value)| text.push_str(&format!("| {name} | {} |\n", markdown(value))));
        text.push('\n');
    }
    if let Some(description) = &book.description {
        let _ = writeln!(text, "## When to use it\n\n{}\n", description.trim());
    }
    for link in &book.links {
        let _ = writeln!(text, "- [{}](<{}>)", markdown(&link.title), destination(&link.url));
    }
    if !book.links.is_empty() {
        text.push('\n');
    }
    people(book, &mut text);
    prepare(book, &mut text);
    if !book.shapes.is_empty() {
        let _ = writeln!(text, "## Overview\n\n{}", fence("mermaid", &mermaid(&book.shapes)));
    }
    text.push_str("## Steps\n\n");
    book.steps.iter().for_each(|part| one(part, 3, &mut text));
    failure(book, &mut text);
    if !book.finally.is_empty() {
        text.push_str("## At the end, whatever happened\n\n");
        book.finally.iter().for_each(|part| one(part, 3, &mut text));
    }
    for (name, inputs, steps) in &book.procedures {
        let _ = writeln!(text, "## Procedure: {}\n", markdown(name));
        table(inputs, &mut text);
        steps.iter().for_each(|part| one(part, 3, &mut text));
    }
    if !book.outputs.is_empty() {
        text.push_str("## Results\n\n");
        book.outputs
            .iter()
            .for_each(|(name, value)| text.push_str(&format!("- {} = {}\n", code(name), code(value))));
        text.push('\n');
    }
    text.trim_end().to_owned() + "\n"
}

fn people(book: &Handbook, text: &mut String) {
    if !book.contacts.is_empty() {
        text.push_str("## People\n\n| | who | how to reach them |\n|---|---|---|\n");
        for one in &book.contacts {
            let _ = writeln!(
                text,
                "| {} | {} | {} |",
                markdown(&one.id),
                markdown(&one.who),
                markdown(&one.reach)
            );
        }
        text.push('\n');
    }
    if !book.escalation.is_empty() {
        let clock = book.clock.as_deref().unwrap_or_default();
        let _ = writeln!(
            text,
            "Time counts {}.\n\n| after | tell | not when | then also |\n|---|---|---|---|",
            markdown(clock)
        );
        for level in &book.escalation {
            let unless = if level.unless.is_empty() { String::new() } else { cell(&level.unless) };
            let _ = writeln!(
                text,
                "| {} | {} | {unless} | {} |",
                markdown(&level.after),
                markdown(&level.to),
                markdown(&level.require)
            );
        }
        text.push('\n');
    }
}

fn prepare(book: &Handbook, text: &mut String) {
    text.push_str("## Before you begin\n\n");
    if !book.inputs.is_empty() {
        text.push_str("Know these values; they stand in the commands as `<name>`.\n\n");
        table(&book.inputs, text);
    }
    if !book.secrets.is_empty() {
        text.push_str("Have these secrets at hand, and keep them out of commands that others can see.\n\n");
        for (name, source) in &book.secrets {
            let _ = writeln!(text, "- {}: {}", code(name), said(source));
        }
        text.push('\n');
    }
    if !book.targets.is_empty() {
        text.push_str("Work on these machines; what names none is done on your own.\n\n");
        for (name, what) in &book.targets {
            let _ = writeln!(text, "- **{}**: {}", markdown(name), said(what));
        }
        text.push('\n');
    }
    text.push_str("Every block of commands must stop at the first one that fails: begin with `set -eu`.\n\n");
    if let Some(lock) = &book.lock {
        let _ = writeln!(text, "- [ ] Nobody else is doing this at the same time ({})", code(&plain(lock)));
    }
    if !book.preconditions.is_empty() {
        text.push_str("\nBegin only when all of this holds:\n\n");
        tasks(&book.preconditions, "", text);
    }
    text.push('\n');
}

fn table(inputs: &[InputRow], text: &mut String) {
    if inputs.is_empty() {
        return;
    }
    text.push_str("| value | what it is | default | takes | your value |\n|---|---|---|---|---|\n");
    for row in inputs {
        let example =
            if row.example.is_empty() { String::new() } else { format!(", such as {}", cell(&row.example)) };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {}{example} | |",
            cell(&format!("<{}>", row.name)),
            markdown(&row.description),
            markdown(&row.default),
            markdown(&row.takes)
        );
    }
    text.push('\n');
}

fn failure(book: &Handbook, text: &mut String) {
    text.push_str("## When a step fails\n\n");
    text.push_str(match book.rollback {
        RollbackMode::Auto => {
            "Stop, and undo what was begun: the step that failed first, then the ones before it, in the reverse of \
             the order in which they were begun, each as its “To undo it” says.\n\n"
        }
        RollbackMode::Offer => {
            "Stop, and decide with whoever answers for it whether to undo what was begun: the step that failed \
             first, then the ones before it, each as its “To undo it” says.\n\n"
        }
        RollbackMode::Never => "Stop. Nothing is undone; tell whoever answers for it where it stands.\n\n",
    });
    book.on_failure.iter().for_each(|part| one(part, 3, text));
}

fn one(part: &Part, level: usize, text: &mut String) {
    let heading = "#".repeat(level.min(6));
    let number = if part.number.is_empty() { String::new() } else { format!("{} ", part.number) };
    let title = match (part.title.is_empty(), part.id.is_empty()) {
        (false, _) => said(&part.title),
        (true, false) => code(&part.id),
        (true, true) => "Step".to_owned(),
    };
    let _ = writeln!(text, "{heading} {number}{title}\n");
    let mut badges = Vec::new();
    if part.is_manual {
        badges.push("by hand".to_owned());
    } else if !part.is_quiet {
        badges.push(part.effect.name().to_owned());
    }
    badges.extend(part.target.iter().map(|target| format!("on {}", said(target))));
    if part.irreversible {
        badges.push("**point of no return**".to_owned());
    }
    if !part.id.is_empty() && !part.title.is_empty() {
        badges.push(code(&part.id));
    }
    badges.extend(part.notes.iter().cloned());
    if !badges.is_empty() {
        let _ = writeln!(text, "*{}*\n", badges.join(" · "));
    }
    if let Some(description) = &part.description {
        let _ = writeln!(text, "{}\n", description.trim());
    }
    if let Some(when) = &part.when {
        let _ = writeln!(text, "Only when {}; otherwise go on to the next step.\n", code(when));
    }
    block("Skip it when all of this holds already", &part.done_when, text);
    block("Begin it only when", &part.preconditions, text);
    if let Some(gate) = &part.gate {
        let phrase = gate
            .phrase
            .as_ref()
            .map_or_else(String::new, |phrase| format!(" They must say: {}.", code(&plain(phrase))));
        let _ = writeln!(text, "> **Ask for a yes:** {}{phrase} Silence is a no.\n", said(&gate.message));
        if let Some(show) = &gate.show {
            let _ = writeln!(text, "> Show them: {}\n", said(show));
        }
    }
    act(&part.doing, text);
    if let Some(expect) = &part.expect {
        let _ = writeln!(text, "It has worked when {}.\n", said(expect));
    }
    if !part.outputs.is_empty() {
        text.push_str("Write down:\n\n");
        part.outputs
            .iter()
            .for_each(|(name, how)| text.push_str(&format!("- {} from {}: ____\n", code(name), code(how))));
        text.push('\n');
    }
    if let Some(label) = &part.evidence {
        let label = if label.is_empty() { String::new() } else { format!(" ({})", markdown(label)) };
        let _ = writeln!(text, "- [ ] Keep the output for the report{label}\n");
    }
    part.members.iter().for_each(|member| one(member, level + 1, text));
    if let Some(settle) = part.settle.as_ref().filter(|_| !part.verify.is_empty()) {
        let _ = writeln!(text, "Wait {settle}.\n");
    }
    block("Check that it worked", &part.verify, text);
    for (title, steps) in
        [("To undo it", &part.undo), ("Afterwards, whether or not it worked", &part.cleanup)]
    {
        if !steps.is_empty() {
            let _ = writeln!(text, "**{title}:**\n");
            steps.iter().for_each(|step| one(step, level + 1, text));
        }
    }
}

fn act(doing: &Doing, text: &mut String) {
    match doing {
        Doing::Type { language, text: command } => {
            let _ = writeln!(text, "{}", fence(language, &plain(command)));
        }
        Doing::Manual { instructions, checklist, links, fields } => {
            let _ = writeln!(text, "{}\n", plain(instructions).trim());
            checklist.iter().for_each(|point| text.push_str(&format!("- [ ] {}\n", said(point))));
            for link in links {
                let _ = writeln!(text, "- [{}](<{}>)", markdown(&link.title), destination(&link.url));
            }
            for (name, what) in fields {
                let _ = writeln!(text, "- {} {}: ____", code(name), markdown(what));
            }
            if !(checklist.is_empty() && links.is_empty() && fields.is_empty()) {
                text.push('\n');
            }
        }
        Doing::Say(sentence) => {
            let _ = writeln!(text, "{}\n", said(sentence));
        }
        Doing::Await { tasks: all, patience } => {
            tasks(all, "", text);
            let _ = writeln!(text, "\n{}\n", said(patience));
        }
        Doing::Lines { what, lines } => {
            let _ = writeln!(text, "{what}:\n");
            lines.iter().for_each(|line| text.push_str(&format!("- {}\n", code(&plain(line)))));
            text.push('\n');
        }
        Doing::Tell { to, text: message } => {
            let _ = writeln!(text, "Tell {}:\n\n{}", markdown(to), fence("", &plain(message)));
        }
    }
}

fn block(title: &str, all: &[Task], text: &mut String) {
    if !all.is_empty() {
        let _ = writeln!(text, "{title}:\n");
        tasks(all, "", text);
        text.push('\n');
    }
}

fn tasks(all: &[Task], indent: &str, text: &mut String) {
    for task in all {
        let wanted = said(&task.wanted);
        let title = match (task.title.is_empty(), &task.command) {
            (false, Some(_)) => format!("{}: {wanted}", said(&task.title)),
            (false, None) => format!("{} ({wanted})", said(&task.title)),
            (true, _) => wanted,
        };
        let warns = if task.warns { " (only a warning)" } else { "" };
        let otherwise = if task.otherwise.is_empty() {
            String::new()
        } else {
            format!(" — otherwise: {}", said(&task.otherwise))
        };
        let _ = writeln!(text, "{indent}- [ ] {title}{warns}{otherwise}");
        if let Some((language, command)) = &task.command {
            text.push('\n');
            fence(language, &plain(command))
                .lines()
                .for_each(|line| text.push_str(&format!("{indent}  {line}\n")));
            text.push('\n');
        }
    }
}

/// A URL between angle brackets.
fn destination(url: &str) -> String {
    url.replace('<', "%3C").replace('>', "%3E").replace('\n', "")
}

/// A text with its places as code.
fn said(text: &str) -> String {
    written(
        text,
        |name| code(&format!("<{name}>")),
        |text| {
            let escaped = markdown(text);
            // Spaces between the text and its places stay.
            let before = if text.starts_with(char::is_whitespace) { " " } else { "" };
            let after = if text.ends_with(char::is_whitespace) && !escaped.is_empty() { " " } else { "" };
            format!("{before}{escaped}{after}")
        },
    )
    .trim()
    .to_owned()
}
