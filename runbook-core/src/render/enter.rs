//! What a step is repeated for, what a procedure is called with and returns, and where a step acts.

use super::action::RenderError;
use crate::kind::Target;
use crate::model::{Call, Each, Over, TargetRef};
use crate::plan::{Item, Plan};
use crate::value::{Object, Value, display, type_name};

/// How many times a step can be repeated.
const MOST_ITEMS: usize = 10_000;

/// What `each` repeats its step for, with names from `scope`.
pub fn items(each: &Each, scope: &Object) -> Result<Vec<Item>, RenderError> {
    let items = match &each.over {
        Over::Targets(targets) => {
            let item = |name: &String| Item { value: name.clone().into(), target: Some(name.clone()) };
            targets.iter().map(item).collect()
        }
        Over::Items(list) => match list.render(scope)? {
            Value::Array(values) => {
                values.into_iter().map(|value| Item { value, target: None }).collect::<Vec<_>>()
            }
            other => {
                let help = if other.is_string() { "; `| lines` makes one of a text" } else { "" };
                let kind = type_name(&other);
                return Err(RenderError(format!("`for_each` needs a list, and this is a {kind}{help}")));
            }
        },
    };
    if items.len() > MOST_ITEMS {
        let count = items.len();
        return Err(RenderError(format!(
            "a list of {count} items; at most {MOST_ITEMS} can be repeated for"
        )));
    }
    Ok(items)
}

/// The inputs and variables of what `call` calls, with names from the `scope` of the caller.
pub fn call_values(call: &Call, scope: &Object) -> Result<(Object, Object), RenderError> {
    let mut inputs = Object::new();
    for input in &call.inputs {
        let name = &input.name.value;
        let given = call.with.iter().find(|(given, _)| given.value == *name);
        let value = match given {
            Some((_, value)) => value.render(scope)?,
            None => input.default.clone().unwrap_or(Value::Null),
        };
        if given.is_some() || input.required {
            input.check(&value).map_err(|why| {
                RenderError(format!("`{name}` of `{}` does not fit: {why}", call.procedure.value))
            })?;
        }
        inputs.insert(name.clone(), value);
    }
    let mut own = scope.clone();
    own.insert("inputs".into(), Value::Object(inputs.clone()));
    let mut vars = Object::new();
    for (name, value) in &call.vars {
        own.insert("vars".into(), Value::Object(vars.clone()));
        let value = value.render(&own)?;
        vars.insert(name.value.clone(), value);
    }
    Ok((inputs, vars))
}

/// The target that `place` means, with names from `scope`.
pub fn resolve_target(plan: &Plan, place: &TargetRef, scope: &Object) -> Result<Target, RenderError> {
    let name = match place {
        TargetRef::Named(name) => return Ok(plan.target(name)),
        TargetRef::Around => return Err(RenderError("nothing says on which target it acts".to_owned())),
        TargetRef::Computed(template) => template.render_value(scope)?,
    };
    let known = |name: &str| name == "local" || plan.targets.iter().any(|target| target.name == name);
    match &name {
        Value::String(name) if known(name) => Ok(plan.target(name)),
        other => {
            let names: Vec<&str> = plan.targets.iter().map(|target| target.name.as_str()).collect();
            let shown = display(other);
            let known = names.into_iter().chain(["local"]).collect::<Vec<_>>().join("`, `");
            Err(RenderError(format!("the target would be `{shown}`, which is none of `{known}`")))
        }
    }
}
