//! A runbook as a document that people can follow by hand, when the engine itself is down.
//!
//! ```
//! use runbook_core::{handbook::Handbook, kind::Kinds, read};
//!
//! let loaded = read::parse("restart.yaml", "
//! apiVersion: runbook/v1
//! kind: Runbook
//! name: restart
//! inputs: {unit: {type: string}}
//! steps:
//!   - id: restart
//!     run: [systemctl, restart, '${{ inputs.unit }}']
//!     confirm: Restart ${{ inputs.unit }}?
//! ", &Kinds::default());
//! let text = Handbook::of(&loaded.runbook.unwrap(), "restart.yaml").markdown();
//! assert!(text.contains("systemctl restart <unit>"));
//! assert!(text.contains("Ask for a yes"));
//! ```

mod checks;
mod doing;
mod fill;
mod html;
mod markdown;
mod parts;
mod picture;

use crate::model::{EscalationClock, Input, Link, RollbackMode, Runbook, SecretSource};
use crate::page::Shape;
use crate::value::display;
use checks::Task;
use fill::Fill;
use parts::Part;

/// A runbook, ready to be written down.
#[derive(Clone, Debug)]
pub struct Handbook {
    title: String,
    name: String,
    file: String,
    description: Option<String>,
    /// Who and what: a name and a text each.
    facts: Vec<(&'static str, String)>,
    links: Vec<Link>,
    inputs: Vec<InputRow>,
    secrets: Vec<(String, String)>,
    targets: Vec<(String, String)>,
    lock: Option<String>,
    preconditions: Vec<Task>,
    steps: Vec<Part>,
    rollback: RollbackMode,
    on_failure: Vec<Part>,
    finally: Vec<Part>,
    procedures: Vec<(String, Vec<InputRow>, Vec<Part>)>,
    contacts: Vec<ContactRow>,
    escalation: Vec<LevelRow>,
    clock: Option<String>,
    outputs: Vec<(String, String)>,
    shapes: Vec<Shape>,
}

/// What the operator must know before the first step.
#[derive(Clone, Debug)]
struct InputRow {
    name: String,
    description: String,
    /// The default, or that there is none.
    default: String,
    /// What values it takes.
    takes: String,
    example: String,
}

#[derive(Clone, Debug)]
struct ContactRow {
    id: String,
    who: String,
    reach: String,
}

#[derive(Clone, Debug)]
struct LevelRow {
    after: String,
    to: String,
    unless: String,
    require: String,
}

impl Handbook {
    /// The document for `runbook`, which was read from `file`.
    pub fn of(runbook: &Runbook, file: &str) -> Self {
        let fill = Fill::new(runbook);
        let meta = &runbook.meta;
        let mut facts = Vec::new();
        facts.extend(meta.severity.clone().map(|severity| ("Severity", severity)));
        facts.extend(meta.owner.clone().map(|owner| ("Owner", owner)));
        facts.extend(meta.review_by.map(|date| ("To be reviewed by", date.to_string())));
        facts.extend(
            meta.schedule
                .as_ref()
                .map(|schedule| ("Schedule", format!("{} ({})", schedule.cron(), schedule.timezone()))),
        );
        if !meta.labels.is_empty() {
            let labels = meta.labels.iter().map(|(name, label)| format!("{name}: {label}"));
            facts.push(("Labels", labels.collect::<Vec<_>>().join(", ")));
        }
        let parts = |steps: &[crate::model::Step], prefix: &str| parts::of(&fill, steps, prefix);
        let escalation = runbook.escalation.as_ref();
        Handbook {
            title: meta.title.clone().unwrap_or_else(|| meta.name.clone()),
            name: meta.name.clone(),
            file: file.to_owned(),
            description: meta.description.clone(),
            facts,
            links: meta.links.clone(),
            inputs: runbook.inputs.iter().map(input).collect(),
            secrets: runbook
                .secrets
                .iter()
                .map(|(name, source)| (name.value.clone(), secret(&fill, source)))
                .collect(),
            targets: runbook
                .inventory
                .targets
                .iter()
                .map(|target| {
                    let title = target.title.as_ref().map_or_else(String::new, |title| format!("{title}: "));
                    (
                        target.name.value.clone(),
                        format!("{title}{} {}", target.kind, fill.value(&target.params)),
                    )
                })
                .collect(),
            lock: runbook.lock.as_ref().map(|lock| fill.text(&lock.key)),
            preconditions: checks::tasks(&fill, &runbook.preconditions),
            steps: parts(&runbook.steps, ""),
            rollback: runbook.on_failure.rollback,
            on_failure: parts(&runbook.on_failure.steps, ""),
            finally: parts(&runbook.finally, ""),
            procedures: runbook
                .procedures
                .iter()
                .map(|one| {
                    let name = one.title.clone().unwrap_or_else(|| one.name.value.clone());
                    let title =
                        if name == one.name.value { name } else { format!("{name} ({})", one.name.value) };
                    (title, one.inputs.iter().map(input).collect(), parts(&one.steps, ""))
                })
                .collect(),
            contacts: runbook
                .contacts
                .iter()
                .map(|(id, one)| {
                    let who: Vec<String> = one.role.iter().chain(&one.name).cloned().collect();
                    let channel = one.channel.iter().map(|channel| format!("channel {}", channel.value));
                    let ways = one.phone.iter().chain(&one.email).chain(&one.handle).cloned();
                    ContactRow {
                        id: id.value.clone(),
                        who: who.join(", "),
                        reach: ways.chain(channel).collect::<Vec<_>>().join(", "),
                    }
                })
                .collect(),
            escalation: escalation.map_or_else(Vec::new, |escalation| {
                escalation
                    .levels
                    .iter()
                    .map(|level| LevelRow {
                        after: level.after.to_string(),
                        to: level.to.iter().map(|to| to.value.clone()).collect::<Vec<_>>().join(", "),
                        unless: level.unless.as_ref().map(|expr| fill.expression(expr)).unwrap_or_default(),
                        require: level.require.clone().unwrap_or_default(),
                    })
                    .collect()
            }),
            clock: escalation.map(|escalation| match &escalation.clock {
                EscalationClock::Run => "from the beginning of the work".to_owned(),
                EscalationClock::Input(name) => format!("from the time given as {}", name.value),
            }),
            outputs: runbook
                .outputs
                .iter()
                .map(|(name, expr)| (name.value.clone(), fill.expression(expr)))
                .collect(),
            shapes: picture::shapes(runbook, &fill),
        }
    }

    /// As Markdown; the steps are drawn by Mermaid where that is known.
    pub fn markdown(&self) -> String {
        markdown::render(self)
    }

    /// As one page of HTML that needs nothing but itself.
    pub fn html(&self) -> String {
        html::render(self)
    }
}

fn input(input: &Input) -> InputRow {
    let mut takes = vec![input.expected().to_owned()];
    if !input.options.is_empty() {
        takes = vec![input.options.iter().map(display).collect::<Vec<_>>().join(", ")];
    }
    takes.extend(input.pattern.as_ref().map(|pattern| format!("matching {pattern}")));
    takes.extend(input.min.map(|min| format!("at least {min}")));
    takes.extend(input.max.map(|max| format!("at most {max}")));
    InputRow {
        name: input.name.value.clone(),
        description: input.description.clone().unwrap_or_default(),
        default: match &input.default {
            Some(value) => display(value),
            None if input.required => "none: must be given".to_owned(),
            None => "none: may be left out".to_owned(),
        },
        takes: takes.join(", "),
        example: input.example.as_ref().map(display).unwrap_or_default(),
    }
}

fn secret(fill: &Fill<'_>, source: &SecretSource) -> String {
    match source {
        SecretSource::Env(name) => format!("the environment variable {}", fill.text(name)),
        SecretSource::File(path) => format!("the file {}", fill.text(path)),
        SecretSource::Command(argv) => {
            let words: Vec<String> = argv.iter().map(|word| fill.text(word)).collect();
            format!("what this prints: {}", words.join(" "))
        }
        SecretSource::Input(input) => {
            format!("the input {}, which whoever starts it gives", input.name.value)
        }
        SecretSource::Prompt(text) => format!("somebody who knows it ({})", fill.text(text)),
    }
}
