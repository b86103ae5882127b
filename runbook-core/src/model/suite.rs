//! Tests of a runbook, as their author wrote them.

use crate::source::{Span, Spanned};
use crate::value::{Duration, Object, Value};

/// A file of tests for one runbook.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Suite {
    /// The path of the runbook, relative to the file of tests.
    pub runbook: Spanned<String>,
    /// What every test starts from.
    pub shared: Script,
    /// The tests, in the order written.
    pub tests: Vec<Case>,
}

/// What is given, what people answer, and what the world answers.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Script {
    /// Values of inputs.
    pub inputs: Vec<(Spanned<String>, Spanned<Value>)>,
    /// The environment; nothing of the real one is seen.
    pub env: Vec<(Spanned<String>, String)>,
    /// What people answer.
    pub answers: Vec<Answer>,
    /// What the world answers.
    pub mocks: Vec<Mock>,
}

/// One test.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Case {
    /// Its name, unique in the file.
    pub name: Spanned<String>,
    /// More, for people.
    pub description: Option<String>,
    /// What is given and answered, before what is shared.
    pub script: Script,
    /// Start at this step.
    pub from: Option<Spanned<String>>,
    /// Run only these steps.
    pub only: Vec<Spanned<String>>,
    /// What must come of it.
    pub expect: Expected,
}

/// What the world answers for one step or one check.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Mock {
    /// The step's key (`restart`, `restart@web1`, `restart.rollback.1`), or that of a check (`restart.verify.2`).
    pub name: Spanned<String>,
    /// One for each time it is asked; the last one is repeated.
    pub values: Vec<MockValue>,
    /// Whether it need not be used.
    pub optional: bool,
}

/// What the world answers once.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct MockValue {
    /// Where it is written.
    pub span: Span,
    /// How it ends.
    pub end: MockEnd,
    /// What it writes to standard output.
    pub stdout: Option<Spanned<String>>,
    /// What it writes to standard error.
    pub stderr: Option<Spanned<String>>,
    /// A command's exit code.
    pub exit_code: Option<Spanned<i32>>,
    /// Other fields of the result: `status`, `json`, ….
    pub fields: Vec<(Spanned<String>, Value)>,
    /// What is known of a file.
    pub file: Option<Spanned<MockFile>>,
    /// How long it takes.
    pub delay: Option<Duration>,
}

/// How something that is mocked ends.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum MockEnd {
    /// It comes to its end; whether that is good is judged as in a real run.
    #[default]
    Completed,
    /// It comes to a good end: of a check the answer is yes, without more being asked.
    Passed,
    /// It comes to a bad end, whatever `expect` says.
    Failed(Option<String>),
    /// It began, or may have; what became of it is not known.
    Lost(Option<String>),
    /// It did not begin.
    NotStarted(Option<String>),
    /// It was stopped at its time limit.
    TimedOut,
}

/// What is known of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct MockFile {
    /// Whether it is there.
    pub exists: bool,
    /// How many bytes it has.
    pub size: u64,
    /// How long ago it was written.
    pub age: Duration,
}

/// What people answer for one step, or to the question whether completed work is undone.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Answer {
    /// The step's key, or `rollback`.
    pub name: Spanned<String>,
    /// One after the other; the last one is repeated, `retry` excepted.
    pub replies: Vec<AnswerValue>,
}

/// What people answer once.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct AnswerValue {
    /// Where it is written.
    pub span: Span,
    /// What they say.
    pub word: AnswerWord,
    /// Values of a manual step's fields, each where it is written.
    pub fields: Vec<(Spanned<String>, Spanned<Value>)>,
    /// What they add.
    pub note: Option<String>,
    /// How long they take.
    pub after: Option<Duration>,
}

impl AnswerValue {
    /// The fields without their places.
    pub fn object(&self) -> Object {
        self.fields.iter().map(|(name, value)| (name.value.clone(), value.value.clone())).collect()
    }
}

/// A word that people answer with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AnswerWord {
    /// At a gate: yes.
    Approve,
    /// At a gate: no.
    Deny,
    /// Anywhere: nothing at all.
    Silent,
    /// A manual step was done; a step in doubt happened.
    Done,
    /// A manual step could not be done; a step in doubt failed.
    Failed,
    /// A failed step is tried again; a step in doubt did not happen.
    Retry,
    /// The run goes on without a failed step.
    Skip,
    /// After a failure: stop and undo.
    Rollback,
    /// After a failure: stop.
    Stop,
    /// Completed work is undone.
    Yes,
    /// It is not.
    No,
    /// It may be, some other time.
    Later,
}

impl AnswerWord {
    /// Every word, as it is written.
    pub const ALL: [(&'static str, AnswerWord); 12] = [
        ("approve", AnswerWord::Approve),
        ("deny", AnswerWord::Deny),
        ("silent", AnswerWord::Silent),
        ("done", AnswerWord::Done),
        ("failed", AnswerWord::Failed),
        ("retry", AnswerWord::Retry),
        ("skip", AnswerWord::Skip),
        ("rollback", AnswerWord::Rollback),
        ("stop", AnswerWord::Stop),
        ("yes", AnswerWord::Yes),
        ("no", AnswerWord::No),
        ("later", AnswerWord::Later),
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, word)| *word == self).map_or("", |(name, _)| name)
    }

    /// Whether it answers whether completed work is undone.
    pub fn is_about_rollback(self) -> bool {
        matches!(self, AnswerWord::Yes | AnswerWord::No | AnswerWord::Later)
    }
}

/// What must come of a run.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Expected {
    /// Where it is written.
    pub span: Span,
    /// How it ends; when nothing is said, it must succeed.
    pub status: Option<Spanned<ExpectedStatus>>,
    /// Steps that act; an empty list says that none does.
    pub ran: Option<ExpectedSteps>,
    /// Steps that do not act.
    pub not_run: Option<ExpectedSteps>,
    /// Steps that are undone, and that this is verified; an empty list says that none is.
    pub rolled_back: Option<ExpectedSteps>,
    /// Steps in the order in which they begin.
    pub order: Option<ExpectedSteps>,
    /// More of single steps.
    pub steps: Vec<(Spanned<String>, ExpectedStep)>,
    /// Some of the runbook's outputs.
    pub outputs: Vec<(Spanned<String>, Spanned<Value>)>,
    /// What is asked at gates.
    pub gates: Vec<(Spanned<String>, ExpectedGate)>,
    /// Rendered commands, of steps and of checks.
    pub commands: Vec<(Spanned<String>, ExpectedText)>,
    /// How long it takes at most.
    pub at_most: Option<Spanned<Duration>>,
    /// How long it takes at least.
    pub at_least: Option<Spanned<Duration>>,
}

/// Names of steps, and where the list is written.
#[derive(Clone, Debug, Default)]
pub struct ExpectedSteps {
    /// Where the list is written.
    pub span: Span,
    /// The names.
    pub names: Vec<Spanned<String>>,
}

/// How a run ends or is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the names are those of outcomes and of listings")]
pub enum ExpectedStatus {
    Succeeded,
    /// It failed, whether or not what was done was undone.
    Failed,
    RolledBack,
    Blocked,
    Denied,
    /// An undo failed or is pending, or a step is in doubt.
    Stuck,
    /// Whether completed work is undone is still to be decided.
    RollbackPending,
    /// It waits for people.
    Suspended,
    /// It waits for people, because nobody knows what became of a step.
    InDoubt,
}

impl ExpectedStatus {
    /// Every status, as it is written.
    pub const ALL: [(&'static str, ExpectedStatus); 9] = [
        ("succeeded", ExpectedStatus::Succeeded),
        ("failed", ExpectedStatus::Failed),
        ("rolled_back", ExpectedStatus::RolledBack),
        ("blocked", ExpectedStatus::Blocked),
        ("denied", ExpectedStatus::Denied),
        ("stuck", ExpectedStatus::Stuck),
        ("rollback_pending", ExpectedStatus::RollbackPending),
        ("suspended", ExpectedStatus::Suspended),
        ("in_doubt", ExpectedStatus::InDoubt),
    ];

    /// As it is written.
    pub fn name(self) -> &'static str {
        Self::ALL.iter().find(|(_, status)| *status == self).map_or("", |(name, _)| name)
    }

    /// Whether a run that is listed as `found` fits.
    pub fn fits(self, found: &str) -> bool {
        match self {
            ExpectedStatus::Failed => matches!(found, "failed" | "rolled_back"),
            ExpectedStatus::Stuck => matches!(found, "stuck" | "rollback_pending" | "in_doubt"),
            ExpectedStatus::Suspended => matches!(found, "suspended" | "in_doubt"),
            _ => found == self.name(),
        }
    }
}

/// What must be true of a text; what is set must all hold. Compared without surrounding white space.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ExpectedText {
    /// Where it is written.
    pub span: Span,
    /// Exactly this.
    pub equals: Option<String>,
    /// This somewhere in it.
    pub contains: Option<String>,
    /// This nowhere in it.
    pub not_contains: Option<String>,
    /// A regular expression that matches somewhere.
    pub matches: Option<String>,
    /// A regular expression that matches nowhere.
    pub not_matches: Option<String>,
}

/// What must be true of a step.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ExpectedStep {
    /// What it is called in listings: `succeeded`, `skipped`, `undone`, ….
    pub status: Option<Spanned<String>>,
    /// Why it stands where it stands.
    pub reason: Option<ExpectedText>,
    /// How many attempts begin.
    pub attempts: Option<Spanned<u32>>,
    /// Some of its outputs.
    pub outputs: Vec<(Spanned<String>, Spanned<Value>)>,
}

/// What must be asked at a gate.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct ExpectedGate {
    /// Where it is written.
    pub span: Span,
    /// The question.
    pub message: Option<ExpectedText>,
    /// The rendered action.
    pub action: Option<ExpectedText>,
    /// What is shown with it.
    pub show: Option<ExpectedText>,
    /// The text that must be typed.
    pub phrase: Option<ExpectedText>,
    /// Where it acts.
    pub target: Option<Spanned<String>>,
    /// What it may do to the world.
    pub effect: Option<Spanned<String>>,
}
