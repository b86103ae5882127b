//! From what is written to what will really run: values into scripts and argument lists, results into
//! judgements. Pure; the plan and the state decide everything.

mod action;
mod dry;
mod dry_text;
mod enter;
mod judge;
mod scope;

pub use action::{
    RenderError, Rendered, RenderedCommand, RenderedRun, gate_question, render_action, render_run,
};
pub use dry::{DryRun, DryStep, Verdict, dry_run};
pub use enter::{call_values, items, resolve_target};
pub use judge::{describe_check, evaluate_outputs, judge};
pub use scope::{RunFacts, Scopes};
