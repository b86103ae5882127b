//! The types that values have in expressions, as sets: what a filter takes, what an expression may yield.

use minijinja::Value;
use minijinja::value::ValueKind;

/// A set of types.
pub(super) type Types = u8;

pub(super) const NOTHING: Types = 1;
pub(super) const BOOL: Types = 2;
pub(super) const NUMBER: Types = 4;
pub(super) const TEXT: Types = 8;
pub(super) const LIST: Types = 16;
pub(super) const MAP: Types = 32;
/// Any value.
pub(super) const ANY: Types = NOTHING | BOOL | NUMBER | TEXT | LIST | MAP;
/// What has one obvious form inside a text.
pub(super) const SCALAR: Types = BOOL | NUMBER | TEXT;

const NAMES: [(Types, &str); 6] =
    [(BOOL, "bool"), (NUMBER, "number"), (TEXT, "text"), (LIST, "list"), (MAP, "map"), (NOTHING, "nothing")];

/// The type of `value`; undefined values and functions are of no type.
pub(super) fn type_of(value: &Value) -> Types {
    match value.kind() {
        ValueKind::None => NOTHING,
        ValueKind::Bool => BOOL,
        ValueKind::Number => NUMBER,
        ValueKind::String => TEXT,
        ValueKind::Seq | ValueKind::Iterable => LIST,
        ValueKind::Map => MAP,
        _ => 0,
    }
}

/// What people call the type of `value`.
pub(super) fn type_name(value: &Value) -> &'static str {
    let own = type_of(value);
    NAMES.iter().find(|(one, _)| *one == own).map_or("nothing", |(_, name)| name)
}

/// The names in `types`, such as `text or list`.
pub(super) fn names(types: Types) -> String {
    let names: Vec<&str> = NAMES.iter().filter(|(one, _)| types & one != 0).map(|(_, name)| *name).collect();
    match names.split_last() {
        Some((last, [])) => (*last).to_owned(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => "nothing".to_owned(),
    }
}

/// The names in `types` with an article: `a text or list`, `nothing`.
pub(super) fn described(types: Types) -> String {
    if types == NOTHING || types == 0 { "nothing".to_owned() } else { format!("a {}", names(types)) }
}
