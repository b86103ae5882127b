//! How much of a runbook its tests reach.

use std::collections::{BTreeSet, HashMap};

use serde::Serialize;

use super::names::{Names, base_of};
use crate::check::Role;
use crate::ids::NodeId;
use crate::model::Runbook;
use crate::plan::Plan;
use crate::run::{Decision, Entry, Event};
use crate::source::Span;

/// What can be reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PointKind {
    /// A step of the body acts.
    Step,
    /// A case of a choice is taken.
    Case,
    /// A step's `when` holds.
    WhenTrue,
    /// A step's `when` does not hold.
    WhenFalse,
    /// A gate is approved.
    Approved,
    /// A gate is denied, or nobody answers in time.
    NotApproved,
    /// A step of a rollback acts.
    Rollback,
    /// A step of a cleanup acts.
    Cleanup,
    /// A step of `on_failure` acts.
    OnFailure,
    /// A step of `finally` acts.
    Finally,
}

impl PointKind {
    /// Every kind, with what a summary calls all points of it.
    pub const ALL: [(PointKind, &'static str); 10] = [
        (PointKind::Step, "steps"),
        (PointKind::Case, "cases"),
        (PointKind::WhenTrue, "conditions that hold"),
        (PointKind::WhenFalse, "conditions that do not hold"),
        (PointKind::Approved, "gates approved"),
        (PointKind::NotApproved, "gates not approved"),
        (PointKind::Rollback, "rollback steps"),
        (PointKind::Cleanup, "cleanup steps"),
        (PointKind::OnFailure, "steps after a failure"),
        (PointKind::Finally, "final steps"),
    ];

    /// What is missing when `step` is not reached in this way.
    pub fn missing(self, step: &str) -> String {
        match self {
            PointKind::Step => format!("`{step}` never acts"),
            PointKind::Case => format!("the case `{step}` is never taken"),
            PointKind::WhenTrue => format!("`when` of `{step}` never holds"),
            PointKind::WhenFalse => format!("`when` of `{step}` always holds"),
            PointKind::Approved => format!("the gate of `{step}` is never approved"),
            PointKind::NotApproved => format!("the gate of `{step}` is never denied"),
            PointKind::Rollback => format!("the rollback `{step}` never acts"),
            PointKind::Cleanup => format!("the cleanup `{step}` never acts"),
            PointKind::OnFailure | PointKind::Finally => format!("`{step}` never acts"),
        }
    }
}

/// One thing that can be reached.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Point {
    /// In which way.
    pub kind: PointKind,
    /// The step.
    pub step: String,
    /// Where the step is written, in the runbook's sources.
    pub span: Span,
    /// How many tests reach it.
    pub tests: usize,
}

/// How much of a runbook its tests reach.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Coverage {
    /// Everything that can be reached, in the order of the runbook.
    pub points: Vec<Point>,
    places: HashMap<(PointKind, String), usize>,
}

impl Coverage {
    /// What can be reached in `runbook`, none of it yet.
    pub fn of(runbook: &Runbook) -> Self {
        let mut points = Vec::new();
        for step in &Names::of(runbook).steps {
            let mut kinds = Vec::new();
            match step.role {
                _ if step.case => kinds.push(PointKind::Case),
                _ if step.group => {}
                role => kinds.push(acting(role)),
            }
            if step.when {
                kinds.extend([PointKind::WhenTrue, PointKind::WhenFalse]);
            }
            if step.gate {
                kinds.extend([PointKind::Approved, PointKind::NotApproved]);
            }
            let point = |kind| Point { kind, step: step.name.clone(), span: step.span, tests: 0 };
            points.extend(kinds.into_iter().map(point));
        }
        let places =
            points.iter().enumerate().map(|(place, point)| ((point.kind, point.step.clone()), place));
        Coverage { places: places.collect(), points }
    }

    /// Adds what the run with this log has reached; `plan` is as it was at its end.
    pub fn add(&mut self, plan: &Plan, log: &[Entry]) {
        let mut reached: BTreeSet<usize> = BTreeSet::new();
        let mut reach = |kind: PointKind, id: NodeId| {
            let step = base_of(&plan.node(id).key).to_owned();
            reached.extend(self.places.get(&(kind, step)));
        };
        for entry in log {
            match &entry.event {
                Event::Started { node, .. } | Event::Ended { node, .. } => {
                    reach(acting(plan.node(*node).role), *node);
                }
                Event::Condition { node, holds } => {
                    reach(if *holds { PointKind::WhenTrue } else { PointKind::WhenFalse }, *node);
                    if *holds {
                        reach(PointKind::Case, *node);
                    }
                }
                Event::GateDecided { node, decision, .. } => reach(
                    match decision {
                        Decision::Approve => PointKind::Approved,
                        Decision::Deny => PointKind::NotApproved,
                    },
                    *node,
                ),
                Event::GateExpired { node } => reach(PointKind::NotApproved, *node),
                _ => {}
            }
            // A case without a condition is taken when something in it begins.
            let mut around = entry.event.node().and_then(|node| plan.node(node).parent);
            while let Some(group) = around {
                if matches!(entry.event, Event::Started { .. } | Event::Ended { .. }) {
                    reach(PointKind::Case, group);
                }
                around = plan.node(group).parent;
            }
        }
        for place in reached {
            if let Some(point) = self.points.get_mut(place) {
                point.tests += 1;
            }
        }
    }

    /// What no test reaches.
    pub fn missing(&self) -> impl Iterator<Item = &Point> {
        self.points.iter().filter(|point| point.tests == 0)
    }

    /// How many points are reached, and how many there are; of one kind or of all.
    pub fn count(&self, kind: Option<PointKind>) -> (usize, usize) {
        let of_kind = self.points.iter().filter(|point| kind.is_none_or(|kind| point.kind == kind));
        of_kind.fold((0, 0), |(reached, all), point| (reached + usize::from(point.tests > 0), all + 1))
    }

    /// The part that is reached, in percent, rounded down; 100 when there is nothing to reach.
    pub fn percent(&self) -> u32 {
        let (reached, all) = self.count(None);
        (reached * 100).checked_div(all).map_or(100, |percent| u32::try_from(percent).unwrap_or(100))
    }
}

/// In which way a step of `role` is reached when it acts.
fn acting(role: Role) -> PointKind {
    match role {
        Role::Body => PointKind::Step,
        Role::Rollback(_) => PointKind::Rollback,
        Role::Cleanup(_) => PointKind::Cleanup,
        Role::OnFailure => PointKind::OnFailure,
        Role::Finally => PointKind::Finally,
    }
}
