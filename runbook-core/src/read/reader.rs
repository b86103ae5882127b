//! What every part of the reader needs: values with their types, texts, templates, maps with known keys.

use std::collections::HashSet;

use super::fields::Fields;
use super::foreign::{FOREIGN, foreign_key};
use super::keys::{Key, Support};
use crate::check::{Suggest, Unread};
use crate::diag::{Code, Diagnostic, Diagnostics, closest};
use crate::expr::{Expr, Origin, Template};
use crate::ids::is_identifier;
use crate::kind::Kinds;
use crate::model::ValueTemplate;
use crate::policy::PolicySet;
use crate::source::{Sources, Span, Spanned};
use crate::value::{Duration, Value, display};
use crate::yaml::{Node, NodeKind, Scalar};

/// How many hints are remembered for one map.
const HINTS: usize = 20;

/// Reads one file; collects what it finds wrong.
pub(super) struct Reader<'a> {
    pub(super) kinds: &'a Kinds,
    pub(super) found: &'a mut Diagnostics,
    pub(super) defaults: super::Defaults,
    /// How many groups are around the step that is being read.
    pub(super) depth: usize,
    /// What was refused where it is defined.
    pub(super) unread: Unread,
    /// What is shared among files.
    pub(super) shared: super::share::Shared,
    /// The texts that are read.
    pub(super) sources: &'a mut Sources,
    /// Where included files come from.
    pub(super) files: &'a dyn super::Files,
    /// Bytes that steps have taken over from `defaults`.
    pub(super) copied: usize,
    pub(super) suggest: Suggest,
    /// The steps of the body, taken out of the tree so that each is freed when it has been read.
    pub(super) body: Vec<Node>,
    /// What applies to the steps that are read, from wherever it comes.
    pub(super) policies: PolicySet,
    /// Inputs of the steps that are read whose values never begin with a dash.
    pub(super) operands: HashSet<String>,
}

impl Reader<'_> {
    pub(super) fn report(&mut self, diagnostic: Diagnostic) {
        self.found.push(diagnostic);
    }

    pub(super) fn wrong_type(&mut self, node: &Node, what: &str, expected: &str) {
        let found = match node.as_scalar() {
            Some(scalar) if matches!(node.kind_name(), "number" | "bool") => format!("`{}`", scalar.text()),
            _ => node.kind_name().to_owned(),
        };
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
    pub(super) fn fields<'n>(&mut self, node: &'n Node, what: &str, keys: &[&[Key]]) -> Option<Fields<'n>> {
        let Some(map) = node.as_map() else {
            self.wrong_type(node, what, "a map");
            return None;
        };
        let takes_actions = matches!(what, "a step" | "a check" | "a channel");
        let mut fields = Fields::unchecked(map, node.span);
        for (key, value) in map.iter() {
            let known = keys.iter().flat_map(|set| set.iter()).find(|(name, _)| *name == key.value);
            match known {
                Some((_, Support::Now)) => {}
                Some((name, Support::Later)) => {
                    self.not_yet(key.span, &format!("`{name}`"));
                    self.unread_ids(value);
                }
                None if takes_actions && self.kinds.action(&key.value).is_some() => {}
                None if what == "a target" && self.kinds.target(&key.value).is_some() => {}
                None => {
                    self.unknown_key(key, what, keys, &mut fields);
                    self.unread_ids(value);
                }
            }
        }
        Some(fields)
    }

    /// Steps somewhere in `node` will not be in the model.
    pub(super) fn unread_ids(&mut self, node: &Node) {
        match &node.kind {
            NodeKind::Scalar(_) => {}
            NodeKind::Seq(items) => items.iter().for_each(|item| self.unread_ids(item)),
            NodeKind::Map(map) => {
                if let Some(id) = map.get("id").and_then(Node::as_scalar) {
                    self.unread.steps.insert(id.text());
                }
                map.iter().for_each(|(_, value)| self.unread_ids(value));
            }
        }
    }

    pub(super) fn not_yet(&mut self, span: Span, name: &str) {
        self.report(
            Diagnostic::error(Code::NOT_SUPPORTED_YET, span, format!("{name} is not supported yet")).note(
                "it is part of the language, but this version cannot carry it out, and will not ignore it",
            ),
        );
    }

    fn unknown_key(&mut self, key: &Spanned<String>, what: &str, keys: &[&[Key]], fields: &mut Fields<'_>) {
        let kinds = self.kinds;
        let names = || {
            let brought = (what == "a target").then(|| kinds.target_keys()).into_iter().flatten();
            keys.iter().flat_map(|set| set.iter()).map(|(name, _)| *name).chain(brought)
        };
        let message = format!("{what} has no key `{}`", key.value);
        let problem = Diagnostic::error(Code::UNKNOWN_KEY, key.span, message);
        let foreign = |key: &str| foreign_key(what, key).map(str::to_owned);
        let mut hint = foreign(&key.value);
        let mut problem = match &hint {
            Some(ours) => problem.help(ours),
            None => self.suggest.add(problem, &key.value, names),
        };
        if problem.help.is_empty() {
            // A slip in a word of another tool.
            hint = closest(&key.value, FOREIGN).and_then(foreign);
            problem.help.extend(hint);
        }
        match problem.help.first() {
            Some(hint) => {
                if hint.contains("`for_each`") || hint.contains("`for_each: ") {
                    self.unread.items.insert_all();
                }
                let actions = keys.iter().filter(|set| set.first().is_some_and(|(name, _)| *name == "run"));
                let mut actions = actions.flat_map(|set| set.iter());
                fields.puzzling |= actions.any(|(name, _)| hint.contains(&format!("`{name}`")));
                if fields.hints.len() < HINTS {
                    fields.hints.push(hint.clone());
                }
            }
            None => {
                fields.puzzling = true;
                let offered =
                    keys.iter().flat_map(|set| set.iter()).filter(|(_, support)| *support == Support::Now);
                let offered: Vec<_> = offered.map(|(name, _)| *name).collect();
                problem = problem.help(match offered.is_empty() {
                    true => format!("{what} takes no keys"),
                    false => format!("known keys: {}", offered.join(", ")),
                });
            }
        }
        self.report(problem);
    }

    /// The value of a key that must be there.
    pub(super) fn require<'n>(&mut self, fields: &Fields<'n>, key: &str, what: &str) -> Option<&'n Node> {
        let found = fields.get(key);
        if found.is_none() && !fields.hinted(key) {
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
                    format!(
                        "{what} takes a text, and unquoted `{}` can be read as something else",
                        scalar.text()
                    ),
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
                let text = node.as_scalar().map_or("", Scalar::text).to_lowercase();
                let meant = match text.as_str() {
                    "yes" | "y" | "on" | "true" | "1" => Some("true"),
                    "no" | "n" | "off" | "false" | "0" => Some("false"),
                    _ => None,
                };
                let found = format!("{what} must be `true` or `false`, found {}", node.kind_name());
                let problem =
                    Diagnostic::error(Code::WRONG_TYPE, node.span, found).label("expected `true` or `false`");
                self.report(match meant {
                    Some(meant) => problem.help(format!("write `{meant}`, without quotes")),
                    None => problem,
                });
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

    /// A time that must not be nothing.
    pub(super) fn limit(&mut self, node: &Node, what: &str) -> Option<Duration> {
        let duration = self.duration(node, what)?;
        if duration == Duration::default() {
            let message = format!("{what} leaves no time at all");
            self.report(
                Diagnostic::error(Code::BAD_VALUE, node.span, message).help("leave it away for no limit"),
            );
            return None;
        }
        Some(duration)
    }

    /// One of a few words.
    pub(super) fn word<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let names: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
        let scalar = self.scalar(node, what, &format!("one of {}", names.join(", ")))?;
        let found = words.iter().find(|(word, _)| *word == scalar.text());
        if found.is_none() {
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
        let better = better_identifier(&name.value);
        let mut problem = Diagnostic::error(
            Code::BAD_NAME,
            name.span,
            match name.value.is_empty() {
                true => format!("the name of {what} is empty"),
                false => format!("`{}` cannot be the name of {what}", name.value),
            },
        )
        .note("such names are small letters, digits and `_`, and begin with a letter");
        if name.value.contains('-') {
            problem = problem.note("a hyphen would read as a subtraction in an expression");
        }
        if is_identifier(&better) {
            problem = problem.help(format!("write `{better}`"));
        }
        self.report(problem);
        false
    }

    pub(super) fn template(&mut self, node: &Node, what: &str) -> Option<Template> {
        let text = self.text(node, what)?;
        let scalar = node.as_scalar()?;
        self.bare_braces(&text, scalar);
        Template::parse(&text, &Origin { span: node.span, place: &|range| scalar.span_of(range) }, self.found)
    }

    /// Warns of `{{ inputs.x }}`, which stays text: what an author who comes from another tool means is `${{ … }}`.
    fn bare_braces(&mut self, text: &str, scalar: &Scalar) {
        for (start, _) in text.match_indices("{{").filter(|(start, _)| !text[..*start].ends_with(['$', '{']))
        {
            let inside = text[start + 2..].trim_start();
            let names = ["inputs.", "vars.", "steps.", "env.", "secrets.", "run.id"];
            let Some(length) =
                text[start..].find("}}").filter(|_| names.iter().any(|n| inside.starts_with(n)))
            else {
                continue;
            };
            let written = &text[start..start + length + 2];
            self.report(
                Diagnostic::warning(
                    Code::BAD_EXPRESSION,
                    scalar.span_of(start..start + length + 2),
                    format!("`{written}` stays as it is: it is not an expression here"),
                )
                .help(format!("write `${written}` for the value")),
            );
        }
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
                self.keeps_value(node, what);
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

    /// Refuses an unquoted value in `node` that is not shown again as it was written, as 1.10 becomes 1.1.
    pub(super) fn keeps_value(&mut self, node: &Node, what: &str) -> bool {
        match &node.kind {
            NodeKind::Seq(items) => {
                let mut kept = true;
                for item in items {
                    kept &= self.keeps_value(item, what);
                }
                kept
            }
            NodeKind::Map(map) => {
                let mut kept = true;
                for (_, value) in map.iter() {
                    kept &= self.keeps_value(value, what);
                }
                kept
            }
            NodeKind::Scalar(scalar) => {
                let value = scalar.resolve();
                if !value.is_number() || display(&value) == scalar.text() {
                    return true;
                }
                let (text, number) = (scalar.text(), display(&value));
                self.report(
                    Diagnostic::error(
                        Code::LOSSY_SCALAR,
                        node.span,
                        format!("unquoted `{text}` in {what} is the number {number}"),
                    )
                    .help(format!("put it in quotes to keep it as text: {text:?}"))
                    .help(format!("write `{number}` if it is a number")),
                );
                false
            }
        }
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

/// What a name could be that expressions can use.
pub(super) fn better_identifier(name: &str) -> String {
    let fits = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    name.to_lowercase().chars().map(|c| if fits(c) { c } else { '_' }).collect()
}

/// Parameters with their templates as they stand in the file.
pub(super) fn as_written(params: &ValueTemplate) -> Value {
    match params {
        ValueTemplate::Value(value) => value.clone(),
        ValueTemplate::Text(template) => Value::String(template.source_text()),
        ValueTemplate::List(items) => Value::Array(items.iter().map(as_written).collect()),
        ValueTemplate::Map(entries) => {
            Value::Object(entries.iter().map(|(key, value)| (key.clone(), as_written(value))).collect())
        }
    }
}
