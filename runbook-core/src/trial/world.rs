//! A world that answers from a script.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::{SignedDuration, Timestamp};
use tokio_util::sync::CancellationToken;

use crate::model::{Action, CheckKind, Mock, MockEnd, MockValue};
use crate::plan::{Plan, Role};
use crate::port::{Asked, Attempted, CheckAnswer, Clock, FileFacts, StandIn};
use crate::run::{Captured, Ending, StepResult};
use crate::source::Span;
use crate::suite::{Failure, base_of};
use crate::value::{Duration, Object};

/// What the world answers, and what it was asked.
pub(super) struct World {
    own: Arc<Mocks>,
    shared: Arc<Mocks>,
    otherwise: Otherwise,
    told: Arc<Mutex<Told>>,
}

type Mocks = HashMap<String, Mock>;

/// What is answered without a mock.
#[derive(Clone, Debug)]
pub(super) enum Otherwise {
    /// Nothing: that is a mistake of the test.
    Missing,
    /// That it went well; except for the step with this key, which fails.
    GoesWell(Option<String>),
}

#[derive(Debug, Default)]
struct Told {
    /// How often each step and check was asked for, by its full name.
    asked: BTreeMap<String, usize>,
    used_own: BTreeMap<String, usize>,
    used_shared: BTreeSet<String>,
    commands: Vec<(String, String)>,
    /// Steps that were to act, in order.
    acted: Vec<String>,
    missing: Vec<Missing>,
}

#[derive(Clone, Debug)]
struct Missing {
    name: String,
    /// The step it belongs to; empty for the runbook itself.
    step: String,
    command: String,
    example: &'static str,
}

fn by_name(mocks: &[Mock]) -> Arc<Mocks> {
    Arc::new(mocks.iter().map(|mock| (mock.name.value.clone(), mock.clone())).collect())
}

impl World {
    /// A world that answers as `own` says, and as `shared` says for what is not in there.
    pub(super) fn new(own: &[Mock], shared: &[Mock]) -> Self {
        World {
            own: by_name(own),
            shared: by_name(shared),
            otherwise: Otherwise::Missing,
            told: Arc::default(),
        }
    }

    /// What has no mock goes well, except for the step `fails`.
    pub(super) fn goes_well(mut self, fails: Option<String>) -> Self {
        self.otherwise = Otherwise::GoesWell(fails);
        self
    }

    /// The world as an engine meets it.
    pub(super) fn at(&self, clock: Arc<dyn Clock>) -> Stage {
        Stage {
            own: Arc::clone(&self.own),
            shared: Arc::clone(&self.shared),
            otherwise: self.otherwise.clone(),
            told: Arc::clone(&self.told),
            clock,
        }
    }

    fn told(&self) -> MutexGuard<'_, Told> {
        locked(&self.told)
    }

    /// Rendered commands by the name of their step or check, in order.
    pub(super) fn commands(&self) -> Vec<(String, String)> {
        self.told().commands.clone()
    }

    /// The steps that were to act, each once, in the order in which they began.
    pub(super) fn acted(&self) -> Vec<String> {
        self.told().acted.clone()
    }

    pub(super) fn used(&self) -> BTreeSet<String> {
        self.told().used_own.keys().cloned().collect()
    }

    pub(super) fn used_shared(&self) -> BTreeSet<String> {
        self.told().used_shared.clone()
    }

    /// A failure for every mock that was missing; of what follows a failure only when nothing else was missing.
    pub(super) fn missing(&self, span: Span, plan: &Plan) -> Vec<Failure> {
        let missing = self.told().missing.clone();
        let is_first_cause = |missing: &&Missing| {
            let role = plan.find(&missing.step).map(|id| plan.node(id).role);
            matches!(role, None | Some(Role::Body | Role::Finally))
        };
        let mut first: Vec<&Missing> = missing.iter().filter(is_first_cause).collect();
        if first.is_empty() {
            first = missing.iter().collect();
        }
        let failure = |missing: &Missing| {
            let Missing { name, command, example, .. } = missing;
            let wanted = format!("a mock for `{name}`");
            let lines = if command.contains('\n') { format!("\n{command}") } else { format!("`{command}`") };
            Failure::new(span, "mocks", wanted, format!("none, and the run asks for {lines}"))
                .help(format!("add `{name}: {example}` under `mocks`, with what it should yield"))
        };
        first.into_iter().map(failure).collect()
    }

    /// A failure for every mock with more results than were asked for.
    pub(super) fn too_many(&self, mocks: &[Mock]) -> Vec<Failure> {
        let told = self.told();
        let mut failures = Vec::new();
        for mock in mocks.iter().filter(|mock| !mock.optional) {
            let asked = told.used_own.get(&mock.name.value).copied().unwrap_or(0);
            if let Some(value) = mock.values.get(asked).filter(|_| asked > 0) {
                let what = format!("mocks.{}", mock.name.value);
                let expected = format!("it is asked for {} times", mock.values.len());
                let found = format!("it is asked for {asked} time(s)");
                failures.push(
                    Failure::new(value.span, what, expected, found)
                        .help("remove what is left over, or add `optional: true` to one of the results"),
                );
            }
        }
        failures
    }
}

fn locked(told: &Mutex<Told>) -> MutexGuard<'_, Told> {
    told.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The world in one run.
pub(super) struct Stage {
    own: Arc<Mocks>,
    shared: Arc<Mocks>,
    otherwise: Otherwise,
    told: Arc<Mutex<Told>>,
    clock: Arc<dyn Clock>,
}

impl Stage {
    /// What is answered to `step` or, with a list and a number, to one of its checks.
    fn next(&self, step: &str, check: Option<(&str, usize)>) -> Option<MockValue> {
        let name_for = |step: &str| match check {
            Some((list, number)) if step.is_empty() => format!("{list}.{number}"),
            Some((list, number)) => format!("{step}.{list}.{number}"),
            None => step.to_owned(),
        };
        let (exact, general) = (name_for(step), name_for(base_of(step)));
        let mut told = locked(&self.told);
        let count = told.asked.entry(exact.clone()).or_default();
        *count += 1;
        let count = *count;
        let names = [&exact, &general];
        let own = names.iter().find_map(|name| self.own.get(*name));
        let mock = own.or_else(|| names.iter().find_map(|name| self.shared.get(*name)))?;
        match own {
            Some(mock) => {
                let most = told.used_own.entry(mock.name.value.clone()).or_default();
                *most = count.max(*most);
            }
            None => drop(told.used_shared.insert(mock.name.value.clone())),
        }
        mock.values.get(count - 1).or(mock.values.last()).cloned()
    }

    fn missing(&self, name: String, step: &str, command: &str, example: &'static str) {
        let mut told = locked(&self.told);
        if !told.missing.iter().any(|missing| missing.name == name) {
            let (step, command) = (step.to_owned(), command.to_owned());
            told.missing.push(Missing { name, step, command, example });
        }
    }

    /// Lets the time pass that `value` takes. `Some`: it is over before that.
    async fn takes(
        &self,
        value: &MockValue,
        timeout: Option<Duration>,
        stop: &CancellationToken,
    ) -> Option<StepResult> {
        let too_long =
            || StepResult::failure(Ending::TimedOut, "took longer than its timeout and was stopped");
        let delay = match (value.delay, &value.end) {
            (None, MockEnd::TimedOut) => timeout,
            (delay, _) => delay,
        };
        let Some(delay) = delay else {
            return (value.end == MockEnd::TimedOut).then(too_long);
        };
        let limit = timeout.filter(|limit| *limit < delay);
        tokio::select! {
            () = self.clock.sleep_until(after(self.clock.now(), limit.unwrap_or(delay))) => {
                (limit.is_some() || value.end == MockEnd::TimedOut).then(too_long)
            }
            () = stop.cancelled() => Some(StepResult::failure(Ending::Cancelled, "was stopped")),
        }
    }
}

pub(super) fn after(at: Timestamp, duration: Duration) -> Timestamp {
    let span = SignedDuration::from_millis(i64::try_from(duration.as_millis()).unwrap_or(i64::MAX));
    at.checked_add(span).unwrap_or(Timestamp::MAX)
}

#[async_trait]
impl StandIn for Stage {
    async fn act(&self, attempt: &Attempted<'_>) -> StepResult {
        {
            let mut told = locked(&self.told);
            told.commands.push((attempt.key.to_owned(), attempt.command.clone()));
            if !told.acted.iter().any(|key| key == attempt.key) {
                told.acted.push(attempt.key.to_owned());
            }
        }
        let command = matches!(attempt.action, Action::Run(_));
        let message = matches!(attempt.action, Action::Notify(_));
        let mut value = self.next(attempt.key, None);
        match &self.otherwise {
            Otherwise::GoesWell(fails) if fails.as_deref() == Some(attempt.key) => {
                value = Some(MockValue { end: MockEnd::Failed(None), ..MockValue::default() });
            }
            Otherwise::GoesWell(_) => drop(value.get_or_insert_default()),
            // A message that nobody speaks of reaches everybody.
            Otherwise::Missing if message => drop(value.get_or_insert_default()),
            Otherwise::Missing => {}
        }
        let Some(value) = value else {
            let example = if attempt.expect.is_some() { "{stdout: …}" } else { "ok" };
            self.missing(base_of(attempt.key).to_owned(), attempt.key, &attempt.command, example);
            return StepResult::failure(Ending::NotStarted, "the test has no mock for it");
        };
        if let Some(result) = self.takes(&value, attempt.timeout, attempt.stop).await {
            return result;
        }
        result(&value, command)
    }

    async fn check(&self, asked: &Asked<'_>) -> Option<CheckAnswer> {
        let place = Some((asked.stage, asked.number));
        let expression = matches!(asked.check.kind, CheckKind::Expr(_));
        let name = |step: &str| match step {
            "" => format!("{}.{}", asked.stage, asked.number),
            step => format!("{step}.{}.{}", asked.stage, asked.number),
        };
        if !expression {
            locked(&self.told).commands.push((name(asked.step), asked.question.clone()));
        }
        let Some(value) = self.next(asked.step, place) else {
            if expression {
                return None;
            }
            if let Otherwise::GoesWell(_) = self.otherwise {
                return Some(CheckAnswer::Passes);
            }
            let example = match asked.check.kind {
                CheckKind::File(_) => "{exists: true, size: 1MiB, age: 1h}",
                _ => "true",
            };
            self.missing(name(base_of(asked.step)), asked.step, &asked.question, example);
            return Some(CheckAnswer::Refuses("the test has no mock for it".to_owned()));
        };
        let never = CancellationToken::new();
        if let Some(result) = self.takes(&value, Some(asked.timeout), &never).await {
            return Some(CheckAnswer::Refuses(result.reason.unwrap_or_default()));
        }
        Some(self.answer(&value, asked))
    }
}

impl Stage {
    fn answer(&self, value: &MockValue, asked: &Asked<'_>) -> CheckAnswer {
        let refused = |reason: &Option<String>, otherwise: &str| {
            CheckAnswer::Refuses(reason.clone().unwrap_or_else(|| otherwise.to_owned()))
        };
        match &value.end {
            MockEnd::Passed => return CheckAnswer::Passes,
            MockEnd::Lost(reason) => return refused(reason, "the connection was lost"),
            MockEnd::NotStarted(reason) => return refused(reason, "could not be asked"),
            MockEnd::Failed(reason) if value.exit_code.is_none() => return refused(reason, "is not so"),
            _ => {}
        }
        let command = match &asked.check.kind {
            CheckKind::Run(_) => true,
            CheckKind::Custom(_) => false,
            CheckKind::File(_) => {
                let Some(file) = &value.file else { return CheckAnswer::Passes };
                let written = after_back(self.clock.now(), file.value.age);
                let facts = FileFacts { size: file.value.size, modified: written, is_directory: false };
                return CheckAnswer::File(file.value.exists.then_some(facts));
            }
            _ => return CheckAnswer::Passes,
        };
        CheckAnswer::Result(Box::new(result(value, command)))
    }
}

fn after_back(now: Timestamp, age: Duration) -> Timestamp {
    let span = SignedDuration::from_millis(i64::try_from(age.as_millis()).unwrap_or(i64::MAX));
    now.checked_sub(span).unwrap_or(Timestamp::MIN)
}

/// What an executor would say.
fn result(value: &MockValue, command: bool) -> StepResult {
    let reason =
        |reason: &Option<String>, otherwise: &str| reason.clone().unwrap_or_else(|| otherwise.to_owned());
    let mut result = match &value.end {
        MockEnd::Lost(why) => StepResult::failure(Ending::Unknown, reason(why, "the connection was lost")),
        MockEnd::NotStarted(why) => StepResult::failure(Ending::NotStarted, reason(why, "could not begin")),
        MockEnd::TimedOut => {
            StepResult::failure(Ending::TimedOut, "took longer than its timeout and was stopped")
        }
        MockEnd::Failed(why) => {
            let code = value.exit_code.as_ref().map_or(1, |code| code.value);
            let mut failed = StepResult::failure(
                Ending::Completed,
                reason(why, &if command { format!("exit code {code}") } else { "failed".to_owned() }),
            );
            failed.exit_code = command.then_some(code);
            failed
        }
        MockEnd::Completed | MockEnd::Passed => {
            let code = value.exit_code.as_ref().map(|code| code.value);
            StepResult { exit_code: code.or(command.then_some(0)), ..StepResult::success() }
        }
    };
    let text = |text: &Option<crate::source::Spanned<String>>| {
        text.as_ref().map(|text| Captured::of_text(text.value.clone())).unwrap_or_default()
    };
    (result.stdout, result.stderr) = (text(&value.stdout), text(&value.stderr));
    result.fields =
        value.fields.iter().map(|(name, value)| (name.value.clone(), value.clone())).collect::<Object>();
    result
}
