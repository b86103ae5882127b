//! What expressions may call: the shape of filters, tests and functions, and the closed lists of tests and functions.

use super::catalog;
use super::types::{self, ANY, BOOL, LIST, MAP, NUMBER, TEXT, Types};

/// A filter, test or function as the reference describes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Builtin {
    /// Its name.
    pub name: &'static str,
    /// How it is written, optional parts in square brackets.
    pub signature: &'static str,
    /// What it does, in one line.
    pub meaning: &'static str,
    /// An expression that uses it.
    pub example: &'static str,
    /// What the example yields, as JSON.
    pub result: &'static str,
    /// The types of value it is applied to; of none for a function.
    pub(super) takes: Types,
    pub(super) params: &'static [Param],
    /// The types it may yield.
    pub(super) gives: Types,
}

impl Builtin {
    /// The types of value it can be applied to, in words: `text or list`.
    pub fn takes(&self) -> String {
        if self.takes == ANY { "anything".to_owned() } else { types::names(self.takes) }
    }
}

/// A parameter of a [`Builtin`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Param {
    pub(super) name: &'static str,
    pub(super) types: Types,
    pub(super) needed: bool,
    /// Whether it is given only as `name=value`.
    pub(super) named: bool,
}

/// A parameter that must be given.
pub(super) const fn needed(name: &'static str, types: Types) -> Param {
    Param { name, types, needed: true, named: false }
}

/// A parameter that may be given.
pub(super) const fn optional(name: &'static str, types: Types) -> Param {
    Param { name, types, needed: false, named: false }
}

/// A parameter that may be given by name only.
pub(super) const fn option(name: &'static str, types: Types) -> Param {
    Param { name, types, needed: false, named: true }
}

/// Names whose fields are known before a run, so that a computed field cannot be checked.
pub(super) const STATIC_ROOTS: [&str; 3] = ["steps", "inputs", "vars"];

/// Name, how it is written, meaning; example, what it yields; types it takes, parameters, types it gives.
macro_rules! builtins {
    ($($name:literal, $signature:literal, $meaning:literal;
       $example:literal => $result:literal;
       $takes:expr, $params:expr, $gives:expr;)*) => {
        &[$($crate::expr::names::Builtin {
            name: $name, signature: $signature, meaning: $meaning, example: $example, result: $result,
            takes: $takes, params: &$params, gives: $gives,
        }),*]
    };
}
pub(super) use builtins;

/// The filters: `value | name(…)`.
pub fn filters() -> &'static [Builtin] {
    catalog::FILTERS
}

/// The tests: `value is name`, `value is not name`.
pub fn tests() -> &'static [Builtin] {
    TESTS
}

/// The functions: `name(…)`.
pub fn functions() -> &'static [Builtin] {
    FUNCTIONS
}

const TESTS: &[Builtin] = builtins! {
    "boolean", "boolean", "is a bool"; "true is boolean" => "true"; ANY, [], BOOL;
    "defined", "defined", "has a value"; "inputs.absent is defined" => "false"; ANY, [], BOOL;
    "divisibleby", "divisibleby(number)", "can be divided without remainder"; "9 is divisibleby 3" => "true"; NUMBER, [needed("number", NUMBER)], BOOL;
    "empty", "empty", "is a text, list or map without contents"; "'' is empty" => "true"; TEXT | LIST | MAP, [], BOOL;
    "endingwith", "endingwith(text)", "ends with a text"; "'app.log' is endingwith '.log'" => "true"; TEXT, [needed("text", TEXT)], BOOL;
    "eq", "eq(value)", "equals"; "[1, 2] | select('eq', 1)" => "[1]"; ANY, [needed("value", ANY)], BOOL;
    "even", "even", "is an even number"; "2 is even" => "true"; NUMBER, [], BOOL;
    "false", "false", "is the bool false"; "false is false" => "true"; ANY, [], BOOL;
    "float", "float", "is a number with a fraction"; "1.5 is float" => "true"; ANY, [], BOOL;
    "ge", "ge(value)", "is greater or equal"; "[1, 2, 3] | select('ge', 2)" => "[2,3]"; NUMBER | TEXT, [needed("value", NUMBER | TEXT)], BOOL;
    "gt", "gt(value)", "is greater"; "[1, 2, 3] | select('gt', 2)" => "[3]"; NUMBER | TEXT, [needed("value", NUMBER | TEXT)], BOOL;
    "in", "in(list)", "is an element, part or key"; "[1, 2, 3] | select('in', [2, 3])" => "[2,3]"; ANY, [needed("list", LIST | MAP | TEXT)], BOOL;
    "integer", "integer", "is a whole number"; "1 is integer" => "true"; ANY, [], BOOL;
    "iterable", "iterable", "is a list or map"; "[] is iterable" => "true"; ANY, [], BOOL;
    "le", "le(value)", "is less or equal"; "[1, 2, 3] | select('le', 2)" => "[1,2]"; NUMBER | TEXT, [needed("value", NUMBER | TEXT)], BOOL;
    "lt", "lt(value)", "is less"; "[1, 2, 3] | select('lt', 2)" => "[1]"; NUMBER | TEXT, [needed("value", NUMBER | TEXT)], BOOL;
    "mapping", "mapping", "is a map"; "{} is mapping" => "true"; ANY, [], BOOL;
    "matching", "matching(pattern)", "is a text in which the regular expression matches"; "'v1.2' is matching '^v\\d'" => "true"; TEXT, [needed("pattern", TEXT)], BOOL;
    "ne", "ne(value)", "does not equal"; "[1, 2] | select('ne', 1)" => "[2]"; ANY, [needed("value", ANY)], BOOL;
    "none", "none", "is none"; "none is none" => "true"; ANY, [], BOOL;
    "number", "number", "is a number"; "1 is number" => "true"; ANY, [], BOOL;
    "odd", "odd", "is an odd number"; "2 is odd" => "false"; NUMBER, [], BOOL;
    "sequence", "sequence", "is a list"; "[1] is sequence" => "true"; ANY, [], BOOL;
    "startingwith", "startingwith(text)", "starts with a text"; "'app.log' is startingwith 'app'" => "true"; TEXT, [needed("text", TEXT)], BOOL;
    "string", "string", "is a text"; "'a' is string" => "true"; ANY, [], BOOL;
    "true", "true", "is the bool true"; "false is true" => "false"; ANY, [], BOOL;
    "undefined", "undefined", "has no value"; "inputs.absent is undefined" => "true"; ANY, [], BOOL;
};

const FUNCTIONS: &[Builtin] = builtins! {
    "range", "range(start[, stop[, step]])", "the whole numbers from `start`, or 0, up to, but not including, `stop`"; "range(3)" => "[0,1,2]"; 0, [needed("start", NUMBER), optional("stop", NUMBER), optional("step", NUMBER)], LIST;
};

/// How what other tools call something is written here.
const ELSEWHERE: [(&str, &str); 27] = [
    ("always", "steps that always run stand under `finally`"),
    ("b64decode", "decode it in the command: `base64 -d`"),
    ("combine", "use `merge`"),
    ("contains", "write `part in whole`"),
    ("count", "use `length`"),
    ("d", "use `default`"),
    ("dict2items", "use `items`"),
    ("endsWith", "write `text is endingwith 'end'`"),
    ("failure", "steps after a failure stand under `on_failure`"),
    ("format", "write `${{ }}` inside the text, or join with `~`"),
    ("fromJSON", "write `text | from_json`"),
    ("from_yaml", "let the command print JSON and use `from_json`"),
    ("fromjson", "use `from_json`"),
    ("human_readable", "use `to_size`"),
    ("human_to_bytes", "use `size`"),
    ("items2dict", "use `dict`"),
    ("now", "an expression has no clock; `run.started` is when the run began"),
    ("regex_findall", "use `regex_captures`"),
    ("regex_search", "use `regex_capture`, or the test `is matching`"),
    ("splitlines", "use `lines`"),
    ("startsWith", "write `text is startingwith 'start'`"),
    ("strftime", "use `date`"),
    ("success", "steps run only after success unless they stand under `on_failure` or `finally`"),
    ("ternary", "write `a if condition else b`"),
    ("toJSON", "write `value | to_json`"),
    ("to_datetime", "use `datetime`"),
    ("tojson", "use `to_json`"),
];

/// What to write instead of a name that is usual in other tools.
pub(super) fn elsewhere(name: &str) -> Option<&'static str> {
    ELSEWHERE.iter().find(|(other, _)| *other == name).map(|(_, advice)| *advice)
}
