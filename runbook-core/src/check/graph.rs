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
use crate::model::{Action, Over, Procedure, Runbook, Step};
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
    /// What names mean in it: the call it belongs to, none in the book itself.
    pub call: Option<NodeId>,
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
    ids: HashMap<(Option<NodeId>, &'a str), NodeId>,
    order: Option<Order>,
    loose: Vec<NodeId>,
}

impl<'a> Graph<'a> {
    /// The graph of `runbook`. Ids that are there twice, `needs` that lead nowhere or where they may not,
    /// and cycles are added to `found`.
    pub fn new(runbook: &'a Runbook, found: &mut Diagnostics) -> Self {
        let lists = Lists::of_book(runbook);
        Self::build(&Unread::default(), lists, &runbook.procedures, found)
    }

    /// The graph of `lists` alone, of which some was refused already: what is called is not looked into.
    pub(super) fn without(unread: &Unread, lists: Lists<'a>, found: &mut Diagnostics) -> Self {
        Self::build(unread, lists, &[], found)
    }

    fn build(
        unread: &Unread,
        lists: Lists<'a>,
        procedures: &'a [Procedure],
        found: &mut Diagnostics,
    ) -> Self {
        let mut graph = Graph { steps: Vec::new(), ids: HashMap::new(), order: None, loose: Vec::new() };
        let procedures = procedures.iter().map(|procedure| (procedure.name.value.as_str(), procedure));
        let mut builder = Builder {
            graph: &mut graph,
            found,
            unread,
            procedures: procedures.collect(),
            calls: Vec::new(),
            full: false,
        };
        builder.list(lists.steps, "steps", Role::Body, None, true);
        builder.list(lists.on_failure, "on_failure", Role::OnFailure, None, true);
        builder.list(lists.finally, "finally", Role::Finally, None, true);
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

    /// The step of the book itself whose id is `name`.
    pub fn find(&self, name: &str) -> Option<NodeId> {
        self.find_in(None, name)
    }

    /// The step whose id is `name` in what `call` calls.
    pub fn find_in(&self, call: Option<NodeId>, name: &str) -> Option<NodeId> {
        self.ids.get(&(call, name)).copied()
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

/// The lists of steps that make a graph.
#[derive(Clone, Copy)]
pub(super) struct Lists<'a> {
    pub(super) steps: &'a [Step],
    pub(super) on_failure: &'a [Step],
    pub(super) finally: &'a [Step],
}

impl<'a> Lists<'a> {
    pub(super) fn of_book(runbook: &'a Runbook) -> Self {
        Lists { steps: &runbook.steps, on_failure: &runbook.on_failure.steps, finally: &runbook.finally }
    }

    pub(super) fn of_procedure(procedure: &'a Procedure) -> Self {
        Lists { steps: &procedure.steps, on_failure: &[], finally: &[] }
    }
}

/// How many steps a plan may have because procedures are called again and again.
const MOST_CALLED: usize = 100_000;

struct Builder<'g, 'a> {
    graph: &'g mut Graph<'a>,
    found: &'g mut Diagnostics,
    unread: &'g Unread,
    /// What calls are looked into.
    procedures: HashMap<&'a str, &'a Procedure>,
    /// The calls around the step that is being placed, with the name of the procedure.
    calls: Vec<(NodeId, &'a str)>,
    full: bool,
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
            let named = |id: &Spanned<String>| match self.calls.last() {
                Some((call, _)) => format!("{}:{}", self.graph.step(*call).key, id.value),
                None => id.value.clone(),
            };
            let key = step.spec.id.as_ref().map_or_else(position, named);
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
            call: self.calls.last().map(|(call, _)| *call),
        });
        let in_order = !matches!(step.spec.action, Action::Group { parallel: true });
        let children = match &step.spec.action {
            Action::Call(call) => self.called(&call.procedure.value, &key, role, id),
            Action::Each(_) => {
                let one = step.children.iter();
                one.map(|step| self.step(step, format!("{key}.each"), role, Some(id), None)).collect()
            }
            _ => self.list(&step.children, &key, role, Some(id), in_order),
        };
        let rollback = self.list(&step.rollback, &format!("{key}.rollback"), Role::Rollback(id), None, true);
        let cleanup = self.list(&step.cleanup, &format!("{key}.cleanup"), Role::Cleanup(id), None, true);
        let placed = &mut self.graph.steps[id.index()];
        (placed.children, placed.rollback, placed.cleanup) = (children, rollback, cleanup);
        id
    }

    /// The steps of a procedure, once more for this call.
    fn called(&mut self, name: &str, key: &str, role: Role, call: NodeId) -> Vec<NodeId> {
        let Some(procedure) = self.procedures.get(name).copied() else { return Vec::new() };
        // A circle of calls was reported where it is written.
        if self.calls.iter().any(|(_, around)| *around == name) || self.full {
            return Vec::new();
        }
        if self.graph.steps.len() > MOST_CALLED {
            self.full = true;
            let message = format!("calls make more than {MOST_CALLED} steps of this runbook");
            self.found.push(Diagnostic::error(Code::TOO_LARGE, procedure.span, message));
            return Vec::new();
        }
        self.calls.push((call, &procedure.name.value));
        let children = self.list(&procedure.steps, &format!("{key}:steps"), role, Some(call), true);
        self.calls.pop();
        children
    }

    fn name(&mut self, name: &'a Spanned<String>, id: NodeId) {
        let call = self.calls.last().map(|(call, _)| *call);
        let first = *self.graph.ids.entry((call, &name.value)).or_insert(id);
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
            let call = self.graph.steps[index].call;
            let mut loose = self.unread.needs.contains(&step.span);
            let written = match &step.needs {
                Some(written) => written,
                None if loose => &Vec::new(),
                None => continue,
            };
            let mut needs = Vec::with_capacity(written.len());
            for name in written {
                let Some(need) = self.graph.find_in(call, &name.value) else {
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
        } else if let Some(other) = self.inside_of_another(id, need) {
            other
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

impl<'a> Graph<'a> {
    /// Why `there` never runs in the same run as `here`, or does not run exactly once, seen from it.
    pub(super) fn apart(&self, here: NodeId, there: NodeId) -> Option<Apart> {
        let around: Vec<NodeId> = std::iter::once(here).chain(self.around(here)).collect();
        let mut inner = there;
        for group in self.around(there) {
            let action = &self.step(group).step.spec.action;
            if let Some(place) = around.iter().position(|id| *id == group) {
                let mine = place.checked_sub(1).map(|place| around[place]);
                let cases = matches!(action, Action::Choose) && mine.is_some() && mine != Some(inner);
                return cases.then_some(Apart::OtherCase(group));
            }
            if matches!(action, Action::Each(_)) {
                return Some(Apart::Repeated(group));
            }
            inner = group;
        }
        None
    }

    /// The step that repeats `id`, if one does.
    pub(super) fn repeated(&self, id: NodeId) -> Option<Apart> {
        let repeats = |id: &NodeId| matches!(self.step(*id).step.spec.action, Action::Each(_));
        self.around(id).find(repeats).map(Apart::Repeated)
    }

    /// What holds `id`, from the inside out; for a handler also what holds the step it belongs to.
    pub(super) fn around(&self, id: NodeId) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(Some(id), |id| {
            let placed = self.step(*id);
            placed.parent.or(match placed.role {
                Role::Rollback(of) | Role::Cleanup(of) => Some(of),
                _ => None,
            })
        })
        .skip(1)
    }
}

impl Graph<'_> {
    /// Whether a step around `id`, in what the same call calls, is repeated on targets.
    pub fn acts_on_members(&self, id: NodeId) -> bool {
        let call = self.step(id).call;
        let inside = |around: &NodeId| self.step(*around).call == call;
        let repeats = |around: NodeId| {
            let action = &self.step(around).step.spec.action;
            matches!(action, Action::Each(each) if matches!(each.over, Over::Targets(_)))
        };
        self.around(id).take_while(inside).any(repeats)
    }
}

/// Why one step cannot see another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Apart {
    /// They belong to different cases of this choice.
    OtherCase(NodeId),
    /// The other one is repeated by this step.
    Repeated(NodeId),
}

impl Builder<'_, '_> {
    fn inside_of_another(&self, id: NodeId, need: NodeId) -> Option<String> {
        let key = |id: NodeId| &self.graph.step(id).key;
        Some(match self.graph.apart(id, need)? {
            Apart::OtherCase(choice) => {
                format!("`{}` belongs to another case of `{}`", key(need), key(choice))
            }
            Apart::Repeated(holder) => {
                format!("`{}` is repeated by `{}`; wait for that one", key(need), key(holder))
            }
        })
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
