//! A runbook's steps as a graph: who holds whom, who waits for whom, what each is called.
//!
//! The steps stand depth-first in the order written: a step, its children, its rollback, its cleanup.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use super::order::Order;
use super::suggest::Suggest;
use super::unread::Unread;
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::ids::{NodeId, is_identifier};
use crate::model::{Action, Runbook, Step};
use crate::source::{Span, Spanned};

/// What part of a run a node belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// The body.
    Body,
    /// Undoes a node.
    Rollback(NodeId),
    /// Runs when the scope of a node ends.
    Cleanup(NodeId),
    /// Runs after a failure.
    OnFailure,
    /// Runs at the end, whatever happened.
    Finally,
}

/// A step and its place among the others.
#[derive(Debug)]
pub struct Placed<'a> {
    /// The step.
    pub step: &'a Step,
    /// Its id, or its position; unique.
    pub key: String,
    /// What part of the run it belongs to.
    pub role: Role,
    /// The group that holds it.
    pub parent: Option<NodeId>,
    /// The steps it waits for.
    pub needs: Vec<NodeId>,
    /// The steps of a group.
    pub children: Vec<NodeId>,
    /// The steps that undo it.
    pub rollback: Vec<NodeId>,
    /// The steps that run when its scope ends.
    pub cleanup: Vec<NodeId>,
}

impl Placed<'_> {
    /// Where to point when the step is meant: its id, or the whole step.
    pub fn span(&self) -> Span {
        self.step.spec.id.as_ref().map_or(self.step.span, |id| id.span)
    }
}

/// All steps of a runbook.
#[derive(Debug)]
pub struct Graph<'a> {
    steps: Vec<Placed<'a>>,
    ids: HashMap<&'a str, NodeId>,
    order: Option<Order>,
    loose: Vec<NodeId>,
}

impl<'a> Graph<'a> {
    /// The graph of `runbook`. Ids that are there twice, `needs` that lead nowhere or where they may not,
    /// and cycles are added to `found`.
    pub fn new(runbook: &'a Runbook, found: &mut Diagnostics) -> Self {
        Self::without(&Unread::default(), runbook, found)
    }

    /// The same, of a runbook of which some was refused already.
    pub(super) fn without(unread: &Unread, runbook: &'a Runbook, found: &mut Diagnostics) -> Self {
        let mut graph = Graph { steps: Vec::new(), ids: HashMap::new(), order: None, loose: Vec::new() };
        let mut builder = Builder { graph: &mut graph, found, unread };
        builder.list(&runbook.steps, "steps", Role::Body, None, true);
        builder.list(&runbook.on_failure.steps, "on_failure", Role::OnFailure, None, true);
        builder.list(&runbook.finally, "finally", Role::Finally, None, true);
        builder.needs();
        graph.order = Order::new(&graph, found);
        graph
    }

    /// Every step, in the order of the plan.
    pub fn steps(&self) -> &[Placed<'a>] {
        &self.steps
    }

    /// The step `id`.
    ///
    /// # Panics
    /// When `id` belongs to another graph.
    pub fn step(&self, id: NodeId) -> &Placed<'a> {
        &self.steps[id.index()]
    }

    /// Every step with its id.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, &Placed<'a>)> {
        self.steps.iter().enumerate().map(|(i, placed)| (NodeId::from_index(i), placed))
    }

    /// The step whose id is `name`.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.ids.get(name).copied()
    }

    /// Every id that expressions can name, in the order of the plan.
    pub fn names(&self) -> impl Iterator<Item = &'a str> + '_ {
        let ids = self.steps.iter().filter_map(|placed| placed.step.spec.id.as_ref());
        ids.map(|id| id.value.as_str()).filter(|id| is_identifier(id))
    }

    /// The order in time; none when steps wait for each other.
    pub(crate) fn order(&self) -> Option<&Order> {
        self.order.as_ref()
    }

    /// The steps that may have to wait for more than is known, because their `needs` were refused.
    pub(super) fn loose(&self) -> &[NodeId] {
        &self.loose
    }

    /// For each step whether it starts when or after `from` starts; none when steps wait for each other.
    pub fn following(&self, from: NodeId) -> Option<Vec<bool>> {
        self.order.as_ref().map(|order| order.following(&[from]))
    }

    /// The groups around `id`, from the inside out.
    pub fn groups(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(self.step(id).parent, |group| self.step(*group).parent)
    }
}

struct Builder<'g, 'a> {
    graph: &'g mut Graph<'a>,
    found: &'g mut Diagnostics,
    unread: &'g Unread,
}

impl<'a> Builder<'_, 'a> {
    fn list(
        &mut self,
        steps: &'a [Step],
        prefix: &str,
        role: Role,
        parent: Option<NodeId>,
        in_order: bool,
    ) -> Vec<NodeId> {
        let mut members: Vec<NodeId> = Vec::with_capacity(steps.len());
        for (index, step) in steps.iter().enumerate() {
            let previous = members.last().copied().filter(|_| in_order);
            let position = || format!("{prefix}.{}", index + 1);
            let key = step.spec.id.as_ref().map_or_else(position, |id| id.value.clone());
            members.push(self.step(step, key, role, parent, previous));
        }
        members
    }

    fn step(
        &mut self,
        step: &'a Step,
        key: String,
        role: Role,
        parent: Option<NodeId>,
        previous: Option<NodeId>,
    ) -> NodeId {
        let id = NodeId::from_index(self.graph.steps.len());
        if let Some(name) = &step.spec.id {
            self.name(name, id);
        }
        let needs = if step.needs.is_some() { Vec::new() } else { previous.into_iter().collect() };
        self.graph.steps.push(Placed {
            step,
            key: key.clone(),
            role,
            parent,
            needs,
            children: Vec::new(),
            rollback: Vec::new(),
            cleanup: Vec::new(),
        });
        let in_order = !matches!(step.spec.action, Action::Group { parallel: true });
        let children = self.list(&step.children, &key, role, Some(id), in_order);
        let rollback = self.list(&step.rollback, &format!("{key}.rollback"), Role::Rollback(id), None, true);
        let cleanup = self.list(&step.cleanup, &format!("{key}.cleanup"), Role::Cleanup(id), None, true);
        let placed = &mut self.graph.steps[id.index()];
        (placed.children, placed.rollback, placed.cleanup) = (children, rollback, cleanup);
        id
    }

    fn name(&mut self, name: &'a Spanned<String>, id: NodeId) {
        let first = *self.graph.ids.entry(&name.value).or_insert(id);
        if first != id {
            let first = self.graph.step(first).span();
            self.found.push(
                Diagnostic::error(Code::DUPLICATE_ID, name.span, format!("the id `{}` twice", name.value))
                    .label("again here")
                    .also(first, "first here")
                    .help("rename one of them: an id is unique in the whole file"),
            );
        }
    }

    /// Resolves the `needs` that are written out.
    fn needs(&mut self) {
        let mut suggest = Suggest::default();
        // Which step named a step last, so that a step named twice is waited for once.
        let mut named_by = vec![usize::MAX; self.graph.steps.len()];
        for index in 0..self.graph.steps.len() {
            let step = self.graph.steps[index].step;
            let id = NodeId::from_index(index);
            let mut loose = self.unread.needs.contains(&step.span);
            let written = match &step.needs {
                Some(written) => written,
                None if loose => &Vec::new(),
                None => continue,
            };
            let mut needs = Vec::with_capacity(written.len());
            for name in written {
                let Some(need) = self.graph.find(&name.value) else {
                    loose = true;
                    if self.unread.steps.contains(&name.value) {
                        continue;
                    }
                    let message = format!("`needs` names a step `{}` that does not exist", name.value);
                    let problem = Diagnostic::error(Code::UNKNOWN_STEP, name.span, message);
                    self.found.push(suggest.add(problem, &name.value, || self.graph.names()));
                    continue;
                };
                if let Some(problem) = self.out_of_scope(id, need, name) {
                    loose = true;
                    self.found.push(problem);
                } else if named_by[need.index()] != index {
                    named_by[need.index()] = index;
                    needs.push(need);
                }
            }
            if step.needs.is_some() {
                self.graph.steps[index].needs = needs;
            }
            if loose {
                self.graph.loose.push(id);
            }
        }
    }

    fn out_of_scope(&self, id: NodeId, need: NodeId, name: &Spanned<String>) -> Option<Diagnostic> {
        let (here, there) = (self.graph.step(id), self.graph.step(need));
        let why = if here.role != there.role {
            format!("step `{}` {}, this step {}", there.key, part(there.role), part(here.role))
        } else if self.graph.groups(id).any(|group| group == need) {
            format!("`{}` is a group that holds this step, so it ends later", there.key)
        } else if self.graph.groups(need).any(|group| group == id) {
            format!("`{}` is a step of this group, so it starts later", there.key)
        } else {
            return None;
        };
        let message = format!("`needs: {}` cannot be waited for here", name.value);
        let problem = Diagnostic::error(Code::NEEDS_OUT_OF_SCOPE, name.span, message);
        Some(problem.label(why).also(there.span(), "it is here").help("name a step that can end before"))
    }
}

/// What to say of a step with `role`, after its name.
pub(super) fn part(role: Role) -> &'static str {
    match role {
        Role::Body => "belongs to the body",
        Role::Rollback(_) => "belongs to a rollback",
        Role::Cleanup(_) => "belongs to a cleanup",
        Role::OnFailure => "belongs to `on_failure`",
        Role::Finally => "belongs to `finally`",
    }
}
