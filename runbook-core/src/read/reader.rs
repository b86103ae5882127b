//! What every part of the reader needs: values with their types, texts, templates, maps with known keys.

use super::keys::{Key, Support};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::expr::{Expr, Origin, Template};
use crate::ids::is_identifier;
use crate::kind::Kinds;
use crate::model::ValueTemplate;
use crate::source::{Span, Spanned};
use crate::value::{Duration, Value};
use crate::yaml::{Map, Node, NodeKind, Scalar};

/// Reads one file; collects what it finds wrong.
pub(super) struct Reader<'a> {
    pub(super) kinds: &'a Kinds,
    pub(super) found: &'a mut Diagnostics,
    pub(super) defaults: super::Defaults,
    /// How many groups are around the step that is being read.
    pub(super) depth: usize,
}

/// A map whose keys are known.
pub(super) struct Fields<'n> {
    pub(super) map: &'n Map,
    pub(super) span: Span,
}

impl<'n> Fields<'n> {
    pub(super) fn get(&self, key: &str) -> Option<&'n Node> {
        self.map.get(key)
    }

    pub(super) fn key_span(&self, key: &str) -> Span {
        self.map.get_entry(key).map_or(self.span, |(key, _)| key.span)
    }

    pub(super) fn has(&self, key: &str) -> bool {
        self.map.get(key).is_some()
    }
}

impl Reader<'_> {
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    pub(super) fn wrong_type(&mut self, node: &Node, what: &str, expected: &str) {
        let found = node.kind_name();
        self.report(
            Diagnostic::error(
                Code::WRONG_TYPE,
                node.span,
                format!("{what} must be {expected}, found {found}"),
            )
            .label(format!("expected {expected}")),
        );
    }

    /// `node` as a map in which every key is one of `keys`. `what` names the map: "a step", "`retry`".
    pub(super) fn fields<'n>(
        &mut self,
        node: &'n Node,
        what: &str,
        keys: &[&[Key<'_>]],
    ) -> Option<Fields<'n>> {
        let Some(map) = node.as_map() else {
            self.wrong_type(node, what, "a map");
            return None;
        };
        for (key, _) in map.iter() {
            let known = keys.iter().flat_map(|set| set.iter()).find(|(name, _)| *name == key.value);
            match known {
                Some((_, Support::Now)) => {}
                Some((name, Support::Later)) => self.not_yet(key.span, name),
                None => self.unknown_key(key, what, keys),
            }
        }
        Some(Fields { map, span: node.span })
    }

    pub(super) fn not_yet(&mut self, span: Span, name: &str) {
        self.report(
            Diagnostic::error(Code::NOT_SUPPORTED_YET, span, format!("`{name}` is not supported yet")).note(
                "it is part of the language, but this version cannot carry it out, and will not ignore it",
            ),
        );
    }

    fn unknown_key(&mut self, key: &Spanned<String>, what: &str, keys: &[&[Key<'_>]]) {
        let names = || keys.iter().flat_map(|set| set.iter()).map(|(name, _)| *name);
        let mut problem =
            Diagnostic::error(Code::UNKNOWN_KEY, key.span, format!("{what} has no key `{}`", key.value))
                .did_you_mean(&key.value, names());
        if problem.help.is_empty() {
            problem = match foreign_key(&key.value) {
                Some(ours) => problem.help(ours),
                None => problem.help(format!("known keys: {}", names().collect::<Vec<_>>().join(", "))),
            };
        }
        self.report(problem);
    }

    /// The value of a key that must be there.
    pub(super) fn require<'n>(&mut self, fields: &Fields<'n>, key: &str, what: &str) -> Option<&'n Node> {
        let found = fields.get(key);
        if found.is_none() {
            self.report(
                Diagnostic::error(Code::MISSING_KEY, fields.span, format!("{what} needs `{key}`"))
                    .label(format!("`{key}` is missing here")),
            );
        }
        found
    }

    fn scalar<'n>(&mut self, node: &'n Node, what: &str, expected: &str) -> Option<&'n Scalar> {
        match &node.kind {
            NodeKind::Scalar(scalar) if !node.is_nothing() => Some(scalar),
            _ => {
                self.wrong_type(node, what, expected);
                None
            }
        }
    }

    /// A text as written. Unquoted values that other readers would take for something else are refused.
    pub(super) fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        let scalar = self.scalar(node, what, "a text")?;
        if let Some(reason) = scalar.loses_data_as_text() {
            self.report(
                Diagnostic::error(
                    Code::LOSSY_SCALAR,
                    node.span,
                    format!("{what} is a text, but unquoted `{}` is not only that", scalar.text()),
                )
                .label(reason.to_string())
                .help(format!("put it in quotes: {:?}", scalar.text())),
            );
        }
        Some(scalar.text().to_owned())
    }

    pub(super) fn spanned_text(&mut self, node: &Node, what: &str) -> Option<Spanned<String>> {
        self.text(node, what).map(|text| Spanned::new(text, node.span))
    }

    pub(super) fn texts(&mut self, node: &Node, what: &str) -> Vec<Spanned<String>> {
        self.items(node, what).iter().filter_map(|item| self.spanned_text(item, what)).collect()
    }

    pub(super) fn items<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match node.as_seq() {
            Some(items) => items,
            None => {
                self.wrong_type(node, what, "a list");
                &[]
            }
        }
    }

    pub(super) fn bool(&mut self, node: &Node, what: &str) -> Option<bool> {
        match node.as_scalar().filter(|s| s.is_plain()).map(Scalar::resolve) {
            Some(Value::Bool(value)) => Some(value),
            _ => {
                self.wrong_type(node, what, "`true` or `false`");
                None
            }
        }
    }

    pub(super) fn count(&mut self, node: &Node, what: &str) -> Option<u32> {
        let number = node.as_scalar().filter(|s| s.is_plain()).map(Scalar::resolve);
        let number = number.as_ref().and_then(Value::as_u64).and_then(|n| u32::try_from(n).ok());
        match number {
            Some(number @ 1..) => Some(number),
            _ => {
                self.wrong_type(node, what, "a whole number from 1");
                None
            }
        }
    }

    pub(super) fn number(&mut self, node: &Node, what: &str) -> Option<f64> {
        let number = node.as_scalar().filter(|s| s.is_plain()).and_then(|s| s.resolve().as_f64());
        if number.is_none() {
            self.wrong_type(node, what, "a number");
        }
        number
    }

    pub(super) fn duration(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let scalar = self.scalar(node, what, "a duration such as `30s`")?;
        match scalar.text().parse() {
            Ok(duration) => Some(duration),
            Err(reason) => {
                self.report(
                    Diagnostic::error(
                        Code::BAD_DURATION,
                        node.span,
                        format!("{what}: `{}` is not a duration", scalar.text()),
                    )
                    .label(reason.to_string()),
                );
                None
            }
        }
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let scalar = self.scalar(node, what, "a word")?;
        let found = words.iter().find(|(word, _)| *word == scalar.text());
        if found.is_none() {
            let names: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            self.report(
                Diagnostic::error(
                    Code::BAD_VALUE,
                    node.span,
                    format!("{what} cannot be `{}`", scalar.text()),
                )
                .label(format!("one of {}", names.join(", ")))
                .did_you_mean(scalar.text(), words.iter().map(|(word, _)| *word)),
            );
        }
        found.map(|(_, value)| *value)
    }

    /// A name that expressions can use.
    pub(super) fn identifier(&mut self, name: &Spanned<String>, what: &str) -> bool {
        if is_identifier(&name.value) {
            return true;
        }
        let better: String = name
            .value
            .to_lowercase()
            .chars()
            .map(|c| if c.is_ascii_lowercase() || c.is_ascii_digit() { c } else { '_' })
            .collect();
        let mut problem = Diagnostic::error(
            Code::BAD_NAME,
            name.span,
            format!("`{}` cannot be the name of {what}", name.value),
        )
        .note("such names are small letters, digits and `_`, and begin with a letter")
        .note("a hyphen would read as a subtraction in an expression");
        if is_identifier(&better) {
            problem = problem.help(format!("write `{better}`"));
        }
        self.report(problem);
        false
    }

    pub(super) fn template(&mut self, node: &Node, what: &str) -> Option<Template> {
        let text = self.text(node, what)?;
        let scalar = node.as_scalar()?;
        Template::parse(&text, &Origin { span: node.span, place: &|range| scalar.span_of(range) }, self.found)
    }

    pub(super) fn templates(&mut self, node: &Node, what: &str) -> Vec<Template> {
        self.items(node, what).iter().filter_map(|item| self.template(item, what)).collect()
    }

    pub(super) fn expr(&mut self, node: &Node, what: &str) -> Option<Expr> {
        let scalar = self.scalar(node, what, "an expression")?;
        Expr::parse(
            scalar.text(),
            &Origin { span: node.span, place: &|range| scalar.span_of(range) },
            self.found,
        )
    }

    /// Anything, with templates in its texts.
    pub(super) fn value(&mut self, node: &Node, what: &str) -> Option<ValueTemplate> {
        Some(match &node.kind {
            NodeKind::Scalar(scalar) if scalar.is_plain() && !scalar.text().contains("${{") => {
                ValueTemplate::Value(scalar.resolve())
            }
            NodeKind::Scalar(_) => match self.template(node, what)? {
                template if template.is_literal() => {
                    ValueTemplate::Value(template.as_literal().unwrap_or_default().into_owned().into())
                }
                template => ValueTemplate::Text(template),
            },
            NodeKind::Seq(items) => {
                ValueTemplate::List(items.iter().filter_map(|item| self.value(item, what)).collect())
            }
            NodeKind::Map(map) => ValueTemplate::Map(
                map.iter().filter_map(|(k, v)| Some((k.value.clone(), self.value(v, what)?))).collect(),
            ),
        })
    }

    /// A regular expression; reported when it is none.
    pub(super) fn pattern(&mut self, node: &Node, what: &str) -> Option<String> {
        let text = self.scalar(node, what, "a regular expression")?.text().to_owned();
        match regex::RegexBuilder::new(&text).size_limit(1 << 20).build() {
            Ok(_) => Some(text),
            Err(reason) => {
                let reason = reason.to_string();
                let short = reason.lines().last().unwrap_or("").trim_start_matches("error: ").to_owned();
                self.report(
                    Diagnostic::error(
                        Code::BAD_PATTERN,
                        node.span,
                        format!("{what} is not a regular expression"),
                    )
                    .label(short),
                );
                None
            }
        }
    }
}

/// What people who come from other tools may have meant.
fn foreign_key(key: &str) -> Option<&'static str> {
    Some(match key {
        "name" => "steps have an `id` (for expressions) and a `title` (for people)",
        "register" => "declare results under `outputs: {name: expression over result}`",
        "cmd" | "command" | "script" | "shell_command" | "exec" => "commands are written under `run`",
        "if" | "condition" => "conditions are written under `when`",
        "depends_on" | "dependsOn" | "depends" | "after" => "predecessors are written under `needs`",
        "ignore_errors" | "continue_on_error" | "continue-on-error" => "write `on_failure: continue`",
        "retries" | "retry_policy" => "write `retry: {attempts: 3, every: 5s}`",
        "loop" | "with_items" | "foreach" => "write `for_each: {item: name, in: list}`",
        "delay" | "sleep" | "pause" => "write a step `wait: 30s`, or `settle: 5s` before a verification",
        "undo" | "compensate" => "steps that undo a step are written under `rollback`",
        "approval" | "approve" | "gate" => "a gate is written under `confirm`",
        "working_dir" | "working-directory" | "workdir" | "chdir" | "dir" => "the working directory is `cwd`",
        "environment" => "environment variables are written under `env`",
        "tags" => "free labels are written under `labels: {key: value}`",
        "spec" | "metadata" => "the language is flat: write the keys at the top level",
        "hosts" | "host" => "where steps act is declared under `targets` and chosen with `target`",
        "always" | "always_run" => {
            "steps that always run are written under `finally`, or `cleanup` at a step"
        }
        "params" | "parameters" | "args" => "what an operator gives is declared under `inputs`",
        "check" | "checks" | "test" => {
            "checks after an action are written under `verify`, before it under `preconditions`"
        }
        _ => return None,
    })
}
