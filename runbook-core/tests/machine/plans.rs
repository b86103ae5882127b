//! Random plans, built without any text.

use std::sync::{Arc, OnceLock};

use proptest::prelude::*;
use runbook_core::ids::NodeId;
use runbook_core::model::{
    Action, Call, Check, Confirm, Each, Effect, Level, Over, Remedies, Requester, Retry, Role as Of,
    RollbackMode, Rollout, Share, StepFailure, StepSpec,
};
use runbook_core::plan::{Frame, FrameId, FrameKind, Node, Plan, PlanEscalation, Role};
use runbook_core::source::{Span, Spanned};
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
        let mut builder =
            Builder { nodes: Vec::new(), body: Vec::new(), frames: Vec::new(), frame: FrameId::BOOK };
        builder.list(&self.body, Role::Body, None, false, &[], "steps");
        builder.list(&self.handlers, Role::OnFailure, None, false, &[], "on_failure");
        builder.list(&self.finally, Role::Finally, None, false, &[], "finally");
        let mut plan = plan_of(builder.nodes);
        plan.frames = builder.frames.into_iter().map(Arc::new).collect();
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
    /// The nodes of the body so far that can be named here, outer ones before inner ones.
    body: Vec<NodeId>,
    frames: Vec<Frame>,
    /// The frame in which steps stand now.
    frame: FrameId,
}

/// What a step with others in it does with them.
#[derive(Clone, Copy, PartialEq)]
enum Holds {
    InOrder,
    SideBySide,
    Cases,
    Remedies,
    Repeated,
    Called,
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
            node.frame = self.frame;
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
            let children = self.children(step, role, id, &around, &key);
            let repeats = step.holds() == Some(Holds::Repeated);
            let undo = Role::Rollback(id);
            let (rollback, cleanup) = match repeats {
                true => (&[][..], &[][..]),
                false => (&step.rollback[..], &step.cleanup[..]),
            };
            let rollback = self.list(rollback, undo, None, false, &[], &format!("{key}.rollback"));
            let clean = Role::Cleanup(id);
            let cleanup = self.list(cleanup, clean, None, false, &[], &format!("{key}.cleanup"));
            let node = &mut self.nodes[id.index()];
            (node.rollback, node.cleanup) = (rollback, cleanup);
            match step.holds() {
                Some(Holds::Repeated) => self.repeat(id, children),
                _ => node.children = children,
            }
            ids.push(id);
        }
        ids
    }

    fn children(
        &mut self,
        step: &Rough,
        role: Role,
        id: NodeId,
        around: &[NodeId],
        key: &str,
    ) -> Vec<NodeId> {
        let name = format!("{key}.steps");
        let outside = self.body.len();
        let Some(holds) = step.holds() else { return Vec::new() };
        match holds {
            Holds::InOrder | Holds::SideBySide => {
                self.list(&step.children, role, Some(id), holds == Holds::SideBySide, around, &name)
            }
            Holds::Called => {
                // What is called names only its own.
                let outer = (std::mem::take(&mut self.body), self.frame);
                let parent = (!self.frame.is_book()).then_some(self.frame);
                self.frames.push(Frame { parent, kind: FrameKind::Call { node: id, given: None } });
                self.frame = FrameId(self.frames.len() as u32);
                let children = self.list(&step.children, role, Some(id), false, around, &name);
                (self.body, self.frame) = outer;
                children
            }
            Holds::Repeated => {
                let one = match &step.children[..] {
                    [one] => one.clone(),
                    several => Rough { children: several.to_vec(), ..Rough::plain(step.kind / 16 % 2) },
                };
                let one = match one.rollback.is_empty() && one.cleanup.is_empty() {
                    true => Rough { rollback: step.rollback.clone(), cleanup: step.cleanup.clone(), ..one },
                    false => one,
                };
                let children =
                    self.list(&[Rough { needs: None, ..one }], role, Some(id), false, around, &name);
                // Nothing outside can name one repetition.
                self.body.truncate(outside);
                children
            }
            Holds::Cases | Holds::Remedies => {
                let last = step.children.len() - 1;
                let mut ids: Vec<NodeId> = Vec::new();
                let mut inner: Vec<NodeId> = Vec::new();
                for (index, child) in step.children.iter().enumerate() {
                    let child = match holds {
                        Holds::Cases => child.as_case(index == last && step.rare(57, 1)),
                        _ if index == last && step.last_resort() => child.as_last_resort(),
                        _ => Rough { needs: None, ..child.clone() },
                    };
                    let name = format!("{name}{index}");
                    let one = self.list(&[child], role, Some(id), false, around, &name);
                    self.nodes[one[0].index()].needs = ids.last().copied().into_iter().collect();
                    ids.extend(one);
                    // One case cannot name another, nor one remedy another.
                    inner.extend(self.body.drain(outside.min(self.body.len())..));
                }
                if role == Role::Body {
                    self.body.extend(inner);
                }
                ids
            }
        }
    }

    /// Makes `id` the step that repeats its child, as the reader does: what belongs to the step is the child's.
    fn repeat(&mut self, id: NodeId, children: Vec<NodeId>) {
        let template = children[0];
        assert!(self.nodes[id.index()].rollback.is_empty() && self.nodes[id.index()].cleanup.is_empty());
        self.nodes[id.index()].template = Some(template);
        self.nodes[template.index()].needs = Vec::new();
        self.nodes[template.index()].spec.on_failure = StepFailure::Stop;
        for index in template.index()..self.nodes.len() {
            // What is not part of the run is left out as a whole.
            self.nodes[index].selected = true;
        }
        let own = std::mem::replace(&mut self.nodes[id.index()].spec, spec());
        let Action::Each(each) = own.action.clone() else { unreachable!() };
        let mut holder = spec();
        holder.action = Action::Each(each);
        (holder.when, holder.confirm, holder.on_failure) = (own.when, own.confirm, own.on_failure);
        self.nodes[id.index()].spec = holder;
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
    /// A step, or a group, with nothing unusual.
    fn plain(kind: u8) -> Rough {
        Rough { kind, bits: 0, needs: None, children: Vec::new(), rollback: Vec::new(), cleanup: Vec::new() }
    }

    fn holds(&self) -> Option<Holds> {
        if self.children.is_empty() {
            return None;
        }
        Some(match self.kind % 16 {
            4 | 5 => Holds::Cases,
            6..9 => Holds::Remedies,
            9..14 => Holds::Repeated,
            14 | 15 => Holds::Called,
            kind if kind % 2 == 1 => Holds::SideBySide,
            _ => Holds::InOrder,
        })
    }

    /// A case has a condition and steps, and nothing else.
    fn as_case(&self, otherwise: bool) -> Rough {
        let when = if otherwise { 0 } else { 7 << 3 };
        Rough { bits: when, children: vec![Rough { needs: None, ..self.clone() }], ..Rough::plain(0) }
    }

    /// What follows when no remedy has helped is a list of steps, and nothing else.
    fn as_last_resort(&self) -> Rough {
        Rough { children: vec![Rough { needs: None, ..self.clone() }], ..Rough::plain(0) }
    }

    fn last_resort(&self) -> bool {
        self.children.len() > 1 && self.rare(58, 1)
    }

    /// What it is repeated for, and how.
    fn each(&self) -> Each {
        let on_targets = self.rare(32, 1);
        let over = match on_targets {
            true => Over::Targets(
                ["a", "b", "c", "d"].map(String::from)[..2 + (self.bits >> 35 & 7).min(2) as usize].to_vec(),
            ),
            false => Over::Items(serde_json::from_value(json!({"value": []})).unwrap()),
        };
        let batches = match self.bits >> 49 & 3 {
            0 => vec![Share::Count(1)],
            1 => vec![Share::Percent(50)],
            2 => vec![Share::Count(1), Share::Percent(100)],
            _ => vec![Share::Count(2)],
        };
        let pause = self.rare(28, 1).then(|| self.seconds(20));
        Each {
            over,
            name: None,
            parallel: (!on_targets).then_some(1 + (self.bits >> 33 & 3) as u32),
            rollout: (on_targets && self.rare(34, 1)).then_some(Rollout { batches, pause }),
            max_failures: match self.bits >> 53 & 7 {
                3 | 4 => Share::Count(1),
                5 => Share::Count(2),
                6 => Share::Percent(50),
                7 => Share::Percent(100),
                _ => Share::Count(0),
            },
        }
    }

    fn group(&self, holds: Holds) -> Action {
        match holds {
            Holds::InOrder => Action::Group { parallel: false },
            Holds::SideBySide => Action::Group { parallel: true },
            Holds::Cases => Action::Choose,
            Holds::Remedies => Action::Remedies(Remedies {
                goal: vec![check()],
                within: self.rare(49, 1).then(|| Duration::from_millis(1000 * (1 + (self.bits >> 51 & 3)))),
                last_resort: self.last_resort(),
            }),
            Holds::Repeated => Action::Each(self.each()),
            Holds::Called => Action::Call(Call {
                procedure: Spanned::new("p".to_owned(), Span::default()),
                with: Vec::new(),
                inputs: Vec::new(),
                vars: Vec::new(),
                outputs: match self.rare(49, 1) {
                    true => vec![("x".to_owned(), serde_json::from_value(json!("1")).unwrap())],
                    false => Vec::new(),
                },
            }),
        }
    }

    fn manual(&self) -> Action {
        let mut action: Action = serde_json::from_value(json!({"manual": {"instructions": []}})).unwrap();
        if let Action::Manual(manual) = &mut action {
            if self.rare(61, 1) {
                manual.timeout = Some(self.seconds(20));
            }
            if self.rare(62, 1) {
                manual.roles = vec![Of { name: "dba".to_owned(), people: None }];
            }
        }
        action
    }

    /// Whether bits `at..` say so; false in the simplest step.
    fn rare(&self, at: u32, mask: u64) -> bool {
        self.bits >> at & mask == mask
    }

    fn seconds(&self, at: u32) -> Duration {
        Duration::from_millis(1000 * (1 + (self.bits >> at & 7)))
    }

    fn spec(&self) -> StepSpec {
        let mut spec = spec();
        if let Some(holds) = self.holds() {
            spec.action = self.group(holds);
            if self.rare(44, 3) {
                spec.timeout = Some(Duration::from_millis(3000 * (1 + (self.bits >> 46 & 7))));
            }
        } else {
            match self.kind % 16 {
                12 => spec.action = self.manual(),
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
            if self.rare(59, 1) {
                confirm.approvers_min = 2;
            }
            if self.rare(62, 1) {
                // Half of the roles name their people, who are not those that somebody vouches for.
                let people = self.rare(39, 1).then(|| vec!["boris".to_owned(), "anna".to_owned()]);
                confirm.roles = vec![Of { name: "dba".to_owned(), people }];
            }
            if self.rare(63, 1) {
                confirm.requester = Some(Requester::Forbid);
            }
            spec.confirm = Some(confirm);
        }
        if self.rare(29, 1) {
            spec.effect = Effect::Destroy;
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
    plan.nodes = nodes.into_iter().map(Arc::new).collect();
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
