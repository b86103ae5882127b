//! What came of a run, held against what was expected.

use jiff::Timestamp;
use regex::Regex;

use super::names::base_of;
use crate::ids::NodeId;
use crate::model::{Expected, ExpectedGate, ExpectedStatus, ExpectedSteps, ExpectedText};
use crate::plan::Plan;
use crate::run::{Entry, Event, GateQuestion, Machine, NodeState, State, Status};
use crate::source::{Span, Spanned};
use crate::value::{Duration, Object, Value, display};

/// What was seen of a run.
#[derive(Debug)]
pub struct Seen<'a> {
    /// Where it stands.
    pub machine: &'a Machine,
    /// Its log.
    pub log: &'a [Entry],
    /// What steps and checks would have done, by their names, in order.
    pub commands: &'a [(String, String)],
}

/// An expectation that was not met, or something else that is wrong with a test.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// Where the expectation is written.
    pub span: Span,
    /// What it is about: `status`, `steps.restart.reason`, ….
    pub what: String,
    /// What was expected.
    pub expected: String,
    /// What was found instead.
    pub found: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl Failure {
    /// `found` instead of `expected`, which is written at `span`.
    pub fn new(
        span: Span,
        what: impl Into<String>,
        expected: impl Into<String>,
        found: impl Into<String>,
    ) -> Self {
        let (what, expected, found) = (what.into(), expected.into(), found.into());
        Failure { span, what, expected, found, help: None }
    }

    /// Says what to do.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = Some(text.into());
        self
    }
}

impl Seen<'_> {
    fn plan(&self) -> &Plan {
        self.machine.plan()
    }

    fn state(&self) -> &State {
        self.machine.state()
    }

    /// How long the run took by its own clock.
    pub fn took(&self) -> Duration {
        let ends = self.log.first().zip(self.log.last());
        let millis = ends.map_or(0, |(first, last)| millis(last.at) - millis(first.at));
        Duration::from_millis(u64::try_from(millis).unwrap_or(0))
    }

    /// Every step that `name` means: itself, or all its repetitions.
    fn nodes(&self, name: &str) -> Vec<NodeId> {
        let exact = self.plan().executable().find(|(_, node)| node.key == name).map(|(id, _)| id);
        match exact {
            Some(id) => vec![id],
            None => {
                let repetitions = self.plan().executable().filter(|(_, node)| base_of(&node.key) == name);
                repetitions.map(|(id, _)| id).collect()
            }
        }
    }

    fn keys(&self, mut which: impl FnMut(NodeId, &NodeState) -> bool) -> Vec<&str> {
        let nodes = self.plan().executable().filter(|(id, _)| which(*id, self.state().node(*id)));
        nodes.map(|(_, node)| node.key.as_str()).collect()
    }

    fn ran(&self, id: NodeId) -> bool {
        let node = self.plan().node(id);
        match node.spec.action.is_group() {
            true => node.children.iter().any(|child| self.ran(*child)),
            false => self.state().node(id).attempt > 0,
        }
    }

    /// The place in the log at which `id` begins.
    fn began(&self, id: NodeId) -> Option<u64> {
        let node = self.plan().node(id);
        let own = self.log.iter().find(|entry| match &entry.event {
            Event::Started { node, .. } | Event::Ended { node, .. } => *node == id,
            _ => false,
        });
        let children = node.children.iter().filter_map(|child| self.began(*child));
        own.map(|entry| entry.seq).into_iter().chain(children).min()
    }

    fn questions(&self, id: NodeId) -> impl Iterator<Item = &GateQuestion> {
        self.log.iter().filter_map(move |entry| match &entry.event {
            Event::GateOpened { node, question } if *node == id => Some(question),
            _ => None,
        })
    }

    /// What is said of a step in a message: `failed (exit code 1)`.
    fn standing(&self, id: NodeId) -> String {
        let status = self.state().status(id).name();
        match self.state().node(id).reason.as_deref() {
            Some(reason) => format!("{status} ({reason})"),
            None => status.to_owned(),
        }
    }
}

fn millis(at: Timestamp) -> i64 {
    at.as_millisecond()
}

/// Every expectation that `seen` does not meet, in the order written.
pub fn judge(expected: &Expected, seen: &Seen<'_>) -> Vec<Failure> {
    let mut failures = Vec::new();
    status(expected, seen, &mut failures);
    lists(expected, seen, &mut failures);
    for (name, wanted) in &expected.steps {
        for id in some(name, "steps", seen, &mut failures) {
            let what = |part: &str| format!("steps.{}.{part}", seen.plan().node(id).key);
            let node = seen.state().node(id);
            if let Some(status) = &wanted.status
                && seen.state().status(id).name() != status.value
            {
                failures.push(Failure::new(status.span, what("status"), &*status.value, seen.standing(id)));
            }
            if let Some(reason) = &wanted.reason {
                text(reason, &what("reason"), node.reason.as_deref(), &mut failures);
            }
            if let Some(attempts) = &wanted.attempts
                && attempts.value != node.attempt
            {
                let found = node.attempt.to_string();
                let expected = attempts.value.to_string();
                failures.push(Failure::new(attempts.span, what("attempts"), expected, found));
            }
            let none = Object::new();
            let outputs = node.result.as_ref().map_or(&none, |result| &result.outputs);
            values(&wanted.outputs, outputs, &what("outputs"), &mut failures);
        }
    }
    values(&expected.outputs, &seen.state().outputs, "outputs", &mut failures);
    for (name, wanted) in &expected.gates {
        gate(name, wanted, seen, &mut failures);
    }
    for (name, wanted) in &expected.commands {
        commands(name, wanted, seen, &mut failures);
    }
    let took = seen.took();
    if let Some(limit) = expected.at_most.as_ref().filter(|limit| took > limit.value) {
        let expected = format!("at most {}", limit.value);
        failures.push(Failure::new(limit.span, "duration", expected, took.to_string()));
    }
    if let Some(limit) = expected.at_least.as_ref().filter(|limit| took < limit.value) {
        let expected = format!("at least {}", limit.value);
        failures.push(Failure::new(limit.span, "duration", expected, took.to_string()));
    }
    failures
}

fn status(expected: &Expected, seen: &Seen<'_>, failures: &mut Vec<Failure>) {
    let found = seen.state().run_status();
    let (wanted, span) = match &expected.status {
        Some(status) => (status.value, status.span),
        None => (ExpectedStatus::Succeeded, expected.span),
    };
    if wanted.fits(found) {
        return;
    }
    let cause = seen.state().cause().map(|id| {
        let reason = seen.state().node(id).reason.clone().unwrap_or_default();
        format!(": `{}`: {reason}", seen.plan().node(id).key)
    });
    let refused = seen
        .state()
        .book
        .iter()
        .find(|check| check.refuses())
        .map(|check| format!(": {}: {}", check.title, check.reason.as_deref().unwrap_or("no")));
    let waiting: Vec<String> =
        seen.state().suspended.iter().map(|id| format!("`{}`", seen.plan().node(*id).key)).collect();
    let waiting = (!waiting.is_empty()).then(|| format!(", waiting for an answer to {}", waiting.join(", ")));
    let why = waiting.or(cause).or(refused).unwrap_or_default();
    let failure = Failure::new(span, "status", wanted.name(), format!("{found}{why}"));
    failures.push(match (found, &expected.status) {
        ("rollback_pending", _) => failure.help("`answers: {rollback: yes}` lets somebody decide"),
        (_, None) => failure.help("without `status` the run must succeed"),
        _ => failure,
    });
}

fn lists(expected: &Expected, seen: &Seen<'_>, failures: &mut Vec<Failure>) {
    let undone = |id: NodeId| seen.state().status(id) == Status::Undone;
    if let Some(list) = &expected.ran {
        let ran = seen.keys(|id, _| seen.ran(id) && !seen.plan().node(id).spec.action.is_group());
        none(list, "ran", &ran, failures);
        for name in &list.names {
            let nodes = seen.nodes(&name.value);
            if !nodes.iter().any(|id| seen.ran(*id)) {
                let found = nodes.first().map_or("never reached".to_owned(), |id| seen.standing(*id));
                failures.push(Failure::new(name.span, "ran", format!("`{}` acts", name.value), found));
            }
        }
    }
    for name in expected.not_run.iter().flat_map(|list| &list.names) {
        if let Some(id) = seen.nodes(&name.value).into_iter().find(|id| seen.ran(*id)) {
            let expected = format!("`{}` does not act", name.value);
            failures.push(Failure::new(name.span, "not_run", expected, seen.standing(id)));
        }
    }
    if let Some(list) = &expected.rolled_back {
        none(list, "rolled_back", &seen.keys(|id, _| undone(id)), failures);
        for name in &list.names {
            let nodes = seen.nodes(&name.value);
            if !nodes.iter().any(|id| undone(*id)) {
                let found = nodes.first().map_or("never reached".to_owned(), |id| seen.standing(*id));
                let expected = format!("`{}` is undone", name.value);
                failures.push(Failure::new(name.span, "rolled_back", expected, found));
            }
        }
    }
    order(expected, seen, failures);
}

fn none(list: &ExpectedSteps, what: &str, found: &[&str], failures: &mut Vec<Failure>) {
    if list.names.is_empty() && !found.is_empty() {
        failures.push(Failure::new(list.span, what, "no step", found.join(", ")));
    }
}

fn order(expected: &Expected, seen: &Seen<'_>, failures: &mut Vec<Failure>) {
    let mut latest: Option<(&Spanned<String>, u64)> = None;
    for name in expected.order.iter().flat_map(|list| &list.names) {
        let began = seen.nodes(&name.value).into_iter().filter_map(|id| seen.began(id)).min();
        let wanted = || match latest {
            Some((before, _)) => format!("`{}` begins after `{}`", name.value, before.value),
            None => format!("`{}` begins", name.value),
        };
        match began {
            None => failures.push(Failure::new(name.span, "order", wanted(), "it never begins")),
            Some(at) => {
                if latest.is_some_and(|(_, before)| at < before) {
                    failures.push(Failure::new(name.span, "order", wanted(), "it begins before"));
                }
                latest = Some((name, at));
            }
        }
    }
}

/// The steps that `name` means; a failure when there is none.
fn some(name: &Spanned<String>, what: &str, seen: &Seen<'_>, failures: &mut Vec<Failure>) -> Vec<NodeId> {
    let nodes = seen.nodes(&name.value);
    if nodes.is_empty() {
        let what = format!("{what}.{}", name.value);
        failures.push(Failure::new(name.span, what, "the step is reached", "it is never reached"));
    }
    nodes
}

fn values(
    wanted: &[(Spanned<String>, Spanned<Value>)],
    found: &Object,
    what: &str,
    failures: &mut Vec<Failure>,
) {
    for (name, value) in wanted {
        let there = found.get(&name.value);
        if there != Some(&value.value) {
            let shown = there.map_or("no value".to_owned(), shown);
            failures.push(Failure::new(
                value.span,
                format!("{what}.{}", name.value),
                self::shown(&value.value),
                shown,
            ));
        }
    }
}

/// A text in quotes, so that `"5"` and `5` differ.
fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => format!("{text:?}"),
        other => display(other),
    }
}

fn gate(name: &Spanned<String>, wanted: &ExpectedGate, seen: &Seen<'_>, failures: &mut Vec<Failure>) {
    for id in some(name, "gates", seen, failures) {
        let key = &seen.plan().node(id).key;
        // What was asked last is what was answered.
        let Some(question) = seen.questions(id).last() else {
            let found = format!("never asked: {}", seen.standing(id));
            failures.push(Failure::new(name.span, format!("gates.{key}"), "people are asked", found));
            continue;
        };
        let mut part = |matcher: &Option<ExpectedText>, part: &str, found: Option<&str>| {
            if let Some(matcher) = matcher {
                text(matcher, &format!("gates.{key}.{part}"), found, failures);
            }
        };
        part(&wanted.message, "message", Some(&question.message));
        part(&wanted.action, "action", Some(&question.action));
        part(&wanted.show, "show", question.show.as_deref());
        part(&wanted.phrase, "phrase", question.phrase.as_deref());
        let exact = [
            (&wanted.target, "target", question.target.as_str()),
            (&wanted.effect, "effect", question.effect.name()),
        ];
        for (wanted, part, found) in exact {
            if let Some(wanted) = wanted.as_ref().filter(|wanted| wanted.value != found) {
                let what = format!("gates.{key}.{part}");
                failures.push(Failure::new(wanted.span, what, &*wanted.value, found));
            }
        }
    }
}

fn commands(name: &Spanned<String>, wanted: &ExpectedText, seen: &Seen<'_>, failures: &mut Vec<Failure>) {
    let named = |key: &str| {
        let exact = key == name.value;
        exact || (key.contains(['#', '@']) && without_repetition(key) == name.value)
    };
    let found: Vec<&str> =
        seen.commands.iter().filter(|(key, _)| named(key)).map(|(_, command)| command.as_str()).collect();
    let what = format!("commands.{}", name.value);
    let mut misses = Vec::new();
    for command in &found {
        let mut miss = Vec::new();
        text(wanted, &what, Some(command), &mut miss);
        if miss.is_empty() {
            return;
        }
        misses = miss;
    }
    if found.is_empty() {
        misses.push(Failure::new(name.span, what, "it is carried out", "it never is"));
    }
    failures.append(&mut misses);
}

/// `restart.verify.1` for `restart@web1.verify.1`.
pub(super) fn without_repetition(key: &str) -> String {
    let base = base_of(key);
    let rest = key.get(base.len()..).unwrap_or("");
    let list = super::CHECK_LISTS.iter().find_map(|list| rest.rfind(&format!(".{list}.")));
    format!("{base}{}", list.and_then(|at| rest.get(at..)).unwrap_or(""))
}

fn text(wanted: &ExpectedText, what: &str, found: Option<&str>, failures: &mut Vec<Failure>) {
    let shown = || found.map_or("nothing".to_owned(), quoted);
    let found = found.unwrap_or("").trim();
    let mut miss = |expected: String| failures.push(Failure::new(wanted.span, what, expected, shown()));
    if let Some(text) = wanted.equals.as_deref().filter(|text| text.trim() != found) {
        miss(quoted(text));
    }
    if let Some(part) = wanted.contains.as_deref().filter(|part| !found.contains(part.trim())) {
        miss(format!("something with {}", quoted(part)));
    }
    if let Some(part) = wanted.not_contains.as_deref().filter(|part| found.contains(part.trim())) {
        miss(format!("nothing with {}", quoted(part)));
    }
    // Patterns were compiled when the file was read.
    let matches = |pattern: &str| Regex::new(pattern).is_ok_and(|pattern| pattern.is_match(found));
    if let Some(pattern) = wanted.matches.as_deref().filter(|pattern| !matches(pattern)) {
        miss(format!("something that matches `{pattern}`"));
    }
    if let Some(pattern) = wanted.not_matches.as_deref().filter(|pattern| matches(pattern)) {
        miss(format!("nothing that matches `{pattern}`"));
    }
}

/// A text for a message; a long one on lines of its own is left as it is.
fn quoted(text: &str) -> String {
    let text = text.trim();
    match text.contains('\n') {
        true => format!("\n{text}"),
        false => format!("`{text}`"),
    }
}
