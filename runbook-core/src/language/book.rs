//! What stands at the top of a file.

use super::shape::{CHECKS, ENV, Names, OUTPUTS, STEPS, Shape, VALUES};
use super::{Key, Place, key};

const HEAD: &str = "@@";
const STEP: (&str, &str) = ("steps", "steps: [{run: [\"true\"], effect: read}]");

pub(super) const API_VERSION: Key = key(
    "apiVersion",
    Shape::Words(&["runbook/v1"]),
    "The version of the language that the file is written in.",
    "apiVersion: runbook/v1",
)
.required();

pub(super) const KIND: &str =
    "What the file is: a runbook, an inventory that runbooks share, a policy or a test.";

pub(super) const TITLE: Key =
    key("title", Shape::Text, "One line for people, in any language.", "title: Roll out a release");
pub(super) const DESCRIPTION: Key = key(
    "description",
    Shape::Text,
    "More for people, in Markdown.",
    "description: What it does, and when to run it.",
);
const INCLUDE: Key = key(
    "include",
    Shape::Either(&[Shape::Text, Shape::List(&Shape::Text)]),
    "Files whose targets, groups, variables, secrets and procedures are shared, with paths relative to this file. A name that is defined twice is an error.",
    "include: [inventory.yaml]",
);
const VARS: Key = key(
    "vars",
    VALUES,
    "Values computed once, in the order written, from `inputs`, `env` and variables before them.",
    "vars: {backup_dir: /var/backups, keep: 7}",
);
const SECRETS: Key = key(
    "secrets",
    Shape::Map(Names::Identifiers, &Shape::Place("secret")),
    "Where values come from that must stay secret. They are asked for as late as possible, never kept, and masked in everything that is shown; they may stand only in `env`, `stdin` and the credentials of requests.",
    "secrets: {token: {env: APP_TOKEN}}",
);
const TARGETS: Key = key(
    "targets",
    Shape::Map(Names::Identifiers, &Shape::Place("target")),
    "Where steps act, by name. The target `local`, the machine that runs the engine, needs no declaration.",
    "targets: {here: {local: {}, cwd: /opt/app}}",
);
const GROUPS: Key = key(
    "groups",
    Shape::Map(Names::Identifiers, &Shape::Either(&[Shape::Text, Shape::List(&Shape::Text)])),
    "Named sets of targets. A member is a target or another group; `web:!web1` is all of `web` without `web1`, `web:&eu` what is in both, `web.first` the first and `web.rest` the others.",
    "groups: {everywhere: [local]}",
);
/// Free labels.
pub(super) const LABELS: Shape = Shape::Map(Names::Any, &Shape::Text);
const CONTACTS: Key = key(
    "contacts",
    Shape::Map(Names::Any, &Shape::Place("contact")),
    "People and teams, by name, for `notify` and `escalation`.",
    "contacts: {L1: {role: On-call engineer}}",
);
const CHANNELS: Key = key(
    "channels",
    Shape::Map(Names::Any, &Shape::Place("channel")),
    "Ways to reach contacts, by name.",
    "channels: {oncall: {file: /var/log/runbook/told.log}}",
);
const ROLES: Key = key(
    "roles",
    Shape::Map(Names::Any, &Shape::Either(&[Shape::Text, Shape::List(&Shape::Text)])),
    "Who has which role at gates and manual steps, by the names they have on the operating system. A role that is not listed here is a group of the operating system.",
    "roles: {dba: [anna, boris]}",
);
const POLICY: Key = key(
    "policy",
    Shape::Place("runbook.policy"),
    "What needs a confirmation and what is forbidden.",
    "policy: {confirm: {effects: [destroy]}}",
);

/// A runbook.
const RUNBOOK: &[Key] = &[
    API_VERSION,
    key("kind", Shape::Words(&["Runbook"]), KIND, "kind: Runbook").required(),
    key("name", Shape::Name, "What the runbook is called on command lines and in logs: small letters, digits, `-`, `_` and `.`.", "name: sales-deploy").required(),
    TITLE,
    DESCRIPTION,
    key("owner", Shape::Text, "Who answers for the runbook.", "owner: team-sales"),
    key("labels", LABELS, "Free labels for searching and sorting.", "labels: {service: sales, kind: deploy}"),
    key("links", Shape::List(&Shape::Place("link")), "Where to look further: dashboards, traces, documents.", "links: [{title: Traces, url: \"https://traces.example.net\"}]"),
    key("severity", Shape::Text, "How bad the incident is that the runbook answers.", "severity: P1"),
    key("review_by", Shape::Date, "The day by which somebody must look at the runbook again. An overdue date is a warning.", "review_by: 2027-01-31"),
    INCLUDE,
    key("inputs", Shape::Map(Names::Identifiers, &Shape::Place("input")), "Values that the operator gives, fixed before the run: with `-i name=value`, `--inputs FILE`, `RUNBOOK_INPUT_NAME`, or when asked on a terminal. Expressions see them as `inputs.name`.", "inputs: {branch: {type: string, default: main}}"),
    VARS,
    SECRETS,
    TARGETS,
    GROUPS,
    CONTACTS,
    CHANNELS,
    ROLES,
    POLICY,
    key("defaults", Shape::Place("defaults"), "Keys that every step starts from; a step's own keys come before them.", "defaults: {timeout: 2m}"),
    key("lock", Shape::Either(&[Shape::Template, Shape::Place("lock")]), "A key: two runs with the same one never overlap. A second run is refused, or waits.", "lock: sales-deploy"),
    key("preconditions", CHECKS, "Checks before anything happens. When one does not hold the run is `blocked`; all that do not hold are listed.", "preconditions: [{run: test -d /tmp, title: The directory is there}]"),
    key("steps", STEPS, "What the runbook does, from top to bottom: a step waits for the one before it, unless it has `needs`.", "steps: [{id: look, run: uptime, effect: read}]").required(),
    key("on_failure", Shape::Place("runbook.on_failure"), "What follows a failure: whether completed work is undone, and steps that look, collect and tell.", "on_failure: {rollback: auto}"),
    key("finally", STEPS, "Steps that run at the end whatever happened. They never change the outcome.", "finally: [{run: uptime, effect: read, evidence: true}]"),
    key("procedures", Shape::Map(Names::Identifiers, &Shape::Either(&[Shape::Place("procedure"), STEPS])), "Lists of steps with inputs of their own, for `call`.", "procedures: {probe: [{run: uptime, effect: read}]}"),
    key("escalation", Shape::Place("escalation"), "Timers beside the steps that tell more people the longer a run takes. They never act on systems.", "channels: {oncall: {file: told.log}}\nescalation: {levels: [{after: 15m, to: oncall}]}"),
    key("schedule", Shape::Place("schedule"), "When the runbook is meant to run. It is checked and shown; existing schedulers do the scheduling, and `runbook schedule` prints what they need.", "schedule: {cron: 30 3 * * *, timezone: Europe/Moscow}"),
    key("outputs", OUTPUTS, "Declared results of the run, computed when it has ended.", "outputs: {started: run.started}"),
    key("lint_exceptions", Shape::Place("lint_exceptions"), "Lints that say nothing about the whole file, each with the reason.", "lint_exceptions: {no_undo: what is written here is thrown away every night}"),
];

/// A file that only others use.
const INVENTORY: &[Key] = &[
    API_VERSION,
    key("kind", Shape::Words(&["Inventory"]), KIND, "kind: Inventory").required(),
    key("name", Shape::Text, "What the inventory is called.", "name: production"),
    TITLE,
    DESCRIPTION,
    INCLUDE,
    VARS,
    SECRETS,
    TARGETS,
    GROUPS,
    CONTACTS,
    CHANNELS,
    ROLES,
    POLICY,
];

const LINK: &[Key] = &[
    key("title", Shape::Text, "What the link is called.", "title: Traces").required(),
    key("url", Shape::Text, "Where it leads.", "url: \"https://traces.example.net\"").required(),
];

const TYPES: &[&str] = &["string", "int", "number", "bool", "enum", "duration", "url", "path", "list"];

const INPUT: &[Key] = &[
    key(
        "type",
        Shape::Words(TYPES),
        "What values it takes. Values from the command line are turned into this type.",
        "type: int",
    )
    .default("`string`, or `enum` when there are `options`"),
    key("default", Shape::Any, "The value when none is given.", "default: main"),
    key("required", Shape::Bool, "Whether a value must be given.", "required: true")
        .default("`true` when there is no `default`"),
    key(
        "description",
        Shape::Text,
        "What it is for; shown when the operator is asked.",
        "description: The branch to roll out",
    ),
    key(
        "options",
        Shape::Either(&[Shape::Items(&Shape::Any), Shape::Expression]),
        "The only values allowed.",
        "options: [staging, production]",
    ),
    key("pattern", Shape::Regex, "A regular expression that the whole text must match.", "pattern: '[a-z]+'"),
    key(
        "min",
        Shape::Number,
        "The smallest number, or the length of the shortest text or list.",
        "min: 1\ntype: int",
    ),
    key(
        "max",
        Shape::Number,
        "The largest number, or the length of the longest text or list.",
        "max: 10\ntype: int",
    ),
    key("example", Shape::Any, "A value to show as an example.", "example: v2.4.1"),
    key(
        "sensitive",
        Shape::Bool,
        "Whether the value is a secret: it may stand where secrets may, is masked everywhere and kept nowhere, so that whoever resumes the run gives it again. Only for texts of the runbook's own `inputs`.",
        "sensitive: true",
    )
    .default("`false`"),
];

const DEFAULTS: &[Key] = &[
    key(
        "target",
        Shape::Template,
        "Where steps and checks act that do not say it themselves.",
        "target: local",
    )
    .default("`local`"),
    key(
        "timeout",
        Shape::Duration,
        "How long an action or check may take that does not say it itself.",
        "timeout: 2m",
    )
    .default("no limit"),
    key(
        "retry",
        Shape::Place("retry"),
        "How actions that may be repeated, and checks, are tried again.",
        "retry: {attempts: 3, every: 2s}",
    )
    .default("one attempt"),
    key("shell", Shape::Words(&["sh", "bash"]), "Which shell reads scripts.", "shell: bash").default("`sh`"),
    key(
        "env",
        ENV,
        "Environment variables of all commands. A step's own come before them.",
        "env: {LANG: C}",
    ),
    key("cwd", Shape::Template, "The working directory of commands.", "cwd: /opt/app"),
    key(
        "become",
        Shape::Either(&[Shape::Bool, Shape::Place("become")]),
        "As which user commands run.",
        "become: true",
    )
    .default("the target's own user"),
];

const LOCK: &[Key] = &[
    key("key", Shape::Template, "Runs with an equal key exclude each other.", "key: deploy-${{ env.HOME }}")
        .required(),
    key(
        "on_conflict",
        Shape::Words(&["fail", "wait"]),
        "What the later run does: `fail` blocks it, `wait` lets it wait until the lock is free.",
        "on_conflict: wait",
    )
    .default("`fail`"),
];

const ON_FAILURE: &[Key] = &[
    key(
        "rollback",
        Shape::Words(&["auto", "offer", "never"]),
        "Whether completed work is undone: at once, when a person agrees, or not at all.",
        "rollback: auto",
    )
    .default("`offer`"),
    key(
        "steps",
        STEPS,
        "Steps that run after a failure, to look, collect and tell.",
        "steps: [{run: uptime, effect: read, evidence: true}]",
    ),
];

const SECRET: &[Key] = &[
    key(
        "env",
        Shape::Template,
        "The environment variable of the engine that holds the value.",
        "env: APP_TOKEN",
    ),
    key("file", Shape::Template, "The file that holds the value.", "file: /run/secrets/token"),
    key(
        "command",
        Shape::Items(&Shape::Template),
        "The program that prints the value, with its arguments; no shell reads it.",
        "command: [pass, show, app/token]",
    ),
    key(
        "prompt",
        Shape::Template,
        "The question to a person at the terminal, who types the value unseen.",
        "prompt: The password of the database",
    ),
];

const TARGET: &[Key] = &[
    key("title", Shape::Text, "One line for people.", "title: The first web server"),
    key("cwd", Shape::Template, "The working directory of commands on the target.", "cwd: /opt/app"),
    key(
        "vars",
        VALUES,
        "Values of the target, which expressions see as `target.vars`.",
        "vars: {weight: 10}",
    ),
    key("become", Shape::Any, "As which user commands run on the target.", "become: true").later(),
    key("local", Shape::Place("local"), "The machine that runs the engine.", "local: {}"),
    key(
        "ssh",
        Shape::Place("ssh"),
        "A host over SSH. Your own configuration, agent, jump hosts and known hosts are used, and host keys are always checked.",
        "ssh: {host: app.example.net, user: deploy}",
    ),
    key(
        "container",
        Shape::Place("container"),
        "A container, by its name.",
        "container: {name: organizer-worker}",
    ),
    key(
        "service",
        Shape::Place("service"),
        "The container of a Compose service.",
        "service: {compose: {project: organizer}, name: api}",
    ),
];

const PROCEDURE: &[Key] = &[
    TITLE,
    DESCRIPTION,
    key(
        "inputs",
        Shape::Map(Names::Identifiers, &Shape::Place("input")),
        "What the caller gives under `with`.",
        "inputs: {port: {type: int, default: 8080}}",
    ),
    key("vars", VALUES, "Values computed when the procedure is called.", "vars: {path: /health}"),
    key(
        "steps",
        STEPS,
        "What it does. Without a `target` of their own its steps act where the caller acts.",
        "steps: [{run: uptime, effect: read}]",
    )
    .required(),
    key(
        "outputs",
        OUTPUTS,
        "What the caller sees under `outputs` of the step that calls.",
        "outputs: {when: run.started}",
    ),
];

const SCHEDULE: &[Key] = &[
    key("cron", Shape::Text, "When, in the five fields of cron (minute, hour, day of the month, month, day of the week) with names, ranges, lists and steps, or one of `@hourly`, `@daily`, `@weekly`, `@monthly` and `@yearly`.", "cron: 30 3 * * 1-5").required(),
    key("timezone", Shape::Text, "The time zone of `cron`, as the tz database names it.", "timezone: Europe/Moscow").default("`UTC`"),
];

/// Places of this part of the language.
pub(super) const PLACES: &[Place] = &[
    Place::new("runbook", "a runbook", "A file of `kind: Runbook`: what is done, where, by whom it is confirmed and how it is undone.", HEAD, RUNBOOK)
        .fill(&[("apiVersion", "apiVersion: runbook/v1"), ("kind", "kind: Runbook"), ("name", "name: example"), STEP]),
    Place::new("inventory", "an inventory", "A file of `kind: Inventory`: targets, groups, variables and secrets that several runbooks include.", HEAD, INVENTORY)
        .fill(&[("apiVersion", "apiVersion: runbook/v1"), ("kind", "kind: Inventory")]),
    Place::new("link", "a link", "Something to look at besides.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nlinks:\n  - @@\nsteps: [{run: [\"true\"], effect: read}]\n", LINK)
        .fill(&[("title", "title: Traces"), ("url", "url: \"https://traces.example.net\"")]),
    Place::new("input", "an input", "A value that a person gives: under `inputs`, or as a field of a manual step.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\ninputs:\n  value:\n    @@\nsteps: [{run: [\"true\"], effect: read}]\n", INPUT),
    Place::new("defaults", "`defaults`", "Keys that every step starts from.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\ndefaults:\n  @@\nsteps: [{run: [\"true\"], effect: read}]\n", DEFAULTS),
    Place::new("lock", "`lock`", "What keeps two runs apart.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nlock:\n  @@\nsteps: [{run: [\"true\"], effect: read}]\n", LOCK)
        .fill(&[("key", "key: deploy")]),
    Place::new("runbook.on_failure", "`on_failure`", "What follows a failure of the runbook's steps.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\non_failure:\n  @@\nsteps: [{run: [\"true\"], effect: read}]\n", ON_FAILURE),
    Place::new("secret", "a secret", "Where one secret value comes from.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsecrets:\n  token:\n    @@\nsteps: [{run: [\"true\"], effect: read}]\n", SECRET)
        .one_of(&["env", "file", "command", "prompt"]),
    Place::new("target", "a target", "A place where steps act: of one kind, with what goes with it.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\ntargets:\n  app:\n    @@\nsteps: [{run: [\"true\"], effect: read}]\n", TARGET)
        .one_of(&["local", "ssh", "container", "service"])
        .fill(&[("local", "local: {}")]),
    Place::new("local", "`local`", "The machine that runs the engine: no keys.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\ntargets: {here: {local: {}}}\nsteps: [{run: [\"true\"], effect: read}]\n", &[]),
    Place::new("procedure", "a procedure", "Steps that are called by name. A procedure without keys of its own is just the list of its steps.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nprocedures:\n  probe:\n    @@\nsteps: [{call: probe}]\n", PROCEDURE)
        .fill(&[("steps", "steps: [{run: [\"true\"], effect: read}]")]),
    Place::new("schedule", "`schedule`", "When the runbook is meant to run.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nschedule:\n  @@\nsteps: [{run: [\"true\"], effect: read}]\n", SCHEDULE)
        .fill(&[("cron", "cron: '@daily'")]),
];
