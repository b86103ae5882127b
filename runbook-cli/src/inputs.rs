//! Where the values of a runbook's inputs come from: `-i`, then `--inputs FILE`, then the environment, then
//! whoever sits at the terminal, then the default.

use std::path::Path;

use runbook_core::diag::Code;
use runbook_core::mask::SecretText;
use runbook_core::model::{Input, RollbackMode, Runbook, SecretSource};
use runbook_core::plan::{Plan, PlanRequest};
use runbook_core::value::{Object, Value};

use crate::args::{Request, Rollbacks};
use crate::exit::Exit;
use crate::fault::{Fault, reason};
use crate::people::Given;
use crate::people::prompt::{question_for, read_value};
use crate::{output, text};

/// Says a prompt and reads a line; `None` when nobody is there.
pub(crate) type AskLine = dyn Fn(&str) -> Option<String>;

/// Environment variables that begin like this are inputs.
const PREFIX: &str = "RUNBOOK_INPUT_";

/// What the plan is made from. `ask` says a prompt and reads a line; without it nobody is asked.
pub(crate) fn request(
    runbook: &Runbook,
    request: &Request,
    ask: Option<&AskLine>,
) -> Result<PlanRequest, Fault> {
    let mut plan = PlanRequest::default();
    if let Some(file) = &request.inputs {
        plan.inputs = from_file(file)?;
    }
    for (name, value) in &request.input {
        if plan.text_inputs.iter().any(|(given, _)| given == name) {
            return Err(Fault::usage(format!("the input `{name}` is given twice")));
        }
        plan.text_inputs.push((name.clone(), value.clone()));
    }
    for input in &runbook.inputs {
        let name = &input.name.value;
        let given = plan.inputs.contains_key(name) || plan.text_inputs.iter().any(|(given, _)| given == name);
        if given || input.sensitive {
            continue;
        }
        if let Some(value) = from_environment(name)? {
            plan.text_inputs.push((name.clone(), value));
        } else if let (Some(ask), true, None) = (ask, input.required, &input.default)
            && let Some(value) = from_person(input, ask)
        {
            plan.inputs.insert(name.clone(), value);
        }
    }
    // Names and values that are not text cannot be referred to by an expression.
    let texts = std::env::vars_os()
        .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
    plan.env = texts.map(|(name, value)| (name, Value::from(value))).collect();
    plan.from.clone_from(&request.from);
    plan.only.clone_from(&request.only);
    plan.rollback = request.rollback.map(|mode| match mode {
        Rollbacks::Auto => RollbackMode::Auto,
        Rollbacks::Offer => RollbackMode::Offer,
        Rollbacks::Never => RollbackMode::Never,
    });
    Ok(plan)
}

/// The values of sensitive inputs that are `given` on the command line or in `file`. What else there is in them is
/// nothing to a run that has begun, unless `all` inputs are still to be given.
pub(crate) fn sensitive(
    plan: &Plan,
    given: &[(String, String)],
    file: Option<&Path>,
    all: bool,
) -> Result<Given, Fault> {
    let inputs = plan.secrets.iter().filter_map(|(_, source)| match source {
        SecretSource::Input(input) => Some(&**input),
        _ => None,
    });
    let inputs: Vec<&Input> = inputs.collect();
    let named = |name: &str| inputs.iter().find(|input| input.name.value == name);
    let mut texts: Vec<(String, String)> = Vec::new();
    if let Some(file) = file {
        let text = |value: Value| value.as_str().map(str::to_owned).unwrap_or_default();
        texts.extend(from_file(file)?.into_iter().map(|(name, value)| (name, text(value))));
    }
    let mut values = Given::new();
    for (name, text) in texts.iter().chain(given) {
        let Some(input) = named(name) else {
            if all {
                continue;
            }
            let fault = Fault::usage(format!("`{name}` is not a sensitive input of this run"));
            return Err(fault.note("all others were fixed when the run was started"));
        };
        if let Err(why) = input.check_secret(text) {
            return Err(Fault::usage(format!("the value of input `{name}` does not fit: {why}")));
        }
        values.insert(name.clone(), SecretText::new(text.clone()));
    }
    if let Some((name, _)) = given.iter().find(|(name, _)| named(name).is_some()) {
        let variable = format!("{PREFIX}{}", name.to_ascii_uppercase());
        output::talk(&format!(
            "warning: `-i {name}=…` can be seen in the list of processes; set `{variable}` instead, or use a file\n"
        ));
    }
    Ok(values)
}

fn from_file(file: &Path) -> Result<Object, Fault> {
    let shown = file.display();
    let text = std::fs::read_to_string(file).map_err(|error| {
        Fault::new(Exit::Usage, format!("cannot read `{shown}`: {}", reason(&error)))
            .note(format!("see `runbook explain {}`", Code::CANNOT_READ))
    })?;
    // Runbooks and inputs are both YAML, and JSON is a part of it.
    let value: Value = serde_yaml::from_str(&text)
        .map_err(|error| Fault::usage(format!("`{shown}` cannot be understood: {error}")))?;
    match value {
        Value::Object(values) => Ok(values),
        Value::Null => Ok(Object::new()),
        _ => Err(Fault::usage(format!("`{shown}` does not hold a map of inputs"))
            .help("write `name: value` lines")),
    }
}

fn from_environment(name: &str) -> Result<Option<String>, Fault> {
    let variable = format!("{PREFIX}{}", name.to_ascii_uppercase());
    match std::env::var(&variable) {
        Ok(value) => Ok(Some(value)),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Fault::usage(format!("the environment variable `{variable}` is not UTF-8 text")))
        }
    }
}

/// Asks until the value fits. `None`: nobody is there, and the plan will say what is missing.
fn from_person(input: &Input, ask: &AskLine) -> Option<Value> {
    loop {
        let line = ask(&question_for(input))?;
        match read_value(input, &line) {
            Ok(value) => return value,
            Err(why) => output::talk(&format!("{}\n", text::safe_line(&why))),
        }
    }
}
