//! Every key of the language, by the place it may stand in, and whether this version carries it out.

/// A key, and whether this version carries it out.
pub(super) type Key = (&'static str, Support);

/// Whether this version carries a key out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Support {
    /// It does.
    Now,
    /// The language has it; this version refuses it rather than ignore it.
    Later,
}

use Support::{Later, Now};

pub(super) const RUNBOOK: &[Key] = &[
    ("apiVersion", Now),
    ("kind", Now),
    ("name", Now),
    ("title", Now),
    ("description", Now),
    ("owner", Now),
    ("labels", Now),
    ("links", Now),
    ("severity", Now),
    ("review_by", Now),
    ("include", Now),
    ("inputs", Now),
    ("vars", Now),
    ("secrets", Now),
    ("targets", Now),
    ("groups", Now),
    ("contacts", Now),
    ("channels", Now),
    ("roles", Now),
    ("policy", Now),
    ("defaults", Now),
    ("lock", Now),
    ("preconditions", Now),
    ("steps", Now),
    ("on_failure", Now),
    ("finally", Now),
    ("procedures", Now),
    ("escalation", Now),
    ("schedule", Now),
    ("outputs", Now),
    ("lint_exceptions", Now),
];

pub(super) const EXCEPTION: &[Key] = &[("rule", Now), ("reason", Now)];

pub(super) const LINK: &[Key] = &[("title", Now), ("url", Now)];

pub(super) const INPUT: &[Key] = &[
    ("type", Now),
    ("default", Now),
    ("required", Now),
    ("description", Now),
    ("options", Now),
    ("pattern", Now),
    ("min", Now),
    ("max", Now),
    ("example", Now),
    ("sensitive", Now),
];

pub(super) const DEFAULTS: &[Key] = &[
    ("target", Now),
    ("timeout", Now),
    ("retry", Now),
    ("shell", Now),
    ("env", Now),
    ("cwd", Now),
    ("become", Now),
];

pub(super) const SCHEDULE: &[Key] = &[("cron", Now), ("timezone", Now)];

pub(super) const BECOME: &[Key] = &[("user", Now), ("method", Now), ("password", Now)];

pub(super) const LOCK: &[Key] = &[("key", Now), ("on_conflict", Now)];

pub(super) const BOOK_FAILURE: &[Key] = &[("rollback", Now), ("steps", Now)];

pub(super) const INVENTORY: &[Key] = &[
    ("apiVersion", Now),
    ("kind", Now),
    ("name", Now),
    ("title", Now),
    ("description", Now),
    ("include", Now),
    ("vars", Now),
    ("secrets", Now),
    ("targets", Now),
    ("groups", Now),
    ("contacts", Now),
    ("channels", Now),
    ("roles", Now),
    ("policy", Now),
];

pub(super) const SECRET: &[Key] = &[("env", Now), ("file", Now), ("command", Now), ("prompt", Now)];

pub(super) const CONTACT: &[Key] = &[
    ("role", Now),
    ("name", Now),
    ("channel", Now),
    ("phone", Now),
    ("email", Now),
    ("handle", Now),
    ("labels", Now),
];

pub(super) const CHANNEL: &[Key] = &[("command", Now), ("file", Now), ("env", Now), ("timeout", Now)];

/// The channels of executors that belong to the project.
pub(super) const CHANNEL_KINDS: &[Key] = &[("http", Now)];

pub(super) const ESCALATION: &[Key] = &[("clock", Now), ("until", Now), ("levels", Now)];

pub(super) const CLOCK: &[Key] = &[("input", Now)];

pub(super) const LEVEL: &[Key] =
    &[("after", Now), ("to", Now), ("unless", Now), ("require", Now), ("message", Now)];

pub(super) const NOTIFY: &[Key] = &[("to", Now), ("message", Now), ("subject", Now)];

pub(super) const TARGET: &[Key] = &[("title", Now), ("cwd", Now), ("vars", Now), ("become", Later)];

/// The kinds of targets that belong to the project; executors may add others.
pub(super) const TARGET_KINDS: &[Key] = &[("local", Now), ("ssh", Now), ("container", Now), ("service", Now)];

pub(super) const PROCEDURE: &[Key] =
    &[("title", Now), ("description", Now), ("inputs", Now), ("vars", Now), ("steps", Now), ("outputs", Now)];

pub(super) const CASE: &[Key] = &[("when", Now), ("otherwise", Now), ("title", Now), ("steps", Now)];

pub(super) const REMEDIES: &[Key] = &[("goal", Now), ("rungs", Now), ("within", Now), ("on_exhausted", Now)];

pub(super) const FOR_EACH: &[Key] = &[("item", Now), ("in", Now), ("parallel", Now), ("max_failures", Now)];

pub(super) const ROLLOUT: &[Key] = &[("batch", Now), ("max_failures", Now), ("pause", Now)];

/// Keys of every step, apart from its action.
pub(super) const STEP: &[Key] = &[
    ("id", Now),
    ("title", Now),
    ("description", Now),
    ("labels", Now),
    ("target", Now),
    ("rollout", Now),
    ("effect", Now),
    ("effect_because", Now),
    ("idempotent", Now),
    ("when", Now),
    ("done_when", Now),
    ("preconditions", Now),
    ("needs", Now),
    ("confirm", Now),
    ("env", Now),
    ("stdin", Now),
    ("cwd", Now),
    ("shell", Now),
    ("become", Now),
    ("expect", Now),
    ("retry", Now),
    ("settle", Now),
    ("verify", Now),
    ("rollback", Now),
    ("cleanup", Now),
    ("irreversible", Now),
    ("on_failure", Now),
    ("timeout", Now),
    ("budget", Now),
    ("for_each", Now),
    ("outputs", Now),
    ("evidence", Now),
    ("policy_exception", Now),
    ("lint_exceptions", Now),
    ("with", Now),
];

/// Lints that can be silenced, by name.
pub(super) const LINT_EXCEPTIONS: &[Key] = &[
    ("no_verify", Now),
    ("no_undo", Now),
    ("no_confirm", Now),
    ("no_timeout", Now),
    ("endless", Now),
    ("sleep", Now),
    ("swallowed_status", Now),
    ("secret_in_argv", Now),
    ("unchecked_latest", Now),
    ("overwrite_without_copy", Now),
    ("unused_input", Now),
    ("review_overdue", Now),
];

/// The actions that the core itself carries out or will; executors add theirs.
pub(super) const ACTIONS: &[Key] = &[
    ("run", Now),
    ("manual", Now),
    ("wait", Now),
    ("assert", Now),
    ("set", Now),
    ("steps", Now),
    ("parallel", Now),
    ("copy", Now),
    ("write", Now),
    ("edit", Now),
    ("notify", Now),
    ("call", Now),
    ("choose", Now),
    ("remedies", Now),
];

/// Actions of executors that belong to the project, with the crate that has each.
pub(super) const EXECUTOR_ACTIONS: &[(&str, &str)] =
    &[("http", "runbook-http"), ("docker", "runbook-docker"), ("compose", "runbook-docker")];

/// The same, as keys.
pub(super) const EXECUTORS: &[Key] = &[("http", Now), ("docker", Now), ("compose", Now)];

/// Step keys that only mean something for commands.
pub(super) const COMMAND_ONLY: &[&str] = &["env", "stdin", "cwd", "shell", "become"];

/// Step keys that need an action with a result.
pub(super) const RESULT_ONLY: &[&str] = &["effect", "idempotent", "expect", "retry", "outputs", "evidence"];

pub(super) const CONFIRM: &[Key] = &[
    ("message", Now),
    ("show", Now),
    ("phrase", Now),
    ("roles", Now),
    ("approvers_min", Now),
    ("self", Now),
    ("timeout", Now),
    ("on_timeout", Now),
];

pub(super) const MANUAL: &[Key] = &[
    ("instructions", Now),
    ("checklist", Now),
    ("links", Now),
    ("fields", Now),
    ("roles", Now),
    ("timeout", Now),
];

pub(super) const WAIT: &[Key] = &[("for", Now), ("every", Now), ("within", Now)];

pub(super) const ASSERTION: &[Key] = &[("that", Now), ("message", Now)];

pub(super) const EVIDENCE: &[Key] = &[("label", Now), ("capture", Now)];

pub(super) const RETRY: &[Key] = &[
    ("attempts", Now),
    ("every", Now),
    ("within", Now),
    ("backoff", Now),
    ("max_every", Now),
    ("consecutive", Now),
    ("when", Now),
];

/// Keys of a check, apart from what is asked.
pub(super) const CHECK: &[Key] = &[
    ("title", Now),
    ("target", Now),
    ("expect", Now),
    ("retry", Now),
    ("timeout", Now),
    ("message", Now),
    ("severity", Now),
    ("effect_because", Now),
    ("env", Now),
    ("stdin", Now),
    ("cwd", Now),
    ("shell", Now),
    ("become", Now),
];

pub(super) const QUESTIONS: &[Key] = &[("run", Now), ("tcp", Now), ("file", Now)];

pub(super) const TCP: &[Key] = &[("host", Now), ("port", Now)];

pub(super) const FILE: &[Key] = &[("path", Now), ("exists", Now), ("newer_than", Now), ("min_size", Now)];

pub(super) const TEXT_MATCHER: &[Key] =
    &[("equals", Now), ("contains", Now), ("matches", Now), ("not_matches", Now), ("empty", Now)];

/// Keys of a file of tests, apart from what every test starts from.
pub(super) const SUITE: &[Key] = &[("apiVersion", Now), ("kind", Now), ("runbook", Now), ("tests", Now)];

pub(super) const TEST: &[Key] =
    &[("name", Now), ("description", Now), ("from", Now), ("only", Now), ("expect", Now)];

/// What is given and answered, in one test or in all of a file.
pub(super) const SCRIPT: &[Key] = &[("inputs", Now), ("env", Now), ("answers", Now), ("mocks", Now)];

pub(super) const MOCK: &[Key] = &[
    ("stdout", Now),
    ("stderr", Now),
    ("exit_code", Now),
    ("status", Now),
    ("json", Now),
    ("headers", Now),
    ("body", Now),
    ("fields", Now),
    ("exists", Now),
    ("size", Now),
    ("age", Now),
    ("fail", Now),
    ("lost", Now),
    ("not_started", Now),
    ("timed_out", Now),
    ("delay", Now),
    ("optional", Now),
];

pub(super) const ANSWER: &[Key] = &[("decision", Now), ("after", Now), ("fields", Now), ("note", Now)];

pub(super) const EXPECTED: &[Key] = &[
    ("status", Now),
    ("ran", Now),
    ("not_run", Now),
    ("rolled_back", Now),
    ("order", Now),
    ("steps", Now),
    ("outputs", Now),
    ("gates", Now),
    ("commands", Now),
    ("duration", Now),
    ("notified", Later),
];

pub(super) const EXPECTED_STEP: &[Key] =
    &[("status", Now), ("reason", Now), ("attempts", Now), ("outputs", Now)];

pub(super) const EXPECTED_GATE: &[Key] =
    &[("message", Now), ("action", Now), ("show", Now), ("phrase", Now), ("target", Now), ("effect", Now)];

pub(super) const EXPECTED_DURATION: &[Key] = &[("at_most", Now), ("at_least", Now)];

pub(super) const EXPECTED_TEXT: &[Key] =
    &[("equals", Now), ("contains", Now), ("not_contains", Now), ("matches", Now), ("not_matches", Now)];
