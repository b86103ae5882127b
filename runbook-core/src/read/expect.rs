//! `expect`: what a result must be.

use super::keys;
use super::reader::Reader;
use crate::diag::{Code, Diagnostic};
use crate::model::{Expect, Matcher, TextMatcher};
use crate::yaml::Node;

impl Reader<'_> {
    /// `expect`: an expression over `result`, or matchers by field. `executor` is the key of the action when an
    /// executor brings it, with fields of its own; empty when it is not known.
    pub(super) fn expect(&mut self, node: &Node, executor: Option<&str>) -> Option<Expect> {
        if node.as_scalar().is_some() {
            return self.expr(node, "`expect`").map(Expect::Expr);
        }
        let known: &[keys::Key] = &[
            ("exit_code", keys::Support::Now),
            ("stdout", keys::Support::Now),
            ("stderr", keys::Support::Now),
        ];
        let map = match node.as_map() {
            Some(map) if map.is_empty() => {
                let message = "`expect` holds no matcher";
                self.report(Diagnostic::error(Code::EMPTY_LIST, node.span, message));
                return None;
            }
            Some(map) if executor.is_some() => map,
            _ => self.fields(node, "`expect`", &[known])?.map,
        };
        if let Some(kind) = executor.and_then(|key| self.kinds.action(key)).cloned() {
            kind.check_expect(node, self.found);
        }
        let mut matchers = Vec::new();
        for (key, value) in map.iter() {
            let matcher = match key.value.as_str() {
                "exit_code" => self.exit_codes(value),
                "stdout" | "stderr" => self.text_matcher(value).map(Matcher::Text),
                field if executor.is_some() => {
                    self.field_matcher(value, &format!("`{field}`"));
                    self.value(value, &format!("`{field}`")).map(Matcher::Field)
                }
                _ => None,
            };
            matchers.extend(matcher.map(|matcher| (key.value.clone(), matcher)));
        }
        Some(Expect::Fields(matchers))
    }

    /// Looks at what a field of an executor must be: matchers are not mixed with paths, and can be used.
    fn field_matcher(&mut self, node: &Node, what: &str) {
        let Some(map) = node.as_map() else { return };
        let is_matcher = |key: &str| Matcher::KEYS.contains(&key);
        let Some((first, _)) = map.iter().find(|(key, _)| is_matcher(&key.value)) else {
            for (key, value) in map.iter() {
                self.field_matcher(value, &format!("`{}`", key.value));
            }
            return;
        };
        for (key, value) in map.iter() {
            let known_later = value.as_scalar().is_some_and(|scalar| scalar.text().contains("${{"));
            match key.value.as_str() {
                other if !is_matcher(other) => {
                    let message = format!("`{other}` beside the matcher `{}` in {what}", first.value);
                    let problem = Diagnostic::error(Code::BAD_MATCHER, key.span, message)
                        .also(first.span, "this makes it a map of matchers")
                        .did_you_mean(other, Matcher::KEYS);
                    self.report(match problem.help.is_empty() {
                        true => problem.help(format!("matchers are {}", Matcher::KEYS.join(", "))),
                        false => problem,
                    });
                }
                "empty" | "exists" => {
                    self.bool(value, &format!("`{}`", key.value));
                }
                "matches" | "not_matches" if !known_later => {
                    self.pattern(value, &format!("`{}`", key.value));
                }
                "min" | "max" if !known_later => {
                    let written = value.as_scalar().map(|scalar| (scalar.resolve(), scalar.text()));
                    let fits = written.is_some_and(|(value, text)| {
                        value.is_number() || text.parse::<crate::value::Duration>().is_ok()
                    });
                    if !fits {
                        self.wrong_type(
                            value,
                            &format!("`{}`", key.value),
                            "a number or a duration such as `500ms`",
                        );
                    }
                }
                _ => {}
            }
        }
    }

    fn exit_codes(&mut self, node: &Node) -> Option<Matcher> {
        let items = node.as_seq().unwrap_or(std::slice::from_ref(node));
        let codes: Vec<_> = items.iter().map(Node::to_value).collect();
        if codes.is_empty() {
            self.report(Diagnostic::error(Code::EMPTY_LIST, node.span, "`exit_code` holds no number"));
            return None;
        }
        let fits = codes.iter().all(|c| c.as_i64().is_some_and(|n| (0..=255).contains(&n)));
        if !fits {
            self.wrong_type(node, "`exit_code`", "a number from 0 to 255, or a list of them");
            return None;
        }
        Some(Matcher::OneOf(codes))
    }

    fn text_matcher(&mut self, node: &Node) -> Option<TextMatcher> {
        if node.as_scalar().is_some() {
            return Some(TextMatcher {
                equals: Some(self.template(node, "the text")?),
                ..TextMatcher::default()
            });
        }
        let fields = self.fields(node, "a text matcher", &[keys::TEXT_MATCHER])?;
        if fields.map.is_empty() {
            let message = "a text matcher that any text fits";
            self.report(Diagnostic::error(Code::EMPTY_LIST, node.span, message));
        }
        Some(TextMatcher {
            equals: fields.get("equals").and_then(|node| self.template(node, "`equals`")),
            contains: fields.get("contains").and_then(|node| self.template(node, "`contains`")),
            matches: fields.get("matches").and_then(|node| self.pattern(node, "`matches`")),
            not_matches: fields.get("not_matches").and_then(|node| self.pattern(node, "`not_matches`")),
            empty: fields.get("empty").and_then(|node| self.bool(node, "`empty`")),
        })
    }
}
