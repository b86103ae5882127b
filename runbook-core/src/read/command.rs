//! Commands, checks, and what counts as success.

use super::keys;
use super::reader::{Fields, Reader};
use crate::diag::{Code, Diagnostic};
use crate::expr::Template;
use crate::model::{
    Check, CheckKind, Command, CustomAction, Expect, FileProbe, Matcher, Retry, Run, Shell, TcpProbe,
    TextMatcher,
};
use crate::value::{Duration, parse_size};
use crate::yaml::Node;

impl Reader<'_> {
    /// A command with the keys around it.
    pub(super) fn run(&mut self, node: &Node, around: &Fields<'_>) -> Option<Run> {
        let command = self.command(node)?;
        let mut env = self.defaults.env.clone();
        for (name, value) in around.get("env").map(|node| self.env(node)).unwrap_or_default() {
            env.retain(|(earlier, _)| *earlier != name);
            env.push((name, value));
        }
        let shell = around.get("shell").and_then(|node| self.shell(node)).or(self.defaults.shell);
        if let (Command::Argv(_), Some(node)) = (&command, around.get("shell")) {
            self.report(
                Diagnostic::error(
                    Code::KEY_NOT_HERE,
                    around.key_span("shell"),
                    "`shell` means nothing for a list command",
                )
                .also(node.span, "no shell reads a list"),
            );
        }
        Some(Run {
            command,
            shell: shell.unwrap_or_default(),
            env,
            stdin: around.get("stdin").and_then(|node| self.template(node, "`stdin`")),
            cwd: around
                .get("cwd")
                .and_then(|node| self.template(node, "`cwd`"))
                .or_else(|| self.defaults.cwd.clone()),
        })
    }

    fn command(&mut self, node: &Node) -> Option<Command> {
        let Some(items) = node.as_seq() else {
            if node.as_map().is_some() {
                self.wrong_type(node, "`run`", "a script or a list");
                return None;
            }
            let script = self.template(node, "`run`")?;
            if script.as_literal().is_some_and(|text| text.trim().is_empty()) {
                self.report(Diagnostic::error(Code::EMPTY_LIST, node.span, "`run` holds no command"));
            }
            return Some(Command::Script(script));
        };
        if items.is_empty() {
            self.report(Diagnostic::error(Code::EMPTY_LIST, node.span, "`run` holds no command"));
            return None;
        }
        let argv: Vec<Template> =
            items.iter().filter_map(|item| self.template(item, "an argument of a command")).collect();
        if let Some(program) = argv.first().filter(|program| !program.is_literal()) {
            let message =
                format!("which program runs must be readable here, not `{}`", program.source_text());
            self.report(
                Diagnostic::error(Code::ARGV_NOT_SAFE, items[0].span, message)
                    .help("write the program's name, or make two steps with `when`"),
            );
        }
        (argv.len() == items.len()).then_some(Command::Argv(argv))
    }

    pub(super) fn env(&mut self, node: &Node) -> Vec<(String, Template)> {
        let Some(map) = node.as_map() else {
            self.wrong_type(node, "`env`", "a map of names to texts");
            return Vec::new();
        };
        map.iter()
            .filter_map(|(name, value)| {
                let fits = name.value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                    && name.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                if !fits {
                    let message = format!("`{}` cannot be the name of an environment variable", name.value);
                    self.report(Diagnostic::error(Code::BAD_NAME, name.span, message));
                }
                Some((name.value.clone(), self.template(value, "an environment variable")?))
            })
            .collect()
    }

    pub(super) fn shell(&mut self, node: &Node) -> Option<Shell> {
        self.word(node, "`shell`", &[("sh", Shell::Sh), ("bash", Shell::Bash)])
    }

    pub(super) fn target(&mut self, node: &Node) -> Option<String> {
        let name = self.text(node, "`target`")?;
        if name.contains("${{") {
            self.not_yet(node.span, "a computed target");
            return None;
        }
        if name != "local" {
            self.report(
                Diagnostic::error(Code::UNKNOWN_TARGET, node.span, format!("there is no target `{name}`"))
                    .note("this version knows one target, the machine the engine runs on")
                    .help("write `target: local`, or leave it away"),
            );
            return None;
        }
        Some(name)
    }

    /// The parameters of an action or check that an executor brings.
    pub(super) fn custom(&mut self, key: &str, node: &Node, around: &Fields<'_>) -> Option<CustomAction> {
        let span = around.key_span(key);
        let Some(kind) = self.kinds.action(key).cloned() else {
            let missing =
                keys::EXECUTOR_ACTIONS.iter().find(|(name, _)| *name == key).map(|(_, krate)| *krate);
            let problem = Diagnostic::error(
                Code::UNKNOWN_ACTION_KIND,
                span,
                format!("no executor in this program knows `{key}`"),
            );
            self.report(match missing {
                Some(name) => problem.help(format!("`{key}` belongs to the executor `{name}`")),
                None => problem,
            });
            return None;
        };
        if !kind.available() {
            self.not_yet(span, key);
            return None;
        }
        kind.check(node, self.found);
        Some(CustomAction { kind: key.to_owned(), params: self.value(node, key)? })
    }

    pub(super) fn retry(&mut self, node: &Node) -> Option<Retry> {
        let fields = self.fields(node, "`retry`", &[keys::RETRY])?;
        let attempts = fields.get("attempts").and_then(|node| self.count(node, "`attempts`"));
        let within = fields.get("within").and_then(|node| self.duration(node, "`within`"));
        if !fields.has("attempts") && !fields.has("within") {
            self.report(
                Diagnostic::error(Code::MISSING_KEY, fields.span, "`retry` needs `attempts` or `within`")
                    .note("without a limit it would go on for ever"),
            );
        }
        let backoff = fields.get("backoff").and_then(|node| {
            let factor = self.number(node, "`backoff`")?;
            if !(1.0..=100.0).contains(&factor) {
                self.report(
                    Diagnostic::error(Code::BAD_VALUE, node.span, format!("`backoff` cannot be {factor}"))
                        .label("a factor from 1 to 100"),
                );
                return None;
            }
            Some((factor * 100.0).round() as u32)
        });
        Some(Retry {
            attempts,
            every: fields
                .get("every")
                .and_then(|node| self.duration(node, "`every`"))
                .unwrap_or(Duration::from_secs(1)),
            within,
            backoff_percent: backoff.unwrap_or(100),
            max_every: fields.get("max_every").and_then(|node| self.duration(node, "`max_every`")),
            consecutive: fields
                .get("consecutive")
                .and_then(|node| self.count(node, "`consecutive`"))
                .unwrap_or(1),
            when: fields.get("when").and_then(|node| self.expr(node, "`when`")),
        })
    }

    /// A list of checks, or a single one.
    pub(super) fn checks(&mut self, node: &Node, what: &str) -> Vec<Check> {
        match node.as_seq() {
            Some([]) => {
                self.report(Diagnostic::error(Code::EMPTY_LIST, node.span, format!("{what} holds no check")));
                Vec::new()
            }
            Some(items) => items.iter().filter_map(|item| self.check(item)).collect(),
            None => self.check(node).into_iter().collect(),
        }
    }

    fn check(&mut self, node: &Node) -> Option<Check> {
        if node.as_scalar().is_some() {
            let kind = CheckKind::Expr(self.expr(node, "a check")?);
            return Some(self.plain_check(node, kind));
        }
        let executors = self.executor_actions();
        let fields = self.fields(node, "a check", &[keys::CHECK, keys::QUESTIONS, &executors])?;
        let is_question = |name: &str| keys::QUESTIONS.iter().chain(&executors).any(|(key, _)| *key == name);
        let mut questions = fields.map.iter().filter(|(key, _)| is_question(&key.value));
        let Some((key, question)) = questions.next() else {
            self.report(
                Diagnostic::error(Code::NO_ACTION, node.span, "this check asks nothing")
                    .help("add one of `run`, `tcp`, `file`, `http`, or write an expression as a text"),
            );
            return None;
        };
        if let Some((second, _)) = questions.next() {
            self.report(
                Diagnostic::error(
                    Code::SEVERAL_ACTIONS,
                    second.span,
                    format!("`{}` and `{}` in one check", key.value, second.value),
                )
                .also(key.span, "the first question")
                .help("make two checks of it"),
            );
        }
        let kind = match key.value.as_str() {
            "run" => CheckKind::Run(self.run(question, &fields)?),
            "tcp" => CheckKind::Tcp(self.tcp(question)?),
            "file" => CheckKind::File(self.file(question)?),
            other => CheckKind::Custom(self.custom(other, question, &fields)?),
        };
        if !matches!(kind, CheckKind::Run(_)) {
            for name in keys::COMMAND_ONLY.iter().filter(|name| fields.has(name)) {
                let message = format!("`{name}` means nothing for `{}`", key.value);
                self.report(Diagnostic::error(Code::KEY_NOT_HERE, fields.key_span(name), message));
            }
        }
        let is_custom = matches!(kind, CheckKind::Custom(_));
        let has_result = is_custom || matches!(kind, CheckKind::Run(_));
        if fields.has("expect") && !has_result {
            let message = format!("`expect` means nothing for `{}`", key.value);
            self.report(Diagnostic::error(Code::KEY_NOT_HERE, fields.key_span("expect"), message));
        }
        let severities = [("error", false), ("warn", true)];
        let plain = self.plain_check(node, kind);
        Some(Check {
            title: fields.get("title").and_then(|node| self.template(node, "`title`")),
            target: fields.get("target").and_then(|node| self.target(node)).unwrap_or(plain.target.clone()),
            expect: fields.get("expect").and_then(|node| self.expect(node, is_custom)),
            retry: fields.get("retry").and_then(|node| self.retry(node)).or(plain.retry.clone()),
            timeout: fields
                .get("timeout")
                .and_then(|node| self.duration(node, "`timeout`"))
                .or(plain.timeout),
            message: fields.get("message").and_then(|node| self.template(node, "`message`")),
            warn_only: fields
                .get("severity")
                .and_then(|node| self.word(node, "`severity`", &severities))
                .unwrap_or(false),
            ..plain
        })
    }

    fn plain_check(&self, node: &Node, kind: CheckKind) -> Check {
        let looks_outside = !matches!(kind, CheckKind::Expr(_));
        Check {
            span: node.span,
            title: None,
            target: self.defaults.target.clone().unwrap_or_else(|| "local".to_owned()),
            expect: None,
            retry: self.defaults.retry.clone().filter(|_| looks_outside),
            timeout: self.defaults.timeout.filter(|_| looks_outside),
            message: None,
            warn_only: false,
            kind,
        }
    }

    fn tcp(&mut self, node: &Node) -> Option<TcpProbe> {
        let fields = self.fields(node, "`tcp`", &[keys::TCP])?;
        let port_node = self.require(&fields, "port", "`tcp`")?;
        let port = self.template(port_node, "`port`")?;
        if let Some(text) = port.as_literal()
            && !text.parse::<u16>().is_ok_and(|port| port > 0)
        {
            self.report(
                Diagnostic::error(Code::BAD_VALUE, port_node.span, format!("`{text}` is not a port"))
                    .label("a number from 1 to 65535"),
            );
        }
        let host = match fields.get("host") {
            Some(node) => self.template(node, "`host`")?,
            None => Template::literal("localhost"),
        };
        Some(TcpProbe { host, port })
    }

    fn file(&mut self, node: &Node) -> Option<FileProbe> {
        if node.as_scalar().is_some() {
            let path = self.template(node, "`file`")?;
            return Some(FileProbe { path, exists: true, newer_than: None, min_size: None });
        }
        let fields = self.fields(node, "`file`", &[keys::FILE])?;
        let path = self.require(&fields, "path", "`file`").and_then(|node| self.template(node, "`path`"))?;
        let exists = fields.get("exists").and_then(|node| self.bool(node, "`exists`")).unwrap_or(true);
        for key in ["newer_than", "min_size"] {
            if !exists && fields.has(key) {
                self.report(
                    Diagnostic::error(
                        Code::BAD_VALUE,
                        fields.key_span(key),
                        format!("a file that must not exist has no `{key}`"),
                    )
                    .also(fields.key_span("exists"), "it must not exist"),
                );
            }
        }
        let min_size = fields.get("min_size").and_then(|node| {
            let size = node.as_scalar().and_then(|scalar| parse_size(scalar.text()));
            if size.is_none() {
                self.wrong_type(node, "`min_size`", "a size such as `1000` or `64kB`");
            }
            size
        });
        let newer_than = fields.get("newer_than").and_then(|node| self.duration(node, "`newer_than`"));
        Some(FileProbe { path, exists, newer_than, min_size })
    }

    /// `expect`: an expression over `result`, or matchers by field.
    pub(super) fn expect(&mut self, node: &Node, of_executor: bool) -> Option<Expect> {
        if node.as_scalar().is_some() {
            return self.expr(node, "`expect`").map(Expect::Expr);
        }
        let known: &[keys::Key<'_>] = &[
            ("exit_code", keys::Support::Now),
            ("stdout", keys::Support::Now),
            ("stderr", keys::Support::Now),
        ];
        let map = match node.as_map() {
            Some(map) if of_executor => map,
            _ => self.fields(node, "`expect`", &[known])?.map,
        };
        let mut matchers = Vec::new();
        for (key, value) in map.iter() {
            let matcher = match key.value.as_str() {
                "exit_code" => self.exit_codes(value),
                "stdout" | "stderr" => self.text_matcher(value).map(Matcher::Text),
                _ if of_executor => Some(Matcher::Custom(value.to_value())),
                _ => None,
            };
            matchers.extend(matcher.map(|matcher| (key.value.clone(), matcher)));
        }
        Some(Expect::Fields(matchers))
    }

    fn exit_codes(&mut self, node: &Node) -> Option<Matcher> {
        let items = node.as_seq().unwrap_or(std::slice::from_ref(node));
        let codes: Vec<_> = items.iter().map(Node::to_value).collect();
        let fits =
            !codes.is_empty() && codes.iter().all(|c| c.as_i64().is_some_and(|n| (0..=255).contains(&n)));
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
        Some(TextMatcher {
            equals: fields.get("equals").and_then(|node| self.template(node, "`equals`")),
            contains: fields.get("contains").and_then(|node| self.template(node, "`contains`")),
            matches: fields.get("matches").and_then(|node| self.pattern(node, "`matches`")),
            not_matches: fields.get("not_matches").and_then(|node| self.pattern(node, "`not_matches`")),
            empty: fields.get("empty").and_then(|node| self.bool(node, "`empty`")),
        })
    }
}
