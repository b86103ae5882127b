//! Calls with their arguments brought to the parameters they are for. Knows no values.

use std::ops::Range;

use super::catalog;
use super::fault::Fault;
use super::names::{self, Builtin, Param};
use super::tree::{Arg, Call, Node, What};
use crate::diag;

/// What is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Family {
    Filter,
    Test,
    Function,
}

impl Family {
    fn word(self) -> &'static str {
        match self {
            Family::Filter => "filter",
            Family::Test => "test",
            Family::Function => "function",
        }
    }

    fn known(self) -> &'static [Builtin] {
        match self {
            Family::Filter => names::filters(),
            Family::Test => names::tests(),
            Family::Function => names::functions(),
        }
    }
}

/// A call as it is carried out: one entry for each parameter, none where nothing was given.
pub(super) struct Bound<'a> {
    pub(super) builtin: &'static Builtin,
    pub(super) args: Vec<(Param, Option<&'a Node>)>,
    /// The filter or test that is applied to each element, with its own arguments.
    pub(super) inner: Option<Box<Bound<'a>>>,
}

/// Finds what `call` calls and which argument is for which parameter.
pub(super) fn bind(family: Family, call: &Call) -> Result<Bound<'_>, Fault> {
    let builtin = find(family, &call.name, &call.name_range)?;
    let (positional, named): (Vec<&Arg>, Vec<&Arg>) = call.args.iter().partition(|arg| arg.name.is_none());
    if builtin.name == "map"
        && named.iter().any(|arg| arg.name.as_ref().is_some_and(|(name, _)| name == "attribute"))
    {
        let args = arguments(&catalog::MAP_ATTRIBUTE, &positional, &named, &call.name_range)?;
        return Ok(Bound { builtin: &catalog::MAP_ATTRIBUTE, args, inner: None });
    }
    let applied = match builtin.name {
        "map" => Some(Family::Filter),
        "select" | "reject" | "selectattr" | "rejectattr" => Some(Family::Test),
        _ => None,
    };
    let Some(applied) = applied else {
        let args = arguments(builtin, &positional, &named, &call.name_range)?;
        return Ok(Bound { builtin, args, inner: None });
    };
    // The last own parameter names what is applied; what follows is for that.
    let own = builtin.params.len();
    let args = arguments(builtin, positional.get(..own).unwrap_or(&positional), &[], &call.name_range)?;
    let inner = match args.last() {
        Some((_, Some(Node { what: What::Text(name), range, .. }))) => find(applied, name, range)?,
        Some((_, Some(node))) => {
            let message = format!("the {} that `{}` applies must be written out", applied.word(), call.name);
            return Err(Fault::arguments(node.range.clone(), message)
                .help(format!("write its name in quotes, as in `{}`", builtin.signature)));
        }
        _ => return Err(missing(builtin, &call.name_range)),
    };
    if matches!(inner.name, "map" | "select" | "reject" | "selectattr" | "rejectattr") {
        let range = args.last().and_then(|(_, node)| *node).map_or(0..0, |node| node.range.clone());
        let message = format!("`{}` cannot be applied inside `{}`", inner.name, call.name);
        return Err(Fault::arguments(range, message));
    }
    let rest = positional.get(own..).unwrap_or_default();
    let inner_args = arguments(inner, rest, &named, &call.name_range)?;
    let inner = Some(Box::new(Bound { builtin: inner, args: inner_args, inner: None }));
    Ok(Bound { builtin, args, inner })
}

fn find(family: Family, name: &str, range: &Range<usize>) -> Result<&'static Builtin, Fault> {
    let known = family.known();
    let found = known.iter().find(|builtin| builtin.name == name);
    found.ok_or_else(|| Fault::unknown(range.clone(), family.word(), name, known))
}

fn arguments<'a>(
    builtin: &'static Builtin,
    positional: &[&'a Arg],
    named: &[&'a Arg],
    call: &Range<usize>,
) -> Result<Vec<(Param, Option<&'a Node>)>, Fault> {
    let mut bound: Vec<(Param, Option<&'a Node>)> =
        builtin.params.iter().map(|param| (*param, None)).collect();
    let places = bound.iter().filter(|(param, _)| !param.named).count();
    if let Some(extra) = positional.get(places) {
        return Err(too_many(builtin, places, extra));
    }
    for (slot, arg) in bound.iter_mut().filter(|(param, _)| !param.named).zip(positional) {
        slot.1 = Some(&arg.value);
    }
    for arg in named {
        let Some((name, range)) = &arg.name else { continue };
        let Some(slot) = bound.iter_mut().find(|(param, _)| param.name == name) else {
            return Err(unknown_parameter(builtin, name, range));
        };
        if slot.1.replace(&arg.value).is_some() {
            let message = format!("`{name}` is given twice");
            return Err(Fault::arguments(range.clone(), message));
        }
    }
    match bound.iter().any(|(param, given)| param.needed && given.is_none()) {
        true => Err(missing(builtin, call)),
        false => Ok(bound),
    }
}

fn too_many(builtin: &'static Builtin, places: usize, extra: &Arg) -> Fault {
    let name = builtin.name;
    let message = match places {
        0 if builtin.params.is_empty() => format!("`{name}` takes no argument"),
        0 => format!("the arguments of `{name}` are given by name"),
        1 => format!("`{name}` takes one argument here"),
        _ => format!("`{name}` takes {places} arguments here"),
    };
    let fault = Fault::arguments(extra.value.range.clone(), message);
    if builtin.params.is_empty() { fault } else { fault.help(format!("write `{}`", builtin.signature)) }
}

fn unknown_parameter(builtin: &'static Builtin, name: &str, range: &Range<usize>) -> Fault {
    let message = format!("`{}` has no argument `{name}`", builtin.name);
    let fault = Fault::arguments(range.clone(), message);
    match diag::closest(name, builtin.params.iter().map(|param| param.name)) {
        Some(close) => fault.help(format!("did you mean `{close}`?")),
        None => fault.help(format!("write `{}`", builtin.signature)),
    }
}

fn missing(builtin: &'static Builtin, call: &Range<usize>) -> Fault {
    let needed: Vec<String> =
        builtin.params.iter().filter(|param| param.needed).map(|param| format!("`{}`", param.name)).collect();
    let message = format!("`{}` needs {}", builtin.name, needed.join(" and "));
    Fault::arguments(call.clone(), message).help(format!("write `{}`", builtin.signature))
}
