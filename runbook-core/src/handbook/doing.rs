//! What a person does to do what an action does.

use super::checks::{Task, tasks};
use super::fill::Fill;
use crate::model::{Action, CustomAction, Each, Link, Over, Share, ValueTemplate};
use crate::shell::quote;
use crate::value::{Value, display};

/// What to do.
#[derive(Clone, Debug)]
pub(super) enum Doing {
    /// Type this.
    Type {
        /// `sh`, `bash`, or nothing.
        language: &'static str,
        text: String,
    },
    /// Do this, tick it off, write it down.
    Manual { instructions: String, checklist: Vec<String>, links: Vec<Link>, fields: Vec<(String, String)> },
    /// A sentence says it.
    Say(String),
    /// Look until all of this holds.
    Await { tasks: Vec<Task>, patience: String },
    /// Compute or compare.
    Lines { what: &'static str, lines: Vec<String> },
    /// Tell somebody.
    Tell { to: String, text: String },
}

pub(super) fn doing(fill: &Fill<'_>, action: &Action) -> Doing {
    match action {
        Action::Run(run) => Doing::Type { language: run.shell.program(), text: fill.command(run) },
        Action::Custom(action) => Doing::Type { language: "sh", text: custom(fill, action) },
        Action::Manual(manual) => Doing::Manual {
            instructions: fill.text(&manual.instructions),
            checklist: manual.checklist.iter().map(|point| fill.text(point)).collect(),
            links: manual.links.clone(),
            fields: manual
                .fields
                .iter()
                .map(|field| (field.name.value.clone(), field.description.clone().unwrap_or_default()))
                .collect(),
        },
        Action::Wait(pause) => Doing::Say(format!("Wait {pause}.")),
        Action::WaitFor(wait) => Doing::Await {
            tasks: tasks(fill, &wait.checks),
            patience: format!("Look every {}, for at most {}.", wait.every, wait.within),
        },
        Action::Assert(assertions) => Doing::Lines {
            what: "Go on only when this holds",
            lines: assertions
                .iter()
                .map(|one| {
                    let message =
                        one.message.as_ref().map(|message| format!(" (else: {})", fill.text(message)));
                    format!("{}{}", fill.expression(&one.that), message.unwrap_or_default())
                })
                .collect(),
        },
        Action::Set(values) => Doing::Lines {
            what: "Write down",
            lines: values.iter().map(|(name, value)| format!("{name} = {}", fill.value(value))).collect(),
        },
        Action::Notify(notify) => {
            let to: Vec<&str> = notify.to.iter().map(|to| to.value.as_str()).collect();
            let subject = notify.subject.as_ref().map(|subject| format!("{}\n\n", fill.text(subject)));
            let text = format!("{}{}", subject.unwrap_or_default(), fill.text(&notify.message));
            Doing::Tell { to: to.join(", "), text }
        }
        Action::Group { parallel: false } => Doing::Say("Do the following, one after the other.".to_owned()),
        Action::Group { parallel: true } => {
            Doing::Say("Do the following; the order does not matter.".to_owned())
        }
        Action::Choose => Doing::Say("Do the first of these that applies, and leave the others.".to_owned()),
        Action::Remedies(remedies) => Doing::Await {
            tasks: tasks(fill, &remedies.goal),
            patience:
                "Look first: when it holds, nothing is to be done. Else try the following one after the \
                       other, and look again after each; stop as soon as it holds."
                    .to_owned(),
        },
        Action::Each(each) => Doing::Say(repeat(fill, each)),
        Action::Call(call) => {
            let with: Vec<String> = call
                .with
                .iter()
                .map(|(name, value)| format!("{} = {}", name.value, fill.value(value)))
                .collect();
            let with = if with.is_empty() { String::new() } else { format!(" with {}", with.join(", ")) };
            Doing::Say(format!("Follow the procedure “{}”{with}.", call.procedure.value))
        }
    }
}

fn repeat(fill: &Fill<'_>, each: &Each) -> String {
    let over = match &each.over {
        Over::Items(items) => format!("for each of {}", fill.value(items)),
        Over::Targets(targets) => format!("on each of {}", targets.join(", ")),
    };
    let pace = match (&each.rollout, each.parallel) {
        (Some(rollout), _) => {
            let batches: Vec<String> = rollout.batches.iter().map(ToString::to_string).collect();
            let pause =
                rollout.pause.map_or_else(String::new, |pause| format!(", with {pause} between them"));
            format!(", in batches of {}{pause}", batches.join(", "))
        }
        (None, Some(1)) => ", one after the other".to_owned(),
        (None, Some(many)) => format!(", {many} at a time"),
        (None, None) => String::new(),
    };
    let stop = match each.max_failures {
        Share::Count(0) | Share::Percent(0) => "Stop at the first failure.".to_owned(),
        share => format!("Stop after more than {share} failures."),
    };
    format!("Repeat the following {over}{pace}. {stop}")
}

/// What a person types for an executor's action.
pub(super) fn custom(fill: &Fill<'_>, action: &CustomAction) -> String {
    let params: Vec<(String, String)> = match &action.params {
        ValueTemplate::Map(entries) => {
            entries.iter().map(|(key, value)| (key.clone(), fill.value(value))).collect()
        }
        ValueTemplate::Value(Value::Object(object)) => {
            object.iter().map(|(key, value)| (key.clone(), display(value))).collect()
        }
        other => vec![(String::new(), fill.value(other))],
    };
    let of = |name: &str| params.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    match action.kind.as_str() {
        "http" => request(&params),
        "restore" | "restore_file" => format!("# put back {} as it was", of("path").unwrap_or_default()),
        "docker" | "compose" => {
            let program = if action.kind == "docker" { "docker" } else { "docker compose" };
            let mut words = vec![program.to_owned()];
            for (key, value) in &params {
                words.push(match (words.len(), value.as_str()) {
                    (1, "null" | "none" | "") => key.replace('_', " "),
                    (1, value) => format!("{} {value}", key.replace('_', " ")),
                    _ => format!("# {key}: {value}"),
                });
            }
            let (call, notes): (Vec<String>, Vec<String>) =
                words.into_iter().partition(|word| !word.starts_with('#'));
            std::iter::once(call.join(" ")).chain(notes).collect::<Vec<_>>().join("\n")
        }
        kind => {
            let lines =
                params.iter().map(|(key, value)| format!("#   {key}: {}", value.replace('\n', "\n#     ")));
            std::iter::once(format!("# {kind}:")).chain(lines).collect::<Vec<_>>().join("\n")
        }
    }
}

fn request(params: &[(String, String)]) -> String {
    const METHODS: &[&str] = &["get", "head", "post", "put", "patch", "delete"];
    let mut words = vec!["curl -fsS".to_owned()];
    let mut url = String::new();
    for (key, value) in params {
        match key.as_str() {
            "get" => url.clone_from(value),
            "head" => {
                words.push("-I".to_owned());
                url.clone_from(value);
            }
            method if METHODS.contains(&method) => {
                words.push(format!("-X {}", method.to_uppercase()));
                url.clone_from(value);
            }
            "headers" => words.extend(value.split(", ").map(|header| format!("-H {}", quote(header)))),
            "json" => words.push(format!("--json {}", quote(value))),
            "body" => words.push(format!("--data-binary {}", quote(value))),
            "timeout" => words.push(format!("--max-time {}", value.trim_end_matches('s'))),
            other => words.push(format!("# {other}: {value}")),
        }
    }
    let (mut call, notes): (Vec<String>, Vec<String>) =
        words.into_iter().partition(|word| !word.starts_with("# "));
    call.push(format!("\"{url}\""));
    std::iter::once(call.join(" ")).chain(notes).collect::<Vec<_>>().join("\n")
}
