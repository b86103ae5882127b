//! A runbook the way lints look at it: its steps with what is around them, and where things are written.

use crate::check::{Graph, Placed, Role, script_dialect};
use crate::command::{
    Analysis, Context, Effect as Found, Outline, Script, Words, classify, classify_words, outline,
    outline_words,
};
use crate::diag::Diagnostics;
use crate::ids::NodeId;
use crate::model::{Action, Check, CheckKind, Command, Effect, Run, Runbook, Step};
use crate::source::{Sources, Span};

pub(super) struct View<'a> {
    pub(super) runbook: &'a Runbook,
    sources: &'a Sources,
    pub(super) graph: Graph<'a>,
    /// The commands of every step, in the order of the graph.
    commands: Vec<Vec<Commanded<'a>>>,
}

/// A command of a step or of one of its checks.
pub(super) struct Commanded<'a> {
    pub(super) run: &'a Run,
    /// Where it is written, as closely as that is known.
    pub(super) within: Span,
    /// Whether a check asks it.
    pub(super) is_check: bool,
    /// Its text, which places of the analysis and of the outline point into.
    pub(super) text: String,
    pub(super) analysis: Analysis,
    pub(super) outline: Outline,
}

impl<'a> View<'a> {
    pub(super) fn new(runbook: &'a Runbook, sources: &'a Sources) -> Self {
        // What is wrong with the graph was reported when the runbook was read.
        let graph = Graph::new(runbook, &mut Diagnostics::default());
        let commands = graph.steps().iter().map(|placed| commands_of(placed.step)).collect();
        View { runbook, sources, graph, commands }
    }

    /// Every step with its id.
    pub(super) fn steps(&self) -> impl Iterator<Item = (NodeId, &Placed<'a>)> {
        self.graph.iter()
    }

    /// The commands of the step `id` and of its checks.
    pub(super) fn commands(&self, id: NodeId) -> &[Commanded<'a>] {
        self.commands.get(id.index()).map_or(&[], Vec::as_slice)
    }

    /// The command that the step `id` itself runs.
    pub(super) fn action(&self, id: NodeId) -> Option<&Commanded<'a>> {
        self.commands(id).iter().find(|command| !command.is_check)
    }

    /// The steps of the body that an executor carries out.
    pub(super) fn acting(&self) -> impl Iterator<Item = (NodeId, &Placed<'a>)> {
        self.steps().filter(|(_, placed)| placed.role == Role::Body && placed.step.spec.action.is_external())
    }

    /// The step `id` and the groups around it, the innermost first.
    pub(super) fn around(&self, id: NodeId) -> impl Iterator<Item = &'a Step> + '_ {
        std::iter::once(id).chain(self.graph.groups(id)).map(|id| self.graph.step(id).step)
    }

    /// What the step `id` does, by its text where its author does not say.
    pub(super) fn effect(&self, id: NodeId) -> Effect {
        let spec = &self.graph.step(id).step.spec;
        match self.action(id).filter(|_| !spec.effect_declared) {
            Some(command) => match command.analysis.effect {
                Found::Read => Effect::Read,
                Found::Change | Found::Unknown => Effect::Change,
                Found::Destroy => Effect::Destroy,
            },
            None => spec.effect,
        }
    }

    /// Where to point when the step `id` is meant.
    pub(super) fn place(&self, id: NodeId) -> Span {
        let placed = self.graph.step(id);
        let span = placed.span();
        let text = self.sources.text(span);
        let line = text.find('\n').map_or(text.len(), |end| text[..end].trim_end().len());
        span.slice(0..line)
    }

    /// Where the part `range` of a command is written.
    pub(super) fn place_in(&self, command: &Commanded<'_>, range: std::ops::Range<usize>) -> Span {
        let part = command.text.get(range).unwrap_or_default();
        let line = part.lines().next().unwrap_or_default().trim_end();
        let program = line.split_whitespace().next().unwrap_or_default();
        self.locate(command.within, line)
            .or_else(|| self.locate(command.within, program))
            .unwrap_or_else(|| self.first_line(command.within))
    }

    /// Where `text` is written within `span`.
    pub(super) fn locate(&self, span: Span, text: &str) -> Option<Span> {
        let source = self.sources.get(span.source)?;
        let end = (span.end as usize).min(source.text().len());
        let within = source.text().get(span.start as usize..end)?;
        let at = within.find(text).filter(|_| !text.is_empty())? + span.start as usize;
        Some(Span::new(span.source, at..at + text.len()))
    }

    fn first_line(&self, span: Span) -> Span {
        let line = self.sources.text(span).lines().next().map_or(0, |line| line.trim_end().len());
        span.slice(0..line)
    }
}

fn commands_of(step: &Step) -> Vec<Commanded<'_>> {
    let spec = &step.spec;
    let mut commands = Vec::new();
    if let Action::Run(run) = &spec.action {
        commands.push(command(run, step.span, false));
    }
    let lists: [&[Check]; 5] = [
        &spec.done_when,
        &spec.preconditions,
        &spec.verify,
        match &spec.action {
            Action::WaitFor(wait) => &wait.checks,
            _ => &[],
        },
        match &spec.action {
            Action::Remedies(remedies) => &remedies.goal,
            _ => &[],
        },
    ];
    for check in lists.into_iter().flatten() {
        if let CheckKind::Run(run) = &check.kind {
            commands.push(command(run, check.span, true));
        }
    }
    commands
}

fn command(run: &Run, within: Span, is_check: bool) -> Commanded<'_> {
    let context = Context {
        variables: run.env.iter().map(|(name, _)| name.clone()).collect(),
        stdin: run.stdin.is_some(),
        ..Context::default()
    };
    let (text, analysis, outline) = match &run.command {
        Command::Script(template) => {
            let script = Script::from_template(template, script_dialect(run.shell));
            (script.text().to_owned(), classify(&script, &context), outline(&script))
        }
        Command::Argv(templates) => {
            let words = Words::from_templates(templates);
            (words.text().to_owned(), classify_words(&words, &context), outline_words(&words))
        }
    };
    Commanded { run, within, is_check, text, analysis, outline }
}
