//! Carrying out actions: one attempt, from the rendered command to the judged result.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::tell::{Message, Told, tell};
use super::world::{StepOutput, TaskContext};
use crate::expr::Expr;
use crate::ids::NodeId;
use crate::model::{Action, Command, Effect, Expect, Notify, Over, Run, StepSpec, TargetRef, WaitFor};
use crate::port::{
    ActionContext, Attempted, Connections, ExecCommand, ExecEnd, ExecJob, ExecReport, Notice, Recovered,
    RunAs, StandIn,
};
use crate::render::{Rendered, RenderedCommand, RenderedRun, evaluate_outputs, judge, without_marks};
use crate::run::{Ending, StepResult};
use crate::value::{Duration, Object};

/// One attempt of one step, with everything rendered.
pub(super) struct Attempt {
    pub(super) node: NodeId,
    pub(super) number: u32,
    pub(super) rendered: Rendered,
    /// What `expect`, `outputs` and `retry.when` see, apart from `result`.
    pub(super) scope: Object,
    pub(super) stop: CancellationToken,
}

impl Attempt {
    /// Carries it out once and judges it.
    pub(super) async fn act(mut self, context: TaskContext) -> StepResult {
        let node = context.plan.node(self.node);
        if let Some(stand_in) = self.stand_in(&context) {
            let mut result = stand_in.act(&self.attempted(&context)).await;
            if let Action::Notify(notify) = &node.spec.action {
                result = Told::pretended(&names_of(notify), &result).into_result(self.stop.is_cancelled());
            }
            return self.judged(&node.spec, result);
        }
        if let Err(why) = self.fill_secrets(&context).await {
            return StepResult::failure(Ending::NotStarted, why);
        }
        let result = match (&node.spec.action, &self.rendered.run) {
            (Action::Run(_), Some(run)) => match context.connections.get(&self.rendered.target).await {
                Ok(connection) => {
                    let job = self.job(&context, run.clone(), &node.spec);
                    let report = connection.exec(&job, self.output(&context), self.stop.clone()).await;
                    self.kept(&context, result_of_report(report)).await
                }
                Err(error) => {
                    let help = error.help.map(|help| format!("; {help}")).unwrap_or_default();
                    StepResult::failure(Ending::NotStarted, format!("{}{help}", error.message))
                }
            },
            (Action::WaitFor(wait), _) => self.wait_for(&context, wait).await,
            (Action::Notify(notify), _) => {
                let text = |key: &str| self.rendered.params[key].as_str().unwrap_or_default().to_owned();
                let message = Message { subject: text("subject"), text: text("message") };
                let occasion = (node.key.as_str(), self.number);
                let told =
                    tell(&context, occasion, &names_of(notify), &message, node.spec.timeout, &self.stop)
                        .await;
                told.into_result(self.stop.is_cancelled())
            }
            (Action::Custom(custom), _) => match context.world.executors.get(&custom.kind) {
                Some(executor) => {
                    let result = executor.execute(&self.action_context(&context)).await;
                    self.kept(&context, result).await
                }
                None => StepResult::failure(
                    Ending::NotStarted,
                    format!("no executor in this program knows `{}`", custom.kind),
                ),
            },
            _ => StepResult::failure(Ending::NotStarted, "this action is not carried out by an executor"),
        };
        self.judged(&node.spec, context.secrets.mask_result(result))
    }

    /// Puts the secrets into what is rendered, now that it is certain that they are needed.
    async fn fill_secrets(&mut self, context: &TaskContext) -> Result<(), String> {
        let mut remarks = Vec::new();
        if let Some(run) = self.rendered.run.take() {
            self.rendered.run = Some(context.secrets.fill_run(run, &mut remarks).await?);
        }
        let params = std::mem::take(&mut self.rendered.params);
        self.rendered.params = context.secrets.fill_value(params, &mut remarks).await?;
        for remark in remarks {
            context.world.notice(&context.plan, &Notice::Remark(&remark));
        }
        Ok(())
    }

    /// What it would change, for people.
    pub(super) async fn preview(&self, context: &TaskContext) -> Option<String> {
        let Action::Custom(custom) = &context.plan.node(self.node).spec.action else { return None };
        if context.world.stand_in.is_some() {
            return None;
        }
        let preview =
            context.world.executors.get(&custom.kind)?.preview(&self.action_context(context)).await?;
        // Secrets are not asked for before somebody has agreed.
        Some(without_marks(&preview, &self.scope))
    }

    /// What takes the place of the world; a wait for checks only asks them.
    fn stand_in(&self, context: &TaskContext) -> Option<Arc<dyn StandIn>> {
        let waits = matches!(context.plan.node(self.node).spec.action, Action::WaitFor(_));
        context.world.stand_in.clone().filter(|_| !waits)
    }

    fn attempted<'a>(&'a self, context: &'a TaskContext) -> Attempted<'a> {
        let node = context.plan.node(self.node);
        let command = self.rendered.run.as_ref().map(RenderedRun::shown_command);
        Attempted {
            key: &node.key,
            number: self.number,
            action: &node.spec.action,
            expect: node.spec.expect.as_ref(),
            command: command.unwrap_or_else(|| self.rendered.shown.clone()),
            target: &self.rendered.target.name,
            timeout: node.spec.timeout,
            stop: &self.stop,
        }
    }

    /// Asks until all checks pass at once.
    async fn wait_for(&self, context: &TaskContext, wait: &WaitFor) -> StepResult {
        let clock = &context.world.clock;
        let key = format!("{}.for", context.plan.node(self.node).key);
        let span = |duration: Duration| {
            jiff::SignedDuration::from_millis(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX))
        };
        let last = clock.now().checked_add(span(wait.within)).unwrap_or(Timestamp::MAX);
        loop {
            let outcomes = tokio::select! {
                outcomes = super::checks::ask(context, &key, &wait.checks, &self.scope) => outcomes,
                () = self.stop.cancelled() => return stopped(),
            };
            let refused: Vec<String> = outcomes
                .iter()
                .filter(|outcome| outcome.refuses())
                .map(|outcome| format!("{}: {}", outcome.title, outcome.reason.as_deref().unwrap_or("no")))
                .collect();
            if refused.is_empty() {
                return StepResult::success();
            }
            let next = clock.now().checked_add(span(wait.every)).unwrap_or(Timestamp::MAX);
            if next > last {
                let reason = format!("not so within {}: {}", wait.within, refused.join("; "));
                return StepResult::failure(Ending::Completed, reason);
            }
            tokio::select! {
                () = clock.sleep_until(next) => {}
                () = self.stop.cancelled() => return stopped(),
            }
        }
    }

    /// Finds out what became of it after its engine was lost. What has not begun then never will.
    pub(super) async fn recover(mut self, context: TaskContext, started: Timestamp) -> StepResult {
        let node = context.plan.node(self.node);
        if let Some(stand_in) = self.stand_in(&context) {
            let result = stand_in.recover(&self.attempted(&context), started).await;
            return self.judged(&node.spec, result);
        }
        if let Err(why) = self.fill_secrets(&context).await {
            // What it wrote could not be masked.
            return StepResult::failure(Ending::Unknown, why);
        }
        let result = match (&node.spec.action, &self.rendered.run) {
            (Action::Run(_), Some(run)) => match context.connections.get(&self.rendered.target).await {
                Ok(connection) => {
                    let job = self.job(&context, run.clone(), &node.spec);
                    match connection.recover(&job, started, self.output(&context), self.stop.clone()).await {
                        Recovered::Ended(report) => self.kept(&context, result_of_report(*report)).await,
                        Recovered::NotStarted => StepResult::failure(Ending::NotStarted, "it never began"),
                        Recovered::Unknown(reason) => StepResult::failure(Ending::Unknown, reason),
                    }
                }
                Err(error) => StepResult::failure(Ending::Unknown, error.message),
            },
            (Action::Custom(custom), _) => match context.world.executors.get(&custom.kind) {
                Some(executor) => {
                    let result = executor.recover(&self.action_context(&context), started).await;
                    self.kept(&context, result).await
                }
                None => StepResult::failure(Ending::Unknown, "its executor is missing"),
            },
            _ => StepResult::failure(Ending::Unknown, "nobody can be asked what became of it"),
        };
        self.judged(&node.spec, context.secrets.mask_result(result))
    }

    fn job(&self, context: &TaskContext, run: RenderedRun, spec: &StepSpec) -> ExecJob {
        let key = &context.plan.node(self.node).key;
        job(context, run, key, self.number, spec.timeout, spec.effect != Effect::Read)
    }

    fn action_context(&self, context: &TaskContext) -> ActionContext {
        let node = context.plan.node(self.node);
        ActionContext {
            params: self.rendered.params.clone(),
            target: self.rendered.target.clone(),
            key: node.key.clone(),
            attempt: self.number,
            timeout: node.spec.timeout,
            stop: self.stop.clone(),
            output: self.output(context),
            directory: context.attempt_directory(&node.key, self.number),
            token: context.token(&node.key, self.number),
            connections: Arc::clone(&context.connections) as Arc<dyn Connections>,
        }
    }

    fn output(&self, context: &TaskContext) -> Arc<StepOutput> {
        Arc::new(StepOutput::new(context.clone(), self.node))
    }

    /// Files of large output are named as the run's directory sees them.
    async fn kept(&self, context: &TaskContext, mut result: StepResult) -> StepResult {
        let key = &context.plan.node(self.node).key;
        for captured in [&mut result.stdout, &mut result.stderr] {
            if let Some(file) = captured.file.take() {
                let path = context.attempt_directory(key, self.number).join(&file);
                captured.file = Some(file.clone());
                if let Err(why) = context.secrets.mask_file(&path, captured).await {
                    result.fields.insert("note".into(), why.into());
                    continue;
                }
                captured.file = Some(format!("steps/{key}.{}/{file}", self.number));
            }
        }
        result
    }

    /// Judges a result by `expect`, and computes what the step promised.
    fn judged(&self, spec: &StepSpec, mut result: StepResult) -> StepResult {
        if result.ending != Ending::Completed {
            result.ok = false;
            return result;
        }
        let mut scope = self.scope.clone();
        scope.insert("result".into(), result.to_value());
        // What completed and is not good is so because its executor says it; `expect` does not make it good.
        if result.ok {
            match judge(spec.expect.as_ref(), &result, &scope) {
                Ok(()) => result.ok = true,
                Err(reason) => {
                    result.ok = false;
                    result.reason = Some(reason);
                }
            }
        }
        if result.ok {
            match evaluate_outputs(&spec.outputs, &scope) {
                Ok(outputs) => result.outputs.extend(outputs),
                Err(reason) => {
                    // The action is done; doing it again would not make its output readable.
                    result.ok = false;
                    result.give_up = true;
                    result.reason = Some(reason);
                }
            }
        } else if let Some(when) = spec.retry.as_ref().and_then(|retry| retry.when.as_ref()) {
            result.give_up = !when.eval_bool(&scope).unwrap_or(false);
        }
        result
    }
}

fn stopped() -> StepResult {
    StepResult::failure(Ending::Cancelled, "was stopped")
}

/// A command as a connection takes it.
pub(super) fn job(
    context: &TaskContext,
    run: RenderedRun,
    key: &str,
    attempt: u32,
    timeout: Option<Duration>,
    durable: bool,
) -> ExecJob {
    let command = match run.command {
        RenderedCommand::Argv(argv) => ExecCommand::Argv(argv),
        RenderedCommand::Script { shell, text, .. } => ExecCommand::Script { shell, text },
    };
    ExecJob {
        command,
        env: run.env,
        stdin: run.stdin.map(String::into_bytes),
        cwd: run.cwd,
        run_as: run.run_as.map(|other| RunAs { user: other.user, password: other.password }),
        timeout,
        grace: context.world.grace,
        durable,
        directory: context.attempt_directory(key, attempt),
        token: context.token(key, attempt),
    }
}

/// What a connection reports, as a result; not judged yet.
pub(super) fn result_of_report(report: ExecReport) -> StepResult {
    let mut result = match report.end {
        ExecEnd::Exited(code) => StepResult { exit_code: Some(code), ..StepResult::success() },
        ExecEnd::TimedOut => {
            StepResult::failure(Ending::TimedOut, "took longer than its timeout and was stopped")
        }
        ExecEnd::Cancelled => StepResult::failure(Ending::Cancelled, "was stopped"),
        ExecEnd::NotStarted(reason) => StepResult::failure(Ending::NotStarted, reason),
        ExecEnd::Lost(reason) => StepResult::failure(Ending::Unknown, reason),
    };
    if let Some(note) = report.note {
        result.fields.insert("note".into(), note.clone().into());
        result.reason = result.reason.map(|reason| format!("{reason}; {note}"));
    }
    result.stdout = report.stdout;
    result.stderr = report.stderr;
    result
}

/// Every expression of a command.
pub(super) fn run_expressions(run: &Run) -> Vec<&Expr> {
    let mut found: Vec<&Expr> = match &run.command {
        Command::Argv(argv) => argv.iter().flat_map(|template| template.expressions()).collect(),
        Command::Script(script) => script.expressions().collect(),
    };
    found.extend(run.env.iter().flat_map(|(_, value)| value.expressions()));
    found.extend(run.stdin.iter().chain(&run.cwd).flat_map(|template| template.expressions()));
    let users = run.run_as.iter().flat_map(|other| std::iter::once(&other.user).chain(&other.password));
    found.extend(users.flat_map(|template| template.expressions()));
    found
}

/// Every expression of an `expect`.
pub(super) fn expect_expressions(expect: &Expect) -> Vec<&Expr> {
    match expect {
        Expect::Expr(expr) => vec![expr],
        Expect::Fields(fields) => fields.iter().flat_map(|(_, matcher)| matcher.expressions()).collect(),
    }
}

fn names_of(notify: &Notify) -> Vec<String> {
    notify.to.iter().map(|name| name.value.clone()).collect()
}

/// Every expression that rendering and judging the action of `spec` needs.
pub(super) fn action_expressions(spec: &StepSpec) -> Vec<&Expr> {
    let mut found: Vec<&Expr> = match &spec.action {
        Action::Run(run) => run_expressions(run),
        Action::Custom(custom) => custom.params.expressions(),
        Action::Manual(manual) => {
            let templates = std::iter::once(&manual.instructions).chain(&manual.checklist);
            templates.flat_map(|template| template.expressions()).collect()
        }
        Action::Assert(assertions) => assertions
            .iter()
            .flat_map(|a| std::iter::once(&a.that).chain(a.message.iter().flat_map(|m| m.expressions())))
            .collect(),
        Action::Set(values) => values.iter().flat_map(|(_, value)| value.expressions()).collect(),
        Action::WaitFor(wait) => super::checks::expressions(&wait.checks),
        Action::Notify(notify) => {
            let templates = std::iter::once(&notify.message).chain(&notify.subject);
            templates.flat_map(|template| template.expressions()).collect()
        }
        Action::Each(each) => match &each.over {
            Over::Items(items) => items.expressions(),
            Over::Targets(_) => Vec::new(),
        },
        Action::Call(call) => call.with.iter().flat_map(|(_, value)| value.expressions()).collect(),
        Action::Wait(_) | Action::Group { .. } | Action::Choose | Action::Remedies(_) => Vec::new(),
    };
    if let TargetRef::Computed(name) = &spec.target {
        found.extend(name.expressions());
    }
    found.extend(spec.expect.iter().flat_map(expect_expressions));
    found.extend(spec.outputs.iter().map(|(_, expr)| expr));
    found.extend(spec.retry.iter().filter_map(|retry| retry.when.as_ref()));
    if let Some(confirm) = &spec.confirm {
        let templates = std::iter::once(&confirm.message).chain(&confirm.show).chain(&confirm.phrase);
        found.extend(templates.flat_map(|template| template.expressions()));
    }
    found
}
