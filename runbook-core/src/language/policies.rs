//! Files of `kind: Policy`, and what runbooks say of policies.

use super::book::{API_VERSION, DESCRIPTION, KIND, TITLE};
use super::{Key, Place, Shape, key};

const EFFECTS: Shape = Shape::List(&Shape::Words(&["read", "change", "destroy"]));
const TEXTS: Shape = Shape::Either(&[Shape::Text, Shape::Items(&Shape::Text)]);

const CONFIRM: Key = key(
    "confirm",
    Shape::Place("policy.confirm"),
    "What people want to be asked about. Each such step gets a gate, unless it or a group around it has one; `--yes` does not cover it.",
    "confirm: {effects: [change, destroy]}",
);
const FORBID: Key = key(
    "forbid",
    Shape::List(&Shape::Place("policy.rule")),
    "What is forbidden, whoever asks for it.",
    "forbid: [{id: no_delete, command: rm, reason: nothing is deleted here}]",
);
const READS: Key = key(
    "reads",
    Shape::Place("policy.reads"),
    "Which requests only read.",
    "reads: {hosts: [api.example.net]}",
);
const UNREADABLE: Key = key(
    "unreadable",
    Shape::Words(&["forbid", "confirm"]),
    "What becomes of commands that cannot be read from the text. Only in force when a rule has `command` or `writes`.",
    "unreadable: confirm",
);

const POLICY: &[Key] = &[
    API_VERSION,
    key("kind", Shape::Words(&["Policy"]), KIND, "kind: Policy").required(),
    key("name", Shape::Text, "What reports call the policy.", "name: production").required(),
    TITLE,
    DESCRIPTION,
    key("owner", Shape::Text, "Who answers for the policy.", "owner: team-sre"),
    CONFIRM,
    FORBID,
    READS,
    UNREADABLE,
];

const INLINE: &[Key] = &[CONFIRM, FORBID, READS, UNREADABLE];

const ASKED: &[Key] =
    &[key("effects", EFFECTS, "Before which effects people are asked.", "effects: [destroy]").required()];

const RULE: &[Key] = &[
    key("id", Shape::Identifier, "What exceptions and reports call the rule.", "id: only_git_pull")
        .required(),
    key(
        "command",
        TEXTS,
        "A pattern of commands, or a list of which one must fit. The first word is the program, further words are operands in this order, words with a dash are options.",
        "command: git (reset|checkout)",
    ),
    key(
        "writes",
        TEXTS,
        "A pattern of paths that are written, moved or deleted, or a list.",
        "writes: /opt/app/.env",
    ),
    key("effect", Shape::Words(&["change", "destroy"]), "At least this effect.", "effect: destroy"),
    key("reason", Shape::Text, "Why, for people.", "reason: only git pull").required(),
    key("overridable", Shape::Bool, "Whether a step may ask for an exception.", "overridable: true")
        .default("`false`"),
    key(
        "match",
        TEXTS,
        "Commands that the rule must forbid; checked whenever the file is read.",
        "match: [git reset --hard]\ncommand: git reset",
    ),
    key(
        "not_match",
        TEXTS,
        "Commands that the rule must not forbid.",
        "not_match: [git pull]\ncommand: git reset",
    ),
];

const OF_READS: &[Key] = &[
    key(
        "hosts",
        TEXTS,
        "Hosts, with a port if only that one is meant, to which a GET only reads.",
        "hosts: [api.example.net]",
    ),
    key(
        "except",
        TEXTS,
        "Paths, with `*` for any text, for which a GET changes something, whichever the host.",
        "except: [\"/bot*/deleteWebhook*\"]",
    ),
];

const EXCEPTION: &[Key] = &[
    key("rule", Shape::Identifier, "The id of the rule.", "rule: no_stop").required(),
    key(
        "reason",
        Shape::Text,
        "Why it does not apply here, for whoever reviews the runbook.",
        "reason: the service is moved",
    )
    .required(),
];

pub(super) const PLACES: &[Place] = &[
    Place::new("policy", "a policy", "What is forbidden, and what people want to be asked about: a file of its own.", "@@\n", POLICY)
        .fill(&[("apiVersion", "apiVersion: runbook/v1"), ("kind", "kind: Policy"), ("name", "name: example")]),
    Place::new("runbook.policy", "`policy`", "A policy for this runbook alone.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\npolicy:\n  @@\nsteps: [{run: [\"true\"], effect: read}]\n", INLINE),
    Place::new("policy.confirm", "`confirm` of a policy", "What people want to be asked about.", "apiVersion: runbook/v1\nkind: Policy\nname: example\nconfirm:\n  @@\n", ASKED).fill(&[("effects", "effects: [destroy]")]),
    Place::new("policy.rule", "a rule", "Something that is forbidden. Everything that it names must be the case.", "apiVersion: runbook/v1\nkind: Policy\nname: example\nforbid:\n  - @@\n", RULE)
        .any_of(&["command", "writes", "effect"])
        .fill(&[("id", "id: example"), ("reason", "reason: an example"), ("command", "command: shred")]),
    Place::new("policy.reads", "`reads`", "Which requests only read.", "apiVersion: runbook/v1\nkind: Policy\nname: example\nreads:\n  @@\n", OF_READS),
    Place::new("policy_exception", "`policy_exception`", "A rule that does not apply to a step. Only where the rule is `overridable`.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\npolicy:\n  forbid:\n    - {id: no_stop, command: systemctl stop, reason: ask first, overridable: true}\nsteps:\n  - run: systemctl stop app\n    policy_exception:\n      @@\n", EXCEPTION)
        .fill(&[("rule", "rule: no_stop"), ("reason", "reason: the service is moved")]),
];
