//! A plan for an operator.

use super::words;
use crate::ids::NodeId;
use crate::model::{
    Action, Check, CheckKind, Confirm, Effect, OnConflict, OnGateTimeout, RollbackMode, StepFailure,
    TargetRef, Via,
};
use crate::plan::{Node, Plan, PlanEscalation, Preview, Role};
use crate::value::{Object, display};

/// How wide the columns of numbers and effects are.
const NUMBER: usize = 5;
const EFFECT: usize = 9;

pub(super) fn render(plan: &Plan) -> String {
    let mut page = Page { plan, preview: plan.preview(), text: String::new() };
    page.header();
    page.preconditions();
    let body: Vec<NodeId> = plan.roots(Role::Body).collect();
    page.section("steps", &body);
    page.section("when it fails", &plan.roots(Role::OnFailure).collect::<Vec<_>>());
    page.section("at the end, whatever happened", &plan.roots(Role::Finally).collect::<Vec<_>>());
    page.outputs();
    page.text
}

struct Page<'p> {
    plan: &'p Plan,
    preview: Preview,
    text: String,
}

impl Page<'_> {
    fn line(&mut self, indent: usize, line: &str) {
        if !line.is_empty() {
            self.text.extend(std::iter::repeat_n(' ', indent));
            self.text.push_str(line.trim_end());
        }
        self.text.push('\n');
    }

    /// `label` and `value`; further lines of the value stand under its first.
    fn field(&mut self, indent: usize, label: &str, value: &str) {
        let mut lines = value.lines();
        self.line(indent, &format!("{label}{}", lines.next().unwrap_or_default()));
        let under = indent + label.chars().count();
        for line in lines {
            self.line(under, line);
        }
    }

    fn header(&mut self) {
        let plan = self.plan;
        let title = plan.runbook.title.as_ref().map_or_else(String::new, |title| format!(": {title}"));
        self.line(0, &format!("{}{title}", plan.runbook.name));
        let digest = plan.digest();
        let [steps, others] = self.counts();
        self.line(2, &format!("plan {} · {steps}", &digest[..12]));
        if !others.is_empty() {
            self.line(2, &others);
        }
        if let Some(lock) = &plan.lock {
            let conflict = match lock.on_conflict {
                OnConflict::Fail => "a second run with it fails",
                OnConflict::Wait => "a second run with it waits",
            };
            self.line(2, &format!("lock {}, {conflict}", lock.key));
        }
        let rollback = match plan.rollback {
            RollbackMode::Auto => "what was done is undone at once",
            RollbackMode::Offer => "undoing what was done is offered",
            RollbackMode::Never => "nothing is undone",
        };
        if plan.nodes.iter().any(|node| matches!(node.role, Role::Rollback(_)) && node.selected) {
            self.line(2, &format!("after a failure {rollback}"));
        }
        let last = plan.nodes.iter().rev().find(|node| node.spec.irreversible && node.selected);
        if let Some(node) = last {
            self.line(2, &format!("point of no return: {}", node.key));
        }
        self.values("inputs", &plan.inputs);
        self.values("vars", &plan.vars);
        self.values("env", &plan.env);
        self.people();
    }

    /// Who can be told, and how.
    fn people(&mut self) {
        let plan = self.plan;
        if !plan.contacts.is_empty() {
            self.line(2, "contacts");
        }
        for (id, contact) in &plan.contacts {
            let known = [&contact.role, &contact.name].into_iter().flatten().cloned();
            let channel = contact.channel.as_ref().map(|channel| format!("by {}", channel.value));
            let known: Vec<String> = known.chain(channel).collect();
            self.field(4, &format!("{id} = "), &known.join(", "));
        }
        if !plan.channels.is_empty() {
            self.line(2, "channels");
        }
        for (id, channel) in &plan.channels {
            let label = if matches!(channel.via, Via::Command { .. }) { "$ " } else { "" };
            let does = self.preview.channel(channel);
            self.field(4, &format!("{id} = {label}"), &does);
        }
        if let Some(escalation) = &plan.escalation {
            self.escalation(escalation);
        }
    }

    fn escalation(&mut self, escalation: &PlanEscalation) {
        let since = escalation.since.map_or("the beginning".to_owned(), |since| since.to_string());
        self.line(2, &format!("escalation, from {since}"));
        for level in &escalation.levels {
            let to: Vec<&str> = level.to.iter().map(|name| name.value.as_str()).collect();
            self.line(4, &format!("after {}: {}", level.after, to.join(", ")));
            if let Some(unless) = &level.unless {
                self.field(6, "unless: ", unless.source());
            }
            if let Some(require) = &level.require {
                self.field(6, "requires: ", require);
            }
            if let Some(message) = &level.message {
                self.field(6, "message: ", &self.preview.text(message));
            }
        }
        if let Some(until) = &escalation.until {
            self.field(4, "until: ", until.source());
        }
    }

    /// What the body does; and what belongs to it.
    fn counts(&self) -> [String; 2] {
        let counts = self.plan.counts();
        let some = |count: usize, one: &str, many: &str| match count {
            0 => None,
            1 => Some(format!("1 {one}")),
            count => Some(format!("{count} {many}")),
        };
        let steps = some(counts.steps, "step", "steps").unwrap_or_else(|| "no steps".to_owned());
        let effects = format!("{} read · {} change · {} destroy", counts.read, counts.change, counts.destroy);
        let others = [
            some(counts.gates, "gate", "gates"),
            some(counts.rollback, "rollback step", "rollback steps"),
            some(counts.cleanup, "cleanup step", "cleanup steps"),
            some(counts.on_failure, "step on failure", "steps on failure"),
            some(counts.finally, "step at the end", "steps at the end"),
        ];
        let others: Vec<String> = others.into_iter().flatten().collect();
        [format!("{steps}: {effects}"), others.join(" · ")]
    }

    fn values(&mut self, label: &str, values: &Object) {
        if values.is_empty() {
            return;
        }
        self.line(2, label);
        for (name, value) in values {
            self.field(4, &format!("{name} = "), &display(value));
        }
    }

    fn preconditions(&mut self) {
        if self.plan.preconditions.is_empty() {
            return;
        }
        self.text += "\nbefore anything happens\n";
        for check in &self.plan.preconditions {
            self.check(2, "check: ", check, &TargetRef::local());
        }
    }

    fn section(&mut self, title: &str, members: &[NodeId]) {
        if members.is_empty() {
            return;
        }
        self.text += &format!("\n{title}\n");
        self.members(members, "", 2, true);
    }

    fn members(&mut self, members: &[NodeId], prefix: &str, start: usize, in_order: bool) {
        let mut previous = None;
        for (index, id) in members.iter().enumerate() {
            let number = format!("{prefix}{}", index + 1);
            self.step(*id, &number, start, previous.filter(|_| in_order));
            previous = Some(*id);
        }
    }

    fn step(&mut self, id: NodeId, number: &str, start: usize, previous: Option<NodeId>) {
        let plan = self.plan;
        let node = plan.node(id);
        let spec = &node.spec;
        self.preview.stand_at(plan, node);
        let mark = match &spec.action {
            _ if !node.selected => "—",
            Action::Group { parallel: true } => "parallel",
            Action::Group { parallel: false } => "group",
            Action::Choose => "choose",
            Action::Remedies(_) => "remedies",
            Action::Each(_) => "for each",
            Action::Call(_) => "call",
            _ => spec.effect.name(),
        };
        let title = spec.title.as_ref().map(|title| format!(": {}", self.preview.text(title)));
        let left_out = if node.selected { "" } else { " (not selected)" };
        let target = match spec.target.is_local() {
            true => String::new(),
            false => format!(" on {}", self.preview.target(&spec.target)),
        };
        let head = format!("{}{target}{}{left_out}", node.key, title.unwrap_or_default());
        self.line(start, &format!("{:<NUMBER$}{mark:<EFFECT$}{head}", format!("{number} ")));
        let indent = start + NUMBER + EFFECT;
        if node.selected {
            self.before(node, indent, previous);
            self.action(node, indent);
            self.after(node, indent);
        }
        if spec.action.is_group() {
            let in_order = !matches!(spec.action, Action::Group { parallel: true });
            self.members(&node.children, &format!("{number}."), start + 2, in_order);
            self.members(node.template.as_slice(), &format!("{number}."), start + 2, true);
        }
        if node.selected {
            self.handlers(node, indent);
            if spec.irreversible {
                self.line(start, "── point of no return: nothing above is rolled back any more ──");
            }
        }
    }

    fn before(&mut self, node: &Node, indent: usize, previous: Option<NodeId>) {
        let spec = &node.spec;
        let usual: &[NodeId] = previous.as_slice();
        if node.needs != usual {
            let keys: Vec<&str> = node.needs.iter().map(|id| self.plan.node(*id).key.as_str()).collect();
            let keys = if keys.is_empty() { "nothing, starts at once".to_owned() } else { keys.join(", ") };
            self.field(indent, "after: ", &keys);
        }
        match (&spec.when, node.parent.map(|group| self.plan.node(group))) {
            (Some(when), _) => self.field(indent, "when: ", when.source()),
            (None, Some(group)) if group.spec.action == Action::Choose => self.line(indent, "otherwise"),
            (None, Some(group)) => {
                let last =
                    group.children.last().is_some_and(|last| std::ptr::eq(self.plan.node(*last), node));
                if last && matches!(&group.spec.action, Action::Remedies(remedies) if remedies.last_resort) {
                    self.line(indent, "when no remedy has helped");
                }
            }
            (None, None) => {}
        }
        for check in &spec.done_when {
            self.check(indent, "done when: ", check, &spec.target);
        }
        for check in &spec.preconditions {
            self.check(indent, "only if: ", check, &spec.target);
        }
        if let Some(gate) = &spec.confirm {
            self.gate(gate, self.plan.gate_effect(node), indent);
        }
    }

    fn gate(&mut self, gate: &Confirm, effect: Effect, indent: usize) {
        self.field(indent, "gate: ", &self.preview.text(&gate.message));
        if let Some(show) = &gate.show {
            self.field(indent, "      shows ", &self.preview.text(show));
        }
        if let Some(phrase) = &gate.phrase {
            self.field(indent, "      to agree, type ", &self.preview.text(phrase));
        }
        if let Some(who) = words::who_agrees(gate, effect) {
            self.field(indent, "      ", &who);
        }
        if let Some(timeout) = gate.timeout {
            let then = match gate.on_timeout {
                OnGateTimeout::Deny => "is a no",
                OnGateTimeout::Fail => "fails the step",
            };
            self.line(indent, &format!("      no answer within {timeout} {then}"));
        }
    }

    fn action(&mut self, node: &Node, indent: usize) {
        let spec = &node.spec;
        let does = self.preview.action(&spec.action);
        match &spec.action {
            Action::Group { .. } | Action::Choose => {}
            Action::Each(_) => self.line(indent, &does),
            Action::Remedies(remedies) => {
                for check in &remedies.goal {
                    self.check(indent, "goal: ", check, &spec.target);
                }
                if let Some(within) = remedies.within {
                    self.line(indent, &format!("no remedy begins after {within}"));
                }
            }
            Action::Run(run) => {
                self.field(indent, "$ ", &does);
                if let Some(cwd) = &run.cwd {
                    self.field(indent, "in: ", &self.preview.text(cwd));
                }
                if let Some(other) = &run.run_as {
                    self.field(indent, "as: ", &self.preview.text(&other.user));
                }
                for (name, value) in &run.env {
                    self.field(indent, &format!("env: {name}="), &self.preview.text(value));
                }
                if let Some(stdin) = &run.stdin {
                    self.field(indent, "stdin: ", &self.preview.text(stdin));
                }
            }
            Action::Manual(manual) => {
                self.field(indent, "a person: ", &does);
                for point in &manual.checklist {
                    self.field(indent, "          [ ] ", &self.preview.text(point));
                }
                if !manual.roles.is_empty() {
                    self.field(indent, "          answered by ", &words::roles(&manual.roles));
                }
                if let Some(timeout) = manual.timeout {
                    self.line(indent, &format!("          no answer within {timeout} fails the step"));
                }
                for field in &manual.fields {
                    self.line(
                        indent,
                        &format!("          answers {} ({})", field.name.value, field.r#type.name()),
                    );
                }
            }
            Action::Custom(_) => self.field(indent, "", &does),
            other => self.field(indent, &format!("{}: ", other.key()), &does),
        }
    }

    fn after(&mut self, node: &Node, indent: usize) {
        let spec = &node.spec;
        if let Some(expect) = &spec.expect {
            self.field(indent, "expect: ", &words::expect(&self.preview, expect));
        }
        if let Some(retry) = &spec.retry {
            self.field(indent, "retry: ", &words::retry(retry));
        }
        if let Some(settle) = spec.settle {
            self.line(indent, &format!("settle: {settle}"));
        }
        for check in &spec.verify {
            self.check(indent, "verify: ", check, &spec.target);
        }
        let limits = [("timeout", spec.timeout), ("budget", spec.budget)];
        for (name, limit) in limits.into_iter().filter_map(|(name, limit)| Some((name, limit?))) {
            self.line(indent, &format!("{name}: {limit}"));
        }
        match spec.on_failure {
            StepFailure::Stop => {}
            StepFailure::Continue => self.line(indent, "if it fails: the run goes on"),
            StepFailure::Ask => self.line(indent, "if it fails: a person chooses"),
        }
        if !spec.outputs.is_empty() {
            let names: Vec<&str> = spec.outputs.iter().map(|(name, _)| name.as_str()).collect();
            self.line(indent, &format!("outputs: {}", names.join(", ")));
        }
        if let Some(evidence) = &spec.evidence {
            let what = evidence.label.as_deref().or(evidence.capture.as_deref()).unwrap_or("stdout");
            self.line(indent, &format!("evidence: {what}"));
        }
    }

    fn check(&mut self, indent: usize, label: &str, check: &Check, usual_target: &TargetRef) {
        let mut what = words::check(&self.preview, check);
        match &check.kind {
            // What an executor asks begins with its key.
            CheckKind::Expr(_) | CheckKind::Custom(_) => {}
            CheckKind::Run(_) => what = format!("$ {}", what.replace('\n', "\n  ")),
            _ => what = format!("{} {what}", words::check_kind(check)),
        }
        if let Some(title) = &check.title {
            what = format!("{}\n{what}", self.preview.text(title));
        }
        if check.target != *usual_target {
            what += &format!("\non {}", check.target);
        }
        if let Some(expect) = &check.expect {
            what += &format!("\n→ {}", words::expect(&self.preview, expect));
        }
        if let Some(retry) = &check.retry {
            what += &format!("\nretry: {}", words::retry(retry));
        }
        if check.warn_only {
            what += "\na bad answer only warns";
        }
        self.field(indent, label, &what);
    }

    fn handlers(&mut self, node: &Node, indent: usize) {
        for (list, word) in [(&node.rollback, "rollback:"), (&node.cleanup, "cleanup:")] {
            if !list.is_empty() {
                self.line(indent, word);
                self.members(list, "", indent + 2, true);
            }
        }
    }

    fn outputs(&mut self) {
        if self.plan.outputs.is_empty() {
            return;
        }
        self.text += "\noutputs\n";
        for (name, expr) in &self.plan.outputs {
            self.field(2, &format!("{name} = "), expr.source());
        }
    }
}
