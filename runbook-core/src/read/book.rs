//! The runbook itself: header, metadata, inputs, and the lists that hold its steps.

use std::collections::BTreeMap;

use super::Defaults;
use super::fields::Fields;
use super::keys;
use super::reader::{Reader, better_identifier};
use crate::diag::{Code, Diagnostic};
use crate::expr::Template;
use crate::model::{
    Input, InputType, Lock, OnConflict, OnFailure, Policy, RollbackMode, Runbook, SecretSource, Step,
    ValueTemplate,
};
use crate::source::{Span, Spanned};
use crate::yaml::{Node, NodeKind};

impl Reader<'_> {
    /// The whole document.
    pub(super) fn book(&mut self, mut root: Node) -> Option<Runbook> {
        self.body = take_steps(&mut root);
        let root = &root;
        match root.as_map().and_then(|map| map.get("kind")).and_then(Node::as_str) {
            Some("Inventory") => {
                self.inventory(root);
                return None;
            }
            Some("Policy") => {
                Policy::read(root, self.found);
                return None;
            }
            Some("RunbookTest") => {
                self.suite(root);
                return None;
            }
            _ => {}
        }
        if !self.header(root) {
            return None;
        }
        let fields = self.fields(root, "a runbook", &[keys::RUNBOOK])?;
        let meta = self.metadata(&fields);
        self.tables(&fields);
        self.resolve_groups();
        self.included_procedures();
        let inputs = fields.get("inputs").map(|node| self.inputs(node, "an input")).unwrap_or_default();
        self.enter_inputs(&inputs);
        if let Some(node) = fields.get("vars") {
            let vars = self.vars(node);
            self.add_vars(vars);
        }
        if let Some(node) = fields.get("defaults") {
            self.defaults = self.read_defaults(node);
        }
        self.procedures(&fields);
        let escalation = fields.get("escalation").and_then(|node| self.escalation(node));
        let lock = fields.get("lock").and_then(|node| self.lock(node));
        let preconditions =
            fields.get("preconditions").map(|n| self.checks(n, "`preconditions`")).unwrap_or_default();
        let steps = match self.require(&fields, "steps", "a runbook") {
            Some(node) if self.body.is_empty() => self.steps(node, "`steps`"),
            Some(_) => self.body_steps(),
            None => Vec::new(),
        };
        let on_failure = fields.get("on_failure").map(|node| self.book_failure(node)).unwrap_or_default();
        let finally = fields.get("finally").map(|node| self.steps(node, "`finally`")).unwrap_or_default();
        let outputs = fields.get("outputs").map(|node| self.outputs(node)).unwrap_or_default();
        let outputs = outputs.into_iter().collect();
        if self.shared.lacks_files {
            self.unread.vars.insert_all();
            self.unread.secrets = true;
            self.unread.contacts = true;
            self.unread.procedures.insert_all();
        }
        let super::share::Shared {
            inventory,
            vars,
            procedures,
            mut secrets,
            contacts,
            channels,
            policies,
            lint_exceptions,
            ..
        } = std::mem::take(&mut self.shared);
        secrets.extend(inputs.iter().filter(|input| input.sensitive).map(|input| {
            let name = Spanned::new(SecretSource::name_of_input(&input.name.value), input.name.span);
            (name, SecretSource::Input(Box::new(input.clone())))
        }));
        Some(Runbook {
            meta,
            inputs,
            vars,
            secrets,
            contacts,
            channels,
            escalation,
            policies,
            inventory,
            procedures,
            lock,
            preconditions,
            steps,
            on_failure,
            finally,
            outputs,
            lint_exceptions,
        })
    }

    /// A file that only others use: looked at for what it is worth alone.
    fn inventory(&mut self, root: &Node) {
        let Some(fields) = self.fields(root, "an inventory", &[keys::INVENTORY]) else { return };
        self.version(&fields, "an inventory");
        self.tables(&fields);
        self.resolve_groups();
        if let Some(node) = fields.get("vars") {
            self.vars(node);
        }
    }

    /// `apiVersion` and `kind`. Without them nothing else can be understood.
    pub(super) fn header(&mut self, root: &Node) -> bool {
        let Some(map) = root.as_map() else {
            let message = format!("a runbook must be a map, found {}", root.kind_name());
            self.report(
                Diagnostic::error(Code::WRONG_TYPE, root.span, message)
                    .help("begin with `apiVersion: runbook/v1`, `kind: Runbook`, `name: …` and `steps:`"),
            );
            return false;
        };
        let fields = Fields::unchecked(map, Span { end: root.span.start, ..root.span });
        self.version(&fields, "a runbook");
        let kind = self.require(&fields, "kind", "a runbook").and_then(|n| self.spanned_text(n, "`kind`"));
        match kind {
            None => map.get("steps").is_some(),
            Some(kind) => match kind.value.as_str() {
                "Runbook" => true,
                "RunbookTest" => {
                    let message = "a test is not a runbook";
                    self.report(
                        Diagnostic::error(Code::BAD_KIND, kind.span, message)
                            .help("`runbook test` runs files of tests"),
                    );
                    false
                }
                "Policy" => {
                    let message = "a policy is not a runbook";
                    self.report(
                        Diagnostic::error(Code::BAD_KIND, kind.span, message)
                            .help("name it under `include` of a runbook, or give it with `--policy`"),
                    );
                    false
                }
                other => {
                    self.report(
                        Diagnostic::error(
                            Code::BAD_KIND,
                            kind.span,
                            format!("`{other}` is not a kind of file"),
                        )
                        .label("one of `Runbook`, `Inventory`, `Policy`, `RunbookTest`")
                        .did_you_mean(other, ["Runbook", "Inventory", "Policy", "RunbookTest"]),
                    );
                    map.get("steps").is_some()
                }
            },
        }
    }

    /// `apiVersion` of any file.
    pub(super) fn version(&mut self, fields: &Fields<'_>, what: &str) {
        let version =
            self.require(fields, "apiVersion", what).and_then(|node| self.spanned_text(node, "`apiVersion`"));
        if let Some(version) = version.filter(|version| version.value != "runbook/v1") {
            let message = format!("`{}` is not a version of the language that is known", version.value);
            self.report(
                Diagnostic::error(Code::BAD_API_VERSION, version.span, message)
                    .help("write `apiVersion: runbook/v1`"),
            );
        }
    }

    pub(super) fn labels(&mut self, node: &Node) -> BTreeMap<String, String> {
        let Some(map) = node.as_map() else {
            self.wrong_type(node, "`labels`", "a map of texts");
            return BTreeMap::new();
        };
        map.iter()
            .filter_map(|(key, value)| Some((key.value.clone(), self.text(value, "a label")?)))
            .collect()
    }

    /// Inputs of a runbook, or fields of a manual step. `what` is "an input" or "a field".
    pub(super) fn inputs(&mut self, node: &Node, what: &str) -> Vec<Input> {
        let Some(map) = node.as_map() else {
            let key = if what == "an input" { "`inputs`" } else { "`fields`" };
            self.wrong_type(node, key, "a map of names, such as `{branch: {type: string}}`");
            if what == "an input" {
                self.unread.inputs.insert_all();
            }
            return Vec::new();
        };
        let mut inputs = Vec::with_capacity(map.len());
        for (name, node) in map.iter() {
            let named = self.identifier(name, what);
            let input = self.input(name, node, what);
            if what == "an input" && (!named || input.is_none()) {
                self.unread.inputs.insert(&name.value);
                self.unread.inputs.insert(better_identifier(&name.value));
            }
            inputs.extend(input);
        }
        inputs
    }

    fn input(&mut self, name: &Spanned<String>, node: &Node, what: &str) -> Option<Input> {
        if let Some((word, _)) =
            node.as_str().and_then(|text| InputType::ALL.iter().find(|(word, _)| *word == text))
        {
            let problem =
                Diagnostic::error(Code::WRONG_TYPE, node.span, format!("{what} must be a map, found text"));
            self.report(problem.help(format!("write `{}: {{type: {word}}}`", name.value)));
            return None;
        }
        let fields = self.fields(node, what, &[keys::INPUT])?;
        let mut options_from = None;
        let options: Vec<_> = match fields.get("options") {
            Some(list) if list.as_str().is_some_and(|text| text.contains("${{")) => {
                if what == "a field" {
                    options_from = self.template(list, "`options`");
                } else {
                    let message = "the options of an input are fixed before the run";
                    self.report(Diagnostic::error(Code::KEY_NOT_HERE, list.span, message).help(
                        "ask with a `manual` step: the options of its `fields` may come from an earlier step",
                    ));
                }
                Vec::new()
            }
            Some(list) => {
                let items = self.items(list, "`options`");
                if items.is_empty() && list.as_seq().is_some() {
                    let message = "`options` holds no value";
                    self.report(Diagnostic::error(Code::EMPTY_LIST, list.span, message));
                }
                items.iter().map(Node::to_value).collect()
            }
            None => Vec::new(),
        };
        let r#type = match fields.get("type") {
            Some(node) => self.word(node, "`type`", &InputType::ALL).unwrap_or_default(),
            None if !fields.has("options") => InputType::String,
            None => InputType::Enum,
        };
        if r#type == InputType::Enum && options.is_empty() && !fields.has("options") {
            self.require(&fields, "options", "an input of type `enum`");
        }
        let default = fields.get("default").map(|node| match r#type {
            // `default: 1.10` of a text input is a text as written, and refused when that would surprise.
            InputType::String | InputType::Duration | InputType::Url | InputType::Path
                if node.as_scalar().is_some() && !node.is_nothing() =>
            {
                self.text(node, "`default`").unwrap_or_default().into()
            }
            _ => node.to_value(),
        });
        let mut kept = true;
        if !matches!(r#type, InputType::Int | InputType::Number) {
            let untyped = ["options", "example"].into_iter().chain(
                // Texts were looked at above.
                matches!(r#type, InputType::Enum | InputType::List).then_some("default"),
            );
            for node in untyped.filter_map(|key| fields.get(key)) {
                kept &= self.keeps_value(node, "an input");
            }
        }
        let required = fields.get("required").and_then(|node| self.bool(node, "`required`"));
        let input = Input {
            name: name.clone(),
            r#type,
            required: required.unwrap_or(default.is_none()),
            default,
            description: fields.get("description").and_then(|node| self.text(node, "`description`")),
            options,
            options_from,
            pattern: fields.get("pattern").and_then(|node| self.pattern(node, "`pattern`")),
            min: fields.get("min").and_then(|node| self.number(node, "`min`")),
            max: fields.get("max").and_then(|node| self.number(node, "`max`")),
            example: fields.get("example").map(Node::to_value),
            sensitive: self.sensitive(&fields, what, r#type),
        };
        if let (Some(min), Some(max)) = (input.min, input.max)
            && min > max
        {
            let message = format!("`min` of `{}` is greater than `max`", name.value);
            self.report(
                Diagnostic::error(Code::BAD_VALUE, fields.value_span("min"), message)
                    .label(format!("more than {max}"))
                    .also(fields.value_span("max"), "the upper limit")
                    .help("no value can fit both"),
            );
            return Some(input);
        }
        if !kept || self.options_do_not_fit(&input, &fields) {
            return Some(input);
        }
        for (key, value) in [("default", &input.default), ("example", &input.example)] {
            let (Some(value), Some(node)) = (value, fields.get(key)) else { continue };
            if let Err(reason) = input.check(value) {
                self.report(
                    Diagnostic::error(
                        Code::BAD_DEFAULT,
                        node.span,
                        format!("`{key}` of `{}` does not fit", name.value),
                    )
                    .label(reason.to_string()),
                );
            }
        }
        Some(input)
    }

    /// Inputs of what is called by name.
    pub(super) fn procedure_inputs(&mut self, node: &Node) -> Vec<Input> {
        let mut inputs = self.inputs(node, "an input");
        for input in inputs.iter_mut().filter(|input| input.sensitive) {
            input.sensitive = false;
            let message = "what a procedure is given is written into the log";
            let problem = Diagnostic::error(Code::BAD_SENSITIVE_INPUT, input.name.span, message);
            self.report(problem.help("use `secrets.name` where it is needed, and give nothing here"));
        }
        inputs
    }

    /// Whether the value of an input is a secret.
    fn sensitive(&mut self, fields: &Fields<'_>, what: &str, r#type: InputType) -> bool {
        if fields.get("sensitive").and_then(|node| self.bool(node, "`sensitive`")) != Some(true) {
            return false;
        }
        let (message, help) = if what == "a field" {
            let help = "declare it under `secrets`: `{name: {prompt: …}}`";
            ("what a person enters in a step is written into the log".to_owned(), help.to_owned())
        } else if r#type != InputType::String {
            ("only a text can be kept secret".to_owned(), "write `type: string`".to_owned())
        } else if let Some(key) = ["default", "options", "example"].into_iter().find(|key| fields.has(key)) {
            (format!("`{key}` would show what is to be kept secret"), format!("remove `{key}`"))
        } else {
            return true;
        };
        let span = fields.value_span("sensitive");
        self.report(Diagnostic::error(Code::BAD_SENSITIVE_INPUT, span, message).help(help));
        false
    }

    /// Reports every option that could never be chosen.
    fn options_do_not_fit(&mut self, input: &Input, fields: &Fields<'_>) -> bool {
        let alone = Input { options: Vec::new(), ..input.clone() };
        let nodes = fields.get("options").and_then(Node::as_seq).unwrap_or_default();
        let mut found = false;
        for (node, option) in nodes.iter().zip(&input.options) {
            if let Err(reason) = alone.check(option) {
                found = true;
                let message = format!("an option of `{}` does not fit", input.name.value);
                self.report(
                    Diagnostic::error(Code::BAD_DEFAULT, node.span, message).label(reason.to_string()),
                );
            }
        }
        found
    }

    pub(super) fn vars(&mut self, node: &Node) -> Vec<(Spanned<String>, ValueTemplate)> {
        let Some(map) = node.as_map() else {
            self.wrong_type(node, "`vars`", "a map of names to values");
            self.unread.vars.insert_all();
            return Vec::new();
        };
        let mut vars = Vec::with_capacity(map.len());
        for (name, node) in map.iter() {
            let named = self.identifier(name, "a variable");
            let value = self.value(node, "a variable");
            if !named || value.is_none() {
                self.unread.vars.insert(&name.value);
                self.unread.vars.insert(better_identifier(&name.value));
            }
            vars.extend(value.map(|value| (name.clone(), value)));
        }
        vars
    }

    pub(super) fn read_defaults(&mut self, node: &Node) -> Defaults {
        let Some(fields) = self.fields(node, "`defaults`", &[keys::DEFAULTS]) else {
            return Defaults::default();
        };
        let env = fields.get("env").map(|node| self.env(node)).unwrap_or_default();
        let size = |(name, value): &(String, Template)| 64 + name.len() + value.source_text().len();
        Defaults {
            env_cost: env.iter().map(size).sum(),
            env,
            target: fields.get("target").and_then(|node| self.target(node)),
            timeout: fields.get("timeout").and_then(|node| self.limit(node, "`timeout`")),
            retry: fields.get("retry").and_then(|node| self.retry(node)),
            shell: fields.get("shell").and_then(|node| self.shell(node)),
            cwd: fields.get("cwd").and_then(|node| self.template(node, "`cwd`")),
            run_as: fields.get("become").and_then(|node| self.becomes(node)),
        }
    }

    fn lock(&mut self, node: &Node) -> Option<Lock> {
        if node.as_scalar().is_some() {
            return Some(Lock { key: self.template(node, "`lock`")?, on_conflict: OnConflict::default() });
        }
        let fields = self.fields(node, "`lock`", &[keys::LOCK])?;
        let words = [("fail", OnConflict::Fail), ("wait", OnConflict::Wait)];
        let on_conflict = fields.get("on_conflict").and_then(|node| self.word(node, "`on_conflict`", &words));
        let key = self.require(&fields, "key", "`lock`").and_then(|node| self.template(node, "`key`"))?;
        Some(Lock { key, on_conflict: on_conflict.unwrap_or_default() })
    }

    fn book_failure(&mut self, node: &Node) -> OnFailure {
        let Some(fields) = self.fields(node, "`on_failure`", &[keys::BOOK_FAILURE]) else {
            return OnFailure::default();
        };
        let words =
            [("auto", RollbackMode::Auto), ("offer", RollbackMode::Offer), ("never", RollbackMode::Never)];
        OnFailure {
            rollback: fields
                .get("rollback")
                .and_then(|node| self.word(node, "`rollback`", &words))
                .unwrap_or_default(),
            steps: fields.get("steps").map(|node| self.steps(node, "`steps`")).unwrap_or_default(),
        }
    }

    /// The steps that [`take_steps`] took.
    fn body_steps(&mut self) -> Vec<Step> {
        let items = std::mem::take(&mut self.body);
        // Steps are large: a vector that grows by doubling would take half as much again.
        let mut steps = Vec::with_capacity(items.len());
        for item in items {
            steps.extend(self.step(&item));
        }
        steps
    }

    /// A list of steps that must not be empty.
    pub(super) fn steps(&mut self, node: &Node, what: &str) -> Vec<Step> {
        let Some(items) = node.as_seq() else {
            let found = node.kind_name();
            let problem = Diagnostic::error(
                Code::WRONG_TYPE,
                node.span,
                format!("{what} must be a list of steps, found {found}"),
            );
            self.report(match found {
                "map" => problem.help("begin each step with `- `"),
                _ => problem.help("write a step as `- run: command`"),
            });
            self.unread.steps.insert_all();
            return Vec::new();
        };
        if items.is_empty() {
            self.report(Diagnostic::error(Code::EMPTY_LIST, node.span, format!("{what} holds no step")));
        }
        items.iter().filter_map(|item| self.step(item)).collect()
    }

    pub(super) fn outputs(&mut self, node: &Node) -> Vec<(Spanned<String>, crate::expr::Expr)> {
        let Some(map) = node.as_map() else {
            self.wrong_type(node, "`outputs`", "a map of names to expressions");
            return Vec::new();
        };
        map.iter()
            .filter_map(|(name, node)| {
                self.identifier(name, "an output");
                Some((name.clone(), self.expr(node, "an output")?))
            })
            .collect()
    }
}

/// Takes the list under `steps` out of `root`.
fn take_steps(root: &mut Node) -> Vec<Node> {
    let NodeKind::Map(map) = &mut root.kind else { return Vec::new() };
    let steps = map.entries.iter_mut().find(|(key, _)| key.value == "steps");
    match steps.map(|(_, node)| &mut node.kind) {
        Some(NodeKind::Seq(items)) => std::mem::take(items),
        _ => Vec::new(),
    }
}
