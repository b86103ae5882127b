//! One run in the hands of one engine: the loop around the machine.

mod at_once;
mod escalate;
mod log;
mod tasks;

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::{Duration as StdDuration, Instant};

use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::{AbortHandle, JoinSet};
use tokio_util::sync::CancellationToken;

use log::{WRITE_WITHIN, Writing};

use super::actions::Attempt;
use super::answers;
use super::gates;
use super::judge::Rules;
use super::outcome::{EngineError, RunEnd};
use super::secrets::RunSecrets;
use super::world::{RunConnections, TaskContext, World};
use crate::expr::Expr;
use crate::ids::NodeId;
use crate::model::SecretSource;
use crate::port::{EngineClaim, Notice, RunRecord};
use crate::render::{RunFacts, Scopes};
use crate::run::{
    Answerer, CheckOutcome, Ending, Entry, Event, Machine, NotTold, Outcome, StepResult, Undoing, Want,
};

/// How often answers that were left in the store are looked for while people are asked.
const LOOK_FOR_ANSWERS: StdDuration = StdDuration::from_millis(300);

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
    /// What begins once its intent, which is among them, is written.
    held: Vec<Launch>,
    writing: Option<Writing>,
    /// Whether more is to be written at once when that write has returned.
    write_again: bool,
    /// The run as far as it is written: what reporters are shown with each entry.
    told: Machine,
    unwritten_since: Option<Instant>,
}

impl Session {
    pub(super) fn new(world: Arc<World>, begin: Begin, interrupts: mpsc::UnboundedReceiver<String>) -> Self {
        let Begin { record, claim, machine, then } = begin;
        let facts = RunFacts { id: record.id.to_string(), started: record.started };
        let secrets = Arc::new(RunSecrets::new(
            machine.plan(),
            machine.state().secrets.clone(),
            Arc::clone(&world.secrets),
        ));
        let scopes = Scopes::new(machine.plan(), &facts, secrets.marks().clone());
        let context = TaskContext {
            book: Arc::new(scopes.of_book(machine.plan(), machine.state(), [])),
            connections: Arc::new(RunConnections::new(Arc::clone(&world), Arc::clone(machine.plan()))),
            world: Arc::clone(&world),
            plan: Arc::clone(machine.plan()),
            run: record.id.to_string(),
            secrets: Arc::clone(&secrets),
            rules: Arc::new(Rules::new(machine.plan(), &world.policies)),
            checks: Arc::new(Semaphore::new(world.jobs)),
            directory: world.store.directory(&record.id),
        };
        Session {
            scopes,
            world,
            record,
            claim,
            told: machine.clone(),
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
            held: Vec::new(),
            writing: None,
            write_again: false,
            unwritten_since: None,
        }
    }

    /// Carries the run out until it is over or waits for people.
    pub(super) async fn carry_out(mut self) -> Result<RunEnd, EngineError> {
        let result = self.work().await;
        // What is being written still counts for whoever takes the run next.
        let written = self.last_write().await;
        // To their end: another engine may take the run as soon as this one has given it up.
        self.tasks.shutdown().await;
        self.context.connections.close().await;
        let released = self.world.store.release(&self.record.id, &self.claim).await;
        result?;
        written?;
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
        self.learn_secrets().await;
        first.extend(self.context.secrets.noticed());
        self.commit(first).await?;
        loop {
            if self.machine.state().finished.is_some() {
                return self.over().await;
            }
            let now = self.world.clock.now();
            let mut wants = self.machine.wants(now);
            if self.in_flight.keys().any(|want| matches!(want, Want::Escalate(_))) {
                // Who is being told is written down before the end is.
                wants.retain(|want| !matches!(want, Want::Finish(_)));
            }
            self.drop_unwanted(&wants);
            let (events, launches) = self.answer_at_once(&wants, now);
            if wants.iter().any(|want| matches!(want, Want::Finish(outcome) if *outcome != Outcome::Stuck)) {
                self.free_locks().await?;
            }
            if !events.is_empty() {
                let admitted = self.commit_and_launch(events, launches).await?;
                if !admitted.contains(&true) {
                    let id = &self.record.id;
                    let text = format!("run `{id}` wants an answer that does not fit it; please report this");
                    return Err(EngineError::Setup(text));
                }
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
            if self.tasks.is_empty() && self.writing.is_none() && self.only_people_wanted(&wants) {
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

    /// What earlier engines of this run have used may show up in anything that is still to come.
    async fn learn_secrets(&self) {
        if self.context.plan.secrets.is_empty() {
            return;
        }
        let (plan, state) = (self.machine.plan(), self.machine.state());
        let mut used = Vec::new();
        for (_, node) in plan.iter().filter(|(id, _)| state.node(*id).attempt > 0) {
            let own = super::actions::action_expressions(&node.spec);
            for expr in own.into_iter().chain(super::tell::expressions_of(plan, &node.spec.action)) {
                used.extend(secrets_in(expr));
            }
        }
        for (level, _) in plan.escalation.iter().flat_map(|one| &one.levels).zip(&state.escalation.fired) {
            let names = level.to.iter().map(|name| name.value.as_str());
            for expr in super::tell::expressions(plan, names) {
                used.extend(secrets_in(expr));
            }
        }
        used.retain(|name| plan.secrets.iter().any(|(secret, _)| secret == name));
        used.sort();
        used.dedup();
        for remark in self.context.secrets.learn(&used).await {
            self.world.notice(&self.context.plan, &Notice::Remark(&remark));
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
        // What is late while a write is under way goes with the next one.
        let late = self.unwritten_since.filter(|_| self.writing.is_none()).map(|since| since + WRITE_WITHIN);
        let late = async move {
            match late {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            Some(done) = self.tasks.join_next_with_id() => {
                let mut ended = self.ended(done);
                // Whatever else has ended meanwhile goes into the same write.
                while let Some(done) = self.tasks.try_join_next_with_id() {
                    ended.extend(self.ended(done));
                }
                let mut events = self.context.secrets.noticed();
                events.extend(ended);
                if events.iter().any(|event| matches!(event, Event::RollbackDecided { .. })) {
                    // Somebody may have left word for this before anybody was asked.
                    self.take_left_answers().await?;
                }
                self.commit_answers(events).await?;
            }
            heard = self.interrupts.recv(), if self.interruptible => match heard {
                Some(who) => self.interrupted(&who).await?,
                None => self.interruptible = false,
            },
            returned = Self::returned(&mut self.writing) => self.turn_page(returned).await?,
            () = late => self.write().await?,
            () = sleep => {}
            () = look => {
                self.take_left_answers().await?;
            }
        }
        Ok(())
    }

    /// Takes what tasks have brought. Whoever gave an answer that does not count is not asked again.
    async fn commit_answers(&mut self, events: Vec<Event>) -> Result<(), EngineError> {
        let questions: Vec<Option<Want>> = events.iter().map(question_of).collect();
        let admitted = self.commit(events).await?;
        for (want, admitted) in questions.into_iter().zip(admitted) {
            if let Some(want) = want.filter(|_| !admitted) {
                let remark = "an answer does not count: whoever gave it may not give it, or not any more";
                self.world.notice(&self.context.plan, &Notice::Remark(remark));
                self.nobody.insert(want);
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
            Want::Escalate(level) => {
                let failed = vec![NotTold { to: format!("level {level}"), reason: reason.to_owned() }];
                vec![Event::Escalated {
                    level,
                    sent: Vec::new(),
                    failed,
                    held_back: None,
                    over: false,
                    late: None,
                }]
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
            let now = self.world.clock.now();
            let wants = self.machine.wants(now);
            let asked = wants.iter().find(|want| answers::is_for(&answer.token, want, &plan, state));
            let Some(want) = asked else { continue };
            let expires = gates::until(&answer);
            if matches!(want, Want::AskGate(_)) && expires.is_some_and(|end| now >= end) {
                continue;
            }
            let event = answers::event_of(want, &plan, state, answer.reply, answer.by, expires);
            let Some(event) = event else { continue };
            taken |= self.commit(vec![event]).await?.contains(&true);
        }
        Ok(taken)
    }
}

/// The question to people that `event` answers.
fn question_of(event: &Event) -> Option<Want> {
    match event {
        Event::GateDecided { node, .. } => Some(Want::AskGate(*node)),
        Event::Ended { node, result, .. } if result.by.is_some() => Some(Want::AskManual(*node)),
        _ => None,
    }
}

/// The names of the secrets that `expr` refers to.
fn secrets_in(expr: &Expr) -> Vec<String> {
    let names = expr.references().into_iter().filter_map(|reference| match &reference.path[..] {
        [root, name, ..] if root == "secrets" => Some(name.clone()),
        // Those that are no secrets are not among them.
        [root, name, ..] if root == "inputs" => Some(SecretSource::name_of_input(name)),
        _ => None,
    });
    names.collect()
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
