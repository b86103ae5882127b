//! Telling people: a message over each channel that leads to them. What goes wrong is said, and stops nothing.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration as StdDuration;

use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::world::TaskContext;
use crate::expr::Expr;
use crate::kind::Target;
use crate::local::append_line;
use crate::model::{Action, Channel, Command, Contact, CustomAction, Run, Shell, Via};
use crate::plan::Plan;
use crate::port::{ActionContext, Connections};
use crate::render::{RenderError, judge, render_run};
use crate::run::{Ending, NotTold, StepResult};
use crate::value::{Duration, Object, Value};

/// How much of a message a command finds in its environment, in bytes; all of it is on its standard input.
const IN_ENVIRONMENT: usize = 32 * 1024;

/// What is told.
#[derive(Clone, Debug)]
pub(super) struct Message {
    pub(super) subject: String,
    pub(super) text: String,
}

/// Who was told, and who was not.
#[derive(Clone, Debug, Default)]
pub(super) struct Told {
    pub(super) sent: Vec<String>,
    pub(super) failed: Vec<NotTold>,
}

impl Told {
    /// What came of it where something stands in for the channels: everybody in `to` was told, or nobody.
    pub(super) fn pretended(to: &[String], result: &StepResult) -> Self {
        if result.ok {
            return Told { sent: to.to_vec(), failed: Vec::new() };
        }
        let reason = result.reason.clone().unwrap_or_else(|| "failed".to_owned());
        let failed = to.iter().map(|to| NotTold { to: to.clone(), reason: reason.clone() });
        Told { sent: Vec::new(), failed: failed.collect() }
    }

    /// As the result of a step: it never fails, but it may be less than it should have been, or have been stopped.
    pub(super) fn into_result(self, stopped: bool) -> StepResult {
        let complete = self.failed.is_empty();
        let mut result = match complete {
            false if stopped => StepResult::new(Ending::Cancelled, false),
            _ => StepResult::success(),
        };
        result.warned = !complete;
        result.reason = (!complete).then(|| self.reason());
        result.fields.insert("sent".into(), self.sent.into());
        let failed = self.failed.iter().map(|not| serde_json::to_value(not).unwrap_or_default());
        result.fields.insert("failed".into(), Value::Array(failed.collect()));
        result
    }

    fn reason(&self) -> String {
        let why: Vec<String> = self.failed.iter().map(|not| format!("{} ({})", not.to, not.reason)).collect();
        format!("not told: {}", why.join(", "))
    }
}

/// Tells everybody in `to` at once, and waits until each has been told or could not be. `key` and `attempt` name
/// the occasion. What has not been sent when `stop` is cancelled never will be.
pub(super) async fn tell(
    context: &TaskContext,
    (key, attempt): (&str, u32),
    to: &[String],
    message: &Message,
    limit: Option<Duration>,
    stop: &CancellationToken,
) -> Told {
    let mut tasks = JoinSet::new();
    for (place, name) in to.iter().enumerate() {
        let (context, name, message) = (context.clone(), name.clone(), message.clone());
        let (key, stop) = (format!("{key}.to{}", place + 1), stop.clone());
        tasks.spawn(async move {
            let one = One { context: &context, key: &key, attempt, name: &name, message: &message, stop };
            let why = one.tell(limit).await.err();
            (place, why.map(|why| context.secrets.masker.mask_str(&why).into_owned()))
        });
    }
    let mut ends: Vec<Option<String>> = vec![Some("the channel failed inside".to_owned()); to.len()];
    while let Some(done) = tasks.join_next().await {
        if let Ok((place, why)) = done
            && let Some(end) = ends.get_mut(place)
        {
            *end = why;
        }
    }
    let mut told = Told::default();
    for (name, end) in to.iter().zip(ends) {
        match end {
            None => told.sent.push(name.clone()),
            Some(reason) => told.failed.push(NotTold { to: name.clone(), reason }),
        }
    }
    told
}

/// One message to one contact or channel.
struct One<'a> {
    context: &'a TaskContext,
    key: &'a str,
    attempt: u32,
    name: &'a str,
    message: &'a Message,
    stop: CancellationToken,
}

impl One<'_> {
    async fn tell(&self, limit: Option<Duration>) -> Result<(), String> {
        let plan = &self.context.plan;
        let (contact, channel) = reached(plan, self.name)?;
        let scope = self.scope(contact);
        let limit = limit.map_or(channel.timeout, |limit| limit.min(channel.timeout));
        match &channel.via {
            Via::Command { argv, env } => {
                let run = Run {
                    command: Command::Argv(argv.clone()),
                    shell: Shell::default(),
                    env: env.clone(),
                    stdin: None,
                    cwd: None,
                    run_as: None,
                };
                self.command(&run, &scope, limit).await
            }
            Via::File(path) => {
                let path = path.render_text(&scope).map_err(|error| RenderError::from(error).to_string())?;
                self.line(path).await
            }
            Via::Custom(custom) => self.custom(custom, &scope, limit).await,
        }
    }

    fn scope(&self, contact: Option<&Contact>) -> Object {
        let mut scope = (*self.context.book).clone();
        scope.insert("message".into(), self.message.text.clone().into());
        scope.insert("subject".into(), self.message.subject.clone().into());
        scope.insert("to".into(), self.name.into());
        scope.insert("contact".into(), Contact::to_value(self.name, contact));
        scope
    }

    async fn command(&self, run: &Run, scope: &Object, limit: Duration) -> Result<(), String> {
        let (context, message) = (self.context, self.message);
        let target = Target::local();
        let rendered = render_run(&context.plan, run, &target, scope).map_err(|error| error.to_string())?;
        let mut rendered = context.secrets.fill_run(rendered, &mut Vec::new()).await?;
        let variables = [
            ("RUNBOOK_MESSAGE", &message.text),
            ("RUNBOOK_SUBJECT", &message.subject),
            ("RUNBOOK_TO", &self.name.to_owned()),
            ("RUNBOOK_RUN", &context.run),
        ];
        let short = |text: &str| beginning(text, IN_ENVIRONMENT).replace('\0', "\u{fffd}");
        rendered.env.extend(variables.map(|(name, text)| (name.to_owned(), short(text))));
        rendered.stdin = Some(format!("{}\n", message.text.trim_end_matches('\n')));
        let connection = context.connections.get(&target).await.map_err(|error| error.to_string())?;
        let job = super::actions::job(context, rendered, self.key, self.attempt, Some(limit), false);
        let report = connection.exec(&job, Arc::new(()), self.stop.clone()).await;
        let result = super::actions::result_of_report(report);
        // Nothing of it is kept but whether it went well.
        let _ = tokio::fs::remove_dir_all(&job.directory).await;
        match (result.ending, result.exit_code) {
            (Ending::Completed, Some(0)) => Ok(()),
            (Ending::Completed, code) => {
                let code = code.unwrap_or_default();
                let said = result.stderr.head.trim();
                let last = said.lines().last().map(|line| format!(": {line}")).unwrap_or_default();
                Err(format!("exit code {code}{last}"))
            }
            (Ending::TimedOut, _) => Err(format!("took longer than {limit}")),
            _ => Err(result.reason.unwrap_or_else(|| "failed".to_owned())),
        }
    }

    /// One line: time, run, who, subject and message, with tabs between them.
    async fn line(&self, path: String) -> Result<(), String> {
        let now = self.context.world.clock.now();
        let escaped = |text: &str| {
            let text = text.trim_end_matches('\n').replace('\\', "\\\\");
            text.replace('\n', "\\n").replace('\r', "\\r").replace('\t', "\\t")
        };
        let fields = [
            now.to_string(),
            self.context.run.clone(),
            self.name.to_owned(),
            escaped(&self.message.subject),
            escaped(&self.message.text),
        ];
        let line = fields.join("\t");
        let refused = |why: String| format!("`{path}`: {why}");
        let file = path.clone();
        let written = tokio::task::spawn_blocking(move || append_line(Path::new(&file), &line)).await;
        match written {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(refused(error.to_string())),
            Err(error) => Err(refused(error.to_string())),
        }
    }

    async fn custom(&self, custom: &CustomAction, scope: &Object, limit: Duration) -> Result<(), String> {
        let context = self.context;
        let Some(executor) = context.world.executors.get(&custom.kind) else {
            return Err(format!("no executor in this program knows `{}`", custom.kind));
        };
        let params = custom.params.render(scope).map_err(|error| RenderError::from(error).to_string())?;
        let action = ActionContext {
            params: context.secrets.fill_value(params, &mut Vec::new()).await?,
            target: Target::local(),
            key: self.key.to_owned(),
            attempt: self.attempt,
            timeout: Some(limit),
            stop: self.stop.clone(),
            output: Arc::new(()),
            directory: context.attempt_directory(self.key, self.attempt),
            token: context.token(self.key, self.attempt),
            connections: Arc::clone(&context.connections) as Arc<dyn Connections>,
        };
        // The executor keeps the limit; one that does not must not hold up the run.
        let patience = StdDuration::from_millis(limit.as_millis()) + StdDuration::from_secs(5);
        let result = tokio::time::timeout(patience, executor.execute(&action)).await;
        let _ = tokio::fs::remove_dir_all(&action.directory).await;
        match result {
            Ok(result) if result.ok => judge(None, &result, scope),
            Ok(result) => Err(result.reason.unwrap_or_else(|| "failed".to_owned())),
            Err(_) => Err(format!("took longer than {limit}")),
        }
    }
}

/// At most so many bytes of `text`, in whole characters.
fn beginning(text: &str, most: usize) -> &str {
    let end = (0..=most.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    text.get(..end.unwrap_or(0)).unwrap_or(text)
}

/// Who `name` is, and how they are reached.
fn reached<'p>(plan: &'p Plan, name: &str) -> Result<(Option<&'p Contact>, &'p Channel), String> {
    let channel =
        |name: &str| plan.channels.iter().find(|(known, _)| known == name).map(|(_, channel)| channel);
    if let Some(channel) = channel(name) {
        return Ok((None, channel));
    }
    let contact = plan.contacts.iter().find(|(known, _)| known == name).map(|(_, contact)| contact);
    let contact = contact.ok_or_else(|| "there is no such contact and no such channel".to_owned())?;
    let reached = contact.channel.as_ref().and_then(|name| channel(&name.value));
    Ok((Some(contact), reached.ok_or_else(|| "the contact has no channel".to_owned())?))
}

/// The expressions of the channels over which the action tells people.
pub(super) fn expressions_of<'p>(plan: &'p Plan, action: &Action) -> Vec<&'p Expr> {
    let Action::Notify(notify) = action else { return Vec::new() };
    expressions(plan, notify.to.iter().map(|name| name.value.as_str()))
}

/// The expressions of the channels that lead to `names`.
pub(super) fn expressions<'p, 'n>(plan: &'p Plan, names: impl IntoIterator<Item = &'n str>) -> Vec<&'p Expr> {
    let channels = names.into_iter().filter_map(|name| Some(reached(plan, name).ok()?.1));
    channels.flat_map(Channel::expressions).map(|(expr, _)| expr).collect()
}
