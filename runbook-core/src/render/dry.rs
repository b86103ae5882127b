//! A dry run: the whole walk of the real machine with no effect at all.
//!
//! Every answer is made up here: checks pass, gates open, actions succeed. What depends on a value that
//! only a real run can know is said to depend on it, never guessed. Nothing fails, so handlers of
//! failures are not walked through.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use super::enter::items;
use crate::expr::{Expr, unusable};
use crate::ids::NodeId;
use crate::model::{Action, Check, Effect, Level, Over};
use crate::plan::{FrameKind, Item, Node, Plan, Preview};
use crate::run::{
    Answerer, CheckOutcome, CheckStage, Decision, Entry, Event, GateQuestion, Machine, Outcome, Phase,
    StepResult, Want,
};
use crate::value::{Object, Value};

/// What a run would do, step by step, in the order in which it would do it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DryRun {
    /// The runbook's name.
    pub runbook: String,
    /// The plan's digest.
    pub digest: String,
    /// Checks that would be asked before anything else.
    pub preconditions: Vec<String>,
    /// Who would be told while it goes on, and when.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub escalation: Vec<String>,
    /// The steps, each when it would be reached.
    pub steps: Vec<DryStep>,
}

/// What would become of one step.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct DryStep {
    /// Its name in logs.
    pub key: String,
    /// For people.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub title: Option<String>,
    /// How many groups are around it.
    pub depth: usize,
    /// Whether it would act.
    pub verdict: Verdict,
    /// Why, when that is not obvious.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub because: Option<String>,
    /// What it may do to the world.
    pub effect: Effect,
    /// Where.
    pub target: String,
    /// The action, as far as it is known.
    pub action: String,
    /// What people would be asked first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
    /// Checks that would be asked before it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asks_before: Vec<String>,
    /// Checks that would be asked after it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub asks_after: Vec<String>,
    /// What would undo it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undo: Vec<String>,
    /// Whether it is a point of no return.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub irreversible: bool,
}

/// Whether a step would act.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Verdict {
    /// It would.
    WouldRun,
    /// That depends on what earlier steps and checks find.
    MayRun,
    /// It would not.
    WouldSkip,
    /// It cannot: an expression over what is known already fails.
    WouldFail,
}

/// Walks through `plan` without touching or asking anything.
///
/// ```
/// # use runbook_core::{kind::Kinds, plan::{Plan, PlanRequest}, read, render::dry_run};
/// # let book = read::parse("x.yaml", "
/// # apiVersion: runbook/v1
/// # kind: Runbook
/// # name: cleaning
/// # steps:
/// #   - {id: wipe, effect: destroy, run: rm -rf /var/cache/app}
/// # ", &Kinds::default()).runbook.unwrap();
/// # let plan = Plan::build(&book, &PlanRequest::default()).unwrap();
/// let dry = dry_run(&plan);
/// assert_eq!(dry.steps[0].action, "rm -rf /var/cache/app");
/// ```
pub fn dry_run(plan: &Plan) -> DryRun {
    let plan = Arc::new(plan.clone());
    let preview = plan.preview();
    let mut walk = Walk {
        machine: Machine::new(Arc::clone(&plan)),
        now: Timestamp::UNIX_EPOCH,
        dry: DryRun {
            runbook: plan.runbook.name.clone(),
            digest: plan.digest(),
            preconditions: plan.preconditions.iter().map(|check| asked(&preview, check)).collect(),
            escalation: plan.escalation.iter().flat_map(|one| &one.levels).map(level).collect(),
            steps: Vec::new(),
        },
        preview,
    };
    walk.answer(Event::Attached { by: "dry run".to_owned(), engine: String::new() });
    while walk.step() {}
    walk.dry
}

struct Walk {
    machine: Machine,
    preview: Preview,
    now: Timestamp,
    dry: DryRun,
}

impl Walk {
    fn answer(&mut self, event: Event) {
        if self.machine.admit(&event).is_ok() {
            let entry = Entry { seq: self.machine.state().seq + 1, at: self.now, event };
            self.machine.apply(&entry);
        }
    }

    /// Answers the first thing the machine wants. `false` when it wants nothing more.
    fn step(&mut self) -> bool {
        let wants = self.machine.wants(self.now);
        let Some(want) = wants.iter().find(|want| !matches!(want, Want::Wake(_))) else {
            let wake =
                wants.iter().filter_map(|want| if let Want::Wake(at) = want { Some(*at) } else { None });
            let Some(wake) = wake.min() else { return false };
            self.now = wake;
            return true;
        };
        let before = self.machine.state().seq;
        match want.clone() {
            Want::CheckBook => self.answer(Event::BookChecked { checks: Vec::new() }),
            Want::Evaluate(id) => self.evaluate(id),
            Want::Enter(id) => self.enter(id),
            Want::Return(node) => self.answer(ended(node, 1)),
            Want::Check(node, stage) => {
                // Nothing is done yet, and everything is as it should be.
                let done = CheckOutcome {
                    title: String::new(),
                    passed: match stage {
                        CheckStage::DoneWhen => false,
                        // Every remedy is shown.
                        CheckStage::Goal => {
                            let all = self.all_remedies_begun(node);
                            if all {
                                self.last_resort(node);
                            }
                            all
                        }
                        _ => true,
                    },
                    warn_only: false,
                    reason: None,
                    tries: 1,
                };
                self.answer(Event::Checked { node, stage, checks: vec![done] });
            }
            Want::OpenGate(node) => {
                let question = self.question(node);
                self.answer(Event::GateOpened { node, question });
            }
            Want::AskGate(node) => {
                let Phase::Gate { question, .. } = &self.machine.state().node(node).phase else {
                    return false;
                };
                let digest = question.digest.clone();
                let by = Answerer::engine("dry run");
                let decision = Decision::Approve;
                self.answer(Event::GateDecided { node, decision, digest, by, expires: None });
            }
            Want::Act(node, attempt) => self.act(node, attempt),
            Want::AskManual(node) => {
                self.note(node, Verdict::WouldRun, None);
                let mut result = Box::new(StepResult::success());
                if let Action::Manual(manual) = &self.plan_node(node).spec.action {
                    result.by = Some(Answerer::of_manual(manual, "engine", "dry run"));
                }
                let attempt = self.machine.state().node(node).attempt + 1;
                self.answer(Event::Ended { node, attempt, result });
            }
            // Time does not really pass, and nobody is told.
            Want::Escalate(level) => {
                let held_back = Some("dry run".to_owned());
                let (sent, failed) = (Vec::new(), Vec::new());
                self.answer(Event::Escalated { level, sent, failed, held_back, over: false, late: None });
            }
            Want::EndWait(node, attempt) => self.answer(ended(node, attempt)),
            Want::Finish(outcome) => self.answer(Event::Finished { outcome, outputs: Object::new() }),
            _ => return false,
        }
        self.machine.state().seq > before && self.machine.state().finished != Some(Outcome::Succeeded)
    }

    fn evaluate(&mut self, node: NodeId) {
        let Some(when) = self.plan_node(node).spec.when.clone() else { return };
        let holds = match self.known(node, &when) {
            Some(Ok(false)) => {
                self.note(node, Verdict::WouldSkip, Some(format!("`{}` is false", when.source().trim())));
                false
            }
            Some(Err(reason)) => {
                self.note(node, Verdict::WouldFail, Some(reason));
                false
            }
            // Which case applies is not known: each is shown, and none is taken.
            None if self.is_case(node) => {
                self.note_case(node, &format!("only if `{}`", when.source().trim()));
                false
            }
            _ => true,
        };
        self.answer(Event::Condition { node, holds });
    }

    /// What a condition of `node` yields, when everything in it is known before the run.
    fn known(&self, node: NodeId, condition: &Expr) -> Option<Result<bool, String>> {
        let mut preview = self.preview.clone();
        let plan = self.machine.plan();
        preview.stand_at(plan, plan.node(node));
        preview.condition(condition)
    }

    /// What a step is repeated for or called with, as far as it is known.
    fn enter(&mut self, id: NodeId) {
        let plan = Arc::clone(self.machine.plan());
        let node = plan.node(id);
        self.preview.stand_at(&plan, node);
        let event = match &node.spec.action {
            Action::Each(each) => {
                let items = match &each.over {
                    Over::Items(list) => match self.preview.known_value(list) {
                        Some(Value::Array(values)) => {
                            values.into_iter().map(|value| Item { value, target: None }).collect()
                        }
                        // One stands for all that the run will find.
                        _ => vec![Item {
                            value: unusable("it is known when the step runs".to_owned()),
                            target: None,
                        }],
                    },
                    Over::Targets(_) => items(each, &Object::new()).unwrap_or_default(),
                };
                Event::Expanded { node: id, items }
            }
            Action::Call(call) => {
                let mut inputs = Object::new();
                for input in &call.inputs {
                    let name = &input.name.value;
                    let value = match call.with.iter().find(|(given, _)| given.value == *name) {
                        Some((_, value)) => self.preview.known_value(value),
                        None => Some(input.default.clone().unwrap_or(Value::Null)),
                    };
                    inputs.extend(value.map(|value| (name.clone(), value)));
                }
                let mut own = self.preview.clone();
                let mut vars = Object::new();
                if inputs.len() == call.inputs.len() {
                    own.set("inputs", Value::Object(inputs.clone()));
                    for (name, value) in &call.vars {
                        own.set("vars", Value::Object(vars.clone()));
                        // What depends on one that is not known is not known either.
                        let Some(value) = own.known_value(value) else { break };
                        vars.insert(name.value.clone(), value);
                    }
                }
                Event::Called { node: id, inputs, vars }
            }
            _ => return,
        };
        self.answer(event);
    }

    fn act(&mut self, node: NodeId, attempt: u32) {
        let spec = &self.plan_node(node).spec;
        let failing = match &spec.action {
            Action::Assert(assertions) => {
                assertions.iter().find_map(|assertion| match self.known(node, &assertion.that) {
                    Some(Ok(false)) => Some(format!("`{}` does not hold", assertion.that.source().trim())),
                    Some(Err(reason)) => Some(reason),
                    _ => None,
                })
            }
            _ => None,
        };
        match failing {
            Some(reason) => self.note(node, Verdict::WouldFail, Some(reason)),
            None => self.note(node, Verdict::WouldRun, None),
        }
        self.answer(Event::Started { node, attempt, digest: String::new() });
        self.answer(ended(node, attempt));
    }

    fn all_remedies_begun(&self, id: NodeId) -> bool {
        let node = self.plan_node(id);
        let Action::Remedies(remedies) = &node.spec.action else { return true };
        let rungs = node.children.len() - usize::from(remedies.last_resort);
        self.machine.state().node(id).remedies as usize >= rungs
    }

    /// What would follow if none of the remedies helped.
    fn last_resort(&mut self, id: NodeId) {
        let node = self.plan_node(id);
        let last = match &node.spec.action {
            Action::Remedies(remedies) if remedies.last_resort => node.children.last().copied(),
            _ => None,
        };
        if let Some(last) = last {
            self.note_case(last, "only if no remedy helps");
        }
    }

    /// Whether `id` is the one repetition that stands for all of a list that is not known.
    fn stands_for_many(&self, id: NodeId) -> bool {
        let plan = self.machine.plan();
        let mut around = plan.frames_around(plan.node(id).frame);
        around.any(|(_, frame)| {
            matches!(&frame.kind, FrameKind::Item { value, .. } if crate::expr::is_unusable(value))
        })
    }

    /// Whether it is not known that no case before the one with `id` applies.
    fn follows_an_open_case(&self, id: NodeId) -> bool {
        let around = std::iter::successors(Some(id), |id| self.plan_node(*id).parent);
        around.filter(|id| self.is_case(*id)).any(|case| {
            let Some(choice) = self.plan_node(case).parent else { return false };
            let before = self.plan_node(choice).children.iter().take_while(|other| **other != case);
            before.into_iter().any(|other| {
                let when = self.plan_node(*other).spec.when.as_ref();
                when.is_some_and(|when| self.known(*other, when).is_none())
            })
        })
    }

    /// Whether a step around `id` is tried only as long as a goal is not reached.
    fn is_remedy(&self, id: NodeId) -> bool {
        let mut around = std::iter::successors(self.plan_node(id).parent, |id| self.plan_node(*id).parent);
        around.any(|id| matches!(self.plan_node(id).spec.action, Action::Remedies(_)))
    }

    fn is_case(&self, id: NodeId) -> bool {
        let parent = self.plan_node(id).parent;
        parent.is_some_and(|parent| self.plan_node(parent).spec.action == Action::Choose)
    }

    /// The steps of a case that may apply.
    fn note_case(&mut self, case: NodeId, because: &str) {
        let plan = Arc::clone(self.machine.plan());
        let mut left = vec![case];
        while let Some(id) = left.pop() {
            let node = plan.node(id);
            if !node.spec.action.is_group() || matches!(node.spec.action, Action::Each(_)) {
                self.note(id, Verdict::MayRun, Some(because.to_owned()));
            }
            left.extend(node.children.iter().rev());
        }
    }

    fn plan_node(&self, id: NodeId) -> &Node {
        self.machine.plan().node(id)
    }

    /// Writes down what would become of a step, the groups around it first.
    fn note(&mut self, id: NodeId, verdict: Verdict, because: Option<String>) {
        let plan = Arc::clone(self.machine.plan());
        let mut around = Vec::new();
        let mut here = plan.node(id).parent;
        while let Some(group) = here {
            around.push(group);
            here = plan.node(group).parent;
        }
        for (depth, group) in around.iter().rev().enumerate() {
            let key = &plan.node(*group).key;
            if !self.dry.steps.iter().any(|step| step.key == *key) {
                let step = self.describe(&plan, *group, depth, Verdict::WouldRun, None);
                self.dry.steps.push(step);
            }
        }
        let step = self.describe(&plan, id, around.len(), verdict, because);
        self.dry.steps.push(step);
    }

    fn describe(
        &self,
        plan: &Plan,
        id: NodeId,
        depth: usize,
        verdict: Verdict,
        because: Option<String>,
    ) -> DryStep {
        let (node, spec) = (plan.node(id), &plan.node(id).spec);
        let mut preview = self.preview.clone();
        preview.stand_at(plan, node);
        let checks = |checks: &[Check]| checks.iter().map(|check| asked(&preview, check)).collect::<Vec<_>>();
        let open = spec.when.as_ref().filter(|when| self.known(id, when).is_none());
        let (verdict, because) = match (verdict, open) {
            (Verdict::WouldRun, Some(when)) => {
                (Verdict::MayRun, Some(format!("only if `{}`", when.source().trim())))
            }
            (Verdict::WouldRun, None) if !spec.done_when.is_empty() => {
                let done = checks(&spec.done_when).join("`, `");
                (Verdict::MayRun, Some(format!("unless it is done already: `{done}`")))
            }
            (Verdict::WouldRun, None) if self.stands_for_many(id) => {
                (Verdict::MayRun, Some("once for each item that the run finds".to_owned()))
            }
            (Verdict::WouldRun, None) if self.follows_an_open_case(id) => {
                (Verdict::MayRun, Some("only if no case before it applies".to_owned()))
            }
            (Verdict::WouldRun, None) if self.is_remedy(id) => {
                (Verdict::MayRun, Some("only as long as the goal is not reached".to_owned()))
            }
            (verdict, _) => (verdict, because),
        };
        DryStep {
            key: node.key.clone(),
            title: spec.title.as_ref().map(|title| preview.text(title)),
            depth,
            verdict,
            because,
            effect: spec.effect,
            target: preview.target(&spec.target),
            action: if spec.action.is_group() { String::new() } else { preview.action(&spec.action) },
            gate: spec.confirm.as_ref().map(|confirm| preview.text(&confirm.message)),
            asks_before: checks(&spec.preconditions),
            asks_after: checks(&spec.verify),
            undo: node.rollback.iter().map(|undo| preview.action(&plan.node(*undo).spec.action)).collect(),
            irreversible: spec.irreversible,
        }
    }

    fn question(&self, id: NodeId) -> GateQuestion {
        let node = self.plan_node(id);
        let mut preview = self.preview.clone();
        preview.stand_at(self.machine.plan(), node);
        let message = node.spec.confirm.as_ref().map(|confirm| preview.text(&confirm.message));
        GateQuestion {
            message: message.unwrap_or_default(),
            action: preview.action(&node.spec.action),
            target: preview.target(&node.spec.target),
            effect: node.spec.effect,
            undo: Vec::new(),
            show: None,
            preview: None,
            phrase: None,
            roles: Vec::new(),
            approvers_min: 1,
            by_others: false,
            irreversible: node.spec.irreversible,
            asked_by: node.asked_by.clone(),
            digest: String::new(),
        }
    }
}

fn ended(node: NodeId, attempt: u32) -> Event {
    Event::Ended { node, attempt, result: Box::new(StepResult::success()) }
}

/// Who a level would tell, and when.
fn level(level: &Level) -> String {
    let to: Vec<&str> = level.to.iter().map(|name| name.value.as_str()).collect();
    let unless = level.unless.as_ref().map(|unless| format!(", unless `{}`", unless.source().trim()));
    format!("after {}: {}{}", level.after, to.join(", "), unless.unwrap_or_default())
}

/// What a check asks, as far as it is known.
fn asked(preview: &Preview, check: &Check) -> String {
    match &check.title {
        Some(title) => preview.text(title),
        None => crate::plan::check_text(preview, check),
    }
}
