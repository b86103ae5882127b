//! One step: its action, and everything that belongs to it.

use super::fields::Fields;
use super::flow::repeated;
use super::judge::Said;
use super::keys;
use super::places::Place;
use super::reader::{Reader, as_written, better_identifier};
use crate::diag::{Code, Diagnostic};
use crate::expr::Expr;
use crate::kind::RestoreKind;
use crate::model::{
    Action, Assertion, CustomAction, Effect, Evidence, Step, StepFailure, StepSpec, TargetRef, ValueTemplate,
};
use crate::source::{Span, Spanned};
use crate::value::Value;
use crate::yaml::Node;

/// How many groups may be inside of each other.
pub(super) const DEEPEST: usize = 32;

impl Reader<'_> {
    pub(super) fn step(&mut self, node: &Node) -> Option<Step> {
        let fields = self.fields(node, "a step", &[keys::STEP, keys::ACTIONS, keys::EXECUTORS])?;
        let place = match fields.get("target") {
            Some(node) => self.place(node),
            None => fields.get("copy").and_then(|node| self.place_of_copy(node)),
        };
        let each = self.repetition(&fields, place.as_ref());
        let target = match place {
            Some(Place::One(target)) => Some(target),
            Some(Place::Many(_)) => Some(TargetRef::Around),
            None => None,
        };
        // What belongs to a step acts where the step acts, unless it says otherwise.
        let around = self.defaults.target.clone();
        self.defaults.target = target.or(self.defaults.target.take());
        let step = self.single(node, &fields);
        self.defaults.target = around;
        Some(match each {
            Some(each) => repeated(step?, each),
            None => step?,
        })
    }

    /// A step apart from where and how often it is carried out.
    fn single(&mut self, node: &Node, fields: &Fields<'_>) -> Option<Step> {
        let id = fields.get("id").and_then(|node| self.step_id(node));
        let said = self.found.len();
        let key = self.action_key(fields);
        let action = key.and_then(|(key, node)| self.action(key, node, fields));
        if let Some((action, _)) = &action {
            self.misplaced_keys(fields, action);
        }
        let refused_whole = action.is_none();
        // A step stays a step when its action is refused, so that its other keys and its uses are looked at.
        let refused = || {
            let kind = key.map_or_else(String::new, |(key, _)| key.to_owned());
            let params = ValueTemplate::Value(Value::Null);
            (Action::Custom(CustomAction { kind, params, writes: Vec::new() }), Vec::new())
        };
        let (action, children) = action.unwrap_or_else(refused);
        let declared = fields.has("effect");
        let own_effect = fields.get("effect").and_then(|node| self.effect(node));
        let effect_because =
            fields.get("effect_because").and_then(|node| self.text(node, "`effect_because`"));
        let policy_exception = fields.get("policy_exception").and_then(|node| self.exception(node));
        let found = match key.filter(|_| !refused_whole) {
            Some((_, node)) => {
                let said = Said {
                    effect: own_effect.zip(fields.get("effect").map(|node| node.span)),
                    because: effect_because.as_deref(),
                    exception: policy_exception.as_ref(),
                };
                self.judge_action(node, &action, self.effect_of(&action), &said)
            }
            None => self.effect_of(&action),
        };
        let effect = own_effect.unwrap_or(found);
        let own_idempotent = fields.get("idempotent").and_then(|node| self.bool(node, "`idempotent`"));
        let idempotent = own_idempotent.unwrap_or(effect == Effect::Read || self.is_idempotent(&action));
        let outputs = fields.get("outputs").map(|node| self.outputs(node)).unwrap_or_default();
        if let Some(id) = id.as_ref().filter(|_| refused_whole || self.found.len() > said) {
            self.unread.steps.insert(&id.value);
        }
        if action.is_external() && !idempotent && declared == own_effect.is_some() {
            self.retry_needs_idempotence(fields, own_idempotent);
        }
        self.irreversible_needs_confirm(fields);
        let list = |reader: &mut Self, key: &str| {
            fields.get(key).map(|node| reader.checks(node, &format!("`{key}`"))).unwrap_or_default()
        };
        let done_when = list(self, "done_when");
        let preconditions = list(self, "preconditions");
        let verify = list(self, "verify");
        let takes_time = action.is_external();
        let own_retry = fields.get("retry").and_then(|node| self.retry(node));
        let own_timeout = fields.get("timeout").and_then(|node| self.limit(node, "`timeout`"));
        let failures =
            [("stop", StepFailure::Stop), ("continue", StepFailure::Continue), ("ask", StepFailure::Ask)];
        let spec = StepSpec {
            id,
            title: fields.get("title").and_then(|node| self.template(node, "`title`")),
            description: fields.get("description").and_then(|node| self.text(node, "`description`")),
            labels: fields.get("labels").map(|node| self.labels(node)).unwrap_or_default(),
            target: self.defaults.target.clone().unwrap_or_else(TargetRef::local),
            effect,
            effect_declared: declared,
            effect_because,
            policy_exception,
            idempotent,
            when: fields.get("when").and_then(|node| self.expr(node, "`when`")),
            done_when,
            preconditions,
            confirm: fields.get("confirm").and_then(|node| self.confirm(node)),
            expect: fields.get("expect").and_then(|node| {
                self.expect(node, matches!(action, Action::Custom(_)).then(|| action.key()))
            }),
            // A default retry is for what may be repeated; it does not make anything repeatable.
            retry: own_retry.or_else(|| self.defaults.retry.clone().filter(|_| takes_time && idempotent)),
            settle: fields.get("settle").and_then(|node| self.duration(node, "`settle`")),
            verify,
            irreversible: fields
                .get("irreversible")
                .and_then(|node| self.bool(node, "`irreversible`"))
                .unwrap_or(false),
            on_failure: fields
                .get("on_failure")
                .and_then(|node| self.word(node, "`on_failure`", &failures))
                .unwrap_or_default(),
            timeout: own_timeout.or_else(|| self.defaults.timeout.filter(|_| takes_time)),
            budget: fields.get("budget").and_then(|node| self.duration(node, "`budget`")),
            evidence: fields
                .get("evidence")
                .and_then(|node| self.evidence(node, action.is_external().then_some(&outputs[..]))),
            outputs: outputs.into_iter().map(|(name, expr)| (name.value, expr)).collect(),
            action,
        };
        self.lint_exceptions(fields, node.span);
        let needs = fields.get("needs").and_then(|needs| self.needs(needs, node.span));
        let rollback = fields.get("rollback").map(|node| self.rollback(node, &spec)).unwrap_or_default();
        let cleanup = fields.get("cleanup").map(|node| self.steps(node, "`cleanup`")).unwrap_or_default();
        Some(Step { span: node.span, spec: Box::new(spec), needs, children, rollback, cleanup })
    }

    fn step_id(&mut self, node: &Node) -> Option<Spanned<String>> {
        let id = self.spanned_text(node, "`id`")?;
        if !self.identifier(&id, "a step") {
            self.unread.steps.insert(&id.value);
            self.unread.steps.insert(better_identifier(&id.value));
        }
        Some(id)
    }

    /// The steps it waits for; `step` is where it is written.
    fn needs(&mut self, node: &Node, step: Span) -> Option<Vec<Spanned<String>>> {
        let Some(items) = node.as_seq() else {
            let found = node.kind_name();
            let problem = Diagnostic::error(
                Code::WRONG_TYPE,
                node.span,
                format!("`needs` must be a list of ids, found {found}"),
            );
            self.report(match node.as_str() {
                Some(id) => problem.help(format!("write `needs: [{id}]`")),
                None => problem.help("write `needs: [id, …]`, or `needs: []` to start at once"),
            });
            self.unread.needs.insert(step);
            return None;
        };
        let needs: Vec<_> =
            items.iter().filter_map(|item| self.spanned_text(item, "an id in `needs`")).collect();
        if needs.len() < items.len() {
            self.unread.needs.insert(step);
        }
        Some(needs)
    }

    fn retry_needs_idempotence(&mut self, fields: &Fields<'_>, own: Option<bool>) {
        // What is not a bool was refused already.
        if !fields.has("retry") || fields.has("idempotent") != own.is_some() {
            return;
        }
        self.report(
            Diagnostic::error(
                Code::RETRY_NOT_IDEMPOTENT,
                fields.key_span("retry"),
                "`retry` on an action that may not be repeated",
            )
            .note("an attempt that failed may have done half of its work")
            .help(match own {
                Some(_) => "write `idempotent: true` if a repetition does no harm, or remove `retry`",
                None => "add `idempotent: true` if a repetition does no harm, `effect: read` if it only looks, or remove `retry`",
            }),
        );
    }

    fn irreversible_needs_confirm(&mut self, fields: &Fields<'_>) {
        let irreversible = fields.get("irreversible").and_then(|node| node.as_scalar());
        if fields.has("confirm") || !irreversible.is_some_and(|s| s.resolve() == Value::Bool(true)) {
            return;
        }
        self.report(
            Diagnostic::error(
                Code::IRREVERSIBLE_WITHOUT_CONFIRM,
                fields.key_span("irreversible"),
                "a point of no return without a confirmation",
            )
            .note("after it nothing before it is rolled back, so a person must agree first")
            .help("add `confirm: …` with the question to ask"),
        );
    }

    /// The one action key of a step.
    fn action_key<'n>(&mut self, fields: &Fields<'n>) -> Option<(&'n str, &'n Node)> {
        let is_action = |name: &str| {
            keys::ACTIONS.iter().chain(keys::EXECUTORS).any(|(key, _)| *key == name)
                || self.kinds.action(name).is_some()
        };
        let mut actions = fields.map.iter().filter(|(key, _)| is_action(&key.value));
        let Some((key, node)) = actions.next() else {
            if fields.puzzling {
                return None;
            }
            self.report(
                Diagnostic::error(Code::NO_ACTION, fields.span, "this step does nothing")
                    .note("a step does exactly one thing, named by its action key")
                    .help("add one of `run`, `manual`, `wait`, `assert`, `set`, `steps`, `parallel`"),
            );
            return None;
        };
        let others: Vec<_> = actions.map(|(key, _)| key).collect();
        if let Some(second) = others.first() {
            let mut problem = Diagnostic::error(
                Code::SEVERAL_ACTIONS,
                second.span,
                format!("`{}` and `{}` in one step", key.value, second.value),
            )
            .label("a second action")
            .also(key.span, "the first action");
            if key.value != "steps" && others.iter().any(|k| k.value == "steps" || k.value == "parallel") {
                problem = problem.help("put the action into the group as a step of its own");
            } else {
                problem = problem.help("make two steps of it");
            }
            self.report(problem);
        }
        Some((&key.value, node))
    }

    /// The action itself, and the steps in it when it is a group.
    fn action(&mut self, key: &str, node: &Node, fields: &Fields<'_>) -> Option<(Action, Vec<Step>)> {
        let action = match key {
            "run" => Action::Run(self.run(node, fields)?),
            "manual" => Action::Manual(self.manual(node)?),
            "wait" if node.as_map().is_some() => Action::WaitFor(self.wait_for(node)?),
            "choose" => return Some((Action::Choose, self.choose(node))),
            "remedies" => return self.remedies(node),
            "call" => {
                let call = self.call(node, fields)?;
                if matches!(self.defaults.target, Some(TargetRef::Computed(_))) && fields.has("target") {
                    let message = "a computed target cannot be handed on to what is called";
                    self.report(
                        Diagnostic::error(Code::KEY_NOT_HERE, fields.key_span("target"), message).help(
                            "give the name as an input, and write `target: ${{ inputs.… }}` in the procedure",
                        ),
                    );
                }
                Action::Call(call)
            }
            "notify" => Action::Notify(self.notify(node)?),
            later if keys::ACTIONS.contains(&(later, keys::Support::Later)) => return None,
            "wait" => Action::Wait(self.duration(node, "`wait`")?),
            "assert" => Action::Assert(self.assertions(node)),
            "set" => Action::Set(self.set(node)),
            "steps" | "parallel" => {
                let children = self.inner_steps(node, &format!("`{key}`"));
                return Some((Action::Group { parallel: key == "parallel" }, children));
            }
            other => Action::Custom(self.custom(other, node, fields)?),
        };
        Some((action, Vec::new()))
    }

    /// Keys that are known but mean nothing for this action.
    fn misplaced_keys(&mut self, fields: &Fields<'_>, action: &Action) {
        let is_command = matches!(action, Action::Run(_));
        let has_result = action.is_external();
        let is_manual = matches!(action, Action::Manual(_));
        for (key, _) in fields.map.iter() {
            let name = key.value.as_str();
            let fits = match name {
                _ if keys::COMMAND_ONLY.contains(&name) => is_command,
                "evidence" => has_result || is_manual || matches!(action, Action::Set(_)),
                "outputs" => has_result || is_manual || matches!(action, Action::Notify(_)),
                "effect" => has_result || is_manual,
                _ if keys::RESULT_ONLY.contains(&name) => has_result,
                "with" => matches!(action, Action::Call(_)),
                "settle" => !matches!(action, Action::Set(_) | Action::Assert(_)),
                _ => true,
            };
            if !fits {
                let problem = Diagnostic::error(
                    Code::KEY_NOT_HERE,
                    key.span,
                    format!("`{name}` means nothing for `{}`", action.key()),
                );
                self.report(match action {
                    action if action.is_group() => {
                        problem.help("put it on the steps inside, or under `defaults`")
                    }
                    _ => problem.help(format!("remove `{name}`")),
                });
            }
        }
    }

    fn assertions(&mut self, node: &Node) -> Vec<Assertion> {
        let mut one = |node: &Node| -> Option<Assertion> {
            if node.as_scalar().is_some() {
                return Some(Assertion { that: self.expr(node, "`assert`")?, message: None });
            }
            let fields = self.fields(node, "an assertion", &[keys::ASSERTION])?;
            let that = self.require(&fields, "that", "an assertion").and_then(|n| self.expr(n, "`that`"))?;
            let message = fields.get("message").and_then(|node| self.template(node, "`message`"));
            Some(Assertion { that, message })
        };
        match node.as_seq() {
            Some([]) => {
                let message = "`assert` holds no condition";
                self.report(Diagnostic::error(Code::EMPTY_LIST, node.span, message));
                Vec::new()
            }
            Some(items) => items.iter().filter_map(one).collect(),
            None => one(node).into_iter().collect(),
        }
    }

    fn set(&mut self, node: &Node) -> Vec<(String, ValueTemplate)> {
        let Some(map) = node.as_map() else {
            self.wrong_type(node, "`set`", "a map of names to values");
            return Vec::new();
        };
        if map.is_empty() {
            self.report(Diagnostic::error(Code::EMPTY_LIST, node.span, "`set` holds no value"));
        }
        map.iter()
            .filter_map(|(name, node)| {
                self.identifier(name, "a value");
                Some((name.value.clone(), self.value(node, "a value")?))
            })
            .collect()
    }

    /// `outputs` are those of an action with a result.
    fn evidence(&mut self, node: &Node, outputs: Option<&[(Spanned<String>, Expr)]>) -> Option<Evidence> {
        if node.as_scalar().is_some() {
            return self.bool(node, "`evidence`")?.then(Evidence::default);
        }
        let fields = self.fields(node, "`evidence`", &[keys::EVIDENCE])?;
        let label = fields.get("label").and_then(|node| self.text(node, "`label`"));
        let capture = fields.get("capture").and_then(|node| {
            let name = self.text(node, "`capture`")?;
            let Some(outputs) = outputs else { return Some(name) };
            let names = || {
                ["stdout", "stderr"].into_iter().chain(outputs.iter().map(|(name, _)| name.value.as_str()))
            };
            if !names().any(|known| known == name) {
                let message = format!("`capture` names `{name}`, which the step does not have");
                let problem = Diagnostic::error(Code::UNKNOWN_OUTPUT, node.span, message);
                let problem = self.suggest.add(problem, &name, names);
                self.report(problem.help("it is `stdout`, `stderr`, or one of the step's `outputs`"));
            }
            Some(name)
        });
        Some(Evidence { label, capture })
    }

    /// Whether a kind of action says of itself that doing it again does no harm.
    fn is_idempotent(&self, action: &Action) -> bool {
        match action {
            Action::Custom(custom) => self
                .kinds
                .action(&custom.kind)
                .is_some_and(|kind| kind.is_idempotent(&as_written(&custom.params))),
            _ => false,
        }
    }

    fn rollback(&mut self, node: &Node, of: &StepSpec) -> Vec<Step> {
        if node.as_str() != Some("restore") {
            return self.steps(node, "`rollback`");
        }
        let Action::Custom(custom) = &of.action else {
            return self.nothing_to_restore(node, of);
        };
        let kind = self.kinds.action(&custom.kind).cloned();
        if !kind.is_some_and(|kind| kind.keeps_before(&as_written(&custom.params))) {
            return self.nothing_to_restore(node, of);
        }
        let params = CustomAction {
            kind: RestoreKind::KEY.to_owned(),
            params: custom.params.clone(),
            writes: custom.writes.clone(),
        };
        let spec = StepSpec {
            target: of.target.clone(),
            effect: Effect::Change,
            ..StepSpec::plain(Action::Custom(params))
        };
        vec![Step {
            span: node.span,
            spec: Box::new(spec),
            needs: None,
            children: Vec::new(),
            rollback: Vec::new(),
            cleanup: Vec::new(),
        }]
    }

    fn nothing_to_restore(&mut self, node: &Node, of: &StepSpec) -> Vec<Step> {
        let message = format!("`{}` keeps nothing that could be restored", of.action.key());
        let problem = Diagnostic::error(Code::KEY_NOT_HERE, node.span, message);
        self.report(match of.action.key() {
            "copy" => problem.help("add `backup: true` to `copy`"),
            _ => problem.help(
                "`rollback: restore` is for `write`, `edit` and `copy`; list the steps that undo this one",
            ),
        });
        Vec::new()
    }
}
