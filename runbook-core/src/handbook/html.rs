//! The document as one page.

use std::fmt::Write as _;

use super::checks::Task;
use super::doing::Doing;
use super::fill::written;
use super::parts::Part;
use super::{Handbook, InputRow};
use crate::model::{Effect, RollbackMode};
use crate::page::{dag, html, page};

pub(super) fn render(book: &Handbook) -> String {
    let mut body = String::new();
    // Writing into a text cannot fail.
    let _ = writeln!(body, "<h1>{}</h1>\n<p class=\"muted\">{}</p>", html(&book.title), html(&book.name));
    if !book.facts.is_empty() {
        body.push_str("<dl>\n");
        for (name, value) in &book.facts {
            let _ = writeln!(body, "<dt>{name}</dt><dd>{}</dd>", html(value));
        }
        body.push_str("</dl>\n");
    }
    if book.description.is_some() || !book.links.is_empty() {
        body.push_str("<h2>When to use it</h2>\n");
        body.push_str(&prose(book.description.as_deref().unwrap_or_default()));
        links(&book.links, &mut body);
    }
    people(book, &mut body);
    prepare(book, &mut body);
    if !book.shapes.is_empty() {
        let _ = write!(body, "<h2>Overview</h2>\n{}", dag(&book.shapes, "The steps and their order"));
    }
    body.push_str("<h2>Steps</h2>\n");
    book.steps.iter().for_each(|part| one(part, &mut body));
    body.push_str("<h2>When a step fails</h2>\n");
    body.push_str(match book.rollback {
        RollbackMode::Auto => {
            "<p>Stop, and undo what was begun: the step that failed first, then the ones before it, in the reverse \
             of the order in which they were begun, each as its “To undo it” says.</p>\n"
        }
        RollbackMode::Offer => {
            "<p>Stop, and decide with whoever answers for it whether to undo what was begun: the step that failed \
             first, then the ones before it, each as its “To undo it” says.</p>\n"
        }
        RollbackMode::Never => "<p>Stop. Nothing is undone; tell whoever answers for it where it stands.</p>\n",
    });
    book.on_failure.iter().for_each(|part| one(part, &mut body));
    if !book.finally.is_empty() {
        body.push_str("<h2>At the end, whatever happened</h2>\n");
        book.finally.iter().for_each(|part| one(part, &mut body));
    }
    for (name, inputs, steps) in &book.procedures {
        let _ = writeln!(body, "<h2>Procedure: {}</h2>", html(name));
        table(inputs, &mut body);
        steps.iter().for_each(|part| one(part, &mut body));
    }
    if !book.outputs.is_empty() {
        body.push_str("<h2>Results</h2>\n<dl>\n");
        for (name, value) in &book.outputs {
            let _ = writeln!(body, "<dt>{}</dt><dd><code>{}</code></dd>", html(name), html(value));
        }
        body.push_str("</dl>\n");
    }
    let _ = writeln!(
        body,
        "<footer>Written from <code>{0}</code> by <code>runbook docs</code>. Change that file, not this page. When the engine works, use <code>runbook run {0}</code> instead of doing this by hand.</footer>",
        html(&book.file)
    );
    page(&book.title, &body)
}

fn links(links: &[crate::model::Link], body: &mut String) {
    if links.is_empty() {
        return;
    }
    body.push_str("<ul>\n");
    for link in links {
        let is_web = link.url.starts_with("https://") || link.url.starts_with("http://");
        let _ = match is_web {
            true => writeln!(body, "<li><a href=\"{}\">{}</a></li>", html(&link.url), html(&link.title)),
            false => writeln!(body, "<li>{}: <code>{}</code></li>", html(&link.title), html(&link.url)),
        };
    }
    body.push_str("</ul>\n");
}

/// Markdown that people write into descriptions, as far as paragraphs, lists and code go.
fn prose(text: &str) -> String {
    let mut shown = String::new();
    for paragraph in text.trim().split("\n\n").filter(|paragraph| !paragraph.trim().is_empty()) {
        let lines: Vec<&str> = paragraph.lines().map(str::trim).collect();
        let bullet = |line: &&str| line.starts_with("- ") || line.starts_with("* ");
        let number =
            |line: &&str| line.split_once(". ").is_some_and(|(number, _)| number.parse::<u32>().is_ok());
        let (tag, is_item): (&str, &dyn Fn(&&str) -> bool) = match lines.first() {
            Some(line) if bullet(line) => ("ul", &bullet),
            Some(line) if number(line) => ("ol", &number),
            _ => {
                let _ = writeln!(shown, "<p>{}</p>", inline(&lines.join(" ")));
                continue;
            }
        };
        let mut items: Vec<String> = Vec::new();
        for line in &lines {
            match (is_item(line), items.last_mut()) {
                (false, Some(item)) => {
                    item.push(' ');
                    item.push_str(line);
                }
                _ => items.push(line.split_once(' ').map_or("", |(_, rest)| rest).to_owned()),
            }
        }
        let _ = writeln!(shown, "<{tag}>");
        items.iter().for_each(|item| shown.push_str(&format!("<li>{}</li>\n", inline(item))));
        let _ = writeln!(shown, "</{tag}>");
    }
    shown
}

/// `code` in a line.
fn inline(text: &str) -> String {
    let mut shown = String::new();
    for (number, part) in text.split('`').enumerate() {
        match number % 2 {
            0 => shown.push_str(&html(part)),
            _ => shown.push_str(&format!("<code>{}</code>", html(part))),
        }
    }
    shown
}

fn people(book: &Handbook, body: &mut String) {
    if !book.contacts.is_empty() {
        body.push_str("<h2>People</h2>\n<table><tr><th></th><th>Who</th><th>How to reach them</th></tr>\n");
        for one in &book.contacts {
            let _ = writeln!(
                body,
                "<tr><td><strong>{}</strong></td><td>{}</td><td>{}</td></tr>",
                html(&one.id),
                html(&one.who),
                html(&one.reach)
            );
        }
        body.push_str("</table>\n");
    }
    if !book.escalation.is_empty() {
        let _ = writeln!(
            body,
            "<p>Time counts {}.</p>\n<table><tr><th>After</th><th>Tell</th><th>Not when</th><th>Then also</th></tr>",
            html(book.clock.as_deref().unwrap_or_default())
        );
        for level in &book.escalation {
            let unless = if level.unless.is_empty() {
                String::new()
            } else {
                format!("<code>{}</code>", html(&level.unless))
            };
            let _ = writeln!(
                body,
                "<tr><td class=\"time\">{}</td><td>{}</td><td>{unless}</td><td>{}</td></tr>",
                html(&level.after),
                html(&level.to),
                html(&level.require)
            );
        }
        body.push_str("</table>\n");
    }
}

fn prepare(book: &Handbook, body: &mut String) {
    body.push_str("<h2>Before you begin</h2>\n");
    if !book.inputs.is_empty() {
        body.push_str(
            "<p>Know these values; they stand in the commands <span class=\"fill\">like this</span>.</p>\n",
        );
        table(&book.inputs, body);
    }
    let mut list = |intro: &str, entries: &[(String, String)]| {
        if !entries.is_empty() {
            let _ = writeln!(body, "<p>{intro}</p>\n<ul>");
            for (name, what) in entries {
                let _ = writeln!(body, "<li><strong>{}</strong>: {}</li>", html(name), said(what));
            }
            body.push_str("</ul>\n");
        }
    };
    list("Have these secrets at hand, and keep them out of commands that others can see.", &book.secrets);
    list("Work on these machines; what names none is done on your own.", &book.targets);
    body.push_str("<p>Every block of commands must stop at the first one that fails: begin with <code>set -eu</code>.</p>\n");
    if let Some(lock) = &book.lock {
        let _ = writeln!(
            body,
            "<ul class=\"plain\"><li><span class=\"box\"></span>Nobody else is doing this at the same time (<code>{}</code>)</li></ul>",
            said(lock)
        );
    }
    if !book.preconditions.is_empty() {
        body.push_str("<p>Begin only when all of this holds:</p>\n");
        tasks(&book.preconditions, body);
    }
}

fn table(inputs: &[InputRow], body: &mut String) {
    if inputs.is_empty() {
        return;
    }
    body.push_str("<div class=\"scroll\"><table><tr><th>Value</th><th>What it is</th><th>Default</th><th>Takes</th></tr>\n");
    for row in inputs {
        let example = if row.example.is_empty() {
            String::new()
        } else {
            format!("<br><span class=\"muted small\">such as {}</span>", html(&row.example))
        };
        let _ = writeln!(
            body,
            "<tr><td><span class=\"fill mono\">{}</span></td><td>{}</td><td>{}</td><td>{}{example}</td></tr>",
            html(&row.name),
            html(&row.description),
            html(&row.default),
            html(&row.takes)
        );
    }
    body.push_str("</table></div>\n");
}

fn one(part: &Part, body: &mut String) {
    let (class, badge) = match part.effect {
        _ if part.is_manual => ("people", "by hand"),
        _ if part.is_quiet => ("quiet", ""),
        Effect::Read => ("busy", "reads"),
        Effect::Change => ("warn", "changes"),
        Effect::Destroy => ("bad", "destroys"),
    };
    let title = match (part.title.is_empty(), part.id.is_empty()) {
        (false, _) => said(&part.title),
        (true, false) => format!("<code>{}</code>", html(&part.id)),
        (true, true) => "Step".to_owned(),
    };
    let number = if part.number.is_empty() { String::new() } else { format!("{}. ", html(&part.number)) };
    let _ =
        write!(body, "<section class=\"step {class}\"><header><span class=\"name\">{number}{title}</span>");
    if !badge.is_empty() {
        let _ = write!(body, " <span class=\"badge {class}\">{badge}</span>");
    }
    if part.irreversible {
        body.push_str(" <span class=\"badge bad\">point of no return</span>");
    }
    if let Some(target) = &part.target {
        let _ = write!(body, " <span class=\"badge quiet\">on {}</span>", said(target));
    }
    let _ = writeln!(body, "<span class=\"took\">{}</span></header>", html(&part.id));
    body.push_str(&prose(part.description.as_deref().unwrap_or_default()));
    if let Some(when) = &part.when {
        let _ =
            writeln!(body, "<p>Only when <code>{}</code>; otherwise go on to the next step.</p>", html(when));
    }
    block("Skip it when all of this holds already", &part.done_when, body);
    block("Begin it only when", &part.preconditions, body);
    if let Some(gate) = &part.gate {
        let phrase = gate
            .phrase
            .as_ref()
            .map_or_else(String::new, |phrase| format!(" They must say: <code>{}</code>.", said(phrase)));
        let show =
            gate.show.as_ref().map_or_else(String::new, |show| format!("<br>Show them: {}", said(show)));
        let _ = writeln!(
            body,
            "<p class=\"gate\"><span class=\"box\"></span><strong>Ask for a yes:</strong> {}{phrase} Silence is a no.{show}</p>",
            said(&gate.message)
        );
    }
    act(&part.doing, body);
    if let Some(expect) = &part.expect {
        let _ = writeln!(body, "<p>It has worked when {}.</p>", said(expect));
    }
    for (name, how) in &part.outputs {
        let _ = writeln!(
            body,
            "<p>Write down <span class=\"fill mono\">{}</span>, from <code>{}</code>: ________</p>",
            html(name),
            html(how)
        );
    }
    if let Some(label) = &part.evidence {
        let label = if label.is_empty() { String::new() } else { format!(" ({})", html(label)) };
        let _ = writeln!(
            body,
            "<ul class=\"plain\"><li><span class=\"box\"></span>Keep the output for the report{label}</li></ul>"
        );
    }
    part.members.iter().for_each(|member| one(member, body));
    if let Some(settle) = part.settle.as_ref().filter(|_| !part.verify.is_empty()) {
        let _ = writeln!(body, "<p>Wait {}.</p>", html(settle));
    }
    block("Check that it worked", &part.verify, body);
    for (title, steps) in
        [("To undo it", &part.undo), ("Afterwards, whether or not it worked", &part.cleanup)]
    {
        if !steps.is_empty() {
            let _ = writeln!(body, "<p class=\"label\">{title}</p>");
            steps.iter().for_each(|step| one(step, body));
        }
    }
    if !part.notes.is_empty() {
        let _ = writeln!(body, "<p class=\"muted small\">{}</p>", html(&part.notes.join(" · ")));
    }
    body.push_str("</section>\n");
}

fn act(doing: &Doing, body: &mut String) {
    match doing {
        Doing::Type { text, .. } => {
            let _ = writeln!(body, "<pre>{}</pre>", said(text.trim_end()));
        }
        Doing::Manual { instructions, checklist, links: all, fields } => {
            let text = said(instructions.trim());
            text.split("\n\n").for_each(|paragraph| {
                let _ = writeln!(body, "<p>{}</p>", paragraph.replace('\n', "<br>"));
            });
            if !checklist.is_empty() {
                body.push_str("<ul class=\"plain\">\n");
                for point in checklist {
                    let _ = writeln!(body, "<li><span class=\"box\"></span>{}</li>", said(point));
                }
                body.push_str("</ul>\n");
            }
            links(all, body);
            for (name, what) in fields {
                let _ = writeln!(
                    body,
                    "<p>Write down <span class=\"fill mono\">{}</span> {}: ________</p>",
                    html(name),
                    html(what)
                );
            }
        }
        Doing::Say(sentence) => {
            let _ = writeln!(body, "<p>{}</p>", said(sentence));
        }
        Doing::Await { tasks: all, patience } => {
            tasks(all, body);
            let _ = writeln!(body, "<p>{}</p>", said(patience));
        }
        Doing::Lines { what, lines } => {
            let _ = writeln!(body, "<p>{what}:</p>\n<ul>");
            lines.iter().for_each(|line| body.push_str(&format!("<li><code>{}</code></li>\n", said(line))));
            body.push_str("</ul>\n");
        }
        Doing::Tell { to, text } => {
            let _ = writeln!(body, "<p>Tell <strong>{}</strong>:</p>\n<pre>{}</pre>", html(to), said(text));
        }
    }
}

fn block(title: &str, all: &[Task], body: &mut String) {
    if !all.is_empty() {
        let _ = writeln!(body, "<p class=\"label\">{title}</p>");
        tasks(all, body);
    }
}

fn tasks(all: &[Task], body: &mut String) {
    body.push_str("<ul class=\"plain\">\n");
    for task in all {
        let title = match (task.title.is_empty(), &task.command) {
            (false, Some(_)) => {
                format!("{}: <span class=\"muted\">{}</span>", said(&task.title), said(&task.wanted))
            }
            (false, None) => {
                format!("{} <span class=\"muted\">({})</span>", said(&task.title), said(&task.wanted))
            }
            (true, _) => said(&task.wanted),
        };
        let warns = if task.warns { " <span class=\"badge warn\">only a warning</span>" } else { "" };
        let otherwise = if task.otherwise.is_empty() {
            String::new()
        } else {
            format!(" <span class=\"small\">Otherwise: {}.</span>", said(&task.otherwise))
        };
        let command = task
            .command
            .as_ref()
            .map_or_else(String::new, |(_, command)| format!("<pre>{}</pre>", said(command)));
        let _ = writeln!(body, "<li><span class=\"box\"></span>{title}{warns}{otherwise}{command}</li>");
    }
    body.push_str("</ul>\n");
}

/// A text with its places marked.
fn said(text: &str) -> String {
    written(text, |name| format!("<span class=\"fill\">{}</span>", html(name)), html)
}
