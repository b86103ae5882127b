//! From what is written to what will really run: values into scripts and argument lists, results into
//! judgements. Pure; the plan and the state decide everything.

mod action;
mod dry;
mod dry_text;
mod enter;
mod form;
mod judge;
mod matchers;
mod own;
mod scope;

#[cfg(feature = "engine")]
pub(crate) use action::without_marks;
pub use action::{
    RenderError, Rendered, RenderedCommand, RenderedRun, gate_question, render_action, render_run,
};
pub use dry::{DryRun, DryStep, Verdict, dry_run};
pub use enter::{call_values, items, resolve_target};
pub use form::manual_form;
pub use judge::{describe_check, evaluate_outputs, judge};
pub use own::own_result;
pub use scope::{RunFacts, Scopes};
