//! What can be typed.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use jiff::civil::Date;
use runbook_core::value::Duration;

/// Operations runbooks as data: checked, planned, gated, verified and rolled back.
#[derive(Debug, Parser)]
#[command(name = "runbook", version, max_term_width = 100, after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXIT_CODES: &str = "\
Exit codes:
  0 succeeded   1 failed   2 invalid runbook or usage   3 blocked (precondition, policy, lock)
  4 failed, rolled back and verified   5 stuck (rollback failed or pending, in doubt)
  6 suspended at a gate   7 denied   130 interrupted";

/// Options of every command.
#[derive(Args, Clone, Debug)]
pub(crate) struct Global {
    /// Where runs are kept [default: $XDG_STATE_HOME/runbook or ~/.local/state/runbook]
    #[arg(long, global = true, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// Policy that applies besides those of the runbook and of $RUNBOOK_POLICY; can be given several times
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) policy: Vec<PathBuf>,
    /// When to use colour
    #[arg(long, global = true, value_name = "WHEN", value_enum, default_value_t = Color::Auto)]
    pub(crate) color: Color,
}

/// When to use colour.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check runbooks: every problem of every file, without any effect
    Validate(Validate),
    /// Look for what a careful colleague would point out in valid runbooks
    Lint(Lint),
    /// Show what a run would do
    Plan(PlanArgs),
    /// Run tests of runbooks: the real engine, a mocked world, virtual time
    Test(Test),
    /// Run a runbook
    Run(Box<Run>),
    /// Go on with a run that waits, was interrupted or lost its engine
    Resume(Box<Resume>),
    /// Undo what a run at rest has done
    Rollback(Box<Rollback>),
    /// Say yes to a step that waits
    Approve(Approve),
    /// Say no to a step that waits
    Deny(Deny),
    /// Give a run up: nothing more happens in it, its locks are free
    Abandon(Abandon),
    /// List runs, newest first
    Runs(Runs),
    /// Tell what a run has done and what it waits for
    Show(Show),
    /// Write a runbook down as a document that people can follow by hand
    Docs(Docs),
    /// Check that the log of a run is as it was written, or export it
    #[command(subcommand)]
    Audit(Audit),
    /// Say what a command may do, and which parts of it say so
    Classify(Classify),
    /// Explain a key of the language or a diagnostic code
    Explain(Explain),
    /// Print a JSON Schema of the language, for editors
    Schema,
    /// Print a runbook's schedule for the program that starts it
    Schedule(Schedule),
    /// Print a completion script
    Completions(Completions),
}

#[derive(Args, Debug)]
pub(crate) struct Validate {
    /// Runbooks, directories of runbooks, or `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// How problems are shown
    #[arg(long, value_enum, default_value_t = Findings::Human)]
    pub(crate) format: Findings,
    /// Take warnings for errors
    #[arg(long)]
    pub(crate) strict: bool,
}

#[derive(Args, Debug)]
pub(crate) struct Lint {
    /// Runbooks, directories of runbooks, or `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    pub(crate) files: Vec<PathBuf>,
    /// How findings are shown
    #[arg(long, value_enum, default_value_t = Findings::Human)]
    pub(crate) format: Findings,
    /// The day by which reviews must not be overdue [default: today]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub(crate) date: Option<Date>,
}

#[derive(Args, Debug)]
pub(crate) struct Test {
    /// Files of tests, or directories that hold some at any depth
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Only tests with this text in their name; can be given several times
    #[arg(long, value_name = "TEXT")]
    pub(crate) filter: Vec<String>,
    /// Fail when the tests of a file reach less of their runbook, in percent
    #[arg(long, value_name = "N", conflicts_with = "filter", value_parser = clap::value_parser!(u8).range(0..=100))]
    pub(crate) min_coverage: Option<u8>,
    /// Take a test that passes and let each of its steps fail in turn: the run must come to rest
    #[arg(long)]
    pub(crate) fail_each: bool,
    /// The test that `--fail-each` takes [default: the first that passes and succeeds]
    #[arg(long, value_name = "NAME", requires = "fail_each")]
    pub(crate) base: Option<String>,
    /// How results are shown
    #[arg(long, value_enum, default_value_t = Results::Human)]
    pub(crate) format: Results,
}

/// How results of tests are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Results {
    /// One line a test, more for those that fail
    Human,
    /// One JSON document
    Json,
    /// JUnit's XML
    Junit,
}

/// How problems are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Findings {
    /// With the lines they are about
    Human,
    /// One JSON document
    Json,
    /// GitHub workflow commands
    Github,
    /// SARIF 2.1.0, for code scanning
    Sarif,
}

#[derive(Args, Debug)]
pub(crate) struct PlanArgs {
    /// The runbook, or `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) request: Request,
    /// How the plan is shown
    #[arg(long, value_enum, default_value_t = PlanFormat::Text)]
    pub(crate) format: PlanFormat,
}

/// How a plan is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum PlanFormat {
    Text,
    Json,
    Mermaid,
    Dot,
}

/// What a plan is made from, besides the runbook.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Request {
    /// Value of an input; before `--inputs` and RUNBOOK_INPUT_NAME
    #[arg(short = 'i', long = "input", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) input: Vec<(String, String)>,
    /// File with values of inputs, YAML or JSON; before RUNBOOK_INPUT_NAME
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs: Option<PathBuf>,
    /// Start at this step; what comes before it is left out
    #[arg(long, value_name = "STEP")]
    pub(crate) from: Option<String>,
    /// Run only this step; can be given several times
    #[arg(long, value_name = "STEP")]
    pub(crate) only: Vec<String>,
    /// What follows a failure, whatever the runbook says
    #[arg(long, value_enum, value_name = "MODE")]
    pub(crate) rollback: Option<Rollbacks>,
}

/// What follows a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Rollbacks {
    /// Completed work is undone at once
    Auto,
    /// A person is asked
    Offer,
    /// Nothing is undone
    Never,
}

#[derive(Args, Debug)]
pub(crate) struct Run {
    /// The runbook, or `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    #[command(flatten)]
    pub(crate) request: Request,
    /// Walk through the run without any effect at all
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Carry out what only looks, and show what would change
    #[arg(long, conflicts_with = "dry_run")]
    pub(crate) rehearse: bool,
    #[command(flatten)]
    pub(crate) session: Session,
}

/// How a run is carried out and who answers its questions.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Session {
    /// Say yes to plain confirmations of steps that read or change; never of steps that destroy, or where a phrase, a
    /// role or several people are asked for
    #[arg(long, short = 'y')]
    pub(crate) yes: bool,
    /// Say yes to this step; not enough where a phrase must be typed
    #[arg(long, value_name = "STEP")]
    pub(crate) approve: Vec<String>,
    /// Value of a field of a manual step, which is then taken as done
    #[arg(long, value_name = "STEP.FIELD=VALUE", value_parser = answer)]
    pub(crate) answer: Vec<Answer>,
    /// Ask nobody: a question without an answer suspends the run
    #[arg(long)]
    pub(crate) non_interactive: bool,
    /// Print the log as JSON, one entry a line
    #[arg(long)]
    pub(crate) json: bool,
    /// How many actions may be under way at once
    #[arg(long, short = 'j', value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub(crate) jobs: Option<u16>,
}

/// `STEP.FIELD=VALUE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) step: String,
    pub(crate) field: String,
    pub(crate) value: String,
}

#[derive(Args, Debug)]
pub(crate) struct Resume {
    /// Id of the run, its beginning, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// What became of a step in doubt
    #[arg(long, value_name = "STEP=done|failed|retry", value_parser = resolve)]
    pub(crate) resolve: Vec<(String, Truth)>,
    /// What to do about a failed step whose runbook leaves the choice to people
    #[arg(long, value_name = "STEP=retry|skip|rollback|stop", value_parser = choice)]
    pub(crate) choose: Vec<(String, Way)>,
    #[command(flatten)]
    pub(crate) sensitive: Sensitive,
    #[command(flatten)]
    pub(crate) session: Session,
}

/// Values that are kept nowhere, and so must be given again.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Sensitive {
    /// Value of a sensitive input, once more; before `--inputs` and RUNBOOK_INPUT_NAME
    #[arg(short = 'i', long = "input", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) input: Vec<(String, String)>,
    /// File with values of sensitive inputs, YAML or JSON
    #[arg(long, value_name = "FILE")]
    pub(crate) inputs: Option<PathBuf>,
}

/// What became of a step in doubt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Truth {
    /// It happened
    Done,
    /// It happened and failed, or half happened
    Failed,
    /// It did not happen, or may be repeated
    Retry,
}

/// What to do about a failed step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// Try again
    Retry,
    /// Go on without it
    Skip,
    /// Stop and undo
    Rollback,
    /// Stop
    Stop,
}

#[derive(Args, Debug)]
pub(crate) struct Rollback {
    /// Id of the run, its beginning, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    #[command(flatten)]
    pub(crate) sensitive: Sensitive,
    #[command(flatten)]
    pub(crate) session: Session,
}

#[derive(Args, Debug)]
pub(crate) struct Approve {
    /// Id of the run, its beginning, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The step that waits
    #[arg(value_name = "STEP")]
    pub(crate) step: String,
    /// The text that must be typed to agree
    #[arg(long, value_name = "TEXT")]
    pub(crate) phrase: Option<String>,
    /// How long the yes holds: the step must begin before [default: 24h]
    #[arg(long, value_name = "DURATION")]
    pub(crate) expires: Option<Duration>,
    /// Value of a field of a manual step
    #[arg(long, value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) field: Vec<(String, String)>,
    /// What else there is to say about a manual step
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Deny {
    /// Id of the run, its beginning, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// The step that waits
    #[arg(value_name = "STEP")]
    pub(crate) step: String,
    /// What else there is to say about a manual step
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
}

#[derive(Args, Debug)]
pub(crate) struct Abandon {
    /// Id of the run, its beginning, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// Why; it goes into the log
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

/// How a listing is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Listing {
    Human,
    Json,
}

#[derive(Args, Debug)]
pub(crate) struct Runs {
    /// How runs are shown
    #[arg(long, value_enum, default_value_t = Listing::Human)]
    pub(crate) format: Listing,
}

#[derive(Args, Debug)]
pub(crate) struct Show {
    /// Id of the run, its beginning, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
    /// How the run is shown
    #[arg(long, value_enum, default_value_t = ReportFormat::Text)]
    pub(crate) format: ReportFormat,
}

/// How a run is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ReportFormat {
    /// For a terminal
    #[value(alias = "human")]
    Text,
    /// A document in Markdown
    Markdown,
    /// One page that needs nothing but itself: pictures, evidence, log
    Html,
    /// One JSON document
    Json,
    /// JUnit's XML: a test case for every step
    Junit,
}

#[derive(Args, Debug)]
pub(crate) struct Docs {
    /// The runbook, or `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// How the document is written
    #[arg(long, value_enum, default_value_t = DocsFormat::Markdown)]
    pub(crate) format: DocsFormat,
}

/// How a runbook is written down for people.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum DocsFormat {
    /// Markdown, with the steps as a Mermaid chart
    Markdown,
    /// One page that needs nothing but itself
    Html,
}

/// What is done with a log.
#[derive(Debug, Subcommand)]
pub(crate) enum Audit {
    /// Find what was changed, moved or deleted in a log
    Verify(AuditVerify),
    /// Print the log with its hashes, one entry a line
    Export(AuditExport),
}

#[derive(Args, Debug)]
pub(crate) struct AuditVerify {
    /// An exported log, `-` for standard input, or the id of a run, its beginning, or `last`
    #[arg(value_name = "RUN|FILE")]
    pub(crate) log: String,
    /// The hash that the last entry must have, as it was kept elsewhere
    #[arg(long, value_name = "HASH")]
    pub(crate) head: Option<String>,
    /// How the result is shown
    #[arg(long, value_enum, default_value_t = Listing::Human)]
    pub(crate) format: Listing,
}

#[derive(Args, Debug)]
pub(crate) struct AuditExport {
    /// Id of the run, its beginning, or `last`
    #[arg(value_name = "RUN")]
    pub(crate) run: String,
}

#[derive(Args, Debug)]
pub(crate) struct Classify {
    /// A script as one argument, `-` for a script on standard input, or a program and its arguments
    #[arg(required = true, value_name = "COMMAND", trailing_var_arg = true)]
    pub(crate) command: Vec<String>,
    /// Which shell would read the script
    #[arg(long, value_enum, value_name = "SHELL", default_value_t = ScriptShell::Sh)]
    pub(crate) shell: ScriptShell,
    /// How the verdict is shown
    #[arg(long, value_enum, default_value_t = Listing::Human)]
    pub(crate) format: Listing,
}

/// A shell that reads scripts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScriptShell {
    /// Whatever `sh` is
    Sh,
    Bash,
}

#[derive(Args, Debug)]
pub(crate) struct Explain {
    /// A key such as `retry` or `step.retry`, or a code such as RB0101
    #[arg(value_name = "KEY|CODE")]
    pub(crate) name: String,
}

#[derive(Args, Debug)]
pub(crate) struct Schedule {
    /// The runbook
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// For which program
    #[arg(long = "as", value_enum, value_name = "FORM")]
    pub(crate) form: ScheduleForm,
    /// Value of an input, passed on to every run
    #[arg(short = 'i', long = "input", value_name = "NAME=VALUE", value_parser = pair)]
    pub(crate) input: Vec<(String, String)>,
    /// The image that has `runbook` and the file, for Kubernetes
    #[arg(long, value_name = "IMAGE")]
    pub(crate) image: Option<String>,
}

/// For which program a schedule is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum ScheduleForm {
    /// A line of a crontab
    Crontab,
    /// A timer and a service of systemd
    Systemd,
    /// A CronJob of Kubernetes
    Kubernetes,
    /// A workflow of GitHub Actions
    Github,
}

#[derive(Args, Debug)]
pub(crate) struct Completions {
    /// For which shell
    #[arg(value_enum)]
    pub(crate) shell: Shell,
}

fn pair(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err("write it as `name=value`".to_owned()),
    }
}

fn answer(text: &str) -> Result<Answer, String> {
    let parts = text.split_once('=').and_then(|(place, value)| Some((place.rsplit_once('.')?, value)));
    match parts {
        Some(((step, field), value)) if !step.is_empty() && !field.is_empty() => {
            Ok(Answer { step: step.to_owned(), field: field.to_owned(), value: value.to_owned() })
        }
        _ => Err("write it as `step.field=value`".to_owned()),
    }
}

fn resolve(text: &str) -> Result<(String, Truth), String> {
    word(text, "`step=done`, `step=failed` or `step=retry`")
}

fn choice(text: &str) -> Result<(String, Way), String> {
    word(text, "`step=retry`, `step=skip`, `step=rollback` or `step=stop`")
}

fn word<T: ValueEnum>(text: &str, form: &str) -> Result<(String, T), String> {
    let (step, word) = pair(text).map_err(|_| format!("write it as {form}"))?;
    let word =
        T::from_str(&word, false).map_err(|_| format!("`{word}` is not an answer; write it as {form}"))?;
    Ok((step, word))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;
    use clap::CommandFactory as _;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_state_directory_is_accepted_before_and_after_the_command() {
        for line in [["runbook", "--state", "/s", "runs"], ["runbook", "runs", "--state", "/s"]] {
            let cli = Cli::try_parse_from(line).unwrap();
            assert_eq!(cli.global.state, Some(PathBuf::from("/s")));
        }
    }

    #[test]
    fn an_answer_names_step_field_and_value() {
        let whole = answer("restore.rollback.1.archive=a=b.tar").unwrap();
        assert_eq!(
            (whole.step.as_str(), whole.field.as_str(), whole.value.as_str()),
            ("restore.rollback.1", "archive", "a=b.tar")
        );
        for bad in ["", "a", "a=b", ".a=b", "a.=b"] {
            assert!(answer(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_resolution_is_one_of_three_words() {
        assert_eq!(resolve("copy=retry"), Ok(("copy".to_owned(), Truth::Retry)));
        assert!(resolve("copy=maybe").unwrap_err().contains("`maybe`"));
        assert!(resolve("copy").is_err());
    }
}
