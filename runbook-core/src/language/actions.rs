//! Actions that the engine itself carries out and that have keys of their own.

use super::shape::{CHECKS, Names, Shape};
use super::{Key, Place, key};

const MANUAL: &[Key] = &[
    key("instructions", Shape::Template, "What to do.", "instructions: Switch the traffic over").required(),
    key(
        "checklist",
        Shape::List(&Shape::Template),
        "Points to tick off one by one.",
        "checklist: [The balancer is drained, The dashboard is green]",
    ),
    key(
        "links",
        Shape::List(&Shape::Place("link")),
        "Where to look further.",
        "instructions: Look at the graph\nlinks: [{title: Graphs, url: \"https://graphs.example.net\"}]",
    ),
    key(
        "fields",
        Shape::Map(Names::Identifiers, &Shape::Place("input")),
        "Values that the person enters; they become the step's outputs.",
        "fields: {ticket: {type: string}}",
    ),
    key(
        "roles",
        Shape::Either(&[Shape::Text, Shape::List(&Shape::Text)]),
        "Who may answer: people with one of these roles, as at a gate.",
        "roles: [dba]",
    )
    .default("anybody"),
    key("timeout", Shape::Duration, "How long the work may take; then the step has failed.", "timeout: 1h")
        .default("for ever"),
];

const WAIT: &[Key] = &[
    key("for", CHECKS, "The checks that must hold.", "for: [{tcp: {port: 5432}}]").required(),
    key("every", Shape::Duration, "The pause between two attempts.", "every: 5s").default("`2s`"),
    key("within", Shape::Duration, "How long to wait at most; then the step fails.", "within: 2m").required(),
];

const ASSERT: &[Key] = &[
    key("that", Shape::Expression, "The condition.", "that: run.id != ''").required(),
    key("message", Shape::Template, "What is said when it does not hold.", "message: the run has no id"),
];

/// Places of this part of the language.
pub(super) const PLACES: &[Place] = &[
    Place::new(
        "manual",
        "`manual`",
        "Work for a person, with points to tick off and values to enter.",
        "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - manual:\n      @@\n",
        MANUAL,
    )
    .fill(&[("instructions", "instructions: Look at the dashboard")]),
    Place::new(
        "wait",
        "`wait`",
        "Waits until checks hold.",
        "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - wait:\n      @@\n",
        WAIT,
    )
    .fill(&[("for", "for: [{tcp: {port: 5432}}]"), ("within", "within: 1m")]),
    Place::new(
        "assert",
        "an assertion",
        "A condition with a message.",
        "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - assert:\n      - @@\n",
        ASSERT,
    )
    .fill(&[("that", "that: run.id != ''")]),
];
