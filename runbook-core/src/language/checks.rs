//! Checks: what is asked before, after and between actions.

use super::shape::Shape;
use super::step::{BECOME, CWD, SHELL, STDIN, STEP_ENV};
use super::{Key, Place, key};

const CHECK: &[Key] = &[
    key("title", Shape::Template, "One line for people.", "title: The service answers"),
    key("target", Shape::Template, "Where it is asked; one target, not a group.", "target: local")
        .default("where the step acts"),
    key(
        "expect",
        Shape::Either(&[Shape::Expression, Shape::Place("expect")]),
        "What counts as success: an expression over `result`, or matchers by field.",
        "expect: {stdout: active}",
    )
    .default("exit code 0, status 2xx"),
    key(
        "retry",
        Shape::Place("retry"),
        "How it is asked again until it holds.",
        "retry: {every: 2s, within: 60s}",
    )
    .default("`defaults.retry`, else asked once"),
    key("timeout", Shape::Duration, "How long one attempt may take.", "timeout: 5s")
        .default("`defaults.timeout`, else no limit"),
    key(
        "message",
        Shape::Template,
        "What is said when it does not hold.",
        "message: the service does not answer",
    ),
    key(
        "severity",
        Shape::Words(&["error", "warn"]),
        "Whether a failure counts, or is only a warning.",
        "severity: warn",
    )
    .default("`error`"),
    key(
        "effect_because",
        Shape::Text,
        "How its author knows that it only looks, where that cannot be seen of the command.",
        "effect_because: the script only lists\nrun: /opt/app/list.sh",
    ),
    STEP_ENV,
    STDIN,
    CWD,
    SHELL,
    BECOME,
    key(
        "run",
        Shape::Either(&[Shape::Template, Shape::Items(&Shape::Template)]),
        "A command that only looks.",
        "run: systemctl is-active app",
    ),
    key("tcp", Shape::Place("tcp"), "Whether something accepts connections.", "tcp: {port: 5432}"),
    key(
        "file",
        Shape::Either(&[Shape::Template, Shape::Place("file")]),
        "What a file must be; a text is the path of a file that must exist.",
        "file: {path: /var/backups/last.tar.gz, newer_than: 24h}",
    ),
    key(
        "http",
        Shape::Place("http"),
        "A request that only looks.",
        "http: {get: \"https://app.example.net/health\"}",
    ),
    key("docker", Shape::Place("docker"), "A look at the container engine.", "docker: {inspect: worker}"),
    key(
        "compose",
        Shape::Place("compose"),
        "A look at the services of a Compose project.",
        "compose: {ps: }",
    ),
];

const TCP: &[Key] = &[
    key("host", Shape::Template, "The host, as seen from the target.", "host: db.example.net")
        .default("`localhost`"),
    key("port", Shape::Template, "The port, from 1 to 65535.", "port: 5432").required(),
];

const FILE: &[Key] = &[
    key(
        "path",
        Shape::Template,
        "The path on the target; a relative one begins in its `cwd`.",
        "path: /etc/hostname",
    )
    .required(),
    key("exists", Shape::Bool, "Whether it must be there.", "exists: false").default("`true`"),
    key("newer_than", Shape::Duration, "It was changed within this time.", "newer_than: 24h"),
    key(
        "min_size",
        Shape::Size,
        "It has at least so many bytes: `1000`, `64kB`, `1.5GB`, `10 MiB`.",
        "min_size: 64kB",
    ),
];

/// Places of this part of the language.
pub(super) const PLACES: &[Place] = &[
    Place::new("check", "a check", "A question about the world; it must not change anything. A text is an expression.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - run: [\"true\"]\n    verify:\n      - @@\n", CHECK)
        .one_of(&["run", "tcp", "file", "http", "docker", "compose"])
        .open()
        .fill(&[("run", "run: uptime")]),
    Place::new("tcp", "`tcp`", "Whether something accepts connections.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - run: [\"true\"]\n    verify:\n      - tcp:\n          @@\n", TCP)
        .fill(&[("port", "port: 5432")]),
    Place::new("file", "`file`", "What a file must be.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - run: [\"true\"]\n    verify:\n      - file:\n          @@\n", FILE)
        .fill(&[("path", "path: /etc/hostname")]),
];
