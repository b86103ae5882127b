//! Commands, checks, and what counts as success.

use std::collections::HashSet;

use super::fields::Fields;
use super::keys;
use super::places::Place;
use super::reader::{Reader, as_written};
use crate::check;
use crate::diag::{Code, Diagnostic};
use crate::expr::Template;
use crate::model::{
    Check, CheckKind, Command, CustomAction, Effect, Expect, FileProbe, Retry, Run, Shell, TargetRef,
    TcpProbe,
};
use crate::source::Span;
use crate::value::{Duration, parse_size};
use crate::yaml::Node;

/// Bytes that all steps together may take over from `defaults`.
const MAX_COPIED: usize = 32 << 20;

impl Reader<'_> {
    /// A command with the keys around it.
    pub(super) fn run(&mut self, node: &Node, around: &Fields<'_>) -> Option<Run> {
        let command = self.command(node);
        let own = around.get("env").map(|node| self.env(node)).unwrap_or_default();
        let mut env = self.default_env(around);
        let names: HashSet<&str> = own.iter().map(|(name, _)| name.as_str()).collect();
        env.retain(|(name, _)| !names.contains(name.as_str()));
        env.extend(own);
        let shell = around.get("shell").and_then(|node| self.shell(node)).or(self.defaults.shell);
        let stdin = around.get("stdin").and_then(|node| self.template(node, "`stdin`"));
        let cwd = around.get("cwd").and_then(|node| self.template(node, "`cwd`"));
        let command = command?;
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
        let cwd = cwd.or_else(|| self.defaults.cwd.clone());
        let run_as = match around.get("become") {
            Some(node) => self.becomes(node),
            None => self.defaults.run_as.clone(),
        };
        let run = Run { command, shell: shell.unwrap_or_default(), env, stdin, cwd, run_as };
        check::script(&run, &|line| line_of(node, line), self.found);
        Some(run)
    }

    /// A copy of the environment in `defaults`. All copies together have a limit.
    fn default_env(&mut self, around: &Fields<'_>) -> Vec<(String, Template)> {
        if self.copied > MAX_COPIED {
            return Vec::new();
        }
        self.copied += self.defaults.env_cost;
        if self.copied > MAX_COPIED {
            self.report(
                Diagnostic::error(
                    Code::TOO_LARGE,
                    Span { end: around.span.start, ..around.span },
                    "the environment under `defaults` is too large for so many steps",
                )
                .label("here all copies of it together pass 32 MiB")
                .help("set the variables at the steps that need them, or read them from a file"),
            );
        }
        self.defaults.env.clone()
    }

    pub(super) fn command(&mut self, node: &Node) -> Option<Command> {
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
        if argv.len() == items.len() && argv[0].as_literal().is_some_and(|program| program.trim().is_empty())
        {
            let message = "the name of the program is empty";
            self.report(Diagnostic::error(Code::BAD_VALUE, items[0].span, message));
        }
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
            self.wrong_type(node, "`env`", "a map of names to texts, such as `{LANG: C}`");
            return Vec::new();
        };
        map.iter()
            .filter_map(|(name, value)| {
                let fits = name.value.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
                    && name.value.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
                if !fits {
                    let message = format!("`{}` cannot be the name of an environment variable", name.value);
                    self.report(
                        Diagnostic::error(Code::BAD_NAME, name.span, message).note(
                            "such names are Latin letters, digits and `_`, and do not begin with a digit",
                        ),
                    );
                }
                Some((name.value.clone(), self.template(value, "an environment variable")?))
            })
            .collect()
    }

    pub(super) fn shell(&mut self, node: &Node) -> Option<Shell> {
        self.word(node, "`shell`", &[("sh", Shell::Sh), ("bash", Shell::Bash)])
    }

    /// One place: where a check is asked, or what `defaults` says.
    pub(super) fn target(&mut self, node: &Node) -> Option<TargetRef> {
        match self.place(node)? {
            Place::One(target) => Some(target),
            Place::Many(members) => {
                if !members.is_empty() {
                    self.report(
                        Diagnostic::error(Code::BAD_GROUP, node.span, "a group of targets cannot stand here")
                            .help("name one target here; a step that acts on all of a group names it under its own `target`"),
                    );
                }
                None
            }
        }
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
            self.not_yet(span, &format!("`{key}`"));
            return None;
        }
        kind.check(node, self.found);
        let writes = kind.writes().iter().map(|name| (*name).to_owned()).collect();
        Some(CustomAction { kind: key.to_owned(), params: self.value(node, key)?, writes })
    }

    pub(super) fn retry(&mut self, node: &Node) -> Option<Retry> {
        if node.as_scalar().is_some_and(|scalar| scalar.resolve().is_number()) {
            let problem =
                Diagnostic::error(Code::WRONG_TYPE, node.span, "`retry` must be a map, found number");
            let number = node.as_scalar().map_or("3", |scalar| scalar.text());
            self.report(problem.help(format!("write `retry: {{attempts: {number}, every: 5s}}`")));
            return None;
        }
        let fields = self.fields(node, "`retry`", &[keys::RETRY])?;
        let attempts = fields.get("attempts").and_then(|node| self.count(node, "`attempts`"));
        let within = fields.get("within").and_then(|node| self.duration(node, "`within`"));
        let limits = ["attempts", "within"];
        if !limits.iter().any(|key| fields.has(key) || fields.hinted(key)) {
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
        let fields = self.fields(node, "a check", &[keys::CHECK, keys::QUESTIONS, keys::EXECUTORS])?;
        let is_question = |name: &str| {
            keys::QUESTIONS.iter().chain(keys::EXECUTORS).any(|(key, _)| *key == name)
                || self.kinds.action(name).is_some()
        };
        let mut questions = fields.map.iter().filter(|(key, _)| is_question(&key.value));
        let Some((key, question)) = questions.next() else {
            if !fields.puzzling && !fields.has_hints() {
                self.report(
                    Diagnostic::error(Code::NO_ACTION, node.span, "this check asks nothing")
                        .help("add one of `run`, `tcp`, `file`, `http`, or write an expression as a text"),
                );
            }
            self.around_check(&fields, Some(""));
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
        let is_run = key.value == "run";
        let is_custom = !is_run && !matches!(key.value.as_str(), "tcp" | "file");
        let kind = match key.value.as_str() {
            "run" => self.run(question, &fields).map(CheckKind::Run),
            "tcp" => self.tcp(question).map(CheckKind::Tcp),
            "file" => self.file(question).map(CheckKind::File),
            other => self.question(other, question, &fields),
        };
        if !is_run {
            for name in keys::COMMAND_ONLY.iter().filter(|name| fields.has(name)) {
                let message = format!("`{name}` means nothing for `{}`", key.value);
                self.report(Diagnostic::error(Code::KEY_NOT_HERE, fields.key_span(name), message));
            }
        }
        if fields.has("expect") && !is_run && !is_custom {
            let message = format!("`expect` means nothing for `{}`", key.value);
            self.report(Diagnostic::error(Code::KEY_NOT_HERE, fields.key_span("expect"), message));
        }
        let around = self.around_check(&fields, is_custom.then_some(key.value.as_str()));
        let plain = self.plain_check(node, kind?);
        let check = Check {
            title: around.title,
            target: around.target.unwrap_or(plain.target),
            expect: around.expect,
            retry: around.retry.or(plain.retry),
            timeout: around.timeout.or(plain.timeout),
            message: around.message,
            warn_only: around.warn_only,
            effect_because: around.effect_because,
            span: plain.span,
            kind: plain.kind,
        };
        self.judge_check(question, &check);
        Some(check)
    }

    /// A check that an executor brings.
    fn question(&mut self, key: &str, node: &Node, around: &Fields<'_>) -> Option<CheckKind> {
        let custom = self.custom(key, node, around)?;
        let effect = self.kinds.action(key).map(|kind| kind.effect(&as_written(&custom.params)));
        if let Some(effect) = effect.filter(|effect| *effect != Effect::Read) {
            self.report(
                Diagnostic::error(
                    Code::CHECK_WITH_EFFECT,
                    node.span,
                    format!("a check must only look, and this `{key}` may {}", effect.name()),
                )
                .help("make it a step, and look at what it has done"),
            );
        }
        Some(CheckKind::Custom(custom))
    }

    /// What stands around the question of a check.
    fn around_check(&mut self, fields: &Fields<'_>, executor: Option<&str>) -> AroundCheck {
        let severities = [("error", false), ("warn", true)];
        AroundCheck {
            title: fields.get("title").and_then(|node| self.template(node, "`title`")),
            target: fields.get("target").and_then(|node| self.target(node)),
            expect: fields.get("expect").and_then(|node| self.expect(node, executor)),
            retry: fields.get("retry").and_then(|node| self.retry(node)),
            timeout: fields.get("timeout").and_then(|node| self.limit(node, "`timeout`")),
            message: fields.get("message").and_then(|node| self.template(node, "`message`")),
            warn_only: fields
                .get("severity")
                .and_then(|node| self.word(node, "`severity`", &severities))
                .unwrap_or(false),
            effect_because: fields.get("effect_because").and_then(|node| self.text(node, "`effect_because`")),
        }
    }

    fn plain_check(&self, node: &Node, kind: CheckKind) -> Check {
        let looks_outside = !matches!(kind, CheckKind::Expr(_));
        Check {
            span: node.span,
            title: None,
            target: self.defaults.target.clone().unwrap_or_else(TargetRef::local),
            expect: None,
            retry: self.defaults.retry.clone().filter(|_| looks_outside),
            timeout: self.defaults.timeout.filter(|_| looks_outside),
            message: None,
            warn_only: false,
            effect_because: None,
            kind,
        }
    }

    fn tcp(&mut self, node: &Node) -> Option<TcpProbe> {
        if node.as_scalar().is_some_and(|scalar| scalar.resolve().is_number()) {
            let problem = Diagnostic::error(Code::WRONG_TYPE, node.span, "`tcp` must be a map, found number");
            let port = node.as_scalar().map_or("80", |scalar| scalar.text());
            self.report(problem.help(format!("write `tcp: {{port: {port}}}`")));
            return None;
        }
        let fields = self.fields(node, "`tcp`", &[keys::TCP])?;
        let port_node = self.require(&fields, "port", "`tcp`")?;
        let port = self.template(port_node, "`port`")?;
        if let Some(text) = port.as_literal().filter(|text| !text.parse::<u16>().is_ok_and(|port| port > 0)) {
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
}

/// What stands around the question of a check.
struct AroundCheck {
    title: Option<Template>,
    target: Option<TargetRef>,
    expect: Option<Expect>,
    retry: Option<Retry>,
    timeout: Option<Duration>,
    message: Option<Template>,
    warn_only: bool,
    effect_because: Option<String>,
}

/// Where the line `line` of the text in `node` is written, counted from 0.
pub(super) fn line_of(node: &Node, line: usize) -> Span {
    let Some(scalar) = node.as_scalar() else { return node.span };
    let text = scalar.text();
    let mut lines = text.split('\n');
    let start: usize = lines.by_ref().take(line).map(|line| line.len() + 1).sum();
    let Some(found) = lines.next() else { return node.span };
    let indent = found.len() - found.trim_start().len();
    let end = start + found.trim_end().len();
    if start + indent >= end { node.span } else { scalar.span_of(start + indent..end) }
}
