//! One run in the hands of one engine: the loop around the machine.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration as StdDuration, Instant};

use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use super::actions::{self, Attempt};
use super::answers;
use super::checks;
use super::outcome::{EngineError, RunEnd};
use super::world::{RunConnections, TaskContext, World};
use crate::ids::NodeId;
use crate::local;
use crate::model::{Action, Check, Effect, OnConflict};
use crate::plan::Node;
use crate::port::{Ask, Durability, EngineClaim, LockState, Notice, RunRecord};
use crate::render::{
    RenderError, Rendered, RunFacts, Scopes, evaluate_outputs, gate_question, render_action,
};
use crate::run::{
    Answerer, CheckOutcome, CheckStage, Ending, Entry, Event, Machine, Outcome, Phase, StepResult, Undoing,
    Want,
};
use crate::value::Object;

/// How often answers that were left in the store are looked for while people are asked.
const LOOK_FOR_ANSWERS: StdDuration = StdDuration::from_millis(300);

/// How long an entry that can be asked again may wait to be written, and how many may.
const WRITE_WITHIN: StdDuration = StdDuration::from_millis(10);
const MOST_UNWRITTEN: usize = 256;

/// What a session begins with.
pub(super) struct Begin {
    pub(super) record: RunRecord,
    pub(super) claim: EngineClaim,
    pub(super) machine: Machine,
    /// What to do first, after the engine has taken the run.
    pub(super) then: Option<Event>,
}

/// What a task brings back.
struct Done {
    want: Want,
    events: Vec<Event>,
    /// Nobody is there to answer.
    nobody: bool,
}

/// Something to start once the entries before it are durable.
enum Launch {
    Act(Box<Attempt>),
}

/// One run in the hands of one engine.
pub(super) struct Session {
    world: Arc<World>,
    record: RunRecord,
    claim: EngineClaim,
    machine: Machine,
    then: Option<Event>,
    scopes: Scopes,
    context: TaskContext,
    interrupts: mpsc::UnboundedReceiver<String>,
    tasks: JoinSet<Done>,
    in_flight: HashMap<Want, AbortHandle>,
    task_wants: HashMap<tokio::task::Id, Want>,
    stops: HashMap<NodeId, CancellationToken>,
    nobody: HashSet<Want>,
    interruptible: bool,
    /// Entries that are applied and can still be lost.
    unwritten: Vec<Entry>,
    unwritten_since: Option<Instant>,
}

impl Session {
    pub(super) fn new(world: Arc<World>, begin: Begin, interrupts: mpsc::UnboundedReceiver<String>) -> Self {
        let Begin { record, claim, machine, then } = begin;
        let facts = RunFacts { id: record.id.to_string(), started: record.started };
        let context = TaskContext {
            connections: Arc::new(RunConnections::new(Arc::clone(&world))),
            world: Arc::clone(&world),
            plan: Arc::clone(machine.plan()),
            run: record.id.to_string(),
            checks: Arc::new(Semaphore::new(world.jobs)),
            directory: world.store.directory(&record.id),
        };
        Session {
            scopes: Scopes::new(Arc::clone(machine.plan()), &facts),
            world,
            record,
            claim,
            machine,
            then,
            context,
            interrupts,
            tasks: JoinSet::new(),
            in_flight: HashMap::new(),
            task_wants: HashMap::new(),
            stops: HashMap::new(),
            nobody: HashSet::new(),
            interruptible: true,
            unwritten: Vec::new(),
            unwritten_since: None,
        }
    }

    /// Carries the run out until it is over or waits for people.
    pub(super) async fn carry_out(mut self) -> Result<RunEnd, EngineError> {
        let result = self.work().await;
        // To their end: another engine may take the run as soon as this one has given it up.
        self.tasks.shutdown().await;
        self.context.connections.close().await;
        let released = self.world.store.release(&self.record.id, &self.claim).await;
        result?;
        released?;
        Ok(RunEnd {
            id: self.record.id,
            outcome: self.machine.state().finished,
            machine: self.machine,
            directory: self.context.directory,
        })
    }

    async fn work(&mut self) -> Result<(), EngineError> {
        let attached =
            Event::Attached { by: self.world.identity.clone(), engine: env!("CARGO_PKG_VERSION").to_owned() };
        let mut first = vec![attached];
        first.extend(self.then.take());
        self.commit(first).await?;
        loop {
            if self.machine.state().finished.is_some() {
                return self.over().await;
            }
            let now = self.world.clock.now();
            let wants = self.machine.wants(now);
            self.drop_unwanted(&wants);
            let (events, launches) = self.answer_at_once(&wants, now);
            if wants.iter().any(|want| matches!(want, Want::Finish(outcome) if *outcome != Outcome::Stuck)) {
                self.free_locks().await?;
            }
            if !events.is_empty() {
                let admitted = self.commit(events).await?;
                if !admitted.contains(&true) {
                    let id = &self.record.id;
                    let text = format!("run `{id}` wants an answer that does not fit it; please report this");
                    return Err(EngineError::Setup(text));
                }
                self.launch(launches, &admitted);
                continue;
            }
            // Only now is it certain what is asked: a resumed step looks again whether it is done already.
            let is_new = |want: &Want| !self.in_flight.contains_key(want) && !self.nobody.contains(want);
            if wants.iter().any(|want| want.is_for_people() && is_new(want))
                && self.take_left_answers().await?
            {
                continue;
            }
            self.start_tasks(&wants);
            let wake = wants
                .iter()
                .filter_map(|want| if let Want::Wake(at) = want { Some(*at) } else { None })
                .min();
            let people: Vec<NodeId> =
                wants.iter().filter(|w| w.is_for_people()).filter_map(node_of).collect();
            if self.tasks.is_empty() && self.only_people_wanted(&wants) {
                return self.suspend(people).await;
            }
            let people = wants.iter().any(Want::is_for_people);
            if people {
                // Whoever answers from outside must see what is asked.
                self.write().await?;
            }
            self.wait(wake, people).await?;
        }
    }

    /// Whether everything that is wanted waits for people who are not there.
    fn only_people_wanted(&self, wants: &[Want]) -> bool {
        let mut for_people = wants.iter().filter(|want| !matches!(want, Want::Wake(_))).peekable();
        for_people.peek().is_some()
            && for_people.all(|want| self.nobody.contains(want))
            && !self.machine.goes_on_by_itself()
    }

    async fn suspend(&mut self, waiting: Vec<NodeId>) -> Result<(), EngineError> {
        self.commit(vec![Event::Suspended { waiting }]).await?;
        Ok(())
    }

    async fn over(&mut self) -> Result<(), EngineError> {
        // Work that is half done keeps others out until somebody has looked after it.
        match self.machine.state().finished {
            Some(Outcome::Stuck) => Ok(()),
            _ => self.free_locks().await,
        }
    }

    /// Nothing is left to do: others may begin. Before the end is written down, because nobody takes up a
    /// run that is over to free what an engine that was killed in between has left.
    async fn free_locks(&self) -> Result<(), EngineError> {
        Ok(self.world.store.unlock(&self.record.id).await?)
    }

    // ── the log ─────────────────────────────────────────────────────────────────────────────────

    /// Takes the events that fit into the log, and says which of them did.
    ///
    /// They are applied before they are written, because one may change whether the next fits; but no
    /// effect that they allow is begun before the write has returned. What can be asked again after a
    /// crash may wait a moment, so that many small entries share a write.
    async fn commit(&mut self, events: Vec<Event>) -> Result<Vec<bool>, EngineError> {
        let at = self.world.clock.now();
        let mut admitted = Vec::with_capacity(events.len());
        let mut must_be_written = false;
        for event in events {
            let fits = self.machine.admit(&event).is_ok();
            admitted.push(fits);
            if fits {
                must_be_written |= !self.may_wait(&event);
                let entry = Entry { seq: self.machine.state().seq + 1, at, event };
                self.machine.apply(&entry);
                self.unwritten.push(entry);
            }
        }
        if must_be_written || self.unwritten.len() >= MOST_UNWRITTEN || self.is_late() {
            self.write().await?;
        } else if !self.unwritten.is_empty() {
            self.unwritten_since.get_or_insert_with(Instant::now);
        }
        Ok(admitted)
    }

    /// Writes what has not been written yet, and tells everybody.
    async fn write(&mut self) -> Result<(), EngineError> {
        self.unwritten_since = None;
        let entries = std::mem::take(&mut self.unwritten);
        let Some(durability) = entries.iter().map(|entry| self.durability(&entry.event)).max() else {
            return Ok(());
        };
        let status = self.machine.state().run_status();
        self.world.store.append(&self.record.id, &entries, status, durability).await?;
        for entry in &entries {
            self.forget_files(&entry.event);
            self.world.entry(self.machine.plan(), self.machine.state(), entry);
        }
        Ok(())
    }

    fn is_late(&self) -> bool {
        self.unwritten_since.is_some_and(|since| since.elapsed() >= WRITE_WITHIN)
    }

    /// Whether losing this entry in a crash costs no more than asking or looking again. What became of
    /// an effect is among it: its executor can still be asked, and the next intent is written with it.
    fn may_wait(&self, event: &Event) -> bool {
        match event {
            Event::Condition { .. } | Event::Checked { .. } | Event::Ended { .. } => true,
            Event::Started { .. } => self.durability(event) == Durability::Process,
            _ => false,
        }
    }

    /// Intents of effects, decisions of people and the end must survive the machine. Everything else
    /// can be asked again.
    fn durability(&self, event: &Event) -> Durability {
        match event {
            Event::Started { node, .. } if self.machine.plan().node(*node).spec.effect == Effect::Read => {
                Durability::Process
            }
            Event::Started { .. }
            | Event::GateDecided { .. }
            | Event::Resolved { .. }
            | Event::Chosen { .. }
            | Event::RollbackDecided { .. }
            | Event::Abandoned { .. }
            | Event::Finished { .. } => Durability::Machine,
            _ => Durability::Process,
        }
    }

    /// What an attempt left in its directory is in the log now, or kept there because it is large.
    fn forget_files(&self, event: &Event) {
        if let Event::Ended { node, attempt, result } = event {
            let node = self.machine.plan().node(*node);
            if matches!(node.spec.action, Action::Run(_)) && result.ending != Ending::Unknown {
                // A file too many does no harm.
                let _ = local::forget(&self.context.attempt_directory(&node.key, *attempt));
            }
        }
    }

    // ── what needs no waiting ───────────────────────────────────────────────────────────────────

    fn answer_at_once(&mut self, wants: &[Want], now: Timestamp) -> (Vec<Event>, Vec<(usize, Launch)>) {
        let (mut events, mut launches) = (Vec::new(), Vec::new());
        let mut under_way = self.stops.len();
        for want in wants {
            match want {
                Want::Evaluate(id) => events.push(self.evaluate(*id)),
                Want::OpenGate(id) => events.push(self.open_gate(*id)),
                Want::ExpireGate(id) => events.push(Event::GateExpired { node: *id }),
                Want::TimeOut(id) => events.push(Event::TimedOut { node: *id }),
                Want::EndWait(id, attempt) => events.push(self.end_wait(*id, *attempt, now)),
                Want::Check(id, CheckStage::Verify) if self.node(*id).spec.verify.is_empty() => {
                    events.push(Event::Checked { node: *id, stage: CheckStage::Verify, checks: Vec::new() });
                }
                Want::Finish(outcome) => events.push(self.finish(*outcome)),
                Want::Act(id, attempt) => {
                    let external = self.node(*id).spec.action.is_external();
                    if external && (under_way >= self.world.jobs || self.stops.contains_key(id)) {
                        continue;
                    }
                    let (event, launch) = self.act(*id, *attempt);
                    if let Some(launch) = launch {
                        under_way += 1;
                        launches.push((events.len(), launch));
                    }
                    events.push(event);
                }
                _ => {}
            }
        }
        (events, launches)
    }

    fn node(&self, id: NodeId) -> &Node {
        self.context.plan.node(id)
    }

    fn evaluate(&self, id: NodeId) -> Event {
        let Some(when) = &self.node(id).spec.when else { return Event::Condition { node: id, holds: true } };
        match when.eval_bool(&self.scopes.of(self.machine.state(), [when])) {
            Ok(holds) => Event::Condition { node: id, holds },
            Err(error) => {
                Event::Unusable { node: id, reason: format!("`when`: {}", RenderError::from(error)) }
            }
        }
    }

    fn rendered(&self, id: NodeId) -> Result<(Rendered, Object), RenderError> {
        let node = self.node(id);
        let scope = self.scopes.of(self.machine.state(), actions::action_expressions(&node.spec));
        let world = Arc::clone(&self.world);
        let rendered =
            render_action(&self.context.plan, &self.record.digest, node, &scope, |kind, params| {
                world.show(kind, params)
            })?;
        Ok((rendered, scope))
    }

    fn open_gate(&self, id: NodeId) -> Event {
        let question = self.rendered(id).and_then(|(rendered, scope)| {
            gate_question(&self.context.plan, self.node(id), &rendered, &scope)
        });
        match question {
            Ok(question) => Event::GateOpened { node: id, question },
            Err(error) => Event::Unusable { node: id, reason: error.to_string() },
        }
    }

    fn act(&mut self, id: NodeId, attempt: u32) -> (Event, Option<Launch>) {
        let (rendered, scope) = match self.rendered(id) {
            Ok(rendered) => rendered,
            Err(error) => return (Event::Unusable { node: id, reason: error.to_string() }, None),
        };
        if let Some(event) = self.approval_is_for_something_else(id, &rendered, &scope) {
            return (event, None);
        }
        let ended = |result| Event::Ended { node: id, attempt, result: Box::new(result) };
        let event = match &self.node(id).spec.action {
            Action::Set(values) => {
                let mut outputs = Object::new();
                let mut failure = None;
                for (name, value) in values {
                    match value.render(&scope) {
                        Ok(value) => drop(outputs.insert(name.clone(), value)),
                        Err(error) => failure = Some(format!("`{name}`: {}", RenderError::from(error))),
                    }
                }
                ended(match failure {
                    None => StepResult { outputs, ..StepResult::success() },
                    Some(reason) => StepResult::failure(Ending::Completed, reason),
                })
            }
            Action::Assert(assertions) => ended(assert_all(assertions, &scope)),
            _ => {
                let event = Event::Started { node: id, attempt, digest: rendered.digest.clone() };
                if !self.node(id).spec.action.is_external() {
                    return (event, None);
                }
                let stop = CancellationToken::new();
                let attempt = Attempt { node: id, number: attempt, rendered, scope, stop };
                return (event, Some(Launch::Act(Box::new(attempt))));
            }
        };
        (event, None)
    }

    /// What was approved is what runs. When the values have changed since, people are asked again.
    fn approval_is_for_something_else(
        &self,
        id: NodeId,
        rendered: &Rendered,
        scope: &Object,
    ) -> Option<Event> {
        let node = self.node(id);
        node.spec.confirm.as_ref()?;
        let (approved, _) = self.machine.state().node(id).approved.as_ref()?;
        match gate_question(&self.context.plan, node, rendered, scope) {
            Ok(question) if question.digest == *approved => None,
            Ok(question) => Some(Event::GateOpened { node: id, question }),
            Err(error) => Some(Event::Unusable { node: id, reason: error.to_string() }),
        }
    }

    fn end_wait(&self, id: NodeId, attempt: u32, now: Timestamp) -> Event {
        let Action::Wait(pause) = &self.node(id).spec.action else {
            return Event::Unusable { node: id, reason: "not a pause".to_owned() };
        };
        let begun = self.machine.state().node(id).attempt_started.unwrap_or(now);
        let waited = now.as_millisecond().saturating_sub(begun.as_millisecond());
        let whole = u64::try_from(waited).is_ok_and(|waited| waited >= pause.as_millis());
        let result = match whole {
            true => StepResult::success(),
            false => StepResult::failure(Ending::Cancelled, "was stopped"),
        };
        Event::Ended { node: id, attempt, result: Box::new(result) }
    }

    fn finish(&self, outcome: Outcome) -> Event {
        let mut outputs = Object::new();
        for (name, expr) in &self.context.plan.outputs {
            let scope = self.scopes.of(self.machine.state(), [expr]);
            // An output whose step was never reached has no value; that is not the run's failure.
            if let Ok(value) = evaluate_outputs(&[(name.clone(), expr.clone())], &scope) {
                outputs.extend(value);
            }
        }
        Event::Finished { outcome, outputs }
    }

    // ── what takes time ─────────────────────────────────────────────────────────────────────────

    fn launch(&mut self, launches: Vec<(usize, Launch)>, admitted: &[bool]) {
        for (index, Launch::Act(attempt)) in launches {
            if !admitted.get(index).copied().unwrap_or(false) {
                continue;
            }
            let (node, number) = (attempt.node, attempt.number);
            self.stops.insert(node, attempt.stop.clone());
            let context = self.context.clone();
            self.task(Want::Act(node, number), async move {
                let result = attempt.act(context).await;
                vec![Event::Ended { node, attempt: number, result: Box::new(result) }]
            });
        }
    }

    fn task(&mut self, want: Want, work: impl Future<Output = Vec<Event>> + Send + 'static) {
        let name = want.clone();
        let handle = self.tasks.spawn(async move { Done { want: name, events: work.await, nobody: false } });
        self.task_wants.insert(handle.id(), want.clone());
        self.in_flight.insert(want, handle);
    }

    fn start_tasks(&mut self, wants: &[Want]) {
        for want in wants {
            // An action begins with its entry in the log, not here.
            if matches!(want, Want::Act(..) | Want::Wake(_))
                || self.in_flight.contains_key(want)
                || self.nobody.contains(want)
            {
                continue;
            }
            match want {
                Want::CheckBook => self.check_book(),
                Want::Check(id, stage) => self.check(*id, *stage),
                Want::Stop(id) => {
                    if let Some(stop) = self.stops.get(id) {
                        stop.cancel();
                    }
                }
                Want::Recover(id, attempt) => self.recover(*id, *attempt),
                _ if want.is_for_people() => self.ask(want),
                _ => {}
            }
        }
    }

    fn check_book(&mut self) {
        let scope =
            self.scopes.of(self.machine.state(), checks::expressions(&self.context.plan.preconditions));
        let (context, run) = (self.context.clone(), self.record.id.clone());
        self.task(Want::CheckBook, async move {
            let mut outcomes = Vec::new();
            match take_lock(&context, &run).await {
                Ok(None) => {}
                Ok(Some(refused)) => outcomes.push(refused),
                // The store could not say; the next write will stop the run.
                Err(reason) => outcomes.push(refusal("the run's lock".to_owned(), reason)),
            }
            if outcomes.is_empty() {
                outcomes.extend(
                    checks::ask(&context, "preconditions", &context.plan.preconditions, &scope).await,
                );
            }
            vec![Event::BookChecked { checks: outcomes }]
        });
    }

    fn check(&mut self, id: NodeId, stage: CheckStage) {
        let spec = &self.node(id).spec;
        let asked: Vec<Check> = match stage {
            CheckStage::DoneWhen => spec.done_when.clone(),
            CheckStage::Preconditions => spec.preconditions.clone(),
            CheckStage::Verify => spec.verify.clone(),
        };
        let mut scope = self.scopes.of(self.machine.state(), checks::expressions(&asked));
        if let Some(result) = &self.machine.state().node(id).result {
            scope.insert("result".into(), result.to_value());
        }
        let name = match stage {
            CheckStage::DoneWhen => "done_when",
            CheckStage::Preconditions => "preconditions",
            CheckStage::Verify => "verify",
        };
        let (context, key) = (self.context.clone(), format!("{}.{name}", self.node(id).key));
        self.task(Want::Check(id, stage), async move {
            let checks = checks::ask(&context, &key, &asked, &scope).await;
            vec![Event::Checked { node: id, stage, checks }]
        });
    }

    fn recover(&mut self, id: NodeId, number: u32) {
        let want = Want::Recover(id, number);
        let (rendered, scope) = match self.rendered(id) {
            Ok(rendered) => rendered,
            Err(_) => {
                let result = StepResult::failure(Ending::Unknown, "it cannot be rendered any more");
                let event = Event::Ended { node: id, attempt: number, result: Box::new(result) };
                return self.task(want, async move { vec![event] });
            }
        };
        let started = self.machine.state().node(id).attempt_started.unwrap_or(Timestamp::MIN);
        let stop = CancellationToken::new();
        self.stops.insert(id, stop.clone());
        let attempt = Attempt { node: id, number, rendered, scope, stop };
        let context = self.context.clone();
        self.task(want, async move {
            let result = attempt.recover(context, started).await;
            vec![Event::Ended { node: id, attempt: number, result: Box::new(result) }]
        });
    }

    fn ask(&mut self, want: &Want) {
        let question = self.question(want);
        let (approver, plan) = (self.world.approver.clone(), Arc::clone(&self.context.plan));
        let name = want.clone();
        let state = self.machine.state().clone();
        let handle = self.tasks.spawn(async move {
            let (Some(approver), Some(question)) = (approver, question) else {
                return Done { want: name, events: Vec::new(), nobody: true };
            };
            let answer = approver.ask(&plan, &question).await;
            let nobody = answer.is_none();
            let event = answer.and_then(|(reply, by)| answers::event_of(&name, &plan, &state, reply, by));
            Done { want: name, events: event.into_iter().collect(), nobody }
        });
        self.task_wants.insert(handle.id(), want.clone());
        self.in_flight.insert(want.clone(), handle);
    }

    fn question(&self, want: &Want) -> Option<Ask> {
        let state = self.machine.state();
        let reason = |id: &NodeId| state.node(*id).reason.clone().unwrap_or_default();
        Some(match want {
            Want::AskGate(id) => match &state.node(*id).phase {
                Phase::Gate { question, .. } => Ask::Gate { node: *id, question: (**question).clone() },
                _ => return None,
            },
            Want::AskManual(id) => {
                let Action::Manual(manual) = &self.node(*id).spec.action else { return None };
                let scope = self.scopes.of(state, actions::action_expressions(&self.node(*id).spec));
                let text = |template: &crate::expr::Template| {
                    template.render_text(&scope).unwrap_or_else(|_| template.source_text())
                };
                Ask::Manual {
                    node: *id,
                    instructions: text(&manual.instructions),
                    checklist: manual.checklist.iter().map(text).collect(),
                    manual: manual.clone(),
                }
            }
            Want::AskFailure(id) => Ask::Failure { node: *id, reason: reason(id) },
            Want::AskDoubt(id) => Ask::Doubt { node: *id, reason: reason(id) },
            Want::AskRollback => Ask::Rollback { steps: self.machine.undoable() },
            _ => return None,
        })
    }

    /// Questions that are no longer open are withdrawn. Actions are never dropped: they are stopped and
    /// say how they ended.
    fn drop_unwanted(&mut self, wants: &[Want]) {
        // Few are in flight, many may be wanted: look the few up, not the many.
        self.nobody.retain(|want| wants.contains(want));
        self.in_flight.retain(|want, handle| {
            let keep = matches!(want, Want::Act(..) | Want::Recover(..)) || wants.contains(want);
            if !keep {
                handle.abort();
            }
            keep
        });
    }

    // ── waiting ─────────────────────────────────────────────────────────────────────────────────

    async fn wait(&mut self, wake: Option<Timestamp>, people: bool) -> Result<(), EngineError> {
        let clock = Arc::clone(&self.world.clock);
        let sleep = async move {
            match wake {
                Some(at) => clock.sleep_until(at).await,
                None => std::future::pending().await,
            }
        };
        let look = async move {
            match people {
                true => tokio::time::sleep(LOOK_FOR_ANSWERS).await,
                false => std::future::pending().await,
            }
        };
        let late = self.unwritten_since.map(|since| since + WRITE_WITHIN);
        let late = async move {
            match late {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(done) = self.tasks.join_next_with_id() => {
                let mut events = self.ended(done);
                // Whatever else has ended meanwhile goes into the same write.
                while let Some(done) = self.tasks.try_join_next_with_id() {
                    events.extend(self.ended(done));
                }
                if events.iter().any(|event| matches!(event, Event::RollbackDecided { .. })) {
                    // Somebody may have left word for this before anybody was asked.
                    self.take_left_answers().await?;
                }
                self.commit(events).await?;
            }
            heard = self.interrupts.recv(), if self.interruptible => match heard {
                Some(who) => self.interrupted(&who).await?,
                None => self.interruptible = false,
            },
            () = late => self.write().await?,
            () = sleep => {}
            () = look => {
                self.take_left_answers().await?;
            }
        }
        Ok(())
    }

    fn ended(&mut self, done: Result<(tokio::task::Id, Done), tokio::task::JoinError>) -> Vec<Event> {
        match done {
            Ok((task, done)) => {
                self.task_wants.remove(&task);
                self.in_flight.remove(&done.want);
                if let Want::Act(node, _) | Want::Recover(node, _) = done.want {
                    self.stops.remove(&node);
                }
                if done.nobody && done.want == Want::AskRollback {
                    let by = Answerer::engine("nobody was there to ask");
                    return vec![Event::RollbackDecided { decision: Undoing::Defer, by }];
                }
                if done.nobody || (done.events.is_empty() && done.want.is_for_people()) {
                    self.nobody.insert(done.want);
                }
                done.events
            }
            Err(error) => {
                let Some(want) = self.task_wants.remove(&error.id()) else { return Vec::new() };
                self.in_flight.remove(&want);
                if error.is_cancelled() {
                    return Vec::new();
                }
                self.world
                    .notice(&self.context.plan, &Notice::Remark("a part of the engine failed; see the step"));
                self.broken(want)
            }
        }
    }

    /// A task panicked. What it was doing is not known.
    fn broken(&mut self, want: Want) -> Vec<Event> {
        let reason = "the executor failed inside and did not say how the action ended";
        match want {
            Want::Act(node, attempt) | Want::Recover(node, attempt) => {
                self.stops.remove(&node);
                let result = Box::new(StepResult::failure(Ending::Unknown, reason));
                vec![Event::Ended { node, attempt, result }]
            }
            Want::Check(node, stage) => {
                let checks = vec![refusal("the checks".to_owned(), reason.to_owned())];
                vec![Event::Checked { node, stage, checks }]
            }
            Want::CheckBook => {
                vec![Event::BookChecked { checks: vec![refusal("the checks".to_owned(), reason.to_owned())] }]
            }
            other => {
                self.nobody.insert(other);
                Vec::new()
            }
        }
    }

    async fn interrupted(&mut self, who: &str) -> Result<(), EngineError> {
        let event = Event::Interrupted { by: Answerer::new(who, "interrupt") };
        if !self.commit(vec![event]).await?.contains(&true) {
            let remark = "the run is already being tidied up; it goes on";
            self.world.notice(&self.context.plan, &Notice::Remark(remark));
        }
        Ok(())
    }

    /// Answers that somebody left in the store, by `runbook approve` for example. Says whether any fits.
    async fn take_left_answers(&mut self) -> Result<bool, EngineError> {
        let left = self.world.store.answers(&self.record.id).await?;
        let mut taken = false;
        for answer in left {
            let (plan, state) = (Arc::clone(&self.context.plan), self.machine.state());
            let wants = self.machine.wants(self.world.clock.now());
            let asked = wants.iter().find(|want| {
                answers::token_of(want, &plan, state).is_some_and(|token| token == answer.token)
            });
            let Some(want) = asked else { continue };
            let Some(event) = answers::event_of(want, &plan, state, answer.reply, answer.by) else {
                continue;
            };
            taken |= self.commit(vec![event]).await?.contains(&true);
        }
        Ok(taken)
    }
}

fn node_of(want: &Want) -> Option<NodeId> {
    match want {
        Want::AskGate(id) | Want::AskManual(id) | Want::AskDoubt(id) | Want::AskFailure(id) => Some(*id),
        _ => None,
    }
}

fn refusal(title: String, reason: String) -> CheckOutcome {
    CheckOutcome { title, passed: false, warn_only: false, reason: Some(reason), tries: 1 }
}

/// Takes the run's lock. `Some`: another run has it.
async fn take_lock(context: &TaskContext, run: &crate::ids::RunId) -> Result<Option<CheckOutcome>, String> {
    let Some(lock) = &context.plan.lock else { return Ok(None) };
    let mut told = false;
    loop {
        match context.world.store.lock(&lock.key, run).await.map_err(|error| error.to_string())? {
            LockState::Held => return Ok(None),
            LockState::HeldBy(holder) if lock.on_conflict == OnConflict::Fail => {
                let reason = format!("run `{holder}` holds it; resume, roll back or abandon that run first");
                return Ok(Some(refusal(format!("the lock `{}` is free", lock.key), reason)));
            }
            LockState::HeldBy(holder) => {
                if !told {
                    let remark = format!("waiting for the lock `{}`, which run `{holder}` holds", lock.key);
                    context.world.notice(&context.plan, &Notice::Remark(&remark));
                    told = true;
                }
                tokio::time::sleep(LOOK_FOR_ANSWERS).await;
            }
        }
    }
}

fn assert_all(assertions: &[crate::model::Assertion], scope: &Object) -> StepResult {
    for assertion in assertions {
        let reason = match assertion.that.eval_bool(scope) {
            Ok(true) => continue,
            Ok(false) => match assertion.message.as_ref().map(|message| message.render_text(scope)) {
                Some(Ok(message)) => message,
                _ => format!("`{}` does not hold", assertion.that.source().trim()),
            },
            Err(error) => RenderError::from(error).to_string(),
        };
        return StepResult::failure(Ending::Completed, reason);
    }
    StepResult::success()
}
