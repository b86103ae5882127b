//! Answers that were given on the command line.

use runbook_core::ids::NodeId;
use runbook_core::model::Manual;
use runbook_core::plan::{Plan, step_key};
use runbook_core::port::{Ask, Reply};
use runbook_core::run::{Decision, GateQuestion};
use runbook_core::value::Object;

use crate::args::{Answer, Session};
use crate::fault::Fault;

/// `--yes`, `--approve` and `--answer`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Flags {
    yes: bool,
    approve: Vec<String>,
    answers: Vec<Answer>,
}

impl Flags {
    /// What `session` says.
    pub(crate) fn of(session: &Session) -> Self {
        Flags { yes: session.yes, approve: session.approve.clone(), answers: session.answer.clone() }
    }

    /// Refuses names of steps and fields that the plan does not have, and values that do not fit: a misspelt
    /// flag must not turn up as a run that waits.
    pub(crate) fn check(&self, plan: &Plan) -> Result<(), Fault> {
        for step in &self.approve {
            find(plan, "--approve", step)?;
        }
        for answer in &self.answers {
            let id = find(plan, "--answer", &answer.step)?;
            let runbook_core::model::Action::Manual(manual) = &plan.node(id).spec.action else {
                return Err(Fault::usage(format!(
                    "`--answer`: the step `{}` is not a manual one",
                    answer.step
                )));
            };
            let Some(field) = manual.fields.iter().find(|field| field.name.value == answer.field) else {
                return Err(suggest(
                    Fault::usage(format!(
                        "`--answer`: the step `{}` has no field `{}`",
                        answer.step, answer.field
                    )),
                    &answer.field,
                    manual.fields.iter().map(|field| field.name.value.as_str()),
                ));
            };
            if let Err(why) = field.parse(&answer.value) {
                return Err(Fault::usage(format!("`--answer {}.{}`: {why}", answer.step, answer.field)));
            }
        }
        Ok(())
    }

    /// The answer to `ask` and the flag that gave it.
    pub(crate) fn answer(&self, plan: &Plan, ask: &Ask) -> Option<(Reply, &'static str)> {
        match ask {
            Ask::Gate { node, question, .. } => {
                let how = self.covers(&plan.node(*node).key, question)?;
                Some((Reply::Gate { decision: Decision::Approve }, how))
            }
            Ask::Manual { node, manual, .. } => self.manual(plan, *node, manual),
            _ => None,
        }
    }

    fn covers(&self, key: &str, question: &GateQuestion) -> Option<&'static str> {
        // It must be typed, by whoever has read the question.
        if question.phrase.is_some() {
            return None;
        }
        // The name of a step that is repeated stands for each repetition.
        if self.approve.iter().any(|step| step == key || step == step_key(key)) {
            return Some("--approve");
        }
        (self.yes && yes_covers(question)).then_some("--yes")
    }

    fn manual(&self, plan: &Plan, node: NodeId, manual: &Manual) -> Option<(Reply, &'static str)> {
        let key = &plan.node(node).key;
        let means = |step: &String| step == key || step == step_key(key);
        let approved = self.approve.iter().any(means);
        let given: Vec<&Answer> = self.answers.iter().filter(|answer| means(&answer.step)).collect();
        if !approved && given.is_empty() {
            return None;
        }
        let given = given.into_iter().map(|answer| (answer.field.as_str(), answer.value.as_str()));
        let fields = fields(manual, given).ok()?;
        let how = if approved { "--approve" } else { "--answer" };
        Some((Reply::Manual { done: true, fields, note: None }, how))
    }
}

/// Whether `--yes`, which is said before anything is known, answers `question`: only what is ordinary, and what
/// nobody has asked more for.
fn yes_covers(question: &GateQuestion) -> bool {
    question.is_plain()
}

/// The values of a manual step's fields from `given` texts and defaults.
pub(crate) fn fields<'a>(
    manual: &Manual,
    given: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Object, Fault> {
    let given: Vec<(&str, &str)> = given.into_iter().collect();
    let names = || manual.fields.iter().map(|field| field.name.value.as_str());
    if let Some((name, _)) = given.iter().find(|(name, _)| !names().any(|known| known == *name)) {
        return Err(suggest(Fault::usage(format!("there is no field `{name}`")), name, names()));
    }
    let mut values = Object::new();
    for field in &manual.fields {
        let name = &field.name.value;
        let text = given.iter().rev().find(|(given, _)| given == name).map(|(_, text)| *text);
        let value = match text {
            Some(text) => {
                Some(field.parse(text).map_err(|why| Fault::usage(format!("field `{name}`: {why}")))?)
            }
            None => field.default.clone(),
        };
        match value {
            Some(value) => {
                values.insert(name.clone(), value);
            }
            None if field.required => {
                return Err(Fault::usage(format!("the field `{name}` has no value"))
                    .note(format!("it takes {}", field.expected())));
            }
            None => {}
        }
    }
    Ok(values)
}

/// The node called `step`, or a fault that names `what` asked for it.
pub(crate) fn find(plan: &Plan, what: &str, step: &str) -> Result<NodeId, Fault> {
    // Repetitions are there when the run has reached them.
    plan.find(step).or_else(|| plan.find(step_key(step))).ok_or_else(|| {
        let fault = Fault::usage(format!("`{what}`: there is no step `{step}` in `{}`", plan.runbook.name));
        suggest(fault, step, plan.nodes.iter().map(|node| node.key.as_str()))
    })
}

/// Adds the closest of `candidates`.
pub(crate) fn suggest<'a>(fault: Fault, written: &str, candidates: impl Iterator<Item = &'a str>) -> Fault {
    match runbook_core::diag::closest(written, candidates) {
        Some(name) => fault.help(format!("did you mean `{name}`?")),
        None => fault,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use runbook_core::model::Effect;

    fn question(effect: Effect, phrase: Option<&str>) -> GateQuestion {
        GateQuestion {
            message: "Перезапустить?".into(),
            action: "systemctl restart x".into(),
            target: "local".into(),
            effect,
            undo: Vec::new(),
            show: None,
            preview: None,
            phrase: phrase.map(str::to_owned),
            roles: Vec::new(),
            approvers_min: 1,
            by_others: false,
            irreversible: false,
            asked_by: Vec::new(),
            digest: "d".into(),
        }
    }

    #[test]
    fn yes_covers_plain_gates_and_never_what_destroys() {
        let flags = Flags { yes: true, ..Flags::default() };
        assert_eq!(flags.covers("a", &question(Effect::Read, None)), Some("--yes"));
        assert_eq!(flags.covers("a", &question(Effect::Change, None)), Some("--yes"));
        assert_eq!(flags.covers("a", &question(Effect::Destroy, None)), None);
        assert_eq!(flags.covers("a", &question(Effect::Change, Some("да"))), None);
        let plain = || question(Effect::Change, None);
        let role = runbook_core::model::Role { name: "dba".into(), people: None };
        assert_eq!(flags.covers("a", &GateQuestion { roles: vec![role], ..plain() }), None);
        assert_eq!(flags.covers("a", &GateQuestion { approvers_min: 2, ..plain() }), None);
        assert_eq!(flags.covers("a", &GateQuestion { by_others: true, ..plain() }), None);
    }

    #[test]
    fn approve_covers_one_step_of_any_effect_but_no_phrase() {
        let flags = Flags { approve: vec!["a".into()], ..Flags::default() };
        assert_eq!(flags.covers("a", &question(Effect::Destroy, None)), Some("--approve"));
        assert_eq!(flags.covers("b", &question(Effect::Change, None)), None);
        assert_eq!(flags.covers("a", &question(Effect::Change, Some("удалить"))), None);
    }

    #[test]
    fn no_flag_says_nothing() {
        assert_eq!(Flags::default().covers("a", &question(Effect::Read, None)), None);
    }
}
