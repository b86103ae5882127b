//! Steps that decide which other steps run.

use super::shape::{CHECKS, STEPS, Shape};
use super::{Key, Place, key};

const CASE: &[Key] = &[
    key("when", Shape::Expression, "The condition of this case.", "when: run.id == ''"),
    key("otherwise", Shape::Bool, "The last case, which applies when no other does.", "otherwise: true"),
    key("title", Shape::Template, "One line for people.", "title: The disk is full\nwhen: run.id == ''"),
    key("steps", STEPS, "What is done in this case.", "steps: [{run: uptime}]").required(),
];

const REMEDIES: &[Key] = &[
    key(
        "goal",
        CHECKS,
        "Checks that say that the trouble is over. They are asked first, and again after each remedy.",
        "goal: [{run: systemctl is-active app}]",
    )
    .required(),
    key("rungs", STEPS, "The remedies, the mildest first.", "rungs: [{run: systemctl restart app}]")
        .required(),
    key("within", Shape::Duration, "No remedy begins after this time.", "within: 10m").default("no limit"),
    key(
        "on_exhausted",
        STEPS,
        "Steps when no remedy has helped.",
        "on_exhausted: [{manual: Call the on-call engineer}]",
    ),
];

/// Places of this part of the language.
pub(super) const PLACES: &[Place] = &[
    Place::new(
        "case",
        "a case",
        "One row of a decision table.",
        "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - choose:\n      - @@\n",
        CASE,
    )
    .one_of(&["when", "otherwise"])
    .fill(&[("when", "when: run.id == ''"), ("steps", "steps: [{run: [\"true\"]}]")]),
    Place::new(
        "remedies",
        "`remedies`",
        "A ladder of remedies with the goal that they are for.",
        "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - remedies:\n      @@\n",
        REMEDIES,
    )
    .fill(&[("goal", "goal: [{run: uptime}]"), ("rungs", "rungs: [{run: date}]")]),
];
