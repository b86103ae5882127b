//! Who must agree before a step acts, how often, for how long; and that nobody waits for ever where a limit is set.

use std::collections::BTreeMap;

use jiff::Timestamp;
use runbook_core::ids::NodeId;
use runbook_core::model::Action;
use runbook_core::run::{Choice, Decision, End, Ending, Event, GateQuestion, Phase, Want};

use crate::cases::for_runs;
use crate::law;
use crate::trace::Trace;
use crate::world::{PEOPLE, person};

/// What was asked at the gate of a step and answered, counted anew from the log.
#[derive(Debug, Default)]
pub(crate) struct Asked<'t> {
    pub(crate) question: Option<&'t GateQuestion>,
    /// Since when this question is asked, or was until it was answered.
    pub(crate) since: Option<Timestamp>,
    /// Until when each yes holds, by who said it.
    pub(crate) said: BTreeMap<&'t str, Option<Timestamp>>,
    /// Whether enough had agreed when the last of them did.
    pub(crate) agreed: bool,
    /// Since when somebody is asked to do a manual step.
    pub(crate) to_do_since: Option<Timestamp>,
    open: bool,
}

/// What had become of the questions about `id` after the first `end` entries.
pub(crate) fn asked(trace: &Trace, id: NodeId, end: usize) -> Asked<'_> {
    let mut asked = Asked::default();
    for (entry, state) in trace.log[..end].iter().zip(&trace.states) {
        asked.take(id, &entry.event, entry.at);
        let waits = matches!(state.node(id).phase, Phase::Ready { .. });
        if waits && asked.to_do_since.is_none() {
            asked.to_do_since = Some(entry.at);
        }
    }
    asked
}

impl<'t> Asked<'t> {
    fn take(&mut self, id: NodeId, event: &'t Event, at: Timestamp) {
        match event {
            Event::GateOpened { node, question } if *node == id => {
                let same = self.question.is_some_and(|before| before.digest == question.digest);
                if !(same && self.open) {
                    self.since = Some(at);
                    self.said.clear();
                }
                (self.question, self.open, self.agreed) = (Some(question), true, false);
                self.to_do_since = None;
            }
            Event::GateDecided { node, decision: Decision::Approve, by, expires, .. } if *node == id => {
                self.said.insert(&by.who, *expires);
                let holding = self.said.values().filter(|end| end.is_none_or(|end| at < end)).count();
                self.agreed = holding >= self.question.map_or(1, |asked| asked.approvers_min as usize);
                self.said.retain(|_, end| end.is_none_or(|end| at < end));
                self.open = !self.agreed;
            }
            Event::GateDecided { node, .. } | Event::GateExpired { node } if *node == id => {
                (self.open, self.agreed) = (false, false);
            }
            Event::Chosen { node, choice: Choice::Retry, .. } if *node == id => {
                (self.open, self.agreed, self.to_do_since) = (false, false, None);
            }
            _ => {}
        }
    }

    /// Until when what was agreed to may begin.
    fn until(&self) -> Option<Timestamp> {
        self.said.values().flatten().min().copied()
    }
}

#[test]
fn a_step_acts_only_when_enough_people_have_agreed_to_just_that() {
    for_runs(|trace| {
        for (id, node) in trace.plan.iter().filter(|(_, node)| node.spec.confirm.is_some()) {
            for (i, event) in trace.entries() {
                let acts = match event {
                    Event::Started { node, .. } => *node == id,
                    Event::Ended { node, .. } => {
                        *node == id && matches!(trace.before(i).node(id).phase, Phase::Ready { .. })
                    }
                    _ => false,
                };
                let opens = node.spec.action.is_group()
                    && trace.states[i].node(id).attempt > 0
                    && (i == 0 || trace.states[i - 1].node(id).attempt == 0);
                if acts || opens {
                    let asked = asked(trace, id, i + 1);
                    law!(trace, asked.agreed, "entry {}: {} acts though {asked:?}", i + 1, node.key);
                }
            }
        }
        Ok(())
    });
}

#[test]
fn only_those_who_may_agree_do_and_each_person_counts_once() {
    for_runs(|trace| {
        let requester = PEOPLE[0];
        for (i, event) in trace.entries() {
            let Event::GateDecided { node, decision, by, expires, .. } = event else { continue };
            let before = asked(trace, *node, i);
            let question = before.question.unwrap();
            let has = |role: &runbook_core::model::Role| match &role.people {
                Some(people) => people.contains(&by.who),
                None => by.roles.contains(&role.name),
            };
            let entitled = question.roles.is_empty() || question.roles.iter().any(has);
            law!(trace, entitled, "entry {}: {} has no role here", i + 1, by.who);
            if *decision == Decision::Approve {
                let own = question.by_others && by.who == requester;
                law!(trace, !own, "entry {}: who asked for it agrees to it", i + 1);
                let twice =
                    before.said.get(by.who.as_str()).is_some_and(|earlier| match (earlier, expires) {
                        (None, _) => true,
                        (Some(earlier), Some(now)) => now <= earlier,
                        (Some(_), None) => false,
                    });
                law!(trace, !twice, "entry {}: {} agrees twice", i + 1, by.who);
            }
        }
        Ok(())
    });
}

/// A law about refusals needs tries that are refused, which a log does not hold.
#[test]
fn whoever_may_not_agree_is_refused() {
    for_runs(|trace| {
        for (last, machine) in trace.machines().enumerate().filter(|(_, m)| m.state().finished.is_none()) {
            for (id, _) in machine.plan().iter() {
                let Phase::Gate { question, .. } = &machine.state().node(id).phase else { continue };
                let before = asked(trace, id, last + 1);
                for (n, name) in PEOPLE.into_iter().enumerate() {
                    let by = person(n);
                    let decided = |decision, digest: &str| Event::GateDecided {
                        node: id,
                        decision,
                        digest: digest.to_owned(),
                        by: person(n),
                        expires: None,
                    };
                    let has = |role: &runbook_core::model::Role| match &role.people {
                        Some(people) => people.contains(&by.who),
                        None => by.roles.contains(&role.name),
                    };
                    let has_role = question.roles.is_empty() || question.roles.iter().any(has);
                    let own = question.by_others && n == 0;
                    let again = before.said.get(name).is_some_and(Option::is_none);
                    let may = has_role && !own && !again;
                    let fits = |event: Event| machine.admit(&event).is_ok();
                    law!(
                        trace,
                        fits(decided(Decision::Approve, &question.digest)) == may,
                        "after {} entries {} may agree at {id:?}: {}",
                        last + 1,
                        by.who,
                        !may
                    );
                    law!(
                        trace,
                        fits(decided(Decision::Deny, &question.digest)) == has_role,
                        "after {} entries {} may say no at {id:?}: {}",
                        last + 1,
                        by.who,
                        !has_role
                    );
                    let other = format!("not {}", question.digest);
                    law!(trace, !fits(decided(Decision::Deny, &other)), "{} answers something else", by.who);
                }
            }
        }
        Ok(())
    });
}

#[test]
fn one_no_ends_it_whatever_others_have_said() {
    for_runs(|trace| {
        for (i, event) in trace.entries() {
            let Event::GateDecided { node, decision: Decision::Deny, .. } = event else { continue };
            let phase = &trace.states[i].node(*node).phase;
            law!(trace, *phase == Phase::Rest(End::Denied), "entry {}: it goes on after a no", i + 1);
        }
        Ok(())
    });
}

#[test]
fn enough_people_are_enough() {
    for_runs(|trace| {
        for (i, event) in trace.entries() {
            let Event::GateDecided { node, decision: Decision::Approve, .. } = event else { continue };
            let waits = matches!(trace.states[i].node(*node).phase, Phase::Gate { .. });
            let agreed = asked(trace, *node, i + 1).agreed;
            law!(trace, waits != agreed, "entry {}: agreed is {agreed}, and it waits: {waits}", i + 1);
        }
        Ok(())
    });
}

#[test]
fn what_was_agreed_to_too_long_ago_is_asked_again() {
    for_runs(|trace| {
        for (i, (now, wants)) in trace.wants.iter().enumerate().skip(1) {
            for want in wants {
                let Want::Act(id, _) = want else { continue };
                let until = asked(trace, *id, i).until();
                let gated = trace.plan.node(*id).spec.confirm.is_some();
                let late = gated && until.is_some_and(|until| *now >= until);
                law!(trace, !late, "before entry {}: {want:?} at {now}, agreed until {until:?}", i + 1);
            }
        }
        Ok(())
    });
}

#[test]
fn only_those_who_may_say_how_a_manual_step_went() {
    for_runs(|trace| {
        for (i, event) in trace.entries() {
            let Event::Ended { node, result, .. } = event else { continue };
            let Action::Manual(manual) = &trace.plan.node(*node).spec.action else { continue };
            let has = |by: &runbook_core::run::Answerer| by.roles.iter().any(|role| role == "dba");
            let may = manual.roles.is_empty() || result.by.as_ref().is_some_and(has);
            let late = result.ending == Ending::TimedOut && manual.timeout.is_some();
            law!(trace, may || late, "entry {}: {:?} says how {node:?} went", i + 1, result.by);
        }
        // Nor is anybody else heard.
        for (last, machine) in trace.machines().enumerate() {
            for (id, node) in machine.plan().iter() {
                let Action::Manual(manual) = &node.spec.action else { continue };
                let mut result = runbook_core::run::StepResult::success();
                result.by = Some(person(0));
                let attempt = machine.state().node(id).attempt + 1;
                let event = Event::Ended { node: id, attempt, result: Box::new(result) };
                let heard = machine.admit(&event).is_ok();
                law!(trace, !heard || manual.roles.is_empty(), "after {} entries: {event:?}", last + 1);
            }
        }
        Ok(())
    });
}
