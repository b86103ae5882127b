//! The order of steps in time: cycles, and which step ends before which begins.
//!
//! Every step is two moments, its start and its end; a group starts before its steps and ends after them.

use std::collections::{HashMap, HashSet, VecDeque};

use petgraph::Direction;
use petgraph::algo::kosaraju_scc;
use petgraph::graph::{DiGraph, NodeIndex};

use super::graph::{Graph, Role};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::ids::NodeId;

/// How many steps of a cycle are written out.
const SHOWN: usize = 12;

/// A moment of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// A step starts.
    Start(NodeId),
    /// A step ends.
    End(NodeId),
    /// The body ends.
    BodyEnd,
}

/// Which moments come before which.
#[derive(Debug)]
pub(crate) struct Order {
    moments: DiGraph<(), ()>,
    /// The place of each moment in one total order.
    rank: Vec<usize>,
    by_rank: Vec<NodeIndex>,
    /// A path through the graph on which each moment lies.
    chain: Vec<usize>,
    /// For each step the group that holds it, or the step whose rollback or cleanup it is, and whether it is a group.
    around: Vec<Option<(NodeId, bool)>>,
}

impl Order {
    /// The order of `graph`; none, and a diagnostic for each, when there are cycles.
    pub(super) fn new(graph: &Graph<'_>, found: &mut Diagnostics) -> Option<Self> {
        let moments = moments(graph);
        // Not `tarjan_scc`: it recurses, and a long chain of steps would overflow the stack.
        let components = kosaraju_scc(&moments);
        let mut cycles: Vec<_> = components.iter().filter(|component| component.len() > 1).collect();
        if !cycles.is_empty() {
            cycles.sort_by_key(|component| component.iter().min().copied());
            found.extend(cycles.into_iter().map(|component| cycle(graph, &moments, component)));
            return None;
        }
        let by_rank: Vec<NodeIndex> = components.into_iter().rev().flatten().collect();
        let mut rank = vec![0; by_rank.len()];
        for (place, moment) in by_rank.iter().enumerate() {
            rank[moment.index()] = place;
        }
        let around = graph.steps().iter().map(|placed| match (placed.parent, placed.role) {
            (Some(group), _) => Some((group, true)),
            (None, Role::Rollback(of) | Role::Cleanup(of)) => Some((of, false)),
            (None, _) => None,
        });
        let chain = chains(&moments, &by_rank);
        Some(Order { chain, rank, by_rank, around: around.collect(), moments })
    }

    /// For each pair whether the first moment is certain to come before the second, and how many
    /// steps through the graph it took to find out.
    pub(crate) fn before(&self, pairs: &[(Moment, Moment)]) -> (Vec<bool>, usize) {
        let mut answers: Vec<bool> = pairs.iter().map(|pair| self.is_near(*pair)).collect();
        let mut open: Vec<usize> = (0..pairs.len()).filter(|index| !answers[*index]).collect();
        open.sort_by_key(|index| self.rank_of(pairs[*index].0));
        let mut work = 0;
        let mut rest = &open[..];
        while !rest.is_empty() {
            // Sixty-four first moments at a time: one bit says that a moment comes after one of them.
            let mut sources: Vec<usize> = Vec::new();
            let mut taken = 0;
            for index in rest {
                let source = self.rank_of(pairs[*index].0);
                if sources.last() != Some(&source) {
                    if sources.len() == 64 {
                        break;
                    }
                    sources.push(source);
                }
                taken += 1;
            }
            let (block, left) = rest.split_at(taken);
            rest = left;
            let low = sources.first().copied().unwrap_or(0);
            let high = block.iter().map(|index| self.rank_of(pairs[*index].1)).max().unwrap_or(0);
            if high <= low {
                continue;
            }
            let mut after = vec![0_u64; high - low + 1];
            for (bit, source) in sources.iter().enumerate().filter(|(_, source)| **source <= high) {
                after[source - low] |= 1 << bit;
            }
            for place in low..=high {
                for earlier in self.moments.neighbors_directed(self.by_rank[place], Direction::Incoming) {
                    work += 1;
                    if let Some(earlier) = self.rank[earlier.index()].checked_sub(low) {
                        after[place - low] |= after[earlier];
                    }
                }
            }
            for index in block {
                let (first, second) = pairs[*index];
                let bit = sources.binary_search(&self.rank_of(first)).unwrap_or(0);
                let reached = self.rank_of(second).checked_sub(low).map_or(0, |place| after[place]);
                answers[*index] = reached >> bit & 1 == 1;
            }
        }
        (answers, work)
    }

    /// The steps that start when or after one of `from` starts, by step.
    pub(crate) fn following(&self, from: &[NodeId]) -> Vec<bool> {
        let mut reached = vec![false; self.moments.node_count()];
        let start = |id: &NodeId| index(Moment::Start(*id), self.around.len());
        let mut left: Vec<NodeIndex> = from.iter().map(start).collect();
        while let Some(moment) = left.pop() {
            if !std::mem::replace(&mut reached[moment.index()], true) {
                left.extend(self.moments.neighbors(moment));
            }
        }
        (0..self.around.len()).map(|step| reached[2 * step]).collect()
    }

    fn rank_of(&self, moment: Moment) -> usize {
        self.rank[index(moment, self.around.len()).index()]
    }

    /// Whether it follows from the chains alone that the first comes before the second.
    fn is_near(&self, (first, second): (Moment, Moment)) -> bool {
        if self.on_a_chain(first, second) {
            return true;
        }
        let (Moment::End(x), Moment::Start(y) | Moment::End(y)) = (first, second) else { return false };
        // Of two steps in different groups: whether the one group ends before the other starts.
        let inner: Vec<NodeId> = self.climb(x, true).collect();
        let outer: Vec<NodeId> = self.climb(y, false).collect();
        let highest = |of: &[NodeId], than: &[NodeId]| of.iter().rev().find(|g| !than.contains(g)).copied();
        match (highest(&inner, &outer), highest(&outer, &inner)) {
            (Some(x), Some(y)) => self.on_a_chain(Moment::End(x), Moment::Start(y)),
            _ => false,
        }
    }

    fn climb(&self, from: NodeId, groups_only: bool) -> impl Iterator<Item = NodeId> + '_ {
        std::iter::successors(Some(from), move |id| {
            self.around[id.index()].filter(|(_, group)| *group || !groups_only).map(|(id, _)| id)
        })
    }

    fn on_a_chain(&self, first: Moment, second: Moment) -> bool {
        let chain = |moment| self.chain[index(moment, self.around.len()).index()];
        chain(first) == chain(second) && self.rank_of(first) <= self.rank_of(second)
    }
}

fn index(moment: Moment, steps: usize) -> NodeIndex {
    NodeIndex::new(match moment {
        Moment::Start(id) => 2 * id.index(),
        Moment::End(id) => 2 * id.index() + 1,
        Moment::BodyEnd => 2 * steps,
    })
}

/// The graph of moments; an edge leads from a moment to one that comes after it.
fn moments(graph: &Graph<'_>) -> DiGraph<(), ()> {
    let count = graph.steps().len();
    let needs: usize = graph.steps().iter().map(|placed| placed.needs.len()).sum();
    let mut moments = DiGraph::with_capacity(2 * count + 1, needs + 4 * count);
    for _ in 0..=2 * count {
        moments.add_node(());
    }
    let mut edge = |from: Moment, to: Moment| {
        moments.add_edge(index(from, count), index(to, count), ());
    };
    for (id, placed) in graph.iter() {
        edge(Moment::Start(id), Moment::End(id));
        for need in &placed.needs {
            edge(Moment::End(*need), Moment::Start(id));
        }
        match (placed.parent, placed.role) {
            (Some(group), _) => {
                edge(Moment::Start(group), Moment::Start(id));
                edge(Moment::End(id), Moment::End(group));
            }
            (None, Role::Body) => edge(Moment::End(id), Moment::BodyEnd),
            (None, Role::OnFailure | Role::Finally) => edge(Moment::BodyEnd, Moment::Start(id)),
            (None, Role::Rollback(of) | Role::Cleanup(of)) => edge(Moment::End(of), Moment::Start(id)),
        }
    }
    moments
}

/// Covers the graph with paths: each moment goes on on the path of one that comes directly before it.
fn chains(moments: &DiGraph<(), ()>, by_rank: &[NodeIndex]) -> Vec<usize> {
    let mut chain = vec![0; by_rank.len()];
    let mut goes_on = vec![false; by_rank.len()];
    let mut next = 0;
    for moment in by_rank {
        let mut earlier = moments.neighbors_directed(*moment, Direction::Incoming);
        match earlier.find(|earlier| !goes_on[earlier.index()]) {
            Some(earlier) => {
                goes_on[earlier.index()] = true;
                chain[moment.index()] = chain[earlier.index()];
            }
            None => {
                chain[moment.index()] = next;
                next += 1;
            }
        }
    }
    chain
}

/// The shortest way around through the first moment of `component`.
fn cycle(graph: &Graph<'_>, moments: &DiGraph<(), ()>, component: &[NodeIndex]) -> Diagnostic {
    let Some(first) = component.iter().min().copied() else {
        return Diagnostic::error(Code::CYCLE, Default::default(), "steps wait for each other");
    };
    let inside: HashSet<NodeIndex> = component.iter().copied().collect();
    let mut came_from: HashMap<NodeIndex, NodeIndex> = HashMap::new();
    let mut left = VecDeque::from([first]);
    let mut last = first;
    'search: while let Some(moment) = left.pop_front() {
        for earlier in moments.neighbors_directed(moment, Direction::Incoming) {
            if earlier == first {
                last = moment;
                break 'search;
            }
            if inside.contains(&earlier) && !came_from.contains_key(&earlier) {
                came_from.insert(earlier, moment);
                left.push_back(earlier);
            }
        }
    }
    let mut path: Vec<NodeIndex> = std::iter::successors(Some(last), |m| came_from.get(m).copied()).collect();
    path.reverse();
    path.push(first);
    describe(graph, &path)
}

/// Says of each moment on `path` why it waits for the next one.
fn describe(graph: &Graph<'_>, path: &[NodeIndex]) -> Diagnostic {
    let step = |moment: NodeIndex| NodeId::from_index(moment.index() / 2);
    let is_end = |moment: NodeIndex| moment.index() % 2 == 1;
    let mut keys: Vec<&str> = Vec::new();
    let mut reasons = Vec::new();
    for pair in path.windows(2) {
        let (later, earlier) = (pair[0], pair[1]);
        let (waits, awaited) = (graph.step(step(later)), graph.step(step(earlier)));
        if keys.last() != Some(&waits.key.as_str()) {
            keys.push(&waits.key);
        }
        let (one, other) = (&waits.key, &awaited.key);
        let written = waits.step.needs.iter().flatten().find(|name| name.value == *other);
        let reason = match (is_end(later), is_end(earlier), written) {
            (false, true, Some(name)) => (name.span, format!("`{one}` waits for `{other}`"), true),
            (false, true, None) => {
                (waits.span(), format!("`{one}` comes after `{other}` in its list"), false)
            }
            (false, false, _) => {
                (waits.span(), format!("`{one}` starts after its group `{other}` has started"), false)
            }
            (true, true, _) => {
                (waits.span(), format!("the group `{one}` ends after its step `{other}`"), false)
            }
            (true, false, _) => continue,
        };
        reasons.push(reason);
    }
    if keys.len() > 1 && keys.first() == keys.last() {
        keys.pop();
    }
    let mut shown: Vec<&str> = keys.clone();
    if keys.len() > SHOWN {
        shown.splice(SHOWN - 1..keys.len() - 1, ["…"]);
    }
    shown.extend(keys.first());
    // What can be changed is a `needs`; so the problem is shown at one.
    let written = reasons.iter().position(|reason| reason.2).unwrap_or(0);
    reasons.rotate_left(written);
    let mut reasons = reasons.into_iter();
    let (span, label, _) = reasons.next().unwrap_or_default();
    let message = format!("steps wait for each other: {}", shown.join(" → "));
    let problem = Diagnostic::error(Code::CYCLE, span, message).label(label);
    let problem = reasons.take(SHOWN).fold(problem, |problem, (span, text, _)| problem.also(span, text));
    problem.help("remove one of the `needs`")
}

#[cfg(test)]
mod tests;
