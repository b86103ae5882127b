//! The actions on files.

use super::shape::{Names, Shape};
use super::{Key, Place, key};

const MODE: Key =
    key("mode", Shape::Template, "Its permissions: three or four octal digits, in quotes.", "mode: \"0640\"")
        .default("as it was; for a new file what the system gives");
const OWNER: Key =
    key("owner", Shape::Template, "Who it belongs to: `user` or `user:group`.", "owner: app:app")
        .default("as it was");

const WRITE: &[Key] = &[
    key("path", Shape::Template, "Where the file is on the target.", "path: /etc/app.conf").required(),
    key("content", Shape::Template, "The whole text of the file.", "content: \"port=8080\\n\"").required(),
    MODE,
    OWNER,
];

const LINE: Shape = Shape::Either(&[Shape::Template, Shape::Place("edit.line")]);
const REMOVE: Shape = Shape::Either(&[Shape::Template, Shape::Place("edit.remove")]);
const BLOCK: Shape = Shape::Place("edit.block");
const SCALAR: Shape = Shape::Either(&[Shape::Template, Shape::Number, Shape::Bool]);

const EDIT: &[Key] = &[
    key("path", Shape::Template, "The file on the target.", "path: /opt/app/.env").required(),
    key("create", Shape::Bool, "Whether a file that is not there is made.", "create: true").default("`false`: a missing file is a failure"),
    key("format", Shape::Words(&["env", "ini"]), "What `set` takes the file for: lines `KEY=value`, or keys under sections.", "format: ini").default("what the path suggests"),
    key("quote", Shape::Words(&["auto", "never"]), "How `set` writes values that are not plain words into an env file; `never` is for readers that take everything after `=` for the value.", "quote: never").default("`auto`"),
    key("section", Shape::Template, "The section of an ini file whose keys `set` sets.", "section: server\nset: {port: 8080}").beside(&["set"]),
    key("set", Shape::Map(Names::Any, &Shape::Either(&[SCALAR, Shape::Map(Names::Any, &SCALAR)])), "Keys that shall have these values. In an ini file also sections, each with its keys.", "set: {LOG_LEVEL: debug}"),
    key("line", Shape::Either(&[LINE, Shape::List(&LINE)]), "Lines that shall be there.", "line: vm.swappiness=10"),
    key("remove", Shape::Either(&[REMOVE, Shape::List(&REMOVE)]), "Lines that shall not be there: the text of a whole line, or `{match: pattern}`.", "remove: {match: '^debug'}"),
    key("block", Shape::Either(&[BLOCK, Shape::List(&BLOCK)]), "Blocks of lines that belong to the runbook, between two markers.", "block: {name: limits, content: \"* soft nofile 65536\"}"),
    MODE,
    OWNER,
];

const MATCH: Key = key(
    "match",
    Shape::Template,
    "A regular expression: the one line in which it matches is replaced.",
    "match: '^vm.swappiness'",
);
const INSERT: Key = key(
    "insert",
    Shape::Words(&["end", "start"]),
    "Where it comes when it is not there yet.",
    "insert: start",
)
.default("`end`");
const BEFORE: Key = key(
    "before",
    Shape::Template,
    "A regular expression: it comes before the one line in which this matches.",
    "before: '^\\[other\\]'",
);
const AFTER: Key = key(
    "after",
    Shape::Template,
    "A regular expression: it comes after the one line in which this matches.",
    "after: '^\\[main\\]'",
);

const EDIT_LINE: &[Key] = &[
    key("text", Shape::Template, "The whole line.", "text: vm.swappiness=10").required(),
    MATCH,
    INSERT,
    BEFORE,
    AFTER,
];

const EDIT_REMOVE: &[Key] = &[
    key("text", Shape::Template, "All lines that are exactly this text.", "text: debug=on"),
    key("match", Shape::Template, "All lines in which this regular expression matches.", "match: '^debug'"),
];

const EDIT_BLOCK: &[Key] = &[
    key("name", Shape::Template, "Tells the block from others in the same file.", "name: limits").required(),
    key(
        "content",
        Shape::Template,
        "The lines; an empty text takes the block out.",
        "content: \"* soft nofile 65536\"",
    )
    .required(),
    key("comment", Shape::Template, "What begins a comment in this file, for the markers.", "comment: ;")
        .default("`#`"),
    INSERT,
    BEFORE,
    AFTER,
];

const COPY: &[Key] = &[
    key(
        "from",
        Shape::Template,
        "What is copied: a path on this machine, or `target:/path`.",
        "from: app.conf",
    )
    .required(),
    key(
        "to",
        Shape::Template,
        "Where it goes: a path on the step's target, or `target:/path`.",
        "to: /etc/app.conf",
    )
    .required(),
    MODE,
    OWNER,
    key(
        "backup",
        Shape::Bool,
        "Whether what is replaced is kept, so that `rollback: restore` can put it back.",
        "backup: true",
    )
    .default("`false`"),
];

const EDIT_AROUND: &str =
    "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - edit:\n      @@\n";

/// Places of this part of the language.
pub(super) const PLACES: &[Place] = &[
    Place::new("write", "`write`", "Writes a file. The old one is kept, so that `rollback: restore` can put it back.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - write:\n      @@\n", WRITE)
        .late()
        .fill(&[("path", "path: /etc/app.conf"), ("content", "content: \"port=8080\\n\"")]),
    Place::new("edit", "`edit`", "Changes a file in place, in the order `remove`, `set`, `line`, `block`. The old one is kept, so that `rollback: restore` can put it back.", EDIT_AROUND, EDIT)
        .late()
        .any_of(&["set", "line", "remove", "block"])
        .fill(&[("path", "path: /opt/app/.env"), ("set", "set: {LOG_LEVEL: debug}")]),
    Place::new("edit.line", "a line", "A line that shall be there.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - edit:\n      path: /etc/sysctl.conf\n      line:\n        @@\n", EDIT_LINE)
        .late()
        .fill(&[("text", "text: vm.swappiness=10")]),
    Place::new("edit.remove", "a removal", "Lines that shall not be there.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - edit:\n      path: /etc/app.conf\n      remove:\n        @@\n", EDIT_REMOVE)
        .late()
        .one_of(&["text", "match"]),
    Place::new("edit.block", "a block", "Lines between two markers that belong to the runbook.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - edit:\n      path: /etc/app.conf\n      block:\n        @@\n", EDIT_BLOCK)
        .late()
        .fill(&[("name", "name: limits"), ("content", "content: a line")]),
    Place::new("copy", "`copy`", "Copies a file or a directory, from here to a target or back.", "apiVersion: runbook/v1\nkind: Runbook\nname: example\nsteps:\n  - copy:\n      @@\n", COPY)
        .late()
        .fill(&[("from", "from: app.conf"), ("to", "to: /etc/app.conf")]),
];
