//! What people forbid, and what they want to be asked about.
//!
//! A [`Policy`] is read from text; a [`PolicySet`] judges actions by all policies that apply: each adds what it
//! forbids, and none takes anything away. Knows nothing of runbooks and runs: callers describe an action by an
//! [`ActionView`], when a runbook is checked, when it is planned, and once more when the action has been
//! rendered, and act on the [`Verdict`].
//!
//! ```
//! use runbook_core::command::Script;
//! use runbook_core::policy::{ActionView, Policy, PolicySet, Stage};
//! use runbook_core::shell::Dialect;
//! let loaded = Policy::parse("policy.yaml", "
//! apiVersion: runbook/v1
//! kind: Policy
//! name: no-reset
//! forbid:
//!   - {id: only_pull, command: git (reset|checkout), reason: only git pull}
//! ");
//! assert!(loaded.diagnostics.is_empty());
//! let policies = PolicySet::new(loaded.policy);
//! let script = Script::new("cd /opt && sudo sh -c 'git reset --hard'", Dialect::Sh);
//! let verdict = policies.judge(&ActionView::script(&script), None);
//! assert!(verdict.refuses(Stage::Early));
//! assert_eq!(verdict.forbidden[0].rule, "only_pull");
//! ```

mod judge;
mod read;

pub use judge::{ActionView, PolicySet, Stage, Verdict, Violation};
pub use read::Loaded;

use crate::command::{CommandPattern, PathPattern};
use crate::model::Effect;

/// What one file of `kind: Policy` says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Policy {
    /// Its name.
    pub name: String,
    /// Which effects need a confirmation.
    pub confirm: Vec<Effect>,
    /// What is forbidden.
    pub rules: Vec<Rule>,
    /// Requests that only read; none when the policy has no opinion.
    pub reads: Option<Reads>,
    /// What becomes of commands that cannot be read from the text.
    pub unreadable: Unreadable,
}

/// Something that is forbidden. What it says about an action must all be the case.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Rule {
    /// Its name, for exceptions and reports.
    pub id: String,
    /// Commands, of which one is among those of the action.
    pub command: Vec<CommandPattern>,
    /// Paths, of which one is written, moved or deleted.
    pub writes: Vec<PathPattern>,
    /// What the action does at least; with `command`, what that command does.
    pub effect: Option<Effect>,
    /// Why, for people.
    pub reason: String,
    /// Whether a step may ask for an exception.
    pub overridable: bool,
}

/// Which requests only read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reads {
    /// Hosts whose answers to GET are reads.
    pub hosts: Vec<String>,
    /// Paths for which a GET changes something all the same, whichever the host.
    pub except: Vec<String>,
}

/// What becomes of commands that cannot be read from the text: a variable in the place of a program, `eval` of
/// data, text in another language, text that does not parse.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Unreadable {
    /// A rule could apply to them, so they are refused.
    #[default]
    Forbid,
    /// People are asked.
    Confirm,
}
