//! From text to policy.

use std::collections::BTreeMap;

use crate::command::{CommandPattern, Context, Fit, PathPattern, PatternError, Script, classify};
use crate::diag::{Code, Diagnostic, Diagnostics, Severity};
use crate::ids::is_identifier;
use crate::model::{Effect, Policy, Reads, Rule, Unreadable};
use crate::shell::Dialect;
use crate::source::{Source, Sources, Span};
use crate::yaml::{self, Map, Node};

/// What came of reading a policy.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Loaded {
    /// The policy; absent when any diagnostic is an error.
    pub policy: Option<Policy>,
    /// The text the diagnostics point into.
    pub sources: Sources,
    /// Every problem, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

const POLICY: &[&str] = &[
    "apiVersion",
    "kind",
    "name",
    "title",
    "description",
    "owner",
    "confirm",
    "forbid",
    "reads",
    "unreadable",
];
const INLINE: &[&str] = &["confirm", "forbid", "reads", "unreadable"];
const RULE: &[&str] = &["id", "command", "writes", "effect", "reason", "overridable", "match", "not_match"];

impl Policy {
    /// Reads the policy in `text`, called `name` in messages. Every problem is reported in one go.
    pub fn parse(name: &str, text: &str) -> Loaded {
        let mut sources = Sources::default();
        let id = sources.add(Source::new(name, text));
        let mut found = Diagnostics::default();
        let policy = yaml::parse(id, text, &mut found).and_then(|root| Policy::read(&root, &mut found));
        let diagnostics = found.into_sorted();
        let refused = diagnostics.iter().any(|problem| problem.severity == Severity::Error);
        Loaded { policy: policy.filter(|_| !refused), sources, diagnostics }
    }

    /// Reads a policy from a tree; problems are added to `found`. Only when none of them is an error is the
    /// policy what its author meant.
    pub fn read(root: &Node, found: &mut Diagnostics) -> Option<Policy> {
        let mut reader = Reader { found };
        let map = reader.map(root, "a policy", POLICY)?;
        reader.header(map, root.span);
        let name =
            reader.required(map, root.span, "name", "a policy").and_then(|node| reader.text(node, "`name`"));
        reader.body(map, name.unwrap_or_default())
    }

    /// Reads what a runbook says under `policy`: a policy without a header, called `name`.
    pub fn read_inline(node: &Node, name: &str, found: &mut Diagnostics) -> Option<Policy> {
        let mut reader = Reader { found };
        let map = reader.map(node, "`policy`", INLINE)?;
        reader.body(map, name.to_owned())
    }
}

struct Reader<'a> {
    found: &'a mut Diagnostics,
}

impl Reader<'_> {
    /// What a policy says, apart from its header.
    fn body(&mut self, map: &Map, name: String) -> Option<Policy> {
        let reader = self;
        for key in ["title", "description", "owner"] {
            if let Some(node) = map.get(key) {
                reader.text(node, &format!("`{key}`"));
            }
        }
        let confirm = map.get("confirm").map(|node| reader.confirm(node)).unwrap_or_default();
        let reads = map.get("reads").and_then(|node| reader.reads(node));
        let unreadable = map.get("unreadable").and_then(|node| {
            reader.word(
                node,
                "`unreadable`",
                &[("forbid", Unreadable::Forbid), ("confirm", Unreadable::Confirm)],
            )
        });
        let mut policy = Policy { confirm, reads, ..Policy::named(name) };
        policy.unreadable = unreadable.unwrap_or_default();
        let rules = map.get("forbid").map(|node| reader.list(node, "`forbid`")).unwrap_or_default();
        let mut seen: BTreeMap<String, Span> = BTreeMap::new();
        for node in rules {
            let Some((rule, id)) = reader.rule(node, &policy) else { continue };
            if let Some(first) = seen.insert(rule.id.clone(), id) {
                let message = format!("there is another rule `{}`", rule.id);
                reader.found.push(Diagnostic::error(Code::RULE_TWICE, id, message).also(first, "the first"));
            }
            policy.rules.push(rule);
        }
        Some(policy)
    }

    fn wrong(&mut self, node: &Node, what: &str, expected: &str) {
        let message = format!("{what} must be {expected}, found {}", node.kind_name());
        self.found.push(
            Diagnostic::error(Code::WRONG_TYPE, node.span, message).label(format!("expected {expected}")),
        );
    }

    fn map<'n>(&mut self, node: &'n Node, what: &str, keys: &[&str]) -> Option<&'n Map> {
        let Some(map) = node.as_map() else {
            self.wrong(node, what, "a map");
            return None;
        };
        for (key, _) in map.iter().filter(|(key, _)| !keys.contains(&key.value.as_str())) {
            let message = format!("{what} has no key `{}`", key.value);
            let mut problem = Diagnostic::error(Code::UNKNOWN_KEY, key.span, message)
                .did_you_mean(&key.value, keys.iter().copied());
            if problem.help.is_empty() {
                problem = problem.help(format!("known keys: {}", keys.join(", ")));
            }
            self.found.push(problem);
        }
        Some(map)
    }

    fn required<'n>(&mut self, map: &'n Map, span: Span, key: &str, what: &str) -> Option<&'n Node> {
        let found = map.get(key);
        if found.is_none() {
            let message = format!("{what} needs `{key}`");
            self.found.push(
                Diagnostic::error(Code::MISSING_KEY, span, message).label(format!("`{key}` is missing here")),
            );
        }
        found
    }

    fn header(&mut self, map: &Map, span: Span) {
        let expected =
            [("apiVersion", "runbook/v1", Code::BAD_API_VERSION), ("kind", "Policy", Code::BAD_KIND)];
        for (key, value, code) in expected {
            let Some(node) = self.required(map, span, key, "a policy") else { continue };
            if node.as_str() != Some(value) {
                let message = format!("`{key}` of a policy is `{value}`");
                self.found.push(
                    Diagnostic::error(code, node.span, message).help(format!("write `{key}: {value}`")),
                );
            }
        }
    }

    fn text(&mut self, node: &Node, what: &str) -> Option<String> {
        match node.as_str() {
            Some(text) if !text.trim().is_empty() => Some(text.to_owned()),
            Some(_) => {
                self.found.push(Diagnostic::error(Code::BAD_VALUE, node.span, format!("{what} is empty")));
                None
            }
            None => {
                self.wrong(node, what, "a text");
                None
            }
        }
    }

    fn list<'n>(&mut self, node: &'n Node, what: &str) -> &'n [Node] {
        match node.as_seq() {
            Some(items) => items,
            None => {
                self.wrong(node, what, "a list");
                &[]
            }
        }
    }

    /// A text, or a list of texts; each with its node.
    fn texts<'n>(&mut self, node: &'n Node, what: &str) -> Vec<(String, &'n Node)> {
        let items = node.as_seq().unwrap_or(std::slice::from_ref(node));
        if items.is_empty() {
            self.found.push(Diagnostic::error(
                Code::EMPTY_LIST,
                node.span,
                format!("{what} is an empty list"),
            ));
        }
        items.iter().filter_map(|item| Some((self.text(item, what)?, item))).collect()
    }

    fn word<T: Copy>(&mut self, node: &Node, what: &str, words: &[(&str, T)]) -> Option<T> {
        let written = self.text(node, what)?;
        let found = words.iter().find(|(word, _)| *word == written).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<_> = words.iter().map(|(word, _)| format!("`{word}`")).collect();
            self.found.push(
                Diagnostic::error(Code::BAD_VALUE, node.span, format!("{what} cannot be `{written}`"))
                    .label(format!("one of {}", names.join(", ")))
                    .did_you_mean(&written, words.iter().map(|(word, _)| *word)),
            );
        }
        found
    }

    fn confirm(&mut self, node: &Node) -> Vec<Effect> {
        let Some(map) = self.map(node, "`confirm`", &["effects"]) else { return Vec::new() };
        let Some(effects) = self.required(map, node.span, "effects", "`confirm`") else { return Vec::new() };
        let words = [("read", Effect::Read), ("change", Effect::Change), ("destroy", Effect::Destroy)];
        let items = self.list(effects, "`effects`");
        items.iter().filter_map(|item| self.word(item, "an effect", &words)).collect()
    }

    fn reads(&mut self, node: &Node) -> Option<Reads> {
        let map = self.map(node, "`reads`", &["hosts", "except"])?;
        let mut reads = Reads::default();
        for (host, item) in map.get("hosts").map(|node| self.texts(node, "a host")).unwrap_or_default() {
            let plain = host.chars().all(|c| c.is_ascii_alphanumeric() || "-.:[]".contains(c));
            if !plain {
                let message = format!("`{host}` is no host");
                let help = "write a name, or a name and a port, such as `api.example.net:8443`";
                self.found.push(Diagnostic::error(Code::BAD_VALUE, item.span, message).help(help));
            }
            reads.hosts.push(host);
        }
        for (path, item) in map.get("except").map(|node| self.texts(node, "a path")).unwrap_or_default() {
            if !path.starts_with(['/', '*']) {
                let message = format!("`{path}` is no path of a request");
                self.found.push(
                    Diagnostic::error(Code::BAD_VALUE, item.span, message)
                        .help("begin with `/`, or with `*` for any beginning"),
                );
            }
            reads.except.push(path);
        }
        Some(reads)
    }

    fn patterns<T>(
        &mut self,
        node: Option<&Node>,
        what: &str,
        parse: impl Fn(&str) -> Result<T, PatternError>,
    ) -> Vec<T> {
        let texts = node.map(|node| self.texts(node, what)).unwrap_or_default();
        let mut patterns = Vec::new();
        for (text, node) in texts {
            match parse(&text) {
                Ok(pattern) => patterns.push(pattern),
                Err(error) => {
                    let message = format!("{what}: {error}");
                    self.found.push(Diagnostic::error(Code::POLICY_PATTERN, node.span, message));
                }
            }
        }
        patterns
    }

    fn rule(&mut self, node: &Node, policy: &Policy) -> Option<(Rule, Span)> {
        let map = self.map(node, "a rule", RULE)?;
        let id_node = self.required(map, node.span, "id", "a rule");
        let id = id_node.and_then(|node| self.text(node, "`id`")).unwrap_or_default();
        let id_span = id_node.map_or(node.span, |node| node.span);
        if !id.is_empty() && (!is_identifier(&id) || id == "unreadable") {
            let message = format!("`{id}` cannot be the id of a rule");
            self.found.push(Diagnostic::error(Code::BAD_NAME, id_span, message).note(
                "ids are small letters, digits and `_`, and begin with a letter; `unreadable` is taken",
            ));
        }
        let before = self.found.len();
        let command = self.patterns(map.get("command"), "`command`", CommandPattern::parse);
        let writes = self.patterns(map.get("writes"), "`writes`", PathPattern::parse);
        let words = [("change", Effect::Change), ("destroy", Effect::Destroy)];
        let effect = map.get("effect").and_then(|node| self.word(node, "`effect`", &words));
        let broken = self.found.len() > before;
        if ["command", "writes", "effect"].iter().all(|key| map.get(key).is_none()) {
            let message = "this rule does not say what it forbids";
            self.found.push(
                Diagnostic::error(Code::RULE_WITHOUT_CONDITION, node.span, message)
                    .help("add `command`, `writes` or `effect`"),
            );
            return None;
        }
        let reason =
            self.required(map, node.span, "reason", "a rule").and_then(|node| self.text(node, "`reason`"));
        let overridable = map.get("overridable").is_some_and(|node| {
            let value = node.to_value().as_bool();
            if value.is_none() {
                self.wrong(node, "`overridable`", "`true` or `false`");
            }
            value.unwrap_or(false)
        });
        let rule = Rule { id, command, writes, effect, reason: reason.unwrap_or_default(), overridable };
        if !broken {
            self.examples(map, &rule, policy);
        }
        Some((rule, id_span))
    }

    /// Checks that the examples are what they say.
    fn examples(&mut self, map: &Map, rule: &Rule, policy: &Policy) {
        let reads = policy.reads.clone().unwrap_or_default();
        let context = Context { read_hosts: reads.hosts, changing_gets: reads.except, ..Context::default() };
        for (key, expected) in [("match", true), ("not_match", false)] {
            let texts = map.get(key).map(|node| self.texts(node, "an example")).unwrap_or_default();
            for (text, node) in texts {
                let found = classify(&Script::new(&*text, Dialect::Bash), &context);
                let fit = rule.fits(&found, found.effect).map_or(Fit::No, |(fit, _)| fit);
                let message = match (expected, fit) {
                    (true, Fit::Yes) | (false, Fit::No) => continue,
                    (true, Fit::Perhaps) => "whether the rule forbids this is not certain",
                    (true, Fit::No) => "the rule does not forbid this",
                    (false, Fit::Perhaps) => "the rule may forbid this",
                    (false, Fit::Yes) => "the rule forbids this",
                };
                let mut problem = Diagnostic::error(Code::EXAMPLE_FAILS, node.span, message)
                    .note(format!("it is among the examples under `{key}`"));
                if let Some(hidden) = found.hidden() {
                    problem = problem.note(hidden.text.clone());
                }
                if fit == Fit::No && !found.commands.is_empty() {
                    let seen: Vec<String> =
                        found.commands.iter().take(5).map(|c| format!("`{}`", c.show())).collect();
                    problem = problem.note(format!("commands in it: {}", seen.join(", ")));
                }
                self.found.push(problem);
            }
        }
    }
}
