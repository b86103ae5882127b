//! Lints that can be silenced, each with a reason.

use super::shape::Shape;
use super::{Key, Place, key};

const LINT_EXCEPTIONS: &[Key] = &[
    key(
        "no_verify",
        Shape::Text,
        "A change that nothing verifies (RB0901).",
        "no_verify: the supervisor reports it",
    ),
    key(
        "no_undo",
        Shape::Text,
        "A change that nothing undoes and that is no point of no return (RB0902).",
        "no_undo: the next run overwrites it",
    ),
    key(
        "no_confirm",
        Shape::Text,
        "Something is destroyed and nobody is asked (RB0903).",
        "no_confirm: the directory was made by this run",
    ),
    key(
        "no_timeout",
        Shape::Text,
        "A step that may take for ever (RB0904).",
        "no_timeout: nobody knows how long the migration takes",
    ),
    key(
        "endless",
        Shape::Text,
        "A command that follows something and does not end (RB0905).",
        "endless: the operator watches and interrupts",
    ),
    key(
        "sleep",
        Shape::Text,
        "A pause inside a script (RB0906).",
        "sleep: the device needs it between two writes",
    ),
    key(
        "swallowed_status",
        Shape::Text,
        "A failure that the script hides (RB0907).",
        "swallowed_status: an empty cache is fine",
    ),
    key(
        "secret_in_argv",
        Shape::Text,
        "A secret among the arguments of a program (RB0908).",
        "secret_in_argv: a throw-away database of tests",
    ),
    key(
        "unchecked_latest",
        Shape::Text,
        "The newest file is taken without looking whether there is one (RB0909).",
        "unchecked_latest: the script fails on an empty name",
    ),
    key(
        "overwrite_without_copy",
        Shape::Text,
        "A restore that keeps nothing of what it overwrites (RB0910).",
        "overwrite_without_copy: the database is empty",
    ),
    key(
        "unused_input",
        Shape::Text,
        "An input that nothing uses (RB0911).",
        "unused_input: schedulers of the old version give it",
    ),
    key(
        "review_overdue",
        Shape::Text,
        "A review that is overdue (RB0407).",
        "review_overdue: the service ends this month",
    ),
];

/// Places of this part of the language.
pub(super) const PLACES: &[Place] = &[Place::new(
    "lint_exceptions",
    "`lint_exceptions`",
    "What `runbook lint` does not report here, by the name of the lint, each with the reason. An exception that silences nothing is reported itself.",
    "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - run: [\"true\"]\n    lint_exceptions:\n      @@\n",
    LINT_EXCEPTIONS,
)];
