//! Texts with places to fill in.
//!
//! A place stands between two private characters until it is written down, so that each form of the document
//! can show it in its own way.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use regex::Regex;

use crate::expr::{Expr, Piece, Template};
use crate::model::{Action, Check, CheckKind, Command, Procedure, Run, Runbook, Step, ValueTemplate};
use crate::shell::quote;
use crate::value::{Value, display};

/// Where a place begins and ends.
const OPEN: char = '\u{e000}';
const CLOSE: char = '\u{e001}';
/// How deep variables are put in for each other.
const DEEPEST: usize = 8;

/// Puts names where values will stand.
pub(super) struct Fill<'a> {
    vars: HashMap<&'a str, &'a ValueTemplate>,
    /// Environment variables that some script names.
    named: HashSet<&'a str>,
}

impl<'a> Fill<'a> {
    pub(super) fn new(runbook: &'a Runbook) -> Self {
        let called = runbook.procedures.iter().flat_map(|Procedure { vars, .. }| vars);
        let vars = called.chain(&runbook.vars).map(|(name, value)| (name.value.as_str(), value)).collect();
        let mut named = HashSet::new();
        runs(runbook, &mut |run| {
            if let Command::Script(script) = &run.command {
                let text = script.source_text();
                named.extend(run.env.iter().map(|(name, _)| name.as_str()).filter(|name| names(&text, name)));
            }
        });
        Fill { vars, named }
    }

    /// `template` with places.
    pub(super) fn text(&self, template: &Template) -> String {
        self.deep(template, 0)
    }

    fn deep(&self, template: &Template, depth: usize) -> String {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => text.replace([OPEN, CLOSE], ""),
            Piece::Expr(expr) => self.place(expr, depth),
        };
        template.pieces().iter().map(piece).collect()
    }

    fn place(&self, expr: &Expr, depth: usize) -> String {
        let variable = expr.source().trim().strip_prefix("vars.");
        let meant = variable.filter(|_| depth < DEEPEST).and_then(|name| self.vars.get(name));
        match meant {
            Some(ValueTemplate::Text(template)) => self.deep(template, depth + 1),
            Some(ValueTemplate::Value(value)) if !value.is_object() && !value.is_array() => display(value),
            _ => format!("{OPEN}{}{CLOSE}", self.expression(expr)),
        }
    }

    /// `expr` in the words of the document.
    pub(super) fn expression(&self, expr: &Expr) -> String {
        static STEPS: OnceLock<Option<Regex>> = OnceLock::new();
        let steps = STEPS.get_or_init(|| Regex::new(r"\bsteps\.(\w+)\.(?:outputs\.)?(\w+)").ok());
        let text = expr.source().trim().replace([OPEN, CLOSE], "");
        let text = match steps {
            Some(steps) => steps.replace_all(&text, "$1.$2").into_owned(),
            None => text,
        };
        ["inputs.", "vars."].iter().fold(text, |text, root| text.replace(root, ""))
    }

    /// A value with places in its texts, on one line.
    pub(super) fn value(&self, value: &ValueTemplate) -> String {
        match value {
            ValueTemplate::Value(Value::String(text)) => text.clone(),
            ValueTemplate::Value(Value::Object(object)) => {
                let entries = object.iter().map(|(key, value)| format!("{key}: {}", display(value)));
                entries.collect::<Vec<_>>().join(", ")
            }
            ValueTemplate::Value(value) => display(value),
            ValueTemplate::Text(template) => self.text(template),
            ValueTemplate::List(items) => {
                items.iter().map(|item| self.value(item)).collect::<Vec<_>>().join(", ")
            }
            ValueTemplate::Map(entries) => {
                let entries = entries.iter().map(|(key, value)| format!("{key}: {}", self.value(value)));
                entries.collect::<Vec<_>>().join(", ")
            }
        }
    }

    /// What a person types to do what `run` does.
    pub(super) fn command(&self, run: &Run) -> String {
        let mut lines = Vec::new();
        lines.extend(run.cwd.iter().map(|cwd| format!("cd {}", self.word(cwd))));
        let text = match &run.command {
            Command::Argv(arguments) => {
                arguments.iter().map(|argument| self.word(argument)).collect::<Vec<_>>().join(" ")
            }
            Command::Script(script) => self.text(script).trim_end().to_owned(),
        };
        // What no script names is for the programs; what others name need not be set here.
        let needed = |name: &str| names(&text, name) || !self.named.contains(name);
        let set = run.env.iter().filter(|(name, _)| needed(name));
        lines.extend(set.map(|(name, value)| format!("export {name}={}", self.word(value))));
        if let Some(stdin) = &run.stdin {
            lines.push(format!("printf '%s' {} |", self.word(stdin)));
        }
        lines.push(text);
        lines.join("\n")
    }

    /// `template` as one word of a shell.
    fn word(&self, template: &Template) -> String {
        let text = self.text(template);
        if !text.contains(OPEN) {
            return quote(&text);
        }
        let plain = |c: char| c.is_alphanumeric() || "@%+=:,./-_".contains(c);
        let fixed = template.pieces().iter().all(|piece| match piece {
            Piece::Text(text) => text.chars().all(plain),
            Piece::Expr(_) => true,
        });
        if fixed { text } else { format!("\"{}\"", text.replace('\\', r"\\").replace('"', r#"\""#)) }
    }
}

/// Whether the script `text` names the variable `name`.
fn names(text: &str, name: &str) -> bool {
    text.match_indices(name).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + name.len()..].chars().next();
        matches!(before, Some('$' | '{' | '#' | '!'))
            && !after.is_some_and(|c| c.is_alphanumeric() || c == '_')
    })
}

fn runs<'a>(runbook: &'a Runbook, each: &mut dyn FnMut(&'a Run)) {
    fn checks<'a>(checks: &'a [Check], each: &mut dyn FnMut(&'a Run)) {
        for check in checks {
            if let CheckKind::Run(run) = &check.kind {
                each(run);
            }
        }
    }
    fn steps<'a>(all: &'a [Step], each: &mut dyn FnMut(&'a Run)) {
        for step in all {
            if let Action::Run(run) = &step.spec.action {
                each(run);
            }
            for list in [&step.spec.done_when, &step.spec.preconditions, &step.spec.verify] {
                checks(list, each);
            }
            for list in [&step.children, &step.rollback, &step.cleanup] {
                steps(list, each);
            }
        }
    }
    checks(&runbook.preconditions, each);
    for list in [&runbook.steps, &runbook.on_failure.steps, &runbook.finally] {
        steps(list, each);
    }
    runbook.procedures.iter().for_each(|procedure| steps(&procedure.steps, each));
}

/// `text` with each place written by `place`, and what is between by `other`.
pub(super) fn written(text: &str, place: impl Fn(&str) -> String, other: impl Fn(&str) -> String) -> String {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(OPEN) {
        let (name, after) = after.split_once(CLOSE).unwrap_or((after, ""));
        shown.push_str(&other(before));
        shown.push_str(&place(name));
        rest = after;
    }
    shown + &other(rest)
}

/// `text` with its places as `<name>`.
pub(super) fn plain(text: &str) -> String {
    written(text, |name| format!("<{name}>"), str::to_owned)
}
