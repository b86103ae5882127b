//! Looking at the parameters of an action or a target: a table of what may stand where, and the checks.
//!
//! Every kind reports the same problem in the same words. Knows no particular kind.

use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::value::Duration;
use crate::yaml::Node;

/// One parameter of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its key.
    pub name: &'static str,
    /// What its value may be.
    pub shape: Shape,
    /// Whether it must be there.
    pub required: bool,
}

impl Param {
    /// A parameter that may be left away.
    pub const fn optional(name: &'static str, shape: Shape) -> Self {
        Param { name, shape, required: false }
    }

    /// A parameter that must be there.
    pub const fn required(name: &'static str, shape: Shape) -> Self {
        Param { name, shape, required: true }
    }
}

/// What a parameter's value may be. A scalar with `${{ }}` in it is known only later and fits every scalar.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Shape {
    /// Anything.
    Any,
    /// One text.
    Text,
    /// One text or a list of texts.
    Texts,
    /// One text, a list of texts, or nothing at all (`ps:`).
    TextsOrNothing,
    /// A command: a script, or a list of a program and its arguments.
    Command,
    /// A map of names to texts.
    TextMap,
    /// `true` or `false`.
    Bool,
    /// A whole number in this range, ends included.
    Whole(u64, u64),
    /// A duration with units.
    Duration,
    /// A map with these parameters.
    Map(&'static [Param]),
}

/// Checks `node`, which messages call `what`, against the table of its parameters.
///
/// ```
/// use runbook_core::diag::{Code, Diagnostics};
/// use runbook_core::kind::{Param, Shape, check_params};
/// use runbook_core::{source::SourceId, yaml};
///
/// let table = [Param::required("channel", Shape::Text), Param::optional("urgent", Shape::Bool)];
/// let mut found = Diagnostics::default();
/// let node = yaml::parse(SourceId(0), "{chanel: ops, urgent: maybe}", &mut found).unwrap();
/// check_params(&node, "`page`", &table, &mut found);
/// let codes: Vec<Code> = found.into_sorted().iter().map(|problem| problem.code).collect();
/// assert_eq!(codes, [Code::MISSING_KEY, Code::UNKNOWN_KEY, Code::WRONG_TYPE]);
/// ```
pub fn check_params(node: &Node, what: &str, params: &[Param], found: &mut Diagnostics) {
    let Some(map) = node.as_map() else {
        return wrong_type(node, what, "a map", found);
    };
    for (key, value) in map.iter() {
        match params.iter().find(|param| param.name == key.value) {
            Some(param) => check_shape(value, &format!("`{}`", param.name), param.shape, found),
            None => {
                let names = || params.iter().map(|param| param.name);
                let message = format!("{what} has no key `{}`", key.value);
                let problem =
                    Diagnostic::error(Code::UNKNOWN_KEY, key.span, message).did_you_mean(&key.value, names());
                found.push(match problem.help.is_empty() {
                    true => problem.help(format!("known keys: {}", names().collect::<Vec<_>>().join(", "))),
                    false => problem,
                });
            }
        }
    }
    for param in params.iter().filter(|param| param.required && map.get(param.name).is_none()) {
        found.push(
            Diagnostic::error(Code::MISSING_KEY, node.span, format!("{what} needs `{}`", param.name))
                .label(format!("`{}` is missing here", param.name)),
        );
    }
}

/// The one of `names` that stands in the map `node`; none or several are reported. `noun` says what the
/// names are: `operation`, `method`.
pub fn choose_one(
    node: &Node,
    what: &str,
    noun: &str,
    names: &[&'static str],
    found: &mut Diagnostics,
) -> Option<&'static str> {
    let map = node.as_map()?;
    let mut written =
        map.iter().filter_map(|(key, _)| Some((names.iter().find(|name| **name == key.value)?, key.span)));
    let Some((first, place)) = written.next() else {
        found.push(
            Diagnostic::error(Code::MISSING_KEY, node.span, format!("{what} names no {noun}"))
                .help(format!("add one of {}", names.join(", "))),
        );
        return None;
    };
    for (other, span) in written {
        found.push(
            Diagnostic::error(Code::SEVERAL_ACTIONS, span, format!("`{first}` and `{other}` in one {what}"))
                .also(place, format!("the first {noun}"))
                .help("make two steps of it"),
        );
    }
    Some(first)
}

fn check_shape(node: &Node, what: &str, shape: Shape, found: &mut Diagnostics) {
    if is_known_later(node) {
        if matches!(shape, Shape::TextMap | Shape::Map(_)) {
            wrong_type(node, what, "a map", found);
        }
        return;
    }
    match shape {
        Shape::Any => {}
        Shape::Text => text(node, what, "a text", found),
        Shape::TextsOrNothing if node.is_nothing() => {}
        Shape::Texts | Shape::TextsOrNothing | Shape::Command => match node.as_seq() {
            Some([]) => {
                let message = format!("{what} holds nothing");
                found.push(Diagnostic::error(Code::EMPTY_LIST, node.span, message));
            }
            Some(items) => items.iter().for_each(|item| text(item, what, "a text", found)),
            None => text(node, what, "a text or a list of texts", found),
        },
        Shape::TextMap => match node.as_map() {
            Some(map) => {
                for (key, value) in map.iter().filter(|(_, value)| !is_known_later(value)) {
                    text(value, &format!("`{}`", key.value), "a text", found);
                }
            }
            None => wrong_type(node, what, "a map of names to texts", found),
        },
        Shape::Bool => {
            if !plain(node).is_some_and(|value| value.is_boolean()) {
                wrong_type(node, what, "`true` or `false`", found);
            }
        }
        Shape::Whole(least, most) => {
            let number = plain(node).and_then(|value| value.as_u64());
            if !number.is_some_and(|number| (least..=most).contains(&number)) {
                wrong_type(node, what, &format!("a whole number from {least} to {most}"), found);
            }
        }
        Shape::Duration => duration(node, what, found),
        Shape::Map(params) => check_params(node, what, params, found),
    }
}

/// Whether it is a text with an expression in it.
fn is_known_later(node: &Node) -> bool {
    node.as_scalar().is_some_and(|scalar| scalar.text().contains("${{"))
}

/// What an unquoted scalar means to YAML.
fn plain(node: &Node) -> Option<crate::value::Value> {
    node.as_scalar().filter(|scalar| scalar.is_plain()).map(|scalar| scalar.resolve())
}

fn text(node: &Node, what: &str, expected: &str, found: &mut Diagnostics) {
    let Some(scalar) = node.as_scalar().filter(|_| !node.is_nothing()) else {
        return wrong_type(node, what, expected, found);
    };
    if let Some(reason) = scalar.loses_data_as_text() {
        let message = format!("{what} is a text, but unquoted `{}` is not only that", scalar.text());
        found.push(
            Diagnostic::error(Code::LOSSY_SCALAR, node.span, message)
                .label(reason.to_string())
                .help(format!("put it in quotes: {:?}", scalar.text())),
        );
    }
}

fn duration(node: &Node, what: &str, found: &mut Diagnostics) {
    let Some(scalar) = node.as_scalar().filter(|_| !node.is_nothing()) else {
        return wrong_type(node, what, "a duration such as `30s`", found);
    };
    if let Err(reason) = scalar.text().parse::<Duration>() {
        let message = format!("{what}: `{}` is not a duration", scalar.text());
        found.push(Diagnostic::error(Code::BAD_DURATION, node.span, message).label(reason.to_string()));
    }
}

fn wrong_type(node: &Node, what: &str, expected: &str, found: &mut Diagnostics) {
    let message = format!("{what} must be {expected}, found {}", node.kind_name());
    found.push(Diagnostic::error(Code::WRONG_TYPE, node.span, message).label(format!("expected {expected}")));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SourceId;

    const TABLE: &[Param] = &[
        Param::required("name", Shape::Text),
        Param::optional("args", Shape::Texts),
        Param::optional("labels", Shape::TextMap),
        Param::optional("port", Shape::Whole(1, 65_535)),
        Param::optional("timeout", Shape::Duration),
        Param::optional("all", Shape::TextsOrNothing),
        Param::optional("inner", Shape::Map(&[Param::required("deep", Shape::Bool)])),
    ];

    fn problems(text: &str) -> Vec<String> {
        let mut found = Diagnostics::default();
        let node = crate::yaml::parse(SourceId(0), text, &mut found).unwrap();
        check_params(&node, "`thing`", TABLE, &mut found);
        found
            .into_sorted()
            .into_iter()
            .map(|problem| format!("{} {}", problem.code, problem.message))
            .collect()
    }

    #[test]
    fn what_fits_is_not_reported() {
        let text =
            "{name: a, args: [b, c], labels: {x: z}, port: 22, timeout: 5m, all: , inner: {deep: yes_}}";
        assert_eq!(problems(text), ["RB0103 `deep` must be `true` or `false`, found text"]);
        assert!(problems(&text.replace("yes_", "true")).is_empty());
    }

    #[test]
    fn values_known_later_fit_scalars_but_not_maps() {
        let text =
            "{name: '${{ vars.a }}', port: '${{ vars.p }}', timeout: '${{ vars.t }}', args: '${{ vars.l }}'}";
        assert!(problems(text).is_empty());
        assert_eq!(
            problems("{name: a, labels: '${{ vars.m }}'}"),
            ["RB0103 `labels` must be a map, found text"]
        );
    }

    #[test]
    fn every_problem_is_reported_at_once() {
        let text = "{port: 0, timeout: 30, args: [], labels: {v: 1.10}, nam: x}";
        assert_eq!(
            problems(text),
            [
                "RB0102 `thing` needs `name`",
                "RB0103 `port` must be a whole number from 1 to 65535, found number",
                "RB0109 `timeout`: `30` is not a duration",
                "RB0114 `args` holds nothing",
                "RB0110 `v` is a text, but unquoted `1.10` is not only that",
                "RB0101 `thing` has no key `nam`",
            ]
        );
        assert_eq!(problems("[a]"), ["RB0103 `thing` must be a map, found list"]);
    }

    #[test]
    fn exactly_one_of_several_keys() {
        let choose = |text: &str| {
            let mut found = Diagnostics::default();
            let node = crate::yaml::parse(SourceId(0), text, &mut found).unwrap();
            let chosen = choose_one(&node, "`job`", "operation", &["start", "stop"], &mut found);
            (chosen, found.into_sorted().into_iter().map(|p| p.code).collect::<Vec<_>>())
        };
        assert_eq!(choose("{stop: a, other: b}"), (Some("stop"), vec![]));
        assert_eq!(choose("{other: b}"), (None, vec![Code::MISSING_KEY]));
        assert_eq!(choose("{stop: a, start: b}"), (Some("stop"), vec![Code::SEVERAL_ACTIONS]));
    }
}
