//! People: who they are, how they are reached, when they are told.

use super::book::LABELS;
use super::shape::{ENV, Shape};
use super::{Key, Place, key};

/// One or several names.
const RECIPIENTS: Shape = Shape::Either(&[Shape::Text, Shape::Items(&Shape::Text)]);

const CONTACT: &[Key] = &[
    key("role", Shape::Text, "What the person or team does.", "role: On-call engineer"),
    key("name", Shape::Text, "The name of the person or the team.", "name: Анна"),
    key("channel", Shape::Text, "The channel through which they are told.", "channel: oncall"),
    key("phone", Shape::Text, "A telephone number.", "phone: \"+7 000 000-00-00\""),
    key("email", Shape::Text, "An address for mail.", "email: oncall@example.net"),
    key("handle", Shape::Text, "A name in a messenger.", "handle: \"@oncall\""),
    key("labels", LABELS, "Free labels.", "labels: {team: sales}"),
];

const CHANNEL: &[Key] = &[
    key(
        "command",
        Shape::Items(&Shape::Template),
        "A command on the engine's machine. It gets the message on standard input, and in `RUNBOOK_MESSAGE`.",
        "command: [sendmail, oncall@example.net]",
    ),
    key(
        "file",
        Shape::Template,
        "A file on the engine's machine to which a line is added.",
        "file: /var/log/runbook/told.log",
    ),
    key(
        "http",
        Shape::Any,
        "A request with `post` or `put`.",
        "http: {post: \"https://chat.example.net/hook\", json: {text: '${{ message }}'}}",
    ),
    key(
        "env",
        ENV,
        "Environment variables of the command. A secret may stand there.",
        "command: [notify]\nenv: {ROOM: ops}",
    ),
    key("timeout", Shape::Duration, "How long the channel may take.", "file: told.log\ntimeout: 10s")
        .default("30s"),
];

const NOTIFY: &[Key] = &[
    key("to", RECIPIENTS, "Who is told: contacts or channels.", "to: oncall\nmessage: Begun").required(),
    key("message", Shape::Template, "What they are told.", "to: oncall\nmessage: Begun").required(),
    key("subject", Shape::Template, "A line above it.", "to: oncall\nmessage: Begun\nsubject: Deploy"),
];

const ESCALATION: &[Key] = &[
    key(
        "clock",
        Shape::Either(&[Shape::Text, Shape::Place("escalation.clock")]),
        "When the time begins: with the run, or at the point in time that an input holds.",
        "clock: run",
    )
    .default("run"),
    key("until", Shape::Expression, "Nobody is told any more once this holds.", "until: run.progress"),
    key(
        "levels",
        Shape::Items(&Shape::Place("escalation.level")),
        "Who is told after which time.",
        "levels: [{after: 15m, to: oncall}]",
    )
    .required(),
];

const CLOCK: &[Key] =
    &[key("input", Shape::Text, "The input with the point in time.", "input: incident_started").required()];

const LEVEL: &[Key] = &[
    key("after", Shape::Duration, "How long after the beginning.", "after: 15m").required(),
    key("to", RECIPIENTS, "Who is told: contacts or channels.", "to: oncall").required(),
    key("unless", Shape::Expression, "The level is held back while this holds.", "unless: run.progress"),
    key("require", Shape::Text, "What is due from then on, for people.", "require: postmortem"),
    key(
        "message",
        Shape::Template,
        "What they are told, when it is not what the engine writes.",
        "message: Still down",
    ),
];

/// Places of this part of the language.
pub(super) const PLACES: &[Place] = &[
    Place::new("contact", "a contact", "A person or a team.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\ninputs: {incident_started: {type: string, default: \"2026-01-01T00:00:00Z\"}}\nchannels: {oncall: {file: told.log}}\nsteps: [{run: [\"true\"]}]\ncontacts:\n  L1:\n    @@\n", CONTACT),
    Place::new("channel", "a channel", "A way to reach people.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\ninputs: {incident_started: {type: string, default: \"2026-01-01T00:00:00Z\"}}\nsteps: [{run: [\"true\"]}]\nchannels:\n  other:\n    @@\n", CHANNEL)
        .one_of(&["command", "file", "http"]),
    Place::new("notify", "`notify`", "Who is told what. A channel that fails never stops a run.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\ninputs: {incident_started: {type: string, default: \"2026-01-01T00:00:00Z\"}}\nchannels: {oncall: {file: told.log}}\nsteps:\n  - notify:\n      @@\n", NOTIFY)
        .fill(&[("to", "to: oncall"), ("message", "message: Begun")]),
    Place::new("escalation", "`escalation`", "Timers beside the steps.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\ninputs: {incident_started: {type: string, default: \"2026-01-01T00:00:00Z\"}}\nchannels: {oncall: {file: told.log}}\nsteps: [{run: [\"true\"]}]\nescalation:\n  @@\n", ESCALATION)
        .fill(&[("levels", "levels: [{after: 1h, to: oncall}]")]),
    Place::new("escalation.clock", "`clock`", "When the time of an escalation begins.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\ninputs: {incident_started: {type: string, default: \"2026-01-01T00:00:00Z\"}}\nchannels: {oncall: {file: told.log}}\nsteps: [{run: [\"true\"]}]\nescalation:\n  levels: [{after: 1h, to: oncall}]\n  clock:\n    @@\n", CLOCK)
        .fill(&[("input", "input: incident_started")]),
    Place::new("escalation.level", "a level", "Who is told after some time.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\ninputs: {incident_started: {type: string, default: \"2026-01-01T00:00:00Z\"}}\nchannels: {oncall: {file: told.log}}\nsteps: [{run: [\"true\"]}]\nescalation:\n  levels:\n    - @@\n", LEVEL)
        .fill(&[("after", "after: 1h"), ("to", "to: oncall")]),
];
