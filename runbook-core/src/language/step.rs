//! A step, and what belongs to every step whatever it does.

use super::shape::{CHECKS, COUNT, ENV, Names, OUTPUTS, STEPS, Shape, VALUES};
use super::{Key, Place, key};

const AROUND: &str = "apiVersion: runbook/v1\nkind: Runbook\nname: example\nchannels: {oncall: {file: told.log}}\nsteps:\n  - @@\n";

/// What a step does: exactly one of these.
const ACTIONS: &[&str] = &[
    "run", "http", "docker", "compose", "copy", "write", "edit", "manual", "wait", "assert", "set", "notify",
    "call", "steps", "parallel", "choose", "remedies",
];

/// Which shell reads scripts, of a step or a check.
pub(super) const SHELL: Key = key(
    "shell",
    Shape::Words(&["sh", "bash"]),
    "Which shell reads the script. Means nothing for a list, which no shell reads.",
    "shell: bash\nrun: uptime",
)
.default("`defaults.shell`, else `sh`")
.beside(&["run"]);
/// Environment variables of a command.
pub(super) const STEP_ENV: Key = key(
    "env",
    ENV,
    "Environment variables of the command, added to those of `defaults`. Secrets may stand here.",
    "env: {LANG: C}",
)
.beside(&["run"]);
/// Standard input of a command.
pub(super) const STDIN: Key = key(
    "stdin",
    Shape::Template,
    "What the command reads from standard input. Secrets may stand here.",
    "stdin: a line of text",
)
.beside(&["run"]);
/// Working directory of a command.
pub(super) const CWD: Key =
    key("cwd", Shape::Template, "The working directory of the command.", "cwd: /opt/app")
        .default("`defaults.cwd`, else that of the target")
        .beside(&["run"]);

/// The user of a command.
pub(super) const BECOME: Key = key(
    "become",
    Shape::Either(&[Shape::Bool, Shape::Place("become")]),
    "As which user the command runs, through `sudo` on the target: `true` is root. Targets of kind `ssh` can do that.",
    "become: true",
)
.default("`defaults.become`, else the target's own user")
.beside(&["run"]);

const BECOME_KEYS: &[Key] = &[
    key("user", Shape::Template, "The user's name.", "user: postgres").default("`root`"),
    key("method", Shape::Words(&["sudo"]), "How to become that user.", "method: sudo").default("`sudo`"),
    key(
        "password",
        Shape::Template,
        "What `sudo` is told when it asks. Secrets may stand here.",
        "password: secret",
    ),
];

const STEP: &[Key] = &[
    key("id", Shape::Identifier, "The step's name in expressions, logs and on command lines: small letters, digits and `_`. A step without one gets a stable name from its place and cannot be referred to.", "id: restart"),
    key("title", Shape::Template, "One line for people.", "title: Restart the service"),
    key("description", Shape::Text, "More for people, in Markdown.", "description: Takes about a minute."),
    key("labels", Shape::Map(Names::Any, &Shape::Text), "Free labels for searching and sorting.", "labels: {part: database}"),
    key("target", Shape::Template, "Where it acts: a target, a group, or an expression that yields a target's name. On a group the step runs on every member.", "target: local").default("`defaults.target`, else `local`"),
    key("rollout", Shape::Place("rollout"), "How a step on a group of targets goes from member to member.", "rollout: {batch: 1}\ntarget: all:local"),
    key("effect", Shape::Words(&["read", "change", "destroy"]), "What the action may do to the world. Checks and rehearsals carry out only what reads; gates, policy and repetition depend on it.", "effect: read").default("`read` for a command that is seen to only look, what an action says of itself, else `change`"),
    key("effect_because", Shape::Text, "Why the effect is less than what the command seems to do. It counts where nothing can be seen of the command; policies go by what is seen.", "effect_because: the script only lists"),
    key("idempotent", Shape::Bool, "Whether the action may be repeated, after a failure, a lost connection or a crash, without doing harm.", "idempotent: true").default("`true` for what only reads"),
    key("when", Shape::Expression, "A condition. When it does not hold the step is skipped, and what depends on it goes on.", "when: run.started != ''"),
    key("done_when", CHECKS, "Checks that say that there is nothing left to do. When all hold the step is skipped; they are asked again when a run is resumed.", "done_when: [{file: /etc/hostname}]"),
    key("preconditions", CHECKS, "Checks before the action. When one does not hold the step is `blocked`, which is a failure with a message of its own.", "preconditions: [{run: test -d /tmp}]"),
    key("needs", Shape::List(&Shape::Text), "The steps it waits for, instead of the one before it; an empty list starts it at once.", "needs: []"),
    key("confirm", Shape::Either(&[Shape::Template, Shape::Place("confirm")]), "A gate: the question that a person must agree to before the action. Silence is never a yes.", "confirm: Restart the service?"),
    STEP_ENV,
    STDIN,
    CWD,
    SHELL,
    BECOME,
    key("expect", Shape::Either(&[Shape::Expression, Shape::Place("expect")]), "What counts as success of the action: an expression over `result`, or matchers by field.", "expect: {exit_code: [0, 1]}").default("exit code 0, status 2xx"),
    key("retry", Shape::Place("retry"), "How the action is tried again after a failure. Refused for an action that may not be repeated.", "retry: {attempts: 3, every: 5s}\neffect: read").default("`defaults.retry` where a repetition does no harm"),
    key("settle", Shape::Duration, "How long to wait between the action and its verification.", "settle: 5s"),
    key("verify", CHECKS, "Checks after the action. The step succeeds only when all hold.", "verify: [{run: uptime}]"),
    key("rollback", Shape::Either(&[STEPS, Shape::Words(&["restore"])]), "Steps that undo this one. They run, last step first, for every step whose action has started. `restore` puts back what `write`, `edit` or `copy` has replaced.", "rollback: [{run: uptime}]"),
    key("cleanup", STEPS, "Steps that run when the group around this step ends, last step first, whether it failed or not, if this step's action has started.", "cleanup: [{run: rm -f /tmp/example.lock}]"),
    key("irreversible", Shape::Bool, "A point of no return: steps before it are not undone any more. Needs a `confirm`.", "irreversible: true\nconfirm: Drop the old table?").default("`false`"),
    key("on_failure", Shape::Words(&["stop", "continue", "ask"]), "What a failure of this step means for the run: stop, go on, or ask a person.", "on_failure: continue").default("`stop`"),
    key("timeout", Shape::Duration, "A hard limit: when it has passed, the action is ended.", "timeout: 2m").default("`defaults.timeout`, else no limit"),
    key("budget", Shape::Duration, "How long the step is expected to take. Longer is a warning, never a failure.", "budget: 30s"),
    key("for_each", Shape::Either(&[Shape::Place("for_each"), Shape::List(&Shape::Any), Shape::Expression]), "Repeats the step for every item of a list, which expressions see as `item`. Results are in `steps.ID.items`.", "for_each: [a, b]\nrun: [echo, \"${{ item }}\"]"),
    key("outputs", OUTPUTS, "Values made of the result, for later steps: `steps.ID.outputs.name`.", "outputs: {load: result.stdout | trim}"),
    key("evidence", Shape::Either(&[Shape::Bool, Shape::Place("evidence")]), "Whether the output goes into the report.", "evidence: true").default("`false`"),
    key("policy_exception", Shape::Place("policy_exception"), "Which rule of the policy does not apply here, and why. Only for rules that are `overridable`.", "policy_exception: {rule: no_stop, reason: asked for}"),
    key("lint_exceptions", Shape::Place("lint_exceptions"), "Lints that say nothing about this step and what belongs to it, each with the reason.", "lint_exceptions: {no_verify: the next run looks at it}"),
    key("with", VALUES, "Inputs of what is called.", "call: probe\nwith: {port: 8080}").beside(&["call"]),
    key("run", Shape::Either(&[Shape::Template, Shape::Items(&Shape::Template)]), "A command. A text is a script for the target's shell, which stops at the first command that fails; a list is a program with its arguments, and no shell reads it.", "run: systemctl restart app"),
    key("http", Shape::Place("http"), "A request to a web server.", "http: {get: \"https://app.example.net/health\"}"),
    key("docker", Shape::Place("docker"), "An operation of the container engine of the target's host.", "docker: {restart: worker, timeout: 10s}"),
    key("compose", Shape::Place("compose"), "A command of Docker Compose on the target's host.", "compose: {up: , wait: true}"),
    key("copy", Shape::Place("copy"), "Copies a file or a directory between this machine and a target.", "copy: {from: app.conf, to: /etc/app.conf, backup: true}"),
    key("write", Shape::Place("write"), "Writes a file.", "write: {path: /etc/app.conf, content: \"port=8080\\n\"}"),
    key("edit", Shape::Place("edit"), "Changes keys, lines and blocks of a file; doing it twice is doing it once.", "edit: {path: /opt/app/.env, set: {LOG_LEVEL: debug}}"),
    key("manual", Shape::Either(&[Shape::Template, Shape::Place("manual")]), "Work for a person, who answers done or failed.", "manual: Switch the traffic over in the balancer"),
    key("wait", Shape::Either(&[Shape::Duration, Shape::Place("wait")]), "Waits for some time, or until checks hold.", "wait: 30s"),
    key("assert", Shape::Either(&[Shape::Place("assert"), Shape::Expression, Shape::Items(&Shape::Either(&[Shape::Place("assert"), Shape::Expression]))]), "Conditions that must hold, or the step fails.", "assert: run.id != ''"),
    key("set", VALUES, "Computes values, which later steps see as `steps.ID.outputs`.", "set: {day: '${{ run.started }}'}"),
    key("notify", Shape::Place("notify"), "Tells people. A channel that fails is a warning, never a failure.", "notify: {to: oncall, message: Begun}"),
    key("call", Shape::Text, "Runs a procedure, or another runbook by its path, in a scope of its own; its declared outputs come back.", "call: probe"),
    key("steps", STEPS, "A group of steps, one after the other.", "steps: [{run: uptime}, {run: date}]"),
    key("parallel", STEPS, "A group of steps that start together.", "parallel: [{run: uptime}, {run: date}]"),
    key("choose", Shape::Items(&Shape::Place("case")), "A decision table: the first case that applies is carried out, the others are skipped.", "choose: [{when: run.id == '', steps: [{run: uptime}]}, {otherwise: true, steps: [{run: date}]}]"),
    key("remedies", Shape::Place("remedies"), "A ladder: remedies are tried one after the other until the goal is reached.", "remedies: {goal: [{run: uptime}], rungs: [{run: date}]}"),
];

const CONFIRM: &[Key] = &[
    key("message", Shape::Template, "The question.", "message: Apply the migrations?").required(),
    key("show", Shape::Template, "What the person looks at before answering.", "show: 'run ${{ run.id }}'"),
    key(
        "phrase",
        Shape::Template,
        "What must be typed to agree. `--yes` is not enough then.",
        "phrase: drop it",
    ),
    key(
        "roles",
        Shape::Either(&[Shape::Text, Shape::List(&Shape::Text)]),
        "Who may answer: people with one of these roles, which the runbook's `roles` names or which are groups of the operating system.",
        "roles: [dba]",
    )
    .default("anybody"),
    key("approvers_min", COUNT, "How many different people must agree. One no is enough to end it.", "approvers_min: 2")
        .default("`1`"),
    key(
        "self",
        Shape::Words(&["allow", "forbid"]),
        "Whether whoever started the run may agree.",
        "self: forbid",
    )
    .default("`forbid` for what destroys, else `allow`"),
    key("timeout", Shape::Duration, "How long the question stays open.", "timeout: 1h").default("for ever"),
    key(
        "on_timeout",
        Shape::Words(&["deny", "fail"]),
        "What an unanswered question means: a no, or a failure.",
        "on_timeout: fail",
    )
    .default("`deny`"),
];

const EXPECT: &[Key] = &[
    key(
        "exit_code",
        Shape::Either(&[Shape::Whole(0, 255), Shape::Items(&Shape::Whole(0, 255))]),
        "The exit code, or the ones that count as success.",
        "exit_code: [0, 1]",
    ),
    key(
        "stdout",
        Shape::Either(&[Shape::Template, Shape::Place("text")]),
        "What standard output must be: a text it equals, or matchers.",
        "stdout: {contains: active}",
    ),
    key(
        "stderr",
        Shape::Either(&[Shape::Template, Shape::Place("text")]),
        "What standard error must be: a text it equals, or matchers.",
        "stderr: {empty: true}",
    ),
];

const TEXT: &[Key] = &[
    key(
        "equals",
        Shape::Template,
        "The text, apart from white space at its ends, is this one.",
        "equals: active",
    ),
    key("contains", Shape::Template, "This text occurs in it.", "contains: ready"),
    key("matches", Shape::Regex, "This regular expression matches somewhere in it.", "matches: '^v2\\.'"),
    key("not_matches", Shape::Regex, "This regular expression matches nowhere in it.", "not_matches: error"),
    key("empty", Shape::Bool, "Whether it is empty.", "empty: true"),
];

const EVIDENCE: &[Key] = &[
    key("label", Shape::Text, "What the report calls it.", "label: Load before the restart"),
    key(
        "capture",
        Shape::Text,
        "What is kept: `stdout`, `stderr`, or one of the step's outputs.",
        "capture: stderr",
    )
    .default("`stdout`"),
];

const RETRY: &[Key] = &[
    key("attempts", COUNT, "How often it is tried at most, the first time included.", "attempts: 5"),
    key("every", Shape::Duration, "The pause between two attempts.", "every: 5s").default("`1s`"),
    key("within", Shape::Duration, "No attempt begins after this time.", "within: 2m"),
    key(
        "backoff",
        Shape::Number,
        "The factor, from 1 to 100, by which each pause is longer than the one before.",
        "backoff: 2",
    )
    .default("`1`"),
    key("max_every", Shape::Duration, "The longest pause.", "max_every: 1m").default("no limit"),
    key("consecutive", COUNT, "How many successes in a row are one success.", "consecutive: 2")
        .default("`1`"),
    key("when", Shape::Expression, "Which failures are tried again.", "when: result.exit_code == 75")
        .default("all"),
];

const FOR_EACH: &[Key] = &[
    key("item", Shape::Identifier, "What expressions call an item, besides `item`.", "item: host")
        .default("`item`"),
    key(
        "in",
        Shape::Either(&[Shape::List(&Shape::Any), Shape::Expression]),
        "The items: a list, or an expression that yields one.",
        "in: [a, b]",
    )
    .required(),
    key("parallel", COUNT, "How many are under way at once.", "parallel: 4").default("`1`"),
    key(
        "max_failures",
        Shape::Share,
        "How many may fail before the rest is left out: a number, or a part such as `25%`.",
        "max_failures: 1",
    )
    .default("`0`"),
];

const ROLLOUT: &[Key] = &[
    key(
        "batch",
        Shape::Either(&[Shape::Share, Shape::Items(&Shape::Share)]),
        "How many members at once: a number, a part such as `25%`, or a list of sizes one after the other.",
        "batch: [1, 25%, 100%]",
    )
    .default("all"),
    key("max_failures", Shape::Share, "How many may fail before the rest is left out.", "max_failures: 1")
        .default("`0`"),
    key("pause", Shape::Duration, "The time between two batches.", "pause: 30s")
        .default("none")
        .beside(&["batch"]),
];

/// Places of this part of the language.
pub(super) const PLACES: &[Place] = &[
    Place::new("step", "a step", "One thing that is done: exactly one action, and what goes with it. The order is `when`, `done_when`, `preconditions`, `confirm`, the action, `expect`, `settle`, `verify`.", AROUND, STEP)
        .one_of(ACTIONS)
        .open()
        .fill(&[("run", "run: [\"true\"]")]),
    Place::new("confirm", "`confirm`", "A gate with more than a question.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - run: [\"true\"]\n    confirm:\n      @@\n", CONFIRM)
        .fill(&[("message", "message: Go on?")]),
    Place::new("expect", "`expect`", "What a result must be, field by field. Executors have fields of their own, such as `status` and `json` of `http`.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - run: [\"true\"]\n    expect:\n      @@\n", EXPECT)
        .open(),
    Place::new("text", "a text matcher", "What a text must be; all that is said must hold.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - run: [\"true\"]\n    expect:\n      stdout:\n        @@\n", TEXT),
    Place::new("evidence", "`evidence`", "What of a result goes into the report.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - run: [\"true\"]\n    evidence:\n      @@\n", EVIDENCE),
    Place::new("become", "`become`", "As which user a command runs.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - run: [\"true\"]\n    become:\n      @@\n", BECOME_KEYS),
    Place::new("retry", "`retry`", "How something is tried again. Without a limit it would go on for ever.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - run: [\"true\"]\n    effect: read\n    retry:\n      @@\n", RETRY)
        .any_of(&["attempts", "within"])
        .fill(&[("attempts", "attempts: 3")]),
    Place::new("for_each", "`for_each`", "Repeats a step.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - run: [\"true\"]\n    for_each:\n      @@\n", FOR_EACH)
        .fill(&[("in", "in: [a, b]")]),
    Place::new("rollout", "`rollout`", "How a step goes through a group of targets.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - run: [\"true\"]\n    target: all:local\n    rollout:\n      @@\n", ROLLOUT)
        .fill(&[("batch", "batch: 1")]),
];
