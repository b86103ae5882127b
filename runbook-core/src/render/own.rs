//! Actions that need nobody: they are computed.

use super::action::RenderError;
use crate::model::{Action, Assertion};
use crate::run::{Ending, StepResult};
use crate::value::Object;

/// What `set` or `assert` comes to, with names from `scope`; none for other actions.
pub fn own_result(action: &Action, scope: &Object) -> Option<StepResult> {
    match action {
        Action::Set(values) => {
            let mut outputs = Object::new();
            for (name, value) in values {
                match value.render(scope) {
                    Ok(value) => drop(outputs.insert(name.clone(), value)),
                    Err(error) => {
                        let reason = format!("`{name}`: {}", RenderError::from(error));
                        return Some(StepResult::failure(Ending::Completed, reason));
                    }
                }
            }
            Some(StepResult { outputs, ..StepResult::success() })
        }
        Action::Assert(assertions) => Some(assert_all(assertions, scope)),
        _ => None,
    }
}

fn assert_all(assertions: &[Assertion], scope: &Object) -> StepResult {
    for assertion in assertions {
        let reason = match assertion.that.eval_bool(scope) {
            Ok(true) => continue,
            Ok(false) => match assertion.message.as_ref().map(|message| message.render_text(scope)) {
                Some(Ok(message)) => message,
                _ => format!("`{}` does not hold", assertion.that.source().trim()),
            },
            Err(error) => RenderError::from(error).to_string(),
        };
        return StepResult::failure(Ending::Completed, reason);
    }
    StepResult::success()
}
