//! What several runbooks share: included files, targets, groups, procedures.

use std::collections::HashSet;

use super::fields::Fields;
use super::keys;
use super::reader::Reader;
use super::sets::WrittenGroup;
use super::{Defaults, File};
use crate::diag::{Code, Diagnostic};
use crate::model::{
    Action, Channel, Contact, Inventory, LintException, Policy, Procedure, SecretSource, Step, StepSpec,
    TargetRef, ValueTemplate,
};
use crate::source::{Source, SourceId, Span, Spanned};
use crate::yaml::{self, Node};

/// How many files may be read for one runbook.
const MOST_FILES: usize = 200;

/// What has been read from this file and those it includes.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) inventory: Inventory,
    /// Groups as they are written, until all are known.
    pub(super) groups: Vec<WrittenGroup>,
    /// Names of targets and groups whose declaration was refused.
    pub(super) refused: HashSet<String>,
    pub(super) vars: Vec<(Spanned<String>, ValueTemplate)>,
    pub(super) procedures: Vec<Procedure>,
    pub(super) secrets: Vec<(Spanned<String>, SecretSource)>,
    pub(super) contacts: Vec<(Spanned<String>, Contact)>,
    pub(super) channels: Vec<(Spanned<String>, Channel)>,
    pub(super) policies: Vec<Policy>,
    pub(super) lint_exceptions: Vec<LintException>,
    /// Who has which role.
    pub(super) roles: Vec<(Spanned<String>, Vec<String>)>,
    /// Names of the files that are read, in the order in which they were begun.
    pub(super) files: Vec<String>,
    /// Those that are being read.
    pub(super) open: Vec<String>,
    /// Whether something was refused that may have defined targets.
    pub(super) incomplete: bool,
    /// Whether a file is missing that may have defined anything.
    pub(super) lacks_files: bool,
    /// Files of which the tree does not hold everything.
    pub(super) broken: HashSet<String>,
    /// Included files whose procedures are read once all targets are known.
    pending: Vec<(String, Node)>,
}

impl Shared {
    /// Nothing yet, while the file `name` is being read.
    pub(super) fn of(name: &str) -> Self {
        let names = vec![name.to_owned()];
        Shared { files: names.clone(), open: names, ..Shared::default() }
    }
}

impl Reader<'_> {
    /// The files named under `include`.
    pub(super) fn includes(&mut self, fields: &Fields<'_>) {
        let Some(node) = fields.get("include") else { return };
        let nodes = match node.as_scalar() {
            Some(_) => std::slice::from_ref(node),
            None => self.items(node, "`include`"),
        };
        self.lacks_files(node.as_map().is_some());
        for node in nodes {
            let Some(path) = self.spanned_text(node, "a path in `include`") else {
                self.lacks_files(true);
                continue;
            };
            let Some((file, root)) = self.open_file(&path) else { continue };
            if let Some(root) = root {
                self.included(&root, &path);
                self.shared.pending.push((file.clone(), root));
            }
            self.shared.open.retain(|open| *open != file);
        }
    }

    /// Whether the file that is being read lacks something, so that nothing is to be concluded from it.
    fn in_broken_file(&self) -> bool {
        self.shared.open.last().is_some_and(|open| self.shared.broken.contains(open))
    }

    fn lacks_files(&mut self, lacks: bool) {
        self.shared.lacks_files |= lacks;
        self.shared.incomplete |= lacks;
    }

    /// Reads the file at `path`, relative to the file that names it. The tree is absent when it was read before.
    fn open_file(&mut self, path: &Spanned<String>) -> Option<(String, Option<Node>)> {
        let from = self.shared.open.last().cloned().unwrap_or_default();
        let refused = |reader: &mut Self, code, message: String, help: &str| {
            reader.lacks_files(true);
            reader.report(Diagnostic::error(code, path.span, message).help(help));
            None
        };
        let File { name, text } = match self.files.read(&path.value, &from) {
            Ok(file) => file,
            Err(why) => {
                let message = format!("`{}` cannot be read: {why}", path.value);
                let help = "paths are relative to the file that names them";
                return refused(self, Code::INCLUDE_FAILED, message, help);
            }
        };
        if let Some(at) = self.shared.open.iter().position(|open| *open == name) {
            let mut circle = self.shared.open[at..].to_vec();
            circle.push(name);
            let message =
                format!("files that include or call each other in a circle: {}", circle.join(" → "));
            return refused(self, Code::INCLUDE_CIRCLE, message, "move what both need into a third file");
        }
        if self.shared.files.contains(&name) {
            return Some((name, None));
        }
        if self.shared.files.len() >= MOST_FILES {
            let message = format!("more than {MOST_FILES} files for one runbook");
            return refused(self, Code::INCLUDE_FAILED, message, "include fewer files");
        }
        self.shared.files.push(name.clone());
        self.shared.open.push(name.clone());
        let id: SourceId = self.sources.add(Source::new(name.clone(), text.as_str()));
        let root = yaml::parse(id, &text, self.found);
        let broken = |problem: &Diagnostic| {
            problem.primary.span.source == id && super::LEAVES_OUT.contains(&problem.code)
        };
        if root.is_none() || self.found.iter().any(broken) {
            self.shared.broken.insert(name.clone());
            self.lacks_files(true);
        }
        Some((name, root))
    }

    fn included(&mut self, root: &Node, path: &Spanned<String>) {
        let kind = root.as_map().and_then(|map| map.get("kind")).and_then(Node::as_str).unwrap_or("");
        match kind {
            "Inventory" => {
                if let Some(fields) = self.fields(root, "an inventory", &[keys::INVENTORY]) {
                    self.version(&fields, "an inventory");
                    self.tables(&fields);
                    if let Some(node) = fields.get("vars") {
                        let vars = self.vars(node);
                        self.add_vars(vars);
                    }
                }
            }
            "Runbook" => {
                if let Some(fields) = self.fields(root, "a runbook", &[keys::RUNBOOK]) {
                    self.version(&fields, "a runbook");
                    self.tables(&fields);
                    if let Some(node) = fields.get("vars") {
                        let vars = self.vars(node);
                        self.add_vars(vars);
                    }
                }
            }
            "Policy" => {
                if let Some(policy) = Policy::read(root, self.found) {
                    self.add_policy(policy);
                }
            }
            "RunbookTest" => {
                let message = format!("`{}` is a test, which cannot be included", path.value);
                self.report(Diagnostic::error(Code::INCLUDE_FAILED, path.span, message));
            }
            other => {
                self.lacks_files(true);
                let found = if other.is_empty() {
                    "it has no `kind`".to_owned()
                } else {
                    format!("its kind is `{other}`")
                };
                let message = format!("`{}` cannot be included: {found}", path.value);
                self.report(
                    Diagnostic::error(Code::INCLUDE_FAILED, path.span, message)
                        .help("begin the file with `apiVersion: runbook/v1` and `kind: Inventory`"),
                );
            }
        }
    }

    /// The procedures of all files included so far.
    pub(super) fn included_procedures(&mut self) {
        for (file, root) in std::mem::take(&mut self.shared.pending) {
            let Some(map) = root.as_map() else { continue };
            let is_book = map.get("kind").and_then(Node::as_str) == Some("Runbook");
            if !is_book || map.get("procedures").is_none() {
                continue;
            }
            let fields = Fields::unchecked(map, root.span);
            self.shared.open.push(file.clone());
            let defaults = std::mem::take(&mut self.defaults);
            if let Some(node) = fields.get("defaults") {
                self.defaults = self.read_defaults(node);
            }
            self.procedures(&fields);
            self.defaults = defaults;
            self.shared.open.retain(|open| *open != file);
        }
    }

    /// `include`, `targets` and `groups` of one file.
    pub(super) fn tables(&mut self, fields: &Fields<'_>) {
        self.includes(fields);
        if let Some(node) = fields.get("targets") {
            self.targets(node);
        }
        if let Some(node) = fields.get("groups") {
            self.groups(node);
        }
        if let Some(node) = fields.get("secrets") {
            self.secrets(node);
        }
        if let Some(node) = fields.get("roles") {
            self.role_holders(node);
        }
        self.people(fields);
        if let Some(node) = fields.get("policy") {
            let name = fields.get("name").and_then(Node::as_str).unwrap_or("inventory");
            self.inline_policy(node, name);
        }
    }

    /// Adds variables of an included file before those of the file itself.
    pub(super) fn add_vars(&mut self, vars: Vec<(Spanned<String>, ValueTemplate)>) {
        for (name, value) in vars {
            if let Some((first, _)) = self.shared.vars.iter().find(|(first, _)| first.value == name.value) {
                let first = first.span;
                self.defined_twice("variable", &name, first);
            } else {
                self.shared.vars.push((name, value));
            }
        }
    }

    fn secrets(&mut self, node: &Node) {
        let Some(map) = node.as_map() else {
            self.unread.secrets = true;
            return self.wrong_type(node, "`secrets`", "a map of names, such as `{token: {env: APP_TOKEN}}`");
        };
        for (name, node) in map.iter() {
            self.identifier(name, "a secret");
            let first = self.shared.secrets.iter().find(|(first, _)| first.value == name.value);
            if let Some(first) = first.map(|(first, _)| first.span) {
                self.defined_twice("secret", name, first);
                continue;
            }
            match self.secret_source(node) {
                Some(source) => self.shared.secrets.push((name.clone(), source)),
                None => self.unread.secrets = true,
            }
        }
    }

    fn secret_source(&mut self, node: &Node) -> Option<SecretSource> {
        if node.as_scalar().is_some() {
            let message = "a secret is never written into a file";
            let problem = Diagnostic::error(Code::WRONG_TYPE, node.span, message);
            self.report(problem.help("say where it comes from: `{env: NAME}`, `{file: path}`, `{command: [argv]}` or `{prompt: text}`"));
            return None;
        }
        let fields = self.fields(node, "a secret", &[keys::SECRET])?;
        let mut sources =
            fields.map.iter().filter(|(key, _)| keys::SECRET.iter().any(|(name, _)| *name == key.value));
        let Some((key, value)) = sources.next() else {
            if !fields.has_hints() {
                let problem =
                    Diagnostic::error(Code::MISSING_KEY, node.span, "this secret comes from nowhere");
                self.report(problem.help("add one of `env`, `file`, `command`, `prompt`"));
            }
            return None;
        };
        if let Some((second, _)) = sources.next() {
            let message = format!("`{}` and `{}` in one secret", key.value, second.value);
            self.report(
                Diagnostic::error(Code::SEVERAL_ACTIONS, second.span, message)
                    .also(key.span, "the first source"),
            );
        }
        Some(match key.value.as_str() {
            "env" => SecretSource::Env(self.template(value, "`env`")?),
            "file" => SecretSource::File(self.template(value, "`file`")?),
            "prompt" => SecretSource::Prompt(self.template(value, "`prompt`")?),
            _ if value.as_scalar().is_some() => {
                let message = "the command of a secret is a list: no shell reads it";
                let problem = Diagnostic::error(Code::WRONG_TYPE, value.span, message);
                self.report(problem.help("write `command: [pass, show, app/token]`"));
                return None;
            }
            _ => {
                let argv = self.templates(value, "`command`");
                if argv.is_empty() {
                    self.report(Diagnostic::error(
                        Code::EMPTY_LIST,
                        value.span,
                        "`command` holds no command",
                    ));
                    return None;
                }
                self.judge_words(value, &argv);
                SecretSource::Command(argv)
            }
        })
    }

    pub(super) fn defined_twice(&mut self, what: &str, name: &Spanned<String>, first: Span) {
        let message = format!("the {what} `{}` twice", name.value);
        self.report(
            Diagnostic::error(Code::DUPLICATE_NAME, name.span, message)
                .label("again here")
                .also(first, "first here")
                .help("rename one of them"),
        );
    }

    /// The procedures of one file.
    pub(super) fn procedures(&mut self, fields: &Fields<'_>) {
        let Some(node) = fields.get("procedures") else { return };
        let Some(map) = node.as_map() else {
            self.unread.procedures.insert_all();
            self.unread_ids(node);
            return self.wrong_type(node, "`procedures`", "a map of names to lists of steps");
        };
        for (name, node) in map.iter() {
            self.identifier(name, "a procedure");
            let first =
                self.shared.procedures.iter().find(|p| p.name.value == name.value).map(|p| p.name.span);
            if let Some(first) = first {
                self.defined_twice("procedure", name, first);
                continue;
            }
            match self.procedure(name, node) {
                Some(procedure) if !self.in_broken_file() => self.shared.procedures.push(procedure),
                _ => self.unread.procedures.insert(&name.value),
            }
        }
    }

    fn procedure(&mut self, name: &Spanned<String>, node: &Node) -> Option<Procedure> {
        let target = self.defaults.target.replace(TargetRef::Around);
        let outside = self.enter_inputs(&[]);
        let procedure = self.procedure_steps(name, node);
        self.operands = outside;
        self.defaults.target = target;
        procedure
    }

    fn procedure_steps(&mut self, name: &Spanned<String>, node: &Node) -> Option<Procedure> {
        let mut procedure = Procedure {
            name: name.clone(),
            span: node.span,
            title: None,
            inputs: Vec::new(),
            vars: Vec::new(),
            steps: Vec::new(),
            outputs: Vec::new(),
        };
        if node.as_seq().is_some() {
            procedure.steps = self.steps(node, "a procedure");
            return Some(procedure);
        }
        if node.as_map().is_none() {
            self.wrong_type(node, "a procedure", "a list of steps, or a map with `steps`");
            return None;
        }
        let fields = self.fields(node, "a procedure", &[keys::PROCEDURE])?;
        procedure.title = fields.get("title").and_then(|node| self.text(node, "`title`"));
        procedure.inputs = fields.get("inputs").map(|n| self.procedure_inputs(n)).unwrap_or_default();
        self.enter_inputs(&procedure.inputs);
        procedure.vars = fields.get("vars").map(|node| self.vars(node)).unwrap_or_default();
        procedure.steps = self
            .require(&fields, "steps", "a procedure")
            .map(|node| self.steps(node, "`steps`"))
            .unwrap_or_default();
        procedure.outputs = fields.get("outputs").map(|node| self.outputs(node)).unwrap_or_default();
        Some(procedure)
    }

    /// Another runbook as a procedure; says what it is called in the model.
    pub(super) fn called_file(&mut self, path: &Spanned<String>) -> Option<Spanned<String>> {
        let (name, root) = self.open_file(path)?;
        let own = Spanned::new(name.clone(), path.span);
        if let Some(root) = root {
            let defaults = std::mem::take(&mut self.defaults);
            let depth = std::mem::take(&mut self.depth);
            let place = self.shared.procedures.len();
            match self.book_as_procedure(path, &own, &root) {
                Some(procedure) if !self.in_broken_file() => {
                    self.shared.procedures.insert(place.min(self.shared.procedures.len()), procedure);
                }
                _ => self.unread.procedures.insert(&own.value),
            }
            (self.defaults, self.depth) = (defaults, depth);
            self.shared.open.retain(|open| *open != name);
        } else if self.unread.procedures.contains(&name) {
            return Some(own);
        } else if !self.shared.procedures.iter().any(|procedure| procedure.name.value == name) {
            let message = format!("`{}` is included, so it cannot be called", path.value);
            self.report(
                Diagnostic::error(Code::INCLUDE_FAILED, path.span, message)
                    .help("move its steps into a procedure and call that"),
            );
            return None;
        }
        Some(own)
    }

    fn book_as_procedure(
        &mut self,
        path: &Spanned<String>,
        name: &Spanned<String>,
        root: &Node,
    ) -> Option<Procedure> {
        let kind = root.as_map().and_then(|map| map.get("kind")).and_then(Node::as_str);
        if let Some(kind @ ("Inventory" | "Policy" | "RunbookTest")) = kind {
            let message = format!("`{}` cannot be called: its kind is `{kind}`", path.value);
            let problem = Diagnostic::error(Code::INCLUDE_FAILED, path.span, message);
            self.report(match kind {
                "RunbookTest" => problem.help("call the runbook that it tests"),
                _ => problem.help("name it under `include`, and call a procedure or a runbook"),
            });
            return None;
        }
        if !self.header(root) {
            return None;
        }
        let fields = self.fields(root, "a runbook", &[keys::RUNBOOK])?;
        let before = self.shared.vars.len();
        let groups = self.shared.groups.len();
        self.tables(&fields);
        self.resolve_groups_from(groups);
        self.included_procedures();
        // Variables of files that it includes are its own.
        let mut vars = self.shared.vars.split_off(before);
        for key in ["on_failure", "lock", "escalation"] {
            if fields.has(key) {
                let message = format!("a runbook that is called cannot have `{key}`");
                self.report(
                    Diagnostic::error(Code::KEY_NOT_HERE, fields.key_span(key), message)
                        .also(name.span, "it is called here")
                        .help(
                            "what follows a failure, and what excludes another run, is for the caller to say",
                        ),
                );
            }
        }
        let meta = self.metadata(&fields);
        let inputs = fields.get("inputs").map(|node| self.procedure_inputs(node)).unwrap_or_default();
        let outside = self.enter_inputs(&inputs);
        vars.extend(fields.get("vars").map(|node| self.vars(node)).unwrap_or_default());
        self.defaults = match fields.get("defaults") {
            Some(node) => self.read_defaults(node),
            None => Defaults::default(),
        };
        self.procedures(&fields);
        let target = self.defaults.target.get_or_insert(TargetRef::Around).clone();
        let preconditions =
            fields.get("preconditions").map(|n| self.checks(n, "`preconditions`")).unwrap_or_default();
        let steps = self
            .require(&fields, "steps", "a runbook")
            .map(|node| self.steps(node, "`steps`"))
            .unwrap_or_default();
        let cleanup = fields.get("finally").map(|node| self.steps(node, "`finally`")).unwrap_or_default();
        let outputs = fields.get("outputs").map(|node| self.outputs(node)).unwrap_or_default();
        let steps = if preconditions.is_empty() && cleanup.is_empty() {
            steps
        } else {
            let spec =
                StepSpec { preconditions, target, ..StepSpec::plain(Action::Group { parallel: false }) };
            vec![Step {
                span: root.span,
                spec: Box::new(spec),
                needs: None,
                children: steps,
                rollback: Vec::new(),
                cleanup,
            }]
        };
        self.operands = outside;
        Some(Procedure {
            name: name.clone(),
            span: name.span,
            title: meta.title,
            inputs,
            vars,
            steps,
            outputs,
        })
    }
}
