//! What can be known of texts and commands before they run.

use super::{FrameKind, Node, Plan};
use crate::check::script_dialect;
use crate::expr::{Expr, Piece, Template, is_unusable};
use crate::model::{
    Action, Channel, Command, CustomAction, Each, Notify, Over, Run, SecretSource, Share, Shell, TargetRef,
    ValueTemplate, Via,
};
use crate::shell::{Part, lower, quote};
use crate::value::{Object, Value, display, in_words, type_name};

/// Renders templates with the names that have a value, and says of the others when they will have one:
/// `<known after step build>`.
///
/// Scripts and lists are shown as a shell would read them, so that a value never looks like a part of the command.
#[derive(Clone, Debug)]
pub struct Preview {
    scope: Object,
    /// Names of items that the scope has.
    items: Vec<String>,
}

/// What people see instead of the secret `name`.
pub fn shown_secret(name: &str) -> String {
    format!("[secret {name}]")
}

/// The sensitive inputs among `secrets`, with what stands for each.
pub(crate) fn sensitive_inputs(secrets: &Object) -> impl Iterator<Item = (String, Value)> {
    let input = |(name, mark): (&String, &Value)| {
        SecretSource::input_of_name(name).map(|input| (input.to_owned(), mark.clone()))
    };
    secrets.iter().filter_map(input)
}

/// A part of a rendered text.
enum Shown {
    Known(String),
    /// A value inside angle brackets that says why it is not known.
    Unknown(String),
}

impl Plan {
    /// What is known when the plan is made: inputs, variables and environment.
    pub fn preview(&self) -> Preview {
        let mut scope = Object::new();
        scope.insert("inputs".into(), Value::Object(self.inputs.clone()));
        scope.insert("vars".into(), Value::Object(self.vars.clone()));
        scope.insert("env".into(), Value::Object(self.env.clone()));
        let secrets = self.secrets.iter().map(|(name, _)| (name.clone(), shown_secret(name).into()));
        scope.insert("secrets".into(), Value::Object(secrets.collect()));
        let mut preview = Preview { scope, items: Vec::new() };
        preview.set_inputs(&self.inputs);
        preview
    }
}

impl Preview {
    /// Looks from the place of `node`: its target, what it is repeated for, what its procedure was given.
    pub fn stand_at(&mut self, plan: &Plan, node: &Node) {
        match node.spec.target.name() {
            Some(name) => self.set("target", plan.target(name).to_value()),
            None => drop(self.scope.remove("target")),
        }
        for name in std::mem::take(&mut self.items) {
            self.scope.remove(&name);
        }
        for (_, frame) in plan.frames_around(node.frame) {
            if let FrameKind::Item { name, value, .. } = &frame.kind {
                for name in name.iter().map(String::as_str).chain(["item"]) {
                    if !self.items.iter().any(|item| item == name) {
                        self.items.push(name.to_owned());
                        self.scope.insert(name.to_owned(), value.clone());
                    }
                }
            }
        }
        let given = match plan.call_around(node.frame).map(|frame| &frame.kind) {
            Some(FrameKind::Call { given: Some((inputs, vars)), .. }) => Some((inputs, vars)),
            Some(_) => None,
            None => Some((&plan.inputs, &plan.vars)),
        };
        match given {
            Some((inputs, vars)) => {
                let is_book = plan.call_around(node.frame).is_none();
                match is_book {
                    true => self.set_inputs(inputs),
                    false => self.set("inputs", Value::Object(inputs.clone())),
                }
                self.set("vars", Value::Object(vars.clone()));
            }
            None => {
                self.scope.remove("inputs");
                self.scope.remove("vars");
            }
        }
        if let TargetRef::Computed(name) = &node.spec.target
            && let Some(Value::String(name)) = self.known_value(&ValueTemplate::Text(name.clone()))
        {
            self.set("target", plan.target(&name).to_value());
        }
    }

    /// The runbook's own inputs, with the names of those that are secrets.
    fn set_inputs(&mut self, inputs: &Object) {
        let mut inputs = inputs.clone();
        if let Some(Value::Object(secrets)) = self.scope.get("secrets") {
            inputs.extend(sensitive_inputs(secrets));
        }
        self.set("inputs", Value::Object(inputs));
    }

    /// Where `target` is, as far as that is known.
    pub fn target(&self, target: &TargetRef) -> String {
        match target {
            TargetRef::Computed(name) => self.text(name),
            known => known.to_string(),
        }
    }

    /// Sets what `name` stands for: `target`, `run`, `steps`, ….
    pub fn set(&mut self, name: &str, value: Value) {
        self.scope.insert(name.to_owned(), value);
    }

    /// `template` with what is known.
    pub fn text(&self, template: &Template) -> String {
        self.pieces(template).into_iter().map(Shown::into_text).collect()
    }

    /// `value` with what is known.
    pub fn value(&self, value: &ValueTemplate) -> Value {
        match value {
            ValueTemplate::Value(value) => value.clone(),
            ValueTemplate::Text(template) => match template.pieces() {
                [Piece::Expr(expr)] if self.unknown(expr).is_none() => {
                    expr.eval(&self.scope).unwrap_or_else(|error| no_value(&error.message).into_text().into())
                }
                _ => self.text(template).into(),
            },
            ValueTemplate::List(items) => Value::Array(items.iter().map(|item| self.value(item)).collect()),
            ValueTemplate::Map(entries) => {
                Value::Object(entries.iter().map(|(key, value)| (key.clone(), self.value(value))).collect())
            }
        }
    }

    /// `value`, when everything in it is known.
    pub(crate) fn known_value(&self, value: &ValueTemplate) -> Option<Value> {
        let known = value.expressions().iter().all(|expr| self.unknown(expr).is_none());
        if known { value.render(&self.scope).ok() } else { None }
    }

    /// What `condition` yields, when everything in it is known.
    pub(crate) fn condition(&self, condition: &Expr) -> Option<Result<bool, String>> {
        let known = self.unknown(condition).is_none();
        known.then(|| condition.eval_bool(&self.scope).map_err(|error| error.to_string()))
    }

    /// What an action does, as text for people; empty for a group. It can have several lines.
    pub fn action(&self, action: &Action) -> String {
        match action {
            Action::Run(run) => self.command(run),
            Action::Manual(manual) => self.text(&manual.instructions).trim_end().to_owned(),
            Action::Wait(duration) => duration.to_string(),
            Action::Assert(assertions) => {
                let conditions: Vec<&str> =
                    assertions.iter().map(|assertion| assertion.that.source()).collect();
                conditions.join("\n")
            }
            Action::Set(values) => {
                let line = |(name, value): &(String, ValueTemplate)| {
                    format!("{name} = {}", display(&self.value(value)))
                };
                values.iter().map(line).collect::<Vec<_>>().join("\n")
            }
            Action::Custom(custom) => self.custom(custom),
            Action::WaitFor(wait) => {
                let asked: Vec<String> =
                    wait.checks.iter().map(|check| crate::plan::check_text(self, check)).collect();
                format!("until {}, every {}, at most {}", asked.join(" and "), wait.every, wait.within)
            }
            Action::Notify(notify) => self.notify(notify),
            Action::Each(each) => self.each(each),
            Action::Call(call) => {
                let with = call
                    .with
                    .iter()
                    .map(|(name, value)| format!("{}: {}", name.value, display(&self.value(value))));
                let with: Vec<String> = with.collect();
                let with = if with.is_empty() { String::new() } else { format!(" with {}", with.join(", ")) };
                format!("{}{with}", call.procedure.value)
            }
            Action::Group { .. } | Action::Choose | Action::Remedies(_) => String::new(),
        }
    }

    /// Who is told what: `oncall, L2: subject`, then the message.
    fn notify(&self, notify: &Notify) -> String {
        let to: Vec<&str> = notify.to.iter().map(|name| name.value.as_str()).collect();
        let subject = notify.subject.as_ref().map(|subject| format!("{}\n", self.text(subject)));
        format!("{}: {}{}", to.join(", "), subject.unwrap_or_default(), self.text(&notify.message).trim_end())
    }

    /// What a channel does with a message, for people.
    pub fn channel(&self, channel: &Channel) -> String {
        match &channel.via {
            Via::Command { argv, .. } => {
                argv.iter().map(|argument| self.argument(argument)).collect::<Vec<_>>().join(" ")
            }
            Via::File(path) => format!("a line in {}", self.text(path)),
            Via::Custom(custom) => self.custom(custom),
        }
    }

    /// What a step is repeated for.
    fn each(&self, each: &Each) -> String {
        let over = match &each.over {
            Over::Items(items) => format!("each of {}", display(&self.value(items))),
            Over::Targets(targets) => format!("each of {}", targets.join(", ")),
        };
        let pace = match (&each.rollout, each.parallel) {
            (Some(rollout), _) => {
                let batches: Vec<String> = rollout.batches.iter().map(ToString::to_string).collect();
                let pause =
                    rollout.pause.map_or_else(String::new, |pause| format!(" with {pause} between them"));
                format!("; in batches of {}{pause}", batches.join(", "))
            }
            (None, Some(1)) => "; one after the other".to_owned(),
            (None, Some(parallel)) => format!("; {parallel} at a time"),
            (None, None) => "; all at once".to_owned(),
        };
        let survives = match each.max_failures {
            Share::Count(0) | Share::Percent(0) => String::new(),
            Share::Count(1) => "; survives 1 failure".to_owned(),
            share => format!("; survives {share} failures"),
        };
        format!("{over}{pace}{survives}")
    }

    /// The parameters of an executor's action.
    pub fn custom(&self, custom: &CustomAction) -> String {
        format!("{} {}", custom.kind, in_words(&self.value(&custom.params)))
    }

    /// A command as a shell would read it.
    pub fn command(&self, run: &Run) -> String {
        match &run.command {
            Command::Argv(arguments) => {
                arguments.iter().map(|argument| self.argument(argument)).collect::<Vec<_>>().join(" ")
            }
            Command::Script(script) => self.script(script, run.shell).trim_end().to_owned(),
        }
    }

    fn argument(&self, template: &Template) -> String {
        let pieces = self.pieces(template);
        if pieces.iter().all(|piece| matches!(piece, Shown::Known(_))) {
            return quote(&pieces.into_iter().map(Shown::into_text).collect::<String>());
        }
        pieces.into_iter().map(Shown::into_word).collect()
    }

    /// A script that does the same as the one that will run, with the values written into it.
    fn script(&self, script: &Template, shell: Shell) -> String {
        let shown = self.pieces(script);
        let mut values = Vec::new();
        let mut raw_unknown = false;
        let mut parts = Vec::with_capacity(shown.len());
        for (piece, shown) in script.pieces().iter().zip(&shown) {
            parts.push(match (piece, shown) {
                (Piece::Text(text), _) => Part::Text(text),
                (Piece::Expr(expr), Shown::Known(value)) if expr.ends_with_filter("raw") => Part::Raw(value),
                (Piece::Expr(expr), shown) => {
                    raw_unknown |= expr.ends_with_filter("raw");
                    values.push(shown);
                    Part::Hole
                }
            });
        }
        match lower(&parts, script_dialect(shell)) {
            Ok(lowered) if !raw_unknown => written_out(&lowered.text, &lowered.holes, &values),
            _ => shown
                .into_iter()
                .zip(script.pieces())
                .map(|(shown, piece)| match piece {
                    Piece::Text(_) => shown.into_text(),
                    Piece::Expr(_) => shown.into_word(),
                })
                .collect(),
        }
    }

    fn pieces(&self, template: &Template) -> Vec<Shown> {
        let piece = |piece: &Piece| match piece {
            Piece::Text(text) => Shown::Known(text.clone()),
            Piece::Expr(expr) => self.expression(expr),
        };
        template.pieces().iter().map(piece).collect()
    }

    fn expression(&self, expr: &Expr) -> Shown {
        if let Some(unknown) = self.unknown(expr) {
            return Shown::Unknown(unknown);
        }
        match expr.eval(&self.scope) {
            Ok(Value::Null) => no_value("nothing (`none`) inside a text"),
            Ok(value @ (Value::Array(_) | Value::Object(_))) => {
                no_value(&format!("a {} inside a text", type_name(&value)))
            }
            Ok(value) => Shown::Known(display(&value)),
            Err(error) => no_value(&error.message),
        }
    }

    /// The value of `expr`, where it is known.
    pub(super) fn known(&self, expr: &Expr) -> Option<Value> {
        match self.unknown(expr) {
            Some(_) => None,
            None => expr.eval(&self.scope).ok(),
        }
    }

    /// Why `expr` has no value yet, if it has none.
    fn unknown(&self, expr: &Expr) -> Option<String> {
        let mut steps: Vec<String> = Vec::new();
        let mut later = false;
        for reference in expr.references() {
            match &reference.path[..] {
                [root, step, ..] if root == "steps" => {
                    let known = self.scope.get("steps").is_some_and(|steps| steps.get(step).is_some());
                    if !known && !steps.contains(step) {
                        steps.push(step.clone());
                    }
                }
                [root, rest @ ..] => later |= !self.knows(root, rest.first()),
                [] => {}
            }
        }
        match (steps.is_empty(), later) {
            (false, _) => Some(format!("<known after step {}>", steps.join(", "))),
            (true, true) => Some("<known when it runs>".to_owned()),
            (true, false) => None,
        }
    }
}

impl Preview {
    /// Whether `root`, or its field `name`, has a value. Names were resolved; one without a value gets it later.
    fn knows(&self, root: &str, name: Option<&String>) -> bool {
        let Some(value) = self.scope.get(root) else { return false };
        if self.items.iter().any(|item| item == root) {
            return !is_unusable(value);
        }
        match name {
            Some(name) if matches!(root, "inputs" | "vars") => value.get(name).is_some(),
            _ => true,
        }
    }
}

fn no_value(why: &str) -> Shown {
    Shown::Unknown(format!("<no value: {why}>"))
}

impl Shown {
    fn into_text(self) -> String {
        match self {
            Shown::Known(text) | Shown::Unknown(text) => text,
        }
    }

    /// As a word of a shell, or a part of one.
    fn into_word(self) -> String {
        match self {
            Shown::Known(text) => quote(&text),
            Shown::Unknown(text) => text,
        }
    }
}

/// Writes `values` in place of the variables `names` into a script, each once and in order.
fn written_out(script: &str, names: &[String], values: &[&Shown]) -> String {
    let mut text = String::with_capacity(script.len());
    let mut rest = script;
    for (name, value) in names.iter().zip(values) {
        let variable = format!("${{{name}}}");
        let Some((before, after)) = rest.split_once(variable.as_str()) else { continue };
        text.push_str(before);
        rest = after;
        let known = match value {
            Shown::Known(value) => Some(value),
            Shown::Unknown(_) => None,
        };
        let written = if text.ends_with("'\"") && rest.starts_with("\"'") {
            // Inside '…': the quotes that let the variable in are closed again.
            text.truncate(text.len() - 2);
            rest = &rest[2..];
            known.map(|value| value.replace('\'', r"'\''"))
        } else if text.ends_with('"') && rest.starts_with('"') {
            text.pop();
            rest = &rest[1..];
            known.map(|value| quote(value))
        } else {
            known.map(|value| double_quoted(value))
        };
        match (written, value) {
            (Some(written), _) => text.push_str(&written),
            (None, Shown::Known(value) | Shown::Unknown(value)) => text.push_str(value),
        }
    }
    text + rest
}

fn double_quoted(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        if matches!(c, '"' | '\\' | '$' | '`') {
            text.push('\\');
        }
        text.push(c);
    }
    text
}
