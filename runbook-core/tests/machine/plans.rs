//! Random plans, built without any text.

use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use runbook_core::ids::NodeId;
use runbook_core::model::{Action, Check, Confirm, Level, Retry, RollbackMode, StepFailure, StepSpec};
use runbook_core::plan::{Node, Plan, PlanEscalation, Role};
use runbook_core::value::Duration;
use serde_json::json;

/// A step before it has a place in a plan. All zero is the simplest step.
#[derive(Clone, Debug)]
pub(crate) struct Rough {
    kind: u8,
    bits: u64,
    needs: Option<Vec<u8>>,
    children: Vec<Rough>,
    rollback: Vec<Rough>,
    cleanup: Vec<Rough>,
}

/// A book before it is a plan.
#[derive(Clone, Debug)]
pub(crate) struct Book {
    body: Vec<Rough>,
    handlers: Vec<Rough>,
    finally: Vec<Rough>,
    mode: u8,
    preconditions: bool,
    /// When its timers are due, in seconds.
    levels: Vec<u64>,
}

fn leaf() -> impl Strategy<Value = Rough> {
    (any::<u8>(), any::<u64>()).prop_map(|(kind, bits)| Rough {
        kind,
        bits,
        needs: None,
        children: Vec::new(),
        rollback: Vec::new(),
        cleanup: Vec::new(),
    })
}

fn short_list(steps: impl Strategy<Value = Rough> + 'static) -> impl Strategy<Value = Vec<Rough>> {
    let steps = steps.boxed();
    prop_oneof![3 => Just(Vec::new()), 2 => prop::collection::vec(steps, 1..3)]
}

/// Steps outside of the body: leaves, and now and then a group.
fn side_step() -> impl Strategy<Value = Rough> {
    let group =
        (leaf(), prop::collection::vec(leaf(), 1..3)).prop_map(|(step, children)| Rough { children, ..step });
    prop_oneof![4 => leaf(), 1 => group]
}

fn body_step() -> impl Strategy<Value = Rough> {
    let needs = prop_oneof![2 => Just(None), 1 => prop::collection::vec(any::<u8>(), 0..3).prop_map(Some)];
    let dressed = (leaf(), needs, short_list(side_step()), short_list(side_step()))
        .prop_map(|(step, needs, rollback, cleanup)| Rough { needs, rollback, cleanup, ..step })
        .boxed();
    let again = dressed.clone();
    dressed.prop_recursive(3, 12, 4, move |inner| {
        (again.clone(), prop::collection::vec(inner, 1..5))
            .prop_map(|(step, children)| Rough { children, ..step })
    })
}

/// Random books.
pub(crate) fn books() -> impl Strategy<Value = Book> {
    let body = prop::collection::vec(body_step(), 1..5);
    let levels = prop_oneof![Just(Vec::new()), prop::collection::vec(0..40_u64, 1..4)];
    (body, short_list(side_step()), short_list(side_step()), any::<u8>(), prop::bool::weighted(0.2), levels)
        .prop_map(|(body, handlers, finally, mode, preconditions, levels)| Book {
            body,
            handlers,
            finally,
            mode,
            preconditions,
            levels,
        })
}

impl Book {
    /// The book as a plan.
    pub(crate) fn plan(&self) -> Arc<Plan> {
        let mut builder = Builder { nodes: Vec::new(), body: Vec::new() };
        builder.list(&self.body, Role::Body, None, false, &[], "steps");
        builder.list(&self.handlers, Role::OnFailure, None, false, &[], "on_failure");
        builder.list(&self.finally, Role::Finally, None, false, &[], "finally");
        let mut plan = plan_of(builder.nodes);
        plan.rollback =
            [RollbackMode::Auto, RollbackMode::Offer, RollbackMode::Never][usize::from(self.mode) % 3];
        if self.preconditions {
            plan.preconditions = vec![check()];
        }
        plan.escalation = escalation(&self.levels);
        Arc::new(plan)
    }
}

struct Builder {
    nodes: Vec<Node>,
    /// The nodes of the body so far, outer ones before inner ones.
    body: Vec<NodeId>,
}

impl Builder {
    fn list(
        &mut self,
        steps: &[Rough],
        role: Role,
        parent: Option<NodeId>,
        parallel: bool,
        around: &[NodeId],
        name: &str,
    ) -> Vec<NodeId> {
        let mut ids: Vec<NodeId> = Vec::new();
        for (index, step) in steps.iter().enumerate() {
            let id = NodeId::from_index(self.nodes.len());
            let mut node = node(&format!("{name}.{}", index + 1), role, step.spec());
            node.parent = parent;
            node.needs = match &step.needs {
                Some(needs) => self.pick(needs, around),
                None if parallel => Vec::new(),
                // Outside of the body too, a list need not be a chain.
                None if role != Role::Body && step.rare(60, 3) => Vec::new(),
                None => ids.last().copied().into_iter().collect(),
            };
            // What undoes or cleans is always part of the run.
            node.selected = !(role == Role::Body && step.rare(40, 15));
            let key = node.key.clone();
            self.nodes.push(node);
            if role == Role::Body {
                self.body.push(id);
            }
            let around: Vec<NodeId> = around.iter().copied().chain([id]).collect();
            let children = self.list(
                &step.children,
                role,
                Some(id),
                step.kind % 2 == 1,
                &around,
                &format!("{key}.steps"),
            );
            let undo = Role::Rollback(id);
            let rollback = self.list(&step.rollback, undo, None, false, &[], &format!("{key}.rollback"));
            let clean = Role::Cleanup(id);
            let cleanup = self.list(&step.cleanup, clean, None, false, &[], &format!("{key}.cleanup"));
            let node = &mut self.nodes[id.index()];
            (node.children, node.rollback, node.cleanup) = (children, rollback, cleanup);
            ids.push(id);
        }
        ids
    }

    /// Nodes written earlier in the body that are not around this one: no circle is possible.
    fn pick(&self, needs: &[u8], around: &[NodeId]) -> Vec<NodeId> {
        let free: Vec<NodeId> = self.body.iter().copied().filter(|id| !around.contains(id)).collect();
        let mut picked: Vec<NodeId> =
            needs.iter().filter_map(|n| free.get(usize::from(*n) % free.len().max(1)).copied()).collect();
        picked.sort();
        picked.dedup();
        picked
    }
}

impl Rough {
    /// Whether bits `at..` say so; false in the simplest step.
    fn rare(&self, at: u32, mask: u64) -> bool {
        self.bits >> at & mask == mask
    }

    fn seconds(&self, at: u32) -> Duration {
        Duration::from_millis(1000 * (1 + (self.bits >> at & 7)))
    }

    fn spec(&self) -> StepSpec {
        let mut spec = spec();
        if !self.children.is_empty() {
            spec.action = Action::Group { parallel: self.kind % 2 == 1 };
            if self.rare(44, 3) {
                spec.timeout = Some(Duration::from_millis(3000 * (1 + (self.bits >> 46 & 7))));
            }
        } else {
            match self.kind % 16 {
                12 => spec.action = serde_json::from_value(json!({"manual": {"instructions": []}})).unwrap(),
                13 => spec.action = Action::Wait(self.seconds(20)),
                14 => spec.action = Action::Assert(Vec::new()),
                15 => spec.action = Action::Set(Vec::new()),
                _ => {}
            }
            spec.idempotent = self.rare(0, 1);
            if self.rare(1, 3) {
                let percent = if self.rare(50, 1) { 200 } else { 100 };
                spec.retry = Some(retry(2 + (self.bits >> 51 & 1) as u32, self.seconds(52), percent));
            }
        }
        if self.rare(3, 7) {
            spec.when = Some(serde_json::from_value(json!("true")).unwrap());
        }
        if self.rare(6, 7) {
            spec.done_when = vec![check()];
        }
        if self.rare(9, 7) {
            spec.preconditions = vec![check()];
        }
        if self.rare(12, 3) {
            let mut confirm: Confirm =
                serde_json::from_value(json!({"message": [], "on_timeout": "deny"})).unwrap();
            if self.rare(14, 1) {
                confirm.timeout = Some(self.seconds(23));
            }
            if self.rare(15, 1) {
                confirm.on_timeout = runbook_core::model::OnGateTimeout::Fail;
            }
            spec.confirm = Some(confirm);
        }
        if self.rare(16, 3) {
            spec.verify = vec![check()];
        }
        if self.rare(18, 3) {
            spec.settle = Some(self.seconds(26));
        }
        spec.irreversible = self.rare(30, 15);
        spec.on_failure = match self.bits >> 36 & 7 {
            5 | 6 => StepFailure::Continue,
            7 => StepFailure::Ask,
            _ => StepFailure::Stop,
        };
        spec
    }
}

/// A plan of these nodes and nothing else.
pub(crate) fn plan_of(nodes: Vec<Node>) -> Plan {
    let mut plan: Plan = serde_json::from_value(json!({
        "format": runbook_core::plan::PLAN_FORMAT, "runbook": {"name": "random"},
        "inputs": {}, "vars": {}, "env": {}, "nodes": [], "rollback": "never",
    }))
    .unwrap();
    plan.nodes = nodes;
    plan
}

/// An escalation with levels after so many seconds.
fn escalation(seconds: &[u64]) -> Option<PlanEscalation> {
    let mut seconds = seconds.to_vec();
    seconds.sort_unstable();
    let level = |after: &u64| Level {
        after: Duration::from_secs(*after),
        to: Vec::new(),
        unless: None,
        require: None,
        message: None,
    };
    let levels: Vec<Level> = seconds.iter().map(level).collect();
    (!levels.is_empty()).then_some(PlanEscalation { since: None, until: None, levels })
}

/// A node with nothing around it.
pub(crate) fn node(key: &str, role: Role, spec: StepSpec) -> Node {
    static BASE: OnceLock<Node> = OnceLock::new();
    let base = BASE.get_or_init(|| {
        serde_json::from_value(json!({"key": "", "role": "body", "spec": self::spec()})).unwrap()
    });
    let mut node = base.clone();
    (node.key, node.role, node.spec) = (key.to_owned(), role, spec);
    node
}

/// A command with nothing around it.
pub(crate) fn spec() -> StepSpec {
    static BASE: OnceLock<StepSpec> = OnceLock::new();
    BASE.get_or_init(|| {
        serde_json::from_value(json!({
            "target": "local", "effect": "change", "effect_declared": false, "idempotent": false,
            "action": {"run": {"command": {"argv": []}, "shell": "sh"}}, "on_failure": "stop",
        }))
        .unwrap()
    })
    .clone()
}

/// Some check.
pub(crate) fn check() -> Check {
    serde_json::from_value(json!({"kind": {"expr": "true"}, "target": "local"})).unwrap()
}

/// Some retry.
pub(crate) fn retry(attempts: u32, every: Duration, backoff_percent: u32) -> Retry {
    Retry {
        attempts: Some(attempts),
        every,
        within: None,
        backoff_percent,
        max_every: None,
        consecutive: 1,
        when: None,
    }
}
