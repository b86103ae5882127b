//! What takes time: actions, checks and questions, each a task that brings an answer.

use std::sync::Arc;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::{Done, LOOK_FOR_ANSWERS, Launch, Session, refusal};
use crate::drive::actions::{self, Attempt};
use crate::drive::answers;
use crate::drive::checks;
use crate::drive::world::TaskContext;
use crate::ids::NodeId;
use crate::model::{Action, Check, OnConflict};
use crate::port::{Ask, LockState, Notice};
use crate::render::manual_form;
use crate::run::{CheckOutcome, CheckStage, Ending, Event, Phase, StepResult, Want};

impl Session {
    /// Keeps back what may begin once its intent is written. From now on it counts as under way.
    pub(super) fn hold(&mut self, launch: Launch) {
        let Launch::Act(attempt) = &launch;
        self.stops.insert(attempt.node, attempt.stop.clone());
        self.held.push(launch);
    }

    pub(super) fn launch(&mut self, launch: Launch) {
        let Launch::Act(attempt) = launch;
        let (node, number) = (attempt.node, attempt.number);
        self.stops.insert(node, attempt.stop.clone());
        let context = self.context.clone();
        self.task(Want::Act(node, number), async move {
            let result = attempt.act(context).await;
            vec![Event::Ended { node, attempt: number, result: Box::new(result) }]
        });
    }

    pub(super) fn task(&mut self, want: Want, work: impl Future<Output = Vec<Event>> + Send + 'static) {
        let name = want.clone();
        let handle = self.tasks.spawn(async move { Done { want: name, events: work.await, nobody: false } });
        self.task_wants.insert(handle.id(), want.clone());
        self.in_flight.insert(want, handle);
    }

    pub(super) fn start_tasks(&mut self, wants: &[Want]) {
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
                Want::Escalate(level) => self.escalate(*level),
                Want::OpenGate(id) if self.has_preview(*id) => self.open_gate_with_preview(*id),
                _ if want.is_for_people() => self.ask(want),
                _ => {}
            }
        }
    }

    fn check_book(&mut self) {
        let (plan, state) = (self.machine.plan(), self.machine.state());
        let scope = self.scopes.of_book(plan, state, checks::expressions(&plan.preconditions));
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
            CheckStage::Goal => match &spec.action {
                Action::Remedies(remedies) => remedies.goal.clone(),
                _ => Vec::new(),
            },
        };
        let mut scope = self.sight().scope_of(id, checks::expressions(&asked));
        if let Some(result) = &self.machine.state().node(id).result {
            scope.insert("result".into(), result.to_value());
        }
        let name = match stage {
            CheckStage::DoneWhen => "done_when",
            CheckStage::Preconditions => "preconditions",
            CheckStage::Verify => "verify",
            CheckStage::Goal => "goal",
        };
        let (context, key) = (self.context.clone(), format!("{}.{name}", self.node(id).key));
        self.task(Want::Check(id, stage), async move {
            let checks = checks::ask(&context, &key, &asked, &scope).await;
            vec![Event::Checked { node: id, stage, checks }]
        });
    }

    /// Opens a gate that shows what would change.
    fn open_gate_with_preview(&mut self, id: NodeId) {
        let opened = self.sight().open_gate(id);
        let attempt = self.sight().rendered(id).ok().map(|(rendered, scope)| {
            let number = self.machine.state().node(id).attempt + 1;
            Attempt { node: id, number, rendered, scope, stop: CancellationToken::new() }
        });
        let context = self.context.clone();
        self.task(Want::OpenGate(id), async move {
            vec![match (opened, attempt) {
                (Event::GateOpened { node, mut question }, Some(attempt)) => {
                    question.preview = attempt.preview(&context).await;
                    Event::GateOpened { node, question }
                }
                (event, _) => event,
            }]
        });
    }

    fn recover(&mut self, id: NodeId, number: u32) {
        let want = Want::Recover(id, number);
        let (rendered, scope) = match self.sight().rendered(id) {
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
                let manual = manual_form(self.machine.plan(), state, *id).ok()?;
                let scope = self.sight().scope_of(*id, actions::action_expressions(&self.node(*id).spec));
                let text = |template: &crate::expr::Template| {
                    template.render_text(&scope).unwrap_or_else(|_| template.source_text())
                };
                Ask::Manual {
                    node: *id,
                    instructions: text(&manual.instructions),
                    checklist: manual.checklist.iter().map(text).collect(),
                    manual,
                }
            }
            Want::AskFailure(id) => Ask::Failure { node: *id, reason: reason(id) },
            Want::AskDoubt(id) => Ask::Doubt { node: *id, reason: reason(id) },
            Want::AskRollback => Ask::Rollback { steps: self.machine.undoable() },
            _ => return None,
        })
    }

    /// Questions that are no longer open are withdrawn. Actions and messages are never dropped: they are stopped and
    /// say how they ended.
    pub(super) fn drop_unwanted(&mut self, wants: &[Want]) {
        // Few are in flight, many may be wanted: look the few up, not the many.
        self.nobody.retain(|want| wants.contains(want));
        self.in_flight.retain(|want, handle| {
            let keep =
                matches!(want, Want::Act(..) | Want::Recover(..) | Want::Escalate(_)) || wants.contains(want);
            if !keep {
                handle.abort();
            }
            keep
        });
    }
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
