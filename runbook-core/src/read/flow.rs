//! Steps that decide which other steps run, how often, and where.

use super::fields::Fields;
use super::keys;
use super::places::Place;
use super::reader::Reader;
use crate::diag::{Code, Diagnostic};
use crate::expr::{Expr, Piece};
use crate::ids::is_identifier;
use crate::model::{
    Action, Call, Each, Effect, Over, Remedies, Rollout, Share, Step, StepSpec, TargetRef, ValueTemplate,
    WaitFor,
};
use crate::source::Spanned;
use crate::value::{Duration, Object};
use crate::yaml::Node;

/// Names that `for_each` cannot give to its item, because they mean something else.
const TAKEN: [&str; 9] = ["inputs", "vars", "env", "run", "target", "steps", "result", "item", "secrets"];

impl Reader<'_> {
    /// A decision table: each case a group of steps of its own.
    pub(super) fn choose(&mut self, node: &Node) -> Vec<Step> {
        if node.as_map().is_some() {
            let message = "`choose` must be a list of cases, found map";
            self.report(
                Diagnostic::error(Code::WRONG_TYPE, node.span, message).help("begin each case with `- `"),
            );
            self.unread_ids(node);
            return Vec::new();
        }
        let items = self.items(node, "`choose`");
        if items.is_empty() && node.as_seq().is_some() {
            self.report(Diagnostic::error(Code::EMPTY_LIST, node.span, "`choose` holds no case"));
        }
        let last = items.len().saturating_sub(1);
        items.iter().enumerate().filter_map(|(index, node)| self.case(node, index == last)).collect()
    }

    fn case(&mut self, node: &Node, is_last: bool) -> Option<Step> {
        let fields = self.fields(node, "a case", &[keys::CASE])?;
        let when = fields.get("when").and_then(|node| self.expr(node, "`when`"));
        let otherwise = fields.get("otherwise").and_then(|node| self.bool(node, "`otherwise`"));
        let bad = |message: &str, span| Diagnostic::error(Code::BAD_CASE, span, message.to_owned());
        match (fields.has("when"), otherwise) {
            (true, Some(_)) => {
                let problem = bad("a case with both `when` and `otherwise`", fields.key_span("otherwise"));
                self.report(problem.help("the case with `otherwise` applies when no other does"));
            }
            (false, Some(false)) => {
                self.report(
                    bad("this case never applies", fields.value_span("otherwise"))
                        .help("write `otherwise: true`, or a `when`"),
                );
            }
            (false, Some(true)) if !is_last => {
                let problem = bad("`otherwise` before other cases", fields.key_span("otherwise"));
                self.report(problem.help("the first case that applies wins; move this one to the end"));
            }
            (false, None)
                if !fields.has("otherwise")
                    && !fields.hinted("when")
                    && !fields.hinted("otherwise: true") =>
            {
                self.report(
                    bad("a case without a condition", node.span)
                        .help("add `when: …`, or `otherwise: true` to the last one"),
                );
            }
            _ => {}
        }
        let title = fields.get("title").and_then(|node| self.template(node, "`title`"));
        let children =
            self.require(&fields, "steps", "a case").map(|node| self.inner_steps(node, "`steps`"))?;
        let target = self.defaults.target.clone().unwrap_or_else(TargetRef::local);
        let spec = StepSpec { title, when, target, ..StepSpec::plain(Action::Group { parallel: false }) };
        Some(group(node, spec, children))
    }

    /// Steps of a group, one level further in.
    pub(super) fn inner_steps(&mut self, node: &Node, what: &str) -> Vec<Step> {
        if self.depth >= super::step::DEEPEST {
            let message = format!("more than {} groups inside of each other", super::step::DEEPEST);
            self.report(Diagnostic::error(Code::TOO_DEEP, node.span, message));
            return Vec::new();
        }
        self.depth += 1;
        let steps = self.steps(node, what);
        self.depth -= 1;
        steps
    }

    pub(super) fn remedies(&mut self, node: &Node) -> Option<(Action, Vec<Step>)> {
        if node.as_seq().is_some() {
            let message = "`remedies` must be a map, found list";
            let problem = Diagnostic::error(Code::WRONG_TYPE, node.span, message);
            self.report(problem.help("write `remedies: {goal: …, rungs: […]}`"));
            self.unread_ids(node);
            return None;
        }
        let fields = self.fields(node, "`remedies`", &[keys::REMEDIES])?;
        let goal = self.require(&fields, "goal", "`remedies`").map(|node| self.checks(node, "`goal`"));
        let rungs =
            self.require(&fields, "rungs", "`remedies`").map(|node| self.inner_steps(node, "`rungs`"));
        let within = fields.get("within").and_then(|node| self.limit(node, "`within`"));
        let exhausted =
            fields.get("on_exhausted").map(|node| (node, self.inner_steps(node, "`on_exhausted`")));
        let mut children = rungs?;
        let last_resort = exhausted.is_some();
        if let Some((node, steps)) = exhausted {
            let target = self.defaults.target.clone().unwrap_or_else(TargetRef::local);
            let spec = StepSpec { target, ..StepSpec::plain(Action::Group { parallel: false }) };
            children.push(group(node, spec, steps));
        }
        for child in &mut children {
            if let Some(needs) = &child.needs {
                let span = needs.first().map_or(child.span, |need| need.span);
                let message = "a remedy cannot have `needs`";
                self.report(
                    Diagnostic::error(Code::KEY_NOT_HERE, span, message)
                        .help("remedies are tried one after the other, as long as the goal is not reached"),
                );
            }
            child.needs = None;
        }
        Some((Action::Remedies(Remedies { goal: goal?, within, last_resort }), children))
    }

    pub(super) fn call(&mut self, node: &Node, around: &Fields<'_>) -> Option<Call> {
        if node.as_map().is_some() {
            let message = "`call` must be a name or a path, found map";
            self.report(
                Diagnostic::error(Code::WRONG_TYPE, node.span, message)
                    .help("write `call: name`, and beside it `with: {input: value}`"),
            );
            return None;
        }
        let name = self.spanned_text(node, "`call`")?;
        let with = match around.get("with").map(|node| self.with(node)) {
            Some(None) => {
                self.unread.calls.insert(name.span);
                Vec::new()
            }
            with => with.flatten().unwrap_or_default(),
        };
        let is_path =
            name.value.contains('/') || name.value.ends_with(".yaml") || name.value.ends_with(".yml");
        let procedure = if is_path { self.called_file(&name)? } else { name };
        Some(Call { procedure, with, inputs: Vec::new(), vars: Vec::new(), outputs: Vec::new() })
    }

    /// What is given to a call; none when that was refused.
    fn with(&mut self, node: &Node) -> Option<Vec<(Spanned<String>, ValueTemplate)>> {
        let Some(map) = node.as_map() else {
            self.wrong_type(node, "`with`", "a map of inputs to values");
            return None;
        };
        let given: Vec<_> = map
            .iter()
            .filter_map(|(name, node)| Some((name.clone(), self.value(node, "a value")?)))
            .collect();
        (given.len() == map.iter().count()).then_some(given)
    }

    pub(super) fn wait_for(&mut self, node: &Node) -> Option<WaitFor> {
        let fields = self.fields(node, "`wait`", &[keys::WAIT])?;
        if let Some(pause) = fields.get("for")
            && pause.as_scalar().is_some_and(|scalar| scalar.text().parse::<Duration>().is_ok())
        {
            let message = "`for` takes checks that must pass, found a duration";
            let written = pause.as_scalar().map_or("", |scalar| scalar.text());
            self.report(
                Diagnostic::error(Code::WRONG_TYPE, pause.span, message)
                    .help(format!("write `wait: {written}` for a pause")),
            );
            return None;
        }
        let checks = self.require(&fields, "for", "`wait` with a map").map(|node| self.checks(node, "`for`"));
        let every = fields.get("every").and_then(|node| self.limit(node, "`every`"));
        let within = self
            .require(&fields, "within", "`wait` with `for`")
            .and_then(|node| self.limit(node, "`within`"));
        Some(WaitFor { checks: checks?, every: every.unwrap_or(Duration::from_secs(2)), within: within? })
    }

    /// What a step is repeated for, when it is.
    pub(super) fn repetition(&mut self, fields: &Fields<'_>, place: Option<&Place>) -> Option<Each> {
        let rollout = fields.get("rollout").and_then(|node| self.rollout(node));
        match (fields.get("for_each"), place) {
            (Some(node), Some(Place::Many(_))) => {
                let message = "`for_each` on a step that acts on a group of targets";
                self.report(
                    Diagnostic::error(Code::KEY_NOT_HERE, fields.key_span("for_each"), message)
                        .also(fields.value_span("target"), "this is a group")
                        .help("put the step with `for_each` into a group (`steps:`) that has the `target`"),
                );
                self.for_each(node)
            }
            (Some(node), _) => {
                if fields.has("rollout") {
                    let message = "`rollout` means nothing without a group of targets";
                    self.report(
                        Diagnostic::error(Code::KEY_NOT_HERE, fields.key_span("rollout"), message)
                            .help("`for_each` has `parallel` and `max_failures` of its own"),
                    );
                }
                self.for_each(node)
            }
            (None, Some(Place::Many(targets))) => {
                let (rollout, max_failures) = rollout.unwrap_or((None, Share::default()));
                Some(Each {
                    over: Over::Targets(targets.clone()),
                    name: None,
                    parallel: None,
                    rollout,
                    max_failures,
                })
            }
            (None, _) => {
                if fields.has("rollout") {
                    let message = "`rollout` means nothing for a single target";
                    self.report(
                        Diagnostic::error(Code::KEY_NOT_HERE, fields.key_span("rollout"), message)
                            .help("set `target` to a group"),
                    );
                }
                None
            }
        }
    }

    fn for_each(&mut self, node: &Node) -> Option<Each> {
        let each = self.items_of(node);
        if each.is_none() {
            // What it would have been repeated for is not known by any name.
            self.unread.items.insert_all();
        }
        each
    }

    fn items_of(&mut self, node: &Node) -> Option<Each> {
        if node.as_seq().is_some() || node.as_scalar().is_some() {
            let over = self.list(node)?;
            return Some(Each {
                over,
                name: None,
                parallel: Some(1),
                rollout: None,
                max_failures: Share::default(),
            });
        }
        let fields = self.fields(node, "`for_each`", &[keys::FOR_EACH])?;
        let name = fields.get("item").and_then(|node| self.spanned_text(node, "`item`"));
        if let Some(name) = &name {
            if !self.identifier(name, "an item") {
                self.unread.items.insert_all();
            }
            if TAKEN.contains(&name.value.as_str()) && name.value != "item" {
                let message = format!("`{}` means something else in expressions", name.value);
                self.report(
                    Diagnostic::error(Code::BAD_NAME, name.span, message).help("choose another name"),
                );
            }
        }
        let over = self.require(&fields, "in", "`for_each`").and_then(|node| self.list(node));
        if fields.get("item").is_some() != name.is_some() || fields.has_hints() {
            self.unread.items.insert_all();
        }
        let parallel = fields.get("parallel").and_then(|node| self.count(node, "`parallel`"));
        let max_failures = fields.get("max_failures").and_then(|node| self.share(node, "`max_failures`", 0));
        Some(Each {
            over: over?,
            name: name.map(|name| name.value).filter(|name| is_identifier(name) && name != "item"),
            parallel: Some(parallel.unwrap_or(1)),
            rollout: None,
            max_failures: max_failures.unwrap_or_default(),
        })
    }

    /// A list, or an expression that yields one.
    fn list(&mut self, node: &Node) -> Option<Over> {
        let what = "a list, or an expression that yields one";
        let bare = node.as_scalar().is_some_and(|scalar| !scalar.text().contains("${{"));
        if node.is_nothing() || node.as_map().is_some() {
            self.wrong_type(node, "`for_each`", what);
            return None;
        }
        if node.as_seq().is_some_and(<[_]>::is_empty) {
            let message = "`for_each` holds no item, so the step would never run";
            self.report(Diagnostic::error(Code::EMPTY_LIST, node.span, message));
            return None;
        }
        if !bare {
            let list = self.value(node, "`for_each`")?;
            if matches!(&list, ValueTemplate::Text(text) if !matches!(text.pieces(), [Piece::Expr(_)])) {
                self.wrong_type(node, "`for_each`", what);
                return None;
            }
            return Some(Over::Items(list));
        }
        let expr = self.expr(node, "a list")?;
        let fixed = expr.references().is_empty().then(|| expr.eval(&Object::new()).ok()).flatten();
        if fixed.is_some_and(|value| !value.is_array()) {
            self.wrong_type(node, "`for_each`", what);
            return None;
        }
        Some(Over::Items(ValueTemplate::Text(expr.into())))
    }

    fn rollout(&mut self, node: &Node) -> Option<(Option<Rollout>, Share)> {
        if let Some(size) = node.as_scalar().filter(|_| !node.is_nothing()) {
            let message = "`rollout` must be a map, found text";
            let help = format!("write `rollout: {{batch: {}}}`", size.text());
            self.report(Diagnostic::error(Code::WRONG_TYPE, node.span, message).help(help));
            return None;
        }
        let fields = self.fields(node, "`rollout`", &[keys::ROLLOUT])?;
        let batches = fields.get("batch").map(|node| {
            let nodes = node.as_seq().unwrap_or(std::slice::from_ref(node));
            if nodes.is_empty() {
                self.report(Diagnostic::error(Code::EMPTY_LIST, node.span, "`batch` holds no size"));
            }
            nodes.iter().filter_map(|node| self.share(node, "`batch`", 1)).collect::<Vec<_>>()
        });
        let pause = fields.get("pause").and_then(|node| self.duration(node, "`pause`"));
        let pause = pause.filter(|pause| *pause > Duration::default());
        let max_failures = fields.get("max_failures").and_then(|node| self.share(node, "`max_failures`", 0));
        if pause.is_some() && batches.is_none() {
            let message = "`pause` without `batch`: there is nothing to pause between";
            self.report(
                Diagnostic::error(Code::BAD_ROLLOUT, fields.key_span("pause"), message)
                    .help("add `batch: 1`, `batch: 25%` or `batch: [1, 25%, 100%]`"),
            );
        }
        let rollout = batches.filter(|sizes| !sizes.is_empty()).map(|batches| Rollout { batches, pause });
        Some((rollout, max_failures.unwrap_or_default()))
    }

    /// A number, or a percentage.
    fn share(&mut self, node: &Node, what: &str, least: u32) -> Option<Share> {
        let Some(text) = node.as_scalar().filter(|_| !node.is_nothing()).map(|scalar| scalar.text()) else {
            self.wrong_type(node, what, "a number, or a part such as `25%`");
            return None;
        };
        let share = match text.strip_suffix('%') {
            Some(percent) => percent.trim().parse().ok().filter(|p| *p <= 100).map(Share::Percent),
            None => text.parse().ok().map(Share::Count),
        };
        let fits = |share: &Share| match share {
            Share::Count(number) | Share::Percent(number) => *number >= least,
        };
        let share = share.filter(fits);
        if share.is_none() {
            let message = format!("{what} cannot be `{text}`");
            let problem = Diagnostic::error(Code::BAD_ROLLOUT, node.span, message);
            self.report(problem.help("write a number such as `2`, or a part of all of them such as `25%`"));
        }
        share
    }
}

/// A group of steps.
fn group(node: &Node, spec: StepSpec, children: Vec<Step>) -> Step {
    Step {
        span: node.span,
        spec: Box::new(spec),
        needs: None,
        children,
        rollback: Vec::new(),
        cleanup: Vec::new(),
    }
}

/// The step that repeats `step`.
///
/// Conditions and questions that mention what it is repeated for are asked each time; others once.
pub(super) fn repeated(mut step: Step, each: Each) -> Step {
    // Elsewhere than on its members it looks from where the step around it acts.
    let place = match (&each.over, &step.spec.target) {
        (Over::Items(_), TargetRef::Named(_) | TargetRef::Around) => step.spec.target.clone(),
        _ => TargetRef::local(),
    };
    let names: Vec<String> = match &each.over {
        Over::Targets(_) => vec!["target".to_owned()],
        Over::Items(_) => {
            let mut names = vec!["item".to_owned()];
            names.extend(each.name.clone());
            if matches!(step.spec.target, TargetRef::Computed(_)) {
                names.push("target".to_owned());
            }
            names
        }
    };
    let mentions = |expr: &Expr| {
        let references = expr.references();
        references.iter().any(|reference| reference.path.first().is_some_and(|root| names.contains(root)))
    };
    let each_time = |templates: &[&crate::expr::Template]| {
        templates.iter().any(|template| template.expressions().any(mentions))
    };
    let spec = &mut *step.spec;
    let when = spec.when.take_if(|when| !mentions(when));
    let title = spec.title.take_if(|title| !each_time(&[title]));
    let confirm = spec.confirm.take_if(|confirm| {
        let texts: Vec<_> =
            std::iter::once(&confirm.message).chain(&confirm.show).chain(&confirm.phrase).collect();
        !each_time(&texts)
    });
    let holder = StepSpec {
        id: spec.id.take(),
        title,
        description: spec.description.take(),
        labels: std::mem::take(&mut spec.labels),
        when,
        confirm,
        on_failure: std::mem::take(&mut spec.on_failure),
        effect: Effect::Read,
        target: place,
        ..StepSpec::plain(Action::Each(each))
    };
    let needs = step.needs.take();
    Step {
        span: step.span,
        spec: Box::new(holder),
        needs,
        children: vec![step],
        rollback: Vec::new(),
        cleanup: Vec::new(),
    }
}
