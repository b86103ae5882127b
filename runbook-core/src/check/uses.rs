//! Where a runbook holds expressions, and what is true at each place.

use crate::expr::{Expr, Template};
use crate::model::{
    Action, Check, CheckKind, Command, CustomAction, Expect, Manual, Over, Retry, Run, StepSpec, TargetRef,
};

/// When an expression of a step is evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum When {
    /// Before the action.
    Before,
    /// To judge the action or to keep its results.
    Result,
    /// After the action, by its verification.
    Verify,
}

/// One expression and its place.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Use<'a> {
    /// The expression.
    pub(crate) expr: &'a Expr,
    /// When it is evaluated.
    pub(crate) when: When,
    /// Whether it sees `result`.
    pub(crate) result: bool,
    /// Whether it must be true or false.
    pub(crate) condition: bool,
    /// Whether a secret may stand there: what it yields goes to the action and nowhere else.
    pub(crate) secret: bool,
}

/// Collects uses.
pub(crate) struct Uses<'a, 'f> {
    when: When,
    each: &'f mut dyn FnMut(Use<'a>),
}

/// Calls `each` for every expression of a step, those of its children and handlers excepted.
pub(crate) fn of_step<'a>(spec: &'a StepSpec, each: &mut dyn FnMut(Use<'a>)) {
    let mut uses = Uses { when: When::Before, each };
    uses.templates(&spec.title);
    uses.target(&spec.target);
    if let Some(when) = &spec.when {
        uses.add(when, false, true);
    }
    uses.checks(&spec.done_when);
    uses.checks(&spec.preconditions);
    if let Some(confirm) = &spec.confirm {
        uses.template(&confirm.message);
        uses.templates(&confirm.show);
        uses.templates(&confirm.phrase);
    }
    uses.action(&spec.action);
    uses.when = When::Result;
    if let Some(expect) = &spec.expect {
        uses.expect(expect);
    }
    uses.retry(&spec.retry);
    for (_, output) in &spec.outputs {
        uses.add(output, true, false);
    }
    uses.when = When::Verify;
    uses.checks(&spec.verify);
}

/// Calls `each` for every expression of `checks`.
pub(crate) fn of_checks<'a>(checks: &'a [Check], each: &mut dyn FnMut(Use<'a>)) {
    Uses { when: When::Before, each }.checks(checks);
}

impl<'a> Uses<'a, '_> {
    fn add(&mut self, expr: &'a Expr, result: bool, condition: bool) {
        (self.each)(Use { expr, when: self.when, result, condition, secret: false });
    }

    /// What only the action itself gets to see.
    fn private(&mut self, expr: &'a Expr) {
        (self.each)(Use { expr, when: self.when, result: false, condition: false, secret: true });
    }

    fn template(&mut self, template: &'a Template) {
        for expr in template.expressions() {
            self.add(expr, false, false);
        }
    }

    fn templates(&mut self, templates: impl IntoIterator<Item = &'a Template>) {
        for template in templates {
            self.template(template);
        }
    }

    fn action(&mut self, action: &'a Action) {
        match action {
            Action::Run(run) => self.run(run),
            Action::Manual(Manual { instructions, checklist, fields, links: _, roles: _, timeout: _ }) => {
                self.template(instructions);
                self.templates(checklist);
                self.templates(fields.iter().filter_map(|field| field.options_from.as_ref()));
            }
            Action::Assert(assertions) => {
                for assertion in assertions {
                    self.add(&assertion.that, false, true);
                    self.templates(&assertion.message);
                }
            }
            Action::Set(values) => {
                for expr in values.iter().flat_map(|(_, value)| value.expressions()) {
                    self.add(expr, false, false);
                }
            }
            Action::Custom(custom) => self.custom(custom),
            Action::WaitFor(wait) => self.checks(&wait.checks),
            Action::Notify(notify) => {
                self.template(&notify.message);
                self.templates(&notify.subject);
            }
            Action::Remedies(remedies) => self.checks(&remedies.goal),
            Action::Each(each) => {
                if let Over::Items(items) = &each.over {
                    for expr in items.expressions() {
                        self.add(expr, false, false);
                    }
                }
            }
            Action::Call(call) => {
                for expr in call.with.iter().flat_map(|(_, value)| value.expressions()) {
                    self.add(expr, false, false);
                }
            }
            Action::Wait(_) | Action::Group { .. } | Action::Choose => {}
        }
    }

    fn target(&mut self, target: &'a TargetRef) {
        if let TargetRef::Computed(name) = target {
            self.template(name);
        }
    }

    fn run(&mut self, run: &'a Run) {
        match &run.command {
            Command::Argv(arguments) => self.templates(arguments),
            Command::Script(script) => self.template(script),
        }
        for value in run.env.iter().map(|(_, value)| value).chain(&run.stdin) {
            value.expressions().for_each(|expr| self.private(expr));
        }
        self.templates(&run.cwd);
        if let Some(other) = &run.run_as {
            self.template(&other.user);
            let password = other.password.iter().flat_map(|password| password.expressions());
            password.for_each(|expr| self.private(expr));
        }
    }

    fn custom(&mut self, custom: &'a CustomAction) {
        for expr in custom.params.expressions() {
            self.private(expr);
        }
    }

    fn checks(&mut self, checks: &'a [Check]) {
        for check in checks {
            self.templates(&check.title);
            self.target(&check.target);
            match &check.kind {
                CheckKind::Expr(expr) => self.add(expr, false, true),
                CheckKind::Run(run) => self.run(run),
                CheckKind::Tcp(tcp) => self.templates([&tcp.host, &tcp.port]),
                CheckKind::File(file) => self.template(&file.path),
                CheckKind::Custom(custom) => self.custom(custom),
            }
            if let Some(expect) = &check.expect {
                self.expect(expect);
            }
            self.retry(&check.retry);
            self.templates(&check.message);
        }
    }

    fn expect(&mut self, expect: &'a Expect) {
        match expect {
            Expect::Expr(expr) => self.add(expr, true, true),
            Expect::Fields(fields) => {
                for expr in fields.iter().flat_map(|(_, matcher)| matcher.expressions()) {
                    self.add(expr, false, false);
                }
            }
        }
    }

    fn retry(&mut self, retry: &'a Option<Retry>) {
        if let Some(when) = retry.as_ref().and_then(|retry| retry.when.as_ref()) {
            self.add(when, true, true);
        }
    }
}
