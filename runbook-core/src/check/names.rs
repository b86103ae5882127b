//! Resolves every name in every expression of a runbook.

mod late;
mod secret;

use std::collections::{HashMap, HashSet};

use super::env::{ALLOWED_ENV, is_allowed_env};
use super::graph::{Apart, Graph};
use super::items;
use super::order::Moment;
use super::suggest::Suggest;
use super::unit::{Unit, has_step, in_a_procedure, outputs};
use super::unread::Unread;
use super::uses::{self, Use, When};
use crate::diag::{Code, Diagnostic, Diagnostics};
use crate::expr::{Expr, Reference};
use crate::ids::NodeId;
use crate::model::{Action, Contact, Escalation, EscalationClock};
use crate::source::Span;

/// What every step offers.
const STEP_FIELDS: [&str; 7] = ["status", "reason", "stdout", "stderr", "exit_code", "outputs", "items"];
const RUN_FIELDS: [&str; 3] = ["id", "started", "runbook"];
/// What timers can ask of the run.
const TIMER_RUN_FIELDS: [&str; 4] = ["id", "started", "runbook", "progress"];
const TARGET_FIELDS: [&str; 3] = ["name", "kind", "vars"];
const ROOTS: [&str; 7] = ["inputs", "vars", "env", "run", "target", "steps", "result"];
/// What a channel sees besides.
const CHANNEL_ROOTS: [&str; 4] = ["message", "subject", "to", "contact"];
/// How many names a message lists.
const LISTED: usize = 12;

/// Resolves all names of `unit`; what does not exist or does not come before is added to `found`.
pub(super) fn check(unit: Unit<'_>, graph: &Graph<'_>, unread: &Unread, found: &mut Diagnostics) {
    let mut names = Names {
        unit,
        graph,
        unread,
        outputs: HashMap::new(),
        inputs: unit.inputs.iter().map(|input| (input.name.value.as_str(), input.name.span)).collect(),
        vars: HashMap::new(),
        found,
        suggest: Suggest::default(),
        pending: Vec::new(),
    };
    for (index, (name, _)) in unit.vars.iter().enumerate() {
        names.vars.entry(&name.value).or_insert((index, name.span));
    }
    for (index, (_, value)) in unit.vars.iter().enumerate() {
        for expr in value.expressions() {
            names.expression(expr, Place { vars: index, ..Place::inputs_only() });
        }
    }
    if unit.is_book {
        let runbook = unit.runbook;
        let mut early: Vec<&Expr> = runbook.lock.iter().flat_map(|lock| lock.key.expressions()).collect();
        for target in &runbook.inventory.targets {
            early.extend(target.params.expressions());
            early.extend(target.vars.iter().flat_map(|(_, value)| value.expressions()));
            early.extend(target.cwd.iter().flat_map(|cwd| cwd.expressions()));
        }
        for expr in early {
            names.expression(expr, Place::inputs_only());
        }
        for (_, channel) in &runbook.channels {
            for (expr, secret) in channel.expressions() {
                names.expression(expr, Place { at: At::Channel, secret, ..Place::inputs_only() });
            }
        }
        for (expr, _) in runbook.escalation.iter().flat_map(Escalation::expressions) {
            names.expression(expr, Place { at: At::Timer, ..Place::inputs_only() });
        }
        if let Some(EscalationClock::Input(input)) = runbook.escalation.as_ref().map(|one| &one.clock) {
            names.input(&input.value, input.span);
        }
        let early = Place { at: At::Preconditions, ..Place::inputs_only() };
        uses::of_checks(&runbook.preconditions, &mut |used| {
            names.expression(used.expr, Place { result: used.result, secret: used.secret, ..early });
        });
    }
    for (id, placed) in graph.iter() {
        uses::of_step(&placed.step.spec, &mut |used: Use<'_>| {
            let at = At::Step(id, used.when);
            names.expression(
                used.expr,
                Place { vars: usize::MAX, result: used.result, secret: used.secret, at },
            );
        });
    }
    for (_, expr) in unit.outputs {
        names.expression(expr, Place { at: At::Outputs, ..Place::inputs_only() });
    }
    names.ancestors();
}

/// What an expression may refer to.
#[derive(Clone, Copy)]
struct Place {
    /// How many of the variables are computed.
    vars: usize,
    result: bool,
    secret: bool,
    at: At,
}

#[derive(Clone, Copy, PartialEq)]
enum At {
    /// Computed before there is a run.
    Planning,
    /// At any time, beside the steps.
    Timer,
    /// What a channel does with a message.
    Channel,
    /// The runbook's own preconditions.
    Preconditions,
    Step(NodeId, When),
    /// The runbook's outputs.
    Outputs,
}

impl Place {
    fn inputs_only() -> Self {
        Place { vars: usize::MAX, result: false, secret: false, at: At::Planning }
    }

    /// The step it is in.
    fn step(&self) -> Option<NodeId> {
        if let At::Step(id, _) = self.at { Some(id) } else { None }
    }

    fn roots(&self) -> impl Iterator<Item = &'static str> {
        let (planning, early) = (self.at == At::Planning, self.at == At::Preconditions);
        let (timer, channel, result) = (self.at == At::Timer, self.at == At::Channel, self.result);
        let own = if channel { &CHANNEL_ROOTS[..] } else { &[] };
        let roots = ROOTS.into_iter().filter(move |root| match *root {
            "run" => !planning,
            "target" => !planning && !channel && !timer,
            "steps" => !planning && !early && !channel,
            "result" => result,
            _ => true,
        });
        roots.chain(own.iter().copied())
    }
}

/// A step's name in an expression, to be looked at when all are known.
struct Pending {
    span: Span,
    first: NodeId,
    moments: (Moment, Moment),
    at: At,
}

struct Names<'n, 'a> {
    unit: Unit<'a>,
    graph: &'n Graph<'a>,
    unread: &'n Unread,
    /// The outputs of the steps that were asked for one.
    outputs: HashMap<NodeId, HashSet<&'n str>>,
    inputs: HashMap<&'a str, Span>,
    vars: HashMap<&'a str, (usize, Span)>,
    found: &'n mut Diagnostics,
    suggest: Suggest,
    pending: Vec<Pending>,
}

impl<'n> Names<'n, '_> {
    fn expression(&mut self, expr: &Expr, place: Place) {
        let Unread { inputs, vars, steps, .. } = self.unread;
        if [inputs, vars, steps].into_iter().any(|names| names.misread_in(expr.source())) {
            return;
        }
        for reference in expr.references() {
            self.reference(expr, &reference, place);
        }
    }

    fn reference(&mut self, expr: &Expr, reference: &Reference, place: Place) {
        let mut path = reference.path.iter().map(String::as_str);
        let root = path.next().unwrap_or_default();
        let root_span = segment(expr, reference, 0);
        let around = place.step();
        if around.is_some_and(|id| items::is_item(self.graph, id, root)) {
            return;
        }
        if root == "secrets" {
            return self.secret(expr, reference, place);
        }
        if place.at == At::Channel && CHANNEL_ROOTS.contains(&root) {
            if let Some(name) = path.next().filter(|_| root == "contact") {
                self.field("contact", &Contact::FIELDS, name, segment(expr, reference, 1));
            }
            return;
        }
        if !ROOTS.contains(&root) {
            return self.unknown_root(root, root_span, place);
        }
        if !place.roots().any(|name| name == root) {
            return self.found.push(misplaced(root, root_span, place));
        }
        let Some(name) = path.next() else {
            if matches!(root, "steps" | "env") {
                let message = format!("`{root}` as a whole cannot be resolved before the run");
                self.found.push(
                    Diagnostic::error(Code::DYNAMIC_REFERENCE, root_span, message)
                        .help(format!("name what you mean: `{root}.name`")),
                );
            }
            return;
        };
        let span = segment(expr, reference, 1);
        match root {
            "inputs" if self.unit.is_sensitive(name) => self.sensitive(expr, reference, place),
            "inputs" => self.input(name, span),
            "vars" => self.var(name, span, place),
            "env" if !is_allowed_env(name) => {
                let problem = unknown(span, format!("`env.{name}` is not offered to expressions"));
                let problem = self.suggest.add(problem, name, || ALLOWED_ENV.into_iter());
                let others = "names that begin with `RUNBOOK_` or `XDG_`";
                self.found.push(
                    problem
                        .note("an environment often holds credentials, and a plan is stored and shown")
                        .help(format!(
                            "declare an input for it; offered are {} and {others}",
                            ALLOWED_ENV.join(", ")
                        )),
                );
            }
            "run" if place.at == At::Timer => self.field("run", &TIMER_RUN_FIELDS, name, span),
            "run" => self.field("run", &RUN_FIELDS, name, span),
            "target" => self.field("target", &TARGET_FIELDS, name, span),
            "steps" => self.step(expr, reference, place),
            _ => {}
        }
    }

    fn input(&mut self, name: &str, span: Span) {
        if self.inputs.contains_key(name) || self.unread.inputs.contains(name) {
            return;
        }
        let problem = unknown(span, format!("there is no input `{name}`"));
        let inputs = self.unit.inputs;
        let names = || inputs.iter().map(|input| input.name.value.as_str());
        let problem = self.suggest.add(problem, name, names);
        let callers = self.unit.runbook.inputs.iter().any(|input| input.name.value == name);
        let problem = self.own_names_only(problem, callers, "inputs");
        self.found.push(problem.help(format!("declare it under `inputs`: `{name}: {{type: string}}`")));
    }

    fn unknown_root(&mut self, root: &str, span: Span, place: Place) {
        // What a `for_each` that was refused would have called its items is not known.
        if self.unread.items.contains(root) {
            return;
        }
        if let Some(problem) = items::of_another(self.graph, root, span) {
            return self.found.push(problem);
        }
        let graph = self.graph;
        let mut offered = place.step().map(|id| items::around(graph, id)).unwrap_or_default();
        for (index, root) in place.roots().enumerate() {
            offered.insert(index, root);
        }
        let problem = unknown(span, format!("there is no `{root}`"));
        let holder = if self.inputs.contains_key(root) {
            Some("inputs")
        } else if self.vars.contains_key(root) {
            Some("vars")
        } else if self.graph.find(root).is_some() {
            Some("steps")
        } else {
            None
        };
        let problem = match holder {
            Some(holder) => problem.help(format!("did you mean `{holder}.{root}`?")),
            None => self.suggest.add(problem, root, || offered.iter().copied()),
        };
        let offered = quoted(&offered);
        self.found.push(problem.help(format!("an expression here can use {offered}; a text needs quotes")));
    }

    fn var(&mut self, name: &str, span: Span, place: Place) {
        match self.vars.get(name) {
            Some((index, _)) if *index < place.vars => {}
            Some((index, declared)) => {
                let own = *index == place.vars;
                let message = match own {
                    true => format!("the variable `{name}` is computed from itself"),
                    false => format!("the variable `{name}` is computed later"),
                };
                let problem = unknown(span, message).also(*declared, "it is declared here");
                self.found.push(problem.help("variables are computed in the order written; move it up"));
            }
            None if self.unread.vars.contains(name) => {}
            None => {
                let problem = unknown(span, format!("there is no variable `{name}`"));
                let declared = self.unit.vars;
                let names = || declared.iter().map(|(name, _)| name.value.as_str());
                let problem = self.suggest.add(problem, name, names);
                let callers = self.unit.runbook.vars.iter().any(|(var, _)| var.value == name);
                let problem = self.own_names_only(problem, callers, "variables");
                self.found.push(problem.help("declare it under `vars`"));
            }
        }
    }

    /// What to add when the caller has what a procedure refers to.
    fn own_names_only(&self, problem: Diagnostic, callers: bool, what: &str) -> Diagnostic {
        match callers && !self.unit.is_book {
            true => problem.note(format!(
                "what is called sees only its own {what}, whatever the runbook that calls it has; give it with `with`"
            )),
            false => problem,
        }
    }

    fn field(&mut self, root: &str, fields: &[&str], name: &str, span: Span) {
        if !fields.contains(&name) {
            let problem = unknown(span, format!("`{root}` has no `{name}`"));
            let problem = problem.did_you_mean(name, fields.iter().copied());
            self.found.push(problem.help(format!("it offers {}", quoted(fields))));
        }
    }

    fn step(&mut self, expr: &Expr, reference: &Reference, place: Place) {
        let name = &reference.path[1];
        let span = segment(expr, reference, 1);
        let Some(step) = self.graph.find(name) else {
            if self.unread.steps.contains(name) {
                return;
            }
            let problem = unknown(span, format!("there is no step `{name}`"));
            let graph = self.graph;
            let problem = self.suggest.add(problem, name, || graph.names());
            let callers = !self.unit.is_book && has_step(&self.unit.runbook.steps, name);
            let problem = self.own_names_only(problem, callers, "steps");
            let procedure = self.unit.is_book.then(|| in_a_procedure(self.unit.runbook, name)).flatten();
            return self.found.push(match procedure {
                Some(procedure) => problem.help(format!(
                    "the procedure `{procedure}` has such a step; what it returns are the `outputs` of the step that calls it"
                )),
                _ => problem,
            });
        };
        if place.at == At::Timer {
            let problem = self.of_timer(expr, reference, step);
            return self.found.extend(problem);
        }
        let step = place.step().map_or(step, |here| items::own_repetition(self.graph, here, step));
        self.step_fields(expr, reference, step);
        if let At::Step(here, _) = place.at
            && let Some(apart) = self.graph.apart(here, step)
        {
            let problem = items::apart(self.graph, apart, step, span);
            return self.found.push(problem);
        }
        if place.at == At::Outputs
            && let Some(Apart::Repeated(holder)) = self.graph.repeated(step)
        {
            let problem = items::apart(self.graph, Apart::Repeated(holder), step, span);
            return self.found.push(problem);
        }
        let second = match place.at {
            At::Step(id, When::Verify) if id == step => return,
            At::Step(id, When::Before) => Moment::Start(id),
            At::Step(id, _) if id == step => Moment::Start(id),
            At::Step(id, _) => Moment::End(id),
            At::Outputs => Moment::BodyEnd,
            At::Planning | At::Preconditions | At::Channel | At::Timer => return,
        };
        self.pending.push(Pending { span, first: step, moments: (Moment::End(step), second), at: place.at });
    }

    fn step_fields(&mut self, expr: &Expr, reference: &Reference, step: NodeId) {
        let spec = &self.graph.step(step).step.spec;
        let runbook = self.unit.runbook;
        let name = &reference.path[1];
        let Some(field) = reference.path.get(2) else { return };
        if !STEP_FIELDS.contains(&field.as_str()) {
            let message = format!("a step has no field `{field}`");
            let problem = Diagnostic::error(Code::UNKNOWN_FIELD, segment(expr, reference, 2), message);
            let problem = match outputs(runbook, spec).any(|output| output == field) {
                true => problem.help(format!("it is an output: write `steps.{name}.outputs.{field}`")),
                false => problem.did_you_mean(field, STEP_FIELDS),
            };
            return self.found.push(problem.help(format!("a step offers {}", quoted(&STEP_FIELDS))));
        }
        if matches!(spec.action, Action::Each(_)) && !["status", "reason", "items"].contains(&field.as_str())
        {
            let message = format!("step `{name}` is repeated, so it has no `{field}` of its own");
            self.found.push(
                Diagnostic::error(Code::UNKNOWN_FIELD, segment(expr, reference, 2), message)
                    .also(self.graph.step(step).span(), "it is here")
                    .help(format!("`steps.{name}.items` is the list of its results, each with `{field}`")),
            );
            return;
        }
        if spec.action.is_group() && ["stdout", "stderr", "exit_code"].contains(&field.as_str()) {
            let message = format!("step `{name}` holds other steps, so it has no `{field}` of its own");
            self.found.push(
                Diagnostic::error(Code::UNKNOWN_FIELD, segment(expr, reference, 2), message)
                    .also(self.graph.step(step).span(), "it is here")
                    .help(match spec.action {
                        Action::Call(_) => "let the procedure return what is needed, under `outputs`",
                        _ => "refer to a step in it",
                    }),
            );
            return;
        }
        if field == "items" && !matches!(spec.action, Action::Each(_)) {
            let message = format!("step `{name}` is not repeated, so it has no `items`");
            self.found.push(
                Diagnostic::error(Code::UNKNOWN_FIELD, segment(expr, reference, 2), message)
                    .also(self.graph.step(step).span(), "it is here")
                    .help("only a step with `for_each`, or on a group of targets, has `items`"),
            );
            return;
        }
        let Some(output) = reference.path.get(3).filter(|_| field == "outputs") else { return };
        if let Action::Call(call) = &spec.action
            && !runbook.procedures.iter().any(|procedure| procedure.name.value == call.procedure.value)
        {
            // That it calls nothing is said there.
            return;
        }
        let declared = self.outputs.entry(step).or_insert_with(|| outputs(runbook, spec).collect());
        if !declared.contains(output.as_str()) && !self.unread.steps.contains(name) {
            let message = format!("step `{name}` declares no output `{output}`");
            let problem = Diagnostic::error(Code::UNKNOWN_OUTPUT, segment(expr, reference, 3), message)
                .also(self.graph.step(step).span(), "the step is here");
            let problem = self.suggest.add(problem, output, || outputs(runbook, spec));
            let mut declared: Vec<String> =
                outputs(runbook, spec).take(LISTED).map(|name| format!("`{name}`")).collect();
            if outputs(runbook, spec).nth(LISTED).is_some() {
                declared.push("…".to_owned());
            }
            self.found.push(match declared.is_empty() {
                true => problem.help("it declares no outputs at all; add `outputs` to it"),
                false => problem.help(format!("it declares {}", declared.join(", "))),
            });
        }
    }
}

fn segment(expr: &Expr, reference: &Reference, index: usize) -> Span {
    expr.span_of(reference.segments.get(index).unwrap_or(&reference.range).clone())
}

fn unknown(span: Span, message: String) -> Diagnostic {
    Diagnostic::error(Code::UNKNOWN_REFERENCE, span, message)
}

fn misplaced(root: &str, span: Span, place: Place) -> Diagnostic {
    let offered: Vec<&str> = place.roots().collect();
    let help = format!("an expression here can use {}", quoted(&offered));
    match root {
        "result" => Diagnostic::error(Code::RESULT_NOT_HERE, span, "`result` has no value here")
            .note(
                "it is what an action or a check came to, and exists in `expect`, `outputs` and `retry.when`",
            )
            .help("use `steps.<id>` for another step's result"),
        "target" if place.at == At::Timer => {
            unknown(span, "`target` has no value here: a timer belongs to no step".to_owned()).help(help)
        }
        "steps" | "target" if place.at == At::Channel => {
            unknown(span, format!("`{root}` has no value here: a channel belongs to no step"))
                .help("put what is to be told into the `message` of the step")
                .help(help)
        }
        "steps" if place.at == At::Preconditions => {
            let message = "no step has run when the runbook's preconditions are checked";
            Diagnostic::error(Code::NOT_AN_ANCESTOR, span, message)
                .help("make it a precondition of the step that needs it")
        }
        _ => unknown(span, format!("`{root}` has no value here: it is computed before there is a run"))
            .help(help),
    }
}

fn quoted(names: &[&str]) -> String {
    let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    names.join(", ")
}
