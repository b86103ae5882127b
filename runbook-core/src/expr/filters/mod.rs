//! What filters, tests and functions do. One gate checks types; the implementations see what their shape allows.

mod data;
mod lists;
pub(super) mod numbers;
mod paths;
pub(super) mod regexes;
mod table;
mod texts;
pub(super) mod times;

use minijinja::Value;

use super::convert::no_value;
use super::names::{self, Builtin};
use super::operators::{MAX_LIST, MAX_TEXT, compare, limited, too_long};
use super::problem::Problem;
use super::types::{self, type_of};

type Outcome = Result<Value, Problem>;

/// The arguments of a call, one for each parameter.
struct Args<'a>(&'a [Value]);

impl Args<'_> {
    /// The value of a parameter that was given, `none` included.
    fn given(&self, index: usize) -> Option<&Value> {
        self.0.get(index).filter(|value| !value.is_undefined())
    }

    fn text(&self, index: usize) -> Option<&str> {
        self.given(index)?.as_str()
    }

    /// A parameter that must be a text; the gate saw to it.
    fn needed_text(&self, index: usize) -> Result<&str, Problem> {
        self.text(index).ok_or_else(no_value)
    }

    fn flag(&self, index: usize) -> bool {
        self.given(index).is_some_and(Value::is_true)
    }

    /// A whole number from `low` to `high`.
    fn whole(&self, index: usize, low: i64, high: i64) -> Result<Option<i64>, Problem> {
        let Some(value) = self.given(index) else { return Ok(None) };
        let number =
            i64::try_from(value.clone()).ok().filter(|n| value.is_integer() && (low..=high).contains(n));
        let wrong = || Problem::new(format!("{value} is not a whole number from {low} to {high}"));
        number.map(Some).ok_or_else(wrong)
    }

    /// What was computed, or the `default` where that failed.
    fn or_default(&self, index: usize, computed: Outcome) -> Outcome {
        match (computed, self.given(index)) {
            (Err(_), Some(default)) => Ok(default.clone()),
            (computed, _) => computed,
        }
    }
}

/// Checks `value` and `args` against what `builtin` takes.
fn gate(builtin: &Builtin, value: &Value, args: &[Value]) -> Result<(), Problem> {
    let missing_is_fine = matches!(builtin.name, "default" | "defined" | "undefined");
    if value.is_undefined() && !missing_is_fine {
        return Err(no_value());
    }
    let (name, found) = (builtin.signature.split('(').next().unwrap_or_default(), type_of(value));
    if found & builtin.takes == 0 && !value.is_undefined() {
        let message = format!(
            "`{name}` needs {}, this is {}",
            types::described(builtin.takes),
            types::described(found)
        );
        return Err(Problem::new(message));
    }
    parameters(builtin, args)
}

fn parameters(builtin: &Builtin, args: &[Value]) -> Result<(), Problem> {
    let name = builtin.signature.split('(').next().unwrap_or_default();
    for (index, param) in builtin.params.iter().enumerate() {
        match args.get(index) {
            Some(arg) if !arg.is_undefined() => {
                let found = type_of(arg);
                if found & param.types == 0 {
                    let (wanted, found) = (types::described(param.types), types::described(found));
                    let message = format!("`{}` of `{name}` is {wanted}, this is {found}", param.name);
                    return Err(Problem::new(message));
                }
            }
            _ if param.needed => return Err(Problem::new(format!("`{name}` needs `{}`", param.name))),
            _ => {}
        }
    }
    Ok(())
}

/// `value | builtin(args)`.
pub(super) fn filter(builtin: &Builtin, value: &Value, args: &[Value]) -> Outcome {
    gate(builtin, value, args)?;
    limited(filtered(builtin.name, value, &Args(args))?)
}

fn filtered(name: &str, value: &Value, args: &Args<'_>) -> Outcome {
    match name {
        "default" => {
            Ok(if value.is_undefined() { args.0.first().cloned().unwrap_or_default() } else { value.clone() })
        }
        "raw" => Ok(value.clone()),
        "map" => applied_to_each(value, args),
        "select" => chosen(value, None, 0, args, true),
        "reject" => chosen(value, None, 0, args, false),
        "selectattr" => chosen(value, args.text(0), 1, args, true),
        "rejectattr" => chosen(value, args.text(0), 1, args, false),
        "abs" | "int" | "float" | "round" | "size" | "to_size" | "duration" | "to_duration" => {
            numbers::filter(name, value, args)
        }
        "bool" | "string" | "from_json" | "to_json" | "urlencode" => data::filter(name, value, args),
        "basename" => paths::basename(value),
        "dirname" => paths::dirname(value),
        "age" | "date" | "datetime" | "minus" | "plus" | "unix" => times::filter(name, value, args),
        "regex_capture" | "regex_captures" | "regex_groups" | "regex_replace" => {
            regexes::filter(name, value, args)
        }
        "capitalize" | "indent" | "lines" | "lower" | "replace" | "split" | "title" | "trim" | "upper" => {
            texts::filter(name, value, args)
        }
        "table" => table::parse(value, args),
        _ => lists::filter(name, value, args),
    }
}

fn applied_to_each(value: &Value, args: &Args<'_>) -> Outcome {
    let builtin = known(names::filters(), args.text(0))?;
    let own = args.0.get(1..).unwrap_or_default();
    let mut total = 0;
    let mut found = Vec::new();
    for item in super::operators::elements(value)? {
        let result = filter(builtin, &item, own)?;
        total += result.as_str().map_or(0, str::len);
        if total > MAX_TEXT {
            return Err(too_long());
        }
        found.push(result);
    }
    Ok(Value::from(found))
}

fn chosen(value: &Value, attribute: Option<&str>, name: usize, args: &Args<'_>, wanted: bool) -> Outcome {
    let builtin = known(names::tests(), args.text(name))?;
    let own = args.0.get(name + 1..).unwrap_or_default();
    let mut found = Vec::new();
    for item in super::operators::elements(value)? {
        let holds = match attribute {
            // A field that is missing is what `defined` and `undefined` ask for.
            Some(path) if matches!(builtin.name, "defined" | "undefined") => {
                test(builtin, &lists::field(&item, path).unwrap_or(Value::UNDEFINED), own)?
            }
            Some(path) => test(builtin, &lists::field(&item, path)?, own)?,
            None => test(builtin, &item, own)?,
        };
        if holds == wanted {
            found.push(item);
        }
    }
    Ok(Value::from(found))
}

fn known(list: &'static [Builtin], name: Option<&str>) -> Result<&'static Builtin, Problem> {
    let found = list.iter().find(|builtin| Some(builtin.name) == name);
    found.ok_or_else(|| Problem::new("there is no such filter or test"))
}

/// `value is builtin(args)`.
pub(super) fn test(builtin: &Builtin, value: &Value, args: &[Value]) -> Result<bool, Problem> {
    use minijinja::tests;
    gate(builtin, value, args)?;
    let args = Args(args);
    let other = || args.given(0).ok_or_else(no_value);
    let text = |part: &dyn Fn(&str, &str) -> bool| {
        Ok(part(value.as_str().unwrap_or_default(), args.needed_text(0)?))
    };
    match builtin.name {
        "boolean" => Ok(type_of(value) == types::BOOL),
        "defined" => Ok(!value.is_undefined()),
        "undefined" => Ok(value.is_undefined()),
        "divisibleby" | "even" | "odd" => numbers::test(builtin.name, value, args.given(0)),
        "empty" => Ok(value.len() == Some(0)),
        "endingwith" => text(&|text, end| text.ends_with(end)),
        "startingwith" => text(&|text, start| text.starts_with(start)),
        "matching" => Ok(regexes::regex(args.needed_text(0)?)?.is_match(value.as_str().unwrap_or_default())),
        "eq" => compare(value, "==", other()?),
        "ne" => compare(value, "!=", other()?),
        "lt" => compare(value, "<", other()?),
        "le" => compare(value, "<=", other()?),
        "gt" => compare(value, ">", other()?),
        "ge" => compare(value, ">=", other()?),
        "in" => compare(value, "in", other()?),
        "true" => Ok(type_of(value) == types::BOOL && value.is_true()),
        "false" => Ok(type_of(value) == types::BOOL && !value.is_true()),
        "float" => Ok(tests::is_float(value)),
        "integer" => Ok(tests::is_integer(value)),
        "iterable" => Ok(type_of(value) & (types::LIST | types::MAP) != 0),
        "mapping" => Ok(type_of(value) == types::MAP),
        "none" => Ok(type_of(value) == types::NOTHING),
        "number" => Ok(type_of(value) == types::NUMBER),
        "sequence" => Ok(type_of(value) == types::LIST),
        "string" => Ok(type_of(value) == types::TEXT),
        other => Err(Problem::new(format!("there is no test `{other}`"))),
    }
}

/// `builtin(args)`.
pub(super) fn function(builtin: &Builtin, args: &[Value]) -> Outcome {
    parameters(builtin, args)?;
    let args = Args(args);
    let bound = |index| args.whole(index, i64::MIN, i64::MAX);
    let (first, second, step) = (bound(0)?.unwrap_or(0), bound(1)?, bound(2)?.unwrap_or(1));
    let (mut at, stop) = second.map_or((0, first), |stop| (first, stop));
    if step == 0 {
        return Err(Problem::new("`range` cannot count in steps of 0"));
    }
    let mut found = Vec::new();
    while if step > 0 { at < stop } else { at > stop } {
        if found.len() == MAX_LIST {
            return Err(Problem::new(format!("a list of more than {MAX_LIST} elements")));
        }
        found.push(Value::from(at));
        let Some(next) = at.checked_add(step) else { break };
        at = next;
    }
    Ok(Value::from(found))
}

/// A text as a message shows it: quoted and not too long.
fn shown(text: &str) -> String {
    let short: String = text.chars().take(40).collect();
    format!("{short:?}{}", if short.len() < text.len() { "…" } else { "" })
}
