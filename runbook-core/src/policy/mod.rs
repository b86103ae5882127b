//! What people forbid, and what they want to be asked about.
//!
//! A [`Policy`] is read from text; a [`PolicySet`] judges actions by all policies that apply: each adds what it
//! forbids, and none takes anything away. Knows nothing of runs: callers describe an action by an
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
mod seen;

pub use judge::{ActionView, PolicySet, Stage, Verdict, Violation};
pub use read::Loaded;
pub use seen::{Seen, Surroundings};

pub use crate::model::{Policy, PolicyException, Reads, Rule, Unreadable};
