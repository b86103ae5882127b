//! Asking checks: each with its retries, none with an effect.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::world::TaskContext;
use crate::model::{Check, CheckKind, FileProbe, Retry, TargetRef, TcpProbe};
use crate::port::{ActionContext, Asked, CheckAnswer, Connections};
use crate::render::{RenderError, describe_check, judge, render_run};
use crate::run::{CheckOutcome, Ending, StepResult};
use crate::value::{Duration, Object};

/// How long one try of a check may take when nothing else is said: a check that hangs answers nothing.
const PATIENCE: Duration = Duration::from_secs(60);

/// Asks `checks` one after the other. All are asked, so that all bad answers can be told at once.
pub(super) async fn ask(
    context: &TaskContext,
    key: &str,
    checks: &[Check],
    scope: &Object,
) -> Vec<CheckOutcome> {
    let mut outcomes = Vec::with_capacity(checks.len());
    for (index, check) in checks.iter().enumerate() {
        outcomes.push(ask_one(context, Place { list: key, number: index + 1 }, check, scope).await);
    }
    outcomes
}

/// Where a check stands: in the list `step.verify`, or `preconditions` for the runbook's own.
#[derive(Clone, Copy)]
struct Place<'a> {
    list: &'a str,
    number: usize,
}

impl Place<'_> {
    /// What stands in for the world answers; `None` when nothing does, or it leaves an expression alone.
    async fn stood_in(self, context: &TaskContext, check: &Check, question: String) -> Option<CheckAnswer> {
        let stand_in = context.world.stand_in.as_ref()?;
        let (step, stage) = self.list.rsplit_once('.').unwrap_or(("", self.list));
        let timeout = check.timeout.unwrap_or(PATIENCE);
        let asked = Asked { step, stage, number: self.number, check, question, timeout };
        let answer = stand_in.check(&asked).await;
        match (&check.kind, answer) {
            (CheckKind::Expr(_), answer) => answer,
            (_, answer) => Some(answer.unwrap_or_else(|| CheckAnswer::Refuses("nobody answers".to_owned()))),
        }
    }
}

async fn ask_one(context: &TaskContext, place: Place<'_>, check: &Check, scope: &Object) -> CheckOutcome {
    let title = describe_check(check, scope);
    let clock = &context.world.clock;
    let begun = clock.now();
    let needed = check.retry.as_ref().map_or(1, |retry| retry.consecutive);
    let (mut tries, mut in_a_row) = (0_u32, 0_u32);
    loop {
        tries += 1;
        let answer = try_once(context, place, tries, check, scope).await;
        in_a_row = if answer.is_ok() { in_a_row + 1 } else { 0 };
        let asked = answer.as_ref().err().and_then(|refused| refused.retry_after);
        let next = check.retry.as_ref().and_then(|retry| {
            let counted = Counted { tries, in_a_row };
            next_try(retry, (begun, clock.now()), counted, asked)
        });
        let passed = in_a_row >= needed;
        match (passed, next) {
            (false, Some(at)) => clock.sleep_until(at).await,
            _ => {
                let reason = match (passed, answer) {
                    (true, _) => None,
                    (false, Err(refused)) => Some(explain(check, refused.reason, scope)),
                    (false, Ok(())) => {
                        Some(format!("good only {in_a_row} times in a row, {needed} are needed"))
                    }
                };
                return CheckOutcome { title, passed, warn_only: check.warn_only, reason, tries };
            }
        }
    }
}

fn explain(check: &Check, reason: String, scope: &Object) -> String {
    match check.message.as_ref().map(|message| message.render_text(scope)) {
        Some(Ok(message)) => format!("{message} ({reason})"),
        _ => reason,
    }
}

/// What was found instead of a good answer.
struct Refused {
    reason: String,
    /// How long whoever was asked wants to be left alone.
    retry_after: Option<Duration>,
}

impl<T: Into<String>> From<T> for Refused {
    fn from(reason: T) -> Self {
        Refused { reason: reason.into(), retry_after: None }
    }
}

/// How often it was asked, and how many good answers came in a row.
#[derive(Clone, Copy)]
struct Counted {
    tries: u32,
    in_a_row: u32,
}

/// When to ask again; `None` when that is over.
fn next_try(
    retry: &Retry,
    (begun, now): (Timestamp, Timestamp),
    counted: Counted,
    asked: Option<Duration>,
) -> Option<Timestamp> {
    // Good answers that are still to be repeated do not count against the number of attempts.
    if retry.attempts.is_some_and(|most| counted.tries >= most && counted.in_a_row == 0) {
        return None;
    }
    let add = |at: Timestamp, duration: Duration| {
        let span = jiff::SignedDuration::from_millis(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX));
        at.checked_add(span).unwrap_or(Timestamp::MAX)
    };
    let next = add(now, retry.pause(counted.tries, asked));
    let within = retry.within.is_none_or(|within| next <= add(begun, within));
    within.then_some(next)
}

/// One try. `Err` says what was found instead.
async fn try_once(
    context: &TaskContext,
    place: Place<'_>,
    tries: u32,
    check: &Check,
    scope: &Object,
) -> Result<(), Refused> {
    let key = &format!("{}.check{}.{tries}", place.list, place.number);
    // Never closed. While a check waits to be asked again it is in nobody's way.
    let _turn = context.checks.acquire().await;
    let limit = check.timeout.unwrap_or(PATIENCE);
    match &check.kind {
        CheckKind::Expr(expr) => {
            if let Some(answer) = place.stood_in(context, check, expr.source().to_owned()).await {
                return Ok(answered(check, answer, scope)?);
            }
            match expr.eval_bool(scope) {
                Ok(true) => Ok(()),
                Ok(false) => Err("is not so".into()),
                Err(error) => Err(RenderError::from(error).to_string().into()),
            }
        }
        CheckKind::Run(run) => {
            let target = context.target(&check.target, scope)?;
            let rendered =
                render_run(&context.plan, run, &target, scope).map_err(|error| error.to_string())?;
            if let Some(reason) = context.rules.refuse_check(check, &target, scope) {
                return Err(reason.into());
            }
            if let Some(answer) = place.stood_in(context, check, rendered.shown_command()).await {
                return Ok(answered(check, answer, scope)?);
            }
            let rendered = context.secrets.fill_run(rendered, &mut Vec::new()).await?;
            let connection = context.connections.get(&target).await.map_err(|error| error.to_string())?;
            let job = super::actions::job(context, rendered, key, 1, Some(limit), false);
            let report = connection.exec(&job, Arc::new(()), CancellationToken::new()).await;
            let result = super::actions::result_of_report(report);
            // Nothing of a check is kept but what was found.
            let _ = tokio::fs::remove_dir_all(&job.directory).await;
            Ok(verdict(check, &result, scope)?)
        }
        CheckKind::Tcp(probe) => Ok(tcp(context, place, check, probe, scope).await?),
        CheckKind::File(probe) => Ok(file(context, place, check, probe, scope).await?),
        CheckKind::Custom(custom) => {
            let Some(executor) = context.world.executors.get(&custom.kind) else {
                return Err(format!("no executor in this program knows `{}`", custom.kind).into());
            };
            let params = custom.params.render(scope).map_err(|error| RenderError::from(error).to_string())?;
            let shown = || context.world.show(&custom.kind, &params);
            if context.world.stand_in.is_some()
                && let Some(answer) = place.stood_in(context, check, shown()).await
            {
                return Ok(answered(check, answer, scope)?);
            }
            let target = context.target(&check.target, scope)?;
            if let Some(reason) = context.rules.refuse_check(check, &target, scope) {
                return Err(reason.into());
            }
            let params = context.secrets.fill_value(params, &mut Vec::new()).await?;
            let action = ActionContext {
                params,
                target,
                key: key.to_owned(),
                attempt: 1,
                timeout: Some(limit),
                stop: CancellationToken::new(),
                output: Arc::new(()),
                directory: context.attempt_directory(key, 1),
                token: context.token(key, 1),
                connections: Arc::clone(&context.connections) as Arc<dyn Connections>,
            };
            let result = context.secrets.mask_result(executor.execute(&action).await);
            let _ = tokio::fs::remove_dir_all(&action.directory).await;
            let retry_after = result.retry_after;
            let refused = |reason| Refused { reason, retry_after };
            if !result.ok {
                return Err(refused(result.reason.unwrap_or_else(|| "failed".to_owned())));
            }
            verdict(check, &result, scope).map_err(refused)
        }
    }
}

/// What the answer of something that stands in for the world amounts to.
fn answered(check: &Check, answer: CheckAnswer, scope: &Object) -> Result<(), String> {
    match answer {
        CheckAnswer::Passes => Ok(()),
        CheckAnswer::Refuses(reason) => Err(reason),
        CheckAnswer::Result(result) if result.ending == Ending::Completed && !result.ok => {
            Err(result.reason.unwrap_or_else(|| "failed".to_owned()))
        }
        CheckAnswer::Result(result) => verdict(check, &result, scope),
        CheckAnswer::File(_) => Err("it is no question about a file".to_owned()),
    }
}

fn verdict(check: &Check, result: &StepResult, scope: &Object) -> Result<(), String> {
    let mut scope = scope.clone();
    scope.insert("result".into(), result.to_value());
    judge(check.expect.as_ref(), result, &scope).map_err(|reason| {
        let said = result.stderr.head.trim();
        let last = said.lines().last().unwrap_or("");
        match result.ending {
            Ending::Completed if !last.is_empty() => format!("{reason}: {last}"),
            _ => reason,
        }
    })
}

async fn tcp(
    context: &TaskContext,
    place: Place<'_>,
    check: &Check,
    probe: &TcpProbe,
    scope: &Object,
) -> Result<(), String> {
    let text = |template: &crate::expr::Template| {
        template.render_text(scope).map_err(|error| RenderError::from(error).to_string())
    };
    let (host, port) = (text(&probe.host)?, text(&probe.port)?);
    let port: u16 = port.trim().parse().map_err(|_| format!("`{port}` is not a port"))?;
    let target = context.target(&check.target, scope)?;
    if let Some(answer) = place.stood_in(context, check, format!("tcp {host}:{port}")).await {
        return answered(check, answer, scope);
    }
    let connection = context.connections.get(&target).await.map_err(|error| error.to_string())?;
    connection.tcp(&host, port).await
}

async fn file(
    context: &TaskContext,
    place: Place<'_>,
    check: &Check,
    probe: &FileProbe,
    scope: &Object,
) -> Result<(), String> {
    let path = probe.path.render_text(scope).map_err(|error| RenderError::from(error).to_string())?;
    let target = context.target(&check.target, scope)?;
    let path = target.path(&path);
    let facts = match place.stood_in(context, check, format!("file {path}")).await {
        Some(CheckAnswer::File(facts)) => facts,
        Some(answer) => return answered(check, answer, scope),
        None => {
            let connection = context.connections.get(&target).await.map_err(|error| error.to_string())?;
            connection.file_facts(&path).await?
        }
    };
    let Some(facts) = facts else {
        return if probe.exists { Err(format!("`{path}` does not exist")) } else { Ok(()) };
    };
    if !probe.exists {
        return Err(format!("`{path}` exists"));
    }
    if let Some(least) = probe.min_size.filter(|least| facts.size < *least) {
        return Err(format!("`{path}` has {} bytes, at least {least} are expected", facts.size));
    }
    if let Some(limit) = probe.newer_than {
        let age = context.world.clock.now().as_millisecond() - facts.modified.as_millisecond();
        let age = Duration::from_millis(u64::try_from(age).unwrap_or(0));
        if age > limit {
            let seconds = Duration::from_secs(age.as_millis() / 1000);
            return Err(format!("`{path}` was last written {seconds} ago, at most {limit} are allowed"));
        }
    }
    Ok(())
}

/// What expressions in `checks` refer to.
pub(super) fn expressions(checks: &[Check]) -> Vec<&crate::expr::Expr> {
    let mut found = Vec::new();
    for check in checks {
        if let TargetRef::Computed(name) = &check.target {
            found.extend(name.expressions());
        }
        found.extend(check.title.iter().chain(&check.message).flat_map(|template| template.expressions()));
        match &check.kind {
            CheckKind::Expr(expr) => found.push(expr),
            CheckKind::Run(run) => found.extend(super::actions::run_expressions(run)),
            CheckKind::Tcp(probe) => found.extend(probe.host.expressions().chain(probe.port.expressions())),
            CheckKind::File(probe) => found.extend(probe.path.expressions()),
            CheckKind::Custom(custom) => found.extend(custom.params.expressions()),
        }
        found.extend(check.expect.iter().flat_map(super::actions::expect_expressions));
    }
    found
}
