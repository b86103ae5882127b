//! What tests can name: steps, and checks by their list and place.

use std::collections::{HashMap, HashSet};

use crate::check::{Graph, Role};
use crate::diag::Diagnostics;
use crate::model::{Action, Check, CheckKind, Input, Over, Runbook, StepFailure, StepSpec};
use crate::source::Span;

/// The lists in which a step's checks stand, as names of checks write them.
pub const CHECK_LISTS: [&str; 5] = ["preconditions", "done_when", "verify", "goal", "for"];

/// The name of the step that the step `key` is a repetition of: `restart` for `restart@web1` and `restart#2`.
pub fn base_of(key: &str) -> &str {
    key.find(['#', '@']).and_then(|at| key.get(..at)).unwrap_or(key)
}

/// What a check asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Question {
    Expression,
    Command,
    Port,
    File,
    Other,
}

impl Question {
    fn of(check: &Check) -> Self {
        match check.kind {
            CheckKind::Expr(_) => Question::Expression,
            CheckKind::Run(_) => Question::Command,
            CheckKind::Tcp(_) => Question::Port,
            CheckKind::File(_) => Question::File,
            CheckKind::Custom(_) => Question::Other,
        }
    }
}

/// What is known of a step by its name.
#[derive(Clone, Debug)]
pub(super) struct Known {
    pub(super) name: String,
    /// Its action key.
    pub(super) action: String,
    pub(super) span: Span,
    pub(super) role: Role,
    /// Whether the world carries it out.
    pub(super) external: bool,
    /// Whether it reaches the world, if only to tell people something.
    pub(super) reaches_out: bool,
    pub(super) command: bool,
    pub(super) gate: bool,
    /// The condition under which it runs, unless it is a case.
    pub(super) when: bool,
    /// Whether it is a case of a choice.
    pub(super) case: bool,
    pub(super) group: bool,
    pub(super) rolls_back: bool,
    pub(super) fields: Option<Vec<Input>>,
    pub(super) asks_after_failure: bool,
    pub(super) repeated: bool,
    /// The targets it is repeated on, when they are known.
    pub(super) targets: Vec<String>,
    pub(super) outputs: Vec<String>,
    pub(super) lists: HashMap<&'static str, Vec<Question>>,
}

/// Every step of a runbook by its name, in the order of the plan.
#[derive(Clone, Debug)]
pub(super) struct Names {
    pub(super) steps: Vec<Known>,
    places: HashMap<String, usize>,
    /// The runbook's own preconditions.
    pub(super) book: Vec<Question>,
}

/// What a name means.
pub(super) enum Named<'n> {
    Step(&'n Known),
    Check(Question),
    /// The step is there; the check is not, and what lists it has.
    NoSuchCheck(&'n HashMap<&'static str, Vec<Question>>),
    /// There is no such repetition.
    NoSuchRepetition(&'n Known),
    Nothing,
}

impl Names {
    pub(super) fn of(runbook: &Runbook) -> Self {
        // What is wrong with the graph was reported with the runbook.
        let graph = Graph::new(runbook, &mut Diagnostics::default());
        let mut names = Names {
            steps: Vec::new(),
            places: HashMap::new(),
            book: runbook.preconditions.iter().map(Question::of).collect(),
        };
        let mut templates = HashSet::new();
        for (id, placed) in graph.iter() {
            let holder = placed.parent.map(|parent| graph.step(parent));
            let is_template = holder.is_some_and(|holder| matches!(holder.step.spec.action, Action::Each(_)));
            if is_template {
                templates.insert(placed.key.as_str());
            }
            let case = holder.is_some_and(|holder| holder.step.spec.action == Action::Choose);
            let repeater = std::iter::successors(Some(id), |id| {
                let placed = graph.step(*id);
                placed.parent.or(match placed.role {
                    Role::Rollback(of) | Role::Cleanup(of) => Some(of),
                    _ => None,
                })
            });
            let each = repeater.skip(1).find_map(|id| match &graph.step(id).step.spec.action {
                Action::Each(each) => Some(each),
                _ => None,
            });
            let targets = match each.map(|each| &each.over) {
                Some(Over::Targets(targets)) => targets.clone(),
                _ => Vec::new(),
            };
            let name = without_templates(&placed.key, &templates);
            let mut known = Known {
                repeated: each.is_some(),
                targets,
                case,
                rolls_back: !placed.rollback.is_empty(),
                ..known(name, &placed.step.spec, placed.span(), placed.role)
            };
            known.when &= !case;
            names.add(known);
        }
        names
    }

    fn add(&mut self, known: Known) {
        match self.places.get(&known.name).and_then(|place| self.steps.get_mut(*place)) {
            // A step and what repeats it have one name.
            Some(first) => {
                first.external |= known.external;
                first.reaches_out |= known.reaches_out;
                first.command |= known.command;
                first.gate |= known.gate;
                first.when |= known.when;
                first.group &= known.group;
                first.rolls_back |= known.rolls_back;
                first.asks_after_failure |= known.asks_after_failure;
                first.repeated |= known.repeated;
                first.fields = first.fields.take().or(known.fields);
                first.targets.extend(known.targets);
                first.outputs.extend(known.outputs);
                first.action = known.action;
                for (list, questions) in known.lists {
                    if !questions.is_empty() {
                        first.lists.insert(list, questions);
                    }
                }
            }
            None => {
                self.places.insert(known.name.clone(), self.steps.len());
                self.steps.push(known);
            }
        }
    }

    pub(super) fn step(&self, name: &str) -> Option<&Known> {
        self.places.get(name).and_then(|place| self.steps.get(*place))
    }

    pub(super) fn find(&self, name: &str) -> Named<'_> {
        if let Some(step) =
            self.step(base_of(name)).filter(|_| !ends_like_check(name) || name == base_of(name))
        {
            return match repetition_fits(step, name) {
                true => Named::Step(step),
                false => Named::NoSuchRepetition(step),
            };
        }
        let Some((list, number)) = name.rsplit_once('.') else { return Named::Nothing };
        let Ok(number) = number.parse::<usize>() else { return Named::Nothing };
        if list == "preconditions" {
            return match number.checked_sub(1).and_then(|place| self.book.get(place)) {
                Some(question) => Named::Check(*question),
                None => Named::Nothing,
            };
        }
        let Some((step, list)) = list.rsplit_once('.') else { return Named::Nothing };
        let Some(known) = self.step(base_of(step)) else { return Named::Nothing };
        if !repetition_fits(known, step) {
            return Named::NoSuchRepetition(known);
        }
        let questions = known.lists.get(list);
        match number.checked_sub(1).and_then(|place| questions?.get(place)) {
            Some(question) => Named::Check(*question),
            None => Named::NoSuchCheck(&known.lists),
        }
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.name.as_str())
    }
}

/// `restart@web1.verify.2` names a check, whatever stands before it.
fn ends_like_check(name: &str) -> bool {
    let list = name.rsplit_once('.').filter(|(_, number)| number.parse::<usize>().is_ok());
    list.and_then(|(rest, _)| rest.rsplit_once('.')).is_some_and(|(_, list)| CHECK_LISTS.contains(&list))
}

fn repetition_fits(known: &Known, name: &str) -> bool {
    let Some(suffix) = name.get(base_of(name).len()..).filter(|suffix| !suffix.is_empty()) else {
        return true;
    };
    let one_target = suffix.strip_prefix('@').filter(|rest| !rest.contains(['#', '@']));
    known.repeated
        && one_target
            .is_none_or(|target| known.targets.is_empty() || known.targets.iter().any(|t| t == target))
}

/// `key` as its repetitions are called, without the words that tell a step from what repeats it.
fn without_templates(key: &str, templates: &HashSet<&str>) -> String {
    const WORD: &str = ".each";
    let mut name = String::new();
    let mut kept = 0;
    for (at, _) in key.match_indices(WORD) {
        let end = at + WORD.len();
        if templates.contains(&key[..end]) {
            name.push_str(&key[kept..at]);
            kept = end;
        }
    }
    name.push_str(&key[kept..]);
    name
}

fn known(name: String, spec: &StepSpec, span: Span, role: Role) -> Known {
    let questions = |checks: &[Check]| checks.iter().map(Question::of).collect::<Vec<_>>();
    let mut lists = HashMap::from([
        ("preconditions", questions(&spec.preconditions)),
        ("done_when", questions(&spec.done_when)),
        ("verify", questions(&spec.verify)),
    ]);
    let mut outputs: Vec<String> = spec.outputs.iter().map(|(name, _)| name.clone()).collect();
    let mut fields = None;
    match &spec.action {
        Action::Remedies(remedies) => drop(lists.insert("goal", questions(&remedies.goal))),
        Action::WaitFor(wait) => drop(lists.insert("for", questions(&wait.checks))),
        Action::Manual(manual) => {
            outputs.extend(manual.fields.iter().map(|field| field.name.value.clone()));
            fields = Some(manual.fields.clone());
        }
        Action::Set(values) => outputs.extend(values.iter().map(|(name, _)| name.clone())),
        Action::Call(call) => outputs.extend(call.outputs.iter().map(|(name, _)| name.clone())),
        _ => {}
    }
    lists.retain(|_, questions| !questions.is_empty());
    Known {
        name,
        action: spec.action.key().to_owned(),
        span,
        role,
        external: spec.action.is_external(),
        reaches_out: spec.action.is_external() || matches!(spec.action, Action::Notify(_)),
        command: matches!(spec.action, Action::Run(_)),
        gate: spec.confirm.is_some(),
        when: spec.when.is_some(),
        case: false,
        group: spec.action.is_group(),
        rolls_back: false,
        fields,
        asks_after_failure: spec.on_failure == StepFailure::Ask,
        repeated: false,
        targets: Vec::new(),
        outputs,
        lists,
    }
}
