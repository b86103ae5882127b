//! Habits from a terminal that do not do in a runbook.

use super::commands::{ENDLESS, program, unwrapped};
use super::view::{Commanded, View};
use crate::command::{Capture, Invocation, Pipeline, Word};
use crate::diag::{Code, Diagnostic};
use crate::ids::NodeId;
use crate::model::{Expect, StepSpec};

pub(super) fn lint(view: &View<'_>, found: &mut Vec<Diagnostic>) {
    for (id, placed) in view.steps() {
        let limited = view.around(id).any(|step| step.spec.timeout.is_some());
        for command in view.commands(id) {
            if !limited {
                endless(view, command, found);
            }
            sleep(view, command, found);
            swallowed(view, command, found);
            latest(view, id, &placed.step.spec, command, found);
        }
    }
}

fn endless(view: &View<'_>, command: &Commanded<'_>, found: &mut Vec<Diagnostic>) {
    let commands = &command.analysis.commands;
    for follows in commands.iter().filter(|one| ENDLESS.fits(one)) {
        let inside = |outer: &std::ops::Range<usize>| {
            outer.start <= follows.span.start && follows.span.end <= outer.end
        };
        let is_timed = commands.iter().any(|one| one.show().starts_with("timeout ") && inside(&one.span));
        let is_cut = command.outline.pipelines.iter().any(|one| inside(&one.span) && is_cut_short(one));
        if is_timed || is_cut {
            continue;
        }
        let message = format!("`{}` does not end by itself", follows.show());
        found.push(
            Diagnostic::warning(Code::ENDLESS_COMMAND, view.place_in(command, follows.span.clone()), message)
                .help("leave the option that follows away, wait with `wait: {for: …}`, or set a `timeout`"),
        );
    }
}

/// Whether a later command of the pipeline stops reading.
fn is_cut_short(pipeline: &Pipeline) -> bool {
    pipeline.stages.iter().skip(1).any(|stage| match program(stage) {
        "head" => true,
        "grep" => has_flag(stage, 'q') || has_flag(stage, 'm'),
        _ => false,
    })
}

fn has_flag(words: &[Word], flag: char) -> bool {
    let short = |word: &&Word| word.text.starts_with('-') && !word.text.starts_with("--");
    words.iter().skip(1).filter(short).any(|word| word.text.contains(flag))
}

fn sleep(view: &View<'_>, command: &Commanded<'_>, found: &mut Vec<Diagnostic>) {
    let sleeps = |one: &&Invocation| one.show().split(' ').next() == Some("sleep");
    let Some(pause) = command.analysis.commands.iter().find(sleeps) else { return };
    let help = match command.is_check {
        true => "ask again with `retry: {every: …, within: …}`",
        false => {
            "use `settle` after an action, `wait: {for: …}` until something holds, or a step `wait: 30s`"
        }
    };
    let message = format!("`{}` inside a script", pause.show());
    found.push(
        Diagnostic::warning(Code::SLEEP_IN_SCRIPT, view.place_in(command, pause.span.clone()), message)
            .help(help),
    );
}

/// Programs whose failure is an answer.
const ANSWERS: &[&str] = &[
    "[", "[[", "((", "test", "grep", "egrep", "fgrep", "zgrep", "diff", "cmp", "pgrep", "pidof", "expr",
    "let", "read", "command", "type", "which", "hash", "getent", "id", "false",
];

fn swallowed(view: &View<'_>, command: &Commanded<'_>, found: &mut Vec<Diagnostic>) {
    for fallback in command.outline.fallbacks.iter().filter(|fallback| fallback.last) {
        let says_nothing = |words: &[Word]| match words.first().map(|word| word.text.as_str()) {
            Some("true" | ":" | "echo" | "printf") => true,
            Some("exit" | "return") => words.get(1).is_some_and(|code| code.text == "0"),
            _ => false,
        };
        let is_answer = fallback
            .of
            .as_deref()
            .is_some_and(|program| ANSWERS.contains(&program.rsplit('/').next().unwrap_or_default()));
        if !says_nothing(&fallback.by) || is_answer {
            continue;
        }
        let by = fallback.by.first().map_or("", |word| word.text.as_str());
        let of = fallback.of.as_deref().map_or_else(String::new, |program| format!(" of `{program}`"));
        let start = fallback.by.first().map_or(fallback.span.end, |word| word.span.start);
        let end = fallback.by.last().map_or(fallback.span.end, |word| word.span.end);
        let text = command.text.get(..start).unwrap_or_default();
        let start = text.rfind("||").unwrap_or(start);
        found.push(
            Diagnostic::warning(
                Code::STATUS_SWALLOWED,
                view.place_in(command, start..end),
                format!("`|| {by}` hides every failure{of}"),
            )
            .help("name what is no failure: `expect: {exit_code: [0, 1]}`")
            .help("or let it fail: `on_failure: continue`, or `severity: warn` for a check"),
        );
    }
}

fn latest(
    view: &View<'_>,
    id: NodeId,
    spec: &StepSpec,
    command: &Commanded<'_>,
    found: &mut Vec<Diagnostic>,
) {
    for pipeline in command.outline.pipelines.iter().filter(|pipeline| takes_the_newest(pipeline)) {
        let looked_at = match &pipeline.capture {
            Capture::Variable(name) => is_tested(command, name),
            Capture::Word => false,
            Capture::None => !is_used(view, id) || judges_output(spec),
        };
        if looked_at {
            continue;
        }
        let message = "the newest file is taken without looking whether there is one";
        found.push(
            Diagnostic::warning(
                Code::LATEST_UNCHECKED,
                view.place_in(command, pipeline.span.clone()),
                message,
            )
            .note("in an empty directory the pipeline succeeds and yields an empty text")
            .help(match &pipeline.capture {
                Capture::Variable(name) => format!("stop on an empty name: `[ -n \"${name}\" ]`"),
                Capture::Word => "put it into a variable, and stop when that is empty".to_owned(),
                Capture::None => "add `expect: {stdout: {empty: false}}`".to_owned(),
            }),
        );
    }
}

/// `ls -t … | head -1` and its like.
fn takes_the_newest(pipeline: &Pipeline) -> bool {
    let sorts = |stage: &Vec<Word>| match program(stage) {
        "ls" => has_flag(stage, 't') || stage.iter().any(|word| word.text.starts_with("--sort=t")),
        "sort" => true,
        _ => false,
    };
    let lists = |stage: &Vec<Word>| matches!(program(stage), "ls" | "find");
    let Some(first) = pipeline.stages.iter().position(lists) else { return false };
    let rest = &pipeline.stages[first..];
    let Some(sorted) = rest.iter().position(sorts) else { return false };
    rest[sorted..].iter().skip(1).any(|stage| {
        let words: Vec<&str> = unwrapped(stage).iter().map(|word| word.text.as_str()).collect();
        matches!(words.as_slice(), ["head" | "tail", "-1" | "-n1", ..] | ["head" | "tail", "-n", "1", ..])
    })
}

/// Whether the script looks at what is in the variable `name` before it relies on it.
fn is_tested(command: &Commanded<'_>, name: &str) -> bool {
    let names = |words: &[Word]| words.iter().any(|word| word.variables.iter().any(|one| one == name));
    let tests = |pipeline: &Pipeline| {
        pipeline.stages.iter().any(|stage| matches!(program(stage), "[" | "[[" | "test") && names(stage))
    };
    command.outline.pipelines.iter().any(tests)
        || command.text.contains(&format!("${{{name}:?"))
        || command.text.contains(&format!("${{{name}?"))
        || command.text.contains(&format!("case ${name} "))
        || command.text.contains(&format!("case \"${name}\" "))
}

/// Whether another step uses what the step `id` writes.
fn is_used(view: &View<'_>, id: NodeId) -> bool {
    let spec = &view.graph.step(id).step.spec;
    let Some(own) = &spec.id else { return !spec.outputs.is_empty() };
    let mut used = !spec.outputs.is_empty();
    for placed in view.graph.steps() {
        crate::check::of_step(&placed.step.spec, &mut |one| {
            used |= one.expr.references().iter().any(|reference| {
                matches!(&reference.path[..], [root, step, field, ..] if root == "steps" && *step == own.value && field == "stdout")
            });
        });
    }
    used
}

/// Whether a step judges what its command writes.
fn judges_output(spec: &StepSpec) -> bool {
    let expects = spec.expect.as_ref().is_some_and(|expect| match expect {
        Expect::Expr(_) => true,
        Expect::Fields(fields) => fields.iter().any(|(name, _)| name == "stdout"),
    });
    expects || !spec.verify.is_empty()
}
