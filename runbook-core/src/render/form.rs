//! What a person is asked to fill in: a manual step's form, with options that earlier steps have found.

use super::action::RenderError;
use super::scope::{RunFacts, Scopes};
use crate::ids::NodeId;
use crate::model::{Action, Manual};
use crate::plan::Plan;
use crate::run::State;
use crate::value::{Object, Value, type_name};

/// How many options a person can be asked to choose from.
const MOST_OPTIONS: usize = 1_000;

/// The form of the manual step `id` as it is asked now.
///
/// # Errors
/// When the options of a field cannot be had, for people.
pub fn manual_form(plan: &Plan, state: &State, id: NodeId) -> Result<Manual, RenderError> {
    let Action::Manual(manual) = &plan.node(id).spec.action else {
        return Err(RenderError("the step is not a manual one".to_owned()));
    };
    let mut form = manual.clone();
    if form.fields.iter().all(|field| field.options_from.is_none()) {
        return Ok(form);
    }
    let facts = RunFacts { id: String::new(), started: state.started.unwrap_or_default() };
    let scopes = Scopes::new(plan, &facts, Object::new());
    for field in &mut form.fields {
        let Some(list) = field.options_from.take() else { continue };
        let name = &field.name.value;
        let scope = scopes.of_step(plan, state, id, list.expressions());
        field.options = match list.render_value(&scope)? {
            Value::Array(options) if options.is_empty() => {
                return Err(RenderError(format!("the field `{name}` has nothing to choose from")));
            }
            Value::Array(options) if options.len() <= MOST_OPTIONS => options,
            Value::Array(options) => {
                return Err(RenderError(format!(
                    "the field `{name}` has {} options; a person can be asked for {MOST_OPTIONS} at most",
                    options.len()
                )));
            }
            other => {
                let kind = type_name(&other);
                let help = if other.is_string() { "; `| lines` makes one of a text" } else { "" };
                return Err(RenderError(format!(
                    "the options of `{name}` must be a list, not a {kind}{help}"
                )));
            }
        };
    }
    Ok(form)
}
