//! A rehearsal: reads and checks are real, changes are not made.
//!
//! What comes after a change that was not made sees the world as it was before. Where that goes wrong, it is
//! said to be stale; only what does not depend on such a change can fail.

mod report;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use jiff::Timestamp;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

pub use report::{Rehearsal, RehearsedStep, Verdict};

use super::actions::Attempt;
use super::checks;
use super::judge::Rules;
use super::outcome::EngineError;
use super::secrets::RunSecrets;
use super::sight::Sight;
use super::world::{RunConnections, TaskContext, World};
use crate::expr::{Expr, unusable};
use crate::ids::NodeId;
use crate::model::{Action, Check, Effect};
use crate::plan::{Item, Plan};
use crate::render::{RunFacts, Scopes, manual_form, own_result};
use crate::run::{
    Answerer, CheckOutcome, CheckStage, Decision, Entry, Event, GateQuestion, Machine, Phase, StepResult,
    Undoing, Want,
};
use crate::value::Object;

/// What expressions say about the result of a step that was not carried out.
const NOT_MADE: &str = "was only rehearsed";

/// Rehearses `plan`.
pub(super) async fn rehearse(world: Arc<World>, plan: Plan) -> Result<Rehearsal, EngineError> {
    let directory = tempfile::tempdir().map_err(|error| {
        EngineError::Setup(format!("there is no place for what a rehearsal writes down: {error}"))
    })?;
    let digest = plan.digest();
    let plan = Arc::new(plan);
    let secrets = Arc::new(RunSecrets::new(&plan, BTreeMap::new(), Arc::clone(&world.secrets)));
    let now = world.clock.now();
    let facts = RunFacts { id: "rehearsal".to_owned(), started: now };
    let scopes = Scopes::new(&plan, &facts, secrets.marks().clone());
    let machine = Machine::new(plan);
    let context = TaskContext {
        book: Arc::new(scopes.of_book(machine.plan(), machine.state(), [])),
        connections: Arc::new(RunConnections::new(Arc::clone(&world), Arc::clone(machine.plan()))),
        world: Arc::clone(&world),
        plan: Arc::clone(machine.plan()),
        run: facts.id.clone(),
        secrets,
        rules: Arc::new(Rules::new(machine.plan(), &world.policies)),
        checks: Arc::new(Semaphore::new(1)),
        directory: directory.path().to_owned(),
    };
    let mut stage = Stage {
        report: Rehearsal::new(machine.plan(), digest.clone()),
        machine,
        scopes,
        context,
        digest,
        now,
        not_made: HashSet::new(),
    };
    stage.answer(Event::Attached { by: world.identity.clone(), engine: String::new() });
    while stage.step().await {}
    stage.context.connections.close().await;
    stage.report.end(stage.machine.state().finished);
    Ok(stage.report)
}

struct Stage {
    machine: Machine,
    scopes: Scopes,
    context: TaskContext,
    digest: String,
    now: Timestamp,
    report: Rehearsal,
    /// Steps whose change was not made.
    not_made: HashSet<NodeId>,
}

impl Stage {
    fn answer(&mut self, event: Event) {
        let masker = &self.context.secrets.masker;
        let masked = serde_json::to_value(&event).map(|value| masker.mask_value(&value));
        let event = masked.and_then(serde_json::from_value).unwrap_or(event);
        if self.machine.admit(&event).is_ok() {
            let entry = Entry { seq: self.machine.state().seq + 1, at: self.now, event };
            self.machine.apply(&entry);
            self.context.plan = Arc::clone(self.machine.plan());
            self.scopes.grow(&self.context.plan);
        }
    }

    fn sight(&self) -> Sight<'_> {
        Sight {
            machine: &self.machine,
            scopes: &self.scopes,
            world: &self.context.world,
            rules: &self.context.rules,
            digest: &self.digest,
        }
    }

    /// Answers the first thing the machine wants. `false` when it wants nothing more.
    async fn step(&mut self) -> bool {
        let wants = self.machine.wants(self.now);
        let Some(want) = wants.iter().find(|want| !matches!(want, Want::Wake(_))) else {
            // Pauses are not waited for.
            let wake =
                wants.iter().filter_map(|want| if let Want::Wake(at) = want { Some(*at) } else { None });
            let Some(wake) = wake.min() else { return false };
            self.now = wake;
            return true;
        };
        let before = self.machine.state().seq;
        match want.clone() {
            Want::CheckBook => self.check_book().await,
            Want::Evaluate(id) => self.evaluate(id),
            Want::Enter(id) => self.enter(id),
            Want::Return(id) => {
                let event = match self.sight().returned(id) {
                    Event::Ended { node, attempt, result } if self.is_stale(&result) => {
                        let result = Box::new(self.not_known(node));
                        Event::Ended { node, attempt, result }
                    }
                    event => event,
                };
                self.answer(event);
            }
            Want::Check(id, stage) => self.check(id, stage).await,
            Want::OpenGate(id) => {
                let event = match self.sight().open_gate(id) {
                    Event::Unusable { node, reason } if reason.contains(NOT_MADE) => {
                        Event::GateOpened { node, question: self.blank_question(node) }
                    }
                    Event::GateOpened { node, question } => {
                        Event::GateOpened { node, question: question.for_anybody() }
                    }
                    event => event,
                };
                self.answer(event);
            }
            Want::AskGate(node) => {
                let Phase::Gate { question, .. } = &self.machine.state().node(node).phase else {
                    return false;
                };
                let digest = question.digest.clone();
                let by = Answerer::engine("rehearsal");
                let decision = Decision::Approve;
                self.answer(Event::GateDecided { node, decision, digest, by, expires: None });
            }
            Want::Act(id, attempt) => self.act(id, attempt).await,
            Want::AskManual(id) => self.manual(id),
            Want::EndWait(node, attempt) => {
                self.answer(Event::Ended { node, attempt, result: Box::new(StepResult::success()) });
            }
            Want::AskRollback => {
                let by = Answerer::engine("rehearsal");
                self.answer(Event::RollbackDecided { decision: Undoing::Decline, by });
            }
            Want::Finish(outcome) => self.answer(Event::Finished { outcome, outputs: Object::new() }),
            _ => return false,
        }
        self.machine.state().seq > before && self.machine.state().finished.is_none()
    }

    async fn check_book(&mut self) {
        let plan = Arc::clone(self.machine.plan());
        let expressions = checks::expressions(&plan.preconditions);
        let scope = self.scopes.of_book(&plan, self.machine.state(), expressions);
        let checks = checks::ask(&self.context, "preconditions", &plan.preconditions, &scope).await;
        self.report.preconditions.clone_from(&checks);
        self.answer(Event::BookChecked { checks });
    }

    fn evaluate(&mut self, id: NodeId) {
        match self.sight().evaluate(id) {
            Event::Condition { holds: false, .. } => {
                let when = self.machine.plan().node(id).spec.when.as_ref().map(|when| when.source().trim());
                let because = when.map(|when| format!("`{when}` is false"));
                self.note(id, Verdict::Skipped, because, None);
                self.answer(Event::Condition { node: id, holds: false });
            }
            Event::Unusable { reason, .. } if reason.contains(NOT_MADE) => {
                self.report.doubt(&self.machine.plan().node(id).key, reason);
                self.answer(Event::Condition { node: id, holds: true });
            }
            event => self.answer(event),
        }
    }

    fn enter(&mut self, id: NodeId) {
        let why = format!("it depends on a step that {NOT_MADE}");
        let event = match (self.sight().enter(id), &self.machine.plan().node(id).spec.action) {
            (Event::Unusable { node, reason }, Action::Each(_)) if reason.contains(NOT_MADE) => {
                Event::Expanded { node, items: vec![Item { value: unusable(why), target: None }] }
            }
            (Event::Unusable { node, reason }, Action::Call(call)) if reason.contains(NOT_MADE) => {
                let names = call.inputs.iter().map(|input| (input.name.value.clone(), unusable(why.clone())));
                let vars = call.vars.iter().map(|(name, _)| (name.value.clone(), unusable(why.clone())));
                Event::Called { node, inputs: names.collect(), vars: vars.collect() }
            }
            (event, _) => event,
        };
        self.answer(event);
    }

    async fn check(&mut self, id: NodeId, stage: CheckStage) {
        let plan = Arc::clone(self.machine.plan());
        let spec = &plan.node(id).spec;
        if stage == CheckStage::Verify && self.not_made.contains(&id) {
            // It would look for a change that was not made.
            return self.answer(Event::Checked { node: id, stage, checks: Vec::new() });
        }
        let (asked, name): (&[Check], _) = match (stage, &spec.action) {
            (CheckStage::DoneWhen, _) => (&spec.done_when, "done_when"),
            (CheckStage::Preconditions, _) => (&spec.preconditions, "preconditions"),
            (CheckStage::Verify, _) => (&spec.verify, "verify"),
            (CheckStage::Goal, Action::Remedies(remedies)) => (&remedies.goal, "goal"),
            (CheckStage::Goal, _) => (&[], "goal"),
        };
        if let Action::Remedies(remedies) = &spec.action {
            let rungs = plan.node(id).children.len() - usize::from(remedies.last_resort);
            if stage == CheckStage::Goal && self.machine.state().node(id).remedies as usize >= rungs {
                // Every remedy was shown; what the last would have brought is not known.
                return self.answer(Event::Checked { node: id, stage, checks: Vec::new() });
            }
        }
        // Asked once: nothing that a rehearsal does could make an answer better.
        let asked: Vec<Check> = asked.iter().cloned().map(|check| Check { retry: None, ..check }).collect();
        let mut scope = self.sight().scope_of(id, checks::expressions(&asked));
        if let Some(result) = &self.machine.state().node(id).result {
            scope.insert("result".into(), result.to_value());
        }
        let key = format!("{}.{name}", plan.node(id).key);
        let mut outcomes = checks::ask(&self.context, &key, &asked, &scope).await;
        if stage == CheckStage::DoneWhen {
            if !outcomes.iter().any(CheckOutcome::refuses) {
                self.note(id, Verdict::AlreadyDone, None, None);
            }
        } else if stage != CheckStage::Goal && self.depends_on_change(id) {
            for outcome in outcomes.iter_mut().filter(|outcome| outcome.refuses()) {
                let reason = outcome.reason.take().unwrap_or_default();
                self.report.doubt(&plan.node(id).key, format!("{}: {reason}", outcome.title));
                outcome.passed = true;
            }
        }
        self.answer(Event::Checked { node: id, stage, checks: outcomes });
    }

    async fn act(&mut self, id: NodeId, attempt: u32) {
        let plan = Arc::clone(self.machine.plan());
        let spec = &plan.node(id).spec;
        let (rendered, scope) = match self.sight().rendered(id) {
            Ok(rendered) => rendered,
            Err(error) if error.to_string().contains(NOT_MADE) => {
                self.note(id, Verdict::Stale, Some(error.to_string()), None);
                return self.pass_over(id, attempt);
            }
            Err(error) => {
                self.note(id, Verdict::Failed, Some(error.to_string()), None);
                return self.answer(Event::Unusable { node: id, reason: error.to_string() });
            }
        };
        if let Some(Event::Refused { node, reason }) = self.sight().refused(id, &rendered, &scope) {
            self.note(id, Verdict::Failed, Some(reason.clone()), None);
            return self.answer(Event::Refused { node, reason });
        }
        let own = own_result(&spec.action, &scope);
        let attempt_of = |rendered| Attempt {
            node: id,
            number: attempt,
            rendered,
            scope: scope.clone(),
            stop: CancellationToken::new(),
        };
        let tells = matches!(spec.action, Action::Notify(_));
        if own.is_none() && (tells || spec.effect != Effect::Read) {
            let shown = rendered.shown.clone();
            let preview = attempt_of(rendered).preview(&self.context).await;
            let verdict = if tells { Verdict::WouldTell } else { Verdict::WouldChange };
            self.note(id, verdict, None, Some(preview.unwrap_or(shown)));
            return self.pass_over(id, attempt);
        }
        let result = match own {
            Some(result) => result,
            None => attempt_of(rendered).act(self.context.clone()).await,
        };
        if result.ok {
            self.note(id, Verdict::Looked, None, None);
        } else if self.is_stale(&result) || self.depends_on_change(id) {
            self.note(id, Verdict::Stale, result.reason.clone(), None);
            return self.pass_over(id, attempt);
        } else {
            self.note(id, Verdict::Failed, result.reason.clone(), None);
        }
        self.answer(Event::Started { node: id, attempt, digest: String::new() });
        self.answer(Event::Ended { node: id, attempt, result: Box::new(result) });
    }

    fn manual(&mut self, id: NodeId) {
        if let Err(error) = manual_form(self.machine.plan(), self.machine.state(), id)
            && !error.to_string().contains(NOT_MADE)
        {
            self.note(id, Verdict::Failed, Some(error.to_string()), None);
            return self.answer(Event::Unusable { node: id, reason: error.to_string() });
        }
        self.note(id, Verdict::WouldAsk, None, None);
        let attempt = self.machine.state().node(id).attempt + 1;
        self.pass_over(id, attempt);
    }

    /// Goes on as if the step had gone well; nothing is known of its result.
    fn pass_over(&mut self, id: NodeId, attempt: u32) {
        self.not_made.insert(id);
        let mut result = Box::new(self.not_known(id));
        if let Action::Manual(manual) = &self.machine.plan().node(id).spec.action {
            result.by = Some(Answerer::of_manual(manual, "engine", "rehearsal"));
        }
        self.answer(Event::Started { node: id, attempt, digest: String::new() });
        self.answer(Event::Ended { node: id, attempt, result });
    }

    fn not_known(&self, id: NodeId) -> StepResult {
        let node = self.machine.plan().node(id);
        let why = || unusable(format!("step `{}` {NOT_MADE}", node.key));
        let mut result = StepResult::success();
        for name in ["stdout", "stderr", "exit_code"] {
            result.fields.insert(name.to_owned(), why());
        }
        let mut names: Vec<&String> = node.spec.outputs.iter().map(|(name, _)| name).collect();
        match &node.spec.action {
            Action::Manual(manual) => names.extend(manual.fields.iter().map(|field| &field.name.value)),
            Action::Set(values) => names.extend(values.iter().map(|(name, _)| name)),
            Action::Call(call) => names.extend(call.outputs.iter().map(|(name, _)| name)),
            _ => {}
        }
        result.outputs = names.into_iter().map(|name| (name.clone(), why())).collect();
        result
    }

    fn is_stale(&self, result: &StepResult) -> bool {
        result.reason.as_ref().is_some_and(|reason| reason.contains(NOT_MADE))
    }

    /// Whether a change that was not made comes before `id`.
    fn depends_on_change(&self, id: NodeId) -> bool {
        let plan = self.machine.plan();
        let mut seen = HashSet::new();
        let mut left = vec![id];
        while let Some(here) = left.pop() {
            if !seen.insert(here) {
                continue;
            }
            if here != id && self.not_made.contains(&here) {
                return true;
            }
            let node = plan.node(here);
            let of = match node.role {
                crate::plan::Role::Rollback(of) | crate::plan::Role::Cleanup(of) => Some(of),
                _ => None,
            };
            left.extend(&node.needs);
            left.extend(node.parent.or(of));
            // What is at rest before something has everything in it at rest; what holds it has not.
            if here != id && !is_around(plan, here, id) {
                left.extend(&node.children);
            }
        }
        // Handlers come after the whole body.
        let after_all = matches!(
            plan.node(id).role,
            crate::plan::Role::OnFailure | crate::plan::Role::Finally | crate::plan::Role::Cleanup(_)
        );
        after_all && !self.not_made.is_empty()
    }

    fn blank_question(&self, id: NodeId) -> GateQuestion {
        let spec = &self.machine.plan().node(id).spec;
        GateQuestion {
            message: String::new(),
            action: String::new(),
            target: spec.target.to_string(),
            effect: spec.effect,
            undo: Vec::new(),
            show: None,
            preview: None,
            phrase: None,
            roles: Vec::new(),
            approvers_min: 1,
            by_others: false,
            irreversible: spec.irreversible,
            asked_by: Vec::new(),
            digest: String::new(),
        }
    }

    fn note(&mut self, id: NodeId, verdict: Verdict, because: Option<String>, action: Option<String>) {
        let plan = Arc::clone(self.machine.plan());
        let node = plan.node(id);
        let title = node.spec.title.as_ref().map(|title| {
            let expressions: Vec<&Expr> = title.expressions().collect();
            let scope = self.sight().scope_of(id, expressions);
            title.render_text(&scope).unwrap_or_else(|_| title.source_text())
        });
        let masker = &self.context.secrets.masker;
        let masked = |text: String| masker.mask_str(&text).into_owned();
        let depth = std::iter::successors(node.parent, |group| plan.node(*group).parent).count();
        self.report.steps.push(RehearsedStep {
            key: node.key.clone(),
            title: title.map(masked),
            depth,
            verdict,
            because: because.map(masked),
            effect: node.spec.effect,
            target: node.spec.target.to_string(),
            change: action.map(masked),
        });
    }
}

/// Whether `group` holds `id`.
fn is_around(plan: &Plan, group: NodeId, id: NodeId) -> bool {
    std::iter::successors(plan.node(id).parent, |around| plan.node(*around).parent)
        .any(|around| around == group)
}
